//! Backups that leave rows out: what they hold, that they restore, and that they never pass for the whole.

use keepstone_model::{
    backup::Verdict,
    coverage::{Coverage, Rows, TablePattern},
    id::Kind,
    metadata::Metadata,
};

use super::*;
use crate::backups;

const TABLES: &str = "CREATE TYPE mood AS ENUM ('good', 'bad'); CREATE SCHEMA audit; CREATE SCHEMA \"a.b\"; \
    CREATE TABLE people (id int PRIMARY KEY, feeling mood); INSERT INTO people SELECT n, 'good' FROM generate_series(1, 10) n; \
    CREATE TABLE orders (id int PRIMARY KEY, by int CONSTRAINT \"orders by\" REFERENCES people); \
    INSERT INTO orders SELECT n, n % 10 + 1 FROM generate_series(1, 20) n; \
    CREATE TABLE lines (of int REFERENCES orders, what text); INSERT INTO lines SELECT n, 'x' FROM generate_series(1, 20) n; \
    CREATE TABLE audit.log (who int REFERENCES people, at int); INSERT INTO audit.log SELECT 1, n FROM generate_series(1, 30) n; \
    CREATE TABLE \"a.b\".\"Odd, \"\"one\" (x serial); INSERT INTO \"a.b\".\"Odd, \"\"one\" DEFAULT VALUES; \
    CREATE TABLE measured (at int, of int REFERENCES people) PARTITION BY RANGE (at); \
    CREATE TABLE measured_1 PARTITION OF measured FOR VALUES FROM (0) TO (10); CREATE TABLE measured_2 PARTITION OF measured FOR VALUES FROM (10) TO (20); \
    INSERT INTO measured SELECT n, n % 10 + 1 FROM generate_series(0, 19) n; \
    CREATE VIEW named AS SELECT o.id, p.feeling FROM orders o JOIN people p ON p.id = o.by; \
    CREATE MATERIALIZED VIEW kept AS SELECT count(*) AS n FROM orders; SELECT lo_from_bytea(0, 'x')";

const STRUCTURE: &str = "SELECT string_agg(format('%s %s', relkind, relname), ' ' ORDER BY relkind, relname) FROM pg_class c \
    JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname !~ '^pg_|information_schema'";
const KEYS: &str = "SELECT string_agg(conname, ',' ORDER BY conname) FROM pg_constraint WHERE contype = 'f' AND conparentid = 0";

fn tables(text: &str) -> Vec<TablePattern> {
    TablePattern::list(text).unwrap()
}

fn options(database: &Database, rows: Rows, plain_sql: bool) -> CreateOptions {
    CreateOptions { image: ImageOptions { plain_sql, rows, ..ImageOptions::default() }, ..CreateOptions::new(database.id.clone(), "alice") }
}

fn metadata_of(vault: &Vault, report: &CreateReport) -> Metadata {
    archive_of(vault, report).metadata().clone()
}

#[test]
fn every_choice_of_rows_makes_a_database_again_in_both_forms() {
    let Some(server) = server() else { return };
    let fixture = testing::vault();
    let vault = &fixture.vault;
    server.psql("postgres", "CREATE DATABASE partly");
    server.psql("partly", TABLES);
    let database = add(vault, &server.url("partly"), "partly").unwrap();
    let all_keys = server.psql("partly", KEYS);
    assert_eq!(all_keys, "lines_of_fkey,log_who_fkey,measured_of_fkey,orders by");
    vault.keys().prefer(Some(Password::new("correct horse battery")), crate::keys::Asked::Nothing);
    for (number, (rows, counts, objects, keys)) in [
        (Rows::None, vec![], 0, all_keys.as_str()),
        (Rows::Only(tables("orders")), vec![("orders", 20)], 0, "lines_of_fkey,log_who_fkey,measured_of_fkey"),
        (Rows::Only(tables("measured, people")), vec![("measured_1", 10), ("measured_2", 10), ("people", 10)], 0, &all_keys),
        (
            Rows::Except(tables("*.log, measured_1, people")),
            vec![("\"a.b\".\"Odd, \"\"one\"", 1), ("lines", 20), ("measured_2", 10), ("orders", 20)],
            1,
            "lines_of_fkey,log_who_fkey",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        for plain_sql in [false, true] {
            let wish = CreateOptions { encrypt: Some(plain_sql), ..options(&database, rows.clone(), plain_sql) };
            let made = create(vault, &wish, &Silent).unwrap();
            assert_eq!((made.backup.verdict(), made.backup.level(), made.backup.is_good()), (Verdict::Partial, Level::Opened, false));
            let metadata = metadata_of(vault, &made);
            assert_eq!(metadata.coverage, Coverage::Partial);
            let counted: Vec<_> = metadata.table_counts.iter().map(|(name, count)| (name.as_str(), *count)).collect();
            assert_eq!(counted, counts, "{rows:?}");
            assert_eq!(metadata.schema.len(), 7, "the structure of every table");
            assert_eq!(metadata.source.postgres.as_ref().unwrap().large_objects, objects);
            let verified =
                verify(vault, &VerifyOptions { test_restore: true, ..VerifyOptions::new(made.backup.id.clone(), "alice") }, &Silent)
                    .unwrap();
            assert_eq!(verified.proof.level(), Level::Restored, "{:?}", verified.proof);
            let name = format!("partly_{number}_{plain_sql}");
            restore_to(vault, &made, new_database(vault, &database, &made.backup.id, Some(&name)).unwrap()).unwrap();
            assert_eq!(server.psql(&name, STRUCTURE), server.psql("partly", STRUCTURE));
            assert_eq!(server.psql(&name, KEYS), keys, "{rows:?} {plain_sql}");
            let rows_of = "SELECT (SELECT count(*) FROM orders), (SELECT count(*) FROM people), (SELECT count(*) FROM measured)";
            let of = |table: &str| counts.iter().filter(|(name, _)| name.starts_with(table)).map(|(_, count)| count).sum::<u64>();
            assert_eq!(server.psql(&name, rows_of), format!("{}|{}|{}", of("orders"), of("people"), of("measured")));
            server.psql("postgres", &format!("DROP DATABASE {name}"));
        }
    }
}

#[test]
fn it_never_stands_in_for_a_backup_of_the_whole() {
    let Some(server) = server() else { return };
    let (fixture, database) = shop(server, "pieces");
    let vault = &fixture.vault;
    let status = || databases::status(vault, &database.id, jiff::Timestamp::now()).unwrap();
    let rows = Rows::Except(tables("audit.*"));
    let first = create(vault, &options(&database, rows.clone(), false), &Silent).unwrap();
    assert_eq!((status().newest_good_at, status().size_bytes), (None, None), "an objective is not met by it");
    assert!(backups::find(vault, "latest", Some(&database.id)).is_err());
    let whole = backup(vault, &database);
    assert!(whole.backup.is_good(), "it is compared with no partial one: {:?}", whole.backup);
    let partial = create(vault, &options(&database, Rows::None, false), &Silent).unwrap();
    assert_eq!(partial.backup.suspect, None, "nor a partial one with anything");
    assert_eq!(status().newest_good_at, Some(whole.backup.created_at));
    assert_eq!(backups::find(vault, "latest", Some(&database.id)).unwrap().id, whole.backup.id);
    let link = fs::read_link(vault.backups_dir().join("pieces/latest.zip"))
        .or_else(|_| fs::read_link(vault.backups_dir().join("shop/latest.zip")));
    assert!(link.unwrap().to_str().unwrap().contains(whole.backup.id.as_str()));
    assert!(crate::delete::delete(vault, &whole.backup.id, "alice").is_err(), "the newest good one stays");

    // A run that failed is told whatever part of it was made since; a part that failed says nothing of the whole.
    let folder = tempfile::tempdir().unwrap();
    let sound = vault.surroundings().get();
    let fail = |options: &CreateOptions| {
        vault.surroundings().set(super::snapshots::with_tool(server, folder.path(), "exit 3"));
        create(vault, options, &Silent).unwrap_err();
        vault.surroundings().set((*sound).clone());
    };
    fail(&options(&database, Rows::None, false));
    assert_eq!(status().last_error, None);
    fail(&CreateOptions::new(database.id.clone(), "alice"));
    create(vault, &options(&database, Rows::None, false), &Silent).unwrap();
    assert!(status().last_error.is_some());

    // Nothing puts it in the live database's place, also where that is gone.
    let replace = PlanOptions { backup: first.backup.id.clone(), target: Target::Replace, safety_backup: true };
    let error = plan_restore(vault, &replace).unwrap_err();
    assert_eq!((error.code(), error.kind().exit_code()), ("partial_backup", 7), "{error}");
    assert!(error.to_string().contains("audit.\"Log\"") && error.hint().unwrap().contains("--to"), "{error}");
    server.psql("postgres", "DROP DATABASE pieces");
    assert_eq!(plan_restore(vault, &replace).unwrap_err().code(), "partial_backup");

    // It says so of itself also where the catalog is lost, and nobody knows the password.
    assert_eq!(metadata_of(vault, &first).left_out.unwrap().words(), "the rows of audit.\"Log\" are left out");
    let converted = crate::convert::convert(
        vault,
        &crate::convert::ConvertOptions {
            compression: Some(Compression::Gzip),
            ..crate::convert::ConvertOptions::new(first.backup.id.clone(), "alice")
        },
        &Silent,
    );
    assert_eq!(converted.unwrap().backup.verdict(), Verdict::Partial);
}

#[test]
fn what_cannot_be_left_out_is_refused_before_anything_is_made() {
    let Some(server) = server() else { return };
    let (fixture, database) = shop(server, "choosy");
    let vault = &fixture.vault;
    for (wish, code, words) in [
        (options(&database, Rows::Only(tables("orders, missing, audit.x*")), false), "unknown_table", "missing, audit.x*"),
        (CreateOptions { kind: Kind::Daily, ..options(&database, Rows::None, false) }, "invalid", "of the kind manual"),
        (options(&database, Rows::Only(Vec::new()), false), "invalid", "no table is named"),
    ] {
        let error = create(vault, &wish, &Silent).unwrap_err();
        assert_eq!(error.code(), code, "{error}");
        assert!(error.to_string().contains(words), "{error}");
    }
    let file = fixture.dir.path().join("shop.db");
    rusqlite::Connection::open(&file).unwrap().execute_batch("CREATE TABLE t (a)").unwrap();
    let sqlite = add(vault, file.to_str().unwrap(), "file").unwrap();
    let error = create(vault, &options(&sqlite, Rows::None, false), &Silent).unwrap_err();
    assert!(error.to_string().contains("always backed up whole"), "{error}");
}
