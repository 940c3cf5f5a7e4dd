//! Which page stands at which address, and the app around them. Pages that are read render whole on the server (`SsrMode::Async`): they are
//! complete without JavaScript.

use leptos::prelude::*;
use leptos_meta::{Title, provide_meta_context};
use leptos_router::{
    SsrMode,
    components::{FlatRoutes, Route, Router},
    path,
};

use crate::{
    error::AppError,
    features::{
        activity::ActivityPage,
        backups::{BackupPage, BackupsPage, NewBackupPage},
        databases::{AddDatabasePage, DatabasePage, DatabasesPage},
        jobs::{JobPage, JobsPage},
        overview::OverviewPage,
        restore::{RestorePage, UndoPage},
        schedules::SchedulesPage,
        session::{Frame, SetUpPage, SignInPage},
        trash::TrashPage,
    },
    live::provide_live,
    ui::{FaultPage, here::Here},
};

#[component]
pub fn App() -> impl IntoView {
    provide_meta_context();
    // What the server knew when it rendered the document reaches the browser with it.
    provide_context(SharedValue::new(here).into_inner());
    provide_live();
    let title = |text: String| if text.is_empty() { "Keepstone".to_owned() } else { format!("{text} · Keepstone") };
    view! {
        <Title formatter=title/>
        <Router>
            <Frame>
                <Pages/>
            </Frame>
        </Router>
    }
}

#[component]
fn Pages() -> impl IntoView {
    view! {
        <FlatRoutes fallback=NotFound>
            <Route path=path!("/login") view=SignInPage ssr=SsrMode::Async/>
            <Route path=path!("/setup") view=SetUpPage ssr=SsrMode::Async/>
            <Route path=path!("/") view=OverviewPage ssr=SsrMode::Async/>
            <Route path=path!("/databases") view=DatabasesPage ssr=SsrMode::Async/>
            <Route path=path!("/databases/new") view=AddDatabasePage ssr=SsrMode::Async/>
            <Route path=path!("/databases/:id") view=DatabasePage ssr=SsrMode::Async/>
            <Route path=path!("/backups") view=BackupsPage ssr=SsrMode::Async/>
            <Route path=path!("/backups/new") view=NewBackupPage ssr=SsrMode::Async/>
            <Route path=path!("/backups/:id") view=BackupPage ssr=SsrMode::Async/>
            <Route path=path!("/backups/:id/restore") view=RestorePage ssr=SsrMode::Async/>
            <Route path=path!("/jobs") view=JobsPage ssr=SsrMode::Async/>
            <Route path=path!("/jobs/:id") view=JobPage ssr=SsrMode::Async/>
            <Route path=path!("/jobs/:id/undo") view=UndoPage ssr=SsrMode::Async/>
            <Route path=path!("/trash") view=TrashPage ssr=SsrMode::Async/>
            <Route path=path!("/schedules") view=SchedulesPage ssr=SsrMode::Async/>
            <Route path=path!("/activity") view=ActivityPage ssr=SsrMode::Async/>
        </FlatRoutes>
    }
}

#[component]
fn NotFound() -> impl IntoView {
    #[cfg(feature = "ssr")]
    crate::server::answer(AppError::not_found());
    view! { <FaultPage error=AppError::not_found()/> }
}

#[cfg(feature = "ssr")]
fn here() -> Here {
    crate::features::session::api::on_the_server::here()
}

#[cfg(not(feature = "ssr"))]
fn here() -> Here {
    Here::default()
}
