//! Ten thousand backups of fifty databases: pages stay small, and quick where the program is built for use.

use std::time::{Duration, Instant};

use axum::{body::Body, http::Method};
use keepstone_engine::{
    Silent, Vault,
    activity::{self, NewEvent},
    backups::{self, BackupFilter},
    create::{self, CreateOptions},
    databases::{self, AddDatabaseOptions, FirstSchedules},
};
use keepstone_model::{
    Timestamp,
    access::{API, Role},
    event::EventResult,
    schedule::Preset,
    token::Scope,
};
use rusqlite::{Connection, params_from_iter};

use super::{Server, bytes, request};

const DATABASES: usize = 50;
const EACH: usize = 200;
const LARGEST: usize = 100_000;
const P95: Duration = Duration::from_millis(50);
const LOOKS: usize = 40;
const DAY: Duration = Duration::from_secs(86_400);
const NOWHERE: &str = "/no-such-page";

/// One database with one backup as the engine makes them, copied as rows: what a page reads is what it reads of real ones. Some days failed, some
/// backups lie in the trash, and the log has as many lines as all of it brings.
fn fill(server: &Server, each: usize, gap: Duration, events: usize) {
    let (vault, source) = (&server.vault, server.folder.path().join("db-0.db"));
    Connection::open(&source).unwrap().execute_batch("CREATE TABLE t (a); INSERT INTO t VALUES (1)").unwrap();
    let (location, actor) = (source.display().to_string(), "test".to_owned());
    let schedules = Some(FirstSchedules::of(Preset::Standard));
    let database = databases::add_database(vault, &AddDatabaseOptions { location, name: None, schedules, actor }).unwrap();
    create::create(vault, &CreateOptions::new(database.id, "test"), &Silent).unwrap();
    let catalog = Connection::open(vault.data_dir().join("catalog.sqlite")).unwrap();
    catalog.execute_batch("BEGIN").unwrap();
    let now = Timestamp::now();
    for database in 0..DATABASES {
        let id = format!("db-{database}");
        if database > 0 {
            let (uid, location) = (format!("{database:032x}"), format!("/srv/{id}.db"));
            copy(&catalog, "databases", "id = 'db-0'", &[("id", &id), ("uid", &uid), ("location", &location)]);
            for schedule in 1..=3 {
                copy(&catalog, "schedules", &format!("number = {schedule}"), &[("number", ""), ("database", &id)]);
            }
        }
        for day in 1..=each {
            let created_at = now - (gap * u32::try_from(day).unwrap() + Duration::from_secs(database as u64 * 60));
            let stamp = created_at.strftime("%Y%m%dT%H%M%SZ");
            let name = format!("{id}_daily_{stamp}_k3f9");
            let (sequence, at) = ((10_000 - day).to_string(), created_at.as_millisecond().to_string());
            let (state, good) = match day % 20 {
                7 => ("failed", "0"),
                13 => ("trashed", "0"),
                _ => ("complete", "1"),
            };
            let job = format!("j-{database:04}{day:09}");
            let search = format!("{name}\nnightly\n");
            let values: [(&str, &str); 12] = [
                ("id", &name),
                ("database", &id),
                ("kind", "daily"),
                ("sequence", &sequence),
                ("created_at", &at),
                ("archive_size_bytes", "1234567"),
                ("state", state),
                ("good", good),
                ("job", &job),
                ("trashed_at", &at),
                ("trash_until", &at),
                ("search", &search),
            ];
            copy(&catalog, "backups", "database = 'db-0' AND sequence < 1000", &values);
            copy(&catalog, "jobs", "1", &[("number", ""), ("id", &job), ("key", ""), ("database", &id), ("backup", &name)]);
        }
    }
    catalog.execute_batch("COMMIT").unwrap();
    for line in 0..events {
        let database = format!("db-{}", line % DATABASES).parse().unwrap();
        let message = format!("created number {line} of it, 1.2 MB");
        let event = NewEvent {
            actor: "scheduler",
            action: "backup.created",
            result: EventResult::Ok,
            database: Some(database),
            backup: None,
            job: None,
            message,
        };
        activity::record(vault, &event).unwrap();
    }
}

/// Copies the first row that is meant, with other values in some columns; an empty one is null.
fn copy(catalog: &Connection, table: &str, wanted: &str, other: &[(&str, &str)]) {
    let mut columns = catalog.prepare_cached(&format!("SELECT name FROM pragma_table_info('{table}')")).unwrap();
    let columns: Vec<String> = columns.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    let place = |column: &String| {
        other.iter().position(|(name, _)| name == column).map_or_else(|| column.clone(), |place| format!("nullif(?{}, '')", place + 1))
    };
    let values: Vec<String> = columns.iter().map(place).collect();
    let sql = format!("INSERT INTO {table} ({}) SELECT {} FROM {table} WHERE {wanted} LIMIT 1", columns.join(", "), values.join(", "));
    let copied = catalog.prepare_cached(&sql).unwrap().execute(params_from_iter(other.iter().map(|(_, value)| *value))).unwrap();
    assert_eq!(copied, 1, "{table} {other:?}");
}

/// Every page of the policy that is looked at, and the lists that are long.
fn pages(vault: &Vault) -> Vec<String> {
    let db = BackupFilter { database: Some("db-7".parse().unwrap()), limit: Some(1), offset: 20, ..BackupFilter::default() };
    let backup = backups::list(vault, &db).unwrap().backups[0].clone();
    let (id, job) = (&backup.id, backup.job.unwrap());
    // The one with an archive.
    let first = BackupFilter { database: Some("db-0".parse().unwrap()), oldest_first: true, limit: Some(1), ..BackupFilter::default() };
    let real = backups::list(vault, &first).unwrap().backups[0].id.clone();
    let fixed = [
        "/",
        "/databases",
        "/databases/new",
        "/databases/db-7",
        "/databases/db-7/retention",
        "/databases/db-0/export",
        "/backups",
        "/backups?db=db-7",
        "/backups?db=db-7&page=3",
        "/backups?page=90",
        "/backups?page=150",
        "/backups?q=nightly&state=good",
        "/backups?q=nothing-like-it",
        "/backups?state=failed&sort=created",
        "/backups?view=calendar",
        "/backups?view=calendar&db=db-7",
        "/backups/new",
        "/schedules",
        "/schedules/db-7",
        "/schedules?page=2",
        "/search?q=nightly",
        "/search?q=db-",
        "/storage",
        "/activity",
        "/activity?before=3000",
        "/activity?db=db-7",
        "/trash",
        "/jobs",
        "/import",
        "/settings",
        "/account",
        NOWHERE,
    ];
    let mut all: Vec<String> = fixed.map(str::to_owned).into();
    all.push(format!("/backups/{id}"));
    all.push(format!("/backups/{real}"));
    all.push(format!("/backups/{real}/restore"));
    all.push(format!("/jobs/{job}"));
    all
}

/// The lists of the API at their largest, and what programs ask for often.
const CALLS: &[&str] = &[
    "/status",
    "/stats",
    "/databases",
    "/databases/db-7",
    "/databases/db-7/latest",
    "/databases/db-7/retention",
    "/backups",
    "/backups?limit=200",
    "/backups?database=db-7&limit=100",
    "/trash",
    "/jobs",
    "/schedules",
    "/schedules/next",
    "/activity",
    "/metrics",
    "/info",
];

#[tokio::test]
#[expect(clippy::print_stdout, reason = "its figures are what it is run for")]
#[ignore = "takes a while; run it in release: `cargo test --release … ten_thousand -- --ignored --nocapture`"]
async fn pages_of_ten_thousand_backups() {
    let server = Server::new();
    fill(&server, EACH, DAY / 2, DATABASES * EACH);
    let admin = server.signed_in(Role::Admin);
    let token = server.token(&[Scope::Admin], None);
    let mut slow = Vec::new();
    let asked = pages(&server.vault).into_iter().chain(CALLS.iter().map(|call| format!("{API}{call}")));
    for path in asked {
        let mut times = Vec::new();
        let mut size = 0;
        for _ in 0..LOOKS {
            let request = request(Method::GET, &path, &admin).header("authorization", format!("Bearer {token}"));
            let begun = Instant::now();
            let response = server.send(request.body(Body::empty()).unwrap()).await;
            let status = response.status();
            size = bytes(response).await.len();
            times.push(begun.elapsed());
            assert!(status.is_success() || path == NOWHERE, "{path}: {status}");
        }
        times.sort_unstable();
        let p95 = times[LOOKS * 95 / 100];
        println!("| {path} | {:.1} | {:.1} | {:.1} |", ms(times[LOOKS / 2]), ms(p95), size as f64 / 1000.0);
        if !path.starts_with(API) && (p95 > P95 || size > LARGEST && is_list(&path)) {
            slow.push(path);
        }
    }
    assert!(cfg!(debug_assertions) || slow.is_empty(), "slower than {P95:?} or larger than {LARGEST} bytes: {slow:?}");
}

/// The Overview has a bound of its own, and the plan of a cleanup shows every backup of its database.
fn is_list(path: &str) -> bool {
    path != "/" && !path.ends_with("/retention")
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// The steps that SQLite takes for each backup of the vault, at most: several looks through an index, none of them for each database or each row.
const STEPS_PER_BACKUP: u64 = 90;
/// The Overview of fifty databases, as a browser loads it.
const LARGEST_OVERVIEW: usize = 25_000;

#[tokio::test]
async fn what_a_page_reads_and_weighs_has_its_bounds() {
    const EACH_FEW: usize = 30;
    let server = Server::new();
    fill(&server, EACH_FEW, DAY, 150);
    let admin = server.signed_in(Role::Admin);
    let bound = (DATABASES * EACH_FEW) as u64 * STEPS_PER_BACKUP;
    let mut over = Vec::new();
    for path in pages(&server.vault) {
        let before = server.vault.catalog().steps();
        let answer = server.get(&path, &admin).await;
        if !answer.status().is_success() && path != NOWHERE {
            over.push(format!("{path}: {}", answer.status()));
        }
        let size = bytes(answer).await.len();
        let steps = server.vault.catalog().steps() - before;
        if steps > bound {
            over.push(format!("{path} takes {steps} steps, more than {bound}"));
        }
        if size > LARGEST && is_list(&path) {
            over.push(format!("{path} has {size} bytes"));
        }
    }
    let compressed = request(Method::GET, "/", &admin).header("accept-encoding", "br").body(Body::empty()).unwrap();
    let overview = bytes(server.send(compressed).await).await.len();
    if overview > LARGEST_OVERVIEW {
        over.push(format!("the Overview is sent in {overview} bytes"));
    }
    assert!(over.is_empty(), "{over:#?}");
}
