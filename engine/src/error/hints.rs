//! What a person can do about an error.

use super::{Error, LockedBy, Mended};

impl Error {
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
            Self::SourceSecondName { .. } => {
                "SQLite keeps the -wal and the journal beside the name that an application opens: by another one the newest commits are not seen, and \
                 a write harms the database. Give the path that the application uses; mount the folder, not the single file; where a hard link is not \
                 needed, remove it, or stop the application and make the database a file of its own: `cp -p shop.db shop.new && mv shop.new shop.db`."
            }
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
            Self::CatalogReplaced { .. } => {
                "Nothing more is read from or written to what is not there any more. Start keepstone again: if the catalog is lost, it offers a new one."
            }
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
            Self::NotItsArchive { id, .. } => {
                return Some(format!(
                    "Nothing was touched. Put the right file back (`keepstone list --dir FOLDER` says which is whose), then `keepstone verify {id}`; or use another \
                     backup. Who wants what this file holds writes it into a new one: `keepstone restore --path ARCHIVE --to FILE`."
                ));
            }
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
                 was backed up. To back up in clear: --no-encrypt for this one, `keepstone db edit DB --no-encrypt` from now on."
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
