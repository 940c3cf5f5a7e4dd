//! Whether a live database is sound, and whether anybody else has it open. Asked through SQLite; nothing is changed by it but what every
//! opening does (a hot journal is rolled back).

use std::{
    collections::BTreeMap,
    fs,
    io::Read,
    path::Path,
    time::{Duration, Instant},
};

use rusqlite::Connection;
use rustix::fs::{FlockOperation, fcntl_lock};
use serde::{Deserialize, Serialize};

use super::{
    content::{self, Content},
    fault,
    holders::open_elsewhere,
    open::{Access, Live},
    pages::{self, Geometry},
    remarks::is_of_a_value,
    scratch::beside,
    stand_ins,
    still::Still,
    watch,
};
use crate::{Error, Monitor, Result};

/// How long a look after a restore may keep writers waiting, and how long it may take where they do not wait but the log grows.
const LOOK_BLOCKING: Duration = Duration::from_secs(10);
const LOOK_BESIDE: Duration = Duration::from_secs(300);
/// How many findings SQLite is asked for.
const MOST_FINDINGS: usize = 20;

/// What a quick check finds.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Health {
    /// The bytes are wrong: SQLite says that the file is corrupt, or is no database. None: the application may start.
    pub damage: Option<String>,
    /// What is not as it should be and keeps nobody from working: a row that breaks a constraint, a page that is never used.
    pub findings: Vec<String>,
}

/// Checks a live database. Only damage is in the answer: what kept us from looking (it is locked, may not be read, the disk fails or is full, it is
/// not there or empty) is an error and says nothing of the database.
pub fn health(path: &Path, busy_wait: Duration, monitor: &dyn Monitor) -> Result<Health> {
    // A folder in its place is no damaged database.
    if fs::metadata(path).is_ok_and(|found| !found.is_file()) {
        return Err(Error::SourceUnreadable { path: path.to_owned() });
    }
    match look(path, busy_wait, monitor) {
        Err(Error::NotADatabase { .. }) => Ok(damaged("file is not a database")),
        Err(Error::SourceCorrupt { detail, .. }) => Ok(damaged(&detail)),
        other => other,
    }
}

fn damaged(detail: &str) -> Health {
    Health { damage: Some(detail.to_owned()), findings: Vec::new() }
}

fn look(path: &Path, busy_wait: Duration, monitor: &dyn Monitor) -> Result<Health> {
    let live = Live::open(path, Access::Read)?;
    live.watched(monitor, &watch::unlimited, || {
        if let Some(damage) = live.begin_read(busy_wait)? {
            return Ok(damaged(&damage));
        }
        content::provide_collations(&live.connection).map_err(fault::at(path))?;
        let geometry = Geometry::read(&live.connection).map_err(fault::at(path))?;
        let cut_short = Still::since(&live, &geometry)?.cut_short(&geometry);
        let mut health = quick_check(&live.connection, path)?;
        health.findings.extend(cut_short);
        pages::rollback(&live.connection);
        Ok(health)
    })
}

fn quick_check(connection: &Connection, path: &Path) -> Result<Health> {
    let mut health = Health::default();
    match lines(connection, &format!("PRAGMA main.quick_check({MOST_FINDINGS})")) {
        Ok(lines) => {
            refuse_unread(path, &lines)?;
            health.sort_in(lines);
        }
        Err(error) if fault::is_damage(&error) => return Ok(damaged(&fault::detail(&error))),
        // One table that only its application understands must not hide the state of all others.
        Err(error) if fault::is_sql(&error) => return without_the_application(connection, path, &error),
        Err(error) => return Err(fault::at(path)(error)),
    }
    Ok(health)
}

/// The whole file with stand-ins for what only the application has; each table by itself where that cannot be done either.
fn without_the_application(connection: &Connection, path: &Path, lacking: &rusqlite::Error) -> Result<Health> {
    let mut health = Health { damage: None, findings: vec![format!("not all of it was examined: {}", fault::detail(lacking))] };
    stand_ins::provide(connection).map_err(fault::at(path))?;
    match stand_ins::aided(connection, || lines(connection, &format!("PRAGMA main.quick_check({MOST_FINDINGS})"))) {
        Ok(mut lines) => {
            refuse_unread(path, &lines)?;
            // What rows hold a stand-in cannot tell.
            lines.retain(|line| !is_of_a_value(line));
            health.sort_in(lines);
        }
        Err(error) if fault::is_damage(&error) => return Ok(damaged(&fault::detail(&error))),
        Err(error) if fault::is_sql(&error) => by_table(connection, path, &mut health)?,
        Err(error) => return Err(fault::at(path)(error)),
    }
    Ok(health)
}

fn by_table(connection: &Connection, path: &Path, health: &mut Health) -> Result<()> {
    let names = "SELECT name FROM temp.pragma_table_list WHERE schema='main' AND type IN ('table','shadow')";
    for name in lines(connection, names).map_err(fault::at(path))? {
        match lines(connection, &format!("PRAGMA main.quick_check('{}')", name.replace('\'', "''"))) {
            Ok(lines) => health.sort_in(lines),
            Err(error) if fault::is_damage(&error) => health.damage = Some(fault::detail(&error)),
            Err(error) if fault::is_sql(&error) => health.findings.push(format!("{name} was not examined: {}", fault::detail(&error))),
            Err(error) => return Err(fault::at(path)(error)),
        }
    }
    Ok(())
}

/// A page that the disk does not give is no damaged page.
fn refuse_unread(path: &Path, lines: &[String]) -> Result<()> {
    match lines.iter().flat_map(|row| row.lines()).find(|line| fault::is_unread(line)) {
        Some(line) => Err(Error::io(path, std::io::Error::other(format!("the disk does not give what is on it ({})", line.trim())))),
        None => Ok(()),
    }
}

/// What looks like damage may be a page that the disk does not give: that is met again where the pages are merely read. Every other fault of reading
/// them is the damage.
fn refuse_failing_disk(connection: &Connection, path: &Path) -> Result<()> {
    let Ok(geometry) = Geometry::read(connection) else { return Ok(()) };
    match pages::stream(connection, path, (geometry.page_size, geometry.page_count), &mut |_| Ok(())) {
        Err(error @ Error::Io { .. }) => Err(error),
        _ => Ok(()),
    }
}

fn lines(connection: &Connection, sql: &str) -> rusqlite::Result<Vec<String>> {
    connection.prepare(sql)?.query_map([], |row| row.get(0))?.collect()
}

/// What a database is right after a restore.
#[derive(Debug, Clone)]
pub struct AfterState {
    /// Which check was made.
    pub check: &'static str,
    pub damage: Option<String>,
    pub counts: BTreeMap<String, u64>,
}

/// Looks at a live database that was just restored, on a connection of its own. In WAL mode nobody waits for that, so it is checked whole; else
/// every writer does, so it gets the quick check: the image that was written had the whole one. Either gives itself up in time, and says so. Damage is
/// only what a second connection sees, too, where the disk gives every page.
pub fn after_restore(path: &Path, busy_wait: Duration, monitor: &dyn Monitor) -> Result<AfterState> {
    let look = || match look_after_restore(path, busy_wait, monitor) {
        Err(Error::NotADatabase { .. }) => Ok(unopened("file is not a database")),
        Err(Error::SourceFormat { .. }) => Ok(unopened("unsupported file format")),
        Err(Error::SourceCorrupt { detail, .. }) => Ok(unopened(&detail)),
        other => other,
    };
    let first = look()?;
    if first.damage.is_none() { Ok(first) } else { look() }
}

fn unopened(damage: &str) -> AfterState {
    AfterState { check: "opening it", damage: Some(damage.to_owned()), counts: BTreeMap::new() }
}

fn look_after_restore(path: &Path, busy_wait: Duration, monitor: &dyn Monitor) -> Result<AfterState> {
    let live = Live::open(path, Access::Read)?;
    let geometry = || watch::waiting(busy_wait, || Geometry::read(&live.connection).map_err(fault::at(path)));
    let whole = live.watched(monitor, &watch::unlimited, geometry)?.is_wal();
    let (began, at_most) = (Instant::now(), if whole { LOOK_BESIDE } else { LOOK_BLOCKING });
    let too_long = || (began.elapsed() >= at_most).then(|| Error::CheckTooLong { path: path.to_owned(), limit_s: at_most.as_secs() });
    live.watched(monitor, &too_long, || {
        let begun = live.begin_read(busy_wait)?;
        let check = if whole { "integrity check" } else { "quick check" };
        let pragma = if whole { "integrity_check" } else { "quick_check" };
        // Before the rows are counted: that brings in stand-ins for collations, by which sound indexes look out of order.
        let checked = lines(&live.connection, &format!("PRAGMA main.{pragma}({MOST_FINDINGS})"));
        let counts = Content::read(&live.connection, path, monitor)?;
        let damage = match begun.or_else(|| counts.suspect()) {
            Some(damage) => Some(damage),
            None => match checked {
                Ok(rows) if rows == ["ok"] => None,
                Ok(rows) => {
                    let mut health = Health::default();
                    health.sort_in(rows);
                    health.damage
                }
                Err(error) if fault::is_damage(&error) => Some(fault::detail(&error)),
                // Only the application's own functions or modules can check all of it.
                Err(error) if fault::is_sql(&error) => quick_check(&live.connection, path)?.damage,
                Err(error) => return Err(fault::at(path)(error)),
            },
        };
        if damage.is_some() {
            refuse_failing_disk(&live.connection, path)?;
        }
        pages::rollback(&live.connection);
        let counts = counts.tables.into_iter().map(|(name, table)| (name, table.row_count)).collect();
        Ok(AfterState { check, damage, counts })
    })
}

impl Health {
    fn sort_in(&mut self, rows: Vec<String>) {
        let (structure, rest): (Vec<String>, Vec<String>) = rows
            .iter()
            .flat_map(|row| row.lines())
            .map(str::trim)
            .filter(|line| !line.is_empty() && *line != "ok" && !line.starts_with("***"))
            .map(str::to_owned)
            .partition(|line| is_structure(line));
        self.findings.extend(rest);
        if let Some(first) = structure.first() {
            let more = structure.len() - 1;
            let said = if more == 0 { first.clone() } else { format!("{first}; and {more} more findings") };
            self.damage.get_or_insert(said);
        }
    }
}

/// Whether a line of the quick check is about the trees that hold the rows. What is not known for that is told and acted on by nobody: pages that
/// are never used, a wrong count in the list of free ones, rows that break a constraint, a full-text index that disagrees with its table.
fn is_structure(line: &str) -> bool {
    ["Tree ", "On tree page", "On page"].iter().any(|begin| line.starts_with(begin)) || line.contains("database disk image is malformed")
}

/// What a look from a process of its own tells: the answer of a child that was asked whether damage is really there.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SecondLook {
    pub health: Health,
    /// Others who have the database open or hold a lock on it, e.g. "process 4711 (python3)".
    pub holders: Vec<String>,
    /// Why its files cannot be read whole, if they cannot: the disk fails, and that is no damage which a restore would mend.
    #[serde(default)]
    pub unreadable: Option<String>,
}

/// The look itself. Only for a process that has no connection to this database and will make none: it opens the file by itself, and closing it
/// would drop this process's own locks on it.
pub fn second_look(path: &Path, monitor: &dyn Monitor) -> Result<SecondLook> {
    // Before our own connection is made: what is found is somebody else's. A lock that comes and goes is found on a second try or by SQLite.
    let mut holders = open_elsewhere(path);
    let health = health(path, super::BUSY_WAIT, monitor)?;
    if holders.is_empty() && locked(path)? {
        holders.push("a process that holds a lock on it".to_owned());
    }
    let unreadable = match health.damage {
        Some(_) => read_through(path, monitor).err().map(|error| match error {
            Error::Io { source, .. } => source.to_string(),
            other => other.to_string(),
        }),
        None => None,
    };
    Ok(SecondLook { health, holders, unreadable })
}

/// Reads the database's files from end to end: what SQLite called corrupt may be a disk that fails (EIO), which it does not tell apart.
fn read_through(path: &Path, monitor: &dyn Monitor) -> Result<()> {
    let mut buffer = vec![0; 1 << 20];
    for side in ["", "-wal", "-journal"] {
        let file = beside(path, side);
        let mut opened = match fs::File::open(&file) {
            Ok(opened) => opened,
            Err(error) if !side.is_empty() && error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err(Error::io(&file, error)),
        };
        loop {
            if monitor.cancelled() {
                return Err(Error::CancelledHere);
            }
            match opened.read(&mut buffer) {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Error::io(&file, error)),
            }
        }
    }
    Ok(())
}

/// Whether another process holds a POSIX lock on the database, its -wal or its -shm, as every connection in WAL mode and every transaction does.
fn locked(path: &Path) -> Result<bool> {
    for side in ["", "-shm"] {
        let file = beside(path, side);
        let opened = match fs::OpenOptions::new().read(true).write(true).open(&file) {
            Ok(opened) => opened,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err(Error::io(&file, error)),
        };
        match fcntl_lock(&opened, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::ACCESS) => return Ok(true),
            Err(errno) => return Err(Error::io(&file, errno.into())),
        }
    }
    Ok(false)
}
