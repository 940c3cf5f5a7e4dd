//! `metadata.json` of an archive, format version 1. `docs/format.md` specifies it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    backup::SuspectCause,
    coverage::{Coverage, LeftOut},
    database::Engine,
    id::{BackupId, DatabaseId, DatabaseUid, Kind},
};

/// The newest format that this version writes and reads.
pub const FORMAT_VERSION: u32 = 1;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Compression {
    #[default]
    Zstd,
    Gzip,
    None,
}

impl Compression {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Zstd => "zstd",
            Self::Gzip => "gzip",
            Self::None => "none",
        }
    }
}

/// What the plain image of an archive is. Its payload entry is named by it, so that stock tools open it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// All pages of a SQLite database.
    #[default]
    Sqlite,
    /// PostgreSQL's custom format, as `pg_dump --format=custom` writes it.
    Dump,
    /// PostgreSQL's plain SQL, as `pg_dump` writes it.
    Sql,
}

impl Form {
    pub const ALL: [Self; 3] = [Self::Sqlite, Self::Dump, Self::Sql];

    /// The engine whose databases are kept like this.
    pub fn engine(self) -> Engine {
        match self {
            Self::Sqlite => Engine::Sqlite,
            Self::Dump | Self::Sql => Engine::Postgres,
        }
    }

    /// How the plain image is called as a file of its own, e.g. `sqlite`.
    pub fn ending(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Dump => "dump",
            Self::Sql => "sql",
        }
    }

    /// The name of the payload entry, e.g. `database.sqlite.zst`.
    pub const fn entry(self, compression: Compression) -> &'static str {
        match (self, compression) {
            (Self::Sqlite, Compression::Zstd) => "database.sqlite.zst",
            (Self::Sqlite, Compression::Gzip) => "database.sqlite.gz",
            (Self::Sqlite, Compression::None) => "database.sqlite",
            (Self::Dump, Compression::Zstd) => "database.dump.zst",
            (Self::Dump, Compression::Gzip) => "database.dump.gz",
            (Self::Dump, Compression::None) => "database.dump",
            (Self::Sql, Compression::Zstd) => "database.sql.zst",
            (Self::Sql, Compression::Gzip) => "database.sql.gz",
            (Self::Sql, Compression::None) => "database.sql",
        }
    }

    /// The same of an encrypted archive, e.g. `database.sqlite.zst.enc`.
    pub const fn entry_encrypted(self, compression: Compression) -> &'static str {
        match (self, compression) {
            (Self::Sqlite, Compression::Zstd) => "database.sqlite.zst.enc",
            (Self::Sqlite, Compression::Gzip) => "database.sqlite.gz.enc",
            (Self::Sqlite, Compression::None) => "database.sqlite.enc",
            (Self::Dump, Compression::Zstd) => "database.dump.zst.enc",
            (Self::Dump, Compression::Gzip) => "database.dump.gz.enc",
            (Self::Dump, Compression::None) => "database.dump.enc",
            (Self::Sql, Compression::Zstd) => "database.sql.zst.enc",
            (Self::Sql, Compression::Gzip) => "database.sql.gz.enc",
            (Self::Sql, Compression::None) => "database.sql.enc",
        }
    }
}

/// A column as `PRAGMA table_xinfo` or `format_type` says it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Column {
    pub name: String,
    #[serde(rename = "type")]
    pub declared_type: String,
}

/// A table at the moment of the snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Table {
    pub columns: Vec<Column>,
    pub row_count: u64,
}

/// Where the pages came from, and in what state it was.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Source {
    /// For SQLite the absolute path, for PostgreSQL the URL without a password.
    pub location: String,
    /// The machine, as it calls itself.
    pub host: String,
    pub page_size: u32,
    pub page_count: u64,
    /// `wal`, `delete`, …
    pub journal_mode: String,
    /// `UTF-8`, `UTF-16le`, `UTF-16be`.
    pub encoding: String,
    /// SQLite's `user_version` and `application_id`.
    pub user_version: i64,
    pub application_id: i64,
    pub auto_vacuum: String,
    pub sqlite_version: String,
    /// `dbpage` (streamed), `backup_api`, `pg_dump` or `import`.
    pub method: String,
    /// How long the read transaction was held.
    pub hold_ms: u64,
    /// What only a PostgreSQL server says of its database; the fields of SQLite are zero or empty then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub postgres: Option<PostgresSource>,
}

/// A PostgreSQL database at the moment of the snapshot, as far as a restore and a person need it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PostgresSource {
    pub database: String,
    /// e.g. `15.8 (Debian 15.8-0+deb12u1)`.
    pub server_version: String,
    /// e.g. 150008.
    pub server_version_num: u32,
    /// Of `pg_dump`, e.g. `15.8`; empty where it was not ours.
    pub client_version: String,
    /// As the server counts it: tables, indexes and all.
    pub database_size_bytes: u64,
    pub owner: String,
    /// What `CREATE DATABASE` needs besides the encoding.
    pub collate: String,
    pub ctype: String,
    /// `libc`, `icu` or `builtin`; empty where the server does not tell them apart.
    pub locale_provider: String,
    /// Of the provider `icu` or `builtin`; else empty.
    pub locale: String,
    /// Names with versions, e.g. `plpgsql 1.0`.
    pub extensions: Vec<String>,
    /// Who owns something of it or has rights on it, as far as the dump names them.
    pub roles: Vec<String>,
    pub large_objects: u64,
}

/// The program that wrote the archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Tool {
    pub name: String,
    pub version: String,
}

/// The backup before this one, by id and payload hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Previous {
    pub id: BackupId,
    pub hash: String,
}

/// Everything an archive says of itself. Unknown fields of a known version are ignored; an unknown newer version is refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Metadata {
    pub format_version: u32,
    pub backup_id: BackupId,
    pub sequence: i64,
    pub database: DatabaseId,
    pub database_uid: DatabaseUid,
    pub engine: Engine,
    pub backup_type: Kind,
    /// The id's time, e.g. `20261120T030000Z`.
    pub timestamp: String,
    pub created_at: Timestamp,
    pub created_by: String,
    pub description: String,
    pub tags: Vec<String>,
    pub app_label: Option<String>,
    /// The plain image, in bytes (`original_size` is the same number, by another predecessor's name).
    pub database_size: u64,
    pub original_size: u64,
    /// The payload entry, in bytes.
    pub compressed_size: u64,
    pub compressed: bool,
    pub compression: Compression,
    pub encrypted: bool,
    /// How the payload of an encrypted archive is encrypted: [`CIPHER`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cipher: Option<String>,
    /// SHA-256 of the plain image, in hexadecimal.
    pub backup_hash: String,
    /// The same with the header bytes that SQLite itself changes zeroed (18–19, 24–27, 40–43, 92–95). For PostgreSQL it is `backup_hash`.
    pub restore_hash: String,
    /// SHA-256 of the payload entry.
    pub payload_hash: String,
    pub checksum_algorithm: String,
    /// SQLite's schema cookie at the snapshot.
    pub schema_version: i64,
    /// What `alembic_version`, `django_migrations` and the like say.
    pub migration_version: Option<String>,
    pub schema: BTreeMap<String, Table>,
    pub table_counts: BTreeMap<String, u64>,
    pub total_records: u64,
    pub source: Source,
    pub tool: Tool,
    pub origin: Option<String>,
    pub previous: Option<Previous>,
    /// Key slots; empty in an archive that is not encrypted.
    pub slots: Vec<Slot>,
    /// Why the source was in doubt when the snapshot was taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspect: Option<String>,
    /// What sort of doubt; damage where it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspect_cause: Option<SuspectCause>,
    /// Whether it is all of the database; said only where it is not.
    #[serde(default, skip_serializing_if = "Coverage::is_whole")]
    pub coverage: Coverage,
    /// What of it was left out on purpose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_out: Option<LeftOut>,
    /// Of PostgreSQL, if it was asked for: the server's roles and tablespaces as SQL, without passwords. No part of the payload.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub globals: Option<String>,
}

/// AES-256-GCM in chunks of 64 KiB, by the STREAM construction with a 32-bit big-endian counter and a flag on the last chunk.
pub const CIPHER: &str = "aes-256-gcm-stream-be32-64k";

/// A key slot: the archive's data key, wrapped with what a password gives. Any one slot opens the archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Slot {
    #[serde(flatten)]
    pub kdf: Kdf,
    /// What the password is stretched with: 16 bytes in hexadecimal. Archives of one vault and one password share it.
    pub salt: String,
    /// Makes the wrap key of this slot, and of no other: 32 random bytes in hexadecimal.
    pub wrap_salt: String,
    /// The data key under the wrap key: 48 bytes in hexadecimal.
    pub wrapped: String,
}

/// How a password is stretched into a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "kdf")]
pub enum Kdf {
    /// RFC 7914. Takes 128 · n · r bytes of memory.
    #[serde(rename = "scrypt")]
    Scrypt { n: u32, r: u32, p: u32 },
    /// RFC 8018, for those who must.
    #[serde(rename = "pbkdf2-hmac-sha256")]
    Pbkdf2 { iterations: u32 },
}

impl Kdf {
    /// Half a second and 128 MiB for each guess.
    pub const SCRYPT: Self = Self::Scrypt { n: 1 << 17, r: 8, p: 1 };
    pub const PBKDF2: Self = Self::Pbkdf2 { iterations: 600_000 };

    /// e.g. `scrypt`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Scrypt { .. } => "scrypt",
            Self::Pbkdf2 { .. } => "pbkdf2-hmac-sha256",
        }
    }
}

impl Default for Kdf {
    fn default() -> Self {
        Self::SCRYPT
    }
}
