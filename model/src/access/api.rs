//! What each call of `/api/v1` asks of the token that makes it. One path takes several methods, so a rule is for both.

use super::fits;
use crate::token::Scope;

/// Where the API lives.
pub const API: &str = "/api/v1";

/// A call and what it asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ApiRule {
    pub method: &'static str,
    /// Below [`API`]; `{…}` is one segment. `{database}`, `{backup}`, `{job}` and `{schedule}` say what the call is about: a token that is
    /// limited to some databases gets no further with those of others.
    pub pattern: &'static str,
    pub scope: Scope,
    pub reach: Reach,
}

/// What a token that is limited to some databases may expect of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// It is about one database, which the path names.
    One,
    /// It shows those that the token covers, and nothing of others.
    Filtered,
    /// It is about the whole vault: not for such a token.
    Vault,
    /// It is about no database.
    Nothing,
}

const fn rule(method: &'static str, pattern: &'static str, scope: Scope, reach: Reach) -> ApiRule {
    ApiRule { method, pattern, scope, reach }
}

use Reach::{Filtered, Nothing, One, Vault};
use Scope::{Admin, Create, Delete, Read, Restore};

/// The policy of the API. What is not in it is refused.
pub const API_POLICY: &[ApiRule] = &[
    rule("GET", "/openapi.json", Read, Nothing),
    rule("GET", "/metrics", Read, Filtered),
    rule("GET", "/token", Read, Nothing),
    rule("GET", "/info", Read, Vault),
    rule("GET", "/status", Read, Filtered),
    rule("GET", "/stats", Read, Filtered),
    rule("GET", "/doctor", Admin, Vault),
    rule("GET", "/keys", Admin, Vault),
    rule("GET", "/limits", Read, Vault),
    rule("PUT", "/limits", Admin, Vault),
    // Databases
    rule("GET", "/databases", Read, Filtered),
    rule("POST", "/databases", Admin, Vault),
    rule("GET", "/databases/{database}", Read, One),
    rule("PATCH", "/databases/{database}", Admin, One),
    rule("DELETE", "/databases/{database}", Admin, One),
    rule("POST", "/databases/{database}/backups", Create, One),
    rule("GET", "/databases/{database}/latest", Read, One),
    rule("GET", "/databases/{database}/export", Restore, One),
    rule("POST", "/databases/{database}/import", Admin, One),
    rule("POST", "/databases/{database}/schedules", Admin, One),
    rule("POST", "/databases/{database}/preset", Admin, One),
    rule("GET", "/databases/{database}/retention", Read, One),
    rule("PUT", "/databases/{database}/retention", Admin, One),
    rule("POST", "/databases/{database}/retention/preview", Read, One),
    rule("POST", "/databases/{database}/cleanup", Delete, One),
    rule("GET", "/databases/{database}/cleanup/schedule", Read, One),
    rule("PUT", "/databases/{database}/cleanup/schedule", Admin, One),
    // Backups
    rule("GET", "/backups", Read, Filtered),
    rule("GET", "/backups/{backup}", Read, One),
    rule("PATCH", "/backups/{backup}", Create, One),
    rule("DELETE", "/backups/{backup}", Delete, One),
    rule("POST", "/backups/{backup}/verify", Create, One),
    rule("POST", "/backups/{backup}/pin", Create, One),
    rule("POST", "/backups/{backup}/unpin", Delete, One),
    rule("POST", "/backups/{backup}/ack", Delete, One),
    rule("POST", "/backups/{backup}/put-back", Delete, One),
    rule("GET", "/backups/{backup}/archive", Restore, One),
    rule("GET", "/backups/{backup}/database", Admin, One),
    rule("GET", "/backups/{backup}/export", Restore, One),
    rule("POST", "/backups/{backup}/restore/plan", Restore, One),
    rule("POST", "/backups/{backup}/restore", Restore, One),
    rule("GET", "/trash", Read, Filtered),
    rule("POST", "/trash/empty", Admin, Vault),
    // Jobs
    rule("GET", "/jobs", Read, Filtered),
    rule("GET", "/jobs/{job}", Read, One),
    rule("POST", "/jobs/{job}/cancel", Create, One),
    rule("GET", "/jobs/{job}/events", Read, One),
    rule("POST", "/jobs/{job}/undo/plan", Restore, One),
    rule("POST", "/jobs/{job}/undo", Restore, One),
    // Schedules
    rule("GET", "/schedules", Read, Filtered),
    rule("GET", "/schedules/next", Read, Filtered),
    rule("GET", "/schedules/{schedule}", Read, One),
    rule("PATCH", "/schedules/{schedule}", Admin, One),
    rule("DELETE", "/schedules/{schedule}", Admin, One),
    rule("POST", "/schedules/{schedule}/pause", Admin, One),
    rule("POST", "/schedules/{schedule}/resume", Admin, One),
    rule("POST", "/schedules/{schedule}/trigger", Create, One),
    rule("GET", "/activity", Read, Filtered),
    rule("GET", "/activity/verify", Read, Vault),
];

/// Where Prometheus looks; the same call as the one of this name below [`API`].
const METRICS: &str = "/metrics";

/// The part of a path below [`API`], if it is one of the API.
pub fn below_api(path: &str) -> Option<&str> {
    if path == METRICS {
        return Some(path);
    }
    let rest = path.strip_prefix(API)?;
    (rest.is_empty() || rest.starts_with('/')).then_some(rest)
}

/// The rules for a path below [`API`], one for each method that it takes. None: there is no such path.
pub fn api_rules_for(path: &str) -> Vec<&'static ApiRule> {
    // First match wins among paths, as in the pages' table: `/schedules/next` is no schedule.
    let Some(first) = API_POLICY.iter().find(|rule| fits(rule.pattern, path)) else { return Vec::new() };
    API_POLICY.iter().filter(|rule| rule.pattern == first.pattern).collect()
}

/// What a call is about, by the names in the pattern, e.g. `("database", "shop")`.
pub fn subject<'p>(pattern: &'static str, path: &'p str) -> Option<(&'static str, &'p str)> {
    pattern.split('/').zip(path.split('/')).find_map(|(wanted, segment)| {
        let name = wanted.strip_prefix('{')?.strip_suffix('}')?;
        Some((name, segment))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_rule_hides_behind_another() {
        for rule in API_POLICY {
            let example = rule.pattern.replace('{', "some-").replace('}', "");
            assert!(api_rules_for(&example).contains(&rule), "{} {}", rule.method, rule.pattern);
            let twins = API_POLICY.iter().filter(|other| other.method == rule.method && other.pattern == rule.pattern);
            assert_eq!(twins.count(), 1, "{} {}", rule.method, rule.pattern);
        }
        assert!(api_rules_for("/databases/shop/").is_empty() && api_rules_for("/nothing").is_empty() && api_rules_for("").is_empty());
    }

    #[test]
    fn who_is_about_one_database_says_which() {
        for rule in API_POLICY {
            let name = subject(rule.pattern, rule.pattern).map(|(name, _)| name);
            let one = matches!(name, Some("database" | "backup" | "job" | "schedule"));
            assert_eq!(one, rule.reach == Reach::One, "{} {}", rule.method, rule.pattern);
        }
        assert_eq!(subject("/backups/{backup}/pin", "/backups/x/pin"), Some(("backup", "x")));
    }

    #[test]
    fn reading_changes_nothing_and_changing_is_more_than_reading() {
        for rule in API_POLICY.iter().filter(|rule| rule.method != "GET" && !rule.pattern.ends_with("/preview")) {
            assert_ne!(rule.scope, Scope::Read, "{} {}", rule.method, rule.pattern);
        }
    }

    #[test]
    fn the_api_begins_at_its_own_address() {
        assert_eq!(below_api("/api/v1/backups"), Some("/backups"));
        assert_eq!(below_api("/api/v1"), Some(""));
        assert_eq!(below_api("/api/v10"), None);
        assert_eq!(below_api("/metrics"), Some("/metrics"));
        assert_eq!(below_api("/backups"), None);
    }
}
