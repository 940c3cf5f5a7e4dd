//! The log of a run: `<data>/logs/keepstone.log`, rolled daily, and the terminal with `-v`.

use std::{
    io::{self, Write},
    path::Path,
    sync::{Arc, OnceLock},
};

use tracing_appender::rolling::{RollingFileAppender, Rotation};
use tracing_subscriber::{EnvFilter, Layer, fmt, layer::SubscriberExt, util::SubscriberInitExt};

/// Days whose log is kept.
const KEPT_DAYS: usize = 30;

/// Where the log goes, once the vault is known; what is logged before that is only for `-v`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Logs(Arc<OnceLock<RollingFileAppender>>);

impl Logs {
    pub(crate) fn start(verbose: u8) -> Self {
        let logs = Self::default();
        let filter = |least: &str| EnvFilter::try_from_env("KEEPSTONE_LOG").unwrap_or_else(|_| EnvFilter::new(least));
        let file = fmt::layer().with_ansi(false).with_writer(logs.clone()).with_filter(filter("info"));
        let terminal = (verbose > 0).then(|| {
            let least = if verbose > 1 { "debug" } else { "info" };
            fmt::layer().with_writer(io::stderr).with_target(false).with_filter(filter(least))
        });
        // A second subscriber in one process is a programming fault of a test at most; logging on is better than stopping.
        let _ = tracing_subscriber::registry().with(file).with(terminal).try_init();
        logs
    }

    /// From now on into this vault's log. A log that cannot be written does not stop a backup.
    pub(crate) fn write_to(&self, data: &Path) {
        if self.0.get().is_some() {
            return;
        }
        let folder = data.join("logs");
        if let Err(error) = std::fs::create_dir_all(&folder) {
            tracing::warn!(%error, "no log folder");
        }
        let appender = RollingFileAppender::builder()
            .rotation(Rotation::DAILY)
            .filename_prefix("keepstone")
            .filename_suffix("log")
            .latest_symlink("keepstone.log")
            .max_log_files(KEPT_DAYS)
            .build(folder);
        match appender {
            Ok(appender) => _ = self.0.set(appender),
            Err(error) => tracing::warn!(%error, "no log file"),
        }
    }
}

impl<'a> fmt::MakeWriter<'a> for Logs {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line(self.0.get())
    }
}

/// One line on its way to the log.
#[derive(Debug)]
pub(crate) struct Line<'a>(Option<&'a RollingFileAppender>);

impl Write for Line<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.0 {
            Some(appender) => fmt::MakeWriter::make_writer(appender).write(bytes),
            None => Ok(bytes.len()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self.0 {
            Some(appender) => fmt::MakeWriter::make_writer(appender).flush(),
            None => Ok(()),
        }
    }
}
