//! Which of several installations this one is, e.g. `production`. The console shows it on every page, so that nobody restores into the wrong one.

use serde::{Deserialize, Serialize};

/// Longer names would push everything else out of the top bar.
const NAME_MAX_CHARS: usize = 24;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Environment {
    pub name: String,
    pub colour: Colour,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Colour {
    Red,
    Amber,
    Green,
    Blue,
    Grey,
}

impl Colour {
    pub const ALL: [Self; 5] = [Self::Red, Self::Amber, Self::Green, Self::Blue, Self::Grey];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Red => "red",
            Self::Amber => "amber",
            Self::Green => "green",
            Self::Blue => "blue",
            Self::Grey => "grey",
        }
    }

    /// What a name is usually painted in: where it hurts is red.
    fn of(name: &str) -> Self {
        let name = name.to_lowercase();
        let begins = |words: &[&str]| words.iter().any(|word| name.starts_with(word));
        match () {
            () if begins(&["prod", "live"]) => Self::Red,
            () if begins(&["stag", "pre", "accept", "uat"]) => Self::Amber,
            () if begins(&["test", "dev", "local", "demo"]) => Self::Blue,
            () => Self::Grey,
        }
    }
}

impl Environment {
    /// Reads `NAME` or `NAME:COLOUR`, e.g. `production` or `berlin:green`. None if it is neither.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (name, colour) = match text.rsplit_once(':') {
            Some((name, word)) => (name.trim_end(), Some(Colour::ALL.into_iter().find(|colour| colour.as_str() == word.trim())?)),
            None => (text, None),
        };
        let fits = !name.is_empty() && name.chars().count() <= NAME_MAX_CHARS;
        let plain = name.chars().all(|c| c.is_alphanumeric() || " -_.".contains(c));
        (fits && plain).then(|| Self { name: name.to_owned(), colour: colour.unwrap_or_else(|| Colour::of(name)) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_a_colour() {
        let of = |text: &str| Environment::parse(text).map(|found| (found.name, found.colour.as_str()));
        for (text, name, colour) in [
            ("production", "production", "red"),
            (" Staging EU ", "Staging EU", "amber"),
            ("test-3", "test-3", "blue"),
            ("Zürich", "Zürich", "grey"),
            ("production:green", "production", "green"),
            ("berlin : amber", "berlin", "amber"),
        ] {
            assert_eq!(of(text), Some((name.to_owned(), colour)), "{text}");
        }
        for text in ["", ":red", "production:pink", "a:b:red", "<b>", "one\ntwo", &"x".repeat(25)] {
            assert_eq!(of(text), None, "{text}");
        }
    }
}
