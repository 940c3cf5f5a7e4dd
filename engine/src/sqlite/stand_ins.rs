//! Stand-ins for what only an application has: its collations, functions and modules. With them SQLite can look at all pages and cells of a file; the
//! order of an index and what a virtual table means they cannot tell, so a connection that has them is asked for nothing else.

use rusqlite::{Connection, ffi, functions::FunctionFlags, types::Null};

use super::{content::provide_collations, fault};

/// From now on the connection knows of no module, so that the check passes over the tables of all of them. One whose module cannot make it (a tokenizer
/// is missing, say) would keep the whole file from being looked at.
pub(super) fn provide(connection: &Connection) -> rusqlite::Result<()> {
    provide_collations(connection)?;
    forget_modules(connection)?;
    // A table that was met already keeps its module until the schema is read again.
    connection.execute_batch("PRAGMA writable_schema=RESET")
}

#[expect(unsafe_code, reason = "rusqlite has no call for it")]
fn forget_modules(connection: &Connection) -> rusqlite::Result<()> {
    // Pages are still read by this one.
    let mut kept = [c"sqlite_dbpage".as_ptr(), std::ptr::null()];
    // SAFETY: the connection is open, and the list of names ends with a null; SQLite keeps neither. <https://www.sqlite.org/c3ref/drop_modules.html>
    match unsafe { ffi::sqlite3_drop_modules(connection.handle(), kept.as_mut_ptr()) } {
        ffi::SQLITE_OK => Ok(()),
        code => Err(rusqlite::Error::SqliteFailure(ffi::Error::new(code), None)),
    }
}

/// Does `work`, again whenever it lacks a function, which by then is there: one that is NULL for everything. Where one fails for what a row holds (JSON
/// that is none, say), all become that.
pub(super) fn aided<T>(connection: &Connection, work: impl Fn() -> rusqlite::Result<T>) -> rusqlite::Result<T> {
    let (mut provided, mut all) = (Vec::new(), false);
    loop {
        let error = match work() {
            Err(error) if fault::is_sql(&error) => error,
            done => return done,
        };
        let said = fault::detail(&error);
        match missing_function(&said) {
            Some(name) if !provided.iter().any(|known| known == name) => {
                provide_function(connection, name)?;
                provided.push(name.to_owned());
            }
            _ if all => return Err(error),
            _ => {
                let mut known = connection.prepare("SELECT DISTINCT name FROM temp.pragma_function_list")?;
                let known = known.query_map([], |row| row.get::<_, String>(0))?.collect::<rusqlite::Result<Vec<_>>>()?;
                known.iter().try_for_each(|name| provide_function(connection, name))?;
                all = true;
            }
        }
    }
}

fn provide_function(connection: &Connection, name: &str) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC | FunctionFlags::SQLITE_INNOCUOUS;
    connection.create_scalar_function(name, -1, flags, |_| Ok(Null))
}

fn missing_function(said: &str) -> Option<&str> {
    let name = ["unknown function: ", "no such function: ", "unsafe use of ", "non-deterministic use of "]
        .iter()
        .find_map(|begin| said.strip_prefix(begin))?;
    Some(name.split_once("()").map_or(name, |(name, _)| name))
}
