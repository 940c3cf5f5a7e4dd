//! `keepstone job`: the operations that run, wait or are over, of every process.

use clap::{Args, Subcommand};
use keepstone_engine::{
    Error, Vault, databases,
    jobs::{self, JobFilter},
    model::{
        id::JobId,
        job::{Job as JobRow, JobState, Progress},
    },
};
use serde_json::{Value, json};

use super::{
    Context, Fault, context,
    table::{Cell, Table, printable},
    words,
};
use crate::shape::{JobDetail, JobStatus};

/// Show and cancel jobs, whoever started them
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  keepstone job list --limit 10
  keepstone job show j-01jd3k9v0q7x8
  keepstone job cancel j-01jd3k9v0q7x8")]
pub(crate) struct Job {
    #[command(subcommand)]
    verb: JobVerb,
}

#[derive(Debug, Subcommand)]
enum JobVerb {
    /// Jobs, the newest first
    List {
        /// Only of this database
        #[arg(value_name = "DB")]
        db: Option<String>,
        /// Only those in this state
        #[arg(long, value_name = "S", value_parser = clap::builder::PossibleValuesParser::new(JobState::ALL.map(JobState::as_str)))]
        state: Option<String>,
        /// At most this many
        #[arg(long, value_name = "N", default_value_t = 20)]
        limit: u64,
    },
    /// One job: its steps, its log, what came out
    Show {
        #[arg(value_name = "ID")]
        id: String,
    },
    /// Ask a job to stop; one that is writing over a live database finishes or rolls back
    Cancel {
        #[arg(value_name = "ID")]
        id: String,
    },
}

pub(crate) fn run(args: &Job, cx: &Context) -> Result<(), Fault> {
    let vault = cx.vault()?;
    match &args.verb {
        JobVerb::List { db, state, limit } => list(&vault, db.as_deref(), state.as_deref(), *limit, cx),
        JobVerb::Show { id } => show(&vault, &parsed(id)?, cx),
        JobVerb::Cancel { id } => {
            let job = jobs::cancel(&vault, &parsed(id)?, &context::actor())?;
            cx.out.result(json(&job, None));
            let word = if job.state == JobState::Cancelled { "was cancelled" } else { "was asked to stop" };
            cx.out.outcome(&job.id, format_args!("{} {word}", job.id));
            Ok(())
        }
    }
}

fn parsed(id: &str) -> Result<JobId, Fault> {
    Ok(id.parse().map_err(|_| Error::UnknownJob { id: id.to_owned() })?)
}

fn list(vault: &Vault, db: Option<&str>, state: Option<&str>, limit: u64, cx: &Context) -> Result<(), Fault> {
    let database = match db {
        Some(db) => Some(databases::find_database(vault, db)?.id),
        None => None,
    };
    let state = state.and_then(|wanted| JobState::ALL.into_iter().find(|state| state.as_str() == wanted));
    let found = jobs::jobs(vault, &JobFilter { state, database, open: false, limit: Some(limit) })?;
    let mut table = Table::new(&["STATE", "ID", "VERB", "DATABASE", "CREATED", "BY", "OUTCOME"]);
    for (job, progress) in &found {
        cx.out.result(json(job, progress.as_ref()));
        if cx.out.quiet {
            cx.out.line(&job.id);
            continue;
        }
        table.row([
            words::job_state(job),
            job.id.as_str().into(),
            job.verb.as_str().into(),
            job.database.as_ref().map_or("–", |id| id.as_str()).into(),
            words::time(job.created_at).into(),
            job.created_by.as_str().into(),
            outcome(job, progress.as_ref()).into(),
        ]);
    }
    if found.is_empty() {
        cx.out.note("no jobs");
    } else if !cx.out.quiet {
        table.print(&cx.out);
    }
    Ok(())
}

fn outcome(job: &JobRow, progress: Option<&Progress>) -> String {
    if let Some(progress) = progress.filter(|_| !job.state.is_over()) {
        let percent = progress.percent().map_or_else(String::new, |percent| format!(" {percent} %"));
        return format!("{}{percent}", progress.step.title());
    }
    job.error.as_ref().map(|error| error.message.clone()).or_else(|| job.outcome.clone()).unwrap_or_default()
}

fn show(vault: &Vault, id: &JobId, cx: &Context) -> Result<(), Fault> {
    let detail = jobs::job(vault, id)?;
    let job = &detail.job;
    cx.out.result(json!(JobDetail::from(&detail)));

    let mut facts = Table::facts();
    let mut row = |name: &str, value: Cell| facts.row([name.into(), value]);
    row("id", job.id.as_str().into());
    row("verb", job.verb.as_str().into());
    row("state", words::job_state(job));
    row("by", job.created_by.as_str().into());
    row("created", words::time(job.created_at).into());
    let mut optional = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            facts.row([name.into(), value.into()]);
        }
    };
    optional("database", job.database.as_ref().map(ToString::to_string));
    optional("backup", job.backup.as_ref().map(ToString::to_string));
    optional("started", job.started_at.map(words::time));
    optional("finished", job.finished_at.map(words::time));
    optional("progress", Some(outcome(job, detail.progress.as_ref())).filter(|_| !job.state.is_over()));
    optional("outcome", job.outcome.clone());
    optional("restored into", detail.restored_path.clone());
    optional("kept on the server", detail.kept.as_ref().map(|kept| kept.name.clone()));
    optional("kept aside in", detail.kept_aside.clone());
    optional("safety backup", detail.safety_backup.as_ref().map(ToString::to_string));
    if let Some(error) = &job.error {
        optional("error", Some(format!("{} ({})", error.message, error.code)));
        optional("hint", error.hint.clone());
    }
    optional("undo", detail.can_undo.then(|| format!("keepstone undo {}", job.id)));
    facts.print(&cx.out);
    if !detail.log.is_empty() {
        cx.out.line("");
        for line in &detail.log {
            cx.out.line(printable(line));
        }
    }
    Ok(())
}

fn json(job: &JobRow, progress: Option<&Progress>) -> Value {
    json!(JobStatus::of(job, progress))
}
