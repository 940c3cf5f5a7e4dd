//! People with an account: added, their role changed, disabled, removed; their sessions listed and ended. Each act is one transaction with
//! its event. How passwords are hashed and cookies kept is the server's matter: hashes come in, nothing else.

mod factor;

use jiff::Timestamp;
use keepstone_model::{access::Role, event::EventResult, preferences::Preferences, validate};

use crate::{
    Error, Result, Vault,
    activity::NewEvent,
    catalog::{Session, SessionsAfter, User, rounded},
};

pub use factor::{factor, factor_state, remove_factor, set_factor, set_recovery, use_recovery, use_step};

#[derive(Debug, Clone)]
pub struct AddUserOptions {
    pub name: String,
    pub role: Role,
    /// A PHC string; none: the user sets a password by a link.
    pub password_hash: Option<String>,
    pub actor: String,
}

/// Whether a user may sign in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    Active,
    Disabled,
}

/// Adds a user. `AlreadyExists` if the name is taken; names compare without case.
pub fn add(vault: &Vault, options: &AddUserOptions) -> Result<User> {
    validate::user_name(&options.name).map_err(|refusal| Error::Invalid { field: refusal.field, message: refusal.message })?;
    let user = User {
        name: options.name.clone(),
        role: options.role,
        password_hash: options.password_hash.clone().unwrap_or_default(),
        created_at: rounded(Timestamp::now()),
        disabled: false,
    };
    let message = format!("added user {} as {}", user.name, user.role);
    vault.catalog().add_user(&user, &event("user.added", &options.actor, message))?;
    Ok(user)
}

pub fn list(vault: &Vault) -> Result<Vec<User>> {
    vault.catalog().users()
}

pub fn user(vault: &Vault, name: &str) -> Result<User> {
    vault.catalog().user(name)?.ok_or_else(|| Error::UnknownUser { name: name.to_owned() })
}

/// From the next request on the user may do what this role may. The last admin stays one.
pub fn set_role(vault: &Vault, name: &str, role: Role, actor: &str) -> Result<User> {
    let before = user(vault, name)?;
    if before.role == role {
        return Ok(before);
    }
    let message = format!("made {} {role}, who was {}", before.name, before.role);
    change(vault, name, "user.role_changed", actor, message, SessionsAfter::AllStay, |user| user.role = role)
}

/// Whoever is disabled is signed out at once, and set-up links that are open go. The last admin stays active.
pub fn set_standing(vault: &Vault, name: &str, standing: Standing, actor: &str) -> Result<User> {
    let before = user(vault, name)?;
    let disabled = standing == Standing::Disabled;
    if before.disabled == disabled {
        return Ok(before);
    }
    let (action, message, sessions) = match standing {
        Standing::Disabled => ("user.disabled", format!("disabled user {}", before.name), SessionsAfter::NoneStays),
        Standing::Active => ("user.enabled", format!("enabled user {}", before.name), SessionsAfter::AllStay),
    };
    change(vault, name, action, actor, message, sessions, |user| user.disabled = disabled)
}

/// Sets a password and ends the user's sessions but the one that is `kept`, which is named by its handle.
pub fn set_password_hash(vault: &Vault, name: &str, password_hash: &str, kept: Option<&str>, actor: &str) -> Result<User> {
    let before = user(vault, name)?;
    let message = format!("set the password of user {}", before.name);
    let sessions = kept.map_or(SessionsAfter::NoneStays, SessionsAfter::OneStays);
    change(vault, name, "user.password_changed", actor, message, sessions, |user| password_hash.clone_into(&mut user.password_hash))
}

/// What a user set for themselves, for every browser in which they are signed in. What stands in it was checked by who asked for it.
pub fn set_preferences(vault: &Vault, name: &str, preferences: &Preferences) -> Result<()> {
    let text = serde_json::to_string(preferences).map_err(|error| Error::Internal(error.to_string()))?;
    vault.catalog().set_preferences(name, &text)
}

/// Removes a user for good; what the user did stays in the activity log. The last admin stays.
pub fn remove(vault: &Vault, name: &str, actor: &str) -> Result<User> {
    let before = user(vault, name)?;
    let message = format!("removed user {}", before.name);
    let removed = vault.catalog().remove_user(name, &event("user.removed", actor, message), Timestamp::now())?;
    factor::forget_secret(vault, &removed.name)?;
    Ok(removed)
}

/// Makes a one-time link good by which the user sets a password, in place of any earlier one. Only its hash comes here.
pub fn set_link(vault: &Vault, name: &str, token_hash: &str, expires_at: Timestamp, actor: &str) -> Result<User> {
    let user = user(vault, name)?;
    let made = event("user.link_made", actor, format!("made a set-up link for user {}", user.name));
    vault.catalog().set_user_link(name, token_hash, expires_at, &made, Timestamp::now())?;
    Ok(user)
}

/// Sets the password by a one-time link, which is used up. `Invalid` if it is not good.
pub fn use_link(vault: &Vault, token_hash: &str, password_hash: &str) -> Result<User> {
    let now = Timestamp::now();
    let used_up = || Error::Invalid { field: "link", message: "this set-up link was used or has expired".to_owned() };
    let user = vault.catalog().user_of_link(token_hash, now)?.ok_or_else(used_up)?;
    let message = "set a password by a set-up link".to_owned();
    vault.catalog().use_user_link(token_hash, password_hash, &event("user.password_changed", &user.name, message), now)
}

/// Who is signed in, with the handle of each session; the one that was used last first. Of one user, or of all.
pub fn sessions(vault: &Vault, user: Option<&str>, now: Timestamp) -> Result<Vec<(String, Session)>> {
    vault.catalog().sessions(user, now)
}

/// Ends one session of a user. One that is over already is as good.
pub fn end_session(vault: &Vault, name: &str, handle: &str, actor: &str) -> Result<()> {
    let ended = event("user.session_ended", actor, format!("ended a session of user {name}"));
    vault.catalog().end_session(name, handle, &ended, Timestamp::now()).map(drop)
}

/// Ends all sessions of a user but the one that is `kept`, and says how many there were.
pub fn end_sessions(vault: &Vault, name: &str, kept: Option<&str>, actor: &str) -> Result<usize> {
    let which = if kept.is_some() { "other" } else { "all" };
    let ended = event("user.session_ended", actor, format!("ended {which} sessions of user {name}"));
    vault.catalog().end_sessions(name, kept, &ended, Timestamp::now())
}

fn change(
    vault: &Vault,
    name: &str,
    action: &str,
    actor: &str,
    message: String,
    sessions: SessionsAfter<'_>,
    change: impl Fn(&mut User),
) -> Result<User> {
    vault.catalog().change_user(name, &event(action, actor, message), sessions, Timestamp::now(), change)
}

fn event<'a>(action: &'a str, actor: &'a str, message: String) -> NewEvent<'a> {
    NewEvent { actor, action, result: EventResult::Ok, database: None, backup: None, job: None, message }
}

#[cfg(test)]
mod tests;
