//! The page of a restore: into what, what that does, and the confirmation. Its address holds every choice, so it works without JavaScript.

use leptos::prelude::*;
use leptos_router::{
    hooks::{use_params_map, use_query_map},
    params::ParamsMap,
};

use super::{
    api::{self, PlanView, RestoreView, Start},
    impact::{impact, recounted, stepper, way_on},
};
use crate::{
    error::AppError,
    ui::{
        Alert, AlertKind, EnvironmentBadge, Facts, Field, FormError, Loaded, PageHeader, Panel, SubmitButton, When, crumb, fault_of,
        field_fault, here::use_here,
    },
};

/// What the address says: into what, which file, whether a safety backup is made, and the plan that is about to be confirmed.
type Choice = [String; 4];

#[component]
pub fn RestorePage() -> impl IntoView {
    let start = ServerAction::<Start>::new();
    let (params, query) = (use_params_map(), use_query_map());
    let id = Memo::new(move |_| params.with(|params| params.get("id").unwrap_or_default()));
    let choice =
        Memo::new(move |_| query.with(|query| ["into", "path", "safety", "confirm"].map(|name| query.get(name).unwrap_or_default())));
    // Not live: a plan that changed under the eyes of the one who reads it would be confirmed unread.
    let view =
        Facts::new(move || (id.get(), choice.get()), |(id, [into, path, safety, confirm])| api::plan(id, into, path, safety, confirm));
    view! { <Loaded resource=view show=move |view| show(view, start, &choice.get_untracked())/> }
}

fn show(view: RestoreView, start: ServerAction<Start>, choice: &Choice) -> AnyView {
    let id = view.backup.clone();
    let lead = view! { "Backup of "{view.database.clone()}", taken "<When moment=view.taken.clone()/> }.into_any();
    let crumbs = vec![crumb("Backups", "/backups"), crumb(&id, format!("/backups/{id}"))];
    let step = match &view.plan {
        None => 1,
        Some(plan) if plan.recounted.is_none() => 2,
        Some(_) => 3,
    };
    let body = match view.refusal.clone() {
        Some(refusal) => {
            let others = format!("/backups?db={}", view.database);
            view! {
                <Alert kind=AlertKind::Failure title="This backup cannot be restored">
                    <p>{refusal}</p>
                    <a class="button" href=others>"Choose another backup"</a>
                </Alert>
            }
            .into_any()
        }
        None => steps(&view, start, choice),
    };
    view! {
        <PageHeader title=format!("Restore {}", view.database) breadcrumbs=crumbs lead=lead/>
        {stepper(step)}
        {body}
    }
    .into_any()
}

fn steps(view: &RestoreView, start: ServerAction<Start>, choice: &Choice) -> AnyView {
    let unproven = (!view.proven).then(|| {
        view! {
            <Alert kind=AlertKind::Warning title="This backup is not proven">
                <p>"It is checked fully before anything is written; if a check fails, nothing is changed."</p>
            </Alert>
        }
    });
    let fault = view.fault.clone().map(|fault| {
        let again = (fault.code == "stale_plan").then(|| view! { <a class="button" href=address(view, choice, "")>"Look again"</a> });
        view! {
            <Alert kind=AlertKind::Failure title="There is no plan for this">
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
fn address(view: &RestoreView, [into, path, safety, _]: &Choice, confirm: &str) -> String {
    let mut query = ParamsMap::new();
    for (name, value) in [("into", into.as_str()), ("path", path), ("safety", safety), ("confirm", confirm)] {
        if !value.is_empty() {
            query.insert(name, value.to_owned());
        }
    }
    format!("/backups/{}/restore{}", view.backup, query.to_query_string())
}

/// From the impact to the confirmation: a step of its own, which counts again what was written meanwhile.
fn go_on(view: &RestoreView, plan: &PlanView, choice: &Choice) -> AnyView {
    if plan.space_free_bytes < plan.space_needed_bytes {
        return ().into_any();
    }
    let (href, cancel) = (address(view, choice, &plan.plan), format!("/backups/{}", view.backup));
    view! {
        <Panel title="Go on?">
            <p>"Nothing has been changed yet. The next step counts once more what was written meanwhile, and asks for the database's name."</p>
            <div class="form-actions">
                <a class="button primary" href=href>"Go on to confirm"</a>
                <a class="button quiet" href=cancel>"Cancel"</a>
            </div>
        </Panel>
    }
    .into_any()
}

/// Step 1. Folded away once there is a plan.
fn choose(view: &RestoreView, [into, path, safety, _]: &Choice) -> AnyView {
    let replace = into == "replace";
    let path = if path.is_empty() { view.suggested_path.clone() } else { path.clone() };
    let action = format!("/backups/{}/restore", view.backup);
    let cancel = format!("/backups/{}", view.backup);
    let (off, show_class) = (safety == "off", if into.is_empty() { "button primary" } else { "button" });
    let how = if view.server {
        "A new database is made and proven beside it; then sessions are ended and both change names at once."
    } else {
        "Through SQLite: applications keep their connections and need no restart; writers wait for a moment."
    };
    let (into_new, new, new_label, placeholder) = if view.server {
        let placeholder = "its name; empty: after the database and the backup";
        ("database", "A new database on the same server", "Name of the new database; empty: one is made up", placeholder)
    } else {
        ("file", "A new file", "Path of the new file, on the server", "")
    };
    let can_replace = if view.never_replace {
        view! { <p class="help">{format!("{} is marked \"never replace\": take the mark off on its page first.", view.database)}</p> }
            .into_any()
    } else if view.partial {
        view! { <p class="help">"It is not the whole database, so it cannot replace the live one."</p> }.into_any()
    } else {
        view! {
            <label class="option">
                <input type="radio" name="into" value="replace" checked=replace/>
                <span>
                    <strong>{format!("Replace the live database {}", view.database)}</strong>
                    <span class="help">{how}</span>
                </span>
            </label>
            <label class="check option-detail">
                <span>"Safety backup of the state before"</span>
                <select name="safety">
                    <option value="on">"on: it can be undone"</option>
                    <option value="off" selected=off>"off: it cannot be undone"</option>
                </select>
            </label>
        }
        .into_any()
    };
    view! {
        <Panel title="Restore into">
            <form class="form" method="get" action=action>
                <fieldset class="options">
                    <legend class="visually-hidden">"Restore into"</legend>
                    <label class="option">
                        <input type="radio" name="into" value=into_new checked=!replace/>
                        <span>
                            <strong>{new}</strong>
                            <span class="help">"The live database stays as it is."</span>
                        </span>
                    </label>
                    <label class="option-detail">
                        <span class="visually-hidden">{new_label}</span>
                        <input class="mono" type="text" name="path" value=path placeholder=placeholder autocapitalize="none" spellcheck="false" maxlength="4000"/>
                    </label>
                    {can_replace}
                </fieldset>
                <div class="form-actions">
                    <button type="submit" class=show_class>"Show the impact"</button>
                    <a class="button quiet" href=cancel>"Cancel"</a>
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
            <Field label=format!("Type {database} to replace it") name="typed" mono=true required=true autocomplete="off" error=field_fault(value, "typed")/>
        }
    });
    let (label, tone) = match (plan.replaces, plan.server) {
        (true, _) => (format!("Replace {database}"), "danger"),
        (false, true) => ("Restore into the new database".to_owned(), "primary"),
        (false, false) => ("Restore into the new file".to_owned(), "primary"),
    };
    let text = match (plan.replaces, plan.server) {
        (true, false) => {
            "The backup is checked fully, then the safety backup is made, then everything is written in one transaction: all of it, or nothing."
        }
        (true, true) => {
            "The backup is checked fully and restored beside the live database; only when that is whole are sessions ended and the names changed, both at once."
        }
        (false, true) => {
            "The backup is checked fully, then restored and counted. The database appears under its name only when it is whole."
        }
        (false, false) => "The backup is checked fully, then written and compared. The file appears under its name only when it is whole.",
    };
    let here = use_here();
    let place = (plan.replaces && here.environment.is_some())
        .then(|| view! { <p><EnvironmentBadge/>" "{format!("This replaces {} on {}.", view.database, here.host)}</p> });
    let name = plan.plan.clone();
    let enough = plan.space_free_bytes >= plan.space_needed_bytes;
    let to_plan = plan.recounted.as_ref().map(|_| view! { <a class="button quiet" href=back.clone()>"Back to the plan"</a> });
    let form = enough.then(|| {
        view! {
            <ActionForm action=start attr:class="form">
                <input type="hidden" name="plan" value=name/>
                {typed}
                <div class="form-actions">
                    <SubmitButton label=label tone=tone icon="restore" pending=start.pending()/>
                    {to_plan}
                </div>
            </ActionForm>
        }
    });
    view! {
        <Panel title="Confirm">
            {place}
            <p>{text}</p>
            <FormError error=fault_of(value)/>
            {way_on(code, back)}
            {form}
        </Panel>
    }
    .into_any()
}
