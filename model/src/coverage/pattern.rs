//! A pattern that names tables, as psql and `pg_dump` have them: `orders`, `audit.*`, `"Odd name"`.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::validate::Refusal;

/// So many patterns are taken at once.
pub const PATTERNS_MAX: usize = 100;
/// Longer than any two names that a server keeps, quotes and all.
const PATTERN_MAX_CHARS: usize = 300;

/// Names tables, e.g. `orders`, `audit.*`, `public."Log ?"`. `*` stands for any characters, `?` for one; what is in double quotes stands for
/// itself, the rest is lower case. Without a schema it is `public`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(example = "audit.*"))]
#[serde(try_from = "String", into = "String")]
pub struct TablePattern(String);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Glyph {
    One(char),
    AnyOne,
    AnyMany,
}

impl TablePattern {
    pub fn new(text: &str) -> Result<Self, Refusal> {
        let text = text.trim();
        parts(text).map_err(|message| Refusal { field: "tables", message })?;
        Ok(Self(text.to_owned()))
    }

    /// The patterns of a text, apart by commas or line feeds.
    pub fn list(text: &str) -> Result<Vec<Self>, Refusal> {
        let mut quoted = false;
        let apart = |char: char| {
            quoted ^= char == '"';
            matches!(char, ',' | '\n') && !quoted
        };
        let patterns: Vec<Self> = text.split(apart).filter(|one| !one.trim().is_empty()).map(Self::new).collect::<Result<_, _>>()?;
        Self::refuse_too_many(&patterns)?;
        Ok(patterns)
    }

    pub fn refuse_too_many(patterns: &[Self]) -> Result<(), Refusal> {
        if patterns.len() <= PATTERNS_MAX {
            return Ok(());
        }
        Err(Refusal { field: "tables", message: format!("at most {PATTERNS_MAX} patterns of tables are taken at once") })
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn fits(&self, schema: &str, table: &str) -> bool {
        parts(&self.0).is_ok_and(|parts| fits(&parts.0, schema) && fits(&parts.1, table))
    }
}

impl fmt::Display for TablePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl TryFrom<String> for TablePattern {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::new(&text).map_err(|refusal| refusal.message)
    }
}

impl From<TablePattern> for String {
    fn from(pattern: TablePattern) -> Self {
        pattern.0
    }
}

/// What stands for the schema and for the table. `Err`: what is wrong with it, in words.
fn parts(text: &str) -> Result<(Vec<Glyph>, Vec<Glyph>), String> {
    if text.chars().count() > PATTERN_MAX_CHARS {
        return Err(format!("a pattern of tables has at most {PATTERN_MAX_CHARS} characters"));
    }
    let mut parts: Vec<Vec<Glyph>> = vec![Vec::new()];
    let mut quoted = false;
    let mut chars = text.chars().peekable();
    while let Some(char) = chars.next() {
        let glyph = match char {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                Glyph::One('"')
            }
            '"' => {
                quoted = !quoted;
                continue;
            }
            '\0' => return Err("a name holds no null character".to_owned()),
            char if quoted => Glyph::One(char),
            '.' => {
                parts.push(Vec::new());
                continue;
            }
            '*' => Glyph::AnyMany,
            '?' => Glyph::AnyOne,
            // As SQL reads it.
            char => Glyph::One(char.to_ascii_lowercase()),
        };
        if let Some(part) = parts.last_mut() {
            part.push(glyph);
        }
    }
    if quoted {
        return Err(format!("{text}: a double quote is not closed"));
    }
    if parts.iter().any(Vec::is_empty) {
        return Err("a pattern names a table, e.g. orders, audit.* or \"Odd name\"".to_owned());
    }
    match <[Vec<Glyph>; 2]>::try_from(parts) {
        Ok([schema, table]) => Ok((schema, table)),
        Err(mut parts) if parts.len() == 1 => Ok(("public".chars().map(Glyph::One).collect(), parts.remove(0))),
        Err(_) => Err(format!("{text}: a table is named by itself or by schema and table, in double quotes where it holds a dot")),
    }
}

/// In time of pattern by name at most: a star that fitted too little is taken up again, the one before it never.
fn fits(pattern: &[Glyph], name: &str) -> bool {
    let name: Vec<char> = name.chars().collect();
    let (mut at, mut read) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while read < name.len() {
        match pattern.get(at) {
            Some(Glyph::AnyMany) => {
                star = Some((at, read));
                at += 1;
            }
            Some(Glyph::One(char)) if *char == name[read] => (at, read) = (at + 1, read + 1),
            Some(Glyph::AnyOne) => (at, read) = (at + 1, read + 1),
            _ => match star {
                Some((star_at, taken)) => {
                    star = Some((star_at, taken + 1));
                    (at, read) = (star_at + 1, taken + 1);
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|glyph| *glyph == Glyph::AnyMany)
}
