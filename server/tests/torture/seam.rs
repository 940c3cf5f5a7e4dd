//! Runs of the real binary with `seam.c` between it and its file system: which calls it makes on its own files, in the order in which the kernel
//! answers them, and what becomes of it when one of them fails, writes only half, or is its last.

use std::{
    fs,
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use crate::{
    skip::skipped,
    support::{Host, KEEPSTONE, Run},
};

/// The library, built once by the C compiler that SQLite is built with. `None`: it cannot be used here, and that was said.
pub(crate) fn library() -> Option<&'static Path> {
    static LIBRARY: OnceLock<Option<PathBuf>> = OnceLock::new();
    LIBRARY.get_or_init(build).as_deref()
}

fn build() -> Option<PathBuf> {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu")) {
        skipped("faults and kills at file-system calls: the seam is written for Linux with glibc on x86-64");
        return None;
    }
    let built = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("seam-{}.so", std::process::id()));
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/torture/seam.c");
    let compiled =
        Command::new("cc").args(["-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o"]).arg(&built).arg(source).output();
    let compiled = compiled.expect("cc is there: SQLite was built with it");
    assert!(compiled.status.success(), "{compiled:?}");
    let tried = Command::new(KEEPSTONE)
        .arg("--version")
        .env("LD_PRELOAD", &built)
        .env("KEEPSTONE_SEAM_ROOT", "/nothing/below")
        .env("KEEPSTONE_SEAM_LOG", "/dev/null")
        .output()
        .unwrap();
    if tried.status.code() == Some(120) {
        skipped("faults and kills at file-system calls: nothing may filter system calls here (seccomp)");
        return None;
    }
    assert!(tried.status.success(), "{tried:?}");
    Some(built)
}

/// A call by its name, the kind of path that it is made on, and its number among those, from 1 and over all threads.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Call {
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) number: u64,
}

/// For how long a fault lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lasting {
    Once,
    /// The same call on the same kind of path fails from there on.
    Here,
    /// From there on the disk is full, gives nothing any more, or lets nobody in.
    Everywhere,
}

/// What is done to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Harm {
    Fail(Errno, Lasting),
    /// Half of it is written. `Everywhere`: and then the disk is full.
    Short(Lasting),
    /// The process dies before it.
    Kill,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Errno {
    Eio = 5,
    Eacces = 13,
    Enospc = 28,
    Enolck = 37,
    Edquot = 122,
}

/// A call as it was made.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub(crate) call: Call,
    pub(crate) path: String,
    /// Where a rename or a link goes.
    pub(crate) second: String,
    pub(crate) inode: u64,
    pub(crate) offset: i64,
    pub(crate) length: i64,
    pub(crate) flags: i64,
    /// As the kernel gives it: below zero, the errno.
    pub(crate) result: i64,
    pub(crate) struck: bool,
    /// Where in [`Traced::data`] lies what it wrote.
    pub(crate) data: usize,
    /// The stack that made it, where that was asked for.
    pub(crate) site: u64,
}

impl Event {
    pub(crate) fn is_sync(&self) -> bool {
        matches!(self.call.name.as_str(), "fsync" | "fdatasync")
    }

    pub(crate) fn is_output(&self) -> bool {
        self.path == "stdout"
    }

    /// Whether a disk can be different after it. A kill before any other call leaves what a kill before the next one of these does.
    pub(crate) fn changes(&self) -> bool {
        const O_CREAT: i64 = 0o100;
        const O_TRUNC: i64 = 0o1000;
        match self.call.name.as_str() {
            "open" | "openat" => self.flags & (O_CREAT | O_TRUNC) != 0,
            "read" | "pread64" | "readv" | "preadv" | "openat2" | "flock" | "fcntl" | "stat" | "lstat" | "fstat" | "newfstatat"
            | "statx" | "access" | "faccessat" | "faccessat2" | "getdents64" | "readlink" | "readlinkat" | "statfs" | "fstatfs" => false,
            _ => true,
        }
    }
}

/// What a run left.
#[derive(Debug)]
pub(crate) struct Traced {
    pub(crate) run: Run,
    pub(crate) killed: bool,
    pub(crate) events: Vec<Event>,
    /// What was written, all of it one after another, where that was asked for.
    pub(crate) data: Vec<u8>,
}

impl Traced {
    /// Whether the planned fault came about.
    pub(crate) fn fired(&self) -> bool {
        self.events.iter().any(|event| event.struck)
    }

    /// What it said on standard output, if that is a whole document; also of a run that was killed afterwards.
    pub(crate) fn told(&self) -> Option<serde_json::Value> {
        serde_json::from_str(&self.run.stdout).ok()
    }
}

/// What is noted beside the calls themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Notes {
    Calls,
    /// What is written, and which stacks make the calls.
    All,
}

/// Runs the binary, with a fault or without.
pub(crate) fn run(host: &Host, args: &[&str], fault: Option<(&Call, Harm)>, notes: Notes) -> Traced {
    let (log, data) = (tempfile::NamedTempFile::new().unwrap(), tempfile::NamedTempFile::new().unwrap());
    let root = host.path("").display().to_string();
    // A run that hangs is a finding: no wait in it is longer than half a minute.
    let mut command = Command::new("timeout");
    command.args(["--signal=ABRT", "100", "env"]);
    let mut set = |name: &str, value: &str| {
        command.arg(format!("{name}={value}"));
    };
    set("LD_PRELOAD", &library().expect("it was asked whether there is one").display().to_string());
    set("KEEPSTONE_SEAM_ROOT", root.trim_end_matches('/'));
    set("KEEPSTONE_SEAM_LOG", &log.path().display().to_string());
    if notes == Notes::All {
        set("KEEPSTONE_SEAM_DATA", &data.path().display().to_string());
        set("KEEPSTONE_SEAM_SITES", "yes");
    }
    if let Some((call, harm)) = fault {
        let lasting = |lasting| match lasting {
            Lasting::Once => "once",
            Lasting::Here => "here",
            Lasting::Everywhere => "everywhere",
        };
        let harm = match harm {
            Harm::Fail(errno, how) => format!("{}\t{}", errno as i32, lasting(how)),
            Harm::Short(how) => format!("SHORT\t{}", lasting(how)),
            Harm::Kill => "KILL\tonce".to_owned(),
        };
        set("KEEPSTONE_SEAM_FAULT", &format!("{}\t{}\t{}\t{harm}", call.name, call.kind, call.number));
    }
    command.arg(KEEPSTONE).args(args);
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
        events: text.lines().filter_map(event).collect(),
        data: fs::read(data.path()).unwrap(),
    }
}

fn event(line: &str) -> Option<Event> {
    let words: Vec<&str> = line.split('\t').collect();
    let [_thread, name, number, kind, path, second, inode, offset, length, flags, result, mark, data, site] = words[..] else {
        return None;
    };
    Some(Event {
        call: Call { name: name.to_owned(), kind: kind.to_owned(), number: number.parse().ok()? },
        path: path.to_owned(),
        second: second.to_owned(),
        inode: inode.parse().ok()?,
        offset: offset.parse().ok()?,
        length: length.parse().ok()?,
        flags: flags.parse().ok()?,
        result: result.parse().ok()?,
        struck: mark != "-",
        data: data.parse().unwrap_or(0),
        site: site.parse().ok()?,
    })
}
