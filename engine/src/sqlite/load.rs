//! What a script that is loaded needs of SQLite: faults in the engine's words, a watch over it, and a judge over what it does.

use std::path::Path;

use rusqlite::{
    Connection,
    hooks::{AuthContext, Authorization},
};

use super::{fault, watch};
use crate::{Error, Monitor, Result};

pub(crate) fn fault(path: &Path, error: rusqlite::Error) -> Error {
    fault::at(path)(error)
}

/// SQLite's own sentence.
pub(crate) fn detail(error: &rusqlite::Error) -> String {
    fault::detail(error)
}

/// Does `work`, and interrupts it as soon as the person cancels or `verdict` gives a fault.
pub(crate) fn watched<T>(
    connection: &Connection,
    monitor: &dyn Monitor,
    verdict: &(dyn Fn() -> Option<Error> + Sync),
    work: impl FnOnce() -> Result<T>,
) -> Result<T> {
    watch::watched(connection, monitor, verdict, work)
}

/// Asks `judge` about everything that a statement would do. <https://www.sqlite.org/c3ref/set_authorizer.html>
pub(crate) fn authorize(connection: &mut Connection, judge: fn(&AuthContext<'_>) -> Authorization) -> rusqlite::Result<()> {
    connection.authorizer(Some(move |context: AuthContext<'_>| judge(&context)))
}
