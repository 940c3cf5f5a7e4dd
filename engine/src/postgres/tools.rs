//! PostgreSQL's client tools on this machine: which there are, and which of them fits a server. The choice is pure.

use std::{
    collections::BTreeSet,
    fmt,
    io::Read,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::mpsc,
    time::Duration,
};

use super::{fault::Fault, settings::Environment};
use crate::Result;

/// Where packages put them beside `PATH`: folders that hold one folder for each version.
const VERSIONED: [(&str, &str); 3] = [("/usr/lib/postgresql", "bin"), ("/usr/local/opt", "bin"), ("/opt/homebrew/opt", "bin")];
const FIXED: [&str; 3] = ["/usr/bin", "/usr/local/bin", "/usr/local/pgsql/bin"];

/// How long a tool may take to say its version, which needs milliseconds.
const ANSWERS_WITHIN: Duration = Duration::from_secs(if cfg!(test) { 1 } else { 10 });
const LONGEST_ANSWER_BYTES: u64 = 4096;

/// A release, e.g. 15.8.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    pub major: u32,
    pub minor: u32,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

impl Version {
    /// Of `server_version_num`, e.g. 150008.
    pub(super) fn of_number(number: u32) -> Self {
        Self { major: number / 10_000, minor: number % 10_000 }
    }

    /// Of what a tool says of itself: `pg_dump (PostgreSQL) 15.8 (Debian 15.8-0+deb12u1)`. A version that is still being made counts as its
    /// first.
    pub(super) fn of_words(words: &str) -> Option<Self> {
        let number = words.split_once("(PostgreSQL) ")?.1.split_whitespace().next()?;
        let mut parts = number.split('.');
        let major = digits(parts.next()?)?;
        let minor = parts.next().and_then(digits).unwrap_or(0);
        Some(Self { major, minor })
    }
}

fn digits(text: &str) -> Option<u32> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text[..end].parse().ok()
}

/// The first release of each series in which a dump or a restore cannot be made to run a stranger's commands: CVE-2024-7348 (what `pg_dump`
/// runs), CVE-2025-8714 and CVE-2025-8715 (what a dump runs). <https://www.postgresql.org/support/security/>
const SAFE_SINCE: [Version; 5] = [
    Version { major: 13, minor: 22 },
    Version { major: 14, minor: 19 },
    Version { major: 15, minor: 14 },
    Version { major: 16, minor: 10 },
    Version { major: 17, minor: 6 },
];

/// The release that a version's series is safe from; the oldest safe one for those that get no mending any more.
fn safe_since(version: Version) -> Option<Version> {
    let of_series = SAFE_SINCE.into_iter().find(|safe| safe.major == version.major);
    let oldest = SAFE_SINCE[0];
    of_series.or_else(|| (version.major < oldest.major).then_some(oldest))
}

/// A folder with the tools of one release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    pub folder: PathBuf,
    pub version: Version,
}

impl Client {
    pub(super) fn tool(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

/// Every release of the client tools that is here: in the folders of `PATH` first, then where packages put them.
pub fn clients(environment: &Environment) -> Vec<Client> {
    let mut folders: Vec<PathBuf> = environment.tool_dirs.clone();
    folders.extend(FIXED.iter().map(PathBuf::from));
    for (root, below) in VERSIONED {
        let mut found: Vec<PathBuf> =
            std::fs::read_dir(root).into_iter().flatten().flatten().map(|entry| entry.path().join(below)).collect();
        found.sort();
        folders.extend(found);
    }
    let mut seen = BTreeSet::new();
    folders.into_iter().filter(|folder| seen.insert(folder.clone())).filter_map(|folder| client_in(&folder)).collect()
}

fn client_in(folder: &Path) -> Option<Client> {
    let tool = folder.join("pg_dump");
    if !tool.is_file() {
        return None;
    }
    let version = Version::of_words(&said(&tool)?)?;
    Some(Client { folder: folder.to_owned(), version })
}

/// What a tool says of its version. One that says nothing for a while is none: whatever it is, it may be on a disk that does not answer.
fn said(tool: &Path) -> Option<String> {
    let mut command = Command::new(tool);
    command.arg("--version").env_clear().env("LC_ALL", "C").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().ok()?;
    let stdout = child.stdout.take()?;
    let (answer, answered) = mpsc::channel();
    std::thread::spawn(move || {
        let mut text = Vec::new();
        drop(stdout.take(LONGEST_ANSWER_BYTES).read_to_end(&mut text));
        drop(answer.send(text));
    });
    let text = answered.recv_timeout(ANSWERS_WITHIN);
    if text.is_err() {
        tracing::warn!(tool = %tool.display(), "it does not say its version and is left aside");
    }
    drop(child.kill());
    // After a kill it ends at once, unless its disk hangs: then it is not waited for.
    if text.is_ok() {
        drop(child.wait());
    } else {
        std::thread::spawn(move || drop(child.wait()));
    }
    text.ok().map(|text| String::from_utf8_lossy(&text).into_owned())
}

/// The tools for a server: of its own series if they are here, else of the next newer one, and the newest of those. Older ones cannot read it,
/// and those with known holes are refused.
pub fn choose(clients: &[Client], server: Version, tool: &'static str) -> Result<Client> {
    let newest = clients.iter().map(|client| client.version).max();
    let Some(newest) = newest else { return Err(Fault::NoClient { tool }.into()) };
    let series = clients.iter().map(|client| client.version.major).filter(|major| *major >= server.major).min();
    let Some(series) = series else {
        return Err(Fault::ClientTooOld { tool, found: newest.to_string(), server: server.to_string() }.into());
    };
    let safe = |client: &&Client| safe_since(client.version).is_none_or(|since| client.version >= since);
    let fitting = |client: &&Client| client.version.major >= server.major;
    let best_of = |major: u32| clients.iter().filter(|client| client.version.major == major).max_by_key(|client| client.version);
    // The next series that is safe will do: a newer pg_dump reads an older server.
    let safest = clients.iter().filter(fitting).filter(safe).map(|client| client.version.major).min().and_then(best_of);
    match safest.or_else(|| best_of(series)) {
        Some(client) if safe(&client) => Ok(client.clone()),
        Some(client) => {
            let needed = safe_since(client.version).map(|since| since.to_string()).unwrap_or_default();
            Err(Fault::ClientUnsafe { tool, found: client.version.to_string(), needed }.into())
        }
        None => Err(Fault::NoClient { tool }.into()),
    }
}

/// Whether the tools for a server are here, in words; where its version is not known, which there are. `pg_dump` alone makes backups that cannot be
/// restored here.
pub(super) fn told(clients: &[Client], server: Option<Version>) -> Result<String> {
    let Some(server) = server else {
        let versions: Vec<String> = clients.iter().map(|client| client.version.to_string()).collect();
        let none = Fault::NoClient { tool: "pg_dump" };
        return if versions.is_empty() { Err(none.into()) } else { Ok(format!("client tools {}", versions.join(", "))) };
    };
    let client = choose(clients, server, "pg_dump")?;
    if !client.tool("pg_restore").is_file() {
        return Err(Fault::NoClient { tool: "pg_restore" }.into());
    }
    Ok(format!("pg_dump and pg_restore {} in {}, for a server {server}", client.version, client.folder.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn here(versions: &[(u32, u32)]) -> Vec<Client> {
        let client = |&(major, minor): &(u32, u32)| Client {
            folder: PathBuf::from(format!("/pg/{major}.{minor}")),
            version: Version { major, minor },
        };
        versions.iter().map(client).collect()
    }

    #[test]
    fn the_servers_own_series_then_the_next_newer() {
        let chosen = |versions: &[(u32, u32)], server: u32| {
            choose(&here(versions), Version { major: server, minor: 3 }, "pg_dump").map(|client| client.version.to_string())
        };
        assert_eq!(chosen(&[(17, 6), (15, 14), (16, 10), (15, 20)], 15).unwrap(), "15.20");
        assert_eq!(chosen(&[(17, 6), (18, 1)], 15).unwrap(), "17.6");
        assert_eq!(chosen(&[(18, 1)], 12).unwrap(), "18.1");
        assert_eq!(chosen(&[(15, 2), (16, 10)], 15).unwrap(), "16.10", "the unsafe one is passed over");
        for (versions, server, code) in [
            (&[][..], 15, "client_missing"),
            (&[(14, 19)], 15, "client_too_old"),
            (&[(15, 13)], 15, "client_unsafe"),
            (&[(12, 22)], 12, "client_unsafe"),
        ] {
            assert_eq!(chosen(versions, server).unwrap_err().code(), code, "{versions:?}");
        }
    }

    /// Folders with tools that only say what they are: those of the machine are found, too, and left aside here.
    #[test]
    fn every_folder_is_asked_what_it_holds() {
        use std::os::unix::fs::PermissionsExt;
        let root = tempfile::tempdir().unwrap();
        let folder = |name: &str, script: &str, mode: u32| {
            let folder = root.path().join(name);
            std::fs::create_dir(&folder).unwrap();
            std::fs::write(folder.join("pg_dump"), script).unwrap();
            std::fs::set_permissions(folder.join("pg_dump"), std::fs::Permissions::from_mode(mode)).unwrap();
            folder
        };
        let says = |name: &str, words: &str| folder(name, &format!("#!/bin/sh\necho '{words}'\n"), 0o755);
        let tool_dirs = vec![
            says("old", "pg_dump (PostgreSQL) 14.2 (Debian 14.2-1.pgdg110+1)"),
            says("unsafe", "pg_dump (PostgreSQL) 15.13"),
            says("new", "pg_dump (PostgreSQL) 17.6"),
            says("newest", "pg_dump (PostgreSQL) 18beta2"),
            says("other", "pg_dump (OtherSQL) 99.9"),
            folder("broken", "#!/nowhere/at/all\n", 0o755),
            folder("forbidden", "#!/bin/sh\necho 'pg_dump (PostgreSQL) 15.20'\n", 0o000),
            folder("failing", "#!/bin/sh\nexit 1\n", 0o755),
            folder("hanging", "#!/bin/sh\nexec sleep 600\n", 0o755),
            folder("endless", "#!/bin/sh\nexec yes\n", 0o755),
            root.path().join("missing"),
        ];
        let all = |dirs: &[PathBuf]| {
            let environment = Environment { tool_dirs: dirs.to_vec(), ..Environment::default() };
            clients(&environment).into_iter().filter(|client| client.folder.starts_with(root.path())).collect::<Vec<_>>()
        };
        let found = all(&tool_dirs);
        let versions: Vec<String> = found.iter().map(|client| client.version.to_string()).collect();
        assert_eq!(versions, ["14.2", "15.13", "17.6", "18.0"]);
        let of = |dirs: &[PathBuf], major: u32| {
            let chosen = choose(&all(dirs), Version { major, minor: 1 }, "pg_dump");
            chosen.map(|client| client.folder.file_name().unwrap().to_str().unwrap().to_owned())
        };
        assert_eq!(of(&tool_dirs, 15).unwrap(), "new", "the server's own series has holes");
        assert_eq!(of(&tool_dirs, 18).unwrap(), "newest");
        for (dirs, major, code, words) in [
            (&tool_dirs[..1], 15, "client_too_old", "the newest pg_dump here is 14.2"),
            (&tool_dirs[..2], 15, "client_unsafe", "pg_dump 15.13 has known holes that 15.14 mends"),
            (&tool_dirs[4..], 15, "client_missing", "no pg_dump"),
            (&tool_dirs[..], 19, "client_too_old", "runs PostgreSQL 19.1"),
        ] {
            let refused = of(dirs, major).unwrap_err();
            assert!(refused.code() == code && refused.to_string().contains(words) && refused.hint().is_some(), "{refused}");
        }
    }

    #[test]
    fn both_tools_have_to_be_there() {
        let folder = tempfile::tempdir().unwrap();
        let here = [Client { folder: folder.path().to_owned(), version: Version { major: 17, minor: 6 } }];
        let server = Some(Version { major: 16, minor: 1 });
        assert_eq!(told(&[], None).unwrap_err().code(), "client_missing");
        assert_eq!(told(&[], server).unwrap_err().code(), "client_missing");
        assert_eq!(told(&here, None).unwrap(), "client tools 17.6");
        let without = told(&here, server).unwrap_err();
        assert!(without.to_string().contains("pg_restore"), "{without}");
        std::fs::write(folder.path().join("pg_restore"), "").unwrap();
        assert!(told(&here, server).unwrap().ends_with("for a server 16.1"));
        assert_eq!(told(&here, Some(Version { major: 18, minor: 0 })).unwrap_err().code(), "client_too_old");
    }

    #[test]
    fn what_tools_say_of_themselves() {
        let of = |words: &str| Version::of_words(words).map(|version| version.to_string());
        assert_eq!(of("pg_dump (PostgreSQL) 15.8 (Debian 15.8-0+deb12u1)\n").as_deref(), Some("15.8"));
        assert_eq!(of("pg_dump (PostgreSQL) 18beta1").as_deref(), Some("18.0"));
        assert_eq!(of("pg_dump (PostgreSQL) 9.6.24").as_deref(), Some("9.6"));
        assert_eq!(of("mysqldump 8"), None);
        assert_eq!(Version::of_number(150_008), Version { major: 15, minor: 8 });
    }
}
