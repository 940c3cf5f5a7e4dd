//! The people who have an account, as a list.

use leptos::prelude::*;

use super::api::PersonRow;
use crate::ui::{Ago, Head, Icon, Panel, StandingBadge, Table, When};
use crate::words::{settings as words, shared};

pub(super) fn list(people: Vec<PersonRow>) -> AnyView {
    let rows: Vec<_> = people.into_iter().map(row).collect();
    let add = view! { <a class="button small" href="/settings/people/new"><Icon name="plus"/>{words::add_person()}</a> };
    view! {
        <Panel title=words::people() flush=true actions=add.into_any()>
            <Table
                caption=words::people_caption()
                head=vec![Head::Text(shared::name()), Head::Text(shared::role()), Head::Text(shared::state()), Head::Text(words::last_seen()), Head::Text(shared::added())]
                rows=rows.into_any()
            />
            <p class="panel-pad muted">{words::people_means()}</p>
        </Panel>
    }
    .into_any()
}

fn row(person: PersonRow) -> AnyView {
    let seen = match person.seen {
        Some(moment) => view! { <Ago moment=moment/> }.into_any(),
        None => view! { <span class="muted">{words::not_signed_in()}</span> }.into_any(),
    };
    view! {
        <tr>
            <td data-label=shared::name() class="t-name"><a class="strong" href=person.href>{person.name}</a></td>
            <td data-label=shared::role()>{person.role.as_str()}</td>
            <td data-label=shared::state() class="t-state"><StandingBadge disabled=person.disabled has_password=person.has_password/></td>
            <td data-label=words::last_seen()>{seen}</td>
            <td data-label=shared::added()><When moment=person.added/></td>
        </tr>
    }
    .into_any()
}
