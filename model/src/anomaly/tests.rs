//! What counts as a loss, table by table, and what only informs.

use proptest::prelude::*;

use super::*;
use crate::metadata::Column;

type Counts = &'static [(&'static str, u64)];

fn table(row_count: u64, columns: &[&str]) -> Table {
    let columns = columns.iter().map(|name| Column { name: (*name).into(), declared_type: "TEXT".into() }).collect();
    Table { columns, row_count }
}

fn content(tables: &[(&str, u64)]) -> Content {
    let tables = tables.iter().map(|&(name, count)| (name.to_owned(), table(count, &["id", name]))).collect();
    Content { tables, size_bytes: 4096, migration_version: None }
}

fn loss(before: &[(&str, u64)], now: &[(&str, u64)], policy: &LossPolicy) -> Option<String> {
    compare(&content(before), &content(now), policy).loss
}

#[test]
fn a_loss_is_told_by_table() {
    let usual = LossPolicy::default();
    let cases: &[(Counts, Counts, Option<&str>)] = &[
        (&[("a", 100)], &[("a", 100)], None),
        (&[("a", 100)], &[("a", 50)], None),
        (&[("a", 100)], &[("a", 49)], Some("table a has 49 of 100 rows")),
        (&[("a", 100), ("b", 1)], &[("a", 0), ("b", 1)], Some("table a is empty, it had 100 rows")),
        (&[("a", 100), ("b", 1)], &[("b", 1)], Some("table a is gone, it had 100 rows")),
        (&[("a", 100), ("b", 7)], &[], Some("the database is empty, it had 107 rows in 2 tables")),
        (&[("a", 1)], &[("a", 0)], Some("the database is empty, it had 1 row in 1 table")),
        // A few rows of one table come and go.
        (&[("a", 5), ("b", 1)], &[("a", 0), ("b", 1)], None),
        // A table that is gone with its rows is a loss however few they were.
        (&[("a", 5), ("b", 1)], &[("b", 1)], Some("table a is gone, it had 5 rows")),
        (&[("a", 0), ("b", 1)], &[("b", 1)], None),
        // More is no loss, and nothing is no loss of nothing.
        (&[("a", 10)], &[("a", 1000), ("b", 3)], None),
        (&[], &[], None),
        (&[("a", 0)], &[("a", 0)], None),
    ];
    for (before, now, said) in cases {
        assert_eq!(loss(before, now, &usual).as_deref(), *said, "{before:?} -> {now:?}");
    }
    let five: Vec<(String, u64)> = (0..5).map(|n| (format!("t{n}"), 20)).chain([("z".to_owned(), 20)]).collect();
    let five: Vec<(&str, u64)> = five.iter().map(|(name, count)| (name.as_str(), *count)).collect();
    let said = loss(&five, &[("z", 20)], &usual).unwrap();
    assert!(said.ends_with("table t2 is gone, it had 20 rows; and 2 tables more"), "{said}");
}

#[test]
fn thresholds_are_per_database_and_per_table() {
    let strict = LossPolicy { share_percent: Some(10), tables: BTreeMap::new() };
    assert!(loss(&[("a", 100), ("b", 1)], &[("a", 89), ("b", 1)], &strict).is_some());
    let queue = LossPolicy { share_percent: Some(10), tables: [("queue".to_owned(), None), ("log".to_owned(), Some(95))].into() };
    assert_eq!(loss(&[("queue", 1000), ("a", 1)], &[("queue", 0), ("a", 1)], &queue), None);
    assert_eq!(loss(&[("queue", 1000), ("a", 1)], &[("a", 1)], &queue), None, "one that is not looked at may go, too");
    assert_eq!(loss(&[("log", 1000), ("a", 1)], &[("log", 100), ("a", 1)], &queue), None);
    assert!(loss(&[("log", 1000), ("a", 1)], &[("log", 49), ("a", 1)], &queue).is_some());
    let off = LossPolicy { share_percent: None, tables: [("a".to_owned(), Some(50))].into() };
    assert_eq!(loss(&[("a", 100), ("b", 100)], &[("a", 100)], &off), None);
    assert!(loss(&[("a", 100), ("b", 100)], &[("b", 100)], &off).is_some());
    assert!(LossPolicy { share_percent: Some(0), tables: BTreeMap::new() }.refusal().is_some());
    assert!(LossPolicy { share_percent: Some(1), tables: [("a".to_owned(), Some(101))].into() }.refusal().is_some());
    assert_eq!(queue.refusal(), None);
}

#[test]
fn shares_are_read_as_people_write_them() {
    assert_eq!([LossPolicy::share("30%"), LossPolicy::share(" 30 "), LossPolicy::share("off")], [Ok(Some(30)), Ok(Some(30)), Ok(None)]);
    for text in ["", "0", "101%", "-1", "half", "30%%"] {
        assert!(LossPolicy::share(text).is_err(), "{text}");
    }
    let mut policy = LossPolicy::default();
    for text in ["jobs=off", "a=b=5%", "orders=10%", "orders=default"] {
        policy.set_table(text).unwrap();
    }
    assert_eq!(policy.tables, [("jobs".to_owned(), None), ("a=b".to_owned(), Some(5))].into());
    assert!(policy.set_table("=5%").is_err() && policy.set_table("orders").is_err() && policy.set_table("orders=x").is_err());
}

#[test]
fn additions_migrations_and_renames_only_inform() {
    let before = Content { migration_version: Some("1".into()), ..content(&[("a", 100)]) };
    let mut now = Content { migration_version: Some("2".into()), ..content(&[("a", 100), ("b", 0)]) };
    now.tables.get_mut("a").unwrap().columns.push(Column { name: "more".into(), declared_type: "INT".into() });
    let changes = compare(&before, &now, &LossPolicy::default());
    assert_eq!(
        changes,
        Changes {
            loss: None,
            warnings: vec![],
            news: vec!["column a.more is new".into(), "table b is new".into(), "migration 2 after 1".into()],
        }
    );

    let mut renamed = content(&[("b", 3)]);
    renamed.tables.insert("orders".into(), table(100, &["id", "a"]));
    let before = content(&[("a", 100), ("b", 3)]);
    let changes = compare(&before, &renamed, &LossPolicy::default());
    assert_eq!((changes.loss, changes.news), (None, vec!["table a is now orders".to_owned()]));
    // The same columns with hardly a row are no rename.
    renamed.tables.insert("orders".into(), table(2, &["id", "a"]));
    assert!(compare(&before, &renamed, &LossPolicy::default()).loss.is_some());
}

#[test]
fn a_file_that_shrank_and_a_column_that_went_are_worth_a_look() {
    let before = Content { size_bytes: 10_000_000, ..content(&[("a", 100)]) };
    let mut now = Content { size_bytes: 4_000_000, ..content(&[("a", 100)]) };
    now.tables.get_mut("a").unwrap().columns.remove(0);
    let changes = compare(&before, &now, &LossPolicy::default());
    assert_eq!(changes.loss, None);
    assert_eq!(changes.warnings, ["column a.id is gone", "the size fell from 10.0 MB to 4.0 MB"]);
}

proptest! {
    /// Whatever is added and however the thresholds are: nothing that only grew is a loss.
    #[test]
    fn growth_is_never_a_loss(counts in prop::collection::btree_map("[a-e]", 0u64..1000, 0..5), more in 0u64..50, share in 1u8..=100) {
        let before: Vec<(&str, u64)> = counts.iter().map(|(name, count)| (name.as_str(), *count)).collect();
        let mut now: Vec<(&str, u64)> = before.iter().map(|&(name, count)| (name, count + more)).collect();
        now.push(("new", more));
        prop_assert_eq!(loss(&before, &now, &LossPolicy { share_percent: Some(share), tables: BTreeMap::new() }), None);
    }

    /// A database that had rows and has none is a loss under every policy that looks at one of its tables.
    #[test]
    fn nothing_left_is_always_a_loss(counts in prop::collection::btree_map("[a-e]", 1u64..1000, 1..5), share in 1u8..=100) {
        let before: Vec<(&str, u64)> = counts.iter().map(|(name, count)| (name.as_str(), *count)).collect();
        let emptied: Vec<(&str, u64)> = before.iter().map(|&(name, _)| (name, 0)).collect();
        let policy = LossPolicy { share_percent: Some(share), tables: BTreeMap::new() };
        prop_assert!(loss(&before, &emptied, &policy).is_some());
        prop_assert!(loss(&before, &[], &policy).is_some());
    }
}

#[test]
fn of_the_number_of_all_rows_alone_a_share_that_is_gone_is_a_loss() {
    let own = |table: &str| LossPolicy { tables: [(table.to_owned(), None)].into(), ..LossPolicy::default() };
    let off = LossPolicy { share_percent: None, ..LossPolicy::default() };
    for (before, now, policy, loss) in [
        (900, 0, LossPolicy::default(), Some("the database is empty, it had 900 rows")),
        (1, 0, LossPolicy::default(), Some("the database is empty, it had 1 row")),
        (900, 449, LossPolicy::default(), Some("the database has 449 of 900 rows")),
        (900, 450, LossPolicy::default(), None),
        // Fewer than so many come and go.
        (12, 3, LossPolicy::default(), None),
        (0, 0, LossPolicy::default(), None),
        (0, 5, LossPolicy::default(), None),
        // The rows may be of the table that is not looked at.
        (900, 1, own("queue"), None),
        (900, 0, own("queue"), Some("the database is empty, it had 900 rows")),
        (900, 0, off, None),
    ] {
        assert_eq!(compare_rows(before, now, &policy).loss.as_deref(), loss, "{before} {now}");
    }
}
