//! The environment variables of a predecessor's deployment, as far as verbs of the command line mind them.

use std::path::PathBuf;

use keepstone_engine::model::retention::{CountBy, RetentionPolicy};

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

fn text(name: &str) -> Option<String> {
    std::env::var(name).ok().map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
}
