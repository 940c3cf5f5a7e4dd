//! How nouns stand in columns: ids and enums as their words, times as milliseconds, rich values as JSON. What does not parse is a fault of
//! the catalog, never a default.

use std::{error::Error as StdError, str::FromStr};

use jiff::Timestamp;
use rusqlite::{Row, types::Type};
use serde::{Serialize, de::DeserializeOwned};

type Read<T> = Result<T, rusqlite::Error>;

fn odd(row: &Row<'_>, column: &str, cause: impl StdError + Send + Sync + 'static) -> rusqlite::Error {
    let index = row.as_ref().column_index(column).unwrap_or_default();
    rusqlite::Error::FromSqlConversionFailure(index, Type::Text, Box::new(cause))
}

/// An id.
pub(super) fn id<T: FromStr<Err: StdError + Send + Sync + 'static>>(row: &Row<'_>, column: &str) -> Read<T> {
    row.get::<_, String>(column)?.parse().map_err(|cause| odd(row, column, cause))
}

pub(super) fn maybe_id<T: FromStr<Err: StdError + Send + Sync + 'static>>(row: &Row<'_>, column: &str) -> Read<Option<T>> {
    row.get::<_, Option<String>>(column)?.map(|text| text.parse()).transpose().map_err(|cause| odd(row, column, cause))
}

/// An enum, by the word that serde gives it.
pub(super) fn word<T: DeserializeOwned>(row: &Row<'_>, column: &str) -> Read<T> {
    serde_json::from_value(serde_json::Value::String(row.get(column)?)).map_err(|cause| odd(row, column, cause))
}

/// The one of these that has the column's word for its name: quicker than [`word`], for where thousands of rows are read.
pub(super) fn one_of<T: Copy>(row: &Row<'_>, column: &str, all: &[T], name: fn(T) -> &'static str) -> Read<T> {
    let found = row.get_ref(column)?.as_str()?;
    all.iter().copied().find(|one| name(*one) == found).ok_or_else(|| odd(row, column, UnknownWord))
}

#[derive(Debug, thiserror::Error)]
#[error("no word of this column")]
struct UnknownWord;

pub(super) fn time(row: &Row<'_>, column: &str) -> Read<Timestamp> {
    Timestamp::from_millisecond(row.get(column)?).map_err(|cause| odd(row, column, cause))
}

pub(super) fn maybe_time(row: &Row<'_>, column: &str) -> Read<Option<Timestamp>> {
    row.get::<_, Option<i64>>(column)?.map(Timestamp::from_millisecond).transpose().map_err(|cause| odd(row, column, cause))
}

pub(super) fn json<T: DeserializeOwned>(row: &Row<'_>, column: &str) -> Read<T> {
    serde_json::from_str(&row.get::<_, String>(column)?).map_err(|cause| odd(row, column, cause))
}

pub(super) fn maybe_json<T: DeserializeOwned>(row: &Row<'_>, column: &str) -> Read<Option<T>> {
    row.get::<_, Option<String>>(column)?.map(|text| serde_json::from_str(&text)).transpose().map_err(|cause| odd(row, column, cause))
}

/// The word that serde gives an enum's value.
pub(super) fn to_word<T: Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        other => unreachable!("only enums without data are stored as words: {other:?}"),
    }
}

pub(super) fn to_json<T: Serialize + ?Sized>(value: &T) -> String {
    serde_json::to_string(value).expect("our own types have string keys and serialise")
}

/// As the catalog keeps a time: to the millisecond.
pub(crate) fn rounded(at: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(at.as_millisecond()).unwrap_or(at)
}

pub(super) fn ms(at: Timestamp) -> i64 {
    at.as_millisecond()
}

pub(super) fn maybe_ms(at: Option<Timestamp>) -> Option<i64> {
    at.map(ms)
}
