//! `keepstone schedule`: what is backed up when.

use clap::{Args, Subcommand};
use jiff::Timestamp;
use keepstone_engine::{
    databases::{self, ScheduleStatus},
    model::id::DatabaseId,
};
use serde_json::{Value, json};

use super::{Context, Fault, table::Table, words};

/// Show the schedules and the next runs
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  keepstone schedule list
  keepstone schedule next shop")]
pub(crate) struct Schedule {
    #[command(subcommand)]
    verb: ScheduleVerb,
}

#[derive(Debug, Subcommand)]
enum ScheduleVerb {
    /// Every schedule, in words
    List {
        /// Only of this database
        #[arg(value_name = "DB")]
        db: Option<String>,
    },
    /// The next run of each schedule, the soonest first
    Next {
        /// Only of this database
        #[arg(value_name = "DB")]
        db: Option<String>,
    },
}

pub(crate) fn run(args: &Schedule, cx: &Context) -> Result<(), Fault> {
    let (ScheduleVerb::List { db } | ScheduleVerb::Next { db }) = &args.verb;
    let vault = cx.vault()?;
    let database: Option<DatabaseId> = match db {
        Some(db) => Some(databases::find_database(&vault, db)?.id),
        None => None,
    };
    let mut schedules = databases::schedules(&vault, database.as_ref(), Timestamp::now())?;
    let next = matches!(args.verb, ScheduleVerb::Next { .. });
    if next {
        schedules.retain(|schedule| schedule.next_run_at.is_some());
        schedules.sort_by_key(|schedule| schedule.next_run_at);
    }
    let mut table = if next {
        Table::new(&["NEXT RUN", "DATABASE", "KIND", "WHEN"])
    } else {
        Table::new(&["DATABASE", "KIND", "WHEN", "CRON", "ZONE", "LAST RUN", "NEXT RUN"])
    };
    for status in &schedules {
        cx.out.result(json(status));
        let schedule = &status.schedule;
        if next {
            table.row([
                words::time_or_dash(status.next_run_at).into(),
                status.database.as_str().into(),
                schedule.kind.as_str().into(),
                status.words.as_str().into(),
            ]);
        } else {
            table.row([
                status.database.as_str().into(),
                schedule.kind.as_str().into(),
                status.words.as_str().into(),
                schedule.cron.as_str().into(),
                schedule.time_zone.as_str().into(),
                words::time_or_dash(status.last_run_at).into(),
                words::time_or_dash(status.next_run_at).into(),
            ]);
        }
    }
    if schedules.is_empty() {
        cx.out.note("no schedules");
    } else {
        table.print(&cx.out);
    }
    Ok(())
}

pub(crate) fn json(status: &ScheduleStatus) -> Value {
    json!({
        "number": status.number,
        "database": status.database,
        "kind": status.schedule.kind,
        "cron": status.schedule.cron,
        "time_zone": status.schedule.time_zone,
        "if_missed": status.schedule.if_missed,
        "words": status.words,
        "last_run_at": status.last_run_at,
        "next_run_at": status.next_run_at,
    })
}
