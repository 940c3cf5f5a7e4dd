//! Carrying out a plan. Everything that can fail for reasons of ours comes before the write; the write is one transaction.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{BufWriter, Write},
    path::{Path, PathBuf},
    sync::Arc,
    time::Instant,
};

use keepstone_model::{
    backup::{Backup, Check, CheckName, CheckResult, Level, Verdict},
    coverage::Coverage,
    database::Database,
    human,
    id::{BackupId, DatabaseId, Kind},
    job::Step,
    metadata::{Compression, Form, Metadata},
    restore::{AfterRestore, RestorePlan, RowsSince, StateBefore, Target, WhileOpen},
};

use super::{
    Mark, RestoreOptions, RestoreReport,
    aside::{self, Attempt, By},
    checked::{Damage, check_if_it_can_be, check_image},
    place::{cannot_be_opened, state_to_replace},
    plan::{check_new_file, recount},
    written::write_and_read_back,
};
use crate::{
    Error, Monitor, Result, Vault,
    archive::Archive,
    backups, checkup, databases, driver, durable,
    floor::{Floor, above},
    jobs::{JobMonitor, Running, TEMPORARY, to_json},
    keys::{self, Passwords, Stretched},
    notes,
    proof::{Depth, create_private, prove, told_ms, verdict},
    scratch::ScratchFolder,
    sqlite::{
        self,
        holders::open_elsewhere,
        replace::{PresentState, ReplaceOptions, replace},
    },
    take::{TakeOptions, take},
    temporary::Temporary,
    throttle::Stopwatch,
};

pub(crate) fn run(running: &Running<'_>, options: &RestoreOptions, monitor: &dyn Monitor) -> Result<RestoreReport> {
    let monitor = JobMonitor::new(running, monitor);
    let result = act(running, &options.plan, options.verify, &options.actor, &monitor);
    conclude(running, result, &monitor)
}

/// Ends the job with the sentence that its page shows, and keeps the report: undo needs it.
pub(super) fn conclude(running: &Running<'_>, result: Result<RestoreReport>, monitor: &dyn Monitor) -> Result<RestoreReport> {
    let said = match &result {
        Ok(report) => {
            if let Some(unsound) = report.unsound() {
                running.left_unsound(unsound);
            }
            (outcome(report), Some(to_json(report)?))
        }
        Err(_) => (String::new(), None),
    };
    running.conclude(result, said.0, said.1.as_deref(), monitor.stopping())
}

fn outcome(report: &RestoreReport) -> String {
    let time = human::duration_ms(report.elapsed_ms);
    let after = report.after.as_ref().map(|after| format!("; {}", after.words())).unwrap_or_default();
    let not_checked = report.not_checked.as_ref().map(|why| format!("; {why}")).unwrap_or_default();
    if matches!(report.before, StateBefore::KeptAside | StateBefore::Absent) {
        let kept = report.kept_aside.as_ref().map(|folder| format!("; what was there is kept in {}", folder.display())).unwrap_or_default();
        format!("put in the live database's place in {time}{after}{kept}{not_checked}")
    } else if let (true, Some(kept)) = (report.replaced, &report.kept) {
        let (exchanged, name) = (human::duration_ms(report.held_ms), &kept.name);
        let what = if report.after.is_some() {
            "restored and put in the live database's place"
        } else {
            "the database before was put back in its place"
        };
        format!("{what} in {time}, of which names changed for {exchanged}{after}; the one that made way is kept as {name}")
    } else if report.replaced {
        // Of a server's database nobody counts pages.
        let pages = if report.hash_equal { format!("{} pages written, ", human::count(report.pages_written)) } else { String::new() };
        format!(
            "restored over the live database in {time}: {pages}writers waited {}{after}{not_checked}",
            human::duration_ms(report.held_ms)
        )
    } else {
        let doubt = report.doubt.as_ref().map(|doubt| format!("; the backup is suspect: {doubt}")).unwrap_or_default();
        format!("restored in {time} into {}; the live database is unchanged{doubt}{not_checked}", report.path.display())
    }
}

pub(super) fn act(running: &Running<'_>, plan: &RestorePlan, verify: bool, actor: &str, monitor: &dyn Monitor) -> Result<RestoreReport> {
    let vault = running.vault;
    let database = databases::database(vault, &plan.database)?;
    let _lock = running.lock_database(&database.id)?;
    let rows_since_plan = recount(vault, plan)?;
    for RowsSince { table, planned_rows, rows } in &rows_since_plan {
        monitor.log(&format!("{table} holds {}, not the {} of the plan", human::counted(*rows, "row"), human::count(*planned_rows)));
    }
    if verify {
        refuse_bad(vault, plan)?;
    }
    let begun = Instant::now();
    let mut report = match &plan.target {
        Target::NewFile { path } => {
            let staged = |path: &Path| {
                let name = format!(".{}.{}", path.file_name().unwrap_or_default().to_string_lossy(), running.id());
                path.with_file_name(name)
            };
            monitor.step(Step::Verify);
            let backup = backups::backup(vault, &plan.backup)?;
            let archive = vault.open_backup(&backup)?;
            let look = if verify && archive.form() == Form::Sqlite { look_at(&backup, monitor) } else { Look::AtBytes };
            new_file(&archive, Path::new(path), &staged, (look, backup.suspect), Some(&running.staging), monitor)?
        }
        Target::Replace | Target::InPlace | Target::NewDatabase { .. } | Target::PutBack { .. } => {
            driver::of(database.engine).restore(running, plan, &database, verify, actor, monitor)?
        }
    };
    report.job = Some(running.id());
    report.before = plan.before;
    report.rows_since_plan = rows_since_plan;
    report.elapsed_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok(report)
}

/// What did not pass its newest checks does not take the live database's place; they need not be of what a restore looks at itself. It may be all that
/// there is: without checks it is written all the same, and so is the state before a restore, as it was.
fn refuse_bad(vault: &Vault, plan: &RestorePlan) -> Result<()> {
    if !matches!(plan.target, Target::Replace | Target::InPlace) {
        return Ok(());
    }
    let backup = backups::backup(vault, &plan.backup)?;
    let proof = backup.proof.as_ref().filter(|_| backup.verdict() == Verdict::Bad && backup.kind != Kind::Safety);
    match proof.and_then(|proof| Some((proof, proof.checks.iter().find(|check| check.result == CheckResult::Failed)?))) {
        Some((proof, check)) => {
            let (id, name, at) = (backup.id.to_string(), check.name, proof.checked_at);
            let detail = format!("{name} at {at:.0}: {}; if that was mended since, `keepstone verify {id}` says so", check.detail);
            Err(Error::VerificationFailed { id, detail })
        }
        None => Ok(()),
    }
}

/// Restores an archive file into a new file; needs no vault and changes nothing else. `WrongPassword` if it is encrypted and none of these opens
/// it.
pub fn restore_file(archive: &Path, passwords: &Passwords, target: &Path, monitor: &dyn Monitor) -> Result<RestoreReport> {
    restore_file_by(Look::Inside, archive, passwords, target, monitor)
}

/// The same, looking as closely as is said.
pub fn restore_file_by(look: Look, archive: &Path, passwords: &Passwords, target: &Path, monitor: &dyn Monitor) -> Result<RestoreReport> {
    let begun = Instant::now();
    let target = std::path::absolute(target).map_err(|error| Error::io(target, error))?;
    check_new_file(&target)?;
    monitor.step(Step::Verify);
    let archive = Archive::open_with(archive, passwords)?;
    let folder = target.parent().unwrap_or(Path::new("/"));
    durable::make_dir(folder)?;
    // On the disk of the target, and removed by the next restore into this folder if the process is killed.
    let scratch = ScratchFolder::make(folder, ".keepstone-restore-")?;
    let staged = |_: &Path| scratch.path().join("image");
    let mut report = new_file(&archive, &target, &staged, (look, None), None, monitor)?;
    report.elapsed_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok(report)
}

/// How closely a restored file is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// Each byte that the disk gives back is one of the backup's.
    AtBytes,
    /// And SQLite opens it, checks it and counts its rows.
    Inside,
}

/// SQLite finds in equal bytes what it found in them before: where the catalog knows that it was well, only the bytes are compared.
fn look_at(backup: &Backup, monitor: &dyn Monitor) -> Look {
    match backup.proof.as_ref().filter(|_| backup.verdict() == Verdict::Good && backup.payload_hash.is_some()) {
        Some(proof) => {
            monitor.log(&format!(
                "SQLite checked these very bytes at {:.0}; they are compared, and not checked by it again",
                proof.checked_at
            ));
            Look::AtBytes
        }
        None => Look::Inside,
    }
}

/// Writes the image beside its target, checks it there, and only then gives it its name: the target is whole or not there.
fn new_file(
    archive: &Archive,
    target: &Path,
    staged: &dyn Fn(&Path) -> PathBuf,
    (look, known): (Look, Option<String>),
    staging: Option<&Path>,
    monitor: &dyn Monitor,
) -> Result<RestoreReport> {
    let metadata = archive.metadata().clone();
    check_new_file(target)?;
    if let Some(folder) = target.parent() {
        durable::make_dir(folder)?;
    }
    let temporary = Temporary(staged(target));
    if let Some(staging) = staging {
        match durable::write(&staging.join(TEMPORARY), temporary.0.to_string_lossy().as_bytes()) {
            Err(Error::NoSpace { path }) => {
                let temporary = temporary.0.display();
                monitor.log(&format!("no space left in {}: if this process is killed, {temporary} stays", path.display()));
            }
            noted => noted?,
        }
    }
    monitor.step(Step::Write);
    write_and_read_back(archive, &temporary.0, Step::Write, monitor)?;
    // What is known to be wrong is no reason to keep it from somebody who asks for it: it may be all that there is, and a new file hurts nobody.
    let (mut doubt, mut not_checked) = (known.or_else(|| metadata.suspect.clone()), None);
    if look == Look::Inside && archive.form() == Form::Sqlite {
        monitor.step(Step::Check);
        let damage = if doubt.is_some() { Damage::Told } else { Damage::Refused };
        let checked = check_if_it_can_be(&temporary.0, &metadata, damage, monitor)?;
        doubt = checked.damage.or(doubt);
        not_checked = checked.not_checked;
    }
    durable::publish(&temporary.0, target)?;
    Ok(RestoreReport {
        pages_written: metadata.source.page_count,
        size_bytes: metadata.original_size,
        // It was synced and read back from the disk, and compared.
        hash_equal: true,
        doubt,
        not_checked,
        ..RestoreReport::of(metadata.backup_id.clone(), target.to_owned())
    })
}

/// The live database of SQLite, in one transaction.
pub(crate) fn replace_sqlite(
    running: &Running<'_>,
    plan: &RestorePlan,
    database: &Database,
    verify: bool,
    actor: &str,
    monitor: &dyn Monitor,
) -> Result<RestoreReport> {
    let vault = running.vault;
    let live = sqlite::location::path_of(&database.location)?;
    if aside::as_files(plan) {
        // Asked again when it counts; but not after an hour of unpacking for the first time.
        refuse_holders(plan, &live)?;
    }
    monitor.step(Step::Verify);
    let backup = backups::backup(vault, &plan.backup)?;
    let archive = vault.open_backup(&backup)?;
    // Before anything is touched: the state before is encrypted as the database's backups are, or there is no restore.
    let encrypt = if plan.safety_backup { keys::for_safety(vault, database, &plan.backup)? } else { None };
    let metadata = archive.metadata().clone();
    if metadata.payload_hash != plan.binding.payload_hash {
        return Err(Error::StalePlan { reason: "the archive is another one".to_owned() });
    }
    let image = Temporary(running.staging.join("image.sqlite"));
    extract(&archive, &image.0, Step::Verify, monitor)?;
    let mut not_checked = None;
    if verify {
        let damage = if backup.suspect.is_some() || backup.kind == Kind::Safety { Damage::Told } else { Damage::Refused };
        not_checked = check_if_it_can_be(&image.0, &metadata, damage, monitor)?.not_checked;
    }
    let mut report = RestoreReport {
        replaced: true,
        not_checked,
        pages_written: metadata.source.page_count,
        size_bytes: metadata.original_size,
        hash_equal: true,
        ..RestoreReport::of(plan.backup.clone(), live.clone())
    };
    if aside::as_files(plan) {
        let attempt = Attempt::new(By::Person, running, (plan.backup.clone(), plan.backup_taken_at), "a person replaces it", actor);
        let confirm = || still_to_be_replaced(plan, &live);
        let attempt = aside::replace(running, (&live, &image.0), attempt, &mut report, (plan.while_open, &confirm), monitor)?;
        monitor.step(Step::Check);
        report.after = Some(look_after(&live, &metadata, monitor));
        take_note(vault, &database.id, actor, &report);
        attempt.end();
        aside::prune(vault, &database.id);
        return Ok(report);
    }

    if monitor.cancelled() {
        return Err(Error::CancelledHere);
    }
    let mut before_write = |present: &mut dyn PresentState| -> Result<()> {
        if plan.safety_backup {
            monitor.step(Step::SafetyBackup);
            report.safety_backup = Some(safety_backup(running, plan, database, encrypt.clone(), actor, present, monitor)?);
        }
        // If the process dies after the commit and before the end is written down, this is what undo goes by.
        let mark = Some(Mark::Cookie(present.mark()));
        running.note(&to_json(&RestoreReport { mark, ..report.clone() })?)?;
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
    // After the commit nothing can be taken back by failing: what is found is reported.
    report.after = Some(look_after(&live, &metadata, monitor));
    take_note(vault, &database.id, actor, &report);
    if let Some(safety) = &report.safety_backup
        && let Err(error) = prove_safety(vault, safety, &running.staging, monitor)
    {
        monitor.log(&format!("the safety backup could not be proven: {error}"));
    }
    Ok(report)
}

/// Just before a database is replaced as files, which is long after the plan: it still cannot be opened, and nobody is at it. Who has it open would go
/// on writing to the files that are kept aside, and hear of no fault.
fn still_to_be_replaced(plan: &RestorePlan, live: &Path) -> Result<()> {
    // Before our own connection is made: what is found is somebody else's.
    refuse_holders(plan, live)?;
    match state_to_replace(live) {
        Err(error) if cannot_be_opened(&error) => Ok(()),
        Err(error) => Err(error),
        Ok(_) => Err(Error::StalePlan { reason: "the live database can be opened by now".to_owned() }),
    }
}

fn refuse_holders(plan: &RestorePlan, live: &Path) -> Result<()> {
    if plan.while_open == WhileOpen::Accepted {
        return Ok(());
    }
    match open_elsewhere(live) {
        holders if holders.is_empty() => Ok(()),
        holders => Err(Error::OpenElsewhere { database: plan.database.clone(), holders: holders.join(", ") }),
    }
}

/// A restore into a scratch file, by the way that every restore takes, which is removed again.
pub(crate) fn test_restore_sqlite(staging: &Path, database: &Database, archive: &Archive, monitor: &dyn Monitor) -> Result<Check> {
    let stopwatch = Stopwatch::begin(monitor);
    let scratch = Temporary(staging.join("test.sqlite"));
    let floor = Floor::between(database, staging)?;
    let tried = above(floor.as_ref(), archive.metadata().original_size, monitor, |monitor| {
        write_and_read_back(archive, &scratch.0, Step::Verify, monitor)?;
        check_image(&scratch.0, archive.metadata(), Damage::Refused, monitor)
    });
    let (result, detail) = match tried {
        Ok(_) => (CheckResult::Passed, "restored into a scratch file that equals the backup, and removed again".to_owned()),
        Err(error) => verdict(error)?,
    };
    Ok(Check { name: CheckName::TestRestore, result, detail, elapsed_ms: told_ms(stopwatch.worked()) })
}

/// The state that is about to be replaced, read inside the write transaction and published before anything is written. What would keep writers
/// waiting for longer, opening the copy and looking into it, comes after the commit; its stored bytes are read back here.
fn safety_backup(
    running: &Running<'_>,
    plan: &RestorePlan,
    database: &Database,
    encrypt: Option<Arc<Stretched>>,
    actor: &str,
    present: &mut dyn PresentState,
    monitor: &dyn Monitor,
) -> Result<BackupId> {
    let description = format!("Before the restore of {}", plan.backup);
    let options = TakeOptions {
        database,
        kind: Kind::Safety,
        coverage: Coverage::Whole,
        form: Form::Sqlite,
        description: &description,
        tags: &[],
        app_label: None,
        pin: false,
        compression: Compression::Zstd,
        level: None,
        encrypt,
        // What is about to be replaced may lack anything.
        loss: &|_| None,
        proof: Some(Depth::Stored),
        actor,
        past: None,
    };
    let (backup, _) = take(running, &options, &mut |sink| present.stream(sink, monitor), monitor)?;
    if backup.level() < Level::Stored {
        // Unknown means no: what could not be read back is no way back.
        let detail = "the safety backup could not be read back from the disk".to_owned();
        return Err(Error::VerificationFailed { id: backup.id.to_string(), detail });
    }
    monitor.log(&format!("the state before is kept in {}", backup.id));
    Ok(backup.id)
}

/// The live database on a fresh connection: its integrity, and its rows beside those of the backup.
pub(super) fn look_after(live: &Path, metadata: &Metadata, monitor: &dyn Monitor) -> AfterRestore {
    let after = match sqlite::health::after_restore(live, sqlite::BUSY_WAIT, monitor) {
        Ok(found) => {
            let backup = &metadata.table_counts;
            let names: BTreeSet<&String> = backup.keys().chain(found.counts.keys()).collect();
            let count = |counts: &BTreeMap<String, u64>, name: &String| counts.get(name).copied().unwrap_or(0);
            let pairs = names.into_iter().map(|name| (name.clone(), count(&found.counts, name), count(backup, name)));
            AfterRestore {
                looked: true,
                sound: found.damage.is_none(),
                integrity: format!("{}: {}", found.check, found.damage.as_deref().unwrap_or("ok")),
                rows: found.counts.values().sum(),
                backup_rows: metadata.total_records,
                differing: pairs.filter(|(_, now, then)| now != then).collect(),
            }
        }
        Err(error) => AfterRestore {
            looked: false,
            sound: false,
            integrity: format!("it could not be looked at: {error}"),
            rows: 0,
            backup_rows: metadata.total_records,
            differing: Vec::new(),
        },
    };
    monitor.log(&format!("the live database: {}", after.words()));
    after
}

/// What was found afterwards is written down: damage with its alarm; and a database that is sound again is not called damaged any more.
pub(super) fn take_note(vault: &Vault, database: &DatabaseId, actor: &str, report: &RestoreReport) {
    let noted = match (&report.after, report.damage_after()) {
        (_, Some(damage)) => {
            let why_not = format!("{} was restored into it just before, byte for byte: check the disk", report.backup);
            checkup::damaged(vault, database, actor, damage, &why_not)
        }
        (Some(after), None) if after.sound => checkup::all_is_well(vault, database),
        _ => Ok(()),
    };
    if let Err(error) = noted {
        tracing::warn!(%database, %error, "what the last look found could not be written down");
    }
}

fn prove_safety(vault: &Vault, id: &BackupId, scratch: &Path, monitor: &dyn Monitor) -> Result<()> {
    let (_, proof) = prove(&vault.archive_path(id), &vault.keys().passwords(), scratch, Depth::Opened, Step::Check, monitor)?;
    notes::update(vault, id, |notes| notes.proofs.push(proof.clone()))?;
    vault.catalog().change_backup(id, |backup| backup.proof = Some(proof.clone())).map(drop)
}

pub(super) fn extract(archive: &Archive, path: &Path, step: Step, monitor: &dyn Monitor) -> Result<()> {
    let mut sink = BufWriter::with_capacity(1 << 20, create_private(path)?);
    archive.extract(&mut sink, path, step, monitor)?;
    sink.flush().map_err(|error| Error::io(path, error))
}
