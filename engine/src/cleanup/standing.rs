//! How cleanup stands with a database: when it last ran, what it waits for, and whether it should have run by now.

use jiff::Timestamp;
use keepstone_model::{
    database::Database,
    event::EventResult,
    id::DatabaseId,
    retention::{Pass, RetentionPolicy},
};
use serde::{Deserialize, Serialize};

use super::{
    ACTOR, CleanupOptions, CleanupReport,
    act::{unreadable_words, waiting_words},
    planning::{CleanupPlan, PlanOptions, plan_by_catalog},
    rhythm::{Rhythm, rhythm_words},
};
use crate::{
    Error, Result, Vault,
    activity::{self, NewEvent},
};

/// As it stands in the catalog.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct CleanupStanding {
    /// The policy that a person has confirmed, or that never asked for more than one pass removes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accepted: Option<RetentionPolicy>,
    /// The last sequence given out when the clock was found odd.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clock_guard: Option<i64>,
    /// When it was last seen that nothing has to go, or what had to go went.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub looked_at: Option<Timestamp>,
    /// When a pass was last begun.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tried_at: Option<Timestamp>,
    /// The newest scheduled backup that the last look saw.
    pub seen_sequence: i64,
    /// What it waits for, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waits_for: Option<String>,
    /// Why the last pass failed, if it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

/// How cleanup stands, as pages and `status` show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CleanupStatus {
    /// When it looks, in words.
    pub rhythm: String,
    /// A person holds it: nothing is removed by itself.
    pub paused: bool,
    /// When it last went through.
    pub last_at: Option<Timestamp>,
    /// None: the database is paused, or its cleanup is.
    pub next_at: Option<Timestamp>,
    /// It should have run by now, and nothing ran it.
    pub late: bool,
    /// What it waits for: a person who confirms the policy, or a good backup after the clock was changed.
    pub waits_for: Option<String>,
    pub failure: Option<String>,
}

impl CleanupStatus {
    /// What is to be said of it, if anything: one sentence without its full stop.
    pub fn alarm(&self) -> Option<String> {
        if let Some(failure) = &self.failure {
            return Some(format!("cleanup failed: {failure}"));
        }
        if self.paused {
            return Some("cleanup is paused: nothing is removed by itself".to_owned());
        }
        if self.late {
            return Some(match self.last_at {
                Some(at) => format!(
                    "cleanup has not run since {}: `keepstone serve` runs it, or `keepstone cleanup`",
                    at.strftime("%Y-%m-%d %H:%M UTC")
                ),
                None => "cleanup has never run: `keepstone serve` runs it, or `keepstone cleanup`".to_owned(),
            });
        }
        self.waits_for.as_ref().map(|what| format!("cleanup waits: {what}"))
    }
}

/// `any`: whether the database has backups at all, without which there is nothing to be late with.
pub(crate) fn status_of(vault: &Vault, database: &Database, any: bool, now: Timestamp) -> Result<CleanupStatus> {
    let standing = vault.catalog().cleanup_standing(&database.id)?;
    let since = standing.looked_at.unwrap_or(database.added_at);
    let held = database.paused || database.cleanup_rhythm.paused;
    let rhythm = Rhythm::of(&database.cleanup_rhythm);
    if let Err(error) = &rhythm {
        tracing::warn!(database = %database.id, %error, "when cleanup looks cannot be read");
    }
    let next_at = rhythm.as_ref().ok().and_then(|rhythm| rhythm.next_after(standing.looked_at.unwrap_or(now)));
    Ok(CleanupStatus {
        rhythm: rhythm_words(&database.cleanup_rhythm),
        paused: database.cleanup_rhythm.paused,
        last_at: standing.looked_at,
        next_at: next_at.filter(|_| !held),
        late: any && !held && rhythm.map_or(true, |rhythm| now.duration_since(since) > rhythm.late_after(now)),
        waits_for: standing.waits_for,
        failure: standing.failure,
    })
}

/// How many would go at once, if nobody has confirmed a policy that asks for more than one pass removes. One that asks for less is accepted.
pub(super) fn waits_for_consent(vault: &Vault, plan: &CleanupPlan, now: Timestamp) -> Result<Option<u64>> {
    let id = &plan.database.id;
    if vault.catalog().cleanup_standing(id)?.accepted.as_ref() == Some(&plan.policy) {
        return Ok(None);
    }
    let options = PlanOptions {
        database: id.clone(),
        policy: Some(plan.policy.clone()),
        manual: plan.circumstances.manual,
        count_by: plan.circumstances.count_by,
        pass: Pass::Person,
    };
    let all = plan_by_catalog(vault, &options, now)?;
    if all.removed.len() > all.pass_limit() {
        return Ok(Some(all.removed.len() as u64));
    }
    vault.catalog().change_cleanup_standing(id, |standing| standing.accepted = Some(plan.policy.clone()))?;
    Ok(None)
}

/// Writes down how a pass ended.
pub(super) fn ended(vault: &Vault, options: &CleanupOptions, result: &Result<CleanupReport>, now: Timestamp) -> Result<()> {
    let seen = newest_scheduled(vault, &options.database)?;
    // With another policy or other flags than the database's own it says nothing of what unattended passes do.
    let own = options.policy.is_none();
    let policy = vault.catalog().get_database(&options.database)?.map(|database| database.retention);
    let waits = match result {
        Err(Error::PolicyNotConfirmed { database, count }) => Some(waiting_words(database, *count)),
        Ok(report) if own && !report.unreadable.is_empty() => Some(unreadable_words(&report.unreadable)),
        _ => None,
    };
    let before = vault.catalog().cleanup_standing(&options.database)?;
    vault.catalog().change_cleanup_standing(&options.database, |standing| match result {
        Ok(_) if own => {
            standing.looked_at = Some(now);
            standing.seen_sequence = seen;
            standing.failure = None;
            standing.waits_for.clone_from(&waits);
            if options.confirmed.is_some() {
                // Whoever confirmed what this policy removes has confirmed the policy.
                standing.accepted.clone_from(&policy);
            }
        }
        Ok(_) => {}
        Err(Error::PolicyNotConfirmed { .. }) => {
            standing.looked_at = Some(now);
            standing.seen_sequence = seen;
            standing.failure = None;
            standing.waits_for.clone_from(&waits);
        }
        Err(error) if error.code() == "cancelled" => {}
        Err(error) => standing.failure = Some(error.to_string()),
    })?;
    if waits.is_some() && before.waits_for != waits {
        say_that_it_waits(vault, &options.database, waits.unwrap_or_default())?;
    }
    Ok(())
}

/// Writes down that a person looked by the database's own policy, and that nothing had to go.
pub fn looked(vault: &Vault, database: &DatabaseId, now: Timestamp) -> Result<()> {
    let seen = newest_scheduled(vault, database)?;
    vault.catalog().change_cleanup_standing(database, |standing| {
        standing.looked_at = Some(now);
        standing.seen_sequence = seen;
        (standing.failure, standing.waits_for) = (None, None);
    })
}

/// Once, when it begins to wait.
pub(super) fn say_that_it_waits(vault: &Vault, database: &DatabaseId, message: String) -> Result<()> {
    let event = NewEvent {
        actor: ACTOR,
        action: "cleanup.waits",
        result: EventResult::Warning,
        database: Some(database.clone()),
        backup: None,
        job: None,
        message,
    };
    activity::record(vault, &event).map(drop)
}

/// The sequence of the newest good backup that a schedule made; 0 if there is none.
pub(super) fn newest_scheduled(vault: &Vault, database: &DatabaseId) -> Result<i64> {
    use keepstone_model::id::Kind;
    let newest = vault.catalog().newest_good(database, None)?;
    Ok(newest.filter(|backup| backup.kind != Kind::Manual).map_or(0, |backup| backup.sequence))
}
