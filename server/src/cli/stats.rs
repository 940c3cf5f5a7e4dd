//! `keepstone stats`: what the backups come to, of one database or of all, and when the disk is full at that rate.

use clap::Args;
use jiff::Timestamp;
use keepstone_engine::{
    backups::{self, BackupFilter},
    model::{
        human,
        id::DatabaseId,
        stats::{Stats as Sums, stats},
    },
    storage,
};
use serde_json::json;

use super::{
    Context, Fault, context,
    table::{Cell, Table},
    words,
};
use crate::shape::StatsOf;

/// Totals, averages, compression, what was verified and what failed, growth, and the time to a full disk
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  keepstone stats
  keepstone stats shop --json")]
pub(crate) struct Stats {
    /// An id or a location; without it every database, and all of them together
    #[arg(value_name = "DB")]
    db: Option<String>,
}

pub(crate) fn run(args: &Stats, cx: &Context) -> Result<(), Fault> {
    let vault = cx.vault()?;
    let now = Timestamp::now();
    let free_bytes = storage::free_bytes(&vault);
    let databases = context::databases_of(&vault, args.db.as_deref())?;
    let mut all = Vec::new();
    for database in &databases {
        let filter = BackupFilter { database: Some(database.id.clone()), ..BackupFilter::default() };
        let of = backups::list(&vault, &filter)?.backups;
        tell(Some(&database.id), &stats(&of, now), free_bytes, cx);
        all.extend(of);
    }
    if databases.len() != 1 {
        tell(None, &stats(&all, now), free_bytes, cx);
    }
    Ok(())
}

/// One database, or (without a name) all of them.
fn tell(database: Option<&DatabaseId>, sums: &Sums, free_bytes: Option<u64>, cx: &Context) {
    let result = StatsOf::of(database, sums, free_bytes);
    let days = result.days_to_full;
    cx.out.result(json!(result));
    let mut table = Table::facts();
    let mut row = |name: &str, value: String| table.row([name.into(), Cell::from(value)]);
    row("database", database.map_or_else(|| "all together".to_owned(), ToString::to_string));
    row("backups", format!("{} in {}", human::count(sums.backup_count), human::bytes(sums.archive_size_bytes)));
    row("average archive", words::bytes_or_dash(sums.average_archive_bytes));
    row("compression", sums.compression_ratio.map_or_else(|| "–".to_owned(), |ratio| format!("{ratio:.1} to 1")));
    row("opened and checked", human::count(sums.verified_count));
    row(
        "good, unproven, suspect, bad",
        format!("{}, {}, {}, {}", sums.good_count, sums.unproven_count, sums.suspect_count, sums.bad_count),
    );
    if sums.partial_count > 0 {
        row("partial", human::count(sums.partial_count));
    }
    row("failed, missing", format!("{}, {}", sums.failed_count, sums.missing_count));
    row("oldest", words::time_or_dash(sums.oldest_at));
    row("newest", words::time_or_dash(sums.newest_at));
    let kinds: Vec<String> = sums.by_kind.iter().map(|(kind, count)| format!("{kind} {count}")).collect();
    row("by kind", if kinds.is_empty() { "–".to_owned() } else { kinds.join(", ") });
    row("growth", format!("{} a day", human::bytes(sums.growth_bytes_per_day)));
    row(
        "disk full",
        match (free_bytes, days) {
            (None, _) => "its disk is away".to_owned(),
            (Some(_), None) => "not at this rate".to_owned(),
            (Some(free), Some(days)) => format!("in {} ({} free)", human::counted(days, "day"), human::bytes(free)),
        },
    );
    table.print(&cx.out);
    cx.out.line("");
}
