//! How databases stand: what their rows on a page, and an alarm, say.

use jiff::Timestamp;
use keepstone_model::{
    database::{
        Checkup, Concern, Database, DatabaseFacts, DatabaseState, Situation, Topic, concerns, database_state, newer_left_out, standing,
        unrecoverable,
    },
    id::{BackupId, DatabaseId},
    schedule::OBJECTIVE_SLACK_SECS,
};

use super::{database, databases, leads};
use crate::{
    Result, Vault,
    catalog::ScheduleRow,
    cleanup::{self, CleanupStatus},
    jobs,
    location::Location,
    scheduler::Timing,
};

/// The largest gap between backups that a database without a schedule is allowed.
const GAP_WITHOUT_SCHEDULE_SECS: u64 = 24 * 3600;

/// Whether what a look found is so now: a file that was away with its disk may be back.
fn holds_now(vault: &Vault, database: &Database, finding: &str) -> bool {
    let place = Location::of(&database.location, &vault.surroundings().get());
    !matches!(place, Ok(Location::Sqlite(path)) if finding == unrecoverable::GONE && path.exists())
}

/// One database with what its row on a page says.
#[derive(Debug, Clone)]
pub struct DatabaseStatus {
    pub database: Database,
    pub state: DatabaseState,
    /// The same, but for a run that hides a risk.
    pub standing: DatabaseState,
    /// Why it is not safe and what to do, the most urgent first.
    pub concerns: Vec<Concern>,
    /// Its path leads to another file than the one that was backed up last.
    pub is_moved: bool,
    /// What the last look at the live database found, if it was not well.
    pub checkup: Option<Checkup>,
    /// The effective objective.
    pub objective_secs: u64,
    pub newest_good_at: Option<Timestamp>,
    pub last_error: Option<String>,
    pub next_run_at: Option<Timestamp>,
    /// Complete backups, and their archives' bytes.
    pub backup_count: u64,
    pub archive_size_bytes: u64,
    /// Backups that no known password opens.
    pub lost_count: u64,
    /// The newest complete backup, where it is suspect.
    pub suspect: Option<BackupId>,
    /// The newest backup after the newest good one whose checks could not run.
    pub unchecked: Option<BackupId>,
    /// The size of the database when it was last backed up.
    pub size_bytes: Option<u64>,
    pub cleanup: CleanupStatus,
}

impl DatabaseStatus {
    /// Whether it is at risk or failed, whatever runs for it just now.
    pub fn is_at_risk(&self) -> bool {
        matches!(self.standing, DatabaseState::Failed | DatabaseState::AtRisk)
    }

    /// Why there is no good backup, where nothing went wrong: a few words, e.g. "no backup yet".
    pub fn lacks(&self) -> Option<&'static str> {
        match (self.newest_good_at, self.backup_count, self.size_bytes) {
            (Some(_), ..) => None,
            (None, 0, _) => Some("no backup yet"),
            // A size is that of a whole one.
            (None, _, None) => Some("no whole backup yet, only partial ones"),
            (None, ..) => Some("no backup was proven yet"),
        }
    }
}

/// Every database with its state, the worst first.
pub fn statuses(vault: &Vault, now: Timestamp) -> Result<Vec<DatabaseStatus>> {
    let mut all = databases(vault)?.into_iter().map(|database| status_of(vault, database, now)).collect::<Result<Vec<_>>>()?;
    all.sort_by(|a, b| (a.standing, &a.database.id).cmp(&(b.standing, &b.database.id)));
    Ok(all)
}

pub fn status(vault: &Vault, id: &DatabaseId, now: Timestamp) -> Result<DatabaseStatus> {
    status_of(vault, database(vault, id)?, now)
}

fn status_of(vault: &Vault, database: Database, now: Timestamp) -> Result<DatabaseStatus> {
    let stats = vault.catalog().backup_stats(&database.id)?;
    let schedules = vault.catalog().schedules(Some(&database.id))?;
    let objective_secs = database.objective_secs.unwrap_or_else(|| objective_by_schedules(&schedules, now));
    let checkup = vault.catalog().checkup(&database.id)?;
    let damage = checkup.as_ref().and_then(Checkup::damage).filter(|finding| holds_now(vault, &database, finding)).map(str::to_owned);
    let moved = leads::elsewhere(vault, &database)?;
    let all_left_out = vault.catalog().left_out(&database.uid)?;
    let left_out = newer_left_out(&all_left_out, stats.newest_good_at);
    let facts = DatabaseFacts {
        paused: database.paused,
        running: vault.catalog().creates_now(&database.id)?,
        added_at: database.added_at,
        newest_good_at: stats.newest_good_at,
        newest_at: stats.newest_at,
        missing: stats.missing.is_some(),
        left_out: left_out.is_some(),
        last_run_failed: stats.last_run_failed,
        newest_suspect: stats.suspect.is_some(),
        newer_bad: stats.bad.is_some(),
        unchecked: stats.unchecked.is_some(),
        damaged: damage.is_some(),
        objective_secs,
    };
    let situation = Situation {
        database: &database.id,
        facts,
        damage: damage.as_deref(),
        suspect: stats.suspect.as_ref(),
        bad: stats.bad.as_ref(),
        unchecked: stats.unchecked.as_ref(),
        unreadable: &stats.unreadable,
        missing: stats.missing.as_ref().map(|(id, count)| (id, *count)),
        left_out,
        last_error: stats.last_error.as_deref(),
        lost_count: stats.lost_count,
    };
    let (mut state, mut standing) = (database_state(&facts, now), standing(&facts, now));
    let mut concerns = concerns(&situation, now);
    let is_moved = moved.is_some();
    if let Some(moved) = moved {
        // What stands in its place now is not what was backed up.
        (state, standing) = (raised(state), at_least_at_risk(standing));
        // Before all but damage: what else is told is of the file that was there.
        concerns.insert(usize::from(damage.is_some()), moved.concern());
    }
    if let Some(back) = jobs::left::came_back(vault, &database.id)? {
        (state, standing) = (raised(state), at_least_at_risk(standing));
        concerns.push(Concern {
            reason: format!("the archive of {back} was away, and was not read since it is back"),
            advice: format!("A server reads it by itself, and so does the next create or verify; at once: `keepstone verify {back}`."),
            backup: Some(back),
            topic: Topic::Other,
        });
    }
    if stats.lost_count > 0 && stats.newest_good_at.is_none() {
        // What nobody can open is no backup.
        (state, standing) = (raised(state), at_least_at_risk(standing));
    }
    if vault.is_away() {
        (state, standing) = (raised(state), at_least_at_risk(standing));
        let reason = "the folder of the backups is not there: its disk is away".to_owned();
        let advice =
            "No backup can be made or restored until it is back. Mount it where it was; nothing has to be started anew.".to_owned();
        concerns.insert(0, Concern { reason, advice, backup: None, topic: Topic::Other });
    }
    Ok(DatabaseStatus {
        cleanup: cleanup::status_of(vault, &database, stats.complete_count > 0, now)?,
        state,
        standing,
        concerns,
        is_moved,
        checkup,
        objective_secs,
        newest_good_at: stats.newest_good_at,
        last_error: stats.last_error,
        next_run_at: schedules
            .iter()
            .filter(|row| !database.paused && !row.schedule.paused)
            .filter_map(|row| row.standing.next_run_at)
            .min(),
        backup_count: stats.complete_count,
        archive_size_bytes: stats.archive_size_bytes,
        lost_count: stats.lost_count,
        suspect: stats.suspect.map(|backup| backup.id),
        unchecked: stats.unchecked.map(|backup| backup.id),
        size_bytes: stats.size_bytes,
        database,
    })
}

/// At risk, where nothing worse and no run is told.
fn raised(state: DatabaseState) -> DatabaseState {
    if state == DatabaseState::Running { state } else { at_least_at_risk(state) }
}

fn at_least_at_risk(state: DatabaseState) -> DatabaseState {
    match state {
        DatabaseState::Protected | DatabaseState::Unproven | DatabaseState::Running => DatabaseState::AtRisk,
        DatabaseState::Failed | DatabaseState::AtRisk | DatabaseState::Paused => state,
    }
}

/// The longest gap of the schedule that runs most often, and some slack: a monthly schedule beside a daily one does not make a week without a
/// backup all right.
fn objective_by_schedules(schedules: &[ScheduleRow], now: Timestamp) -> u64 {
    let active = schedules.iter().filter(|row| !row.schedule.paused);
    let gaps = active.filter_map(|row| Timing::of(&row.schedule).ok()?.longest_gap_secs(now));
    gaps.min().unwrap_or(GAP_WITHOUT_SCHEDULE_SECS) + OBJECTIVE_SLACK_SECS
}
