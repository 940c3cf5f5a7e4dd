//! The command line: its flags, and which verb goes where. One file per verb; what they share (output, tables, questions, progress) stands in
//! the files that are no verb's name. Nothing here touches an archive or the catalog except through the engine.

mod ack;
mod activity;
mod apply;
mod catalog;
mod cleanup;
mod completions;
mod confirm;
mod context;
#[cfg(test)]
mod contract;
mod convert;
mod create;
mod db;
mod delete;
mod doctor;
mod environment;
mod export;
mod fault;
mod folder;
mod import;
mod info;
mod installation;
mod job;
mod key;
mod list;
mod logs;
pub(crate) mod look;
mod man;
mod output;
mod password;
mod pin;
mod plan;
mod progress;
mod ready;
mod restore;
mod retention;
pub(crate) mod run;
mod schedule;
mod scheduler;
mod serve;
pub(crate) mod service;
pub(crate) mod settings;
mod show;
mod stats;
mod status;
mod table;
mod token;
mod trash;
mod undo;
mod user;
mod values;
pub(crate) mod variables;
mod verify;
mod words;

use std::{path::PathBuf, process::ExitCode};

use clap::{Args, Parser, Subcommand};

use self::{context::Context, fault::Fault, output::Output};

/// Backs up SQLite databases while they are in use, proves that every backup restores, and brings them back.
#[derive(Debug, Parser)]
#[command(name = "keepstone", version, arg_required_else_help = true, subcommand_required = true, after_help = EXAMPLES)]
pub(crate) struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    verb: Verb,
}

const EXAMPLES: &str = "\
Examples:
  keepstone db add /srv/shop/shop.db      protect a database, with the default schedules
  keepstone create shop                   back it up now
  keepstone status                        is everything safe?
  keepstone restore latest                the newest good backup, into a new file
  keepstone serve                         the console on http://127.0.0.1:8181

Exit codes: 0 done, 1 failed, 2 usage, 3 not found, 4 verification failed or corrupt, 5 busy, 6 no space, 7 refused or not confirmed, \
8 wrong password.";

#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    #[arg(long, global = true, value_name = "DIR", help = "The vault's data directory [env: KEEPSTONE_DATA] [default: ./keepstone-data]")]
    pub(crate) data: Option<PathBuf>,
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        help = "A file with the settings of this process [env: KEEPSTONE_CONFIG] [default: ./keepstone.toml, if it is there]"
    )]
    pub(crate) config: Option<PathBuf>,
    /// Read variables that the environment does not set from this file, e.g. an application's .env
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) env_file: Option<PathBuf>,
    #[arg(long, global = true, value_name = "FORMAT", help = "How the log is written [env: KEEPSTONE_LOG_FORMAT] [default: text]")]
    pub(crate) log_format: Option<settings::LogFormat>,
    /// Print one JSON document and nothing else
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// No progress and no notes; lists and new backups print only their ids
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
    /// Also write the log to the terminal; twice for more
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
    /// Make a vault in a folder that already holds other things
    #[arg(long, global = true)]
    pub(crate) init: bool,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Serve(serve::Serve),
    Db(db::Db),
    Create(create::Create),
    List(list::List),
    Status(status::Status),
    Show(show::Show),
    Verify(verify::Verify),
    Restore(restore::Restore),
    Undo(undo::Undo),
    Delete(delete::Delete),
    Ack(ack::Ack),
    Doctor(doctor::Doctor),
    Run(run::Run),
    Stats(stats::Stats),
    #[command(name = "look-at")]
    Look(look::Look),
    Pin(pin::Pin),
    Unpin(pin::Unpin),
    Trash(trash::Trash),
    Cleanup(cleanup::Cleanup),
    Retention(retention::Retention),
    Apply(apply::Apply),
    Export(export::Export),
    Import(import::Import),
    Convert(convert::Convert),
    Schedule(schedule::Schedule),
    Scheduler(scheduler::Scheduler),
    Service(service::Service),
    Job(job::Job),
    Activity(activity::Activity),
    Catalog(catalog::Catalog),
    Key(key::Key),
    User(user::User),
    Token(token::Token),
    Info(info::Info),
    Completions(completions::Completions),
    Man(man::Man),
}

pub(crate) fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return output::usage(&error),
    };
    let output = Output::new(&cli.global);
    let settings = match settings::Settings::read(&cli.global) {
        Ok(settings) => settings,
        Err(fault) => return output.finish(Err(fault)),
    };
    let cx = Context::new(cli.global, settings, output);
    let result = match &cli.verb {
        // Its exit code is another program's.
        Verb::Run(args) => match run::run(args, &cx) {
            Ok(code) => return ExitCode::from(code),
            Err(fault) => Err(fault),
        },
        verb => verb.run(&cx),
    };
    cx.out.finish(result)
}

impl Verb {
    fn run(&self, cx: &Context) -> Result<(), Fault> {
        match self {
            Self::Serve(args) => serve::run(args, cx),
            Self::Db(args) => db::run(args, cx),
            Self::Create(args) => create::run(args, cx),
            Self::List(args) => list::run(args, cx),
            Self::Status(args) => status::run(args, cx),
            Self::Show(args) => show::run(args, cx),
            Self::Verify(args) => verify::run(args, cx),
            Self::Restore(args) => restore::run(args, cx),
            Self::Undo(args) => undo::run(args, cx),
            Self::Delete(args) => delete::run(args, cx),
            Self::Ack(args) => ack::run(args, cx),
            Self::Doctor(args) => doctor::run(args, cx),
            Self::Run(args) => run::run(args, cx).map(drop),
            Self::Stats(args) => stats::run(args, cx),
            Self::Look(args) => look::run(args, cx),
            Self::Pin(args) => pin::run(&args.id, true, cx),
            Self::Unpin(args) => pin::run(&args.id, false, cx),
            Self::Trash(args) => trash::run(args, cx),
            Self::Cleanup(args) => cleanup::run(args, cx),
            Self::Retention(args) => retention::run(args, cx),
            Self::Apply(args) => apply::run(args, cx),
            Self::Export(args) => export::run(args, cx),
            Self::Import(args) => import::run(args, cx),
            Self::Convert(args) => convert::run(args, cx),
            Self::Schedule(args) => schedule::run(args, cx),
            Self::Scheduler(args) => scheduler::run(args, cx),
            Self::Service(args) => service::run(args, cx),
            Self::Job(args) => job::run(args, cx),
            Self::Activity(args) => activity::run(args, cx),
            Self::Catalog(args) => catalog::run(args, cx),
            Self::Key(args) => key::run(args, cx),
            Self::User(args) => user::run(args, cx),
            Self::Token(args) => token::run(args, cx),
            Self::Info(_) => info::run(cx),
            Self::Completions(args) => {
                completions::run(args, cx);
                Ok(())
            }
            Self::Man(args) => man::run(args, cx),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_flags_do_not_contradict_each_other() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_verb_shows_an_example() {
        fn walk(command: &clap::Command, path: &str) {
            for verb in command.get_subcommands() {
                let path = format!("{path} {}", verb.get_name());
                let help = verb.get_after_help().map(ToString::to_string).unwrap_or_default();
                let parent_has = command.get_after_help().is_some() && path.split(' ').count() > 2;
                assert!(help.contains("keepstone") || parent_has, "{path} has no example");
                assert!(verb.get_about().is_some(), "{path} says not what it does");
                walk(verb, &path);
            }
        }
        walk(&Cli::command(), "keepstone");
    }
}
