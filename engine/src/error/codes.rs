//! What a program is told of an error: a code that stays, and what kind of error it is.

use super::{Error, Kind};

impl Error {
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
            Self::SourceSecondName { .. } => "source_second_name",
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
            Self::CatalogReplaced { .. } => "catalog_replaced",
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
            Self::NotItsArchive { .. } => "not_its_archive",
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
            | Self::NotItsArchive { .. }
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
            | Self::SourceSecondName { .. }
            | Self::UndoRefused { .. } => Kind::Refused,
            Self::SourceUnreadable { .. }
            | Self::SourceReadOnlyWal { .. }
            | Self::SnapshotTooLong { .. }
            | Self::SourceOverwritten { .. }
            | Self::CheckTooLong { .. }
            | Self::ArchiveUnreadable { .. }
            | Self::VaultTooNew { .. }
            | Self::Catalog(_)
            | Self::CatalogReplaced { .. }
            | Self::Cancelled { .. }
            | Self::CancelledHere
            | Self::JobHung { .. }
            | Self::Io { .. }
            | Self::Sqlite(_)
            | Self::Internal(_) => Kind::Failed,
        }
    }
}
