//! What the tests of this crate stand on: a vault in a folder that goes when the test ends, and things in it.

use std::{fs, path::PathBuf};

use jiff::Timestamp;
use keepstone_model::{
    backup::{Backup, BackupState, Check, CheckName, CheckResult, Proof},
    database::{Database, Engine},
    event::EventResult,
    id::{BackupId, DatabaseId, JobId, Kind},
    job::{Job, JobState, Verb},
};
use rusqlite::Connection;
use tempfile::TempDir;

use crate::{
    Vault,
    activity::NewEvent,
    databases::{self, AddDatabaseOptions},
    jobs::random,
    notes,
    vault::{OpenMode, VaultOptions},
};

pub(crate) struct Fixture {
    pub vault: Vault,
    pub dir: TempDir,
}

pub(crate) fn vault() -> Fixture {
    let dir = TempDir::new().unwrap();
    Fixture { vault: open(&dir), dir }
}

/// A vault with a database `shop` that is there to be backed up.
pub(crate) struct Live {
    pub vault: Vault,
    pub database: DatabaseId,
    /// Its file: a table `t` with the rows 1 to so many.
    pub source: PathBuf,
    pub dir: TempDir,
}

pub(crate) fn live(rows: u32) -> Live {
    let Fixture { vault, dir } = vault();
    let source = dir.path().join("shop.db");
    let connection = Connection::open(&source).unwrap();
    connection.execute_batch("CREATE TABLE t (a INTEGER PRIMARY KEY)").unwrap();
    connection
        .execute("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1) INSERT INTO t SELECT i FROM n", [rows])
        .unwrap();
    let location = source.to_str().unwrap().to_owned();
    let options = AddDatabaseOptions { location, name: None, schedules: None, actor: "alice".to_owned() };
    let database = databases::add_database(&vault, &options).unwrap().id;
    Live { vault, database, source, dir }
}

/// Opens the vault of a fixture once more, as another process would.
pub(crate) fn open(dir: &TempDir) -> Vault {
    Vault::open(&VaultOptions { data: dir.path().join("vault"), backups: None, mode: OpenMode::Create }).unwrap()
}

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(crate) fn plain_event(action: &str) -> NewEvent<'_> {
    NewEvent {
        actor: "alice",
        action,
        result: EventResult::Ok,
        database: None,
        backup: None,
        job: None,
        message: "something ünïcode \"happened\"".to_owned(),
    }
}

/// A row and a folder, without a file to protect.
pub(crate) fn database(vault: &Vault, name: &str) -> Database {
    database_of(vault, name, Engine::Sqlite, &format!("/nowhere/{name}.db"))
}

pub(crate) fn database_of(vault: &Vault, name: &str, engine: Engine, location: &str) -> Database {
    let database = Database {
        id: name.parse().unwrap(),
        uid: format!("{:032x}", u128::from(random())).parse().unwrap(),
        engine,
        location: location.to_owned(),
        added_at: at("2026-01-01T00:00:00Z"),
        objective_secs: None,
        never_replace: false,
        paused: false,
        retention: keepstone_model::retention::RetentionPolicy::standard(),
        retention_managed_by: None,
        cleanup_rhythm: keepstone_model::retention::CleanupRhythm::default(),
        auto_recovery: false,
        globals: false,
        encrypt: false,
        plain: false,
        loss: keepstone_model::anomaly::LossPolicy::default(),
        snapshot: keepstone_model::snapshot::SnapshotPolicy::default(),
    };
    vault.catalog().add_database(&database, &[], &[], &plain_event("database.added")).unwrap();
    fs::create_dir_all(vault.database_dir(&database.id)).unwrap();
    database
}

pub(crate) fn job(verb: Verb, database: Option<&DatabaseId>) -> Job {
    Job {
        id: JobId::compose(Timestamp::now(), random()),
        verb,
        state: JobState::Queued,
        database: database.cloned(),
        backup: None,
        created_at: at("2026-11-20T03:00:00.123Z"),
        created_by: "alice".to_owned(),
        started_at: None,
        finished_at: None,
        cancel_requested: false,
        error: None,
        outcome: None,
    }
}

pub(crate) fn good_proof() -> Proof {
    use CheckName::{ChecksumValidation, DecompressionTest, FileExistence, RowCounts, SqliteIntegrityCheck};
    let names = [FileExistence, ChecksumValidation, DecompressionTest, SqliteIntegrityCheck, RowCounts];
    let check = |name| Check { name, result: CheckResult::Passed, detail: String::new(), elapsed_ms: 1 };
    Proof { checked_at: at("2026-11-20T03:00:01Z"), checks: names.map(check).to_vec() }
}

/// A row in `running`, as a job begins it.
pub(crate) fn begun(vault: &Vault, database: &DatabaseId, kind: Kind, created_at: Timestamp) -> Backup {
    let id = BackupId::compose(database, kind, created_at, random());
    let job = JobId::compose(created_at, random());
    vault.catalog().begin_backup(&id, database, kind, created_at, "alice", "", &[], &job).unwrap();
    vault.catalog().get_backup(&id).unwrap().unwrap()
}

/// A good backup: row, notes and a file in its place (its content is of no matter to what is tested with it).
pub(crate) fn good_backup(vault: &Vault, database: &DatabaseId, kind: Kind, created_at: Timestamp) -> Backup {
    let backup = Backup {
        state: BackupState::Complete,
        proof: Some(good_proof()),
        archive_size_bytes: 7,
        ..begun(vault, database, kind, created_at)
    };
    notes::update(vault, &backup.id, |notes| notes.proofs.push(good_proof())).unwrap();
    fs::write(vault.archive_path(&backup.id), "archive").unwrap();
    vault.catalog().put_backup(&backup).unwrap();
    databases::update_latest_link(vault, database).unwrap();
    backup
}
