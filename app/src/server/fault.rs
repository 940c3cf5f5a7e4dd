//! How a fault of the engine becomes an error for the browser: the same code, the same words and hint, but no folder names and nothing of
//! what SQLite said.

use keepstone_engine::error::{Error, Kind};

use crate::error::{AppError, sentence};

impl From<Error> for AppError {
    fn from(fault: Error) -> Self {
        let code = fault.code();
        let Some(message) = message(&fault) else {
            return Self { code: code.to_owned(), ..Self::internal() };
        };
        let whole = fault.hint().map_or_else(|| message.clone(), |hint| format!("{message} {hint}"));
        let mut error = Self::new(status(&fault), code, whole);
        if let Error::Invalid { field, .. } = &fault {
            error.fields.insert((*field).to_owned(), error.message.clone());
        }
        error
    }
}

/// What may be said of a fault to whoever called, and all of it to the log. None: its text may hold SQL or anything else.
pub fn message(fault: &Error) -> Option<String> {
    let code = fault.code();
    if let Error::NotNoted { done, cause, .. } = fault
        && message(cause).is_none()
    {
        return Some(sentence(&without_folders(&format!("{done}, and that could not be written down"))));
    }
    if matches!(fault, Error::Catalog(_) | Error::Sqlite(_) | Error::Internal(_)) {
        tracing::error!(code, error = %fault, "a verb failed");
        return None;
    }
    if matches!(fault.kind(), Kind::Failed | Kind::NoSpace) {
        tracing::warn!(code, error = %fault, "a verb failed");
    }
    let text = match fault {
        Error::Invalid { message, .. } => message.clone(),
        other => other.to_string(),
    };
    Some(sentence(&without_folders(&text)))
}

/// The one table of what a fault is as an HTTP status.
pub fn status(fault: &Error) -> u16 {
    match fault {
        // About the database's own file or the state of what was named, not about the address that was called or what was sent.
        Error::SourceMissing { .. } | Error::ArchiveMissing { .. } | Error::NoVault { .. } | Error::Invalid { field: "id", .. } => 409,
        _ => match fault.kind() {
            Kind::NotFound => 404,
            Kind::Usage => 422,
            Kind::Busy | Kind::Refused | Kind::Corrupt => 409,
            Kind::NoSpace => 507,
            Kind::WrongPassword => 403,
            Kind::Failed => 500,
        },
    }
}

/// The text with every absolute path cut down to its last part. A path runs from a slash at a word's beginning to the next quote, colon or
/// comma, or to a blank after which no further slash comes: folder names may hold blanks.
fn without_folders(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = next_path(rest) {
        out.push_str(&rest[..start]);
        let path = &rest[start..];
        let stop = path.find(['"', ',', ';', '\n']).unwrap_or(path.len());
        let stop = path.find(": ").map_or(stop, |colon| colon.min(stop));
        let last_slash = path[..stop].rfind('/').unwrap_or(0);
        out.push_str(if last_slash == 0 && stop == 1 { "/" } else { "" });
        rest = &path[last_slash + 1..];
    }
    out.push_str(rest);
    out
}

fn next_path(text: &str) -> Option<usize> {
    text.char_indices().find_map(|(i, c)| {
        let at_word = i == 0 || text[..i].ends_with([' ', '"', '(', '\'', '=', ':']);
        let named = text[i + c.len_utf8()..].starts_with(|next: char| !next.is_whitespace() && next != '/');
        (c == '/' && at_word && named).then_some(i)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_stay_at_home() {
        let cases = [
            ("/srv/data/shop.db does not exist", "shop.db does not exist"),
            ("/srv/my data/shop.db does not exist", "shop.db does not exist"),
            ("no space left in /srv/backups", "no space left in backups"),
            ("the archive of x is missing: /a/b/x.zip", "the archive of x is missing: x.zip"),
            ("\"/a/b\" and \"/c/d\"", "\"b\" and \"d\""),
            ("/a/b/c.db: permission denied", "c.db: permission denied"),
            ("at 3 / 4 of it", "at 3 / 4 of it"),
            ("and/or", "and/or"),
        ];
        for (text, shown) in cases {
            assert_eq!(without_folders(text), shown);
        }
    }

    #[test]
    fn the_words_and_the_hint_arrive_and_the_sql_does_not() {
        let error = AppError::from(Error::UnknownBackup { id: "x".into() });
        assert_eq!((error.status, error.code.as_str()), (404, "unknown_backup"));
        assert_eq!(error.message, "No backup \"x\". `keepstone list` shows the backups.");
        let error = AppError::from(Error::Internal("select secret from /etc/shadow".into()));
        assert_eq!((error.status, error.message.contains("secret")), (500, false));
        let error = AppError::from(Error::Invalid { field: "tags", message: "too many".into() });
        assert_eq!((error.status, error.field("tags")), (422, Some("Too many.")));
    }
}
