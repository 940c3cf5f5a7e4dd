//! Import by upload: one file that another backup system left, streamed into a folder of the vault and taken in from there.

use std::{
    path::{Path as FilePath, PathBuf},
    time::Duration,
};

use axum::{
    Json,
    body::Body,
    extract::{Path, Request, State},
    http::StatusCode,
};
use keepstone_engine::{
    Error, Vault, databases, durable,
    import::{self, ImportOptions, ImportReport, ImportedFile, Outcome, Password},
    tokens,
};
use keepstone_model::id::{BackupId, DatabaseId, JobId};
use serde::{Deserialize, Serialize};
use tokio::io::AsyncWriteExt;
use tokio_stream::StreamExt;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{Answer, Api, Caller, Problem, extract::Query};

/// Left free on the disk of the vault.
const MARGIN_BYTES: u64 = 256 << 20;
/// How many bytes come in between two looks at the free space.
const LOOK_EVERY: u64 = 32 << 20;
/// Folders in which uploads lie, below the data directory.
const FOLDER: &str = "uploads";
const LEFT_OVER_AFTER: Duration = Duration::from_secs(24 * 3600);
const PASSWORD_HEADER: &str = "keepstone-password";

pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(upload))
}

#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct Asked {
    /// What the file is called: name and ending say what it is, as `keepstone import` has it.
    #[param(example = "shop_backup_daily_20250627_020000.db", min_length = 1, max_length = 200)]
    filename: String,
    /// The zone of times that name none; else the server's.
    #[param(example = "Europe/Berlin", min_length = 1)]
    timezone: Option<String>,
}

/// What came of one file.
#[derive(Debug, Clone, Serialize, ToSchema)]
struct Imported {
    path: String,
    /// `imported`, `present`, `skipped` or `refused`.
    result: &'static str,
    /// The backup that it became or is already.
    id: Option<BackupId>,
    /// For a refused one: the code of the fault.
    code: Option<String>,
    reason: Option<String>,
    /// What a person should know of it, a sentence each.
    notes: Vec<String>,
}

impl From<ImportedFile> for Imported {
    fn from(file: ImportedFile) -> Self {
        let (result, id, code, reason) = match file.outcome {
            Outcome::Imported { id } => ("imported", Some(id), None, None),
            Outcome::Present { id } => ("present", Some(id), None, None),
            Outcome::Skipped { reason } => ("skipped", None, None, Some(reason)),
            Outcome::Refused { code, reason, .. } => ("refused", None, Some(code), Some(reason)),
        };
        Self { path: file.path, result, id, code, reason, notes: file.notes }
    }
}

/// What came of an upload.
#[derive(Debug, Clone, Serialize, ToSchema)]
struct Report {
    /// Nothing was refused.
    ok: bool,
    job: JobId,
    database: DatabaseId,
    elapsed_ms: u64,
    results: Vec<Imported>,
}

impl From<ImportReport> for Report {
    fn from(report: ImportReport) -> Self {
        let results: Vec<Imported> = report.files.into_iter().map(Imported::from).collect();
        let ok = results.iter().all(|file| file.result != "refused");
        Self { ok, job: report.job, database: report.database, elapsed_ms: report.elapsed_ms, results }
    }
}

/// Import a file
///
/// The body is the file itself: a plain database, a dump, or an archive, also compressed or encrypted. It is checked, never trusted, and becomes
/// a backup; sent again it adds nothing. The answer comes when that is done; the job of it can be followed meanwhile.
#[utoipa::path(post, path = "/databases/{database}/import", tag = "databases", operation_id = "import_file",
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    params(("database" = DatabaseId, Path), Asked, ("Keepstone-Password" = Option<String>, Header, description = "The password of an encrypted file. It is used for this import and kept nowhere.")), responses(
    (status = 200, description = "What came of it; `ok` says whether it was taken.", body = Report)))]
async fn upload(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<String>,
    Query(asked): Query<Asked>,
    request: Request,
) -> Answer<Json<Report>> {
    let name = file_name(&asked.filename)?;
    let id = super::databases::parsed(&id)?;
    let passwords = match request.headers().get(PASSWORD_HEADER).map(|value| value.to_str()) {
        None => Vec::new(),
        Some(Ok(text)) => vec![Password::new(text)],
        Some(Err(_)) => return Err(Problem::invalid("Keepstone-Password", "The password in a header is visible ASCII.")),
    };
    let (database, folder) = api
        .run(move |vault| {
            let database = databases::database(vault, &id)?.id;
            let folder = vault.data_dir().join(FOLDER).join(tokens::random_name()?);
            durable::make_dir(&folder)?;
            Ok((database, Folder(folder)))
        })
        .await?;
    let path = folder.0.join(name);
    receive(&api, request.into_body(), &path).await?;
    let options = ImportOptions { path, database, time_zone: asked.timezone, passwords, actor: caller.actor() };
    api.run(move |vault| {
        // What lies there is removed when this is over, however it ends and whoever still waits for it.
        let _folder = folder;
        Ok(Json(import::import(vault, &options, &keepstone_engine::Silent)?.into()))
    })
    .await
}

/// A folder that goes with what is in it.
#[derive(Debug)]
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::warn!(%error, folder = %self.0.display(), "an upload could not be removed; a later start does it");
        }
    }
}

/// Removes what processes left that died in the midst of an upload. Another server on the same vault may be receiving one: only what has lain
/// there for a day is left over.
pub(in crate::http) fn remove_left_over(vault: &Vault) {
    let folder = vault.data_dir().join(FOLDER);
    let old = |entry: &std::fs::DirEntry| {
        let modified = entry.metadata().and_then(|found| found.modified());
        modified.is_ok_and(|at| at.elapsed().is_ok_and(|age| age >= LEFT_OVER_AFTER))
    };
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten().filter(old) {
        drop(Folder(entry.path()));
    }
}

/// A plain name: it is used as one, and never as a path.
fn file_name(name: &str) -> Answer<String> {
    let plain =
        !name.is_empty() && name.len() <= 200 && !name.starts_with('.') && !name.contains(['/', '\\']) && !name.contains(char::is_control);
    if plain {
        Ok(name.to_owned())
    } else {
        Err(Problem::invalid("filename", "A file's name has 1 to 200 characters, none of them a slash, and does not begin with a dot."))
    }
}

/// Writes the body down, as far as it may go.
async fn receive(api: &Api, body: Body, path: &FilePath) -> Answer<()> {
    let failed = |error: std::io::Error| Problem::from(Error::io(path, error));
    let mut file = tokio::fs::File::from_std(durable::create_private(path)?);
    let mut stream = body.into_data_stream();
    let (mut received, mut look_at) = (0_u64, 0_u64);
    while let Some(piece) = stream.next().await {
        let piece = piece.map_err(|_| {
            Problem::new(StatusCode::BAD_REQUEST, "broken_off", "The upload broke off.", "Send the file again; nothing was imported.")
        })?;
        received += piece.len() as u64;
        if received > api.upload_limit_bytes {
            let detail = format!("An upload has at most {}.", keepstone_model::human::bytes(api.upload_limit_bytes));
            let hint = "Copy the file to the server's machine, and import it there with `keepstone import`.";
            return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", detail, hint));
        }
        if received > look_at {
            // An upload never fills the disk of the vault.
            if durable::free_bytes(api.vault.data_dir())? < MARGIN_BYTES {
                return Err(Error::NoSpace { path: path.to_owned() }.into());
            }
            look_at = received + LOOK_EVERY;
        }
        file.write_all(&piece).await.map_err(failed)?;
    }
    file.flush().await.map_err(failed)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_never_a_path() {
        for good in ["shop.db", "backup_20231116_143022.db.gz.enc", "a b.sql", "ärzte.db"] {
            assert!(file_name(good).is_ok(), "{good}");
        }
        for bad in ["", ".hidden", "..", "../x.db", "a/b.db", "a\\b.db", "a\0b", "a\nb", &"x".repeat(201)] {
            assert!(file_name(bad).is_err(), "{bad:?}");
        }
    }
}
