//! What a restore into a server would meet there: gathered here, changed nothing.

use keepstone_model::{
    database::Database,
    human,
    id::BackupId,
    metadata::{Form, Metadata, PostgresSource},
    restore::{Binding, Target},
};

use super::{
    carried::carried,
    fault::Fault,
    inspect, live,
    location::Location,
    names::literal,
    open::{Connection, reach_for_restore},
    properties::{self, Sort, Statement},
    restore::{hindrance, refuse_missing_roles, roles},
    settings::Environment,
    subscriptions,
    toc::Entry,
    tools::{self, Client, Version},
};
use crate::{
    Error, Result, Vault,
    restore::{Goal, NO_BINDING, PutBack, Space, Standing, gone, last_restore},
};

/// A database that can be connected to while another is made or renamed.
const MAINTENANCE: [&str; 2] = ["postgres", "template1"];

/// The same server by the other's role, in a database that is not the one to be changed.
pub(super) fn maintenance_of(location: &Location, admin: &Location) -> Location {
    Location { user: admin.user.clone(), password: admin.password.clone(), ..location.with_database(MAINTENANCE[0]) }
}

/// Connects to a database of the server that is not the one named.
pub(super) fn maintenance(location: &Location, environment: &Environment) -> Result<Connection> {
    let mut refused = None;
    for name in MAINTENANCE.into_iter().filter(|name| *name != location.database) {
        match Connection::open(&location.with_database(name), environment) {
            Ok(connection) => return Ok(connection),
            Err(error) => {
                refused.get_or_insert(error);
            }
        }
    }
    Err(refused.unwrap_or_else(|| Error::Internal("no database to connect to".to_owned())))
}

/// Where a new database goes, with the role that makes it: the database's own server by what the vault knows, any other by its URL.
pub(super) fn target(vault: &Vault, database: &Database, url: &str) -> Result<(Location, std::sync::Arc<Environment>)> {
    let (own, environment) = reach_for_restore(vault, database)?;
    let wished = Location::of(url, &environment)?;
    let location = if wished.is_same_server(&own) { own.with_database(&wished.database) } else { environment.with_password(&wished) };
    Ok((location, environment))
}

/// The tools that restore a backup into a server: as new as either side asks.
pub(super) fn client(environment: &Environment, metadata: &Metadata, server: Version) -> Result<Client> {
    let dumped = dumped_by(metadata).max(server.major);
    tools::choose(&tools::clients(environment), Version { major: dumped, minor: 0 }, "pg_restore")
}

/// The series of the `pg_dump` that made a backup; an older `pg_restore` does not read it.
fn dumped_by(metadata: &Metadata) -> u32 {
    let said = metadata.source.postgres.as_ref().and_then(|source| source.client_version.split('.').next()?.parse().ok());
    said.unwrap_or(0)
}

/// A database that does not exist yet, on the server of this one: its URL. `name`: else it is called after database and backup.
pub fn new_database(vault: &Vault, database: &Database, backup: &BackupId, name: Option<&str>) -> Result<Target> {
    let (location, _) = super::open::reach(vault, database)?;
    let ending = backup.as_str().rsplit('_').take(2).collect::<Vec<_>>();
    let ending = ending.into_iter().rev().collect::<Vec<_>>().join("_").to_ascii_lowercase();
    let name = name.map_or_else(|| super::names::with_ending(&location.database, &format!("_{ending}")), str::to_owned);
    if name.is_empty() || name.len() > super::names::NAME_MAX_BYTES || name.contains('\0') {
        return Err(Error::Invalid { field: "to", message: "a database's name has 1 to 63 bytes".to_owned() });
    }
    Ok(Target::NewDatabase { location: location.with_database(&name).url() })
}

/// The same at a URL; its password is kept in memory, for as long as this process runs.
pub fn new_database_at(vault: &Vault, url: &str) -> Result<Target> {
    let environment = vault.surroundings().get();
    let location = Location::of(url, &environment)?;
    let target = Target::NewDatabase { location: location.url() };
    if location.password.is_some() {
        let mut environment = (*environment).clone();
        environment.lent.push(location);
        vault.surroundings().set(environment);
    }
    Ok(target)
}

pub(super) fn source(metadata: &Metadata) -> PostgresSource {
    metadata.source.postgres.clone().unwrap_or_default()
}

pub(super) fn plan(
    vault: &Vault,
    database: &Database,
    metadata: Option<&Metadata>,
    goal: &Target,
    safety_backup: bool,
    warnings: &mut Vec<String>,
) -> Result<Goal> {
    let of_backup = || metadata.ok_or_else(|| Error::Internal("a restore of no backup".to_owned()));
    match goal {
        Target::NewDatabase { location } => {
            let (location, environment) = target(vault, database, location)?;
            let mut connection = maintenance(&location, &environment)?;
            refuse_existing(&mut connection, &location.database)?;
            let metadata = of_backup()?;
            look_at_server(&mut connection, &environment, metadata, warnings)?;
            let entries = contents(vault, metadata)?;
            look_at_contents(&mut connection, entries.as_deref(), warnings)?;
            tell_carried(&mut connection, &location.database, metadata, entries.as_deref(), warnings)?;
            Ok(Goal { live: None, ..nothing_known(NO_BINDING) })
        }
        Target::Replace => over_live(vault, database, of_backup()?, safety_backup, warnings),
        Target::PutBack { name } => {
            let (location, environment) = reach_for_restore(vault, database)?;
            let mut connection = maintenance(&location, &environment)?;
            if oid(&mut connection, name)?.is_none() {
                return Err(Error::UndoRefused { reason: gone(name) });
            }
            may_swap(&mut connection, &location.database)?;
            let old = live::state(&location.with_database(name), &environment)?;
            let now = live::state(&location, &environment)?;
            warnings
                .push("What was written since the restore is in the database that makes way; it is kept under another name.".to_owned());
            let binding = binding(&now, last_restore(vault, &database.id)?);
            let sessions = Some(tell_sessions(&mut connection, &location.database, warnings)?);
            let put_back = Some(PutBack { tables: old.tables, size_bytes: old.size_bytes });
            Ok(Goal { live: Some(now.tables), sessions, put_back, ..nothing_known(binding) })
        }
        Target::InPlace => super::in_place::plan(vault, database, of_backup()?, warnings),
        Target::NewFile { .. } => Err(Error::Internal("a file is no database".to_owned())),
    }
}

pub(super) fn nothing_known(binding: Binding) -> Goal {
    Goal {
        live: None,
        standing: Standing::Database,
        holders: Vec::new(),
        space: Space::unknown(),
        writers_wait_ms: None,
        sessions: None,
        put_back: None,
        binding,
    }
}

fn over_live(vault: &Vault, database: &Database, metadata: &Metadata, safety_backup: bool, warnings: &mut Vec<String>) -> Result<Goal> {
    let (location, environment) = reach_for_restore(vault, database)?;
    let mut connection = maintenance(&location, &environment)?;
    look_at_server(&mut connection, &environment, metadata, warnings)?;
    let entries = contents(vault, metadata)?;
    look_at_contents(&mut connection, entries.as_deref(), warnings)?;
    let last_restore = last_restore(vault, &database.id)?;
    if oid(&mut connection, &location.database)?.is_none() {
        warnings.push(format!("There is no database \"{}\" on the server now: the backup is put in its place.", location.database));
        tell_carried(&mut connection, &location.database, metadata, entries.as_deref(), warnings)?;
        let live = Some(std::collections::BTreeMap::new());
        return Ok(Goal { live, standing: Standing::NoDatabase, ..nothing_known(Binding { last_restore, ..NO_BINDING }) });
    }
    may_swap(&mut connection, &location.database)?;
    properties::refuse_tablespace(&mut connection, &location.database)?;
    let refused = properties::refused(&mut connection, &location.database)?;
    if !refused.is_empty() {
        warnings.push(format!(
            "These settings of the live database may only be made by another role, and are lost if nobody makes them again: {};",
            refused.join("; ")
        ));
    }
    let state = live::state(&location, &environment)?;
    if state.estimated > 0 {
        warnings.push(format!("The rows of {} tables are the server's estimates: counting them would take too long.", state.estimated));
    }
    let sessions = tell_sessions(&mut connection, &location.database, warnings)?;
    warnings.push(if safety_backup {
        let hours = super::replace::KEPT_FOR_SECS / 3600;
        format!(
            "The present database ({}) stays on the server under another name for {hours} hours, so the server needs room for both.",
            human::bytes(state.size_bytes)
        )
    } else {
        format!("The server needs room for both databases until the old one ({}) is removed.", human::bytes(state.size_bytes))
    });
    Ok(Goal { sessions: Some(sessions), live: Some(state.tables.clone()), ..nothing_known(binding(&state, last_restore)) })
}

pub(super) fn binding(state: &live::State, last_restore: Option<String>) -> Binding {
    Binding {
        target_identity: Some(format!("oid {}", state.oid)),
        target_schema_hash: Some(state.schema_hash.clone()),
        last_restore,
        ..NO_BINDING
    }
}

fn tell_sessions(connection: &mut Connection, database: &str, warnings: &mut Vec<String>) -> Result<u64> {
    let sessions = live::sessions(connection, database)?;
    let count = sessions.iter().map(|(_, count)| count).sum();
    if count > 0 {
        let who: Vec<String> = sessions.iter().take(5).map(|(who, count)| format!("{count} of {who}")).collect();
        warnings.push(format!("The applications are disconnected at that moment and must connect again: {}.", who.join(", ")));
    }
    Ok(count)
}

/// The number by which the server knows a database, which no other ever gets.
pub(super) fn oid(connection: &mut Connection, database: &str) -> Result<Option<u32>> {
    let rows = connection.rows(&format!("SELECT oid FROM pg_database WHERE datname = {}", literal(database)))?;
    Ok(rows.first().map(|row| row.get(0)))
}

pub(super) fn refuse_existing(connection: &mut Connection, database: &str) -> Result<()> {
    match oid(connection, database)? {
        Some(_) => Err(Fault::DatabaseExists { server: connection.location.server(), name: database.to_owned() }.into()),
        None => Ok(()),
    }
}

/// The tools, the versions, and the right to make a database.
fn look_at_server(connection: &mut Connection, environment: &Environment, metadata: &Metadata, warnings: &mut Vec<String>) -> Result<()> {
    let version = connection.version()?;
    client(environment, metadata, version)?;
    let source = source(metadata);
    let dumped = Version::of_number(source.server_version_num);
    if dumped.major > version.major {
        warnings.push(format!(
            "The backup is of a server of version {}, and this one is {version}: an older server may refuse what a newer one knows.",
            dumped.major
        ));
    }
    if let Some(why) = hindrance(connection, &source.roles)? {
        warnings.push(format!("Everything will belong to the restoring role, and nobody else gets rights on it: {why}."));
    }
    let row = connection.row("SELECT rolcreatedb OR rolsuper, current_user::text FROM pg_roles WHERE rolname = current_user")?;
    if row.get::<_, bool>(0) {
        return Ok(());
    }
    let user: String = row.get(1);
    let sql = format!(
        "ALTER ROLE {} CREATEDB; or leave the backup's role as it is and give the vault another one for restores: `keepstone db edit DB --admin-url-file F`",
        super::names::quoted(&user)
    );
    Err(Fault::NoRights { user, what: "make a database".to_owned(), sql }.into())
}

/// The table of contents of a backup; none where it is a script.
fn contents(vault: &Vault, metadata: &Metadata) -> Result<Option<Vec<Entry>>> {
    let archive = vault.open_archive(&vault.archive_path(&metadata.backup_id))?;
    if archive.form() == Form::Sql {
        return Ok(None);
    }
    match inspect::entries(&archive, &crate::Silent) {
        Ok(entries) => Ok(Some(entries)),
        // What is wrong with it the checks say, before any server is touched.
        Err(Error::ArchiveCorrupt { .. }) => Ok(Some(Vec::new())),
        Err(error) => Err(error),
    }
}

fn look_at_contents(connection: &mut Connection, entries: Option<&[Entry]>, warnings: &mut Vec<String>) -> Result<()> {
    let entries = entries.unwrap_or_default();
    refuse_missing_roles(connection, entries)?;
    warnings.extend(subscriptions::told(entries));
    Ok(())
}

/// What of the database itself a new one will lack, where no live one gives it that.
fn tell_carried(
    connection: &mut Connection,
    name: &str,
    metadata: &Metadata,
    entries: Option<&[Entry]>,
    warnings: &mut Vec<String>,
) -> Result<()> {
    let Some(entries) = entries else {
        warnings.push(
            "This backup is a script, which holds nothing of the database itself: the restoring role will own it, everybody may connect, and its settings, \
             limits and comment are to be made again."
                .to_owned(),
        );
        return Ok(());
    };
    let (known, rightless) = (roles(connection)?, hindrance(connection, &source(metadata).roles)?.is_some());
    let carried = carried(entries);
    let is_lost = |statement: &&Statement| {
        (rightless && statement.sort == Sort::Right) || statement.role.as_ref().is_some_and(|role| !known.contains(role))
    };
    let lost: Vec<String> = carried.statements.iter().filter(is_lost).map(|statement| statement.of(name)).collect();
    if !lost.is_empty() {
        warnings.push(format!("Of the database itself this cannot be set here, and is to be made again: {};", lost.join("; ")));
    }
    Ok(())
}

/// Whether this role may rename the live database and end its sessions, and whether anything else keeps it.
fn may_swap(connection: &mut Connection, database: &str) -> Result<()> {
    let row = connection.row(&format!(
        "SELECT r.rolsuper OR pg_has_role(d.datdba, 'USAGE'), r.rolsuper OR pg_has_role('pg_signal_backend', 'USAGE'), current_user::text, \
                pg_get_userbyid(d.datdba)::text \
         FROM pg_database d, pg_roles r WHERE d.datname = {} AND r.rolname = current_user",
        literal(database)
    ))?;
    let (user, owner): (String, String) = (row.get(2), row.get(3));
    let role = super::names::quoted(&user);
    if !row.get::<_, bool>(0) {
        let sql = format!("GRANT {} TO {role};", super::names::quoted(&owner));
        return Err(Fault::NoRights { user, what: format!("give {database} another name: it belongs to {owner}"), sql }.into());
    }
    if !row.get::<_, bool>(1) {
        let others: Vec<_> =
            live::sessions(connection, database)?.into_iter().filter(|(who, _)| !who.ends_with(&format!("({user})"))).collect();
        if !others.is_empty() {
            let sql = format!("GRANT pg_signal_backend TO {role};");
            return Err(Fault::NoRights { user, what: format!("end the sessions of others in {database}"), sql }.into());
        }
    }
    let obstacles = live::obstacles(connection, database)?;
    if obstacles.is_empty() {
        return Ok(());
    }
    Err(Fault::NotReplaceable { detail: format!("{database} cannot get another name: {}", obstacles.join("; ")) }.into())
}
