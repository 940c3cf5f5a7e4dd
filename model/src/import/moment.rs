//! Times as predecessors wrote them: with a zone, or as the clock on the wall said.

use jiff::{Timestamp, civil::DateTime};

/// A point in time, as far as its text says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    At(Timestamp),
    /// Of a clock whose zone is not said.
    Local(DateTime),
}

/// Reads `20231016_120000`, `2023-10-16 12:00:00`, `2023-11-16T14:30:22.000Z`, `2025-06-27T14:30:22+02:00` and the like; nothing else may stand
/// around it.
pub fn moment(text: &str) -> Option<Moment> {
    let (moment, rest) = beginning(text.trim().as_bytes())?;
    rest.is_empty().then_some(moment)
}

/// The first time that stands in a text, e.g. in a file's name.
pub fn find(text: &str) -> Option<Moment> {
    let bytes = text.as_bytes();
    let starts = |&at: &usize| bytes[at].is_ascii_digit() && (at == 0 || !bytes[at - 1].is_ascii_digit());
    (0..bytes.len()).filter(starts).find_map(|at| {
        let (moment, rest) = beginning(&bytes[at..])?;
        rest.first().is_none_or(|next| !next.is_ascii_digit()).then_some(moment)
    })
}

/// A time that a text begins with, and what follows it.
fn beginning(mut text: &[u8]) -> Option<(Moment, &[u8])> {
    let year = digits(&mut text, 4)?;
    skip(&mut text, b"-");
    let month = digits(&mut text, 2)?;
    skip(&mut text, b"-");
    let day = digits(&mut text, 2)?;
    let (&parts, after) = text.split_first()?;
    if !b"_Tt -".contains(&parts) {
        return None;
    }
    text = after;
    let hour = digits(&mut text, 2)?;
    skip(&mut text, b":-");
    let minute = digits(&mut text, 2)?;
    skip(&mut text, b":-");
    let second = digits(&mut text, 2)?;
    let mut nanosecond = 0;
    if let Some((b'.' | b',', rest)) = text.split_first()
        && rest.first().is_some_and(u8::is_ascii_digit)
    {
        let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        nanosecond =
            (0..9).fold(0, |value, at| value * 10 + rest.get(at).filter(|_| at < count).map_or(0, |digit| i32::from(digit - b'0')));
        text = &rest[count..];
    }
    // 1970 to 2199: what lies outside is no time of a backup.
    if !(1970..2200).contains(&year) {
        return None;
    }
    let small = |value: i64| i8::try_from(value).ok();
    let civil =
        DateTime::new(i16::try_from(year).ok()?, small(month)?, small(day)?, small(hour)?, small(minute)?, small(second)?, nanosecond)
            .ok()?;
    let Some((offset_s, rest)) = offset(text) else { return Some((Moment::Local(civil), text)) };
    let as_utc = civil.date().duration_since(jiff::civil::date(1970, 1, 1)).as_secs() + hour * 3600 + minute * 60 + second;
    let at = Timestamp::new(as_utc - offset_s, nanosecond).ok()?;
    Some((Moment::At(at), rest))
}

/// `Z`, `+02:00` or `-0530`, in seconds.
fn offset(text: &[u8]) -> Option<(i64, &[u8])> {
    match text.split_first()? {
        (b'Z' | b'z', rest) => Some((0, rest)),
        (sign @ (b'+' | b'-'), mut rest) => {
            let hours = digits(&mut rest, 2)?;
            skip(&mut rest, b":");
            let minutes = digits(&mut rest, 2)?;
            if hours > 15 || minutes > 59 {
                return None;
            }
            let seconds = hours * 3600 + minutes * 60;
            Some((if *sign == b'-' { -seconds } else { seconds }, rest))
        }
        _ => None,
    }
}

fn digits(text: &mut &[u8], count: usize) -> Option<i64> {
    let (head, rest) = text.split_at_checked(count)?;
    let value = head.iter().try_fold(0_i64, |value, digit| digit.is_ascii_digit().then(|| value * 10 + i64::from(digit - b'0')))?;
    *text = rest;
    Some(value)
}

fn skip(text: &mut &[u8], any_of: &[u8]) {
    if let Some((first, rest)) = text.split_first()
        && any_of.contains(first)
    {
        *text = rest;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::datetime;
    use proptest::prelude::*;

    #[test]
    fn times_as_the_documents_have_them() {
        let local = |y, mo, d, h, mi, s| Some(Moment::Local(datetime(y, mo, d, h, mi, s, 0)));
        let at = |text: &str| Some(Moment::At(text.parse().unwrap()));
        let cases = [
            ("20231016_120000", local(2023, 10, 16, 12, 0, 0)),
            ("2023-10-16 12:00:00", local(2023, 10, 16, 12, 0, 0)),
            ("2025-06-27T14:30:22", local(2025, 6, 27, 14, 30, 22)),
            ("2023-11-16T14:30:22.000Z", at("2023-11-16T14:30:22Z")),
            ("2023-11-16T14:30:22.25+02:00", at("2023-11-16T12:30:22.25Z")),
            ("20261120T030000Z", at("2026-11-20T03:00:00Z")),
            ("2023-13-16 12:00:00", None),
            ("2023-02-30 12:00:00", None),
            ("2023-10-16", None),
            ("20231016120000", None),
            ("2023-10-16 12:00:00 or so", None),
            ("0001-10-16 12:00:00", None),
            ("", None),
        ];
        for (text, expected) in cases {
            assert_eq!(moment(text), expected, "{text}");
        }
        let time = local(2025, 10, 31, 12, 0, 0);
        assert_eq!(find("data_backup_AUTO_20251031_120000"), time);
        assert_eq!(find("shop-2025-10-31_12-00-00-final"), time);
        assert_eq!(find("x120251031_120000"), None);
        assert_eq!(find("backup_20251031_1200001"), None);
    }

    proptest! {
        #[test]
        fn no_text_breaks_it(text in "\\PC{0,40}") {
            moment(&text);
            find(&text);
        }

        #[test]
        fn what_is_written_is_read(second in 0_i64..7_000_000_000) {
            let at = Timestamp::from_second(second).unwrap();
            prop_assert_eq!(moment(&at.to_string()), Some(Moment::At(at)));
            let civil = at.strftime("%Y%m%d_%H%M%S").to_string();
            let Some(Moment::Local(local)) = moment(&civil) else { panic!("{civil}") };
            prop_assert_eq!(local.strftime("%Y%m%d_%H%M%S").to_string(), civil);
        }
    }
}
