//! A tool of PostgreSQL's as a child process: by its arguments, never by a shell; with a password only in a file of its own, which goes when
//! the child does; with what it says on stderr kept.

use std::{
    collections::VecDeque,
    ffi::OsString,
    fs,
    io::{BufRead, BufReader, Read},
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{ChildStdin, ChildStdout, Command, Stdio},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

use super::{fault::Fault, location::Location, settings::write_pass_file, tools::Client};
use crate::{Error, Result, durable};

/// How much of what a child says is kept: its last lines.
const LINES_KEPT: usize = 200;
/// How long a child may take to end after it was asked to.
const PATIENCE: Duration = Duration::from_secs(3);

/// A running tool. Dropping it ends it.
#[derive(Debug)]
pub(super) struct Child {
    process: std::process::Child,
    said: Option<JoinHandle<VecDeque<String>>>,
    pass_file: Option<PathBuf>,
    over: bool,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Tool<'a> {
    pub(super) client: &'a Client,
    pub(super) name: &'static str,
    /// What it connects to; none: it only reads a file.
    pub(super) location: Option<&'a Location>,
    /// Where its password file lies meanwhile: a folder of the job's own.
    pub(super) staging: &'a Path,
    pub(super) home: Option<&'a Path>,
}

impl Child {
    /// Starts it, connected by `--dbname`. `fed`: whether it has an input.
    pub(super) fn start(tool: &Tool<'_>, arguments: &[OsString], fed: bool) -> Result<Self> {
        let path = tool.client.tool(tool.name);
        if !path.is_file() {
            return Err(Fault::NoClient { tool: tool.name }.into());
        }
        let pass_file = tool.location.and_then(|location| location.password.as_ref()).map(|password| -> Result<PathBuf> {
            let file = tool.staging.join(format!("pgpass.{:08x}", crate::jobs::random()));
            write_pass_file(&file, password)?;
            Ok(file)
        });
        let pass_file = pass_file.transpose()?;
        let mut command = Command::new(&path);
        if let Some(location) = tool.location {
            command.arg("--no-password").arg("--dbname").arg(location.conninfo());
        }
        command.args(arguments);
        // Nothing of our environment but what it needs: no PG… variable changes what was decided, and its messages are in English.
        command.env_clear().env("LC_ALL", "C").env("PATH", "/usr/bin:/bin");
        if let Some(home) = tool.home.filter(|home| fs::read_dir(home).is_ok()) {
            command.env("HOME", home);
        }
        // Where there is no password of ours there is no other one to be found, either.
        command.env("PGPASSFILE", pass_file.as_deref().unwrap_or(Path::new("/dev/null")));
        command.stdin(if fed { Stdio::piped() } else { Stdio::null() }).stdout(Stdio::piped()).stderr(Stdio::piped());
        let started = command.spawn().map_err(|error| Error::io(&path, error));
        let mut process = match started {
            Ok(process) => process,
            Err(error) => {
                remove(pass_file.as_deref());
                return Err(error);
            }
        };
        let said = process.stderr.take().map(|stderr| std::thread::spawn(move || keep(stderr)));
        Ok(Self { process, said, pass_file, over: false })
    }

    pub(super) fn stdout(&mut self) -> Result<ChildStdout> {
        self.process.stdout.take().ok_or_else(|| Error::Internal("a child's output was taken twice".to_owned()))
    }

    pub(super) fn stdin(&mut self) -> Result<ChildStdin> {
        self.process.stdin.take().ok_or_else(|| Error::Internal("a child's input was taken twice".to_owned()))
    }

    /// Asks it to end, so that it can tell the server; then ends it.
    pub(super) fn stop(&mut self) {
        if self.over {
            return;
        }
        if let Some(pid) = i32::try_from(self.process.id()).ok().and_then(Pid::from_raw) {
            // It may be over already, which is as well.
            let _ = kill_process(pid, Signal::INT);
        }
        let asked = Instant::now();
        while asked.elapsed() < PATIENCE {
            if !matches!(self.process.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        drop(self.process.kill());
    }

    pub(super) fn is_over(&mut self) -> bool {
        !matches!(self.process.try_wait(), Ok(None))
    }

    /// Waits for its end. `Err`: what it said, or how it ended.
    pub(super) fn end(mut self) -> Result<Result<(), String>> {
        drop(self.process.stdin.take());
        let status = self.process.wait().map_err(|error| Error::Internal(format!("waiting for a child: {error}")))?;
        self.over = true;
        let said = self.said.take().and_then(|said| said.join().ok()).unwrap_or_default();
        for line in &said {
            tracing::debug!(line, "a tool of PostgreSQL's");
        }
        if status.success() {
            return Ok(Ok(()));
        }
        let how = status.signal().map(|signal| format!("it was ended by signal {signal}"));
        Ok(Err(how.unwrap_or_else(|| detail(&said).unwrap_or_else(|| format!("it ended with {status}")))))
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.stop();
        if !self.over {
            drop(self.process.wait());
        }
        remove(self.pass_file.as_deref());
    }
}

fn remove(file: Option<&Path>) {
    if let Some(file) = file
        && let Err(error) = durable::remove(file)
    {
        tracing::warn!(path = %file.display(), %error, "a password file could not be removed; the next start does it");
    }
}

fn keep(stderr: impl Read) -> VecDeque<String> {
    let mut lines = VecDeque::new();
    let mut reader = BufReader::new(stderr);
    let mut line = Vec::new();
    loop {
        line.clear();
        match (&mut reader).take(8192).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return lines,
            Ok(_) => {
                if lines.len() >= LINES_KEPT {
                    lines.pop_front();
                }
                lines.push_back(String::from_utf8_lossy(&line).trim_end().to_owned());
            }
        }
    }
}

/// What went wrong, in the tool's words: its first error with what it adds, without its name.
fn detail(said: &VecDeque<String>) -> Option<String> {
    let first = said.iter().position(|line| line.contains("error:") || line.contains("FATAL:"));
    let lines: Vec<&str> = match first {
        Some(first) => said.iter().skip(first).take(3).map(String::as_str).collect(),
        None => said.back().map(String::as_str).into_iter().collect(),
    };
    let bare = |line: &str| {
        let line = ["pg_dump: ", "pg_dumpall: ", "pg_restore: "].iter().find_map(|name| line.strip_prefix(name)).unwrap_or(line);
        line.strip_prefix("error: ").unwrap_or(line).trim().to_owned()
    };
    let text = lines.into_iter().map(bare).collect::<Vec<_>>().join("; ");
    let text: String = text.chars().take(600).collect();
    (!text.is_empty()).then_some(text)
}
