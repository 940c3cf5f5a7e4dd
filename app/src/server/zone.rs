//! The time zone in which a person reads times: the cookie that their browser set, else the host's.

use jiff::tz::TimeZone;

use super::cookie;

/// The cookie with an IANA name, e.g. `Europe/Berlin`; the browser may write its slash as `%2F`.
pub(super) const ZONE_COOKIE: &str = "keepstone_zone";

/// The zone of the person whose request is being answered.
pub fn zone() -> TimeZone {
    cookie(ZONE_COOKIE).and_then(|name| zone_of(&name)).unwrap_or_else(TimeZone::system)
}

/// The zone of this name, if it is one. The name comes from outside and is looked up as a file: nothing but an IANA name gets that far.
pub fn zone_of(name: &str) -> Option<TimeZone> {
    let name = name.replace("%2F", "/").replace("%2f", "/");
    let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'_' | b'-' | b'+'));
    let segments = name.split('/').all(|segment| !segment.is_empty());
    (name.len() <= 40 && plain && segments).then(|| TimeZone::get(&name).ok()).flatten()
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
}
