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
    let role = person.is_self.then(|| view! { <Fact term="Role">{person.role.as_str()}</Fact> });
    let end_all = (person.sessions.len() > 1 && !person.is_self).then(|| {
        view! {
            <form method="post" action="/fn/people/end-session">
                <input type="hidden" name="name" value=person.name.clone()/>
                <SubmitButton label="End all sessions" tone="plain" small=true/>
            </form>
        }
        .into_any()
    });
    let sessions = sessions::table(person.sessions.clone(), "/fn/people/end-session", Some(&person.name));
    let factor = match person.factor.clone() {
        Some(since) => view! { "on since " <When moment=since/> }.into_any(),
        None => view! { <span class="muted">"off"</span> }.into_any(),
    };
    let (just_made, changes, danger) = (just_made(&person), changes(&person), danger(&person));
    view! {
        <PageHeader title=person.name breadcrumbs=vec![crumb("Settings", "/settings")] badge=badge.into_any()/>
        {just_made}
        <FormError error=refused/>
        <Panel title="Account">
            <DefinitionList>
                {role}
                <Fact term="Second factor">{factor}</Fact>
                <Fact term="Added"><When moment=person.added/></Fact>
            </DefinitionList>
            {changes}
        </Panel>
        <Panel title="Sessions" flush=true actions=end_all.unwrap_or_else(|| ().into_any())>{sessions}</Panel>
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
                <Alert kind=AlertKind::Info title="This link was shown already">
                    <p>"A link is shown once. If it was not passed on, make another one: it takes the place of the one before."</p>
                </Alert>
            }
            .into_any()
        });
    };
    let title = format!("Pass this link on to {}", person.name);
    Some(
        view! {
            <Alert kind=AlertKind::Good title=title>
                <p>"Whoever opens it sets the password of this account. It works once, for 24 hours, and is shown only now."</p>
                <p class="secret"><code>{link}</code></p>
            </Alert>
        }
        .into_any(),
    )
}

fn changes(person: &PersonView) -> AnyView {
    if person.is_self {
        return view! {
            <p class="muted">"This is your own account. Your password and sessions are in " <a href="/account">"your account"</a> "; your role is another admin's to change."</p>
        }
        .into_any();
    }
    let (name, role) = (person.name.clone(), role_choice(person.role));
    let name = move || name.clone();
    let link = (!person.disabled).then(|| {
        view! {
            <form method="post" action="/fn/people/link">
                <input type="hidden" name="name" value=name()/>
                <SubmitButton label="Make a new set-up link" tone="plain" icon="link"/>
            </form>
        }
    });
    let factor = person.factor.is_some().then(|| {
        view! {
            <form method="post" action="/fn/people/factor-off">
                <input type="hidden" name="name" value=name()/>
                <SubmitButton label="Switch the second factor off" tone="plain" icon="shield"/>
            </form>
        }
    });
    let (standing, label, icon) =
        if person.disabled { ("active", "Enable the account", "check") } else { ("disabled", "Disable the account", "pause") };
    view! {
        <form method="post" action="/fn/people/role" class="form">
            <input type="hidden" name="name" value=name()/>
            <FieldBox label="Role" name="role" help=role_help()>{role}</FieldBox>
            <div class="form-actions"><SubmitButton label="Save the role"/></div>
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
        <p class="help">"A set-up link lets them set a new password; the present one holds until then. Disabling signs them out at once."</p>
    }
    .into_any()
}

fn danger(person: &PersonView) -> Option<AnyView> {
    (!person.is_self).then(|| {
        let (name, title) = (person.name.clone(), format!("Remove {}?", person.name));
        view! {
            <section class="panel danger-zone" aria-label="Remove">
                <div>
                    <p class="strong">{format!("Remove {name}")}</p>
                    <p class="muted">"The account is gone then; what it did stays in the activity log."</p>
                </div>
                <ConfirmDialog name="remove" label=format!("Remove {name}…") title=title class="button danger-outline" icon="trash">
                    <p>"They are signed out at once. To keep them out for a while only, disable the account instead."</p>
                    <form method="post" action="/fn/people/remove">
                        <input type="hidden" name="name" value=name.clone()/>
                        <SubmitButton label=format!("Remove {name}") tone="danger" icon="trash"/>
                    </form>
                </ConfirmDialog>
            </section>
        }
        .into_any()
    })
}
