//! Adopts the backups that another system left: a folder is searched, each file is checked, and nothing is changed at its old place.
#![expect(clippy::print_stdout, reason = "a program, not the library")]

mod shop;

use keepstone_engine::{
    Silent,
    backups::{self, BackupFilter},
    import::{ImportOptions, import, plan_import},
};

fn main() -> shop::Outcome {
    let (folder, application, vault, shop) = shop::open()?;
    let old = folder.path().join("old-backups");
    std::fs::create_dir(&old)?;
    application.execute("VACUUM INTO ?1", [old.join("backup_20250307T021500Z.db").display().to_string()])?;
    std::fs::write(old.join("readme.txt"), "not a backup")?;

    let options = ImportOptions {
        path: old,
        database: shop,
        time_zone: Some("Europe/Berlin".to_owned()),
        passwords: Vec::new(),
        actor: "shop".to_owned(),
    };
    for planned in plan_import(&vault, &options, &Silent)? {
        println!("{planned:?}");
    }
    let report = import(&vault, &options, &Silent)?;
    for file in &report.files {
        println!("{}: {:?}", file.path, file.outcome);
    }
    assert_eq!(report.counts().0, 1);
    // A second import adds nothing.
    assert_eq!(import(&vault, &options, &Silent)?.counts().0, 0);
    assert_eq!(backups::list(&vault, &BackupFilter::default())?.total, 1);
    Ok(())
}
