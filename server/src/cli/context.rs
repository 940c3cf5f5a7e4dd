//! What every verb has at hand: the flags, the output, the vault, and who is acting.

use std::path::PathBuf;

use jiff::Timestamp;
use keepstone_engine::{
    Error, Vault, backups,
    databases::{self, AddDatabaseOptions},
    driver,
    jobs::{self, JobFilter},
    keys,
    location::{self, Location},
    model::{backup::Backup, database::Database, job::JobState},
    scratch::ScratchFolder,
    sqlite,
    vault::{OpenMode, VaultOptions},
};

use super::{Fault, Global, Output, environment, logs::Logs, settings::Settings, values::BackupArg};

/// After a verb that changed the vault, where no `serve` or `scheduler` may run: the catalog's own daily copy. A fault takes nothing away from what was
/// done.
pub(crate) fn copy_catalog(vault: &Vault) {
    if let Err(error) = vault.copy_catalog(Timestamp::now()) {
        tracing::warn!(%error, "the catalog could not be copied; the older copies are kept");
    }
}

#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) global: Global,
    pub(crate) settings: Settings,
    pub(crate) out: Output,
    logs: Logs,
}

impl Context {
    pub(crate) fn new(global: Global, settings: Settings, out: Output) -> Self {
        let logs = Logs::start(global.verbose, settings.log_format);
        Self { global, settings, out, logs }
    }

    /// The vault that is there; a verb that is not for making one stops here with exit 3 and names the folder.
    pub(crate) fn vault(&self) -> Result<Vault, Fault> {
        self.open(OpenMode::Existing)
    }

    /// The vault, made if it is not there: only for `serve`, `db add` and `create`.
    pub(crate) fn vault_or_new(&self) -> Result<Vault, Fault> {
        self.open(if self.global.init { OpenMode::CreateAnywhere } else { OpenMode::Create })
    }

    /// The vault for a location that is to be added. A location that does not open leaves no new vault behind.
    pub(crate) fn vault_for(&self, location: &str) -> Result<Vault, Fault> {
        if !self.has_vault() {
            let environment = environment::postgres();
            driver::probe(&Location::of(location, &environment)?, &environment, sqlite::BUSY_WAIT)?;
        }
        self.vault_or_new()
    }

    /// Whether there is a vault where this process looks for it.
    pub(crate) fn has_vault(&self) -> bool {
        self.settings.data.join("vault.toml").is_file()
    }

    /// An empty vault, for a look at what would be done in a new one.
    pub(crate) fn empty_vault(&self, scratch: &ScratchFolder) -> Result<Vault, Fault> {
        self.furnished(&VaultOptions { data: scratch.path().join("data"), backups: None, mode: OpenMode::Create })
    }

    /// Whether the vault has passwords of its own.
    pub(crate) fn has_keys(&self) -> bool {
        self.settings.data.join("keys/passwords.json").is_file()
    }

    /// The vault's folder, whether it is there or not.
    pub(crate) fn data_dir(&self) -> Result<PathBuf, Fault> {
        Ok(std::path::absolute(&self.settings.data).map_err(|error| Error::io(&self.settings.data, error))?)
    }

    /// Where the vault is, for a verb that cannot open it.
    pub(crate) fn vault_options(&self) -> Result<VaultOptions, Fault> {
        let data = self.data_dir()?;
        if data.join("vault.toml").is_file() {
            self.logs.write_to(&data);
        }
        Ok(VaultOptions { data, backups: self.settings.backups.clone(), mode: OpenMode::Existing })
    }

    fn open(&self, mode: OpenMode) -> Result<Vault, Fault> {
        let data = self.data_dir()?;
        // The log of a vault that is there begins before the opening, which may mend something worth a line; a folder that is no vault
        // gets no log.
        if data.join("vault.toml").is_file() {
            self.logs.write_to(&data);
        }
        let options = VaultOptions { data: data.clone(), backups: self.settings.backups.clone(), mode };
        let before = Timestamp::now();
        let vault = self.furnished(&options)?;
        self.logs.write_to(&data);
        if let Err(error) = keys::find_lost(&vault) {
            tracing::warn!(%error, code = error.code(), "whether every archive can be opened could not be looked at");
        }
        self.say_what_was_interrupted(&vault, before)?;
        Ok(vault)
    }

    /// A vault that knows what the environment says.
    fn furnished(&self, options: &VaultOptions) -> Result<Vault, Fault> {
        let (encryption, defaults) = (environment::encryption_if_readable(&self.out), environment::defaults()?);
        let vault = Vault::open(options)?;
        vault.set_defaults(defaults);
        vault.surroundings().set(environment::postgres());
        vault.keys().prefer(encryption.password, encryption.asked);
        Ok(vault)
    }

    /// Opening mended what killed processes left; whoever comes next hears of it, whatever they came for.
    fn say_what_was_interrupted(&self, vault: &Vault, before: Timestamp) -> Result<(), Fault> {
        let filter = JobFilter { state: Some(JobState::Abandoned), limit: Some(20), ..JobFilter::default() };
        for (job, _) in jobs::jobs(vault, &filter)? {
            if job.finished_at.is_some_and(|at| at >= before) {
                let database = job.database.as_ref().map_or_else(String::new, |id| format!(" of {id}"));
                let why = job.error.map_or_else(String::new, |error| format!(": {}", error.message));
                self.out.note(format_args!("note: the {}{database} was interrupted ({}){why}", job.verb, job.id));
            }
        }
        Ok(())
    }

    /// Does something to each; one that fails does not stop the rest, and the first failure is the verb's.
    pub(crate) fn each<T>(&self, things: &[T], mut act: impl FnMut(&T) -> Result<(), Fault>) -> Result<(), Fault> {
        let mut first = None;
        for thing in things {
            if let Err(fault) = act(thing) {
                self.out.failure(&fault);
                let cancelled = fault.code() == "cancelled";
                first.get_or_insert(fault.told());
                if cancelled {
                    break;
                }
            }
        }
        first.map_or(Ok(()), Err)
    }
}

/// A folder for nobody but this process, in the system's temporary folder.
pub(crate) fn scratch() -> Result<ScratchFolder, Fault> {
    Ok(ScratchFolder::make(&std::env::temp_dir(), "keepstone-")?)
}

/// The databases that a verb means: the one named, or every one.
pub(crate) fn databases_of(vault: &Vault, db: Option<&str>) -> Result<Vec<Database>, Fault> {
    match db {
        Some(db) => Ok(vec![databases::find_database(vault, db)?]),
        None => Ok(databases::databases(vault)?),
    }
}

/// The database that is named; a location that nobody knows yet is added once it opens, without a schedule.
pub(crate) fn database_or_new(db: &str, cx: &Context) -> Result<(Vault, Database), Fault> {
    if !location::is_location(db) {
        let vault = cx.vault()?;
        let database = databases::find_database(&vault, db)?;
        return Ok((vault, database));
    }
    let vault = cx.vault_for(db)?;
    match databases::find_database(&vault, db) {
        Err(Error::UnknownDatabase { .. }) => {
            let options = AddDatabaseOptions { location: db.to_owned(), name: None, schedules: None, actor: actor() };
            let database = databases::add_database(&vault, &options)?;
            cx.out.note(format_args!("added {} ({}) without a schedule", database.id, database.location));
            Ok((vault, database))
        }
        found => Ok((vault, found?)),
    }
}

/// The backup that a person means.
pub(crate) fn backup_of(vault: &Vault, arg: &BackupArg) -> Result<Backup, Fault> {
    let database = match &arg.db {
        Some(db) => Some(databases::find_database(vault, db)?.id),
        None => None,
    };
    Ok(backups::find(vault, &arg.id, database.as_ref())?)
}

/// Who acts, e.g. `cli:alice`: the name of the user that this process runs as.
pub(crate) fn actor() -> String {
    let uid = rustix::process::geteuid().as_raw();
    let name = std::fs::read_to_string("/etc/passwd").ok().and_then(|passwd| {
        passwd.lines().find_map(|line| {
            let mut fields = line.split(':');
            let name = fields.next()?;
            (fields.nth(1)?.parse::<u32>().ok()? == uid).then(|| name.to_owned())
        })
    });
    // A name from a directory service is not in that file; then the environment's word is the best there is.
    let name = name.or_else(|| std::env::var("LOGNAME").ok()).unwrap_or_else(|| format!("uid{uid}"));
    format!("cli:{name}")
}
