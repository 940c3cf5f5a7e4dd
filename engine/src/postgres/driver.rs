//! PostgreSQL as the verbs see it: each of them calls what stands in the files beside this one.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

use jiff::Timestamp;
use keepstone_model::{
    backup::{Check, CheckName},
    database::Database,
    human,
    metadata::{Form, Metadata, Table},
    restore::{RestorePlan, Target},
};

use super::{committed, export, in_place, inspect::Look, live, open, plan, replace, restore, sealed, snapshot, tools};
use crate::{
    Error, Monitor, Result, Vault,
    archive::Archive,
    driver::{Driver, ImageOptions, Inside, Source},
    export::{Asked, Exported, Sink},
    image::{ImageFacts, ImageSink},
    jobs::Running,
    location::Location,
    postgres::Environment,
    restore::{Goal, Mark, RestoreReport},
};

#[derive(Debug)]
pub(crate) struct Postgres;

impl Driver for Postgres {
    fn probe_new(&self, location: &Location, environment: &Environment, _: Duration) -> Result<()> {
        let Location::Postgres(location) = location else { return Err(Error::Internal("a location of another engine".to_owned())) };
        open::probe(location, environment).map(drop)
    }

    fn probe(&self, vault: &Vault, database: &Database, _: Duration) -> Result<String> {
        let (location, environment) = open::reach(vault, database)?;
        let probed = open::probe(&location, &environment)?;
        Ok(format!("{} of {}, PostgreSQL {}", human::bytes(probed.size_bytes), probed.encoding, probed.version))
    }

    fn tools(&self, vault: &Vault, database: &Database) -> Option<Result<String>> {
        let found = open::reach(vault, database).and_then(|(location, environment)| {
            // Which there are is worth knowing also while the server is down.
            let server = open::Connection::open(&location, &environment).and_then(|mut connection| connection.version()).ok();
            tools::told(&tools::clients(&environment), server)
        });
        Some(found)
    }

    fn keep(&self, vault: &Vault, database: &Database, location: &Location) -> Result<()> {
        let Location::Postgres(location) = location else { return Ok(()) };
        sealed::keep(vault, &database.uid, location)
    }

    /// A deployment whose environment names the database has a new password there, say. One that does not work is refused and not kept.
    fn renew(&self, vault: &Vault, database: &Database, location: &Location) -> Result<()> {
        let Location::Postgres(location) = location else { return Ok(()) };
        let (known, environment) = open::reach(vault, database)?;
        if location.password.is_none() || location.user != known.user || location.password == known.password {
            return Ok(());
        }
        open::probe(location, &environment)?;
        sealed::keep(vault, &database.uid, location)
    }

    fn keep_admin(&self, vault: &Vault, database: &Database, admin: Option<&str>) -> Result<()> {
        let (location, environment) = open::reach(vault, database)?;
        let admin = admin.map(|url| super::location::Location::of(url, &environment)).transpose()?;
        if let Some(admin) = &admin {
            // Before it is kept: the same server, another role.
            open::Connection::open(&plan::maintenance_of(&location, admin), &environment)?;
        }
        sealed::keep_admin(vault, &database.uid, &location, admin.as_ref())
    }

    fn forget(&self, vault: &Vault, database: &Database) -> Result<()> {
        sealed::forget(vault, &database.uid)
    }

    fn remove_kept(&self, vault: &Vault, database: &Database, now: Timestamp) -> Result<u64> {
        replace::remove_kept(vault, database, now)
    }

    fn keeps(&self, vault: &Vault, database: &Database, name: &str) -> Result<bool> {
        let (location, environment) = open::reach_for_restore(vault, database)?;
        Ok(plan::oid(&mut plan::maintenance(&location, &environment)?, name)?.is_some())
    }

    fn was_committed(&self, vault: &Vault, database: &Database, mark: Mark) -> Result<bool> {
        committed::was_committed(vault, database, mark)
    }

    fn test_restore(&self, running: &Running<'_>, database: &Database, archive: &Archive, monitor: &dyn Monitor) -> Result<Check> {
        super::test_restore(running, database, archive, monitor)
    }

    fn file(&self, _: &Database) -> Result<Option<PathBuf>> {
        Ok(None)
    }

    fn form(&self, options: &ImageOptions) -> Form {
        if options.plain_sql { Form::Sql } else { Form::Dump }
    }

    fn has_server(&self) -> bool {
        true
    }

    fn snapshot(&self, source: &Source<'_>, options: &ImageOptions, sink: &mut dyn ImageSink, monitor: &dyn Monitor) -> Result<ImageFacts> {
        snapshot::snapshot(source, self.form(options), options, sink, monitor)
    }

    /// Two dumps of the same content are not the same bytes, so this is always in doubt.
    fn equals(&self, _: &Source<'_>, _: &Archive, _: &dyn Monitor) -> Result<bool> {
        Ok(false)
    }

    fn tables(&self, vault: &Vault, database: &Database) -> Result<BTreeMap<String, Table>> {
        let (location, environment) = open::reach(vault, database)?;
        Ok(live::state(&location, &environment)?.tables)
    }

    fn export(&self, vault: &Vault, asked: &Asked<'_>, sink: &mut Sink<'_>, monitor: &dyn Monitor) -> Result<Exported> {
        export::export(vault, asked, sink, monitor)
    }

    fn inner_checks(&self) -> &'static [CheckName] {
        &[CheckName::DumpContents, CheckName::RowCounts]
    }

    fn inside<'a>(&self, metadata: &'a Metadata, form: Form, _: &'a Path) -> Result<Result<Box<dyn Inside + 'a>, String>> {
        Ok(Ok(Box::new(Look { metadata, form, found: None })))
    }

    fn plan(
        &self,
        vault: &Vault,
        database: &Database,
        metadata: Option<&Metadata>,
        target: &Target,
        safety_backup: bool,
        warnings: &mut Vec<String>,
    ) -> Result<Goal> {
        plan::plan(vault, database, metadata, target, safety_backup, warnings)
    }

    fn restore(
        &self,
        running: &Running<'_>,
        plan: &RestorePlan,
        database: &Database,
        verify: bool,
        actor: &str,
        monitor: &dyn Monitor,
    ) -> Result<RestoreReport> {
        match &plan.target {
            Target::NewDatabase { location } => restore::into_new(running, plan, database, location, verify, monitor),
            Target::PutBack { name } => replace::put_back(running, plan, database, name, monitor),
            Target::Replace => replace::replace(running, plan, database, verify, monitor),
            Target::InPlace => in_place::restore(running, plan, database, verify, actor, monitor),
            Target::NewFile { .. } => Err(Error::Internal("a file is no database".to_owned())),
        }
    }
}
