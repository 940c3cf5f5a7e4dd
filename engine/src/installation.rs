//! Doctor, for the whole installation: everything around the databases that could keep a backup from being made, found or restored, each with
//! how to mend it. Looks only; what opening a vault mends by itself is mended by then.

mod archives;
mod keys;

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
};

use jiff::{SignedDuration, Timestamp};
use keepstone_model::{backup::Backup, database::Database, human, job::JobState};
use serde::Serialize;

use crate::{
    Error, Result, Vault,
    activity::{self, EventFilter},
    catalog::copies,
    databases::{self, DatabaseStatus},
    driver, durable,
    error::{Kind as FaultKind, LockedBy},
    jobs::{self, JobFilter},
    layout,
};

/// A schedule that is this late is taken by nobody.
const OVERDUE: SignedDuration = SignedDuration::from_mins(15);
/// The catalog is copied daily; a copy that is older than this is late.
const COPY_OLD: SignedDuration = SignedDuration::from_hours(48);
/// A job that waits longer than this has no worker.
const WAITING: SignedDuration = SignedDuration::from_mins(30);
/// The clock may be this far behind what the vault knows.
const BEHIND: SignedDuration = SignedDuration::from_mins(5);
/// Below this share of the disk things get tight.
const TIGHT_PERCENT: u64 = 5;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    Ok,
    Warning,
    Failed,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Finding {
    /// e.g. `permissions`, `space`, `clock`.
    pub area: &'static str,
    pub severity: Severity,
    /// One sentence without a full stop.
    pub message: String,
    /// How to mend it; none where all is well.
    pub remedy: Option<String>,
    /// The exit code that it leads to: 0 where all is well.
    pub exit: u8,
}

/// Looks at everything. A look that is itself impossible is a finding, too.
pub fn examine(vault: &Vault, now: Timestamp) -> Result<Vec<Finding>> {
    let statuses = databases::statuses(vault, now)?;
    let mut found = Findings::default();
    permissions(vault, &mut found);
    space(vault, &statuses, &mut found);
    clock(vault, now, &mut found)?;
    chain(vault, &mut found);
    catalog_copies(vault, now, &mut found)?;
    queue(vault, now, &mut found)?;
    staging(vault, &mut found);
    keys::keys(vault, &mut found);
    if statuses.is_empty() {
        found.add("databases", Severity::Warning, "no database is protected", "Add one: `keepstone db add LOCATION`.", 1);
    }
    for status in &statuses {
        let of = vault.catalog().backups_of(&status.database.id)?;
        database(vault, &status.database, &mut found);
        tools(vault, &status.database, &mut found);
        protection(status, &of, &mut found);
        archives::archives(vault, &status.database, &of, &mut found);
        keys::opened(vault, &of, &mut found);
        keys::in_clear(&status.database, &of, &mut found);
        archives::latest_link(vault, &status.database, &mut found)?;
        schedules(vault, &status.database, now, &mut found)?;
    }
    archives::strays(vault, databases::strays::of_no_database(vault)?, None, &mut found);
    foreign_folders(vault, &statuses, &mut found);
    Ok(found.0)
}

#[derive(Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn well(&mut self, area: &'static str, message: impl Into<String>) {
        self.0.push(Finding { area, severity: Severity::Ok, message: message.into(), remedy: None, exit: 0 });
    }

    fn add(&mut self, area: &'static str, severity: Severity, message: impl Into<String>, remedy: impl Into<String>, exit: u8) {
        self.0.push(Finding { area, severity, message: message.into(), remedy: Some(remedy.into()), exit });
    }

    fn fault(&mut self, area: &'static str, error: &Error) {
        let remedy = error.hint().unwrap_or_else(|| "Look into the log.".to_owned());
        self.add(area, Severity::Failed, error.to_string(), remedy, error.kind().exit_code());
    }
}

fn permissions(vault: &Vault, found: &mut Findings) {
    let before = found.0.len();
    for folder in [vault.data_dir(), vault.backups_dir()] {
        let place = folder.display();
        match fs::metadata(folder) {
            Ok(meta) if meta.permissions().mode() & 0o077 != 0 => {
                let mode = meta.permissions().mode() & 0o7777;
                found.add(
                    "permissions",
                    Severity::Warning,
                    format!("{place} may be entered by others (mode {mode:o})"),
                    format!("chmod 700 {place}"),
                    1,
                );
            }
            Ok(meta) if meta.uid() != rustix::process::geteuid().as_raw() => {
                let message = format!("{place} belongs to user {}, and this is user {}", meta.uid(), rustix::process::geteuid().as_raw());
                found.add("permissions", Severity::Warning, message, "Run keepstone as the owner of its folders.", 1);
            }
            Ok(_) => {}
            Err(error) => found.fault("permissions", &Error::io(folder, error)),
        }
        if rustix::fs::accessat(rustix::fs::CWD, folder, rustix::fs::Access::WRITE_OK, rustix::fs::AtFlags::EACCESS).is_err() {
            let message = format!("{place} cannot be written");
            found.add("permissions", Severity::Failed, message, "Give this user the right, or mount the disk for writing.", 1);
        }
    }
    for path in [vault.catalog_path(), vault.live_path()] {
        if fs::metadata(&path).is_ok_and(|meta| meta.permissions().mode() & 0o077 != 0) {
            let path = path.display();
            found.add("permissions", Severity::Warning, format!("{path} may be read by others"), format!("chmod 600 {path}"), 1);
        }
    }
    for entry in fs::read_dir(vault.data_dir().join("keys")).into_iter().flatten().flatten() {
        let path = entry.path();
        if entry.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o077 != 0) {
            let path = path.display();
            found.add("permissions", Severity::Failed, format!("the key {path} may be read by others"), format!("chmod 600 {path}"), 1);
        }
    }
    if found.0.len() == before {
        found.well("permissions", "only this user reads and writes the vault");
    }
}

fn space(vault: &Vault, statuses: &[DatabaseStatus], found: &mut Findings) {
    let largest = statuses.iter().filter_map(|status| status.size_bytes).max().unwrap_or(0);
    let before = found.0.len();
    let mut seen = Vec::new();
    for folder in [vault.backups_dir(), vault.data_dir()] {
        let Ok(statvfs) = rustix::fs::statvfs(folder) else { continue };
        if seen.contains(&statvfs.f_fsid) {
            continue;
        }
        seen.push(statvfs.f_fsid);
        let (free, total) = (statvfs.f_bavail.saturating_mul(statvfs.f_frsize), statvfs.f_blocks.saturating_mul(statvfs.f_frsize));
        let place = folder.display();
        let said = format!("{place} has {} free of {}", human::bytes(free), human::bytes(total));
        // A backup needs an archive and a scratch copy for its proof.
        if free < largest.saturating_add(64 << 20) {
            let remedy = "Free some space, let cleanup keep less, or move the backups to a larger disk.";
            found.add("space", Severity::Failed, format!("{said}: too little for the next backup"), remedy, 6);
        } else if free < total / 100 * TIGHT_PERCENT {
            found.add("space", Severity::Warning, said, "Free some space, or let cleanup keep less.", 1);
        } else {
            found.well("space", said);
        }
    }
    if found.0.len() == before {
        found.add("space", Severity::Warning, "the free space cannot be asked for", "Look whether the disk is mounted.", 1);
    }
}

fn clock(vault: &Vault, now: Timestamp, found: &mut Findings) -> Result<()> {
    let last = activity::events(vault, &EventFilter { limit: Some(1), ..EventFilter::default() })?.into_iter().next();
    match last.filter(|event| event.at.duration_since(now) > BEHIND) {
        Some(event) => {
            let behind = human::duration_ms(u64::try_from(event.at.duration_since(now).as_millis()).unwrap_or(0));
            found.add(
                "clock",
                Severity::Failed,
                format!("the clock is {behind} behind the last event"),
                "Set the clock; cleanup removes nothing meanwhile.",
                1,
            );
        }
        None => found.well("clock", "the clock is not behind what the vault knows"),
    }
    Ok(())
}

fn chain(vault: &Vault, found: &mut Findings) {
    match activity::verify_chain(vault) {
        Ok(report) => match report.broken_at {
            Some(number) => {
                let remedy = "Somebody changed the catalog by other means: compare it with its backups.";
                found.add("activity", Severity::Failed, format!("the chain of events is broken at event {number}"), remedy, 4);
            }
            None => found.well("activity", format!("the chain of {} is whole", human::counted(report.events, "event"))),
        },
        Err(error) => found.fault("activity", &error),
    }
}

/// What is in no archive comes back only from these.
fn catalog_copies(vault: &Vault, now: Timestamp, found: &mut Findings) -> Result<()> {
    let copies = copies::list(&layout::catalog_copies(vault.data_dir()))?;
    let newest = copies.iter().rev().map(|copy| copy.at).find(|at| *at <= now);
    let oldest_user = vault.catalog().users()?.iter().map(|user| user.created_at).min();
    let old = |since: Timestamp| now.duration_since(since) > COPY_OLD;
    let ago = |at: Timestamp| human::duration_ms(u64::try_from(now.duration_since(at).as_millis()).unwrap_or(0));
    let remedy =
        "Let `keepstone serve` or `keepstone scheduler` run; `keepstone create` makes one, too. If they do run, look into the log.";
    match newest {
        Some(at) if old(at) => {
            found.add("catalog", Severity::Warning, format!("the newest copy of the catalog is {} old", ago(at)), remedy, 1);
        }
        Some(at) => found.well(
            "catalog",
            match copies.len() {
                1 => format!("one copy of the catalog, {} old", ago(at)),
                count => format!("{} copies of the catalog, the newest {} old", human::count(count as u64), ago(at)),
            },
        ),
        None if oldest_user.is_some_and(old) => {
            found.add("catalog", Severity::Warning, "there is no copy of the catalog: users and activity are in one file only", remedy, 1);
        }
        None => {}
    }
    Ok(())
}

fn queue(vault: &Vault, now: Timestamp, found: &mut Findings) -> Result<()> {
    let open = jobs::jobs(vault, &JobFilter { open: true, ..JobFilter::default() })?;
    let stale = |state, age: SignedDuration| {
        open.iter().filter(|(job, _)| job.state == state && now.duration_since(job.started_at.unwrap_or(job.created_at)) > age).count()
    };
    let waiting = stale(JobState::Queued, WAITING);
    if waiting > 0 {
        let remedy = "Start `keepstone serve` or `keepstone scheduler`, or cancel them: `keepstone job list`.";
        found.add("jobs", Severity::Warning, format!("{waiting} waiting for longer than {} min", WAITING.as_mins()), remedy, 1);
    }
    let long = stale(JobState::Running, SignedDuration::from_hours(24));
    if long > 0 {
        found.add(
            "jobs",
            Severity::Warning,
            format!("{long} running for longer than a day"),
            "Look at it: `keepstone job list`, then `job cancel`.",
            1,
        );
    }
    if waiting + long == 0 {
        found.well("jobs", format!("{} open, none of them stale", open.len()));
    }
    Ok(())
}

/// Staging of dead jobs was removed when the vault was opened; what is left belongs to live ones, or to nobody we know.
fn staging(vault: &Vault, found: &mut Findings) {
    let root = vault.staging_root();
    let mut others = Vec::new();
    for entry in fs::read_dir(&root).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let ours = matches!(name.as_str(), "claim.lock" | "rewrap") || name.parse::<keepstone_model::id::JobId>().is_ok();
        if !ours {
            others.push(name);
        }
    }
    if others.is_empty() {
        found.well("staging", "nothing is left over");
    } else {
        let message = format!("{} in {} are not Keepstone's: {}", others.len(), root.display(), others.join(", "));
        found.add("staging", Severity::Warning, message, "Remove them if nobody needs them; Keepstone does not.", 1);
    }
}

fn database(vault: &Vault, database: &Database, found: &mut Findings) {
    let id = &database.id;
    match driver::of(database.engine).probe(vault, database, std::time::Duration::from_secs(2)) {
        Ok(what) => found.well("database", format!("{id} opens: {what}")),
        Err(error @ Error::SourceBusy { by: LockedBy::Unknown | LockedBy::Processes(_), .. }) => {
            found.add("database", Severity::Warning, format!("{id}: {error}"), "It is in use just now; ask again.", 1);
        }
        Err(error) => {
            let corrupt = error.kind() == FaultKind::Corrupt;
            let other =
                || error.hint().unwrap_or_else(|| "Look into the system's log: the disk or its file system may say more.".to_owned());
            let remedy = if corrupt { format!("`keepstone doctor {id} --recover`") } else { other() };
            found.add("database", Severity::Failed, format!("{id}: {error}"), remedy, error.kind().exit_code());
        }
    }
}

/// What its backups need of others: without it none can be made, or restored.
fn tools(vault: &Vault, database: &Database, found: &mut Findings) {
    match driver::of(database.engine).tools(vault, database) {
        None => {}
        Some(Ok(what)) => found.well("tools", format!("{}: {what}", database.id)),
        Some(Err(error)) => {
            let remedy = error.hint().unwrap_or_else(|| "Install the client tools of the server's version.".to_owned());
            found.add("tools", Severity::Failed, format!("{}: {error}", database.id), remedy, error.kind().exit_code());
        }
    }
}

fn protection(status: &DatabaseStatus, of: &[Backup], found: &mut Findings) {
    let id = &status.database.id;
    for concern in &status.concerns {
        let named = concern.backup.as_ref().map(|backup| format!(" ({backup})")).unwrap_or_default();
        found.add("protection", Severity::Failed, format!("{id}: {}{named}", concern.reason), concern.advice.clone(), 1);
    }
    if status.newest_good_at.is_none() {
        found.add("protection", Severity::Failed, format!("{id} has no good backup"), format!("`keepstone create {id}`"), 1);
    } else if status.concerns.is_empty() {
        found.well("protection", format!("{id} has a good backup that is young enough"));
    }
    let holding = of.iter().filter(|backup| backup.holds()).count();
    if holding > 0 && status.concerns.iter().all(|concern| concern.backup.is_none()) {
        let message = format!("{id}: {holding} suspect hold older good backups, so cleanup keeps them");
        found.add("protection", Severity::Warning, message, "Look at them, then acknowledge them: `keepstone ack ID`.", 1);
    }
}

fn schedules(vault: &Vault, database: &Database, now: Timestamp, found: &mut Findings) -> Result<()> {
    let id = &database.id;
    let rows = crate::schedules::list(vault, Some(id), now)?;
    if rows.is_empty() {
        let message = format!("{id} has no schedule: it is backed up by hand only");
        found.add("schedules", Severity::Warning, message, format!("Add one: `keepstone schedule preset {id} standard`."), 1);
    } else if database.paused {
        found.add("schedules", Severity::Warning, format!("{id} is paused"), format!("`keepstone db edit {id} --resume`"), 1);
    } else if let Some(late) = rows.iter().filter_map(|row| row.next_run_at).filter(|next| now.duration_since(*next) > OVERDUE).min() {
        let by = human::age_secs(now.duration_since(late).as_secs());
        let remedy = "Nothing runs the schedules: start `keepstone serve` or `keepstone scheduler`, as a service.";
        found.add("schedules", Severity::Failed, format!("{id}: a run is {by} late"), remedy, 1);
    } else {
        found.well("schedules", format!("{id}: {} scheduled, none late", rows.len()));
    }
    Ok(())
}

/// What else lies in the backups folder is left alone, and may be worth an import.
fn foreign_folders(vault: &Vault, statuses: &[DatabaseStatus], found: &mut Findings) {
    let known = |name: &str| statuses.iter().any(|status| status.database.id.as_str() == name) || name.starts_with('.');
    let mut others = Vec::new();
    for entry in fs::read_dir(vault.backups_dir()).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if known(&name) || name == layout::VAULT_MARK {
            continue;
        }
        if let Some(why) = name.parse().ok().and_then(|id| databases::why_unknown(vault, &id)) {
            found.add("folders", Severity::Warning, why, "Then stop every keepstone: `keepstone catalog rebuild` takes it up.", 1);
        } else {
            others.push(name);
        }
    }
    if let Some(first) = others.first() {
        let message = format!("{} in {} belong to no database, e.g. {first}", others.len(), vault.backups_dir().display());
        let remedy = "A removed database's folder is taken up again by `keepstone db add`; others can be imported with `keepstone import`.";
        found.add("folders", Severity::Warning, message, remedy, 0);
    }
    if durable::free_bytes(vault.backups_dir()).is_err() {
        found.add("folders", Severity::Failed, "the backups folder does not answer", "Look whether its disk is mounted.", 1);
    }
}
