//! Moments: written out on the server in the person's zone, and never rewritten in the browser.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

/// A point in time as it crosses the wire, e.g. `today 02:00`, `3 h ago`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moment {
    /// For machines, e.g. `2026-11-20T03:00:00Z`.
    pub iso: String,
    /// `today 02:00`, `yesterday 02:00`, `tomorrow 02:00`, else `20 Nov 2026 02:00`.
    pub text: String,
    /// `3 h ago`, `in 5 min`, `just now`.
    pub relative: String,
    /// The whole of it, e.g. `Friday 20 November 2026 02:00:00 CET (Europe/Berlin)`.
    pub full: String,
}

/// A moment as a date and time; its title says the rest.
#[component]
pub fn When(moment: Moment) -> impl IntoView {
    let title = format!("{} – {}", moment.full, moment.relative);
    view! { <time datetime=moment.iso title=title>{moment.text}</time> }
}

/// A moment as an age, e.g. `3 h ago`; its title says when.
#[component]
pub fn Ago(moment: Moment) -> impl IntoView {
    view! { <time datetime=moment.iso title=moment.full>{moment.relative}</time> }
}

#[cfg(feature = "ssr")]
mod on_the_server {
    use jiff::{Timestamp, Unit, tz::TimeZone};
    use keepstone_model::human;

    use super::Moment;
    use crate::{local, words::times as words};

    impl Moment {
        /// Writes a moment out for a person in this zone, as seen at `now`.
        pub fn new(at: Timestamp, now: Timestamp, zone: &TimeZone) -> Self {
            let there = at.to_zoned(zone.clone());
            let today = now.to_zoned(zone.clone()).date();
            let days = today.until((Unit::Day, there.date())).map_or(i32::MAX, |span| span.get_days());
            let format = local::format();
            let time = there.strftime(format.time());
            let dated = |day| format!("{} {time}", there.strftime(day));
            let text = match days {
                0 => words::today(&time),
                -1 => words::yesterday(&time),
                1 => words::tomorrow(&time),
                _ if there.year() == today.year() => dated(format.day()),
                _ => dated(format.date()),
            };
            let secs = now.duration_since(at).as_secs();
            let relative = match secs {
                10.. => words::ago(&human::age_secs(secs)),
                ..=-10 => words::ahead(&human::age_secs(-secs)),
                _ => words::just_now().to_owned(),
            };
            let name = zone.iana_name().map(|name| format!(" ({name})")).unwrap_or_default();
            let full =
                format!("{} {} {}{name}", there.strftime(format.full_date()), there.strftime(format.full_time()), there.strftime("%Z"));
            Self { iso: at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(), text, relative, full }
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn a_moment_is_told_by_its_distance_in_local_days() {
            let zone = TimeZone::get("Europe/Berlin").unwrap();
            let now: Timestamp = "2026-11-20T11:30:00Z".parse().unwrap();
            let cases = [
                ("2026-11-20T01:00:00Z", "today 02:00", "10 h ago"),
                ("2026-11-19T22:59:00Z", "yesterday 23:59", "12 h ago"),
                ("2026-11-19T23:00:00Z", "today 00:00", "12 h ago"),
                ("2026-11-21T01:00:00Z", "tomorrow 02:00", "in 13 h"),
                ("2026-11-20T11:29:55Z", "today 12:29", "just now"),
                ("2026-10-24T00:00:00Z", "24 Oct 02:00", "27 d ago"),
                ("2025-11-20T01:00:00Z", "20 Nov 2025 02:00", "365 d ago"),
            ];
            for (at, text, relative) in cases {
                let moment = Moment::new(at.parse().unwrap(), now, &zone);
                assert_eq!((moment.text.as_str(), moment.relative.as_str()), (text, relative), "{at}");
            }
            let texts = |tag: &str| {
                let format = keepstone_model::locale::Format::of(tag).unwrap();
                let of = |at: &str| local::with(format, || Moment::new(at.parse().unwrap(), now, &zone));
                (of("2026-10-24T13:05:00Z").text, of("2025-11-20T01:00:00Z").text, of("2026-11-20T01:00:00Z").full)
            };
            let german = ("24.10. 15:05", "20.11.2025 02:00", "Friday 20.11.2026 02:00:00 CET (Europe/Berlin)");
            assert_eq!(texts("de"), (german.0.into(), german.1.into(), german.2.into()));
            let american = ("Oct 24 3:05 PM", "Nov 20, 2025 2:00 AM", "Friday, November 20, 2026 2:00:00 AM CET (Europe/Berlin)");
            assert_eq!(texts("en-US"), (american.0.into(), american.1.into(), american.2.into()));
            let full = Moment::new("2026-11-20T01:00:00Z".parse().unwrap(), now, &zone).full;
            assert_eq!(full, "Friday 20 November 2026 02:00:00 CET (Europe/Berlin)");
        }
    }
}
