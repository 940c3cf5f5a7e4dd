//! The functions of the library that `docs/migrating.md` names, called on the vault of the trial.

use std::{path::Path, sync::Arc};

use keepstone_engine::{
    Silent, Vault,
    backups::{self, BackupFilter},
    cleanup::{self, CleanupOptions},
    create::{self, CreateOptions},
    delete,
    export::{self, ExportOptions, ExportSource},
    model::{
        export::ExportFormat,
        id::DatabaseId,
        restore::Target,
        retention::{CountBy, Manual},
    },
    restore::{self, PlanOptions, RestoreOptions},
    scheduler::{Scheduler, SchedulerOptions},
    vault::{OpenMode, VaultOptions},
    verify::{self, VerifyOptions},
};

/// Calls it; fails with why it did not do what it is for.
pub(super) fn call(name: &str, data: &Path, database: &str) -> Result<(), String> {
    let options = VaultOptions { data: data.to_owned(), backups: None, mode: OpenMode::Existing };
    let vault = Vault::open(&options).map_err(|error| error.to_string())?;
    let id: DatabaseId = database.parse().map_err(|error| format!("{error:?}"))?;
    let backup = || create::create(&vault, &CreateOptions::new(id.clone(), "rust"), &Silent).map(|report| report.backup);
    let done = match name.strip_prefix("keepstone_engine::").unwrap_or(name) {
        "vault::Vault::open" => Ok(vault.data_dir() == data),
        "create::create" => backup().map(|backup| backup.is_good()),
        "backups::list" => backups::list(&vault, &BackupFilter::default()).map(|page| !page.backups.is_empty()),
        "verify::verify" => backup()
            .and_then(|backup| verify::verify(&vault, &VerifyOptions::new(backup.id, "rust"), &Silent))
            .map(|report| report.backup.is_good()),
        "delete::delete" => backup().and_then(|backup| delete::delete(&vault, &backup.id, "rust")).map(|report| !report.backup.is_good()),
        "cleanup::cleanup" => {
            let options = CleanupOptions {
                database: id.clone(),
                policy: None,
                manual: Manual::Kept,
                count_by: CountBy::Good,
                confirmed: None,
                actor: "rust".to_owned(),
            };
            cleanup::cleanup(&vault, &options, &Silent).map(|report| report.removed.is_empty())
        }
        "restore::restore" => backup().and_then(|backup| {
            let options = PlanOptions { backup: backup.id, target: Target::Replace, safety_backup: true };
            let plan = restore::plan_restore(&vault, &options)?;
            restore::restore(&vault, &RestoreOptions { plan, verify: true, actor: "rust".to_owned() }, &Silent)
                .map(|report| report.hash_equal)
        }),
        "export::export" => {
            let options = ExportOptions {
                source: ExportSource::Database(id.clone()),
                format: ExportFormat::Json,
                tables: Vec::new(),
                include_sensitive: false,
                actor: "rust".to_owned(),
            };
            let target = data.with_file_name("by-rust.json.zip");
            export::export(&vault, &options, &target, &Silent).map(|_| target.is_file())
        }
        "scheduler::Scheduler::start" => {
            let vault = Arc::new(Vault::open(&options).map_err(|error| error.to_string())?);
            Scheduler::start(vault, &SchedulerOptions::default()).map(|scheduler| scheduler.is_running() && scheduler.stop().all_ended)
        }
        _ => return Err("the test does not call it".to_owned()),
    };
    match done {
        Ok(true) => Ok(()),
        Ok(false) => Err("it did something else".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}
