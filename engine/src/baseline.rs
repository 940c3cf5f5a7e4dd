//! What a new backup is compared with: the newest good one before it, or what a restore put in the database's place since; where neither is
//! there, what is still known of the newest other one, whatever became of its archive. The comparison itself is `model::anomaly`'s.

use keepstone_model::{
    anomaly::{Changes, Content, LossPolicy, compare, compare_rows},
    backup::{Backup, Encryption, Verdict},
    coverage::Coverage,
    id::{BackupId, DatabaseId, Kind},
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
    /// There are backups before it, and of none is it known what the database held.
    Nothing,
}

enum StandIn {
    /// Nothing was ever backed up.
    None,
    Backup(Box<Backup>),
    /// The newest of those that say nothing.
    Unknown(BackupId),
}

impl Baseline {
    /// None where there is nothing to compare with yet.
    pub(crate) fn of(vault: &Vault, database: &DatabaseId, monitor: &dyn Monitor) -> Result<Option<Self>> {
        committed::settle_open(vault, database)?;
        let newest_good = vault.catalog().newest_good(database, None)?;
        let restores = vault.catalog().restores_of(database)?;
        let restored = restores.iter().find_map(|(number, row)| Some((*number, row, replacing_report(row)?)));
        let backup = match (newest_good, restored) {
            (None, None) => match Self::stand_in(vault, database)? {
                StandIn::None => return Ok(None),
                StandIn::Unknown(backup) => return Ok(Some(Self { backup, known: Known::Nothing })),
                StandIn::Backup(backup) => {
                    monitor.log(&format!("no good backup is there to compare with: what is known of {} stands in", backup.id));
                    *backup
                }
            },
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
        let known = match vault.open_backup(&backup) {
            Ok(archive) => Known::Tables(content(archive.metadata())),
            Err(error) => {
                monitor.log(&format!("{} cannot be compared with table by table: {error}", backup.id));
                Known::Rows(backup.total_records)
            }
        };
        Ok(Some(Self { backup: backup.id, known }))
    }

    /// Backups were made before, and none of them says what the database held: whether it lost anything nobody can tell.
    pub(crate) fn is_unknown(&self) -> bool {
        matches!(self.known, Known::Nothing)
    }

    /// Where no good backup is there: the newest of which it is known how much the database held. Its archive may be gone, damaged, in the trash or
    /// not to be opened: the counts were taken from the source. What was in doubt itself says nothing of what should be there.
    fn stand_in(vault: &Vault, database: &DatabaseId) -> Result<StandIn> {
        let mut unknown = None;
        for backup in vault.catalog().once_published(database)? {
            if backup.kind == Kind::Safety || backup.coverage == Coverage::Partial {
                continue;
            }
            // A catalog that was rebuilt without the password does not know what is in it.
            let is_sealed = backup.encryption == Encryption::Lost && backup.total_records == 0;
            if !is_sealed && backup.verdict() != Verdict::Suspect {
                return Ok(StandIn::Backup(Box::new(backup)));
            }
            unknown = unknown.or(Some(backup.id));
        }
        Ok(unknown.map_or(StandIn::None, StandIn::Unknown))
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
            Known::Rows(before) => compare_rows(*before, facts.total_records(), policy),
            Known::Nothing => Changes::default(),
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

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may stop at once")]
mod tests;
