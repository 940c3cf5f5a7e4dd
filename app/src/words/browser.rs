//! What only the program in the browser says, because no server wrote it.

use super::Shown;

words! {
    // The backups that are ticked in a list.
    selected(count: Shown, size: Shown) { en: "{count} selected, {size}" }

    // Where a page should be.
    load_again { en: "Load the page again in a moment." }
}
