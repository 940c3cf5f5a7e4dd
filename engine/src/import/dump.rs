//! A script of SQLite made into a database again, in a file of our own. The script may come from anywhere: it can do nothing but fill that
//! file, which cannot grow beyond a bound, and a person can stop it at any time.

use std::{
    fs,
    io::{self, Read},
    path::Path,
};

use rusqlite::{
    Connection, OpenFlags,
    config::DbConfig,
    hooks::{AuthAction, AuthContext, Authorization, TransactionOperation},
    limits::Limit,
};

use super::statements::Statements;
use crate::{Error, Monitor, Result, sqlite::load};

/// What a script may set. Any other pragma does nothing.
const PRAGMAS: [&str; 10] = [
    "foreign_keys",
    "ignore_check_constraints",
    "encoding",
    "page_size",
    "auto_vacuum",
    "user_version",
    "application_id",
    "writable_schema",
    "defer_foreign_keys",
    "legacy_alter_table",
];
/// What virtual tables of a script may be of.
const MODULES: [&str; 6] = ["fts3", "fts4", "fts5", "rtree", "rtree_i32", "geopoly"];

/// Runs the whole script into the new file `target`, which may hold `limit_bytes` at most. `origin` is named in faults.
pub(super) fn run(script: &mut dyn Read, target: &Path, origin: &Path, limit_bytes: u64, monitor: &dyn Monitor) -> Result<()> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let fault = |error: rusqlite::Error| load::fault(target, error);
    let mut connection = Connection::open_with_flags(target, flags).map_err(fault)?;
    prepare(&mut connection).map_err(fault)?;
    let too_large = || {
        let grown = ["", "-journal"].iter().any(|suffix| {
            let mut path = target.as_os_str().to_owned();
            path.push(suffix);
            fs::metadata(path).is_ok_and(|file| file.len() > limit_bytes)
        });
        grown.then(|| refused(origin, "too_large", "its content is larger than the disk has room for"))
    };
    load::watched(&connection, monitor, &too_large, || {
        let mut statements = Statements::new(script);
        loop {
            let statement = match statements.next() {
                Ok(Some(statement)) => statement,
                Ok(None) => break,
                Err(error) if monitor.cancelled() => {
                    drop(error);
                    return Err(Error::CancelledHere);
                }
                Err(error) if is_damage(&error) => return Err(refused(origin, "damaged", error.to_string())),
                Err(error) => return Err(Error::io(origin, error)),
            };
            connection.execute_batch(&statement).map_err(|error| {
                let line = statements.line();
                match load::fault(target, error) {
                    Error::Sqlite(error) => {
                        refused(origin, "damaged", format!("SQLite does not take it near line {line}: {}", load::detail(&error)))
                    }
                    // What the judge denies comes back as a missing permission.
                    Error::SourceUnreadable { .. } => refused(origin, "damaged", format!("it does what no dump does, near line {line}")),
                    Error::SourceCorrupt { detail, .. } => {
                        refused(origin, "damaged", format!("SQLite does not take it near line {line}: {detail}"))
                    }
                    other => other,
                }
            })?;
        }
        if connection.is_autocommit() { Ok(()) } else { Err(refused(origin, "damaged", "it ends in the midst of its transaction")) }
    })
}

fn prepare(connection: &mut Connection) -> rusqlite::Result<()> {
    // A dump with virtual tables writes the schema itself, as `.dump` does.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    // The file is nobody's yet: if the process dies, it goes.
    connection.execute_batch("PRAGMA journal_mode=MEMORY; PRAGMA synchronous=OFF; PRAGMA mmap_size=0")?;
    // As the `sqlite3` program loads a script that does not say: a parent that is replaced takes no children with it.
    connection.execute_batch("PRAGMA foreign_keys=OFF")?;
    for (limit, value) in [
        (Limit::SQLITE_LIMIT_ATTACHED, 0),
        (Limit::SQLITE_LIMIT_TRIGGER_DEPTH, 10),
        (Limit::SQLITE_LIMIT_WORKER_THREADS, 0),
        (Limit::SQLITE_LIMIT_SQL_LENGTH, i32::try_from(super::statements::LONGEST_BYTES).unwrap_or(i32::MAX)),
    ] {
        connection.set_limit(limit, value)?;
    }
    load::authorize(connection, judge)
}

/// Whether a script may do a thing. What only reads or fills its own file may be; what reaches out of it or has no end may not.
fn judge(context: &AuthContext<'_>) -> Authorization {
    let known = |list: &[&str], name: &str| list.iter().any(|one| one.eq_ignore_ascii_case(name));
    match context.action {
        // A dump that was given up ends with a rollback.
        AuthAction::Attach { .. }
        | AuthAction::Detach { .. }
        | AuthAction::Recursive
        | AuthAction::Unknown { .. }
        | AuthAction::Transaction { operation: TransactionOperation::Rollback } => Authorization::Deny,
        AuthAction::Pragma { pragma_name, .. } if !known(&PRAGMAS, pragma_name) => Authorization::Ignore,
        AuthAction::CreateVtable { module_name, .. } if !known(&MODULES, module_name) => Authorization::Deny,
        AuthAction::Function { function_name } if known(&["load_extension", "fts3_tokenizer"], function_name) => Authorization::Deny,
        AuthAction::Insert { table_name } | AuthAction::Update { table_name, .. } | AuthAction::Delete { table_name }
            if table_name.eq_ignore_ascii_case("sqlite_dbpage") =>
        {
            Authorization::Deny
        }
        _ => Authorization::Allow,
    }
}

fn refused(origin: &Path, code: &'static str, reason: impl Into<String>) -> Error {
    Error::NotImportable { path: origin.to_owned(), code, reason: reason.into() }
}

fn is_damage(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput | io::ErrorKind::UnexpectedEof | io::ErrorKind::Other)
}
