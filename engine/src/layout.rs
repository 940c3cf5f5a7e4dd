//! Where each file of a vault lies. Pure functions of ids: nothing here looks at the disk.

use std::path::{Path, PathBuf};

use keepstone_model::id::{BackupId, DatabaseId, JobId};

use crate::Vault;

/// What no id can be named, so that it never meets a database's folder (ids begin with a letter or a digit).
const TRASH: &str = ".trash";
pub(crate) const STAGING: &str = ".staging";
/// In the backups folder: the uids of the vaults that keep their archives there, one a line.
pub(crate) const VAULT_MARK: &str = ".keepstone-vault";
/// The uid and the settings of a database, in its folder.
pub(crate) const DATABASE_JSON: &str = "database.json";
/// What follows the id in the name of a backup's notes.
pub(crate) const NOTES: &str = ".notes.json";
/// The limits of jobs, in the data directory.
const LIMITS: &str = "limits.json";
/// The catalog's file, in the data directory.
pub(crate) const CATALOG: &str = "catalog.sqlite";

/// Where the catalog's own copies lie, in the data directory.
pub(crate) fn catalog_copies(data: &Path) -> PathBuf {
    data.join("catalog-copies")
}

/// Where a published archive lies in a backups folder.
pub(crate) fn archive_in(backups: &Path, id: &BackupId) -> PathBuf {
    backups.join(id.database().as_str()).join(id.kind().as_str()).join(format!("{id}.zip"))
}

impl Vault {
    /// The folder of everything that belongs to one database.
    pub(crate) fn database_dir(&self, database: &DatabaseId) -> PathBuf {
        self.backups_dir().join(database.as_str())
    }

    /// The uid and the settings of the database, beside its archives.
    pub(crate) fn database_json_path(&self, database: &DatabaseId) -> PathBuf {
        self.database_dir(database).join(DATABASE_JSON)
    }

    /// The flock that a job of this database holds while it runs.
    pub(crate) fn database_lock_path(&self, database: &DatabaseId) -> PathBuf {
        self.database_dir(database).join(".lock")
    }

    /// The link to the newest good archive.
    pub(crate) fn latest_link(&self, database: &DatabaseId) -> PathBuf {
        self.database_dir(database).join("latest.zip")
    }

    /// Where a published archive lies.
    pub(crate) fn archive_path(&self, id: &BackupId) -> PathBuf {
        archive_in(self.backups_dir(), id)
    }

    /// The mutable facts beside the archive; they stay there while the archive is in the trash.
    pub(crate) fn notes_path(&self, id: &BackupId) -> PathBuf {
        self.database_dir(&id.database()).join(id.kind().as_str()).join(format!("{id}{NOTES}"))
    }

    /// All trashes of a vault lie in one folder on the file system of the archives, so that a rename is enough.
    pub(crate) fn trash_dir(&self) -> PathBuf {
        self.backups_dir().join(TRASH)
    }

    pub(crate) fn trash_path(&self, id: &BackupId) -> PathBuf {
        self.trash_dir().join(format!("{id}.zip"))
    }

    /// What jobs write before it is published: on the file system of the archives, too.
    pub(crate) fn staging_root(&self) -> PathBuf {
        self.backups_dir().join(STAGING)
    }

    pub(crate) fn staging_dir(&self, job: &JobId) -> PathBuf {
        self.staging_root().join(job.as_str())
    }

    /// Where the console's restores into new files go.
    pub(crate) fn restored_dir(&self) -> PathBuf {
        self.data_dir().join("restored")
    }

    pub(crate) fn catalog_path(&self) -> PathBuf {
        self.data_dir().join(CATALOG)
    }

    /// What holds for all jobs, beside the catalog that may be lost.
    pub(crate) fn limits_path(&self) -> PathBuf {
        self.data_dir().join(LIMITS)
    }

    pub(crate) fn live_path(&self) -> PathBuf {
        self.data_dir().join("live.sqlite")
    }
}
