//! The server functions of backups, and what they return: words and moments ready to be shown, so that the browser only lays them out.
#![expect(clippy::too_many_arguments, reason = "the arguments of a server function are flat: one for each member of the address")]

use keepstone_model::{
    backup::{BackupState, CheckName, CheckResult, Level, Verdict},
    id::JobId,
};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{error::AppError, ui::Moment};

#[cfg(feature = "ssr")]
use crate::words::backups as words;
#[cfg(feature = "ssr")]
use {
    super::facts,
    crate::server::{blocking, form_key, person, person_with},
    keepstone_engine::{
        ack::{AckOptions, acknowledge},
        backups::{self, EditBackupOptions},
        convert::ConvertOptions,
        create::{self, CreateOptions},
        driver::ImageOptions,
        jobs::{self, JobRequest},
        keys,
        verify::VerifyOptions,
    },
    keepstone_model::{
        access::Role,
        database::Engine,
        id::{BackupId, DatabaseId},
        metadata::Compression,
        validate,
    },
    leptos_axum::redirect,
};

/// One row of the list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BackupRow {
    pub id: String,
    pub database: String,
    pub kind: String,
    pub state: BackupState,
    pub verdict: Verdict,
    pub level: Level,
    pub checks: Vec<(CheckName, CheckResult)>,
    pub created: Moment,
    /// The archive's bytes, once it is published.
    pub size_bytes: Option<u64>,
    /// Against the backup before it, e.g. `+1 %`; empty where that is not known.
    pub change: String,
    pub pinned: bool,
    /// Why it stays or goes, e.g. `daily 1 of 7`; empty where no rule is asked, of a failed one say.
    pub why: String,
    /// About until when; none where no time can be said.
    pub until: Option<Moment>,
    pub description: String,
    pub tags: Vec<String>,
    pub error: Option<String>,
    pub job: Option<JobId>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BackupList {
    pub rows: Vec<BackupRow>,
    /// How many the filter finds.
    pub total: u64,
    /// From 1 on.
    pub page: u64,
    pub page_size: u64,
    /// Every database, for the filter.
    pub databases: Vec<String>,
    /// Whether there is any backup at all, whatever the filter.
    pub any: bool,
    pub in_trash: u64,
    /// The name of the zone in which the times are, e.g. `Europe/Berlin`.
    pub zone: String,
    pub may_change: bool,
}

/// One backup with everything its page shows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BackupDetail {
    pub row: BackupRow,
    /// Groups of facts: heading, then term and value.
    pub facts: Vec<(String, Vec<FactLine>)>,
    pub hashes: Vec<FactLine>,
    pub checked: Option<Moment>,
    pub checks: Vec<CheckLine>,
    pub tables: Vec<TableLine>,
    pub previous: Option<String>,
    pub next: Option<String>,
    /// What of the database is not in it, in a sentence; empty for one of the whole.
    pub left_out: String,
    pub suspect: Option<Doubt>,
    /// Why it cannot be deleted now.
    pub delete_refusal: Option<String>,
    pub trash_until: Option<Moment>,
    pub job_log: Vec<String>,
    /// It is not encrypted, and new ones of its database are.
    pub convertible: bool,
    /// Whether there is an archive to download, verify and restore.
    pub has_archive: bool,
    pub may_operate: bool,
    pub may_administer: bool,
    /// Makes a verify that is sent twice one job.
    pub key: String,
}

/// Why a backup's source was in doubt, and who took note of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Doubt {
    pub why: String,
    /// Whether it is damage, which no word of a person takes away.
    pub damage: bool,
    /// e.g. "By alice, 3 h ago: old orders were archived."; none: nobody yet, and older good backups are held by it.
    pub acknowledged: Option<String>,
    /// Older suspect ones of which nobody has taken note either.
    pub older: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FactLine {
    pub term: String,
    pub value: String,
    /// Read letter by letter: hashes, paths, ids.
    pub mono: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CheckLine {
    pub name: String,
    pub meaning: String,
    pub result: CheckResult,
    pub detail: String,
    pub time: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TableLine {
    pub name: String,
    pub row_count: u64,
    /// Name and declared type.
    pub columns: Vec<(String, String)>,
}

/// What the form of a new backup offers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NewBackupForm {
    pub databases: Vec<String>,
    /// The environment says: not compressed, unless the form says otherwise.
    pub uncompressed: bool,
    /// The environment says: not read back.
    pub unproven: bool,
    /// A server's database is among them: what only those have is asked for.
    pub servers: bool,
    /// Makes a form that is sent twice one job.
    pub key: String,
}

/// The filter as it stands in the address; every value may be empty.
#[server(prefix = "/fn", endpoint = "backups/list")]
pub async fn list(
    #[server(default)] db: String,
    #[server(default)] kind: String,
    #[server(default)] state: String,
    #[server(default)] q: String,
    #[server(default)] from: String,
    #[server(default)] to: String,
    #[server(default)] sort: String,
    #[server(default)] page: String,
) -> Result<BackupList, AppError> {
    let person = person_with(Role::Viewer)?;
    let question = facts::Question { db, kind, state, text: q, from, to, sort, page };
    facts::list(question, person.role).await
}

#[server(prefix = "/fn", endpoint = "backups/show")]
pub async fn show(id: String) -> Result<BackupDetail, AppError> {
    let person = person()?;
    facts::detail(facts::backup_id(&id)?, person.role).await
}

#[server(prefix = "/fn", endpoint = "backups/form")]
pub async fn form() -> Result<NewBackupForm, AppError> {
    person_with(Role::Operator)?;
    let (databases, defaults) = blocking(|vault| Ok((keepstone_engine::databases::databases(vault)?, vault.defaults()))).await?;
    let servers = databases.iter().any(|database| database.engine == Engine::Postgres);
    let databases = databases.into_iter().map(|database| database.id.to_string()).collect();
    let (uncompressed, unproven) = (defaults.compression == Compression::None, !defaults.verify);
    Ok(NewBackupForm { databases, uncompressed, unproven, servers, key: facts::random_key() })
}

/// Queues a backup and leads to its job.
#[server(prefix = "/fn", endpoint = "backups/create")]
pub async fn create(
    database: String,
    #[server(default)] description: String,
    #[server(default)] tags: String,
    #[server(default)] pin: bool,
    #[server(default)] compression: String,
    #[server(default)] level: String,
    #[server(default)] encrypt: String,
    #[server(default)] rows: String,
    #[server(default)] tables: String,
    #[server(default)] globals: bool,
    #[server(default)] key: String,
) -> Result<(), AppError> {
    let person = person_with(Role::Operator)?;
    let database: DatabaseId = database.parse().map_err(|_| AppError::invalid("database", words::choose_database()))?;
    validate::description(&description)?;
    let tags = validate::tags(&tags)?;
    let compression = facts::compression(&compression)?;
    let level = facts::level(&level, compression)?;
    let encrypt = facts::encrypt(&encrypt)?;
    let image = ImageOptions { rows: facts::rows(&rows, &tables)?, globals, ..ImageOptions::default() };
    let key = form_key(&person.name, &key)?;
    let options = CreateOptions { description, tags, pin, compression, level, encrypt, image, ..CreateOptions::new(database, person.name) };
    let wish = options.clone();
    blocking(move |vault| {
        let database = keepstone_engine::databases::database(vault, &wish.database)?;
        create::refuse(&database, &wish)?;
        keys::refuse_unmet_wish(vault, &database, wish.encrypt)
    })
    .await?;
    submit(JobRequest::Create(options), key).await
}

/// Queues a verification and leads to its job.
#[server(prefix = "/fn", endpoint = "backups/verify")]
pub async fn verify(id: String, #[server(default)] restore: String, #[server(default)] key: String) -> Result<(), AppError> {
    let person = person_with(Role::Operator)?;
    let backup = facts::backup_id(&id)?;
    let test_restore = restore == "on";
    let key = form_key(&person.name, &key)?.map(|key| if test_restore { format!("{key}:restore") } else { key });
    submit(JobRequest::Verify(VerifyOptions { test_restore, ..VerifyOptions::new(backup, person.name) }), key).await
}

#[server(prefix = "/fn", endpoint = "backups/edit")]
pub async fn edit(id: String, #[server(default)] description: String, #[server(default)] tags: String) -> Result<(), AppError> {
    let person = person_with(Role::Operator)?;
    validate::description(&description)?;
    let tags = validate::tags(&tags)?;
    let options = EditBackupOptions { description: Some(description), tags: Some(tags), pinned: None, actor: person.name };
    change(facts::backup_id(&id)?, options).await
}

#[server(prefix = "/fn", endpoint = "backups/pin")]
pub async fn pin(id: String, pinned: bool) -> Result<(), AppError> {
    let person = person_with(Role::Operator)?;
    change(facts::backup_id(&id)?, EditBackupOptions { pinned: Some(pinned), actor: person.name, ..Default::default() }).await
}

/// Takes note of a suspect backup, so that it holds no older good one any more.
#[server(prefix = "/fn", endpoint = "backups/ack")]
pub async fn ack(id: String, #[server(default)] reason: String, #[server(default)] with_older: String) -> Result<(), AppError> {
    let person = person_with(Role::Operator)?;
    let backup = facts::backup_id(&id)?;
    let address = format!("/backups/{backup}");
    let options = AckOptions { backup, reason, with_older: with_older == "on", actor: person.name };
    blocking(move |vault| acknowledge(vault, &options)).await?;
    redirect(&address);
    Ok(())
}

/// Queues a conversion and leads to its job.
#[server(prefix = "/fn", endpoint = "backups/convert")]
pub async fn convert(id: String, #[server(default)] key: String) -> Result<(), AppError> {
    let person = person_with(Role::Operator)?;
    let backup = facts::backup_id(&id)?;
    let key = form_key(&person.name, &key)?.map(|key| format!("{key}:convert"));
    submit(JobRequest::Convert(ConvertOptions::new(backup, person.name)), key).await
}

/// Moves a backup to the trash. Its page stays, and says how to take it back.
#[server(prefix = "/fn", endpoint = "backups/delete")]
pub async fn delete(id: String) -> Result<(), AppError> {
    let person = person_with(Role::Operator)?;
    let backup = facts::backup_id(&id)?;
    let address = format!("/backups/{backup}");
    match blocking(move |vault| keepstone_engine::delete::delete(vault, &backup, &person.name)).await {
        // Sent twice: it is where it was to go.
        Err(error) if error.code == "delete_refused" && facts::is_trashed(&id).await => {}
        result => drop(result?),
    }
    redirect(&address);
    Ok(())
}

#[cfg(feature = "ssr")]
async fn submit(request: JobRequest, key: Option<String>) -> Result<(), AppError> {
    let job = blocking(move |vault| jobs::submit(vault, &request, key.as_deref())).await?;
    redirect(&format!("/jobs/{job}"));
    Ok(())
}

#[cfg(feature = "ssr")]
async fn change(id: BackupId, options: EditBackupOptions) -> Result<(), AppError> {
    let address = format!("/backups/{id}");
    blocking(move |vault| backups::edit(vault, &id, &options)).await?;
    redirect(&address);
    Ok(())
}
