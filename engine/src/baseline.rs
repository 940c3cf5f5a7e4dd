//! What a new backup is compared with: the newest good one before it, or what a restore put in the database's place since. The comparison
//! itself is `model::anomaly`'s.

use keepstone_model::{
    anomaly::{Changes, Content, LossPolicy, compare},
    backup::{Backup, BackupState},
    human,
    id::{BackupId, DatabaseId},
    metadata::Metadata,
};

use crate::{
    Monitor, Result, Vault,
    catalog::JobRow,
    image::ImageFacts,
    restore::{committed, replacing_report},
};

/// The moment that is compared with.
#[derive(Debug)]
pub(crate) struct Baseline {
    pub(crate) backup: BackupId,
    known: Known,
}

#[derive(Debug)]
enum Known {
    Tables(Content),
    /// Its archive cannot be read just now: the catalog's total is all that is known.
    Rows(u64),
}

impl Baseline {
    /// None where there is nothing to compare with yet.
    pub(crate) fn of(vault: &Vault, database: &DatabaseId, monitor: &dyn Monitor) -> Result<Option<Self>> {
        committed::settle_open(vault, database)?;
        let newest_good = vault.catalog().newest_good(database, None)?;
        let restores = vault.catalog().restores_of(database)?;
        let restored = restores.iter().find_map(|(number, row)| Some((*number, row, replacing_report(row)?)));
        let backup = match (newest_good, restored) {
            (None, None) => return Ok(None),
            (Some(good), None) => good,
            (good, Some((number, row, report))) => match good {
                Some(good) if is_newer(vault, &good, number, row)? => good,
                // What was put in its place is what it held then, whatever that backup is worth.
                _ => match vault.catalog().get_backup(&report.backup)? {
                    Some(backup) => backup,
                    None => return Ok(None),
                },
            },
        };
        let path = if backup.state == BackupState::Trashed { vault.trash_path(&backup.id) } else { vault.archive_path(&backup.id) };
        let known = match vault.open_archive(&path) {
            Ok(archive) => Known::Tables(content(archive.metadata())),
            Err(error) => {
                monitor.log(&format!("{} cannot be compared with table by table: {error}", backup.id));
                Known::Rows(backup.total_records)
            }
        };
        Ok(Some(Self { backup: backup.id, known }))
    }

    /// What became of the database since. A damaged one is not compared: what cannot be read of it would look lost.
    pub(crate) fn compare(&self, facts: &ImageFacts, policy: &LossPolicy) -> Changes {
        if facts.suspect.is_some() {
            return Changes::default();
        }
        match &self.known {
            Known::Tables(before) => {
                let now = Content {
                    tables: facts.schema.clone(),
                    size_bytes: facts.size_bytes,
                    migration_version: facts.migration_version.clone(),
                };
                compare(before, &now, policy)
            }
            Known::Rows(before) if *before > 0 && facts.total_records() == 0 && policy.share_percent.is_some() => {
                Changes { loss: Some(format!("the database is empty, it had {} rows", human::count(*before))), ..Changes::default() }
            }
            Known::Rows(_) => Changes::default(),
        }
    }
}

/// Whether a backup was taken after a restore. By the order of their jobs; one whose job is not known goes by the clock.
fn is_newer(vault: &Vault, good: &Backup, restore_number: i64, restore: &JobRow) -> Result<bool> {
    let number = good.job.as_ref().map(|job| vault.catalog().number_of_job(job)).transpose()?.flatten();
    Ok(match number {
        Some(number) => number > restore_number,
        None => restore.job.finished_at.is_none_or(|at| good.created_at > at),
    })
}

fn content(metadata: &Metadata) -> Content {
    Content { tables: metadata.schema.clone(), size_bytes: metadata.original_size, migration_version: metadata.migration_version.clone() }
}
