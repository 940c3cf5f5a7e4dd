//! Whether a database lost what a backup of it had before: pure comparison of two moments. What a backup of a doubtful one is worth stands in
//! `backup`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{human, metadata::Table, validate::Refusal};

/// A table that lost more than this share of its rows lost something.
pub const LOSS_SHARE_PERCENT: u8 = 50;
/// Fewer rows than this come and go: their loss is told, and holds nothing, unless the database has nothing else.
pub const LOSS_LEAST_ROWS: u64 = 10;
/// Below this size a smaller file says nothing.
const SIZE_LEAST_BYTES: u64 = 1 << 20;
/// How many tables a sentence names.
const MOST_NAMED: usize = 3;

/// When fewer rows are a loss, for a database and for single tables of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct LossPolicy {
    /// In percent, 1 to 100; none: fewer rows are never a loss.
    pub share_percent: Option<u8>,
    /// The same for a table by its name (a queue, say, is empty at times); none: this table is not looked at.
    pub tables: BTreeMap<String, Option<u8>>,
}

impl Default for LossPolicy {
    fn default() -> Self {
        Self { share_percent: Some(LOSS_SHARE_PERCENT), tables: BTreeMap::new() }
    }
}

impl LossPolicy {
    /// The share for a table; none: it is not looked at.
    fn share_of(&self, table: &str) -> Option<u8> {
        self.tables.get(table).copied().unwrap_or(self.share_percent)
    }

    /// e.g. "more than 50 % of a table's rows; jobs: not looked at".
    pub fn words(&self) -> String {
        let words = |share: Option<u8>| share.map_or_else(|| "not looked at".to_owned(), |share| format!("more than {share} %"));
        let of_all = self
            .share_percent
            .map_or_else(|| "nothing: fewer rows are all right".to_owned(), |_| words(self.share_percent) + " of a table's rows");
        let tables = self.tables.iter().map(|(table, share)| format!("; {table}: {}", words(*share)));
        of_all + &tables.collect::<String>()
    }

    /// `30%`, `30`, or `off`.
    pub fn share(text: &str) -> Result<Option<u8>, Refusal> {
        let text = text.trim();
        if text == "off" {
            return Ok(None);
        }
        let percent = text.strip_suffix('%').unwrap_or(text).trim().parse().ok().filter(|percent| (1..=100).contains(percent));
        let refused = || Refusal { field: "loss_share", message: format!("\"{text}\" is not a share: give 1% to 100%, or off") };
        percent.map(Some).ok_or_else(refused)
    }

    /// Takes in `orders=5%`, `jobs=off`, or `jobs=default`. Names may hold anything, also `=`; a share does not.
    pub fn set_table(&mut self, text: &str) -> Result<(), Refusal> {
        let Some((name, share)) = text.trim().rsplit_once('=').filter(|(name, _)| !name.is_empty()) else {
            let message = format!("\"{text}\" names no share: say a table and a share, e.g. orders=5% or jobs=off");
            return Err(Refusal { field: "loss_tables", message });
        };
        if share.trim() == "default" {
            self.tables.remove(name);
        } else {
            let share = Self::share(share).map_err(|refusal| Refusal { field: "loss_tables", ..refusal })?;
            self.tables.insert(name.to_owned(), share);
        }
        Ok(())
    }

    /// What is wrong with it, if anything: a share is 1 to 100 percent.
    pub fn refusal(&self) -> Option<String> {
        let shares = self.share_percent.iter().chain(self.tables.values().flatten());
        let odd = shares.copied().find(|share| !(1..=100).contains(share))?;
        Some(format!("a share is 1 to 100 percent, not {odd}"))
    }
}

/// What is compared of a database at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Content {
    pub tables: BTreeMap<String, Table>,
    pub size_bytes: u64,
    pub migration_version: Option<String>,
}

impl Content {
    fn rows(&self) -> u64 {
        self.tables.values().map(|table| table.row_count).sum()
    }
}

/// What became of a database between two moments, as sentences without a full stop.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Changes {
    /// Rows or tables that should be there: the backup is suspect and holds the older ones.
    pub loss: Option<String>,
    /// Worth a look, and not more.
    pub warnings: Vec<String>,
    /// As a migration does it.
    pub news: Vec<String>,
}

/// Compares a database with what its last good backup had. Additions and migrations are news, a table that was renamed is no loss.
pub fn compare(before: &Content, now: &Content, policy: &LossPolicy) -> Changes {
    let mut changes = Changes::default();
    let mut losses = Vec::new();
    for (name, then) in &before.tables {
        let Some(share) = policy.share_of(name) else { continue };
        let Some(here) = now.tables.get(name) else {
            match successor(name, then, before, now, share) {
                Some(new) => changes.news.push(format!("table {name} is now {new}")),
                None if then.row_count > 0 => {
                    losses.push((name, format!("table {name} is gone, it had {}", human::counted(then.row_count, "row"))));
                }
                None => changes.warnings.push(format!("table {name} is gone, it was empty")),
            }
            continue;
        };
        if lost(then.row_count, here.row_count, share) {
            let sentence = match here.row_count {
                0 => format!("table {name} is empty, it had {}", human::counted(then.row_count, "row")),
                left => format!("table {name} has {} of {}", human::count(left), human::counted(then.row_count, "row")),
            };
            if then.row_count - here.row_count >= LOSS_LEAST_ROWS {
                losses.push((name, sentence));
            } else {
                changes.warnings.push(sentence);
            }
        }
        columns(name, then, here, &mut changes);
    }
    changes.news.extend(now.tables.keys().filter(|name| !before.tables.contains_key(*name)).map(|name| format!("table {name} is new")));
    // A renamed table is told once, by its old name.
    let renamed: Vec<String> =
        changes.news.iter().filter_map(|news| Some(format!("table {} is new", news.split_once(" is now ")?.1))).collect();
    changes.news.retain(|news| !renamed.contains(news));
    if before.migration_version != now.migration_version {
        let said = |version: &Option<String>| version.clone().unwrap_or_else(|| "none".to_owned());
        changes.news.push(format!("migration {} after {}", said(&now.migration_version), said(&before.migration_version)));
    }
    if before.size_bytes >= SIZE_LEAST_BYTES && now.size_bytes < before.size_bytes / 2 {
        changes.warnings.push(format!("the size fell from {} to {}", human::bytes(before.size_bytes), human::bytes(now.size_bytes)));
    }
    changes.loss = loss(before, now, policy, &losses);
    changes
}

/// The same where of the moment before only the number of all rows is known. A share of them that is gone is gone from some table, too; where
/// tables have shares of their own, that table may be one of them, and only an empty database is a loss.
pub fn compare_rows(before: u64, now: u64, policy: &LossPolicy) -> Changes {
    let sentence = match policy.share_percent {
        Some(_) if before > 0 && now == 0 => Some(format!("the database is empty, it had {}", human::counted(before, "row"))),
        Some(share) if policy.tables.is_empty() && lost(before, now, share) && before - now >= LOSS_LEAST_ROWS => {
            Some(format!("the database has {} of {}", human::count(now), human::counted(before, "row")))
        }
        _ => None,
    };
    Changes { loss: sentence, ..Changes::default() }
}

/// Everything gone comes first, by whatever counts it is; a database of a few rows can be emptied, too.
fn loss(before: &Content, now: &Content, policy: &LossPolicy, losses: &[(&String, String)]) -> Option<String> {
    let watched = |content: &Content| -> u64 {
        content.tables.iter().filter(|(name, _)| policy.share_of(name).is_some()).map(|(_, table)| table.row_count).sum()
    };
    if watched(before) > 0 && now.rows() == 0 {
        return Some(format!(
            "the database is empty, it had {} in {}",
            human::counted(before.rows(), "row"),
            human::counted(before.tables.len(), "table")
        ));
    }
    let named: Vec<&str> = losses.iter().take(MOST_NAMED).map(|(_, sentence)| sentence.as_str()).collect();
    let more = losses.len().saturating_sub(MOST_NAMED);
    match (named.is_empty(), more) {
        (true, _) => None,
        (false, 0) => Some(named.join("; ")),
        (false, more) => Some(format!("{}; and {} more", named.join("; "), human::counted(more, "table"))),
    }
}

fn lost(then: u64, now: u64, share_percent: u8) -> bool {
    let gone = then.saturating_sub(now);
    gone > 0 && (now == 0 || u128::from(gone) * 100 > u128::from(then) * u128::from(share_percent))
}

/// The table that a vanished one was renamed to: new, with the same columns, and rows that are no loss.
fn successor<'a>(name: &str, then: &Table, before: &Content, now: &'a Content, share_percent: u8) -> Option<&'a str> {
    let fits = |(new, table): &(&String, &Table)| {
        *new != name
            && !before.tables.contains_key(*new)
            && table.columns == then.columns
            && !lost(then.row_count, table.row_count, share_percent)
    };
    // Two that fit are no answer.
    let mut fitting = now.tables.iter().filter(fits);
    let first = fitting.next()?;
    fitting.next().is_none().then_some(first.0.as_str())
}

fn columns(name: &str, then: &Table, now: &Table, changes: &mut Changes) {
    let of = |table: &Table, column: &str| table.columns.iter().find(|c| c.name == column).map(|c| c.declared_type.clone());
    for column in &then.columns {
        match of(now, &column.name) {
            None => changes.warnings.push(format!("column {name}.{} is gone", column.name)),
            Some(declared) if declared != column.declared_type => {
                changes.news.push(format!("column {name}.{} is {declared} now, it was {}", column.name, column.declared_type));
            }
            Some(_) => {}
        }
    }
    changes.news.extend(now.columns.iter().filter(|c| of(then, &c.name).is_none()).map(|c| format!("column {name}.{} is new", c.name)));
}

#[cfg(test)]
mod tests;
