//! A database with one of every kind of thing, dumped in both forms and restored: equal in objects, in rows, in large objects. The comparison is
//! `pg_dump`'s own picture of both, and a checksum of every table.

use std::collections::BTreeSet;

use super::*;

/// What `pg_dump` says of everything but rows, without what differs from run to run.
pub(super) fn picture(server: &Server, database: &str) -> String {
    let said = Command::new(server.bin.join("pg_dump"))
        .args(["--schema-only", "-h", "127.0.0.1", "-U", "postgres", "-p", &server.port.to_string(), "-d", database])
        .env("PGPASSWORD", server::PASSWORD)
        .env("PGCLIENTENCODING", "SQL_ASCII")
        .output()
        .unwrap();
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    let text = String::from_utf8_lossy(&said.stdout);
    text.lines().filter(|line| !line.starts_with("\\restrict") && !line.starts_with("\\unrestrict")).collect::<Vec<_>>().join("\n")
}

/// A checksum of the rows of every table and materialized view, whatever the order of its columns, where sequences stand, and every large object.
pub(super) fn contents(server: &Server, database: &str) -> String {
    let rows = "SELECT format('SELECT %L, count(*), md5(coalesce(string_agg(r, '''' ORDER BY r), '''')) FROM (SELECT md5(ROW(%s)::text) AS r FROM ONLY %I.%I) t', \
        nspname || '.' || relname, (SELECT string_agg(quote_ident(attname), ',' ORDER BY attname) FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped), \
        nspname, relname) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace \
        WHERE relkind IN ('r', 'm') AND relispopulated AND nspname !~ '^pg_|information_schema' ORDER BY nspname, relname \\gexec\n\
        SELECT concat_ws(' ', schemaname, sequencename, last_value) FROM pg_sequences ORDER BY 1;\n\
        SELECT concat_ws(' ', oid, md5(lo_get(oid)), lomowner::regrole, lomacl, obj_description(oid, 'pg_largeobject')) FROM pg_largeobject_metadata ORDER BY oid;\n";
    server.load(database, rows)
}

/// The lines that only one of two texts has.
pub(super) fn differing(found: &str, wanted: &str) -> Vec<String> {
    let (in_found, in_wanted): (BTreeSet<&str>, BTreeSet<&str>) = (found.lines().collect(), wanted.lines().collect());
    let only = |one: &BTreeSet<&str>, other: &BTreeSet<&str>, mark: &str| {
        one.difference(other).map(|line| format!("{mark} {line}")).collect::<Vec<_>>()
    };
    [only(&in_wanted, &in_found, "-"), only(&in_found, &in_wanted, "+")].concat()
}

#[test]
fn everything_that_a_database_can_hold_comes_back_equal() {
    let Some(server) = server() else { return };
    server.psql("postgres", "CREATE ROLE torturer");
    let fixture = testing::vault();
    let vault = &fixture.vault;
    for (number, (encoding, bytes)) in
        [("UTF8", "'Žluťoučký 🐘 ' || U&'\\202E'"), ("LATIN1", "'grün'"), ("SQL_ASCII", "E'\\xff\\xfe\\x01'")].into_iter().enumerate()
    {
        let name = format!("torture_{number}");
        server.psql("postgres", &format!("CREATE DATABASE {name} TEMPLATE template0 ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C'"));
        server.load(&name, &include_str!("torture.sql").replace(":db", &name));
        server.psql(&name, &format!("CREATE TABLE app.\"été\" (a text); INSERT INTO app.\"été\" VALUES ({bytes})"));
        let database = add(vault, &server.url(&name), &name.replace('_', "-")).unwrap();
        let (objects, rows) = (picture(server, &name), contents(server, &name));
        assert!(objects.contains("EVENT TRIGGER") && rows.lines().count() > 15, "{rows}");
        // A script is taken in UTF-8, which what is of no encoding need not be.
        for plain_sql in [false, true].into_iter().filter(|plain_sql| !plain_sql || encoding != "SQL_ASCII") {
            let image = ImageOptions { plain_sql, ..ImageOptions::default() };
            let made = create(vault, &CreateOptions { image, ..CreateOptions::new(database.id.clone(), "alice") }, &Silent).unwrap();
            assert!(made.backup.is_good(), "{:?}", made.backup.proof);
            let again = format!("{name}_{plain_sql}");
            restore_to(vault, &made, new_database(vault, &database, &made.backup.id, Some(&again)).unwrap()).unwrap();
            assert_eq!(picture(server, &again).replace(&again, &name), objects, "{encoding} {plain_sql}");
            assert_eq!(contents(server, &again), rows, "{encoding} {plain_sql}");
            if !plain_sql {
                restore_to(vault, &made, Target::InPlace).unwrap();
                assert_eq!(picture(server, &name), objects, "{encoding} in place");
                assert_eq!(contents(server, &name), rows, "{encoding} in place");
            }
        }
    }
}
