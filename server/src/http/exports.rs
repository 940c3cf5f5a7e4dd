//! `/databases/{id}/export/download` and `/backups/{id}/export/download`: the rows as JSON, CSV or SQL, streamed. Who takes the columns along
//! that look sensitive must be an admin; every export is in the activity log.

use std::{
    io::{BufWriter, Write},
    sync::Arc,
};

use axum::{
    Extension, Router,
    body::Body,
    extract::{Path, RawQuery, State},
    http::HeaderMap,
    response::{IntoResponse, Response},
    routing::get,
};
use keepstone_app::{error::AppError, server::Person};
use keepstone_engine::{
    Error, Vault,
    export::{self, ExportOptions, ExportSource},
};
use keepstone_model::{Timestamp, access::Role, export::ExportFormat};

use super::{downloads::attachment, extract, problem, query::pairs};

pub(super) fn router(vault: Arc<Vault>) -> Router {
    Router::new()
        .route("/databases/{id}/export/download", get(database))
        .route("/backups/{id}/export/download", get(backup))
        .with_state(vault)
}

async fn database(State(vault): State<Arc<Vault>>, Path(id): Path<String>, rest: Rest) -> Response {
    let source = id.parse().map(ExportSource::Database).map_err(|_| Error::UnknownDatabase { id });
    answer(vault, source, rest).await
}

async fn backup(State(vault): State<Arc<Vault>>, Path(id): Path<String>, rest: Rest) -> Response {
    let source = id.parse().map(ExportSource::Backup).map_err(|_| Error::UnknownBackup { id });
    answer(vault, source, rest).await
}

type Rest = (Extension<Person>, RawQuery, HeaderMap);

async fn answer(vault: Arc<Vault>, source: Result<ExportSource, Error>, rest: Rest) -> Response {
    let (Extension(person), RawQuery(query), headers) = rest;
    let asked = vault.clone();
    let options = tokio::task::spawn_blocking(move || -> Result<ExportOptions, AppError> {
        let options = options(source?, &person, query.as_deref().unwrap_or_default())?;
        // What can be refused is refused as a page: of a stream that has begun nobody can say what is wrong.
        export::outline(&asked, &options.source)?;
        Ok(options)
    });
    let options = match options.await.unwrap_or_else(|_| Err(AppError::internal())) {
        Ok(options) => options,
        Err(error) => return problem::answer(&headers, &error),
    };
    let name = format!("{}.{}", options.source.stem(Timestamp::now()), options.format.ending());
    let mime = if options.format == ExportFormat::Sql { "application/sql" } else { "application/zip" };
    let body = extract::stream(name.clone(), move |sink, monitor| {
        let mut sink = BufWriter::with_capacity(128 << 10, extract::Whole(sink));
        export::export_stream(&vault, &options, &mut sink, monitor)?;
        sink.flush().map_err(|_| Error::CancelledHere)
    });
    (attachment(&name, mime), Body::from_stream(body)).into_response()
}

fn options(source: ExportSource, person: &Person, query: &str) -> Result<ExportOptions, AppError> {
    let (mut format, mut tables, mut include_sensitive) = (ExportFormat::default(), Vec::new(), false);
    for (name, value) in pairs(query) {
        match name.as_str() {
            "format" => format = value.parse().map_err(|message: String| AppError::invalid("format", message))?,
            "table" => tables.push(value),
            "include_sensitive" => include_sensitive = value == "on",
            _ => {}
        }
    }
    if include_sensitive && person.role < Role::Admin {
        return Err(AppError::forbidden());
    }
    Ok(ExportOptions { source, format, tables, include_sensitive, actor: person.name.clone() })
}
