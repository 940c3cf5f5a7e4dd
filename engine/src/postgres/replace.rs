//! A new database in the live one's place: made and proven beside it first, then both get other names in one transaction. The old one stays on
//! the server, so that undo is the same exchange again. A process that dies at any point leaves the old names or the new ones.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use jiff::{SignedDuration, Timestamp};
use keepstone_model::{database::Database, job::Step, restore::RestorePlan};

use super::{
    building::Building,
    committed,
    fault::Fault,
    live,
    location::Location,
    names::{literal, quoted, with_ending},
    open::{Connection, reach_for_restore},
    plan, properties,
    restore::{checked, report},
    settings::Environment,
    subscriptions::Subscriptions,
    unfinished,
};
use crate::{
    Error, Monitor, Result, Vault, checkup,
    jobs::{Running, to_json},
    restore::{
        KeptDatabase, Mark, RestoreReport,
        committed::{settle_open, wanted_until},
        gone,
    },
    sqlite::pace::millis,
};

/// How long the database that made way is kept.
pub(super) const KEPT_FOR_SECS: i64 = 24 * 3600;
/// What the comment of a kept database begins with; then the database's uid and until when.
const KEPT: &str = "keepstone: kept for undo, database ";
const UNTIL: &str = " until ";
/// How often sessions that come again are ended while the names change, and how often that is tried in all: each try waits five seconds.
const END_EVERY: Duration = Duration::from_millis(30);
const TRIES: u32 = 5;

/// Restores a backup and puts it in the live database's place.
pub(super) fn replace(
    running: &Running<'_>,
    plan: &RestorePlan,
    database: &Database,
    verify: bool,
    monitor: &dyn Monitor,
) -> Result<RestoreReport> {
    let vault = running.vault;
    let (location, environment) = reach_for_restore(vault, database)?;
    let archive = checked(running, plan, verify, monitor)?;
    let mut maintenance = plan::maintenance(&location, &environment)?;
    let present = plan::oid(&mut maintenance, &location.database)?.is_some();
    if let Err(error) = remove_kept(vault, database, Timestamp::now()) {
        tracing::warn!(database = %database.id, %error, "what an earlier restore kept could not be removed");
    }
    let like = present.then_some(location.database.as_str());
    let subscriptions = Subscriptions::Detached;
    let building = Building {
        running,
        archive: &archive,
        environment: &environment,
        ownership: plan.ownership,
        loading: plan.loading,
        like,
        subscriptions,
    };
    let mut built = building.build(&mut maintenance, &location, monitor)?;
    let swapped = (|| {
        if monitor.cancelled() {
            return Err(Error::CancelledHere);
        }
        let mut report = RestoreReport { path: database.location.clone().into(), ..report(archive.metadata(), true) };
        if !present {
            building.name(&mut maintenance, &mut built, &location.database, monitor)?;
            return Ok(RestoreReport { after: Some(built.after.clone()), ..report });
        }
        report.after = Some(built.after.clone());
        properties::copy(&mut maintenance, &location.database, &built.name, monitor)?;
        let kept = Kept::of(database, &location.database, "before", plan.safety_backup);
        report.kept = plan.safety_backup.then(|| kept.told());
        note(running, &report, &mut maintenance, &built.name)?;
        report.held_ms = exchange(&mut maintenance, &environment, &location, &built.name, &kept, monitor)?;
        if !plan.safety_backup
            && let Err(error) = unfinished::drop_database(&mut maintenance, &environment, &kept.name)
        {
            tracing::warn!(database = kept.name, %error, "the database that made way could not be removed; tomorrow it is tried again");
        }
        Ok(report)
    })();
    match swapped {
        Ok(report) => {
            if let Err(error) = checkup::all_is_well(vault, &database.id) {
                tracing::warn!(database = %database.id, %error, "what the last look found could not be taken back");
            }
            Ok(report)
        }
        // Its server does not answer: if it is still there, the next restore removes it, or the next day.
        Err(error) if error.may_be_done() => Err(error),
        Err(error) => {
            // Only if it still has its temporary name: then it is not in the live one's place.
            unfinished::drop_after_fault(&mut maintenance, &environment, &built.name, monitor);
            Err(error)
        }
    }
}

/// Puts the database that a replacement kept back in its place. What makes way is kept in its turn.
pub(super) fn put_back(
    running: &Running<'_>,
    plan: &RestorePlan,
    database: &Database,
    name: &str,
    monitor: &dyn Monitor,
) -> Result<RestoreReport> {
    let (location, environment) = reach_for_restore(running.vault, database)?;
    let mut maintenance = plan::maintenance(&location, &environment)?;
    if plan::oid(&mut maintenance, name)?.is_none() {
        return Err(Error::UndoRefused { reason: gone(name) });
    }
    let kept = Kept::of(database, &location.database, "undone", true);
    let mut report = RestoreReport {
        replaced: true,
        kept: Some(kept.told()),
        ..RestoreReport::of(plan.backup.clone(), database.location.clone().into())
    };
    note(running, &report, &mut maintenance, name)?;
    monitor.step(Step::Write);
    report.held_ms = exchange(&mut maintenance, &environment, &location, name, &kept, monitor)?;
    monitor.step(Step::Check);
    // That it can be connected to again is the check; nothing in it was touched.
    report.size_bytes = live::state(&location, &environment)?.size_bytes;
    Ok(report)
}

/// If the process dies after the exchange and before the end is written down, this is what undo goes by.
fn note(running: &Running<'_>, report: &RestoreReport, maintenance: &mut Connection, incoming: &str) -> Result<()> {
    let mark = plan::oid(maintenance, incoming)?.map(Mark::Named);
    running.note(&to_json(&RestoreReport { mark, ..report.clone() })?)
}

/// The name and the mark of a database that makes way.
struct Kept {
    name: String,
    until: Timestamp,
    comment: String,
}

impl Kept {
    fn of(database: &Database, live: &str, why: &str, keep: bool) -> Self {
        let now = Timestamp::now();
        let until = if keep { now.checked_add(SignedDuration::from_secs(KEPT_FOR_SECS)).unwrap_or(now) } else { now };
        let name = with_ending(live, &format!("_{why}_{}_{:04x}", now.strftime("%Y%m%dt%H%M%S"), crate::jobs::random() & 0xffff));
        let comment = format!("{KEPT}{}{UNTIL}{}", database.uid, until.strftime("%Y-%m-%dT%H:%M:%SZ"));
        Self { name, until, comment }
    }

    fn told(&self) -> KeptDatabase {
        KeptDatabase { name: self.name.clone(), until: Some(self.until) }
    }
}

/// `incoming` gets the live name, and what has it now another one, at once. How long applications could not connect, in milliseconds.
fn exchange(
    maintenance: &mut Connection,
    environment: &Environment,
    live: &Location,
    incoming: &str,
    kept: &Kept,
    monitor: &dyn Monitor,
) -> Result<u64> {
    let (live_oid, incoming_oid) = (plan::oid(maintenance, &live.database)?, plan::oid(maintenance, incoming)?);
    let comment: Option<String> = maintenance
        .row(&format!("SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = {}", literal(&live.database)))?
        .get(0);
    let comment = comment.map_or_else(|| "NULL".to_owned(), |comment| literal(&comment));
    let (name, incoming, aside) = (quoted(&live.database), quoted(incoming), quoted(&kept.name));
    let sql = format!(
        "SET lock_timeout = '10s'; BEGIN; {}{aside}; ALTER DATABASE {incoming} RENAME TO {name}; \
         COMMENT ON DATABASE {aside} IS {}; COMMENT ON DATABASE {name} IS {comment}; COMMIT",
        committed::rename_of(&live.database),
        literal(&kept.comment)
    );
    // Renaming locks the name: nobody connects from then on. It waits five seconds for those who are connected, whom the other connection ends
    // meanwhile.
    let mut ender = plan::maintenance(live, environment)?;
    let done = AtomicBool::new(false);
    let began = Instant::now();
    let result = std::thread::scope(|scope| {
        let database = live.database.clone();
        let done = &done;
        scope.spawn(move || {
            while !done.load(Ordering::Relaxed) {
                if let Err(error) = end_sessions(&mut ender, &database) {
                    tracing::debug!(%error, "sessions could not be ended");
                }
                std::thread::sleep(END_EVERY);
            }
        });
        let mut result = Ok(());
        for attempt in 1..=TRIES {
            result = maintenance.run(&sql);
            let busy = matches!(&result, Err(Error::Postgres(fault)) if matches!(&**fault, Fault::Sql { code, .. } if code == "55006" || code == "55P03"));
            if result.is_err() {
                drop(maintenance.run("ROLLBACK"));
            }
            if !busy || monitor.cancelled() {
                break;
            }
            monitor.log(&format!("the database is still in use, try {attempt} of {TRIES}"));
        }
        done.store(true, Ordering::Relaxed);
        result
    });
    let held_ms = millis(began.elapsed());
    if let Err(error) = result {
        // A connection that was lost at the very end may have committed.
        let unknown = |error: &Error| -> Error {
            let (server, what) = (live.server(), format!("the exchange of {} and {}", live.database, kept.name));
            Fault::CommitUnknown { server, what, detail: error.to_string() }.into()
        };
        let lost = unfinished::is_lost(&error);
        let mut again = match if lost { unfinished::again(maintenance, environment, monitor) } else { plan::maintenance(live, environment) }
        {
            Ok(again) => again,
            Err(_) if lost => return Err(unknown(&error)),
            Err(error) => return Err(error),
        };
        let number = incoming_oid.filter(|_| live_oid != incoming_oid);
        // An answer that does not come is as good as none.
        let has = number.map_or(Ok(false), |number| committed::has_the_name(&mut again, &live.database, number));
        if !has.map_err(|asked| if lost { unknown(&error) } else { asked })? {
            return Err(match error {
                Error::Postgres(fault) => match *fault {
                    Fault::Sql { code, detail, .. } if code == "55006" => Fault::NotReplaceable { detail }.into(),
                    fault => fault.into(),
                },
                error => error,
            });
        }
    }
    monitor.log(&format!("{} is in its place now; the one that made way is {}", live.database, kept.name));
    Ok(held_ms)
}

/// Ends what this role may end; a superuser's sessions only a superuser may.
fn end_sessions(connection: &mut Connection, database: &str) -> Result<()> {
    connection
        .rows(&format!(
            "SELECT pg_terminate_backend(a.pid) FROM pg_stat_activity a LEFT JOIN pg_roles r ON r.oid = a.usesysid \
             WHERE a.datname = {} AND a.pid <> pg_backend_pid() AND a.backend_type = 'client backend' \
               AND (NOT coalesce(r.rolsuper, false) OR (SELECT rolsuper FROM pg_roles WHERE rolname = current_user))",
            literal(database)
        ))
        .map(drop)
}

/// Removes what was kept of a database, has had its time, and is wanted by no restore of which it is still not known what became of it; and what restores that did not end left behind. Only what says so of itself, with this
/// database's uid or a job of this vault.
pub(super) fn remove_kept(vault: &Vault, database: &Database, now: Timestamp) -> Result<u64> {
    let (location, environment) = reach_for_restore(vault, database)?;
    let mut maintenance = plan::maintenance(&location, &environment)?;
    settle_open(vault, &database.id)?;
    let wanted: BTreeMap<String, Timestamp> =
        vault.catalog().restores_of(&database.id)?.iter().filter_map(|(_, row)| wanted_until(row)).collect();
    let rows = maintenance.rows(&format!(
        "SELECT datname::text, shobj_description(oid, 'pg_database') FROM pg_database WHERE shobj_description(oid, 'pg_database') LIKE {}",
        literal(&format!("{KEPT}%"))
    ))?;
    let mut removed = unfinished::remove_leftovers(vault, &mut maintenance)?;
    for row in rows {
        let (name, comment): (String, String) = (row.get(0), row.get(1));
        let said = comment.strip_prefix(KEPT).and_then(|rest| rest.split_once(UNTIL));
        let Some((uid, until)) = said else { continue };
        let wanted = wanted.get(&name).is_some_and(|&until| until > now);
        let over = until.parse::<Timestamp>().is_ok_and(|until| until <= now) && !wanted;
        if uid == database.uid.as_str() && over && name != location.database {
            unfinished::drop_database(&mut maintenance, &environment, &name)?;
            removed += 1;
        }
    }
    Ok(removed)
}
