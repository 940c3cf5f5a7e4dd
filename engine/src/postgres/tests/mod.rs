//! Against a real server, which the tests start for themselves once for each process. Where there is none on the machine they say so and are
//! skipped.

pub(super) mod server;

use std::{
    fs,
    path::PathBuf,
    process::Command,
    sync::atomic::{AtomicBool, Ordering},
};

use keepstone_model::{
    backup::{CheckName, CheckResult, Level},
    database::Database,
    job::{Progress, Step},
    metadata::{Compression, Form},
    restore::{Ownership, Target},
};
use server::{Server, server};

use super::{Environment, new_database, tools};
use crate::{
    Monitor, Result, Silent, Vault,
    archive::Archive,
    create::{CreateOptions, CreateReport, create},
    databases::{self, AddDatabaseOptions, EditDatabaseOptions},
    driver::ImageOptions,
    keys::Password,
    restore::{PlanOptions, RestoreOptions, RestoreReport, UndoOptions, plan_restore, plan_undo, restore, undo},
    testing::{self, Fixture},
    verify::{VerifyOptions, verify},
};

mod carried;
mod exports;
mod globals;
mod in_place;
mod loading;
mod losses;
mod partial;
mod properties;
mod rebuilt;
mod refusals;
mod regression;
mod restores;
mod snapshots;
mod staying;
mod subscriptions;
mod torture;
mod unheard;

fn add(vault: &Vault, url: &str, name: &str) -> Result<Database> {
    let options = AddDatabaseOptions { location: url.to_owned(), name: Some(name.to_owned()), schedules: None, actor: "alice".to_owned() };
    databases::add_database(vault, &options)
}

/// A vault with a shop on the server under protection.
fn shop(server: &Server, name: &str) -> (Fixture, Database) {
    let fixture = testing::vault();
    let url = server.shop(name);
    let database = add(&fixture.vault, &url, "shop").unwrap();
    (fixture, database)
}

fn backup(vault: &Vault, database: &Database) -> CreateReport {
    create(vault, &CreateOptions::new(database.id.clone(), "alice"), &Silent).unwrap()
}

fn archive_of(vault: &Vault, report: &CreateReport) -> Archive {
    vault.open_archive(&vault.archive_path(&report.backup.id)).unwrap()
}

fn restore_to(vault: &Vault, report: &CreateReport, target: Target) -> Result<RestoreReport> {
    let plan = plan_restore(vault, &PlanOptions { backup: report.backup.id.clone(), target, safety_backup: true })?;
    restore(vault, &RestoreOptions { plan, verify: true, actor: "alice".to_owned() }, &Silent)
}

/// Every file of a vault that holds a text in clear.
fn files_with(vault: &Vault, secret: &str) -> Vec<PathBuf> {
    let mut folders = vec![vault.data_dir().to_owned()];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if fs::read(&path).is_ok_and(|bytes| bytes.windows(secret.len()).any(|window| window == secret.as_bytes())) {
                found.push(path);
            }
        }
    }
    found
}

/// Wants no more of it once some bytes have passed.
#[derive(Default)]
struct Impatient {
    after_bytes: u64,
    enough: AtomicBool,
}

impl Monitor for Impatient {
    fn progress(&self, progress: &Progress) {
        if progress.step == Step::Snapshot && progress.done_bytes >= self.after_bytes {
            self.enough.store(true, Ordering::Relaxed);
        }
    }

    fn cancelled(&self) -> bool {
        self.enough.load(Ordering::Relaxed)
    }
}

/// How many unfinished databases the jobs of this vault left on the server; those of other tests are under way.
fn leftovers(server: &Server, vault: &Vault) -> usize {
    let names =
        server.psql("postgres", "SELECT datname, shobj_description(oid, 'pg_database') FROM pg_database WHERE datname LIKE 'keepstone%'");
    let jobs = vault.catalog().list_jobs(&crate::jobs::JobFilter::default()).unwrap();
    jobs.iter().filter(|row| names.contains(row.job.id.as_str())).count()
}
