//! Archives that are not there, or cannot be read, when a password is changed or forgotten: they may come back, and need theirs.

use super::*;

impl Shop {
    /// Takes an archive out of its folder, as a disk that is not mounted does; gives what puts it back.
    fn away(&self, id: &BackupId) -> impl FnOnce() + use<> {
        let (place, aside) = (self.vault.archive_path(id), self.dir.path().join(format!("{id}.aside")));
        fs::rename(&place, &aside).unwrap();
        move || fs::rename(&aside, &place).unwrap()
    }

    fn old_key(&self) -> String {
        list(&self.vault).unwrap().into_iter().find(|key| !key.current).unwrap().id
    }
}

#[test]
fn an_archive_that_is_away_keeps_its_password_and_is_taken_over_when_it_is_back() {
    let shop = encrypting();
    let (one, two) = (shop.backup(), shop.backup());
    let put_back = shop.away(&one);
    let report = shop.change(Some(SECOND));
    assert_eq!((report.changed, report.finished), (1, false), "{report:?}");
    let left: Vec<_> = report.left.iter().map(|left| (&left.id, left.lost)).collect();
    assert_eq!(left, [(&one, false)]);
    let error = remove(&shop.vault, &shop.old_key(), false, "alice").unwrap_err();
    assert!(error.code() == "key_needed" && error.to_string().contains(one.as_str()), "{error}");

    put_back();
    assert!(shop.vault.open_archive(&shop.vault.archive_path(&one)).is_ok());
    let report = shop.change(None);
    assert_eq!((report.changed, report.already, report.finished), (1, 1, true), "{report:?}");
    assert!(shop.opens_with(&one, SECOND) && shop.opens_with(&two, SECOND));
    remove(&shop.vault, &shop.old_key(), false, "alice").unwrap();
}

#[test]
fn an_archive_that_is_gone_for_good_holds_nothing_once_it_is_deleted() {
    let shop = encrypting();
    let one = shop.backup();
    shop.backup();
    drop(shop.away(&one));
    assert!(!shop.change(Some(SECOND)).finished);
    delete::delete(&shop.vault, &one, "alice").unwrap();
    assert!(shop.change(None).finished);
    remove(&shop.vault, &shop.old_key(), false, "alice").unwrap();
}

#[test]
fn what_cannot_be_read_may_need_a_key_unless_its_password_stays_known() {
    let shop = encrypting();
    let id = shop.backup();
    let place = shop.vault.archive_path(&id);
    let whole = fs::read(&place).unwrap();
    fs::write(&place, &whole[..whole.len() / 2]).unwrap();
    let first = list(&shop.vault).unwrap().pop().unwrap().id;
    add(&shop.vault, &Password::new(SECOND), CHEAP, true, "alice").unwrap();
    assert_eq!(remove(&shop.vault, &first, false, "alice").unwrap_err().code(), "key_needed");
    // Neither key, for nobody knows which.
    let second = list(&shop.vault).unwrap().pop().unwrap().id;
    assert_eq!(remove(&shop.vault, &second, false, "alice").unwrap_err().code(), "key_needed");
    // The same password, stretched in another way, opens it as well.
    add(&shop.vault, &Password::new(FIRST), Kdf::Pbkdf2 { iterations: 1001 }, false, "alice").unwrap();
    remove(&shop.vault, &first, false, "alice").unwrap();
    fs::write(&place, whole).unwrap();
    assert!(shop.vault.open_archive(&place).is_ok());
    // Who says that they may be lost is obeyed.
    fs::remove_file(&place).unwrap();
    remove(&shop.vault, &second, true, "alice").unwrap();
}

/// What becomes of the archive that comes back once the keys were looked at without it.
fn is_told_when_it_comes_back(shop: &Shop, id: &BackupId, put_back: impl FnOnce()) {
    find_lost(&shop.vault).unwrap();
    assert_eq!(shop.row(id).encryption, Encryption::Known, "nobody can say it before");
    put_back();
    crate::jobs::recover(&shop.vault).unwrap();
    find_lost(&shop.vault).unwrap();
    assert_eq!(shop.row(id).encryption, Encryption::Lost);
    assert_ne!(shop.row(id).verdict(), Verdict::Good);
    find_lost(&shop.vault).unwrap();
    assert_eq!(shop.actions().iter().filter(|action| *action == "key.lost").count(), 1);
    let status = databases::status(&shop.vault, &shop.database.id, Timestamp::now()).unwrap();
    assert_eq!((status.lost_count, status.newest_good_at), (1, None));
    assert_eq!(shop.vault.catalog().to_be_tried().unwrap(), Vec::<String>::new());
}

#[test]
fn an_archive_that_comes_back_after_its_password_was_forgotten_is_an_alarm() {
    // Away for so long that its row said so, and only between two looks.
    for noticed in [true, false] {
        let shop = encrypting();
        let id = shop.backup();
        find_lost(&shop.vault).unwrap();
        let put_back = shop.away(&id);
        if noticed {
            crate::jobs::recover(&shop.vault).unwrap();
            assert_eq!(shop.row(&id).state, crate::model::backup::BackupState::Missing);
        }
        let first = list(&shop.vault).unwrap().pop().unwrap().id;
        remove(&shop.vault, &first, true, "alice").unwrap();
        is_told_when_it_comes_back(&shop, &id, put_back);
    }
}

#[test]
fn an_older_copy_that_is_put_back_is_tried_with_the_passwords_of_now() {
    let shop = encrypting();
    let id = shop.backup();
    let copy = fs::read(shop.vault.archive_path(&id)).unwrap();
    assert!(shop.change(Some(SECOND)).finished);
    remove(&shop.vault, &shop.old_key(), false, "alice").unwrap();
    drop(shop.away(&id));
    crate::jobs::recover(&shop.vault).unwrap();
    is_told_when_it_comes_back(&shop, &id, || fs::write(shop.vault.archive_path(&id), copy).unwrap());
}

#[test]
fn a_weak_password_of_before_opens_what_it_opened_and_nothing_new() {
    const WEAK: &str = "keepstone1234";
    let shop = encrypting();
    let id = shop.backup();
    // As an earlier version, which took it, left the archive.
    let archive = shop.vault.open_archive(&shop.vault.archive_path(&id)).unwrap();
    let weak = Stretched::new(&Password::new(WEAK), CHEAP).unwrap();
    let slot = archive.data_key().unwrap().wrap(&weak).unwrap();
    let copy = shop.dir.path().join("copy.zip");
    archive.rewrap(&copy, vec![slot], &Silent).unwrap();
    drop(archive);
    fs::rename(copy, shop.vault.archive_path(&id)).unwrap();
    fs::remove_dir_all(shop.vault.data_dir().join("keys")).unwrap();
    find_lost(&shop.vault).unwrap();
    assert_eq!(shop.row(&id).encryption, Encryption::Lost);

    let add = |password: &str, current| add(&shop.vault, &Password::new(password), CHEAP, current, "alice");
    assert_eq!(add(WEAK, true).unwrap_err().code(), "weak_password");
    assert_eq!(add("postgres12345", false).unwrap_err().code(), "weak_password");
    assert!(!add(WEAK, false).unwrap().current);
    assert_eq!(shop.row(&id).encryption, Encryption::Known);
    assert!(!has_current(&shop.vault).unwrap());
    // From there to a good one.
    assert!(shop.change(Some(SECOND)).finished);
    assert!(shop.opens_with(&id, SECOND));
}

#[test]
fn the_archives_of_a_removed_database_keep_their_password() {
    let shop = encrypting();
    let (id, trashed) = (shop.backup(), shop.backup());
    delete::delete(&shop.vault, &trashed, "alice").unwrap();
    databases::remove_database(&shop.vault, &shop.database.id, "alice").unwrap();
    add(&shop.vault, &Password::new(SECOND), CHEAP, true, "alice").unwrap();
    let error = remove(&shop.vault, &shop.old_key(), false, "alice").unwrap_err();
    assert_eq!(error.code(), "key_needed", "{error}");
    assert_eq!(list(&shop.vault).unwrap().iter().map(|key| key.archives).collect::<Vec<_>>(), [2, 0]);
    assert!(shop.opens_with(&id, FIRST));
}
