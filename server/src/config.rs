//! What the environment says, as a predecessor's deployment has it. What cannot be honoured yet stops the start with a sentence: a setting is
//! never silently ignored. `KEEPSTONE_DATA` and `BACKUP_DIR` are read where the command line is.

use anyhow::{Context, Result, bail};
use keepstone_engine::{
    Vault,
    cleanup::{self, Consent},
    databases::{self, AddDatabaseOptions},
    model::retention::{CountBy, RetentionPolicy},
};

/// Checks every variable; gives back the database of `DATABASE_URL`, if it is set.
pub(crate) fn database_of_environment() -> Result<Option<String>> {
    check(|name| std::env::var(name).ok().filter(|value| !value.trim().is_empty()))
}

/// Protects the database of the environment, with the default schedules unless it is known already.
pub(crate) fn protect(vault: &Vault, location: &str) -> Result<()> {
    let options = AddDatabaseOptions { location: location.to_owned(), name: None, schedules: true, actor: "environment".to_owned() };
    let database = databases::add_database(vault, &options).context("DATABASE_URL")?;
    // Of a database that is known already the environment's policy takes the place of the stored one. Nobody is there to be asked: if it
    // would remove many at once, cleanup waits until a person confirms.
    if let Some(policy) = retention(|name| std::env::var(name).ok().filter(|value| !value.trim().is_empty()))?
        && database.retention != policy
    {
        cleanup::set_policy(vault, &database.id, &policy, Consent::Later, CountBy::Good, "environment").context("BACKUP_RETENTION_DAYS")?;
    }
    Ok(())
}

/// The policy that `BACKUP_RETENTION_DAYS` and `BACKUP_MAX_BACKUPS` amount to, if either is set.
fn retention(variable: impl Fn(&str) -> Option<String>) -> Result<Option<RetentionPolicy>> {
    let number = |name: &str| -> Result<Option<u32>> {
        let Some(value) = variable(name) else { return Ok(None) };
        match value.trim().parse::<u32>() {
            Ok(number) if (1..=36_500).contains(&number) => Ok(Some(number)),
            _ => bail!("{name}={value} is not a whole number from 1 to 36500"),
        }
    };
    let (days, count) = (number("BACKUP_RETENTION_DAYS")?, number("BACKUP_MAX_BACKUPS")?);
    let policy =
        RetentionPolicy { max_age_secs: days.map(|days| u64::from(days) * 86_400), max_count: count, ..RetentionPolicy::default() };
    Ok((!policy.is_empty()).then_some(policy))
}

fn check(variable: impl Fn(&str) -> Option<String>) -> Result<Option<String>> {
    if is_on("BACKUP_ENCRYPTION_ENABLED", &variable)? == Some(true) {
        bail!("BACKUP_ENCRYPTION_ENABLED is on, and this version cannot encrypt archives yet. Nothing was started.");
    }
    for name in ["BACKUP_ENCRYPTION_PASSWORD", "BACKUP_ENCRYPTION_PASSWORD_FILE"] {
        if variable(name).is_some() && is_on("BACKUP_ENCRYPTION_ENABLED", &variable)? != Some(false) {
            bail!("{name} is set, and this version cannot encrypt archives yet. Unset it, or set BACKUP_ENCRYPTION_ENABLED=false.");
        }
    }
    retention(&variable)?;
    if let Some(value) = variable("BACKUP_SCHEDULE") {
        bail!("BACKUP_SCHEDULE={value} cannot be honoured by this version yet. Unset it: new databases get the default schedules.");
    }
    for name in ["BACKUP_ENABLED", "BACKUP_COMPRESSION_ENABLED", "BACKUP_VERIFY_AFTER_CREATE"] {
        if is_on(name, &variable)? == Some(false) {
            bail!("{name}=false cannot be honoured by this version yet. Unset it to start.");
        }
    }
    match variable("DATABASE_URL") {
        Some(url) if url.starts_with("postgres") => {
            bail!("DATABASE_URL names a PostgreSQL database, and this version only protects SQLite.")
        }
        url => Ok(url),
    }
}

fn is_on(name: &str, variable: &impl Fn(&str) -> Option<String>) -> Result<Option<bool>> {
    let Some(value) = variable(name) else { return Ok(None) };
    match value.trim().to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Ok(Some(true)),
        "0" | "false" | "no" | "off" => Ok(Some(false)),
        _ => bail!("{name}={value} is neither true nor false"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_backups_are_a_policy() {
        let of = |days: &str, count: &str| {
            retention(|name| Some(if name == "BACKUP_RETENTION_DAYS" { days } else { count }.to_owned()).filter(|value| !value.is_empty()))
        };
        assert_eq!(of("", "").unwrap(), None);
        assert_eq!(of("30", "").unwrap().unwrap().words(), "at most 30 d old");
        assert_eq!(of("30", "30").unwrap().unwrap().words(), "at most 30 d old, at most 30 in all");
        assert!(of("-1", "").is_err() && of("", "many").is_err());
    }

    #[test]
    fn what_cannot_be_honoured_stops_the_start() {
        let with = |set: &[(&str, &str)]| {
            let set: Vec<_> = set.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            check(move |name| set.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone()))
        };
        assert_eq!(with(&[]).unwrap(), None);
        assert_eq!(
            with(&[("DATABASE_URL", "sqlite:///shop.db"), ("BACKUP_ENABLED", "true")]).unwrap().as_deref(),
            Some("sqlite:///shop.db")
        );
        assert!(with(&[("BACKUP_ENCRYPTION_ENABLED", "False"), ("BACKUP_ENCRYPTION_PASSWORD", "x")]).is_ok());
        for (name, value) in [
            ("BACKUP_ENCRYPTION_ENABLED", "true"),
            ("BACKUP_ENCRYPTION_ENABLED", "maybe"),
            ("BACKUP_ENCRYPTION_PASSWORD", "x"),
            ("BACKUP_ENCRYPTION_PASSWORD_FILE", "/x"),
            ("BACKUP_SCHEDULE", "0 2 * * *"),
            ("BACKUP_RETENTION_DAYS", "a month"),
            ("BACKUP_MAX_BACKUPS", "0"),
            ("BACKUP_ENABLED", "false"),
            ("BACKUP_VERIFY_AFTER_CREATE", "0"),
            ("DATABASE_URL", "postgresql://u@h/d"),
        ] {
            let refusal = with(&[(name, value)]).unwrap_err().to_string();
            assert!(refusal.contains(name), "{refusal}");
        }
    }
}
