//! The environment had backups encrypted, and its variable is gone: what is made from then on.

use super::*;
use crate::{
    convert::{ConvertOptions, convert},
    create::CreateReport,
};

/// A database of which nobody said anything, with one backup that the environment had encrypted.
fn forgotten() -> (Shop, BackupId) {
    let shop = shop();
    add(&shop.vault, &Password::new(FIRST), CHEAP, false, "environment").unwrap();
    shop.vault.keys().prefer(Some(Password::new(FIRST)), Asked::Every);
    let before = made(&shop, None).unwrap().backup.id;
    assert_eq!(shop.row(&before).encryption, Encryption::Known);
    shop.vault.keys().prefer(None, Asked::Nothing);
    (shop, before)
}

fn made(shop: &Shop, encrypt: Option<bool>) -> Result<CreateReport> {
    create(&shop.vault, &CreateOptions { encrypt, ..CreateOptions::new(shop.database.id.clone(), "schedule") }, &Silent)
}

fn edited(shop: &Shop, encrypt: bool) {
    let edit = EditDatabaseOptions { encrypt: Some(encrypt), ..EditDatabaseOptions::default() };
    databases::edit_database(&shop.vault, &shop.database.id, &edit).unwrap();
}

#[test]
fn nothing_lies_in_clear_because_a_variable_went_missing() {
    let (shop, before) = forgotten();
    let after = made(&shop, None).unwrap().backup;
    assert!(after.encryption == Encryption::Known && shop.opens_with(&after.id, FIRST));
    let options = PlanOptions { backup: before.clone(), target: Target::Replace, safety_backup: true };
    let plan = plan_restore(&shop.vault, &options).unwrap();
    let report = restore(&shop.vault, &RestoreOptions { plan, verify: true, actor: "alice".to_owned() }, &Silent).unwrap();
    assert!(shop.opens_with(&report.safety_backup.unwrap(), FIRST));
    // Written anew, an encrypted one stays what it is, also if the newest is plain for once.
    let anew =
        |id: &BackupId, encrypt| convert(&shop.vault, &ConvertOptions { encrypt, ..ConvertOptions::new(id.clone(), "bob") }, &Silent);
    let plain = made(&shop, Some(false)).unwrap().backup;
    assert_eq!(plain.encryption, Encryption::None);
    assert!(anew(&before, None).unwrap().unchanged);
    assert_eq!(anew(&before, Some(false)).unwrap().backup.encryption, Encryption::None);
}

#[test]
fn where_no_password_is_left_it_is_refused_and_a_restore_has_its_way_out() {
    let (shop, before) = forgotten();
    fs::remove_dir_all(shop.vault.data_dir().join("keys")).unwrap();
    let shop = shop.reopened();
    let refused = made(&shop, None).unwrap_err();
    assert_eq!((refused.code(), refused.kind().exit_code()), ("no_encryption_password", 2), "{refused}");
    assert!(refused.to_string().contains(before.as_str()) && refused.hint().unwrap().contains("db edit"), "{refused}");
    assert_eq!(refuse_unmet_wish(&shop.vault, &shop.database, None).unwrap_err().code(), "no_encryption_password");
    // The start of a server is how a person comes to mend it.
    refuse_without_password(&shop.vault).unwrap();
    shop.vault.keys().try_also(Password::new(FIRST));
    assert!(shop.opens_with(&made(&shop, None).unwrap().backup.id, FIRST), "the password that opens it will do");
}

#[test]
fn a_word_switches_it_off() {
    let (shop, _) = forgotten();
    // The environment's own.
    shop.vault.keys().prefer(None, Asked::OnlyWhereSaid);
    assert_eq!(made(&shop, None).unwrap().backup.encryption, Encryption::None);
    let (shop, _) = forgotten();
    assert!(is_wanted(&shop.vault, &shop.database).unwrap());
    edited(&shop, false);
    let said = databases::database(&shop.vault, &shop.database.id).unwrap();
    assert!(said.plain && !is_wanted(&shop.vault, &said).unwrap());
    assert_eq!(made(&shop, None).unwrap().backup.encryption, Encryption::None);
    // What was said stays, in the folder, too.
    let file = fs::read_to_string(shop.vault.database_dir(&shop.database.id).join("database.json")).unwrap();
    assert!(file.contains("\"plain\": true"), "{file}");
    edited(&shop, true);
    let said = databases::database(&shop.vault, &shop.database.id).unwrap();
    assert_eq!((said.encrypt, said.plain), (true, false));
}
