//! Taking a backup: the protocol that turns a stream of pages into a published, proven archive. Create and the safety backup of a restore
//! share it; where the pages come from is theirs.
//!
//! Order: row `running` → archive in staging → fsync → read back and proven → notes → renamed without replacing, folder synced → row
//! `complete`. A process that dies before the rename leaves nothing under the archive's name, and at most notes that recovery removes; one that
//! dies after it leaves a whole archive that recovery adopts, with all that its notes say: pin, doubt, proof.

use std::{path::Path, slice, sync::Arc};

use jiff::Timestamp;
use keepstone_model::{
    backup::{Acknowledgement, Backup, BackupState, CheckName, CheckResult, Encryption, Proof, SuspectCause},
    coverage::Coverage,
    database::Database,
    human,
    id::{BackupId, Kind},
    job::Step,
    metadata::{Compression, FORMAT_VERSION, Form, Metadata, Previous, Tool},
};

use crate::{
    Error, Monitor, Result,
    archive::{Archive, ArchiveWriter, PayloadFacts, WriteOptions},
    catalog::Number,
    databases, durable,
    error::Mended,
    floor::{Floor, prove_above},
    image::{ImageFacts, ImageSink},
    jobs::{Running, random},
    keys::{self, Stretched},
    notes::{self, Notes},
    priority::{Courtesy, Priority, at_low_priority},
    proof::Depth,
};

/// What a backup is to be.
pub(crate) struct TakeOptions<'a> {
    pub(crate) database: &'a Database,
    pub(crate) kind: Kind,
    pub(crate) coverage: Coverage,
    /// What the image is.
    pub(crate) form: Form,
    pub(crate) description: &'a str,
    pub(crate) tags: &'a [String],
    pub(crate) app_label: Option<&'a str>,
    pub(crate) pin: bool,
    pub(crate) compression: Compression,
    pub(crate) level: Option<i32>,
    /// What the archive is encrypted with, if it is.
    pub(crate) encrypt: Option<Arc<Stretched>>,
    /// Why the source is in doubt for what it holds, where it is not damaged.
    pub(crate) loss: &'a dyn Fn(&ImageFacts) -> Option<String>,
    /// None: published as it is, unproven.
    pub(crate) proof: Option<Depth>,
    pub(crate) actor: &'a str,
    /// For what was made before, elsewhere.
    pub(crate) past: Option<Past<'a>>,
}

/// When and where a backup that is imported was made; or the one that is written anew.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Past<'a> {
    pub(crate) created_at: Timestamp,
    pub(crate) origin: Option<&'a str>,
    /// Who took note of its doubt there.
    pub(crate) acknowledged: Option<&'a Acknowledgement>,
    /// The archive whose place in the order this one takes.
    pub(crate) instead_of: Option<&'a Metadata>,
}

/// Takes a backup from `source`, which streams the image into the sink it is given. The row tells of a failure, too.
pub(crate) fn take(
    running: &Running<'_>,
    options: &TakeOptions<'_>,
    source: &mut dyn FnMut(&mut dyn ImageSink) -> Result<ImageFacts>,
    monitor: &dyn Monitor,
) -> Result<(Backup, ImageFacts)> {
    let vault = running.vault;
    // To the millisecond, as the catalog keeps it: metadata, row and report say the same.
    let begun = options.past.map_or_else(Timestamp::now, |past| past.created_at);
    let begun = Timestamp::from_millisecond(begun.as_millisecond()).map_err(|error| Error::Internal(error.to_string()))?;
    let id = BackupId::compose(&options.database.id, options.kind, begun, random());
    let (actor, job) = (options.actor, running.id());
    // Before anything is read: its name is given by a rename.
    if let Some(folder) = vault.archive_path(&id).parent().filter(|folder| !durable::on_one_disk(folder, &running.staging)) {
        return Err(Error::OtherDisk { path: folder.to_owned() });
    }
    let number = match options.past {
        Some(_) => Number::OfItsTime,
        None => Number::Above(databases::highest_unknown(vault, options.database)?),
    };
    let sequence = vault.catalog().begin_numbered(
        &id,
        number,
        &options.database.id,
        options.kind,
        options.coverage,
        begun,
        actor,
        options.description,
        options.tags,
        &job,
    )?;
    let staged = running.staging.join(format!("{id}.zip"));
    let taken = write_and_publish(running, options, &id, sequence, begun, &staged, source, monitor);
    match taken {
        Ok(taken) => Ok(taken),
        Err(error) => {
            discard(&staged);
            if let Err(unwritten) = settle_row(running, options, &id, &error) {
                tracing::error!(backup = %id, error = %unwritten, "the row of a failed backup could not be written; recovery does it");
            }
            Err(error)
        }
    }
}

/// A sink whose caller gives way from the first byte on: before that it may hold a lock that writers wait for.
struct Courteous<'a> {
    sink: &'a mut dyn ImageSink,
    priority: Priority,
    courtesy: Option<Courtesy>,
    /// Of the disk that is the application's, too.
    floor: Option<&'a Floor>,
    /// An archive that is not compressed is as large as the database: that can be told before.
    as_large: bool,
}

impl ImageSink for Courteous<'_> {
    fn begin(&mut self, size_bytes: u64) -> Result<()> {
        self.courtesy = Some(Courtesy::begin(self.priority));
        self.floor.map_or(Ok(()), |floor| floor.look(if self.as_large { size_bytes } else { 0 }))?;
        self.sink.begin(size_bytes)
    }

    fn write(&mut self, pages: &[u8]) -> Result<()> {
        self.priority.give_way();
        self.floor.map_or(Ok(()), |floor| floor.look(0))?;
        self.sink.write(pages)
    }
}

#[expect(clippy::too_many_arguments, reason = "one call, split off so that every fault goes through one place")]
fn write_and_publish(
    running: &Running<'_>,
    options: &TakeOptions<'_>,
    id: &BackupId,
    sequence: i64,
    begun: Timestamp,
    staged: &Path,
    source: &mut dyn FnMut(&mut dyn ImageSink) -> Result<ImageFacts>,
    monitor: &dyn Monitor,
) -> Result<(Backup, ImageFacts)> {
    let vault = running.vault;
    // The safety backup is made while writers wait for the restore.
    let priority = if options.kind == Kind::Safety { Priority::Normal } else { Priority::Low };
    let write = WriteOptions { form: options.form, compression: options.compression, level: options.level, priority };
    let floor = Floor::between(options.database, &running.staging)?;
    let mut writer = match &options.encrypt {
        None => ArchiveWriter::create(staged, &write)?,
        Some(with) => ArchiveWriter::create_encrypted(staged, &write, slice::from_ref(with))?,
    };
    let facts = match options.form {
        Form::Sqlite => {
            let as_large = options.compression == Compression::None;
            source(&mut Courteous { sink: &mut writer, priority, courtesy: None, floor: floor.as_ref(), as_large })?
        }
        // Other processes make these: they would stay in the class for ever.
        Form::Dump | Form::Sql => source(&mut writer)?,
    };
    if facts.coverage() != options.coverage {
        // Unknown means no: what does not say itself how much it holds must not be published as the whole.
        return Err(Error::Internal(format!(
            "a {} backup was asked for, and a {} one came",
            options.coverage.as_str(),
            facts.coverage().as_str()
        )));
    }
    let instead_of = options.past.and_then(|past| past.instead_of);
    let previous = if let Some(metadata) = instead_of {
        metadata.previous.clone()
    } else {
        let all = vault.catalog().backups_of(&options.database.id)?;
        let before = all.into_iter().find(|b| b.state == BackupState::Complete && b.sequence < sequence);
        before.and_then(|b| Some(Previous { id: b.id, hash: b.payload_hash? }))
    };
    // What an archive says of its number outlives the catalog; the row gets it when the other archive makes way.
    let written_sequence = instead_of.map_or(sequence, |metadata| metadata.sequence);
    let damage = facts.suspect.clone().map(|why| (why, SuspectCause::Damage));
    let mut suspect = damage.or_else(|| (options.loss)(&facts).map(|why| (why, SuspectCause::Loss)));
    let mut describe =
        |payload: &PayloadFacts| metadata(options, id, written_sequence, begun, &facts, payload, previous.clone(), suspect.as_ref());
    let written = writer.finish(&mut describe)?;

    let proof = match options.proof {
        None => None,
        Some(depth) => {
            if options.kind != Kind::Safety {
                monitor.step(Step::Prove);
            }
            let step = if options.kind == Kind::Safety { Step::SafetyBackup } else { Step::Prove };
            let (passwords, scratch) = (vault.keys().passwords(), &running.staging);
            let check = || prove_above(floor.as_ref(), staged, &passwords, scratch, depth, step, monitor);
            let (_, proof) = if priority == Priority::Low { at_low_priority(check)? } else { check()? };
            // Damage weighs more than a loss, which may well come of it.
            let known = suspect.as_ref().is_some_and(|(_, cause)| *cause == SuspectCause::Damage);
            if let Some(why) = judge(id, &proof)?.filter(|_| !known) {
                suspect = Some((why, SuspectCause::Damage));
            }
            Some(proof)
        }
    };

    if options.kind != Kind::Safety {
        monitor.step(Step::Publish);
    }
    let target = vault.archive_path(id);
    if let Some(folder) = target.parent() {
        vault.make_dir(folder)?;
    }
    let suspect_cause = suspect.as_ref().map(|(_, cause)| *cause);
    let suspect = suspect.map(|(why, _)| why);
    let acknowledged = options.past.and_then(|past| past.acknowledged).cloned();
    let notes = Notes {
        pinned: options.pin,
        suspect: suspect.clone(),
        suspect_cause: suspect_cause.unwrap_or_default(),
        acknowledged: acknowledged.clone(),
        proofs: proof.iter().cloned().collect(),
        ..Notes::empty(id)
    };
    notes::begin(vault, &notes, staged)?;
    durable::publish(staged, &target)?;
    // From here on the backup exists, whatever happens to this process.
    let backup = Backup {
        id: id.clone(),
        database: options.database.id.clone(),
        kind: options.kind,
        sequence,
        state: BackupState::Complete,
        created_at: begun,
        created_by: options.actor.to_owned(),
        description: options.description.to_owned(),
        tags: options.tags.to_vec(),
        pinned: options.pin,
        suspect,
        suspect_cause,
        acknowledged,
        original_size_bytes: facts.size_bytes,
        archive_size_bytes: written.archive_size_bytes,
        total_records: facts.total_records(),
        payload_hash: Some(written.metadata.payload_hash),
        encryption: if options.encrypt.is_some() { Encryption::Known } else { Encryption::None },
        coverage: options.coverage,
        proof,
        error: None,
        job: Some(running.id()),
        trashed_at: None,
        trash_until: None,
    };
    vault.catalog().put_backup(&backup).map_err(|error| {
        // Whose restore ends for that, or whose archive has another one's place, is not told that it is done.
        if options.kind == Kind::Safety || options.past.is_some() {
            return error;
        }
        Error::after(format!("{id} is published as {}", target.display()), Mended::AtNextStart)(error)
    })?;
    databases::update_latest_link(vault, &options.database.id)?;
    Ok((backup, facts))
}

/// What a fresh proof says of the backup. Stored bytes that are not the ones that were read, or that cannot be read back at all, are a failure
/// of this machine, and nothing is published; the right bytes of a damaged database are kept as suspect.
fn judge(id: &BackupId, proof: &Proof) -> Result<Option<String>> {
    if let Some(check) = proof.unreadable() {
        return Err(Error::ArchiveUnreadable { id: id.to_string(), detail: format!("{}: {}", check.name, check.detail) });
    }
    let mut suspect = None;
    for check in proof.checks.iter().filter(|check| check.result == CheckResult::Failed) {
        match check.name {
            CheckName::SqliteIntegrityCheck => suspect = Some(format!("the source is damaged: {}", check.detail)),
            // A damaged database may count differently by another index; told by the integrity check already.
            CheckName::RowCounts if suspect.is_some() => {}
            _ => {
                let detail = format!("{}: {}", check.name, check.detail);
                return Err(Error::VerificationFailed { id: id.to_string(), detail });
            }
        }
    }
    Ok(suspect)
}

#[expect(clippy::too_many_arguments, reason = "a document's parts; each is a different noun")]
fn metadata(
    options: &TakeOptions<'_>,
    id: &BackupId,
    sequence: i64,
    begun: Timestamp,
    facts: &ImageFacts,
    payload: &PayloadFacts,
    previous: Option<Previous>,
    suspect: Option<&(String, SuspectCause)>,
) -> Metadata {
    Metadata {
        format_version: FORMAT_VERSION,
        backup_id: id.clone(),
        sequence,
        database: options.database.id.clone(),
        database_uid: options.database.uid.clone(),
        engine: options.database.engine,
        backup_type: options.kind,
        timestamp: begun.strftime("%Y%m%dT%H%M%SZ").to_string(),
        created_at: begun,
        created_by: options.actor.to_owned(),
        description: options.description.to_owned(),
        tags: options.tags.to_vec(),
        app_label: options.app_label.map(str::to_owned),
        database_size: payload.original_size_bytes,
        original_size: payload.original_size_bytes,
        compressed_size: payload.compressed_size_bytes,
        compressed: options.compression != Compression::None,
        compression: options.compression,
        // What is encrypted the writer says.
        encrypted: false,
        cipher: None,
        backup_hash: payload.backup_hash.clone(),
        restore_hash: payload.restore_hash.clone(),
        payload_hash: payload.payload_hash.clone(),
        checksum_algorithm: "sha256".to_owned(),
        schema_version: facts.schema_version,
        migration_version: facts.migration_version.clone(),
        schema: facts.schema.clone(),
        table_counts: facts.table_counts(),
        total_records: facts.total_records(),
        source: facts.source.clone(),
        tool: Tool { name: "keepstone".to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() },
        origin: options.past.and_then(|past| past.origin).map(str::to_owned),
        previous,
        slots: Vec::new(),
        suspect: suspect.map(|(why, _)| why.clone()),
        suspect_cause: suspect.map(|(_, cause)| *cause),
        coverage: options.coverage,
        left_out: facts.left_out.clone(),
        globals: facts.globals.clone(),
    }
}

/// The row of a backup that did not come to be; what it says is what a person reads in the list. One that was published all the same (its row
/// met a full disk, say) is adopted, not lost. Where that cannot be told now the row stays `running`, and recovery looks again: failed is only
/// what has certainly no archive.
fn settle_row(running: &Running<'_>, options: &TakeOptions<'_>, id: &BackupId, error: &Error) -> Result<()> {
    let vault = running.vault;
    let mut archive = Archive::open(&vault.archive_path(id));
    if matches!(archive, Err(Error::ArchiveMissing { .. })) {
        notes::forget(vault, id)?;
    }
    let notes = notes::read(vault, id)
        .inspect_err(|error| tracing::warn!(backup = %id, %error, "its notes cannot be read; they count as empty"))
        .ok();
    let encryption = archive.as_mut().map_or(Ok(Encryption::None), |archive| keys::settle(vault, archive))?;
    vault.catalog().change_backup(id, |backup| match &archive {
        _ if backup.state != BackupState::Running => {}
        Ok(archive) => {
            adopt(backup, archive, encryption, notes.as_ref());
            backup.pinned = options.pin;
        }
        Err(Error::ArchiveMissing { .. }) => {
            backup.state = BackupState::Failed;
            backup.error = Some(error.to_string());
        }
        Err(_) => {}
    })?;
    Ok(())
}

/// Completes the row of an archive that was published and not written down.
pub(crate) fn adopt(backup: &mut Backup, archive: &Archive, encryption: Encryption, notes: Option<&Notes>) {
    let metadata = archive.metadata();
    backup.state = BackupState::Complete;
    backup.encryption = encryption;
    backup.coverage = metadata.coverage;
    backup.created_at = metadata.created_at;
    backup.original_size_bytes = metadata.original_size;
    backup.archive_size_bytes = archive.size_bytes();
    backup.total_records = metadata.total_records;
    backup.payload_hash = Some(metadata.payload_hash.clone());
    (backup.suspect, backup.suspect_cause) = doubt(metadata, notes);
    if let Some(notes) = notes {
        backup.acknowledged.clone_from(&notes.acknowledged);
        backup.pinned = notes.pinned;
        backup.proof = Proof::standing(&notes.proofs).cloned();
    }
}

/// What an archive and its notes say of the content, once they can be opened: a row that was made where no password was known lacks it. Notes that cannot
/// be read change nothing of what only they say.
pub(crate) fn describe(backup: &mut Backup, metadata: &Metadata, notes: Option<&Notes>) {
    backup.description = notes.and_then(|notes| notes.description.clone()).unwrap_or_else(|| metadata.description.clone());
    backup.tags = notes.and_then(|notes| notes.tags.clone()).unwrap_or_else(|| metadata.tags.clone());
    backup.total_records = metadata.total_records;
    (backup.suspect, backup.suspect_cause) = doubt(metadata, notes);
    if let Some(notes) = notes {
        backup.acknowledged.clone_from(&notes.acknowledged);
        backup.pinned = notes.pinned;
        if let Some(proof) = Proof::standing(&notes.proofs) {
            backup.proof = Some(proof.clone());
        }
    }
}

/// Why the source was in doubt, and of which sort: the notes know more than the metadata, which was written before the archive was proven.
pub(crate) fn doubt(metadata: &Metadata, notes: Option<&Notes>) -> (Option<String>, Option<SuspectCause>) {
    let (why, cause) = match notes.filter(|notes| notes.suspect.is_some()) {
        Some(notes) => (notes.suspect.clone(), notes.suspect_cause),
        None => (metadata.suspect.clone(), metadata.suspect_cause.unwrap_or_default()),
    };
    let cause = why.is_some().then_some(cause);
    (why, cause)
}

fn discard(staged: &Path) {
    if let Err(error) = durable::remove(staged) {
        tracing::warn!(path = %staged.display(), %error, "a staged archive could not be removed; the next start does it");
    }
}

/// "412.0 MB in 2.1 s", for the log and the outcome.
pub(crate) fn size_and_time(bytes: u64, elapsed_ms: u64) -> String {
    format!("{} in {}", human::bytes(bytes), human::duration_ms(elapsed_ms))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may stop at once")]
mod tests {
    use keepstone_model::backup::Check;

    use super::*;
    use crate::{
        Silent,
        create::{CreateOptions, create},
        databases::AddDatabaseOptions,
        testing::{self, good_proof, live},
    };

    #[test]
    fn a_folder_on_another_disk_is_met_before_anything_is_read() {
        let live = live(5);
        let elsewhere = tempfile::Builder::new().tempdir_in("/dev/shm").unwrap();
        if durable::on_one_disk(elsewhere.path(), live.vault.backups_dir()) {
            return;
        }
        let folder = live.vault.database_dir(&live.database);
        std::fs::remove_dir_all(&folder).unwrap();
        std::os::unix::fs::symlink(elsewhere.path(), &folder).unwrap();
        let error = create(&live.vault, &CreateOptions::new(live.database.clone(), "alice"), &Silent).unwrap_err();
        assert_eq!((error.code(), error.hint().unwrap().contains("BACKUP_DIR")), ("other_disk", true), "{error}");
        assert!(live.vault.catalog().backups_of(&live.database).unwrap().is_empty(), "not even a failed row");
    }

    #[test]
    fn what_cannot_be_read_back_is_not_published_and_what_has_no_room_to_be_opened_is() {
        let id = "shop_daily_20261120T030000Z_k3f9".parse().unwrap();
        let without = |names: &[CheckName]| {
            let mut proof = good_proof();
            for check in proof.checks.iter_mut().filter(|check| names.contains(&check.name)) {
                *check = Check { result: CheckResult::CouldNotRun, detail: "no such luck".to_owned(), ..check.clone() };
            }
            judge(&id, &proof)
        };
        for name in [CheckName::FileExistence, CheckName::ChecksumValidation] {
            let refused = without(&[name, CheckName::SqliteIntegrityCheck]);
            assert!(matches!(&refused, Err(error @ Error::ArchiveUnreadable { .. }) if error.kind().exit_code() == 1), "{refused:?}");
        }
        assert!(matches!(without(&[CheckName::SqliteIntegrityCheck, CheckName::RowCounts]), Ok(None)));
    }

    #[test]
    fn a_published_backup_that_the_catalog_does_not_take_says_where_it_lies_and_is_listed_by_the_next_start() {
        let dir = tempfile::TempDir::new().unwrap();
        let vault = testing::open(&dir);
        let live = dir.path().join("shop.db");
        rusqlite::Connection::open(&live).unwrap().execute_batch("CREATE TABLE t (a); INSERT INTO t VALUES (1)").unwrap();
        let options = AddDatabaseOptions { location: live.display().to_string(), name: None, schedules: None, actor: "alice".to_owned() };
        let database = databases::add_database(&vault, &options).unwrap().id;
        let catalog = rusqlite::Connection::open(vault.data_dir().join("catalog.sqlite")).unwrap();
        let fail =
            "CREATE TRIGGER fail BEFORE UPDATE ON backups WHEN NEW.state = 'complete' BEGIN SELECT RAISE(ABORT, 'the disk failed'); END";
        catalog.execute_batch(fail).unwrap();
        let fault = create(&vault, &CreateOptions::new(database.clone(), "alice"), &Silent).unwrap_err();
        let [left] = vault.catalog().backups_of(&database).unwrap().try_into().unwrap();
        let path = vault.archive_path(&left.id);
        let said = format!("{} is published as {}, and that could not be written down: catalog: the disk failed", left.id, path.display());
        assert_eq!((fault.code(), fault.to_string()), ("not_noted", said));
        assert!(fault.hint().unwrap().contains("the next start of Keepstone"));
        assert!(left.state == BackupState::Running && path.exists());
        catalog.execute_batch("DROP TRIGGER fail").unwrap();
        drop(vault);
        let next = testing::open(&dir);
        assert!(crate::backups::backup(&next, &left.id).unwrap().is_good());
    }
}
