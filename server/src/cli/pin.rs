//! `keepstone pin` and `unpin`: never delete this one, or do again.

use clap::Args;
use keepstone_engine::backups::{self, EditBackupOptions};

use super::{Context, Fault, context, values::BackupArg, words};

/// Keep a backup for ever: it cannot be deleted until it is unpinned
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  keepstone pin latest --db shop")]
pub(crate) struct Pin {
    #[command(flatten)]
    pub(crate) id: BackupArg,
}

/// Let a pinned backup be deleted again
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  keepstone unpin shop_manual_20261120T030000Z_k3f9")]
pub(crate) struct Unpin {
    #[command(flatten)]
    pub(crate) id: BackupArg,
}

pub(crate) fn run(arg: &BackupArg, pinned: bool, cx: &Context) -> Result<(), Fault> {
    let vault = cx.vault()?;
    let id = context::backup_of(&vault, arg)?.id;
    let options = EditBackupOptions { pinned: Some(pinned), actor: context::actor(), ..EditBackupOptions::default() };
    let backup = backups::edit(&vault, &id, &options)?;
    cx.out.result(words::backup_json(&backup));
    cx.out.outcome(&id, format_args!("{} {id}", if pinned { "pinned" } else { "unpinned" }));
    Ok(())
}
