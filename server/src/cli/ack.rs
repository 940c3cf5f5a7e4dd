//! `keepstone ack`: take note of a suspect backup, so that it holds the older good ones no longer.

use clap::Args;
use keepstone_engine::{
    ack::{self, AckOptions},
    model::backup::{SuspectCause, Verdict},
};
use serde_json::json;

use super::{Context, Fault, context, values::BackupArg};
use crate::shape::TakenNote;

/// Take note of a suspect backup: until then no older good backup is removed
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  keepstone ack shop_daily_20261120T030000Z_k3f9 --reason 'old orders were archived'
  keepstone ack shop_daily_20261120T030000Z_k3f9 --with-older

A backup whose source lost tables or rows counts like any other once that is acknowledged. One of a damaged database never counts as good: \
acknowledging it only lets older ones go again.")]
pub(crate) struct Ack {
    #[command(flatten)]
    backup: BackupArg,
    /// Why it is all right, or what was done about it
    #[arg(long, value_name = "T", default_value = "", hide_default_value = true)]
    reason: String,
    /// Also every older suspect backup of the same database
    #[arg(long)]
    with_older: bool,
}

pub(crate) fn run(args: &Ack, cx: &Context) -> Result<(), Fault> {
    let vault = cx.vault()?;
    let id = context::backup_of(&vault, &args.backup)?.id;
    let options = AckOptions { backup: id.clone(), reason: args.reason.clone(), with_older: args.with_older, actor: context::actor() };
    let report = ack::acknowledge(&vault, &options)?;
    cx.out.result(json!(TakenNote::from(&report)));
    let so = match report.backup.verdict() {
        Verdict::Good => "it counts as good now",
        _ if report.backup.suspect_cause == Some(SuspectCause::Damage) => "it stays suspect, and holds no older backup any more",
        _ => "it holds no older backup any more",
    };
    let sentence = match report.acknowledged.len() {
        0 => format!("{id} was acknowledged before"),
        1 => format!("acknowledged {id}: {so}"),
        more => format!("acknowledged {id} and {} older: {so}", more - 1),
    };
    cx.out.outcome(&id, sentence);
    if let Some(newest) = report.still_holding.first() {
        let count = report.still_holding.len();
        cx.out.note(format_args!("{count} suspect of {} still hold older backups; the newest is {newest}", id.database()));
    }
    Ok(())
}
