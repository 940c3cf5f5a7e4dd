//! `keepstone activity`: who did what, when, with which result; and whether that log is whole.

use clap::{Args, Subcommand};
use keepstone_engine::{
    Vault,
    activity::{self, EventFilter},
    databases,
    model::{event::EventResult, human},
};
use serde_json::json;

use super::{
    Context, Fault,
    table::{Cell, Table, Tone},
    words,
};
use crate::shape::ActivityCheck;

/// Show the activity log, or check that nothing in it was changed
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  keepstone activity
  keepstone activity list --db shop --limit 50
  keepstone activity list --by anna --result failed
  keepstone activity verify")]
pub(crate) struct Activity {
    #[command(subcommand)]
    verb: Option<ActivityVerb>,
}

#[derive(Debug, Subcommand)]
enum ActivityVerb {
    /// What was done, the newest first
    List {
        /// Only about this database
        #[arg(long, value_name = "DB")]
        db: Option<String>,
        /// Only what was done by whoever has this in their name
        #[arg(long, value_name = "NAME")]
        by: Option<String>,
        /// Only what ended so
        #[arg(long, value_name = "RESULT", value_parser = EventResult::ALL.map(EventResult::as_str))]
        result: Option<String>,
        /// At most this many
        #[arg(long, value_name = "N", default_value_t = 20)]
        limit: u64,
    },
    /// Recompute the chain of hashes; exit 4 if it is broken
    Verify,
}

pub(crate) fn run(args: &Activity, cx: &Context) -> Result<(), Fault> {
    let vault = cx.vault()?;
    match &args.verb {
        None => list(&vault, EventFilter { limit: Some(20), ..EventFilter::default() }, cx),
        Some(ActivityVerb::List { db, by, result, limit }) => {
            let database = db.as_deref().map(|db| databases::find_database(&vault, db)).transpose()?.map(|found| found.id);
            let result = result.as_deref().and_then(EventResult::of_word);
            list(&vault, EventFilter { database, actor: by.clone(), result, limit: Some(*limit), ..EventFilter::default() }, cx)
        }
        Some(ActivityVerb::Verify) => verify(&vault, cx),
    }
}

fn list(vault: &Vault, filter: EventFilter, cx: &Context) -> Result<(), Fault> {
    let mut table = Table::new(&["WHEN", "WHO", "RESULT", "ACTION", "WHAT"]);
    for event in activity::events(vault, &filter)? {
        cx.out.result(json!(event));
        let (mark, tone) = match event.result {
            EventResult::Ok => ("✔", Tone::Good),
            EventResult::Warning => ("▲", Tone::Warn),
            EventResult::Failed => ("✖", Tone::Bad),
        };
        table.row([
            words::time(event.at).into(),
            event.actor.as_str().into(),
            Cell::toned(format!("{mark} {}", event.result.as_str()), tone),
            event.action.as_str().into(),
            event.message.as_str().into(),
        ]);
    }
    if table.is_empty() {
        cx.out.note("no events");
    } else {
        table.print(&cx.out);
    }
    Ok(())
}

fn verify(vault: &Vault, cx: &Context) -> Result<(), Fault> {
    let report = activity::verify_chain(vault)?;
    cx.out.result(json!(ActivityCheck::from(&report)));
    match report.broken_at {
        None => {
            cx.out.outcome("ok", format_args!("✔ the log is whole: {}, each fits the one before", human::counted(report.events, "event")));
            Ok(())
        }
        Some(number) => Err(Fault::Here {
            code: "activity_broken",
            message: format!("the activity log is broken: event {number} does not fit the one before it"),
            hint: Some("Someone or something changed the catalog; compare it with its own backups.".to_owned()),
            exit: 4,
        }),
    }
}
