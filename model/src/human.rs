//! Sizes, durations and ages as people read them, the same in CLI, mails and pages.

/// Bytes in powers of 1000 with one decimal from kB on, e.g. `1.2 GB`.
pub fn bytes(count: u64) -> String {
    const UNITS: [&str; 6] = ["kB", "MB", "GB", "TB", "PB", "EB"];
    if count < 1000 {
        return format!("{count} B");
    }
    let mut value = count as f64 / 1000.0;
    let mut unit = 0;
    while value >= 999.95 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

/// Bytes as a person writes them in a form, exactly: `20GB`, `4GiB`. `validate::size_bytes` reads it back.
pub fn exact_bytes(count: u64) -> String {
    const UNITS: [(u64, &str); 6] =
        [(1 << 30, "GiB"), (1_000_000_000, "GB"), (1 << 20, "MiB"), (1_000_000, "MB"), (1 << 10, "KiB"), (1_000, "kB")];
    let unit = UNITS.iter().find(|(size, _)| count > 0 && count.is_multiple_of(*size));
    unit.map_or_else(|| format!("{count}B"), |(size, unit)| format!("{}{unit}", count / size))
}

/// A duration with its two largest units, e.g. `31 h 4 min`, `42 s`, `850 ms`.
pub fn duration_ms(ms: u64) -> String {
    let (s, min, h, d) = (ms / 1000, ms / 60_000, ms / 3_600_000, ms / 86_400_000);
    let two = |big: u64, big_unit: &str, small: u64, small_unit: &str| match small {
        0 => format!("{big} {big_unit}"),
        _ => format!("{big} {big_unit} {small} {small_unit}"),
    };
    match ms {
        0..1000 => format!("{ms} ms"),
        1000..10_000 => format!("{}.{} s", s, ms % 1000 / 100),
        10_000..60_000 => format!("{s} s"),
        60_000..3_600_000 => two(min, "min", s % 60, "s"),
        3_600_000..172_800_000 => two(h, "h", min % 60, "min"),
        _ => two(d, "d", h % 24, "h"),
    }
}

/// What is left of something that runs: whole seconds, for it is an estimate, e.g. `1 s`, `42 s`, `2 min 5 s`.
pub fn time_left(secs: u64) -> String {
    if secs < 60 { format!("{} s", secs.max(1)) } else { duration_ms(secs.saturating_mul(1000)) }
}

/// A duration as a person writes it in a form, exactly: `26h`, `90min`, `45s`. `validate::duration_secs` reads it back.
pub fn duration_secs(secs: u64) -> String {
    match secs {
        _ if secs.is_multiple_of(3600) && (secs < 172_800 || !secs.is_multiple_of(86_400)) => format!("{}h", secs / 3600),
        _ if secs.is_multiple_of(86_400) => format!("{}d", secs / 86_400),
        _ if secs.is_multiple_of(60) => format!("{}min", secs / 60),
        _ => format!("{secs}s"),
    }
}

/// An age with its largest unit, e.g. `3 h`, `just now`.
pub fn age_secs(secs: i64) -> String {
    match secs {
        ..10 => "just now".to_owned(),
        10..60 => format!("{secs} s"),
        60..3600 => format!("{} min", secs / 60),
        3600..172_800 => format!("{} h", secs / 3600),
        _ => format!("{} d", secs / 86_400),
    }
}

/// So many of what a regular noun names, e.g. `1 row`, `2 000 rows`.
pub fn counted(number: impl TryInto<u64>, noun: &str) -> String {
    let number = number.try_into().unwrap_or(u64::MAX);
    format!("{} {noun}{}", count(number), if number == 1 { "" } else { "s" })
}

/// A count with thin groups of three, e.g. `2 000 000` (narrow no-break spaces).
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() * 2);
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push('\u{202f}');
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_people_read_them() {
        let sizes = [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.0 kB"),
            (999_949, "999.9 kB"),
            (999_999, "1.0 MB"),
            (1_200_000_000, "1.2 GB"),
            (u64::MAX, "18.4 EB"),
        ];
        for (count, text) in sizes {
            assert_eq!(bytes(count), text);
        }
        let durations = [
            (850, "850 ms"),
            (9_900, "9.9 s"),
            (42_000, "42 s"),
            (61_000, "1 min 1 s"),
            (31 * 3_600_000 + 240_000, "31 h 4 min"),
            (50 * 3_600_000, "2 d 2 h"),
        ];
        for (ms, text) in durations {
            assert_eq!(duration_ms(ms), text);
        }
        assert_eq!(count(2_000_000), "2\u{202f}000\u{202f}000");
        assert_eq!(age_secs(-5), "just now");
    }
}
