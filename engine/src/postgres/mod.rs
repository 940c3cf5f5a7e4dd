//! Everything that touches a PostgreSQL server: naming and reaching it, dumping it through `pg_dump`, reading what was dumped without any tool,
//! restoring into a new database, and putting that in the live one's place. A password is only ever in the vault's sealed file, in memory, and
//! in a file of mode 0600 that a child reads while it runs.

pub mod location;
pub mod toc;
pub mod tools;

mod building;
mod carried;
mod child;
mod committed;
mod content;
mod deadline;
mod declared;
pub(crate) mod driver;
mod export;
mod fault;
mod globals;
mod in_place;
pub(crate) mod incoming;
mod inspect;
mod leave_out;
mod live;
mod load;
mod names;
mod objects;
mod open;
mod plain;
mod plan;
mod properties;
mod replace;
mod restore;
mod rewritten;
mod sealed;
mod settings;
mod snapshot;
mod staying;
mod subscriptions;
mod tls;
mod unfinished;

pub use fault::Fault;
pub use settings::{Environment, Surroundings};

pub use plan::{new_database, new_database_at};
pub(crate) use restore::test_restore;

/// How this program is called in `pg_stat_activity`.
const APPLICATION_NAME: &str = "keepstone";

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may stop at once")]
mod tests;
