//! Limits of what a person may write into a backup, the same for CLI, HTTP and pages.

use crate::guess;

pub const DESCRIPTION_MAX_CHARS: usize = 500;
pub const TAG_MAX_CHARS: usize = 50;
pub const TAGS_MAX: usize = 20;
pub const USER_NAME_MAX_CHARS: usize = 64;
pub const PASSWORD_MIN_CHARS: usize = 12;
pub const PASSWORD_MAX_CHARS: usize = 256;

/// Why a value is refused: which field, and a sentence that says what would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub field: &'static str,
    pub message: String,
}

pub fn description(text: &str) -> Result<(), Refusal> {
    refuse_unless("description", text.chars().count() <= DESCRIPTION_MAX_CHARS, || {
        format!("a description has at most {DESCRIPTION_MAX_CHARS} characters")
    })
}

/// The tags of a comma-separated text, trimmed, without empty ones and repeats, in their order.
pub fn tags(text: &str) -> Result<Vec<String>, Refusal> {
    let mut tags: Vec<String> = Vec::new();
    for tag in text.split(',').map(str::trim).filter(|tag| !tag.is_empty()) {
        refuse_unless("tags", tag.chars().count() <= TAG_MAX_CHARS, || format!("a tag has at most {TAG_MAX_CHARS} characters"))?;
        if !tags.iter().any(|known| known == tag) {
            tags.push(tag.to_owned());
        }
    }
    refuse_unless("tags", tags.len() <= TAGS_MAX, || format!("a backup has at most {TAGS_MAX} tags"))?;
    Ok(tags)
}

pub fn user_name(text: &str) -> Result<(), Refusal> {
    let fits = (1..=USER_NAME_MAX_CHARS).contains(&text.chars().count())
        && text.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | '@' | '+'));
    refuse_unless("name", fits, || format!("a user name has 1 to {USER_NAME_MAX_CHARS} letters, digits, or . - _ @ +"))
}

/// The name of an API token: it stands in the activity log behind `token:`.
pub fn token_name(text: &str) -> Result<(), Refusal> {
    let fits = (1..=USER_NAME_MAX_CHARS).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'));
    refuse_unless("name", fits, || format!("a token's name has 1 to {USER_NAME_MAX_CHARS} letters a to z, digits, or . - _"))
}

pub fn password(text: &str, user_name: &str) -> Result<(), Refusal> {
    let count = text.chars().count();
    refuse_unless("password", count >= PASSWORD_MIN_CHARS, || format!("a password has at least {PASSWORD_MIN_CHARS} characters"))?;
    refuse_unless("password", count <= PASSWORD_MAX_CHARS, || format!("a password has at most {PASSWORD_MAX_CHARS} characters"))?;
    let lower = text.to_lowercase();
    let few = {
        let mut distinct: Vec<char> = lower.chars().collect();
        distinct.sort_unstable();
        distinct.dedup();
        distinct.len() < 5
    };
    let placeholder = ["password", "changeme", "123456", "qwerty", "letmein", "your_secure"].iter().any(|weak| lower.contains(weak));
    let own_name = !user_name.is_empty() && lower.contains(&user_name.to_lowercase());
    refuse_unless("password", !(few || placeholder || own_name), || {
        "this password is too easy to guess: take four words at random, or let a password manager make one".to_owned()
    })
}

/// A duration in seconds: a number with s, min, h, d or w, e.g. `26h`.
pub fn duration_secs(field: &'static str, text: &str) -> Result<u64, Refusal> {
    let text = text.trim();
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let unit = match text[digits.len()..].trim() {
        "s" => 1,
        "m" | "min" => 60,
        "h" => 3600,
        "d" => 86_400,
        "w" => 7 * 86_400,
        _ => 0,
    };
    let secs = digits.parse::<u64>().ok().and_then(|number| number.checked_mul(unit)).filter(|&secs| secs > 0);
    secs.ok_or_else(|| Refusal { field, message: format!("\"{text}\" is not a duration: give a number with s, min, h, d or w, e.g. 26h") })
}

/// A size in bytes: a number with kB, MB, GB or TB, or with KiB, MiB, GiB or TiB, e.g. `20GB`.
pub fn size_bytes(field: &'static str, text: &str) -> Result<u64, Refusal> {
    let text = text.trim();
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let unit = match text[digits.len()..].trim().to_ascii_lowercase().as_str() {
        "b" => 1,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "tb" => 1_000_000_000_000,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        "tib" => 1 << 40,
        _ => 0,
    };
    let bytes = digits.parse::<u64>().ok().and_then(|number| number.checked_mul(unit)).filter(|_| unit > 0);
    bytes.ok_or_else(|| Refusal { field, message: format!("\"{text}\" is not a size: give a number with MB, GB or TB, e.g. 20GB") })
}

/// Bits below which a password is guessed at once. Three random words have more.
const GUESSED_BITS: u32 = 23;

/// A password that encrypts backups. Whoever has an archive can guess as long as they like, so weak ones are refused.
pub fn encryption_password(text: &str) -> Result<(), Refusal> {
    let field = "password";
    let count = text.chars().count();
    refuse_unless(field, !text.chars().any(char::is_control), || {
        "an encryption password is one line, without control characters".to_owned()
    })?;
    refuse_unless(field, text.trim() == text, || "an encryption password neither begins nor ends with a space".to_owned())?;
    refuse_unless(field, count >= PASSWORD_MIN_CHARS, || format!("an encryption password has at least {PASSWORD_MIN_CHARS} characters"))?;
    refuse_unless(field, text.len() <= 1024, || "an encryption password has at most 1024 bytes".to_owned())?;
    let mut distinct: Vec<char> = text.to_lowercase().chars().collect();
    distinct.sort_unstable();
    distinct.dedup();
    refuse_unless(field, distinct.len() >= 6, || "this password repeats a few characters, and is guessed at once".to_owned())?;
    let in_braces = text.starts_with(['<', '$', '{']) && text.ends_with(['>', '}']);
    refuse_unless(field, guess::bits(text) >= GUESSED_BITS && !in_braces, || {
        "this password looks like a placeholder or is among the first that are tried".to_owned()
    })
}

fn refuse_unless(field: &'static str, fits: bool, message: impl FnOnce() -> String) -> Result<(), Refusal> {
    if fits { Ok(()) } else { Err(Refusal { field, message: message() }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_trimmed_and_without_repeats() {
        assert_eq!(tags(" a, b ,,a ").unwrap(), ["a", "b"]);
        assert!(tags(&"x".repeat(51)).is_err());
        assert!(tags(&(0..21).map(|n| n.to_string()).collect::<Vec<_>>().join(",")).is_err());
    }

    #[test]
    fn durations_need_a_unit() {
        assert_eq!(duration_secs("objective", "26h"), Ok(26 * 3600));
        assert_eq!(duration_secs("objective", " 2 d "), Ok(2 * 86_400));
        for text in ["", "h", "26", "0h", "-3h", "3 years", "99999999999999999w"] {
            assert!(duration_secs("objective", text).is_err(), "{text}");
        }
        for secs in [1, 59, 60, 3600, 26 * 3600, 86_400, 90_061] {
            assert_eq!(duration_secs("objective", &crate::human::duration_secs(secs)), Ok(secs));
        }
    }

    #[test]
    fn sizes_need_a_unit() {
        assert_eq!(size_bytes("wal", "20GB"), Ok(20_000_000_000));
        assert_eq!(size_bytes("wal", " 4 GiB "), Ok(4 << 30));
        for text in ["", "GB", "20", "-3GB", "1.5GB", "3 bytes", "99999999999999TB"] {
            assert!(size_bytes("wal", text).is_err(), "{text}");
        }
        for bytes in [0, 1, 999, 1000, 1024, 64 << 20, 20_000_000_000, 4 << 30, (4 << 30) + 1] {
            assert_eq!(size_bytes("wal", &crate::human::exact_bytes(bytes)), Ok(bytes));
        }
    }

    #[test]
    fn weak_passwords_are_refused() {
        for weak in ["short", "aaaaaaaaaaaaaaaa", "password123456", "my-name-is-alice", "your_secure_password_here"] {
            assert!(password(weak, "alice").is_err(), "{weak}");
        }
        assert!(password("correct horse battery staple", "alice").is_ok());
    }

    #[test]
    fn placeholders_do_not_encrypt() {
        for weak in [
            "",
            "changeme",
            "change-me-please",
            "CHANGE_ME_NOW_123",
            "your-password-here",
            "your_secure_password_here",
            "password",
            "P-a-s-s-w-o-r-d-1",
            "short",
            "aaaaaaaaaaaaaaaa",
            "abababababababab",
            "<the password>",
            "${BACKUP_PW_VAR}",
            "my-secret-key-1",
            "two lines\nof a file",
            " leading space 12",
        ] {
            assert!(encryption_password(weak).is_err(), "{weak}");
        }
        for strong in
            ["correct horse battery staple", "a good long pass phrase", "kT9v-wQ2m-Zr7p", "Schlüssel für Überfälle", "ключ от хранилища №7"]
        {
            assert_eq!(encryption_password(strong), Ok(()), "{strong}");
        }
    }
}
