//! What is read about what the backups take, and how that grows.

use super::{Shown, plural};

words! {
    // What the disk holds.
    disk { en: "Disk of the backups" }
    away { en: "The disk of the backups is away" }
    away_means { en: "No backup can be made or restored until it is back. Mount it where it was; nothing has to be started anew." }
    folder { en: "Folder" }
    other_files { en: "Other files" }
    free { en: "Free" }
    free_of(free: Shown, disk: Shown) { en: "{free} of {disk}" }
    size_of(size: Shown, backups: u64) { en: plural(backups, &format!("{size}, 1 backup"), &format!("{size}, {{}} backups")) }
    being_made { en: "Being made" }
    own { en: "Keepstone itself" }
    own_files(catalog: Shown, reserve: Shown) { en: "{catalog} catalog, {reserve} set aside for a full disk" }
    none { en: "Nothing is stored yet" }
    none_means { en: "Once there are backups, this page says what they take, how that grows, and when the disk is full." }

    // How it grows.
    full_in(time: Shown) { en: "The disk is full in about {time}" }
    full_way { en: "Keep fewer backups, or give the folder of the backups more room. " }
    full_where { en: "Schedules and retention" }
    too_new { en: "Too new to say how it grows: that takes two days." }
    no_growth { en: "In the last 30 days it did not grow, what cleanup removed taken off." }
    growth(growth: Shown) { en: "{growth} a day in the last 30 days, what cleanup removed taken off." }
    growth_until(growth: Shown, time: Shown) { en: "{growth} a day in the last 30 days, what cleanup removed taken off. The disk is full in about {time}." }
    full_then { en: "That is " }
    days(days: u64) {
        en: match days {
            0 => "less than a day".to_owned(),
            1 => "a day".to_owned(),
            2..=60 => format!("{days} days"),
            61..=700 => format!("{} months", days / 30),
            701..=36_500 => format!("{} years", days / 365),
            _ => "more than a hundred years".to_owned(),
        }
    }
    over_time { en: "Size over time" }
    day { en: "Day" }
    as_table { en: "As a table" }
    by_week { en: "Size of the backups, by week" }
    today { en: "today" }
    days_ahead(days: Shown) { en: "+{days} d" }
    chart(then: Shown, now: Shown) { en: "The backups took {then} at the start and take {now} today; the table below has the numbers" }

    // By database and kind.
    by_database { en: "By database" }
    database_caption { en: "What each database takes" }
    a_day { en: "A day" }
    by_kind { en: "By kind" }
    kind_caption { en: "What each kind of backup takes" }
}
