//! What the pages of schedules show and do.

#![expect(clippy::too_many_arguments, reason = "server functions take the flat fields of a form")]

use leptos::prelude::*;

use super::facts::{EditorView, SchedulesView};
use crate::error::AppError;

/// Every schedule, the next to run first, and the limits of jobs.
#[server(prefix = "/fn", endpoint = "schedules/list")]
pub async fn list_schedules(#[server(default)] page: String) -> Result<SchedulesView, AppError> {
    let person = crate::server::person()?;
    super::on_the_server::list(&person, &page).await
}

/// The schedules of one database, and the form with what it would do. `number` names the schedule that is being changed; the rest is the form
/// as it was filled in, empty at first.
#[server(prefix = "/fn", endpoint = "schedules/editor")]
pub async fn editor(
    id: String,
    number: String,
    on: String,
    cron: String,
    zone: String,
    every: String,
    kind: String,
    if_missed: String,
    jitter: String,
) -> Result<EditorView, AppError> {
    let person = crate::server::person()?;
    let form = super::facts::Form { number, on, cron, zone, every, kind, if_missed, jitter };
    super::on_the_server::editor(&person, id, form).await
}

/// Changes the schedules of a database and goes back to their page. `act` says what is done: save, pause, resume, remove, trigger or
/// preset; the other fields are those that it needs.
#[server(prefix = "/fn", endpoint = "schedules/change")]
pub async fn change(
    act: String,
    database: String,
    #[server(default)] number: String,
    #[server(default)] on: String,
    #[server(default)] cron: String,
    #[server(default)] zone: String,
    #[server(default)] every: String,
    #[server(default)] kind: String,
    #[server(default)] if_missed: String,
    #[server(default)] jitter: String,
    #[server(default)] preset: String,
    #[server(default)] key: String,
) -> Result<(), AppError> {
    let person = crate::server::person_with(keepstone_model::access::Role::Operator)?;
    let form = super::facts::Form { number, on, cron, zone, every, kind, if_missed, jitter };
    let wish = super::on_the_server::Wish { act, database, form, preset, key };
    super::on_the_server::change(&person, wish).await
}

/// Sets when cleanup looks at a database by itself, and goes back to its page. A box that is not ticked is not sent.
#[server(prefix = "/fn", endpoint = "schedules/cleanup")]
pub async fn set_cleanup(
    database: String,
    look_on: String,
    #[server(default)] look_cron: String,
    #[server(default)] look_zone: String,
    #[server(default)] look_every: String,
    #[server(default)] look_after: String,
    #[server(default)] look_paused: String,
) -> Result<(), AppError> {
    let person = crate::server::person_with(keepstone_model::access::Role::Operator)?;
    let ticked = |text: &str| text == "on";
    let (after_backups, paused) = (ticked(&look_after), ticked(&look_paused));
    let wish = super::on_the_server::Look { on: look_on, cron: look_cron, zone: look_zone, every: look_every, after_backups, paused };
    super::on_the_server::set_cleanup(&person, database, wish).await
}

/// Sets how many jobs run at once, when one counts as hung, and how long a stop may take; for every process on this vault.
#[server(prefix = "/fn", endpoint = "schedules/limits")]
pub async fn set_limits(max_running: String, hung_after: String, stop_within: String) -> Result<(), AppError> {
    let person = crate::server::person_with(keepstone_model::access::Role::Admin)?;
    super::on_the_server::set_limits(&person, &max_running, &hung_after, &stop_within).await
}
