//! What belongs to a database itself and not to what is in it: its tablespace, settings, rights to connect, limits. What takes a live database's place
//! gets them from it; where there is none, from the dump.

use super::{
    carried::Carried,
    fault::Fault,
    names::{literal, quoted},
    open::Connection,
};
use crate::{Error, Monitor, Result};

/// A statement about a database, whichever it is.
#[derive(Debug)]
pub(super) struct Statement {
    pub(super) before: String,
    pub(super) after: String,
    pub(super) sort: Sort,
    /// The role without which it cannot be made.
    pub(super) role: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    Setting,
    /// Its limits.
    Limit,
    /// Its owner, and what others may do.
    Right,
}

impl Statement {
    pub(super) fn of(&self, database: &str) -> String {
        format!("{}{}{}", self.before, quoted(database), self.after)
    }
}

/// Gives one what another has. What the server refuses this role is passed over, and named in the log: by now the database is whole.
pub(super) fn copy(connection: &mut Connection, from: &str, to: &str, monitor: &dyn Monitor) -> Result<()> {
    for statement in statements(connection, from)? {
        match connection.run(&statement.of(to)) {
            Err(error) if is_refusal(&error) => {
                monitor.log(&format!("{from} has lost this, which the restoring role may not set ({error}): {};", statement.of(from)));
            }
            done => done?,
        }
    }
    Ok(())
}

/// Gives a database what a dump carries of the one that it was made of; how much of it could not be set, each of which is named in the log.
pub(super) fn give(
    connection: &mut Connection,
    carried: &Carried,
    to: &str,
    shown: &str,
    keep: bool,
    monitor: &dyn Monitor,
) -> Result<u64> {
    let mut unset = 0;
    for statement in &carried.statements {
        let passed = if !keep && statement.sort == Sort::Right {
            Some("no owners and rights are kept".to_owned())
        } else {
            match connection.run(&statement.of(to)) {
                Err(error) if is_refusal(&error) => Some(error.to_string()),
                done => {
                    done?;
                    None
                }
            }
        };
        if let Some(why) = passed {
            monitor.log(&format!("{shown} does not have this of the backup ({why}): {};", statement.of(shown)));
            unset += 1;
        }
    }
    for statement in &carried.unknown {
        monitor.log(&format!("{shown} does not have this of the backup: {statement};"));
        unset += 1;
    }
    Ok(unset)
}

/// What of the settings of a database this role could not give to another: tried on itself, where it changes nothing, and taken back.
pub(super) fn refused(connection: &mut Connection, database: &str) -> Result<Vec<String>> {
    let settings: Vec<Statement> =
        statements(connection, database)?.into_iter().filter(|statement| statement.sort == Sort::Setting).collect();
    if settings.is_empty() {
        return Ok(Vec::new());
    }
    connection.run("BEGIN; SET LOCAL lock_timeout = '1s'")?;
    let mut refused = Vec::new();
    for statement in settings {
        connection.run("SAVEPOINT one")?;
        match connection.run(&statement.of(database)) {
            Err(error) if is_refusal(&error) => refused.push(statement.of(database)),
            done => done?,
        }
        connection.run("ROLLBACK TO SAVEPOINT one")?;
    }
    connection.run("ROLLBACK")?;
    Ok(refused)
}

/// Whether the server says no to this role, or to the statement; not that it is gone.
fn is_refusal(error: &Error) -> bool {
    matches!(error, Error::Postgres(fault) if matches!(**fault, Fault::Denied { .. } | Fault::NoRights { .. } | Fault::Sql { .. }))
}

fn statements(connection: &mut Connection, database: &str) -> Result<Vec<Statement>> {
    let mut statements = Vec::new();
    for row in connection.rows(&format!(
        "SELECT r.rolname::text, unnest(s.setconfig) FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase \
         LEFT JOIN pg_roles r ON r.oid = s.setrole WHERE d.datname = {}",
        literal(database)
    ))? {
        let (role, setting): (Option<String>, String) = (row.get(0), row.get(1));
        let Some((key, value)) = setting.split_once('=') else { continue };
        // Lists are kept quoted already, as `SET` takes them.
        let lists = ["local_preload_libraries", "search_path", "session_preload_libraries", "temp_tablespaces"];
        let value = if lists.contains(&key) { value.to_owned() } else { literal(value) };
        let before = role.as_ref().map_or_else(|| "ALTER DATABASE ".to_owned(), |role| format!("ALTER ROLE {} IN DATABASE ", quoted(role)));
        let key = key.split('.').map(quoted).collect::<Vec<_>>().join(".");
        statements.push(Statement { before, after: format!(" SET {key} TO {value}"), sort: Sort::Setting, role });
    }
    let mut more =
        |sort: Sort, before: &str, after: String| statements.push(Statement { before: before.to_owned(), after, sort, role: None });
    let limit: i32 = connection.row(&format!("SELECT datconnlimit FROM pg_database WHERE datname = {}", literal(database)))?.get(0);
    if limit >= 0 {
        more(Sort::Limit, "ALTER DATABASE ", format!(" CONNECTION LIMIT {limit}"));
    }
    let rights = connection.rows(&format!(
        "SELECT CASE WHEN a.grantee = 0 THEN NULL ELSE pg_get_userbyid(a.grantee)::text END, a.privilege_type::text, a.is_grantable \
         FROM pg_database d, aclexplode(d.datacl) a WHERE d.datname = {}",
        literal(database)
    ))?;
    if !rights.is_empty() {
        more(Sort::Right, "REVOKE ALL ON DATABASE ", " FROM PUBLIC".to_owned());
    }
    for row in rights {
        let (role, right, grantable): (Option<String>, String, bool) = (row.get(0), row.get(1), row.get(2));
        let role = role.map_or_else(|| "PUBLIC".to_owned(), |role| quoted(&role));
        more(
            Sort::Right,
            &format!("GRANT {right} ON DATABASE "),
            format!(" TO {role}{}", if grantable { " WITH GRANT OPTION" } else { "" }),
        );
    }
    Ok(statements)
}

/// The tablespace of a database, where it is not the one that a new database gets by itself.
pub(super) fn tablespace(connection: &mut Connection, database: &str) -> Result<Option<String>> {
    let rows = connection.rows(&format!(
        "SELECT t.spcname::text FROM pg_database d JOIN pg_tablespace t ON t.oid = d.dattablespace \
         WHERE d.datname = {} AND d.dattablespace <> (SELECT dattablespace FROM pg_database WHERE datname = 'template0')",
        literal(database)
    ))?;
    Ok(rows.first().map(|row| row.get(0)))
}

/// Before anything is begun: else the new database would fill another disk.
pub(super) fn refuse_tablespace(connection: &mut Connection, database: &str) -> Result<()> {
    let Some(tablespace) = tablespace(connection, database)? else { return Ok(()) };
    let may = format!("SELECT has_tablespace_privilege({}, 'CREATE'), current_user::text", literal(&tablespace));
    let row = connection.row(&may)?;
    if row.get::<_, bool>(0) {
        return Ok(());
    }
    let user: String = row.get(1);
    let sql = format!("GRANT CREATE ON TABLESPACE {} TO {};", quoted(&tablespace), quoted(&user));
    Err(Fault::NoRights { user, what: format!("make a database in the tablespace {tablespace}, in which {database} is"), sql }.into())
}
