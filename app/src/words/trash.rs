//! What is read about the trash.

use super::{Shown, plural};

words! {
    none { en: "The trash is empty" }
    none_means { en: "A deleted backup stays here for 24 hours, and can be put back with one click." }
    empty { en: "Empty the trash…" }
    empty_title(what: Shown) { en: "Remove {what} for good?" }
    empty_means { en: "Their archives are removed from the disk. Nothing brings them back." }
    empty_type { en: "Type empty to remove them" }
    empty_do(what: Shown) { en: "Remove {what}" }
    empty_typed_wrong { en: "Type the word empty." }
    some_stay(removed: u64, left: u64, why: Shown) { en: format!(
        "{}, {}: {why}",
        plural(removed, "1 backup was removed", "{} backups were removed"),
        plural(left, "1 stays", "{} stay")
    ) }
    caption { en: "Deleted backups" }
    removed { en: "Of databases that were removed" }
    removed_means { en: "Add the database again to take these back. What is over its time goes by itself." }
    removed_backups(backups: u64) { en: plural(backups, "1 backup", "{} backups") }
    removed_add { en: "Add a database" }
    deleted { en: "Deleted" }
    amount(backups: u64, size: Shown) { en: plural(backups, &format!("1 backup, {size}"), &format!("{{}} backups, {size}")) }
    each(amount: Shown) { en: "{amount}. Each can be put back until its time is over; then its archive is gone." }
}
