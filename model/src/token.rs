//! An API token: what a program may do, on which databases, and until when. Its secret is nowhere in here.

use std::{fmt, str::FromStr};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{id::DatabaseId, validate::Refusal};

/// How the secret of a token begins, so that people and scanners of leaked secrets know it when they see it.
pub const SECRET_PREFIX: &str = "kst_";
/// How long a token is good for where nobody says how long.
pub const LIFETIME_SECS: u64 = 365 * 86_400;

/// What a token may do. Each includes `read`; `admin` includes all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// See what lists show: databases, backups, schedules, jobs, activity.
    Read,
    /// Make backups, check, describe and pin them.
    Create,
    /// Plan and carry out restores; take content out: archives and exports.
    Restore,
    /// Delete, put back, unpin, acknowledge, clean up.
    Delete,
    /// All of it; and databases, schedules, retention, imports, plain databases, sensitive columns.
    Admin,
}

impl Scope {
    pub const ALL: [Self; 5] = [Self::Read, Self::Create, Self::Restore, Self::Delete, Self::Admin];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Create => "create",
            Self::Restore => "restore",
            Self::Delete => "delete",
            Self::Admin => "admin",
        }
    }

    /// What it allows, in one line.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Read => "see databases, backups, schedules, jobs and activity",
            Self::Create => "make backups, check, describe and pin them",
            Self::Restore => "restore, download archives, export",
            Self::Delete => "delete, put back, unpin, acknowledge, clean up",
            Self::Admin => "everything, settings and plain databases included",
        }
    }

    /// Whether whoever has this scope may do what asks for the other.
    pub fn includes(self, wanted: Self) -> bool {
        self == wanted || self == Self::Admin || wanted == Self::Read
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Scope {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let refused =
            || Refusal { field: "scopes", message: format!("\"{text}\" is no scope: give read, create, restore, delete or admin") };
        Self::ALL.into_iter().find(|scope| scope.as_str() == text).ok_or_else(refused)
    }
}

/// A token as lists show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Token {
    /// Its number in the vault, never used again.
    pub number: i64,
    /// What people call it; what it does is done by `token:<name>`.
    #[cfg_attr(feature = "openapi", schema(example = "nightly"))]
    pub name: String,
    pub scopes: Vec<Scope>,
    /// Only these databases; none: all of them.
    pub databases: Option<Vec<DatabaseId>>,
    pub created_at: Timestamp,
    pub created_by: String,
    /// None: it does not expire.
    pub expires_at: Option<Timestamp>,
    /// To the minute.
    pub last_used_at: Option<Timestamp>,
}

impl Token {
    /// Whether a call that asks for this scope is allowed.
    pub fn allows(&self, wanted: Scope) -> bool {
        self.scopes.iter().any(|scope| scope.includes(wanted))
    }

    /// Whether it may touch this database.
    pub fn covers(&self, database: &DatabaseId) -> bool {
        self.databases.as_ref().is_none_or(|databases| databases.contains(database))
    }

    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|at| now >= at)
    }

    /// Who acts, in jobs and events.
    pub fn actor(&self) -> String {
        format!("token:{}", self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(scopes: &[Scope], databases: Option<&[&str]>) -> Token {
        Token {
            number: 1,
            name: "ci".to_owned(),
            scopes: scopes.to_vec(),
            databases: databases.map(|all| all.iter().map(|id| id.parse().unwrap()).collect()),
            created_at: Timestamp::UNIX_EPOCH,
            created_by: "alice".to_owned(),
            expires_at: Some(Timestamp::from_second(1000).unwrap()),
            last_used_at: None,
        }
    }

    #[test]
    fn each_scope_reads_and_only_admin_does_everything() {
        for scope in Scope::ALL {
            for wanted in Scope::ALL {
                let allowed = scope == wanted || scope == Scope::Admin || wanted == Scope::Read;
                assert_eq!(token(&[scope], None).allows(wanted), allowed, "{scope} for {wanted}");
            }
            assert_eq!(scope.as_str().parse::<Scope>().unwrap(), scope);
        }
        let both = token(&[Scope::Create, Scope::Delete], None);
        assert!(both.allows(Scope::Create) && both.allows(Scope::Delete) && !both.allows(Scope::Restore) && !both.allows(Scope::Admin));
        assert!(!token(&[], None).allows(Scope::Read), "a token without a scope may nothing");
        assert!("root".parse::<Scope>().is_err());
    }

    #[test]
    fn it_touches_its_databases_until_it_expires() {
        let (shop, wiki) = ("shop".parse().unwrap(), "wiki".parse().unwrap());
        assert!(token(&[Scope::Admin], None).covers(&wiki));
        let limited = token(&[Scope::Admin], Some(&["shop"]));
        assert!(limited.covers(&shop) && !limited.covers(&wiki), "also an admin's");
        let at = |second| Timestamp::from_second(second).unwrap();
        assert!(!limited.is_expired(at(999)) && limited.is_expired(at(1000)));
        assert!(!Token { expires_at: None, ..limited }.is_expired(at(i64::from(i32::MAX))));
    }
}
