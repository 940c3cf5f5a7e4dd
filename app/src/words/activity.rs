//! What is read about the activity log. The names of acts are the log's own.

use super::{Shown, plural};

words! {
    lead(events: u64) { en: plural(events, "Every act leaves an event that carries the hash of the one before it. 1 event so far.", "Every act leaves an event that carries the hash of the one before it. {} events so far.") }
    broken(event: Shown) { en: "The chain is broken at event {event}" }
    broken_means { en: "Events were changed or removed behind the console's back, or the catalog is damaged. Compare it with one of its backups." }
    position(first: Shown, last: Shown) { en: "Events {first} to {last}" }
    none_fits { en: "No event fits this filter" }
    show_all { en: "Show all events" }
    filter { en: "Filter events" }
    who { en: "Who" }
    anyone { en: "anyone" }
    result { en: "Result" }
    all_results { en: "all results" }
    export { en: "Export" }
    csv { en: "CSV" }
    csv_is { en: "for a spreadsheet" }
    json { en: "JSON" }
    json_is { en: "with the hashes of the chain" }
}
