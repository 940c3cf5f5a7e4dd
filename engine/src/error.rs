//! Every fault of the engine: its code, what it says, what to do about it, and the exit code it leads to.

mod codes;
mod hints;

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
    #[error("{} may not be the name that its application uses: {what}", .path.display())]
    SourceSecondName { path: PathBuf, what: String },
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
    #[error("{} was removed or replaced while it was open", .path.display())]
    CatalogReplaced { path: PathBuf },
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
    /// Whole or not: the catalog knows that another one was written.
    #[error("the file under the name of {id} is not its archive: {detail}")]
    NotItsArchive { id: BackupId, path: PathBuf, detail: String },
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
