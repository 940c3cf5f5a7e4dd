//! Every fault of the engine: its code, what it says, what to do about it, and the exit code it leads to.

use std::path::{Path, PathBuf};

use keepstone_model::id::{BackupId, DatabaseId, JobId};

use crate::postgres::Fault;

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What sort of fault it is. Each sort has one exit code, see [`Kind::exit_code`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    Failed,
    Usage,
    NotFound,
    Corrupt,
    Busy,
    NoSpace,
    Refused,
    WrongPassword,
}

impl Kind {
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Failed => 1,
            Self::Usage => 2,
            Self::NotFound => 3,
            Self::Corrupt => 4,
            Self::Busy => 5,
            Self::NoSpace => 6,
            Self::Refused => 7,
            Self::WrongPassword => 8,
        }
    }
}

/// Who is at a database that stayed locked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LockedBy {
    /// It was not looked for.
    Unknown,
    /// e.g. "process 4711 (shop)".
    Processes(String),
    /// SQLite could not lock it all the time, and the system knows of no other's lock: to SQLite a lock call that fails is a lock of somebody.
    Nobody,
}

impl std::fmt::Display for LockedBy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unknown => f.write_str(" by another process"),
            Self::Processes(who) => write!(f, " by {who}"),
            Self::Nobody => f.write_str(" or cannot be locked: no other process that can be seen from here has a lock on it"),
        }
    }
}

/// How what was done and not written down comes to be written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mended {
    /// Where the archive lies is what counts, and the next start goes by it.
    AtNextStart,
    /// The notes beside the archive have it; saying it again brings the catalog in line.
    ByRepeating,
}

/// A fault, with the thing it is about. Messages are lower case, name the object, and have no full stop.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    // The source
    #[error("{} does not exist", .path.display())]
    SourceMissing { path: PathBuf },
    #[error("{} is empty (0 bytes)", .path.display())]
    SourceEmpty { path: PathBuf },
    #[error("{} is not a SQLite database", .path.display())]
    NotADatabase { path: PathBuf },
    #[error("the SQLite file format of {} is not known", .path.display())]
    SourceFormat { path: PathBuf },
    #[error("no permission to read {}", .path.display())]
    SourceUnreadable { path: PathBuf },
    #[error("{} is locked{by}", .path.display())]
    SourceBusy { path: PathBuf, waited_ms: u64, by: LockedBy },
    #[error("{} is in WAL mode in a folder that cannot be written, without its -shm file", .path.display())]
    SourceReadOnlyWal { path: PathBuf },
    #[error("{} was left in the middle of a transaction, and this user may not roll it back", .path.display())]
    SourceHotJournal { path: PathBuf },
    #[error("{} belongs to another user, and the files that SQLite makes beside it would be this one's", .path.display())]
    SourceForeignOwner { path: PathBuf, owner_uid: u32 },
    #[error("the snapshot of {} was given up after {elapsed_ms} ms: {reason}", .path.display())]
    SnapshotTooLong { path: PathBuf, elapsed_ms: u64, reason: String, setting: &'static str },
    #[error("{} was written to past SQLite's locks while it was read: {what}", .path.display())]
    SourceOverwritten { path: PathBuf, what: String },
    #[error("looking into {} took longer than {limit_s} s", .path.display())]
    CheckTooLong { path: PathBuf, limit_s: u64 },
    #[error("{} is damaged: {detail}", .path.display())]
    SourceCorrupt { path: PathBuf, detail: String },
    #[error("{what} is not supported yet")]
    Unsupported { what: String },

    // The vault
    #[error("no vault in {}", .path.display())]
    NoVault { path: PathBuf },
    #[error("{} is not empty and holds no vault", .path.display())]
    NotAVault { path: PathBuf },
    #[error("the vault in {} has format {found}, this version knows up to {known}", .path.display())]
    VaultTooNew { path: PathBuf, found: u32, known: u32 },
    #[error("the vault in {} belongs to {owner}, and this is {user}", .path.display())]
    NotVaultOwner { path: PathBuf, owner: String, user: String },
    #[error("{} is not the backups folder of the vault in {}: {reason}", .path.display(), .data.display())]
    BackupsFolder { path: PathBuf, data: PathBuf, reason: String },
    #[error("the catalog is damaged: {detail}")]
    CatalogDamaged { detail: String },
    #[error("{} is in use by another process", .path.display())]
    CatalogInUse { path: PathBuf },
    #[error("catalog: {0}")]
    Catalog(#[source] rusqlite::Error),

    // Names
    #[error("no database \"{id}\"")]
    UnknownDatabase { id: String },
    #[error("no backup \"{id}\"")]
    UnknownBackup { id: String },
    #[error("\"{prefix}\" fits {count} backups")]
    AmbiguousBackup { prefix: String, count: u64 },
    #[error("no job \"{id}\"")]
    UnknownJob { id: String },
    #[error("no table \"{name}\"")]
    UnknownTable { name: String },
    #[error("no schedule {number}")]
    UnknownSchedule { number: i64 },
    #[error("no user \"{name}\"")]
    UnknownUser { name: String },
    #[error("no token \"{name}\"")]
    UnknownToken { name: String },
    #[error("the idempotency key \"{key}\" was used for another request")]
    KeyReused { key: String },
    #[error("{what} \"{name}\" exists already")]
    AlreadyExists { what: &'static str, name: String },
    #[error("{field}: {message}")]
    Invalid { field: &'static str, message: String },

    // Archives
    #[error("the archive of {id} is missing: {}", .path.display())]
    ArchiveMissing { id: String, path: PathBuf },
    #[error("{} is damaged: {detail}", .path.display())]
    ArchiveCorrupt { path: PathBuf, detail: String },
    #[error("another file lies in the place of {id}: {}", .path.display())]
    PlaceTaken { id: BackupId, path: PathBuf },
    /// The archive beside them is as good as it was.
    #[error("the notes {} cannot be read: {detail}", .path.display())]
    NotesDamaged { id: BackupId, path: PathBuf, detail: String },
    #[error("{} has format {found}, this version knows up to {known}", .path.display())]
    ArchiveTooNew { path: PathBuf, found: u32, known: u32 },
    #[error("{} lies on another disk than the backups folder around it", .path.display())]
    OtherDisk { path: PathBuf },
    /// Nothing is known of what it holds: it may be the disk, a cable or a permission.
    #[error("the archive of backup {id} could not be read: {detail}")]
    ArchiveUnreadable { id: String, detail: String },
    #[error("backup {id} did not pass its checks: {detail}")]
    VerificationFailed { id: String, detail: String },

    // Keys
    #[error("{}", wrong_password(.path, *.tried))]
    WrongPassword { path: PathBuf, tried: usize },
    #[error("{what} asks for encryption, and there is no password")]
    NoEncryptionPassword { what: String },
    #[error("{what} asks that the safety backup be encrypted, and there is no password for it")]
    NoSafetyPassword { what: String },
    #[error("{reason}")]
    WeakPassword { reason: String },
    #[error("no key \"{id}\"")]
    UnknownKey { id: String },
    #[error("key {id} cannot be removed: {reason}")]
    KeyNeeded { id: String, reason: String },
    #[error("{} is damaged: {detail}", .path.display())]
    KeysDamaged { path: PathBuf, detail: String },
    #[error("another change of keys is running")]
    KeysBusy,

    // What other systems left
    #[error("{} cannot be imported: {reason}", .path.display())]
    NotImportable { path: PathBuf, code: &'static str, reason: String },

    // Acting
    #[error("database {database} is busy: {holder}")]
    DatabaseBusy { database: DatabaseId, holder: String },
    #[error("database {database} is open elsewhere: {holders}")]
    OpenElsewhere { database: DatabaseId, holders: String },
    #[error("{} exists already", .path.display())]
    TargetExists { path: PathBuf },
    #[error("{} cannot be used as a target: {reason}", .path.display())]
    TargetUnusable { path: PathBuf, reason: String },
    #[error("{what} is set by the {by} and changed only there")]
    Managed { what: String, by: String },
    #[error("{verb} not confirmed")]
    NotConfirmed { verb: &'static str },
    #[error("the plan does not fit any more: {reason}")]
    StalePlan { reason: String },
    #[error("database {database} is marked \"never replace\"")]
    NeverReplace { database: DatabaseId },
    #[error("{id} does not hold the whole database: {left_out}")]
    PartialBackup { id: BackupId, left_out: String },
    #[error("the new policy of {database} would remove {count} backups ({size}) at once")]
    PolicyRemovesMany { database: DatabaseId, count: u64, size: String },
    #[error("the policy of {database} would remove {count} backups at once, and nobody has confirmed it")]
    PolicyNotConfirmed { database: DatabaseId, count: u64 },
    #[error("backup {id} is not suspect")]
    NotSuspect { id: BackupId },
    #[error("backup {id} cannot be deleted: {reason}")]
    DeleteRefused { id: BackupId, reason: String },
    #[error("backup {id} cannot be converted: {reason}")]
    ConvertRefused { id: BackupId, reason: String },
    #[error("job {id} was cancelled")]
    Cancelled { id: JobId },
    #[error("cancelled")]
    CancelledHere,
    #[error("job {id} made no progress for {silent_secs} s")]
    JobHung { id: JobId, silent_secs: u64 },
    #[error("what was written does not equal the backup: {detail}")]
    RestoreMismatch { detail: String },
    #[error("{reason}")]
    UndoRefused { reason: String },

    /// The act is done and stays done; what follows from it could not be written down.
    #[error("{done}, and that could not be written down: {cause}")]
    NotNoted { done: String, mended: Mended, cause: Box<Self> },

    /// Something failed so late that the act is done, or may be.
    #[error("{what}: {cause}")]
    Unsure { what: String, cause: Box<Self> },

    // PostgreSQL
    #[error(transparent)]
    Postgres(Box<Fault>),

    // The machine
    #[error("no space left in {}", .path.display())]
    NoSpace { path: PathBuf },
    #[error("too little space in {}: {} stay free on the disk of the live database", .path.display(), keepstone_model::human::bytes(*.floor_bytes))]
    DiskFloor { path: PathBuf, floor_bytes: u64 },
    #[error("{}: {source}", .path.display())]
    Io { path: PathBuf, source: std::io::Error },
    #[error("SQLite: {0}")]
    Sqlite(#[source] rusqlite::Error),
    #[error("{0}")]
    Internal(String),
}

impl Error {
    /// An I/O fault at a path, told apart by its cause: a full disk and a missing permission have codes of their own.
    pub fn io(path: impl AsRef<Path>, source: std::io::Error) -> Self {
        let path = path.as_ref().to_owned();
        match source.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => Self::NoSpace { path },
            _ => Self::Io { path, source },
        }
    }

    /// For what fails after the act: it is done all the same.
    pub(crate) fn after(done: String, mended: Mended) -> impl FnOnce(Self) -> Self {
        move |cause| Self::NotNoted { done, mended, cause: Box::new(cause) }
    }

    /// Whether what failed is done all the same, or may be: nobody is to take it for undone.
    pub fn may_be_done(&self) -> bool {
        match self {
            Self::Unsure { .. } => true,
            Self::Postgres(fault) => matches!(**fault, Fault::CommitUnknown { .. }),
            _ => false,
        }
    }

    /// The stable name of this fault, e.g. `source_missing`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::SourceMissing { .. } => "source_missing",
            Self::SourceEmpty { .. } => "source_empty",
            Self::NotADatabase { .. } => "not_a_database",
            Self::SourceFormat { .. } => "source_format",
            Self::SourceUnreadable { .. } => "source_unreadable",
            Self::SourceBusy { .. } => "source_busy",
            Self::SourceReadOnlyWal { .. } => "source_read_only_wal",
            Self::SourceHotJournal { .. } => "source_hot_journal",
            Self::SourceForeignOwner { .. } => "source_foreign_owner",
            Self::SnapshotTooLong { .. } => "snapshot_too_long",
            Self::SourceOverwritten { .. } => "source_overwritten",
            Self::CheckTooLong { .. } => "check_too_long",
            Self::SourceCorrupt { .. } => "source_corrupt",
            Self::Unsupported { .. } => "unsupported",
            Self::NoVault { .. } => "no_vault",
            Self::NotAVault { .. } => "not_a_vault",
            Self::VaultTooNew { .. } => "vault_too_new",
            Self::NotVaultOwner { .. } => "not_vault_owner",
            Self::BackupsFolder { .. } => "backups_folder",
            Self::CatalogDamaged { .. } => "catalog_damaged",
            Self::CatalogInUse { .. } => "catalog_in_use",
            Self::Catalog(_) => "catalog_error",
            Self::UnknownDatabase { .. } => "unknown_database",
            Self::UnknownBackup { .. } => "unknown_backup",
            Self::AmbiguousBackup { .. } => "ambiguous_backup",
            Self::UnknownJob { .. } => "unknown_job",
            Self::UnknownTable { .. } => "unknown_table",
            Self::UnknownSchedule { .. } => "unknown_schedule",
            Self::UnknownUser { .. } => "unknown_user",
            Self::UnknownToken { .. } => "unknown_token",
            Self::KeyReused { .. } => "idempotency_key_reused",
            Self::AlreadyExists { .. } => "already_exists",
            Self::Invalid { .. } => "invalid",
            Self::ArchiveMissing { .. } => "archive_missing",
            Self::ArchiveCorrupt { .. } => "archive_corrupt",
            Self::PlaceTaken { .. } => "place_taken",
            Self::OtherDisk { .. } => "other_disk",
            Self::NotesDamaged { .. } => "notes_damaged",
            Self::ArchiveTooNew { .. } => "archive_too_new",
            Self::ArchiveUnreadable { .. } => "archive_unreadable",
            Self::VerificationFailed { .. } => "verification_failed",
            Self::WrongPassword { tried: 0, .. } => "password_needed",
            Self::WrongPassword { .. } => "wrong_password",
            Self::NotImportable { code, .. } => code,
            Self::NoEncryptionPassword { .. } | Self::NoSafetyPassword { .. } => "no_encryption_password",
            Self::WeakPassword { .. } => "weak_password",
            Self::UnknownKey { .. } => "unknown_key",
            Self::KeyNeeded { .. } => "key_needed",
            Self::KeysDamaged { .. } => "keys_damaged",
            Self::KeysBusy => "keys_busy",
            Self::DatabaseBusy { .. } => "database_busy",
            Self::OpenElsewhere { .. } => "open_elsewhere",
            Self::TargetExists { .. } => "target_exists",
            Self::TargetUnusable { .. } => "target_unusable",
            Self::Managed { .. } => "managed",
            Self::NotConfirmed { .. } => "not_confirmed",
            Self::StalePlan { .. } => "stale_plan",
            Self::NeverReplace { .. } => "never_replace",
            Self::PartialBackup { .. } => "partial_backup",
            Self::PolicyRemovesMany { .. } => "policy_removes_many",
            Self::PolicyNotConfirmed { .. } => "policy_not_confirmed",
            Self::NotSuspect { .. } => "not_suspect",
            Self::DeleteRefused { .. } => "delete_refused",
            Self::ConvertRefused { .. } => "convert_refused",
            Self::Cancelled { .. } | Self::CancelledHere => "cancelled",
            Self::JobHung { .. } => "job_hung",
            Self::RestoreMismatch { .. } => "restore_mismatch",
            Self::UndoRefused { .. } => "undo_refused",
            Self::NotNoted { .. } => "not_noted",
            Self::Unsure { .. } => "unsure",
            Self::Postgres(fault) => fault.code(),
            Self::NoSpace { .. } => "no_space",
            Self::DiskFloor { .. } => "disk_floor",
            Self::Io { .. } => "io_error",
            Self::Sqlite(_) => "sqlite_error",
            Self::Internal(_) => "internal_error",
        }
    }

    pub fn kind(&self) -> Kind {
        match self {
            Self::SourceMissing { .. }
            | Self::NoVault { .. }
            | Self::UnknownDatabase { .. }
            | Self::UnknownBackup { .. }
            | Self::UnknownJob { .. }
            | Self::UnknownTable { .. }
            | Self::UnknownSchedule { .. }
            | Self::UnknownUser { .. }
            | Self::UnknownToken { .. }
            | Self::UnknownKey { .. }
            | Self::ArchiveMissing { .. } => Kind::NotFound,
            Self::AmbiguousBackup { .. }
            | Self::Invalid { .. }
            | Self::Unsupported { .. }
            | Self::NoEncryptionPassword { .. }
            | Self::NoSafetyPassword { .. }
            | Self::WeakPassword { .. } => Kind::Usage,
            Self::WrongPassword { .. } => Kind::WrongPassword,
            Self::SourceEmpty { .. }
            | Self::NotADatabase { .. }
            | Self::SourceFormat { .. }
            | Self::SourceCorrupt { .. }
            | Self::ArchiveCorrupt { .. }
            | Self::NotesDamaged { .. }
            | Self::ArchiveTooNew { .. }
            | Self::VerificationFailed { .. }
            | Self::RestoreMismatch { .. }
            | Self::KeysDamaged { .. }
            | Self::CatalogDamaged { .. } => Kind::Corrupt,
            Self::SourceBusy { .. }
            | Self::DatabaseBusy { .. }
            | Self::OpenElsewhere { .. }
            | Self::CatalogInUse { .. }
            | Self::KeysBusy => Kind::Busy,
            // A short lock of another process or thread, waited for in vain.
            Self::Io { source, .. } if source.kind() == std::io::ErrorKind::WouldBlock => Kind::Busy,
            // A path that no file system takes: too long, or with a zero byte in it.
            Self::Io { source, .. } if matches!(source.kind(), std::io::ErrorKind::InvalidFilename | std::io::ErrorKind::InvalidInput) => {
                Kind::Usage
            }
            Self::NotImportable { code, .. } => match *code {
                "checksum_mismatch" | "damaged" | "counts_differ" | "too_large" | "empty" => Kind::Corrupt,
                _ => Kind::Refused,
            },
            Self::Postgres(fault) => fault.kind(),
            Self::NotNoted { cause, .. } | Self::Unsure { cause, .. } => cause.kind(),
            Self::NoSpace { .. } | Self::DiskFloor { .. } => Kind::NoSpace,
            Self::NotAVault { .. }
            | Self::NotVaultOwner { .. }
            | Self::BackupsFolder { .. }
            | Self::Managed { .. }
            | Self::NotConfirmed { .. }
            | Self::StalePlan { .. }
            | Self::KeyReused { .. }
            | Self::NeverReplace { .. }
            | Self::PartialBackup { .. }
            | Self::PolicyRemovesMany { .. }
            | Self::PolicyNotConfirmed { .. }
            | Self::NotSuspect { .. }
            | Self::DeleteRefused { .. }
            | Self::ConvertRefused { .. }
            | Self::KeyNeeded { .. }
            | Self::PlaceTaken { .. }
            | Self::OtherDisk { .. }
            | Self::TargetExists { .. }
            | Self::TargetUnusable { .. }
            | Self::AlreadyExists { .. }
            | Self::SourceForeignOwner { .. }
            | Self::SourceHotJournal { .. }
            | Self::UndoRefused { .. } => Kind::Refused,
            Self::SourceUnreadable { .. }
            | Self::SourceReadOnlyWal { .. }
            | Self::SnapshotTooLong { .. }
            | Self::SourceOverwritten { .. }
            | Self::CheckTooLong { .. }
            | Self::ArchiveUnreadable { .. }
            | Self::VaultTooNew { .. }
            | Self::Catalog(_)
            | Self::Cancelled { .. }
            | Self::CancelledHere
            | Self::JobHung { .. }
            | Self::Io { .. }
            | Self::Sqlite(_)
            | Self::Internal(_) => Kind::Failed,
        }
    }

    /// A sentence that says what to do, where there is one.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::SourceMissing { .. } => "Check the path; Keepstone never creates a database.",
            Self::SourceEmpty { .. } => "An application that has just started may not have written it yet: try again once it has.",
            Self::SourceFormat { .. } => "A newer SQLite made it, or its header is damaged: look at it with the application's own SQLite.",
            Self::NotADatabase { .. } => "Give the path of the database file itself; an encrypted database needs its own tool.",
            Self::SourceUnreadable { .. } => "Run keepstone as the application's user, or let this user read the file and its folder.",
            Self::SourceBusy { by: LockedBy::Nobody, .. } => {
                "If no other job of Keepstone is at it, a process of another container or machine has a lock on it, or its file system cannot lock \
                 files (a network disk without a lock service, a disk that fails): the system's log says so."
            }
            Self::SourceBusy { .. } => "Something holds a lock on it: end that transaction, then try again.",
            Self::SourceReadOnlyWal { .. } => "Make the folder writable for this user, or run keepstone as the application's user.",
            Self::SourceHotJournal { .. } => "Run keepstone as the application's user, or start the application once.",
            Self::SourceForeignOwner { .. } => "Run keepstone as the owner of the database, so that the application is not locked out.",
            Self::SnapshotTooLong { setting, .. } => {
                return Some(format!("Try again at a quieter time, or set the limit otherwise: `keepstone db edit DB --{setting} …`."));
            }
            Self::SourceOverwritten { .. } => {
                "Nothing was kept of it. A file is copied, synced or put back over the database while it is in use: stop that, or do it with \
                 `keepstone restore`; then try again."
            }
            Self::CheckTooLong { .. } => "No sound database of that size takes so long: do not trust the file.",
            Self::SourceCorrupt { .. } => "Keep the file as it is and restore the newest good backup.",
            Self::NoVault { .. } => "Name the vault's folder with --data or KEEPSTONE_DATA, or make one with `keepstone db add`.",
            Self::NotAVault { .. } => "Name an empty folder, or say --init to make a vault in this one.",
            Self::BackupsFolder { .. } => {
                "Mount the disk that holds the backups, or correct BACKUP_DIR. A folder that was moved whole is found by naming its new place \
                 there; if the backups are lost, begin a new vault with another --data."
            }
            Self::ArchiveUnreadable { .. } => {
                "It may be the disk, a cable or a permission: the system's log says so. What cannot be read does not count as good."
            }
            Self::VaultTooNew { .. } | Self::ArchiveTooNew { .. } => "Use a newer version of keepstone; nothing was changed.",
            Self::CatalogInUse { .. } => "Stop `keepstone serve` and every other keepstone on this vault first.",
            Self::CatalogDamaged { .. } => "The archives are the truth: rebuild the catalog from them with `keepstone catalog rebuild`.",
            Self::UnknownDatabase { .. } => {
                "`keepstone db list` shows the databases; a location needs a / or ends in .db, .sqlite or .sqlite3."
            }
            Self::UnknownBackup { .. } => "`keepstone list` shows the backups.",
            Self::AmbiguousBackup { .. } => "Give more of the id.",
            Self::UnknownJob { .. } => "`keepstone job list` shows the jobs.",
            Self::UnknownTable { .. } => "`keepstone show` lists the tables of a backup; views are not exported.",
            Self::UnknownToken { .. } => "`keepstone token list` shows the tokens.",
            Self::KeyReused { .. } => "Send a new key with a new request; the same key is for sending the same request once more.",
            Self::UnknownSchedule { .. } => "`keepstone schedule list` shows the schedules and their numbers.",
            Self::JobHung { .. } => {
                "Look at the disk or the network that the database and the backups lie on. Until its thread ends or Keepstone is started anew, \
                 no other job can work on this database."
            }
            Self::ArchiveMissing { .. } => "Put the file back, or delete the backup.",
            Self::PlaceTaken { .. } => {
                "Both files are kept, as nobody can tell which is right. Look at that one and move it away; then say this once more."
            }
            Self::OtherDisk { .. } => {
                "An archive gets its name in one step, which works within one disk only: put the folder back, or let the whole backups folder lie \
                 on that disk (BACKUP_DIR). Nothing was begun."
            }
            Self::NotesDamaged { id, .. } => {
                return Some(format!(
                    "The archive is not damaged by this. `keepstone pin {id}` or `keepstone unpin {id}` keeps the file aside and writes the \
                     notes anew, with what the catalog knows."
                ));
            }
            Self::ArchiveCorrupt { .. } => "Do not restore it; use another backup, and make a new one now.",
            Self::VerificationFailed { .. } => {
                "Use another backup, and make a new one now. If there is none: `keepstone restore … --to FILE --no-verify` writes what it holds into a new file \
                 as it is."
            }
            Self::WrongPassword { .. } => {
                "Give the password it was encrypted with: by --password-file FILE, BACKUP_ENCRYPTION_PASSWORD or `keepstone key add`. The \
                 archive is not damaged by this."
            }
            Self::NoEncryptionPassword { .. } => {
                "Set BACKUP_ENCRYPTION_PASSWORD or BACKUP_ENCRYPTION_PASSWORD_FILE, or give the vault one with `keepstone key add`. Nothing \
                 was backed up; --no-encrypt makes a backup that is not encrypted."
            }
            Self::NoSafetyPassword { .. } => {
                "Nothing was changed. Set BACKUP_ENCRYPTION_PASSWORD or BACKUP_ENCRYPTION_PASSWORD_FILE, or give the vault a password with `keepstone key \
                 add`; or restore without a way back: --no-safety-backup, on the page the box of the safety backup."
            }
            Self::WeakPassword { .. } => "Make one with `openssl rand -base64 24`, and keep it where the backups are not.",
            Self::UnknownKey { .. } => "`keepstone key list` shows the keys.",
            Self::KeyNeeded { .. } => {
                "Put archives that are away back, add databases that were removed again, and take all over to another password with \
                 `keepstone key change`. Delete backups that are gone for good. Or say --yes to lose them."
            }
            Self::KeysDamaged { .. } => {
                "Put the folder back from a copy. Or move it aside and tell the vault its passwords again with `keepstone key add`; the \
                 archives do not need it."
            }
            Self::KeysBusy => "Wait until it is done, then try again.",
            Self::DatabaseBusy { .. } => "Wait for that job, or cancel it with `keepstone job cancel`.",
            Self::OpenElsewhere { .. } => {
                "Stop that application, then try again; nothing was changed. It would go on writing to the files that are kept aside. \
                 `--although-open`, on the page a box of the plan, replaces them all the same."
            }
            Self::TargetExists { .. } => "Name a file that does not exist; only --replace writes over a live database.",
            Self::NotImportable { code: "other_engine", .. } => {
                "Name a database of the same engine with --db; `keepstone db add` takes a URL, too."
            }
            Self::NotImportable { code: "unsafe_script", .. } => {
                "Nothing was run. Look at the file with an editor: pg_dump writes no such line."
            }
            Self::NotImportable { code: "in_use", .. } => "Back it up through SQLite instead: `keepstone create` with its path.",
            Self::NotImportable { .. } => "It stays where it is, unchanged.",
            Self::Managed { .. } => "Change it there and start Keepstone anew, or take it out there to change it here.",
            Self::NotConfirmed { .. } => "Read the plan above, then say --yes.",
            Self::StalePlan { .. } => "Look at the plan again and confirm that one; nothing was changed.",
            Self::PartialBackup { .. } => {
                "It never takes the live database's place: what was left out would be lost. Restore it into a new database (--to NAME), and take from there what you need."
            }
            Self::NeverReplace { .. } => "Restore into a new file, or take the mark off with `keepstone db edit`.",
            Self::PolicyRemovesMany { .. } => "Look at what it removes, then confirm it; until then the old policy stays.",
            Self::PolicyNotConfirmed { .. } => {
                "Look at the plan with `keepstone cleanup --dry-run`, then confirm it with `keepstone cleanup --yes`, or change the policy."
            }
            Self::NotSuspect { .. } => "There is nothing to acknowledge; `keepstone list` shows which backups are suspect.",
            Self::DiskFloor { .. } => {
                "Free some space there, or keep the backups on another disk (BACKUP_DIR); nothing was left behind, and the application has room."
            }
            Self::NoSpace { .. } => {
                "Free some space there, then try again; the source and the older backups are untouched. If the disk of the backups is full, \
                 `keepstone restore --path ARCHIVE --to FILE` writes one to another disk without any room there."
            }
            Self::RestoreMismatch { .. } => "Nothing was changed. Verify the backup, and check the disk.",
            Self::NotNoted { mended: Mended::AtNextStart, .. } => {
                "It stays done and is not to be repeated: the next start of Keepstone, or its next command, writes it down."
            }
            Self::NotNoted { mended: Mended::ByRepeating, .. } => {
                "Mend what it names, then say it once more: lists and cleanups go by it only then."
            }
            Self::Unsure { .. } => {
                "Mend what it names, and look at the database before its application goes on; what was there before is kept, as the job's log says."
            }
            Self::Io { source, .. } if source.kind() == std::io::ErrorKind::ReadOnlyFilesystem => {
                "Its disk is mounted read-only: the system's log says why. Mend that, or name a place on another disk."
            }
            Self::Io { source, .. } if source.kind() == std::io::ErrorKind::PermissionDenied => {
                "Run keepstone as a user who may do that there, or give this one the right to."
            }
            Self::Postgres(fault) => return fault.hint(),
            Self::NotVaultOwner { owner, .. } => return Some(format!("Run it as that user: sudo -u {owner} keepstone …")),
            _ => return None,
        };
        Some(hint.to_owned())
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        Self::Postgres(Box::new(fault))
    }
}

fn wrong_password(path: &Path, tried: usize) -> String {
    match tried {
        0 => format!("{} is encrypted, and no password is known", path.display()),
        1 => format!("the password does not open {}", path.display()),
        tried => format!("none of the {tried} known passwords opens {}", path.display()),
    }
}
