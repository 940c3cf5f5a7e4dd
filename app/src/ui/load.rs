//! What a page shows of its one resource: the facts once they are there, or the error as a page of its own that says where to go.

use std::sync::Arc;

use leptos::prelude::*;
use leptos_router::hooks::use_location;
use serde::de::DeserializeOwned;

use super::{
    Icon, PageHeader,
    facts::{Facts, Wire},
};
use crate::error::AppError;
use crate::words::{parts as words, shared};

/// The body of a page. While the facts load again, what was there stays.
#[component]
pub fn Loaded<T, F>(resource: Facts<T>, show: F) -> impl IntoView
where
    T: Clone + DeserializeOwned + 'static,
    F: Fn(T) -> AnyView + Send + Sync + 'static,
{
    loaded(resource.resource, Arc::new(move |facts| facts.facts().map(&show)))
}

type Show = Arc<dyn Fn(&Wire) -> Option<AnyView> + Send + Sync>;

/// Compiled once for all pages.
fn loaded(resource: Resource<Result<Wire, AppError>>, show: Show) -> AnyView {
    view! {
        <Transition fallback=|| view! { <p class="loading" role="status">{words::loading()}</p> }>
            {move || {
                let show = show.clone();
                Suspend::new(async move {
                    match resource.await {
                        Ok(facts) => show(&facts).unwrap_or_else(reload),
                        Err(error) => view! { <FaultPage error=error/> }.into_any(),
                    }
                })
            }}
        </Transition>
    }
    .into_any()
}

/// The server has become another version than the page.
fn reload() -> AnyView {
    view! { <FaultPage error=AppError::new(500, "another_version", words::updated())/> }.into_any()
}

/// An error as a page: what happened, and the way on.
#[component]
pub fn FaultPage(error: AppError) -> impl IntoView {
    let (icon, title) = match error.status {
        401 => ("lock", words::fault_sign_in()),
        403 => ("lock", words::fault_role()),
        404 => ("search", words::fault_not_found()),
        503 => ("host", words::fault_unreachable()),
        _ => ("host", words::fault_other()),
    };
    let next = match error.status {
        401 => view! { <a class="button primary" href="/login" rel="external">{shared::sign_in()}</a> }.into_any(),
        403 if error.code == "sign_in_again" => {
            view! { <a class="button primary" href="/login" rel="external">{words::sign_in_again()}</a> }.into_any()
        }
        403 => view! { <p>{words::ask_for_role()}</p> }.into_any(),
        404 => look_for(),
        _ => ().into_any(),
    };
    view! {
        <PageHeader title=title/>
        <div class="empty fault">
            <Icon name=icon/>
            <p class="empty-title">{error.message}</p>
            <div class="empty-body">
                {next}
                <ul class="ways">
                    <li><a href="/">{shared::overview()}</a></li>
                    <li><a href="/databases">{shared::databases()}</a></li>
                    <li><a href="/backups">{shared::backups()}</a></li>
                    <li><a href="/activity">{shared::activity()}</a></li>
                </ul>
            </div>
        </div>
    }
}

/// The search, with what the address named last.
fn look_for() -> AnyView {
    let path = use_location().pathname.get_untracked();
    let named = path.trim_end_matches('/').rsplit('/').next().unwrap_or_default().to_owned();
    view! {
        <form class="look-for" method="get" action="/search" role="search" aria-label=words::look_for()>
            <input type="search" name="q" value=named maxlength="200" aria-label=words::look_for_what()/>
            <button type="submit" class="button">{shared::search()}</button>
        </form>
    }
    .into_any()
}

/// What is wrong with a form as a whole, out of its action's value: nothing where the fields say it.
pub fn fault_of<T: Send + Sync + 'static>(
    value: impl Fn() -> Option<Result<T, AppError>> + Copy + Send + Sync + 'static,
) -> Signal<Option<String>> {
    Signal::derive(move || value().and_then(Result::err).filter(|error| error.fields.is_empty()).map(|error| error.message))
}

/// What is wrong with one field of a form, out of its action's value.
pub fn field_fault<T: Send + Sync + 'static>(
    value: impl Fn() -> Option<Result<T, AppError>> + Copy + Send + Sync + 'static,
    name: &'static str,
) -> Signal<Option<String>> {
    Signal::derive(move || value().and_then(Result::err).and_then(|error| error.field(name).map(str::to_owned)))
}
