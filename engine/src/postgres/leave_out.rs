//! Rows that are left out of a dump: which tables that is about in a live database, and what `pg_dump` and a restore are told. The choice itself is
//! `model::coverage`'s.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
};

use keepstone_model::coverage::{LeftOut, Qualified, Reference, Rows, TableName, choose};

use super::{
    content::{OWN_RELATIONS, Relation},
    names::quoted,
    open::Connection,
    plain,
};
use crate::{Error, Result};

/// What the system takes in one argument list, with room for the rest of it.
const ARGUMENTS_MAX_BYTES: usize = 1 << 20;

/// What is left out, and how `pg_dump` is told.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// None: nothing is.
    pub(super) left_out: Option<LeftOut>,
    /// Of each relation whether its rows go along.
    pub(super) taken: Vec<bool>,
    pub(super) arguments: Vec<OsString>,
}

impl Plan {
    /// The relations whose rows go along.
    pub(super) fn of<'a>(&self, relations: &'a [Relation]) -> Vec<&'a Relation> {
        relations.iter().zip(&self.taken).filter(|(_, taken)| **taken).map(|(relation, _)| relation).collect()
    }

    /// The counts of those, among all.
    pub(super) fn of_all(&self, counts: &[u64]) -> Vec<u64> {
        let mut counts = counts.iter();
        self.taken.iter().map(|taken| if *taken { counts.next().copied().unwrap_or(0) } else { 0 }).collect()
    }
}

/// Looks the tables up in the transaction that is open.
pub(super) fn plan(connection: &mut Connection, rows: &Rows, relations: &[Relation]) -> Result<Plan> {
    if *rows == Rows::All {
        return Ok(Plan { taken: vec![true; relations.len()], ..Plan::default() });
    }
    let parents = parents(connection)?;
    let tables: Vec<TableName> = relations.iter().map(|relation| table_name(relation, &parents)).collect();
    let choice = choose(rows, &tables, &foreign_keys(connection)?).map_err(|unknown| {
        let named = unknown.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        Error::UnknownTable { name: named }
    })?;
    let left: Vec<&Relation> = relations.iter().zip(&choice.taken).filter(|(_, taken)| !**taken).map(|(relation, _)| relation).collect();
    let left_out = LeftOut {
        rows: rows.clone(),
        tables: left.iter().map(|relation| relation.name()).collect(),
        large_objects: !rows.takes_large_objects(),
        references: choice.open,
    };
    Ok(Plan { arguments: arguments(rows, relations, &choice.taken)?, left_out: Some(left_out), taken: choice.taken })
}

fn table_name(relation: &Relation, parents: &BTreeMap<Qualified, Qualified>) -> TableName {
    let name = (relation.schema.clone(), relation.table.clone());
    // A part has one parent; the server knows no circles.
    let part_of = std::iter::successors(parents.get(&name), |parent| parents.get(*parent)).cloned().collect();
    TableName { name, part_of }
}

/// Of every part of a partitioned table what it is a part of.
fn parents(connection: &mut Connection) -> Result<BTreeMap<Qualified, Qualified>> {
    let rows = connection.rows(&format!(
        "SELECT n.nspname::text, c.relname::text, pn.nspname::text, p.relname::text FROM pg_inherits i \
         JOIN pg_class c ON c.oid = i.inhrelid JOIN pg_namespace n ON n.oid = c.relnamespace \
         JOIN pg_class p ON p.oid = i.inhparent JOIN pg_namespace pn ON pn.oid = p.relnamespace \
         WHERE c.relispartition AND c.relkind IN ('r', 'p', 'f') AND {OWN_RELATIONS}"
    ))?;
    Ok(rows.iter().map(|row| ((row.get(0), row.get(1)), (row.get(2), row.get(3)))).collect())
}

/// Foreign keys, each with the table that it leads to; those that a part has of the whole are the whole's.
fn foreign_keys(connection: &mut Connection) -> Result<Vec<(Reference, Qualified)>> {
    let rows = connection.rows(&format!(
        "SELECT n.nspname::text, c.relname::text, k.conname::text, rn.nspname::text, r.relname::text FROM pg_constraint k \
         JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace \
         JOIN pg_class r ON r.oid = k.confrelid JOIN pg_namespace rn ON rn.oid = r.relnamespace \
         WHERE k.contype = 'f' AND coalesce(to_jsonb(k) ->> 'conparentid', '0') = '0' AND {OWN_RELATIONS}"
    ))?;
    let key = |row: &postgres::Row| (Reference { schema: row.get(0), table: row.get(1), constraint: row.get(2) }, (row.get(3), row.get(4)));
    Ok(rows.iter().map(key).collect())
}

/// A schema of which no rows go along is named once.
fn arguments(rows: &Rows, relations: &[Relation], taken: &[bool]) -> Result<Vec<OsString>> {
    if *rows == Rows::None {
        return Ok(vec!["--schema-only".into()]);
    }
    let used: BTreeSet<&str> = relations.iter().zip(taken).filter(|(_, taken)| **taken).map(|(one, _)| one.schema.as_str()).collect();
    let left = relations.iter().zip(taken).filter(|(_, taken)| !**taken).map(|(relation, _)| relation);
    let patterns: BTreeSet<String> = left
        .map(|relation| {
            let schema = quoted(&relation.schema);
            if used.contains(relation.schema.as_str()) { format!("{schema}.{}", quoted(&relation.table)) } else { format!("{schema}.*") }
        })
        .collect();
    let mut arguments: Vec<OsString> = patterns.iter().map(|pattern| format!("--exclude-table-data={pattern}").into()).collect();
    if !rows.takes_large_objects() {
        arguments.push("--no-blobs".into());
    }
    if arguments.iter().map(|argument| argument.len() + 9).sum::<usize>() > ARGUMENTS_MAX_BYTES {
        let message = format!("these leave the rows of {} tables out by name, which is more than pg_dump can be told", patterns.len());
        return Err(Error::Invalid { field: "tables", message });
    }
    Ok(arguments)
}

/// Whether an entry of a dump is one of these foreign keys; `tag` is `table constraint`.
pub(super) fn is_open_key(references: &[Reference], schema: &str, tag: &str) -> bool {
    references
        .iter()
        .any(|key| key.schema == schema && tag.strip_prefix(&key.table).and_then(|rest| rest.strip_prefix(' ')) == Some(&key.constraint))
}

/// Whether a statement of a script makes one of these foreign keys.
pub(super) fn makes_open_key(references: &[Reference], statement: &str) -> bool {
    let Some(rest) = statement.strip_prefix("ALTER TABLE ") else { return false };
    let rest = rest.strip_prefix("ONLY ").unwrap_or(rest);
    let Some((schema, table, rest)) = plain::qualified(rest) else { return false };
    let Some(rest) = rest.trim_start().strip_prefix("ADD CONSTRAINT ") else { return false };
    let Some((constraint, rest)) = plain::identifier(rest) else { return false };
    rest.trim_start().starts_with("FOREIGN KEY ")
        && references.iter().any(|key| (&key.schema, &key.table, &key.constraint) == (&schema, &table, &constraint))
}

/// The tables of a restored database whose rows the backup holds.
pub(super) fn of_these(mut counts: BTreeMap<String, u64>, left_out: Option<&LeftOut>) -> Result<BTreeMap<String, u64>, String> {
    for table in left_out.iter().flat_map(|left_out| &left_out.tables) {
        match counts.remove(table) {
            Some(0) => {}
            Some(rows) => return Err(format!("{table}: {rows} rows, and the backup leaves its rows out")),
            None => return Err(format!("{table}: no such table, and the backup holds its structure")),
        }
    }
    Ok(counts)
}

#[cfg(test)]
mod tests {
    use keepstone_model::coverage::TablePattern;
    use proptest::prelude::*;

    use super::{super::names::shown, *};

    #[test]
    fn a_foreign_key_is_known_in_both_forms() {
        let key = |schema: &str, table: &str, constraint: &str| Reference {
            schema: schema.to_owned(),
            table: table.to_owned(),
            constraint: constraint.to_owned(),
        };
        let open = [key("public", "orders", "orders_by"), key("a.b", "c \"d", "e f")];
        assert!(is_open_key(&open, "public", "orders orders_by") && is_open_key(&open, "a.b", "c \"d e f"));
        for (schema, tag) in
            [("audit", "orders orders_by"), ("public", "orders orders_by2"), ("public", "orders"), ("public", "orders2 orders_by")]
        {
            assert!(!is_open_key(&open, schema, tag), "{schema} {tag}");
        }
        for (statement, is) in [
            ("ALTER TABLE ONLY public.orders\n    ADD CONSTRAINT orders_by FOREIGN KEY (by) REFERENCES public.people(id)", true),
            ("ALTER TABLE \"a.b\".\"c \"\"d\"\n    ADD CONSTRAINT \"e f\" FOREIGN KEY (x) REFERENCES public.y(z)", true),
            ("ALTER TABLE ONLY public.orders\n    ADD CONSTRAINT orders_by UNIQUE (by)", false),
            ("ALTER TABLE ONLY public.orders\n    ADD CONSTRAINT other FOREIGN KEY (by) REFERENCES public.people(id)", false),
            ("ALTER TABLE public.orders OWNER TO app", false),
        ] {
            assert_eq!(makes_open_key(&open, statement), is, "{statement}");
        }
    }

    proptest! {
        /// What metadata and lists call a table can be typed as a pattern, and names that one alone.
        #[test]
        fn a_table_is_named_by_what_it_is_called(schema in "[a-cA-C._\"*? ü]{1,4}", table in "[a-cA-C._\"*?, ü]{1,4}", other in "[a-cA-C._\"*? ü]{1,4}") {
            let pattern = TablePattern::new(&shown(&schema, &table)).unwrap();
            let named = |schema: &str, table: &str| {
                let tables = [TableName { name: (schema.to_owned(), table.to_owned()), part_of: Vec::new() }];
                choose(&Rows::Only(vec![pattern.clone()]), &tables, &[]).is_ok()
            };
            prop_assert!(named(&schema, &table));
            prop_assert_eq!(named(&schema, &other), table == other);
            prop_assert_eq!(named(&other, &table), schema == other);
        }
    }
}
