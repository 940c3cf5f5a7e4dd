//! What is read about the activity log. The names of acts are the log's own.

use super::{Shown, plural};

words! {
    lead(events: u64) { en: plural(events, "Every act leaves an event that carries the hash of the one before it. 1 event so far.", "Every act leaves an event that carries the hash of the one before it. {} events so far.") }
    broken(event: Shown) { en: "The chain is broken at event {event}" }
    broken_means { en: "Events were changed or removed behind the console's back, or the catalog is damaged. Compare it with one of its backups." }
    position(first: Shown, last: Shown) { en: "Events {first} to {last}" }
    none { en: "No events" }
    none_means { en: "Nothing fits this filter." }
    filter { en: "Filter events" }
}
