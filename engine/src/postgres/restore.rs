//! A backup made into a database again: a new one, under a name of its own until it is whole and its rows were counted. What goes wrong leaves
//! nothing behind but, if this process dies, a database that says of itself what it is; the next restore on that server removes it.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use keepstone_model::{
    backup::{Check, CheckName, CheckResult},
    database::Database,
    id::JobId,
    job::Step,
    metadata::{Form, Metadata},
    restore::{AfterRestore, Loading, Ownership, RestorePlan},
};

use super::{
    child::{Child, Tool},
    content,
    fault::Fault,
    inspect, leave_out, load,
    location::Location,
    names::{literal, quoted},
    open::{Connection, reach_for_restore},
    plan,
    settings::Environment,
    toc::Entry,
};
use crate::{
    Error, Monitor, Result, Vault,
    archive::Archive,
    durable,
    jobs::{Running, ignore_missing},
    proof::{Depth, create_private, differing_counts, prove},
    restore::RestoreReport,
    sqlite::pace::millis,
};

/// How an unfinished database is called; with [`UNFINISHED`] in its comment it may be removed.
const TEMPORARY: &str = "keepstone_tmp_";
const UNFINISHED: &str = "keepstone: unfinished, job ";
/// How often a wait looks whether to stop.
const LISTEN_EVERY: Duration = Duration::from_millis(100);

/// Restores a backup into a new database, on whichever server.
pub(super) fn into_new(
    running: &Running<'_>,
    plan: &RestorePlan,
    database: &Database,
    url: &str,
    verify: bool,
    monitor: &dyn Monitor,
) -> Result<RestoreReport> {
    let vault = running.vault;
    let (location, environment) = plan::target(vault, database, url)?;
    let archive = checked(running, plan, verify, monitor)?;
    let mut maintenance = plan::maintenance(&location, &environment)?;
    plan::refuse_existing(&mut maintenance, &location.database)?;
    let building =
        Building { running, archive: &archive, environment: &environment, ownership: plan.ownership, loading: plan.loading, like: None };
    let built = building.build(&mut maintenance, &location, monitor)?;
    // Whoever makes a database of that name meanwhile is heard here, and keeps it.
    let named = maintenance.run(&format!(
        "ALTER DATABASE {} RENAME TO {}; COMMENT ON DATABASE {} IS NULL",
        quoted(&built.name),
        quoted(&location.database),
        quoted(&location.database)
    ));
    if let Err(error) = named {
        drop_database(&mut maintenance, &built.name);
        return Err(error);
    }
    monitor.log(&format!("{}: {}", location.database, built.after.words()));
    let metadata = archive.metadata();
    Ok(RestoreReport { path: location.url().into(), after: Some(built.after), ..report(metadata, false) })
}

pub(super) fn report(metadata: &Metadata, replaced: bool) -> RestoreReport {
    RestoreReport {
        job: None,
        backup: metadata.backup_id.clone(),
        path: std::path::PathBuf::new(),
        replaced,
        safety_backup: None,
        pages_written: 0,
        size_bytes: metadata.original_size,
        held_ms: 0,
        elapsed_ms: 0,
        // A server keeps rows, not the bytes of a dump; what it holds is compared by counts.
        hash_equal: false,
        rows_since_plan: Vec::new(),
        after: None,
        kept: None,
    }
}

/// The archive of a plan, checked to its last byte before any server is touched.
pub(super) fn checked(running: &Running<'_>, plan: &RestorePlan, verify: bool, monitor: &dyn Monitor) -> Result<Archive> {
    let vault = running.vault;
    monitor.step(Step::Verify);
    let archive = vault.open_archive(&vault.archive_path(&plan.backup))?;
    if archive.metadata().payload_hash != plan.binding.payload_hash {
        return Err(Error::StalePlan { reason: "the archive is another one".to_owned() });
    }
    if verify {
        let (_, proof) = prove(archive.path(), &vault.keys().passwords(), &running.staging, Depth::Opened, Step::Verify, monitor)?;
        if let Some(check) = proof.checks.iter().find(|check| check.result == CheckResult::Failed) {
            return Err(Error::VerificationFailed { id: plan.backup.to_string(), detail: format!("{}: {}", check.name, check.detail) });
        }
    }
    Ok(archive)
}

/// Tries a restore into a scratch database on the backup's own server, compares the rows, and removes it again. What keeps it from being tried
/// at all is no verdict on the backup.
pub(crate) fn test_restore(running: &Running<'_>, database: &Database, archive: &Archive, monitor: &dyn Monitor) -> Result<Check> {
    let begun = std::time::Instant::now();
    let tried = (|| {
        let (location, environment) = reach_for_restore(running.vault, database)?;
        let mut maintenance = plan::maintenance(&location, &environment)?;
        // Owners are a matter of the server, not of the backup.
        let building =
            Building { running, archive, environment: &environment, ownership: Ownership::Auto, loading: Loading::Streamed, like: None };
        let built = building.build(&mut maintenance, &location, monitor)?;
        drop_database(&mut maintenance, &built.name);
        Ok(format!("restored into a scratch database on {}, {}, and removed again", location.server(), built.after.words()))
    })();
    let (result, detail) = match tried {
        Ok(detail) => (CheckResult::Passed, detail),
        Err(error @ (Error::CancelledHere | Error::Cancelled { .. })) => return Err(error),
        Err(error @ Error::VerificationFailed { .. }) => (CheckResult::Failed, error.to_string()),
        Err(Error::Postgres(fault)) if matches!(*fault, Fault::RestoreFailed { .. }) => (CheckResult::Failed, fault.to_string()),
        Err(error) => (CheckResult::CouldNotRun, error.to_string()),
    };
    Ok(Check { name: CheckName::TestRestore, result, detail, elapsed_ms: millis(begun.elapsed()) })
}

/// What a new database is made of.
pub(super) struct Building<'a> {
    pub(super) running: &'a Running<'a>,
    pub(super) archive: &'a Archive,
    pub(super) environment: &'a Environment,
    pub(super) ownership: Ownership,
    pub(super) loading: Loading,
    /// The database whose owner it gets.
    pub(super) like: Option<&'a str>,
}

/// A whole database that has no name of its own yet.
#[derive(Debug)]
pub(super) struct Built {
    pub(super) name: String,
    pub(super) after: AfterRestore,
}

impl Building<'_> {
    /// Makes, fills and proves it. On any fault it is removed again.
    pub(super) fn build(&self, maintenance: &mut Connection, location: &Location, monitor: &dyn Monitor) -> Result<Built> {
        remove_leftovers(self.running.vault, maintenance)?;
        let name = format!("{TEMPORARY}{:08x}", crate::jobs::random());
        monitor.step(Step::Write);
        self.create(maintenance, &name, monitor)?;
        let filled = (|| {
            let location = location.with_database(&name);
            let keep = keeps_owners(maintenance, self.archive, self.ownership, monitor)?;
            match self.archive.form() {
                Form::Sql => load::load(self.archive, &location, self.environment, self.loading, keep, monitor)?,
                Form::Dump | Form::Sqlite => self.pg_restore(maintenance, &location, keep, monitor)?,
            }
            monitor.step(Step::Check);
            self.prove(&location, monitor)
        })();
        match filled {
            Ok(after) => Ok(Built { name, after }),
            Err(error) => {
                drop_database(maintenance, &name);
                Err(error)
            }
        }
    }

    fn create(&self, maintenance: &mut Connection, name: &str, monitor: &dyn Monitor) -> Result<()> {
        let metadata = self.archive.metadata();
        let source = plan::source(metadata);
        let encoding = if metadata.source.encoding.is_empty() { "UTF8" } else { &metadata.source.encoding };
        let plain = format!("CREATE DATABASE {} TEMPLATE template0 ENCODING {}", quoted(name), literal(encoding));
        let mut full = plain.clone();
        if !source.collate.is_empty() {
            full = format!("{full} LC_COLLATE {} LC_CTYPE {}", literal(&source.collate), literal(&source.ctype));
        }
        match source.locale_provider.as_str() {
            "icu" => full = format!("{full} LOCALE_PROVIDER icu ICU_LOCALE {}", literal(&source.locale)),
            "builtin" => full = format!("{full} LOCALE_PROVIDER builtin BUILTIN_LOCALE {}", literal(&source.locale)),
            _ => {}
        }
        if let Err(error) = maintenance.run(&full) {
            // The server knows no such locale, or no such provider: its own orders texts in another way, and loses none of them.
            monitor.log(&format!("the server's own locale is used: {error}"));
            maintenance.run(&plain)?;
        }
        let comment = format!("{UNFINISHED}{}", self.running.id());
        maintenance.run(&format!("COMMENT ON DATABASE {} IS {}", quoted(name), literal(&comment)))?;
        if let Some(like) = self.like {
            let owner: String = maintenance
                .row(&format!("SELECT pg_get_userbyid(datdba)::text FROM pg_database WHERE datname = {}", literal(like)))?
                .get(0);
            maintenance.run(&format!("ALTER DATABASE {} OWNER TO {}", quoted(name), quoted(&owner)))?;
        }
        Ok(())
    }

    fn pg_restore(&self, maintenance: &mut Connection, location: &Location, keep: bool, monitor: &dyn Monitor) -> Result<()> {
        let version = maintenance.version()?;
        let client = plan::client(self.environment, self.archive.metadata(), version)?;
        let tool = Tool {
            client: &client,
            name: "pg_restore",
            location: Some(location),
            staging: &self.running.staging,
            home: self.environment.home.as_deref(),
        };
        let mut arguments: Vec<OsString> = ["--exit-on-error", "--format=custom"].map(OsString::from).to_vec();
        let list = self.list(monitor)?;
        if let Some(list) = &list {
            let mut argument = OsString::from("--use-list=");
            argument.push(&list.0);
            arguments.push(argument);
        }
        if !keep {
            arguments.extend(["--no-owner", "--no-acl"].map(OsString::from));
        }
        match self.loading {
            Loading::Streamed => self.stream(&tool, &arguments, location, monitor),
            Loading::SingleTransaction => {
                arguments.push("--single-transaction".into());
                self.stream(&tool, &arguments, location, monitor)
            }
            Loading::Parallel { jobs } => {
                let dump = self.unpack(monitor)?;
                arguments.push(format!("--jobs={jobs}").into());
                arguments.push(dump.0.clone().into());
                let mut child = Child::start(&tool, &arguments, false)?;
                wait(&mut child, monitor);
                self.judge(Ok(()), child.end()?, location, monitor)
            }
        }
    }

    fn stream(&self, tool: &Tool<'_>, arguments: &[OsString], location: &Location, monitor: &dyn Monitor) -> Result<()> {
        let mut child = Child::start(tool, arguments, true)?;
        let mut stdin = child.stdin()?;
        let archive = self.archive;
        let fed = std::thread::scope(|scope| {
            let feeding = scope.spawn(move || {
                let fed = archive.extract(&mut stdin, Path::new("pg_restore"), Step::Write, monitor);
                drop(stdin);
                fed
            });
            while !feeding.is_finished() {
                std::thread::sleep(LISTEN_EVERY);
                if monitor.cancelled() {
                    child.stop();
                }
            }
            feeding.join().unwrap_or_else(|_| Err(Error::Internal("a thread panicked".to_owned())))
        });
        // It has all of it, and may still build indexes for long.
        wait(&mut child, monitor);
        self.judge(fed, child.end()?, location, monitor)
    }

    /// The plain dump in staging, for several readers at once. Of an encrypted archive it is as secret as the database: it goes at the end.
    fn unpack(&self, monitor: &dyn Monitor) -> Result<Scratch> {
        let (folder, archive) = (&self.running.staging, self.archive);
        if durable::free_bytes(folder)? < archive.metadata().original_size {
            return Err(Error::NoSpace { path: folder.clone() });
        }
        let scratch = Scratch(folder.join(format!("dump.{:08x}", crate::jobs::random())));
        let mut file = create_private(&scratch.0)?;
        archive.extract(&mut file, &scratch.0, Step::Write, monitor)?;
        Ok(scratch)
    }

    /// What came of it: a wish of the person, a fault of ours, what the child says.
    fn judge(&self, fed: Result<()>, ended: Result<(), String>, location: &Location, monitor: &dyn Monitor) -> Result<()> {
        if monitor.cancelled() {
            return Err(Error::CancelledHere);
        }
        let failed = |detail: String| Err(failed(self.archive.metadata(), detail, location).into());
        match (fed, ended) {
            (Ok(()), Ok(())) => Ok(()),
            // What the child says, but for what it could not have been given.
            (Err(error), _) if !matches!(&error, Error::Io { source, .. } if source.kind() == io::ErrorKind::BrokenPipe) => Err(error),
            (_, Err(detail)) => failed(detail),
            (Err(_), Ok(())) => failed("pg_restore ended before it had read all of the dump".to_owned()),
        }
    }

    /// What `pg_restore` is to make, where that is not all of it.
    fn list(&self, monitor: &dyn Monitor) -> Result<Option<Scratch>> {
        let left_out = self.archive.metadata().left_out.as_ref();
        let Some(open) = left_out.map(|left_out| &left_out.references).filter(|open| !open.is_empty()) else { return Ok(None) };
        let entries = inspect::entries(self.archive, monitor)?;
        let is_open = |entry: &&Entry| entry.kind == "FK CONSTRAINT" && leave_out::is_open_key(open, &entry.schema, &entry.name);
        let kept: Vec<String> = entries.iter().filter(|entry| !is_open(entry)).map(|entry| format!("{};\n", entry.number)).collect();
        let path = self.running.staging.join(format!("list.{:08x}", crate::jobs::random()));
        fs::write(&path, kept.concat()).map_err(|error| Error::io(&path, error))?;
        Ok(Some(Scratch(path)))
    }

    /// The rows of the new database against the backup's; then statistics, without which its first queries are slow.
    fn prove(&self, location: &Location, monitor: &dyn Monitor) -> Result<AfterRestore> {
        let mut connection = Connection::open(location, self.environment)?;
        let metadata = self.archive.metadata();
        let counts: BTreeMap<String, u64> = content::watched(&mut connection, monitor, |connection| {
            connection.run("SET statement_timeout = 0; SET row_security = off")?;
            let relations = content::relations(connection)?;
            let counts = content::count(connection, &relations.iter().collect::<Vec<_>>(), &|| false)?;
            connection.run("ANALYZE")?;
            Ok(relations.iter().map(content::Relation::name).zip(counts).collect())
        })?;
        let counts = leave_out::of_these(counts, metadata.left_out.as_ref())
            .map_err(|detail| Error::VerificationFailed { id: metadata.backup_id.to_string(), detail })?;
        let differing = differing_counts(&counts, &metadata.table_counts);
        if !metadata.table_counts.is_empty() && !differing.is_empty() {
            return Err(Error::VerificationFailed { id: metadata.backup_id.to_string(), detail: differing.join("; ") });
        }
        Ok(AfterRestore {
            sound: true,
            integrity: "restored without an error".to_owned(),
            rows: counts.values().sum(),
            backup_rows: metadata.total_records,
            differing: Vec::new(),
        })
    }
}

/// Waits for the end of a child, or asks it to end.
fn wait(child: &mut Child, monitor: &dyn Monitor) {
    while !child.is_over() {
        std::thread::sleep(LISTEN_EVERY);
        if monitor.cancelled() {
            child.stop();
        }
    }
}

/// A file for `pg_restore`, gone with this.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.0).or_else(ignore_missing) {
            tracing::warn!(path = %self.0.display(), %error, "a scratch file of a restore could not be removed; the next start does it");
        }
    }
}

/// Whether things get the owners and rights that they have in the backup.
pub(super) fn keeps_owners(connection: &mut Connection, archive: &Archive, ownership: Ownership, monitor: &dyn Monitor) -> Result<bool> {
    match ownership {
        Ownership::Keep => Ok(true),
        Ownership::Discard => Ok(false),
        Ownership::Auto => {
            let why = hindrance(connection, &plan::source(archive.metadata()).roles)?;
            if let Some(why) = &why {
                monitor.log(&format!("everything belongs to the restoring role, and no rights are given: {why}"));
            }
            Ok(why.is_none())
        }
    }
}

/// Why the owners and rights of a backup cannot be kept on a server; none if they can.
pub(super) fn hindrance(connection: &mut Connection, roles: &[String]) -> Result<Option<String>> {
    let rows = connection.rows("SELECT rolname::text, pg_has_role(oid, 'MEMBER') FROM pg_roles")?;
    let known: BTreeMap<String, bool> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    let missing: BTreeSet<&str> = roles.iter().filter(|role| !known.contains_key(*role)).map(String::as_str).collect();
    if !missing.is_empty() {
        let names: Vec<&str> = missing.into_iter().collect();
        return Ok(Some(format!("the server has no role {}", names.join(", "))));
    }
    let foreign: Vec<&str> = roles.iter().filter(|role| known.get(*role) == Some(&false)).map(String::as_str).collect();
    Ok((!foreign.is_empty()).then(|| format!("the restoring role is no member of {}", foreign.join(", "))))
}

pub(super) fn failed(metadata: &Metadata, detail: String, location: &Location) -> Fault {
    match super::snapshot::of_child(detail, &location.server()) {
        Fault::DumpFailed { detail } => Fault::RestoreFailed { what: metadata.backup_id.to_string(), detail },
        other => other,
    }
}

/// Removes a database of ours; one that cannot be removed now is removed by a later restore.
pub(super) fn drop_database(maintenance: &mut Connection, name: &str) {
    let dropped = end_sessions(maintenance, name).and_then(|()| maintenance.run(&format!("DROP DATABASE IF EXISTS {}", quoted(name))));
    if let Err(error) = dropped {
        tracing::warn!(database = name, %error, "a temporary database could not be removed; the next restore does it");
    }
}

fn end_sessions(maintenance: &mut Connection, name: &str) -> Result<()> {
    let ended =
        format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = {} AND pid <> pg_backend_pid()", literal(name));
    maintenance.rows(&ended).map(drop)
}

/// Removes the unfinished databases of this vault's jobs that are over. Those of other vaults, and whatever only looks like one, stay.
fn remove_leftovers(vault: &Vault, maintenance: &mut Connection) -> Result<()> {
    let rows = maintenance
        .rows("SELECT datname::text, shobj_description(oid, 'pg_database') FROM pg_database WHERE datname LIKE 'keepstone\\_tmp\\_%'")?;
    for row in rows {
        let (name, comment): (String, Option<String>) = (row.get(0), row.get(1));
        let job = comment.as_deref().and_then(|comment| comment.strip_prefix(UNFINISHED)).and_then(|job| job.parse::<JobId>().ok());
        let Some(job) = job.filter(|_| name.starts_with(TEMPORARY)) else { continue };
        if vault.catalog().get_job(&job)?.is_some_and(|row| row.job.state.is_over()) {
            tracing::info!(database = name, %job, "an unfinished database is removed");
            drop_database(maintenance, &name);
        }
    }
    Ok(())
}
