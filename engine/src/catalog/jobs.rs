//! The rows of jobs, and their logs.

use jiff::Timestamp;
use keepstone_model::{
    id::{BackupId, DatabaseId, JobId},
    job::{Job, JobState},
};
use rusqlite::{OptionalExtension, Row, named_params, params, params_from_iter, types::Value};

use super::{
    Catalog, meta,
    row::{id, maybe_id, maybe_json, maybe_ms, maybe_time, ms, rounded, time, to_json, word},
};
use crate::{Error, Result, jobs::JobFilter};

/// A job with what it was asked (JSON of the request) and what came out (JSON, once it is over).
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct JobRow {
    pub job: Job,
    pub request: String,
    pub result: Option<String>,
}

impl Catalog {
    /// Inserts the job, unless a row of the same verb, database and (where one is asked for) backup has the key already; gives back the id of
    /// the row that is there now. A key that another job has says nothing about this one: what was asked for is done, without a key.
    pub(crate) fn add_job(&self, job: &Job, request: &str, key: Option<&str>) -> Result<JobId> {
        self.write(|tx| {
            let earlier = tx.query_row("SELECT * FROM jobs WHERE key = ?1", [key], read).optional()?.map(|row| row.job);
            let key = key.filter(|_| earlier.is_none());
            if let Some(earlier) = earlier {
                let same_backup = job.backup.is_none() || earlier.backup == job.backup;
                if earlier.verb == job.verb && earlier.database == job.database && same_backup {
                    return Ok(earlier.id);
                }
            }
            let worker = (job.state == JobState::Running).then(worker);
            tx.prepare_cached(
                "INSERT INTO jobs (id, key, verb, state, database, backup, created_at, created_by, started_at, finished_at,
                     cancel_requested, error, outcome, request, worker_pid, worker_host)
                 VALUES (:id, :key, :verb, :state, :database, :backup, :created_at, :created_by, :started_at, :finished_at,
                     :cancel_requested, :error, :outcome, :request, :worker_pid, :worker_host)",
            )?
            .execute(named_params! {
                ":id": job.id.as_str(),
                ":key": key,
                ":verb": job.verb.as_str(),
                ":state": job.state.as_str(),
                ":database": job.database.as_ref().map(DatabaseId::as_str),
                ":backup": job.backup.as_ref().map(BackupId::as_str),
                ":created_at": ms(job.created_at),
                ":created_by": job.created_by,
                ":started_at": maybe_ms(job.started_at),
                ":finished_at": maybe_ms(job.finished_at),
                ":cancel_requested": job.cancel_requested,
                ":error": job.error.as_ref().map(to_json),
                ":outcome": job.outcome,
                ":request": request,
                ":worker_pid": worker.as_ref().map(|(pid, _)| *pid),
                ":worker_host": worker.as_ref().map(|(_, host)| host.as_str()),
            })?;
            Ok(job.id.clone())
        })
    }

    /// Makes the oldest queued job whose database has no running job, and that is not skipped, a running one; none while as many run as may run at
    /// once. Verifications work on archives only: they neither wait for a database nor keep it.
    pub(crate) fn claim_job(&self, now: Timestamp, skip: &dyn Fn(&Job) -> bool) -> Result<Option<JobRow>> {
        // Looked at without the write lock first: it is asked often, and most times nothing waits.
        if !self.any_claimable()? {
            return Ok(None);
        }
        self.write(|tx| {
            let max_running = meta::job_limits(tx)?.max_running;
            let candidates: Vec<JobRow> =
                tx.prepare_cached(&format!("{CLAIMABLE} ORDER BY number"))?.query_map([max_running], read)?.collect::<Result<_, _>>()?;
            let Some(mut row) = candidates.into_iter().find(|row| !skip(&row.job)) else {
                return Ok(None);
            };
            let (pid, host) = worker();
            row.job.state = JobState::Running;
            row.job.started_at = Some(rounded(now));
            tx.execute(
                "UPDATE jobs SET state = 'running', started_at = ?2, worker_pid = ?3, worker_host = ?4 WHERE id = ?1",
                params![row.job.id.as_str(), ms(now), pid, host],
            )?;
            Ok(Some(row))
        })
    }

    /// Whether a queued job could be claimed now.
    pub(crate) fn any_claimable(&self) -> Result<bool> {
        self.read(|c| Ok(c.prepare_cached(&format!("{CLAIMABLE} LIMIT 1"))?.exists([meta::job_limits(c)?.max_running])?))
    }

    /// Replaces what the row says of the job; `cancel_requested` is only ever set, and a `None` leaves the result.
    pub(crate) fn put_job(&self, job: &Job, result: Option<&str>) -> Result<()> {
        self.write(|tx| {
            let known = tx
                .prepare_cached(
                    "UPDATE jobs SET state = :state, database = :database, backup = :backup, started_at = :started_at,
                         finished_at = :finished_at, cancel_requested = max(cancel_requested, :cancel_requested), error = :error,
                         outcome = :outcome, result = coalesce(:result, result)
                     WHERE id = :id",
                )?
                .execute(named_params! {
                    ":id": job.id.as_str(),
                    ":state": job.state.as_str(),
                    ":database": job.database.as_ref().map(DatabaseId::as_str),
                    ":backup": job.backup.as_ref().map(BackupId::as_str),
                    ":started_at": maybe_ms(job.started_at),
                    ":finished_at": maybe_ms(job.finished_at),
                    ":cancel_requested": job.cancel_requested,
                    ":error": job.error.as_ref().map(to_json),
                    ":outcome": job.outcome,
                    ":result": result,
                })?;
            if known == 0 { Err(Error::UnknownJob { id: job.id.to_string() }.into()) } else { Ok(()) }
        })
    }

    pub(crate) fn get_job(&self, id: &JobId) -> Result<Option<JobRow>> {
        self.read(|c| Ok(c.prepare_cached("SELECT * FROM jobs WHERE id = ?1")?.query_row([id.as_str()], read).optional()?))
    }

    /// The key under which a job was submitted.
    pub(crate) fn job_key(&self, id: &JobId) -> Result<Option<String>> {
        self.read(|c| {
            let mut statement = c.prepare_cached("SELECT key FROM jobs WHERE id = ?1")?;
            Ok(statement.query_row([id.as_str()], |row| row.get(0)).optional()?.flatten())
        })
    }

    /// The newest first.
    pub(crate) fn list_jobs(&self, filter: &JobFilter) -> Result<Vec<JobRow>> {
        self.read(|c| {
            // Only the tests that are asked for, so that an index is used: what is open is asked for at every change.
            let mut tests = vec!["1"];
            let mut values: Vec<Value> = Vec::new();
            if let Some(state) = filter.state {
                tests.push("state = ?");
                values.push(state.as_str().to_owned().into());
            }
            if let Some(database) = &filter.database {
                tests.push("database = ?");
                values.push(database.to_string().into());
            }
            if filter.open {
                tests.push("state IN ('queued', 'running')");
            }
            values.push(filter.limit.map_or(-1, |limit| i64::try_from(limit).unwrap_or(i64::MAX)).into());
            let sql = format!("SELECT * FROM jobs WHERE {} ORDER BY number DESC LIMIT ?", tests.join(" AND "));
            let mut statement = c.prepare_cached(&sql)?;
            let rows = statement.query_map(params_from_iter(&values), read)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// The ids that begin with a text, the newest first; at most `limit`.
    pub(crate) fn jobs_with_prefix(&self, prefix: &str, limit: u32) -> Result<Vec<Job>> {
        self.read(|c| {
            let mut statement = c.prepare_cached(
                "SELECT * FROM jobs WHERE id >= ?1 AND id < ?1 || char(0x10FFFF) AND substr(id, 1, length(?1)) = ?1
                 ORDER BY number DESC LIMIT ?2",
            )?;
            Ok(statement.query_map(params![prefix, limit], |row| Ok(read(row)?.job))?.collect::<Result<_, _>>()?)
        })
    }

    /// Every restore, undo and recovery of a database that is over and may have written, the newest first, each with its place in the order of
    /// jobs. One that failed has a report only if it may be done all the same.
    pub(crate) fn restores_of(&self, database: &DatabaseId) -> Result<Vec<(i64, JobRow)>> {
        self.read(|c| {
            let mut statement = c.prepare_cached(
                "SELECT * FROM jobs WHERE database = ?1 AND verb IN ('restore', 'undo', 'recover')
                     AND (state IN ('done', 'abandoned') OR state = 'failed' AND result <> 'null')
                 ORDER BY number DESC",
            )?;
            Ok(statement.query_map([database.as_str()], |row| Ok((row.get("number")?, read(row)?)))?.collect::<Result<_, _>>()?)
        })
    }

    /// A job's place in the order in which they came.
    pub(crate) fn number_of_job(&self, id: &JobId) -> Result<Option<i64>> {
        self.read(|c| {
            Ok(c.prepare_cached("SELECT number FROM jobs WHERE id = ?1")?.query_row([id.as_str()], |row| row.get(0)).optional()?)
        })
    }

    /// Marks the job as one to stop. A queued one is cancelled by that, in the same step: no worker claims it afterwards.
    pub(crate) fn request_cancel(&self, id: &JobId) -> Result<()> {
        self.write(|tx| {
            let known = tx.execute(
                "UPDATE jobs SET cancel_requested = 1, state = iif(state = 'queued', 'cancelled', state),
                     finished_at = iif(state = 'queued', ?2, finished_at)
                 WHERE id = ?1",
                params![id.as_str(), ms(Timestamp::now())],
            )?;
            if known == 0 { Err(Error::UnknownJob { id: id.to_string() }.into()) } else { Ok(()) }
        })
    }

    pub(crate) fn cancel_requested(&self, id: &JobId) -> Result<bool> {
        self.read(|c| {
            let mut statement = c.prepare_cached("SELECT cancel_requested FROM jobs WHERE id = ?1")?;
            Ok(statement.query_row([id.as_str()], |row| row.get(0)).optional()?.unwrap_or(false))
        })
    }

    pub(crate) fn append_log(&self, id: &JobId, at: Timestamp, line: &str) -> Result<()> {
        self.write(|tx| {
            tx.prepare_cached("INSERT INTO job_log (job, at, line) VALUES (?1, ?2, ?3)")?.execute(params![id.as_str(), ms(at), line])?;
            Ok(())
        })
    }

    /// The oldest first.
    pub(crate) fn job_log(&self, id: &JobId) -> Result<Vec<(Timestamp, String)>> {
        self.read(|c| {
            let mut statement = c.prepare_cached("SELECT at, line FROM job_log WHERE job = ?1 ORDER BY number")?;
            let lines = statement.query_map([id.as_str()], |row| Ok((time(row, "at")?, row.get("line")?)))?;
            Ok(lines.collect::<Result<_, _>>()?)
        })
    }
}

/// The queued jobs whose database no other job works on, as long as fewer of their sort run than may run at once, in all processes together.
/// Verifications work on archives only: they neither wait for a database nor keep it, and are counted apart. Who restores waits for no backup
/// of another database, and a cleanup may be what makes room for them.
const CLAIMABLE: &str = "SELECT * FROM jobs AS waiting WHERE state = 'queued' AND NOT cancel_requested
    AND (verb = 'verify' OR NOT EXISTS (SELECT 1 FROM jobs WHERE state = 'running' AND verb <> 'verify' AND database = waiting.database))
    AND (verb NOT IN ('create', 'verify') OR (SELECT count(*) FROM jobs WHERE state = 'running' AND verb = waiting.verb) < ?1)";

/// Which process runs a job, for a person who looks for it.
fn worker() -> (u32, String) {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    (std::process::id(), host.trim().to_owned())
}

fn read(row: &Row<'_>) -> Result<JobRow, rusqlite::Error> {
    let job = Job {
        id: id(row, "id")?,
        verb: word(row, "verb")?,
        state: word(row, "state")?,
        database: maybe_id(row, "database")?,
        backup: maybe_id(row, "backup")?,
        created_at: time(row, "created_at")?,
        created_by: row.get("created_by")?,
        started_at: maybe_time(row, "started_at")?,
        finished_at: maybe_time(row, "finished_at")?,
        cancel_requested: row.get("cancel_requested")?,
        error: maybe_json(row, "error")?,
        outcome: row.get("outcome")?,
    };
    Ok(JobRow { job, request: row.get("request")?, result: row.get("result")? })
}
