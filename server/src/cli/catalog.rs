//! `keepstone catalog`: the index of everything, made anew where it is damaged or lost.

use clap::{Args, Subcommand};
use keepstone_engine::vault;
use serde_json::json;

use super::{Context, Fault, confirm::confirm, context, values::Yes};

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
    cx.out.note("Users, jobs and the activity log do not. The old catalog is kept.");
    confirm(cx, "catalog rebuild", *yes, "Make a new catalog?", Some("rebuild"))?;
    let report = vault::rebuild(&cx.vault_options()?, &context::actor())?;
    cx.out.result(json!({
        "database_count": report.databases,
        "backup_count": report.backups,
        "kept": report.kept,
        "skipped": report.skipped,
    }));
    for skipped in &report.skipped {
        cx.out.note(format_args!("not taken up: {skipped}"));
    }
    if let Some(kept) = &report.kept {
        cx.out.note(format_args!("the old catalog is kept in {}", kept.display()));
    }
    cx.out.outcome(report.backups, format_args!("rebuilt: {} databases, {} backups", report.databases, report.backups));
    Ok(())
}
