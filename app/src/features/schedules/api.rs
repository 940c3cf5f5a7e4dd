//! What the pages of schedules show and do.

#![expect(clippy::too_many_arguments, reason = "server functions take the flat fields of a form")]

use leptos::prelude::*;

use super::facts::EditorView;
use crate::{error::AppError, ui::schedule_table::ScheduleRow};

/// Every schedule, the next to run first.
#[server(prefix = "/fn", endpoint = "schedules/list")]
pub async fn list_schedules() -> Result<Vec<ScheduleRow>, AppError> {
    use keepstone_engine::schedules;
    use keepstone_model::Timestamp;

    crate::server::person()?;
    let (now, zone) = (Timestamp::now(), crate::server::zone());
    let mut found = crate::server::blocking(move |vault| schedules::list(vault, None, now)).await?;
    // Those that never run again stand last.
    found.sort_by_key(|status| (status.next_run_at.is_none(), status.next_run_at, status.number));
    Ok(found.into_iter().map(|status| ScheduleRow::new(status, now, &zone)).collect())
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
