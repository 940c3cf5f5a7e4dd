//! A new database made of a backup: under a name of its own until it is whole and its rows were counted.

use std::{collections::BTreeMap, ffi::OsString, fs, io, path::Path, time::Duration};

use keepstone_model::{
    job::Step,
    metadata::Form,
    restore::{AfterRestore, Loading, Ownership},
};

use super::{
    carried::carried,
    child::{Child, Tool},
    content, inspect, leave_out, load,
    location::Location,
    names::{literal, quoted},
    open::Connection,
    plan, properties,
    restore::{failed, keeps_owners, refuse_missing_roles},
    settings::Environment,
    subscriptions::{self, Subscriptions},
    toc::Entry,
    unfinished,
};
use crate::{
    Error, Monitor, Result,
    archive::Archive,
    durable,
    jobs::Running,
    proof::{create_private, differing_counts},
    temporary::Temporary,
};

/// How often a wait looks whether to stop.
const LISTEN_EVERY: Duration = Duration::from_millis(100);

/// What a new database is made of.
pub(super) struct Building<'a> {
    pub(super) running: &'a Running<'a>,
    pub(super) archive: &'a Archive,
    pub(super) environment: &'a Environment,
    pub(super) ownership: Ownership,
    pub(super) loading: Loading,
    /// The database whose owner and tablespace it gets.
    pub(super) like: Option<&'a str>,
    pub(super) subscriptions: Subscriptions,
}

/// A whole database that has no name of its own yet.
#[derive(Debug)]
pub(super) struct Built {
    pub(super) name: String,
    pub(super) after: AfterRestore,
    /// With the owners and rights of the backup.
    keep: bool,
}

impl Building<'_> {
    /// Makes, fills and proves it. On any fault it is removed again.
    pub(super) fn build(&self, maintenance: &mut Connection, location: &Location, monitor: &dyn Monitor) -> Result<Built> {
        unfinished::remove_leftovers(self.running.vault, maintenance)?;
        let name = unfinished::name_for(&self.running.id());
        monitor.step(Step::Write);
        let filled = (|| {
            self.create(maintenance, &name, monitor)?;
            let location = location.with_database(&name);
            let keep = keeps_owners(maintenance, self.archive, self.ownership, monitor)?;
            refuse_missing_roles(maintenance, &self.entries(monitor)?)?;
            match self.archive.form() {
                Form::Sql => load::load(self, &location, keep, monitor)?,
                Form::Dump | Form::Sqlite => self.pg_restore(maintenance, &location, keep, monitor)?,
            }
            subscriptions::detach(maintenance, self.environment, &location, monitor)?;
            monitor.step(Step::Check);
            self.prove(&location, monitor).map(|after| (after, keep))
        })();
        match filled {
            Ok((after, keep)) => Ok(Built { name, after, keep }),
            Err(error) => {
                unfinished::drop_after_fault(maintenance, self.environment, &name, monitor);
                Err(error)
            }
        }
    }

    /// Gives it what the backup holds of the database itself, and its name. Whoever makes a database of that name meanwhile is heard here, and keeps it.
    pub(super) fn name(&self, maintenance: &mut Connection, built: &mut Built, name: &str, monitor: &dyn Monitor) -> Result<()> {
        if self.archive.form() == Form::Sql {
            monitor.log(&format!(
                "{name} has none of the old database's own owner, settings, rights and comment: a script does not hold them"
            ));
        }
        let carried = carried(&self.entries(monitor)?);
        let unset = properties::give(maintenance, &carried, &built.name, name, built.keep, monitor)?;
        if unset > 0 {
            built.after.integrity =
                format!("restored without an error, but {unset} of the database's own settings and rights are not set (see the log)");
        }
        let comment = carried.comment.as_deref().unwrap_or("NULL");
        let oid = plan::oid(maintenance, &built.name)?;
        let (from, to) = (quoted(&built.name), quoted(name));
        let Err(error) = maintenance.run(&format!("ALTER DATABASE {from} RENAME TO {to}; COMMENT ON DATABASE {to} IS {comment}")) else {
            return Ok(());
        };
        // A connection that was lost at the very end may have committed.
        let found = unfinished::is_lost(&error).then(|| unfinished::again(maintenance, self.environment, monitor));
        let found = found.and_then(Result::ok).and_then(|mut again| plan::oid(&mut again, name).ok().flatten());
        if found.is_some() && found == oid { Ok(()) } else { Err(error) }
    }

    fn create(&self, maintenance: &mut Connection, name: &str, monitor: &dyn Monitor) -> Result<()> {
        let metadata = self.archive.metadata();
        let source = plan::source(metadata);
        let encoding = if metadata.source.encoding.is_empty() { "UTF8" } else { &metadata.source.encoding };
        let mut plain = format!("CREATE DATABASE {} TEMPLATE template0 ENCODING {}", quoted(name), literal(encoding));
        if let Some(tablespace) = self.like.map(|like| properties::tablespace(maintenance, like)).transpose()?.flatten() {
            plain = format!("{plain} TABLESPACE {}", quoted(&tablespace));
        }
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
        let comment = unfinished::comment_for(&self.running.id());
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
    fn unpack(&self, monitor: &dyn Monitor) -> Result<Temporary> {
        let (folder, archive) = (&self.running.staging, self.archive);
        if durable::free_bytes(folder)? < archive.metadata().original_size {
            return Err(Error::NoSpace { path: folder.clone() });
        }
        let scratch = Temporary(folder.join(format!("dump.{:08x}", crate::jobs::random())));
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

    /// The table of contents; of a script there is none.
    fn entries(&self, monitor: &dyn Monitor) -> Result<Vec<Entry>> {
        if self.archive.form() == Form::Sql { Ok(Vec::new()) } else { inspect::entries(self.archive, monitor) }
    }

    /// What `pg_restore` is to make, where that is not all of it.
    fn list(&self, monitor: &dyn Monitor) -> Result<Option<Temporary>> {
        let left_out = self.archive.metadata().left_out.as_ref();
        let open = left_out.map(|left_out| left_out.references.as_slice()).unwrap_or_default();
        let entries = self.entries(monitor)?;
        let is_open = |entry: &Entry| entry.kind == "FK CONSTRAINT" && leave_out::is_open_key(open, &entry.schema, &entry.name);
        let is_left_out = |entry: &Entry| is_open(entry) || (self.subscriptions == Subscriptions::LeftOut && subscriptions::is_one(entry));
        if !entries.iter().any(is_left_out) {
            return Ok(None);
        }
        let kept: Vec<String> = entries.iter().filter(|entry| !is_left_out(entry)).map(|entry| format!("{};\n", entry.number)).collect();
        let path = self.running.staging.join(format!("list.{:08x}", crate::jobs::random()));
        fs::write(&path, kept.concat()).map_err(|error| Error::io(&path, error))?;
        Ok(Some(Temporary(path)))
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
            looked: true,
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
