//! The environment variables of a predecessor's deployment, as far as verbs of the command line mind them.

use std::path::PathBuf;

use keepstone_engine::model::retention::{CountBy, RetentionPolicy};
use keepstone_engine::{Error, import::Password};

use super::Fault;

/// `BACKUP_DIR`: where archives go instead of `<data>/backups`.
pub(crate) fn backups_dir() -> Option<PathBuf> {
    text("BACKUP_DIR").map(PathBuf::from)
}

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

/// Whether the rules count complete backups, as those of a vault whose backups are not proven on purpose.
pub(crate) fn count_by() -> Result<CountBy, Fault> {
    Ok(if switch("BACKUP_VERIFY_AFTER_CREATE")? == Some(false) { CountBy::Complete } else { CountBy::Good })
}

/// Encryption that was asked for must never be skipped in silence, so as long as archives cannot be encrypted the request is a fault.
pub(crate) fn refuse_encryption() -> Result<(), Fault> {
    if switch("BACKUP_ENCRYPTION_ENABLED")? == Some(true) {
        return Err(encryption_unsupported("BACKUP_ENCRYPTION_ENABLED asks for encryption, which this version cannot do yet"));
    }
    if switch("BACKUP_ENCRYPTION_ENABLED")?.is_none() {
        for name in ["BACKUP_ENCRYPTION_PASSWORD", "BACKUP_ENCRYPTION_PASSWORD_FILE"] {
            if text(name).is_some() {
                return Err(encryption_unsupported(&format!("{name} is set, but this version cannot encrypt backups yet")));
            }
        }
    }
    Ok(())
}

pub(crate) fn encryption_unsupported(message: &str) -> Fault {
    Fault::Here {
        code: "unsupported",
        message: message.to_owned(),
        hint: Some(
            "Nothing was backed up. Say --no-encrypt (or BACKUP_ENCRYPTION_ENABLED=false) to make a backup that is not encrypted."
                .to_owned(),
        ),
        exit: 2,
    }
}

/// The passwords that an import tries: of the file that was named, or else what a predecessor's deployment has.
pub(crate) fn import_passwords(file: Option<&std::path::Path>) -> Result<Vec<Password>, Fault> {
    let read = |path: &std::path::Path| -> Result<Password, Fault> {
        let text = std::fs::read_to_string(path).map_err(|error| Error::io(path, error))?;
        // The line feed that an editor or a shell put at the end is no part of it.
        let line = text.strip_suffix('\n').map_or(text.as_str(), |line| line.strip_suffix('\r').unwrap_or(line));
        Ok(Password::new(line))
    };
    if let Some(file) = file {
        return Ok(vec![read(file)?]);
    }
    if let Ok(password) = std::env::var("BACKUP_ENCRYPTION_PASSWORD")
        && !password.is_empty()
    {
        return Ok(vec![Password::new(password)]);
    }
    text("BACKUP_ENCRYPTION_PASSWORD_FILE").map(|path| read(std::path::Path::new(&path))).into_iter().collect()
}

/// Asks for it, if someone sits there.
pub(crate) fn ask_import_password() -> Result<Option<Password>, Fault> {
    use std::io::IsTerminal;
    if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        return Ok(None);
    }
    super::output::stderr("The password of the encrypted backups: ");
    let password = rpassword::read_password().map_err(|error| Error::io("the terminal", error))?;
    Ok((!password.is_empty()).then(|| Password::new(password)))
}

fn text(name: &str) -> Option<String> {
    std::env::var(name).ok().map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
}
