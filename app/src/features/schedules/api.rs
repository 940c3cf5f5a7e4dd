//! What the schedules page shows.

use leptos::prelude::*;

use crate::{error::AppError, ui::schedule_table::ScheduleRow};

/// Every schedule, the next to run first.
#[server(prefix = "/fn", endpoint = "schedules/list")]
pub async fn list_schedules() -> Result<Vec<ScheduleRow>, AppError> {
    use keepstone_engine::databases::schedules;
    use keepstone_model::Timestamp;

    crate::server::person()?;
    let (now, zone) = (Timestamp::now(), crate::server::zone());
    let mut found = crate::server::blocking(move |vault| schedules(vault, None, now)).await?;
    // Those that never run again stand last.
    found.sort_by_key(|status| (status.next_run_at.is_none(), status.next_run_at, status.number));
    Ok(found.into_iter().map(|status| ScheduleRow::new(status, now, &zone)).collect())
}
