//! SQLite's own malformed databases: looked at, backed up and checked in bounded time and memory, with SQLite's verdict. A sample lies in
//! `testdata/malformed`; `make torture` fetches all of them and names their folder in `KEEPSTONE_MALFORMED`.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use keepstone_engine::{
    Result, Silent,
    image::{ImageFacts, ImageSink},
    model::snapshot::SnapshotPolicy,
    sqlite::{
        inspect::inspect_image,
        open::probe,
        snapshot::{SnapshotOptions, snapshot},
    },
};

use crate::{
    effort::{Effort, figures},
    scene::in_memory,
    support::Host,
};

/// Far more than any of these small files may take.
const TOO_LONG: Duration = Duration::from_secs(30);
/// The test's own memory is in it.
const TOO_MUCH_BYTES: u64 = 512 << 20;

fn files() -> Vec<PathBuf> {
    let folder = std::env::var_os("KEEPSTONE_MALFORMED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/malformed"), PathBuf::from);
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|end| end == "db"));
    files.sort();
    files
}

#[derive(Default)]
struct Collected(Vec<u8>);

impl ImageSink for Collected {
    fn begin(&mut self, _size_bytes: u64) -> Result<()> {
        Ok(())
    }

    fn write(&mut self, pages: &[u8]) -> Result<()> {
        self.0.extend_from_slice(pages);
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Verdict {
    /// Refused as a source, by this code.
    Refused(String),
    Sound,
    /// Backed up, and kept as suspect.
    Suspect,
}

/// What a create would make of it.
fn verdict(host: &Host, file: &Path) -> Verdict {
    let live = host.path("live.db");
    for suffix in ["", "-journal", "-wal", "-shm"] {
        let _ = fs::remove_file(host.path(&format!("live.db{suffix}")));
    }
    fs::copy(file, &live).unwrap();
    let before = fs::read(&live).unwrap();
    let looked = probe(&live, Duration::from_millis(200));
    let spool = host.path("");
    let options = SnapshotOptions { spool_dir: &spool, busy_wait: Duration::from_millis(200), limits: SnapshotPolicy::default() };
    let mut sink = Collected::default();
    let taken: Result<ImageFacts> = snapshot(&live, &options, &mut sink, &Silent);
    assert!(fs::read(&live).unwrap() == before, "{} was changed", file.display());
    let facts = match taken {
        Ok(facts) => facts,
        Err(error) => return Verdict::Refused(error.code().to_owned()),
    };
    assert!(looked.is_ok(), "{}: {looked:?}", file.display());
    assert_eq!(sink.0.len() as u64, facts.size_bytes);
    let image = host.path("image.sqlite");
    fs::write(&image, &sink.0).unwrap();
    let report = inspect_image(&image, &Silent).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    if facts.suspect.is_none() && report.integrity.is_ok() { Verdict::Sound } else { Verdict::Suspect }
}

/// A row that breaks a rule of the schema is as the application left it: remarked, and no damage.
fn is_remark(line: &str) -> bool {
    let of_a_value = line.contains(" value in ") && ["NULL ", "NUMERIC ", "TEXT ", "non-"].iter().any(|kind| line.starts_with(kind));
    of_a_value
        || line.starts_with("CHECK constraint failed in ")
        || line.starts_with("unable to validate the inverted index for ") && line.contains("SQL logic error")
}

/// What the sqlite3 command line says; none where it is not installed.
fn by_sqlite3(host: &Host, file: &Path) -> Option<bool> {
    let copy = host.path("sqlite3.db");
    fs::copy(file, &copy).unwrap();
    let ran = Command::new("timeout")
        .args(["20", "sqlite3", "-batch"])
        .arg(&copy)
        .arg("PRAGMA integrity_check(1000)")
        .stdin(Stdio::null())
        .output()
        .ok()?;
    let said = String::from_utf8_lossy(&ran.stdout);
    let is_sound = || !said.is_empty() && said.lines().all(|line| line == "ok" || is_remark(line));
    (ran.status.code() != Some(127)).then(|| ran.status.success() && is_sound())
}

/// The most memory that this process ever had.
fn peak_bytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

/// Names the file that [`one_malformed_database`] looks at.
const ONE: &str = "KEEPSTONE_MALFORMED_ONE";

#[test]
#[ignore = "the test below runs it for each file, in a process of its own"]
fn one_malformed_database() {
    let host = in_memory();
    let verdict = verdict(&host, Path::new(&std::env::var_os(ONE).unwrap()));
    eprintln!("VERDICT {}", verdict.code());
    eprintln!("PEAK {}", peak_bytes());
}

/// The verdict and the peak of memory of a process of its own: one that hangs, dies or grows without bound is found, and named.
fn in_a_process(file: &Path) -> std::result::Result<(Verdict, u64), String> {
    let mut command = Command::new("timeout");
    command.arg(TOO_LONG.as_secs().to_string()).arg(std::env::current_exe().unwrap());
    command.args(["--exact", "malformed::one_malformed_database", "--ignored", "--nocapture"]).env(ONE, file);
    let ran = command.stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&ran.stderr).into_owned();
    let value = |name: &str| said.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    match (ran.status.success(), value("VERDICT "), value("PEAK ").and_then(|bytes| bytes.parse().ok())) {
        (true, Some(verdict), Some(peak)) => Ok((Verdict::of(verdict), peak)),
        _ if ran.status.code() == Some(124) => Err(format!("{}: no verdict within {TOO_LONG:?}", file.display())),
        _ => Err(format!("{}: {}: {said}", file.display(), ran.status)),
    }
}

impl Verdict {
    fn code(&self) -> &str {
        match self {
            Self::Refused(code) => code,
            Self::Sound => "sound",
            Self::Suspect => "suspect",
        }
    }

    fn of(code: &str) -> Self {
        match code {
            "sound" => Self::Sound,
            "suspect" => Self::Suspect,
            other => Self::Refused(other.to_owned()),
        }
    }
}

/// Where the verdict may be stricter than that of sqlite3's `integrity_check`, and why that is right.
const STRICTER: [(&str, &str); 3] = [
    ("fuzzdata3-150", "a default of t4 is no expression: SQLite 3.40 takes it all the same, the newer one in Keepstone refuses the schema"),
    ("fuzzdata3-156", "the same, with a parameter in its place"),
    ("fuzzdata3-998", "a cell of t2 claims more header than it has, which SQLite 3.40 does not look at"),
];

#[test]
fn malformed_databases_are_judged_as_sqlite_judges_them() {
    let effort = Effort::begin();
    let host = in_memory();
    let (mut count, mut refused, mut sound, mut suspect, mut compared, mut most_bytes) = (0_u64, 0_u64, 0_u64, 0_u64, 0_u64, 0_u64);
    let (mut lost, mut laxer, mut stricter, mut strange) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for file in effort.choose(files(), usize::MAX) {
        if effort.is_over() {
            break;
        }
        count += 1;
        let (verdict, peak_bytes) = match in_a_process(&file) {
            Ok(found) => found,
            Err(what) => {
                lost.push(what);
                continue;
            }
        };
        most_bytes = most_bytes.max(peak_bytes);
        match &verdict {
            Verdict::Refused(code) => {
                // Never a fault of the machine's, nor of ours.
                if !["not_a_database", "source_corrupt", "source_empty", "source_format"].contains(&code.as_str()) {
                    strange.push(format!("{}: {code}", file.display()));
                }
                refused += 1;
            }
            Verdict::Sound => sound += 1,
            Verdict::Suspect => suspect += 1,
        }
        let Some(ok) = by_sqlite3(&host, &file) else { continue };
        compared += 1;
        let name = file.file_stem().unwrap().to_string_lossy().into_owned();
        let known = STRICTER.iter().any(|(known, _)| *known == name);
        match (ok, verdict == Verdict::Sound) {
            (false, true) => laxer.push(name),
            (true, false) if !known => stricter.push(format!("{name}: {}", verdict.code())),
            _ => {}
        }
    }
    let peak_mb = most_bytes >> 20;
    figures(
        "malformed databases",
        &[
            ("files", count),
            ("refused", refused),
            ("sound", sound),
            ("suspect", suspect),
            ("compared with sqlite3", compared),
            ("stricter than it", stricter.len() as u64),
            ("laxer", laxer.len() as u64),
            ("MiB at the peak", peak_mb),
        ],
    );
    assert!(count > 0 && lost.is_empty(), "without a verdict: {lost:?}");
    assert!(strange.is_empty(), "refused for another reason than what they are: {strange:?}");
    assert!(laxer.is_empty(), "sqlite3 finds these damaged and keepstone does not: {laxer:?}");
    assert!(stricter.is_empty(), "sqlite3 finds these sound and keepstone does not: {stricter:?}");
    assert!(most_bytes < TOO_MUCH_BYTES, "{peak_mb} MiB");
}
