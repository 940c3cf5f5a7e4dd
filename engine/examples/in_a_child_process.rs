//! For an application that links a SQLite of its own: it leaves the work to a child, because two copies of SQLite in one process do not see each
//! other's locks, and closing a file in one drops the locks of the other.
//!
//! Here the program calls itself; an application calls the `keepstone` command, whose `--json` gives one document.
#![expect(clippy::print_stdout, reason = "a program, not the library")]

mod shop;

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

use keepstone_engine::{
    Silent, Vault,
    create::{CreateOptions, create},
    vault::{OpenMode, VaultOptions},
};

/// In the child: nothing but Keepstone opens anything here.
fn child(data: PathBuf, database: &str) -> shop::Outcome {
    let vault = Vault::open(&VaultOptions { data, backups: None, mode: OpenMode::Existing })?;
    let report = create(&vault, &CreateOptions::new(database.parse()?, "shop"), &Silent)?;
    println!("{}", report.backup.id);
    Ok(())
}

/// In the application.
fn back_up(data: &Path, database: &str) -> shop::Outcome<String> {
    let output = Command::new(env::current_exe()?).args([data.as_os_str(), database.as_ref()]).output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

fn main() -> shop::Outcome {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if let [data, database] = &arguments[..] {
        return child(PathBuf::from(data), database);
    }
    let (_folder, application, vault, shop) = shop::open()?;
    // It goes on writing meanwhile.
    application.execute("INSERT INTO customer(name) VALUES ('Edsger')", [])?;
    let backup = back_up(vault.data_dir(), shop.as_str())?;
    println!("the child made {backup}");
    assert!(backup.starts_with("shop_manual_"));
    Ok(())
}
