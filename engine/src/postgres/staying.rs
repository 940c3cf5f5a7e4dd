//! What a restore in place does not touch: all that is in the live database and not in the backup. It is named before, nothing of it may hang on what
//! is dropped, and it is looked for again before anything is committed.

use std::collections::BTreeSet;

use keepstone_model::human;

use super::{
    content::OWN_RELATIONS,
    fault::Fault,
    names::{literal, shown},
    open::Connection,
    toc::Entry,
};
use crate::Result;

/// Something that stays, by what the server calls it.
#[derive(Debug, Clone)]
pub(super) struct Staying {
    /// `pg_class`, `pg_proc` or `pg_type`, and the number in it.
    catalog: String,
    oid: u32,
    /// e.g. `table audit.log`, `function shout(text)`.
    pub(super) called: String,
}

/// What is there and not in the backup.
pub(super) fn staying(connection: &mut Connection, entries: &[Entry]) -> Result<Vec<Staying>> {
    const MADE: [&str; 10] =
        ["TABLE", "VIEW", "MATERIALIZED VIEW", "SEQUENCE", "FOREIGN TABLE", "FUNCTION", "PROCEDURE", "AGGREGATE", "TYPE", "DOMAIN"];
    let held: BTreeSet<(&str, &str)> = entries
        .iter()
        .filter(|entry| MADE.contains(&entry.kind.as_str()))
        .map(|entry| (entry.schema.as_str(), entry.name.as_str()))
        .collect();
    connection.run("SET search_path = ''")?;
    let rows = connection.rows(&format!(
        "SELECT CASE c.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'S' THEN 'sequence' WHEN 'f' THEN 'foreign table' ELSE 'table' END, \
                n.nspname::text, c.relname::text, 'pg_class', c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND {OWN_RELATIONS} \
           AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype IN ('a', 'i') AND c.relkind = 'S') \
         UNION ALL \
         SELECT 'function', n.nspname::text, p.proname || CASE WHEN p.pronargs = 0 AND EXISTS (SELECT 1 FROM pg_aggregate a WHERE a.aggfnoid = p.oid) THEN '(*)' \
                ELSE '(' || oidvectortypes(p.proargtypes) || ')' END, 'pg_proc', p.oid FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace \
         WHERE n.nspname <> 'information_schema' AND n.nspname !~ '^pg_' \
           AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype IN ('e', 'i')) \
         UNION ALL \
         SELECT 'type', n.nspname::text, t.typname::text, 'pg_type', t.oid \
         FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace LEFT JOIN pg_class c ON c.oid = t.typrelid \
         WHERE t.typtype IN ('e', 'd', 'c', 'r') AND (t.typrelid = 0 OR c.relkind = 'c') AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_' \
           AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_type'::regclass AND d.objid = t.oid AND d.deptype = 'e') \
         ORDER BY 1, 2, 3"
    ))?;
    let stays = rows.iter().filter_map(|row| {
        let (kind, schema, name): (String, String, String) = (row.get(0), row.get(1), row.get(2));
        let called = if kind == "function" { format!("{schema}.{name}") } else { shown(&schema, &name) };
        let stays = !held.contains(&(schema.as_str(), name.as_str()));
        stays.then(|| Staying { catalog: row.get(3), oid: row.get(4), called: format!("{kind} {called}") })
    });
    Ok(stays.collect())
}

/// Partitions and inheriting tables that are not in the backup go with the table that they are part of, when that is dropped: with such a table
/// nothing is begun.
/// <https://www.postgresql.org/docs/15/ddl-depend.html>
pub(super) fn refuse_parts(connection: &mut Connection, entries: &[Entry]) -> Result<()> {
    let held: BTreeSet<(&str, &str)> = entries
        .iter()
        .filter(|entry| matches!(entry.kind.as_str(), "TABLE" | "FOREIGN TABLE"))
        .map(|entry| (entry.schema.as_str(), entry.name.as_str()))
        .collect();
    // Every table with each of those that it is a part of, however far up.
    let rows = connection.rows(
        "WITH RECURSIVE part AS (SELECT inhrelid AS oid, inhparent AS whole FROM pg_inherits \
           UNION SELECT part.oid, i.inhparent FROM part JOIN pg_inherits i ON i.inhrelid = part.whole) \
         SELECT n.nspname::text, c.relname::text, wn.nspname::text, w.relname::text, c.relispartition FROM part \
           JOIN pg_class c ON c.oid = part.oid JOIN pg_namespace n ON n.oid = c.relnamespace \
           JOIN pg_class w ON w.oid = part.whole JOIN pg_namespace wn ON wn.oid = w.relnamespace \
         WHERE c.relkind IN ('r', 'p', 'f') ORDER BY 1, 2, 3, 4",
    )?;
    let mut parts: Vec<(String, String, bool)> = Vec::new();
    for row in rows {
        let (schema, name, of_schema, of): (String, String, String, String) = (row.get(0), row.get(1), row.get(2), row.get(3));
        if held.contains(&(of_schema.as_str(), of.as_str())) && !held.contains(&(schema.as_str(), name.as_str())) {
            let (part, whole) = (shown(&schema, &name), shown(&of_schema, &of));
            if parts.iter().all(|(known, ..)| *known != part) {
                parts.push((part, whole, row.get(4)));
            }
        }
    }
    let Some((part, whole, is_partition)) = parts.first() else { return Ok(()) };
    let others = if parts.len() > 1 { format!(" (and {} more like it)", human::count(parts.len() as u64 - 1)) } else { String::new() };
    let detail = if *is_partition {
        format!(
            "table {part}{others} is a partition of {whole} and not in the backup: in place {whole} is dropped and made anew, and {part} would go with it, \
             rows and all. Use --replace, which keeps the present database under another name, or detach {part} first"
        )
    } else {
        format!(
            "table {part}{others} inherits from {whole} and is not in the backup: in place {whole} is dropped and made anew, which cannot be while others \
             inherit from it. Use --replace, or let {part} inherit from it no more"
        )
    };
    Err(Fault::NotReplaceable { detail }.into())
}

/// Whether all of it is still there, before the transaction is committed.
pub(super) fn refuse_gone(connection: &mut Connection, stays: &[Staying], database: &str) -> Result<()> {
    let mut gone = Vec::new();
    for catalog in ["pg_class", "pg_proc", "pg_type"] {
        let of_these: Vec<&Staying> = stays.iter().filter(|one| one.catalog == catalog).collect();
        if of_these.is_empty() {
            continue;
        }
        let oids = of_these.iter().map(|one| one.oid.to_string()).collect::<Vec<_>>().join(",");
        let rows = connection.rows(&format!("SELECT oid FROM {catalog} WHERE oid = ANY ({}::oid[])", literal(&format!("{{{oids}}}"))))?;
        let there: BTreeSet<u32> = rows.iter().map(|row| row.get(0)).collect();
        gone.extend(of_these.into_iter().filter(|one| !there.contains(&one.oid)).map(|one| one.called.as_str()));
    }
    let Some(first) = gone.first() else { return Ok(()) };
    let others = if gone.len() > 1 { format!(" and {} more", gone.len() - 1) } else { String::new() };
    let detail = format!(
        "{first}{others} is not in the backup and would have gone with what was dropped, so {database} was left as it was: use --replace"
    );
    Err(Fault::NotReplaceable { detail }.into())
}
