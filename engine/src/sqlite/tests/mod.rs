//! The SQLite driver on real databases of every make, with connected readers and writers.

mod census;
mod inspect;
mod makes;
mod names;
mod refusals;
mod replace;
mod snapshot;
mod still;
mod unaided;
mod unopenable;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use keepstone_model::{job::Progress, snapshot::SnapshotPolicy};
use rusqlite::Connection;
use tempfile::TempDir;

use super::{
    BUSY_WAIT,
    pages::Method,
    snapshot::{SnapshotOptions, snapshot_by},
};
use crate::{
    Error, Monitor, Result, Silent,
    image::{ImageFacts, ImageSink, RestoreHasher},
};

/// A folder with a database in it and room for scratch files.
struct Place {
    folder: TempDir,
}

impl Place {
    fn new() -> Self {
        // In memory where that is to be had: what is tested here is what is written, not how durably the disk keeps it.
        let in_memory = Path::new("/dev/shm");
        let folder = if in_memory.is_dir() { tempfile::tempdir_in(in_memory) } else { tempfile::tempdir() }.unwrap();
        fs::create_dir(folder.path().join("app")).unwrap();
        fs::create_dir(folder.path().join("spool")).unwrap();
        Self { folder }
    }

    fn db(&self) -> PathBuf {
        self.folder.path().join("app/shop.db")
    }

    fn spool(&self) -> PathBuf {
        self.folder.path().join("spool")
    }

    /// Runs SQL on the database on a connection of its own, which stays open.
    fn sql(&self, sql: &str) -> Connection {
        let connection = Connection::open(self.db()).unwrap();
        connection.busy_timeout(Duration::from_secs(10)).unwrap();
        connection.execute_batch(sql).unwrap();
        connection
    }

    fn take(&self) -> Result<(Vec<u8>, ImageFacts)> {
        self.take_by(Method::Dbpage, &Silent)
    }

    fn take_by(&self, method: Method, monitor: &dyn Monitor) -> Result<(Vec<u8>, ImageFacts)> {
        self.take_within(Duration::from_millis(300), method, monitor)
    }

    /// Waits as long as the program does.
    fn take_patiently(&self, method: Method) -> Result<(Vec<u8>, ImageFacts)> {
        self.take_within(BUSY_WAIT, method, &Silent)
    }

    fn take_within(&self, busy_wait: Duration, method: Method, monitor: &dyn Monitor) -> Result<(Vec<u8>, ImageFacts)> {
        let mut sink = Collected::default();
        let spool = self.spool();
        let options = SnapshotOptions { spool_dir: &spool, busy_wait, limits: limits() };
        let facts = snapshot_by(method, &self.db(), &options, &mut sink, monitor)?;
        assert_eq!(sink.announced, Some(sink.bytes.len() as u64));
        assert_eq!(facts.size_bytes, sink.bytes.len() as u64);
        assert_eq!(fs::read_dir(&spool).unwrap().count(), 0, "the spool is gone");
        Ok((sink.bytes, facts))
    }

    /// Writes an image beside the database and opens it as a database of its own.
    fn image(&self, bytes: &[u8]) -> PathBuf {
        let path = self.folder.path().join("image.sqlite");
        fs::write(&path, bytes).unwrap();
        path
    }
}

fn limits() -> SnapshotPolicy {
    SnapshotPolicy { free_bytes: Some(1 << 20), ..SnapshotPolicy::default() }
}

#[derive(Default)]
struct Collected {
    announced: Option<u64>,
    bytes: Vec<u8>,
}

impl ImageSink for Collected {
    fn begin(&mut self, size_bytes: u64) -> Result<()> {
        assert_eq!(self.announced.replace(size_bytes), None, "begun once");
        Ok(())
    }

    fn write(&mut self, pages: &[u8]) -> Result<()> {
        assert!(self.announced.is_some(), "begun first");
        self.bytes.extend_from_slice(pages);
        Ok(())
    }
}

/// Wants it stopped as soon as the progress meets a condition.
struct StopWhen<F: Fn(&Progress) -> bool + Send + Sync> {
    when: F,
    stopped: AtomicBool,
    seen: Mutex<Vec<Progress>>,
}

impl<F: Fn(&Progress) -> bool + Send + Sync> StopWhen<F> {
    fn new(when: F) -> Self {
        Self { when, stopped: AtomicBool::new(false), seen: Mutex::default() }
    }
}

impl<F: Fn(&Progress) -> bool + Send + Sync> Monitor for StopWhen<F> {
    fn progress(&self, progress: &Progress) {
        self.seen.lock().unwrap().push(progress.clone());
        if (self.when)(progress) {
            self.stopped.store(true, Ordering::Relaxed);
        }
    }

    fn cancelled(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }
}

fn restore_hash(bytes: &[u8]) -> String {
    let mut hasher = RestoreHasher::default();
    hasher.update(bytes);
    hasher.finish()
}

fn code<T>(result: Result<T>) -> &'static str {
    match result {
        Ok(_) => "ok",
        Err(error) => error.code(),
    }
}

fn one<T: rusqlite::types::FromSql>(connection: &Connection, sql: &str) -> T {
    connection.query_row(sql, [], |row| row.get(0)).unwrap()
}

/// Where the tree of a table starts in the file.
fn root_offset(connection: &Connection, table: &str, page_bytes: usize) -> usize {
    let sql = format!("SELECT rootpage FROM sqlite_schema WHERE name='{table}'");
    (usize::try_from(one::<i64>(connection, &sql)).unwrap() - 1) * page_bytes
}

fn is_sound(path: &Path) -> bool {
    let connection = Connection::open(path).unwrap();
    one::<String>(&connection, "PRAGMA integrity_check") == "ok"
}

/// A database of many makes: every table shape that SQLite has.
const ZOO: &str = r#"
    CREATE TABLE plain(id INTEGER PRIMARY KEY, name TEXT NOT NULL, note TEXT);
    INSERT INTO plain(name, note) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<700) SELECT 'n' || i, hex(randomblob(60)) FROM n;
    CREATE INDEX plain_by_name ON plain(name);
    CREATE TABLE keyed(a TEXT, b INT, c, PRIMARY KEY(a, b)) WITHOUT ROWID;
    INSERT INTO keyed SELECT name, id, note FROM plain WHERE id <= 50;
    CREATE TABLE exact(n INTEGER, t TEXT, double INTEGER GENERATED ALWAYS AS (n * 2) STORED, half REAL AS (n / 2.0)) STRICT;
    INSERT INTO exact(n, t) VALUES (1, 'one'), (2, 'two'), (3, 'drei');
    CREATE VIRTUAL TABLE words USING fts5(body);
    INSERT INTO words SELECT 'word ' || name FROM plain WHERE id <= 20;
    CREATE VIRTUAL TABLE boxes USING rtree(id, x0, x1);
    INSERT INTO boxes VALUES (1, 0, 1), (2, 1, 2);
    CREATE TABLE "odd ""quoted"" näme; DROP TABLE plain" ("select" INT, "a b" TEXT);
    INSERT INTO "odd ""quoted"" näme; DROP TABLE plain" VALUES (1, 'x');
    CREATE TABLE "%_" (x);
    CREATE VIEW named AS SELECT name FROM plain;
    CREATE TABLE alembic_version(version_num TEXT);
    INSERT INTO alembic_version VALUES ('4f2a');
    PRAGMA user_version = 7;
    PRAGMA application_id = 99;
"#;

/// What the zoo's tables count.
const ZOO_COUNTS: [(&str, u64); 8] = [
    ("%_", 0),
    ("alembic_version", 1),
    ("boxes", 2),
    ("exact", 3),
    ("keyed", 50),
    ("odd \"quoted\" näme; DROP TABLE plain", 1),
    ("plain", 700),
    ("words", 20),
];
