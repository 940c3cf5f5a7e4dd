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
    content::{self, Content},
    fault,
    pace::millis,
    pages,
    pages::Geometry,
    reads::Reads,
    scratch::open_image,
    watch,
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
    let soundness = || look.at(|connection| soundness(connection, path, monitor));
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
            let Aside { not_examined, remarks } = aside;
            let Contents { foreign_keys, schema, took_foreign_keys, took_counts } = contents;
            let took = Took { integrity: took, foreign_keys: took_foreign_keys, counts: took_counts };
            Ok(ImageReport { integrity, foreign_keys, schema, page_size, not_examined, remarks, took })
        }
    }
}

fn unreadable(detail: &str) -> ImageReport {
    let fault = || detail.to_owned();
    let Aside { not_examined, remarks } = Aside::default();
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
        // No value in a file is longer than the file: what an expression in its schema makes up beyond that is there to fill the memory.
        let longest = i32::try_from(self.size_bytes).unwrap_or(i32::MAX).clamp(LONGEST_VALUE_AT_LEAST, LONGEST_VALUE_AT_MOST);
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

/// How many lines are looked through for one that tells of damage where the first ones do not.
const MOST_LINES: usize = 1_000_000;

fn integrity(connection: &Connection, path: &Path, aside: &mut Aside) -> Result<Finding> {
    match check(connection, path, ("integrity_check", None), &mut aside.remarks)? {
        Checked::Done(finding) => Ok(finding),
        Checked::CannotRun(why) => {
            // One table that only its application understands must not hide the state of all others: each by itself, and of that one at
            // least what can be seen without understanding it.
            tracing::debug!(why, "the integrity check goes table by table");
            aside.remarks.clear();
            table_by_table(connection, path, aside)
        }
    }
}

fn table_by_table(connection: &Connection, path: &Path, aside: &mut Aside) -> Result<Finding> {
    let mut names = Vec::new();
    let listed = connection
        .prepare("SELECT name FROM pragma_table_list WHERE schema='main' AND type IN ('table','virtual','shadow')")
        .and_then(|mut statement| statement.query_map([], |row| row.get::<_, String>(0))?.collect::<rusqlite::Result<Vec<_>>>());
    names.extend(listed.map_err(fault::at(path))?);
    let mut findings = Vec::new();
    for name in names {
        let mut outcome = check(connection, path, ("integrity_check", Some(&name)), &mut aside.remarks)?;
        if let Checked::CannotRun(why) = outcome {
            aside.not_examined.push(format!("{name}: {why}"));
            // The quick check looks at pages and cells, and at neither the order nor the expressions of indexes.
            content::provide_collations(connection).map_err(fault::at(path))?;
            outcome = check(connection, path, ("quick_check", Some(&name)), &mut aside.remarks)?;
        }
        if let Checked::Done(Err(finding)) = outcome {
            findings.push(finding);
        }
    }
    Ok(if findings.is_empty() { Ok(()) } else { Err(findings.join("; ")) })
}

enum Checked {
    Done(Finding),
    /// The SQL of the check needs something of the application's.
    CannotRun(String),
}

/// One of SQLite's checks, of one table or of all.
fn check(connection: &Connection, path: &Path, (pragma, table): (&str, Option<&str>), remarks: &mut Vec<String>) -> Result<Checked> {
    let lines = |most: usize| -> rusqlite::Result<(Vec<String>, Vec<String>)> {
        let argument = table.map_or_else(|| most.to_string(), |table| format!("'{}'", table.replace('\'', "''")));
        let mut statement = connection.prepare(&format!("PRAGMA main.{pragma}({argument})"))?;
        let mut rows = statement.query([])?;
        let (mut damage, mut remarks) = (Vec::new(), Vec::new());
        while let Some(row) = rows.next()? {
            let text: String = row.get(0)?;
            for line in text.lines().filter(|line| *line != "ok") {
                let lines = if is_remark(line) { &mut remarks } else { &mut damage };
                if lines.len() < MOST_FINDINGS {
                    lines.push(line.to_owned());
                }
            }
            if damage.len() == MOST_FINDINGS {
                break;
            }
        }
        Ok((damage, remarks))
    };
    let all = || match lines(MOST_FINDINGS)? {
        // Behind these there may be damage.
        (damage, remarks) if damage.is_empty() && remarks.len() == MOST_FINDINGS && table.is_none() => lines(MOST_LINES),
        found => Ok(found),
    };
    match all() {
        Ok((damage, told)) => {
            remarks.extend(told);
            Ok(Checked::Done(if damage.is_empty() { Ok(()) } else { Err(damage.join("; ")) }))
        }
        Err(error) if fault::is_damage(&error) => Ok(Checked::Done(Err(fault::detail(&error)))),
        Err(error) if fault::is_sql(&error) => Ok(Checked::CannotRun(fault::detail(&error))),
        Err(error) => Err(fault::at(path)(error)),
    }
}

/// Whether a line of SQLite's check tells of no damage: a row that breaks a rule which was made after it, or a full-text index that only the
/// application's own functions could be asked about. All of its bytes are as the application left them, and a restore brings back just that.
fn is_remark(line: &str) -> bool {
    let of_a_value =
        ["NULL", "NUMERIC", "TEXT"].iter().any(|kind| line.strip_prefix(kind).is_some_and(|rest| rest.starts_with(" value in ")));
    let of_a_strict_value = line.starts_with("non-") && line.contains(" value in ");
    let not_asked = line.starts_with("unable to validate the inverted index for ") && line.contains("SQL logic error");
    of_a_value || of_a_strict_value || not_asked || line.starts_with("CHECK constraint failed in ")
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
