//! Argon2id: hashing a new password and checking one. Both take tens of milliseconds and 19 MiB: callers keep them off the async threads
//! and bounded in number.

use std::sync::LazyLock;

use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version, password_hash::phc::PasswordHash};
use keepstone_engine::{Error, Result};

/// OWASP's second choice: 19 MiB, two passes, one lane.
fn argon2() -> Argon2<'static> {
    let params = Params::new(19 * 1024, 2, 1, None).expect("these numbers are within Argon2's limits");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

/// The PHC string (Argon2id) of a password.
pub(crate) fn hash_password(password: &str) -> Result<String> {
    match argon2().hash_password(password.as_bytes()) {
        Ok(hash) => Ok(hash.to_string()),
        Err(error) => Err(Error::Internal(format!("hashing a password: {error}"))),
    }
}

/// Whether this is the password of that hash. Without a hash (no such user) it works as long and says no, so that the time taken does not tell
/// which names there are.
pub(super) fn verify(password: &str, stored: Option<&str>) -> bool {
    static NOBODY: LazyLock<Option<String>> = LazyLock::new(|| hash_password("nobody has this password").ok());
    let Some(text) = stored.or(NOBODY.as_deref()) else { return false };
    let matches = PasswordHash::new(text).is_ok_and(|hash| argon2().verify_password(password.as_bytes(), &hash).is_ok());
    matches && stored.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_right_password_of_a_user_that_exists() {
        let hash = hash_password("correct horse battery staple").unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(verify("correct horse battery staple", Some(&hash)));
        assert!(!verify("correct horse battery stable", Some(&hash)));
        assert!(!verify("correct horse battery staple", Some("not a hash")));
        assert!(!verify("nobody has this password", None));
    }
}
