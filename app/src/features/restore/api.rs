//! The server functions of restore and undo, and what they return.

use keepstone_model::restore::StateBefore;
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{error::AppError, ui::Moment};

#[cfg(feature = "ssr")]
use {
    super::facts,
    crate::server::{
        blocking, form_key, person_with,
        plans::{Found, PLANS},
        require_recent,
    },
    keepstone_engine::{
        jobs::{self, JobRequest},
        restore::{self, PlanOptions, RestoreOptions, UndoOptions},
    },
    keepstone_model::{Timestamp, access::Role, restore::Target},
    std::path::{Path, PathBuf},
};

/// A plan as its page shows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlanView {
    /// Its name on the server, to confirm it by.
    pub plan: String,
    pub replaces: bool,
    /// The file it will write.
    pub path: String,
    /// What becomes of the state before.
    pub before: StateBefore,
    /// e.g. `11 h 4 min`: how long ago the backup was taken.
    pub age: String,
    pub tables: Vec<ImpactLine>,
    pub rows_lost: u64,
    pub size_bytes: u64,
    pub space_needed_bytes: u64,
    pub space_free_bytes: u64,
    /// e.g. `0.4 s`; none for a new file.
    pub writers_wait: Option<String>,
    /// On a server: a database, where else it would be a file.
    pub server: bool,
    /// How many sessions are ended when the names change.
    pub sessions: Option<u64>,
    /// Who has the live database open although it cannot be opened.
    pub holders: Vec<String>,
    pub warnings: Vec<String>,
    pub planned: Moment,
    pub expires: Moment,
    /// Only where it is about to be confirmed: the tables that were written to since, counted anew.
    pub recounted: Option<Vec<SinceLine>>,
}

impl PlanView {
    /// Nothing there opens: there is nothing to count, and nothing that a safety backup could be made of.
    pub fn is_as_files(&self) -> bool {
        matches!(self.before, StateBefore::KeptAside | StateBefore::Absent)
    }
}

/// A table that holds another number of rows than when the plan was made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SinceLine {
    pub table: String,
    pub planned_rows: u64,
    pub rows: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ImpactLine {
    pub table: String,
    pub live_rows: Option<u64>,
    pub after_rows: Option<u64>,
    pub rows_lost: u64,
    pub changes: Vec<String>,
}

/// The page of a restore: the backup, and the plan once someone has said into what.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RestoreView {
    pub backup: String,
    pub database: String,
    pub taken: Moment,
    /// A file in the vault's `restored` folder that does not exist yet, or a name for a new database.
    pub suggested_path: String,
    pub live_path: String,
    /// The database is one of a server: a restore makes another one there.
    pub server: bool,
    pub never_replace: bool,
    /// Rows were left out of it on purpose: it never takes the live database's place.
    pub partial: bool,
    /// Why this backup cannot be restored, if it cannot.
    pub refusal: Option<String>,
    /// Whether it was seen to be restorable.
    pub proven: bool,
    pub plan: Option<PlanView>,
    /// Why there is no plan though one was asked for.
    pub fault: Option<AppError>,
}

/// The page of an undo.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UndoView {
    pub job: String,
    pub database: String,
    pub backup: String,
    pub taken: Moment,
    pub plan: PlanView,
}

/// Plans a restore. `into` is empty (only ask), `file`, `database`, `replace` or `in_place`; `loading` and `owners` are for servers; `confirm` names a plan that was looked at and is about to be confirmed.
#[server(prefix = "/fn", endpoint = "restore/plan")]
pub async fn plan(
    id: String,
    #[server(default)] into: String,
    #[server(default)] path: String,
    #[server(default)] safety: String,
    #[server(default)] loading: String,
    #[server(default)] owners: String,
    #[server(default)] confirm: String,
) -> Result<RestoreView, AppError> {
    let person = person_with(Role::Operator)?;
    let mut view = facts::restore_view(&id).await?;
    if !confirm.is_empty() {
        match facts::looked_at(confirm, &view, &person.name).await {
            Ok(plan) => view.plan = Some(plan),
            Err(fault) => view.fault = Some(fault),
        }
        return Ok(view);
    }
    let target = match into.as_str() {
        "replace" => Target::Replace,
        "in_place" => Target::InPlace,
        "file" | "database" => {
            Target::NewFile { path: if path.trim().is_empty() { view.suggested_path.clone() } else { path.trim().to_owned() } }
        }
        _ => return Ok(view),
    };
    let options = PlanOptions { backup: facts::backup_id(&id)?, target, safety_backup: safety != "off" };
    let name = (into == "database").then(|| path.trim().to_owned());
    // A plan that cannot be made is an answer, not a broken page: the form above it stays, and says what is wrong.
    let live = PathBuf::from(&view.live_path);
    let planned = facts::on_a_thread(move |vault| {
        let mut options = options;
        if let Some(name) = name {
            options.target = facts::new_database(vault, &options.backup, &name)?;
        }
        if let Target::NewFile { path } = &options.target {
            restore::refuse_outside_roots(vault, &live, Path::new(path))?;
        }
        let plan = restore::plan_restore(vault, &options)?;
        let (ownership, loading) = facts::way(&plan.target, &owners, &loading);
        restore::choose_way(vault, plan, ownership, loading)
    });
    match planned.await {
        Ok(plan) => view.plan = Some(facts::keep(plan, &person.name, &view.live_path)),
        Err(fault) => view.fault = Some(fault),
    }
    Ok(view)
}

/// Carries out the plan that was looked at. `typed` is the database's id, which a replacement asks for; `although_open` is `on` where somebody has it
/// open and that is taken on.
#[server(prefix = "/fn", endpoint = "restore/start")]
pub async fn start(plan: String, #[server(default)] typed: String, #[server(default)] although_open: String) -> Result<(), AppError> {
    let person = person_with(Role::Operator)?;
    let job = match PLANS.find(&plan, &person.name, Timestamp::now()) {
        Found::Confirmed(job) => job,
        Found::Gone => return Err(facts::look_again()),
        Found::Open(found) => {
            if found.target.is_live() {
                require_recent(Role::Operator)?;
                facts::typed_right(&typed, &found.database)?;
            }
            // The plan's name is the key: even if this process dies before it notes the job, the same form never begins a second one.
            let key = form_key(&person.name, &plan)?;
            let plan = if although_open == "on" { restore::although_open(*found) } else { *found };
            let request = JobRequest::Restore(RestoreOptions { plan, verify: true, actor: person.name });
            blocking(move |vault| jobs::submit(vault, &request, key.as_deref())).await?
        }
    };
    PLANS.confirmed(&plan, &job);
    leptos_axum::redirect(&format!("/jobs/{job}"));
    Ok(())
}

/// What an undo of this restore would do.
#[server(prefix = "/fn", endpoint = "restore/undo-plan")]
pub async fn undo_plan(job: String) -> Result<UndoView, AppError> {
    let person = person_with(Role::Operator)?;
    facts::undo_view(facts::job_id(&job)?, &person.name).await
}

/// Brings back the state before a restore, and leads to the job that does. `although_open` as for a restore.
#[server(prefix = "/fn", endpoint = "restore/undo")]
pub async fn undo(job: String, plan: String, #[server(default)] although_open: String) -> Result<(), AppError> {
    let person = person_with(Role::Operator)?;
    let of = facts::job_id(&job)?;
    let undo = match PLANS.find(&plan, &person.name, Timestamp::now()) {
        Found::Confirmed(undo) => undo,
        Found::Gone => return Err(facts::look_again()),
        Found::Open(found) => {
            let key = form_key(&person.name, &plan)?;
            let plan = if although_open == "on" { restore::although_open(*found) } else { *found };
            let request = JobRequest::Undo(UndoOptions { restore: of, plan, actor: person.name });
            blocking(move |vault| jobs::submit(vault, &request, key.as_deref())).await?
        }
    };
    PLANS.confirmed(&plan, &undo);
    leptos_axum::redirect(&format!("/jobs/{undo}"));
    Ok(())
}
