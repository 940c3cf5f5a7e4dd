//! The second factor of a user: a secret that an authenticator app knows, too, and recovery codes for when it is lost. The secret is sealed
//! under the vault key, the codes come hashed. What a code of the moment is, the server works out.

use jiff::Timestamp;
use zeroize::Zeroizing;

use super::{event, user};
use crate::{
    Error, Result, Vault,
    catalog::{Factor, rounded},
    keys,
};

/// Switches the second factor on, in place of any earlier one. `secret` is text that only the server reads; `step` is the one whose code was
/// given as proof, which is used up by it.
pub fn set_factor(vault: &Vault, name: &str, secret: &str, step: u64, recovery_hashes: Vec<String>) -> Result<()> {
    let user = user(vault, name)?;
    // The secret first: a row without it would lock the user out, a secret without a row says nothing.
    keys::set_secret(vault, &sealed_as(&user.name), Some(secret))?;
    let now = rounded(Timestamp::now());
    let factor = Factor { since: now, last_step: step, recovery: recovery_hashes };
    let message = "switched the second factor on".to_owned();
    vault.catalog().set_factor(&user.name, Some(&factor), &event("user.factor_on", &user.name, message), now)
}

/// The second factor of a user and its secret; none where there is none.
pub fn factor(vault: &Vault, name: &str) -> Result<Option<(Factor, Zeroizing<String>)>> {
    let Some(factor) = vault.catalog().factor(name)? else { return Ok(None) };
    // A factor whose secret is gone is not none: that would let in whoever can take a file away.
    let secret = keys::secret(vault, &sealed_as(name))?
        .ok_or_else(|| Error::Internal(format!("the secret of the second factor of {name} is not in the vault's keys")))?;
    Ok(Some((factor, secret)))
}

/// Whether a user has one, and how many recovery codes are left.
pub fn factor_state(vault: &Vault, name: &str) -> Result<Option<Factor>> {
    vault.catalog().factor(name)
}

/// Uses the code of a step up. False if this one or a later one was used already.
pub fn use_step(vault: &Vault, name: &str, step: u64) -> Result<bool> {
    vault.catalog().use_step(name, step)
}

/// Uses a recovery code up. False if it is none.
pub fn use_recovery(vault: &Vault, name: &str, hash: &str) -> Result<bool> {
    let used = event("user.recovery_code_used", name, "signed in with a recovery code".to_owned());
    vault.catalog().use_recovery(name, hash, &used, Timestamp::now())
}

/// Other recovery codes, in place of those that are left.
pub fn set_recovery(vault: &Vault, name: &str, recovery_hashes: Vec<String>) -> Result<()> {
    let made = event("user.recovery_codes_made", name, "made new recovery codes".to_owned());
    let factor = vault.catalog().factor(name)?;
    let factor = factor.ok_or_else(|| Error::Invalid { field: "name", message: format!("{name} has no second factor") })?;
    vault.catalog().set_factor(name, Some(&Factor { recovery: recovery_hashes, ..factor }), &made, Timestamp::now())
}

/// Switches it off. False if there was none.
pub fn remove_factor(vault: &Vault, name: &str, actor: &str) -> Result<bool> {
    let user = user(vault, name)?;
    if vault.catalog().factor(&user.name)?.is_none() {
        return Ok(false);
    }
    let message = format!("switched the second factor of user {} off", user.name);
    vault.catalog().set_factor(&user.name, None, &event("user.factor_off", actor, message), Timestamp::now())?;
    keys::set_secret(vault, &sealed_as(&user.name), None)?;
    Ok(true)
}

/// Of a user who is gone.
pub(super) fn forget_secret(vault: &Vault, name: &str) -> Result<()> {
    keys::set_secret(vault, &sealed_as(name), None)
}

fn sealed_as(name: &str) -> String {
    format!("second factor of {}", name.to_lowercase())
}
