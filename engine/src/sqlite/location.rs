//! What a person writes to name a database: a path or a URL as SQLAlchemy has it. Whether there is a database is `open`'s business.

use std::path::{Component, Path, PathBuf};

use crate::{Error, Result};

/// The absolute path that a location names, with symbolic links resolved where it exists: a plain path, `sqlite:///relative`,
/// `sqlite:////absolute`, either with a `+driver`.
pub fn path_of(location: &str) -> Result<PathBuf> {
    Ok(resolved(&absolute(location)?))
}

/// The absolute path as it was given, with the symbolic links on it: by it a database is known, so that a link is followed wherever it leads later.
pub fn as_given(location: &str) -> Result<PathBuf> {
    let absolute = absolute(location)?;
    if !absolute.components().any(|part| part == Component::ParentDir) {
        return Ok(absolute);
    }
    // `..` behind a link leads elsewhere than it reads: of the folder only where it is.
    Ok(match (absolute.parent().map(Path::canonicalize), absolute.file_name()) {
        (Some(Ok(folder)), Some(name)) => folder.join(name),
        _ => resolved(&absolute),
    })
}

fn absolute(location: &str) -> Result<PathBuf> {
    let text = match location.split_once("://") {
        None => location,
        Some((scheme, rest)) => sqlite_path(scheme, rest)?,
    };
    if text.is_empty() || text == ":memory:" {
        return Err(invalid("names no file"));
    }
    std::path::absolute(text).map_err(|fault| Error::io(text, fault))
}

/// Whether a text is a location rather than an id: it holds `/` (so also `://`) or ends in .db, .sqlite or .sqlite3.
pub fn is_location(text: &str) -> bool {
    let extension = Path::new(text).extension().and_then(|e| e.to_str());
    text.contains('/') || matches!(extension, Some("db" | "sqlite" | "sqlite3"))
}

/// The path in a URL: what follows the empty host's slash, without the query (drivers' settings, which say nothing about the file).
fn sqlite_path<'a>(scheme: &str, rest: &'a str) -> Result<&'a str> {
    let dialect = scheme.split_once('+').map_or(scheme, |(dialect, _driver)| dialect);
    match dialect.to_ascii_lowercase().as_str() {
        "sqlite" | "sqlite3" => {
            let path = rest.split_once('?').map_or(rest, |(path, _query)| path);
            path.strip_prefix('/').ok_or_else(|| invalid("needs three slashes before a relative path and four before an absolute one"))
        }
        "postgres" | "postgresql" => Err(Error::Unsupported { what: "PostgreSQL".to_owned() }),
        _ => Err(Error::Unsupported { what: format!("a database of the kind \"{dialect}\"") }),
    }
}

/// As many as Linux follows.
const LINKS: usize = 40;

/// Resolves links as far as the path exists: the file itself, or else its folder, so that a location given before and after the file was made
/// names the same database. A link whose file is gone leads to where that was.
fn resolved(absolute: &Path) -> PathBuf {
    let mut path = absolute.to_owned();
    for _ in 0..LINKS {
        if let Ok(path) = path.canonicalize() {
            return path;
        }
        match (path.parent(), path.read_link()) {
            (Some(folder), Ok(leads_to)) => path = folder.join(leads_to),
            _ => return in_its_folder(&path),
        }
    }
    absolute.to_owned()
}

fn in_its_folder(absolute: &Path) -> PathBuf {
    match (absolute.parent().map(Path::canonicalize), absolute.file_name()) {
        (Some(Ok(parent)), Some(name)) => parent.join(name),
        _ => absolute.to_owned(),
    }
}

fn invalid(message: &str) -> Error {
    Error::Invalid { field: "location", message: message.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_is_told_from_an_id_by_its_looks() {
        for text in ["/srv/app", "app.db", "shop.sqlite", "shop.sqlite3", "./shop", "postgresql://localhost/shop", "a/b"] {
            assert!(is_location(text), "{text}");
        }
        for text in ["shop", "shop-2", "db", "sqlite", "latest:daily", "shop_daily_20261120T030000Z_k3f9"] {
            assert!(!is_location(text), "{text}");
        }
    }

    #[test]
    fn three_slashes_are_relative_and_four_absolute() {
        let here = std::path::absolute(".").unwrap().canonicalize().unwrap();
        assert_eq!(path_of("sqlite:///shop-that-is-not.db").unwrap(), here.join("shop-that-is-not.db"));
        assert_eq!(path_of("shop-that-is-not.db").unwrap(), here.join("shop-that-is-not.db"));
        assert_eq!(path_of("sqlite:////no/such/folder/shop.db").unwrap(), Path::new("/no/such/folder/shop.db"));
        assert_eq!(path_of("sqlite+aiosqlite:////no/such/shop.db?timeout=5").unwrap(), Path::new("/no/such/shop.db"));
    }

    #[test]
    fn links_are_resolved_and_so_is_the_folder_of_a_file_that_is_not_there() {
        let folder = tempfile::tempdir().unwrap();
        let real = folder.path().canonicalize().unwrap().join("real");
        std::fs::create_dir(&real).unwrap();
        std::fs::write(real.join("shop.db"), "x").unwrap();
        std::os::unix::fs::symlink(&real, folder.path().join("link")).unwrap();
        assert_eq!(path_of(folder.path().join("link/shop.db").to_str().unwrap()).unwrap(), real.join("shop.db"));
        assert_eq!(path_of(folder.path().join("link/new.db").to_str().unwrap()).unwrap(), real.join("new.db"));
        let given = |path: &str| as_given(folder.path().join(path).to_str().unwrap()).unwrap();
        assert_eq!(given("link/shop.db"), folder.path().join("link/shop.db"));
        assert_eq!(given("link/../real/shop.db"), real.join("shop.db"));
    }

    #[test]
    fn a_link_whose_file_is_gone_leads_to_where_that_was() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        std::fs::create_dir(root.join("vol")).unwrap();
        let link = |to: &str, name: &str| std::os::unix::fs::symlink(to, root.join(name)).unwrap();
        link("vol/real.db", "shop.db");
        link("shop.db", "second.db");
        link("away/real.db", "unmounted.db");
        link("round.db", "round.db");
        let led_to = |name: &str| path_of(root.join(name).to_str().unwrap()).unwrap();
        assert_eq!(led_to("shop.db"), root.join("vol/real.db"));
        assert_eq!(led_to("second.db"), root.join("vol/real.db"));
        assert_eq!(led_to("unmounted.db"), root.join("away/real.db"), "where not even the folder is");
        assert_eq!(led_to("round.db"), root.join("round.db"));
    }

    #[test]
    fn what_is_no_sqlite_file_is_refused_by_its_own_code() {
        let code = |location: &str| path_of(location).unwrap_err().code();
        assert_eq!(code("postgresql+psycopg://localhost/shop"), "unsupported");
        assert_eq!(code("postgres://localhost/shop"), "unsupported");
        assert_eq!(code("mysql://localhost/shop"), "unsupported");
        assert_eq!(code("sqlite://shop.db"), "invalid");
        assert_eq!(code("sqlite:///:memory:"), "invalid");
        assert_eq!(code("sqlite://"), "invalid");
        assert_eq!(code(""), "invalid");
    }
}
