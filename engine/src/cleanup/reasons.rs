//! Why each backup of a database stays or goes, and until when: for lists and pages.

use std::collections::BTreeMap;

use jiff::Timestamp;
use keepstone_model::{
    id::{BackupId, DatabaseId, Kind},
    retention::{Fate, Rule, kept_until},
};

use super::planning::{PlanOptions, plan_by_catalog};
use crate::{Result, Vault, scheduler::Timing};

/// No further is it reckoned when a backup that is still to be made pushes an older one out.
const AHEAD_MAX: usize = 2000;

/// What becomes of a backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reason {
    pub fate: Fate,
    /// About when the policy will let it go, if the schedules run as they say. None: no time can be said.
    pub until: Option<Timestamp>,
}

/// Of every backup that is not in the trash, by the database's own policy and what the catalog says alone.
pub fn reasons(vault: &Vault, database: &DatabaseId, now: Timestamp) -> Result<BTreeMap<BackupId, Reason>> {
    let options = PlanOptions { count_by: vault.defaults().count_by(), ..PlanOptions::new(database.clone()) };
    let plan = plan_by_catalog(vault, &options, now)?;
    let mut ahead = Ahead::of(vault, database, plan.database.paused, now)?;
    let mut rule = |rule, nth| ahead.nth(rule, nth);
    Ok(plan
        .lines
        .into_iter()
        .map(|line| {
            let until = kept_until(line.fate, line.backup.created_at, &plan.policy, &mut rule);
            (line.backup.id, Reason { fate: line.fate, until })
        })
        .collect())
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
