//! `keepstone scheduler`: the schedules without the console.

use std::{sync::Arc, time::Duration};

use clap::Args;
use keepstone_engine::{
    Error,
    cleanup::{self, CleanupOptions},
    create::{self, CreateOptions},
    databases,
    model::{human, id::Kind, job::Verb, retention::Manual},
    scheduler::{Firing, Scheduler as Running, SchedulerOptions},
};
use serde_json::json;

use super::{Context, Fault, context, create as create_verb, environment, progress::Follow, ready, words};
use crate::{config, worker::recover_at_start};

const LOOK: Duration = Duration::from_millis(100);

/// Run the schedules and the queued jobs, without the console
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  keepstone scheduler                      until it is told to stop (SIGTERM, Ctrl-C)
  keepstone scheduler --test               check everything, and say what would run when
  keepstone scheduler --run-once cleanup   one pass of the retention over every database, then end
  keepstone scheduler --run-once daily     a daily backup of every database, then end: for cron or a timer")]
pub(crate) struct Scheduler {
    /// Back up every database that is not paused as this kind, or clean all of them up as the scheduler does by itself; then end
    #[arg(long, value_name = "WHAT", value_parser = ["daily", "weekly", "monthly", "cleanup"], conflicts_with = "test")]
    run_once: Option<String>,
    /// Take no backup: check databases, schedules and folders, and say what would run when
    #[arg(long)]
    test: bool,
}

pub(crate) fn run(args: &Scheduler, cx: &Context) -> Result<(), Fault> {
    // A setting that cannot be honoured stops the start before anything is begun.
    let environment =
        config::environment().map_err(|error| Fault::usage(format!("{error:#}"), "Change the environment, then start again."))?;
    if args.run_once.as_deref() != Some("cleanup") {
        environment::encryption()?;
    }
    match args.run_once.as_deref() {
        Some("cleanup") => clean_up_once(cx),
        Some("weekly") => run_once(Kind::Weekly, cx),
        Some("monthly") => run_once(Kind::Monthly, cx),
        Some(_) => run_once(Kind::Daily, cx),
        None if args.test => ready::test(&environment, cx),
        None => keep_running(&environment, cx),
    }
}

fn keep_running(environment: &config::Environment, cx: &Context) -> Result<(), Fault> {
    let vault = Arc::new(match &environment.database {
        Some(location) => cx.vault_for(location)?,
        None => cx.vault()?,
    });
    environment.protect(&vault).map_err(|error| match error.downcast::<Error>() {
        Ok(error) => error.into(),
        Err(error) => Fault::usage(format!("{error:#}"), "Change the environment, then start again."),
    })?;
    let stop = super::progress::cancel_flag();
    let options = SchedulerOptions { firing: environment.firing, ..SchedulerOptions::default() };
    let scheduler = Running::start_after(vault.clone(), &options, recover_at_start)?;
    let info = scheduler.info()?;
    match environment.firing {
        Firing::On => cx.out.line(format_args!(
            "the scheduler runs: {}, next run {}",
            human::counted(info.active_schedules, "schedule"),
            words::time_or_dash(info.next_run_at)
        )),
        Firing::Off => cx.out.line("BACKUP_ENABLED is off: only queued jobs are carried out, no schedule runs"),
    }
    while !stop.load(std::sync::atomic::Ordering::Relaxed) {
        std::thread::sleep(LOOK);
        let looked = vault.catalog().refuse_replaced().and_then(|()| vault.catalog().refuse_damaged());
        if let Err(lost @ (Error::CatalogReplaced { .. } | Error::CatalogDamaged { .. })) = looked {
            scheduler.stop();
            return Err(lost.into());
        }
    }
    let report = scheduler.stop();
    cx.out.result(json!({ "all_ended": report.all_ended, "backups": report.backups, "backups_failed": report.backups_failed }));
    if report.backups_failed > 0 {
        return Err(Fault::Here {
            code: "stop_backup_failed",
            message: format!("{} of the backups of the stop failed or were not done in time", report.backups_failed),
            hint: Some("`keepstone activity` says why; `keepstone schedule limits --stop-within` gives them more time.".to_owned()),
            exit: 1,
        });
    }
    cx.out.line(match report.backups {
        0 => "stopped".to_owned(),
        1 => "stopped, after a last backup".to_owned(),
        count => format!("stopped, after {count} last backups"),
    });
    Ok(())
}

fn run_once(kind: Kind, cx: &Context) -> Result<(), Fault> {
    let vault = cx.vault()?;
    let databases: Vec<_> = databases::databases(&vault)?.into_iter().filter(|database| !database.paused).collect();
    if databases.is_empty() {
        cx.out.note("no database that is not paused");
    }
    let outcome = cx.each(&databases, |database| {
        let options = CreateOptions { kind, ..CreateOptions::new(database.id.clone(), context::actor()) };
        let follow = Follow::new(cx, Verb::Create, &database.id);
        let report = create::create(&vault, &options, &follow);
        drop(follow);
        match report {
            Ok(report) => create_verb::told(&vault, &report, None, cx),
            Err(error) => {
                let fault = Fault::from(error);
                cx.out.result(json!({ "ok": false, "database": database.id, "error": fault.json() }));
                Err(fault)
            }
        }
    });
    context::copy_catalog(&vault);
    outcome
}

/// One unattended pass over each database: what it may remove alone, and no more.
fn clean_up_once(cx: &Context) -> Result<(), Fault> {
    let (vault, count_by) = (cx.vault()?, environment::count_by()?);
    let databases: Vec<_> = databases::databases(&vault)?.into_iter().filter(|database| !database.paused).collect();
    cx.each(&databases, |database| {
        let options = CleanupOptions {
            database: database.id.clone(),
            policy: None,
            manual: Manual::Kept,
            count_by,
            confirmed: None,
            actor: context::actor(),
        };
        let follow = Follow::new(cx, Verb::Cleanup, &database.id);
        let report = cleanup::cleanup(&vault, &options, &follow);
        drop(follow);
        let report = report.map_err(|error| {
            let fault = Fault::from(error);
            cx.out.result(json!({ "ok": false, "database": database.id, "error": fault.json() }));
            fault
        })?;
        let removed: Vec<_> = report.removed.iter().map(|gone| json!({ "id": gone.backup.id, "reason": gone.reason })).collect();
        cx.out.line(format_args!("{}: {} moved to the trash", database.id, removed.len()));
        cx.out.result(json!({ "ok": true, "database": database.id, "removed": removed, "freed_bytes": report.freed_bytes }));
        Ok(())
    })
}
