//! `/metrics` (also under `/api/v1`): the state of everything in Prometheus' text form, for a token that reads.

use std::fmt::Write;

use axum::{
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use keepstone_engine::{
    Vault,
    databases::{self, DatabaseStatus},
    jobs::{self, JobFilter},
    storage,
};
use keepstone_model::{
    Timestamp,
    job::{Job, JobState},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{Answer, Api, Caller};

pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(metrics))
}

/// The state of everything, for Prometheus
///
/// Also at `/metrics`, with the same token.
#[utoipa::path(get, path = "/metrics", tag = "vault", operation_id = "show_metrics", responses(
    (status = 200, description = "Prometheus' text form, version 0.0.4.", body = String, content_type = "text/plain")))]
pub(super) async fn metrics(State(api): State<Api>, caller: Caller) -> Answer<Response> {
    let text = api.run(move |vault| gathered(vault, &caller)).await?;
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response())
}

fn gathered(vault: &Vault, caller: &Caller) -> Answer<String> {
    let now = Timestamp::now();
    let mut statuses = databases::statuses(vault, now)?;
    statuses.retain(|status| caller.sees(&status.database.id));
    let seen = |job: &Job| job.database.as_ref().map_or(caller.0.databases.is_none(), |id| caller.sees(id));
    let open = jobs::jobs(vault, &JobFilter { open: true, ..JobFilter::default() })?;
    let count = |state| open.iter().filter(|(job, _)| job.state == state && seen(job)).count() as u64;
    Ok(written(
        &statuses,
        &[(JobState::Queued, count(JobState::Queued)), (JobState::Running, count(JobState::Running))],
        storage::free_bytes(vault),
    ))
}

/// A family of samples: its name, what it is, and the value of each database that has one.
type Family = (&'static str, &'static str, fn(&DatabaseStatus) -> Option<i64>);

const FAMILIES: [Family; 12] = [
    ("keepstone_database_at_risk", "1 if the database is at risk or failed.", |status| Some(i64::from(status.is_at_risk()))),
    ("keepstone_newest_good_backup_timestamp_seconds", "When the newest good backup was taken; 0 if there is none.", |status| {
        Some(seconds(status.newest_good_at).unwrap_or(0))
    }),
    ("keepstone_objective_seconds", "How old the newest good backup may be.", |status| whole(status.objective_secs)),
    ("keepstone_next_run_timestamp_seconds", "When the next scheduled backup is due.", |status| seconds(status.next_run_at)),
    ("keepstone_backups", "Complete backups.", |status| whole(status.backup_count)),
    ("keepstone_archive_bytes", "The bytes of their archives.", |status| whole(status.archive_size_bytes)),
    ("keepstone_database_bytes", "The size of the database when it was last backed up.", |status| status.size_bytes.and_then(whole)),
    ("keepstone_backups_lost", "Backups that no known password opens.", |status| whole(status.lost_count)),
    ("keepstone_newest_backup_unchecked", "1 if a backup after the newest good one could not be checked.", |status| {
        Some(i64::from(status.unchecked.is_some()))
    }),
    ("keepstone_concerns", "How many things keep the database from being safe.", |status| whole(status.concerns.len() as u64)),
    ("keepstone_last_cleanup_timestamp_seconds", "When cleanup last went through.", |status| seconds(status.cleanup.last_at)),
    ("keepstone_cleanup_late", "1 if cleanup should have run by now.", |status| Some(i64::from(status.cleanup.late))),
];

fn seconds(at: Option<Timestamp>) -> Option<i64> {
    at.map(Timestamp::as_second)
}

fn whole(count: u64) -> Option<i64> {
    i64::try_from(count).ok()
}

/// Ids are slugs and states are words: nothing in a label needs escaping.
fn written(statuses: &[DatabaseStatus], jobs: &[(JobState, u64)], free_bytes: Option<u64>) -> String {
    let mut text = String::new();
    let mut family = |name: &str, help: &str, samples: &[(String, String)]| {
        if samples.is_empty() {
            return;
        }
        let mut lines = format!("# HELP {name} {help}\n# TYPE {name} gauge\n");
        for (labels, value) in samples {
            // Writing into a string does not fail.
            let _ = if labels.is_empty() { writeln!(lines, "{name} {value}") } else { writeln!(lines, "{name}{{{labels}}} {value}") };
        }
        text.push_str(&lines);
    };
    let of = |status: &DatabaseStatus| format!("database=\"{}\"", status.database.id);
    let version = [(format!("version=\"{}\"", env!("CARGO_PKG_VERSION")), "1".to_owned())];
    family("keepstone_build_info", "The version that runs.", &version);
    let states: Vec<_> =
        statuses.iter().map(|status| (format!("{},state=\"{}\"", of(status), status.state.as_str()), "1".to_owned())).collect();
    family("keepstone_database_state", "The state of each database: protected, running, unproven, paused, at_risk or failed.", &states);
    for (name, help, value) in FAMILIES {
        let samples: Vec<_> = statuses.iter().filter_map(|status| Some((of(status), value(status)?.to_string()))).collect();
        family(name, help, &samples);
    }
    let jobs: Vec<_> = jobs.iter().map(|(state, count)| (format!("state=\"{}\"", state.as_str()), count.to_string())).collect();
    family("keepstone_jobs", "Jobs that wait or run.", &jobs);
    let free: Vec<_> = free_bytes.iter().map(|bytes| (String::new(), bytes.to_string())).collect();
    family("keepstone_free_bytes", "Free on the disk of the backups; not there while that is away.", &free);
    text
}
