//! Ten thousand backups of fifty databases: pages stay small, and quick where the program is built for use.

use std::time::{Duration, Instant};

use axum::http::StatusCode;
use keepstone_engine::{
    Silent,
    create::{self, CreateOptions},
    databases::{self, AddDatabaseOptions},
};
use keepstone_model::{Timestamp, access::Role};
use rusqlite::Connection;

use super::{Server, bytes};

const DATABASES: usize = 50;
const EACH: usize = 200;
const LARGEST: usize = 100_000;
const P95: Duration = Duration::from_millis(50);
const LOOKS: usize = 20;

/// One database with one backup as the engine makes them, copied as rows: what a page reads is what it reads of real ones.
fn fill(server: &Server) {
    let (vault, source) = (&server.vault, server.folder.path().join("db-0.db"));
    Connection::open(&source).unwrap().execute_batch("CREATE TABLE t (a); INSERT INTO t VALUES (1)").unwrap();
    let (location, actor) = (source.display().to_string(), "test".to_owned());
    let database = databases::add_database(vault, &AddDatabaseOptions { location, name: None, schedules: None, actor }).unwrap();
    create::create(vault, &CreateOptions::new(database.id, "test"), &Silent).unwrap();
    let catalog = Connection::open(vault.data_dir().join("catalog.sqlite")).unwrap();
    catalog.execute_batch("BEGIN").unwrap();
    for database in 0..DATABASES {
        let id = format!("db-{database}");
        if database > 0 {
            copy(
                &catalog,
                "databases",
                "id = 'db-0'",
                &[("id", &id), ("uid", &format!("uid-{database}")), ("location", &format!("/srv/{id}.db"))],
            );
        }
        for day in 1..=EACH {
            let created_at = Timestamp::now() - Duration::from_secs(day as u64 * 86_400 / 2 + database as u64 * 60);
            let name = format!("{id}_daily_{}_k3f9", created_at.strftime("%Y%m%dT%H%M%SZ"));
            let sequence = (10_000 - day).to_string();
            let at = created_at.as_millisecond().to_string();
            copy(
                &catalog,
                "backups",
                "database = 'db-0' AND sequence < 1000",
                &[
                    ("id", &name),
                    ("database", &id),
                    ("kind", "daily"),
                    ("sequence", &sequence),
                    ("created_at", &at),
                    ("archive_size_bytes", "1234567"),
                ],
            );
        }
    }
    catalog.execute_batch("COMMIT").unwrap();
}

/// Copies the one row with other values in some columns.
fn copy(catalog: &Connection, table: &str, wanted: &str, other: &[(&str, &str)]) {
    let mut columns = catalog.prepare(&format!("SELECT name FROM pragma_table_info('{table}')")).unwrap();
    let columns: Vec<String> = columns.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    let value =
        |column: &String| other.iter().find(|(name, _)| name == column).map_or_else(|| column.clone(), |(_, value)| format!("'{value}'"));
    let values: Vec<String> = columns.iter().map(value).collect();
    let copied = catalog
        .execute(
            &format!("INSERT INTO {table} ({}) SELECT {} FROM {table} WHERE {wanted} LIMIT 1", columns.join(", "), values.join(", ")),
            [],
        )
        .unwrap();
    assert_eq!(copied, 1, "{other:?}");
}

#[tokio::test]
#[expect(clippy::print_stdout, reason = "its figures are what it is run for")]
#[ignore = "takes a while; run it in release: `cargo test --release … ten_thousand -- --ignored --nocapture`"]
async fn pages_of_ten_thousand_backups() {
    let server = Server::new();
    fill(&server);
    let admin = server.signed_in(Role::Admin);
    let mut slow = Vec::new();
    for path in ["/", "/databases", "/backups", "/backups?db=db-7", "/backups?page=150", "/backups?view=calendar", "/storage", "/schedules"]
    {
        let mut times = Vec::new();
        let mut size = 0;
        for _ in 0..LOOKS {
            let begun = Instant::now();
            let response = server.get(path, &admin).await;
            assert_eq!(response.status(), StatusCode::OK, "{path}");
            size = bytes(response).await.len();
            times.push(begun.elapsed());
        }
        times.sort_unstable();
        let p95 = times[LOOKS * 95 / 100];
        println!("{path}: {size} bytes, median {:?}, p95 {p95:?}", times[LOOKS / 2]);
        assert!(size < LARGEST || !path.starts_with("/backups"), "{path} has {size} bytes");
        if p95 > P95 {
            slow.push(path);
        }
    }
    assert!(cfg!(debug_assertions) || slow.is_empty(), "slower than {P95:?}: {slow:?}");
}
