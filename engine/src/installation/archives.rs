//! The archives in the folders beside what the catalog knows of them, and the link to the newest good one.

use std::{fs, path::Path};

use keepstone_model::{
    backup::{Backup, BackupState},
    database::Database,
    human,
    id::{BackupId, Kind},
};

use super::{Findings, Severity};
use crate::{
    Result, Vault,
    archive::Archive,
    databases::{
        self,
        strays::{self, Below, Verdict},
    },
    identity,
    notes::{self, follow::Compared},
};

/// The catalog beside the folder, both ways.
pub(super) fn archives(vault: &Vault, database: &Database, of: &[Backup], found: &mut Findings) {
    let id = &database.id;
    let before = found.0.len();
    let missing: Vec<&BackupId> = of.iter().filter(|backup| backup.state == BackupState::Missing).map(|backup| &backup.id).collect();
    if let Some(first) = missing.first() {
        let message = match missing.len() {
            1 => format!("{id}: the archive {first} is missing"),
            count => format!("{id}: {count} archives are missing, e.g. {first}"),
        };
        found.add("archives", Severity::Failed, message, "Put the files back, or delete those backups.", 3);
    }
    let (mut unknown, mut foreign, mut unreadable) = (Vec::new(), Vec::new(), Vec::new());
    let (mut exchanged, mut misnamed) = (Vec::new(), Vec::new());
    for kind in Kind::ALL {
        for entry in fs::read_dir(vault.database_dir(id).join(kind.as_str())).into_iter().flatten().flatten() {
            let path = entry.path();
            let name = entry.file_name().to_string_lossy().into_owned();
            let archive = name.strip_suffix(".zip").and_then(|stem| stem.parse::<BackupId>().ok());
            let Some(archive) = archive.filter(|archive| path == vault.archive_path(archive)) else { continue };
            let opened = Archive::open(&path);
            if let Some(backup) = of.iter().find(|backup| backup.id == archive) {
                // What does not open is a matter of `verify`.
                let why = opened.ok().and_then(|opened| identity::another(backup, opened.metadata()));
                exchanged.extend(why.map(|why| format!("{name}: {why}")));
                continue;
            }
            match opened {
                Ok(opened) if opened.metadata().backup_id != archive => {
                    misnamed.push(format!("{name}: it is the archive of {}", opened.metadata().backup_id));
                }
                Ok(opened) if opened.metadata().database_uid != database.uid => foreign.push(name),
                Ok(_) => unknown.push(name),
                Err(_) => unreadable.push(name),
            }
        }
    }
    strays(vault, strays::of_database(vault, id), Some(database), found);
    notes(vault, database, of, found);
    let has_archives = of.iter().any(|backup| backup.state == BackupState::Complete);
    if has_archives && !databases::is_folder_of(vault.backups_dir(), database) {
        let message = format!("{id}: database.json in its folder is lost, damaged, or another database's");
        let remedy = format!(
            "Move away what is there under that name; the next `keepstone create {id}` writes it anew. A rebuilt catalog takes its settings from it."
        );
        found.add("archives", Severity::Warning, message, remedy, 1);
    }
    let mut tell = |names: &[String], severity, what: &str, remedy: &str, exit| {
        if let Some(first) = names.first() {
            found.add("archives", severity, format!("{id}: {} {what}, e.g. {first}", names.len()), remedy, exit);
        }
    };
    tell(
        &exchanged,
        Severity::Failed,
        "files are not the archives of their names",
        "Nothing is restored from them. Put the right files back under those names, then `keepstone verify` these backups.",
        4,
    );
    tell(
        &misnamed,
        Severity::Failed,
        "archives bear the name of another backup, and are not in the catalog",
        "Call each by its own id and .zip, in the folder of its kind; then stop every keepstone and `keepstone catalog rebuild` takes them up.",
        1,
    );
    let rebuild = "Stop every keepstone, then `keepstone catalog rebuild` takes them up.";
    tell(&unknown, Severity::Warning, "archives are not in the catalog", rebuild, 1);
    tell(
        &foreign,
        Severity::Warning,
        "archives are of another database",
        "They are left alone: `keepstone restore --path FILE` restores one; move them away if nobody needs them here.",
        1,
    );
    tell(
        &unreadable,
        Severity::Failed,
        "archives are not in the catalog and cannot be read",
        "Keep them aside; they may come from a failing disk.",
        4,
    );
    if found.0.len() == before {
        let complete = of.iter().filter(|backup| backup.state == BackupState::Complete).count();
        found.well("archives", format!("{id}: catalog and folder agree on {complete}"));
    }
}

/// What lies elsewhere than where it belongs: what a rebuild would do with it.
pub(super) fn strays(vault: &Vault, below: Below, of: Option<&Database>, found: &mut Findings) {
    let who = of.map_or_else(|| vault.backups_dir().display().to_string(), |of| of.id.to_string());
    let mut belong = Vec::new();
    for stray in &below.strays {
        let place = stray.place(vault);
        match stray.verdict(vault, of) {
            Verdict::Belongs => belong.push(place),
            Verdict::Stays(why) => {
                let message = format!("{who}: {place} is not where the archive of that name belongs");
                found.add("archives", Severity::Warning, message, sentence(&why), 1);
            }
            Verdict::Unreadable(why) => {
                let message = format!("{who}: {place} is not where the archive of that name belongs, and cannot be read");
                found.add("archives", Severity::Warning, message, sentence(&why), 1);
            }
        }
    }
    if let Some(first) = belong.first() {
        let message = match belong.len() {
            1 => format!("{who}: an archive does not lie where it belongs, and is not in the catalog: {first}"),
            count => format!("{who}: {count} archives do not lie where they belong, and are not in the catalog, e.g. {first}"),
        };
        let remedy = "Stop every keepstone, then `keepstone catalog rebuild` moves them into their place and takes them up.";
        found.add("archives", Severity::Failed, message, remedy, 1);
    }
    for unread in below.unread {
        found.add(
            "archives",
            Severity::Warning,
            format!("{who}: {unread}"),
            "What lies there is not known: let this user look into it.",
            1,
        );
    }
}

fn sentence(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| format!("{}{}.", first.to_uppercase(), letters.as_str()))
}

/// The notes of all that are there or can be put back: without them it is not known what is pinned, and where the catalog says otherwise they win.
fn notes(vault: &Vault, database: &Database, of: &[Backup], found: &mut Findings) {
    let id = &database.id;
    let (mut unreadable, mut lost, mut unknown, mut pinned) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for backup in of.iter().filter(|backup| matches!(backup.state, BackupState::Complete | BackupState::Trashed)) {
        match notes::follow::compare(vault, backup) {
            Ok(Compared::Agree) => {}
            Ok(Compared::Lost) => lost.push(&backup.id),
            Ok(Compared::Unknown(what)) => unknown.push(format!("{} ({what})", backup.id)),
            Ok(Compared::PinnedByRowAlone) => pinned.push(&backup.id),
            Err(error) => unreadable.push(error),
        }
    }
    if let Some(first) = unreadable.first() {
        let message = match unreadable.len() {
            1 => format!("{id}: {first}"),
            count => format!("{id}: {count} notes beside archives cannot be read, e.g. {first}"),
        };
        let remedy = first.hint().unwrap_or_else(|| "Look into the system's log: the disk may say more.".to_owned());
        found.add("archives", Severity::Warning, message, remedy, 1);
    }
    if let Some(first) = lost.first() {
        let (message, way) = match lost.len() {
            1 => (format!("{id}: the notes beside {first} are gone"), format!("`keepstone verify {first}`")),
            count => {
                (format!("{id}: the notes beside {count} archives are gone, e.g. {first}"), format!("`keepstone verify --all --db {id}`"))
            }
        };
        let message = format!("{message}; what they said is in the catalog only, and until they are there again no cleanup removes it");
        found.add("archives", Severity::Warning, message, format!("{way} writes them anew, with what the catalog knows."), 1);
    }
    if let Some(first) = unknown.first() {
        let message = match unknown.len() {
            1 => format!("{id}: the catalog does not know what the notes of a backup say: {first}"),
            count => format!("{id}: the catalog does not know what the notes of {count} backups say, e.g. {first}"),
        };
        let remedy = "It is an older copy, and the notes win: the next start of `keepstone serve` or `keepstone scheduler`, and every cleanup, brings it in line.";
        found.add("archives", Severity::Warning, message, remedy, 1);
    }
    if let Some(first) = pinned.first() {
        let count = human::counted(pinned.len(), "backup");
        let message = format!(
            "{id}: {count} the catalog calls pinned and the notes do not, e.g. {first}; until somebody says so no cleanup removes them"
        );
        let remedy = format!("`keepstone pin {first}` or `keepstone unpin {first}` says it to both.");
        found.add("archives", Severity::Warning, message, remedy, 1);
    }
}

pub(super) fn latest_link(vault: &Vault, database: &Database, found: &mut Findings) -> Result<()> {
    let id = &database.id;
    let link = vault.latest_link(id);
    let points_to = fs::read_link(&link).ok();
    let newest = vault.catalog().newest_good(id, None)?;
    let wanted = newest.map(|backup| Path::new(backup.kind.as_str()).join(format!("{}.zip", backup.id)));
    if points_to == wanted {
        found.well(
            "latest",
            match wanted {
                Some(_) => format!("{id}: latest.zip is the newest good backup"),
                None => format!("{id}: no good backup, and no latest.zip"),
            },
        );
    } else if link.symlink_metadata().is_ok_and(|meta| !meta.is_symlink()) {
        let message = format!("{} is not the link that Keepstone makes", link.display());
        found.add("latest", Severity::Warning, message, "Move it away; the next backup makes the link.", 1);
    } else {
        let message = format!("{id}: latest.zip does not point to the newest good backup");
        found.add("latest", Severity::Warning, message, format!("The next backup mends it: `keepstone create {id}`."), 1);
    }
    Ok(())
}
