//! Who is at the door: passwords, sessions, the one-time set-up link.

use keepstone_engine::{Result, Vault};

/// The PHC string (Argon2id) of a password.
pub(crate) fn hash_password(_password: &str) -> Result<String> {
    todo!()
}

/// Makes a new one-time set-up link (30 minutes), in place of any earlier one, and gives back its address below `base_url`.
pub(crate) fn issue_setup_link(_vault: &Vault, _base_url: &str) -> Result<String> {
    todo!()
}
