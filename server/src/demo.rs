//! `serve --demo`: a small live shop in the vault, whose orders never stop coming, protected like any other database.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use anyhow::{Context, Result};
use keepstone_engine::{
    Vault,
    backups::{self, BackupFilter},
    create::CreateOptions,
    databases::{self, AddDatabaseOptions, FirstSchedules},
    jobs::{self, JobRequest},
    model::schedule::Preset,
};
use rusqlite::{Connection, params};

/// Between two orders.
const PAUSE: Duration = Duration::from_millis(300);
/// A restore holds writers off for as long as it writes.
const BUSY: Duration = Duration::from_secs(60);

/// The running shop. Dropping it closes the shop.
#[derive(Debug)]
pub(crate) struct Shop {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Shop {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            let _ = thread.join(); // a panic was logged when it happened
        }
    }
}

/// Makes the shop unless it is there, opens it, and protects it: default schedules, and a first backup if it has none.
pub(crate) fn start(vault: Arc<Vault>) -> Result<Shop> {
    let folder = vault.data_dir().join("demo");
    std::fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
    let path = folder.join("shop.db");
    let connection = open(&path).with_context(|| format!("opening {}", path.display()))?;
    protect(&vault, &path)?;
    let stop = Arc::new(AtomicBool::new(false));
    let closing = stop.clone();
    let thread = std::thread::Builder::new().name("shop".into()).spawn(move || take_orders(&connection, &closing))?;
    Ok(Shop { stop, thread: Some(thread) })
}

fn protect(vault: &Vault, path: &Path) -> Result<()> {
    let options = AddDatabaseOptions {
        location: path.to_string_lossy().into_owned(),
        name: Some("shop".to_owned()),
        schedules: Some(FirstSchedules::of(Preset::Standard)),
        actor: "demo".to_owned(),
    };
    let database = databases::add_database(vault, &options)?;
    let any = backups::list(vault, &BackupFilter { database: Some(database.id.clone()), limit: Some(1), ..BackupFilter::default() })?;
    if any.total == 0 {
        let mut first = CreateOptions::new(database.id, "demo");
        first.description = String::from("The first backup of the demonstration shop");
        jobs::submit(vault, &JobRequest::Create(first), Some("demo-first-backup"))?;
    }
    Ok(())
}

const SCHEMA: &str = "
    CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT NOT NULL UNIQUE, city TEXT NOT NULL, since TEXT NOT NULL);
    CREATE TABLE products (id INTEGER PRIMARY KEY, name TEXT NOT NULL, price_cents INTEGER NOT NULL, stock INTEGER NOT NULL);
    CREATE TABLE orders (id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL REFERENCES customers(id), placed_at TEXT NOT NULL,
        state TEXT NOT NULL DEFAULT 'placed');
    CREATE TABLE order_items (order_id INTEGER NOT NULL REFERENCES orders(id), line INTEGER NOT NULL,
        product_id INTEGER NOT NULL REFERENCES products(id), quantity INTEGER NOT NULL, price_cents INTEGER NOT NULL,
        PRIMARY KEY (order_id, line)) WITHOUT ROWID;
    CREATE INDEX orders_by_customer ON orders(customer_id);
    CREATE VIEW order_totals AS SELECT order_id, sum(quantity * price_cents) AS total_cents FROM order_items GROUP BY order_id;
";
const CUSTOMERS: u32 = 200;
const FIRST_ORDERS: u32 = 550;

const FIRST_NAMES: [&str; 12] = ["Ada", "Bela", "Chidi", "Dörte", "Elif", "Fumiko", "Göran", "Hanna", "Ivo", "Jamila", "Kofi", "Lucía"];
const LAST_NAMES: [&str; 10] = ["Abel", "Brandt", "Costa", "Demir", "Eze", "Fontaine", "García", "Huber", "Ito", "Jansen"];
const CITIES: [&str; 8] = ["Berlin", "Lagos", "Kyoto", "Łódź", "Malmö", "Porto", "Quito", "Zürich"];
const THINGS: [&str; 10] = ["Lamp", "Chair", "Teapot", "Notebook", "Blanket", "Clock", "Basket", "Mirror", "Vase", "Kettle"];
const LOOKS: [&str; 6] = ["blue", "oak", "small", "large", "glass", "linen"];

fn open(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    let empty: bool = connection.query_row("SELECT count(*) = 0 FROM sqlite_schema", [], |row| row.get(0))?;
    if empty {
        stock_up(&connection)?;
    }
    Ok(connection)
}

/// Some 2,000 rows, in one transaction: a shop is there or it is not.
fn stock_up(connection: &Connection) -> rusqlite::Result<()> {
    let transaction = connection.unchecked_transaction()?;
    transaction.execute_batch(SCHEMA)?;
    for n in 0..CUSTOMERS {
        let (first, last) = (pick(&FIRST_NAMES, n), pick(&LAST_NAMES, n / 12));
        let city = pick(&CITIES, n.wrapping_mul(7));
        transaction.execute(
            "INSERT INTO customers VALUES (?1, ?2, ?3, ?4, date('now', ?5))",
            params![n + 1, format!("{first} {last}"), format!("customer{}@shop.example", n + 1), city, format!("-{} days", n * 5)],
        )?;
    }
    for n in 0..60 {
        transaction.execute(
            "INSERT INTO products VALUES (?1, ?2, ?3, ?4)",
            params![n + 1, format!("{} {}", pick(&THINGS, n), pick(&LOOKS, n / 10)), 490 + n * 137 % 8000, 100 + n * 31 % 900],
        )?;
    }
    for n in 0..FIRST_ORDERS {
        let minutes = (FIRST_ORDERS - n) * 25;
        take_order(&transaction, n.wrapping_mul(2_654_435_761), &format!("-{minutes} minutes"))?;
    }
    transaction.commit()
}

/// One order of one to four things, by a customer who follows from `seed`.
fn take_order(connection: &Connection, seed: u32, when: &str) -> rusqlite::Result<()> {
    connection.execute(
        "INSERT INTO orders (customer_id, placed_at) VALUES (1 + ?1 % (SELECT max(id) FROM customers), datetime('now', ?2))",
        params![seed % 10_007, when],
    )?;
    let order = connection.last_insert_rowid();
    for line in 0..=(seed >> 8) % 4 {
        let wanted = (seed >> 3).wrapping_add(line * 17) % 60 + 1;
        connection.execute(
            "INSERT INTO order_items SELECT ?1, ?2, id, ?3, price_cents FROM products WHERE id = ?4",
            params![order, line + 1, 1 + (seed >> line) % 3, wanted],
        )?;
        connection.execute("UPDATE products SET stock = CASE WHEN stock > 3 THEN stock - 1 ELSE 500 END WHERE id = ?1", [wanted])?;
    }
    Ok(())
}

/// Keeps one connection open all the time, as an application does: a restore has to work beside it.
fn take_orders(connection: &Connection, stop: &AtomicBool) {
    let mut seed = std::process::id();
    while !stop.load(Ordering::Relaxed) {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let placed = connection.unchecked_transaction().and_then(|transaction| {
            take_order(&transaction, seed >> 4, "-0 minutes")?;
            if seed.is_multiple_of(20) {
                transaction
                    .execute("UPDATE orders SET state = 'sent' WHERE state = 'placed' AND placed_at < datetime('now', '-1 hour')", [])?;
            }
            transaction.commit()
        });
        if let Err(error) = placed {
            // A restore may have taken a table away; the next order is tried all the same.
            tracing::warn!(%error, "the demonstration shop could not take an order");
        }
        std::thread::park_timeout(PAUSE);
    }
}

fn pick<'a>(words: &[&'a str], n: u32) -> &'a str {
    words[n as usize % words.len()]
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use keepstone_engine::{
        Silent, jobs as engine_jobs,
        restore::{self, PlanOptions, RestoreOptions, UndoOptions},
        vault::{OpenMode, VaultOptions},
    };
    use keepstone_model::{job::JobState, restore::Target};

    use super::*;
    use crate::worker::Workers;

    /// Waits until it holds, for at most half a minute.
    fn until(what: &str, mut holds: impl FnMut() -> bool) {
        let end = Instant::now() + Duration::from_secs(30);
        while !holds() {
            assert!(Instant::now() < end, "{what}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    #[test]
    fn the_shop_is_backed_up_and_restored_while_orders_come() {
        let folder = tempfile::tempdir().unwrap();
        let options = VaultOptions { data: folder.path().join("data"), backups: None, mode: OpenMode::Create };
        let vault = Arc::new(Vault::open(&options).unwrap());
        let shop = start(vault.clone()).unwrap();
        let workers =
            Workers::start(vault.clone(), keepstone_engine::scheduler::Firing::On, keepstone_engine::recheck::RecheckOptions::default())
                .unwrap();
        let reader = Connection::open(vault.data_dir().join("demo/shop.db")).unwrap();
        reader.busy_timeout(BUSY).unwrap();
        let orders = || reader.query_row("SELECT count(*) FROM orders", [], |row| row.get::<_, u64>(0)).unwrap();

        let list = || backups::list(&vault, &BackupFilter::default()).unwrap().backups;
        until("the first backup is made by itself", || list().iter().any(keepstone_model::backup::Backup::is_good));
        let backup = list().remove(0);
        let before = orders();
        until("orders come", || orders() >= before + 5);

        let plan = PlanOptions { backup: backup.id, target: Target::Replace, safety_backup: true };
        let plan = restore::plan_restore(&vault, &plan).unwrap();
        let at_plan = orders();
        let request = JobRequest::Restore(RestoreOptions { plan, verify: true, actor: "test".to_owned() });
        let job = engine_jobs::submit(&vault, &request, None).unwrap();
        let done = engine_jobs::wait(&vault, &job, Duration::from_secs(30)).unwrap();
        assert_eq!(done.state, JobState::Done, "{:?}", done.error);
        let restored = orders();
        assert!(restored < at_plan, "{restored} orders after the restore, {at_plan} before");
        until("orders come after the restore, through the shop's own connection", || orders() > restored);

        let plan = restore::plan_undo(&vault, &job).unwrap();
        restore::undo(&vault, &UndoOptions { restore: job, plan, actor: "test".to_owned() }, &Silent).unwrap();
        assert!(orders() >= at_plan, "the undo brings the orders back");

        let stopping = Instant::now();
        workers.stop();
        drop(shop);
        assert!(stopping.elapsed() < Duration::from_secs(5), "idle threads stop at once");

        drop(start(vault.clone()).unwrap());
        let databases = databases::databases(&vault).unwrap();
        assert_eq!(databases.iter().map(|database| database.id.as_str()).collect::<Vec<_>>(), ["shop"], "a second start adds nothing");
    }

    #[test]
    fn the_shop_opens_stocked_and_takes_orders() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("shop.db");
        let count = |connection: &Connection, sql: &str| connection.query_row(sql, [], |row| row.get::<_, u32>(0)).unwrap();
        let connection = open(&path).unwrap();
        let rows = "SELECT (SELECT count(*) FROM customers) + (SELECT count(*) FROM products) + (SELECT count(*) FROM orders)
            + (SELECT count(*) FROM order_items)";
        assert!((1_500..3_000).contains(&count(&connection, rows)), "{}", count(&connection, rows));
        let orders = count(&connection, "SELECT count(*) FROM orders");
        take_order(&connection, 4_711, "-0 minutes").unwrap();
        drop(connection);
        let again = open(&path).unwrap();
        assert_eq!(count(&again, "SELECT count(*) FROM orders"), orders + 1, "opening again adds nothing");
        assert_eq!(count(&again, "SELECT count(*) FROM pragma_foreign_key_check"), 0);
    }
}
