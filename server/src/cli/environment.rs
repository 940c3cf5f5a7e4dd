//! The environment variables of a predecessor's deployment, as far as verbs of the command line mind them.

use std::{
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
};

use keepstone_engine::{
    Defaults, Error, import,
    keys::{Asked, Password},
    model::{
        metadata::Compression,
        retention::{CountBy, RetentionPolicy},
    },
    postgres,
};

use super::{Fault, Output, password, variables};

/// `DATABASE_URL`: a database that `serve` and `create` protect without being told.
pub(crate) fn database_url() -> Option<String> {
    text("DATABASE_URL")
}

/// An on/off variable; anything but a clear yes or no is refused rather than guessed.
pub(crate) fn switch(name: &'static str) -> Result<Option<bool>, Fault> {
    let Some(value) = text(name) else { return Ok(None) };
    match value.to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Ok(Some(true)),
        "0" | "false" | "no" | "off" => Ok(Some(false)),
        _ => Err(Fault::usage(format!("{name} is \"{value}\", which is neither yes nor no"), "Say true or false.")),
    }
}

/// `BACKUP_RETENTION_DAYS` and `BACKUP_MAX_BACKUPS`: the policy of a new database, if either is set.
pub(crate) fn retention() -> Result<Option<RetentionPolicy>, Fault> {
    let number = |name: &'static str| {
        let Some(value) = text(name) else { return Ok(None) };
        let number = value.parse::<u32>().ok().filter(|&number| (1..=36_500).contains(&number));
        number.map(Some).ok_or_else(|| Fault::usage(format!("{name} is \"{value}\""), "Give a whole number from 1 to 36500."))
    };
    let (days, count) = (number("BACKUP_RETENTION_DAYS")?, number("BACKUP_MAX_BACKUPS")?);
    let policy =
        RetentionPolicy { max_age_secs: days.map(|days| u64::from(days) * 86_400), max_count: count, ..RetentionPolicy::default() };
    Ok((!policy.is_empty()).then_some(policy))
}

/// `BACKUP_COMPRESSION_ENABLED` and `BACKUP_VERIFY_AFTER_CREATE`: how backups are made where nobody says otherwise.
pub(crate) fn defaults() -> Result<Defaults, Fault> {
    let compression = if switch("BACKUP_COMPRESSION_ENABLED")? == Some(false) { Compression::None } else { Compression::Zstd };
    Ok(Defaults { compression, verify: switch("BACKUP_VERIFY_AFTER_CREATE")?.unwrap_or(true) })
}

/// Whether the rules count complete backups, as those of a vault whose backups are not proven on purpose.
pub(crate) fn count_by() -> Result<CountBy, Fault> {
    Ok(defaults()?.count_by())
}

/// What the environment says of encryption.
#[derive(Debug, Default)]
pub(crate) struct Encryption {
    /// For new archives; and one more to try on old ones.
    pub(crate) password: Option<Password>,
    pub(crate) asked: Asked,
}

/// `BACKUP_ENCRYPTION_PASSWORD` or `_FILE`, and `BACKUP_ENCRYPTION_ENABLED`. A password alone is a wish for encryption, too; `false` leaves it to
/// the databases and to --encrypt.
pub(crate) fn encryption() -> Result<Encryption, Fault> {
    let word = variables::var(PASSWORD).map(Password::of_text);
    let password = match (word, text(PASSWORD_FILE)) {
        (Some(_), Some(_)) => {
            return Err(Fault::usage(format!("{PASSWORD} and {PASSWORD_FILE} are both set"), "Set only one of them."));
        }
        (Some(word), None) => Some(word),
        (None, Some(file)) => Some(password::of_file(Path::new(&file)).map_err(|fault| fault.of(PASSWORD_FILE))?),
        (None, None) => None,
    };
    let asked = match (switch("BACKUP_ENCRYPTION_ENABLED")?, &password) {
        (Some(true), _) | (None, Some(_)) => Asked::Every,
        (Some(false), _) => Asked::OnlyWhereSaid,
        (None, None) => Asked::Nothing,
    };
    Ok(Encryption { password, asked })
}

/// The same, for verbs that open archives, or look: what is wrong with it is told, and the rest goes on without the password. A new archive is
/// encrypted all the same, with a password of the vault, or refused.
pub(crate) fn encryption_if_readable(out: &Output) -> Encryption {
    encryption().unwrap_or_else(|fault| {
        if !WARNED.swap(true, Ordering::Relaxed) {
            out.note(format_args!("warning: {fault}; going on without that password"));
        }
        let asked = if matches!(switch("BACKUP_ENCRYPTION_ENABLED"), Ok(Some(false))) { Asked::OnlyWhereSaid } else { Asked::Every };
        Encryption { password: None, asked }
    })
}

/// The file that holds the password, where the environment names one.
pub(crate) fn password_file() -> Option<PathBuf> {
    text(PASSWORD_FILE).map(PathBuf::from)
}

static WARNED: AtomicBool = AtomicBool::new(false);

impl Encryption {
    /// Encryption that is asked for and cannot be had is a fault before anything is made. `known`: the vault has a password of its own.
    pub(crate) fn refuse_unmet(&self, known: bool) -> Result<(), Fault> {
        match &self.password {
            Some(password) if self.asked == Asked::Every => Ok(password.refuse_if_weak()?),
            None if self.asked == Asked::Every && !known => {
                Err(Error::NoEncryptionPassword { what: "BACKUP_ENCRYPTION_ENABLED".to_owned() }.into())
            }
            _ => Ok(()),
        }
    }
}

/// The passwords that an import tries: of the file that was named, or else what a predecessor's deployment has.
pub(crate) fn import_passwords(file: Option<&std::path::Path>) -> Result<Vec<import::Password>, Fault> {
    let read = |path: &std::path::Path| -> Result<Vec<import::Password>, Fault> {
        let text = password::text_of(path)?;
        // The line feed that an editor or a shell put at the end is no part of it.
        let line = text.strip_suffix('\n').map_or(text.as_str(), |line| line.strip_suffix('\r').unwrap_or(line));
        // Whether a byte order mark was part of it that other system knew.
        let bare = line.strip_prefix('\u{feff}');
        Ok(bare.into_iter().chain([line]).map(import::Password::new).collect())
    };
    if let Some(file) = file {
        return read(file);
    }
    if let Some(password) = variables::var(PASSWORD) {
        return Ok(vec![import::Password::new(password)]);
    }
    text("BACKUP_ENCRYPTION_PASSWORD_FILE").map_or_else(|| Ok(Vec::new()), |path| read(std::path::Path::new(&path)))
}

/// Asks for it, if someone sits there.
pub(crate) fn ask_import_password() -> Result<Option<import::Password>, Fault> {
    use std::io::IsTerminal;
    if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        return Ok(None);
    }
    super::output::stderr("The password of the encrypted backups: ");
    let password = rpassword::read_password().map_err(|error| Error::io("the terminal", error))?;
    Ok((!password.is_empty()).then(|| import::Password::new(password)))
}

/// What PostgreSQL's own tools take from the environment, as libpq has it.
pub(crate) fn postgres() -> postgres::Environment {
    let home = text("HOME").map(PathBuf::from);
    let in_home = |name: &str| home.as_ref().map(|home| home.join(name));
    let services = [text("PGSERVICEFILE").map(PathBuf::from).or_else(|| in_home(".pg_service.conf"))];
    let system = text("PGSYSCONFDIR").map(|folder| PathBuf::from(folder).join("pg_service.conf"));
    let user = super::context::actor();
    postgres::Environment {
        host: text("PGHOST"),
        port: text("PGPORT"),
        user: text("PGUSER"),
        database: text("PGDATABASE"),
        ssl_mode: text("PGSSLMODE"),
        ssl_root_cert: text("PGSSLROOTCERT").map(PathBuf::from),
        service: text("PGSERVICE"),
        password: std::env::var("PGPASSWORD").ok().filter(|password| !password.is_empty()).map(Password::new),
        pass_file: text("PGPASSFILE").map(PathBuf::from).or_else(|| in_home(".pgpass")),
        service_files: services.into_iter().flatten().chain(system).collect(),
        os_user: user.strip_prefix("cli:").map(str::to_owned),
        home,
        lent: Vec::new(),
        tool_dirs: std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect()).unwrap_or_default(),
    }
}

const PASSWORD: &str = "BACKUP_ENCRYPTION_PASSWORD";
const PASSWORD_FILE: &str = "BACKUP_ENCRYPTION_PASSWORD_FILE";

fn text(name: &str) -> Option<String> {
    variables::var(name).map(|value| value.trim().to_owned())
}
