//! What `CREATE TABLE` says, as `pg_dump` writes it: each column on a line of its own. Pure.

use keepstone_model::metadata::Column;

use super::{names, plain};

/// A table as a script makes it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Declared {
    pub(super) name: String,
    pub(super) columns: Vec<DeclaredColumn>,
    /// Its rows are in its parts.
    pub(super) partitioned: bool,
    /// The texts of its checks.
    pub(super) checks: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct DeclaredColumn {
    pub(super) name: String,
    pub(super) declared_type: String,
    pub(super) not_null: bool,
    /// Made of others: it has no data of its own.
    pub(super) generated: bool,
}

impl Declared {
    pub(super) fn as_metadata(&self) -> Vec<Column> {
        self.columns.iter().map(|column| Column { name: column.name.clone(), declared_type: column.declared_type.clone() }).collect()
    }
}

/// What follows a column's type.
const AFTER_TYPE: [&str; 5] = [" NOT NULL", " DEFAULT ", " COLLATE ", " GENERATED ", " CONSTRAINT "];

/// The table that a statement makes; none where it makes none.
pub(super) fn table(statement: &str) -> Option<Declared> {
    let rest = ["CREATE TABLE ", "CREATE UNLOGGED TABLE "].iter().find_map(|head| statement.strip_prefix(head))?;
    let (schema, table, rest) = plain::qualified(rest)?;
    let mut declared = Declared { name: names::shown(&schema, &table), ..Declared::default() };
    declared.partitioned = rest.lines().any(|line| line.starts_with("PARTITION BY ") || line.starts_with(") PARTITION BY "));
    let body = rest.trim_start().strip_prefix('(').unwrap_or_default();
    for line in body.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if line.starts_with(')') {
            break;
        }
        if line.starts_with("CONSTRAINT ") {
            declared.checks.extend(line.contains(" CHECK ").then(|| line.to_owned()));
            continue;
        }
        let Some((name, rest)) = plain::identifier(line) else { continue };
        let rest = rest.trim().trim_end_matches(',');
        let end = AFTER_TYPE.iter().filter_map(|word| rest.find(word)).min().unwrap_or(rest.len());
        declared.columns.push(DeclaredColumn {
            name,
            declared_type: rest[..end].to_owned(),
            not_null: rest[end..].contains(" NOT NULL"),
            generated: rest[end..].contains(" GENERATED ALWAYS AS ("),
        });
    }
    Some(declared)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_types_and_checks() {
        let statement = "CREATE TABLE public.\"Users\" (\n    id bigint NOT NULL,\n    \"from, to\" character varying(16) DEFAULT 'a NOT NULL'::text,\n    \
            price numeric(10,2) DEFAULT 0.0 NOT NULL,\n    shout text GENERATED ALWAYS AS (upper(name)) STORED,\n    tags text[],\n    \
            CONSTRAINT users_pin_check CHECK ((pin > 0))\n)\nWITH (fillfactor='70')";
        let found = table(statement).unwrap();
        assert_eq!(found.name, "\"Users\"");
        let columns: Vec<_> = found.columns.iter().map(|c| (c.name.as_str(), c.declared_type.as_str(), c.not_null, c.generated)).collect();
        assert_eq!(
            columns,
            [
                ("id", "bigint", true, false),
                ("from, to", "character varying(16)", true, false),
                ("price", "numeric(10,2)", true, false),
                ("shout", "text", false, true),
                ("tags", "text[]", false, false),
            ],
            "in doubt a column may not be NULL"
        );
        assert_eq!(found.checks.len(), 1);
        assert_eq!(table("CREATE TABLE nothing (\n)").unwrap().columns, []);
        assert!(table("CREATE VIEW v AS SELECT 1").is_none());
        assert!(!found.partitioned && table("CREATE TABLE public.m (\n    at date\n)\nPARTITION BY RANGE (at)").unwrap().partitioned);
    }
}
