//! Carrying out a plan. Everything that can fail for reasons of ours comes before the write; the write is one transaction.

use std::{
    fs,
    io::{BufWriter, Write},
    path::{Path, PathBuf},
    time::Instant,
};

use keepstone_model::{
    database::Database,
    human,
    id::{BackupId, Kind},
    job::Step,
    metadata::{Compression, Metadata},
    restore::{RestorePlan, Target},
};

use super::{
    RestoreOptions, RestoreReport,
    plan::{check_new_file, refuse_if_stale},
};
use crate::{
    Error, Monitor, Result, Vault,
    archive::Archive,
    databases, durable,
    jobs::{JobMonitor, Running, TEMPORARY, ignore_missing, to_json},
    notes,
    proof::{Depth, create_private, prove},
    sqlite::{
        self,
        inspect::inspect_image,
        replace::{PresentState, ReplaceOptions, replace},
        unopenable::replace_unopenable,
    },
    take::{TakeOptions, take},
};

pub(crate) fn run(running: &Running<'_>, options: &RestoreOptions, monitor: &dyn Monitor) -> Result<RestoreReport> {
    let monitor = JobMonitor::new(running, monitor);
    let result = act(running, &options.plan, options.verify, &options.actor, &monitor);
    conclude(running, result)
}

/// Ends the job with the sentence that its page shows, and keeps the report: undo needs it.
pub(super) fn conclude(running: &Running<'_>, result: Result<RestoreReport>) -> Result<RestoreReport> {
    let said = match &result {
        Ok(report) => (outcome(report), Some(to_json(report)?)),
        Err(_) => (String::new(), None),
    };
    running.conclude(result, said.0, said.1.as_deref())
}

fn outcome(report: &RestoreReport) -> String {
    let time = human::duration_ms(report.elapsed_ms);
    if report.replaced {
        let pages = human::count(report.pages_written);
        format!("restored over the live database in {time}: {pages} pages written, writers waited {}", human::duration_ms(report.held_ms))
    } else {
        format!("restored in {time} into {}; the live database is unchanged", report.path.display())
    }
}

pub(super) fn act(running: &Running<'_>, plan: &RestorePlan, verify: bool, actor: &str, monitor: &dyn Monitor) -> Result<RestoreReport> {
    let vault = running.vault;
    let database = databases::database(vault, &plan.database)?;
    let _lock = running.lock_database(&database.id)?;
    refuse_if_stale(vault, plan)?;
    if plan.space_free_bytes < plan.space_needed_bytes {
        return Err(Error::NoSpace { path: vault.backups_dir().to_owned() });
    }
    let begun = Instant::now();
    let mut report = match &plan.target {
        Target::NewFile { path } => {
            let staged = |path: &Path| {
                let name = format!(".{}.{}", path.file_name().unwrap_or_default().to_string_lossy(), running.id());
                path.with_file_name(name)
            };
            new_file(vault.archive_path(&plan.backup).as_path(), Path::new(path), &staged, verify, Some(&running.staging), monitor)?
        }
        Target::Replace => replace_live(running, plan, &database, verify, actor, monitor)?,
    };
    report.job = Some(running.id());
    report.elapsed_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok(report)
}

/// Restores an archive file into a new file; needs no vault and changes nothing else.
pub fn restore_file(archive: &Path, target: &Path, monitor: &dyn Monitor) -> Result<RestoreReport> {
    let begun = Instant::now();
    let target = std::path::absolute(target).map_err(|error| Error::io(target, error))?;
    check_new_file(&target)?;
    let staged = |path: &Path| {
        let name = format!(".{}.{}", path.file_name().unwrap_or_default().to_string_lossy(), std::process::id());
        path.with_file_name(name)
    };
    let mut report = new_file(archive, &target, &staged, true, None, monitor)?;
    report.elapsed_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok(report)
}

/// Writes the image beside its target, checks it there, and only then gives it its name: the target is whole or not there.
fn new_file(
    archive: &Path,
    target: &Path,
    staged: &dyn Fn(&Path) -> PathBuf,
    verify: bool,
    staging: Option<&Path>,
    monitor: &dyn Monitor,
) -> Result<RestoreReport> {
    monitor.step(Step::Verify);
    let archive = Archive::open(archive)?;
    let metadata = archive.metadata().clone();
    check_new_file(target)?;
    if let Some(folder) = target.parent() {
        durable::make_dir(folder)?;
    }
    let temporary = Temporary(staged(target));
    if let Some(staging) = staging {
        durable::write(&staging.join(TEMPORARY), temporary.0.to_string_lossy().as_bytes())?;
    }
    monitor.step(Step::Write);
    extract(&archive, &temporary.0, Step::Write, monitor)?;
    monitor.step(Step::Check);
    if verify {
        check_image(&temporary.0, &metadata, monitor)?;
    }
    durable::publish(&temporary.0, target)?;
    Ok(RestoreReport {
        job: None,
        backup: metadata.backup_id.clone(),
        path: target.to_owned(),
        replaced: false,
        safety_backup: None,
        pages_written: metadata.source.page_count,
        size_bytes: metadata.original_size,
        held_ms: 0,
        elapsed_ms: 0,
        // Extraction compares both hashes and fails where they differ.
        hash_equal: true,
    })
}

fn replace_live(
    running: &Running<'_>,
    plan: &RestorePlan,
    database: &Database,
    verify: bool,
    actor: &str,
    monitor: &dyn Monitor,
) -> Result<RestoreReport> {
    let vault = running.vault;
    let live = sqlite::location::path_of(&database.location)?;
    monitor.step(Step::Verify);
    let archive = Archive::open(&vault.archive_path(&plan.backup))?;
    let metadata = archive.metadata().clone();
    if metadata.payload_hash != plan.binding.payload_hash {
        return Err(Error::StalePlan { reason: "the archive is another one".to_owned() });
    }
    let image = Temporary(running.staging.join("image.sqlite"));
    extract(&archive, &image.0, Step::Verify, monitor)?;
    if verify {
        check_image(&image.0, &metadata, monitor)?;
    }
    let mut report = RestoreReport {
        job: None,
        backup: plan.backup.clone(),
        path: live.clone(),
        replaced: true,
        safety_backup: None,
        pages_written: metadata.source.page_count,
        size_bytes: metadata.original_size,
        held_ms: 0,
        elapsed_ms: 0,
        hash_equal: true,
    };
    if plan.binding.target_identity.is_none() {
        let aside = vault.database_dir(&database.id).join("corrupted").join(jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string());
        monitor.step(Step::Write);
        durable::make_dir(&aside)?;
        replace_unopenable(&live, &image.0, &aside)?;
        monitor.log(&format!("what was there is kept in {}", aside.display()));
        monitor.step(Step::Check);
        return Ok(report);
    }

    if monitor.cancelled() {
        return Err(Error::CancelledHere);
    }
    let mut before_write = |present: &mut dyn PresentState| -> Result<()> {
        if plan.safety_backup {
            monitor.step(Step::SafetyBackup);
            report.safety_backup = Some(safety_backup(running, plan, database, actor, present, monitor)?);
        }
        monitor.step(Step::Write);
        Ok(())
    };
    let options = ReplaceOptions {
        image: &image.0,
        restore_hash: &metadata.restore_hash,
        scratch_dir: &running.staging,
        busy_wait: sqlite::BUSY_WAIT,
        expected_identity: plan.binding.target_identity.as_deref(),
        expected_schema_hash: plan.binding.target_schema_hash.as_deref(),
    };
    let replaced = replace(&live, &options, &mut before_write, monitor)?;
    report.pages_written = replaced.pages_written;
    report.held_ms = replaced.held_ms;
    monitor.step(Step::Check);
    after_commit(vault, &live, &metadata, report.safety_backup.as_ref(), &running.staging, monitor);
    Ok(report)
}

/// The state that is about to be replaced, read inside the write transaction and published before anything is written. What would keep writers
/// waiting for longer, opening the copy and looking into it, comes after the commit; its stored bytes are read back here.
fn safety_backup(
    running: &Running<'_>,
    plan: &RestorePlan,
    database: &Database,
    actor: &str,
    present: &mut dyn PresentState,
    monitor: &dyn Monitor,
) -> Result<BackupId> {
    let description = format!("Before the restore of {}", plan.backup);
    let options = TakeOptions {
        database,
        kind: Kind::Safety,
        description: &description,
        tags: &[],
        app_label: None,
        pin: false,
        compression: Compression::Zstd,
        level: None,
        proof: Some(Depth::Stored),
        actor,
    };
    let (backup, _) = take(running, &options, &mut |sink| present.stream(sink, monitor), monitor)?;
    monitor.log(&format!("the state before is kept in {}", backup.id));
    Ok(backup.id)
}

/// After the commit nothing can be taken back by failing: what is found is reported.
fn after_commit(vault: &Vault, live: &Path, metadata: &Metadata, safety: Option<&BackupId>, scratch: &Path, monitor: &dyn Monitor) {
    match sqlite::live::live_state(live, sqlite::BUSY_WAIT) {
        Ok(state) => {
            let rows: u64 = state.schema.values().map(|table| table.row_count).sum();
            let (rows, of) = (human::count(rows), human::count(metadata.total_records));
            monitor.log(&format!("the live database opens: {rows} rows now, {of} in the backup (applications may have written since)"));
        }
        Err(error) => monitor.log(&format!("the live database could not be looked at after the commit: {error}")),
    }
    let Some(safety) = safety else { return };
    if let Err(error) = prove_safety(vault, safety, scratch, monitor) {
        monitor.log(&format!("the safety backup could not be proven: {error}"));
    }
}

fn prove_safety(vault: &Vault, id: &BackupId, scratch: &Path, monitor: &dyn Monitor) -> Result<()> {
    let (_, proof) = prove(&vault.archive_path(id), scratch, Depth::Opened, Step::Check, monitor)?;
    notes::update(vault, id, |notes| notes.proofs.push(proof.clone()))?;
    vault.catalog().change_backup(id, |backup| backup.proof = Some(proof.clone())).map(drop)
}

fn extract(archive: &Archive, path: &Path, step: Step, monitor: &dyn Monitor) -> Result<()> {
    let mut sink = BufWriter::with_capacity(1 << 20, create_private(path)?);
    archive.extract(&mut sink, path, step, monitor)?;
    sink.flush().map_err(|error| Error::io(path, error))
}

/// The image opens, and holds the rows it should. A suspect backup says so in its plan; a person who confirmed it gets it as it is.
fn check_image(image: &Path, metadata: &Metadata, monitor: &dyn Monitor) -> Result<()> {
    if metadata.suspect.is_some() {
        return Ok(());
    }
    let report = inspect_image(image, monitor)?;
    let failed = |detail: String| Error::VerificationFailed { id: metadata.backup_id.to_string(), detail };
    report.integrity.map_err(&failed)?;
    let schema = report.schema.map_err(&failed)?;
    match metadata.table_counts.iter().find(|(name, count)| schema.get(*name).map(|table| table.row_count) != Some(**count)) {
        Some((table, count)) => Err(failed(format!("table {table} should hold {count} rows and does not"))),
        None => Ok(()),
    }
}

/// A file that is gone when this is, unless it was given another name.
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        for suffix in ["", "-journal", "-wal", "-shm"] {
            let mut path = self.0.clone().into_os_string();
            path.push(suffix);
            if let Err(error) = fs::remove_file(&path).or_else(ignore_missing) {
                tracing::warn!(path = %path.display(), %error, "a temporary file could not be removed; the next start does it");
            }
        }
    }
}
