//! The people who have an account, as a list.

use leptos::prelude::*;

use super::api::PersonRow;
use crate::ui::{Ago, Head, Icon, Panel, StandingBadge, Table, When};

pub(super) fn list(people: Vec<PersonRow>) -> AnyView {
    let rows: Vec<_> = people.into_iter().map(row).collect();
    let add = view! { <a class="button small" href="/settings/people/new"><Icon name="plus"/>"Add a person"</a> };
    view! {
        <Panel title="People" flush=true actions=add.into_any()>
            <Table
                caption="People who can sign in"
                head=vec![Head::Text("Name"), Head::Text("Role"), Head::Text("State"), Head::Text("Last seen"), Head::Text("Added")]
                rows=rows.into_any()
            />
            <p class="panel-pad muted">"A viewer sees, an operator also backs up and restores, an admin also sets up."</p>
        </Panel>
    }
    .into_any()
}

fn row(person: PersonRow) -> AnyView {
    let seen = match person.seen {
        Some(moment) => view! { <Ago moment=moment/> }.into_any(),
        None => view! { <span class="muted">"not signed in"</span> }.into_any(),
    };
    view! {
        <tr>
            <td data-label="Name" class="t-name"><a class="strong" href=person.href>{person.name}</a></td>
            <td data-label="Role">{person.role.as_str()}</td>
            <td data-label="State" class="t-state"><StandingBadge disabled=person.disabled has_password=person.has_password/></td>
            <td data-label="Last seen">{seen}</td>
            <td data-label="Added"><When moment=person.added/></td>
        </tr>
    }
    .into_any()
}
