//! What the pages of databases show and do.
#![expect(clippy::too_many_arguments, reason = "the arguments of a server function are flat: one for each field of the form")]
#![cfg_attr(feature = "ssr", expect(clippy::fn_params_excessive_bools, reason = "a box of a form is yes or no"))]

use keepstone_model::{
    backup::{BackupState, CheckName, CheckResult, Level, Verdict},
    database::{DatabaseState, Engine},
    id::{BackupId, DatabaseId, JobId, Kind},
};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

#[cfg(feature = "ssr")]
use crate::words::databases as words;
use crate::{
    error::AppError,
    ui::{
        Age, Moment,
        schedule_table::ScheduleRow,
        strip::{DayMark, Days},
    },
};

/// A database as its row in the list says it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatabaseRow {
    pub id: DatabaseId,
    pub engine: Engine,
    pub location: String,
    pub state: DatabaseState,
    pub age: Age,
    pub next_run: Option<Moment>,
    pub backup_count: u64,
    pub archive_size_bytes: u64,
    pub size_bytes: Option<u64>,
    pub last_error: Option<String>,
    /// What is wrong with the database or its newest backup itself, and what to do.
    pub concern: Option<String>,
    /// The backup in doubt, to look at, and what the way there is called.
    pub look_at: Option<(BackupId, String)>,
}

/// Everything on a database's page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatabaseView {
    pub row: DatabaseRow,
    pub added_at: Moment,
    /// The objective that was set for this database, e.g. `26h`; else it follows from its schedules.
    pub own_objective: Option<String>,
    pub never_replace: bool,
    pub paused: bool,
    pub auto_recovery: bool,
    pub encrypt: bool,
    /// Its backups keep the server's roles and tablespaces.
    pub globals: bool,
    /// The environment has every backup encrypted, whatever this database says.
    pub encrypt_forced: bool,
    /// How backups are made where nobody says otherwise; and whether that is the environment's word.
    pub defaults: String,
    pub defaults_by_environment: bool,
    /// When a backup of it is suspect: in words, and as the form takes it.
    pub loss: String,
    pub loss_share: String,
    pub loss_tables: String,
    /// When a snapshot of it gives itself up: in words, and as the form takes it (hold, -wal, free).
    pub snapshot: String,
    pub snapshot_limits: [String; 3],
    /// The retention policy in words, and what is to be said of cleanup.
    pub retention: String,
    pub cleanup_alarm: Option<String>,
    /// When it was brought back by itself, from which backup, and where the damaged files are.
    pub recovered: Option<(Moment, BackupId, String)>,
    /// Settings that are set from outside: each name with who sets it.
    pub managed: Vec<(String, String)>,
    /// Sent along with a form of this page, so that sending it twice acts once.
    pub key: String,
    /// The job that is open for it now.
    pub job: Option<JobId>,
    pub days: Days,
    pub marks: Vec<DayMark>,
    /// The newest few, and how many there are in all.
    pub backups: Vec<BackupRow>,
    pub backups_total: u64,
    pub schedules: Vec<ScheduleRow>,
}

/// A backup as the page of its database shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupRow {
    pub id: BackupId,
    pub kind: Kind,
    pub state: BackupState,
    pub verdict: Verdict,
    pub level: Level,
    pub checks: Vec<(CheckName, CheckResult)>,
    pub when: Moment,
    pub archive_size_bytes: Option<u64>,
    pub pinned: bool,
    pub description: String,
    pub error: Option<String>,
}

/// Every database, the worst first.
#[server(prefix = "/fn", endpoint = "databases/list")]
pub async fn list_databases() -> Result<Vec<DatabaseRow>, AppError> {
    use keepstone_engine::databases::statuses;
    use keepstone_model::Timestamp;

    crate::server::person()?;
    let (now, zone) = (Timestamp::now(), crate::server::zone());
    let found = crate::server::blocking(move |vault| statuses(vault, now)).await?;
    Ok(found.into_iter().map(|status| DatabaseRow::new(status, now, &zone)).collect())
}

/// One database.
#[server(prefix = "/fn", endpoint = "databases/show")]
pub async fn show_database(id: String) -> Result<DatabaseView, AppError> {
    crate::server::person()?;
    let id: DatabaseId = id.parse().map_err(|_| crate::server::answer(AppError::not_found()))?;
    on_the_server::show(id).await
}

/// Puts a database under protection and goes to its page. `preset` names its first schedules; without one it gets none.
#[server(prefix = "/fn", endpoint = "databases/add")]
pub async fn add_database(
    location: String,
    #[server(default)] password: String,
    #[server(default)] name: String,
    #[server(default)] preset: String,
) -> Result<(), AppError> {
    use keepstone_engine::databases::{AddDatabaseOptions, FirstSchedules, add_database};
    use keepstone_model::access::Role;

    let person = crate::server::person_with(Role::Admin)?;
    let location = location.trim().to_owned();
    if location.is_empty() {
        return Err(AppError::invalid("location", words::location_missing()));
    }
    let name = Some(name.trim().to_owned()).filter(|name| !name.is_empty());
    let schedules = match preset.as_str() {
        "" => None,
        // What the form begins with: one that was here before goes on with what it had.
        "standard" => Some(FirstSchedules::usual()),
        name => Some(FirstSchedules::of(name.parse()?)),
    };
    let actor = person.name;
    let added = crate::server::blocking(move |vault| {
        let location = on_the_server::with_password(vault, location, password)?;
        add_database(vault, &AddDatabaseOptions { location, name, schedules, actor })
    });
    let added = added.await.map_err(on_the_server::at_its_field)?;
    leptos_axum::redirect(&format!("/databases/{}", added.id));
    Ok(())
}

/// Changes what a database is set to, and goes back to its page. `objective` is an age like `26h`, or empty: by its schedules. A box that is
/// not ticked is not sent. `loss_share` is a share like `50%` or `off`, `loss_tables` such shares by table, separated by commas. The limits of
/// snapshots are like `2h` and `20GB`, or empty: by the database's size.
#[server(prefix = "/fn", endpoint = "databases/edit")]
pub async fn edit_database(
    id: String,
    #[server(default)] objective: String,
    #[server(default)] never_replace: bool,
    #[server(default)] paused: bool,
    #[server(default)] auto_recovery: bool,
    #[server(default)] encrypt: bool,
    #[server(default)] globals: bool,
    #[server(default)] loss_share: String,
    #[server(default)] loss_tables: String,
    #[server(default)] snapshot_hold: String,
    #[server(default)] snapshot_wal: String,
    #[server(default)] snapshot_free: String,
) -> Result<(), AppError> {
    use keepstone_engine::databases::{EditDatabaseOptions, database, edit_database};
    use keepstone_model::{
        access::Role,
        anomaly::{self, LossPolicy},
        snapshot::SnapshotPolicy,
        validate,
    };

    let person = crate::server::person_with(Role::Admin)?;
    let id: DatabaseId = id.parse().map_err(|_| AppError::not_found())?;
    let objective_secs = match objective.trim() {
        "" => None,
        age => Some(validate::duration_secs("objective", age)?),
    };
    let address = format!("/databases/{id}");
    let (never_replace, paused) = (Some(never_replace), Some(paused));
    let share = if loss_share.trim().is_empty() { Some(anomaly::LOSS_SHARE_PERCENT) } else { LossPolicy::share(&loss_share)? };
    let mut loss = LossPolicy { share_percent: share, ..LossPolicy::default() };
    for table in loss_tables.split(',').filter(|table| !table.trim().is_empty()) {
        loss.set_table(table)?;
    }
    let snapshot = SnapshotPolicy::of(&snapshot_hold, &snapshot_wal, &snapshot_free)?;
    crate::server::blocking(move |vault| {
        // A name with a comma does not fit into the form; the command line sets those.
        let kept = database(vault, &id)?.loss.tables.into_iter().filter(|(table, _)| table.contains(','));
        loss.tables.extend(kept);
        // The form shows what holds, also where nobody said it; what is as shown nobody changed.
        let kept = keepstone_engine::keys::is_kept(vault, &database(vault, &id)?)?;
        let options = EditDatabaseOptions {
            objective_secs: Some(objective_secs),
            never_replace,
            paused,
            auto_recovery: Some(auto_recovery),
            loss: Some(loss),
            snapshot: Some(snapshot),
            encrypt: Some(encrypt).filter(|&wanted| wanted != kept),
            globals: Some(globals),
            location: None,
            admin: None,
            actor: person.name,
        };
        edit_database(vault, &id, &options)
    })
    .await?;
    leptos_axum::redirect(&address);
    Ok(())
}

/// Forgets a database and its schedules; its archives stay.
#[server(prefix = "/fn", endpoint = "databases/remove")]
pub async fn remove_database(id: String) -> Result<(), AppError> {
    use keepstone_model::access::Role;

    let person = crate::server::person_with(Role::Admin)?;
    let id: DatabaseId = id.parse().map_err(|_| AppError::not_found())?;
    crate::server::blocking(move |vault| keepstone_engine::databases::remove_database(vault, &id, &person.name)).await?;
    leptos_axum::redirect("/databases");
    Ok(())
}

#[cfg(feature = "ssr")]
mod on_the_server {
    use jiff::tz::TimeZone;
    use keepstone_engine::{
        Defaults, Vault,
        backups::{self, BackupFilter},
        databases::{DatabaseStatus, status},
        jobs::{JobFilter, jobs},
        keys, managed, schedules,
    };
    use keepstone_model::{Timestamp, backup::Backup, human};

    use super::{Age, AppError, BackupRow, DatabaseId, DatabaseRow, DatabaseView, Days, Moment, ScheduleRow};
    use crate::{server, ui};

    const LATEST: u64 = 10;

    pub(super) async fn show(id: DatabaseId) -> Result<DatabaseView, AppError> {
        let (now, zone) = (Timestamp::now(), server::zone());
        let begin = Days::begin(now, &zone);
        let (status, latest, month, schedules, open, (forced, kept), managed, defaults) = server::blocking(move |vault| {
            let of = || BackupFilter { database: Some(id.clone()), ..BackupFilter::default() };
            Ok((
                status(vault, &id, now)?,
                backups::list(vault, &BackupFilter { limit: Some(LATEST), ..of() })?,
                backups::outcomes(vault, &BackupFilter { from: begin, ..of() })?,
                schedules::list(vault, Some(&id), now)?,
                jobs(vault, &JobFilter { database: Some(id.clone()), open: true, limit: Some(1), ..JobFilter::default() })?,
                (keys::is_forced(vault), keys::is_kept(vault, &keepstone_engine::databases::database(vault, &id)?)?),
                managed::managed(vault, &id)?,
                vault.defaults(),
            ))
        })
        .await?;
        let database = &status.database;
        Ok(DatabaseView {
            added_at: Moment::new(database.added_at, now, &zone),
            own_objective: database.objective_secs.map(human::duration_secs),
            never_replace: database.never_replace,
            paused: database.paused,
            auto_recovery: database.auto_recovery,
            encrypt: kept,
            globals: database.globals,
            encrypt_forced: forced,
            defaults: defaults.words(),
            defaults_by_environment: defaults != Defaults::default(),
            loss: database.loss.words(),
            loss_share: share(database.loss.share_percent),
            loss_tables: tables(&database.loss),
            snapshot: database.snapshot.words(),
            snapshot_limits: [
                database.snapshot.hold_secs.map(human::duration_secs).unwrap_or_default(),
                database.snapshot.wal_growth_bytes.map(human::exact_bytes).unwrap_or_default(),
                database.snapshot.free_bytes.map(human::exact_bytes).unwrap_or_default(),
            ],
            retention: database.retention.words(),
            cleanup_alarm: status.cleanup.alarm().map(|alarm| crate::error::sentence(&alarm)),
            recovered: status.checkup.as_ref().and_then(|checkup| {
                let recovered = checkup.recovered.as_ref()?;
                Some((Moment::new(checkup.at, now, &zone), recovered.backup.clone(), recovered.kept.clone()))
            }),
            managed: managed
                .into_iter()
                .flat_map(|managed| {
                    managed.settings.into_iter().filter(|name| name != "location").map(move |name| (name, managed.by.clone()))
                })
                .collect(),
            key: format!("database-{:x}", now.as_nanosecond()),
            job: open.into_iter().next().map(|(job, _)| job.id),
            marks: ui::strip::marks(&month, now, &zone),
            days: Days::until(now, &zone),
            backups_total: latest.total,
            backups: latest.backups.into_iter().map(|backup| BackupRow::new(backup, now, &zone)).collect(),
            schedules: schedules.into_iter().map(|status| ScheduleRow::new(status, now, &zone)).collect(),
            row: DatabaseRow::new(status, now, &zone),
        })
    }

    fn tables(policy: &keepstone_model::anomaly::LossPolicy) -> String {
        let fitting = policy.tables.iter().filter(|(table, _)| !table.contains(','));
        fitting.map(|(table, of)| format!("{table}={}", share(*of))).collect::<Vec<_>>().join(", ")
    }

    fn share(percent: Option<u8>) -> String {
        percent.map_or_else(|| "off".to_owned(), |percent| format!("{percent}%"))
    }

    /// The URL with the password of its field, which has a place of its own so that the URL can be seen while it is typed.
    pub(super) fn with_password(vault: &Vault, location: String, password: String) -> keepstone_engine::Result<String> {
        use keepstone_engine::{keys::Password, postgres::location};
        if password.is_empty() || !location::is_url(&location) {
            return Ok(location);
        }
        let mut place = location::Location::of(&location, &vault.surroundings().get())?;
        place.password = Some(Password::new(password));
        Ok(place.url_with_password().to_string())
    }

    /// What is wrong with the database's file is said at the field that names it.
    pub(super) fn at_its_field(error: AppError) -> AppError {
        let field = match error.code.as_str() {
            "already_exists" => "name",
            "password_needed" | "login_refused" => "password",
            code if code.starts_with("server_") || matches!(code, "database_missing" | "tls_failed" | "rights_missing") => "location",
            code if code.starts_with("source_") || matches!(code, "not_a_database" | "unsupported") => "location",
            _ => return error,
        };
        let fields = [(field.to_owned(), error.message.clone())].into();
        AppError { fields, ..error }
    }

    impl DatabaseRow {
        pub(super) fn new(status: DatabaseStatus, now: Timestamp, zone: &TimeZone) -> Self {
            Self {
                age: Age::new(&status, now, zone),
                concern: server::concern(&status).as_deref().map(crate::error::sentence),
                look_at: server::look_at(&status),
                next_run: status.next_run_at.map(|at| Moment::new(at, now, zone)),
                id: status.database.id,
                engine: status.database.engine,
                location: status.database.location,
                state: status.state,
                backup_count: status.backup_count,
                archive_size_bytes: status.archive_size_bytes,
                size_bytes: status.size_bytes,
                last_error: status.last_error.map(|error| crate::error::sentence(&error)),
            }
        }
    }

    impl BackupRow {
        fn new(backup: Backup, now: Timestamp, zone: &TimeZone) -> Self {
            Self {
                error: crate::server::unusable(&backup),
                verdict: backup.verdict(),
                level: backup.level(),
                checks: ui::results_of(backup.proof.as_ref()),
                when: Moment::new(backup.created_at, now, zone),
                archive_size_bytes: Some(backup.archive_size_bytes).filter(|size| *size > 0),
                id: backup.id,
                kind: backup.kind,
                state: backup.state,
                pinned: backup.pinned,
                description: backup.description,
            }
        }
    }
}
