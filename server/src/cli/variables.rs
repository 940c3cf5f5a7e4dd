//! The environment, and the file of `--env-file` behind it: a predecessor's `.env` as it is. What the process's own environment says wins.

use std::{collections::BTreeMap, path::Path, sync::OnceLock};

use keepstone_engine::Error;

use super::Fault;

static FILE: OnceLock<BTreeMap<String, String>> = OnceLock::new();

/// Reads the file, once for the process. A line that is no assignment is refused, with its number.
pub(crate) fn load(path: &Path) -> Result<(), Fault> {
    let text = std::fs::read_to_string(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Error::SourceMissing { path: path.to_owned() },
        _ => Error::io(path, error),
    })?;
    let variables = parse(&text).map_err(|(line, what)| {
        Fault::usage(format!("{}: line {line}: {what}", path.display()), "A line is NAME=VALUE; what follows a # is a comment.")
    })?;
    // The first one of a process stands; there is only one.
    let _ = FILE.set(variables);
    Ok(())
}

/// The value of a variable, as it stands; none if it is not set, or empty.
pub(crate) fn var(name: &str) -> Option<String> {
    let own = std::env::var(name).ok();
    own.or_else(|| FILE.get()?.get(name).cloned()).filter(|value| !value.trim().is_empty())
}

/// `NAME=VALUE` lines: `export` before the name, quotes around the value and comments behind it are understood, as other readers of such files
/// understand them. Nothing is expanded.
fn parse(text: &str) -> Result<BTreeMap<String, String>, (usize, String)> {
    let mut variables = BTreeMap::new();
    for (number, line) in text.lines().enumerate() {
        let refused = |what: &str| (number + 1, what.to_owned());
        let line = line.trim_start_matches('\u{feff}').trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let line = line.strip_prefix("export ").unwrap_or(line);
        let (name, value) = line.split_once('=').ok_or_else(|| refused("there is no ="))?;
        let name = name.trim();
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-')) {
            return Err(refused("that is no name of a variable"));
        }
        variables.insert(name.to_owned(), self::value(value.trim_start()).ok_or_else(|| refused("the quote is not closed"))?);
    }
    Ok(variables)
}

fn value(text: &str) -> Option<String> {
    let Some(quote) = text.chars().next().filter(|c| matches!(c, '"' | '\'')) else {
        // A # that follows a space begins a comment; one within a word (a password's) does not.
        let end = text.char_indices().find(|&(at, c)| c == '#' && (at == 0 || text[..at].ends_with(char::is_whitespace)));
        return Some(text[..end.map_or(text.len(), |(at, _)| at)].trim_end().to_owned());
    };
    let (mut value, mut escaped) = (String::new(), false);
    for c in text.chars().skip(1) {
        match c {
            _ if escaped => {
                value.push(if c == 'n' { '\n' } else { c });
                escaped = false;
            }
            '\\' if quote == '"' => escaped = true,
            c if c == quote => return Some(value),
            c => value.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_predecessors_env_file_is_read_as_it_is() {
        let text = "\u{feff}# Backup\nBACKUP_ENABLED=true  # on\nexport BACKUP_SCHEDULE=\"0 2 * * *\"   # Daily at 2 AM (cron format)\n\
                    BACKUP_RETENTION_DAYS=30\r\nPASSWORD=a#b c\nQUOTED='it # is'\nEMPTY=\nESCAPED=\"a \\\"b\\\" \\\\ c\"\nURL=postgresql://u:p=1@h/d#x\n";
        let read = parse(text).unwrap();
        let expected = [
            ("BACKUP_ENABLED", "true"),
            ("BACKUP_SCHEDULE", "0 2 * * *"),
            ("BACKUP_RETENTION_DAYS", "30"),
            ("PASSWORD", "a#b c"),
            ("QUOTED", "it # is"),
            ("EMPTY", ""),
            ("ESCAPED", "a \"b\" \\ c"),
            ("URL", "postgresql://u:p=1@h/d#x"),
        ];
        for (name, value) in expected {
            assert_eq!(read[name], value, "{name}");
        }
        assert_eq!(read.len(), expected.len());
        for (text, line) in [("A=1\nthat is it", 2), ("A B=1", 1), ("=1", 1), ("\nA=\"open", 2)] {
            assert_eq!(parse(text).unwrap_err().0, line, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_quoted_comes_back(value in "[^\\x00-\\x1f]{0,40}") {
            let quoted = format!("A=\"{}\" # \"", value.replace('\\', "\\\\").replace('"', "\\\""));
            prop_assert_eq!(&parse(&quoted).unwrap()["A"], &value);
        }
    }
}
