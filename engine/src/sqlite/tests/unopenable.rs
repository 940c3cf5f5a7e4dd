//! Replacing a database that SQLite cannot open.

use std::os::unix::fs::{MetadataExt, PermissionsExt};

use super::*;
use crate::sqlite::{replace::replace_unopenable, scratch::beside, unopenable::put_back};

#[test]
fn the_whole_set_is_kept_aside_and_the_image_stands_alone() {
    let place = Place::new();
    drop(place.sql(ZOO));
    let image = place.image(&fs::read(place.db()).unwrap());
    for (suffix, content) in [("", "broken"), ("-wal", "old wal"), ("-shm", "old shm"), ("-journal", "old journal")] {
        fs::write(beside(&place.db(), suffix), content).unwrap();
    }
    fs::set_permissions(place.db(), fs::Permissions::from_mode(0o640)).unwrap();
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(place.db(), Some(1234), Some(2345)).unwrap();
    }
    let old = fs::metadata(place.db()).unwrap();
    let aside = place.folder.path().join("aside/now");
    replace_unopenable(&place.db(), &image, &aside).unwrap();
    for (suffix, content) in [("", "broken"), ("-wal", "old wal"), ("-shm", "old shm"), ("-journal", "old journal")] {
        assert_eq!(fs::read_to_string(beside(&aside.join("shop.db"), suffix)).unwrap(), content);
    }
    assert_eq!(fs::read_dir(place.db().parent().unwrap()).unwrap().count(), 1, "nothing old stands beside the new database");
    let new = fs::metadata(place.db()).unwrap();
    assert_eq!((new.uid(), new.gid(), new.mode()), (old.uid(), old.gid(), old.mode()));
    assert!(is_sound(&place.db()));
    assert!(image.exists(), "the caller's image stays");
}

#[test]
fn a_fault_on_the_way_puts_everything_back() {
    let place = Place::new();
    drop(place.sql(ZOO));
    let image = place.image(&fs::read(place.db()).unwrap());
    for (suffix, content) in [("", "broken"), ("-wal", "old wal"), ("-journal", "old journal")] {
        fs::write(beside(&place.db(), suffix), content).unwrap();
    }
    // What stands aside already is never written over.
    let aside = place.folder.path().join("aside");
    fs::create_dir(&aside).unwrap();
    fs::write(aside.join("shop.db-journal"), "an earlier one").unwrap();
    assert_eq!(code(replace_unopenable(&place.db(), &image, &aside)), "target_exists");
    for (suffix, content) in [("", "broken"), ("-wal", "old wal"), ("-journal", "old journal")] {
        assert_eq!(fs::read_to_string(beside(&place.db(), suffix)).unwrap(), content);
    }
    assert_eq!(fs::read_dir(place.db().parent().unwrap()).unwrap().count(), 3);
    assert_eq!(fs::read_to_string(aside.join("shop.db-journal")).unwrap(), "an earlier one");
    assert_eq!(code(replace_unopenable(&place.db(), &place.folder.path().join("none"), &aside)), "io_error");
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
    replace_unopenable(&place.db(), &image, &other.path().join("now")).unwrap();
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
    replace_unopenable(&place.db(), &image, &aside).unwrap();
    let new = fs::metadata(place.db()).unwrap();
    assert_eq!((new.uid(), new.mode() & 0o7777), (folder.uid(), 0o600));
    assert!(is_sound(&place.db()));
    assert_eq!(fs::read_to_string(aside.join("shop.db-wal")).unwrap(), "old wal");
    assert_eq!(fs::read_dir(place.db().parent().unwrap()).unwrap().count(), 1);
}

/// An application made a new database while the old one was aside: its journal must not come to lie beside that one.
#[test]
fn beside_a_new_database_nothing_old_is_put_back() {
    let place = Place::new();
    let aside = place.folder.path().join("aside");
    fs::create_dir(&aside).unwrap();
    let moved: Vec<_> = ["", "-wal"].map(|suffix| (beside(&place.db(), suffix), beside(&aside.join("shop.db"), suffix))).to_vec();
    for (_, to) in &moved {
        fs::write(to, "old").unwrap();
    }
    let fault = || crate::Error::Internal("a fault".to_owned());
    fs::write(place.db(), "new").unwrap();
    for moved in [&moved[..], &moved[1..]] {
        let error = put_back(moved, &place.db(), &aside, fault());
        assert_eq!(error.code(), "target_unusable");
        assert!(error.to_string().contains("a fault") && error.to_string().contains(aside.to_str().unwrap()), "{error}");
        assert_eq!(fs::read_to_string(place.db()).unwrap(), "new");
        assert_eq!(fs::read_dir(place.db().parent().unwrap()).unwrap().count(), 1);
        assert_eq!(fs::read_dir(&aside).unwrap().count(), 2);
    }
    fs::remove_file(place.db()).unwrap();
    assert_eq!(put_back(&moved, &place.db(), &aside, fault()).code(), "internal_error");
    assert_eq!(fs::read_dir(place.db().parent().unwrap()).unwrap().count(), 2);
    assert_eq!(fs::read_dir(&aside).unwrap().count(), 0);
}
