//! A look into an image before it is restored: what is found, and what becomes of a look that cannot be had.

use std::path::Path;

use keepstone_model::{job::Step, metadata::Metadata};

use crate::{
    Error, Monitor, Result,
    proof::differing_counts,
    sqlite::{is_of_a_limit, second_look::inspect_written},
};

/// What is made of damage that the image itself has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Damage {
    Refused,
    /// The backup is known to be of a damaged source, or is the state before a restore: whoever confirmed it gets it as it is.
    Told,
}

/// The image opens, and holds the rows it should; what is wrong with it comes back where that is to be told only. Bytes that the disk does not give
/// back are an I/O error, not damage of the backup.
pub(super) fn check_image(image: &Path, metadata: &Metadata, damage: Damage, monitor: &dyn Monitor) -> Result<Option<String>> {
    let report = inspect_written(image, &metadata.backup_hash, &metadata.table_counts, Step::Verify, monitor)?;
    // Both ways, as every check of it does: a table that nobody counted is none that was backed up.
    let counts = report.schema.as_ref().map(|schema| {
        let found = schema.iter().map(|(name, table)| (name.clone(), table.row_count)).collect();
        differing_counts(&found, &metadata.table_counts)
    });
    let found = match (&report.integrity, counts) {
        (Err(detail), _) | (Ok(()), Err(detail)) => detail.clone(),
        (Ok(()), Ok(differing)) if differing.is_empty() => return Ok(None),
        (Ok(()), Ok(differing)) => differing.join("; "),
    };
    match damage {
        Damage::Refused => Err(Error::VerificationFailed { id: metadata.backup_id.to_string(), detail: found }),
        Damage::Told => {
            monitor.log(&format!("the backup is of a damaged database, and is restored as it is: {found}"));
            Ok(Some(found))
        }
    }
}

/// What came of a check by SQLite.
#[derive(Debug, Default)]
pub(super) struct Checked {
    /// Of a backup that is restored as it is.
    pub(super) damage: Option<String>,
    /// Why there was none.
    pub(super) not_checked: Option<String>,
}

/// The same for a person's restore: what SQLite cannot check for its limits is no worse for that, and its bytes are compared with the backup's all the
/// same. Not what takes so long that no sound database does, unless it is the state before a restore.
pub(super) fn check_if_it_can_be(image: &Path, metadata: &Metadata, damage: Damage, monitor: &dyn Monitor) -> Result<Checked> {
    match check_image(image, metadata, damage, monitor) {
        Ok(damage) => Ok(Checked { damage, ..Checked::default() }),
        Err(error) if is_of_a_limit(&error) || (damage == Damage::Told && matches!(error, Error::CheckTooLong { .. })) => {
            let why = format!("SQLite could not check it ({error}), so only its bytes were compared with the backup's");
            monitor.log(&why);
            Ok(Checked { not_checked: Some(why), ..Checked::default() })
        }
        Err(error) => Err(error),
    }
}
