//! What the verbs ask of an engine, and which engine a database is of: the one place where that is decided. What an engine does stands in
//! `sqlite` and `postgres`; what is the same for all of them stands in the verbs.

use std::{
    collections::BTreeMap,
    fmt::Debug,
    io::Write,
    path::{Path, PathBuf},
    time::Duration,
};

use jiff::Timestamp;
use keepstone_model::{
    backup::{Check, CheckName},
    coverage::Rows,
    database::{Database, Engine},
    job::Step,
    metadata::{Form, Metadata, Table},
    restore::{RestorePlan, Target},
};

use crate::{
    Monitor, Result, Vault,
    archive::Archive,
    export::{Asked, Exported, Sink},
    image::{ImageFacts, ImageSink},
    jobs::Running,
    location::Location,
    postgres::Environment,
    proof::Checks,
    restore::{Goal, Mark, RestoreReport},
};

/// A live database and where there is room to work.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Source<'a> {
    pub(crate) vault: &'a Vault,
    pub(crate) database: &'a Database,
    /// A folder of the job's own; what is made in it is removed again.
    pub(crate) staging: &'a Path,
}

/// How the plain image of a backup is to be made, where an engine has more than one way.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct ImageOptions {
    /// PostgreSQL: plain SQL instead of the custom format.
    #[serde(default)]
    pub plain_sql: bool,
    /// PostgreSQL: whose rows go along.
    #[serde(default)]
    pub rows: Rows,
    /// PostgreSQL: keep the server's roles and tablespaces beside the dump.
    #[serde(default)]
    pub globals: bool,
}

/// An engine.
pub(crate) trait Driver: Debug + Sync {
    /// Opens a location once, before it is added, and leaves it as it was.
    fn probe_new(&self, location: &Location, environment: &Environment, wait: Duration) -> Result<()>;

    /// Opens a database once and says in a few words what it is, e.g. "412.0 MB, journal mode wal".
    fn probe(&self, vault: &Vault, database: &Database, wait: Duration) -> Result<String>;

    /// Which tools of others its backups and restores need and whether they are here, in a few words; none where they need nothing.
    fn tools(&self, _: &Vault, _: &Database) -> Option<Result<String>> {
        None
    }

    /// Keeps what a location holds that the catalog must not: sealed.
    fn keep(&self, _: &Vault, _: &Database, _: &Location) -> Result<()> {
        Ok(())
    }

    /// The same of a database that is added once more, if that holds another password than the one that is kept.
    fn renew(&self, _: &Vault, _: &Database, _: &Location) -> Result<()> {
        Ok(())
    }

    /// Keeps who may restore the database, where that is not who backs it up; none: the same again. Opens it once before.
    fn keep_admin(&self, vault: &Vault, database: &Database, admin: Option<&str>) -> Result<()>;

    /// Forgets what was kept of a database that is removed.
    fn forget(&self, _: &Vault, _: &Database) -> Result<()> {
        Ok(())
    }

    /// Removes what replacements kept of a database and has had its time. How many there were.
    fn remove_kept(&self, _: &Vault, _: &Database, _: Timestamp) -> Result<u64> {
        Ok(0)
    }

    /// Whether what a replacement kept under this name is still there.
    fn keeps(&self, _: &Vault, _: &Database, _: &str) -> Result<bool> {
        Ok(false)
    }

    /// Whether a restore over the live database was committed that left this mark before it was.
    fn was_committed(&self, vault: &Vault, database: &Database, mark: Mark) -> Result<bool>;

    /// Tries a restore of a backup that was found whole, looks at what came of it, and removes that again.
    fn test_restore(&self, running: &Running<'_>, database: &Database, archive: &Archive, monitor: &dyn Monitor) -> Result<Check>;

    /// The file that Keepstone looks after itself; none where a server does that for its databases.
    fn file(&self, database: &Database) -> Result<Option<PathBuf>>;

    fn form(&self, options: &ImageOptions) -> Form;

    /// Whether a server has its databases: rows can be left out of a backup, and what belongs to the server can be kept beside it.
    fn has_server(&self) -> bool {
        false
    }

    /// Streams one moment of a live database into `sink`; the source is as it was afterwards.
    fn snapshot(&self, source: &Source<'_>, options: &ImageOptions, sink: &mut dyn ImageSink, monitor: &dyn Monitor) -> Result<ImageFacts>;

    /// Whether the live database holds exactly what the archive holds. In doubt it does not.
    fn equals(&self, source: &Source<'_>, archive: &Archive, monitor: &dyn Monitor) -> Result<bool>;

    /// The tables of the live database.
    fn tables(&self, vault: &Vault, database: &Database) -> Result<BTreeMap<String, Table>>;

    /// Writes the rows of a live database or of a backup in the form that was asked for.
    fn export(&self, vault: &Vault, asked: &Asked<'_>, sink: &mut Sink<'_>, monitor: &dyn Monitor) -> Result<Exported>;

    /// The checks of what is in an image, in their order.
    fn inner_checks(&self) -> &'static [CheckName];

    /// Looks into an image while it is read back. `Err` with a sentence: the machine has no room for that just now.
    fn inside<'a>(&self, metadata: &'a Metadata, form: Form, scratch_dir: &'a Path) -> Result<Result<Box<dyn Inside + 'a>, String>>;

    /// What a restore into `target`, which is no file, would meet there. No metadata where no backup is restored.
    fn plan(
        &self,
        vault: &Vault,
        database: &Database,
        metadata: Option<&Metadata>,
        target: &Target,
        safety_backup: bool,
        warnings: &mut Vec<String>,
    ) -> Result<Goal>;

    /// Carries out a plan whose target is no file.
    fn restore(
        &self,
        running: &Running<'_>,
        plan: &RestorePlan,
        database: &Database,
        verify: bool,
        actor: &str,
        monitor: &dyn Monitor,
    ) -> Result<RestoreReport>;
}

/// A look into an image.
pub(crate) trait Inside {
    /// Takes the plain image in: `extract` streams it into the writer that it is given (the path is for faults).
    fn take(&mut self, extract: &mut dyn FnMut(&mut (dyn Write + Send), &Path) -> Result<()>, monitor: &dyn Monitor) -> Result<()>;

    /// Adds the checks of what was taken in, which was found whole.
    fn look(&mut self, checks: &mut Checks, step: Step, monitor: &dyn Monitor) -> Result<()>;
}

pub(crate) fn of(engine: Engine) -> &'static dyn Driver {
    match engine {
        Engine::Sqlite => &crate::sqlite::driver::Sqlite,
        Engine::Postgres => &crate::postgres::driver::Postgres,
    }
}

/// Opens a location that is to be added, once, and leaves it as it was.
pub fn probe(location: &Location, environment: &Environment, wait: Duration) -> Result<()> {
    of(location.engine()).probe_new(location, environment, wait)
}
