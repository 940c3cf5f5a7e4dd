//! What tests of the real binary stand on: a folder of its own, databases made through SQLite, and runs of `keepstone`.

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use rusqlite::{Connection, types::ValueRef};
use serde_json::Value;
use sha2::{Digest, Sha256};

pub(crate) const KEEPSTONE: &str = env!("CARGO_BIN_EXE_keepstone");

/// A machine of its own: a folder to run in, with the vault where it is by default.
#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) dir: tempfile::TempDir,
}

/// What a run of the binary left.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) exit: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Host {
    pub(crate) fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(KEEPSTONE);
        self.furnish(command.args(args));
        command
    }

    /// The folder and the environment of this machine.
    pub(crate) fn furnish(&self, command: &mut Command) {
        command.current_dir(self.dir.path()).stdin(Stdio::null()).env_clear().env("TZ", "UTC").env("PATH", "/usr/bin:/bin");
    }

    pub(crate) fn run(&self, args: &[&str]) -> Run {
        run(&mut self.command(args))
    }

    /// Runs what must succeed; gives back what it wrote to standard output.
    pub(crate) fn ok(&self, args: &[&str]) -> String {
        let run = self.run(args);
        assert_eq!(run.exit, 0, "keepstone {args:?}: {run:?}");
        run.stdout
    }

    /// Runs with `--json`: exactly one document of the promised shape. Gives back the exit code and the document.
    pub(crate) fn json(&self, args: &[&str]) -> (i32, Value) {
        let run = self.run(&[args, &["--json"]].concat());
        let document: Value = serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("keepstone {args:?}: {error}: {run:?}"));
        check_shape(&document, run.exit, args);
        (run.exit, document)
    }

    /// The results of what must succeed.
    pub(crate) fn results(&self, args: &[&str]) -> Vec<Value> {
        let (exit, document) = self.json(args);
        assert_eq!(exit, 0, "keepstone {args:?}: {document}");
        document["results"].as_array().unwrap().clone()
    }

    /// Starts it and does not wait.
    pub(crate) fn spawn(&self, args: &[&str]) -> Child {
        self.command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// Makes a backup; gives back its id.
    pub(crate) fn create(&self, args: &[&str]) -> String {
        self.ok(&[&["create", "-q"], args].concat()).trim().to_owned()
    }
}

pub(crate) fn run(command: &mut Command) -> Run {
    let output = command.output().unwrap();
    Run {
        exit: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// `{"ok", "results": […], "error": {"code", "message", "hint", "exit"}}`, and all of it agrees with the exit code.
pub(crate) fn check_shape(document: &Value, exit: i32, args: &[&str]) {
    let told = format!("keepstone {args:?}, exit {exit}: {document}");
    let object = document.as_object().expect(&told);
    let mut keys: Vec<_> = object.keys().map(String::as_str).collect();
    keys.sort_unstable();
    assert_eq!(keys, ["error", "ok", "results"], "{told}");
    assert_eq!(document["ok"].as_bool(), Some(exit == 0), "{told}");
    assert!(document["results"].is_array(), "{told}");
    let error = &document["error"];
    if exit == 0 {
        assert!(error.is_null(), "{told}");
    } else {
        assert!(error["code"].is_string() && error["message"].is_string() && error.get("hint").is_some(), "{told}");
        assert_eq!(error["exit"].as_i64(), Some(i64::from(exit)), "{told}");
    }
}

/// A shop in WAL mode, as an application would have it.
pub(crate) fn shop(path: &Path, orders: u32) -> Connection {
    let connection = Connection::open(path).unwrap();
    connection
        .execute_batch(
            "PRAGMA journal_mode = wal;
             CREATE TABLE products (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, price REAL);
             CREATE TABLE orders (id INTEGER PRIMARY KEY, product_id INTEGER REFERENCES products (id), note BLOB);
             CREATE TABLE settings (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
             INSERT INTO settings VALUES ('currency', 'EUR');
             INSERT INTO products VALUES (1, 'tea', 4.5), (2, 'cups', 12.0);",
        )
        .unwrap();
    fill(&connection, orders);
    connection
}

/// More orders, of about 2 kB each, which no compressor makes smaller.
pub(crate) fn fill(connection: &Connection, orders: u32) {
    connection
        .execute(
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
             INSERT INTO orders (product_id, note) SELECT 1 + i % 2, randomblob(2000) FROM n",
            [orders],
        )
        .unwrap();
}

/// The hash of everything a database holds: the schema and every row in order of its key. Fails if SQLite finds damage.
pub(crate) fn content(path: &Path) -> String {
    let connection = Connection::open(path).unwrap();
    let integrity: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(integrity, "ok", "{}", path.display());
    let tables: Vec<String> = {
        let mut statement = connection.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name").unwrap();
        statement.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
    };
    let mut hasher = Sha256::new();
    hash_rows(&connection, "SELECT type, name, sql FROM sqlite_schema ORDER BY name", &mut hasher);
    for table in tables {
        hash_rows(&connection, &format!("SELECT * FROM \"{table}\" ORDER BY 1"), &mut hasher);
    }
    hasher.finalize().iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

fn hash_rows(connection: &Connection, sql: &str, hasher: &mut Sha256) {
    let mut statement = connection.prepare(sql).unwrap();
    let columns = statement.column_count();
    let mut rows = statement.query([]).unwrap();
    while let Some(row) = rows.next().unwrap() {
        for column in 0..columns {
            match row.get_ref(column).unwrap() {
                ValueRef::Blob(bytes) => hasher.update(bytes),
                other => hasher.update(format!("{other:?}")),
            }
            hasher.update(b"|");
        }
    }
}
