//! `keepstone delete`: a backup into the trash.

use clap::Args;
use keepstone_engine::{delete, model::human};
use serde_json::json;

use super::{
    Context, Fault,
    confirm::confirm,
    context,
    values::{BackupArg, Yes},
    words,
};
use crate::shape::InTrash;

/// Move a backup to the trash, from where it can be put back for 24 hours
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  keepstone delete shop_manual_20261120T030000Z_k3f9
  keepstone delete shop_manual_2026112 --yes")]
pub(crate) struct Delete {
    #[command(flatten)]
    backup: BackupArg,
    #[command(flatten)]
    yes: Yes,
}

pub(crate) fn run(args: &Delete, cx: &Context) -> Result<(), Fault> {
    let vault = cx.vault()?;
    let backup = context::backup_of(&vault, &args.backup)?;
    let (mark, word, _) = words::backup_state(&backup);
    cx.out.note(format_args!(
        "{mark} {word} {}, taken {} ({}), goes to the trash.",
        backup.id,
        words::time(backup.created_at),
        human::bytes(backup.archive_size_bytes)
    ));
    if let Err(fault) = confirm(cx, "delete", args.yes, &format!("Delete {}?", backup.id), None) {
        let mut result = words::backup_json(&backup);
        result["deleted"] = json!(false);
        cx.out.result(result);
        return Err(fault);
    }
    let report = delete::delete(&vault, &backup.id, &context::actor())?;
    cx.out.result(json!(InTrash::from(&report)));
    cx.out.outcome(&backup.id, format_args!("deleted {}", backup.id));
    cx.out.note(format_args!("Until {} it can be put back: keepstone trash put-back {}", words::time(report.until), backup.id));
    Ok(())
}
