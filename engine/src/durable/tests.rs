//! Tests of what outlives a crash, as far as a living process can tell.
#![expect(clippy::unwrap_used, reason = "a test may stop at once")]

use std::{fs, os::unix::fs::PermissionsExt};

use super::*;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn publishing_never_replaces() {
    let folder = tempfile::tempdir().unwrap();
    let (staging, backups) = (folder.path().join("staging"), folder.path().join("backups"));
    make_dir(&staging).unwrap();
    make_dir(&backups).unwrap();
    let (staged, target) = (staging.join("a.zip"), backups.join("a.zip"));
    fs::write(&staged, b"new").unwrap();
    publish(&staged, &target).unwrap();
    assert_eq!(fs::read(&target).unwrap(), b"new");
    assert!(!staged.exists());

    fs::write(&staged, b"newer").unwrap();
    assert!(matches!(publish(&staged, &target), Err(Error::TargetExists { path }) if path == target));
    assert_eq!((fs::read(&target).unwrap(), fs::read(&staged).unwrap()), (b"new".to_vec(), b"newer".to_vec()));
    assert!(matches!(publish(&staging.join("gone.zip"), &backups.join("b.zip")), Err(Error::Io { .. })));
}

#[test]
fn linking_never_replaces_either() {
    let folder = tempfile::tempdir().unwrap();
    let (staged, target) = (folder.path().join("staged"), folder.path().join("target"));
    fs::write(&staged, b"new").unwrap();
    publish_by_link(&staged, &target, &Names::of(&target).unwrap()).unwrap();
    assert_eq!(fs::read(&target).unwrap(), b"new");
    assert!(!staged.exists());
    fs::write(&staged, b"newer").unwrap();
    assert!(matches!(publish_by_link(&staged, &target, &Names::of(&target).unwrap()), Err(Error::TargetExists { .. })));
    assert_eq!((fs::read(&target).unwrap(), fs::read(&staged).unwrap()), (b"new".to_vec(), b"newer".to_vec()));
}

#[test]
fn what_is_moved_is_always_somewhere_and_replaces_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (here, there) = (folder.path().join("here"), folder.path().join("there"));
    make_dir(&here).unwrap();
    make_dir(&there).unwrap();
    let (from, to) = (here.join("a.zip"), there.join("a.zip"));
    fs::write(&from, b"archive").unwrap();
    relocate(&from, &to).unwrap();
    assert_eq!((fs::read(&to).unwrap(), from.exists()), (b"archive".to_vec(), false));
    // One that was cut off goes on; another file of that name stays.
    fs::hard_link(&to, &from).unwrap();
    relocate(&from, &to).unwrap();
    assert!(to.exists() && !from.exists());
    fs::write(&from, b"another").unwrap();
    assert!(matches!(relocate(&from, &to), Err(Error::TargetExists { path }) if path == to));
    assert_eq!((fs::read(&to).unwrap(), fs::read(&from).unwrap()), (b"archive".to_vec(), b"another".to_vec()));
    assert!(matches!(relocate(&here.join("gone.zip"), &there.join("b.zip")), Err(Error::Io { .. })));
}

#[test]
fn a_small_file_is_replaced_whole_and_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.notes.json");
    write(&path, b"one").unwrap();
    write(&path, b"two").unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"two");
    assert_eq!(mode(&path), 0o600);
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
}

#[test]
fn a_write_that_fails_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("taken");
    fs::create_dir(&path).unwrap();
    assert!(matches!(write(&path, b"x"), Err(Error::Io { .. })));
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
    assert!(write(&folder.path().join("no/such/folder"), b"x").is_err());
}

#[test]
fn only_our_own_unfinished_files_are_swept() {
    let folder = tempfile::tempdir().unwrap();
    for name in
        [".a.json.0123abcd.tmp", ".b.json.0123abcd.tmp", ".a.json.0123abc.tmp", ".a.json.tmp", "a.json", "a.json.0123abcd.tmp", ".tmp"]
    {
        fs::write(folder.path().join(name), b"").unwrap();
    }
    assert_eq!(
        temporary_beside(&folder.path().join("a.json")).unwrap().file_name().unwrap().to_str().and_then(target_of_temporary),
        Some("a.json")
    );
    sweep(folder.path(), |target| target == "a.json").unwrap();
    assert!(!folder.path().join(".a.json.0123abcd.tmp").exists());
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 6);
    sweep(&folder.path().join("gone"), |_| true).unwrap();
}

#[test]
fn folders_are_private_and_those_of_others_stay_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let theirs = folder.path().join("theirs");
    fs::create_dir(&theirs).unwrap();
    fs::set_permissions(&theirs, fs::Permissions::from_mode(0o755)).unwrap();
    let ours = theirs.join("shop/daily");
    make_dir(&ours).unwrap();
    make_dir(&ours).unwrap();
    assert_eq!((mode(&theirs), mode(&theirs.join("shop")), mode(&ours)), (0o755, 0o700, 0o700));
    fs::write(theirs.join("file"), b"").unwrap();
    assert!(make_dir(&theirs.join("file")).is_err());
    assert!(make_dir(&theirs.join("file/below")).is_err());
}

#[test]
fn free_space_is_some() {
    let folder = tempfile::tempdir().unwrap();
    assert!(free_bytes(folder.path()).unwrap() > 0);
    assert!(free_bytes(&folder.path().join("gone")).is_err());
}

#[test]
fn a_lock_keeps_others_out_until_it_is_dropped() {
    use LockMode::{Exclusive, Shared};
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(".lock");
    let held = try_lock(&path, Exclusive).unwrap().unwrap();
    assert_eq!(mode(&path), 0o600);
    assert!(try_lock(&path, Exclusive).unwrap().is_none());
    assert!(try_lock(&path, Shared).unwrap().is_none());
    drop(held);
    let shared = (try_lock(&path, Shared).unwrap().unwrap(), try_lock(&path, Shared).unwrap().unwrap());
    assert!(try_lock(&path, Exclusive).unwrap().is_none());
    drop(shared);
    assert!(try_lock(&path, Exclusive).unwrap().is_some());
}

#[test]
fn a_removed_lock_file_does_not_let_two_in() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lock");
    let first = try_lock(&path, LockMode::Exclusive).unwrap().unwrap();
    fs::remove_file(&path).unwrap();
    // The name is free: whoever takes it now has the lock that counts, and a third finds that one held.
    let second = try_lock(&path, LockMode::Exclusive).unwrap().unwrap();
    drop(first);
    assert!(try_lock(&path, LockMode::Exclusive).unwrap().is_none());
    drop(second);
}
