//! `keepstone run`: an application between two backups. The database is checked (and brought back if it is corrupt and that was asked for), backed up,
//! and the application runs with its terminal, its signals and its exit code; then the database is backed up once more. Only a corrupt or lost database
//! keeps the application from starting: no backup does, and none changes its exit code.

use std::{
    ffi::OsString,
    io::IsTerminal,
    os::unix::process::ExitStatusExt,
    process::{Child, Command, ExitStatus},
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicI32, Ordering},
    },
};

use clap::Args;
use jiff::Timestamp;
use keepstone_engine::{
    Error, Monitor, Vault,
    create::{self, CreateOptions},
    databases,
    doctor::{self, CheckOptions, Outcome},
    location,
    model::{database::Database, human, id::Kind, schedule::UNCHANGED_WITHIN_SECS},
};
use rustix::{
    fs::Mode,
    process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, umask, waitid},
};
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH},
    iterator::Signals,
};

use super::{Context, Fault, context, doctor as checked, environment, look, output};

/// The mode for new files that this process was started with: the application's, not Keepstone's own.
pub(crate) static INHERITED_UMASK: OnceLock<Mode> = OnceLock::new();

const FORWARDED: [i32; 7] = [SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH];
/// What a terminal sends to everything in front of it by itself: forwarded, the application would get it twice.
const OF_TERMINAL: [i32; 3] = [SIGINT, SIGQUIT, SIGWINCH];

/// Run an application between a backup at its start and one at its end, after checking its database
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  keepstone run --db /srv/shop/shop.db --recover -- /usr/bin/shop --port 80
  keepstone run -- shop                                 every database of the vault

The application has the terminal, gets the signals TERM, INT, HUP, QUIT, USR1, USR2 and WINCH, and its exit code is the verb's (128 and the number of \
the signal if one ended it; 126 or 127 if it cannot be started). It is not started if its database is corrupt and was not recovered (exit 4) or is \
gone although there are backups of it (exit 3). In a systemd unit without it: ExecStartPre=keepstone doctor DB --recover, \
ExecStartPre=-keepstone create DB --type startup, ExecStopPost=-keepstone create DB --type shutdown.")]
pub(crate) struct Run {
    /// An id or a location; without it `DATABASE_URL`, or every database
    #[arg(long, value_name = "DB")]
    db: Option<String>,
    /// Bring a corrupt database back from its newest good backup before the start
    #[arg(long)]
    recover: bool,
    /// The application and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// Gives back the exit code of the application.
pub(crate) fn run(args: &Run, cx: &Context) -> Result<u8, Fault> {
    let ears = Ears::open().map_err(|error| Error::io("the signals of this process", error))?;
    let protected = protected(args, cx)?;
    for (vault, database) in &protected {
        check(vault, database, args.recover, &ears)?;
    }
    back_up(&protected, Kind::Startup, &ears, cx);
    if let Some(signal) = ears.told_to_end() {
        return Ok(code_of_signal(signal));
    }
    let code = match ears.run(&args.command) {
        Ok(status) => status.code().map_or_else(|| code_of_signal(status.signal().unwrap_or(0)), |code| u8::try_from(code).unwrap_or(1)),
        Err(error) => {
            let program = args.command.first().map(|program| program.to_string_lossy().into_owned()).unwrap_or_default();
            output::stderr(format_args!("error: {program} cannot be started: {error}\n"));
            return Ok(if error.kind() == std::io::ErrorKind::NotFound { 127 } else { 126 });
        }
    };
    // A database that the application has just made is protected from its first end on.
    let protected = if protected.is_empty() { self::protected(args, cx).unwrap_or_default() } else { protected };
    back_up(&protected, Kind::Shutdown, &ears, cx);
    Ok(code)
}

fn code_of_signal(signal: i32) -> u8 {
    u8::try_from(128 + signal).unwrap_or(255)
}

/// The databases that are meant, each with its vault. One that is still to be made by the application is none yet.
fn protected(args: &Run, cx: &Context) -> Result<Vec<(Vault, Database)>, Fault> {
    let named = args.db.clone().or_else(environment::database_url);
    if let Some(db) = named {
        if location::is_location(&db) && checked::is_new(&db, cx)? {
            cx.out.note(format_args!("There is no database at {db} yet; its application may make it."));
            return Ok(Vec::new());
        }
        return Ok(vec![context::database_or_new(&db, cx)?]);
    }
    let all = databases::databases(&cx.vault()?)?;
    if all.is_empty() {
        return Err(Fault::usage("no database is named, and the vault holds none", "Name it with --db."));
    }
    all.into_iter().map(|database| Ok((cx.vault()?, database))).collect()
}

/// Stops the start for a database that is corrupt or lost. One that cannot be looked at just now (it is locked, say) is the application's to open.
fn check(vault: &Vault, database: &Database, recover: bool, ears: &Ears) -> Result<(), Fault> {
    let id = &database.id;
    let options = CheckOptions { database: id.clone(), recover: recover || database.auto_recovery, actor: context::actor() };
    match doctor::check(vault, &options, &look::Child, ears) {
        Ok(outcome @ (Outcome::Healthy { .. } | Outcome::Corrupt { .. })) => checked::verdict(database, &outcome, recover),
        Ok(Outcome::Recovered { finding, backup, kept, .. }) => {
            // Standard output is the application's.
            warn(format_args!("{id} was corrupt ({finding}) and is restored from {backup}; the damaged files are in {}", kept.display()));
            Ok(())
        }
        Err(error @ (Error::SourceMissing { .. } | Error::SourceEmpty { .. })) => {
            if databases::status(vault, id, Timestamp::now())?.newest_good_at.is_some() {
                return Err(error.into());
            }
            Ok(())
        }
        Err(error @ Error::CancelledHere) => Err(error.into()),
        Err(error) => {
            warn(format_args!("{id} could not be checked: {error}"));
            Ok(())
        }
    }
}

/// A backup of each. What goes wrong is said, written to the log, and shown by `status`; it stops nothing.
fn back_up(protected: &[(Vault, Database)], kind: Kind, ears: &Ears, cx: &Context) {
    for (vault, database) in protected {
        // An application that crashes again and again would evict what is worth keeping with copies of the same.
        let unless_equal_within_secs = Some(UNCHANGED_WITHIN_SECS);
        let options = CreateOptions { kind, unless_equal_within_secs, ..CreateOptions::new(database.id.clone(), context::actor()) };
        match create::create(vault, &options, ears) {
            Ok(report) if report.unchanged => cx.out.note(format_args!("keepstone: nothing changed since {}", report.backup.id)),
            Ok(report) => {
                let size = human::bytes(report.backup.archive_size_bytes);
                cx.out.note(format_args!("keepstone: {} ({size}, {})", report.backup.id, human::duration_ms(report.elapsed_ms)));
                if let Some(why) = &report.backup.suspect {
                    warn(format_args!("{} is suspect: {why}", report.backup.id));
                }
            }
            Err(error) => warn(format_args!("no {kind} backup of {}: {error}", database.id)),
        }
    }
}

fn warn(text: std::fmt::Arguments<'_>) {
    tracing::warn!("{text}");
    output::stderr(format_args!("keepstone: {text}\n"));
}

/// Hears the signals: before and after the application they end Keepstone's own work, meanwhile they are the application's.
struct Ears {
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    /// The application, as long as it has not been waited for.
    child: Mutex<Option<Pid>>,
    end: AtomicBool,
    signal: AtomicI32,
}

impl Ears {
    fn open() -> std::io::Result<Self> {
        let mut signals = Signals::new(FORWARDED)?;
        let state = Arc::<State>::default();
        let heard = state.clone();
        let terminal = std::io::stdin().is_terminal();
        std::thread::Builder::new().name("signals".into()).spawn(move || {
            for signal in signals.forever() {
                heard.hear(signal, terminal);
            }
        })?;
        Ok(Self { state })
    }

    fn told_to_end(&self) -> Option<i32> {
        self.state.end.load(Ordering::Acquire).then(|| self.state.signal.load(Ordering::Acquire))
    }

    /// Runs the application to its end. Its number is given away by nobody until it is waited for, and it is not signalled after that.
    fn run(&self, command: &[OsString]) -> std::io::Result<ExitStatus> {
        let mut child = self.spawn(command)?;
        waitid(WaitId::Pid(Pid::from_child(&child)), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT)?;
        let mut present = self.state.child.lock().unwrap_or_else(PoisonError::into_inner);
        *present = None;
        child.wait()
    }

    fn spawn(&self, command: &[OsString]) -> std::io::Result<Child> {
        let mut present = self.state.child.lock().unwrap_or_else(PoisonError::into_inner);
        let (program, arguments) = command.split_first().ok_or(std::io::ErrorKind::InvalidInput)?;
        let own = INHERITED_UMASK.get().map(|inherited| umask(*inherited));
        let child = Command::new(program).args(arguments).spawn();
        if let Some(own) = own {
            umask(own);
        }
        let child = child?;
        *present = Some(Pid::from_child(&child));
        Ok(child)
    }
}

impl State {
    fn hear(&self, signal: i32, terminal: bool) {
        let present = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        match *present {
            Some(_) if terminal && OF_TERMINAL.contains(&signal) => {}
            Some(child) => {
                if let Some(signal) = Signal::from_named_raw(signal)
                    && let Err(error) = kill_process(child, signal)
                {
                    tracing::warn!(%error, "a signal could not be passed on");
                }
            }
            None if matches!(signal, SIGTERM | SIGINT | SIGHUP | SIGQUIT) => {
                self.signal.store(signal, Ordering::Release);
                self.end.store(true, Ordering::Release);
            }
            None => {}
        }
    }
}

impl Monitor for Ears {
    fn log(&self, line: &str) {
        tracing::info!("{line}");
    }

    fn cancelled(&self) -> bool {
        self.state.end.load(Ordering::Acquire)
    }
}
