//! The page of a restore: into what, what that does, and the confirmation. Its address holds every choice, so it works without JavaScript.

use keepstone_model::restore::StateBefore;
use leptos::prelude::*;
use leptos_router::{
    hooks::{use_params_map, use_query_map},
    params::ParamsMap,
};

use super::{
    api::{self, PlanView, RestoreView, Start},
    impact::{although_open, impact, recounted, stepper, way_on},
    ways,
};
use crate::words::{restore as words, shared};
use crate::{
    error::AppError,
    ui::{
        Alert, AlertKind, EnvironmentBadge, Facts, Field, FormError, Loaded, PageHeader, Panel, SubmitButton, When, crumb, fault_of,
        field_fault, here::use_here,
    },
};

/// What the address says: into what, which file, whether a safety backup is made, how a server is given it and whose it will be, and the plan that
/// is about to be confirmed.
type Choice = [String; 6];
const NAMES: [&str; 6] = ["into", "path", "safety", "loading", "owners", "confirm"];

#[component]
pub fn RestorePage() -> impl IntoView {
    let start = ServerAction::<Start>::new();
    let (params, query) = (use_params_map(), use_query_map());
    let id = Memo::new(move |_| params.with(|params| params.get("id").unwrap_or_default()));
    let choice = Memo::new(move |_| query.with(|query| NAMES.map(|name| query.get(name).unwrap_or_default())));
    // Not live: a plan that changed under the eyes of the one who reads it would be confirmed unread.
    let view = Facts::new(
        move || (id.get(), choice.get()),
        |(id, [into, path, safety, loading, owners, confirm])| api::plan(id, into, path, safety, loading, owners, confirm),
    );
    view! { <Loaded resource=view show=move |view| show(view, start, &choice.get_untracked())/> }
}

fn show(view: RestoreView, start: ServerAction<Start>, choice: &Choice) -> AnyView {
    let id = view.backup.clone();
    let lead = view! { {words::lead_before()}{view.database.clone()}{words::lead_between()}<When moment=view.taken.clone()/> }.into_any();
    let crumbs = vec![crumb(shared::backups(), "/backups"), crumb(&id, format!("/backups/{id}"))];
    let step = match &view.plan {
        None => 1,
        Some(plan) if plan.recounted.is_none() => 2,
        Some(_) => 3,
    };
    let body = match view.refusal.clone() {
        Some(refusal) => {
            let others = format!("/backups?db={}", view.database);
            view! {
                <Alert kind=AlertKind::Failure title=words::refused()>
                    <p>{refusal}</p>
                    <a class="button" href=others>{words::choose_another()}</a>
                </Alert>
            }
            .into_any()
        }
        None => steps(&view, start, choice),
    };
    view! {
        <PageHeader title=words::title(&view.database) breadcrumbs=crumbs lead=lead/>
        {stepper(step)}
        {body}
    }
    .into_any()
}

fn steps(view: &RestoreView, start: ServerAction<Start>, choice: &Choice) -> AnyView {
    let unproven = (!view.proven).then(|| {
        view! {
            <Alert kind=AlertKind::Warning title=words::unproven()>
                <p>{words::unproven_means()}</p>
            </Alert>
        }
    });
    let fault = view.fault.clone().map(|fault| {
        let again =
            (fault.code == "stale_plan").then(|| view! { <a class="button" href=address(view, choice, "")>{words::look_again()}</a> });
        view! {
            <Alert kind=AlertKind::Failure title=words::no_plan()>
                <p>{fault.message}</p>
                {again}
            </Alert>
        }
    });
    if let Some((plan, since)) = view.plan.as_ref().and_then(|plan| Some((plan, plan.recounted.as_ref()?))) {
        return view! {
            {unproven}
            {recounted(plan, since)}
            {confirm(view, plan, start, choice)}
        }
        .into_any();
    }
    let plan = view.plan.as_ref().map(|plan| {
        let next = if plan.replaces { go_on(view, plan, choice) } else { confirm(view, plan, start, choice) };
        view! {
            {impact(plan)}
            {next}
        }
    });
    view! {
        {unproven}
        {choose(view, choice)}
        {fault}
        {plan}
    }
    .into_any()
}

/// The address of this page with these choices.
fn address(view: &RestoreView, choice: &Choice, confirm: &str) -> String {
    let mut query = ParamsMap::new();
    let chosen = choice.iter().map(String::as_str).take(NAMES.len() - 1).chain([confirm]);
    for (name, value) in NAMES.into_iter().zip(chosen).filter(|(_, value)| !value.is_empty()) {
        query.insert(name, value.to_owned());
    }
    format!("/backups/{}/restore{}", view.backup, query.to_query_string())
}

/// From the impact to the confirmation: a step of its own, which counts again what was written meanwhile.
fn go_on(view: &RestoreView, plan: &PlanView, choice: &Choice) -> AnyView {
    if plan.space_free_bytes < plan.space_needed_bytes {
        return ().into_any();
    }
    let (href, cancel) = (address(view, choice, &plan.plan), format!("/backups/{}", view.backup));
    let means = if plan.is_as_files() { words::go_on_means_aside() } else { words::go_on_means() };
    view! {
        <Panel title=words::go_on()>
            <p>{means}</p>
            <div class="form-actions">
                <a class="button primary" href=href>{words::go_on_do()}</a>
                <a class="button quiet" href=cancel>{shared::cancel()}</a>
            </div>
        </Panel>
    }
    .into_any()
}

/// Step 1. Folded away once there is a plan.
fn choose(view: &RestoreView, [into, path, safety, loading, owners, _]: &Choice) -> AnyView {
    let (replace, in_place) = (into == "replace", into == "in_place");
    let path = if path.is_empty() { view.suggested_path.clone() } else { path.clone() };
    let action = format!("/backups/{}/restore", view.backup);
    let cancel = format!("/backups/{}", view.backup);
    let (off, show_class) = (safety == "off", if into.is_empty() { "button primary" } else { "button" });
    let how = match &view.plan {
        _ if view.server => words::replace_server_how(),
        Some(plan) if plan.is_as_files() => words::replace_aside_how(),
        _ => words::replace_file_how(),
    };
    let (into_new, new, new_label, placeholder) = if view.server {
        let placeholder = words::new_database_default();
        ("database", words::new_database(), words::new_database_name(), placeholder)
    } else {
        ("file", words::new_file(), words::new_file_path(), "")
    };
    let into_itself = view.server.then(|| ways::in_place(&view.database, in_place));
    // In place it is one transaction, whatever was chosen before.
    let ways = view.server.then(|| ways::ways(if in_place { "" } else { loading }, owners));
    let can_replace = if view.never_replace {
        view! { <p class="help">{words::never_replace(&view.database)}</p> }.into_any()
    } else if view.partial {
        view! { <p class="help">{words::partial()}</p> }.into_any()
    } else {
        view! {
            <label class="option">
                <input type="radio" name="into" value="replace" checked=replace/>
                <span>
                    <strong>{words::replace_live(&view.database)}</strong>
                    <span class="help">{how}</span>
                </span>
            </label>
            {into_itself}
            <label class="check option-detail">
                <span>{words::safety()}</span>
                <select name="safety">
                    <option value="on">{words::safety_on()}</option>
                    <option value="off" selected=off>{words::safety_off()}</option>
                </select>
            </label>
        }
        .into_any()
    };
    view! {
        <Panel title=words::into()>
            <form class="form" method="get" action=action>
                <fieldset class="options">
                    <legend class="visually-hidden">{words::into()}</legend>
                    <label class="option">
                        <input type="radio" name="into" value=into_new checked=!replace && !in_place/>
                        <span>
                            <strong>{new}</strong>
                            <span class="help">{words::live_stays()}</span>
                        </span>
                    </label>
                    <label class="option-detail">
                        <span class="visually-hidden">{new_label}</span>
                        <input class="mono" type="text" name="path" value=path placeholder=placeholder autocapitalize="none" spellcheck="false" maxlength="4000"/>
                    </label>
                    {can_replace}
                </fieldset>
                {ways}
                <div class="form-actions">
                    <button type="submit" class=show_class>{words::show_impact()}</button>
                    <a class="button quiet" href=cancel>{shared::cancel()}</a>
                </div>
            </form>
        </Panel>
    }
    .into_any()
}

/// Step 3: confirms exactly the plan above it.
fn confirm(view: &RestoreView, plan: &PlanView, start: ServerAction<Start>, choice: &Choice) -> AnyView {
    let value = move || start.value().get();
    let code = move || value().and_then(Result::err).map(|error: AppError| error.code);
    let back = address(view, choice, "");
    let database = view.database.clone();
    let typed = plan.replaces.then(|| {
        view! {
            <Field label=words::type_name(&database) name="typed" mono=true required=true autocomplete="off" error=field_fault(value, "typed")/>
        }
    });
    let open = although_open(plan);
    let (label, tone) = match (plan.replaces, plan.server) {
        (true, _) => (words::replace(&database), "danger"),
        (false, true) => (words::restore_database().to_owned(), "primary"),
        (false, false) => (words::restore_file().to_owned(), "primary"),
    };
    let text = match (plan.before, plan.server) {
        (StateBefore::Untouched, true) => words::course_database(),
        (StateBefore::Untouched, false) => words::course_file(),
        (_, true) => words::course_replace_server(),
        (StateBefore::KeptAside, false) => words::course_aside(),
        (StateBefore::Absent, false) => words::course_absent(),
        (StateBefore::Lost, false) => words::course_no_safety(),
        (StateBefore::SafetyBackup | StateBefore::KeptOnServer, false) => words::course_replace(),
    };
    let here = use_here();
    let place = (plan.replaces && here.environment.is_some())
        .then(|| view! { <p><EnvironmentBadge/>" "{words::where_it_replaces(&view.database, &here.host)}</p> });
    let name = plan.plan.clone();
    let enough = plan.space_free_bytes >= plan.space_needed_bytes;
    let (href, way_back) = match plan.recounted {
        Some(_) => (back.clone(), words::back_to_plan()),
        None => (format!("/backups/{}", view.backup), shared::cancel()),
    };
    let form = enough.then(|| {
        view! {
            <ActionForm action=start attr:class="form">
                <input type="hidden" name="plan" value=name/>
                {typed}
                {open}
                <div class="form-actions">
                    <SubmitButton label=label tone=tone icon="restore" pending=start.pending()/>
                    <a class="button quiet" href=href>{way_back}</a>
                </div>
            </ActionForm>
        }
    });
    view! {
        <Panel title=words::confirm()>
            {place}
            <p>{text}</p>
            <FormError error=fault_of(value)/>
            {way_on(code, back)}
            {form}
        </Panel>
    }
    .into_any()
}
