//! The server functions of jobs, and what they return.

use keepstone_model::{
    id::JobId,
    job::{JobState, Progress, Step, Verb},
};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{error::AppError, ui::Moment};

#[cfg(feature = "ssr")]
use crate::{local, words::shared};
#[cfg(feature = "ssr")]
use {
    super::live_progress::step_of,
    crate::{
        error::sentence,
        server::{answer, blocking, log_in_zone, person, person_with, zone},
    },
    jiff::tz::TimeZone,
    keepstone_engine::jobs::{self, JobFilter},
    keepstone_model::{Timestamp, access::Role, job::Job},
};

/// One row of the list, and the head of a job's page.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobRow {
    pub id: JobId,
    pub verb: Verb,
    pub state: JobState,
    /// Done, and the database that it left is damaged.
    pub unsound: bool,
    pub database: Option<String>,
    pub backup: Option<String>,
    pub created: Moment,
    pub created_by: String,
    /// From its start to its end, e.g. `38 s`; empty before that.
    pub took: String,
    /// What came out, or why it failed: one sentence.
    pub said: String,
    pub progress: Option<Progress>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobList {
    pub rows: Vec<JobRow>,
    pub databases: Vec<String>,
}

/// One job with everything its page shows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobDetail {
    pub row: JobRow,
    pub steps: Vec<Step>,
    /// The last step that it reached, for a job that is over.
    pub reached: Option<Step>,
    pub cancel_requested: bool,
    pub error_code: Option<String>,
    pub hint: Option<String>,
    pub started: Option<Moment>,
    pub finished: Option<Moment>,
    pub log: Vec<String>,
    pub can_undo: bool,
    /// For a restore into a new file or a new database: which.
    pub new_path: Option<String>,
    pub safety_backup: Option<String>,
    /// For a restore in a live database's place on a server: how the one before is called now, and until when it is kept.
    pub kept: Option<(String, Option<Moment>)>,
    /// What a server kept is in its place again; no backup was restored.
    pub put_back: bool,
    /// For a restore over the live database that was not found sound afterwards: what was found.
    pub unsound: Option<String>,
    pub may_operate: bool,
}

#[server(prefix = "/fn", endpoint = "jobs/list")]
pub async fn list(#[server(default)] db: String, #[server(default)] state: String) -> Result<JobList, AppError> {
    person_with(Role::Viewer)?;
    let (zone, now) = (zone(), Timestamp::now());
    blocking(move |vault| {
        let filter = JobFilter {
            database: db.parse().ok(),
            state: JobState::ALL.into_iter().find(|known| known.as_str() == state),
            open: false,
            limit: Some(100),
        };
        Ok(JobList {
            rows: jobs::jobs(vault, &filter)?.iter().map(|(job, progress)| row(job, progress.clone(), now, &zone)).collect(),
            databases: keepstone_engine::databases::databases(vault)?.into_iter().map(|database| database.id.to_string()).collect(),
        })
    })
    .await
}

#[server(prefix = "/fn", endpoint = "jobs/show")]
pub async fn show(id: String) -> Result<JobDetail, AppError> {
    let person = person()?;
    let id = job_id(&id)?;
    let (zone, now) = (zone(), Timestamp::now());
    let found = blocking(move |vault| jobs::job(vault, &id)).await?;
    let job = &found.job;
    Ok(JobDetail {
        row: row(job, found.progress.clone(), now, &zone),
        steps: steps(&found),
        reached: reached(&found),
        cancel_requested: job.cancel_requested,
        error_code: job.error.as_ref().map(|error| error.code.clone()),
        hint: job.error.as_ref().and_then(|error| error.hint.clone()),
        started: job.started_at.map(|at| Moment::new(at, now, &zone)),
        finished: job.finished_at.map(|at| Moment::new(at, now, &zone)),
        can_undo: found.can_undo,
        new_path: found.restored_path.clone().filter(|_| !found.replaced),
        safety_backup: found.safety_backup.as_ref().map(ToString::to_string),
        kept: found.kept.as_ref().map(|kept| (kept.name.clone(), kept.until.map(|until| Moment::new(until, now, &zone)))),
        put_back: found.kept.is_some() && found.after.is_none() && job.state == JobState::Done,
        unsound: found.after.as_ref().filter(|after| after.looked && !after.sound).map(|after| sentence(&after.integrity)),
        may_operate: person.role >= Role::Operator,
        log: log_in_zone(found.log, job.started_at, &zone),
    })
}

/// Asks a job to stop, and leads back to it. One that is over stays as it is.
#[server(prefix = "/fn", endpoint = "jobs/cancel")]
pub async fn cancel(id: String) -> Result<(), AppError> {
    let person = person_with(Role::Operator)?;
    let id = job_id(&id)?;
    let address = format!("/jobs/{id}");
    blocking(move |vault| jobs::cancel(vault, &id, &person.name)).await?;
    leptos_axum::redirect(&address);
    Ok(())
}

#[cfg(feature = "ssr")]
fn job_id(text: &str) -> Result<JobId, AppError> {
    text.parse().map_err(|_| answer(AppError::new(404, "unknown_job", shared::no_such_job())))
}

#[cfg(feature = "ssr")]
fn row(job: &Job, progress: Option<Progress>, now: Timestamp, zone: &TimeZone) -> JobRow {
    let took = job.started_at.zip(job.finished_at).map(|(start, end)| end.duration_since(start).as_millis());
    let failed = job.error.as_ref().map(|error| error.message.clone());
    let said = job.outcome.clone().or(failed);
    JobRow {
        id: job.id.clone(),
        verb: job.verb,
        state: job.state,
        unsound: job.is_done_unsound(),
        database: job.database.as_ref().map(ToString::to_string),
        backup: job.backup.as_ref().map(ToString::to_string),
        created: Moment::new(job.created_at, now, zone),
        created_by: job.created_by.clone(),
        took: took.map(|ms| local::duration_ms(u64::try_from(ms).unwrap_or(0))).unwrap_or_default(),
        said: said.as_deref().map(sentence).unwrap_or_default(),
        progress,
    }
}

/// The step that a line of the log begins, if it does: a job logs each step's title.
#[cfg(feature = "ssr")]
fn begun(line: &str) -> Option<Step> {
    let text = line.split_once(' ')?.1;
    let steps = [Verb::Create, Verb::Restore, Verb::Cleanup, Verb::Import].into_iter().flat_map(Verb::steps);
    steps.copied().find(|step| step.title() == text)
}

#[cfg(feature = "ssr")]
fn reached(found: &jobs::JobDetail) -> Option<Step> {
    found.log.iter().rev().find_map(|line| begun(line)).map(|step| step_of(found.job.verb, step))
}

/// The steps of its verb. The safety backup is one only where it is made: that is known once it began, or once something after it did.
#[cfg(feature = "ssr")]
fn steps(found: &jobs::JobDetail) -> Vec<Step> {
    let began = |step| found.log.iter().any(|line| begun(line) == Some(step));
    let skipped = found.job.state.is_over() || began(Step::Write);
    found.job.verb.steps().iter().copied().filter(|&step| step != Step::SafetyBackup || began(step) || !skipped).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_tells_how_far_a_job_came() {
        assert_eq!(begun("12:00:00 Read back and check"), Some(Step::Prove));
        assert_eq!(begun("12:00:00 Safety backup"), Some(Step::SafetyBackup));
        assert_eq!(begun("12:00:00 the state before is kept in x"), None);
        assert_eq!(begun(""), None);
    }
}
