//! Carrying an import out, file by file: unpacked into staging, checked, compared with what is there, taken. One that is refused stops no
//! other; a full disk and a person's cancel stop all.

use std::{path::Path, time::Instant};

use keepstone_model::{
    backup::{BackupState, Encryption},
    database::{Database, Engine},
    human,
    id::BackupId,
    import::{
        Content,
        plan::{Adoption, Decision, PlannedFile, TimeFrom},
    },
    job::Step,
    metadata::{Compression, Form},
    validate::TAGS_MAX,
};

use super::{
    ImportOptions, ImportReport, ImportedFile, Outcome, Password,
    find::Found,
    own::Own,
    survey,
    unpack::{unpack, unpack_own},
};
use crate::{
    Error, Monitor, Result, Vault, backups, databases,
    image::ImageFacts,
    jobs::{JobMonitor, Running, to_json},
    keys, postgres,
    proof::Depth,
    sqlite::{pace::millis, snapshot::stream_image},
    take::{Past, TakeOptions, take},
    temporary::Temporary,
};

/// The tag of what came out of an encryption that does not show who wrote it.
pub(super) const UNAUTHENTICATED: &str = "unauthenticated";

pub(crate) fn run(running: &Running<'_>, options: &ImportOptions, monitor: &dyn Monitor) -> Result<ImportReport> {
    let monitor = JobMonitor::new(running, monitor);
    let result = act(running, options, &monitor);
    let outcome = result.as_ref().map(outcome).unwrap_or_default();
    let report = result.as_ref().ok().map(to_json).transpose()?;
    if result.is_ok() {
        super::uploads::done(running.vault, &options.path);
    }
    running.conclude(result, outcome, report.as_deref(), monitor.stopping())
}

fn outcome(report: &ImportReport) -> String {
    let (imported, present, skipped, refused) = report.counts();
    format!("imported {}; {present} were there already, {skipped} skipped, {refused} refused", human::counted(imported, "backup"))
}

fn act(running: &Running<'_>, options: &ImportOptions, monitor: &dyn Monitor) -> Result<ImportReport> {
    let begun = Instant::now();
    let vault = running.vault;
    let database = databases::database(vault, &options.database)?;
    let _lock = running.lock_database(&database.id)?;
    monitor.step(Step::Find);
    let (planned, found) = survey(vault, options, monitor)?;
    monitor.step(Step::Import);
    let given = options.passwords.iter().map(|password| keys::Password::new(password.text()));
    let passwords = keys::Passwords::of(given.chain(vault.keys().passwords().texts().map(keys::Password::new)));
    let mut importing = Importing { running, passwords, database: &database, present: present(vault, &database)?, monitor };
    let mut files = Vec::with_capacity(planned.len());
    // Something was meant: where every file is refused, that it is nothing for this database is a failure.
    let nothing = planned.iter().all(|file| matches!(file.decision, Decision::Refuse { .. }));
    for file in planned {
        let found = found.iter().find(|found| found.file.path == file.path);
        let mut done = importing.one(&file, found)?;
        if let Outcome::Refused { exit, .. } = &mut done.outcome
            && nothing
            && *exit == 0
        {
            *exit = 7;
        }
        let said = match &done.outcome {
            Outcome::Imported { id } => format!("imported as {id}"),
            Outcome::Present { id } => format!("there already as {id}"),
            Outcome::Skipped { reason } => format!("skipped: {reason}"),
            Outcome::Refused { code, reason, .. } => format!("refused ({code}): {reason}"),
        };
        monitor.log(&format!("{}: {said}", done.path));
        done.notes.iter().for_each(|note| monitor.log(&format!("{}: {note}", done.path)));
        files.push(done);
    }
    Ok(ImportReport { job: running.id(), database: database.id, files, elapsed_ms: millis(begun.elapsed()) })
}

/// A backup of the vault that an import could be.
struct Present {
    id: BackupId,
    origin: Option<String>,
    backup_hash: String,
}

/// Read out of the archives: they are the truth, also where a catalog was rebuilt. Those in the trash count, too: a person put them there.
fn present(vault: &Vault, database: &Database) -> Result<Vec<Present>> {
    let mut present = Vec::new();
    for backup in vault.catalog().backups_of(&database.id)? {
        if !matches!(backup.state, BackupState::Complete | BackupState::Trashed) {
            continue;
        }
        match vault.open_backup(&backup) {
            Ok(archive) => {
                let metadata = archive.metadata();
                present.push(Present { id: backup.id, origin: metadata.origin.clone(), backup_hash: metadata.backup_hash.clone() });
            }
            Err(error) => tracing::warn!(backup = %backup.id, %error, "it could not be compared with what is imported"),
        }
    }
    Ok(present)
}

/// What one file was made into.
struct From<'a> {
    path: &'a Path,
    image: &'a Path,
    form: Form,
    /// What a dump of a server holds.
    dumped: Option<&'a ImageFacts>,
    own: Option<&'a Own>,
}

struct Importing<'a> {
    running: &'a Running<'a>,
    /// Those that were given, then those of the vault: a predecessor's may well be today's.
    passwords: keys::Passwords,
    database: &'a Database,
    present: Vec<Present>,
    monitor: &'a dyn Monitor,
}

impl Importing<'_> {
    fn one(&mut self, file: &PlannedFile, found: Option<&Found>) -> Result<ImportedFile> {
        let mut notes = Vec::new();
        let outcome = match (&file.decision, found) {
            (Decision::Skip { reason }, _) => Outcome::Skipped { reason: reason.clone() },
            (Decision::Refuse { code, reason }, found) => {
                let fault = found.and_then(|found| found.fault.as_ref());
                let exit = fault.map_or_else(|| exit_of(code), |fault| fault.kind().exit_code());
                Outcome::Refused { code: code.clone(), reason: reason.clone(), exit }
            }
            (Decision::Adopt(_), None) => return Err(Error::Internal(format!("{} was planned and not found", file.path))),
            (Decision::Adopt(adoption), Some(found)) => match self.adopt(file, found, adoption, &mut notes) {
                Ok(outcome) => outcome,
                Err(error) if ends_all(&error) => return Err(error),
                Err(error) => {
                    let reason = match &error {
                        Error::NotImportable { reason, .. } => reason.clone(),
                        Error::WrongPassword { tried: 0, .. } => "it is encrypted, and no password is known".to_owned(),
                        Error::WrongPassword { .. } => "no known password opens it".to_owned(),
                        other => other.to_string(),
                    };
                    Outcome::Refused { code: error.code().to_owned(), reason, exit: error.kind().exit_code() }
                }
            },
        };
        Ok(ImportedFile { path: file.path.clone(), outcome, notes })
    }

    fn adopt(&mut self, file: &PlannedFile, found: &Found, adoption: &Adoption, notes: &mut Vec<String>) -> Result<Outcome> {
        if self.monitor.cancelled() {
            return Err(Error::CancelledHere);
        }
        let own = match file.content {
            Content::Archive => Some(Own::open(&found.path, &self.passwords)?),
            _ => None,
        };
        let mut labelled = adoption.clone();
        if let Some(own) = &own {
            own.describe(&mut labelled);
        }
        let sidecar = own.as_ref().map(|own| &own.sidecar).or(found.file.sidecar.as_ref());
        // Where the metadata name the hash of the plain database, nothing has to be unpacked to see that it is there.
        let named = sidecar.and_then(|sidecar| sidecar.checksum.clone());
        if let Some(known) = self.known(&adoption.origin, named.as_deref()) {
            return Ok(Outcome::Present { id: known });
        }
        self.monitor.step(Step::Verify);
        let image = Temporary(self.running.staging.join("import.sqlite"));
        let damaged_is_fine = labelled.suspect.is_some();
        let unpacked = if let Some(own) = &own {
            unpack_own(&own.archive, &own.sidecar, &image.0, damaged_is_fine, self.monitor)?
        } else {
            let known: Vec<_> = self.passwords.texts().map(Password::new).collect();
            unpack(&found.path, file.content, sidecar, &known, &image.0, damaged_is_fine, self.monitor)?
        };
        notes.extend(own.iter().flat_map(|own| own.notes.clone()));
        notes.extend(unpacked.notes);
        // A script makes other bytes with another SQLite; it is known by its own.
        let origin = match (&unpacked.stored_hash, file.content) {
            (Some(hash), Content::SqliteDump) => format!("{} (SHA-256 {hash})", adoption.origin),
            _ => adoption.origin.clone(),
        };
        let same_script = file.content == Content::SqliteDump;
        let known = self
            .present
            .iter()
            .find(|one| one.origin.as_deref() == Some(&origin) && (same_script || one.backup_hash == unpacked.image_hash));
        if let Some(known) = known {
            return Ok(Outcome::Present { id: known.id.clone() });
        }
        if adoption.time_from == TimeFrom::FileDate {
            // What says nothing of itself and is the same as another is that one once more: `data_latest.db`, a copy that someone kept.
            if let Some(same) = self.present.iter().find(|one| one.backup_hash == unpacked.image_hash) {
                return Ok(Outcome::Skipped { reason: format!("the same database as {}", same.id) });
            }
            notes.push("nothing says when it was made; the file's own date stands in".to_owned());
        }
        if unpacked.unauthenticated && labelled.tags.len() < TAGS_MAX && !labelled.tags.iter().any(|tag| tag == UNAUTHENTICATED) {
            labelled.tags.push(UNAUTHENTICATED.to_owned());
        }
        if unpacked.form.engine() != self.database.engine {
            let reason = format!("it is of {}, and {} is not", engine_name(unpacked.form.engine()), self.database.id);
            return Err(Error::NotImportable { path: found.path.clone(), code: "other_engine", reason });
        }
        if unpacked.dumped.as_ref().is_some_and(|facts| facts.schema.is_empty()) {
            notes.push("its rows cannot be counted before it is restored".to_owned());
        }
        let from = From { path: &found.path, image: &image.0, form: unpacked.form, dumped: unpacked.dumped.as_ref(), own: own.as_ref() };
        let taken = self.take(&from, &labelled, &origin)?;
        let was_encrypted = unpacked.unauthenticated || own.is_some_and(|own| own.archive.metadata().encrypted);
        if was_encrypted && backups::backup(self.running.vault, &taken)?.encryption == Encryption::None {
            notes.push(format!(
                "it was encrypted there and is not here: give the vault a password with `keepstone key add`, then `keepstone convert {taken} \
                 --encrypt`"
            ));
        }
        self.present.push(Present { id: taken.clone(), origin: Some(origin), backup_hash: unpacked.image_hash });
        Ok(Outcome::Imported { id: taken })
    }

    fn known(&self, origin: &str, hash: Option<&str>) -> Option<BackupId> {
        let hash = hash?;
        self.present.iter().find(|one| one.origin.as_deref() == Some(origin) && one.backup_hash == hash).map(|one| one.id.clone())
    }

    fn take(&self, from: &From<'_>, adoption: &Adoption, origin: &str) -> Result<BackupId> {
        let vault = self.running.vault;
        let (dumped, own) = (from.dumped, from.own);
        // What was a secret there does not lie open here, as long as there is a password for it.
        let secret = own.is_some_and(|own| own.archive.metadata().encrypted) && keys::has_current(vault)?;
        let options = TakeOptions {
            database: self.database,
            kind: adoption.kind,
            coverage: dumped.map(ImageFacts::coverage).unwrap_or_default(),
            form: from.form,
            description: &adoption.description,
            tags: &adoption.tags,
            app_label: own.and_then(|own| own.archive.metadata().app_label.as_deref()),
            pin: adoption.pinned,
            compression: Compression::Zstd,
            level: None,
            encrypt: keys::for_new(vault, self.database, secret.then_some(true), keys::Follows::Nothing)?,
            proof: Some(Depth::Opened),
            actor: &adoption.created_by,
            // A dump is whole or is none; where its rows cannot be counted it names no table.
            loss: &|facts| own.and_then(Own::loss).or_else(|| if dumped.is_none() { holds_nothing(&facts.schema) } else { None }),
            past: Some(Past {
                created_at: adoption.created_at,
                origin: Some(origin),
                acknowledged: own.and_then(|own| own.acknowledged.as_ref()),
                instead_of: None,
            }),
        };
        self.monitor.step(Step::Snapshot);
        let (backup, facts) = take(
            self.running,
            &options,
            &mut |sink| {
                let mut facts = match dumped {
                    None => stream_image(from.image, from.path, sink, self.monitor)?,
                    Some(facts) => postgres::incoming::stream(facts, from.image, from.path, sink, self.monitor)?,
                };
                facts.suspect = adoption.suspect.clone().or(facts.suspect);
                Ok(facts)
            },
            self.monitor,
        )?;
        drop(facts);
        Ok(backup.id)
    }
}

/// A copy of a live database in WAL mode without its log can hold no table at all and still pass every check.
fn holds_nothing(schema: &std::collections::BTreeMap<String, keepstone_model::metadata::Table>) -> Option<String> {
    schema.is_empty().then(|| "it holds no table: a database that was copied while it was in use may have lost all".to_owned())
}

fn engine_name(engine: Engine) -> &'static str {
    match engine {
        Engine::Sqlite => "SQLite",
        Engine::Postgres => "PostgreSQL",
    }
}

/// What is no fault of one file.
fn ends_all(error: &Error) -> bool {
    matches!(
        error,
        Error::CancelledHere
            | Error::Cancelled { .. }
            | Error::NoSpace { .. }
            | Error::DiskFloor { .. }
            | Error::Catalog(_)
            | Error::CatalogDamaged { .. }
    )
}

/// The exit code of a refusal that was planned; what only belongs to others is no failure.
fn exit_of(code: &str) -> u8 {
    match code {
        "other_application" | "other_database" | "other_engine" | "not_a_backup" => 0,
        "empty" | "damaged" => 4,
        _ => 7,
    }
}
