//! Asks before an application starts whether its database is sound, and has it brought back if it is truly corrupt.
//!
//! Whether it is corrupt is asked twice, the second time of a fresh process: this program calls itself with the file's path.
#![expect(clippy::print_stdout, reason = "a program, not the library")]

mod shop;

use std::{env, fs, path::Path, process::Command};

use keepstone_engine::{
    Error, Result, Silent,
    create::{CreateOptions, create},
    doctor::{CheckOptions, Confirm, Outcome, check},
    installation,
    sqlite::health::{SecondLook, second_look},
};

/// The second look, by a child that has nothing open.
struct Child;

impl Confirm for Child {
    fn look(&self, path: &Path) -> Result<SecondLook> {
        let failed = |why: String| Error::Internal(format!("the second look failed: {why}"));
        let program = env::current_exe().map_err(|error| failed(error.to_string()))?;
        let output = Command::new(program).arg(path).output().map_err(|error| failed(error.to_string()))?;
        serde_json::from_slice(&output.stdout).map_err(|error| failed(error.to_string()))
    }
}

fn main() -> shop::Outcome {
    if let Some(path) = env::args().nth(1) {
        println!("{}", serde_json::to_string(&second_look(Path::new(&path), &Silent)?)?);
        return Ok(());
    }
    let (folder, application, vault, shop) = shop::open()?;
    create(&vault, &CreateOptions::new(shop.clone(), "shop"), &Silent)?;
    // Everything around the databases: permissions, space, clock, keys, archives, schedules, each with how to mend it.
    for finding in installation::examine(&vault, jiff::Timestamp::now())? {
        println!("{:?} {}: {} {}", finding.severity, finding.area, finding.message, finding.remedy.unwrap_or_default());
    }

    let options = CheckOptions { database: shop, recover: true, actor: "shop".to_owned() };
    let healthy = check(&vault, &options, &Child, &Silent)?;
    assert!(matches!(healthy, Outcome::Healthy { .. }));

    // The application is down, and something has written over its file.
    drop(application);
    let database = folder.path().join("shop.db");
    let mut bytes = fs::read(&database)?;
    bytes[100..].fill(0x55);
    fs::write(&database, bytes)?;
    match check(&vault, &options, &Child, &Silent)? {
        Outcome::Recovered { finding, backup, kept, .. } => {
            println!("{finding}: restored from {backup}, damaged files in {}", kept.display());
        }
        other => return Err(format!("{other:?}").into()),
    }
    let customers: i64 = rusqlite::Connection::open(&database)?.query_row("SELECT count(*) FROM customer", [], |row| row.get(0))?;
    assert_eq!(customers, 3);
    Ok(())
}
