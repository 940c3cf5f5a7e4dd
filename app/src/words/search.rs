//! What is read where something is looked for, and the words by which pages are found.

use super::{Shown, plural};

words! {
    ask { en: "What are you looking for?" }
    ask_means { en: "A piece of the name of a database, of a backup's id, description or tag, the id of a job, or the name of a page." }
    nothing { en: "Nothing was found" }
    results(results: u64) { en: plural(results, "1 result", "{} results") }
    nothing_means { en: "Every part of a name is looked for as it is written. A backup's day is found in the list of backups, by its filter." }
    fields { en: "Name, id, description or tag" }
    shown_of(shown: Shown, total: Shown) { en: "{shown} of {total}" }
    show_all { en: "Show all of them" }
    people { en: "People" }
    pages { en: "Pages" }

    // Pages, as they are found.
    calendar { en: "Calendar of backups" }
    import { en: "Import backups" }
    limits { en: "Limits of jobs" }
    tokens { en: "Tokens of programs" }
    users { en: "Users" }

    // Other words by which pages are found, separated by blanks.
    also_overview { en: "home status dashboard risk" }
    also_databases { en: "list protected" }
    also_add { en: "new protect sqlite postgresql url" }
    also_backups { en: "archives list" }
    also_calendar { en: "month days" }
    also_create { en: "new make run now" }
    also_import { en: "upload old predecessor migrate restore file" }
    also_jobs { en: "running progress log restores undo" }
    also_trash { en: "deleted put back undo delete" }
    also_schedules { en: "cron times interval plan" }
    also_limits { en: "parallel hung timeout" }
    also_storage { en: "disk space size forecast full growth" }
    also_activity { en: "log audit events history chain" }
    also_settings { en: "system version data directory" }
    also_tokens { en: "api bearer prometheus metrics" }
    also_users { en: "people accounts roles invite operator viewer admin" }
    also_account { en: "password sessions second factor two-factor totp sign out" }
}
