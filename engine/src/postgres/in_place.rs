//! A restore into the live database itself, for who asks for it: what the backup holds is dropped and made anew, in one transaction, while readers
//! still read. What the backup does not hold stays; it is named before. A new database in its place is the better way, and the default.
//!
//! The tables are locked against writers first, then the safety backup is taken, so that it is of exactly the moment before. Large objects cannot be
//! locked: who writes to them meanwhile has the restore taken back.

use std::{collections::BTreeMap, ffi::OsString, io, path::Path, time::Instant};

use crossbeam_channel::bounded;
use keepstone_model::{
    coverage::Coverage,
    database::Database,
    human,
    id::{BackupId, Kind},
    job::Step,
    metadata::{Compression, Form, Metadata},
    restore::{AfterRestore, RestorePlan},
};

use super::{
    child::{Child, Tool},
    committed,
    content::{self, OWN_RELATIONS, Relation},
    fault::Fault,
    inspect, live, load,
    names::quoted,
    objects::Contents,
    open::{Connection, reach_for_restore},
    plain, plan,
    restore::{checked, failed, keeps_owners, refuse_missing_roles, report},
    settings::Environment,
    staying,
    subscriptions::{self, Subscriptions},
    toc::Entry,
    unfinished,
};
use crate::{
    Error, Monitor, Result, Vault,
    archive::Archive,
    backups,
    driver::{self, ImageOptions, Source},
    jobs::{Running, to_json},
    keys,
    proof::{Depth, differing_counts},
    restore::{Goal, Mark, RestoreReport, last_restore},
    sqlite::pace::millis,
    take::{TakeOptions, take},
};

/// How long the restore waits for whoever holds a lock; meanwhile others wait behind it.
const LOCK_WAIT: &str = if cfg!(test) { "1 s" } else { "10 s" };
/// So many of what stays are named.
const NAMED: usize = 20;
/// What a server writes a second, at least: for the estimate of how long writers wait.
const WORST_RATE_BYTES_PER_S: u64 = 10_000_000;

pub(super) fn plan(vault: &Vault, database: &Database, metadata: &Metadata, warnings: &mut Vec<String>) -> Result<Goal> {
    let (location, environment) = reach_for_restore(vault, database)?;
    let archive = vault.open_backup(&backups::backup(vault, &metadata.backup_id)?)?;
    refuse_script(&archive)?;
    let mut connection = Connection::open(&location, &environment)?;
    let version = connection.version()?;
    plan::client(&environment, metadata, version)?;
    let state = live::state(&location, &environment)?;
    let entries = inspect::entries(&archive, &crate::Silent)?;
    subscriptions::refuse_in_place(&entries)?;
    refuse_missing_roles(&mut connection, &entries)?;
    staying::refuse_parts(&mut connection, &entries)?;
    let stays = staying::staying(&mut connection, &entries)?;
    let objects: i64 = connection.row("SELECT count(*) FROM pg_largeobject_metadata")?.get(0);
    if objects > 0 {
        warnings.push(format!(
            "Large objects ({}) cannot be locked: if an application writes to one before all is done, everything is taken back.",
            human::count(objects.unsigned_abs())
        ));
    }
    if !stays.is_empty() {
        let named = stays.iter().take(NAMED).map(|one| one.called.as_str()).collect::<Vec<_>>().join(", ");
        let more = if stays.len() > NAMED { format!(" and {} more", stays.len() - NAMED) } else { String::new() };
        warnings.push(format!("What the backup does not hold stays as it is, and may not fit what comes back: {named}{more}."));
    }
    warnings.push(format!(
        "It is one transaction: writers wait until it is done, and it gives up after waiting {LOCK_WAIT} for a lock. Replacing the live database by a new \
         one needs no lock and leaves nothing over."
    ));
    let bytes = state.size_bytes.saturating_add(metadata.original_size);
    Ok(Goal {
        live: Some(state.tables.clone()),
        writers_wait_ms: Some((bytes / (WORST_RATE_BYTES_PER_S / 1000)).max(1000)),
        ..plan::nothing_known(plan::binding(&state, last_restore(vault, &database.id)?))
    })
}

fn refuse_script(archive: &Archive) -> Result<()> {
    if archive.form() == Form::Dump {
        return Ok(());
    }
    let detail = "a script removes nothing, so it is restored into a new database only".to_owned();
    Err(Fault::NotReplaceable { detail }.into())
}

pub(super) fn restore(
    running: &Running<'_>,
    plan: &RestorePlan,
    database: &Database,
    verify: bool,
    actor: &str,
    monitor: &dyn Monitor,
) -> Result<RestoreReport> {
    let (location, environment) = reach_for_restore(running.vault, database)?;
    let archive = checked(running, plan, verify, monitor)?;
    refuse_script(&archive)?;
    let mut connection = Connection::open(&location, &environment)?;
    let version = connection.version()?;
    let keep = keeps_owners(&mut connection, &archive, plan.ownership, monitor)?;
    let held = Instant::now();
    connection.run(&format!(
        "SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0; SET row_security = off; SET client_min_messages = warning; \
         SET lock_timeout = '{LOCK_WAIT}'; BEGIN"
    ))?;
    lock(&mut connection, database.id.as_str())?;
    let entries = inspect::entries(&archive, &crate::Silent)?;
    // Not what the plan saw: what there is now that nobody else changes it.
    staying::refuse_parts(&mut connection, &entries)?;
    let stays = staying::staying(&mut connection, &entries)?;
    // On any fault from here on the connection is dropped, and with it all that it did.
    let mut report = RestoreReport { path: database.location.clone().into(), ..report(archive.metadata(), true) };
    // Before the safety backup: what is in neither is noticed then.
    let objects = plan.safety_backup.then(|| Contents::read(&mut connection)).transpose()?;
    if plan.safety_backup {
        report.safety_backup = Some(safety_backup(running, plan, database, actor, monitor)?);
    }
    let transaction: i64 = connection.row("SELECT txid_current()")?.get(0);
    // If the process dies after the commit and before the end is written down, this is what undo goes by.
    running.note(&to_json(&RestoreReport { mark: Some(Mark::Transaction(transaction)), ..report.clone() })?)?;
    monitor.step(Step::Write);
    let client = plan::client(&environment, archive.metadata(), version)?;
    empty_settings_of_extensions(&mut connection, &entries)?;
    let tool = Tool { client: &client, name: "pg_restore", location: None, staging: &running.staging, home: environment.home.as_deref() };
    let mut arguments: Vec<OsString> = ["--format=custom", "--clean", "--if-exists", "--file=-"].map(OsString::from).to_vec();
    if !keep {
        arguments.extend(["--no-owner", "--no-acl"].map(OsString::from));
    }
    apply(&mut connection, &archive, Child::start(&tool, &arguments, true)?, keep, monitor)
        .map_err(|error| in_use(error, database.id.as_str()))?
        .map_err(|detail| failed(archive.metadata(), detail, &location))?;
    monitor.step(Step::Check);
    let after = prove(&mut connection, archive.metadata())?;
    staying::refuse_gone(&mut connection, &stays, database.id.as_str())?;
    if let Some(objects) = objects {
        objects.refuse_changed(&mut connection, &environment, database.id.as_str())?;
    }
    if monitor.cancelled() {
        return Err(Error::CancelledHere);
    }
    commit(&mut connection, transaction, &environment, database.id.as_str(), monitor)?;
    report.held_ms = millis(held.elapsed());
    drop(connection);
    analyze(&location, &environment);
    report.after = Some(after);
    Ok(report)
}

/// Where the server goes away meanwhile, it is asked afterwards what became of the transaction.
fn commit(connection: &mut Connection, transaction: i64, environment: &Environment, database: &str, monitor: &dyn Monitor) -> Result<()> {
    let Err(error) = connection.run("COMMIT") else { return Ok(()) };
    if !unfinished::is_lost(&error) {
        return Err(error);
    }
    let asked = unfinished::again(connection, environment, monitor).and_then(|mut again| committed::status(&mut again, transaction));
    match asked.ok().flatten().as_deref() {
        Some("committed") => Ok(()),
        Some("aborted") => Err(error),
        _ => {
            let (server, detail) = (connection.location.server(), error.to_string());
            Err(Fault::CommitUnknown { server, what: format!("the restore into {database}"), detail }.into())
        }
    }
}

/// Against writers, for as long as the transaction lasts; readers read, and `pg_dump` does. Also what extensions have and a dump carries, where this role
/// may write to it.
fn lock(connection: &mut Connection, database: &str) -> Result<()> {
    let rows = connection.rows(&format!(
        "SELECT n.nspname::text, c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE c.relkind IN ('r', 'p') AND {OWN_RELATIONS} \
         UNION \
         SELECT n.nspname::text, c.relname::text FROM pg_extension e JOIN pg_class c ON c.oid = ANY (e.extconfig) JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE c.relkind IN ('r', 'p') AND has_table_privilege(c.oid, 'UPDATE, DELETE, TRUNCATE') ORDER BY 1, 2"
    ))?;
    let names: Vec<String> =
        rows.iter().map(|row| format!("{}.{}", quoted(row.get::<_, &str>(0)), quoted(row.get::<_, &str>(1)))).collect();
    if names.is_empty() {
        return Ok(());
    }
    connection.run(&format!("LOCK TABLE ONLY {} IN EXCLUSIVE MODE", names.join(", ONLY "))).map_err(|error| in_use(error, database))
}

/// Extensions are not made anew, so the rows of theirs that a dump carries make way here, as tables do by being dropped.
/// <https://www.postgresql.org/docs/15/extend-extensions.html#EXTEND-EXTENSIONS-CONFIG-TABLES>
fn empty_settings_of_extensions(connection: &mut Connection, entries: &[Entry]) -> Result<()> {
    let rows = connection.rows(
        "SELECT n.nspname::text, c.relname::text, s.filter FROM pg_extension e CROSS JOIN LATERAL unnest(e.extconfig, e.extcondition) AS s(oid, filter) \
         JOIN pg_class c ON c.oid = s.oid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'r' ORDER BY 1, 2",
    )?;
    for row in rows {
        let (schema, name, filter): (String, String, Option<String>) = (row.get(0), row.get(1), row.get(2));
        if entries.iter().any(|entry| entry.kind == "TABLE DATA" && entry.schema == schema && entry.name == name) {
            connection.run(&format!("DELETE FROM ONLY {}.{} {}", quoted(&schema), quoted(&name), filter.unwrap_or_default()))?;
        }
    }
    Ok(())
}

/// A lock that was waited for in vain is somebody else's transaction, not a fault of the backup.
fn in_use(error: Error, database: &str) -> Error {
    match error {
        Error::Postgres(fault) => match *fault {
            Fault::Sql { code, detail, .. } if code == "55P03" || code == "40P01" => {
                Fault::InUse { database: database.to_owned(), detail }.into()
            }
            fault => fault.into(),
        },
        error => error,
    }
}

fn safety_backup(running: &Running<'_>, plan: &RestorePlan, database: &Database, actor: &str, monitor: &dyn Monitor) -> Result<BackupId> {
    monitor.step(Step::SafetyBackup);
    let driver = driver::of(database.engine);
    let options = ImageOptions::default();
    let description = format!("Before the restore of {}", plan.backup);
    let take_options = TakeOptions {
        database,
        kind: Kind::Safety,
        coverage: Coverage::Whole,
        form: driver.form(&options),
        description: &description,
        tags: &[],
        app_label: None,
        pin: false,
        compression: Compression::Zstd,
        level: None,
        encrypt: keys::for_safety(running.vault, database, &plan.backup)?,
        // What is about to be replaced may lack anything.
        loss: &|_| None,
        proof: Some(Depth::Opened),
        actor,
        past: None,
    };
    let source = Source { vault: running.vault, database, staging: &running.staging };
    let (backup, _) = take(running, &take_options, &mut |sink| driver.snapshot(&source, &options, sink, monitor), monitor)?;
    if !backup.is_good() {
        // Unknown means no: what could not be read back is no way back.
        let detail = "the safety backup could not be read back from the disk".to_owned();
        return Err(Error::VerificationFailed { id: backup.id.to_string(), detail });
    }
    monitor.log(&format!("the state before is kept in {}", backup.id));
    Ok(backup.id)
}

/// Sends what `pg_restore` makes of the dump through our own connection, so that it is in our transaction. `Err` within: what is wrong with it.
fn apply(
    connection: &mut Connection,
    archive: &Archive,
    mut child: Child,
    keep: bool,
    monitor: &dyn Monitor,
) -> Result<Result<(), String>> {
    let (mut stdin, mut stdout) = (child.stdin()?, child.stdout()?);
    let (pieces, read) = bounded::<load::Owned>(64);
    let (fed, sent, found) = std::thread::scope(|scope| {
        let feeding = scope.spawn(move || {
            let fed = archive.extract(&mut stdin, Path::new("pg_restore"), Step::Write, monitor);
            drop(stdin);
            fed
        });
        let reading = scope.spawn(move || {
            let found = plain::read(&mut stdout, &mut load::sender(pieces));
            // Else the child would wait for ever.
            drop(io::copy(&mut stdout, &mut io::sink()));
            found
        });
        let sent = load::send(
            connection,
            &read,
            &load::Rules { open: &[], keep, in_place: true, within_one: true, subscriptions: Subscriptions::Detached },
            monitor,
        );
        drop(read);
        if sent.is_err() {
            child.stop();
        }
        let found = reading.join().unwrap_or_else(|_| Err(io::Error::other("a thread panicked")));
        (feeding.join().unwrap_or_else(|_| Err(Error::Internal("a thread panicked".to_owned()))), sent, found)
    });
    let ended = child.end()?;
    Ok(match (sent, fed, found, ended) {
        (Err(Error::Postgres(fault)), ..) if matches!(&*fault, Fault::Sql { code, .. } if code != "55P03" && code != "40P01") => {
            Err(fault.to_string())
        }
        (Err(error), ..) => return Err(error),
        (_, _, _, Err(detail)) => Err(detail),
        (_, Err(error), ..) => return Err(error),
        (_, _, Err(error), _) => Err(error.to_string()),
        (_, _, Ok(found), _) if !found.complete => Err("what pg_restore made of the dump ends early".to_owned()),
        _ => Ok(()),
    })
}

/// The rows of what came back against the backup's, before it is committed.
fn prove(connection: &mut Connection, metadata: &Metadata) -> Result<AfterRestore> {
    let relations = content::relations(connection)?;
    let of_backup: Vec<&Relation> = relations.iter().filter(|relation| metadata.table_counts.contains_key(&relation.name())).collect();
    let counts = content::count(connection, &of_backup, &|| false)?;
    let counts: BTreeMap<String, u64> = of_backup.iter().map(|relation| relation.name()).zip(counts).collect();
    let differing = differing_counts(&counts, &metadata.table_counts);
    if !differing.is_empty() {
        return Err(Error::VerificationFailed { id: metadata.backup_id.to_string(), detail: differing.join("; ") });
    }
    Ok(AfterRestore {
        looked: true,
        sound: true,
        integrity: "restored in place without an error".to_owned(),
        rows: counts.values().sum(),
        backup_rows: metadata.total_records,
        differing: Vec::new(),
    })
}

/// Statistics, without which the first queries are slow. The restore is done: a fault here takes nothing away from it.
fn analyze(location: &super::location::Location, environment: &Environment) {
    if let Err(error) =
        Connection::open(location, environment).and_then(|mut connection| connection.run("SET statement_timeout = 0; ANALYZE"))
    {
        tracing::warn!(%error, "the restored tables could not be analyzed");
    }
}
