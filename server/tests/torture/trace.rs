//! Runs of the real binary under strace: which file-system calls it makes on its own files, and what becomes of it when one of them fails or is
//! its last.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    os::unix::process::ExitStatusExt,
    process::{Command, Stdio},
};

use crate::support::{Host, KEEPSTONE, Run};

/// The calls that a file system answers. Reads of attributes are among them: what cannot be looked at must not be taken for absent.
const CALLS: &str = "openat,read,pread64,write,pwrite64,fsync,fdatasync,ftruncate,fallocate,rename,renameat,renameat2,link,linkat,symlink,symlinkat,\
unlink,unlinkat,mkdir,mkdirat,rmdir,flock,fcntl,stat,lstat,fstat,newfstatat,statx,access,faccessat,faccessat2,getdents64,readlink,readlinkat,\
chmod,fchmod,fchmodat,chown,fchown,fchownat,statfs,fstatfs,copy_file_range,sendfile";

/// Whether strace is there and may trace. Where not, the campaign is left out and says so.
pub(crate) fn available() -> bool {
    let traced = Command::new("strace").args(["-f", "-qq", "-o", "/dev/null", "true"]).stdin(Stdio::null()).output();
    let works = traced.is_ok_and(|output| output.status.success());
    if !works {
        eprintln!("SKIPPED: strace is not installed, or may not trace here (Debian: apt install strace)");
    }
    works
}

/// A call by its name and its number among those of that name in its thread, from 1.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Call {
    pub(crate) name: String,
    pub(crate) number: usize,
}

/// What is done to a call.
#[derive(Debug, Clone)]
pub(crate) enum Harm {
    /// It fails with this errno.
    Once(&'static str),
    /// It and all that follow it fail.
    ForEver(&'static str),
    /// The process dies at it.
    Kill,
}

/// What a run left.
#[derive(Debug)]
pub(crate) struct Traced {
    pub(crate) run: Run,
    pub(crate) killed: bool,
    /// The lines of strace, each with its thread before it.
    pub(crate) log: Vec<String>,
}

impl Traced {
    /// Whether the planned fault came about.
    pub(crate) fn fired(&self) -> bool {
        self.killed || self.log.iter().any(|line| line.ends_with("(INJECTED)"))
    }

    /// Every call with its line.
    pub(crate) fn numbered(&self) -> Vec<(Call, &str)> {
        let mut counts: BTreeMap<(&str, &str), usize> = BTreeMap::new();
        let mut calls = Vec::new();
        for line in &self.log {
            let Some((thread, name)) = head(line) else { continue };
            let number = counts.entry((thread, name)).or_default();
            *number += 1;
            calls.push((Call { name: name.to_owned(), number: *number }, line.as_str()));
        }
        calls
    }

    /// The calls that concern the files of a host, without those of its programs and libraries.
    pub(crate) fn calls(&self, host: &Host) -> BTreeSet<Call> {
        let folder = host.path("").display().to_string();
        let folder = folder.trim_end_matches('/');
        self.numbered().into_iter().filter(|(_, line)| line.contains(folder)).map(|(call, _)| call).collect()
    }
}

/// Thread and name of a line that begins a call.
pub(crate) fn head(line: &str) -> Option<(&str, &str)> {
    let (thread, call) = line.split_once(' ')?;
    let (name, _) = call.trim_start().split_once('(')?;
    name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_').then_some((thread, name))
}

/// Runs the binary under strace, with a fault or without.
pub(crate) fn run(host: &Host, args: &[&str], fault: Option<(&Call, &Harm)>) -> Traced {
    let log = tempfile::NamedTempFile::new().unwrap();
    // A run that hangs is a finding: no wait in it is longer than half a minute.
    let mut command = Command::new("timeout");
    command.args(["--signal=ABRT", "100", "strace", "-f", "-qq", "-y", "-s", "200", "-e", "signal=none"]);
    command.arg("-e").arg(format!("trace={CALLS}"));
    if let Some((call, harm)) = fault {
        let (name, number) = (&call.name, call.number);
        command.arg("-e").arg(match harm {
            Harm::Once(errno) => format!("inject={name}:error={errno}:when={number}"),
            Harm::ForEver(errno) => format!("inject={name}:error={errno}:when={number}+"),
            Harm::Kill => format!("inject={name}:signal=KILL:when={number}"),
        });
    }
    command.arg("-o").arg(log.path()).arg(KEEPSTONE).args(args);
    host.furnish(&mut command);
    let output = command.output().unwrap();
    let killed = output.status.signal() == Some(9) || output.status.code() == Some(137);
    let text = String::from_utf8_lossy(&fs::read(log.path()).unwrap()).into_owned();
    Traced {
        run: Run {
            exit: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        },
        killed,
        log: text.lines().map(str::to_owned).collect(),
    }
}
