//! Databases: what is protected.

use std::collections::BTreeMap;

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use keepstone_engine::{
    databases::{self, AddDatabaseOptions, EditDatabaseOptions, FirstSchedules},
    schedules::{self, PresetOptions},
};
use keepstone_model::{Timestamp, anomaly::LossPolicy, database::Database, id::DatabaseId, schedule::Preset, snapshot::SnapshotPolicy};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{Answer, Api, Caller, List, Problem, extract::Body};
use crate::shape::{DatabaseStatus, ScheduleStatus};

pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(list, add)).routes(routes!(show, edit, remove)).routes(routes!(preset))
}

/// The id of an address; one that is none is not there.
pub(super) fn parsed(id: &str) -> Answer<DatabaseId> {
    Ok(id.parse().map_err(|_| keepstone_engine::Error::UnknownDatabase { id: id.to_owned() })?)
}

/// Every database, the one at most risk first
#[utoipa::path(get, path = "/databases", tag = "databases", operation_id = "list_databases", responses(
    (status = 200, description = "The databases that the token covers.", body = List<DatabaseStatus>)))]
async fn list(State(api): State<Api>, caller: Caller) -> Answer<Json<List<DatabaseStatus>>> {
    api.run(move |vault| {
        let all = databases::statuses(vault, Timestamp::now())?;
        Ok(List::of(all.iter().filter(|status| caller.sees(&status.database.id))))
    })
    .await
}

/// A database to protect.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewDatabase {
    /// A path on the machine of the server, or a URL as SQLAlchemy has it.
    #[schema(example = "/srv/shop/shop.db", min_length = 1, max_length = 4096)]
    location: String,
    /// The id; else it follows from the file's name.
    #[schema(max_length = 40)]
    name: Option<String>,
    /// Its first schedules, with the retention and the recovery that go with them: `standard` where it is not said, `none` for no schedule.
    #[schema(example = "standard")]
    preset: Option<String>,
    /// The times of the preset `cron`.
    #[schema(example = "0 14 * * *")]
    cron: Option<String>,
    /// The time zone of the schedules; else the server's.
    #[schema(example = "Europe/Berlin")]
    time_zone: Option<String>,
}

/// A database, and whether it is new.
#[derive(Debug, Clone, Serialize, ToSchema)]
struct Protected {
    #[serde(flatten)]
    database: Database,
    /// False: it was protected already.
    added: bool,
    schedules: Vec<ScheduleStatus>,
}

/// Protect a database
///
/// One that is protected already is answered as it is.
#[utoipa::path(post, path = "/databases", tag = "databases", operation_id = "add_database", request_body = NewDatabase, responses(
    (status = 201, description = "It is protected from now on.", body = Protected), (status = 200, description = "It was protected already.", body = Protected)))]
async fn add(State(api): State<Api>, caller: Caller, Body(new): Body<NewDatabase>) -> Answer<(StatusCode, Json<Protected>)> {
    api.run(move |vault| {
        let first = match new.preset.as_deref() {
            Some("none") if new.cron.is_none() && new.time_zone.is_none() => None,
            Some("none") => return Err(Problem::invalid("preset", "Without a schedule there is neither a cron nor a time zone.")),
            preset => {
                // A cron of its own, or a zone, is said of schedules that begin anew.
                let said = preset.map(str::parse).transpose()?;
                let preset = if new.cron.is_some() || new.time_zone.is_some() { said.or(Some(Preset::Standard)) } else { said };
                Some(FirstSchedules { preset, cron: new.cron, time_zone: new.time_zone })
            }
        };
        if new.location.trim().is_empty() {
            return Err(Problem::invalid("location", "Give the path of the database file on the server's machine."));
        }
        let known = databases::find_database(vault, &new.location).is_ok();
        let options = AddDatabaseOptions { location: new.location, name: new.name, schedules: first, actor: caller.actor() };
        let database = databases::add_database(vault, &options)?;
        let schedules = schedules::list(vault, Some(&database.id), Timestamp::now())?;
        let protected = Protected { database, added: !known, schedules: schedules.iter().map(ScheduleStatus::from).collect() };
        Ok((if known { StatusCode::OK } else { StatusCode::CREATED }, Json(protected)))
    })
    .await
}

/// One database with its state
#[utoipa::path(get, path = "/databases/{database}", tag = "databases", operation_id = "show_database", params(("database" = DatabaseId, Path)), responses(
    (status = 200, description = "The database.", body = DatabaseStatus)))]
async fn show(State(api): State<Api>, Path(id): Path<String>) -> Answer<Json<DatabaseStatus>> {
    api.run(move |vault| Ok(Json((&databases::status(vault, &parsed(&id)?, Timestamp::now())?).into()))).await
}

/// What may be changed of a database; what is left out stays.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
struct DatabaseEdit {
    /// The largest age of the newest good backup, in seconds; 0: what its schedules come to.
    #[schema(maximum = 3_153_600_000_u64)]
    objective_secs: Option<u64>,
    /// Refuse every restore over the live database.
    never_replace: Option<bool>,
    /// Take no scheduled backups.
    paused: Option<bool>,
    /// Restore it from its newest good backup at the start if it is corrupt.
    auto_recovery: Option<bool>,
    /// Encrypt its backups.
    encrypt: Option<bool>,
    /// PostgreSQL: keep the server's roles and tablespaces beside each of its backups, without passwords.
    globals: Option<bool>,
    /// When fewer rows than before make a backup of it suspect.
    loss: Option<Loss>,
    /// SQLite: when a snapshot of it gives itself up; all of it at once, what is left out follows from the database's size.
    snapshot: Option<Snapshot>,
}

/// When a snapshot of a SQLite database gives itself up; what is null follows from the database's size.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
struct Snapshot {
    /// How long it may be held, in seconds.
    #[schema(minimum = 10, maximum = 2_592_000)]
    hold_secs: Option<u64>,
    /// How much the -wal file may grow meanwhile.
    #[schema(minimum = 1_048_576, maximum = 1_125_899_906_842_624_u64)]
    wal_growth_bytes: Option<u64>,
    /// What stays free on the disk of the database.
    #[schema(minimum = 16_777_216, maximum = 1_125_899_906_842_624_u64)]
    free_bytes: Option<u64>,
}

impl Snapshot {
    fn policy(self) -> SnapshotPolicy {
        SnapshotPolicy { hold_secs: self.hold_secs, wal_growth_bytes: self.wal_growth_bytes, free_bytes: self.free_bytes }
    }
}

/// When fewer rows are a loss.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Loss {
    /// In percent, 1 to 100; null: fewer rows are never a loss.
    #[schema(minimum = 1, maximum = 100)]
    share_percent: Option<i64>,
    /// The same for single tables; null: not looked at.
    #[serde(default)]
    tables: BTreeMap<String, Option<i64>>,
}

impl Loss {
    fn policy(self) -> Answer<LossPolicy> {
        let share = |percent: i64| {
            u8::try_from(percent)
                .ok()
                .filter(|percent| (1..=100).contains(percent))
                .ok_or_else(|| Problem::invalid("loss", "A share is 1 to 100 percent."))
        };
        let tables = self.tables.into_iter().map(|(table, percent)| Ok((table, percent.map(share).transpose()?)));
        Ok(LossPolicy { share_percent: self.share_percent.map(share).transpose()?, tables: tables.collect::<Answer<_>>()? })
    }
}

/// Change what a database is set to
#[utoipa::path(patch, path = "/databases/{database}", tag = "databases", operation_id = "edit_database", request_body = DatabaseEdit, params(("database" = DatabaseId, Path)), responses(
    (status = 200, description = "The database as it is now.", body = DatabaseStatus)))]
async fn edit(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<String>,
    Body(edit): Body<DatabaseEdit>,
) -> Answer<Json<DatabaseStatus>> {
    if edit.objective_secs.is_some_and(|secs| secs > 3_153_600_000) {
        return Err(Problem::invalid("objective_secs", "An objective is at most 100 years."));
    }
    api.run(move |vault| {
        let id = databases::database(vault, &parsed(&id)?)?.id;
        let options = EditDatabaseOptions {
            objective_secs: edit.objective_secs.map(|secs| (secs > 0).then_some(secs)),
            never_replace: edit.never_replace,
            paused: edit.paused,
            auto_recovery: edit.auto_recovery,
            loss: edit.loss.map(Loss::policy).transpose()?,
            snapshot: edit.snapshot.map(Snapshot::policy),
            encrypt: edit.encrypt,
            globals: edit.globals,
            actor: caller.actor(),
            ..EditDatabaseOptions::default()
        };
        databases::edit_database(vault, &id, &options)?;
        Ok(Json((&databases::status(vault, &id, Timestamp::now())?).into()))
    })
    .await
}

/// A database that was protected until now.
#[derive(Debug, Clone, Serialize, ToSchema)]
struct Removed {
    #[serde(flatten)]
    database: DatabaseStatus,
    removed: bool,
}

/// Forget a database and its schedules
///
/// Its archives stay where they are.
#[utoipa::path(delete, path = "/databases/{database}", tag = "databases", operation_id = "remove_database", params(("database" = DatabaseId, Path)), responses(
    (status = 200, description = "The database as it was.", body = Removed)))]
async fn remove(State(api): State<Api>, caller: Caller, Path(id): Path<String>) -> Answer<Json<Removed>> {
    api.run(move |vault| {
        let id = parsed(&id)?;
        let status = databases::status(vault, &id, Timestamp::now())?;
        databases::remove_database(vault, &id, &caller.actor())?;
        Ok(Json(Removed { database: (&status).into(), removed: true }))
    })
    .await
}

/// A preset for a database.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ChosenPreset {
    /// `standard`, `three`, `sunday`, `sunday-monthly`, `half-daily` or `cron`.
    #[schema(example = "standard")]
    preset: String,
    /// The times of the preset `cron`.
    cron: Option<String>,
    /// Else the server's.
    time_zone: Option<String>,
}

/// What a database has after a preset.
#[derive(Debug, Clone, Serialize, ToSchema)]
struct WithPreset {
    #[serde(flatten)]
    database: Database,
    preset: String,
    schedules: Vec<ScheduleStatus>,
    /// How many backups its retention would remove today.
    would_remove: u64,
}

/// Give a database the schedules, the retention and the recovery of a preset, in place of what it has
#[utoipa::path(post, path = "/databases/{database}/preset", tag = "schedules", operation_id = "apply_preset", request_body = ChosenPreset, params(("database" = DatabaseId, Path)), responses(
    (status = 200, description = "What it has now.", body = WithPreset)))]
async fn preset(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<String>,
    Body(chosen): Body<ChosenPreset>,
) -> Answer<Json<WithPreset>> {
    api.run(move |vault| {
        let options = PresetOptions {
            database: parsed(&id)?,
            preset: chosen.preset.parse()?,
            time_zone: chosen.time_zone,
            cron: chosen.cron,
            actor: caller.actor(),
        };
        let report = schedules::apply_preset(vault, &options, Timestamp::now())?;
        Ok(Json(WithPreset {
            database: report.database,
            preset: options.preset.as_str().to_owned(),
            schedules: report.schedules.iter().map(ScheduleStatus::from).collect(),
            would_remove: report.would_remove,
        }))
    })
    .await
}
