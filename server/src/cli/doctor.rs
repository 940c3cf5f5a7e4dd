//! `keepstone doctor`: is a database sound, so that its application may start; or, without one, is the whole installation.

use clap::Args;
use keepstone_engine::{
    databases,
    doctor::{self, CheckOptions, Outcome},
    location::{self, Location},
    model::{database::Database, human, job::Verb},
};
use serde_json::json;

use super::{Context, Fault, context, environment, installation, look::Child, progress::Follow, words};

/// Check a database before its application starts, and bring it back if it is corrupt; or check the installation
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  keepstone doctor                                       the whole installation, and how to mend each finding
  keepstone doctor /srv/shop/shop.db --recover && exec shop
  keepstone doctor shop --json

With a database: exit 0 if the application may start (`status` in the JSON says healthy, recovered, or new), 4 if the database is corrupt and was \
not recovered. Only corruption that SQLite itself tells, twice and with nobody else at the database, is ever recovered: from the newest good \
backup, once a day at most, and the damaged files are kept.")]
pub(crate) struct Doctor {
    /// An id or a location; without it the installation
    #[arg(value_name = "DB")]
    db: Option<String>,
    /// If it is truly corrupt, keep the damaged files aside and restore the newest good backup
    #[arg(long, requires = "db")]
    recover: bool,
}

pub(crate) fn run(args: &Doctor, cx: &Context) -> Result<(), Fault> {
    match &args.db {
        None => installation::run(cx),
        Some(db) => one(db, args.recover, cx).map(drop),
    }
}

/// Checks one database. `None`: there is none yet at this location.
pub(crate) fn one(db: &str, recover: bool, cx: &Context) -> Result<Option<Outcome>, Fault> {
    if location::is_location(db) && is_new(db, cx)? {
        cx.out.result(json!({ "status": "new", "location": db }));
        cx.out.note(format_args!("There is no database at {db} yet: nothing to check. Its application may make it."));
        return Ok(None);
    }
    let (vault, database) = context::database_or_new(db, cx)?;
    let follow = Follow::new(cx, Verb::Restore, &database.id);
    let options = CheckOptions { database: database.id.clone(), recover, actor: context::actor() };
    let outcome = doctor::check(&vault, &options, &Child, &follow);
    drop(follow);
    let outcome = outcome?;
    let mut result = json!(outcome);
    result["database"] = json!(database.id);
    cx.out.result(result);
    say(&database, &outcome, cx);
    verdict(&database, &outcome, recover)?;
    Ok(Some(outcome))
}

/// What came out, for a person.
pub(crate) fn say(database: &Database, outcome: &Outcome, cx: &Context) {
    let id = &database.id;
    match outcome {
        Outcome::Healthy { findings } => {
            cx.out.outcome("healthy", format_args!("✔ {id} is sound"));
            for finding in findings {
                cx.out.note(format_args!("  {finding}"));
            }
        }
        Outcome::Recovered { finding, backup, taken_at, kept, .. } => {
            let age = human::age_secs(jiff::Timestamp::now().duration_since(*taken_at).as_secs());
            cx.out.outcome("recovered", format_args!("▲ {id} was corrupt, and is restored from {backup}"));
            let since = words::time(*taken_at);
            cx.out.note(format_args!("What was written since {since} ({age}) is lost, unless it can be found in the damaged files."));
            cx.out.note(format_args!("It was damaged: {finding}"));
            cx.out.note(format_args!("The damaged files are kept in {}", kept.display()));
        }
        Outcome::Corrupt { .. } => {}
    }
}

/// Exit 4 for a database on which no application may start.
pub(crate) fn verdict(database: &Database, outcome: &Outcome, asked: bool) -> Result<(), Fault> {
    let Outcome::Corrupt { finding, not_recovered } = outcome else { return Ok(()) };
    let id = &database.id;
    let hint = if asked {
        format!("Keep the file as it is. `keepstone restore latest --db {id} --replace` restores the newest good backup.")
    } else {
        format!("Stop its application; then `keepstone doctor {id} --recover` restores the newest good backup.")
    };
    Err(Fault::Here {
        code: "source_corrupt",
        message: format!("{id} is corrupt: {finding}; not recovered: {not_recovered}"),
        hint: Some(hint),
        exit: 4,
    })
}

/// Whether a location names a database that is still to be made: nothing is there or an empty file, and no vault knows of it.
pub(crate) fn is_new(location: &str, cx: &Context) -> Result<bool, Fault> {
    // A server's database is made by whoever runs the server.
    let Location::Sqlite(path) = Location::of(location, &environment::postgres())? else { return Ok(false) };
    let empty = match std::fs::metadata(&path) {
        Ok(found) => found.is_file() && found.len() == 0,
        Err(error) => error.kind() == std::io::ErrorKind::NotFound,
    };
    if !empty {
        return Ok(false);
    }
    match cx.vault() {
        Ok(vault) => Ok(databases::find_database(&vault, location).is_err()),
        Err(fault) if fault.code() == "no_vault" => Ok(true),
        Err(fault) => Err(fault),
    }
}
