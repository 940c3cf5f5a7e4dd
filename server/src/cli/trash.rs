//! `keepstone trash`: what was deleted and can still be put back.

use clap::{Args, Subcommand};
use keepstone_engine::{
    Error, Vault, delete,
    model::{
        backup::{Backup, Verdict},
        human,
    },
};
use serde_json::json;

use super::{Context, Fault, confirm::confirm, context, table::Table, values::Yes, words};

/// Show, put back or empty what was deleted
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  keepstone trash list
  keepstone trash put-back shop_manual_20261120T030000Z_k3f9
  keepstone trash empty --yes")]
pub(crate) struct Trash {
    #[command(subcommand)]
    verb: TrashVerb,
}

#[derive(Debug, Subcommand)]
enum TrashVerb {
    /// What is in the trash, and until when
    List,
    /// Take a backup back to where it was
    PutBack {
        /// A backup's id or a unique beginning of one
        #[arg(value_name = "ID")]
        id: String,
    },
    /// Remove everything in the trash for good
    Empty {
        #[command(flatten)]
        yes: Yes,
    },
}

pub(crate) fn run(args: &Trash, cx: &Context) -> Result<(), Fault> {
    let vault = cx.vault()?;
    match &args.verb {
        TrashVerb::List => list(&vault, cx),
        TrashVerb::PutBack { id } => put_back(&vault, id, cx),
        TrashVerb::Empty { yes } => empty(&vault, *yes, cx),
    }
}

fn list(vault: &Vault, cx: &Context) -> Result<(), Fault> {
    let trashed = delete::trash(vault)?;
    let mut table = Table::new(&["ID", "DELETED", "UNTIL", ">ARCHIVE", "DESCRIPTION"]);
    for backup in &trashed {
        cx.out.result(words::backup_json(backup));
        if cx.out.quiet {
            cx.out.line(&backup.id);
            continue;
        }
        table.row([
            backup.id.as_str().into(),
            words::time_or_dash(backup.trashed_at).into(),
            words::time_or_dash(backup.trash_until).into(),
            human::bytes(backup.archive_size_bytes).into(),
            backup.description.as_str().into(),
        ]);
    }
    if trashed.is_empty() {
        cx.out.note("the trash is empty");
    } else if !cx.out.quiet {
        table.print(&cx.out);
    }
    Ok(())
}

fn put_back(vault: &Vault, wanted: &str, cx: &Context) -> Result<(), Fault> {
    let trashed = delete::trash(vault)?;
    let exact: Vec<&Backup> = trashed.iter().filter(|backup| backup.id.as_str() == wanted).collect();
    let found = if exact.is_empty() { trashed.iter().filter(|backup| backup.id.as_str().starts_with(wanted)).collect() } else { exact };
    let id = match found[..] {
        [one] => &one.id,
        [] => {
            let message = format!("no backup \"{wanted}\" in the trash");
            let hint = Some("`keepstone trash list` shows what is there.".to_owned());
            return Err(Fault::Here { code: "unknown_backup", message, hint, exit: 3 });
        }
        _ => return Err(Error::AmbiguousBackup { prefix: wanted.to_owned(), count: found.len() as u64 }.into()),
    };
    let backup = delete::put_back(vault, id, &context::actor())?;
    cx.out.result(words::backup_json(&backup));
    cx.out.outcome(&backup.id, format_args!("put back {}", backup.id));
    match backup.verdict() {
        Verdict::Bad => cx.out.note(format_args!("▲ it is no good backup: `keepstone show {}` says why", backup.id)),
        Verdict::Unproven => cx.out.note(format_args!("  it counts as good once it is verified: `keepstone verify {}`", backup.id)),
        _ => {}
    }
    Ok(())
}

fn empty(vault: &Vault, yes: Yes, cx: &Context) -> Result<(), Fault> {
    let trashed = delete::trash(vault)?;
    let bytes: u64 = trashed.iter().map(|backup| backup.archive_size_bytes).sum();
    if trashed.is_empty() {
        cx.out.result(json!({ "removed": 0, "freed_bytes": 0, "left": [] }));
        cx.out.note("the trash is empty");
        return Ok(());
    }
    for backup in &trashed {
        cx.out.note(format_args!("{} ({})", backup.id, human::bytes(backup.archive_size_bytes)));
    }
    cx.out.note(format_args!("{}, {}, will be gone for good.", human::counted(trashed.len(), "backup"), human::bytes(bytes)));
    if let Err(fault) = confirm(cx, "empty", yes, "Empty the trash?", Some("empty")) {
        let ids: Vec<_> = trashed.iter().map(|backup| &backup.id).collect();
        cx.out.result(json!({ "removed": 0, "freed_bytes": 0, "left": [], "would_remove": ids }));
        return Err(fault);
    }
    let (removed, freed_bytes) = delete::empty_trash(vault, None, &context::actor())?;
    let left = delete::what_stays(vault, |backup| trashed.iter().any(|one| one.id == backup.id))?;
    let told: Vec<_> = left.iter().map(|(id, why)| json!({ "id": id, "reason": why.to_string() })).collect();
    cx.out.result(json!({ "removed": removed, "freed_bytes": freed_bytes, "left": told }));
    cx.out.outcome(removed, format_args!("removed {}, {}", human::counted(removed, "backup"), human::bytes(freed_bytes)));
    for (id, why) in left.iter().skip(1) {
        cx.out.note(format_args!("{id} stays in the trash: {why}"));
    }
    left.into_iter().next().map_or(Ok(()), |(_, why)| Err(why.into()))
}
