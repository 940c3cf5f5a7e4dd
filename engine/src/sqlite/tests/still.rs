//! Files that somebody writes to, or takes away, while they are read.

use std::time::SystemTime;

use super::*;
use crate::sqlite::{
    open::{Access, Live},
    pages::{self, Geometry},
    spool::spool,
    still::Still,
};

const ROWS: &str = "CREATE TABLE t(x); INSERT INTO t WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<400) SELECT hex(randomblob(500)) FROM n";

/// What file systems take for one moment may be some milliseconds.
fn long_ago(path: &Path) {
    let file = fs::OpenOptions::new().write(true).open(path).unwrap();
    file.set_modified(SystemTime::now() - Duration::from_secs(3600)).unwrap();
}

fn copy_over(place: &Place) {
    fs::copy(place.folder.path().join("other.db"), place.db()).unwrap();
}

fn rename_over(place: &Place) {
    fs::rename(place.folder.path().join("other.db"), place.db()).unwrap();
}

fn take_away(place: &Place) {
    fs::rename(place.db(), place.folder.path().join("gone.db")).unwrap();
}

/// Owner, mode and the time of the last reading are nobody's content.
fn touch_nothing(place: &Place) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(place.db(), fs::Permissions::from_mode(0o640)).unwrap();
    assert_eq!(Connection::open(place.db()).unwrap().query_row("SELECT count(*) FROM t", [], |row| row.get::<_, i64>(0)).unwrap(), 400);
}

type Act = (fn(&Place), &'static str);

const ACTS: [Act; 4] =
    [(copy_over, "source_overwritten"), (rename_over, "source_overwritten"), (take_away, "source_overwritten"), (touch_nothing, "ok")];

/// Acts as soon as it gets something.
struct Acting<'a>(&'a dyn Fn(), bool);

impl ImageSink for Acting<'_> {
    fn begin(&mut self, _: u64) -> Result<()> {
        Ok(())
    }

    fn write(&mut self, _: &[u8]) -> Result<()> {
        if !std::mem::replace(&mut self.1, true) {
            self.0();
        }
        Ok(())
    }
}

fn take_while(place: &Place, act: &dyn Fn()) -> Result<ImageFacts> {
    let spool = place.spool();
    let options = SnapshotOptions { spool_dir: &spool, busy_wait: Duration::from_millis(300), limits: limits() };
    snapshot_by(Method::Dbpage, &place.db(), &options, &mut Acting(act, false), &Silent)
}

#[test]
fn a_copy_over_a_database_while_its_pages_leave_it_is_no_backup() {
    for method in [Method::Dbpage, Method::BackupApi] {
        for (act, expected) in ACTS {
            let place = Place::new();
            drop(place.sql(ROWS));
            fs::copy(place.db(), place.folder.path().join("other.db")).unwrap();
            long_ago(&place.db());
            let folder = place.spool();
            let options = SnapshotOptions { spool_dir: &folder, busy_wait: BUSY_WAIT, limits: limits() };
            let live = Live::open(&place.db(), Access::Read).unwrap();
            live.begin_read(BUSY_WAIT).unwrap();
            let geometry = Geometry::read(&live.connection).unwrap();
            let still = Still::since(&live, &geometry).unwrap();
            act(&place);
            assert_eq!(code(spool(method, &live.connection, &still, &geometry, &options)), expected, "{method:?}");
        }
    }
}

#[test]
fn in_wal_mode_too_where_the_log_is_empty() {
    for (act, expected) in ACTS {
        let place = Place::new();
        drop(place.sql(&format!("PRAGMA journal_mode=WAL; {ROWS}")));
        fs::copy(place.db(), place.folder.path().join("other.db")).unwrap();
        long_ago(&place.db());
        assert_eq!(code(take_while(&place, &|| act(&place))), expected);
    }
}

#[test]
fn what_applications_do_meanwhile_is_their_right() {
    // With an empty log and with one that a checkpoint moves into the file.
    for before in ["", "UPDATE t SET x='before' WHERE rowid % 7 = 0"] {
        let place = Place::new();
        let application = place.sql(&format!("PRAGMA journal_mode=WAL; {ROWS}; PRAGMA wal_checkpoint(TRUNCATE); {before}"));
        long_ago(&place.db());
        let act = || {
            application.execute_batch("UPDATE t SET x='meanwhile' WHERE rowid % 3 = 0").unwrap();
            let _ = application.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
        };
        assert_eq!(code(take_while(&place, &act)), "ok", "{before}");
    }
    // A file that stands still after its log was moved into it, and one of whose log nothing is moved.
    let place = Place::new();
    let application = place.sql(&format!("PRAGMA journal_mode=WAL; {ROWS}; PRAGMA wal_checkpoint"));
    assert_eq!(code(take_while(&place, &|| application.execute_batch("UPDATE t SET x='meanwhile'").unwrap())), "ok");
    assert_eq!(code(take_while(&place, &|| application.execute_batch("UPDATE t SET x='again'").unwrap())), "ok");
    // And one whose file is replaced although its log is not empty.
    let place = Place::new();
    let _application = place.sql(&format!("PRAGMA journal_mode=WAL; {ROWS}"));
    fs::copy(place.db(), place.folder.path().join("other.db")).unwrap();
    assert_eq!(code(take_while(&place, &|| rename_over(&place))), "source_overwritten");
}

#[test]
fn a_file_that_ends_within_its_last_page_is_suspect() {
    for (mode, cut_bytes, suspect) in
        [("DELETE", 1, true), ("DELETE", 100, true), ("WAL", 100, true), ("DELETE", 0, false), ("WAL", 0, false)]
    {
        let place = Place::new();
        drop(place.sql(&format!("PRAGMA journal_mode={mode}; {ROWS}")));
        let file = fs::OpenOptions::new().write(true).open(place.db()).unwrap();
        file.set_len(file.metadata().unwrap().len() - cut_bytes).unwrap();
        let facts = place.take().unwrap().1;
        assert_eq!(facts.suspect.is_some_and(|why| why.contains("before its last page does")), suspect, "{mode} {cut_bytes}");
        let found = crate::sqlite::health::health(&place.db(), BUSY_WAIT, &Silent).unwrap();
        assert_eq!((found.damage, found.findings.len()), (None, usize::from(suspect)), "{mode} {cut_bytes}");
    }
    // The last page may be in the log.
    let place = Place::new();
    let _application = place.sql(&format!("PRAGMA journal_mode=WAL; CREATE TABLE early(x); PRAGMA wal_checkpoint(TRUNCATE); {ROWS}"));
    assert_eq!(place.take().unwrap().1.suspect, None);
    let live = Live::open(&place.db(), Access::Read).unwrap();
    live.begin_read(BUSY_WAIT).unwrap();
    let geometry = Geometry::read(&live.connection).unwrap();
    assert!(fs::metadata(place.db()).unwrap().len() < geometry.size_bytes());
    pages::rollback(&live.connection);
}

/// As rsync does it in place: the file keeps its length and its inode.
fn write_over(place: &Place) {
    let bytes = fs::read(place.folder.path().join("other.db")).unwrap();
    std::io::Write::write_all(&mut fs::OpenOptions::new().write(true).open(place.db()).unwrap(), &bytes).unwrap();
}

#[test]
fn what_is_written_over_a_database_with_a_log_is_no_checkpoint() {
    for (logged, checkpoint) in
        [("INSERT INTO t VALUES ('logged')", ""), ("SELECT 1", ""), ("INSERT INTO t VALUES ('logged')", "PRAGMA wal_checkpoint")]
    {
        for act in [copy_over, write_over] {
            let place = Place::new();
            let application = place.sql(&format!("PRAGMA journal_mode=WAL; {ROWS}; PRAGMA wal_checkpoint"));
            fs::copy(place.db(), place.folder.path().join("other.db")).unwrap();
            let other = Connection::open(place.folder.path().join("other.db")).unwrap();
            other.execute_batch("UPDATE t SET x=hex(randomblob(500)); PRAGMA journal_mode=DELETE").unwrap();
            application.execute_batch(logged).unwrap();
            long_ago(&place.db());
            let taken = take_while(&place, &|| {
                act(&place);
                let _ = application.execute_batch(checkpoint);
            });
            assert_eq!(code(taken), "source_overwritten", "{logged} {checkpoint}");
        }
    }
}
