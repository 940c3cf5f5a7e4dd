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
    deleted { en: "Deleted" }
    amount(backups: u64, size: Shown) { en: plural(backups, &format!("1 backup, {size}"), &format!("{{}} backups, {size}")) }
    each(amount: Shown) { en: "{amount}. Each can be put back until its time is over; then its archive is gone." }
}
