//! A backup made into a database again: a new one, under a name of its own until it is whole and its rows were counted. What goes wrong leaves
//! nothing behind but, if this process dies, a database that says of itself what it is; the next restore on that server removes it.

use std::collections::{BTreeMap, BTreeSet};

use keepstone_model::{
    backup::{Check, CheckName, CheckResult},
    database::Database,
    job::Step,
    metadata::Metadata,
    restore::{Loading, Ownership, RestorePlan},
};

use super::{
    building::Building,
    fault::Fault,
    location::Location,
    open::{Connection, reach_for_restore},
    plan,
    subscriptions::Subscriptions,
    toc::Entry,
    unfinished,
};
use crate::{
    Error, Monitor, Result,
    archive::Archive,
    backups,
    jobs::Running,
    proof::{Depth, prove, told_ms},
    restore::RestoreReport,
    throttle::Stopwatch,
};

/// Restores a backup into a new database, on whichever server.
pub(super) fn into_new(
    running: &Running<'_>,
    plan: &RestorePlan,
    database: &Database,
    url: &str,
    verify: bool,
    monitor: &dyn Monitor,
) -> Result<RestoreReport> {
    let vault = running.vault;
    let (location, environment) = plan::target(vault, database, url)?;
    let archive = checked(running, plan, verify, monitor)?;
    let mut maintenance = plan::maintenance(&location, &environment)?;
    plan::refuse_existing(&mut maintenance, &location.database)?;
    let building = Building {
        running,
        archive: &archive,
        environment: &environment,
        ownership: plan.ownership,
        loading: plan.loading,
        like: None,
        subscriptions: Subscriptions::Detached,
    };
    let mut built = building.build(&mut maintenance, &location, monitor)?;
    let named = building.name(&mut maintenance, &mut built, &location.database, monitor);
    if let Err(error) = named {
        unfinished::drop_after_fault(&mut maintenance, &environment, &built.name, monitor);
        return Err(error);
    }
    monitor.log(&format!("{}: {}", location.database, built.after.words()));
    let metadata = archive.metadata();
    Ok(RestoreReport { path: location.url().into(), after: Some(built.after), ..report(metadata, false) })
}

/// A server keeps rows, not the bytes of a dump; what it holds is compared by counts.
pub(super) fn report(metadata: &Metadata, replaced: bool) -> RestoreReport {
    let report = RestoreReport::of(metadata.backup_id.clone(), std::path::PathBuf::new());
    RestoreReport { replaced, size_bytes: metadata.original_size, ..report }
}

/// The archive of a plan, checked to its last byte before any server is touched.
pub(super) fn checked(running: &Running<'_>, plan: &RestorePlan, verify: bool, monitor: &dyn Monitor) -> Result<Archive> {
    let vault = running.vault;
    monitor.step(Step::Verify);
    let archive = vault.open_backup(&backups::backup(vault, &plan.backup)?)?;
    if archive.metadata().payload_hash != plan.binding.payload_hash {
        return Err(Error::StalePlan { reason: "the archive is another one".to_owned() });
    }
    if verify {
        let (_, proof) = prove(archive.path(), &vault.keys().passwords(), &running.staging, Depth::Opened, Step::Verify, monitor)?;
        if let Some(check) = proof.checks.iter().find(|check| check.result == CheckResult::Failed) {
            return Err(Error::VerificationFailed { id: plan.backup.to_string(), detail: format!("{}: {}", check.name, check.detail) });
        }
    }
    Ok(archive)
}

/// Tries a restore into a scratch database on the backup's own server, compares the rows, and removes it again. What keeps it from being tried
/// at all is no verdict on the backup.
pub(crate) fn test_restore(running: &Running<'_>, database: &Database, archive: &Archive, monitor: &dyn Monitor) -> Result<Check> {
    let stopwatch = Stopwatch::begin(monitor);
    let tried = (|| {
        let (location, environment) = reach_for_restore(running.vault, database)?;
        let mut maintenance = plan::maintenance(&location, &environment)?;
        // Owners are a matter of the server, not of the backup.
        let building = Building {
            running,
            archive,
            environment: &environment,
            ownership: Ownership::Auto,
            loading: Loading::Streamed,
            like: None,
            subscriptions: Subscriptions::LeftOut,
        };
        let built = building.build(&mut maintenance, &location, monitor)?;
        let words = built.after.words();
        if let Err(error) = unfinished::drop_database(&mut maintenance, &environment, &built.name) {
            // It was proven, and is only in the way.
            tracing::warn!(database = built.name, %error, "a scratch database could not be removed; the next restore does it");
            return Ok(format!("restored into a scratch database on {}, {words}; it could not be removed yet", location.server()));
        }
        Ok(format!("restored into a scratch database on {}, {words}, and removed again", location.server()))
    })();
    let (result, detail) = match tried {
        Ok(detail) => (CheckResult::Passed, detail),
        Err(error @ (Error::CancelledHere | Error::Cancelled { .. })) => return Err(error),
        Err(error @ Error::VerificationFailed { .. }) => (CheckResult::Failed, error.to_string()),
        Err(Error::Postgres(fault)) if matches!(*fault, Fault::RestoreFailed { .. }) => (CheckResult::Failed, fault.to_string()),
        Err(error) => (CheckResult::CouldNotRun, error.to_string()),
    };
    Ok(Check { name: CheckName::TestRestore, result, detail, elapsed_ms: told_ms(stopwatch.worked()) })
}

/// Whether things get the owners and rights that they have in the backup.
pub(super) fn keeps_owners(connection: &mut Connection, archive: &Archive, ownership: Ownership, monitor: &dyn Monitor) -> Result<bool> {
    match ownership {
        Ownership::Keep => Ok(true),
        Ownership::Discard => Ok(false),
        Ownership::Auto => {
            let why = hindrance(connection, &plan::source(archive.metadata()).roles)?;
            if let Some(why) = &why {
                monitor.log(&format!("everything belongs to the restoring role, and no rights are given: {why}"));
            }
            Ok(why.is_none())
        }
    }
}

/// Why the owners and rights of a backup cannot be kept on a server; none if they can.
pub(super) fn hindrance(connection: &mut Connection, roles: &[String]) -> Result<Option<String>> {
    let rows = connection.rows("SELECT rolname::text, pg_has_role(oid, 'MEMBER') FROM pg_roles")?;
    let known: BTreeMap<String, bool> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    let missing: BTreeSet<&str> = roles.iter().filter(|role| !known.contains_key(*role)).map(String::as_str).collect();
    if !missing.is_empty() {
        let names: Vec<&str> = missing.into_iter().collect();
        return Ok(Some(format!("the server has no role {}", names.join(", "))));
    }
    let foreign: Vec<&str> = roles.iter().filter(|role| known.get(*role) == Some(&false)).map(String::as_str).collect();
    Ok((!foreign.is_empty()).then(|| format!("the restoring role is no member of {}", foreign.join(", "))))
}

/// Whoever owns what is restored, a policy for a role and a user mapping cannot be made without that role.
pub(super) fn refuse_missing_roles(connection: &mut Connection, entries: &[Entry]) -> Result<()> {
    let bound: BTreeSet<String> = entries.iter().flat_map(Entry::bound_to).collect();
    if bound.is_empty() {
        return Ok(());
    }
    let known = roles(connection)?;
    let missing: Vec<String> = bound.into_iter().filter(|role| !known.contains(role)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(Fault::RolesMissing { server: connection.location.server(), roles: missing }.into())
}

pub(super) fn roles(connection: &mut Connection) -> Result<BTreeSet<String>> {
    Ok(connection.rows("SELECT rolname::text FROM pg_roles")?.iter().map(|row| row.get(0)).collect())
}

/// The role that a server says it does not know.
fn missing_role(detail: &str) -> Option<String> {
    let (_, rest) = detail.split_once("role \"")?;
    rest.split_once("\" does not exist").map(|(role, _)| role.to_owned())
}

pub(super) fn failed(metadata: &Metadata, detail: String, location: &Location) -> Fault {
    if let Some(role) = missing_role(&detail) {
        return Fault::RolesMissing { server: location.server(), roles: vec![role] };
    }
    match super::snapshot::of_child(detail, &location.server()) {
        Fault::DumpFailed { detail } => Fault::RestoreFailed { what: metadata.backup_id.to_string(), detail },
        other => other,
    }
}
