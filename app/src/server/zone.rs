//! The time zone in which a person reads times, and how numbers and dates are written for them: what they set for themselves, else what their
//! browser says, else the host's zone and the form of nobody in particular.

use axum::http::{header, request::Parts};
use jiff::{Timestamp, civil::Time, tz::TimeZone};
use keepstone_model::locale::Format;
use leptos::prelude::use_context;

use super::{Person, cookie};

/// The cookie with an IANA name, e.g. `Europe/Berlin`; the browser may write its slash as `%2F`.
pub(super) const ZONE_COOKIE: &str = "keepstone_zone";

/// The zone of the person whose request is being answered.
pub fn zone() -> TimeZone {
    let own = super::person().ok().and_then(|person| zone_of(&person.preferences.zone));
    own.or_else(browsers_zone).unwrap_or_else(TimeZone::system)
}

/// What the browser says its zone is.
pub fn browsers_zone() -> Option<TimeZone> {
    cookie(ZONE_COOKIE).and_then(|name| zone_of(&name))
}

/// How numbers and dates are written in the answer to this request.
pub fn format() -> Format {
    let Some(parts) = use_context::<Parts>() else { return Format::default() };
    let own = parts.extensions.get::<Person>().and_then(|person| Format::of(&person.preferences.format));
    let accepted = || parts.headers.get(header::ACCEPT_LANGUAGE).and_then(|header| Format::accepted(header.to_str().ok()?));
    own.or_else(accepted).unwrap_or_default()
}

/// The zone of this name, if it is one. The name comes from outside and is looked up as a file: nothing but an IANA name gets that far.
pub fn zone_of(name: &str) -> Option<TimeZone> {
    let name = name.replace("%2F", "/").replace("%2f", "/");
    let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'_' | b'-' | b'+'));
    let segments = name.split('/').all(|segment| !segment.is_empty());
    (name.len() <= 40 && plain && segments).then(|| TimeZone::get(&name).ok()).flatten()
}

/// The lines of a job's log, which begin with their time of day in UTC, in the person's zone. `began` says which day that was.
pub fn log_in_zone(lines: Vec<String>, began: Option<Timestamp>, zone: &TimeZone) -> Vec<String> {
    let Some(began) = began.map(|at| at.to_zoned(TimeZone::UTC).datetime()) else { return lines };
    let there = |line: &str| {
        let (time, text) = line.split_once(' ')?;
        let time: Time = time.parse().ok()?;
        // A time before the beginning is one of the next day. The beginning itself has fractions of a second.
        let day = if time < began.time().with().subsec_nanosecond(0).build().ok()? { began.date().tomorrow().ok()? } else { began.date() };
        let at = day.to_datetime(time).to_zoned(TimeZone::UTC).ok()?;
        Some(format!("{} {text}", at.with_time_zone(zone.clone()).strftime("%H:%M:%S")))
    };
    lines.into_iter().map(|line| there(&line).unwrap_or(line)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_iana_names_are_zones() {
        for name in ["Europe/Berlin", "Europe%2FBerlin", "UTC", "America/Argentina/Buenos_Aires", "Etc/GMT+3"] {
            assert!(zone_of(name).is_some(), "{name}");
        }
        for name in ["", "/", "../etc/passwd", "/etc/localtime", "Europe/", "Nowhere/Land", "Europe/Berlin\0", &"x".repeat(41)] {
            assert!(zone_of(name).is_none(), "{name}");
        }
    }

    #[test]
    fn a_log_is_told_by_the_clock_of_the_reader() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let lines = ["23:59:58 Take the snapshot", "00:00:02 Publish", "no time"].map(str::to_owned).to_vec();
        let told = log_in_zone(lines.clone(), "2026-11-20T23:59:58.7Z".parse().ok(), &zone);
        assert_eq!(told, ["00:59:58 Take the snapshot", "01:00:02 Publish", "no time"]);
        assert_eq!(log_in_zone(lines.clone(), None, &zone), lines);
    }
}
