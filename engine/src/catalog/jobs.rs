//! The rows of jobs, and their logs.

use jiff::Timestamp;
use keepstone_model::{
    id::{DatabaseId, JobId},
    job::Job,
};

use super::Catalog;
use crate::{Result, jobs::JobFilter};

/// A job with what it was asked (JSON of the request) and what came out (JSON, once it is over).
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct JobRow {
    pub job: Job,
    pub request: String,
    pub result: Option<String>,
}

impl Catalog {
    /// Inserts the job, unless a row has the key already; gives back the id of the row that is there now.
    pub(crate) fn add_job(&self, _job: &Job, _request: &str, _key: Option<&str>) -> Result<JobId> {
        todo!()
    }

    /// Makes the oldest queued job whose database has no running job, and is not skipped, a running one.
    pub(crate) fn claim_job(&self, _now: Timestamp, _skip: &dyn Fn(&DatabaseId) -> bool) -> Result<Option<JobRow>> {
        todo!()
    }

    /// Replaces what the row says of the job; `cancel_requested` is only ever set, and a `None` leaves the result.
    pub(crate) fn put_job(&self, _job: &Job, _result: Option<&str>) -> Result<()> {
        todo!()
    }

    pub(crate) fn get_job(&self, _id: &JobId) -> Result<Option<JobRow>> {
        todo!()
    }

    /// The newest first.
    pub(crate) fn list_jobs(&self, _filter: &JobFilter) -> Result<Vec<JobRow>> {
        todo!()
    }

    pub(crate) fn request_cancel(&self, _id: &JobId) -> Result<()> {
        todo!()
    }

    pub(crate) fn cancel_requested(&self, _id: &JobId) -> Result<bool> {
        todo!()
    }

    pub(crate) fn append_log(&self, _id: &JobId, _at: Timestamp, _line: &str) -> Result<()> {
        todo!()
    }

    /// The oldest first.
    pub(crate) fn job_log(&self, _id: &JobId) -> Result<Vec<(Timestamp, String)>> {
        todo!()
    }
}
