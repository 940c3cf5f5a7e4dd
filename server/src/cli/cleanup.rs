//! `keepstone cleanup`: removes what the retention policy does not keep, into the trash. The dry run is the plan.

use clap::Args;
use jiff::Timestamp;
use keepstone_engine::{
    Vault,
    cleanup::{self, CleanupOptions, CleanupPlan, PlanOptions},
    model::{
        backup::BackupState,
        human,
        job::Verb,
        retention::{CountBy, Manual, Pass, RetentionPolicy},
    },
};
use serde_json::{Value, json};

use super::{
    Context, Fault,
    confirm::confirm,
    context, environment,
    progress::Follow,
    retention::Rules,
    table::{Cell, Table, Tone},
    values::Yes,
    words,
};
use crate::shape;

/// Move what the retention policy does not keep to the trash, from where it can be put back for 24 hours
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  keepstone cleanup --dry-run                          what would go, and why
  keepstone cleanup shop --yes
  keepstone cleanup shop --daily-keep 14 --weekly-keep 8 --confirm
  keepstone cleanup shop --keep 30                     only the newest 30

Pinned, held and leased backups stay, and so do manual ones, the newest good one and at least 3 good ones, whatever the flags say.")]
pub(crate) struct Cleanup {
    /// An id or a location; without it every database
    #[arg(value_name = "DB")]
    db: Option<String>,
    /// Keep only the newest N, and no other rule
    #[arg(long, value_name = "N", conflicts_with_all = super::retention::RULE_IDS)]
    keep: Option<u32>,
    #[command(flatten)]
    rules: Rules,
    /// Let manual backups fall under the rules, too
    #[arg(long)]
    include_manual: bool,
    /// Show what would go and why, and do nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    yes: Yes,
}

pub(crate) fn run(args: &Cleanup, cx: &Context) -> Result<(), Fault> {
    if args.keep == Some(0) {
        return Err(Fault::usage(
            "--keep 0 would keep nothing",
            "At least one backup is kept: --keep 1, and 3 good ones stay in any case.",
        ));
    }
    let (vault, count_by) = (cx.vault()?, environment::count_by()?);
    let now = Timestamp::now();
    cleanup::look_at_clock(&vault, now)?;
    let mut plans = Vec::new();
    for database in context::databases_of(&vault, args.db.as_deref())? {
        let policy = args.policy(&database.retention)?;
        let manual = if args.include_manual { Manual::Included } else { Manual::Kept };
        let options = PlanOptions { database: database.id, policy, manual, count_by, pass: Pass::Person };
        plans.push((cleanup::plan_cleanup(&vault, &options, now)?, options));
    }
    for (plan, _) in &plans {
        print(plan, cx);
    }
    let count: usize = plans.iter().map(|(plan, _)| plan.removed.len()).sum();
    if args.dry_run || count == 0 {
        for (plan, options) in &plans {
            if !args.dry_run && options.policy.is_none() {
                cleanup::looked(&vault, &plan.database.id, now)?;
            }
            cx.out.result(json(plan, args.dry_run, false));
        }
        return Ok(());
    }
    if let Err(fault) = confirm(cx, "cleanup", args.yes, &format!("Move {} to the trash?", human::counted(count, "backup")), None) {
        for (plan, _) in &plans {
            cx.out.result(json(plan, false, false));
        }
        return Err(fault);
    }
    cx.each(&plans, |(plan, options)| act(&vault, plan, options, count_by, cx))
}

impl Cleanup {
    /// In place of the database's own policy, if a flag says so.
    fn policy(&self, own: &RetentionPolicy) -> Result<Option<RetentionPolicy>, Fault> {
        let policy = match self.keep {
            Some(count) => Some(RetentionPolicy { max_count: Some(count), ..RetentionPolicy::default() }),
            None if self.rules.any() => Some(self.rules.over(own)?),
            None => None,
        };
        if let Some(policy) = &policy {
            policy.check()?;
        }
        Ok(policy)
    }
}

fn act(vault: &Vault, plan: &CleanupPlan, options: &PlanOptions, count_by: CountBy, cx: &Context) -> Result<(), Fault> {
    let id = &plan.database.id;
    if plan.removed.is_empty() {
        cx.out.result(json(plan, false, false));
        return Ok(());
    }
    let cleanup_options = CleanupOptions {
        database: id.clone(),
        policy: options.policy.clone(),
        manual: options.manual,
        count_by,
        confirmed: Some(plan.removals().map(|line| line.backup.id.clone()).collect()),
        actor: context::actor(),
    };
    let follow = Follow::new(cx, Verb::Cleanup, id);
    let outcome = cleanup::cleanup(vault, &cleanup_options, &follow);
    drop(follow);
    let report = match outcome {
        Ok(report) => report,
        Err(error) => {
            let fault = Fault::from(error);
            let mut result = json(plan, false, false);
            result["ok"] = json!(false);
            result["error"] = fault.json();
            cx.out.result(result);
            return Err(fault);
        }
    };
    let mut result = json(plan, false, true);
    result["job"] = json!(report.job);
    result["removed"] = report
        .removed
        .iter()
        .map(|gone| json!({ "id": gone.backup.id, "reason": gone.reason, "until": gone.backup.trash_until }))
        .collect();
    result["skipped"] = report.skipped.iter().map(|(id, why)| json!({ "id": id, "reason": why })).collect();
    result["freed_bytes"] = json!(report.freed_bytes);
    cx.out.result(result);
    if cx.out.quiet {
        for gone in &report.removed {
            cx.out.line(&gone.backup.id);
        }
        return Ok(());
    }
    cx.out.line(format_args!(
        "{id}: moved {} to the trash, {}",
        human::counted(report.removed.len(), "backup"),
        human::bytes(report.freed_bytes)
    ));
    for (id, why) in &report.skipped {
        cx.out.note(format_args!("kept {id}: {why}"));
    }
    if report.emptied > 0 {
        cx.out
            .note(format_args!("The disk is nearly full, so for good gone from the trash: {}.", human::counted(report.emptied, "archive")));
    } else if let Some(until) = report.removed.iter().filter_map(|gone| gone.backup.trash_until).min() {
        cx.out.note(format_args!("Until {} they can be put back: keepstone trash put-back ID", words::time(until)));
    }
    Ok(())
}

fn print(plan: &CleanupPlan, cx: &Context) {
    if cx.out.quiet {
        return;
    }
    cx.out.line(format_args!("{}: {}", plan.database.id, plan.policy.words()));
    let mut table = Table::new(&["", "ID", ">ARCHIVE", "WHY"]);
    for line in &plan.lines {
        let backup = &line.backup;
        if matches!(backup.state, BackupState::Failed | BackupState::Interrupted) {
            continue;
        }
        let mark = if line.fate.is_removed() { Cell::toned("– remove", Tone::Warn) } else { Cell::toned("✔ keep", Tone::Good) };
        table.row([mark, backup.id.as_str().into(), words::bytes_or_dash(backup.archive_size_bytes).into(), line.fate.to_string().into()]);
    }
    if !table.is_empty() {
        table.print(&cx.out);
    }
    let stays = format!("{} stay ({})", human::counted(plan.kept_count, "backup"), human::bytes(plan.kept_bytes));
    match plan.removed.len() {
        0 => cx.out.line(format_args!("Nothing has to go: {stays}.")),
        count => cx.out.line(format_args!("{} to remove ({}), {stays}.", human::counted(count, "backup"), human::bytes(plan.freed_bytes))),
    }
}

/// The plan: every backup with its reason.
pub(crate) fn json(plan: &CleanupPlan, dry_run: bool, done: bool) -> Value {
    json!(shape::CleanupPlan::of(plan, dry_run, done))
}
