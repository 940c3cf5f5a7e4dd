//! What a person may choose of a restore into a server, and of no other: into the live database itself, how it is loaded, and whose it will be.

use leptos::prelude::*;

use crate::{ui::FieldBox, words::restore as words};

pub(super) fn in_place(database: &str, chosen: bool) -> AnyView {
    view! {
        <label class="option">
            <input type="radio" name="into" value="in_place" checked=chosen/>
            <span>
                <strong>{words::in_place(&database)}</strong>
                <span class="help">{words::in_place_how()}</span>
            </span>
        </label>
    }
    .into_any()
}

/// Folded away: the defaults fit nearly always.
pub(super) fn ways(loading: &str, owners: &str) -> AnyView {
    let option = |value: &'static str, label: String, chosen: &str| {
        view! { <option value=value selected=value == chosen>{label}</option> }
    };
    let loadings = [
        ("", words::loading_streamed().to_owned()),
        ("one", words::loading_one().to_owned()),
        ("2", words::loading_jobs(2)),
        ("4", words::loading_jobs(4)),
        ("8", words::loading_jobs(8)),
    ];
    let owned = [("", words::owners_auto()), ("keep", words::owners_keep()), ("discard", words::owners_discard())];
    let loadings: Vec<_> = loadings.into_iter().map(|(value, label)| option(value, label, loading)).collect();
    let owned: Vec<_> = owned.into_iter().map(|(value, label)| option(value, label.to_owned(), owners)).collect();
    view! {
        <details class="more" open=!loading.is_empty() || !owners.is_empty()>
            <summary>{words::ways()}</summary>
            <div class="form">
                <FieldBox label=words::loading() name="loading">
                    <select id="f-loading" name="loading">{loadings}</select>
                </FieldBox>
                <FieldBox label=words::owners() name="owners">
                    <select id="f-owners" name="owners">{owned}</select>
                </FieldBox>
            </div>
        </details>
    }
    .into_any()
}
