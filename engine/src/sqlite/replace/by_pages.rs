//! The usual way in: only the pages that differ are written, through `sqlite_dbpage`, and read back before the commit.
//! <https://www.sqlite.org/dbpage.html>

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use keepstone_model::job::Step;
use rusqlite::{params, types::Null};

use super::{BeforeWrite, Incoming, Present, ReplaceOptions, ReplaceReport, Standing, begin_write, commit, doubt::Doubt};
use crate::{
    Error, Monitor, Result,
    image::{RestoreHasher, VOLATILE_HEADER_BYTES, mask_volatile},
    sqlite::{
        committed::CookieMark,
        fault,
        open::Live,
        pace::{Pace, millis},
        pages::{self, AutoVacuum, Geometry, Method},
        scratch::beside,
        watch,
    },
};

/// The page that holds SQLite's lock bytes on some systems; nothing is ever stored in it.
const LOCK_BYTE: u64 = 1 << 30;
/// How long readers and writers are waited for to make the log small again. Writers wait no longer than that for us.
const LOG_WAIT: Duration = Duration::from_millis(250);

pub(super) fn replace(
    (live, standing): (&Live, &Standing),
    options: &ReplaceOptions<'_>,
    incoming: &Incoming,
    before_write: &mut BeforeWrite<'_>,
    monitor: &dyn Monitor,
) -> Result<ReplaceReport> {
    let mut began = Instant::now();
    let log_before = log_bytes(live);
    let result = live.watched(monitor, &watch::unlimited, || {
        let geometry = begin_write((live, standing), options, incoming)?;
        began = Instant::now();
        let present = &mut Present { method: Method::Dbpage, live, options, geometry: &geometry, began };
        before_write(present).map_err(|error| not_to_be_read(live, error))?;
        let pages_written = Writer { live, incoming, geometry: &geometry, options, monitor }.write()?;
        standing.before_commit()?;
        let doubt = match commit(live) {
            Ok(()) => None,
            Err(not_begun @ (Error::SourceBusy { .. } | Error::StalePlan { .. })) => return Err(not_begun),
            Err(cause) => Some(Doubt { cause, mark: CookieMark::far_from(geometry.schema_version) }),
        };
        Ok((pages_written, doubt))
    });
    let held_ms = millis(began.elapsed());
    // Whatever went wrong: nothing of it stays. Closing the connection would do the same, and so does the next opener if we die here.
    pages::rollback(&live.connection);
    shrink_log(live, log_before);
    let (pages_written, doubt) = result?;
    if let Some(doubt) = doubt {
        doubt.settle(&live.path)?;
    }
    standing.after_commit()?;
    Ok(ReplaceReport { pages_written, page_count: incoming.page_count(), held_ms, method: "dbpage" })
}

fn log_bytes(live: &Live) -> u64 {
    std::fs::metadata(beside(&live.path, "-wal")).map_or(0, |log| log.len())
}

/// Takes out of the application's log what a restore wrote into it, also one that was taken back: it would stay that large for as long as the
/// application is connected. Writers go on already. Only the last moment of it needs them out of the way, and is not waited for long.
fn shrink_log(live: &Live, log_before: u64) {
    if log_bytes(live) <= log_before {
        return;
    }
    let checkpoint = |mode: &str| {
        let busy = live.connection.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |row| row.get::<_, i64>(0));
        busy.map_err(fault::at(&live.path))
    };
    match checkpoint("PASSIVE").and_then(|_| watch::waiting(LOG_WAIT, || checkpoint("TRUNCATE"))) {
        Ok(0) => {}
        Ok(_) => {
            tracing::info!(path = %live.path.display(), "somebody reads the log: it is left to the application to make it small again");
        }
        Err(error) => tracing::warn!(path = %live.path.display(), %error, "the checkpoint after a restore is left to the application"),
    }
}

/// Pages that cannot be read SQLite does not write over either, since it reads each first: what is left is another file in the place of this one.
fn not_to_be_read(live: &Live, error: Error) -> Error {
    match error {
        Error::SourceCorrupt { path, detail } if path == live.path => unusable(path, &detail),
        Error::Io { path, source } if path == live.path => unusable(path, &source.to_string()),
        other => other,
    }
}

fn unusable(path: PathBuf, detail: &str) -> Error {
    let advice = "stop the application, move the file and what lies beside it (-wal, -shm, -journal) elsewhere, and restore again";
    let reason = format!("not all of it can be read ({detail}), so SQLite cannot write over it: {advice}");
    Error::TargetUnusable { path, reason }
}

struct Writer<'a> {
    live: &'a Live,
    incoming: &'a Incoming,
    geometry: &'a Geometry,
    options: &'a ReplaceOptions<'a>,
    monitor: &'a dyn Monitor,
}

impl Writer<'_> {
    /// Brings the live database to the image's content within the transaction, proves it, and gives back how many pages that took.
    fn write(&self) -> Result<u64> {
        let (image_bytes, live_bytes) = (self.incoming.size_bytes(), self.geometry.size_bytes());
        let pace = Pace::new(self.monitor, Step::Write, image_bytes.max(live_bytes) + 2 * image_bytes);
        let differing = self.differing_pages(&pace)?;
        let (live_count, image_count) = (self.geometry.page_count, self.incoming.page_count());
        if differing.is_empty() && live_count == image_count {
            return Ok(0);
        }
        self.hold_auto_vacuum()?;
        let pages_written = self.write_pages(&differing, &pace)?;
        if image_count > live_count {
            self.take_up_new_size()?;
        }
        self.prove(&pace)?;
        if image_count < live_count {
            // After all others: a later page would cancel it. It happens within the commit.
            self.execute_page(image_count + 1, None)?;
        }
        self.move_schema_cookie()?;
        Ok(pages_written)
    }

    /// Numbers of the pages that are not as they should be, without the first, whose volatile bytes are ours to decide.
    fn differing_pages(&self, pace: &Pace<'_>) -> Result<Vec<u64>> {
        let page_bytes = self.incoming.page_size() as usize;
        let (live_count, image_count) = (self.geometry.page_count, self.incoming.page_count());
        let mut differing = Vec::new();
        let mut expected = vec![0; pages::BATCH_BYTES.max(page_bytes)];
        let mut next = 1;
        pages::stream(&self.live.connection, &self.live.path, (self.geometry.page_size, live_count), &mut |batch| {
            let in_image = usize::try_from(image_count.saturating_sub(next - 1) * page_bytes as u64).unwrap_or(usize::MAX);
            let shared = batch.len().min(in_image);
            if shared > 0 {
                self.incoming.read_at(&mut expected[..shared], (next - 1) * page_bytes as u64)?;
                let pairs = batch[..shared].chunks_exact(page_bytes).zip(expected[..shared].chunks_exact(page_bytes));
                differing.extend(pairs.zip(next..).filter(|((is, should), number)| differ(is, should, *number)).map(|(_, number)| number));
            }
            next += (batch.len() / page_bytes) as u64;
            pace.advance(batch.len())
        })
        .map_err(|error| not_to_be_read(self.live, error))?;
        differing.extend(live_count + 1..=image_count);
        Ok(differing)
    }

    /// In a database with full auto-vacuum SQLite moves pages about at commit, by the free list it finds: it would move those that we have
    /// just written and proven. Incremental mode leaves them alone, and lasts for this transaction: the first page is written over.
    fn hold_auto_vacuum(&self) -> Result<()> {
        if self.geometry.auto_vacuum == AutoVacuum::Full {
            let held = self.live.connection.execute_batch("PRAGMA main.auto_vacuum=INCREMENTAL");
            held.map_err(fault::at(&self.live.path))?;
        }
        Ok(())
    }

    fn write_pages(&self, differing: &[u64], pace: &Pace<'_>) -> Result<u64> {
        let page_size = self.incoming.page_size();
        let lock_page = LOCK_BYTE / u64::from(page_size) + 1;
        let mut page = vec![0; page_size as usize];
        let mut written = 0;
        // In rollback-journal mode a large restore needs the readers out before its end: they get so long to finish.
        watch::wait_for_locks(self.options.busy_wait);
        for &number in differing.iter().filter(|&&number| number != 1 && number != lock_page) {
            self.incoming.read_at(&mut page, (number - 1) * u64::from(page_size))?;
            self.execute_page(number, Some(&page))?;
            written += 1;
            pace.advance(page.len())?;
        }
        // The first page comes last: with it the new content becomes the database.
        let live_first: Vec<u8> = self
            .live
            .connection
            .query_row("SELECT data FROM sqlite_dbpage WHERE pgno=1", [], |row| row.get(0))
            .map_err(fault::at(&self.live.path))?;
        self.execute_page(1, Some(&self.first_page(&live_first)))?;
        Ok(written + 1)
    }

    /// The image's first page with what is the live database's own: the journal mode, the counters that SQLite itself moves on at commit, and
    /// the schema cookie. Were that another one already, SQLite would read the schema again to go on, through tree structures that it
    /// holds of the old pages.
    fn first_page(&self, live: &[u8]) -> Vec<u8> {
        let mut page = self.incoming.first_page().to_vec();
        for kept in VOLATILE_HEADER_BYTES {
            page[kept.clone()].copy_from_slice(&live[kept]);
        }
        page
    }

    /// Puts the schema cookie far above the live one, so that connected applications read the schema again, and what became of a commit can be told; by the
    /// pragma, which tells this connection that it has seen it.
    fn move_schema_cookie(&self) -> Result<()> {
        let CookieMark { after, .. } = CookieMark::far_from(self.geometry.schema_version);
        let moved = self.live.connection.execute_batch(&format!("PRAGMA main.schema_version={after}"));
        moved.map_err(fault::at(&self.live.path))
    }

    fn execute_page(&self, number: u64, page: Option<&[u8]>) -> Result<()> {
        let number = i64::try_from(number).unwrap_or(i64::MAX);
        let mut statement = self
            .live
            .connection
            .prepare_cached("INSERT INTO sqlite_dbpage(pgno, data) VALUES(?1, ?2)")
            .map_err(fault::at(&self.live.path))?;
        match page {
            Some(page) => statement.execute(params![number, page]),
            None => statement.execute(params![number, Null]),
        }
        .map_err(fault::at(&self.live.path))?;
        if watch::patience_exhausted() {
            // SQLite would go on in memory; a reader that stays would have it take in the whole image.
            return Err(watch::busy(&self.live.path, self.options.busy_wait));
        }
        Ok(())
    }

    /// Pages past the old end are in the transaction, but SQLite's tree layer still goes by the old count and would not show them. Rolling a
    /// savepoint back that holds nothing makes it read the count from the first page again.
    fn take_up_new_size(&self) -> Result<()> {
        let taken_up = self.live.connection.execute_batch("SAVEPOINT taken_up; ROLLBACK TO taken_up; RELEASE taken_up");
        taken_up.map_err(fault::at(&self.live.path))
    }

    /// Reads every page of the new content back through the same connection.
    fn prove(&self, pace: &Pace<'_>) -> Result<()> {
        let mut hasher = RestoreHasher::default();
        let shape = (self.geometry.page_size, self.incoming.page_count());
        pages::stream(&self.live.connection, &self.live.path, shape, &mut |batch| {
            hasher.update(batch);
            pace.advance(batch.len())
        })?;
        if hasher.finish() == self.incoming.expected_hash {
            Ok(())
        } else {
            Err(Error::RestoreMismatch { detail: "the pages read back before the commit are not those of the backup".to_owned() })
        }
    }
}

/// Whether a page is to be written. The volatile bytes of the first one do not count.
fn differ(is: &[u8], should: &[u8], number: u64) -> bool {
    if number != 1 {
        return is != should;
    }
    let (mut is, mut should) = (is.to_vec(), should.to_vec());
    mask_volatile(&mut is);
    mask_volatile(&mut should);
    is != should
}
