//! The console's own pages by what people call them. Server only.

use keepstone_model::access::{self, Role};

use super::api::Hit;

/// Each with its name, its address, and other words for what is done there.
const PLACES: [(&str, &str, &str); 17] = [
    ("Overview", "/", "home status dashboard risk"),
    ("Databases", "/databases", "list protected"),
    ("Add a database", "/databases/new", "new protect sqlite postgresql url"),
    ("Backups", "/backups", "archives list"),
    ("Calendar of backups", "/backups?view=calendar", "month days"),
    ("Create backup", "/backups/new", "new make run now"),
    ("Import backups", "/import", "upload old predecessor migrate restore file"),
    ("Jobs", "/jobs", "running progress log restores undo"),
    ("Trash", "/trash", "deleted put back undo delete"),
    ("Schedules", "/schedules", "cron times interval plan"),
    ("Limits of jobs", "/schedules", "parallel hung timeout"),
    ("Storage", "/storage", "disk space size forecast full growth"),
    ("Activity", "/activity", "log audit events history chain"),
    ("Settings", "/settings", "system version data directory"),
    ("Tokens of programs", "/settings", "api bearer prometheus metrics"),
    ("Users", "/settings", "people accounts roles invite operator viewer admin"),
    ("Your account", "/account", "password sessions second factor two-factor totp sign out"),
];

/// Those that this person may see.
pub(super) fn places(text: &str, role: Role) -> Vec<Hit> {
    let wanted = text.to_lowercase();
    let fits = |(name, _, words): &&(&str, &str, &str)| {
        name.to_lowercase().contains(&wanted) || words.split(' ').any(|word| word.starts_with(&wanted))
    };
    PLACES.iter().filter(fits).filter(|(_, href, _)| may_see(href, role)).map(|(name, href, _)| hit(name, href)).collect()
}

fn may_see(href: &str, role: Role) -> bool {
    let path = href.split('?').next().unwrap_or(href);
    access::rule_for(path).is_some_and(|rule| access::allows(rule.access, Some(role)))
}

fn hit(name: &str, href: &str) -> Hit {
    Hit { href: href.to_owned(), title: name.to_owned(), state: None, when: None, said: String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_found_by_its_name_and_by_what_is_done_there() {
        let found = |text: &str, role| places(text, role).into_iter().map(|hit| hit.title).collect::<Vec<_>>();
        assert_eq!(found("TRASH", Role::Viewer), ["Trash"]);
        assert_eq!(found("prometheus", Role::Admin), ["Tokens of programs"]);
        assert!(found("prometheus", Role::Operator).is_empty(), "nobody is led where they may not go");
        assert!(found("<script>", Role::Admin).is_empty());
    }

    #[test]
    fn every_place_is_a_page() {
        for (name, href, _) in PLACES {
            assert!(may_see(href, Role::Admin), "{name}");
        }
    }
}
