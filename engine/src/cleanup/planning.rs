//! The plan of a cleanup, made of what the catalog says and what the archives' files say.

use std::io::ErrorKind;

use keepstone_model::{
    Timestamp,
    backup::{Backup, BackupState},
    database::Database,
    id::DatabaseId,
    retention::{
        Candidate, Circumstances, CountBy, Fate, Manual, Obstacle, Pass, RetentionPlan, RetentionPolicy, holding_sequence, pass_limit, plan,
    },
};

use crate::{Error, Result, Vault, archive::Archive, databases, guard, notes};

#[derive(Debug, Clone)]
pub struct PlanOptions {
    pub database: DatabaseId,
    /// In place of the database's own policy.
    pub policy: Option<RetentionPolicy>,
    pub manual: Manual,
    pub count_by: CountBy,
    pub pass: Pass,
}

impl PlanOptions {
    /// What a person would do by the database's own policy.
    pub fn new(database: DatabaseId) -> Self {
        Self { database, policy: None, manual: Manual::Kept, count_by: CountBy::Good, pass: Pass::Person }
    }
}

/// What a cleanup would do, and why.
#[derive(Debug, Clone)]
pub struct CleanupPlan {
    pub database: Database,
    pub policy: RetentionPolicy,
    /// Of every backup that is not in the trash, the highest sequence first.
    pub lines: Vec<Line>,
    /// The same backups as the plan looks at them, in the same order; for a preview of other policies.
    pub candidates: Vec<Candidate>,
    pub circumstances: Circumstances,
    pub freed_bytes: u64,
    /// The archives that stay, and their bytes.
    pub kept_count: u64,
    pub kept_bytes: u64,
    pub postponed: u64,
    /// The indices of the lines that go, the oldest first.
    pub removed: Vec<usize>,
}

#[derive(Debug, Clone)]
pub struct Line {
    pub backup: Backup,
    pub fate: Fate,
}

impl CleanupPlan {
    /// What goes, the oldest first.
    pub fn removals(&self) -> impl ExactSizeIterator<Item = &Line> {
        self.removed.iter().map(|&index| &self.lines[index])
    }

    /// How many an unattended pass would remove at most.
    pub fn pass_limit(&self) -> usize {
        pass_limit(self.candidates.iter().filter(|candidate| candidate.state == BackupState::Complete).count())
    }
}

/// Plans a cleanup of one database. Looks at every archive's file: one that is being read stays, and one that is not as it was written counts
/// for nothing.
pub fn plan_cleanup(vault: &Vault, options: &PlanOptions, now: Timestamp) -> Result<CleanupPlan> {
    planned(vault, options, now, &|backup| look(vault, backup))
}

/// The same by what the catalog says alone: whether there is anything to do at all.
pub(super) fn plan_by_catalog(vault: &Vault, options: &PlanOptions, now: Timestamp) -> Result<CleanupPlan> {
    planned(vault, options, now, &|_| None)
}

fn planned(vault: &Vault, options: &PlanOptions, now: Timestamp, look: &dyn Fn(&mut Backup) -> Option<Obstacle>) -> Result<CleanupPlan> {
    let database = databases::database(vault, &options.database)?;
    let policy = options.policy.clone().unwrap_or_else(|| database.retention.clone());
    let mut backups = vault.catalog().backups_of(&database.id)?;
    backups.retain(|backup| backup.state != BackupState::Trashed);
    let obstacles: Vec<_> = backups.iter_mut().map(look).collect();
    let circumstances = Circumstances {
        held_before: holding_sequence(&backups),
        clock_guard: vault.catalog().cleanup_standing(&database.id)?.clock_guard,
        count_by: options.count_by,
        manual: options.manual,
        pass: options.pass,
    };
    let candidates: Vec<Candidate> = backups.iter().zip(obstacles).map(|(backup, obstacle)| Candidate::new(backup, obstacle)).collect();
    let plan: RetentionPlan = plan(&candidates, &policy, now, &circumstances);
    let (kept_count, kept_bytes) = plan.held(&candidates);
    let fates = plan.fates.iter().map(|fate| fate.ok_or_else(|| Error::Internal("a backup without a fate".to_owned())));
    let lines = backups.into_iter().zip(fates).map(|(backup, fate)| Ok(Line { backup, fate: fate? })).collect::<Result<_>>()?;
    Ok(CleanupPlan {
        freed_bytes: plan.freed_bytes(&candidates),
        postponed: plan.postponed() as u64,
        removed: plan.removed,
        database,
        policy,
        lines,
        candidates,
        circumstances,
        kept_count,
        kept_bytes,
    })
}

/// What a complete backup's file says against removing it, or trusting in it. Unknown means no: what cannot be looked at is not to be relied on,
/// and stays; what may be pinned, too. What the notes say of it that the catalog does not know holds.
fn look(vault: &Vault, backup: &mut Backup) -> Option<Obstacle> {
    let noted = notes::follow::as_noted(vault, backup).ok().flatten().map(|as_noted| *backup = as_noted);
    if backup.state != BackupState::Complete {
        return None;
    }
    let path = vault.archive_path(&backup.id);
    match guard::try_lease(&path) {
        Ok(Some(_)) => {}
        Ok(None) => return Some(Obstacle::Leased),
        Err(error) => {
            if !matches!(&error, Error::Io { source, .. } if source.kind() == ErrorKind::NotFound) {
                tracing::warn!(backup = %backup.id, %error, "an archive cannot be looked at");
            }
            return Some(Obstacle::Unreadable);
        }
    }
    match Archive::open(&path) {
        Ok(archive) if archive.size_bytes() == backup.archive_size_bytes => noted.is_none().then_some(Obstacle::Notes),
        Err(Error::ArchiveTooNew { .. }) => Some(Obstacle::NewerFormat),
        Ok(_) | Err(_) => Some(Obstacle::Unreadable),
    }
}
