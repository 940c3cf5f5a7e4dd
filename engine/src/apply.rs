//! Apply: databases, their settings, schedules and retention as a file has them. First the plan, a line for each change; then exactly that.
//! What a file sets is changed only there from then on; what it does not name is left alone.

use jiff::Timestamp;
use keepstone_model::{
    database::Database,
    event::EventResult,
    human,
    id::DatabaseId,
    retention::RetentionPolicy,
    schedule::{SCHEDULES_MAX, Schedule},
    snapshot::SnapshotPolicy,
};
use serde::Serialize;

use crate::{
    Error, Result, Vault,
    activity::NewEvent,
    catalog::{ScheduleRow, rounded},
    cleanup::{self, Consent},
    databases::{self, AddDatabaseOptions, EditDatabaseOptions},
    driver, guard,
    location::Location,
    managed,
    scheduler::Timing,
    schedules, sqlite,
};

/// Who sets what a file sets.
pub const BY: &str = "applied file";

/// A database as a file wants it. What is `None` is not the file's business.
#[derive(Debug, Clone, PartialEq)]
pub struct WantedDatabase {
    pub id: DatabaseId,
    /// A URL may hold its password: it is sealed, and not in the plan.
    pub location: String,
    pub objective_secs: Option<u64>,
    pub never_replace: Option<bool>,
    pub auto_recovery: Option<bool>,
    pub encrypt: Option<bool>,
    pub globals: Option<bool>,
    pub paused: Option<bool>,
    /// All of the limits.
    pub snapshot: Option<SnapshotPolicy>,
    /// All of its schedules.
    pub schedules: Option<Vec<Schedule>>,
    pub retention: Option<RetentionPolicy>,
}

impl WantedDatabase {
    /// With nothing set but where it is.
    pub fn new(id: DatabaseId, location: impl Into<String>) -> Self {
        Self {
            id,
            location: location.into(),
            objective_secs: None,
            never_replace: None,
            auto_recovery: None,
            encrypt: None,
            globals: None,
            paused: None,
            snapshot: None,
            schedules: None,
            retention: None,
        }
    }

    /// The names of what it sets.
    fn settings(&self) -> Vec<&'static str> {
        let set = [
            ("objective", self.objective_secs.is_some()),
            ("never_replace", self.never_replace.is_some()),
            ("auto_recovery", self.auto_recovery.is_some()),
            ("encrypt", self.encrypt.is_some()),
            ("globals", self.globals.is_some()),
            ("paused", self.paused.is_some()),
            ("snapshot", self.snapshot.is_some()),
            ("schedules", self.schedules.is_some()),
            ("retention", self.retention.is_some()),
        ];
        set.into_iter().filter_map(|(name, set)| set.then_some(name)).chain(["location"]).collect()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    Add,
    Change,
    Remove,
    /// It stays as it is, and is everybody's to change again.
    Release,
}

/// One thing that would become another one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    pub database: DatabaseId,
    pub act: Act,
    /// e.g. `schedule`, `retention`, `objective`.
    pub what: String,
    pub from: Option<String>,
    pub to: Option<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct ApplyPlan {
    pub changes: Vec<Change>,
    wanted: Vec<WantedDatabase>,
    released: Vec<DatabaseId>,
}

impl ApplyPlan {
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }
}

/// Says what would change. Refuses a file that could not be carried out whole: a location that does not open, an id that is another database's,
/// a schedule that cannot be read, encryption without a password. Changes nothing.
pub fn plan_apply(vault: &Vault, wanted: &[WantedDatabase], now: Timestamp) -> Result<ApplyPlan> {
    let mut changes = Vec::new();
    for one in wanted {
        check(vault, one, wanted, now)?;
        let present = present(vault, one)?;
        compare(vault, one, present.as_ref(), &mut changes)?;
    }
    let mut released = Vec::new();
    for database in databases::databases(vault)? {
        let named = wanted.iter().any(|one| one.id == database.id);
        if !named && managed::managed(vault, &database.id)?.iter().any(|managed| managed.by == BY) {
            changes.push(Change { database: database.id.clone(), act: Act::Release, what: "database".to_owned(), from: None, to: None });
            released.push(database.id);
        }
    }
    Ok(ApplyPlan { changes, wanted: wanted.to_vec(), released })
}

fn place(vault: &Vault, one: &WantedDatabase) -> Result<Location> {
    Location::of(&one.location, &vault.surroundings().get())
}

/// The database of this location, which must have this id; none: it is to be added.
fn present(vault: &Vault, one: &WantedDatabase) -> Result<Option<Database>> {
    let place = place(vault, one)?;
    let there = databases::present_at(vault, &place, &one.location)?;
    let of_id = vault.catalog().get_database(&one.id)?;
    match (there, of_id) {
        (Some(there), _) if there.id != one.id => {
            let message = format!("{} is protected already, as {}: name it so", place.text()?, there.id);
            Err(Error::Invalid { field: "id", message })
        }
        (None, Some(other)) => {
            let message = format!("{} is the database at {}, not at {}", one.id, other.location, place.text()?);
            Err(Error::Invalid { field: "location", message })
        }
        (there, _) => Ok(there),
    }
}

fn check(vault: &Vault, one: &WantedDatabase, all: &[WantedDatabase], now: Timestamp) -> Result<()> {
    let invalid = |field, message: String| Err(Error::Invalid { field, message });
    let here = place(vault, one)?.text()?;
    let is_here = |other: &&WantedDatabase| place(vault, other).and_then(|other| other.text()).is_ok_and(|other| other == here);
    if all.iter().filter(is_here).count() > 1 {
        return invalid("location", format!("{here} stands in the file twice"));
    }
    if present(vault, one)?.is_none() {
        driver::probe(&place(vault, one)?, &vault.surroundings().get(), sqlite::BUSY_WAIT)?;
    }
    if one.objective_secs == Some(0) {
        return invalid("objective", "an objective is at least one second".to_owned());
    }
    if let Some(policy) = &one.snapshot {
        databases::refuse_snapshot(place(vault, one)?.engine(), policy)?;
    }
    if let Some(policy) = &one.retention {
        policy.check().map_err(|refusal| Error::Invalid { field: refusal.field, message: refusal.message })?;
    }
    if one.encrypt == Some(true) && !crate::keys::has_current(vault)? {
        return Err(Error::NoEncryptionPassword { what: format!("database {}", one.id) });
    }
    let list = one.schedules.as_deref().unwrap_or_default();
    if list.len() > SCHEDULES_MAX {
        return invalid("schedules", format!("a database has at most {SCHEDULES_MAX} schedules"));
    }
    for (number, schedule) in list.iter().enumerate() {
        schedules::new_row(&one.id, schedule, now)?;
        if list[..number].iter().any(|other| other.trigger == schedule.trigger) {
            return invalid("schedules", format!("{} has the schedule \"{}\" twice", one.id, told(schedule)));
        }
    }
    Ok(())
}

fn compare(vault: &Vault, one: &WantedDatabase, present: Option<&Database>, changes: &mut Vec<Change>) -> Result<()> {
    let mut add = |act, what: &str, from: Option<String>, to: Option<String>| {
        changes.push(Change { database: one.id.clone(), act, what: what.to_owned(), from, to });
    };
    if present.is_none() {
        add(Act::Add, "database", None, Some(place(vault, one)?.text()?));
    }
    let now = |get: fn(&Database) -> bool| present.is_some_and(get);
    let flags = [
        ("never_replace", one.never_replace, now(|database| database.never_replace)),
        ("auto_recovery", one.auto_recovery, now(|database| database.auto_recovery)),
        ("encrypt", one.encrypt, now(|database| database.encrypt)),
        ("globals", one.globals, now(|database| database.globals)),
        ("paused", one.paused, now(|database| database.paused)),
    ];
    for (what, wanted, is) in flags {
        if let Some(wanted) = wanted.filter(|&wanted| wanted != is) {
            let word = |yes: bool| if yes { "on" } else { "off" }.to_owned();
            add(Act::Change, what, Some(word(is)), Some(word(wanted)));
        }
    }
    // Where nobody said anything a no is news, too: the backups would be as the newest one is.
    if one.encrypt == Some(false) && present.is_some_and(|database| database.encryption_said().is_none()) {
        add(Act::Change, "encrypt", Some("as the newest backup is".to_owned()), Some("off".to_owned()));
    }
    let objective = present.and_then(|database| database.objective_secs);
    if one.objective_secs.is_some() && one.objective_secs != objective {
        let word = |secs: Option<u64>| secs.map_or_else(|| "by the schedules".to_owned(), human::duration_secs);
        add(Act::Change, "objective", Some(word(objective)), Some(word(one.objective_secs)));
    }
    let snapshot = present.map(|database| database.snapshot).unwrap_or_default();
    if let Some(wanted) = one.snapshot.filter(|wanted| *wanted != snapshot) {
        add(Act::Change, "snapshot", Some(snapshot.words()), Some(wanted.words()));
    }
    let standard = RetentionPolicy::standard();
    let retention = present.map_or(&standard, |database| &database.retention);
    if let Some(wanted) = one.retention.as_ref().filter(|wanted| *wanted != retention) {
        add(Act::Change, "retention", Some(retention.words()), Some(wanted.words()));
    }
    if let Some(wanted) = &one.schedules {
        let rows = vault.catalog().schedules(Some(&one.id))?;
        for schedule in wanted {
            match rows.iter().find(|row| row.schedule.trigger == schedule.trigger) {
                None => add(Act::Add, "schedule", None, Some(told(schedule))),
                Some(row) if row.schedule != *schedule => add(Act::Change, "schedule", Some(told(&row.schedule)), Some(told(schedule))),
                Some(_) => {}
            }
        }
        for row in rows.iter().filter(|row| !wanted.iter().any(|schedule| schedule.trigger == row.schedule.trigger)) {
            add(Act::Remove, "schedule", Some(told(&row.schedule)), None);
        }
    }
    // What was set before and is not any more, and what is set from now on though nothing changes.
    let before = managed::managed(vault, &one.id)?.into_iter().find(|managed| managed.by == BY);
    for setting in before.iter().flat_map(|managed| &managed.settings).filter(|&setting| !one.settings().contains(&setting.as_str())) {
        add(Act::Release, setting, None, None);
    }
    Ok(())
}

/// `daily: every day at 02:00 (0 2 * * * Europe/Berlin), up to 10 min later`.
fn told(schedule: &Schedule) -> String {
    let words = Timing::of(schedule).map_or_else(|_| "cannot be read".to_owned(), |timing| timing.words());
    let detail = match &schedule.trigger {
        keepstone_model::schedule::Trigger::Cron { cron, time_zone } => format!(" ({cron}, {time_zone})"),
        _ => String::new(),
    };
    let delay =
        if schedule.jitter_secs > 0 { format!(", up to {} later", human::duration_secs(schedule.jitter_secs)) } else { String::new() };
    let missed = if schedule.if_missed == keepstone_model::schedule::IfMissed::Skip { ", skipped if missed" } else { "" };
    let paused = if schedule.paused { ", paused" } else { "" };
    format!("{}: {words}{detail}{delay}{missed}{paused}", schedule.kind)
}

/// Carries the plan out. Each step is one transaction and may be done twice: a process that dies in between has done a part, and the next apply
/// does the rest. A policy that would remove many at once waits for a person, unless one has said so.
pub fn apply(vault: &Vault, plan: &ApplyPlan, consent: Consent, now: Timestamp) -> Result<()> {
    let now = rounded(now);
    for one in &plan.wanted {
        if let Some(present) = present(vault, one)? {
            // A file may bring another password, which is kept if it works.
            driver::of(present.engine).renew(vault, &present, &place(vault, one)?)?;
        } else {
            let name = Some(one.id.to_string());
            let added = databases::add_database(
                vault,
                &AddDatabaseOptions { location: one.location.clone(), name, schedules: None, actor: BY.to_owned() },
            )?;
            if added.id != one.id {
                return Err(Error::AlreadyExists { what: "database of the same location", name: added.id.to_string() });
            }
        }
        let database = databases::database(vault, &one.id)?;
        let edit = EditDatabaseOptions {
            objective_secs: one.objective_secs.filter(|&secs| database.objective_secs != Some(secs)).map(Some),
            never_replace: one.never_replace.filter(|&wanted| wanted != database.never_replace),
            paused: one.paused.filter(|&wanted| wanted != database.paused),
            auto_recovery: one.auto_recovery.filter(|&wanted| wanted != database.auto_recovery),
            loss: None,
            snapshot: one.snapshot.filter(|wanted| *wanted != database.snapshot),
            encrypt: one.encrypt.filter(|&wanted| database.encryption_said() != Some(wanted)),
            globals: one.globals.filter(|&wanted| wanted != database.globals),
            location: None,
            admin: None,
            actor: BY.to_owned(),
        };
        let edits = edit.objective_secs.is_some()
            || edit.snapshot.is_some()
            || [edit.never_replace, edit.paused, edit.auto_recovery, edit.encrypt, edit.globals].iter().any(Option::is_some);
        if edits {
            databases::edit_database(vault, &one.id, &edit)?;
        }
        cleanup::set_managed_with(vault, &one.id, BY, one.retention.as_ref(), consent)?;
        if let Some(wanted) = &one.schedules {
            set_schedules(vault, &one.id, wanted, now)?;
        }
        managed::set_managed(vault, &one.id, BY, &one.settings())?;
        if one.schedules.is_none() {
            release_schedules(vault, &one.id, now)?;
        }
    }
    for id in &plan.released {
        managed::set_managed(vault, id, BY, &[])?;
        cleanup::set_managed_with(vault, id, BY, None, consent)?;
        release_schedules(vault, id, now)?;
    }
    Ok(())
}

/// These and no others. One that is there with the same times keeps its number and where it stands, so that no run is taken twice.
fn set_schedules(vault: &Vault, id: &DatabaseId, wanted: &[Schedule], now: Timestamp) -> Result<()> {
    let _guard = guard::lock_dir(vault.backups_dir())?;
    let rows = vault.catalog().schedules(Some(id))?;
    for schedule in wanted {
        match rows.iter().find(|row| row.schedule.trigger == schedule.trigger) {
            Some(row) if row.schedule == *schedule && row.managed_by.as_deref() == Some(BY) => {}
            Some(row) => {
                let fresh = schedules::new_row(id, schedule, now)?;
                let same_times = row.schedule.jitter_secs == schedule.jitter_secs && row.schedule.kind == schedule.kind;
                let standing = if same_times {
                    row.standing.clone()
                } else {
                    crate::catalog::Standing {
                        last_run_at: row.standing.last_run_at,
                        last_job: row.standing.last_job.clone(),
                        ..fresh.standing
                    }
                };
                let changed = ScheduleRow { schedule: schedule.clone(), standing, managed_by: Some(BY.to_owned()), ..row.clone() };
                vault.catalog().edit_schedule(
                    &changed,
                    &event("schedule.edited", id, format!("set a schedule of {id}: {}", told(schedule))),
                    now,
                )?;
            }
            None => {
                let row = ScheduleRow { managed_by: Some(BY.to_owned()), ..schedules::new_row(id, schedule, now)? };
                vault.catalog().add_schedule(
                    &row,
                    &event("schedule.added", id, format!("added a schedule of {id}: {}", told(schedule))),
                    now,
                )?;
            }
        }
    }
    for row in rows.iter().filter(|row| !wanted.iter().any(|schedule| schedule.trigger == row.schedule.trigger)) {
        let message = format!("removed a schedule of {id}: {}", told(&row.schedule));
        vault.catalog().remove_schedule(row.number, &event("schedule.removed", id, message), now)?;
    }
    // If the process dies before, the next opening of the vault brings the file up to the catalog.
    databases::keep_schedules(vault, id, &vault.catalog().schedules(Some(id))?)
}

fn release_schedules(vault: &Vault, id: &DatabaseId, now: Timestamp) -> Result<()> {
    for row in vault.catalog().schedules(Some(id))?.into_iter().filter(|row| row.managed_by.as_deref() == Some(BY)) {
        let message = format!("no longer sets a schedule of {id}: {}", told(&row.schedule));
        vault.catalog().edit_schedule(&ScheduleRow { managed_by: None, ..row }, &event("schedule.edited", id, message), now)?;
    }
    Ok(())
}

fn event<'a>(action: &'a str, id: &DatabaseId, message: String) -> NewEvent<'a> {
    NewEvent {
        actor: BY,
        action,
        result: EventResult::Ok,
        database: Some(id.clone()),
        backup: None,
        job: None,
        message: format!("the {BY} {message}"),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may stop at once")]
mod tests;
