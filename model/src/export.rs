//! What an export is, and which columns are left out of it. Pure; how each form is written is the engine's.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// The form of an export, e.g. `csv`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ExportFormat {
    /// A zip with one document per table.
    #[default]
    Json,
    /// A zip with one file per table.
    Csv,
    /// One script that `sqlite3` loads, or `psql` for a database of PostgreSQL.
    Sql,
}

impl ExportFormat {
    pub const ALL: [Self; 3] = [Self::Json, Self::Csv, Self::Sql];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Csv => "csv",
            Self::Sql => "sql",
        }
    }

    /// How the file's name ends.
    pub fn ending(self) -> &'static str {
        match self {
            Self::Json => "json.zip",
            Self::Csv => "csv.zip",
            Self::Sql => "sql",
        }
    }
}

impl fmt::Display for ExportFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for ExportFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|format| format.as_str() == text).ok_or_else(|| format!("\"{text}\" is not json, csv or sql"))
    }
}

/// The words that make a column's name look sensitive, unless a vault has a list of its own.
pub const SENSITIVE_WORDS: [&str; 27] = [
    "password",
    "passwd",
    "passphrase",
    "passwort",
    "passcode",
    "pwd",
    "pass",
    "secret",
    "token",
    "hash",
    "salt",
    "apikey",
    "accesskey",
    "privatekey",
    "sessionkey",
    "encryptionkey",
    "credential",
    "otp",
    "totp",
    "pin",
    "ssn",
    "cvv",
    "cvc",
    "iban",
    "creditcard",
    "cardnumber",
    "signingkey",
];

/// Whether a column's name looks sensitive: one of the words is a word of the name (`reset_token`, `resetToken`), its plural, what the name
/// ends with after two letters at most (`pwhash`), or, if it is long enough to be no accident, any part of it.
///
/// Wrong in doubt on the side of leaving out; an export says what it left out.
pub fn looks_sensitive(column: &str, words: &[String]) -> bool {
    let own = words_of(column);
    let joined = own.concat();
    words.iter().map(|word| words_of(word).concat()).filter(|word| !word.is_empty()).any(|word| {
        let plural = format!("{word}s");
        own.iter().any(|part| *part == word || *part == plural)
            || (word.len() >= 4 && joined.len() <= word.len() + 2 && joined.ends_with(&word))
            || (word.len() >= 5 && joined.contains(&word))
    })
}

/// `resetTokenID2` → `reset`, `token`, `id`. What is no letter parts words; so does a capital after a small letter.
fn words_of(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before = ' ';
    for c in name.chars() {
        let parts = !c.is_alphabetic() || (c.is_uppercase() && before.is_lowercase());
        if parts && words.last().is_some_and(|word| !word.is_empty()) {
            words.push(String::new());
        }
        if c.is_alphabetic()
            && let Some(word) = words.last_mut()
        {
            word.extend(c.to_lowercase());
        }
        before = c;
    }
    words.retain(|word| !word.is_empty());
    words
}

/// The words of [`SENSITIVE_WORDS`] as a list that may be changed.
pub fn sensitive_words() -> Vec<String> {
    SENSITIVE_WORDS.into_iter().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_look_sensitive() {
        let words = sensitive_words();
        for name in [
            "password",
            "Password",
            "user_password",
            "passwordHash",
            "pwhash",
            "resetToken",
            "refreshtoken",
            "tokens",
            "API_KEY",
            "api-key",
            "stripe_secret",
            "pin",
            "card_number",
            "salt",
            "Kennwort Passwort",
            "2fa_otp",
        ] {
            assert!(looks_sensitive(name, &words), "{name}");
        }
        for name in
            ["id", "name", "email", "compass", "spinner", "passenger_name", "hashtag", "opinion", "Schlüssel", "日本", "", "pinned_at"]
        {
            assert!(!looks_sensitive(name, &words), "{name}");
        }
    }

    #[test]
    fn a_list_of_ones_own_takes_the_place_of_the_default() {
        let words = ["E-Mail".to_owned(), String::new(), "diagnosis".to_owned()];
        assert!(looks_sensitive("work_email", &words) && looks_sensitive("Diagnosis", &words));
        assert!(!looks_sensitive("password", &words) && !looks_sensitive("", &words));
    }

    #[test]
    fn a_format_is_read_by_its_name() {
        for format in ExportFormat::ALL {
            assert_eq!(format.as_str().parse::<ExportFormat>().unwrap(), format);
        }
        assert!("xml".parse::<ExportFormat>().is_err());
    }
}
