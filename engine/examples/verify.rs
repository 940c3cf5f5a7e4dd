//! Checks a backup again, from the stored bytes to a restore that is tried on a scratch file.
#![expect(clippy::print_stdout, reason = "a program, not the library")]

mod shop;

use keepstone_engine::{
    Silent,
    create::{CreateOptions, create},
    model::backup::Level,
    verify::{VerifyOptions, verify},
};

fn main() -> shop::Outcome {
    let (_folder, _application, vault, shop) = shop::open()?;
    let backup = create(&vault, &CreateOptions::new(shop, "shop"), &Silent)?.backup;

    let options = VerifyOptions { test_restore: true, ..VerifyOptions::new(backup.id, "shop") };
    let report = verify(&vault, &options, &Silent)?;
    // A check that fails is a report and no error: a damaged archive is found out here.
    assert!(!report.proof.failed());
    assert_eq!(report.proof.level(), Level::Restored);
    for check in report.proof.checks {
        println!("{}: {:?}", check.name.as_str(), check.result);
    }
    Ok(())
}
