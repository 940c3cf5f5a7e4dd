//! Exports: the content of a database or a backup, streamed in the form that was asked for.

use std::{
    io::{self, Write},
    sync::Arc,
};

use axum::{
    body::{Body, Bytes},
    extract::{Path, State},
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use keepstone_engine::{
    Monitor, Vault, databases,
    export::{self, ExportOptions, ExportSource},
};
use keepstone_model::{
    Timestamp,
    export::ExportFormat,
    id::{BackupId, DatabaseId},
    token::Scope,
};
use serde::Deserialize;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{Answer, Api, Caller, Problem, extract::Query};

/// Pieces that wait for the network: a slow reader holds the export up, it does not fill memory.
const PIECES: usize = 8;
const PIECE: usize = 64 * 1024;

pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(of_database)).routes(routes!(of_backup))
}

#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct Asked {
    /// The form; JSON where it is not said.
    #[serde(default)]
    #[param(inline)]
    format: Option<ExportFormat>,
    /// Only this table; may be said several times.
    #[serde(default)]
    #[param(min_length = 1)]
    table: Vec<String>,
    /// Also the columns whose names look sensitive; asks for the scope `admin`.
    #[serde(default)]
    include_sensitive: bool,
}

/// The content of a live database
///
/// A zip with one document per table, or a script. If something fails on the way, the transfer breaks off: only a whole one is to be trusted.
#[utoipa::path(get, path = "/databases/{database}/export", tag = "databases", operation_id = "export_database", params(("database" = DatabaseId, Path), Asked), responses(
    (status = 200, description = "The file.", content((Vec<u8> = "application/zip"), (Vec<u8> = "application/sql")))))]
async fn of_database(State(api): State<Api>, caller: Caller, Path(id): Path<String>, Query(asked): Query<Asked>) -> Answer<Response> {
    let id = super::databases::parsed(&id)?;
    let source = api.run(move |vault| Ok(ExportSource::Database(databases::database(vault, &id)?.id))).await?;
    exported(&api, &caller, source, asked).await
}

/// The content of a backup
#[utoipa::path(get, path = "/backups/{backup}/export", tag = "backups", operation_id = "export_backup", params(("backup" = BackupId, Path), Asked), responses(
    (status = 200, description = "The file.", content((Vec<u8> = "application/zip"), (Vec<u8> = "application/sql")))))]
async fn of_backup(State(api): State<Api>, caller: Caller, Path(id): Path<String>, Query(asked): Query<Asked>) -> Answer<Response> {
    let source = ExportSource::Backup(super::backups::parsed(&id)?);
    exported(&api, &caller, source, asked).await
}

/// Answers once the first piece is there: what is wrong from the start (no such table, a database that is locked) is a problem document and
/// no broken download.
async fn exported(api: &Api, caller: &Caller, source: ExportSource, asked: Asked) -> Answer<Response> {
    if asked.include_sensitive {
        caller.needs(Scope::Admin, "\"include_sensitive\"")?;
    }
    let format = asked.format.unwrap_or_default();
    let name = format!("{}.{}", source.stem(Timestamp::now()), format.ending());
    let options = ExportOptions { source, format, tables: asked.table, include_sensitive: asked.include_sensitive, actor: caller.actor() };
    let mut pieces = begin(api.vault.clone(), options);
    let first = match pieces.recv().await {
        Some(Piece::Bytes(bytes)) => Some(bytes),
        Some(Piece::Failed(problem)) => return Err(problem),
        None => None,
    };
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(async move {
        let mut next = first.map(Piece::Bytes);
        while let Some(piece) = next {
            let sent = match piece {
                Piece::Bytes(bytes) => sender.send(Ok(bytes)).await,
                Piece::Failed(_) => sender.send(Err(io::Error::other("the export failed"))).await,
            };
            if sent.is_err() {
                break;
            }
            next = pieces.recv().await;
        }
    });
    let kind = if format == ExportFormat::Sql { "application/sql" } else { "application/zip" };
    let disposition = HeaderValue::from_str(&format!("attachment; filename=\"{name}\"")).map_err(|_| Problem::internal())?;
    let headers = [(header::CONTENT_TYPE, HeaderValue::from_static(kind)), (header::CONTENT_DISPOSITION, disposition)];
    Ok((headers, Body::from_stream(ReceiverStream::new(receiver))).into_response())
}

enum Piece {
    Bytes(Bytes),
    Failed(Problem),
}

fn begin(vault: Arc<Vault>, options: ExportOptions) -> mpsc::Receiver<Piece> {
    let (sender, receiver) = mpsc::channel(PIECES);
    tokio::task::spawn_blocking(move || {
        let gone = Gone(sender.clone());
        let mut pipe = io::BufWriter::with_capacity(PIECE, Pipe(sender.clone()));
        let outcome = export::export_stream(&vault, &options, &mut pipe, &gone);
        let outcome = outcome.and_then(|_| pipe.flush().map_err(|error| keepstone_engine::Error::io("the download", error)));
        if let Err(error) = outcome {
            if sender.is_closed() {
                return;
            }
            tracing::warn!(%error, "an export failed");
            // If the reader has gone now, there is nobody to tell.
            let _ = sender.blocking_send(Piece::Failed(error.into()));
            // What is still in the buffer is of an export that failed.
            drop(pipe.into_parts());
        }
    });
    receiver
}

struct Pipe(mpsc::Sender<Piece>);

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let piece = Piece::Bytes(Bytes::copy_from_slice(bytes));
        self.0.blocking_send(piece).map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Cancels the export once nobody reads any more.
struct Gone(mpsc::Sender<Piece>);

impl Monitor for Gone {
    fn cancelled(&self) -> bool {
        self.0.is_closed()
    }
}
