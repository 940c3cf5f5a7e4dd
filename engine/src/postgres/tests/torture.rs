//! A database with one of every kind of thing, dumped in both forms and restored: equal in objects, in rows, in large objects. The comparison is
//! `pg_dump`'s own picture of both, and a checksum of every table.

use super::*;

/// What `pg_dump` says of everything but rows, without what differs from run to run.
fn picture(server: &Server, database: &str) -> String {
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

/// A checksum of the rows of every table and materialized view, where sequences stand, and every large object.
fn contents(server: &Server, database: &str) -> String {
    let one = "SELECT string_agg(format('SELECT %L, count(*), md5(coalesce(string_agg(md5(t::text), '''' ORDER BY md5(t::text)), '''')) FROM ONLY %I.%I t', \
        nspname || '.' || relname, nspname, relname), ' UNION ALL ' ORDER BY nspname, relname) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace \
        WHERE relkind IN ('r', 'm') AND relispopulated AND nspname !~ '^pg_|information_schema'";
    let sequences = "SELECT string_agg(concat_ws(' ', schemaname, sequencename, last_value), ',' ORDER BY 1) FROM (SELECT * FROM pg_sequences ORDER BY 1, 2) s";
    let objects = "SELECT string_agg(concat_ws(' ', oid, md5(lo_get(oid)), lomowner::regrole, lomacl, obj_description(oid, 'pg_largeobject')), ',' ORDER BY oid) \
        FROM pg_largeobject_metadata";
    let rows = server.psql(database, &server.psql(database, one));
    format!("{rows}\n{}\n{}", server.psql(database, sequences), server.psql(database, objects))
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
