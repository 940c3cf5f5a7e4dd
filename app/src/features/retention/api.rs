//! The server functions of retention, and what they return.
#![expect(clippy::too_many_arguments, reason = "the arguments of a server function are flat: one for each field of the form")]

use keepstone_model::{
    Timestamp,
    backup::{BackupState, Verdict},
    id::{DatabaseId, Kind},
    retention::{Candidate, Circumstances, Obstacle, PolicyText, Rate},
};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

#[cfg(feature = "ssr")]
use crate::words::shared;
use crate::{error::AppError, ui::Moment};

/// A backup as the plan looks at it, and as a row shows it. Times are seconds: a parser of dates is too much for every browser to load.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dot {
    pub id: String,
    pub when: Moment,
    pub at: i64,
    pub kind: Kind,
    pub sequence: i64,
    pub size_bytes: u64,
    pub state: BackupState,
    pub verdict: Verdict,
    pub pinned: bool,
    pub imported: bool,
    pub obstacle: Option<Obstacle>,
}

impl Dot {
    pub fn candidate(&self) -> Candidate {
        Candidate {
            kind: self.kind,
            sequence: self.sequence,
            created_at: Timestamp::from_second(self.at).unwrap_or(Timestamp::UNIX_EPOCH),
            archive_size_bytes: self.size_bytes,
            state: self.state,
            verdict: self.verdict,
            pinned: self.pinned,
            imported: self.imported,
            obstacle: self.obstacle,
        }
    }
}

/// Everything on the page. The plan is made of it here and there by the same code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetentionView {
    pub id: DatabaseId,
    pub now: i64,
    /// The highest sequence first.
    pub dots: Vec<Dot>,
    pub circumstances: Circumstances,
    pub rates: Vec<Rate>,
    /// The policy as it is stored.
    pub stored: PolicyFields,
    /// In words.
    pub stored_words: String,
    /// What the address asks to try: the stored one, if it asks for nothing.
    pub tried: PolicyFields,
    /// What is wrong with the tried one: a field and a sentence.
    pub fault: Option<(String, String)>,
    /// Someone wanted to save it, and it would remove many at once.
    pub asks: bool,
    /// It was just saved.
    pub saved: bool,
    pub last: Option<Moment>,
    pub next: Option<Moment>,
    pub alarm: Option<String>,
    /// When cleanup looks, in words.
    pub rhythm: String,
    /// Who alone may change the policy, e.g. `environment`.
    pub managed_by: Option<String>,
    pub may_change: bool,
    pub key: String,
}

/// A policy as the form has it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PolicyFields {
    pub values: Vec<String>,
    pub imported: bool,
}

impl PolicyFields {
    pub fn text(&self) -> PolicyText {
        let mut text = PolicyText { imported: self.imported, ..PolicyText::default() };
        for (to, from) in text.values.iter_mut().zip(&self.values) {
            to.clone_from(from);
        }
        text
    }
}

/// The page of a database's retention. `query` is the address's question as it stands there.
#[server(prefix = "/fn", endpoint = "retention/show")]
pub async fn show(id: String, #[server(default)] query: String) -> Result<RetentionView, AppError> {
    let person = crate::server::person()?;
    let id: DatabaseId = id.parse().map_err(|_| crate::server::answer(AppError::not_found()))?;
    on_the_server::show(id, &query, person.role).await
}

/// Saves the policy and goes back to its page. One that would remove many at once is asked about there first; `confirmed` is `on` once it was.
#[server(prefix = "/fn", endpoint = "retention/save")]
pub async fn save(
    id: String,
    #[server(default)] last: String,
    #[server(default)] hourly: String,
    #[server(default)] daily: String,
    #[server(default)] weekly: String,
    #[server(default)] monthly: String,
    #[server(default)] yearly: String,
    #[server(default)] startup: String,
    #[server(default)] shutdown: String,
    #[server(default)] max_age: String,
    #[server(default)] max_count: String,
    #[server(default)] imported: String,
    #[server(default)] confirmed: String,
) -> Result<(), AppError> {
    use keepstone_model::access::Role;

    let person = crate::server::person_with(Role::Operator)?;
    let id: DatabaseId = id.parse().map_err(|_| AppError::not_found())?;
    let values = [last, hourly, daily, weekly, monthly, yearly, startup, shutdown, max_age, max_count];
    let text = PolicyText { values, imported: imported == "on" };
    let address = on_the_server::save(id, text, confirmed == "on", person.name).await?;
    leptos_axum::redirect(&address);
    Ok(())
}

/// Cleans up by the stored policy: what was seen goes, and nothing else. Leads to the job that does it.
#[server(prefix = "/fn", endpoint = "retention/clean-up")]
pub async fn clean_up(id: String, seen: String, #[server(default)] key: String) -> Result<(), AppError> {
    use keepstone_engine::{
        cleanup::CleanupOptions,
        jobs::{self, JobRequest},
    };
    use keepstone_model::{access::Role, retention::Manual};

    let person = crate::server::person_with(Role::Operator)?;
    let database: DatabaseId = id.parse().map_err(|_| AppError::not_found())?;
    let seen = seen.split_whitespace().map(str::parse).collect::<Result<Vec<_>, _>>();
    let seen = seen.map_err(|_| AppError::invalid("seen", shared::foreign_form()))?;
    let key = crate::server::form_key(&person.name, &key)?;
    let job = crate::server::blocking(move |vault| {
        let (policy, manual, count_by) = (None, Manual::Kept, vault.defaults().count_by());
        let options = CleanupOptions { database, policy, manual, count_by, confirmed: Some(seen), actor: person.name };
        jobs::submit(vault, &JobRequest::Cleanup(options), key.as_deref())
    })
    .await?;
    leptos_axum::redirect(&format!("/jobs/{job}"));
    Ok(())
}

#[cfg(feature = "ssr")]
mod on_the_server {
    use keepstone_engine::{
        Error,
        cleanup::{self, Consent, PlanOptions},
        databases,
    };
    use keepstone_model::{
        access::Role,
        id::DatabaseId,
        retention::{PolicyText, RetentionPolicy},
    };

    use super::{AppError, Dot, Moment, PolicyFields, RetentionView, Timestamp};
    use crate::{
        error::sentence,
        server::{blocking, zone},
    };

    pub(super) async fn show(id: DatabaseId, query: &str, role: Role) -> Result<RetentionView, AppError> {
        let (now, zone) = (Timestamp::now(), zone());
        let (plan, rates, status) = blocking(move |vault| {
            let options = PlanOptions { count_by: vault.defaults().count_by(), ..PlanOptions::new(id.clone()) };
            Ok((
                cleanup::plan_cleanup(vault, &options, now)?,
                cleanup::rates(vault, &id, now)?,
                databases::status(vault, &id, now)?.cleanup,
            ))
        })
        .await?;
        let stored = PolicyText::of(&plan.policy);
        let (tried, asks, saved) = asked(query, &stored);
        let fault = tried.policy().err().map(|refusal| (refusal.field.to_owned(), sentence(&refusal.message)));
        let moment = |at| Moment::new(at, now, &zone);
        let dots = plan.lines.iter().zip(&plan.candidates).map(|(line, candidate)| Dot {
            id: line.backup.id.to_string(),
            when: moment(line.backup.created_at),
            at: candidate.created_at.as_second(),
            kind: candidate.kind,
            sequence: candidate.sequence,
            size_bytes: candidate.archive_size_bytes,
            state: candidate.state,
            verdict: candidate.verdict,
            pinned: candidate.pinned,
            imported: candidate.imported,
            obstacle: candidate.obstacle,
        });
        Ok(RetentionView {
            now: now.as_second(),
            dots: dots.collect(),
            circumstances: plan.circumstances,
            rates,
            stored: fields(&stored),
            stored_words: plan.policy.words(),
            tried: fields(&tried),
            fault,
            asks,
            saved,
            last: status.last_at.map(moment),
            next: status.next_at.map(moment),
            alarm: status.alarm().map(|alarm| sentence(&alarm)),
            rhythm: status.rhythm,
            managed_by: plan.database.retention_managed_by,
            may_change: role >= Role::Operator,
            key: format!("retention-{:x}", now.as_nanosecond()),
            id: plan.database.id,
        })
    }

    /// Saves it, and gives back where to go: the page, which says that it was saved, what is wrong, or asks.
    pub(super) async fn save(id: DatabaseId, text: PolicyText, confirmed: bool, actor: String) -> Result<String, AppError> {
        let page = format!("/databases/{id}/retention");
        let Ok(policy) = text.policy() else { return Ok(format!("{page}?{}", query(&text))) };
        let consent = if confirmed { Consent::Given } else { Consent::Ask };
        let set = move |vault: &keepstone_engine::Vault, policy: RetentionPolicy| match cleanup::set_policy(
            vault,
            &id,
            &policy,
            consent,
            vault.defaults().count_by(),
            &actor,
        ) {
            Ok(_) => Ok(true),
            Err(Error::PolicyRemovesMany { .. }) => Ok(false),
            Err(error) => Err(error),
        };
        let set = blocking(move |vault| set(vault, policy)).await?;
        Ok(if set { format!("{page}?saved=1") } else { format!("{page}?{}&ask=1", query(&text)) })
    }

    fn fields(text: &PolicyText) -> PolicyFields {
        PolicyFields { values: text.values.to_vec(), imported: text.imported }
    }

    /// The address's question that tries a policy.
    fn query(text: &PolicyText) -> String {
        let value = |text: &str| -> String {
            // What does not belong there would be refused in any case, and the field says so.
            text.trim().chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.')).take(20).collect()
        };
        let mut pairs: Vec<String> =
            PolicyText::FIELDS.iter().zip(&text.values).map(|(field, text)| format!("{field}={}", value(text))).collect();
        if text.imported {
            pairs.push("imported=on".to_owned());
        }
        format!("{}&try=1", pairs.join("&"))
    }

    /// The policy that an address tries, and whether it asks about saving it, or says that one was saved.
    fn asked(query: &str, stored: &PolicyText) -> (PolicyText, bool, bool) {
        let pairs: Vec<(&str, String)> = query
            .trim_start_matches('?')
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .map(|(name, value)| (name, value.replace('+', " ").chars().take(40).collect()))
            .collect();
        let has = |name: &str| pairs.iter().any(|(known, _)| *known == name);
        if !has("try") {
            return (stored.clone(), false, has("saved"));
        }
        let mut text = PolicyText { imported: has("imported"), ..PolicyText::default() };
        for (field, to) in PolicyText::FIELDS.iter().zip(&mut text.values) {
            if let Some((_, value)) = pairs.iter().find(|(name, _)| name == field) {
                to.clone_from(value);
            }
        }
        (text, has("ask"), false)
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn an_address_tries_a_policy() {
            let stored = PolicyText::of(&RetentionPolicy::standard());
            assert_eq!(asked("", &stored), (stored.clone(), false, false));
            assert_eq!(asked("?saved=1", &stored), (stored.clone(), false, true));
            let tried = PolicyText::of(&RetentionPolicy {
                last: Some(3),
                max_age_secs: Some(36 * 3600),
                imported: true,
                ..RetentionPolicy::default()
            });
            assert_eq!(asked(&format!("?{}&ask=1", query(&tried)), &stored), (tried, true, false));
            let odd = PolicyText { values: std::array::from_fn(|_| "<script>&x=1".to_owned()), imported: false };
            assert!(!query(&odd).contains('<'));
            assert!(asked(&query(&odd), &stored).0.policy().is_err());
        }
    }
}
