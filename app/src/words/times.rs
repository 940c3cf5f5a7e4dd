//! What is read of points in time. Their numbers, and the order of a date, are not a language's but a locale's.

use super::Shown;

words! {
    // A day and a time of day, e.g. `02:00`.
    today(time: Shown) { en: "today {time}" }
    yesterday(time: Shown) { en: "yesterday {time}" }
    tomorrow(time: Shown) { en: "tomorrow {time}" }

    // How far away a moment is, e.g. `3 h`.
    ago(time: Shown) { en: "{time} ago" }
    ahead(time: Shown) { en: "in {time}" }
    just_now { en: "just now" }
}
