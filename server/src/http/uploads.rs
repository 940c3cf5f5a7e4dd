//! `/import/upload`: files that are to be imported, streamed into a folder of their own. Then the import page says what each would become.

use std::{path::PathBuf, sync::Arc};

use axum::{
    Router,
    extract::{DefaultBodyLimit, Multipart, State, multipart::Field},
    http::HeaderMap,
    response::{IntoResponse, Redirect, Response},
    routing::post,
};
use keepstone_app::{error::AppError, server::percent_encoded};
use keepstone_engine::{Error, Vault, import::Upload};
use keepstone_model::human;
use tokio::io::AsyncWriteExt;

use super::problem;

/// After so many bytes it is looked again whether the disk has room.
const LOOK_EVERY: u64 = 16 << 20;
/// Values of the form's other fields are short.
const LONGEST_VALUE: usize = 500;
/// How much of what is too large is still taken in, so that a browser gets to read the answer.
const DRAINED: u64 = 256 << 20;

#[derive(Debug, Clone)]
struct Uploads {
    vault: Arc<Vault>,
    limit_bytes: u64,
}

pub(super) fn router(vault: Arc<Vault>, limit_bytes: u64) -> Router {
    Router::new().route("/import/upload", post(upload)).layer(DefaultBodyLimit::disable()).with_state(Uploads { vault, limit_bytes })
}

async fn upload(State(uploads): State<Uploads>, headers: HeaderMap, mut form: Multipart) -> Response {
    match take(&uploads, &mut form).await {
        Ok(address) => Redirect::to(&address).into_response(),
        Err(error) => {
            drain(form).await;
            problem::answer(&headers, &error)
        }
    }
}

/// Writes the files; gives back the address of the page that shows what they would become.
async fn take(uploads: &Uploads, form: &mut Multipart) -> Result<String, AppError> {
    let vault = uploads.vault.clone();
    let begun = tokio::task::spawn_blocking(move || Upload::begin(&vault)).await;
    let mut upload = begun.map_err(|_| AppError::internal())??;
    let (mut database, mut zone, mut bytes) = (String::new(), String::new(), 0);
    while let Some(mut field) = form.next_field().await.map_err(|_| broken_off())? {
        match field.name().unwrap_or_default() {
            "db" => database = value(field).await?,
            "zone" => zone = value(field).await?,
            "files" => {
                // A file input in which nothing was chosen sends an empty name.
                let Some(name) = field.file_name().filter(|name| !name.is_empty()).map(str::to_owned) else { continue };
                let path = upload.place(&name)?;
                write(&mut field, path, &mut bytes, uploads.limit_bytes, &upload).await?;
            }
            _ => {}
        }
    }
    let token = upload.keep()?;
    Ok(format!("/import?db={}&zone={}&upload={token}", percent_encoded(&database), percent_encoded(&zone)))
}

async fn write(field: &mut Field<'_>, path: PathBuf, bytes: &mut u64, limit_bytes: u64, upload: &Upload) -> Result<(), AppError> {
    let fault = |error| AppError::from(Error::io(&path, error));
    let mut file = tokio::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).await.map_err(fault)?;
    upload.check_room()?;
    while let Some(piece) = field.chunk().await.map_err(|_| broken_off())? {
        let before = *bytes;
        *bytes += piece.len() as u64;
        if *bytes > limit_bytes {
            let message = format!(
                "More than {} cannot be uploaded at once. On the server itself `keepstone import PATH` takes any size.",
                human::bytes(limit_bytes)
            );
            return Err(AppError::new(413, "too_large", message));
        }
        if before / LOOK_EVERY != *bytes / LOOK_EVERY {
            upload.check_room()?;
        }
        file.write_all(&piece).await.map_err(fault)?;
    }
    // A full disk may be told only here.
    file.flush().await.map_err(fault)
}

async fn value(mut field: Field<'_>) -> Result<String, AppError> {
    let mut value = Vec::new();
    while let Some(piece) = field.chunk().await.map_err(|_| broken_off())? {
        value.extend_from_slice(&piece);
        if value.len() > LONGEST_VALUE {
            return Err(AppError::new(400, "bad_request", "The form was not filled in as expected. Reload the page and try again."));
        }
    }
    Ok(String::from_utf8_lossy(&value).into_owned())
}

async fn drain(mut form: Multipart) {
    let mut bytes = 0;
    while let Ok(Some(mut field)) = form.next_field().await {
        while let Ok(Some(piece)) = field.chunk().await {
            bytes += piece.len() as u64;
            if bytes > DRAINED {
                return;
            }
        }
    }
}

fn broken_off() -> AppError {
    AppError::new(400, "upload_broken", "The upload was broken off. Try again.")
}
