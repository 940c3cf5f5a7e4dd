//! `keepstone info`: this program and this vault.

use clap::Args;
use keepstone_engine::model::{Timestamp, human};
use serde_json::json;

use super::{
    Context, Fault,
    table::{Cell, Table},
    words,
};
use crate::shape::Info as Facts;

/// Show the version, the folders and what is in them
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  keepstone info --data /var/lib/keepstone")]
pub(crate) struct Info {}

pub(crate) fn run(cx: &Context) -> Result<(), Fault> {
    let vault = cx.vault()?;
    let info = Facts::of(&vault, Timestamp::now())?;
    cx.out.result(json!(info));
    let sums = &info.stats;
    let mut facts = Table::facts();
    let mut row = |name: &str, value: Cell| facts.row([name.into(), value]);
    row("keepstone", format!("{}, archive format {}, SQLite {}", info.version, info.format_version, info.sqlite_version).into());
    row("data", vault.data_dir().to_string_lossy().as_ref().into());
    row("backups", vault.backups_dir().to_string_lossy().as_ref().into());
    row("free there", info.free_bytes.map_or_else(|| "the disk is away".to_owned(), human::bytes).into());
    row("databases", info.database_count.to_string().into());
    row("backups", format!("{} complete, {}", human::count(sums.backup_count), human::bytes(sums.archive_size_bytes)).into());
    row("good, failed", format!("{}, {}", human::count(sums.good_count), human::count(sums.failed_count)).into());
    row("oldest, newest", format!("{}, {}", words::time_or_dash(sums.oldest_at), words::time_or_dash(sums.newest_at)).into());
    let full = info.days_to_full.map_or_else(String::new, |days| format!("; disk full in {}", human::counted(days, "day")));
    row("growth", format!("{} a day{full}", human::bytes(sums.growth_bytes_per_day)).into());
    row("open jobs", info.open_job_count.to_string().into());
    row("users", info.user_count.to_string().into());
    facts.print(&cx.out);
    Ok(())
}
