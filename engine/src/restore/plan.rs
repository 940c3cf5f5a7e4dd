//! What a restore would do: gathered here, changed nothing. The comparison of tables is `model::restore`'s.

use std::{
    collections::BTreeMap,
    io::ErrorKind,
    path::{Component, Path, PathBuf},
};

use jiff::{SignedDuration, Timestamp};
use keepstone_model::{
    backup::{BackupState, Level, Verdict},
    coverage::{Coverage, LeftOut},
    database::Database,
    human,
    id::{DatabaseId, Kind},
    job::{JobState, Verb},
    metadata::{Metadata, Table},
    restore::{
        Binding, Loading, Ownership, PLAN_LIFETIME_SECS, RESTORE_JOBS_MAX, RestorePlan, RowsSince, StateBefore, TableImpact, Target,
        WhileOpen, rows_since, table_impacts,
    },
};

use super::{
    PlanOptions, RestoreReport, committed, lies_inside,
    place::{cannot_be_opened, refuse_for_file, refuse_read_only, state_to_replace},
    space::Space,
};
use crate::{
    Error, Result, Vault, backups,
    catalog::JobRow,
    databases, driver,
    jobs::JobFilter,
    keys,
    sqlite::{self, holders::open_elsewhere, live::LiveState},
};

/// Of the 255 bytes that file systems allow, less what a temporary name adds.
const LONGEST_NAME: usize = 220;
/// Bytes a second that a replace writes and compares, at least, on the slowest disk that is still usable: for the estimate of the wait.
const WORST_RATE_BYTES_PER_S: u64 = 100_000_000;

/// Says what a restore would do. Changes nothing; this is the dry run and the page that is confirmed.
pub fn plan_restore(vault: &Vault, options: &PlanOptions) -> Result<RestorePlan> {
    planned(vault, options).map(|(plan, _)| plan)
}

/// The plan, and where the room is that it needs.
fn planned(vault: &Vault, options: &PlanOptions) -> Result<(RestorePlan, Space)> {
    if let Target::PutBack { .. } = &options.target {
        return plan_put_back(vault, options).map(|plan| (plan, Space::unknown()));
    }
    let backup = backups::backup(vault, &options.backup)?;
    if backup.state != BackupState::Complete {
        return Err(Error::ArchiveMissing { id: backup.id.to_string(), path: vault.archive_path(&backup.id) });
    }
    let archive = vault.open_backup(&backup)?;
    let metadata = archive.metadata();
    let database = databases::database(vault, &backup.database)?;
    if metadata.database_uid != database.uid {
        let reason = "this backup is of another database that had the same name".to_owned();
        return Err(Error::TargetUnusable { path: PathBuf::from(&database.location), reason });
    }
    let mut warnings = Vec::new();
    if let Some(elsewhere) = databases::elsewhere(vault, &database)?.filter(|_| options.target.is_live()) {
        elsewhere.refuse_own(vault)?;
        warnings.push(format!("This backup is of another file: {}.", elsewhere.words()));
    }
    match backup.verdict() {
        Verdict::Suspect => {
            warnings.push(format!("This backup is suspect: {}.", backup.suspect.as_deref().unwrap_or("its source was in doubt")));
        }
        Verdict::Bad if options.target.is_live() && backup.kind != Kind::Safety => {
            warnings.push(
                "This backup did not pass its last checks: it is not written over the live database unless checks are left out.".to_owned(),
            );
        }
        Verdict::Bad => warnings.push("This backup did not pass its last checks.".to_owned()),
        Verdict::Unproven | Verdict::Partial if backup.level() < Level::Opened => {
            warnings.push("This backup was never checked; it will be, before anything is touched.".to_owned());
        }
        Verdict::Good | Verdict::Unproven | Verdict::Partial => {}
    }
    if options.target.is_live() && database.never_replace {
        return Err(Error::NeverReplace { database: database.id.clone() });
    }
    if metadata.coverage == Coverage::Partial {
        let left_out = metadata.left_out.as_ref().map(LeftOut::words).unwrap_or_default();
        if options.target.is_live() {
            return Err(Error::PartialBackup { id: backup.id, left_out });
        }
        warnings.push(format!("This is not the whole database: {left_out}."));
        let open: Vec<&str> =
            metadata.left_out.iter().flat_map(|left_out| &left_out.references).map(|key| key.constraint.as_str()).collect();
        if !open.is_empty() {
            warnings.push(format!("Foreign keys to rows that are not in it are not made: {}.", open.join(", ")));
        }
    }
    let goal = match &options.target {
        Target::NewFile { path } => plan_new_file(vault, &database, Path::new(path), metadata)?,
        target => driver::of(database.engine).plan(vault, &database, Some(metadata), target, options.safety_backup, &mut warnings)?,
    };
    if !goal.space.is_enough() {
        let (needed, free) = (human::bytes(goal.space.needed_bytes), human::bytes(goal.space.free_bytes));
        warnings.push(format!("Not enough space in {}: {needed} are needed and {free} are free.", goal.space.folder.display()));
    }
    if options.target.is_live() {
        warnings.extend(at_work(vault, &database.id)?);
    }
    let before = goal.before(options);
    if before == StateBefore::SafetyBackup {
        keys::refuse_plain_safety(vault, &database, &backup.id)?;
    }
    if before == StateBefore::Lost {
        warnings.push("Without a safety backup there is no way back to the present state.".to_owned());
    }
    let now = Timestamp::now();
    let plan = RestorePlan {
        backup: backup.id,
        database: database.id,
        target: options.target.clone(),
        backup_taken_at: metadata.created_at,
        planned_at: now,
        expires_at: now.checked_add(SignedDuration::from_secs(PLAN_LIFETIME_SECS)).unwrap_or(now),
        // Of what is replaced as files none is made. A server may have a database again by then, and keeps it.
        safety_backup: options.target.is_live() && options.safety_backup && !matches!(goal.standing, Standing::Files | Standing::NoFile),
        before,
        tables: goal.live.map(|live| impacts(&live, metadata, &options.target)).unwrap_or_default(),
        size_bytes: size_after(metadata, &options.target),
        space_needed_bytes: goal.space.needed_bytes,
        space_free_bytes: goal.space.free_bytes,
        writers_wait_ms: goal.writers_wait_ms,
        sessions: goal.sessions,
        ownership: Ownership::default(),
        loading: Loading::default(),
        holders: goal.holders,
        while_open: WhileOpen::default(),
        only_tables: None,
        warnings,
        binding: Binding { payload_hash: metadata.payload_hash.clone(), ..goal.binding },
    };
    Ok((plan, goal.space))
}

/// The plan with another way for a server to be given it. Refused where no server takes part, or where a restore goes one way only.
pub fn choose_way(vault: &Vault, plan: RestorePlan, ownership: Ownership, loading: Loading) -> Result<RestorePlan> {
    let invalid = |field, message: &str| Err(Error::Invalid { field, message: message.to_owned() });
    let jobs = if let Loading::Parallel { jobs } = loading { Some(jobs) } else { None };
    if jobs.is_some_and(|jobs| jobs == 0 || jobs > RESTORE_JOBS_MAX) {
        return invalid("jobs", &format!("a dump is loaded by 1 to {RESTORE_JOBS_MAX} connections"));
    }
    let on_server = match plan.target {
        Target::NewFile { .. } => false,
        Target::NewDatabase { .. } | Target::InPlace | Target::PutBack { .. } => true,
        Target::Replace => driver::of(databases::database(vault, &plan.database)?.engine).has_server(),
    };
    if !on_server && loading != Loading::Streamed {
        return invalid("loading", "connections and transactions are a server's, and this restore writes a file");
    }
    if !on_server && ownership != Ownership::Auto {
        return invalid("ownership", "owners and rights are a server's, and this restore writes a file");
    }
    if plan.target == Target::InPlace && jobs.is_some() {
        return invalid("jobs", "a restore in place is one transaction of one connection");
    }
    Ok(RestorePlan { ownership, loading, ..plan })
}

/// The plan, carried out although somebody has the database's files open. Only for a database that SQLite cannot open: through SQLite applications
/// stay connected in any case.
pub fn although_open(plan: RestorePlan) -> RestorePlan {
    RestorePlan { while_open: WhileOpen::Accepted, ..plan }
}

/// What is being done with the live database just now, or is about to be.
fn at_work(vault: &Vault, database: &DatabaseId) -> Result<Option<String>> {
    let open = vault.catalog().list_jobs(&JobFilter { open: true, database: Some(database.clone()), ..JobFilter::default() })?;
    let job = open.into_iter().map(|row| row.job).find(|job| !matches!(job.verb, Verb::Verify | Verb::Convert));
    Ok(job.map(|job| match job.verb {
        Verb::Restore | Verb::Undo => {
            format!("Another restore of it has begun ({}): wait for its end, then look again, as this plan will not fit any more.", job.id)
        }
        verb => format!("A job is at work on it just now ({verb}, {}): let it end first.", job.id),
    }))
}

/// In place what the backup does not hold stays, and is told apart from what is lost.
fn impacts(live: &BTreeMap<String, Table>, metadata: &Metadata, target: &Target) -> Vec<TableImpact> {
    let mut impacts = table_impacts(live, &metadata.schema);
    impacts.retain(|impact| *target != Target::InPlace || impact.backup_rows.is_some());
    impacts
}

/// On a server a database is larger than its dump: it has indexes.
fn size_after(metadata: &Metadata, target: &Target) -> u64 {
    let on_server = metadata.source.postgres.as_ref().map(|source| source.database_size_bytes);
    on_server.filter(|size| *size > 0 && !matches!(target, Target::NewFile { .. })).unwrap_or(metadata.original_size)
}

/// The plan of an undo that needs no archive: the server kept what was there.
fn plan_put_back(vault: &Vault, options: &PlanOptions) -> Result<RestorePlan> {
    let database = databases::database(vault, &options.backup.database())?;
    if database.never_replace {
        return Err(Error::NeverReplace { database: database.id.clone() });
    }
    let mut warnings = Vec::new();
    let goal = driver::of(database.engine).plan(vault, &database, None, &options.target, options.safety_backup, &mut warnings)?;
    let now = Timestamp::now();
    Ok(RestorePlan {
        backup: options.backup.clone(),
        database: database.id,
        target: options.target.clone(),
        backup_taken_at: options.backup.time(),
        planned_at: now,
        expires_at: now.checked_add(SignedDuration::from_secs(PLAN_LIFETIME_SECS)).unwrap_or(now),
        safety_backup: true,
        before: StateBefore::KeptOnServer,
        tables: goal.live.zip(goal.put_back.as_ref()).map(|(live, old)| table_impacts(&live, &old.tables)).unwrap_or_default(),
        size_bytes: goal.put_back.as_ref().map_or(0, |old| old.size_bytes),
        space_needed_bytes: goal.space.needed_bytes,
        space_free_bytes: goal.space.free_bytes,
        writers_wait_ms: goal.writers_wait_ms,
        sessions: goal.sessions,
        ownership: Ownership::default(),
        loading: Loading::default(),
        holders: goal.holders,
        while_open: WhileOpen::default(),
        only_tables: None,
        warnings,
        binding: goal.binding,
    })
}

/// What planning finds out about the place that is written to.
#[derive(Debug)]
pub(crate) struct Goal {
    pub(crate) live: Option<BTreeMap<String, Table>>,
    pub(crate) standing: Standing,
    /// Who has it open though it cannot be opened.
    pub(crate) holders: Vec<String>,
    pub(crate) space: Space,
    pub(crate) writers_wait_ms: Option<u64>,
    /// How many sessions are ended; none: they stay.
    pub(crate) sessions: Option<u64>,
    /// What is put back where no backup is restored.
    pub(crate) put_back: Option<PutBack>,
    pub(crate) binding: Binding,
}

/// What stands in the place of the live database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// A database that opens; or the restore has nothing to do with it.
    Database,
    /// Files that SQLite cannot open: they are replaced as files.
    Files,
    /// No file at all.
    NoFile,
    /// The server has no database of this name.
    NoDatabase,
}

impl Goal {
    fn before(&self, options: &PlanOptions) -> StateBefore {
        match (&options.target, self.standing) {
            (Target::NewFile { .. } | Target::NewDatabase { .. }, _) => StateBefore::Untouched,
            (_, Standing::Files) => StateBefore::KeptAside,
            (_, Standing::NoFile | Standing::NoDatabase) => StateBefore::Absent,
            _ if !options.safety_backup => StateBefore::Lost,
            (Target::PutBack { .. }, Standing::Database) => StateBefore::KeptOnServer,
            // Sessions that end are a server's: it keeps the one that makes way.
            (Target::Replace, Standing::Database) if self.sessions.is_some() => StateBefore::KeptOnServer,
            (Target::Replace | Target::InPlace, Standing::Database) => StateBefore::SafetyBackup,
        }
    }
}

/// A database that a server kept.
#[derive(Debug)]
pub(crate) struct PutBack {
    pub(crate) tables: BTreeMap<String, Table>,
    pub(crate) size_bytes: u64,
}

pub(crate) const NO_BINDING: Binding = Binding {
    payload_hash: String::new(),
    target_identity: None,
    target_schema_hash: None,
    target_page_size: None,
    target_journal_mode: None,
    last_restore: None,
};

fn plan_new_file(vault: &Vault, database: &Database, path: &Path, metadata: &Metadata) -> Result<Goal> {
    check_new_file(path)?;
    if let Some(taken) = database_at(vault, path)? {
        let reason = format!("it is the place of the database {taken}: restore over it with --replace, which looks who has it open");
        return Err(Error::TargetUnusable { path: path.to_owned(), reason });
    }
    let restored = vault.restored_dir();
    let in_restored =
        path.parent() == Some(&restored) || path.parent().is_some_and(|parent| parent.exists() && lies_inside(parent, &restored));
    if lies_inside(path, vault.backups_dir()) || (lies_inside(path, vault.data_dir()) && !in_restored) {
        let reason = "it lies inside the vault".to_owned();
        return Err(Error::TargetUnusable { path: path.to_owned(), reason });
    }
    Ok(Goal {
        live: None,
        standing: Standing::Database,
        holders: Vec::new(),
        space: Space::of_new_file(database, path, metadata)?,
        writers_wait_ms: None,
        sessions: None,
        put_back: None,
        binding: NO_BINDING,
    })
}

/// The database whose live file a path names, whether that is there or not.
fn database_at(vault: &Vault, path: &Path) -> Result<Option<DatabaseId>> {
    let named = sqlite::location::path_of(&path.to_string_lossy())?;
    let lies_there = |database: &Database| matches!(driver::of(database.engine).file(database), Ok(Some(live)) if live == named);
    Ok(databases::databases(vault)?.into_iter().find(lies_there).map(|database| database.id))
}

/// A new file must not exist, nor any of the files that SQLite would take as belonging to it.
pub(super) fn check_new_file(path: &Path) -> Result<()> {
    let unusable = |reason: &str| Err(Error::TargetUnusable { path: path.to_owned(), reason: reason.to_owned() });
    if !path.is_absolute() {
        return unusable("it is not an absolute path");
    }
    if path.components().any(|part| matches!(part, Component::ParentDir)) {
        return unusable("it goes up by `..`");
    }
    if ["-journal", "-wal", "-shm"].iter().any(|suffix| path.as_os_str().to_string_lossy().ends_with(suffix)) {
        return unusable("SQLite would take it for a part of another database");
    }
    // The file is written under a longer name first.
    if path.file_name().is_some_and(|name| name.len() > LONGEST_NAME) {
        return unusable("its name is too long");
    }
    for suffix in ["", "-journal", "-wal", "-shm"] {
        let mut file = path.as_os_str().to_owned();
        file.push(suffix);
        match Path::new(&file).symlink_metadata() {
            Ok(_) => return Err(Error::TargetExists { path: file.into() }),
            // A folder that is a file is told where folders are made.
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {}
            Err(error) => return unusable(&error.to_string()),
        }
    }
    Ok(())
}

/// Over the live database of SQLite.
pub(crate) fn plan_replace_sqlite(vault: &Vault, database: &Database, metadata: &Metadata, warnings: &mut Vec<String>) -> Result<Goal> {
    let path = sqlite::location::path_of(&database.location)?;
    let last_restore = last_restore(vault, &database.id)?;
    let size = metadata.original_size;
    let state = match state_to_replace(&path) {
        Ok(state) => state,
        Err(error) if cannot_be_opened(&error) => {
            refuse_for_file(&path)?;
            let standing = if sqlite::unopenable::is_any_there(&path) { Standing::Files } else { Standing::NoFile };
            warnings.push(format!("The live database cannot be opened ({error}): the backup is put in its place."));
            if standing == Standing::NoFile {
                warnings.extend(path.parent().and_then(sqlite::unopenable::of_new_file));
            }
            let holders = open_elsewhere(&path);
            if !holders.is_empty() {
                warnings.push(format!(
                    "{} has it open: stop that application first. What it goes on writing ends up in the files that are kept aside, and it hears of no fault.",
                    holders.join(", ")
                ));
            }
            return Ok(Goal {
                live: Some(BTreeMap::new()),
                standing,
                holders,
                space: Space::of_files(vault, database, &path, size)?,
                writers_wait_ms: None,
                sessions: None,
                put_back: None,
                binding: Binding { last_restore, ..NO_BINDING },
            });
        }
        Err(error) => return Err(error),
    };
    refuse_read_only(&path)?;
    if let Some(damage) = &state.damage {
        warnings.push(format!(
            "The live database is damaged ({damage}): what cannot be read of it is not counted here, so a table may be listed as coming back that is there."
        ));
    }
    if state.page_size != metadata.source.page_size {
        warnings.push(format!(
            "The page size differs ({} bytes, in the backup {}): the backup is rewritten to the live one first, which takes longer.",
            state.page_size, metadata.source.page_size
        ));
    }
    if state.encoding != metadata.source.encoding {
        warnings.push(format!(
            "The text encoding differs ({}, in the backup {}): applications that stay connected meet an error at every statement until they connect \
             again. Restart them after the restore.",
            state.encoding, metadata.source.encoding
        ));
    }
    let live_bytes = state.page_count.saturating_mul(u64::from(state.page_size));
    // The plain image in the backups folder, once more if it is rewritten to another page size, and the safety backup at its worst.
    let images = if state.page_size == metadata.source.page_size { size } else { size.saturating_mul(2) };
    Ok(Goal {
        standing: Standing::Database,
        holders: Vec::new(),
        writers_wait_ms: Some((size.saturating_add(live_bytes.saturating_mul(2)) / (WORST_RATE_BYTES_PER_S / 1000)).max(100)),
        space: Space::of_replacement(vault, database, &path, (images.saturating_add(live_bytes), size))?,
        sessions: None,
        put_back: None,
        binding: binding_of(&state, last_restore),
        live: Some(state.schema),
    })
}

fn binding_of(state: &LiveState, last_restore: Option<String>) -> Binding {
    Binding {
        payload_hash: String::new(),
        target_identity: Some(state.identity.clone()),
        target_schema_hash: Some(state.schema_hash.clone()),
        target_page_size: Some(state.page_size),
        target_journal_mode: Some(state.journal_mode.clone()),
        last_restore,
    }
}

/// The last restore that replaced this database.
pub(crate) fn last_restore(vault: &Vault, database: &DatabaseId) -> Result<Option<String>> {
    committed::settle_open(vault, database)?;
    let restores = vault.catalog().restores_of(database)?;
    Ok(restores.iter().find(|(_, row)| replacing_report(row).is_some()).map(|(_, row)| row.job.id.to_string()))
}

/// What a restore reports that replaced the live database. One of which it is not known whether it did has not.
pub(crate) fn replacing_report(row: &JobRow) -> Option<RestoreReport> {
    let report: RestoreReport = serde_json::from_str(row.result.as_deref()?).ok()?;
    let unknown = report.mark.is_some() || row.job.state == JobState::Failed && committed::is_of_files(row);
    (report.replaced && !unknown).then_some(report)
}

/// Refuses a plan that has expired or was made of another state (`StalePlan`). Rows written since are not a reason: they are counted again and
/// given back, to be told to the one who confirms.
pub fn recount(vault: &Vault, plan: &RestorePlan) -> Result<Vec<RowsSince>> {
    if plan.is_expired(Timestamp::now()) {
        return Err(Error::StalePlan { reason: format!("it is older than {} minutes", PLAN_LIFETIME_SECS / 60) });
    }
    if plan.only_tables.is_some() {
        // Never all of it in place of a part.
        return Err(Error::Unsupported { what: "a restore of some tables only".to_owned() });
    }
    let options = PlanOptions { backup: plan.backup.clone(), target: plan.target.clone(), safety_backup: plan.safety_backup };
    let (fresh, space) = planned(vault, &options)?;
    if !space.is_enough() {
        return Err(Error::NoSpace { path: space.folder });
    }
    let now = fresh.binding;
    let then = &plan.binding;
    let reason = if now.payload_hash != then.payload_hash {
        "the archive is another one"
    } else if now.target_identity != then.target_identity {
        "another one is in the database's place"
    } else if now.target_schema_hash != then.target_schema_hash {
        "the schema of the live database has changed"
    } else if now.target_page_size != then.target_page_size || now.target_journal_mode != then.target_journal_mode {
        "the page size or the journal mode of the live database has changed"
    } else if now.last_restore != then.last_restore {
        "the database was restored meanwhile"
    } else {
        return Ok(rows_since(&plan.tables, &fresh.tables));
    };
    Err(Error::StalePlan { reason: reason.to_owned() })
}
