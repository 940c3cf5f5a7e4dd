//! Encrypts backups: adds a password to the vault, makes an encrypted backup, and changes the password without writing archives anew.
#![expect(clippy::print_stdout, reason = "a program, not the library")]

mod shop;

use keepstone_engine::{
    Silent,
    archive::Archive,
    backups,
    create::{CreateOptions, create},
    keys::{self, ChangeOptions, Password, Passwords},
    model::metadata::Kdf,
};

fn main() -> shop::Outcome {
    let (_folder, _application, vault, shop) = shop::open()?;
    let key = keys::add(&vault, &Password::new("correct horse battery staple"), Kdf::default(), true, "shop")?;
    println!("key {} is for new archives: {}", key.id, key.current);

    let backup = create(&vault, &CreateOptions { encrypt: Some(true), ..CreateOptions::new(shop, "shop") }, &Silent)?.backup;
    let path = backups::detail(&vault, &backup.id)?.archive_path.ok_or("no archive")?;
    assert!(Archive::open(&path)?.is_locked());

    // The content stays as it is; only the slot that wraps the archive's key is another one.
    let options =
        ChangeOptions { password: Some(Password::new("a quite different long phrase")), kdf: Kdf::default(), actor: "shop".to_owned() };
    let report = keys::change(&vault, &options, &Silent)?;
    println!("{} archives taken over to key {}", report.changed, report.key.id);
    assert!(report.finished && report.changed == 1);
    let passwords = Passwords::of([Password::new("a quite different long phrase")]);
    assert!(!Archive::open_with(&path, &passwords)?.is_locked());

    // To be printed: how to get everything back with the archives and the password alone.
    println!("{}", keys::kit(&vault, jiff::Timestamp::now())?);
    Ok(())
}
