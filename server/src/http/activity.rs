//! `/activity/download`: the log as a file, filtered as its page is, the newest first. Streamed, a part of the log at a time.

use std::{
    io::{self, BufWriter, Write},
    sync::Arc,
};

use axum::{
    Router,
    body::Body,
    extract::{RawQuery, State},
    http::HeaderMap,
    response::{IntoResponse, Response},
    routing::get,
};
use keepstone_app::error::AppError;
use keepstone_engine::{
    Error, Result, Vault,
    activity::{EventFilter, events},
    export::csv,
};
use keepstone_model::{
    Timestamp,
    event::{Event, EventResult},
};

use super::{downloads::attachment, extract, problem, query::pairs};

/// How many events are read at once.
const PART: u64 = 500;
const COLUMNS: [&str; 11] = ["number", "at", "actor", "action", "result", "database", "backup", "job", "message", "previous_hash", "hash"];

pub(super) fn router(vault: Arc<Vault>) -> Router {
    Router::new().route("/activity/download", get(download)).with_state(vault)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Csv,
    /// One array of the events as the API gives them out.
    Json,
}

async fn download(State(vault): State<Arc<Vault>>, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    let (format, filter) = match asked(query.as_deref().unwrap_or_default()) {
        Ok(asked) => asked,
        Err(error) => return problem::answer(&headers, &error),
    };
    let (ending, mime) = if format == Format::Csv { ("csv", "text/csv; charset=utf-8") } else { ("json", "application/json") };
    let name = format!("activity_{}.{ending}", Timestamp::now().strftime("%Y%m%dT%H%M%SZ"));
    let body = extract::stream(name.clone(), move |sink, _| {
        write(&vault, filter, format, &mut BufWriter::with_capacity(128 << 10, extract::Whole(sink)))
    });
    (attachment(&name, mime), Body::from_stream(body)).into_response()
}

fn asked(query: &str) -> std::result::Result<(Format, EventFilter), AppError> {
    let (mut format, mut filter) = (Format::Csv, EventFilter { limit: Some(PART), ..EventFilter::default() });
    for (name, value) in pairs(query).filter(|(_, value)| !value.is_empty()) {
        match name.as_str() {
            "format" if value == "json" => format = Format::Json,
            "format" if value == "csv" => format = Format::Csv,
            "format" => return Err(AppError::invalid("format", "Say csv or json.")),
            "db" => filter.database = Some(value.parse().map_err(|_| AppError::not_found())?),
            "who" => filter.actor = Some(value),
            "result" => filter.result = Some(EventResult::of_word(&value).ok_or_else(AppError::not_found)?),
            _ => {}
        }
    }
    Ok((format, filter))
}

fn write(vault: &Vault, mut filter: EventFilter, format: Format, out: &mut dyn Write) -> Result<()> {
    let gone = |_| Error::CancelledHere;
    out.write_all(if format == Format::Csv { "" } else { "[" }.as_bytes()).map_err(gone)?;
    if format == Format::Csv {
        line(COLUMNS.iter().map(|name| (*name).to_owned()), out).map_err(gone)?;
    }
    let mut first = true;
    loop {
        let part = events(vault, &filter)?;
        for event in &part {
            match format {
                Format::Csv => line(fields(event), out),
                Format::Json => out
                    .write_all(if first { b"\n" } else { b",\n" })
                    .and_then(|()| serde_json::to_writer(&mut *out, event).map_err(io::Error::from)),
            }
            .map_err(gone)?;
            first = false;
        }
        filter.before = part.last().map(|event| event.number);
        if (part.len() as u64) < PART {
            break;
        }
    }
    out.write_all(if format == Format::Csv { "" } else { "\n]\n" }.as_bytes()).and_then(|()| out.flush()).map_err(gone)
}

fn fields(event: &Event) -> impl Iterator<Item = String> {
    let or_nothing = |text: Option<String>| text.unwrap_or_default();
    [
        event.number.to_string(),
        event.at.to_string(),
        event.actor.clone(),
        event.action.clone(),
        event.result.as_str().to_owned(),
        or_nothing(event.database.as_ref().map(ToString::to_string)),
        or_nothing(event.backup.as_ref().map(ToString::to_string)),
        or_nothing(event.job.as_ref().map(ToString::to_string)),
        event.message.clone(),
        event.previous_hash.clone(),
        event.hash.clone(),
    ]
    .into_iter()
}

/// A line of quoted fields, in which no spreadsheet finds a formula.
fn line(fields: impl Iterator<Item = String>, out: &mut dyn Write) -> io::Result<()> {
    for (number, field) in fields.enumerate() {
        if number > 0 {
            out.write_all(b",")?;
        }
        csv::text(field.as_bytes(), out)?;
    }
    out.write_all(b"\r\n")
}
