//! `keepstone list`: backups, the newest first; of a vault, or of a folder without one.

use std::path::PathBuf;

use clap::{Args, builder::TypedValueParser};
use keepstone_engine::{
    backups::{self, BackupFilter, BackupPage},
    databases,
    model::{
        backup::{Backup, BackupState, Encryption, Verdict},
        id::Kind,
    },
};

use super::{Context, Fault, environment, password, table::Table, values, words};

/// List backups, the newest first
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  keepstone list shop --type daily --limit 10
  keepstone list --state good -q           only the ids
  keepstone list --dir /mnt/usb/backups    archives in a folder, without a vault")]
pub(crate) struct List {
    /// Only of this database
    #[arg(value_name = "DB")]
    db: Option<String>,
    /// Only of this kind
    #[arg(long = "type", value_name = "KIND", value_parser = values::any_kind())]
    kind: Option<Kind>,
    /// At most this many
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,
    /// Only those in this state
    #[arg(long, value_name = "S", value_parser = state())]
    state: Option<String>,
    /// Look for archives in this folder and below it; needs no vault
    #[arg(long, value_name = "FOLDER")]
    dir: Option<PathBuf>,
    /// With --dir: unlock encrypted archives with the password in this file, - for standard input
    #[arg(long, value_name = "F", requires = "dir")]
    password_file: Option<PathBuf>,
}

/// Where a backup is in its life, or what a complete one is worth.
fn state() -> impl TypedValueParser<Value = String> {
    clap::builder::PossibleValuesParser::new([
        "complete",
        "good",
        "unproven",
        "bad",
        "suspect",
        "partial",
        "running",
        "failed",
        "interrupted",
        "missing",
        "trashed",
    ])
}

pub(crate) fn run(args: &List, cx: &Context) -> Result<(), Fault> {
    if let Some(dir) = &args.dir {
        let given = args.password_file.as_deref().map(password::of_file).transpose()?;
        let told = match given {
            Some(given) => vec![given],
            None => environment::encryption_if_readable(&cx.out).password.into_iter().collect(),
        };
        return super::folder::list(dir, args.db.as_deref(), args.kind, args.state.as_deref(), args.limit, told, cx);
    }
    let vault = cx.vault()?;
    let database = match &args.db {
        Some(db) => Some(databases::find_database(&vault, db)?.id),
        None => None,
    };
    let life = args.state.as_deref().and_then(|state| BackupState::ALL.into_iter().find(|life| life.as_str() == state));
    let verdict = args.state.as_deref().and_then(|state| Verdict::ALL.into_iter().find(|verdict| verdict.as_str() == state));
    let filter = BackupFilter { database, kind: args.kind, state: life, verdict, limit: args.limit, ..BackupFilter::default() };
    let BackupPage { backups: found, total } = backups::list(&vault, &filter)?;
    print(&found, cx);
    if !cx.out.json && (found.len() as u64) < total {
        cx.out.note(format_args!("{} of {total}", found.len()));
    }
    Ok(())
}

pub(crate) fn print(found: &[Backup], cx: &Context) {
    let mut table = Table::new(&["STATE", "ID", "TAKEN", ">SIZE", ">ARCHIVE", "NOTES"]);
    for backup in found {
        cx.out.result(words::backup_json(backup));
        if cx.out.quiet {
            cx.out.line(&backup.id);
            continue;
        }
        table.row([
            words::backup_state_cell(backup),
            backup.id.as_str().into(),
            words::time(backup.created_at).into(),
            words::bytes_or_dash(backup.original_size_bytes).into(),
            words::bytes_or_dash(backup.archive_size_bytes).into(),
            remarks(backup).into(),
        ]);
    }
    if found.is_empty() {
        cx.out.note("no backups");
    } else if !cx.out.quiet {
        table.print(&cx.out);
    }
}

fn remarks(backup: &Backup) -> String {
    let mut remarks = Vec::new();
    if backup.pinned {
        remarks.push("pinned".to_owned());
    }
    match backup.encryption {
        Encryption::None => {}
        Encryption::Known => remarks.push("encrypted".to_owned()),
        Encryption::Lost => remarks.push("encrypted, no known password opens it".to_owned()),
    }
    remarks.extend(backup.error.clone());
    remarks.extend(backup.suspect.as_ref().map(|why| match &backup.acknowledged {
        Some(word) => format!("{why} (acknowledged by {})", word.by),
        None => why.clone(),
    }));
    remarks.extend((!backup.description.is_empty()).then(|| backup.description.clone()));
    remarks.extend(backup.tags.iter().map(|tag| format!("#{tag}")));
    remarks.join(" · ")
}
