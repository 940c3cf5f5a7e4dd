//! How numbers, dates and times are written where a person lives: the marks between digits, the order of a date, the clock of 12 or 24 hours.
//! What the words around them say is a language's matter and is not here.
//!
//! The classes and who belongs to which are those of CLDR 48 (<https://cldr.unicode.org>, `numbers` and `dates` of `common/main`): of dates the
//! medium form where it has a month in words that the console speaks, else the short one with the whole year. A locale that is not in the
//! table is written by its language; a language that is not, as nobody in particular: `1 234.5`, `30 Nov 2026 14:05`.

use serde::{Deserialize, Serialize};

/// The decimal mark and how digits are grouped.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Numbers {
    /// `1 234.5`, with narrow no-break spaces (ISO 80000).
    #[default]
    Plain,
    /// `1,234.5`
    Comma,
    /// `12,34,567.8`
    Indian,
    /// `1.234,5`
    Point,
    /// `1 234,5`, with no-break spaces.
    Space,
    /// `1 234,5`, with narrow ones.
    NarrowSpace,
    /// `1’234.5`
    Apostrophe,
}

/// The order and marks of a date.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Dates {
    /// `30 Nov 2026`
    #[default]
    DayMonth,
    /// `Nov 30, 2026`
    MonthDay,
    /// `30.11.2026`
    Dots,
    /// `30/11/2026`
    Slashes,
    /// `30-11-2026`
    Dashes,
    /// `2026-11-30`
    Iso,
    /// `2026/11/30`
    YearSlashes,
    /// `2026. 11. 30.`
    YearDots,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Clock {
    #[default]
    Hours24,
    Hours12,
}

/// How one person reads numbers and times.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Format {
    pub numbers: Numbers,
    pub dates: Dates,
    pub clock: Clock,
}

const fn f(numbers: Numbers, dates: Dates, clock: Clock) -> Format {
    Format { numbers, dates, clock }
}

use Clock::{Hours12 as H12, Hours24 as H24};
use Dates::{Dashes, DayMonth, Dots, Iso, MonthDay, Slashes, YearDots, YearSlashes};
use Numbers::{Apostrophe, Comma, Indian, NarrowSpace, Point, Space};

/// Locales by their tags; a region stands apart only where it differs from its language.
const TABLE: [(&str, Format); 36] = [
    ("en en-us en-ph fil", f(Comma, MonthDay, H12)),
    ("en-ca", f(Comma, MonthDay, H12)),
    ("en-gb en-ie en-mt en-gg en-je en-im en-150 en-001", f(Comma, DayMonth, H24)),
    ("en-au en-nz en-sg en-hk en-my", f(Comma, DayMonth, H12)),
    ("en-in", f(Indian, DayMonth, H12)),
    ("en-za en-se en-fi", f(Space, DayMonth, H24)),
    ("en-de en-nl en-dk", f(Point, DayMonth, H24)),
    ("en-ch", f(Apostrophe, DayMonth, H24)),
    ("de tr ro is da mk az", f(Point, Dots, H24)),
    ("hr sl sr bs", f(Point, Dots, H24)),
    ("de-at", f(Space, Dots, H24)),
    ("de-ch de-li it-ch", f(Apostrophe, Dots, H24)),
    ("nl", f(Point, Dashes, H24)),
    ("nl-be it es pt vi ca gl id", f(Point, Slashes, H24)),
    ("es-mx es-us es-pe es-419", f(Comma, Slashes, H12)),
    ("es-ar es-co es-ve es-ec", f(Point, Slashes, H12)),
    ("es-cl", f(Point, Dashes, H12)),
    ("el", f(Point, Slashes, H12)),
    ("pt-pt", f(Space, Slashes, H24)),
    ("eu", f(Point, YearSlashes, H24)),
    ("fr fr-be", f(NarrowSpace, Slashes, H24)),
    ("fr-ca", f(Space, Iso, H24)),
    ("fr-ch", f(NarrowSpace, Dots, H24)),
    ("ru uk be cs sk pl", f(Space, Dots, H24)),
    ("nb nn no fi", f(Space, Dots, H24)),
    ("bg lv et ka kk hy", f(Space, Dots, H24)),
    ("sq", f(Space, Dots, H12)),
    ("sv lt af", f(Space, Iso, H24)),
    ("hu", f(Space, YearDots, H24)),
    ("ja zh fa", f(Comma, YearSlashes, H24)),
    ("zh-tw", f(Comma, YearSlashes, H12)),
    ("zh-hk", f(Comma, Slashes, H12)),
    ("ko", f(Comma, YearDots, H12)),
    ("th sw he", f(Comma, Slashes, H24)),
    ("ar ms ur kn", f(Comma, Slashes, H12)),
    ("hi bn gu ml mr ta pa te", f(Indian, Slashes, H12)),
];

/// Those that a person is offered: one for each way of writing that people ask for.
pub const OFFERED: [&str; 16] =
    ["en-GB", "en-US", "en-AU", "en-IN", "de", "de-AT", "de-CH", "es", "es-MX", "fr", "hu", "ja", "ko", "nl", "pt-PT", "sv"];

impl Format {
    /// How it is written in a locale, e.g. `de-AT`; none if neither it nor its language is known.
    pub fn of(tag: &str) -> Option<Self> {
        let tag = tag.trim().to_ascii_lowercase().replace('_', "-");
        let find = |wanted: &str| {
            let named = |(tags, _): &&(&str, Self)| tags.split(' ').any(|one| one == wanted);
            TABLE.iter().find(named).map(|(_, format)| *format)
        };
        // `zh-hant-tw`, too, is of its region.
        let (language, region) = (tag.split('-').next()?, tag.rsplit('-').next()?);
        find(&tag).or_else(|| find(&format!("{language}-{region}"))).or_else(|| find(language))
    }

    /// The first that is known of an `Accept-Language` header, by the weights in it (RFC 9110, section 12.5.4).
    pub fn accepted(header: &str) -> Option<Self> {
        let mut wishes: Vec<(f32, &str)> = header
            .split(',')
            .take(20)
            .filter_map(|wish| {
                let (tag, weight) = wish.split_once(';').unwrap_or((wish, "q=1"));
                let weight = weight.trim().strip_prefix("q=").and_then(|weight| weight.parse::<f32>().ok())?;
                (weight > 0.0).then_some((weight, tag.trim()))
            })
            .collect();
        wishes.sort_by(|a, b| b.0.total_cmp(&a.0));
        wishes.into_iter().find_map(|(_, tag)| Self::of(tag))
    }

    fn marks(self) -> (&'static str, char) {
        match self.numbers {
            Numbers::Plain => ("\u{202f}", '.'),
            Numbers::Comma | Numbers::Indian => (",", '.'),
            Numbers::Point => (".", ','),
            Numbers::Space => ("\u{a0}", ','),
            Numbers::NarrowSpace => ("\u{202f}", ','),
            Numbers::Apostrophe => ("’", '.'),
        }
    }

    /// A whole number, e.g. `2,000,000`.
    pub fn count(self, number: u64) -> String {
        let (group, _) = self.marks();
        let digits = number.to_string();
        let mut out = String::with_capacity(digits.len() * 2);
        for (i, c) in digits.chars().enumerate() {
            let left = digits.len() - i;
            let starts = left.is_multiple_of(3) && (self.numbers != Numbers::Indian || left == 3)
                || self.numbers == Numbers::Indian && left > 3 && !left.is_multiple_of(2);
            if i > 0 && starts {
                out.push_str(group);
            }
            out.push(c);
        }
        out
    }

    /// A size or duration as `human` writes it, with the person's decimal mark, e.g. `1,2 GB`.
    pub fn decimal(self, text: String) -> String {
        match self.marks() {
            (_, '.') => text,
            (_, mark) => text.replace('.', mark.encode_utf8(&mut [0; 4])),
        }
    }

    /// A date with its year, as `strftime` takes it.
    pub fn date(self) -> &'static str {
        match self.dates {
            Dates::DayMonth => "%-d %b %Y",
            Dates::MonthDay => "%b %-d, %Y",
            Dates::Dots => "%d.%m.%Y",
            Dates::Slashes => "%d/%m/%Y",
            Dates::Dashes => "%d-%m-%Y",
            Dates::Iso => "%Y-%m-%d",
            Dates::YearSlashes => "%Y/%m/%d",
            Dates::YearDots => "%Y. %m. %d.",
        }
    }

    /// A date of this year.
    pub fn day(self) -> &'static str {
        match self.dates {
            Dates::DayMonth => "%-d %b",
            Dates::MonthDay => "%b %-d",
            Dates::Dots => "%d.%m.",
            Dates::Slashes => "%d/%m",
            Dates::Dashes => "%d-%m",
            Dates::Iso => "%m-%d",
            Dates::YearSlashes => "%m/%d",
            Dates::YearDots => "%m. %d.",
        }
    }

    /// The whole of a date, with the day of the week.
    pub fn full_date(self) -> &'static str {
        match self.dates {
            Dates::DayMonth => "%A %-d %B %Y",
            Dates::MonthDay => "%A, %B %-d, %Y",
            Dates::Dots => "%A %d.%m.%Y",
            Dates::Slashes => "%A %d/%m/%Y",
            Dates::Dashes => "%A %d-%m-%Y",
            Dates::Iso => "%A %Y-%m-%d",
            Dates::YearSlashes => "%A %Y/%m/%d",
            Dates::YearDots => "%A %Y. %m. %d.",
        }
    }

    /// A time of day.
    pub fn time(self) -> &'static str {
        match self.clock {
            Clock::Hours24 => "%H:%M",
            Clock::Hours12 => "%-I:%M %p",
        }
    }

    /// The same to the second.
    pub fn full_time(self) -> &'static str {
        match self.clock {
            Clock::Hours24 => "%H:%M:%S",
            Clock::Hours12 => "%-I:%M:%S %p",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::human;

    #[test]
    fn numbers_are_written_as_in_the_place() {
        let cases = [
            ("en-US", "12,345,678", "1.2 GB"),
            ("de-DE", "12.345.678", "1,2 GB"),
            ("de_CH", "12’345’678", "1.2 GB"),
            ("fr", "12\u{202f}345\u{202f}678", "1,2 GB"),
            ("cs", "12\u{a0}345\u{a0}678", "1,2 GB"),
            ("hi-IN", "1,23,45,678", "1.2 GB"),
        ];
        for (tag, count, size) in cases {
            let format = Format::of(tag).unwrap();
            assert_eq!((format.count(12_345_678).as_str(), format.decimal(human::bytes(1_234_567_890)).as_str()), (count, size), "{tag}");
        }
        for number in [0, 7, 999, 1000, 99_999, 100_000, u64::MAX] {
            assert_eq!(Format::default().count(number), human::count(number), "nobody in particular reads what the command line says");
        }
        let indian = Format::of("en-IN").unwrap();
        assert_eq!([999, 1000, 99_999, 100_000].map(|number| indian.count(number)), ["999", "1,000", "99,999", "1,00,000"]);
    }

    #[test]
    fn the_best_known_wish_of_a_browser_counts() {
        let of = |header| Format::accepted(header);
        assert_eq!(of("de-DE,de;q=0.9,en;q=0.8"), Format::of("de"));
        assert_eq!(of("en;q=0.1, fr-CH;q=0.9"), Format::of("fr-CH"));
        assert_eq!(of("tlh, sv;q=0.5"), Format::of("sv"), "what is not known is passed over");
        assert_eq!(of("zh-Hant-TW"), Format::of("zh-TW"));
        for header in ["", "*", "tlh", "de;q=0", "de;q=x", ";;;,,,"] {
            assert_eq!(of(header), None, "{header}");
        }
    }

    #[test]
    fn every_offer_is_known_and_no_two_are_the_same() {
        let offered: Vec<Format> = OFFERED.iter().map(|tag| Format::of(tag).unwrap()).collect();
        for (i, one) in offered.iter().enumerate() {
            assert!(!offered[..i].contains(one), "{}", OFFERED[i]);
        }
    }

    #[test]
    fn no_tag_is_named_twice() {
        let mut tags: Vec<&str> = TABLE.iter().flat_map(|(tags, _)| tags.split(' ')).collect();
        let count = tags.len();
        tags.sort_unstable();
        tags.dedup();
        assert_eq!(tags.len(), count);
    }
}
