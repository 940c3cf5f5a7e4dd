//! Databases of ours that are not whole yet: each says of itself which job makes it, so that what a fault leaves is found and removed.

use std::time::{Duration, Instant};

use keepstone_model::id::JobId;

use super::{
    fault::Fault,
    names::{literal, quoted},
    open::Connection,
    settings::Environment,
    subscriptions,
};
use crate::{Error, Monitor, Result, Vault};

/// How an unfinished database is called: this, the job that makes it, and something that tells two of one job apart.
const TEMPORARY: &str = "keepstone_tmp_";
/// Its comment, for whoever comes across it.
const UNFINISHED: &str = "keepstone: unfinished, job ";
/// How long a server that went away is waited for.
const PATIENCE: Duration = Duration::from_secs(30);
const ASK_EVERY: Duration = Duration::from_millis(250);

pub(super) fn name_for(job: &JobId) -> String {
    format!("{TEMPORARY}{job}_{:04x}", crate::jobs::random() & 0xffff)
}

pub(super) fn comment_for(job: &JobId) -> String {
    format!("{UNFINISHED}{job}")
}

/// The job that an unfinished database is of.
fn job_of(name: &str, comment: Option<&str>) -> Option<JobId> {
    let rest = name.strip_prefix(TEMPORARY)?;
    let by_comment = comment.and_then(|comment| comment.strip_prefix(UNFINISHED)).and_then(|job| job.parse().ok());
    by_comment.or_else(|| rest.rsplit_once('_')?.0.parse().ok())
}

/// Removes a database of ours.
pub(super) fn drop_database(maintenance: &mut Connection, environment: &Environment, name: &str) -> Result<()> {
    end_sessions(maintenance, name)?;
    subscriptions::remove(maintenance, environment, name)?;
    maintenance.run(&format!("DROP DATABASE IF EXISTS {}", quoted(name)))
}

/// The same after a fault, which may be that the server went away: then it is waited for.
pub(super) fn drop_after_fault(maintenance: &mut Connection, environment: &Environment, name: &str, monitor: &dyn Monitor) {
    let mut dropped = drop_database(maintenance, environment, name);
    if matches!(&dropped, Err(error) if is_lost(error)) {
        monitor.log("waiting for the server to come back, to remove what was begun");
        dropped = again(maintenance, environment, monitor).and_then(|mut maintenance| drop_database(&mut maintenance, environment, name));
    }
    if let Err(error) = dropped {
        monitor.log(&format!("{name} is still on the server: the next restore there removes it, or the next day ({error})"));
        tracing::warn!(database = name, %error, "an unfinished database could not be removed");
    }
}

/// A connection like one that was lost, as soon as the server answers again; gives up after a while, or when nobody wants it any more.
pub(super) fn again(lost: &Connection, environment: &Environment, monitor: &dyn Monitor) -> Result<Connection> {
    let began = Instant::now();
    loop {
        match Connection::open(&lost.location, environment) {
            Err(error) if is_lost(&error) && began.elapsed() < PATIENCE && !monitor.cancelled() => std::thread::sleep(ASK_EVERY),
            opened => return opened,
        }
    }
}

/// Whether the server is gone, or not there yet.
pub(super) fn is_lost(error: &Error) -> bool {
    matches!(error, Error::Postgres(fault) if matches!(**fault, Fault::Lost { .. } | Fault::Unreachable { .. } | Fault::Full { .. }))
}

fn end_sessions(maintenance: &mut Connection, name: &str) -> Result<()> {
    let ended =
        format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = {} AND pid <> pg_backend_pid()", literal(name));
    maintenance.rows(&ended).map(drop)
}

/// Removes the unfinished databases of this vault's jobs that are over; how many there were. Those of other vaults, and whatever only looks like
/// one, stay; and so does one that the server does not drop, which is in nobody's way.
pub(super) fn remove_leftovers(vault: &Vault, maintenance: &mut Connection) -> Result<u64> {
    let rows = maintenance
        .rows("SELECT datname::text, shobj_description(oid, 'pg_database') FROM pg_database WHERE datname LIKE 'keepstone\\_tmp\\_%'")?;
    let environment = vault.surroundings().get();
    let mut removed = 0;
    for row in rows {
        let (name, comment): (String, Option<String>) = (row.get(0), row.get(1));
        let Some(job) = job_of(&name, comment.as_deref()) else { continue };
        if vault.catalog().get_job(&job)?.is_some_and(|row| row.job.state.is_over()) {
            tracing::info!(database = name, %job, "an unfinished database is removed");
            match drop_database(maintenance, &environment, &name) {
                Ok(()) => removed += 1,
                Err(error) if is_lost(&error) => return Err(error),
                Err(error) => tracing::warn!(database = name, %error, "an unfinished database cannot be removed: drop it by hand"),
            }
        }
    }
    Ok(removed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_told_by_name_or_comment_and_by_nothing_that_only_looks_like_it() {
        let job: JobId = "j-1m8nwnr4jm4vm".parse().unwrap();
        let name = name_for(&job);
        assert!(name.len() <= super::super::names::NAME_MAX_BYTES);
        assert_eq!(job_of(&name, None), Some(job.clone()));
        assert_eq!(job_of("keepstone_tmp_0badcafe", Some(&comment_for(&job))), Some(job.clone()));
        for (name, comment) in
            [("keepstone_tmp_0badcafe", None), ("keepstone_tmp_mine_2", Some("my own")), ("shop", Some(comment_for(&job).as_str()))]
        {
            assert_eq!(job_of(name, comment), None, "{name}");
        }
    }
}
