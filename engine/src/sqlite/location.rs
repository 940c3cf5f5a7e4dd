//! What a person writes to name a database: a path or an SQLAlchemy-like URL. Whether there is a database is `open`'s business.

use std::path::PathBuf;

use crate::Result;

/// The absolute path that a location names, with symbolic links resolved where it exists: a plain path, `sqlite:///relative`,
/// `sqlite:////absolute`, either with a `+driver`.
pub fn path_of(_location: &str) -> Result<PathBuf> {
    todo!()
}

/// Whether a text is a location rather than an id: it holds `/` (so also `://`) or ends in .db, .sqlite or .sqlite3.
pub fn is_location(_text: &str) -> bool {
    todo!()
}
