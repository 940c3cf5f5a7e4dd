//! `keepstone catalog`: the index of everything, made anew where it is damaged or lost.

use clap::{Args, Subcommand};
use keepstone_engine::{model::human, vault};
use serde_json::json;

use super::{Context, Fault, confirm::confirm, context, environment, values::Yes, words};

/// Make a new catalog out of the archives
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  keepstone catalog rebuild --yes")]
pub(crate) struct Catalog {
    #[command(subcommand)]
    verb: CatalogVerb,
}

#[derive(Debug, Subcommand)]
enum CatalogVerb {
    /// Take databases and backups up out of the backups folder; the old catalog is kept aside
    Rebuild {
        #[command(flatten)]
        yes: Yes,
    },
}

pub(crate) fn run(args: &Catalog, cx: &Context) -> Result<(), Fault> {
    let CatalogVerb::Rebuild { yes } = &args.verb;
    cx.out.note("Databases with their settings and schedules, and backups with pins, descriptions, checks and the trash, come back from the folder of backups.");
    cx.out
        .note("Users, tokens, finished jobs and the activity log come back from the newest copy of the catalog. The old catalog is kept.");
    confirm(cx, "catalog rebuild", *yes, "Make a new catalog?", Some("rebuild"))?;
    let report = vault::rebuild_with(&cx.vault_options()?, environment::encryption_if_readable(&cx.out).password, &context::actor())?;
    cx.out.result(json!({
        "database_count": report.databases,
        "backup_count": report.backups,
        "kept": report.kept,
        "skipped": report.skipped,
        "moved": report.moved,
        "without_settings": report.without_settings,
        "taken_over": report.taken_over.as_ref().map(|taken| json!({
            "at": taken.at,
            "user_count": taken.users,
            "token_count": taken.tokens,
            "event_count": taken.events,
        })),
    }));
    match &report.taken_over {
        Some(taken) => cx.out.note(format_args!(
            "{}, {} and {} are those of {}: look whether everybody who is in `keepstone user list` and `token list` should be",
            human::counted(taken.users, "user"),
            human::counted(taken.tokens, "token"),
            human::counted(taken.events, "event"),
            words::time(taken.at)
        )),
        None => cx.out.note("there was no copy of the catalog: make a user with `keepstone user add NAME --role admin`"),
    }
    for id in &report.without_settings {
        cx.out.note(format_args!(
            "{id}: its database.json was lost, so its settings and schedules are the usual ones, and its cleanup is paused: look at `keepstone db \
             show {id}`, `retention show {id}` and `schedule list {id}`, then `keepstone retention schedule {id} --resume`"
        ));
    }
    for moved in &report.moved {
        cx.out.note(format_args!("moved into its place: {moved}"));
    }
    for skipped in &report.skipped {
        cx.out.note(format_args!("not taken up: {skipped}"));
    }
    if let Some(kept) = &report.kept {
        cx.out.note(format_args!("the old catalog is kept in {}", kept.display()));
    }
    cx.out.outcome(
        report.backups,
        format_args!("rebuilt: {}, {}", human::counted(report.databases, "database"), human::counted(report.backups, "backup")),
    );
    let Some(first) = report.skipped.first() else { return Ok(()) };
    Err(Fault::Here {
        code: "not_all_taken_up",
        message: match report.skipped.len() {
            1 => format!("the catalog is made anew without {first}"),
            count => format!("the catalog is made anew without {count} things, e.g. {first}"),
        },
        hint: Some(
            "Keep the old catalog until that is settled. Then `keepstone catalog rebuild` takes up the rest, too; `keepstone doctor` shows what is left.".to_owned(),
        ),
        exit: 1,
    })
}
