//! Convert: an archive of earlier days (not encrypted, another compression) is written anew as today's are, proven, and takes the place of the
//! old one, which goes to the trash.
//!
//! Order: the new archive is taken as every backup is (staged, read back, published) → the rows change places → the old one goes to the trash.
//! A process that dies in between leaves both archives, each whole: the new one stands among the imports of its time until it is converted
//! again or deleted, and nothing that was good before is less so.

use std::{
    io::{BufWriter, Write},
    time::Instant,
};

use jiff::Timestamp;
use keepstone_model::{
    backup::{Backup, BackupState, Encryption, SuspectCause, Verdict, held_by},
    human,
    id::{BackupId, JobId, Kind},
    job::Step,
    metadata::{Compression, FORMAT_VERSION, Form},
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    Error, Monitor, Result, Vault,
    backups::{self, EditBackupOptions},
    databases, delete, durable,
    image::{ImageFacts, ImageSink, hex, stream_file},
    jobs::{JobMonitor, JobRequest, Running},
    keys,
    proof::{Depth, create_private},
    sqlite::{pace::millis, snapshot::stream_image},
    take::{Past, TakeOptions, take},
    temporary::Temporary,
};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConvertOptions {
    pub backup: BackupId,
    /// None: as it is compressed now.
    pub compression: Option<Compression>,
    pub level: Option<i32>,
    /// Whether the new archive is encrypted; none: what the environment and the database say.
    pub encrypt: Option<bool>,
    pub actor: String,
}

impl ConvertOptions {
    /// By the rule of the database, compressed as it is.
    pub fn new(backup: BackupId, actor: impl Into<String>) -> Self {
        Self { backup, compression: None, level: None, encrypt: None, actor: actor.into() }
    }
}

#[derive(Debug, Clone)]
pub struct ConvertReport {
    pub job: JobId,
    /// The archive that stands for it now; the old one where there was nothing to convert.
    pub backup: Backup,
    pub converted_from: BackupId,
    /// It was as it should be already.
    pub unchanged: bool,
    /// Until then the old archive can be put back from the trash; none where it is not there.
    pub until: Option<Timestamp>,
    pub elapsed_ms: u64,
}

/// Writes a backup anew by today's rules. When this returns the new archive is published, durable and proven, holds the same image to the
/// byte, and stands in the old one's place; on any fault the old one is as it was.
pub fn convert(vault: &Vault, options: &ConvertOptions, monitor: &dyn Monitor) -> Result<ConvertReport> {
    let running = Running::begin(vault, &JobRequest::Convert(options.clone()))?;
    run(&running, options, monitor)
}

pub(crate) fn run(running: &Running<'_>, options: &ConvertOptions, monitor: &dyn Monitor) -> Result<ConvertReport> {
    let monitor = JobMonitor::new(running, monitor);
    let result = act(running, options, &monitor);
    let outcome = result.as_ref().map(outcome).unwrap_or_default();
    running.conclude(result, outcome, None, monitor.stopping())
}

fn outcome(report: &ConvertReport) -> String {
    let (backup, from) = (&report.backup, &report.converted_from);
    if report.unchanged {
        return format!("{from} is as today's archives are; nothing was converted");
    }
    let encrypted = if backup.encryption == Encryption::None { "not encrypted" } else { "encrypted" };
    format!("wrote {from} anew as {}: {}, {encrypted}, read back and checked", backup.id, human::bytes(backup.archive_size_bytes))
}

fn act(running: &Running<'_>, options: &ConvertOptions, monitor: &dyn Monitor) -> Result<ConvertReport> {
    let begun = Instant::now();
    let vault = running.vault;
    let id = &options.backup;
    let database = databases::database(vault, &id.database())?;
    let _lock = running.lock_database(&database.id)?;
    let old = backups::backup(vault, id)?;
    refuse(vault, &old)?;
    let encrypt = keys::for_new(vault, &database, options.encrypt, keys::Follows::Backup(&old))?;
    let archive = vault.open_backup(&old)?;
    let metadata = archive.metadata().clone();
    let compression = options.compression.unwrap_or(metadata.compression);
    let kept = metadata.format_version == FORMAT_VERSION && metadata.encrypted == encrypt.is_some() && metadata.compression == compression;
    if kept && options.level.is_none() {
        let (backup, converted_from, elapsed_ms) = (old, id.clone(), millis(begun.elapsed()));
        return Ok(ConvertReport { job: running.id(), backup, converted_from, unchanged: true, until: None, elapsed_ms });
    }

    monitor.step(Step::Snapshot);
    if durable::free_bytes(&running.staging)? < metadata.original_size.saturating_mul(2) {
        return Err(Error::NoSpace { path: running.staging.clone() });
    }
    // Of an encrypted archive it is as secret as the database: it goes at once.
    let image = Temporary(running.staging.join("convert.image"));
    let mut plain = BufWriter::with_capacity(1 << 20, create_private(&image.0)?);
    // Every hash is compared on the way.
    archive.extract(&mut plain, &image.0, Step::Snapshot, monitor)?;
    plain.flush().map_err(|error| Error::io(&image.0, error))?;
    let form = archive.form();
    drop((plain, archive));

    let suspect = old.suspect.clone();
    let loss = (old.suspect_cause == Some(SuspectCause::Loss)).then(|| suspect.clone()).flatten();
    let take_options = TakeOptions {
        database: &database,
        form,
        kind: old.kind,
        coverage: metadata.coverage,
        description: &old.description,
        tags: &old.tags,
        app_label: metadata.app_label.as_deref(),
        pin: old.pinned,
        compression,
        level: options.level,
        encrypt,
        loss: &|_| loss.clone(),
        proof: Some(Depth::Opened),
        actor: &old.created_by,
        past: Some(Past {
            created_at: old.created_at,
            origin: metadata.origin.as_deref(),
            acknowledged: old.acknowledged.as_ref(),
            instead_of: Some(&metadata),
        }),
    };
    let (new, _) = take(
        running,
        &take_options,
        &mut |sink| {
            let mut equal = Equal { sink, hasher: Sha256::new() };
            let mut facts = match form {
                Form::Sqlite => stream_image(&image.0, &image.0, &mut equal, monitor)?,
                // A dump is the same to the byte, so it holds what the old archive says.
                Form::Dump | Form::Sql => ImageFacts {
                    size_bytes: stream_file(&image.0, Step::Snapshot, &mut equal, monitor)?,
                    source: metadata.source.clone(),
                    schema: metadata.schema.clone(),
                    schema_version: metadata.schema_version,
                    migration_version: metadata.migration_version.clone(),
                    suspect: None,
                    left_out: metadata.left_out.clone(),
                    globals: metadata.globals.clone(),
                },
            };
            let hash = hex(&equal.hasher.finalize());
            if hash != metadata.backup_hash {
                return Err(Error::RestoreMismatch { detail: format!("the image has SHA-256 {hash}, not {}", metadata.backup_hash) });
            }
            facts.source = metadata.source.clone();
            facts.migration_version.clone_from(&metadata.migration_version);
            facts.suspect = suspect.clone().filter(|_| old.suspect_cause == Some(SuspectCause::Damage)).or(facts.suspect);
            Ok(facts)
        },
        monitor,
    )?;
    drop(image);
    if old.verdict() == Verdict::Good && new.verdict() != Verdict::Good {
        // It stays beside the old one, which is better; a person can delete it.
        return Err(Error::VerificationFailed { id: new.id.to_string(), detail: "the old archive stays in its place".to_owned() });
    }
    running.concerns(&new.id)?;
    let new = vault.catalog().take_place(&new.id, id)?;
    databases::update_latest_link(vault, &database.id)?;
    let until = put_away(vault, &old, &options.actor, monitor);
    Ok(ConvertReport {
        job: running.id(),
        backup: new,
        converted_from: id.clone(),
        unchanged: false,
        until,
        elapsed_ms: millis(begun.elapsed()),
    })
}

/// What could not be put away afterwards, or must stay what it is.
fn refuse(vault: &Vault, old: &Backup) -> Result<()> {
    let refused = |reason: &str| Err(Error::ConvertRefused { id: old.id.clone(), reason: reason.to_owned() });
    match old.state {
        BackupState::Complete => {}
        BackupState::Trashed => return refused("it is in the trash: put it back first"),
        _ => return Err(Error::ArchiveMissing { id: old.id.to_string(), path: vault.archive_path(&old.id) }),
    }
    if old.kind == Kind::Safety {
        return refused("the undo of a restore goes by it");
    }
    if old.verdict() == Verdict::Bad {
        return refused("it did not pass its checks");
    }
    if old.holds() {
        return refused("it is suspect and nobody has taken note of it: acknowledge it first");
    }
    match held_by(old, &vault.catalog().backups_of(&old.database)?) {
        Some(_) => refused("a newer backup is suspect: acknowledge that one first"),
        None => Ok(()),
    }
}

/// The old archive into the trash, its pin with the new one. Where it cannot go (it is being read) it stays, among the imports of its time.
fn put_away(vault: &Vault, old: &Backup, actor: &str, monitor: &dyn Monitor) -> Option<Timestamp> {
    let unpinned = || {
        let options = EditBackupOptions { pinned: Some(false), actor: actor.to_owned(), ..EditBackupOptions::default() };
        if old.pinned { backups::edit(vault, &old.id, &options).map(drop) } else { Ok(()) }
    };
    match unpinned().and_then(|()| delete::delete(vault, &old.id, actor)) {
        Ok(report) => Some(report.until),
        Err(error) => {
            monitor.log(&format!("the old archive stays: {error}"));
            tracing::warn!(id = %old.id, %error, "a converted archive could not go to the trash");
            None
        }
    }
}

/// Passes everything on and hashes it.
struct Equal<'a> {
    sink: &'a mut dyn ImageSink,
    hasher: Sha256,
}

impl ImageSink for Equal<'_> {
    fn begin(&mut self, size_bytes: u64) -> Result<()> {
        self.sink.begin(size_bytes)
    }

    fn write(&mut self, pages: &[u8]) -> Result<()> {
        self.hasher.update(pages);
        self.sink.write(pages)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may stop at once")]
mod tests;
