//! `/backups/{id}/download`: the archive as it lies in the folder, whole or in part; and the plain database out of it, streamed. The API gives
//! out the same.

use std::{
    collections::HashMap,
    fs::File,
    io::{Read, SeekFrom},
    os::unix::fs::MetadataExt,
    path::Path as FilePath,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    Router,
    body::Body,
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use keepstone_app::error::AppError;
use keepstone_engine::{Error, Vault, backups, image::hex};
use keepstone_model::id::BackupId;
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio_util::io::ReaderStream;

use super::{extract, problem};

/// Which file a hash is of: device, inode, length, time of change in nanoseconds.
type Identity = (u64, u64, u64, i128);

/// Archives and what is in them, for browsers and for the API.
#[derive(Debug, Clone)]
pub(super) struct Downloads {
    vault: Arc<Vault>,
    /// Hashes that were computed already. An archive never changes, so an entry is good as long as its file is the same one.
    hashes: Arc<Mutex<HashMap<Identity, String>>>,
}

impl Downloads {
    pub(super) fn new(vault: Arc<Vault>) -> Self {
        Self { vault, hashes: Arc::default() }
    }

    /// The archive, or the part of it that the request asks for.
    pub(super) async fn archive(&self, id: String, request: &HeaderMap) -> Result<Response, AppError> {
        let downloads = self.clone();
        let opened = tokio::task::spawn_blocking(move || open(&downloads, &id)).await;
        let (id, file, size, hash) = opened.unwrap_or_else(|_| Err(AppError::internal()))?;
        ranged(request, &format!("{id}.zip"), file, size, &hash).await
    }

    /// The plain database, checked on the way. A fault in its midst cuts the transfer off below the announced length, so that nobody takes it
    /// for whole.
    pub(super) async fn database(&self, id: String) -> Result<Response, AppError> {
        let vault = self.vault.clone();
        let opened = tokio::task::spawn_blocking(move || -> Result<_, AppError> {
            let (id, _) = locate(&vault, &id)?;
            let archive = vault.open_backup(&backups::backup(&vault, &id)?)?;
            Ok((id, archive))
        });
        let (id, archive) = opened.await.unwrap_or_else(|_| Err(AppError::internal()))?;
        let mut headers = attachment(&format!("{id}.sqlite"), "application/vnd.sqlite3");
        headers.insert(header::CONTENT_LENGTH, number_header(&archive.metadata().database_size.to_string()));
        Ok((headers, Body::from_stream(extract::archive(archive))).into_response())
    }
}

pub(super) fn router(downloads: Downloads) -> Router {
    Router::new()
        .route("/backups/{id}/download", get(archive))
        .route("/backups/{id}/download/database", get(database))
        .with_state(downloads)
}

async fn archive(State(downloads): State<Downloads>, Path(id): Path<String>, request: HeaderMap) -> Response {
    downloads.archive(id, &request).await.unwrap_or_else(|error| problem::answer(&request, &error))
}

async fn database(State(downloads): State<Downloads>, Path(id): Path<String>, request: HeaderMap) -> Response {
    downloads.database(id).await.unwrap_or_else(|error| problem::answer(&request, &error))
}

/// Opens the archive and hashes it unless that was done before. As long as the file is open it is leased, as by every reader: nobody deletes it, and
/// a transfer that broke off can be gone on with.
fn open(downloads: &Downloads, id: &str) -> Result<(BackupId, File, u64, String), AppError> {
    let (id, path) = locate(&downloads.vault, id)?;
    let mut file = File::open(&path).map_err(|source| match source.kind() {
        std::io::ErrorKind::NotFound => Error::ArchiveMissing { id: id.to_string(), path: path.clone() },
        _ => Error::io(&path, source),
    })?;
    // Where there are no locks nobody takes the one to delete it either.
    let _ = file.try_lock_shared();
    let found = file.metadata().map_err(|source| Error::io(&path, source))?;
    let identity = (found.dev(), found.ino(), found.len(), i128::from(found.ctime()) * 1_000_000_000 + i128::from(found.ctime_nsec()));
    let known = downloads.hashes.lock().unwrap_or_else(PoisonError::into_inner).get(&identity).cloned();
    let hash = if let Some(hash) = known {
        hash
    } else {
        let hash = sha256(&mut file, &path)?;
        downloads.hashes.lock().unwrap_or_else(PoisonError::into_inner).insert(identity, hash.clone());
        hash
    };
    Ok((id, file, found.len(), hash))
}

fn locate(vault: &Vault, id: &str) -> Result<(BackupId, std::path::PathBuf), AppError> {
    let id: BackupId = id.parse().map_err(|_| AppError::from(Error::UnknownBackup { id: id.to_owned() }))?;
    let detail = backups::detail(vault, &id)?;
    if let Some(error) = detail.not_its_own() {
        return Err(error.into());
    }
    let path = detail.archive_path.ok_or_else(|| AppError::new(404, "no_archive", "This backup has no archive."))?;
    Ok((id, path))
}

fn sha256(file: &mut File, path: &FilePath) -> keepstone_engine::Result<String> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 256 * 1024];
    loop {
        match file.read(&mut buffer).map_err(|source| Error::io(path, source))? {
            0 => return Ok(hex(&hasher.finalize())),
            n => hasher.update(&buffer[..n]),
        }
    }
}

/// The file, or the one range of it that was asked for (RFC 9110, 14.2). Several ranges at once are answered with the whole.
async fn ranged(request: &HeaderMap, name: &str, file: File, size: u64, hash: &str) -> Result<Response, AppError> {
    let tag = format!("\"{hash}\"");
    let text = |name| request.get(name).and_then(|value| value.to_str().ok());
    let mut headers = attachment(name, "application/zip");
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(header::ETAG, HeaderValue::from_str(&tag).expect("hexadecimal digits"));
    if text(header::IF_NONE_MATCH).is_some_and(|known| known == "*" || known.split(',').any(|known| known.trim() == tag)) {
        return Ok((StatusCode::NOT_MODIFIED, headers).into_response());
    }
    // A range of another file than this one would be pasted to what the browser has: it gets the whole instead.
    let same_file = text(header::IF_RANGE).is_none_or(|known| known == tag);
    let range = text(header::RANGE).filter(|_| same_file).map_or(Wanted::Whole, |range| wanted(range, size));
    let (status, start, length) = match range {
        Wanted::Whole => (StatusCode::OK, 0, size),
        Wanted::Part(first, last) => {
            headers.insert(header::CONTENT_RANGE, number_header(&format!("bytes {first}-{last}/{size}")));
            (StatusCode::PARTIAL_CONTENT, first, last - first + 1)
        }
        Wanted::Nothing => {
            headers.insert(header::CONTENT_RANGE, number_header(&format!("bytes */{size}")));
            return Ok((StatusCode::RANGE_NOT_SATISFIABLE, headers).into_response());
        }
    };
    headers.insert(header::CONTENT_LENGTH, number_header(&length.to_string()));
    let mut file = tokio::fs::File::from_std(file);
    if let Err(error) = file.seek(SeekFrom::Start(start)).await {
        tracing::warn!(%error, name, "an archive cannot be read");
        return Err(AppError::internal());
    }
    let stream = ReaderStream::with_capacity(file.take(length), 128 * 1024);
    Ok((status, headers, Body::from_stream(stream)).into_response())
}

#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    Whole,
    /// First and last byte.
    Part(u64, u64),
    Nothing,
}

fn wanted(range: &str, size: u64) -> Wanted {
    let Some((first, last)) = range.strip_prefix("bytes=").and_then(|spec| spec.trim().split_once('-')) else { return Wanted::Whole };
    let part = match (first.parse::<u64>(), last.parse::<u64>()) {
        (Ok(first), Ok(last)) if first <= last => (first, last.min(size.saturating_sub(1))),
        (Ok(first), Err(_)) if last.is_empty() => (first, size.saturating_sub(1)),
        (Err(_), Ok(length)) if first.is_empty() && length > 0 => (size.saturating_sub(length), size.saturating_sub(1)),
        (Err(_), Ok(0)) if first.is_empty() => return Wanted::Nothing,
        _ => return Wanted::Whole,
    };
    if part.0 < size { Wanted::Part(part.0, part.1) } else { Wanted::Nothing }
}

/// `name` is an id and an ending: nothing in it needs quoting.
pub(super) fn attachment(name: &str, mime: &'static str) -> HeaderMap {
    HeaderMap::from_iter([
        (header::CONTENT_TYPE, HeaderValue::from_static(mime)),
        (header::CONTENT_DISPOSITION, number_header(&format!("attachment; filename=\"{name}\""))),
        (header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache")),
    ])
}

fn number_header(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("numbers, ids and constants are visible ASCII")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_as_the_rfc_has_them() {
        let cases = [
            ("bytes=0-0", Wanted::Part(0, 0)),
            ("bytes=2-5", Wanted::Part(2, 5)),
            ("bytes=2-500", Wanted::Part(2, 9)),
            ("bytes=7-", Wanted::Part(7, 9)),
            ("bytes=-3", Wanted::Part(7, 9)),
            ("bytes=-30", Wanted::Part(0, 9)),
            ("bytes=10-", Wanted::Nothing),
            ("bytes=-0", Wanted::Nothing),
            ("bytes=5-2", Wanted::Whole),
            ("bytes=0-1,3-4", Wanted::Whole),
            ("bytes=a-b", Wanted::Whole),
            ("lines=1-2", Wanted::Whole),
        ];
        for (range, expected) in cases {
            assert_eq!(wanted(range, 10), expected, "{range}");
        }
        assert_eq!(wanted("bytes=0-", 0), Wanted::Nothing);
        assert_eq!(wanted("bytes=-5", 0), Wanted::Nothing);
    }
}
