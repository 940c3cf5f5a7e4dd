//! Writes an older backup anew by today's rules: here one that was made before there was a password.
#![expect(clippy::print_stdout, reason = "a program, not the library")]

mod shop;

use keepstone_engine::{
    Silent, backups,
    convert::{ConvertOptions, convert},
    create::{CreateOptions, create},
    keys::{self, Password},
    model::{backup::Encryption, id::BackupId, metadata::Kdf},
};

fn main() -> shop::Outcome {
    let (_folder, _application, vault, shop) = shop::open()?;
    let backup = create(&vault, &CreateOptions::new(shop, "shop"), &Silent)?.backup;
    assert_eq!(backup.encryption, Encryption::None);

    keys::add(&vault, &Password::new("correct horse battery staple"), Kdf::default(), true, "shop")?;
    let options = ConvertOptions { encrypt: Some(true), ..ConvertOptions::new(backup.id.clone(), "shop") };
    let report = convert(&vault, &options, &Silent)?;
    // The same image to the byte, encrypted; the old archive is in the trash for a day.
    println!("{} stands for {}, which goes at {:?}", report.backup.id, report.converted_from, report.until);
    assert_ne!(report.backup.encryption, Encryption::None);
    let holds = |id: &BackupId| backups::detail(&vault, id).map(|detail| detail.metadata.map(|metadata| metadata.backup_hash));
    assert_eq!(holds(&report.backup.id)?, holds(&backup.id)?);
    Ok(())
}
