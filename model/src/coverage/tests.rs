//! Patterns, and the choice of rows, by example and by property.

use proptest::{collection::vec, prelude::*, sample::select};

use super::*;

fn pattern(text: &str) -> TablePattern {
    TablePattern::new(text).unwrap()
}

#[test]
fn a_pattern_names_what_psql_would_name() {
    for (text, schema, table, fits) in [
        ("orders", "public", "orders", true),
        ("Orders", "public", "orders", true),
        ("\"Orders\"", "public", "orders", false),
        ("\"Orders\"", "public", "Orders", true),
        ("orders", "audit", "orders", false),
        ("*", "public", "anything", true),
        ("*", "audit", "anything", false),
        ("*.*", "audit", "anything", true),
        ("audit.log_?", "audit", "log_1", true),
        ("audit.log_?", "audit", "log_12", false),
        ("a*b*c", "public", "axxbxbxc", true),
        ("a*b*c", "public", "axxbxbx", false),
        ("\"a.b\".\"c\"\"*\"", "a.b", "c\"*", true),
        ("\"a.b\".\"c\"\"*\"", "a.b", "c\"x", false),
        ("public.\"ünï\"", "public", "ünï", true),
        ("\"Log\"*", "public", "Logbook", true),
    ] {
        assert_eq!(pattern(text).fits(schema, table), fits, "{text} {schema} {table}");
        assert_eq!(pattern(text).as_str(), text);
    }
    for text in ["", " ", "a.", ".a", "a.b.c", "\"open", "a\0b", "\"\"", &"x".repeat(301)] {
        assert_eq!(TablePattern::new(text).unwrap_err().field, "tables", "{text:?}");
    }
    let list = TablePattern::list(" orders, \"a, b\" ,\naudit.*,,").unwrap();
    assert_eq!(list, ["orders", "\"a, b\"", "audit.*"].map(pattern));
    assert!(TablePattern::list(&"a,".repeat(101)).is_err());
    let again: Rows = serde_json::from_str(&serde_json::to_string(&Rows::Only(list.clone())).unwrap()).unwrap();
    assert_eq!(again, Rows::Only(list));
    assert!(serde_json::from_str::<Rows>(r#"{"only":["a.b.c"]}"#).is_err());
}

#[test]
fn what_is_left_out_is_said() {
    let left = |rows, count: usize, large_objects| {
        LeftOut { rows, tables: (0..count).map(|n| format!("t{n}")).collect(), large_objects, ..LeftOut::default() }.words()
    };
    assert_eq!(left(Rows::None, 3, true), "the structure alone, without any rows");
    assert_eq!(left(Rows::Except(vec![pattern("t0")]), 1, false), "the rows of t0 are left out");
    assert_eq!(
        left(Rows::Only(vec![pattern("x")]), 7, true),
        "the rows of 7 tables are left out: t0, t1, t2, t3, t4 and 2 others; so are large objects"
    );
    assert_eq!(left(Rows::Only(vec![pattern("*")]), 0, true), "no table's rows are left out; so are large objects");
}

#[test]
fn a_part_of_a_partitioned_table_is_named_by_the_whole() {
    let name = |table: &str| ("public".to_owned(), table.to_owned());
    let part = |table: &str| TableName { name: name(table), part_of: vec![name("measured")] };
    let other = TableName { name: name("notes"), part_of: Vec::new() };
    let tables = [part("m_2025"), part("m_2026"), other];
    let key =
        |from: &str, to: &str| (Reference { schema: "public".into(), table: from.into(), constraint: format!("{from}_{to}") }, name(to));
    let keys = [key("notes", "measured"), key("measured", "notes"), key("notes", "notes"), key("m_2026", "notes")];
    let chosen = |rows: Rows| {
        let choice = choose(&rows, &tables, &keys).unwrap();
        (choice.taken, choice.open.into_iter().map(|open| open.constraint).collect::<Vec<_>>())
    };
    assert_eq!(chosen(Rows::Only(vec![pattern("measured")])).0, [true, true, false]);
    assert_eq!(chosen(Rows::Only(vec![pattern("measured")])).1, ["m_2026_notes", "measured_notes"]);
    // Half of what is referred to is not all of it.
    assert_eq!(chosen(Rows::Except(vec![pattern("m_2025")])), (vec![false, true, true], vec!["notes_measured".to_owned()]));
    assert_eq!(chosen(Rows::None), (vec![false; 3], vec![]));
    assert_eq!(choose(&Rows::Except(vec![pattern("notes"), pattern("gone")]), &tables, &keys).unwrap_err(), [pattern("gone")]);
}

fn table() -> impl Strategy<Value = TableName> {
    let name = || (select(vec!["public", "audit"]), select(vec!["a", "b", "ab", "ba", "abc"])).prop_map(|(s, t)| (s.into(), t.into()));
    (name(), vec(name(), 0..2)).prop_map(|(name, part_of)| TableName { name, part_of })
}

fn patterns() -> impl Strategy<Value = Vec<TablePattern>> {
    vec(select(vec!["a", "b", "a*", "?b", "audit.*", "*.a", "*.*", "audit.ab", "public.?"]).prop_map(pattern), 1..4)
}

proptest! {
    #[test]
    fn every_key_that_is_kept_can_be_kept(
        tables in vec(table(), 0..8), patterns in patterns(), which in 0..4_usize, links in vec((0..8_usize, 0..8_usize), 0..8),
    ) {
        let rows = match which {
            0 => Rows::All,
            1 => Rows::None,
            2 => Rows::Only(patterns.clone()),
            _ => Rows::Except(patterns.clone()),
        };
        let ends = links.iter().filter_map(|(from, to)| Some((tables.get(*from)?, tables.get(*to)?)));
        let keys: Vec<(Reference, Qualified)> = ends
            .enumerate()
            .map(|(number, (from, to))| {
                let (schema, table) = from.name.clone();
                (Reference { schema, table, constraint: format!("key {number}") }, to.name.clone())
            })
            .collect();
        let Ok(choice) = choose(&rows, &tables, &keys) else {
            prop_assert!(matches!(rows, Rows::Only(_) | Rows::Except(_)));
            return Ok(());
        };
        prop_assert_eq!(choice.taken.len(), tables.len());
        let with = |of: &Qualified, wanted: bool| tables.iter().zip(&choice.taken).any(|(t, taken)| *taken == wanted && t.is_or_is_part_of(of));
        for (key, to) in &keys {
            let kept = !choice.open.contains(key);
            let rows_here = with(&(key.schema.clone(), key.table.clone()), true);
            prop_assert!(!kept || !rows_here || !with(to, false), "{:?}", key);
            prop_assert!(kept || rows_here, "no key is lost without need");
        }
        match &rows {
            Rows::All => prop_assert!(choice.taken.iter().all(|taken| *taken) && choice.open.is_empty()),
            Rows::None => prop_assert!(choice.taken.iter().all(|taken| !taken) && choice.open.is_empty()),
            Rows::Only(_) => {
                let rest = choose(&Rows::Except(patterns), &tables, &keys).unwrap();
                prop_assert!(choice.taken.iter().zip(&rest.taken).all(|(one, other)| one != other));
            }
            Rows::Except(_) => {}
        }
        prop_assert_eq!(rows.coverage() == Coverage::Whole, rows == Rows::All);
    }
}
