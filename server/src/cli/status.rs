//! `keepstone status`: is everything safe? One line for each database, and exit 1 if any is at risk, or its newest backup could not be checked.

use clap::Args;
use jiff::Timestamp;
use keepstone_engine::{
    databases::{self, DatabaseStatus},
    model::{database::DatabaseState, human},
};

use super::{Context, Fault, db, table::Table, words};

/// One line for each database, the one at most risk first; exit 1 if any is at risk
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  keepstone status
  keepstone status shop --json
  keepstone status -q || mail -s 'backups at risk' admin")]
pub(crate) struct Status {
    /// An id or a location; without it every database
    #[arg(value_name = "DB")]
    db: Option<String>,
}

pub(crate) fn run(args: &Status, cx: &Context) -> Result<(), Fault> {
    let vault = cx.vault()?;
    let now = Timestamp::now();
    let statuses = match &args.db {
        Some(db) => vec![databases::status(&vault, &databases::find_database(&vault, db)?.id, now)?],
        None => databases::statuses(&vault, now)?,
    };
    let mut table = Table::new(&["STATE", "DATABASE", "NEWEST GOOD", ">OBJECTIVE", "NEXT RUN", "WHY"]);
    for status in &statuses {
        cx.out.result(db::json(status));
        table.row([
            words::database_state(status.state),
            status.database.id.as_str().into(),
            status.newest_good_at.map_or_else(|| "never".to_owned(), words::ago).into(),
            db::objective(status).into(),
            words::time_or_dash(status.next_run_at).into(),
            status.concerns.first().map_or_else(|| status.lacks().unwrap_or_default().to_owned(), |concern| concern.reason.clone()).into(),
        ]);
    }
    for status in &statuses {
        if let Some(alarm) = status.cleanup.alarm() {
            cx.out.note(format_args!("▲ {}: {alarm}", status.database.id));
        }
    }
    let at_risk = statuses.iter().filter(|status| status.is_at_risk()).count();
    if table.is_empty() {
        cx.out.note("no databases yet: `keepstone db add LOCATION`");
    } else if !cx.out.quiet {
        table.print(&cx.out);
    }
    if at_risk == 0 {
        if let Some(fault) = unchecked(&statuses) {
            return Err(fault);
        }
        let lost: u64 = statuses.iter().map(|status| status.lost_count).sum();
        if lost == 0 {
            return Ok(());
        }
        return Err(Fault::Here {
            code: "key_lost",
            message: format!("no known password opens {lost} of the backups"),
            hint: Some("Tell the vault the password they were encrypted with: `keepstone key add`.".to_owned()),
            exit: 1,
        });
    }
    let worst = &statuses[0];
    let word = if worst.standing == DatabaseState::Failed { "has no good backup, and its last run failed" } else { "is at risk" };
    let age = worst
        .newest_good_at
        .map_or_else(String::new, |at| format!(" (newest good backup {} old)", human::age_secs(now.duration_since(at).as_secs())));
    let concern = worst.concerns.first();
    Err(Fault::Here {
        code: "at_risk",
        message: match concern {
            Some(concern) => {
                format!(
                    "{at_risk} of {} at risk: {}: {}",
                    human::counted(statuses.len() as u64, "database"),
                    worst.database.id,
                    concern.reason
                )
            }
            None => {
                format!("{at_risk} of {} at risk: {} {word}{age}", human::counted(statuses.len() as u64, "database"), worst.database.id)
            }
        },
        hint: Some(match concern.filter(|concern| concern.backup.is_some() || worst.checkup.is_some()) {
            Some(concern) => concern.advice.clone(),
            None => format!("`keepstone create {}` makes a backup now.", worst.database.id),
        }),
        exit: 1,
    })
}

/// Nothing is at risk yet, and will be if it goes on like that.
fn unchecked(statuses: &[DatabaseStatus]) -> Option<Fault> {
    let (status, backup) =
        statuses.iter().filter(|status| !status.database.paused).find_map(|status| Some((status, status.unchecked.as_ref()?)))?;
    let concern = status.concerns.iter().find(|concern| concern.backup.as_ref() == Some(backup))?;
    Some(Fault::Here {
        code: "unproven",
        message: format!("{}: {}", status.database.id, concern.reason),
        hint: Some(concern.advice.clone()),
        exit: 1,
    })
}
