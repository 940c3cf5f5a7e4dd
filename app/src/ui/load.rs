//! What a page shows of its one resource: the facts once they are there, or the error as a page of its own that says where to go.

use leptos::prelude::*;
use serde::{Serialize, de::DeserializeOwned};

use super::{Icon, PageHeader};
use crate::error::AppError;

/// The body of a page. While the resource loads again, what was there stays.
#[component]
pub fn Loaded<T, F>(resource: Resource<Result<T, AppError>>, show: F) -> impl IntoView
where
    T: Clone + Send + Sync + Serialize + DeserializeOwned + 'static,
    F: Fn(T) -> AnyView + Clone + Send + Sync + 'static,
{
    view! {
        <Transition fallback=|| view! { <p class="loading" role="status">"Loading…"</p> }>
            {move || {
                let show = show.clone();
                Suspend::new(async move {
                    match resource.await {
                        Ok(facts) => show(facts),
                        Err(error) => view! { <FaultPage error=error/> }.into_any(),
                    }
                })
            }}
        </Transition>
    }
}

/// An error as a page: what happened, and the way on.
#[component]
pub fn FaultPage(error: AppError) -> impl IntoView {
    let (icon, title) = match error.status {
        401 => ("lock", "Sign in to see this"),
        403 => ("lock", "Your role does not allow this"),
        404 => ("search", "Not found"),
        503 => ("host", "The server cannot be reached"),
        _ => ("host", "This page could not be shown"),
    };
    let next = match error.status {
        401 => view! { <a class="button primary" href="/login" rel="external">"Sign in"</a> }.into_any(),
        403 if error.code == "sign_in_again" => {
            view! { <a class="button primary" href="/login" rel="external">"Sign in again"</a> }.into_any()
        }
        403 => view! { <p>"An admin of this console can give you another role."</p> }.into_any(),
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
                    <li><a href="/">"Overview"</a></li>
                    <li><a href="/databases">"Databases"</a></li>
                    <li><a href="/backups">"Backups"</a></li>
                    <li><a href="/activity">"Activity"</a></li>
                </ul>
            </div>
        </div>
    }
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
