//! Everything that touches a SQLite file: opening a source, streaming a snapshot, looking into an image, writing a restore. Live databases
//! are only ever opened through SQLite itself: opening and closing such a file by other means drops SQLite's locks in this process
//! (<https://www.sqlite.org/howtocorrupt.html>, 2.2).

pub mod content_hash;
pub mod health;
pub mod inspect;
pub mod live;
pub mod location;
pub mod open;
pub mod replace;
pub mod snapshot;
pub mod unopenable;

mod census;
mod checkpoints;
pub(crate) mod committed;
pub(crate) mod content;
pub(crate) mod driver;
mod fault;
pub(crate) mod holders;
pub(crate) mod load;
mod names;
pub(crate) mod pace;
mod pages;
pub(crate) mod reading;
mod reads;
mod remarks;
pub(crate) mod scratch;
pub(crate) mod second_look;
mod spool;
mod stand_ins;
mod still;
mod watch;

pub(crate) use fault::is_of_a_limit;
pub(crate) use inspect::AS_A_WHOLE;
pub(crate) use watch::told_to_stop;

/// How long a verb waits for a lock that an application holds, before it says so.
pub const BUSY_WAIT: std::time::Duration = std::time::Duration::from_secs(30);

/// The SQLite that this program carries, e.g. `3.53.0`.
pub fn version() -> &'static str {
    rusqlite::version()
}

#[cfg(test)]
mod tests;
