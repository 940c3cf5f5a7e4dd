//! An archive of Keepstone that is imported: all that it and the notes beside it say, once a password opened it. What a look without a password tells of it
//! is `find`'s.

use std::{
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use keepstone_model::{
    backup::{Acknowledgement, SuspectCause},
    id::BackupId,
    import::{
        Sidecar,
        plan::{Adoption, labelled},
    },
    metadata::Metadata,
};

use crate::{Error, Result, archive::Archive, keys::Passwords, notes::Notes, take::doubt};

/// The notes beside an archive.
pub(super) enum Beside {
    None,
    Read(Box<Notes>),
    /// They are there, and may say that it is pinned.
    Damaged,
}

pub(super) fn notes_beside(path: &Path, id: &BackupId) -> Result<Beside> {
    let Some(beside) = path.to_str().and_then(|path| path.strip_suffix(".zip")).map(|stem| PathBuf::from(format!("{stem}.notes.json")))
    else {
        return Ok(Beside::None);
    };
    let bytes = match fs::read(&beside) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Beside::None),
        // A pin that cannot be read is not one that is not there.
        Err(error) => return Err(Error::io(&beside, error)),
    };
    let notes = serde_json::from_slice::<Notes>(&bytes).ok().filter(|notes| notes.backup_id == *id);
    Ok(notes.map_or(Beside::Damaged, |notes| Beside::Read(Box::new(notes))))
}

/// What both say, as far as it can be read.
pub(super) fn sidecar(metadata: &Metadata, beside: &Beside) -> Sidecar {
    let said = match beside {
        Beside::Read(notes) => (notes.description.clone(), notes.tags.clone(), notes.pinned),
        Beside::None => (None, None, false),
        Beside::Damaged => (None, None, true),
    };
    Sidecar {
        description: Some(said.0.unwrap_or_else(|| metadata.description.clone())),
        tags: said.1.unwrap_or_else(|| metadata.tags.clone()),
        created_by: Some(metadata.created_by.clone()),
        checksum: Some(metadata.backup_hash.clone()),
        size_bytes: Some(metadata.original_size),
        table_counts: metadata.table_counts.clone(),
        pinned: said.2,
        ..Sidecar::default()
    }
}

/// One that is open.
pub(super) struct Own {
    pub(super) archive: Archive,
    pub(super) sidecar: Sidecar,
    /// Why it is in doubt there, and of which sort: it stays so here.
    pub(super) suspect: Option<(String, SuspectCause)>,
    pub(super) acknowledged: Option<Acknowledgement>,
    /// What a person should know, a sentence each.
    pub(super) notes: Vec<String>,
}

impl Own {
    /// `WrongPassword` if it is encrypted and none of these opens it.
    pub(super) fn open(path: &Path, passwords: &Passwords) -> Result<Self> {
        let archive = Archive::open_with(path, passwords)?;
        let metadata = archive.metadata();
        let beside = match (notes_beside(path, &metadata.backup_id)?, archive.data_key()) {
            (Beside::Read(notes), Some(key)) => Beside::Read(Box::new(notes.opened(key))),
            (beside, _) => beside,
        };
        let said = if let Beside::Read(notes) = &beside { Some(notes.as_ref()) } else { None };
        let (why, cause) = doubt(metadata, said);
        let suspect = why.zip(cause);
        let acknowledged = said.and_then(|notes| notes.acknowledged.clone());
        let mut notes = Vec::new();
        if matches!(beside, Beside::Damaged) {
            notes.push("its notes cannot be read, which may say that it is pinned: it is pinned here".to_owned());
        }
        if let Some((why, _)) = &suspect {
            notes.push(match &acknowledged {
                None => format!("it is suspect there, and stays so: {why}"),
                Some(word) => format!("it was suspect there, and {} took note of it: {why}", word.by),
            });
        }
        Ok(Self { sidecar: sidecar(metadata, &beside), suspect, acknowledged, notes, archive })
    }

    /// With what was sealed when the plan was made.
    pub(super) fn describe(&self, adoption: &mut Adoption) {
        (adoption.description, adoption.tags) = labelled(&self.sidecar);
        adoption.pinned = self.sidecar.pinned;
        if let Some((why, SuspectCause::Damage)) = &self.suspect {
            adoption.suspect.get_or_insert_with(|| why.clone());
        }
    }

    /// What its source had lost.
    pub(super) fn loss(&self) -> Option<String> {
        self.suspect.as_ref().filter(|(_, cause)| *cause == SuspectCause::Loss).map(|(why, _)| why.clone())
    }
}
