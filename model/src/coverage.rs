//! How much of a database a backup holds: all of it, or everything but the rows of some tables. Which rows go along is decided here, purely; how
//! they are left out is the engine's.
//!
//! A backup without the rows of some tables holds the structure of all of them, so that it always makes a database again. It is never a good
//! one: nothing that counts, keeps, compares or replaces may take it for the whole.

mod pattern;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

pub use pattern::{PATTERNS_MAX, TablePattern};

/// Whether a backup could bring back the whole database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Coverage {
    #[default]
    Whole,
    /// Rows were left out on purpose.
    Partial,
}

impl Coverage {
    pub const ALL: [Self; 2] = [Self::Whole, Self::Partial];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Whole => "whole",
            Self::Partial => "partial",
        }
    }

    pub fn is_whole(&self) -> bool {
        *self == Self::Whole
    }
}

/// Whose rows a backup is to hold. The structure is always that of the whole database.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Rows {
    #[default]
    All,
    /// The structure alone.
    None,
    Only(Vec<TablePattern>),
    Except(Vec<TablePattern>),
}

impl Rows {
    pub fn coverage(&self) -> Coverage {
        if *self == Self::All { Coverage::Whole } else { Coverage::Partial }
    }

    /// Large objects are rows of no table: they go along unless tables were picked.
    pub fn takes_large_objects(&self) -> bool {
        matches!(self, Self::All | Self::Except(_))
    }

    fn patterns(&self) -> &[TablePattern] {
        match self {
            Self::All | Self::None => &[],
            Self::Only(patterns) | Self::Except(patterns) => patterns,
        }
    }

    fn takes(&self, table: &TableName) -> bool {
        let named = |patterns: &[TablePattern]| patterns.iter().any(|pattern| table.is_named_by(pattern));
        match self {
            Self::All => true,
            Self::None => false,
            Self::Only(patterns) => named(patterns),
            Self::Except(patterns) => !named(patterns),
        }
    }
}

/// A schema and a table in it.
pub type Qualified = (String, String);

/// A table that has rows of its own.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TableName {
    pub name: Qualified,
    /// The partitioned tables that it is a part of: who names one of them names its parts.
    pub part_of: Vec<Qualified>,
}

impl TableName {
    fn is_named_by(&self, pattern: &TablePattern) -> bool {
        std::iter::once(&self.name).chain(&self.part_of).any(|(schema, table)| pattern.fits(schema, table))
    }

    fn is_or_is_part_of(&self, name: &Qualified) -> bool {
        self.name == *name || self.part_of.contains(name)
    }
}

/// A foreign key: every row of one table has one in the other.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Reference {
    pub schema: String,
    pub table: String,
    pub constraint: String,
}

/// What was left out of a backup on purpose, as its metadata says it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LeftOut {
    /// What was asked for.
    pub rows: Rows,
    /// The tables whose rows are not in it, called as in `schema`.
    pub tables: Vec<String>,
    /// Whether large objects were left out, if there were any.
    pub large_objects: bool,
    /// Foreign keys of rows that are in it to rows that are not: a restore makes none of these.
    pub references: Vec<Reference>,
}

impl LeftOut {
    /// e.g. "the rows of 2 tables are left out: audit.log, sessions".
    pub fn words(&self) -> String {
        const NAMED: usize = 5;
        let tables = match (&self.rows, self.tables.as_slice()) {
            (Rows::None, _) => "the structure alone, without any rows".to_owned(),
            (_, []) => "no table's rows are left out".to_owned(),
            (_, [table]) => format!("the rows of {table} are left out"),
            (_, tables) => {
                let named = tables.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
                let more = if tables.len() > NAMED { format!(" and {} others", tables.len() - NAMED) } else { String::new() };
                format!("the rows of {} tables are left out: {named}{more}", tables.len())
            }
        };
        if self.large_objects && self.rows != Rows::None { format!("{tables}; so are large objects") } else { tables }
    }
}

/// Which rows go along.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Choice {
    /// Of each table, in the order given.
    pub taken: Vec<bool>,
    /// The foreign keys that could not be kept by the rows that go along.
    pub open: Vec<Reference>,
}

/// Chooses the rows of a backup. `keys` are the foreign keys, each with the table that it leads to. `Err`: the patterns that name no table, which
/// are mistakes.
pub fn choose(rows: &Rows, tables: &[TableName], keys: &[(Reference, Qualified)]) -> Result<Choice, Vec<TablePattern>> {
    let idle = |pattern: &&TablePattern| !tables.iter().any(|table| table.is_named_by(pattern));
    let unknown: Vec<TablePattern> = rows.patterns().iter().filter(idle).cloned().collect();
    if !unknown.is_empty() {
        return Err(unknown);
    }
    let taken: Vec<bool> = tables.iter().map(|table| rows.takes(table)).collect();
    // Of a partitioned table some parts may be taken and some not.
    let any = |of: &Qualified, wanted: bool| tables.iter().zip(&taken).any(|(table, taken)| *taken == wanted && table.is_or_is_part_of(of));
    let open: BTreeSet<Reference> = keys
        .iter()
        .filter(|(key, to)| any(&(key.schema.clone(), key.table.clone()), true) && any(to, false))
        .map(|(key, _)| key.clone())
        .collect();
    Ok(Choice { taken, open: open.into_iter().collect() })
}

#[cfg(test)]
mod tests;
