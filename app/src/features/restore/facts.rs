//! From the engine's plans to what the pages show. Server only.

use std::path::Path;

use keepstone_engine::{Vault, backups, databases, restore};
use keepstone_model::{
    Timestamp,
    backup::{BackupState, Level, Verdict},
    database::Engine,
    id::{BackupId, DatabaseId, JobId},
    restore::{Loading, Ownership, RestorePlan, RowsSince, Target},
};

use super::api::{ImpactLine, PlanView, RestoreView, SinceLine, UndoView};
use crate::local;
use crate::words::{restore as words, shared};
use crate::{
    error::{AppError, sentence},
    server::{
        answer, blocking, context,
        plans::{Found, PLANS},
        zone,
    },
    ui::Moment,
};

pub(super) async fn restore_view(id: &str) -> Result<RestoreView, AppError> {
    let id = backup_id(id)?;
    let (zone, now) = (zone(), Timestamp::now());
    blocking(move |vault| {
        let backup = backups::backup(vault, &id)?;
        let database = databases::database(vault, &backup.database)?;
        let refusal = match (backup.state, backup.verdict()) {
            (BackupState::Complete, Verdict::Bad) => Some(words::bad()),
            (BackupState::Complete, _) => None,
            (BackupState::Trashed, _) => Some(words::trashed()),
            (BackupState::Running, _) => Some(words::running()),
            (BackupState::Failed | BackupState::Interrupted | BackupState::Missing, _) => Some(words::no_archive()),
        };
        let server = database.engine == Engine::Postgres;
        let suggested_path = if server { String::new() } else { suggested_path(&restore::default_target(vault, &backup.id), Path::exists) };
        Ok(RestoreView {
            server,
            backup: id.to_string(),
            database: database.id.to_string(),
            taken: Moment::new(backup.created_at, now, &zone),
            suggested_path,
            live_path: database.location,
            never_replace: database.never_replace,
            partial: backup.verdict() == Verdict::Partial,
            refusal: refusal.map(sentence),
            proven: backup.level() >= Level::Opened && backup.verdict() != Verdict::Suspect,
            plan: None,
            fault: None,
        })
    })
    .await
}

/// A new database on the server of the one that a backup is of; without a name it gets one.
pub(super) fn new_database(vault: &Vault, backup: &BackupId, name: &str) -> keepstone_engine::Result<Target> {
    let database = databases::database(vault, &backup.database())?;
    keepstone_engine::postgres::new_database(vault, &database, backup, Some(name).filter(|name| !name.is_empty()))
}

/// What the form says of how a server is given it. In place it goes one way only, and a file has no owners.
pub(super) fn way(target: &Target, owners: &str, loading: &str) -> (Ownership, Loading) {
    if matches!(target, Target::NewFile { .. }) {
        return (Ownership::Auto, Loading::Streamed);
    }
    let ownership = match owners {
        "keep" => Ownership::Keep,
        "discard" => Ownership::Discard,
        _ => Ownership::Auto,
    };
    let loading = match (loading, loading.parse()) {
        _ if *target == Target::InPlace => Loading::Streamed,
        ("one", _) => Loading::SingleTransaction,
        (_, Ok(jobs)) => Loading::Parallel { jobs },
        _ => Loading::Streamed,
    };
    (ownership, loading)
}

/// The place for it in the vault's `restored` folder; with a number where that exists.
fn suggested_path(default: &Path, exists: impl Fn(&Path) -> bool) -> String {
    let stem = default.file_stem().unwrap_or_default().to_string_lossy();
    let numbered = |number: u32| default.with_file_name(format!("{stem}-{number}.sqlite"));
    let free = std::iter::once(default.to_owned()).chain((2..100).map(numbered)).find(|path| !exists(path));
    free.unwrap_or_else(|| default.to_owned()).display().to_string()
}

/// Plans or looks at a plan again; unlike [`blocking`] it does not answer the page with the fault's status.
pub(super) async fn on_a_thread<T: Send + 'static>(
    verb: impl FnOnce(&Vault) -> keepstone_engine::Result<T> + Send + 'static,
) -> Result<T, AppError> {
    let vault = context().vault;
    let format = local::format();
    match tokio::task::spawn_blocking(move || local::with(format, || verb(&vault))).await {
        Ok(done) => Ok(done?),
        Err(panic) => {
            tracing::error!(%panic, "a plan panicked");
            Err(AppError::internal())
        }
    }
}

/// The plan that someone looked at, with what was written since; `stale_plan` if it fits no more. One that was confirmed already leads to its
/// job.
pub(super) async fn looked_at(name: String, of: &RestoreView, person: &str) -> Result<PlanView, AppError> {
    let plan = match PLANS.find(&name, person, Timestamp::now()) {
        Found::Open(plan) if plan.backup.as_str() == of.backup => *plan,
        Found::Confirmed(job) => {
            leptos_axum::redirect(&format!("/jobs/{job}"));
            return Err(look_again());
        }
        Found::Open(_) | Found::Gone => return Err(look_again()),
    };
    let asked = plan.clone();
    let since = on_a_thread(move |vault| restore::recount(vault, &asked)).await?;
    let lines = since.into_iter().map(|RowsSince { table, planned_rows, rows }| SinceLine { table, planned_rows, rows });
    Ok(PlanView { recounted: Some(lines.collect()), ..plan_view(name, &plan, &of.live_path) })
}

/// Keeps the plan for the one who looks at it, and writes it out.
pub(super) fn keep(plan: RestorePlan, person: &str, live_path: &str) -> PlanView {
    let view = plan_view(random_name(), &plan, live_path);
    PLANS.keep(view.plan.clone(), person, plan, Timestamp::now());
    view
}

fn plan_view(name: String, plan: &RestorePlan, live_path: &str) -> PlanView {
    let (zone, now) = (zone(), Timestamp::now());
    let tables: Vec<_> = plan
        .tables
        .iter()
        .map(|table| ImpactLine {
            table: table.table.clone(),
            live_rows: table.live_rows,
            after_rows: table.backup_rows,
            rows_lost: table.rows_fewer(),
            changes: table.schema_changes.clone(),
        })
        .collect();
    let age_ms = u64::try_from(now.duration_since(plan.backup_taken_at).as_millis()).unwrap_or(0);
    PlanView {
        plan: name,
        replaces: plan.target.is_live(),
        path: match &plan.target {
            Target::NewFile { path } => path.clone(),
            Target::NewDatabase { location } => location.clone(),
            Target::Replace | Target::InPlace | Target::PutBack { .. } => live_path.to_owned(),
        },
        before: plan.before,
        age: local::duration_ms(age_ms),
        rows_lost: tables.iter().map(|table| table.rows_lost).sum(),
        tables,
        size_bytes: plan.size_bytes,
        space_needed_bytes: plan.space_needed_bytes,
        space_free_bytes: plan.space_free_bytes,
        writers_wait: plan.writers_wait_ms.map(local::duration_ms),
        server: plan.sessions.is_some() || matches!(plan.target, Target::NewDatabase { .. } | Target::PutBack { .. }),
        sessions: plan.sessions,
        holders: plan.holders.clone(),
        warnings: plan.warnings.iter().map(|warning| sentence(warning)).collect(),
        planned: Moment::new(plan.planned_at, now, &zone),
        expires: Moment::new(plan.expires_at, now, &zone),
        recounted: None,
    }
}

pub(super) async fn undo_view(job: JobId, person: &str) -> Result<UndoView, AppError> {
    let asked = job.clone();
    let (plan, location) = blocking(move |vault| {
        let plan = restore::plan_undo(vault, &asked)?;
        let location = databases::database(vault, &plan.database)?.location;
        Ok((plan, location))
    })
    .await?;
    Ok(UndoView {
        job: job.to_string(),
        database: plan.database.to_string(),
        backup: plan.backup.to_string(),
        taken: Moment::new(plan.backup_taken_at, Timestamp::now(), &zone()),
        plan: keep(plan, person, &location),
    })
}

pub(super) fn typed_right(typed: &str, database: &DatabaseId) -> Result<(), AppError> {
    if typed.trim() == database.as_str() { Ok(()) } else { Err(AppError::invalid("typed", words::typed_wrong(&database))) }
}

pub(super) fn look_again() -> AppError {
    AppError::new(409, "stale_plan", words::stale())
}

pub(super) fn backup_id(text: &str) -> Result<BackupId, AppError> {
    text.parse().map_err(|_| answer(AppError::new(404, "unknown_backup", shared::no_such_backup())))
}

pub(super) fn job_id(text: &str) -> Result<JobId, AppError> {
    text.parse().map_err(|_| answer(AppError::new(404, "unknown_job", shared::no_such_job())))
}

/// 128 random bits: nobody guesses the name of another's plan.
fn random_name() -> String {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).expect("the system's random source does not fail once it has begun");
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_suggested_file_is_free() {
        let default = Path::new("/vault/restored/shop_daily.sqlite");
        assert_eq!(suggested_path(default, |_| false), "/vault/restored/shop_daily.sqlite");
        assert_eq!(suggested_path(default, |path| path == default), "/vault/restored/shop_daily-2.sqlite");
    }

    #[test]
    fn only_the_id_itself_confirms() {
        let shop: DatabaseId = "shop".parse().unwrap();
        assert!(typed_right(" shop ", &shop).is_ok());
        for typed in ["", "Shop", "sho", "shop-2"] {
            assert!(typed_right(typed, &shop).unwrap_err().field("typed").is_some(), "{typed}");
        }
    }
}
