//! Tests of the catalog: rows, jobs, the chain of events, users, opening and migrating.

mod backups;
mod copies;
mod events;
mod jobs;
mod opening;
mod users;
mod watch;
