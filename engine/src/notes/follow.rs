//! The rows of the catalog follow the notes. A catalog that was put back from an older copy does not know what was noted since: what is pinned, in doubt, or
//! was found damaged. The notes win, and the catalog is brought in line with them.

use std::slice;

use jiff::Timestamp;
use keepstone_model::{
    backup::{Backup, BackupState, Proof},
    event::EventResult,
    human,
    id::DatabaseId,
};

use super::{Notes, read, read_if_there};
use crate::{Result, Vault, activity::NewEvent, databases, delete};

/// How many backups an event names.
const NAMED: usize = 5;

/// How far notes are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Depth {
    /// What stands in them in clear: what is pinned, in doubt or failed. No archive is opened for it.
    Readable,
    /// What is sealed, too, where a known password opens it.
    Sealed,
}

/// Everything, where this file is not the one that was last brought in line: it was put back, moved, or made anew. Cheap where it is.
pub(crate) fn after_put_back(vault: &Vault) -> Result<()> {
    let file = vault.catalog().file_identity()?;
    if vault.catalog().notes_followed_by()?.as_ref() == Some(&file) {
        return Ok(());
    }
    for database in vault.catalog().databases()? {
        of_database(vault, &database.id, Depth::Sealed)?;
    }
    vault.catalog().set_notes_followed_by(&file)
}

/// The same whatever file it is, by what can be read in clear; one database that cannot be brought in line keeps no other from it.
pub(crate) fn all(vault: &Vault) -> Result<()> {
    for database in vault.catalog().databases()? {
        if let Err(error) = readable(vault, &database.id) {
            tracing::error!(database = %database.id, %error, "the catalog could not be brought in line with the notes");
        }
    }
    Ok(())
}

/// One database, by what can be read in clear.
pub(crate) fn readable(vault: &Vault, database: &DatabaseId) -> Result<()> {
    of_database(vault, database, Depth::Readable)
}

fn of_database(vault: &Vault, database: &DatabaseId, depth: Depth) -> Result<()> {
    let mut rows = vault.catalog().backups_of(database)?;
    rows.retain(|row| is_behind(vault, row, depth));
    if rows.is_empty() {
        return Ok(());
    }
    let _guard = delete::lock_trash(vault)?;
    these(vault, &rows).map(drop)
}

/// These rows of one database, one at least, once more under the lock of the trash, which the caller holds: nobody pins, acknowledges or deletes meanwhile. Whether any was
/// behind its notes.
fn these(vault: &Vault, rows: &[Backup]) -> Result<bool> {
    let Some(database) = rows.first().map(|row| row.database.clone()) else { return Ok(false) };
    let (mut changes, mut words) = (Vec::new(), Vec::new());
    for row in rows {
        let Some(row) = vault.catalog().get_backup(&row.id)?.filter(has_notes) else { continue };
        let Ok(notes) = read(vault, &row.id) else { continue };
        let after = followed(&row, &notes);
        if after != row {
            words.push(format!("{} ({})", row.id, difference(&row, &after)));
            changes.push((row.id, notes));
        }
    }
    if changes.is_empty() {
        return Ok(false);
    }
    let more = words.len().saturating_sub(NAMED);
    words.truncate(NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let message = format!(
        "the notes of {} of {database} say what the catalog did not know, and now does: {}{more}",
        human::counted(changes.len(), "backup"),
        words.join(", ")
    );
    let event = NewEvent {
        actor: "recovery",
        action: "catalog.followed",
        result: EventResult::Warning,
        database: Some(database.clone()),
        backup: None,
        job: None,
        message,
    };
    tracing::warn!(%database, "{}", event.message);
    vault.catalog().change_backups_and_record(&changes, &event, Timestamp::now(), |backup, notes| *backup = followed(backup, notes))?;
    databases::update_latest_link(vault, &database)?;
    Ok(true)
}

/// The same for one, by whoever holds the lock of the trash. Notes that cannot be read change nothing.
pub(crate) fn one(vault: &Vault, row: &Backup) -> Result<bool> {
    if is_behind(vault, row, Depth::Readable) { these(vault, slice::from_ref(row)) } else { Ok(false) }
}

/// The row as its notes have it, by what can be read of them in clear; the catalog stays as it is. None: it has lost its notes, and what they said.
pub(crate) fn as_noted(vault: &Vault, row: &Backup) -> Result<Option<Backup>> {
    if !has_notes(row) {
        return Ok(Some(row.clone()));
    }
    Ok(read_if_there(vault, &row.id)?.map(|notes| followed(row, &notes)))
}

fn is_behind(vault: &Vault, row: &Backup, depth: Depth) -> bool {
    if !has_notes(row) {
        return false;
    }
    let notes = match read_if_there(vault, &row.id) {
        Ok(Some(notes)) if notes.is_locked() && depth == Depth::Sealed => read(vault, &row.id),
        Ok(Some(notes)) => Ok(notes),
        Ok(None) => return false,
        Err(error) => Err(error),
    };
    notes.is_ok_and(|notes| followed(row, &notes) != *row)
}

/// Of the others the archive's place says what they are, or their job.
fn has_notes(row: &Backup) -> bool {
    matches!(row.state, BackupState::Complete | BackupState::Missing)
}

/// The row where its notes win. They take no pin away: that they do not know of one may be for want of them.
fn followed(row: &Backup, notes: &Notes) -> Backup {
    let mut row = row.clone();
    row.pinned |= notes.pinned;
    if let Some(description) = &notes.description {
        row.description.clone_from(description);
    }
    if let Some(tags) = &notes.tags {
        row.tags.clone_from(tags);
    }
    // The row's own words may be those that are sealed here.
    if row.suspect.is_none() && notes.suspect.is_some() {
        row.suspect.clone_from(&notes.suspect);
        row.suspect_cause = Some(notes.suspect_cause);
    }
    if row.acknowledged.is_none() {
        row.acknowledged.clone_from(&notes.acknowledged);
    }
    if let Some(proof) = Proof::standing(&notes.proofs).filter(|proof| overrules(proof, row.proof.as_ref(), &notes.proofs)) {
        row.proof = Some(proof.clone());
    }
    row
}

/// Whether the proof that holds by the notes is news to the row. One that the notes do not know was made where they could not be written, or they have
/// forgotten it: then the later one holds. A row without a proof was given up on purpose, and gets none that passed.
fn overrules(noted: &Proof, row: Option<&Proof>, all: &[Proof]) -> bool {
    let Some(row) = row else { return noted.failed() };
    let is_known = all.iter().any(|proof| proof.checked_at == row.checked_at);
    noted.checked_at != row.checked_at && (is_known || noted.checked_at > row.checked_at)
}

fn difference(row: &Backup, after: &Backup) -> String {
    let failed = |backup: &Backup| backup.proof.as_ref().is_some_and(Proof::failed);
    let facts = [
        (row.pinned != after.pinned, "pinned"),
        (row.suspect != after.suspect, "suspect"),
        (row.acknowledged != after.acknowledged, "acknowledged"),
        (row.proof != after.proof, if failed(after) { "a check failed" } else { "checked since" }),
        (row.description != after.description, "its description"),
        (row.tags != after.tags, "its tags"),
    ];
    facts.iter().filter(|(differs, _)| *differs).map(|(_, words)| *words).collect::<Vec<_>>().join(", ")
}

/// The row beside its notes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Compared {
    Agree,
    /// There are none, and there were: what they said is in the catalog only.
    Lost,
    /// What it does not know, in words.
    Unknown(String),
    /// The notes say that it is not pinned, or never said it.
    PinnedByRowAlone,
}

/// For the doctor: by what can be read in clear.
pub(crate) fn compare(vault: &Vault, row: &Backup) -> Result<Compared> {
    let there = read_if_there(vault, &row.id)?;
    if !has_notes(row) {
        return Ok(Compared::Agree);
    }
    let Some(notes) = there else { return Ok(Compared::Lost) };
    let after = followed(row, &notes);
    Ok(if after != *row {
        Compared::Unknown(difference(row, &after))
    } else if row.pinned && !notes.pinned {
        Compared::PinnedByRowAlone
    } else {
        Compared::Agree
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may stop at once")]
mod tests;
