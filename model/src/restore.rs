//! What a restore will do, decided before anything is touched: the plan is the dry run and the page that is confirmed.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    human,
    id::{BackupId, DatabaseId},
    metadata::Table,
};

/// A plan is bound to the state it was made of, and expires.
pub const PLAN_LIFETIME_SECS: i64 = 15 * 60;

/// Where a restore writes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case", tag = "into")]
pub enum Target {
    /// A file that does not exist yet.
    NewFile { path: String },
    /// The live database. SQLite's is written through SQLite, with its applications connected; of PostgreSQL's a new one takes the name.
    Replace,
    /// A database of a server that does not exist yet: its URL, without a password.
    NewDatabase { location: String },
    /// The live database itself: what the backup holds is made anew in it, in one transaction, and what it does not hold stays. PostgreSQL only.
    InPlace,
    /// The live database again as it was: the one that a replacement kept under this name.
    PutBack { name: String },
}

impl Target {
    /// Whether the live database is another one afterwards.
    pub fn is_live(&self) -> bool {
        matches!(self, Self::Replace | Self::InPlace | Self::PutBack { .. })
    }
}

/// Who owns what a restore makes on a server, and who has rights on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Ownership {
    /// As in the backup where the server has all its roles and the restoring one may say so; else the restoring role.
    #[default]
    Auto,
    /// As in the backup, or it fails.
    Keep,
    /// The restoring role; no rights are given to others.
    Discard,
}

/// So many connections load a dump at once, at most.
pub const RESTORE_JOBS_MAX: u8 = 64;

/// How a server is given what a restore makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Loading {
    /// By one connection, streamed: nothing is written to a disk of this machine.
    #[default]
    Streamed,
    /// The same in one transaction.
    SingleTransaction,
    /// By so many connections at once. The dump is unpacked into the backups folder first, as each reads another part of it.
    Parallel { jobs: u8 },
}

/// What is done about other processes that have files open of a database that is replaced as files, as SQLite cannot open it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum WhileOpen {
    /// Nothing is replaced under them.
    #[default]
    Refused,
    /// A person takes it on themselves: what they go on writing is in the files that are kept aside.
    Accepted,
}

/// What becomes of the state that a restore leaves behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum StateBefore {
    /// It stays the live one: the restore writes elsewhere.
    #[default]
    Untouched,
    /// A safety backup is made of exactly the moment before; an undo restores it.
    SafetyBackup,
    /// The database cannot be opened, so there is nothing to back up: its files are kept whole in its `corrupted` folder, and no undo brings them back.
    KeptAside,
    /// There is nothing where the database should be.
    Absent,
    /// The server keeps the database under another name; an undo puts it back.
    KeptOnServer,
    /// A person asked for no safety backup: it cannot be brought back.
    Lost,
}

/// What happens to one table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TableImpact {
    pub table: String,
    /// None: not there now.
    pub live_rows: Option<u64>,
    /// None: not in the backup, so it will be gone.
    pub backup_rows: Option<u64>,
    /// e.g. "column `note` will be gone"; empty where the columns are the same.
    pub schema_changes: Vec<String>,
}

impl TableImpact {
    /// Rows fewer after the restore than now.
    pub fn rows_fewer(&self) -> u64 {
        self.live_rows.unwrap_or(0).saturating_sub(self.backup_rows.unwrap_or(0))
    }
}

/// What the plan was made of; a restore refuses if any of it is different when it acts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Binding {
    pub payload_hash: String,
    /// Device and inode for a live file; none for a new one.
    pub target_identity: Option<String>,
    /// SHA-256 of the live schema's SQL.
    pub target_schema_hash: Option<String>,
    pub target_page_size: Option<u32>,
    pub target_journal_mode: Option<String>,
    /// The last restore into this database before the plan.
    pub last_restore: Option<String>,
}

/// The whole plan: what, into what, with which loss, space and time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RestorePlan {
    pub backup: BackupId,
    pub database: DatabaseId,
    pub target: Target,
    pub backup_taken_at: Timestamp,
    pub planned_at: Timestamp,
    pub expires_at: Timestamp,
    /// Whether a safety backup is made, or a server keeps the database that makes way: what an undo needs.
    pub safety_backup: bool,
    /// What becomes of the state before.
    #[serde(default)]
    pub before: StateBefore,
    pub tables: Vec<TableImpact>,
    /// Bytes that the target will have.
    pub size_bytes: u64,
    /// Bytes needed beside what is there now, and bytes free where they are needed.
    pub space_needed_bytes: u64,
    pub space_free_bytes: u64,
    /// How long writers will wait, estimated; none for a new file.
    pub writers_wait_ms: Option<u64>,
    /// How many sessions of applications are ended at the moment of the change; none: they stay connected.
    #[serde(default)]
    pub sessions: Option<u64>,
    /// To whom the things of a server's database belong afterwards.
    #[serde(default)]
    pub ownership: Ownership,
    /// How a server is given it.
    #[serde(default)]
    pub loading: Loading,
    /// Who has the live database open although SQLite cannot open it, e.g. "process 4711 (shop)": stop that first.
    #[serde(default)]
    pub holders: Vec<String>,
    /// What is done if somebody has it open when it is replaced.
    #[serde(default)]
    pub while_open: WhileOpen,
    /// Only these tables; none: all of it. A plan can say so, and a restore refuses what it cannot do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(ignore))]
    pub only_tables: Option<Vec<String>>,
    /// Sentences a person must know before confirming, e.g. another page size.
    pub warnings: Vec<String>,
    pub binding: Binding,
}

/// The live database right after a restore, looked at on a fresh connection. Applications may have written to it by then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AfterRestore {
    /// False: something kept it from being looked at; what was written equals the backup all the same.
    #[serde(default = "yes")]
    pub looked: bool,
    /// SQLite finds it sound.
    pub sound: bool,
    /// What was checked, or what was found, e.g. "integrity check: ok".
    pub integrity: String,
    pub rows: u64,
    pub backup_rows: u64,
    /// The tables that hold another number of rows than the backup, with both numbers.
    pub differing: Vec<(String, u64, u64)>,
}

/// What was looked at before it could be said that it was not.
fn yes() -> bool {
    true
}

impl AfterRestore {
    /// e.g. "integrity check: ok; 1 200 rows, as many as in the backup".
    pub fn words(&self) -> String {
        if !self.looked {
            return self.integrity.clone();
        }
        let rows = human::counted(self.rows, "row");
        let counts = if self.differing.is_empty() && self.rows == self.backup_rows {
            format!("{rows}, as in the backup")
        } else if self.differing.is_empty() {
            // What was imported without counts.
            rows
        } else {
            let tables: Vec<_> = self
                .differing
                .iter()
                .map(|(table, now, then)| format!("{table} {} of {}", human::count(*now), human::count(*then)))
                .collect();
            format!("{rows}, {} in the backup ({}; applications may have written since)", human::count(self.backup_rows), tables.join(", "))
        };
        format!("{}; {counts}", self.integrity)
    }
}

impl RestorePlan {
    pub fn is_expired(&self, now: Timestamp) -> bool {
        now > self.expires_at
    }
}

/// Compares the live tables with those of a backup, table by table, in order of name.
pub fn table_impacts(live: &BTreeMap<String, Table>, backup: &BTreeMap<String, Table>) -> Vec<TableImpact> {
    let names: BTreeSet<&String> = live.keys().chain(backup.keys()).collect();
    names
        .into_iter()
        .map(|name| {
            let (now, then) = (live.get(name), backup.get(name));
            TableImpact {
                table: name.clone(),
                live_rows: now.map(|t| t.row_count),
                backup_rows: then.map(|t| t.row_count),
                schema_changes: match (now, then) {
                    (Some(now), Some(then)) => column_changes(now, then),
                    (Some(_), None) => vec!["the table will be gone".to_owned()],
                    (None, Some(_)) => vec!["the table will come back".to_owned()],
                    (None, None) => Vec::new(),
                },
            }
        })
        .collect()
}

/// A table that holds another number of rows than when a plan was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RowsSince {
    pub table: String,
    pub planned_rows: u64,
    pub rows: u64,
}

/// The tables whose number of rows is not what the plan says any more: what a person has to hear before confirming, and no reason to refuse.
pub fn rows_since(planned: &[TableImpact], now: &[TableImpact]) -> Vec<RowsSince> {
    let rows_now = |table: &str| now.iter().find(|impact| impact.table == table)?.live_rows;
    let differs = |impact: &TableImpact| {
        let (planned_rows, rows) = (impact.live_rows?, rows_now(&impact.table)?);
        (planned_rows != rows).then(|| RowsSince { table: impact.table.clone(), planned_rows, rows })
    };
    planned.iter().filter_map(differs).collect()
}

fn column_changes(now: &Table, then: &Table) -> Vec<String> {
    let type_in = |table: &Table, name: &str| table.columns.iter().find(|c| c.name == name).map(|c| c.declared_type.clone());
    let gone = now.columns.iter().filter(|c| type_in(then, &c.name).is_none()).map(|c| format!("column {} will be gone", c.name));
    let back = then.columns.iter().filter(|c| type_in(now, &c.name).is_none()).map(|c| format!("column {} will come back", c.name));
    let changed = then.columns.iter().filter_map(|c| {
        let live = type_in(now, &c.name)?;
        (live != c.declared_type).then(|| format!("column {} will be {} again, it is {live} now", c.name, c.declared_type))
    });
    gone.chain(back).chain(changed).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metadata::Column;

    fn table(row_count: u64, columns: &[(&str, &str)]) -> Table {
        let columns = columns.iter().map(|&(name, ty)| Column { name: name.into(), declared_type: ty.into() }).collect();
        Table { columns, row_count }
    }

    #[test]
    fn rows_that_were_written_since_the_plan_are_told_by_table() {
        let schema = |orders, users| BTreeMap::from([("orders".to_owned(), table(orders, &[])), ("users".to_owned(), table(users, &[]))]);
        let planned = table_impacts(&schema(10, 5), &schema(7, 5));
        let since = rows_since(&planned, &table_impacts(&schema(12, 5), &schema(7, 5)));
        assert_eq!(since, [RowsSince { table: "orders".into(), planned_rows: 10, rows: 12 }]);
        assert_eq!(rows_since(&planned, &planned), []);
    }

    #[test]
    fn the_impact_names_every_table_and_every_changed_column() {
        let live =
            BTreeMap::from([("a".to_owned(), table(10, &[("id", "INTEGER"), ("new", "TEXT")])), ("only_live".to_owned(), table(3, &[]))]);
        let backup =
            BTreeMap::from([("a".to_owned(), table(7, &[("id", "INT"), ("old", "TEXT")])), ("only_backup".to_owned(), table(4, &[]))]);
        let impacts = table_impacts(&live, &backup);
        let names: Vec<_> = impacts.iter().map(|i| (i.table.as_str(), i.rows_fewer())).collect();
        assert_eq!(names, [("a", 3), ("only_backup", 0), ("only_live", 3)]);
        assert_eq!(
            impacts[0].schema_changes,
            ["column new will be gone", "column old will come back", "column id will be INT again, it is INTEGER now"]
        );
    }
}
