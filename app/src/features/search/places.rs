//! The console's own pages by what people call them. Server only.

use keepstone_model::access::{self, Role};

use super::api::Hit;
use crate::words::{search as words, shared};

/// Each with its name, its address, and other words for what is done there.
fn all() -> [(&'static str, &'static str, &'static str); 17] {
    [
        (shared::overview(), "/", words::also_overview()),
        (shared::databases(), "/databases", words::also_databases()),
        (shared::add_database(), "/databases/new", words::also_add()),
        (shared::backups(), "/backups", words::also_backups()),
        (words::calendar(), "/backups?view=calendar", words::also_calendar()),
        (shared::create_backup(), "/backups/new", words::also_create()),
        (words::import(), "/import", words::also_import()),
        (shared::jobs(), "/jobs", words::also_jobs()),
        (shared::trash(), "/trash", words::also_trash()),
        (shared::schedules(), "/schedules", words::also_schedules()),
        (words::limits(), "/schedules", words::also_limits()),
        (shared::storage(), "/storage", words::also_storage()),
        (shared::activity(), "/activity", words::also_activity()),
        (shared::settings(), "/settings", words::also_settings()),
        (words::tokens(), "/settings", words::also_tokens()),
        (words::users(), "/settings", words::also_users()),
        (shared::your_account(), "/account", words::also_account()),
    ]
}

/// Those that this person may see.
pub(super) fn places(text: &str, role: Role) -> Vec<Hit> {
    let wanted = text.to_lowercase();
    let fits = |(name, _, words): &(&str, &str, &str)| {
        name.to_lowercase().contains(&wanted) || words.split(' ').any(|word| word.starts_with(&wanted))
    };
    all().into_iter().filter(fits).filter(|(_, href, _)| may_see(href, role)).map(|(name, href, _)| hit(name, href)).collect()
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
        for (name, href, _) in all() {
            assert!(may_see(href, Role::Admin), "{name}");
        }
    }
}
