//! `list --dir`: the archives in a folder, by what they say of themselves. Needs no vault and follows no links.

use std::path::{Path, PathBuf};

use keepstone_engine::{
    Error,
    archive::Archive,
    keys::{Password, Passwords},
    model::{
        human,
        id::{BackupId, Kind},
    },
};
use serde_json::json;

use super::{
    Context, Fault, password,
    table::{Cell, Table, Tone},
    words,
};

pub(crate) fn list(
    dir: &Path,
    database: Option<&str>,
    kind: Option<Kind>,
    state: Option<&str>,
    limit: Option<u64>,
    told: Vec<Password>,
    cx: &Context,
) -> Result<(), Fault> {
    if state.is_some() {
        return Err(Fault::usage("--state with --dir", "A folder knows no states: leave --state out, or list the vault."));
    }
    let mut files = Vec::new();
    archives(dir, &mut files)?;
    let passwords = &password::for_folder(dir, &files, told, cx)?;
    let mut found: Vec<(PathBuf, Result<Archive, Error>)> = files.into_iter().map(|path| (path.clone(), open(&path, passwords))).collect();
    found.retain(|(path, archive)| {
        // What cannot be read is shown by what its name says: a damaged archive must not vanish from a list.
        let named = path.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.parse::<BackupId>().ok());
        let (of, is) = match archive {
            Ok(archive) => (archive.metadata().database.to_string(), Some(archive.metadata().backup_type)),
            Err(_) => (named.as_ref().map(|id| id.database().to_string()).unwrap_or_default(), named.as_ref().map(BackupId::kind)),
        };
        // A zip that is neither named nor built as a backup is somebody else's file.
        (archive.is_ok() || named.is_some()) && database.is_none_or(|wanted| wanted == of) && kind.is_none_or(|wanted| is == Some(wanted))
    });
    found.sort_by_key(|(path, archive)| {
        std::cmp::Reverse((archive.as_ref().ok().map(|archive| archive.metadata().created_at), path.clone()))
    });
    found.truncate(limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX)));

    let mut table = Table::new(&["STATE", "ID", "TAKEN", ">SIZE", ">ARCHIVE", "FILE"]);
    for (path, archive) in &found {
        match archive {
            Ok(archive) => {
                let metadata = archive.metadata();
                cx.out.result(json!({ "path": path, "archive_size_bytes": archive.size_bytes(), "locked": archive.is_locked(), "metadata": metadata }));
                if cx.out.quiet {
                    cx.out.line(path.display());
                }
                table.row([
                    match &metadata.suspect {
                        Some(_) => Cell::toned("▲ suspect", Tone::Warn),
                        None if archive.is_locked() => "○ encrypted".into(),
                        None => "○ readable".into(),
                    },
                    metadata.backup_id.as_str().into(),
                    words::time(metadata.created_at).into(),
                    human::bytes(metadata.original_size).into(),
                    human::bytes(archive.size_bytes()).into(),
                    path.to_string_lossy().as_ref().into(),
                ]);
            }
            Err(error) => {
                let fault = json!({ "code": error.code(), "message": error.to_string() });
                cx.out.result(json!({ "path": path, "error": fault }));
                let dash: Cell = "–".into();
                let id = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
                let row = [Cell::toned(format!("✖ {}", error.code()), Tone::Bad), id.into(), dash.clone(), dash.clone(), dash];
                table.row(row.into_iter().chain([path.to_string_lossy().as_ref().into()]));
            }
        }
    }
    if table.is_empty() {
        cx.out.note(format_args!("no backups in {}", dir.display()));
    } else if !cx.out.quiet {
        table.print(&cx.out);
    }
    Ok(())
}

/// One that none of the passwords opens is listed by what anyone may read.
fn open(path: &Path, passwords: &Passwords) -> Result<Archive, Error> {
    let mut archive = Archive::open(path)?;
    match archive.unlock(passwords) {
        Err(error) if !matches!(error, Error::WrongPassword { .. }) => Err(error),
        _ => Ok(archive),
    }
}

/// Every .zip below a folder but those in hidden folders (staging and trash).
fn archives(dir: &Path, files: &mut Vec<PathBuf>) -> Result<(), Fault> {
    for entry in std::fs::read_dir(dir).map_err(|error| not_readable(dir, error))? {
        let entry = entry.map_err(|error| Error::io(dir, error))?;
        let kind = entry.file_type().map_err(|error| Error::io(entry.path(), error))?;
        let hidden = entry.file_name().to_string_lossy().starts_with('.');
        if kind.is_dir() && !hidden {
            archives(&entry.path(), files)?;
        } else if kind.is_file() && entry.path().extension().is_some_and(|end| end == "zip") {
            files.push(entry.path());
        }
    }
    Ok(())
}

fn not_readable(dir: &Path, error: std::io::Error) -> Fault {
    if error.kind() == std::io::ErrorKind::NotFound {
        let message = format!("no folder {}", dir.display());
        return Fault::Here { code: "not_found", message, hint: Some("Check the path.".to_owned()), exit: 3 };
    }
    Error::io(dir, error).into()
}
