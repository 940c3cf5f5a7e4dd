//! The one message of the live feed, for server and browser: what `/events` sends and `/fn/live/poll` answers.
//!
//! Every message is the whole state, never a difference: a message that got lost, came twice or was merged with the next is healed by the
//! next one. The server keeps the newest in a `tokio::sync::watch` channel (`ServerContext`), sends it as `data: {json}` when it changed (at
//! most four times a second) and again every 15 seconds, so that a browser notices a dead connection.

use keepstone_model::{
    id::{DatabaseId, JobId},
    job::{Progress, Verb},
};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct LiveState {
    /// Names the server's process (random): a restarted server counts its revisions anew.
    pub epoch: u64,
    /// Grows with every change of the catalog. A page that was rendered at another revision reloads what it shows.
    pub revision: u64,
    /// Jobs that wait.
    pub queued: u64,
    pub running: Vec<LiveJob>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LiveJob {
    pub id: JobId,
    pub verb: Verb,
    pub database: Option<DatabaseId>,
    /// None in its first moments.
    pub progress: Option<Progress>,
}

impl LiveState {
    pub fn job(&self, id: &JobId) -> Option<&LiveJob> {
        self.running.iter().find(|job| &job.id == id)
    }
}
