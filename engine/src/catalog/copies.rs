//! The catalog's own backups: whole copies in `<data>/catalog-copies`, one a day and one after each change of users or tokens. What no archive
//! and no notes hold (users, tokens, the activity log) comes back out of them when the catalog is lost.

use std::{
    collections::BTreeSet,
    fs,
    io::{Read, Write},
    path::{Path, PathBuf},
};

use jiff::{SignedDuration, Timestamp, civil::Date, fmt::strtime, tz::TimeZone};
use keepstone_model::id::{DatabaseId, DatabaseUid};
use rusqlite::{Connection, ErrorCode, types::ValueRef};
use sha2::{Digest, Sha256};

use super::{Catalog, Stop, check_whole, connect, make_private, remove_all, rounded, schema};
use crate::{
    Error, Result,
    durable::{self, LockMode},
    image::hex,
    sqlite::scratch::open_immutable,
    vault::FULL_BYTES,
};

const EVERY: SignedDuration = SignedDuration::from_hours(24);
/// Of each of the newest so many days that have one, the newest stays; so do the newest few, whenever they were made.
const DAYS: usize = 7;
const NEWEST: usize = 3;
const PREFIX: &str = "catalog-";
const SUFFIX: &str = ".sqlite";
const STAGED: &str = ".catalog.tmp";
const LOCK: &str = ".lock";
const TIME: &str = "%Y%m%dT%H%M%S%.3fZ";

/// A copy, by its name `catalog-20261120T030000.123Z-3fa9c0d1.sqlite`: when it was made, and the digest of the users and tokens in it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct CatalogCopy {
    pub(crate) at: Timestamp,
    people: String,
    pub(crate) path: PathBuf,
}

/// What a new catalog took over from a copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenOver {
    /// When the copy was made: what was done to users and tokens since, and the activity since, is not in it.
    pub at: Timestamp,
    pub users: u64,
    pub tokens: u64,
    pub events: u64,
}

impl Catalog {
    /// Makes a copy in `folder` if one is due, and removes those that too many newer ones follow. What is returned is durable.
    pub(crate) fn copy_if_due(&self, folder: &Path, now: Timestamp) -> Result<Option<PathBuf>> {
        let (people, now) = (self.read(people)?, rounded(now));
        let copies = list(folder)?;
        if !is_due(&copies, &people, now) {
            return Ok(None);
        }
        durable::make_dir(folder)?;
        let Some(_alone) = durable::try_lock(&folder.join(LOCK), LockMode::Exclusive)? else { return Ok(None) };
        let size = fs::metadata(&self.path).map_err(|error| Error::io(&self.path, error))?.len();
        if durable::free_bytes(folder)? < size.saturating_add(FULL_BYTES) {
            return Err(Error::NoSpace { path: folder.to_owned() });
        }
        let target = folder.join(format!("{PREFIX}{}-{people}{SUFFIX}", now.strftime(TIME)));
        let staged = folder.join(STAGED);
        // A process that died left it.
        remove_all(&staged)?;
        let copied = self.copy_to(&staged).and_then(|()| durable::replace(&staged, &target));
        if copied.is_err() {
            // What was begun goes; the older copies are as they were.
            let _ = remove_all(&staged);
        }
        copied?;
        for path in superfluous(&list(folder)?) {
            fs::remove_file(&path).map_err(|error| Error::io(&path, error))?;
        }
        Ok(Some(target))
    }

    /// One transaction that reads, on a connection of its own: nobody waits for it. The copy is checked before it counts.
    fn copy_to(&self, staged: &Path) -> Result<()> {
        // Private from the first byte: SQLite writes into an empty file that is there.
        make_private(staged)?;
        let copied = connect(&self.path).and_then(|source| source.execute("VACUUM INTO ?1", [staged.to_string_lossy()]));
        copied.map_err(|error| Stop::from(error).into_error(&self.path))?;
        let copy = connect(staged).map_err(Stop::from).and_then(|copy| check_copy(&copy));
        copy.map_err(|stop| stop.into_error(staged))?;
        let file = fs::File::open(staged).map_err(|error| Error::io(staged, error))?;
        file.sync_all().map_err(|error| Error::io(staged, error))
    }

    /// Which databases the catalog at `path` knows, or else the newest copy in `folder` that can be read; without a trace there. Nothing where none
    /// can be read.
    pub(crate) fn databases_before(path: &Path, folder: &Path) -> Vec<(DatabaseId, DatabaseUid, String)> {
        let copies = list(folder).unwrap_or_default();
        let mut all = std::iter::once(path).chain(copies.iter().rev().map(|copy| &*copy.path));
        all.find_map(|path| databases_in(path).ok().flatten()).unwrap_or_default()
    }

    /// Begins a new catalog at `path` with what the newest readable copy in `folder` holds of users, tokens, activity and finished jobs. What
    /// stands in the backups folder is left out, as are sign-ins and links: nobody who was signed out comes back in. Copies that could not be
    /// read are told, with the reason.
    pub(crate) fn begin_from_copy(path: &Path, folder: &Path) -> Result<(Self, Option<TakenOver>, Vec<String>)> {
        let mut unreadable = Vec::new();
        // A folder that cannot be read keeps nobody from a new catalog.
        let copies = list(folder).unwrap_or_else(|error| {
            unreadable.push(format!("{}: {error}", folder.display()));
            Vec::new()
        });
        for copy in copies.iter().rev() {
            match Self::take_over(path, copy) {
                Ok((catalog, taken)) => return Ok((catalog, Some(taken), unreadable)),
                // Another copy would fare no better, and is older.
                Err(error) if is_of_the_disk(&error, path) => return Err(error),
                Err(error) => unreadable.push(format!("{}: {error}", copy.path.display())),
            }
            remove_all(path)?;
        }
        Ok((Self::open(path)?, None, unreadable))
    }

    fn take_over(path: &Path, copy: &CatalogCopy) -> Result<(Self, TakenOver)> {
        make_private(path)?;
        lay_down(&copy.path, path)?;
        connect(path).map_err(Stop::from).and_then(|c| check_copy(&c)).map_err(|stop| stop.into_error(path))?;
        let catalog = Self::open_by(path, schema::Before::Forgotten)?;
        let (users, tokens, events) = catalog.write(|tx| {
            tx.execute_batch(
                "DELETE FROM databases; DELETE FROM sessions; DELETE FROM setup_link; DELETE FROM user_links; DELETE FROM meta;
                 DELETE FROM jobs WHERE finished_at IS NULL;",
            )?;
            let count = |table: &str| tx.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0));
            Ok((count("users")?, count("tokens")?, count("events")?))
        })?;
        Ok((catalog, TakenOver { at: copy.at, users, tokens, events }))
    }
}

/// None if there is no catalog.
fn databases_in(path: &Path) -> Result<Option<Vec<(DatabaseId, DatabaseUid, String)>>> {
    if !durable::is_file(path)? {
        return Ok(None);
    }
    let connection = open_immutable(path)?;
    let found = (|| {
        let mut statement = connection.prepare("SELECT id, uid, location FROM databases")?;
        let rows = statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get(2)?)))?;
        rows.collect::<Result<Vec<_>, rusqlite::Error>>()
    })();
    let rows = found.map_err(|error| Stop::from(error).into_error(path))?;
    Ok(Some(rows.into_iter().filter_map(|(id, uid, location)| Some((id.parse().ok()?, uid.parse().ok()?, location))).collect()))
}

/// Whether the new catalog could not be written, which is no fault of what it is made from.
fn is_of_the_disk(error: &Error, path: &Path) -> bool {
    match error {
        Error::Io { path: at, .. } | Error::NoSpace { path: at } => at == path,
        Error::Catalog(error) => error.sqlite_error_code() == Some(ErrorCode::SystemIoFailure),
        _ => false,
    }
}

/// The bytes of one file into another, durably: by its first checkpoint SQLite syncs them too, and does not tell when that fails.
fn lay_down(from: &Path, path: &Path) -> Result<()> {
    let mut copy = fs::File::open(from).map_err(|error| Error::io(from, error))?;
    let mut file = fs::OpenOptions::new().write(true).open(path).map_err(|error| Error::io(path, error))?;
    let mut block = vec![0; 1 << 16];
    loop {
        match copy.read(&mut block).map_err(|error| Error::io(from, error))? {
            0 => break,
            length => file.write_all(&block[..length]).map_err(|error| Error::io(path, error))?,
        }
    }
    file.sync_all().map_err(|error| Error::io(path, error))
}

/// An empty file passes every check of SQLite's: a copy says what it is.
fn check_copy(copy: &Connection) -> Result<(), Stop> {
    let application_id: i64 = copy.query_row("PRAGMA application_id", [], |row| row.get(0))?;
    if application_id != schema::APPLICATION_ID {
        return Err(Stop::Ours(Error::CatalogDamaged { detail: "it holds no catalog".to_owned() }));
    }
    check_whole(copy)
}

/// The copies in the folder, oldest first; other files are none.
pub(crate) fn list(folder: &Path) -> Result<Vec<CatalogCopy>> {
    let mut copies = Vec::new();
    for entry in durable::entries_if_there(folder)? {
        let name = entry.file_name();
        copies.extend(name.to_str().and_then(parse).map(|(at, people)| CatalogCopy { at, people, path: entry.path() }));
    }
    copies.sort();
    Ok(copies)
}

fn parse(name: &str) -> Option<(Timestamp, String)> {
    let (time, people) = name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?.split_once('-')?;
    let at = strtime::parse(TIME, time).ok()?.to_datetime().ok()?.to_zoned(TimeZone::UTC).ok()?.timestamp();
    Some((at, people.to_owned()))
}

/// What the clock has not reached yet was made before the clock was set back: it is no copy of today.
fn is_due(copies: &[CatalogCopy], people: &str, now: Timestamp) -> bool {
    let newest = copies.iter().rev().find(|copy| copy.at <= now);
    newest.is_none_or(|copy| copy.people != people || now.duration_since(copy.at) >= EVERY)
}

/// Of copies in the order of time, those that go.
fn superfluous(copies: &[CatalogCopy]) -> Vec<PathBuf> {
    let day = |copy: &CatalogCopy| -> Date { copy.at.to_zoned(TimeZone::UTC).date() };
    let mut days = BTreeSet::new();
    let goes = |(nth, copy): &(usize, &CatalogCopy)| {
        let newest_of_its_day = days.insert(day(copy)) && days.len() <= DAYS;
        *nth >= NEWEST && !newest_of_its_day
    };
    copies.iter().rev().enumerate().filter(goes).map(|(_, copy)| copy.path.clone()).collect()
}

/// A digest of who may do what: eight hexadecimal digits that change with it. When a token was last used is no part of it.
fn people(c: &Connection) -> Result<String, Stop> {
    let mut digest = Sha256::new();
    for sql in
        ["SELECT * FROM users ORDER BY key", "SELECT number, name, secret_hash, scopes, databases, expires_at FROM tokens ORDER BY number"]
    {
        let mut statement = c.prepare_cached(sql)?;
        let columns = statement.column_count();
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            for column in 0..columns {
                match row.get_ref(column)? {
                    ValueRef::Null => digest.update([0]),
                    ValueRef::Integer(number) => digest.update(number.to_be_bytes()),
                    ValueRef::Real(number) => digest.update(number.to_be_bytes()),
                    ValueRef::Text(bytes) | ValueRef::Blob(bytes) => {
                        digest.update((bytes.len() as u64).to_be_bytes());
                        digest.update(bytes);
                    }
                }
            }
        }
    }
    Ok(hex(&digest.finalize()[..4]))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may stop at once")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn copy(secs: i64, people: &str) -> CatalogCopy {
        let at = Timestamp::from_second(secs).unwrap();
        CatalogCopy { at, people: people.to_owned(), path: PathBuf::from(format!("{}", at.strftime(TIME))) }
    }

    #[test]
    fn a_copy_is_due_after_a_day_or_a_change_of_people() {
        let at = |secs| Timestamp::from_second(secs).unwrap();
        let one = [copy(1_000_000, "aaaa")];
        assert!(is_due(&[], "aaaa", at(0)));
        assert!(!is_due(&one, "aaaa", at(1_000_000)) && !is_due(&one, "aaaa", at(1_086_399)));
        assert!(is_due(&one, "aaaa", at(1_086_400)) && is_due(&one, "bbbb", at(1_000_001)));
        assert!(is_due(&one, "aaaa", at(999_999)), "the clock was set back");
    }

    #[test]
    fn only_the_names_of_copies_are_copies() {
        let (at, people) = parse("catalog-20261120T030000.123Z-3fa9c0d1.sqlite").unwrap();
        assert_eq!((at.to_string().as_str(), people.as_str()), ("2026-11-20T03:00:00.123Z", "3fa9c0d1"));
        for name in [
            "catalog.sqlite",
            "catalog-20261120T030000.123Z.sqlite",
            "catalog-x-y.sqlite",
            ".catalog-1.tmp",
            "catalog-20261320T030000.123Z-a.sqlite",
        ] {
            assert_eq!(parse(name), None, "{name}");
        }
    }

    proptest! {
        #[test]
        fn the_newest_of_each_of_seven_days_stays(mut secs in proptest::collection::vec(0_i64..3_000_000, 0..60)) {
            secs.sort_unstable();
            secs.dedup();
            let copies: Vec<_> = secs.iter().map(|&secs| copy(secs, "a")).collect();
            let gone = superfluous(&copies);
            let day = |copy: &CatalogCopy| copy.at.as_second() / 86_400;
            let all_days: BTreeSet<_> = copies.iter().map(day).collect();
            let days: BTreeSet<_> = all_days.into_iter().rev().take(DAYS).collect();
            for (nth, copy) in copies.iter().rev().enumerate() {
                let newest_of_its_day = copies.iter().rfind(|other| day(other) == day(copy)) == Some(copy);
                let stays = nth < NEWEST || (newest_of_its_day && days.contains(&day(copy)));
                prop_assert_eq!(!gone.contains(&copy.path), stays, "{}", copy.at);
            }
        }
    }
}
