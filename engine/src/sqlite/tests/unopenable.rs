//! Replacing a database that SQLite cannot open.

use std::os::unix::fs::{MetadataExt, PermissionsExt};

use super::*;
use crate::sqlite::{
    open::identity,
    replace::replace_unopenable,
    scratch::beside,
    unopenable::{give_back, remove_incoming},
};

const SET: [(&str, &str); 4] = [("", "broken"), ("-wal", "old wal"), ("-shm", "old shm"), ("-journal", "old journal")];

/// A folder with an image to restore, and a database with all that may lie beside one.
fn broken() -> (Place, PathBuf) {
    let place = Place::new();
    drop(place.sql(ZOO));
    let image = place.image(&fs::read(place.db()).unwrap());
    for (suffix, content) in SET {
        fs::write(beside(&place.db(), suffix), content).unwrap();
    }
    (place, image)
}

fn stands_as_it_was(place: &Place) {
    for (suffix, content) in SET {
        assert_eq!(fs::read_to_string(beside(&place.db(), suffix)).unwrap(), content, "{suffix}");
    }
    assert_eq!(fs::read_dir(place.db().parent().unwrap()).unwrap().count(), SET.len());
}

#[expect(clippy::unnecessary_wraps, reason = "what is asked may refuse")]
fn yes(_: &str) -> Result<()> {
    Ok(())
}

#[test]
fn the_whole_set_is_kept_aside_and_the_image_stands_alone() {
    let (place, image) = broken();
    fs::set_permissions(place.db(), fs::Permissions::from_mode(0o640)).unwrap();
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(place.db(), Some(1234), Some(2345)).unwrap();
    }
    let old = fs::metadata(place.db()).unwrap();
    let aside = place.folder.path().join("aside/now");
    let mut incoming = String::new();
    let mut confirm = |identity: &str| {
        identity.clone_into(&mut incoming);
        assert_eq!(fs::read_dir(&aside).unwrap().count(), 0, "asked before anything is touched");
        Ok(())
    };
    replace_unopenable(&place.db(), &image, &aside, &mut confirm).unwrap();
    assert_eq!(identity(&place.db()).unwrap(), incoming);
    for (suffix, content) in SET {
        assert_eq!(fs::read_to_string(beside(&aside.join("shop.db"), suffix)).unwrap(), content);
    }
    assert_eq!(fs::metadata(aside.join("shop.db")).unwrap().nlink(), 1, "no second name of the old one is left");
    assert_eq!(fs::read_dir(place.db().parent().unwrap()).unwrap().count(), 1, "nothing old stands beside the new database");
    let new = fs::metadata(place.db()).unwrap();
    assert_eq!((new.uid(), new.gid(), new.mode()), (old.uid(), old.gid(), old.mode()));
    assert!(is_sound(&place.db()));
    assert!(image.exists(), "the caller's image stays");
}

#[test]
fn a_refusal_or_a_fault_on_the_way_leaves_everything_as_it_was() {
    let (place, image) = broken();
    let aside = place.folder.path().join("aside");
    let mut no = |_: &str| Err(Error::CancelledHere);
    assert_eq!(code(replace_unopenable(&place.db(), &image, &aside, &mut no)), "cancelled");
    stands_as_it_was(&place);
    assert_eq!(fs::read_dir(&aside).unwrap().count(), 0);
    // What stands aside already is never written over.
    fs::write(aside.join("shop.db-journal"), "an earlier one").unwrap();
    assert_eq!(code(replace_unopenable(&place.db(), &image, &aside, &mut yes)), "target_exists");
    stands_as_it_was(&place);
    assert_eq!(fs::read_to_string(aside.join("shop.db-journal")).unwrap(), "an earlier one");
    assert_eq!(fs::read_dir(&aside).unwrap().count(), 1);
    assert_eq!(code(replace_unopenable(&place.db(), &place.folder.path().join("none"), &aside, &mut yes)), "io_error");
}

/// At no moment there is no database: whoever looks all the time finds the old one or the new one, and beside the new one nothing old.
#[test]
fn there_is_always_the_old_or_the_new_database() {
    let (place, image) = broken();
    let (done, looks) = (AtomicBool::new(false), std::sync::atomic::AtomicU32::new(0));
    let (new, findings) = (fs::read(&image).unwrap(), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                let found = fs::read(place.db()).unwrap_or_default();
                let something_old = || ["-wal", "-journal", "-shm"].iter().any(|suffix| beside(&place.db(), suffix).exists());
                if found != b"broken" && (found != new || something_old()) {
                    findings.lock().unwrap().push(found.len());
                }
                looks.fetch_add(1, Ordering::Relaxed);
            }
        });
        for round in 0..20 {
            for (suffix, content) in SET {
                let part = place.folder.path().join("part");
                fs::write(&part, content).unwrap();
                fs::rename(&part, beside(&place.db(), suffix)).unwrap();
                if suffix.is_empty() {
                    // The watcher, too, has seen that: else it would take our own preparation for something old beside the new one.
                    let seen = looks.load(Ordering::Relaxed);
                    while looks.load(Ordering::Relaxed) < seen + 2 && findings.lock().unwrap().is_empty() {
                        std::thread::yield_now();
                    }
                }
            }
            replace_unopenable(&place.db(), &image, &place.folder.path().join(format!("aside/{round}")), &mut yes).unwrap();
        }
        done.store(true, Ordering::Relaxed);
    });
    assert!(findings.lock().unwrap().is_empty(), "neither the old nor the new alone, but so many bytes: {findings:?}");
}

/// Whatever a process that died had done, the next one gives back the whole set, and a second time does no harm.
#[test]
fn what_was_begun_is_given_back_from_every_state() {
    // How many of the set were kept, and of the side files how many had lost their name.
    for (kept, taken) in [(0, 0), (1, 0), (3, 0), (4, 0), (4, 1), (4, 3)] {
        for by_copy in [false, true] {
            let (place, _) = broken();
            let (aside, old) = (place.folder.path().join("aside"), identity(&place.db()).unwrap());
            fs::create_dir(&aside).unwrap();
            for (suffix, _) in SET.iter().take(kept) {
                let (from, to) = (beside(&place.db(), suffix), beside(&aside.join("shop.db"), suffix));
                if by_copy {
                    fs::copy(from, to).unwrap();
                } else {
                    fs::hard_link(from, to).unwrap();
                }
            }
            fs::write(aside.join("shop.db-journal.part"), "half").unwrap();
            for (suffix, _) in SET.iter().skip(1).take(taken) {
                fs::remove_file(beside(&place.db(), suffix)).unwrap();
            }
            fs::write(beside(&place.db(), ".keepstone-incoming"), "of a restore that was killed").unwrap();
            for _ in 0..2 {
                give_back(&place.db(), &aside, Some(&old)).unwrap();
                remove_incoming(&place.db()).unwrap();
                stands_as_it_was(&place);
                assert_eq!(fs::read_dir(&aside).unwrap().count(), 0, "{kept} {taken}");
            }
        }
    }
}

/// As on a machine where the vault is on another disk.
#[test]
fn the_set_goes_to_another_file_system_too() {
    let (place, other) = (Place::new(), tempfile::tempdir().unwrap());
    if fs::metadata(other.path()).unwrap().dev() == fs::metadata(place.folder.path()).unwrap().dev() {
        return;
    }
    drop(place.sql(ZOO));
    let image = place.image(&fs::read(place.db()).unwrap());
    fs::write(place.db(), "broken").unwrap();
    replace_unopenable(&place.db(), &image, &other.path().join("now"), &mut yes).unwrap();
    assert_eq!(fs::read_to_string(other.path().join("now/shop.db")).unwrap(), "broken");
    assert!(is_sound(&place.db()));
}

#[test]
fn a_database_that_is_not_there_is_restored_in_its_place() {
    let place = Place::new();
    drop(place.sql(ZOO));
    let image = place.image(&fs::read(place.db()).unwrap());
    fs::remove_file(place.db()).unwrap();
    fs::write(beside(&place.db(), "-wal"), "old wal").unwrap();
    fs::write(beside(&place.db(), ".keepstone-incoming"), "of a restore that was killed").unwrap();
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(place.db().parent().unwrap(), Some(1234), Some(2345)).unwrap();
    }
    let folder = fs::metadata(place.db().parent().unwrap()).unwrap();
    let aside = place.folder.path().join("aside");
    replace_unopenable(&place.db(), &image, &aside, &mut yes).unwrap();
    let new = fs::metadata(place.db()).unwrap();
    assert_eq!((new.uid(), new.mode() & 0o7777), (folder.uid(), 0o600));
    assert!(is_sound(&place.db()));
    assert_eq!(fs::read_to_string(aside.join("shop.db-wal")).unwrap(), "old wal");
    assert_eq!(fs::read_dir(place.db().parent().unwrap()).unwrap().count(), 1);
}

/// An application made a new database, or began to use the old one, while its files were aside: an old journal must not come to lie beside what is not
/// its own, and the only copy of it must not go.
#[test]
fn beside_what_is_new_nothing_old_is_put_back() {
    let place = Place::new();
    let aside = place.folder.path().join("aside");
    fs::create_dir(&aside).unwrap();
    for suffix in ["", "-wal"] {
        fs::write(beside(&aside.join("shop.db"), suffix), "old").unwrap();
    }
    fs::write(place.db(), "new").unwrap();
    let kept = || fs::read_dir(&aside).unwrap().count();
    let old = identity(&aside.join("shop.db")).unwrap();
    assert_eq!(give_back(&place.db(), &aside, Some(&old)).unwrap_err(), "another file is in the database's place");
    assert_eq!(give_back(&place.db(), &aside, None).unwrap_err(), "there was no database beside them");
    fs::write(beside(&place.db(), "-wal"), "new wal").unwrap();
    let new = identity(&place.db()).unwrap();
    let error = give_back(&place.db(), &aside, Some(&new)).unwrap_err();
    assert!(error.starts_with("another ") && error.contains("shop.db-wal"), "{error}");
    assert_eq!((kept(), fs::read_to_string(beside(&place.db(), "-wal")).unwrap().as_str()), (2, "new wal"));
}
