//! Who may do what: the one policy table of pages, server functions and downloads, and below it that of the API. What is not in the table is
//! refused.

mod api;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use api::{API, API_POLICY, ApiRule, Reach, api_rules_for, below_api, subject};

/// What a user may do; each role includes the ones before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    Viewer,
    Operator,
    Admin,
}

impl Role {
    pub const ALL: [Self; 3] = [Self::Viewer, Self::Operator, Self::Admin];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What a path asks of the person who calls it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Access {
    /// Open without a session.
    Open,
    /// This role, or one that includes it.
    Needs(Role),
}

/// A path pattern and what it asks. `{…}` is one segment, a last `*` is everything below.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    pub pattern: &'static str,
    pub access: Access,
    pub act: Act,
}

/// What a call does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Act {
    Reads,
    Changes,
    /// Takes something away, or lets someone in: the password must have been given a short while ago.
    Destroys,
    /// Like `Destroys` or like `Changes`, by what the form says: the function behind it asks for the password.
    MayDestroy,
}

impl Rule {
    /// Whether a call changes something; such paths take POST only.
    pub fn changes(&self) -> bool {
        self.act != Act::Reads
    }
}

const fn read(pattern: &'static str, access: Access) -> Rule {
    Rule { pattern, access, act: Act::Reads }
}

const fn change(pattern: &'static str, access: Access) -> Rule {
    Rule { pattern, access, act: Act::Changes }
}

const fn destroy(pattern: &'static str, access: Access) -> Rule {
    Rule { pattern, access, act: Act::Destroys }
}

const fn may_destroy(pattern: &'static str, access: Access) -> Rule {
    Rule { pattern, access, act: Act::MayDestroy }
}

const VIEWER: Access = Access::Needs(Role::Viewer);
const OPERATOR: Access = Access::Needs(Role::Operator);
const ADMIN: Access = Access::Needs(Role::Admin);

/// The policy. First match wins, so the more exact pattern stands first.
pub const POLICY: &[Rule] = &[
    // Open: nothing else is.
    read("/login", Access::Open),
    read("/setup", Access::Open),
    read("/pkg/*", Access::Open),
    read("/healthz", Access::Open),
    read("/readyz", Access::Open),
    change("/fn/session/sign-in", Access::Open),
    change("/fn/session/set-up", Access::Open),
    change("/fn/session/second-factor", Access::Open),
    // Pages
    read("/", VIEWER),
    read("/databases", VIEWER),
    read("/databases/new", ADMIN),
    read("/databases/{id}", VIEWER),
    read("/databases/{id}/retention", VIEWER),
    read("/databases/{id}/export", OPERATOR),
    read("/databases/{id}/export/download", OPERATOR),
    read("/backups", VIEWER),
    read("/backups/new", OPERATOR),
    read("/backups/selected", VIEWER),
    read("/backups/{id}", VIEWER),
    read("/backups/{id}/restore", OPERATOR),
    read("/backups/{id}/export", OPERATOR),
    read("/backups/{id}/export/download", OPERATOR),
    read("/backups/{id}/download", OPERATOR),
    read("/backups/{id}/download/database", ADMIN),
    read("/import", OPERATOR),
    change("/import/upload", OPERATOR),
    read("/jobs", VIEWER),
    read("/jobs/{id}", VIEWER),
    read("/jobs/{id}/undo", OPERATOR),
    read("/schedules", VIEWER),
    read("/schedules/{id}", VIEWER),
    read("/trash", VIEWER),
    read("/search", VIEWER),
    read("/storage", VIEWER),
    read("/activity", VIEWER),
    read("/activity/download", VIEWER),
    read("/settings", ADMIN),
    read("/settings/people/new", ADMIN),
    read("/settings/tokens/new", ADMIN),
    read("/settings/people/{id}", ADMIN),
    read("/account", VIEWER),
    read("/account/factor", VIEWER),
    read("/confirm", VIEWER),
    read("/events", VIEWER),
    // Redirects of the predecessors' addresses
    read("/backup", VIEWER),
    read("/web/admin/backups", VIEWER),
    // Server functions
    change("/fn/session/sign-out", VIEWER),
    read("/fn/session/who", VIEWER),
    change("/fn/session/theme", VIEWER),
    change("/fn/session/shortcuts", VIEWER),
    change("/fn/session/confirm", VIEWER),
    read("/fn/account/show", VIEWER),
    change("/fn/account/password", VIEWER),
    change("/fn/account/end-session", VIEWER),
    change("/fn/account/reading", VIEWER),
    read("/fn/account/factor", VIEWER),
    destroy("/fn/account/factor-on", VIEWER),
    destroy("/fn/account/factor-off", VIEWER),
    destroy("/fn/account/new-codes", VIEWER),
    read("/fn/overview/show", VIEWER),
    read("/fn/databases/list", VIEWER),
    read("/fn/databases/show", VIEWER),
    change("/fn/databases/add", ADMIN),
    change("/fn/databases/edit", ADMIN),
    destroy("/fn/databases/remove", ADMIN),
    read("/fn/backups/list", VIEWER),
    read("/fn/backups/calendar", VIEWER),
    read("/fn/backups/selected", VIEWER),
    change("/fn/backups/verify-selected", OPERATOR),
    change("/fn/backups/pin-selected", OPERATOR),
    destroy("/fn/backups/delete-selected", OPERATOR),
    read("/fn/backups/show", VIEWER),
    read("/fn/backups/form", OPERATOR),
    change("/fn/backups/create", OPERATOR),
    change("/fn/backups/verify", OPERATOR),
    change("/fn/backups/edit", OPERATOR),
    change("/fn/backups/pin", OPERATOR),
    change("/fn/backups/ack", OPERATOR),
    change("/fn/backups/convert", OPERATOR),
    destroy("/fn/backups/delete", OPERATOR),
    read("/fn/import/plan", OPERATOR),
    change("/fn/import/start", OPERATOR),
    read("/fn/export/show", OPERATOR),
    read("/fn/search/find", VIEWER),
    read("/fn/trash/list", VIEWER),
    change("/fn/trash/put-back", OPERATOR),
    destroy("/fn/trash/empty", OPERATOR),
    read("/fn/restore/plan", OPERATOR),
    may_destroy("/fn/restore/start", OPERATOR),
    read("/fn/restore/undo-plan", OPERATOR),
    destroy("/fn/restore/undo", OPERATOR),
    read("/fn/jobs/list", VIEWER),
    read("/fn/jobs/show", VIEWER),
    change("/fn/jobs/cancel", OPERATOR),
    read("/fn/live/poll", VIEWER),
    read("/fn/retention/show", VIEWER),
    change("/fn/retention/save", OPERATOR),
    destroy("/fn/retention/clean-up", OPERATOR),
    read("/fn/schedules/list", VIEWER),
    read("/fn/schedules/editor", VIEWER),
    change("/fn/schedules/change", OPERATOR),
    change("/fn/schedules/cleanup", OPERATOR),
    change("/fn/schedules/limits", ADMIN),
    read("/fn/storage/show", VIEWER),
    read("/fn/activity/list", VIEWER),
    read("/fn/settings/show", ADMIN),
    read("/fn/settings/token-form", ADMIN),
    destroy("/fn/settings/make-token", ADMIN),
    destroy("/fn/settings/revoke-token", ADMIN),
    read("/fn/people/show", ADMIN),
    destroy("/fn/people/add", ADMIN),
    destroy("/fn/people/role", ADMIN),
    destroy("/fn/people/link", ADMIN),
    destroy("/fn/people/standing", ADMIN),
    destroy("/fn/people/remove", ADMIN),
    destroy("/fn/people/end-session", ADMIN),
    destroy("/fn/people/factor-off", ADMIN),
];

/// The rule for a path, if the table has one. A trailing slash is not the same path.
pub fn rule_for(path: &str) -> Option<&'static Rule> {
    POLICY.iter().find(|rule| fits(rule.pattern, path))
}

/// Whether someone of this role (none: no session) may call a path that this rule is for.
pub fn allows(access: Access, role: Option<Role>) -> bool {
    match access {
        Access::Open => true,
        Access::Needs(least) => role.is_some_and(|role| role >= least),
    }
}

fn fits(pattern: &str, path: &str) -> bool {
    let mut segments = path.split('/');
    for wanted in pattern.split('/') {
        match (wanted, segments.next()) {
            ("*", Some(rest)) => return !rest.is_empty(),
            (wanted, Some(segment)) if wanted == segment => {}
            (wanted, Some(segment)) if wanted.starts_with('{') && !segment.is_empty() => {}
            _ => return false,
        }
    }
    segments.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_finds_its_most_exact_rule() {
        let cases = [
            ("/", Some("/")),
            ("/backups/new", Some("/backups/new")),
            ("/backups/x", Some("/backups/{id}")),
            ("/backups/x/restore", Some("/backups/{id}/restore")),
            ("/pkg/main.css", Some("/pkg/*")),
            ("/pkg/a/b", Some("/pkg/*")),
            ("/pkg/", None),
            ("/pkg", None),
            ("/backups/", None),
            ("/backups/x/y", None),
            ("", None),
            ("//", None),
        ];
        for (path, pattern) in cases {
            assert_eq!(rule_for(path).map(|r| r.pattern), pattern, "{path}");
        }
    }

    #[test]
    fn no_pattern_hides_behind_an_earlier_one() {
        for rule in POLICY {
            let example = rule.pattern.replace("{id}", "some-id").replace('*', "file");
            assert_eq!(rule_for(&example).map(|r| r.pattern), Some(rule.pattern));
        }
    }

    #[test]
    fn only_the_few_are_open() {
        let open: Vec<_> = POLICY.iter().filter(|r| r.access == Access::Open).map(|r| r.pattern).collect();
        assert_eq!(
            open,
            ["/login", "/setup", "/pkg/*", "/healthz", "/readyz", "/fn/session/sign-in", "/fn/session/set-up", "/fn/session/second-factor"]
        );
        assert!(!allows(VIEWER, None));
        assert!(allows(OPERATOR, Some(Role::Admin)) && !allows(OPERATOR, Some(Role::Viewer)));
    }
}
