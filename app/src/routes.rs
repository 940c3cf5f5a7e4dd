//! Which page stands at which address, and the app around them. Pages that are read render whole on the server (`SsrMode::Async`): they are
//! complete without JavaScript.

use leptos::prelude::*;
use leptos_meta::provide_meta_context;
use leptos_router::{
    SsrMode,
    components::{FlatRoutes, Route, Router},
    path,
};

use crate::{
    base,
    error::AppError,
    features::{
        activity::ActivityPage,
        backups::{BackupPage, BackupsPage, NewBackupPage, SelectedPage},
        databases::{AddDatabasePage, DatabasePage, DatabasesPage},
        export::ExportPage,
        import::ImportPage,
        jobs::{JobPage, JobsPage},
        overview::OverviewPage,
        people::{AccountPage, FactorPage, NewPersonPage, PersonPage},
        restore::{RestorePage, UndoPage},
        retention::RetentionPage,
        schedules::{ScheduleEditorPage, SchedulesPage},
        search::SearchPage,
        session::{ConfirmPage, Frame, SetUpPage, SignInPage},
        settings::{NewTokenPage, SettingsPage},
        storage::StoragePage,
        trash::TrashPage,
    },
    live::provide_live,
    ui::{FaultPage, Refresh, here::Here, served},
};

#[component]
pub fn App() -> impl IntoView {
    provide_meta_context();
    // What the server knew when it rendered the document reaches the browser with it.
    let here = SharedValue::new(here).into_inner();
    let base = base::of_router(&here.base);
    #[cfg(feature = "hydrate")]
    crate::local::keep(here.format);
    #[cfg(feature = "ssr")]
    provide_context(here.format);
    provide_context(here);
    provide_live();
    view! {
        <Router base=base>
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
            <Route path=path!("/login") view=served(SignInPage, Refresh::Never) ssr=SsrMode::Async/>
            <Route path=path!("/setup") view=served(SetUpPage, Refresh::Never) ssr=SsrMode::Async/>
            <Route path=path!("/") view=OverviewPage ssr=SsrMode::Async/>
            <Route path=path!("/databases") view=served(DatabasesPage, Refresh::Live) ssr=SsrMode::Async/>
            <Route path=path!("/databases/new") view=served(AddDatabasePage, Refresh::Never) ssr=SsrMode::Async/>
            <Route path=path!("/databases/:id") view=served(DatabasePage, Refresh::Live) ssr=SsrMode::Async/>
            <Route path=path!("/databases/:id/retention") view=RetentionPage ssr=SsrMode::Async/>
            <Route path=path!("/databases/:id/export") view=served(ExportPage, Refresh::Never) ssr=SsrMode::Async/>
            <Route path=path!("/backups") view=served(BackupsPage, Refresh::Live) ssr=SsrMode::Async/>
            <Route path=path!("/backups/new") view=served(NewBackupPage, Refresh::Never) ssr=SsrMode::Async/>
            <Route path=path!("/backups/selected") view=served(SelectedPage, Refresh::Live) ssr=SsrMode::Async/>
            <Route path=path!("/backups/:id") view=served(BackupPage, Refresh::Live) ssr=SsrMode::Async/>
            <Route path=path!("/backups/:id/restore") view=served(RestorePage, Refresh::Never) ssr=SsrMode::Async/>
            <Route path=path!("/backups/:id/export") view=served(ExportPage, Refresh::Never) ssr=SsrMode::Async/>
            <Route path=path!("/import") view=served(ImportPage, Refresh::Never) ssr=SsrMode::Async/>
            <Route path=path!("/jobs") view=served(JobsPage, Refresh::Live) ssr=SsrMode::Async/>
            <Route path=path!("/jobs/:id") view=JobPage ssr=SsrMode::Async/>
            <Route path=path!("/jobs/:id/undo") view=served(UndoPage, Refresh::Never) ssr=SsrMode::Async/>
            <Route path=path!("/trash") view=served(TrashPage, Refresh::Live) ssr=SsrMode::Async/>
            <Route path=path!("/schedules") view=served(SchedulesPage, Refresh::Live) ssr=SsrMode::Async/>
            <Route path=path!("/schedules/:id") view=served(ScheduleEditorPage, Refresh::Never) ssr=SsrMode::Async/>
            <Route path=path!("/search") view=served(SearchPage, Refresh::Never) ssr=SsrMode::Async/>
            <Route path=path!("/storage") view=served(StoragePage, Refresh::Live) ssr=SsrMode::Async/>
            <Route path=path!("/activity") view=served(ActivityPage, Refresh::Live) ssr=SsrMode::Async/>
            <Route path=path!("/settings") view=served(SettingsPage, Refresh::Never) ssr=SsrMode::Async/>
            <Route path=path!("/settings/tokens/new") view=served(NewTokenPage, Refresh::Never) ssr=SsrMode::Async/>
            <Route path=path!("/settings/people/new") view=served(NewPersonPage, Refresh::Never) ssr=SsrMode::Async/>
            <Route path=path!("/settings/people/:name") view=served(PersonPage, Refresh::Never) ssr=SsrMode::Async/>
            <Route path=path!("/account") view=served(AccountPage, Refresh::Never) ssr=SsrMode::Async/>
            <Route path=path!("/account/factor") view=served(FactorPage, Refresh::Never) ssr=SsrMode::Async/>
            <Route path=path!("/confirm") view=served(ConfirmPage, Refresh::Never) ssr=SsrMode::Async/>
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
