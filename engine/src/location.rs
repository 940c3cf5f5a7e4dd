//! Where a database is, of whichever engine: what a person writes becomes a place, and the text by which the catalog knows it. Opens nothing.

use std::path::{Path, PathBuf};

use keepstone_model::database::Engine;

use crate::{Error, Result, postgres, sqlite};

/// A place, read from a path or a URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// The absolute path of the file.
    Sqlite(PathBuf),
    Postgres(Box<postgres::location::Location>),
}

/// Whether a text is a location rather than an id: it holds `/` (so also `://`) or ends in .db, .sqlite or .sqlite3.
pub fn is_location(text: &str) -> bool {
    sqlite::location::is_location(text)
}

/// The text without the password that a URL may hold, for people and faults.
pub fn masked(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://").filter(|_| postgres::location::is_url(text)) else { return text.to_owned() };
    postgres::location::Location::of(text, &postgres::Environment::default()).map_or_else(
        // What cannot be read may have its password anywhere.
        |_| format!("{scheme}://{}", if rest.is_empty() { "" } else { "…" }),
        |location| location.url(),
    )
}

fn utf8(path: &Path) -> Result<String> {
    let text = path.to_str().map(str::to_owned);
    text.ok_or_else(|| Error::Unsupported { what: format!("a path that is not UTF-8 ({})", path.display()) })
}

impl Location {
    /// Reads what a person wrote. `environment` fills in what a PostgreSQL URL leaves open.
    pub fn of(text: &str, environment: &postgres::Environment) -> Result<Self> {
        if postgres::location::is_url(text) {
            return postgres::location::Location::of(text, environment).map(Box::new).map(Self::Postgres);
        }
        sqlite::location::path_of(text).map(Self::Sqlite)
    }

    pub fn engine(&self) -> Engine {
        match self {
            Self::Sqlite(_) => Engine::Sqlite,
            Self::Postgres(_) => Engine::Postgres,
        }
    }

    /// What the place itself is called: the absolute path of the file, without links, or a URL without its password.
    pub fn text(&self) -> Result<String> {
        match self {
            Self::Sqlite(path) => utf8(path),
            Self::Postgres(location) => Ok(location.url()),
        }
    }

    /// What the catalog knows it by: the absolute path as a person gave it, links and all, or a URL without its password.
    pub(crate) fn text_as_given(&self, given: &str) -> Result<String> {
        match self {
            Self::Sqlite(_) => utf8(&sqlite::location::as_given(given)?),
            Self::Postgres(_) => self.text(),
        }
    }

    /// What an id is made of where nobody says one.
    pub(crate) fn stem(&self) -> String {
        match self {
            Self::Sqlite(path) => path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default(),
            Self::Postgres(location) => location.database.clone(),
        }
    }
}
