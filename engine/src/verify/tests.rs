//! A file that is verified anywhere: what lies in the folder of the scratch copy is not of its concern.

use std::{
    fs,
    sync::atomic::{AtomicBool, Ordering},
};

use super::*;
use crate::Silent;

fn archive(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/archives").join(name)
}

fn level(archive: &Path, scratch: &Path, monitor: &dyn Monitor) -> Level {
    verify_file(archive, &Passwords::none(), scratch, monitor).unwrap().1.level()
}

/// Has another file verified while the first one's copy is there.
struct Meanwhile<'a> {
    begun: AtomicBool,
    scratch: &'a Path,
}

impl Monitor for Meanwhile<'_> {
    fn progress(&self, progress: &Progress) {
        let copies = || fs::read_dir(self.scratch).unwrap().count();
        if progress.done_bytes > 0 && !self.begun.swap(true, Ordering::Relaxed) {
            let before = copies();
            assert_eq!(level(&archive("v1-gzip.zip"), self.scratch, &Silent), Level::Opened);
            assert_eq!(copies(), before, "the other's copy is where it was");
        }
    }
}

#[test]
fn two_files_verified_at_once_in_one_folder_do_not_meet_nor_touch_what_lies_there() {
    let scratch = tempfile::tempdir().unwrap();
    let others = ["scratch.sqlite", "scratch.sqlite-wal", "scratch.sqlite-journal", "scratch.sqlite-shm"];
    for name in others {
        fs::write(scratch.path().join(name), "somebody else's").unwrap();
    }
    let monitor = Meanwhile { begun: AtomicBool::new(false), scratch: scratch.path() };
    assert_eq!(level(&archive("v1-zstd-many-frames-utf16-64k-pages.zip"), scratch.path(), &monitor), Level::Opened);
    assert!(monitor.begun.into_inner(), "nothing was verified meanwhile");
    for name in others {
        assert_eq!(fs::read_to_string(scratch.path().join(name)).unwrap(), "somebody else's");
    }
    assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), others.len(), "the copies are gone");
}
