//! What this process needs to know of its surroundings: from a flag, else the environment, else `keepstone.toml`, else a default. What is about
//! databases, schedules and retention is not here: that is `keepstone apply`.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use clap::ValueEnum;
use keepstone_engine::Error;
use serde::Deserialize;

use super::{Fault, Global, variables};

const FILE: &str = "keepstone.toml";
const DATA: &str = "./keepstone-data";

/// How the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    #[default]
    Text,
    Json,
}

/// `keepstone.toml`. Paths in it begin at its own folder. A member that is not known is refused: a setting is never silently ignored.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Written {
    data: Option<PathBuf>,
    backups: Option<PathBuf>,
    env_file: Option<PathBuf>,
    log_format: Option<LogFormat>,
    pub(crate) listen: Option<SocketAddr>,
    pub(crate) public_url: Option<String>,
    #[serde(default)]
    pub(crate) trusted_proxies: Vec<String>,
    pub(crate) tls_cert: Option<PathBuf>,
    pub(crate) tls_key: Option<PathBuf>,
    /// What this installation is.
    pub(crate) environment: Option<String>,
    #[serde(default)]
    pub(crate) import_roots: Vec<PathBuf>,
    pub(crate) upload_limit: Option<String>,
    pub(crate) recheck_after: Option<String>,
    pub(crate) recheck_rate: Option<String>,
}

/// What holds for every verb.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) data: PathBuf,
    /// `BACKUP_DIR`, or the file's `backups`.
    pub(crate) backups: Option<PathBuf>,
    pub(crate) log_format: LogFormat,
    /// The rest of the file, for `serve`.
    pub(crate) file: Written,
    /// Which file that was; none if there is none.
    pub(crate) from: Option<PathBuf>,
}

impl Settings {
    pub(crate) fn read(global: &Global) -> Result<Self, Fault> {
        // The variables of `--env-file` may name the file, and the file may name such a file.
        if let Some(path) = &global.env_file {
            variables::load(path)?;
        }
        let named = global.config.clone().or_else(|| variables::var("KEEPSTONE_CONFIG").map(PathBuf::from));
        let from = named.or_else(|| Some(PathBuf::from(FILE)).filter(|path| path.is_file()));
        let file = from.as_deref().map(read).transpose()?.unwrap_or_default();
        if let Some(path) = file.env_file.as_ref().filter(|_| global.env_file.is_none()) {
            variables::load(path)?;
        }
        let path = |name| variables::var(name).map(|text| PathBuf::from(text.trim()));
        Ok(Self {
            data: global.data.clone().or_else(|| path("KEEPSTONE_DATA")).or_else(|| file.data.clone()).unwrap_or_else(|| DATA.into()),
            backups: path("BACKUP_DIR").or_else(|| file.backups.clone()),
            log_format: match (global.log_format, variables::var("KEEPSTONE_LOG_FORMAT")) {
                (Some(format), _) => format,
                (None, Some(word)) => LogFormat::from_str(word.trim(), true)
                    .map_err(|_| Fault::usage(format!("KEEPSTONE_LOG_FORMAT is \"{word}\""), "Say text or json."))?,
                (None, None) => file.log_format.unwrap_or_default(),
            },
            file,
            from,
        })
    }
}

fn read(path: &Path) -> Result<Written, Fault> {
    let text = std::fs::read_to_string(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Error::SourceMissing { path: path.to_owned() },
        _ => Error::io(path, error),
    })?;
    let mut file: Written = toml::from_str(&text).map_err(|error| {
        let line = error.span().map_or_else(String::new, |span| format!(", line {}", text[..span.start].matches('\n').count() + 1));
        Fault::usage(format!("{}{line}: {}", path.display(), error.message()), "docs/operations.md lists what may stand there.")
    })?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let own = [&mut file.data, &mut file.backups, &mut file.env_file, &mut file.tls_cert, &mut file.tls_key].into_iter().flatten();
    for place in own.chain(&mut file.import_roots) {
        *place = folder.join(&*place);
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn file(text: &str) -> Result<Written, Fault> {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(FILE), text).unwrap();
        let read = read(&folder.path().join(FILE))?;
        assert!([&read.data, &read.backups].into_iter().flatten().all(|path| path.is_absolute()), "{read:?}");
        Ok(read)
    }

    #[test]
    fn what_is_not_known_is_refused_with_its_line() {
        let whole = "data = \"data\"\nbackups = '/srv/backups'\nlog-format = \"json\"\nlisten = \"0.0.0.0:8181\"\n\
                     public-url = \"https://b.example/keepstone\"\nenvironment = \"production\"\nimport-roots = [\"old\"]\nupload-limit = \"2GB\"\nrecheck-after = \"7d\"\n\
                     recheck-rate = \"32MB\"\ntls-cert = \"fullchain.pem\"\ntls-key = \"privkey.pem\"\n";
        let read = file(whole).unwrap();
        assert_eq!((read.log_format, read.listen), (Some(LogFormat::Json), Some("0.0.0.0:8181".parse().unwrap())));
        for (text, told) in [
            ("data = \"x\"\nlisten-on = \"y\"", "line 2"),
            ("listen = \"everywhere\"", "line 1"),
            ("log-format = \"xml\"", "line 1"),
            ("[databases.shop]\nlocation = \"x\"", "databases"),
            ("data = ", "line 1"),
        ] {
            let refusal = file(text).unwrap_err();
            assert!(refusal.to_string().contains(told) && refusal.exit() == 2, "{text}: {refusal}");
        }
    }

    #[test]
    fn the_document_lists_all_of_it() {
        let text = include_str!("../../../docs/operations.md");
        for member in [
            "data",
            "backups",
            "env-file",
            "log-format",
            "listen",
            "public-url",
            "tls-cert",
            "tls-key",
            "environment",
            "import-roots",
            "upload-limit",
            "recheck-after",
            "recheck-rate",
        ] {
            assert!(text.contains(&format!("\n{member} = ")), "{member}");
        }
    }
}
