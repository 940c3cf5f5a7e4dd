//! Replacing a database that SQLite cannot open.

use std::os::unix::fs::{MetadataExt, PermissionsExt};

use super::*;
use crate::sqlite::{
    scratch::beside,
    unopenable::{Course, Placed, Seen, give_back, replace_unopenable},
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

type Act<'a, T> = Box<dyn FnMut(&T) -> Result<()> + 'a>;

/// What happens on the way: nothing, unless it is said.
struct Way<'a> {
    begins: Act<'a, Path>,
    confirm: Act<'a, Seen>,
    carried_off: Act<'a, Path>,
}

impl Default for Way<'_> {
    fn default() -> Self {
        Self { begins: Box::new(|_| Ok(())), confirm: Box::new(|_| Ok(())), carried_off: Box::new(|_| Ok(())) }
    }
}

impl Course for Way<'_> {
    fn begins(&mut self, incoming: &Path) -> Result<()> {
        (self.begins)(incoming)
    }

    fn confirm(&mut self, _old: Option<&Seen>, incoming: &Seen) -> Result<()> {
        (self.confirm)(incoming)
    }

    fn carried_off(&mut self, old: &Path) -> Result<()> {
        (self.carried_off)(old)
    }
}

fn replace(place: &Place, image: &Path, aside: &Path, mut way: Way<'_>) -> Result<Placed> {
    replace_unopenable(&place.db(), image, aside, &mut way)
}

fn names_beside(place: &Place) -> Vec<String> {
    let entries = fs::read_dir(place.db().parent().unwrap()).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).filter(|name| name != "shop.db").collect()
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
    let mut incoming = None;
    let confirm = Box::new(|seen: &Seen| {
        incoming = Some(seen.clone());
        assert_eq!(fs::read_dir(&aside).unwrap().count(), 0, "asked before anything is touched");
        Ok(())
    });
    let placed = replace(&place, &image, &aside, Way { confirm, ..Way::default() }).unwrap();
    assert_eq!(Some(Seen::at(&place.db()).unwrap()), incoming);
    assert!(placed.is_equal(&place.db()).unwrap());
    for (suffix, content) in SET {
        assert_eq!(fs::read_to_string(beside(&aside.join("shop.db"), suffix)).unwrap(), content);
    }
    assert_eq!(fs::metadata(aside.join("shop.db")).unwrap().nlink(), 1, "no second name of the old one is left");
    assert_eq!(fs::read_dir(place.db().parent().unwrap()).unwrap().count(), 1, "nothing old stands beside the new database");
    let new = fs::metadata(place.db()).unwrap();
    assert_eq!((new.uid(), new.gid(), new.mode()), (old.uid(), old.gid(), old.mode()));
    assert!(is_sound(&place.db()));
    assert!(image.exists(), "the caller's image stays");
    drop(place.sql("CREATE TABLE later (x)"));
    assert!(!placed.is_equal(&place.db()).unwrap(), "it is what stands there that is looked at");
}

#[test]
fn a_refusal_or_a_fault_on_the_way_leaves_everything_as_it_was() {
    let (place, image) = broken();
    let aside = place.folder.path().join("aside");
    let no = Way { confirm: Box::new(|_| Err(Error::CancelledHere)), ..Way::default() };
    assert_eq!(code(replace(&place, &image, &aside, no)), "cancelled");
    stands_as_it_was(&place);
    assert_eq!(fs::read_dir(&aside).unwrap().count(), 0);
    // What stands aside already is never written over.
    fs::write(aside.join("shop.db-journal"), "an earlier one").unwrap();
    assert_eq!(code(replace(&place, &image, &aside, Way::default())), "target_exists");
    stands_as_it_was(&place);
    assert_eq!(fs::read_to_string(aside.join("shop.db-journal")).unwrap(), "an earlier one");
    assert_eq!(fs::read_dir(&aside).unwrap().count(), 1);
    assert_eq!(code(replace(&place, &place.folder.path().join("none"), &aside, Way::default())), "io_error");
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
            replace(&place, &image, &place.folder.path().join(format!("aside/{round}")), Way::default()).unwrap();
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
            let (aside, old) = (place.folder.path().join("aside"), Seen::at(&place.db()).unwrap());
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
            for _ in 0..2 {
                give_back(&place.db(), &aside, Some(&old)).unwrap();
                stands_as_it_was(&place);
                assert_eq!(fs::read_dir(&aside).unwrap().count(), 0, "{kept} {taken}");
            }
        }
    }
}

/// Another vault means the same database, and is quicker: each has an image of its own, and at no time half of one stands there.
#[test]
fn a_replacement_leaves_that_of_another_vault_alone() {
    let (place, image) = broken();
    let aside = |name: &str| place.folder.path().join("aside").join(name);
    let mut of_the_first = PathBuf::new();
    let begins = Box::new(|incoming: &Path| {
        incoming.clone_into(&mut of_the_first);
        fs::write(incoming, "not yet whole").unwrap();
        replace(&place, &image, &aside("second"), Way::default()).unwrap();
        assert!(is_sound(&place.db()));
        assert_eq!(fs::read_to_string(incoming).unwrap(), "not yet whole", "it is the other one's to remove");
        fs::remove_file(incoming).unwrap();
        Ok(())
    });
    replace(&place, &image, &aside("first"), Way { begins, ..Way::default() }).unwrap();
    assert!(of_the_first.to_str().unwrap().contains("shop.db.keepstone-incoming-"), "{of_the_first:?}");
    assert_eq!(fs::read_to_string(aside("second/shop.db")).unwrap(), "broken");
    assert_eq!(fs::read(aside("first/shop.db")).unwrap(), fs::read(&image).unwrap());
    assert_eq!(names_beside(&place), [""; 0]);
    // While one changes the names no other does.
    let confirm = Box::new(|_: &Seen| {
        assert!(crate::guard::try_lock_dir(place.db().parent().unwrap()).unwrap().is_none());
        Ok(())
    });
    replace(&place, &image, &aside("third"), Way { confirm, ..Way::default() }).unwrap();
}

/// An empty file is a database that its application just made: what it commits at the last moment stays where it is.
#[test]
fn what_is_written_or_opened_at_the_last_moment_is_not_carried_off() {
    let (place, image) = broken();
    for (suffix, _) in &SET[1..] {
        fs::remove_file(beside(&place.db(), suffix)).unwrap();
    }
    let aside = place.folder.path().join("aside");
    let commit = |_: &Seen| {
        fs::write(place.db(), "a commit").unwrap();
        Ok(())
    };
    let stands = |content: &str| {
        assert_eq!(fs::read_to_string(place.db()).unwrap(), content);
        assert_eq!((fs::read_dir(&aside).unwrap().count(), names_beside(&place)), (0, Vec::new()));
    };
    fs::write(place.db(), "").unwrap();
    let late = Way { confirm: Box::new(commit), ..Way::default() };
    assert_eq!(code(replace(&place, &image, &aside, late)), "stale_plan");
    stands("a commit");
    // It came between the look at its file and the change of names.
    let write_to_old = |old: &Path| {
        fs::write(old, "another commit").unwrap();
        Ok(())
    };
    let later = Way { carried_off: Box::new(write_to_old), ..Way::default() };
    assert_eq!(code(replace(&place, &image, &aside, later)), "stale_plan");
    stands("another commit");
    let opened = Way { carried_off: Box::new(|_| Err(Error::CancelledHere)), ..Way::default() };
    assert_eq!(code(replace(&place, &image, &aside, opened)), "cancelled");
    stands("another commit");
    // And who began with the new one in that moment keeps that, too.
    let write_to_new = |_: &Path| {
        fs::write(place.db(), "begun anew").unwrap();
        Err(Error::CancelledHere)
    };
    let both = Way { carried_off: Box::new(write_to_new), ..Way::default() };
    assert_eq!(code(replace(&place, &image, &aside, both)), "cancelled");
    assert_eq!(fs::read_to_string(place.db()).unwrap(), "another commit");
    let kept = names_beside(&place);
    assert_eq!(fs::read_to_string(place.db().with_file_name(&kept[0])).unwrap(), "begun anew");
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
    replace(&place, &image, &other.path().join("now"), Way::default()).unwrap();
    assert_eq!(fs::read_to_string(other.path().join("now/shop.db")).unwrap(), "broken");
    assert!(is_sound(&place.db()));
}

#[test]
fn a_backup_that_could_not_be_taken_away_again_is_told_as_what_stands_there() {
    let (place, image) = broken();
    let aside = place.folder.path().join("aside/now");
    let lost = Way {
        carried_off: Box::new(|old| {
            fs::remove_file(old).unwrap();
            Err(Error::CancelledHere)
        }),
        ..Way::default()
    };
    let error = replace(&place, &image, &aside, lost).unwrap_err();
    assert_eq!(error.code(), "unsure", "{error}");
    let said = error.to_string();
    assert!(said.starts_with(&format!("the backup stands in the place of {}", place.db().display())), "{said}");
    assert!(said.contains(&format!("what was there is kept in {}", aside.display())), "{said}");
    assert!(is_sound(&place.db()));
    for (suffix, content) in SET {
        assert_eq!(fs::read_to_string(beside(&aside.join("shop.db"), suffix)).unwrap(), content);
    }
}

/// A page that the disk does not give any more, or no room where the vault is.
#[test]
fn what_cannot_be_copied_is_kept_on_its_own_disk() {
    let ((place, image), other) = (broken(), tempfile::tempdir().unwrap());
    if fs::metadata(other.path()).unwrap().dev() == fs::metadata(place.folder.path()).unwrap().dev() {
        return;
    }
    // The last that is copied cannot be, as the name that it is written under first is taken.
    let aside = other.path().join("20261130T170000Z");
    fs::create_dir_all(aside.join("shop.db-shm.part/taken")).unwrap();
    let refused = Way { carried_off: Box::new(|_| Err(Error::CancelledHere)), ..Way::default() };
    let error = replace(&place, &image, &aside, refused).unwrap_err();
    assert!(error.to_string().contains("could be put back"), "the folder in the way is in the way of that, too: {error}");
    fs::remove_dir_all(&aside).unwrap();
    give_back(&place.db(), &aside, Some(&Seen::at(&place.db()).unwrap())).unwrap();
    stands_as_it_was(&place);
    fs::create_dir_all(aside.join("shop.db-shm.part/taken")).unwrap();
    let placed = replace(&place, &image, &aside, Way::default()).unwrap();
    assert_eq!(placed.kept, beside(&place.db(), ".keepstone-kept-20261130T170000Z"));
    for (suffix, content) in SET {
        assert_eq!(fs::read_to_string(beside(&placed.kept, suffix)).unwrap(), content);
    }
    assert!(is_sound(&place.db()));
    assert_eq!(names_beside(&place).len(), SET.len(), "and nothing else");
}

#[test]
fn a_database_that_is_not_there_is_restored_in_its_place() {
    let place = Place::new();
    drop(place.sql(ZOO));
    let image = place.image(&fs::read(place.db()).unwrap());
    fs::remove_file(place.db()).unwrap();
    fs::write(beside(&place.db(), "-wal"), "old wal").unwrap();
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(place.db().parent().unwrap(), Some(1234), Some(2345)).unwrap();
    }
    let folder = fs::metadata(place.db().parent().unwrap()).unwrap();
    let aside = place.folder.path().join("aside");
    replace(&place, &image, &aside, Way::default()).unwrap();
    let new = fs::metadata(place.db()).unwrap();
    assert_eq!((new.uid(), new.mode() & 0o7707), (folder.uid(), 0o600));
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
    let old = Seen::at(&aside.join("shop.db")).unwrap();
    assert_eq!(give_back(&place.db(), &aside, Some(&old)).unwrap_err(), "another file is in the database's place");
    assert_eq!(give_back(&place.db(), &aside, None).unwrap_err(), "there was no database beside them");
    fs::write(beside(&place.db(), "-wal"), "new wal").unwrap();
    let new = Seen::at(&place.db()).unwrap();
    let error = give_back(&place.db(), &aside, Some(&new)).unwrap_err();
    assert!(error.starts_with("another ") && error.contains("shop.db-wal"), "{error}");
    assert_eq!((kept(), fs::read_to_string(beside(&place.db(), "-wal")).unwrap().as_str()), (2, "new wal"));
    // The same file, to which somebody wrote.
    fs::remove_file(beside(&place.db(), "-wal")).unwrap();
    fs::write(place.db(), "new, and more").unwrap();
    assert_eq!(give_back(&place.db(), &aside, Some(&new)).unwrap_err(), "somebody wrote to the database");
    assert_eq!((kept(), names_beside(&place)), (2, Vec::new()));
}
