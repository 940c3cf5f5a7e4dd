//! `keepstone scheduler --test`: opens every database, reads every schedule, and says what would run when. Changes nothing.

use std::path::Path;

use jiff::Timestamp;
use keepstone_engine::{Error, Vault, databases, durable, model::human, scheduler::Firing, schedules};
use serde_json::json;

use super::{Context, Fault, context, schedule};
use crate::config::Environment;

/// How many of the next runs are shown of each schedule.
const NEXT: usize = 3;

/// A database that the environment names and the vault does not know yet is looked at as the start would protect it, in a vault that is thrown
/// away.
pub(crate) fn test(environment: &Environment, cx: &Context) -> Result<(), Fault> {
    let vault = if cx.has_vault() || environment.database.is_none() { Some(cx.vault()?) } else { None };
    let now = Timestamp::now();
    let mut problems = Vec::new();
    if environment.firing == Firing::Off {
        problems.push("BACKUP_ENABLED is off: no schedule would run".to_owned());
    }
    let folder = match &vault {
        Some(vault) => vault.backups_dir().to_owned(),
        None => cx.settings.backups.clone().map_or_else(|| cx.data_dir().map(|data| data.join("backups")), Ok)?,
    };
    let free_bytes = durable::free_bytes(nearest(&folder))?;
    cx.out.line(format_args!("backups go to {}, {} free", folder.display(), human::bytes(free_bytes)));

    let is_new = |location: &str| vault.as_ref().is_none_or(|vault| databases::find_database(vault, location).is_err());
    let new = environment.database.as_deref().is_some_and(is_new);
    let mut any = new;
    if let Some(vault) = &vault {
        for status in databases::statuses(vault, now)? {
            any = true;
            one(vault, &status, free_bytes, now, &mut problems, cx)?;
        }
    }
    if new {
        let scratch = context::scratch()?;
        let trial = cx.empty_vault(&scratch)?;
        environment.protect(&trial).map_err(|error| match error.downcast::<Error>() {
            Ok(error) => error.into(),
            Err(error) => Fault::usage(format!("{error:#}"), "Change the environment, then start again."),
        })?;
        cx.out.line("DATABASE_URL names one that is not protected yet; the start does that:");
        for status in databases::statuses(&trial, now)? {
            one(&trial, &status, free_bytes, now, &mut problems, cx)?;
        }
    }
    if !any {
        problems.push("no database is protected: `keepstone db add LOCATION`".to_owned());
    }
    if problems.is_empty() {
        cx.out.line("everything is ready");
        return Ok(());
    }
    for problem in &problems {
        cx.out.note(format_args!("✖ {problem}"));
    }
    Err(Fault::Here {
        code: "not_ready",
        message: format!("{} {} found", problems.len(), if problems.len() == 1 { "problem was" } else { "problems were" }),
        hint: None,
        exit: 1,
    })
}

/// The folder itself, or the one in which it will be made.
fn nearest(folder: &Path) -> &Path {
    folder.ancestors().find(|path| path.is_dir()).unwrap_or(folder)
}

fn one(
    vault: &Vault,
    status: &databases::DatabaseStatus,
    free_bytes: u64,
    now: Timestamp,
    problems: &mut Vec<String>,
    cx: &Context,
) -> Result<(), Fault> {
    let database = &status.database;
    let mut found = Vec::new();
    if let Err(error) = databases::probe(vault, database) {
        found.push(format!("{}: {error}", database.id));
    }
    if status.size_bytes.is_some_and(|size| size > free_bytes) {
        found.push(format!("{}: the disk of the backups has less room than the database is large", database.id));
    }
    let schedules = schedules::list(vault, Some(&database.id), now)?;
    if schedules.is_empty() {
        found.push(format!("{}: it has no schedule", database.id));
    }
    let paused = if database.paused { " (paused)" } else { "" };
    cx.out.line(format_args!("{}{paused}: {}", database.id, database.location));
    let mut values = Vec::new();
    for schedule in &schedules {
        let mut value = schedule::json(schedule);
        cx.out.line(format_args!("  {}", schedule::line(schedule)));
        match schedules::preview_number(vault, schedule.number, NEXT, now) {
            Ok(preview) => {
                if schedule.next_run_at.is_some() {
                    for run in &preview.runs {
                        let note = run.note.as_ref().map_or_else(String::new, |note| format!(" ({note})"));
                        cx.out.line(format_args!("    {}{note}", run.local));
                    }
                }
                value["next_runs"] = preview.runs.iter().map(|run| json!({ "at": run.at, "local": run.local, "note": run.note })).collect();
            }
            Err(error) => found.push(format!("{}: schedule {}: {error}", database.id, schedule.number)),
        }
        values.push(value);
    }
    cx.out.result(json!({ "database": database.id, "paused": database.paused, "schedules": values, "problems": found }));
    problems.append(&mut found);
    Ok(())
}
