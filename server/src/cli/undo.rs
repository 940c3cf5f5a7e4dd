//! `keepstone undo`: back to the state before a restore.

use clap::Args;
use keepstone_engine::{
    Error, databases,
    model::{id::JobId, job::Verb},
    restore::{self, UndoOptions},
};
use serde_json::json;

use super::{Context, Fault, confirm::confirm, context, plan, progress::Follow, restore as restored, values::Yes};

/// Bring back what a restore replaced, from its safety backup
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  keepstone undo j-01jd3k9v0q7x8     the job that `restore --replace` named; `keepstone job list` shows it too")]
pub(crate) struct Undo {
    /// The job of the restore
    #[arg(value_name = "RESTORE")]
    restore: String,
    /// Of a database that cannot be opened: replace it although another process has it open, which goes on writing to the old files
    #[arg(long)]
    although_open: bool,
    #[command(flatten)]
    yes: Yes,
}

pub(crate) fn run(args: &Undo, cx: &Context) -> Result<(), Fault> {
    let vault = cx.vault()?;
    let job: JobId = args.restore.parse().map_err(|_| Error::UnknownJob { id: args.restore.clone() })?;
    let plan = restore::plan_undo(&vault, &job)?;
    let plan = if args.although_open { restore::although_open(plan) } else { plan };
    let live = databases::database(&vault, &plan.database)?.location;
    let result = json!({ "ok": false, "undoes": job, "plan": plan });
    if !args.yes.yes || !cx.out.quiet {
        plan::print(&plan, Some(&live), cx);
    }
    let name = plan.database.as_str();
    if let Err(fault) = confirm(cx, "undo", args.yes, &format!("Bring {name} back to {}?", restored::taken(&plan)), Some(name)) {
        cx.out.result(result);
        return Err(fault);
    }
    let follow = Follow::new(cx, Verb::Undo, &plan.database);
    let outcome = restore::undo(&vault, &UndoOptions { restore: job, plan, actor: context::actor() }, &follow);
    drop(follow);
    restored::told(outcome, result, true, Some(&live), cx)
}
