//! `<data>/live.sqlite`: how far running jobs are, for every process that shows it. Disposable: losing it loses nothing that lasts.

use keepstone_model::{id::JobId, job::Progress};

use crate::Result;

/// The open file of progress. Written without fsync; made anew when it cannot be read.
#[derive(Debug)]
pub struct Live {}

impl Live {
    pub(crate) fn put(&self, _job: &JobId, _progress: &Progress) -> Result<()> {
        todo!()
    }

    pub(crate) fn get(&self, _job: &JobId) -> Result<Option<Progress>> {
        todo!()
    }

    pub(crate) fn all(&self) -> Result<Vec<(JobId, Progress)>> {
        todo!()
    }

    pub(crate) fn forget(&self, _job: &JobId) -> Result<()> {
        todo!()
    }
}
