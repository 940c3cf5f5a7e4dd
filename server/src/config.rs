//! What the environment says, as a predecessor's deployment has it. What cannot be honoured stops the start with a sentence: a setting is never
//! silently ignored. `KEEPSTONE_DATA`, `BACKUP_DIR`, and what is about encryption, compression and checks, is read where the command line is.

use anyhow::{Context, Result, bail};
use keepstone_engine::{
    Vault, cleanup,
    databases::{self, AddDatabaseOptions, FirstSchedules},
    model::{
        Timestamp,
        id::DatabaseId,
        retention::RetentionPolicy,
        schedule::{Preset, Schedule},
    },
    scheduler::Firing,
    schedules,
};

use crate::cli::variables;

/// Who manages what the environment sets.
const ENVIRONMENT: &str = "environment";

/// What the environment says, checked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Environment {
    /// `DATABASE_URL`
    pub(crate) database: Option<String>,
    /// `BACKUP_SCHEDULE`: its cron, in the host's zone.
    pub(crate) cron: Option<String>,
    /// `BACKUP_ENABLED`
    pub(crate) firing: Firing,
    /// `BACKUP_RETENTION_DAYS` and `BACKUP_MAX_BACKUPS`
    pub(crate) retention: Option<RetentionPolicy>,
}

/// Checks every variable.
pub(crate) fn environment() -> Result<Environment> {
    check(variables::var)
}

impl Environment {
    /// Protects the database of the environment: with its cron, else with the default schedules unless it is known already. What the
    /// environment set of other databases, at an earlier start, is everybody's from now on.
    pub(crate) fn protect(&self, vault: &Vault) -> Result<()> {
        let own = self.database.as_deref().map(|location| self.protect_one(vault, location)).transpose()?;
        for database in databases::databases(vault)?.into_iter().filter(|database| Some(&database.id) != own.as_ref()) {
            cleanup::set_managed_policy(vault, &database.id, ENVIRONMENT, None)?;
            schedules::set_managed(vault, &database.id, ENVIRONMENT, None, Timestamp::now())?;
        }
        Ok(())
    }

    fn protect_one(&self, vault: &Vault, location: &str) -> Result<DatabaseId> {
        let first = match &self.cron {
            Some(cron) => FirstSchedules { cron: Some(cron.clone()), ..FirstSchedules::of(Preset::Cron) },
            None => FirstSchedules::usual(),
        };
        let options =
            AddDatabaseOptions { location: location.to_owned(), name: None, schedules: Some(first), actor: ENVIRONMENT.to_owned() };
        let id = databases::add_database(vault, &options).context("DATABASE_URL")?.id;
        // Of a database that is known already the environment's policy takes the place of the stored one. Nobody is there to be asked: if it
        // would remove many at once, cleanup waits until a person confirms.
        cleanup::set_managed_policy(vault, &id, ENVIRONMENT, self.retention.as_ref()).context("BACKUP_RETENTION_DAYS")?;
        let wanted = self.cron.as_deref().map(read_cron).transpose()?;
        schedules::set_managed(vault, &id, ENVIRONMENT, wanted.as_ref(), Timestamp::now()).context("BACKUP_SCHEDULE")?;
        Ok(id)
    }
}

/// The schedule of a cron, of the kind that fits it.
fn read_cron(cron: &str) -> Result<Schedule> {
    let found = schedules::preset_schedules(Preset::Cron, None, Some(cron), Timestamp::now()).context("BACKUP_SCHEDULE")?;
    found.into_iter().next().context("BACKUP_SCHEDULE")
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

fn check(variable: impl Fn(&str) -> Option<String>) -> Result<Environment> {
    let retention = retention(&variable)?;
    for name in ["BACKUP_COMPRESSION_ENABLED", "BACKUP_VERIFY_AFTER_CREATE"] {
        is_on(name, &variable)?;
    }
    let database = variable("DATABASE_URL");
    let cron = variable("BACKUP_SCHEDULE").map(|cron| cron.trim().to_owned());
    if let Some(cron) = &cron {
        if database.is_none() {
            bail!("BACKUP_SCHEDULE={cron} is set without DATABASE_URL: it says when, and not what. Use `keepstone schedule add` instead.");
        }
        read_cron(cron)?;
    }
    let firing = if is_on("BACKUP_ENABLED", &variable)? == Some(false) { Firing::Off } else { Firing::On };
    Ok(Environment { database, cron, firing, retention })
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
        assert_eq!(with(&[]).unwrap(), Environment::default());
        let set = with(&[("DATABASE_URL", "sqlite:///shop.db"), ("BACKUP_ENABLED", "false"), ("BACKUP_SCHEDULE", " 0 14 * * * ")]).unwrap();
        assert_eq!((set.database.as_deref(), set.cron.as_deref()), (Some("sqlite:///shop.db"), Some("0 14 * * *")));
        assert_eq!(set.firing, Firing::Off);
        for cron in ["0 2 * *", "0 99 * * *", "@daily", "0 2 30 2 *"] {
            let refusal = format!("{:#}", with(&[("DATABASE_URL", "sqlite:///shop.db"), ("BACKUP_SCHEDULE", cron)]).unwrap_err());
            assert!(refusal.contains("BACKUP_SCHEDULE"), "{refusal}");
        }
        for (name, value) in [
            ("BACKUP_SCHEDULE", "0 2 * * *"),
            ("BACKUP_RETENTION_DAYS", "a month"),
            ("BACKUP_MAX_BACKUPS", "0"),
            ("BACKUP_ENABLED", "perhaps"),
            ("BACKUP_VERIFY_AFTER_CREATE", "later"),
            ("BACKUP_COMPRESSION_ENABLED", "9"),
        ] {
            let refusal = with(&[(name, value)]).unwrap_err().to_string();
            assert!(refusal.contains(name), "{refusal}");
        }
    }
}
