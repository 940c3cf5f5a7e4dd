//! What is read about which backups are kept: the policy, what it does, and cleaning up.

use super::{Shown, count, plural};

words! {
    title(database: Shown) { en: "Retention of {database}" }
    policy { en: "Policy" }
    saved { en: "Saved: the next cleanups go by this policy" }
    managed(by: Shown) { en: "This policy is set by the {by}, and changed only there" }
    managed_means { en: "Others can be tried here, and not saved." }
    no_preview { en: "There is no preview of this" }

    // Cleaning up now.
    nothing_to_go { en: "By the stored policy nothing has to go now." }
    next_removes(what: Shown) { en: "The next cleanups remove {what}." }
    move_what(what: Shown) { en: "Move {what} to the trash" }
    move_ask(what: Shown) { en: "Move {what} to the trash?" }
    clean_up { en: "Clean up now…" }
    what_goes { en: "What goes" }
    trash_means { en: "Each stays in the trash for 24 hours; until then it can be put back with one click." }
    cleanup { en: "Cleanup" }
    stored_policy { en: "Stored policy" }
    last_cleanup { en: "Last cleanup" }
    next_cleanup { en: "Next cleanup" }

    // The form of a policy.
    last { en: "Last" }
    last_help { en: "The newest of all automatic kinds" }
    hourly { en: "Hourly" }
    hourly_help { en: "The newest hourly ones" }
    daily { en: "Daily" }
    daily_help { en: "The newest daily ones" }
    weekly { en: "Weekly" }
    weekly_help { en: "The newest weekly ones" }
    monthly { en: "Monthly" }
    monthly_help { en: "The newest monthly ones" }
    yearly { en: "Yearly" }
    yearly_help { en: "Also the oldest monthly one of each of so many years" }
    at_start { en: "At start" }
    at_start_help { en: "Made when an application starts; 10 unless you say" }
    at_stop { en: "At stop" }
    at_stop_help { en: "Made when an application stops; 10 unless you say" }
    greatest_age { en: "Greatest age" }
    greatest_age_help { en: "In days; older ones go" }
    at_most { en: "At most" }
    at_most_help { en: "In all; the oldest go first" }
    no_rule { en: "no rule" }
    save { en: "Save policy" }
    imported { en: "Imported backups fall under these rules, too" }
    rules { en: "Empty: no such rule. Never removed: the newest good backup and 3 good ones in any case, pinned ones, those in use, manual ones, safety backups of the last 7 days, and everything while no newer good one exists." }
    preview { en: "Preview" }
    back_to_stored { en: "Back to the stored policy" }
    would_remove(what: Shown) { en: "This policy would remove {what}" }
    would_remove_means(policy: Shown) { en: "{policy}. They go to the trash with the next cleanups, a few at a time, and can be put back for 24 hours each." }
    save_and_remove(what: Shown) { en: "Save it and remove {what}" }

    // What it does to the backups that are there.
    removes_none { en: "Nothing would be removed." }
    removes(what: Shown) { en: "Removed: {what}, into the trash." }
    keeps(what: Shown) { en: "Kept: {what}." }
    will_keep(days: Shown, what: Shown) { en: "In {days} days, if the schedules run as they say: about {what}." }
    tried { en: "Preview of what you try" }
    today { en: "What the policy does today" }
    caption { en: "Every backup: whether it stays, and why" }
    goes { en: "Goes" }
    stays { en: "Stays" }
    older_unlisted(backups: u64, database: Shown) { en: plural(backups, &format!("1 older one is not listed here: keepstone cleanup {database} --dry-run lists it."), &format!("{{}} older ones are not listed here: keepstone cleanup {database} --dry-run lists them all.")) }
    amount(backups: u64, size: Shown) { en: plural(backups, &format!("1 backup, {size}"), &format!("{{}} backups, {size}")) }

    // The axis of the timeline: how long ago.
    ago_now { en: "now" }
    ago_day { en: "1 d" }
    ago_week { en: "1 w" }
    ago_month { en: "1 month" }
    ago_year { en: "1 y" }
    ago_years { en: "5 y" }
    timeline(kept: u64, gone: u64) { en: format!("Timeline of the backups: {} stay, {} go; the table below says which", count(kept), count(gone)) }
}
