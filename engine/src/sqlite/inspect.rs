//! Looking into an image file that nobody else has open: integrity, foreign keys, tables and counts. It may come from anywhere, so it is
//! opened with every defence.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, Mutex, atomic::Ordering},
    thread,
    time::{Duration, Instant},
};

use keepstone_model::{
    job::{Progress, Step},
    metadata::Table,
};
use rusqlite::{Connection, limits::Limit};

use super::{
    content::Content,
    fault,
    pace::millis,
    pages,
    pages::Geometry,
    reads::Reads,
    remarks::{is_of_a_value, is_remark},
    scratch::open_image,
    stand_ins, watch,
};
use crate::{
    Error, Monitor, Result,
    priority::{Priority, alike},
    throttle::Stopwatch,
};

/// What was found in an image. Faults of the image are in here; only what kept us from looking is an error of [`inspect_image`].
#[derive(Debug, Clone)]
pub struct ImageReport {
    pub integrity: std::result::Result<(), String>,
    pub foreign_keys: std::result::Result<(), String>,
    /// As a snapshot of this image would have it in its facts.
    pub schema: std::result::Result<BTreeMap<String, Table>, String>,
    /// 0 where the file is no database.
    pub page_size: u32,
    /// What could not be looked at because only the application's own collations, functions or modules can read it.
    pub not_examined: Vec<String>,
    /// What SQLite's check remarks of rows that are as the application left them: a value that a rule forbids which came after it, say.
    pub remarks: Vec<String>,
    pub took: Took,
}

/// How long each part of a look took, apart from what it waited for the pace.
#[derive(Debug, Clone, Copy, Default)]
pub struct Took {
    pub integrity: Duration,
    pub foreign_keys: Duration,
    /// Reading the schema and counting the rows.
    pub counts: Duration,
}

impl ImageReport {
    /// It is sound, and these tables hold so many rows each.
    pub(super) fn is_as_written(&self, counts: &BTreeMap<String, u64>) -> bool {
        let holds =
            |schema: &BTreeMap<String, Table>| counts.iter().all(|(name, count)| schema.get(name).map(|t| t.row_count) == Some(*count));
        self.integrity.is_ok() && self.schema.as_ref().is_ok_and(holds)
    }
}

/// SQLite's own default.
const LONGEST_VALUE_AT_MOST: i32 = 1_000_000_000;
/// What even a small file's schema and messages may need.
const LONGEST_VALUE_AT_LEAST: i32 = 16 << 20;
/// How many times as long as its file a value may become that is derived from one in it.
const DERIVED: u64 = 4;
/// How long a part of a look may work: so many seconds, and one more for so many bytes. Sound databases take a hundredth of it; a crafted one may
/// have SQLite go round in its pages for days.
const LOOK_S: u64 = 120;
const SLOWEST_BYTES_PER_S: u64 = 1 << 20;

/// Checks an image file. It is not changed and no file is made beside it. CHECK constraints are not examined: SQLite does not load those of
/// a database that it only reads, and a row that breaks one is as the application left it.
pub fn inspect_image(path: &Path, monitor: &dyn Monitor) -> Result<ImageReport> {
    inspect_during(path, Step::Check, monitor)
}

/// The same; where it is not to hurry it says how much it has read, or it would seem to do nothing for hours.
pub(super) fn inspect_during(path: &Path, step: Step, monitor: &dyn Monitor) -> Result<ImageReport> {
    let size_bytes = std::fs::metadata(path).map_err(|error| Error::io(path, error))?.len();
    let look = Look { path, size_bytes, step, monitor };
    let soundness = || look_for_damage(&look);
    let contents = || look.at(|connection| contents(connection, path, monitor));
    // Neither needs the other, and each reads the whole file.
    let (soundness, contents) = if monitor.throttle().is_some() {
        (soundness(), contents())
    } else {
        let (soundness, contents) = thread::scope(|scope| {
            let contents = scope.spawn(alike(contents));
            (soundness(), contents.join())
        });
        (soundness, contents.map_err(|_| Error::Internal("a thread that looks into an image panicked".to_owned()))?)
    };
    match soundness.and_then(|soundness| Ok((soundness, contents?))) {
        Err(Error::NotADatabase { .. }) => Ok(unreadable("file is not a database")),
        Err(Error::SourceFormat { .. }) => Ok(unreadable("unsupported file format")),
        Err(Error::SourceCorrupt { detail, .. }) => Ok(unreadable(&detail)),
        Err(error) => Err(error),
        Ok((Soundness { integrity, page_size, aside, took }, contents)) => {
            let Aside { not_examined, remarks, .. } = aside;
            let Contents { foreign_keys, schema, took_foreign_keys, took_counts } = contents;
            let took = Took { integrity: took, foreign_keys: took_foreign_keys, counts: took_counts };
            Ok(ImageReport { integrity, foreign_keys, schema, page_size, not_examined, remarks, took })
        }
    }
}

fn unreadable(detail: &str) -> ImageReport {
    let fault = || detail.to_owned();
    let Aside { not_examined, remarks, .. } = Aside::default();
    let took = Took::default();
    ImageReport { integrity: Err(fault()), foreign_keys: Err(fault()), schema: Err(fault()), page_size: 0, not_examined, remarks, took }
}

/// An image that is looked into, by as many connections as there are things to look for.
struct Look<'a> {
    path: &'a Path,
    size_bytes: u64,
    step: Step,
    monitor: &'a dyn Monitor,
}

impl Look<'_> {
    fn at<T>(&self, work: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        let mut connection = open_image(self.path)?;
        let reads = self.monitor.throttle().map(|throttle| Reads::new(throttle.clone(), self.size_bytes));
        let read_bytes = reads.as_ref().map(Reads::counted_bytes);
        let reads = reads.map(|reads| Arc::new(Mutex::new(reads)));
        give_way_now_and_then(&mut connection, reads.clone()).map_err(fault::at(self.path))?;
        // No value in a file is longer than the file, and what an application derives from one (its bytes as hexadecimal digits, say) no longer than
        // a few times that: what an expression in its schema makes up beyond is there to fill the memory.
        let longest = i32::try_from(self.size_bytes.saturating_mul(DERIVED)).unwrap_or(i32::MAX);
        let longest = longest.clamp(LONGEST_VALUE_AT_LEAST, LONGEST_VALUE_AT_MOST);
        connection.set_limit(Limit::SQLITE_LIMIT_LENGTH, longest).map_err(fault::at(self.path))?;
        let (began, stopwatch) = (Instant::now(), Stopwatch::begin(self.monitor));
        let limit = Duration::from_secs(LOOK_S + self.size_bytes / SLOWEST_BYTES_PER_S);
        let watch = || {
            if let Some(bytes) = &read_bytes {
                let (done_bytes, elapsed_ms) = (bytes.load(Ordering::Relaxed), millis(began.elapsed()));
                // What comes from the disk more than once nobody knows before.
                self.monitor.progress(&Progress { step: self.step, done_bytes, total_bytes: 0, elapsed_ms });
            }
            (stopwatch.worked() >= limit).then(|| Error::CheckTooLong { path: self.path.to_owned(), limit_s: limit.as_secs() })
        };
        watch::watched(&connection, self.monitor, &watch, || {
            let found = work(&connection);
            if let Some(mut reads) = reads.as_ref().and_then(|reads| reads.lock().ok()) {
                reads.end();
            }
            found
        })
    }
}

/// SQLite has no other place for that.
fn give_way_now_and_then(connection: &mut Connection, reads: Option<Arc<Mutex<Reads>>>) -> rusqlite::Result<()> {
    const STEPS: i32 = 256;
    const EVERY: Duration = Duration::from_micros(200);
    let mut given = Instant::now();
    let step = move || {
        if let Some(mut reads) = reads.as_ref().and_then(|reads| reads.lock().ok()) {
            reads.pause();
        }
        if given.elapsed() >= EVERY {
            Priority::Low.give_way();
            given = Instant::now();
        }
        false
    };
    connection.progress_handler(STEPS, Some(step))
}

/// Whether its pages and indexes are as they should be.
struct Soundness {
    integrity: Finding,
    page_size: u32,
    aside: Aside,
    took: Duration,
}

/// What is told and is no damage.
#[derive(Default)]
struct Aside {
    not_examined: Vec<String>,
    remarks: Vec<String>,
    /// The tables behind `not_examined`.
    unknown: Vec<String>,
    /// Tables that are not as the application means them in more rows than SQLite tells of one.
    crowded: Vec<String>,
}

/// What the image lacks that only its application has shows in a first look; then a second one sees to the file as a whole, on a connection of its
/// own, where stand-ins do for what is lacking.
fn look_for_damage(look: &Look<'_>) -> Result<Soundness> {
    let (path, monitor) = (look.path, look.monitor);
    let mut found = look.at(|connection| soundness(connection, path, monitor))?;
    if !found.aside.unknown.is_empty() {
        look.at(|connection| {
            let stopwatch = Stopwatch::begin(monitor);
            as_a_whole(connection, path, &mut found)?;
            found.took += stopwatch.worked();
            Ok(())
        })?;
    }
    Ok(found)
}

fn soundness(connection: &Connection, path: &Path, monitor: &dyn Monitor) -> Result<Soundness> {
    let stopwatch = Stopwatch::begin(monitor);
    let damage = pages::begin_read(connection, path)?;
    let page_size = Geometry::read(connection).map_err(fault::at(path))?.page_size;
    let mut aside = Aside::default();
    let integrity = match damage {
        Some(detail) => Err(detail),
        None => integrity(connection, path, &mut aside)?,
    };
    Ok(Soundness { integrity, page_size, aside, took: stopwatch.worked() })
}

/// What its rows say. On a connection of its own: counting brings in stand-ins for the application's collations, which would make indexes look
/// out of order.
struct Contents {
    foreign_keys: Finding,
    schema: std::result::Result<BTreeMap<String, Table>, String>,
    took_foreign_keys: Duration,
    took_counts: Duration,
}

fn contents(connection: &Connection, path: &Path, monitor: &dyn Monitor) -> Result<Contents> {
    let damage = pages::begin_read(connection, path)?;
    let stopwatch = Stopwatch::begin(monitor);
    let foreign_keys = foreign_keys(connection, path)?;
    let took_foreign_keys = stopwatch.worked();
    let mut content = Content::read(connection, path, monitor)?;
    content.damage.extend(damage);
    let took_counts = stopwatch.worked().saturating_sub(took_foreign_keys);
    Ok(Contents { foreign_keys, schema: (&content).into(), took_foreign_keys, took_counts })
}

type Finding = std::result::Result<(), String>;

/// How many findings are told; the first few say all that a person needs.
const MOST_FINDINGS: usize = 10;

/// How many rows SQLite tells of at most where it checks one table.
const ROWS_OF_A_TABLE: usize = 100;

/// What is said to be not examined where not even the pages of the whole file could be looked at: the first word of the list.
pub(crate) const AS_A_WHOLE: &str = "the file as a whole";

fn integrity(connection: &Connection, path: &Path, aside: &mut Aside) -> Result<Finding> {
    let first = told(connection, ("integrity_check", &MOST_FINDINGS.to_string()), &|_| true);
    let all = match first {
        // Behind these there may be damage.
        Ok(first) if first.damage.is_empty() && first.remarks.len() == MOST_FINDINGS => {
            told(connection, ("integrity_check", &i32::MAX.to_string()), &|_| true)
        }
        first => first,
    };
    match checked(all, path)? {
        Checked::Done(told) => {
            aside.remarks.extend(told.remarks);
            Ok(finding(told.damage))
        }
        Checked::CannotRun(why) => {
            // One table that only its application understands must not hide the state of all others: each by itself.
            tracing::debug!(why, "the integrity check goes table by table");
            table_by_table(connection, path, aside)
        }
    }
}

fn table_by_table(connection: &Connection, path: &Path, aside: &mut Aside) -> Result<Finding> {
    let listed = connection
        .prepare("SELECT name FROM temp.pragma_table_list WHERE schema='main' AND type IN ('table','virtual','shadow')")
        .and_then(|mut statement| statement.query_map([], |row| row.get::<_, String>(0))?.collect::<rusqlite::Result<Vec<_>>>());
    let mut damage = Vec::new();
    for name in listed.map_err(fault::at(path))? {
        match checked(told(connection, ("integrity_check", &argument(&name)), &|_| true), path)? {
            Checked::Done(told) => {
                if told.rows >= ROWS_OF_A_TABLE && told.damage.is_empty() {
                    aside.crowded.push(name);
                }
                aside.remarks.extend(told.remarks);
                damage.extend(told.damage);
            }
            Checked::CannotRun(why) => {
                aside.not_examined.push(format!("{name}: {why}"));
                aside.unknown.push(name);
            }
        }
    }
    Ok(finding(damage))
}

/// The quick check of the whole file: pages and cells, what is free, used twice or never, and neither the order nor the expressions of indexes.
fn as_a_whole(connection: &Connection, path: &Path, found: &mut Soundness) -> Result<()> {
    pages::begin_read(connection, path)?;
    stand_ins::provide(connection).map_err(fault::at(path))?;
    let aided = |pragma: &str, argument: &str, counts: &dyn Fn(&str) -> bool| {
        checked(stand_ins::aided(connection, || told(connection, (pragma, argument), counts)), path)
    };
    let mut damage = Vec::new();
    // What rows hold a stand-in cannot tell.
    match aided("quick_check", &MOST_FINDINGS.to_string(), &|line| !is_of_a_value(line))? {
        Checked::Done(told) => damage.extend(told.damage),
        Checked::CannotRun(why) => {
            found.aside.not_examined.insert(0, format!("{AS_A_WHOLE}: {why}"));
            for name in &found.aside.unknown {
                if let Checked::Done(told) = aided("quick_check", &argument(name), &|line| !is_of_a_value(line))? {
                    damage.extend(told.damage);
                }
            }
        }
    }
    if !found.aside.crowded.is_empty() {
        let theirs = endings(connection, &found.aside.crowded).map_err(fault::at(path))?;
        let counts = |line: &str| !is_of_a_value(line) && theirs.iter().any(|ending| line.ends_with(ending));
        match aided("integrity_check", &i32::MAX.to_string(), &counts)? {
            Checked::Done(told) => damage.extend(told.damage),
            Checked::CannotRun(why) => {
                let told = |name| format!("{name}: what is behind {ROWS_OF_A_TABLE} rows that break its rules ({why})");
                found.aside.not_examined.extend(found.aside.crowded.iter().map(told));
            }
        }
    }
    if let Err(known) = &found.integrity {
        damage.retain(|line| !known.contains(line));
        damage.insert(0, known.clone());
    }
    found.integrity = finding(damage);
    Ok(())
}

/// How lines of the check end that are about these tables, whose indexes need no stand-in.
fn endings(connection: &Connection, tables: &[String]) -> rusqlite::Result<Vec<String>> {
    let mut endings: Vec<_> = tables.iter().map(|table| format!("row not in PRIMARY KEY order for {table}")).collect();
    let mut statement = connection.prepare("SELECT name FROM main.sqlite_schema WHERE type='index' AND tbl_name=?1 COLLATE NOCASE")?;
    for table in tables {
        for index in statement.query_map([table], |row| row.get::<_, String>(0))? {
            endings.push(format!(" index {}", index?));
        }
    }
    Ok(endings)
}

fn argument(table: &str) -> String {
    format!("'{}'", table.replace('\'', "''"))
}

fn finding(damage: Vec<String>) -> Finding {
    if damage.is_empty() { Ok(()) } else { Err(damage.join("; ")) }
}

/// The first lines of one of SQLite's checks, sorted.
#[derive(Default)]
struct Told {
    damage: Vec<String>,
    remarks: Vec<String>,
    rows: usize,
}

enum Checked {
    Done(Told),
    /// The SQL of the check needs something of the application's.
    CannotRun(String),
}

/// One of SQLite's checks, of one table or of all; what does not count is passed over.
fn told(connection: &Connection, (pragma, argument): (&str, &str), counts: &dyn Fn(&str) -> bool) -> rusqlite::Result<Told> {
    let mut statement = connection.prepare(&format!("PRAGMA main.{pragma}({argument})"))?;
    let mut rows = statement.query([])?;
    let mut told = Told::default();
    while let Some(row) = rows.next()? {
        let text: String = row.get(0)?;
        told.rows += 1;
        for line in text.lines().filter(|line| *line != "ok" && counts(line)) {
            let lines = if is_remark(connection, line) { &mut told.remarks } else { &mut told.damage };
            if lines.len() < MOST_FINDINGS {
                lines.push(line.to_owned());
            }
        }
        if told.damage.len() == MOST_FINDINGS {
            break;
        }
    }
    Ok(told)
}

fn checked(told: rusqlite::Result<Told>, path: &Path) -> Result<Checked> {
    match told {
        Ok(told) => Ok(Checked::Done(told)),
        Err(error) if fault::is_damage(&error) => Ok(Checked::Done(Told { damage: vec![fault::detail(&error)], ..Told::default() })),
        Err(error) if fault::is_sql(&error) => Ok(Checked::CannotRun(fault::detail(&error))),
        Err(error) => Err(fault::at(path)(error)),
    }
}

/// Every row whose reference points to nothing, told by table and number.
fn foreign_keys(connection: &Connection, path: &Path) -> Result<Finding> {
    let run = || -> rusqlite::Result<BTreeMap<(String, String), u64>> {
        let mut statement = connection.prepare("PRAGMA main.foreign_key_check")?;
        let mut rows = statement.query([])?;
        let mut counts = BTreeMap::new();
        while let Some(row) = rows.next()? {
            *counts.entry((row.get(0)?, row.get(2)?)).or_insert(0) += 1;
        }
        Ok(counts)
    };
    match run() {
        Ok(counts) if counts.is_empty() => Ok(Ok(())),
        Ok(counts) => {
            let lines = counts.iter().take(MOST_FINDINGS);
            let lines: Vec<_> =
                lines.map(|((child, parent), n)| format!("{n} rows of {child} refer to rows of {parent} that are not there")).collect();
            Ok(Err(lines.join("; ")))
        }
        Err(error) if fault::is_damage(&error) || fault::is_sql(&error) => Ok(Err(fault::detail(&error))),
        Err(error) => Err(fault::at(path)(error)),
    }
}
