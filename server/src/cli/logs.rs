//! The log of a run: `<data>/logs/keepstone.log`, rolled daily, and the terminal with `-v`.

use std::{
    fs,
    io::{self, IsTerminal, Write},
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use tracing_appender::rolling::{RollingFileAppender, Rotation};
use tracing_subscriber::{
    EnvFilter, Layer,
    fmt::{self as lines, MakeWriter},
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

use super::settings::LogFormat;

/// Days whose log is kept, as long as they are not larger together than [`KEPT_BYTES`].
const KEPT_DAYS: usize = 30;
const KEPT_BYTES: u64 = 100_000_000;

/// Where the log goes, once the vault is known; what is logged before that is only for `-v`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Logs(Arc<OnceLock<Rolling>>);

/// The file of today, and what looks after those before it.
#[derive(Debug)]
struct Rolling {
    appender: RollingFileAppender,
    folder: PathBuf,
    /// The day (since 1970) on which the size was looked at last.
    looked_on: AtomicU64,
}

impl Logs {
    pub(crate) fn start(verbose: u8, format: LogFormat) -> Self {
        let logs = Self::default();
        let filter = |least: &str| EnvFilter::try_from_env("KEEPSTONE_LOG").unwrap_or_else(|_| EnvFilter::new(least));
        let json = format == LogFormat::Json;
        let text_file = (!json).then(|| lines::layer().with_ansi(false).with_writer(logs.clone()).with_filter(filter("info")));
        let json_file = json.then(|| lines::layer().json().flatten_event(true).with_writer(logs.clone()).with_filter(filter("info")));
        let least = if verbose > 1 { "debug" } else { "info" };
        let colour = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        let text_here = (verbose > 0 && !json)
            .then(|| lines::layer().with_ansi(colour).with_writer(io::stderr).with_target(false).with_filter(filter(least)));
        let json_here =
            (verbose > 0 && json).then(|| lines::layer().json().flatten_event(true).with_writer(io::stderr).with_filter(filter(least)));
        // A second subscriber in one process is a programming fault of a test at most; logging on is better than stopping.
        let _ = tracing_subscriber::registry().with(text_file).with(json_file).with(text_here).with(json_here).try_init();
        logs
    }

    /// From now on into this vault's log. A log that cannot be written does not stop a backup.
    pub(crate) fn write_to(&self, data: &Path) {
        if self.0.get().is_some() {
            return;
        }
        let folder = data.join("logs");
        match fs::DirBuilder::new().mode(0o700).create(&folder) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => tracing::warn!(%error, "no log folder"),
            _ => keep_small(&folder),
        }
        keep_private(&folder, 0o700);
        let appender = RollingFileAppender::builder()
            .rotation(Rotation::DAILY)
            .filename_prefix("keepstone")
            .filename_suffix("log")
            .latest_symlink("keepstone.log")
            .build(&folder);
        match appender {
            Ok(appender) => _ = self.0.set(Rolling { appender, folder: folder.clone(), looked_on: AtomicU64::new(today()) }),
            Err(error) => tracing::warn!(%error, "no log file"),
        }
        for (log, _) in own_logs(&folder) {
            keep_private(&log, 0o600);
        }
    }
}

/// Days since 1970, by UTC as the files are named.
fn today() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() / 86_400)
}

impl Rolling {
    /// A server that runs for months looks after the old ones, too: with the first line of a day.
    fn look_after(&self) {
        let today = today();
        if self.looked_on.swap(today, Ordering::Relaxed) != today {
            keep_small(&self.folder);
        }
    }
}

/// Logs name files, databases and people: whatever made this one, from now on it is for the vault's owner alone. The files that are begun at
/// midnight are private by the folder's mode.
fn keep_private(path: &Path, mode: u32) {
    let other = |meta: fs::Metadata| meta.permissions().mode() & 0o777 != mode;
    if fs::metadata(path).is_ok_and(other)
        && let Err(error) = fs::set_permissions(path, fs::Permissions::from_mode(mode))
    {
        tracing::warn!(path = %path.display(), %error, "a log could not be made private");
    }
}

/// The files that are named as ours are, with their sizes.
fn own_logs(folder: &Path) -> Vec<(PathBuf, u64)> {
    let own = |entry: &fs::DirEntry| {
        let name = entry.file_name().into_string().unwrap_or_default();
        let date = name.strip_prefix("keepstone.").and_then(|rest| rest.strip_suffix(".log")).unwrap_or_default();
        date.len() == 10 && date.bytes().all(|b| b.is_ascii_digit() || b == b'-')
    };
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    entries.flatten().filter(own).filter_map(|entry| Some((entry.path(), entry.metadata().ok()?.len()))).collect()
}

/// Removes the oldest logs beyond the days and the size that are kept. By the dates in their names: the files of a data directory that was copied
/// are all of one time.
fn keep_small(folder: &Path) {
    let mut logs = own_logs(folder);
    // The date in the name sorts them; the newest is the one being written and stays whatever its size.
    logs.sort_unstable_by(|a, b| b.cmp(a));
    let mut bytes = 0;
    for (at, (path, size)) in logs.into_iter().enumerate() {
        bytes += size;
        if at > 0 && (at >= KEPT_DAYS || bytes > KEPT_BYTES) && fs::remove_file(&path).is_ok() {
            tracing::info!(path = %path.display(), "removed an old log");
        }
    }
}

impl<'a> MakeWriter<'a> for Logs {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        let rolling = self.0.get();
        if let Some(rolling) = rolling {
            rolling.look_after();
        }
        Line(rolling.map(|rolling| &rolling.appender))
    }
}

/// One line on its way to the log.
#[derive(Debug)]
pub(crate) struct Line<'a>(Option<&'a RollingFileAppender>);

impl Write for Line<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.0 {
            Some(appender) => MakeWriter::make_writer(appender).write(bytes),
            None => Ok(bytes.len()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self.0 {
            Some(appender) => MakeWriter::make_writer(appender).flush(),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_logs_go_when_they_are_too_large_together() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, bytes: u64| fs::File::create(folder.path().join(name)).unwrap().set_len(bytes).unwrap();
        file("keepstone.2026-11-18.log", 1000);
        file("keepstone.2026-11-19.log", KEPT_BYTES);
        file("keepstone.2026-11-20.log", 1000);
        file("keepstone.my-own-no.log", KEPT_BYTES);
        keep_small(folder.path());
        let mut left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["keepstone.2026-11-20.log", "keepstone.my-own-no.log"]);
    }

    #[test]
    fn the_newest_logs_by_name_stay_whatever_the_dates_of_the_files() {
        let folder = tempfile::tempdir().unwrap();
        for day in (1..=31).rev() {
            for month in ["09", "10"] {
                fs::write(folder.path().join(format!("keepstone.2026-{month}-{day:02}.log")), "a line").unwrap();
            }
        }
        keep_small(folder.path());
        let mut left: Vec<_> = own_logs(folder.path()).into_iter().map(|(path, _)| path.file_name().unwrap().to_owned()).collect();
        left.sort();
        assert_eq!((left.len(), left[0].to_str()), (KEPT_DAYS, Some("keepstone.2026-10-02.log")));
    }

    #[test]
    fn a_log_is_for_the_owner_alone() {
        let data = tempfile::tempdir().unwrap();
        let folder = data.path().join("logs");
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("keepstone.2026-11-18.log"), "an old one").unwrap();
        for (path, mode) in [(folder.clone(), 0o755), (folder.join("keepstone.2026-11-18.log"), 0o644)] {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        }
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        Logs::default().write_to(data.path());
        assert_eq!(mode(&folder), 0o700);
        let logs = own_logs(&folder);
        assert_eq!(logs.len(), 2);
        assert!(logs.iter().all(|(path, _)| mode(path) == 0o600));
    }
}
