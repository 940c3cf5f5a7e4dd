//! `keepstone info`: this program and this vault.

use clap::Args;
use keepstone_engine::{
    Error,
    backups::{self, BackupFilter},
    databases,
    jobs::{self, JobFilter},
    model::{
        Timestamp, human,
        metadata::FORMAT_VERSION,
        stats::{days_to_full, stats},
    },
};
use serde_json::json;

use super::{
    Context, Fault,
    table::{Cell, Table},
    words,
};

/// Show the version, the folders and what is in them
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  keepstone info --data /var/lib/keepstone")]
pub(crate) struct Info {}

pub(crate) fn run(cx: &Context) -> Result<(), Fault> {
    let vault = cx.vault()?;
    let databases = databases::databases(&vault)?;
    let sums = stats(&backups::list(&vault, &BackupFilter::default())?.backups, Timestamp::now());
    let open_jobs = jobs::jobs(&vault, &JobFilter { open: true, ..JobFilter::default() })?.len();
    let users = vault.catalog().users()?.len();
    let space = rustix::fs::statvfs(vault.backups_dir()).map_err(|error| Error::io(vault.backups_dir(), error.into()))?;
    let free_bytes = space.f_bavail * space.f_frsize;
    let version = env!("CARGO_PKG_VERSION");
    let sqlite = rusqlite::version();
    cx.out.result(json!({
        "version": version,
        "format_version": FORMAT_VERSION,
        "sqlite_version": sqlite,
        "data": vault.data_dir(),
        "backups": vault.backups_dir(),
        "free_bytes": free_bytes,
        "database_count": databases.len(),
        "backup_count": sums.backup_count,
        "archive_size_bytes": sums.archive_size_bytes,
        "stats": sums,
        "days_to_full": days_to_full(free_bytes, sums.growth_bytes_per_day),
        "open_job_count": open_jobs,
        "user_count": users,
    }));
    let mut facts = Table::facts();
    let mut row = |name: &str, value: Cell| facts.row([name.into(), value]);
    row("keepstone", format!("{version}, archive format {FORMAT_VERSION}, SQLite {sqlite}").into());
    row("data", vault.data_dir().to_string_lossy().as_ref().into());
    row("backups", vault.backups_dir().to_string_lossy().as_ref().into());
    row("free there", human::bytes(free_bytes).into());
    row("databases", databases.len().to_string().into());
    row("backups", format!("{} complete, {}", human::count(sums.backup_count), human::bytes(sums.archive_size_bytes)).into());
    row("good, failed", format!("{}, {}", human::count(sums.good_count), human::count(sums.failed_count)).into());
    row("oldest, newest", format!("{}, {}", words::time_or_dash(sums.oldest_at), words::time_or_dash(sums.newest_at)).into());
    let full = days_to_full(free_bytes, sums.growth_bytes_per_day).map_or_else(String::new, |days| format!("; disk full in {days} days"));
    row("growth", format!("{} a day{full}", human::bytes(sums.growth_bytes_per_day)).into());
    row("open jobs", open_jobs.to_string().into());
    row("users", users.to_string().into());
    facts.print(&cx.out);
    Ok(())
}
