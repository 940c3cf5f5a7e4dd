//! Backups: list, show, make, check, describe, pin, acknowledge, delete, put back, download.

use axum::{
    Json,
    extract::{Path, State},
    http::{HeaderMap, header},
    response::Response,
};
use keepstone_engine::{
    Vault,
    ack::{self, AckOptions},
    activity::{self, NewEvent},
    backups::{self, BackupFilter, EditBackupOptions},
    cleanup,
    create::{self, CreateOptions},
    databases, delete,
    driver::ImageOptions,
    jobs::JobRequest,
    keys,
    verify::VerifyOptions,
};
use keepstone_model::{
    Timestamp,
    backup::{BackupState, Verdict},
    coverage::{Rows, TablePattern},
    event::EventResult,
    id::{BackupId, DatabaseId, Kind},
    metadata::Compression,
    validate,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Accepted, Answer, Api, Caller, Page, Problem,
    extract::{Body, MaybeBody, Query, next},
    once::{self, Key},
};
use crate::shape::{BackupDetail, BackupStatus, InTrash, JobStatus, TakenNote};

pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(create))
        .routes(routes!(latest))
        .routes(routes!(show, edit, remove))
        .routes(routes!(check))
        .routes(routes!(pin))
        .routes(routes!(unpin))
        .routes(routes!(acknowledge))
        .routes(routes!(put_back))
        .routes(routes!(archive))
        .routes(routes!(database))
}

/// The id of an address; one that is none is not there.
pub(super) fn parsed(id: &str) -> Answer<BackupId> {
    Ok(id.parse().map_err(|_| keepstone_engine::Error::UnknownBackup { id: id.to_owned() })?)
}

/// How many of a list at once.
pub(super) fn limit(asked: Option<u64>) -> Answer<u64> {
    match asked {
        None => Ok(50),
        Some(limit @ 1..=500) => Ok(limit),
        Some(_) => Err(Problem::invalid("limit", "A limit is 1 to 500.")),
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
enum Sort {
    #[default]
    #[serde(rename = "-created")]
    NewestFirst,
    #[serde(rename = "created")]
    OldestFirst,
}

/// Where a backup is in its life, or what a complete one is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum StateOrVerdict {
    Running,
    Complete,
    Failed,
    Interrupted,
    Missing,
    Trashed,
    Good,
    Unproven,
    Bad,
    Suspect,
    Partial,
}

impl StateOrVerdict {
    fn split(self) -> (Option<BackupState>, Option<Verdict>) {
        match self {
            Self::Running => (Some(BackupState::Running), None),
            Self::Complete => (Some(BackupState::Complete), None),
            Self::Failed => (Some(BackupState::Failed), None),
            Self::Interrupted => (Some(BackupState::Interrupted), None),
            Self::Missing => (Some(BackupState::Missing), None),
            Self::Trashed => (Some(BackupState::Trashed), None),
            Self::Good => (None, Some(Verdict::Good)),
            Self::Unproven => (None, Some(Verdict::Unproven)),
            Self::Bad => (None, Some(Verdict::Bad)),
            Self::Suspect => (None, Some(Verdict::Suspect)),
            Self::Partial => (None, Some(Verdict::Partial)),
        }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct Asked {
    /// Only of this database.
    #[param(example = "shop", min_length = 1)]
    database: Option<String>,
    /// Only of this kind.
    #[param(inline)]
    kind: Option<Kind>,
    /// Only in this state, or of this worth.
    #[param(inline)]
    state: Option<StateOrVerdict>,
    /// Part of the id, the description or a tag, without case.
    #[param(min_length = 1)]
    q: Option<String>,
    /// Only taken at this time or later.
    #[param(value_type = Option<String>, format = DateTime)]
    from: Option<Timestamp>,
    /// Only taken before this time.
    #[param(value_type = Option<String>, format = DateTime)]
    to: Option<Timestamp>,
    /// The order; the newest first by default.
    #[param(inline)]
    sort: Option<Sort>,
    /// At most so many, 1 to 500.
    #[param(minimum = 1, maximum = 500, default = 50)]
    limit: Option<u64>,
    /// Skip so many.
    #[param(minimum = 0, maximum = 1_000_000_000)]
    offset: Option<u64>,
}

/// Backups, the newest first
#[utoipa::path(get, path = "/backups", tag = "backups", operation_id = "list_backups", params(Asked), responses(
    (status = 200, description = "A part of the list.", body = Page<BackupStatus>)))]
async fn list(State(api): State<Api>, caller: Caller, Query(asked): Query<Asked>) -> Answer<Json<Page<BackupStatus>>> {
    let (limit, offset) = (limit(asked.limit)?, asked.offset.unwrap_or(0));
    if offset > 1_000_000_000 {
        return Err(Problem::invalid("offset", "There are not so many backups."));
    }
    api.run(move |vault| {
        let (state, verdict) = asked.state.map(StateOrVerdict::split).unwrap_or_default();
        let filter = BackupFilter {
            database: caller.filter(vault, asked.database.as_deref())?,
            kind: asked.kind,
            state,
            verdict,
            text: asked.q.clone(),
            from: asked.from,
            to: asked.to,
            oldest_first: asked.sort == Some(Sort::OldestFirst),
            limit: Some(limit),
            offset,
        };
        let (results, total) = if caller.0.databases.is_some() && filter.database.is_none() {
            // Some databases and not one: what the token does not cover is left out before it is counted.
            let all = backups::list(vault, &BackupFilter { limit: None, offset: 0, ..filter })?.backups;
            let seen: Vec<_> = all.iter().filter(|backup| caller.sees(&backup.database)).collect();
            let part = seen.iter().skip(usize::try_from(offset).unwrap_or(usize::MAX)).take(usize::try_from(limit).unwrap_or(usize::MAX));
            (part.map(|backup| BackupStatus::from(*backup)).collect::<Vec<_>>(), seen.len() as u64)
        } else {
            let page = backups::list(vault, &filter)?;
            (page.backups.iter().map(BackupStatus::from).collect(), page.total)
        };
        let reached = offset + results.len() as u64;
        let next = if reached < total && !results.is_empty() { next("/backups", &Asked { offset: Some(reached), ..asked }) } else { None };
        Ok(Json(Page { results, total: Some(total), next }))
    })
    .await
}

/// What a new backup is to be; all of it may be left out.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
struct NewBackup {
    /// `manual` where it is not said. `safety` and `imported` are not for the asking.
    kind: Option<Kind>,
    #[schema(max_length = 500)]
    description: String,
    /// At most 20, of 50 characters each.
    #[schema(max_items = 20)]
    tags: Vec<String>,
    /// The application's version or name, kept in the metadata.
    #[schema(max_length = 200)]
    app_label: Option<String>,
    /// Never delete it.
    pin: bool,
    /// What the server's environment says where it is not said, and else `zstd`.
    compression: Option<Compression>,
    /// How hard to compress: zstd 1 to 19, gzip 1 to 9.
    #[schema(minimum = 1, maximum = 19)]
    level: Option<i32>,
    /// None: what the environment and the database say.
    encrypt: Option<bool>,
    /// Read back and checked before it counts, unless this says no, or says nothing and the server's environment says no.
    verify: Option<bool>,
    /// PostgreSQL: plain SQL instead of the custom format.
    plain_sql: bool,
    /// PostgreSQL: keep the server's roles and tablespaces beside the dump, without passwords.
    globals: bool,
    /// PostgreSQL: whose rows go along; the structure is always whole. `"none"`, `{"only": ["orders", "audit.*"]}` or `{"except": […]}` make a
    /// backup that is partial: of the kind manual, never good, and never put in the live database's place.
    #[schema(inline)]
    rows: WantedRows,
}

/// [`Rows`] before its patterns were looked at.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum WantedRows {
    #[default]
    All,
    /// The structure alone.
    None,
    Only(Vec<String>),
    Except(Vec<String>),
}

impl WantedRows {
    fn read(&self) -> Answer<Rows> {
        let patterns = |texts: &[String]| texts.iter().map(|text| Ok(TablePattern::new(text)?)).collect::<Answer<Vec<_>>>();
        Ok(match self {
            Self::All => Rows::All,
            Self::None => Rows::None,
            Self::Only(texts) => Rows::Only(patterns(texts)?),
            Self::Except(texts) => Rows::Except(patterns(texts)?),
        })
    }
}

impl NewBackup {
    fn options(&self, database: DatabaseId, actor: String) -> Answer<CreateOptions> {
        let kind = self.kind.unwrap_or(Kind::Manual);
        if matches!(kind, Kind::Safety | Kind::Imported) {
            return Err(Problem::invalid("kind", format!("The kind {kind} says how a backup came about; it is not for the asking.")));
        }
        validate::description(&self.description)?;
        let tags = validate::tags(&self.tags.join(","))?;
        if self.app_label.as_ref().is_some_and(|label| label.chars().count() > 200) {
            return Err(Problem::invalid("app_label", "A label has at most 200 characters."));
        }
        let most = match self.compression.unwrap_or_default() {
            Compression::Zstd => 19,
            Compression::Gzip => 9,
            Compression::None => 0,
        };
        if self.level.is_some_and(|level| !(1..=most).contains(&level)) {
            return Err(Problem::invalid("level", "A level is 1 to 19 for zstd, 1 to 9 for gzip, and none without compression."));
        }
        Ok(CreateOptions {
            kind,
            description: self.description.clone(),
            tags,
            app_label: self.app_label.clone(),
            pin: self.pin,
            compression: self.compression,
            level: self.level,
            encrypt: self.encrypt,
            verify: self.verify,
            image: ImageOptions { plain_sql: self.plain_sql, rows: self.rows.read()?, globals: self.globals },
            ..CreateOptions::new(database, actor)
        })
    }
}

/// Make a backup
///
/// Queues it and answers at once with its job. Sent again under the same `Idempotency-Key`, it answers with the same job.
#[utoipa::path(post, path = "/databases/{database}/backups", tag = "backups", operation_id = "create_backup", request_body = NewBackup,
    params(("database" = DatabaseId, Path), ("Idempotency-Key" = Option<String>, Header, description = "Names this request, so that it is carried out once.", max_length = 200, pattern = "^[!-~]+$")), responses(
    (status = 202, description = "The job that makes it.", body = JobStatus, headers(("Location" = String, description = "The address of the job.")))))]
async fn create(
    State(api): State<Api>,
    caller: Caller,
    key: Key,
    Path(id): Path<String>,
    MaybeBody(new): MaybeBody<NewBackup>,
) -> Answer<Accepted> {
    api.run(move |vault| {
        let database = databases::database(vault, &super::databases::parsed(&id)?)?;
        let options = new.options(database.id.clone(), caller.actor())?;
        create::refuse(&database, &options)?;
        keys::refuse_unmet_wish(vault, &database, options.encrypt)?;
        let what = serde_json::json!(["create", database.id, new]).to_string();
        let job = once::begin(vault, &caller, &key, &what, || Ok(JobRequest::Create(options)))?;
        Accepted::of(vault, &job)
    })
    .await
}

#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct OfKind {
    /// The newest good one of this kind.
    #[param(inline)]
    kind: Option<Kind>,
}

/// The newest good backup of a database
#[utoipa::path(get, path = "/databases/{database}/latest", tag = "backups", operation_id = "latest_backup", params(("database" = DatabaseId, Path), OfKind), responses(
    (status = 200, description = "The backup.", body = BackupDetail)))]
async fn latest(State(api): State<Api>, Path(id): Path<String>, Query(asked): Query<OfKind>) -> Answer<Json<BackupDetail>> {
    api.run(move |vault| {
        let database = databases::database(vault, &super::databases::parsed(&id)?)?.id;
        let wanted = asked.kind.map_or_else(|| "latest".to_owned(), |kind| format!("latest:{kind}"));
        let found = backups::find(vault, &wanted, Some(&database))?;
        shown(vault, &found.id)
    })
    .await
}

/// One backup, with what its archive says of itself
#[utoipa::path(get, path = "/backups/{backup}", tag = "backups", operation_id = "show_backup", params(("backup" = BackupId, Path)), responses(
    (status = 200, description = "The backup.", body = BackupDetail)))]
async fn show(State(api): State<Api>, Path(id): Path<String>) -> Answer<Json<BackupDetail>> {
    api.run(move |vault| shown(vault, &parsed(&id)?)).await
}

fn shown(vault: &Vault, id: &BackupId) -> Answer<Json<BackupDetail>> {
    let detail = backups::detail(vault, id)?;
    let reason = cleanup::reasons(vault, std::slice::from_ref(&detail.backup), Timestamp::now())?.remove(id);
    Ok(Json(BackupDetail::of(&detail, reason)))
}

/// What may be changed of a backup; what is left out stays.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
struct BackupEdit {
    #[schema(max_length = 500)]
    description: Option<String>,
    #[schema(max_items = 20)]
    tags: Option<Vec<String>>,
}

/// Change the description or the tags
#[utoipa::path(patch, path = "/backups/{backup}", tag = "backups", operation_id = "edit_backup", request_body = BackupEdit, params(("backup" = BackupId, Path)), responses(
    (status = 200, description = "The backup as it is now.", body = BackupStatus)))]
async fn edit(State(api): State<Api>, caller: Caller, Path(id): Path<String>, Body(edit): Body<BackupEdit>) -> Answer<Json<BackupStatus>> {
    let options = EditBackupOptions { description: edit.description, tags: edit.tags, pinned: None, actor: caller.actor() };
    changed(&api, id, options).await
}

async fn changed(api: &Api, id: String, options: EditBackupOptions) -> Answer<Json<BackupStatus>> {
    api.run(move |vault| Ok(Json((&backups::edit(vault, &parsed(&id)?, &options)?).into()))).await
}

/// Never delete this one
#[utoipa::path(post, path = "/backups/{backup}/pin", tag = "backups", operation_id = "pin_backup", params(("backup" = BackupId, Path)), responses(
    (status = 200, description = "The backup as it is now.", body = BackupStatus)))]
async fn pin(State(api): State<Api>, caller: Caller, Path(id): Path<String>) -> Answer<Json<BackupStatus>> {
    let options = EditBackupOptions { pinned: Some(true), actor: caller.actor(), ..EditBackupOptions::default() };
    changed(&api, id, options).await
}

/// Let it be deleted again
#[utoipa::path(post, path = "/backups/{backup}/unpin", tag = "backups", operation_id = "unpin_backup", params(("backup" = BackupId, Path)), responses(
    (status = 200, description = "The backup as it is now.", body = BackupStatus)))]
async fn unpin(State(api): State<Api>, caller: Caller, Path(id): Path<String>) -> Answer<Json<BackupStatus>> {
    let options = EditBackupOptions { pinned: Some(false), actor: caller.actor(), ..EditBackupOptions::default() };
    changed(&api, id, options).await
}

/// Read it back and check it
///
/// The job fails if a check does; the backup's `proof` then says which.
#[utoipa::path(post, path = "/backups/{backup}/verify", tag = "backups", operation_id = "verify_backup", params(("backup" = BackupId, Path)), responses(
    (status = 202, description = "The job that checks it.", body = JobStatus, headers(("Location" = String, description = "The address of the job.")))))]
async fn check(State(api): State<Api>, caller: Caller, Path(id): Path<String>) -> Answer<Accepted> {
    api.run(move |vault| {
        let backup = backups::backup(vault, &parsed(&id)?)?;
        if backup.state != BackupState::Complete {
            let path = backup.id.to_string().into();
            return Err(keepstone_engine::Error::ArchiveMissing { id: backup.id.to_string(), path }.into());
        }
        let request = JobRequest::Verify(VerifyOptions::new(backup.id, caller.actor()));
        Accepted::of(vault, &keepstone_engine::jobs::submit(vault, &request, None)?)
    })
    .await
}

/// Why a suspect backup is all right.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
struct Ack {
    #[schema(max_length = 500)]
    reason: String,
    /// Also every older suspect backup of the same database.
    with_older: bool,
}

/// Take note of a suspect backup, so that it holds the older good ones no longer
#[utoipa::path(post, path = "/backups/{backup}/ack", tag = "backups", operation_id = "acknowledge_backup", request_body = Ack, params(("backup" = BackupId, Path)), responses(
    (status = 200, description = "The backup as it is now.", body = TakenNote)))]
async fn acknowledge(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<String>,
    MaybeBody(ack): MaybeBody<Ack>,
) -> Answer<Json<TakenNote>> {
    api.run(move |vault| {
        let options = AckOptions { backup: parsed(&id)?, reason: ack.reason, with_older: ack.with_older, actor: caller.actor() };
        Ok(Json((&ack::acknowledge(vault, &options)?).into()))
    })
    .await
}

/// Move it to the trash
///
/// For 24 hours it can be put back.
#[utoipa::path(delete, path = "/backups/{backup}", tag = "backups", operation_id = "delete_backup", params(("backup" = BackupId, Path)), responses(
    (status = 200, description = "The backup, and until when it can be put back.", body = InTrash)))]
async fn remove(State(api): State<Api>, caller: Caller, Path(id): Path<String>) -> Answer<Json<InTrash>> {
    api.run(move |vault| Ok(Json((&delete::delete(vault, &parsed(&id)?, &caller.actor())?).into()))).await
}

/// Take it back from the trash
#[utoipa::path(post, path = "/backups/{backup}/put-back", tag = "backups", operation_id = "put_back_backup", params(("backup" = BackupId, Path)), responses(
    (status = 200, description = "The backup as it is now.", body = BackupStatus)))]
async fn put_back(State(api): State<Api>, caller: Caller, Path(id): Path<String>) -> Answer<Json<BackupStatus>> {
    api.run(move |vault| Ok(Json((&delete::put_back(vault, &parsed(&id)?, &caller.actor())?).into()))).await
}

/// The archive, whole or in part
///
/// `Range`, `If-Range` and `If-None-Match` are understood; the `ETag` is the SHA-256 of the file.
#[utoipa::path(get, path = "/backups/{backup}/archive", tag = "backups", operation_id = "download_archive", params(("backup" = BackupId, Path), ("Range" = Option<String>, Header, description = "One range of bytes, e.g. `bytes=1000-`.")), responses(
    (status = 200, description = "The file.", body = Vec<u8>, content_type = "application/zip"),
    (status = 206, description = "The part of it that was asked for.", body = Vec<u8>, content_type = "application/zip"),
    (status = 304, description = "The file is the one that is known already."),
    (status = 416, description = "No such part.")))]
async fn archive(State(api): State<Api>, caller: Caller, Path(id): Path<String>, headers: HeaderMap) -> Answer<Response> {
    let id = parsed(&id)?;
    let response = api.downloads.archive(id.to_string(), &headers).await?;
    let begins = match response.headers().get(header::CONTENT_RANGE).and_then(|range| range.to_str().ok()) {
        None => response.status().is_success(),
        Some(range) => range.starts_with("bytes 0-"),
    };
    // Who goes on with a download took it before.
    if begins {
        taken(&api, &caller, id, "the archive").await?;
    }
    Ok(response)
}

/// The plain database out of the archive, streamed
#[utoipa::path(get, path = "/backups/{backup}/database", tag = "backups", operation_id = "download_database", params(("backup" = BackupId, Path)), responses(
    (status = 200, description = "The database file. If the archive turns out damaged, the transfer breaks off.", body = Vec<u8>, content_type = "application/vnd.sqlite3")))]
async fn database(State(api): State<Api>, caller: Caller, Path(id): Path<String>) -> Answer<Response> {
    let id = parsed(&id)?;
    let response = api.downloads.database(id.to_string()).await?;
    taken(&api, &caller, id, "the plain database").await?;
    Ok(response)
}

/// Whoever takes content out of the vault is in the activity log.
async fn taken(api: &Api, caller: &Caller, id: BackupId, what: &'static str) -> Answer<()> {
    let actor = caller.actor();
    api.run(move |vault| {
        let event = NewEvent {
            actor: &actor,
            action: "backup.downloaded",
            result: EventResult::Ok,
            database: Some(id.database()),
            message: format!("downloaded {what} of {id}"),
            backup: Some(id),
            job: None,
        };
        Ok(activity::record(vault, &event).map(drop)?)
    })
    .await
}
