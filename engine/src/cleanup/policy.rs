//! Changing a database's policy. One that would remove many at once asks first.

use jiff::Timestamp;
use keepstone_model::{
    database::Database,
    human,
    id::DatabaseId,
    retention::{CountBy, Manual, Pass, RetentionPolicy},
};

use super::{PlanOptions, plan_cleanup};
use crate::{Error, Result, Vault, databases};

/// Whether a person has seen what a policy would remove.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consent {
    /// Not yet: a policy that would remove many is refused with `PolicyRemovesMany`.
    Ask,
    Given,
    /// Nobody is there to be asked (the environment sets it): it is stored, and cleanup waits until a person confirms.
    Later,
}

#[derive(Debug, Clone)]
pub struct SetPolicyReport {
    pub database: Database,
    /// What it would remove today.
    pub would_remove: u64,
    pub would_free_bytes: u64,
}

/// Sets the policy of a database. What it removes goes with the next cleanups. Refused with `Managed` where somebody else alone sets it.
pub fn set_policy(
    vault: &Vault,
    id: &DatabaseId,
    policy: &RetentionPolicy,
    consent: Consent,
    count_by: CountBy,
    actor: &str,
) -> Result<SetPolicyReport> {
    if let Some(by) = databases::database(vault, id)?.retention_managed_by {
        return Err(Error::Managed { what: format!("the retention of {id}"), by });
    }
    set(vault, id, policy, None, consent, count_by, actor)
}

/// The policy that `by` (`environment`, say) wants for a database, which from now on only `by` changes. Nobody is there to be asked: if it
/// would remove many at once, cleanup waits until a person confirms. With none the policy stays, and is everybody's again.
pub fn set_managed_policy(vault: &Vault, id: &DatabaseId, by: &str, policy: Option<&RetentionPolicy>) -> Result<()> {
    set_managed_with(vault, id, by, policy, Consent::Later)
}

/// The same where somebody may have been asked.
pub(crate) fn set_managed_with(vault: &Vault, id: &DatabaseId, by: &str, policy: Option<&RetentionPolicy>, consent: Consent) -> Result<()> {
    let present = databases::database(vault, id)?;
    let own = present.retention_managed_by.as_deref() == Some(by);
    match policy {
        Some(policy) if own && present.retention == *policy => Ok(()),
        Some(policy) => set(vault, id, policy, Some(by), consent, vault.defaults().count_by(), by).map(drop),
        None if own => databases::set_retention(vault, id, &present.retention, None, by).map(drop),
        None => Ok(()),
    }
}

fn set(
    vault: &Vault,
    id: &DatabaseId,
    policy: &RetentionPolicy,
    managed_by: Option<&str>,
    consent: Consent,
    count_by: CountBy,
    actor: &str,
) -> Result<SetPolicyReport> {
    policy.check().map_err(|refusal| Error::Invalid { field: refusal.field, message: refusal.message })?;
    let options = PlanOptions { database: id.clone(), policy: Some(policy.clone()), manual: Manual::Kept, count_by, pass: Pass::Person };
    let plan = plan_cleanup(vault, &options, Timestamp::now())?;
    let many = plan.removed.len() > plan.pass_limit();
    let changed = plan.database.retention != *policy;
    if many && changed && consent == Consent::Ask {
        return Err(Error::PolicyRemovesMany {
            database: id.clone(),
            count: plan.removed.len() as u64,
            size: human::bytes(plan.freed_bytes),
        });
    }
    // What is accepted first: if the process dies in between, the old policy is the one that waits for a person.
    if consent == Consent::Given || !many {
        vault.catalog().change_cleanup_standing(id, |standing| {
            standing.accepted = Some(policy.clone());
            standing.waits_for = None;
        })?;
    }
    let change = changed || plan.database.retention_managed_by.as_deref() != managed_by;
    let database = if change { databases::set_retention(vault, id, policy, managed_by, actor)? } else { plan.database.clone() };
    Ok(SetPolicyReport { database, would_remove: plan.removed.len() as u64, would_free_bytes: plan.freed_bytes })
}
