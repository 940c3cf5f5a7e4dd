//! The people who have an account, as a list.

use leptos::prelude::*;

use super::api::PersonRow;
use crate::ui::{Ago, Icon, Panel, When};

pub(super) fn list(people: Vec<PersonRow>) -> AnyView {
    let rows: Vec<_> = people.into_iter().map(row).collect();
    let add = view! { <a class="button small" href="/settings/people/new"><Icon name="plus"/>"Add a person"</a> };
    view! {
        <Panel title="People" flush=true actions=add.into_any()>
            <table class="table">
                <caption class="visually-hidden">"People who can sign in"</caption>
                <thead>
                    <tr>
                        <th scope="col">"Name"</th>
                        <th scope="col">"Role"</th>
                        <th scope="col">"State"</th>
                        <th scope="col">"Last seen"</th>
                        <th scope="col">"Added"</th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
            <p class="panel-pad muted">"A viewer sees, an operator also backs up and restores, an admin also sets up."</p>
        </Panel>
    }
    .into_any()
}

fn row(person: PersonRow) -> AnyView {
    let state = match (person.disabled, person.has_password) {
        (true, _) => view! { <span class="badge quiet"><span class="mark" aria-hidden="true">"‖"</span>"disabled"</span> }.into_any(),
        (false, false) => {
            view! { <span class="badge quiet"><span class="mark" aria-hidden="true">"○"</span>"no password yet"</span> }.into_any()
        }
        (false, true) => view! { <span class="badge good"><span class="mark" aria-hidden="true">"✔"</span>"active"</span> }.into_any(),
    };
    let seen = match person.seen {
        Some(moment) => view! { <Ago moment=moment/> }.into_any(),
        None => view! { <span class="muted">"not signed in"</span> }.into_any(),
    };
    view! {
        <tr>
            <td data-label="Name"><a class="strong" href=person.href>{person.name}</a></td>
            <td data-label="Role">{person.role.as_str()}</td>
            <td data-label="State">{state}</td>
            <td data-label="Last seen">{seen}</td>
            <td data-label="Added"><When moment=person.added/></td>
        </tr>
    }
    .into_any()
}
