//! Why a backup stays or goes, and until when: for lists and pages.

use std::collections::BTreeMap;

use jiff::Timestamp;
use keepstone_model::{
    backup::Backup,
    id::{BackupId, DatabaseId, Kind},
    retention::{Circumstances, Fate, Manual, Pass, Rule, kept_until, plan},
};

use crate::{Result, Vault, databases, scheduler::Timing};

/// No further is it reckoned when a backup that is still to be made pushes an older one out.
const AHEAD_MAX: usize = 2000;

/// What becomes of a backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reason {
    pub fate: Fate,
    /// About when the policy will let it go, if the schedules run as they say. None: no time can be said.
    pub until: Option<Timestamp>,
}

/// Of each of these backups that is not in the trash, by its database's own policy and what the catalog says alone.
pub fn reasons(vault: &Vault, of: &[Backup], now: Timestamp) -> Result<BTreeMap<BackupId, Reason>> {
    let mut asked: BTreeMap<&DatabaseId, BTreeMap<i64, &BackupId>> = BTreeMap::new();
    for backup in of {
        asked.entry(&backup.database).or_default().insert(backup.sequence, &backup.id);
    }
    let mut all = BTreeMap::new();
    for (id, asked) in asked {
        let database = databases::database(vault, id)?;
        let (candidates, held_before) = vault.catalog().candidates(id)?;
        let circumstances = Circumstances {
            held_before,
            clock_guard: vault.catalog().cleanup_standing(id)?.clock_guard,
            count_by: vault.defaults().count_by(),
            manual: Manual::Kept,
            pass: Pass::Person,
        };
        let plan = plan(&candidates, &database.retention, now, &circumstances);
        let mut ahead = Ahead::of(vault, id, database.paused, now)?;
        let mut rule = |rule, nth| ahead.nth(rule, nth);
        for (candidate, fate) in candidates.iter().zip(&plan.fates) {
            let (Some(backup), Some(fate)) = (asked.get(&candidate.sequence), *fate) else { continue };
            let until = kept_until(fate, candidate.created_at, &database.retention, &mut rule);
            all.insert((*backup).clone(), Reason { fate, until });
        }
    }
    Ok(all)
}

/// The runs that lie ahead, by the rule that will count what they make.
struct Ahead {
    schedules: Vec<(Kind, Timing)>,
    now: Timestamp,
    /// As far as they were asked for.
    known: Vec<(Rule, Vec<Timestamp>)>,
}

impl Ahead {
    fn of(vault: &Vault, database: &DatabaseId, paused: bool, now: Timestamp) -> Result<Self> {
        let rows = if paused { Vec::new() } else { vault.catalog().schedules(Some(database))? };
        let running = rows.iter().filter(|row| !row.schedule.paused);
        let schedules = running.filter_map(|row| Some((row.schedule.kind, Timing::of_row(row).ok()?))).collect();
        Ok(Self { schedules, now, known: Vec::new() })
    }

    /// The n-th run from now on of those that a rule counts, the first one being 1.
    fn nth(&mut self, rule: Rule, nth: u32) -> Option<Timestamp> {
        let nth = usize::try_from(nth).ok().filter(|nth| (1..=AHEAD_MAX).contains(nth))?;
        let place = self.known.iter().position(|(known, _)| *known == rule).unwrap_or_else(|| {
            self.known.push((rule, Vec::new()));
            self.known.len() - 1
        });
        let counted = |kind: Kind| match rule {
            Rule::Kind(wanted) => kind == wanted,
            Rule::Last => !matches!(kind, Kind::Startup | Kind::Shutdown),
        };
        let runs = &mut self.known[place].1;
        while runs.len() < nth {
            let last = runs.last().copied().unwrap_or(self.now);
            let next = self.schedules.iter().filter(|(kind, _)| counted(*kind)).filter_map(|(_, timing)| timing.next_after(last)).min()?;
            runs.push(next);
        }
        runs.get(nth - 1).copied()
    }
}
