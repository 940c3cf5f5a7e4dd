//! What the log is filtered by, in the address; and the way to have what is filtered as a file.

use keepstone_model::event::EventResult;
use leptos::prelude::*;

use super::api::Filter;
use crate::ui::{FilterFold, Icon, badge::result_word};
use crate::words::{activity as words, shared};

/// A GET form: what is filtered stands in the address. `names` are proposed for who did it.
#[component]
pub fn FilterForm(databases: Vec<String>, names: Vec<String>, chosen: Filter) -> impl IntoView {
    let option = |value: String, text: String, chosen: &str| {
        let selected = value == chosen;
        view! { <option value=value selected=selected>{text}</option> }
    };
    let databases: Vec<_> = databases.into_iter().map(|id| option(id.clone(), id, &chosen.database)).collect();
    let results: Vec<_> = EventResult::ALL
        .into_iter()
        .map(|result| option(result.as_str().to_owned(), result_word(result).to_owned(), &chosen.result))
        .collect();
    let names: Vec<_> = names.into_iter().map(|name| view! { <option value=name></option> }).collect();
    let clear = (!chosen.is_empty()).then(|| view! { <a class="button quiet" href="/activity">{shared::clear_filter()}</a> });
    let filtered = !chosen.is_empty();
    let form = view! {
        <form method="get" action="/activity" class="filter" role="search" aria-label=words::filter()>
            <label class="filter-field">
                <span>{shared::database()}</span>
                <select name="db">
                    <option value="">{shared::all_databases()}</option>
                    {databases}
                </select>
            </label>
            <label class="filter-field">
                <span>{words::who()}</span>
                <input type="text" name="who" value=chosen.who placeholder=words::anyone() list="actors" maxlength="200" autocapitalize="none" spellcheck="false"/>
                <datalist id="actors">{names}</datalist>
            </label>
            <label class="filter-field">
                <span>{words::result()}</span>
                <select name="result">
                    <option value="">{words::all_results()}</option>
                    {results}
                </select>
            </label>
            <div class="filter-actions">
                <button type="submit" class="button">
                    <Icon name="filter"/>
                    {shared::filter()}
                </button>
                {clear}
            </div>
        </form>
    };
    view! { <FilterFold active=filtered>{form}</FilterFold> }
}

/// What fits the filter, all pages of it, as a file.
#[component]
pub fn Export(filter: Filter) -> impl IntoView {
    let link = |format: &'static str, title: &'static str, help: &'static str| {
        let mut query = filter.query();
        query.insert("format", format.to_owned());
        // The browser is to ask the server, not the router.
        view! { <li><a href=format!("/activity/download{}", query.to_query_string()) rel="external" download="">{title}<span class="muted">{help}</span></a></li> }
    };
    view! {
        <details class="menu">
            <summary class="button"><Icon name="download"/>{words::export()}<Icon name="chevron-down"/></summary>
            <ul>
                {link("csv", words::csv(), words::csv_is())}
                {link("json", words::json(), words::json_is())}
            </ul>
        </details>
    }
}
