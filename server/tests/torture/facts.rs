//! What can be seen of a vault and its databases from outside, in words: the same before and after, whatever became of what is in between.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use keepstone_engine::{
    Silent, Vault,
    archive::Archive,
    backups::{self, BackupFilter},
    delete,
    keys::{Password, Passwords},
    model::{
        backup::{Backup, BackupState, Verdict},
        job::Step,
    },
    restore,
    vault::{OpenMode, VaultOptions},
};
use sha2::{Digest, Sha256};

use crate::support::{Host, content};

pub(crate) const DATABASES: [&str; 2] = ["shop.db", "books.db"];
/// What the scenes encrypt with, and change to.
pub(crate) const PASSWORDS: [&str; 2] = ["correct horse battery staple", "battery staple horse correct"];

/// Each by what it is a fact of. What is not there has none.
pub(crate) type Facts = BTreeMap<String, String>;

pub(crate) fn vault(host: &Host) -> Vault {
    let options = VaultOptions { data: host.path("keepstone-data"), backups: None, mode: OpenMode::Existing };
    Vault::open(&options).unwrap()
}

/// Those in the trash too.
pub(crate) fn all_backups(vault: &Vault) -> Vec<Backup> {
    let mut all = backups::list(vault, &BackupFilter::default()).unwrap().backups;
    all.extend(delete::trash(vault).unwrap());
    all
}

pub(crate) fn is_there(backup: &Backup) -> bool {
    matches!(backup.state, BackupState::Complete | BackupState::Trashed)
}

pub(crate) fn archive(host: &Host, backup: &Backup) -> PathBuf {
    let (database, kind, id) = (&backup.database, backup.kind.as_str(), &backup.id);
    host.path("keepstone-data/backups").join(match backup.state {
        BackupState::Trashed => format!(".trash/{id}.zip"),
        _ => format!("{database}/{kind}/{id}.zip"),
    })
}

/// To the last hash.
pub(crate) fn is_whole(vault: &Vault, path: &Path) -> Result<(), String> {
    let mut archive = Archive::open(path).map_err(|error| error.to_string())?;
    if archive.metadata().encrypted {
        archive.unlock(&vault.keys().passwords()).map_err(|error| error.to_string())?;
    }
    archive.extract(&mut std::io::sink(), path, Step::Verify, &Silent).map_err(|error| error.to_string())
}

/// What a database holds, also where it is none.
fn held(path: &Path) -> String {
    match fs::read(path) {
        Err(_) => "nothing".to_owned(),
        Ok(bytes) if bytes.starts_with(b"SQLite format 3") => {
            std::panic::catch_unwind(|| content(path)).unwrap_or_else(|_| "damage".to_owned())
        }
        Ok(bytes) => format!("no database: {}", hex(&Sha256::digest(bytes))),
    }
}

/// Everything that must be as it was or as the verb makes it. `before`: the backups that were there then.
pub(crate) fn facts(host: &Host, vault: &Vault, backups: &[Backup], before: &[Backup]) -> Facts {
    let mut facts: Facts = DATABASES.iter().map(|database| ((*database).to_owned(), held(&host.path(database)))).collect();
    for backup in backups.iter().filter(|backup| is_there(backup)) {
        let Some(old) = before.iter().find(|old| old.id == backup.id) else {
            let held = held_by(host, vault, backup);
            // One that was published and whose proof was not written down is proven again by whoever runs the jobs.
            let verdict = if backup.verdict() == Verdict::Unproven { Verdict::Good } else { backup.verdict() };
            let told = format!("{held}, {:?}, pinned {}, {}; ", backup.state, backup.pinned, verdict.as_str());
            facts.entry(format!("new {} {}", backup.database, backup.kind.as_str())).or_default().push_str(&told);
            continue;
        };
        let mut note = |what: &str, fact: String| drop(facts.insert(format!("{}{what}", backup.id), fact));
        note("", backup.state.as_str().to_owned());
        note(" pinned", backup.pinned.to_string());
        note(" holds", backup.holds().to_string());
        note(" good", backup.proof.as_ref().is_none_or(|proof| !proof.failed()).to_string());
        note(" proof", if backup.proof == old.proof { "the same" } else { "newer" }.to_owned());
        if Archive::open(&archive(host, backup)).is_ok_and(|archive| archive.metadata().encrypted) {
            note(" opens", opens_by(&archive(host, backup)));
        }
    }
    if host.path("new.sqlite").exists() {
        facts.insert("new.sqlite".to_owned(), held(&host.path("new.sqlite")));
    }
    // The first line has the time in it.
    if let Ok(sql) = fs::read_to_string(host.path("out.sql")) {
        let rest = sql.split_once('\n').map_or("", |(_, rest)| rest);
        facts.insert("out.sql".to_owned(), hex(&Sha256::digest(rest)));
    }
    facts
}

/// What an archive gives back.
fn held_by(host: &Host, vault: &Vault, backup: &Backup) -> String {
    let scratch = tempfile::tempdir_in(host.path("").parent().unwrap()).unwrap();
    let path = scratch.path().join("held.sqlite");
    match restore::restore_file(&archive(host, backup), &vault.keys().passwords(), &path, &Silent) {
        Ok(_) => held(&path),
        Err(error) => format!("not restorable: {error}"),
    }
}

fn opens_by(path: &Path) -> String {
    let opens = |text: &&&str| Archive::open(path).unwrap().unlock(&Passwords::of([Password::new(**text)])).is_ok();
    PASSWORDS.iter().filter(opens).copied().collect::<Vec<_>>().join(", ")
}

/// Every file below a folder; links are none.
pub(crate) fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() && !path.is_symlink() { files.extend(files_below(&path)) } else { files.push(path) }
    }
    files
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}
