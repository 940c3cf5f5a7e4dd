//! Ack: a person takes note of a suspect backup, and it holds the older good ones no longer.

use jiff::Timestamp;
use keepstone_model::{
    backup::{Acknowledgement, Backup, BackupState, SuspectCause},
    event::EventResult,
    id::BackupId,
    validate,
};

use crate::{Error, Result, Vault, activity::NewEvent, backups, catalog::rounded, databases, delete, error::Mended, notes};

#[derive(Debug, Clone)]
pub struct AckOptions {
    pub backup: BackupId,
    /// Why it is all right, or what was done about it; may be empty.
    pub reason: String,
    /// Also every older one of which nobody has taken note.
    pub with_older: bool,
    pub actor: String,
}

#[derive(Debug, Clone)]
pub struct AckReport {
    pub backup: Backup,
    /// The ones that were acknowledged by this, the newest first; none if somebody had done so before.
    pub acknowledged: Vec<BackupId>,
    /// Suspect ones of the same database that still hold.
    pub still_holding: Vec<BackupId>,
}

/// Acknowledges a suspect backup, durably. One whose source lost something is a backup like others from then on, good if it is proven; one of a
/// damaged source never is. A second time changes nothing.
pub fn acknowledge(vault: &Vault, options: &AckOptions) -> Result<AckReport> {
    validate::description(&options.reason).map_err(|refusal| Error::Invalid { field: "reason", message: refusal.message })?;
    // Nobody deletes by what held until now, or holds by what is just being deleted.
    let _guard = delete::lock_trash(vault)?;
    let named = backups::backup(vault, &options.backup)?;
    if named.suspect.is_none() || !matches!(named.state, BackupState::Complete | BackupState::Missing) {
        return Err(Error::NotSuspect { id: named.id });
    }
    let all = vault.catalog().backups_of(&named.database)?;
    let meant = |backup: &&Backup| {
        let open = backup.acknowledged.is_none() && backup.suspect.is_some();
        open && (backup.id == named.id || options.with_older && backup.sequence < named.sequence && backup.holds())
    };
    let (mut now, mut acknowledged) = (named.clone(), Vec::new());
    for backup in all.iter().filter(meant) {
        let changed = acknowledge_one(vault, backup, options)?;
        acknowledged.push(changed.id.clone());
        if changed.id == named.id {
            now = changed;
        }
    }
    // Nothing is read again: it is done, and a fault of that would say otherwise.
    databases::update_latest_link(vault, &named.database)
        .map_err(Error::after(format!("{} was acknowledged", named.id), Mended::ByRepeating))?;
    let still = all.into_iter().filter(|backup| backup.holds() && !acknowledged.contains(&backup.id)).map(|backup| backup.id);
    let still_holding = still.collect();
    Ok(AckReport { backup: now, acknowledged, still_holding })
}

/// The notes first, which outlive the catalog. If the process dies before the row follows, the backup goes on holding, and a second ack
/// brings both in line.
fn acknowledge_one(vault: &Vault, backup: &Backup, options: &AckOptions) -> Result<Backup> {
    let id = &backup.id;
    let now = rounded(Timestamp::now());
    let word = Acknowledgement { at: now, by: options.actor.clone(), reason: options.reason.trim().to_owned() };
    notes::update(vault, id, |notes| {
        // The doubt may stand in the metadata only, of a process that died before it wrote notes.
        notes.suspect.clone_from(&backup.suspect);
        notes.suspect_cause = backup.suspect_cause.unwrap_or_default();
        notes.acknowledged = Some(word.clone());
    })?;
    let what = match backup.suspect_cause.unwrap_or_default() {
        SuspectCause::Damage => "it stays suspect, and holds no older one any more",
        SuspectCause::Loss => "it counts like any other now",
    };
    let why = if word.reason.is_empty() { String::new() } else { format!(" ({})", word.reason) };
    let event = NewEvent {
        actor: &options.actor,
        action: "backup.acknowledged",
        result: EventResult::Ok,
        database: Some(backup.database.clone()),
        backup: Some(id.clone()),
        job: None,
        message: format!("acknowledged {id}{why}: {what}"),
    };
    let written = vault.catalog().change_backup_and_record(id, &event, now, |backup| backup.acknowledged = Some(word.clone()));
    written.map_err(Error::after(format!("the notes of {id} have it"), Mended::ByRepeating))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may stop at once")]
mod tests;
