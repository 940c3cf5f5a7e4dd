//! Files of the keys that cannot be read, or do not fit each other any more, under a process that runs on.

use super::*;

fn passwords_json(shop: &Shop) -> PathBuf {
    shop.vault.data_dir().join("keys/passwords.json")
}

/// While this runs the file cannot be read, for a folder is in its place; afterwards it is there as it was, to the time.
fn while_unreadable(shop: &Shop, act: impl FnOnce()) {
    let (place, aside) = (passwords_json(shop), shop.dir.path().join("passwords.aside"));
    fs::rename(&place, &aside).unwrap();
    fs::create_dir(&place).unwrap();
    act();
    fs::remove_dir(&place).unwrap();
    fs::rename(&aside, &place).unwrap();
}

#[test]
fn a_failed_read_of_the_passwords_says_nothing_and_is_forgotten() {
    let shop = encrypting();
    let id = shop.backup();
    find_lost(&shop.vault).unwrap();
    let archive = shop.vault.archive_path(&id);
    // As a process that has read nothing yet, and as one that has.
    for vault in [&testing::open(&shop.dir), &shop.vault] {
        while_unreadable(&shop, || {
            assert_eq!(find_lost(vault).unwrap_err().code(), "io_error");
            assert_eq!(vault.open_archive(&archive).unwrap_err().code(), "io_error", "that no password opens it is not known");
            assert_eq!(refuse_unmet_wish(vault, &shop.database, None).unwrap_err().code(), "io_error");
            let proof = verify(vault, &VerifyOptions::new(id.clone(), "alice"), &Silent).unwrap().proof;
            let check = proof.checks.iter().find(|check| check.name == CheckName::DecryptionTest).unwrap();
            assert_eq!((check.result, shop.row(&id).encryption), (CheckResult::CouldNotRun, Encryption::Known));
            vault.keys().try_also(Password::new(FIRST));
            assert!(vault.open_archive(&archive).is_ok(), "who knows the password needs none of that");
        });
        assert!(vault.open_archive(&archive).is_ok());
        refuse_unmet_wish(vault, &shop.database, None).unwrap();
        find_lost(vault).unwrap();
        create(vault, &CreateOptions::new(shop.database.id.clone(), "alice"), &Silent).unwrap();
    }
    assert_eq!((shop.row(&id).encryption, shop.row(&id).verdict()), (Encryption::Known, Verdict::Good));
    assert!(!shop.actions().iter().any(|action| action.starts_with("key.lost")));
}

#[test]
fn what_is_not_encrypted_needs_no_passwords() {
    let shop = shop();
    let id = shop.backup();
    add(&shop.vault, &Password::new(FIRST), CHEAP, true, "alice").unwrap();
    while_unreadable(&shop, || {
        let proof = verify(&shop.vault, &VerifyOptions::new(id.clone(), "alice"), &Silent).unwrap().proof;
        assert!(!proof.failed());
        shop.backup();
    });
}

#[test]
fn a_vault_key_that_is_lost_or_another_is_an_alarm_of_a_process_that_runs_on() {
    let shop = encrypting();
    let id = shop.backup();
    find_lost(&shop.vault).unwrap();
    let file = shop.vault.data_dir().join("keys/vault.key");
    let key = fs::read(&file).unwrap();
    let alarms = || shop.actions().into_iter().filter(|action| action.starts_with("key.") && action != "key.added").collect::<Vec<_>>();
    for (round, damaged) in [None, Some(b"\xff\xfe no text".to_vec()), Some("00".repeat(32).into_bytes())].into_iter().enumerate() {
        match damaged {
            None => fs::remove_file(&file).unwrap(),
            Some(bytes) => fs::write(&file, bytes).unwrap(),
        }
        find_lost(&shop.vault).unwrap();
        find_lost(&shop.vault).unwrap();
        assert_eq!(alarms().len(), 4 * round + 2, "{:?}", alarms());
        assert_eq!(alarms()[..2], ["key.lost", "key.damaged"], "the newest first, each once");
        assert_eq!(shop.row(&id).encryption, Encryption::Lost);
        assert_eq!(refuse_unmet_wish(&shop.vault, &shop.database, None).unwrap_err().code(), "keys_damaged");
        fs::write(&file, &key).unwrap();
        find_lost(&shop.vault).unwrap();
        assert_eq!(alarms()[..2], ["key.found", "key.mended"]);
        assert_eq!((shop.row(&id).encryption, shop.row(&id).verdict()), (Encryption::Known, Verdict::Good));
    }
}
