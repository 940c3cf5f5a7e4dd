//! Each way in which a source cannot be opened has a fault of its own.

use std::os::unix::fs::{PermissionsExt, chown};

use super::*;
use crate::sqlite::{
    health::health,
    live::live_state,
    open::{Access, Live, probe},
};

const WAIT: Duration = Duration::from_millis(150);

#[test]
fn each_refusal_has_its_own_code() {
    let place = Place::new();
    assert_eq!(code(probe(&place.db(), WAIT)), "source_missing");
    assert_eq!(code(probe(&place.db().join("below"), WAIT)), "source_missing");
    assert!(!place.db().exists(), "nothing was made");
    fs::write(place.db(), "").unwrap();
    assert_eq!(code(probe(&place.db(), WAIT)), "source_empty");
    for content in [b"x".to_vec(), b"hello".to_vec(), b"SQLite format 3\0".to_vec(), vec![b'x'; 10_000]] {
        fs::write(place.db(), &content).unwrap();
        assert_eq!(code(probe(&place.db(), WAIT)), "not_a_database");
        assert_eq!(code(place.take()), "not_a_database");
        assert!(health(&place.db(), WAIT, &Silent).unwrap().damage.is_some());
        assert_eq!(fs::read(place.db()).unwrap(), content);
    }
    assert_eq!(code(probe(place.folder.path(), WAIT)), "not_a_database", "a folder");
}

#[test]
fn a_locked_source_is_busy_after_the_wait() {
    for mode in ["DELETE", "WAL"] {
        let place = Place::new();
        let locker = place.sql(&format!("PRAGMA journal_mode={mode}; {ZOO}"));
        locker.execute_batch("PRAGMA locking_mode=EXCLUSIVE; BEGIN EXCLUSIVE; DELETE FROM plain WHERE id=1").unwrap();
        let began = std::time::Instant::now();
        let error = place.take().unwrap_err();
        if mode == "DELETE" {
            assert!(matches!(error, Error::SourceBusy { waited_ms: 300.., .. }), "{error:?}");
            assert!(began.elapsed() < Duration::from_secs(3));
            let stop = StopWhen::new(|_| true);
            stop.stopped.store(true, Ordering::Relaxed);
            assert_eq!(code(place.take_by(Method::Dbpage, &stop)), "cancelled", "a wait can be cancelled");
        }
        locker.execute_batch("ROLLBACK; PRAGMA locking_mode=NORMAL; SELECT count(*) FROM plain").unwrap();
        assert_eq!(place.take().unwrap().1.schema["plain"].row_count, 700);
    }
}

#[test]
fn a_look_tells_what_it_is_and_changes_nothing() {
    let place = Place::new();
    let _connected = place.sql(&format!("PRAGMA encoding='UTF-16be'; PRAGMA page_size=8192; PRAGMA journal_mode=WAL; {ZOO}"));
    let before = fs::read(place.db()).unwrap();
    let info = probe(&place.db(), WAIT).unwrap();
    assert_eq!((info.page_size, info.journal_mode.as_str(), info.encoding.as_str()), (8192, "wal", "UTF-16be"));
    let state = live_state(&place.db(), WAIT).unwrap();
    assert_eq!(state.identity, info.identity);
    assert_eq!(state.page_count, info.page_count);
    assert_eq!(state.schema["plain"].row_count, 700);
    assert_eq!(fs::read(place.db()).unwrap(), before);
}

#[test]
fn the_schema_hash_follows_the_schema_and_nothing_else() {
    let place = Place::new();
    let writer = place.sql(ZOO);
    let hash = || live_state(&place.db(), WAIT).unwrap().schema_hash;
    let first = hash();
    writer.execute_batch("DELETE FROM plain; ANALYZE; VACUUM").unwrap();
    assert_eq!(hash(), first);
    writer.execute_batch("ALTER TABLE plain ADD COLUMN extra").unwrap();
    assert_ne!(hash(), first);
}

/// Runs `check` on a database as another user. Only root can change its user, and only for one thread: other tests go on as root.
pub(super) fn as_nobody(check: impl FnOnce() + Send) {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    std::thread::scope(|scope| {
        let outcome = scope.spawn(|| {
            rustix::thread::set_thread_res_uid(
                rustix::process::Uid::from_raw(65534),
                rustix::process::Uid::from_raw(65534),
                rustix::process::Uid::from_raw(65534),
            )
            .unwrap();
            check();
        });
        outcome.join().unwrap();
    });
}

pub(super) fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn another_user_is_refused_before_any_harm() {
    let place = Place::new();
    mode(place.folder.path(), 0o755);
    mode(&place.spool(), 0o777);
    let app = place.db().parent().unwrap().to_owned();
    mode(&app, 0o755);
    drop(place.sql(&format!("PRAGMA journal_mode=WAL; {ZOO}")));
    let files = || fs::read_dir(&app).unwrap().count();
    as_nobody(|| {
        assert_eq!(code(place.take()), "source_read_only_wal");
        assert_eq!(code(probe(&place.db(), WAIT)), "source_read_only_wal");
    });
    mode(&app, 0o777);
    as_nobody(|| {
        assert_eq!(code(place.take()), "source_foreign_owner");
        assert_eq!(code(live_state(&place.db(), WAIT)), "source_foreign_owner");
    });
    assert_eq!(files(), 1, "no -wal and no -shm of another user");
    mode(&place.db(), 0o600);
    as_nobody(|| assert_eq!(code(place.take()), "source_unreadable"));
    mode(&place.db(), 0o644);
    drop(place.sql("PRAGMA journal_mode=DELETE"));
    as_nobody(|| assert_eq!(code(place.take()), "ok", "a rollback-journal database may be read by who can"));
    mode(&app, 0o700);
    as_nobody(|| assert_eq!(code(place.take()), "source_unreadable"));
    mode(&app, 0o755);
    // With the application connected its side files are there, and reading takes nothing away from it.
    let writer = place.sql("PRAGMA journal_mode=WAL; DELETE FROM plain WHERE id > 600");
    as_nobody(|| assert_eq!(place.take().unwrap().1.schema["plain"].row_count, 600));
    writer.execute_batch("DELETE FROM plain").unwrap();
}

#[test]
fn who_could_lock_the_application_out_with_a_journal_does_not_write() {
    let place = Place::new();
    mode(place.folder.path(), 0o755);
    let app = place.db().parent().unwrap().to_owned();
    mode(&app, 0o777);
    drop(place.sql(ZOO));
    let write = || Live::open(&place.db(), Access::Write).map(drop);
    // The other user is of root's group here.
    mode(&place.db(), 0o660);
    as_nobody(|| assert_eq!(code(write()), "source_foreign_owner"));
    // A folder that gives its group to what is made in it, and a group that may write.
    mode(&app, 0o2777);
    as_nobody(|| assert_eq!(code(write()), "ok"));
    chown(place.db(), None, Some(1)).unwrap();
    mode(&place.db(), 0o666);
    as_nobody(|| assert_eq!(code(write()), "source_foreign_owner"));
    assert_eq!(code(write()), "ok");
}

/// Comes while root holds the files that it made, and must find that it can write.
struct Application<'a>(&'a Place);

impl ImageSink for Application<'_> {
    fn begin(&mut self, _size_bytes: u64) -> Result<()> {
        as_nobody(|| drop(self.0.sql("DELETE FROM plain WHERE id=1")));
        Ok(())
    }

    fn write(&mut self, _pages: &[u8]) -> Result<()> {
        Ok(())
    }
}

#[test]
fn what_root_makes_belongs_to_the_owner() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let place = Place::new();
    drop(place.sql(&format!("PRAGMA journal_mode=WAL; {ZOO}")));
    let app = place.db().parent().unwrap().to_owned();
    mode(place.folder.path(), 0o755);
    chown(&app, Some(65534), Some(65534)).unwrap();
    chown(place.db(), Some(65534), Some(65534)).unwrap();
    let spool = place.spool();
    let options = SnapshotOptions { spool_dir: &spool, busy_wait: WAIT, limits: limits() };
    let facts = crate::sqlite::snapshot::snapshot(&place.db(), &options, &mut Application(&place), &Silent).unwrap();
    assert_eq!(facts.schema["plain"].row_count, 700);
    as_nobody(|| drop(place.sql("DELETE FROM plain WHERE id=2")));
}
