//! The page of one person, for admins.

use leptos::prelude::*;
use leptos_router::hooks::{use_params_map, use_query_map};

use super::{
    api::{self, PersonView},
    new::{role_choice, role_help},
    sessions,
};
use crate::ui::{
    Alert, AlertKind, ConfirmDialog, DefinitionList, Fact, Facts, FieldBox, FormError, Loaded, PageHeader, Panel, StandingBadge,
    SubmitButton, When, crumb, fault_of,
};
use crate::words::{people as words, shared};

#[component]
pub fn PersonPage() -> impl IntoView {
    let (params, query) = (use_params_map(), use_query_map());
    let asked = move || {
        let name = params.with(|params| params.get("name").unwrap_or_default());
        (name, query.with(|query| query.get("made").unwrap_or_default()))
    };
    let person = Facts::new(asked, |(name, made)| api::show_person(name, made));
    view! { <Loaded resource=person show=show/> }
}

fn show(person: PersonView) -> AnyView {
    // Only for the errors that refused forms bring back in the address.
    let refused = [
        fault_of(returned::<api::SetRole>()),
        fault_of(returned::<api::SetStanding>()),
        fault_of(returned::<api::MakeLink>()),
        fault_of(returned::<api::RemovePerson>()),
        fault_of(returned::<api::EndSession>()),
    ];
    let refused = Signal::derive(move || refused.iter().find_map(Get::get));
    let badge = view! { <StandingBadge disabled=person.disabled has_password=person.has_password/> };
    // Where it can be changed it stands in the form below.
    let role = person.is_self.then(|| view! { <Fact term=shared::role()>{person.role.as_str()}</Fact> });
    let end_all = (person.sessions.len() > 1 && !person.is_self).then(|| {
        view! {
            <form method="post" action="/fn/people/end-session">
                <input type="hidden" name="name" value=person.name.clone()/>
                <SubmitButton label=words::end_all() tone="plain" small=true/>
            </form>
        }
        .into_any()
    });
    let sessions = sessions::table(person.sessions.clone(), "/fn/people/end-session", Some(&person.name));
    let factor = match person.factor.clone() {
        Some(since) => view! { {words::factor_on_since_before()} <When moment=since/> }.into_any(),
        None => view! { <span class="muted">{words::factor_off()}</span> }.into_any(),
    };
    let (just_made, changes, danger) = (just_made(&person), changes(&person), danger(&person));
    view! {
        <PageHeader title=person.name breadcrumbs=vec![crumb(shared::settings(), "/settings")] badge=badge.into_any()/>
        {just_made}
        <FormError error=refused/>
        <Panel title=words::account()>
            <DefinitionList>
                {role}
                <Fact term=shared::second_factor()>{factor}</Fact>
                <Fact term=shared::added()><When moment=person.added/></Fact>
            </DefinitionList>
            {changes}
        </Panel>
        <Panel title=words::sessions() flush=true actions=end_all.unwrap_or_else(|| ().into_any())>{sessions}</Panel>
        {danger}
    }
    .into_any()
}

fn returned<S>() -> impl Fn() -> Option<Result<(), crate::error::AppError>> + Copy + Send + Sync
where
    S: server_fn::ServerFn<Output = (), Error = crate::error::AppError> + Clone + Send + Sync + 'static,
{
    let attempt = ServerAction::<S>::new().value();
    move || attempt.get()
}

fn just_made(person: &PersonView) -> Option<AnyView> {
    let Some(link) = person.link.clone() else {
        return person.shown_before.then(|| {
            view! {
                <Alert kind=AlertKind::Info title=words::link_shown()>
                    <p>{words::link_shown_means()}</p>
                </Alert>
            }
            .into_any()
        });
    };
    let title = words::link_title(&person.name);
    Some(
        view! {
            <Alert kind=AlertKind::Good title=title>
                <p>{words::link_means()}</p>
                <p class="secret"><code>{link}</code></p>
            </Alert>
        }
        .into_any(),
    )
}

fn changes(person: &PersonView) -> AnyView {
    if person.is_self {
        return view! {
            <p class="muted">{words::own_before()} <a href="/account">{words::own_account()}</a> {words::own_after()}</p>
        }
        .into_any();
    }
    let (name, role) = (person.name.clone(), role_choice(person.role));
    let name = move || name.clone();
    let link = (!person.disabled).then(|| {
        view! {
            <form method="post" action="/fn/people/link">
                <input type="hidden" name="name" value=name()/>
                <SubmitButton label=words::link_new() tone="plain" icon="link"/>
            </form>
        }
    });
    let factor = person.factor.is_some().then(|| {
        view! {
            <form method="post" action="/fn/people/factor-off">
                <input type="hidden" name="name" value=name()/>
                <SubmitButton label=words::factor_off_do() tone="plain" icon="shield"/>
            </form>
        }
    });
    let (standing, label, icon) =
        if person.disabled { ("active", words::enable(), "check") } else { ("disabled", words::disable(), "pause") };
    view! {
        <form method="post" action="/fn/people/role" class="form">
            <input type="hidden" name="name" value=name()/>
            <FieldBox label=shared::role() name="role" help=role_help()>{role}</FieldBox>
            <div class="form-actions"><SubmitButton label=words::role_save()/></div>
        </form>
        <div class="actions">
            {link}
            {factor}
            <form method="post" action="/fn/people/standing">
                <input type="hidden" name="name" value=name()/>
                <input type="hidden" name="standing" value=standing/>
                <SubmitButton label=label tone="plain" icon=icon/>
            </form>
        </div>
        <p class="help">{words::changes_means()}</p>
    }
    .into_any()
}

fn danger(person: &PersonView) -> Option<AnyView> {
    (!person.is_self).then(|| {
        let (name, title) = (person.name.clone(), words::remove_title(&person.name));
        view! {
            <section class="panel danger-zone" aria-label=words::remove()>
                <div>
                    <p class="strong">{words::remove_do(&name)}</p>
                    <p class="muted">{words::remove_means()}</p>
                </div>
                <ConfirmDialog name="remove" label=words::remove_ask(&name) title=title class="button danger-outline" icon="trash">
                    <p>{words::remove_warning()}</p>
                    <form method="post" action="/fn/people/remove">
                        <input type="hidden" name="name" value=name.clone()/>
                        <SubmitButton label=words::remove_do(&name) tone="danger" icon="trash"/>
                    </form>
                </ConfirmDialog>
            </section>
        }
        .into_any()
    })
}
