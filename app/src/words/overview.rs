//! What is read on the Overview: its head, the first steps, the databases by risk.

use super::{Shown, count};

words! {
    // The head: how many databases are so, or which one; and what that means.
    failed(name: Shown, these: u64, all: u64) {
        en: match (these, all) {
            (1, 1) => format!("{name} has no good backup"),
            (1, _) => format!("1 of {} databases has no good backup", count(all)),
            _ => format!("{} of {} databases have no good backup", count(these), count(all)),
        }
    }
    failed_means(name: Shown, last: Option<&str>) {
        en: match last {
            None => format!("{name}: nothing of it could be restored."),
            Some(error) => format!("{name}: nothing of it could be restored. The last run failed: {error}"),
        }
    }
    at_risk(name: Shown, these: u64, all: u64) {
        en: match (these, all) {
            (1, 1) => format!("{name} is at risk"),
            (1, _) => format!("1 of {} databases is at risk", count(all)),
            _ => format!("{} of {} databases are at risk", count(these), count(all)),
        }
    }
    concern(name: Shown, concern: Shown) { en: "{name}: {concern}" }
    at_risk_means(name: Shown, newest: Shown, objective: Shown, last: Option<&str>) {
        en: match last {
            None => format!("{name}: the newest good backup was taken {newest}, the objective is {objective}."),
            Some(error) => format!("{name}: the newest good backup was taken {newest}, the objective is {objective}. The last run failed: {error}"),
        }
    }
    unproven(name: Shown, these: u64, all: u64) {
        en: match (these, all) {
            (1, 1) => format!("{name} has no proven backup"),
            (1, _) => format!("1 of {} databases has no proven backup", count(all)),
            _ => format!("{} of {} databases have no proven backup", count(these), count(all)),
        }
    }
    unchecked(name: Shown, these: u64, all: u64) {
        en: match (these, all) {
            (1, 1) => format!("The newest backup of {name} is unproven"),
            (1, _) => format!("The newest backup of 1 of {} databases is unproven", count(all)),
            _ => format!("The newest backups of {} of {} databases are unproven", count(these), count(all)),
        }
    }
    never_backed_up(name: Shown) { en: "{name} was never backed up." }
    unproven_means(name: Shown) { en: "{name}: there are backups of it, and none was opened and checked." }
    running(name: Shown, these: u64, all: u64) {
        en: match (these, all) {
            (1, 1) => format!("{name} is being backed up"),
            (1, _) => format!("1 of {} databases is being backed up", count(all)),
            _ => format!("{} of {} databases are being backed up", count(these), count(all)),
        }
    }
    running_over(name: Shown, newest: Shown) { en: "{name}: the newest good backup was taken {newest}, which is longer than its objective." }
    running_fine(name: Shown, newest: Shown) { en: "Nothing is at risk. {name}: the newest good backup was taken {newest}." }
    running_first(name: Shown) { en: "{name}: this is to be its first good backup." }
    protected(name: Shown, these: u64, all: u64) {
        en: match all {
            1 => format!("{name} is protected"),
            _ if these == all => format!("All {} databases are protected", count(all)),
            _ => format!("{} of {} databases are protected, {} paused", count(these), count(all), count(all - these)),
        }
    }
    protected_means(newest: Shown) { en: "Its newest good backup was taken {newest}, and was read back, opened and checked." }
    all_protected_mean { en: "The newest good backup of each is younger than its objective, and was read back, opened and checked." }
    paused(name: Shown, these: u64, all: u64) {
        en: match (these, all) {
            (1, 1) => format!("{name} is paused"),
            (1, _) => format!("1 of {} databases is paused", count(all)),
            _ => format!("{} of {} databases are paused", count(these), count(all)),
        }
    }
    paused_means { en: "No schedule runs, so nothing new is being protected." }
    cleanup(name: Shown) { en: "The cleanup of {name} needs you" }
    cleanups(databases: u64) { en: format!("The cleanups of {} databases need you", count(databases)) }

    // The databases by risk.
    by_risk { en: "Databases by risk" }
    all_databases { en: "All databases" }
    next_run_at { en: "Next run " }
    not_scheduled { en: "Not scheduled" }
    far_and_left(far: Shown, time: Shown) { en: "{far} · {time} left" }
    back_up_now(database: Shown) { en: "Back up {database} now" }
    see(database: Shown) { en: "See {database}" }

    // The first steps.
    first_steps { en: "Three steps to a database that is safe" }
    step_done { en: " (done)" }
    step_database_means { en: "By the path of its file; the file stays where it is." }
    step_backup { en: "Make the first backup" }
    step_backup_means { en: "It is read back and checked before it counts." }
    step_schedule { en: "Have it done on a schedule" }
    step_schedule_means { en: "Daily, weekly and monthly come with a database unless left out." }

    // Below them.
    nothing_happened { en: "Nothing happened yet" }
    all_activity { en: "All activity" }
    recent { en: "Recent activity" }
    stored { en: "Stored" }
    restore_tested { en: "Restored in a test within 7 days" }
    free { en: "Free" }
}
