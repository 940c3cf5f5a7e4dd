//! Backups of a real server: what they hold, and what becomes of one that does not come to its end.

use super::*;

#[test]
fn a_backup_holds_all_of_it_and_tells_no_password() {
    let Some(server) = server() else { return };
    let (fixture, database) = shop(server, "whole");
    let vault = &fixture.vault;
    assert_eq!(database.location, format!("postgresql://postgres@127.0.0.1:{}/whole", server.port));
    let made = backup(vault, &database);
    assert!(made.backup.is_good(), "{:?}", made.backup.proof);
    let archive = archive_of(vault, &made);
    assert_eq!(archive.form(), Form::Dump);
    let metadata = archive.metadata();
    assert_eq!(
        metadata.table_counts.iter().map(|(name, count)| (name.as_str(), *count)).collect::<Vec<_>>(),
        [("audit.\"Log\"", 3), ("orders", 1000)]
    );
    assert_eq!(metadata.schema["orders"].columns[0].declared_type, "integer");
    assert_eq!((metadata.source.encoding.as_str(), metadata.source.method.as_str()), ("UTF8", "pg_dump"));
    let source = metadata.source.postgres.as_ref().unwrap();
    assert!(source.database == "whole" && source.server_version_num > 100_000 && !source.client_version.is_empty());
    assert_eq!(source.roles, ["postgres"]);
    assert_eq!(metadata.restore_hash, metadata.backup_hash);
    let checks: Vec<_> = made.backup.proof.as_ref().unwrap().checks.iter().map(|check| (check.name, check.result)).collect();
    assert!(
        checks.contains(&(CheckName::DumpContents, CheckResult::Passed)) && checks.contains(&(CheckName::RowCounts, CheckResult::Passed)),
        "{checks:?}"
    );
    // Sealed, and nowhere else; the dump holds none either.
    assert_eq!(files_with(vault, server::PASSWORD), Vec::<PathBuf>::new());
    assert_eq!(files_with(vault, "s3cret"), Vec::<PathBuf>::new());
    // Another process opens the same vault and needs nobody to tell it the password.
    assert!(backup(&testing::open(&fixture.dir), &database).backup.is_good());
    // The same database by another user's URL is not a second one.
    assert_eq!(add(vault, &server.url("whole").replace("sslmode", "x"), "other").unwrap().id, database.id);
    databases::remove_database(vault, &database.id, "alice").unwrap();
    assert!(!fs::read_to_string(vault.data_dir().join("keys/secrets.json")).unwrap().contains(database.uid.as_str()));
}

#[test]
fn every_compression_and_encryption_and_plain_sql() {
    let Some(server) = server() else { return };
    let (fixture, database) = shop(server, "variants");
    let vault = &fixture.vault;
    vault.keys().prefer(Some(Password::new("correct horse battery")), crate::keys::Asked::Nothing);
    for (index, (compression, encrypt, plain_sql)) in
        [(Compression::Zstd, true, true), (Compression::Gzip, false, false), (Compression::None, true, false)].into_iter().enumerate()
    {
        let image = ImageOptions { plain_sql, ..ImageOptions::default() };
        let options = CreateOptions {
            compression: Some(compression),
            encrypt: Some(encrypt),
            image,
            ..CreateOptions::new(database.id.clone(), "alice")
        };
        let made = create(vault, &options, &Silent).unwrap();
        assert!(made.backup.is_good(), "{:?}", made.backup.proof);
        assert_eq!(archive_of(vault, &made).form(), if plain_sql { Form::Sql } else { Form::Dump });
        let target = new_database(vault, &database, &made.backup.id, Some(&format!("variant_{index}"))).unwrap();
        restore_to(vault, &made, target).unwrap();
        let same = "SELECT md5(string_agg(o::text, '|' ORDER BY id)) FROM orders o";
        assert_eq!(server.psql(&format!("variant_{index}"), same), server.psql("variants", same));
        assert_eq!(
            server.psql(
                &format!("variant_{index}"),
                "SELECT string_agg(coalesce(\"what?\", 'null'), ',' ORDER BY \"what?\") FROM audit.\"Log\""
            ),
            ",ünï,null"
        );
    }
}

/// The balances of pgbench sum up to the same in every transaction's history: a backup that mixes two moments does not.
#[test]
fn a_backup_under_load_is_of_one_moment() {
    let Some(server) = server() else { return };
    let bench = server.bin.join("pgbench");
    if !bench.is_file() {
        return;
    }
    server.psql("postgres", "CREATE DATABASE bank");
    let run = |arguments: &[&str]| {
        let mut command = Command::new(&bench);
        command
            .args(arguments)
            .args(["-h", "127.0.0.1", "-p", &server.port.to_string(), "-U", "postgres", "bank"])
            .env("PGPASSWORD", server::PASSWORD);
        command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
        command
    };
    assert!(run(&["-i", "-s", "1", "-q"]).status().unwrap().success());
    let fixture = testing::vault();
    let database = add(&fixture.vault, &server.url("bank"), "bank").unwrap();
    let mut load = run(&["-c", "4", "-T", "60", "-n"]).spawn().unwrap();
    let made = (0..2).map(|_| create(&fixture.vault, &CreateOptions::new(database.id.clone(), "alice"), &Silent)).collect::<Vec<_>>();
    let before = server.psql("bank", "SELECT count(*) FROM pgbench_history");
    load.kill().unwrap();
    load.wait().unwrap();
    assert!(before.parse::<u64>().unwrap() > 0, "nothing was written meanwhile");
    for (index, made) in made.into_iter().enumerate() {
        let made = made.unwrap();
        assert!(made.backup.is_good(), "{:?}", made.backup.proof);
        let name = format!("bank_{index}");
        restore_to(&fixture.vault, &made, new_database(&fixture.vault, &database, &made.backup.id, Some(&name)).unwrap()).unwrap();
        let sums = "SELECT (SELECT sum(abalance) FROM pgbench_accounts) = (SELECT coalesce(sum(delta), 0) FROM pgbench_history) \
            AND (SELECT sum(tbalance) FROM pgbench_tellers) = (SELECT sum(bbalance) FROM pgbench_branches)";
        assert_eq!(server.psql(&name, sums), "t");
    }
}

#[test]
fn odd_names_encodings_and_large_objects_come_back() {
    let Some(server) = server() else { return };
    server.psql("postgres", "CREATE DATABASE \"Ödd \"\" 'name; --\" TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'");
    let odd = "Ödd \" 'name; --";
    server.psql(
        odd,
        "CREATE SCHEMA \"a.b\"; CREATE TABLE \"a.b\".\"c\"\"d\" (\"from\" text, nothing int[]); INSERT INTO \"a.b\".\"c\"\"d\" VALUES ('é', '{1,NULL}'); \
         CREATE TABLE public.\"a.b\" (x int); CREATE TABLE \"user\" (); INSERT INTO \"user\" DEFAULT VALUES; INSERT INTO \"user\" DEFAULT VALUES; \
         CREATE TABLE parts (n int) PARTITION BY RANGE (n); CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (10); \
         INSERT INTO parts SELECT generate_series(1, 5); CREATE VIEW seen AS SELECT 1 AS one; CREATE MATERIALIZED VIEW kept AS SELECT 2 AS two; \
         CREATE TABLE alembic_version (version_num text); INSERT INTO alembic_version VALUES ('ae10'); \
         SELECT lo_from_bytea(0, '\\x00ff0a'); SELECT lo_from_bytea(0, repeat('x', 100000)::bytea)",
    );
    let fixture = testing::vault();
    let vault = &fixture.vault;
    let url = server.url("%C3%96dd%20%22%20%27name%3B%20--");
    let database = add(vault, &url, "odd").unwrap();
    let made = backup(vault, &database);
    assert!(made.backup.is_good(), "{:?}", made.backup.proof);
    let archive = archive_of(vault, &made);
    let names: Vec<&str> = archive.metadata().table_counts.keys().map(String::as_str).collect();
    assert_eq!(names, ["\"a.b\"", "\"a.b\".\"c\"\"d\"", "alembic_version", "parts_1", "user"]);
    assert_eq!(archive.metadata().migration_version.as_deref(), Some("ae10"));
    assert_eq!(archive.metadata().source.postgres.as_ref().unwrap().large_objects, 2);
    assert_eq!(archive.metadata().source.encoding, "LATIN1");
    drop(archive);
    restore_to(vault, &made, new_database(vault, &database, &made.backup.id, Some("back again; --")).unwrap()).unwrap();
    let objects = "SELECT string_agg(md5(lo_get(oid)), ',' ORDER BY oid) FROM pg_largeobject_metadata";
    assert_eq!(server.psql("back again; --", objects), server.psql(odd, objects));
    assert_eq!(
        server.psql("back again; --", "SELECT pg_encoding_to_char(encoding) FROM pg_database WHERE datname = current_database()"),
        "LATIN1"
    );
    assert_eq!(server.psql("back again; --", "SELECT \"from\", nothing FROM \"a.b\".\"c\"\"d\""), "é|{1,NULL}");
}

#[test]
fn a_person_who_wants_no_more_of_it_gets_nothing_and_no_child_stays() {
    let Some(server) = server() else { return };
    let (fixture, database) = shop(server, "cancelled");
    server.psql("cancelled", "CREATE TABLE large AS SELECT n, repeat('x', 500) AS filler FROM generate_series(1, 60000) n");
    let impatient = Impatient { after_bytes: 1 << 20, ..Impatient::default() };
    let outcome = create(&fixture.vault, &CreateOptions::new(database.id.clone(), "alice"), &impatient);
    assert_eq!(outcome.unwrap_err().code(), "cancelled");
    assert_eq!(fixture.vault.catalog().newest_good(&database.id, None).unwrap(), None);
    let sessions = "SELECT count(*) FROM pg_stat_activity WHERE datname = 'cancelled' AND application_name = 'keepstone'";
    for _ in 0..100 {
        if server.psql("postgres", sessions) == "0" {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    panic!("a session stayed");
}

/// A tool that does not do what it says: the folder holds it in place of the real one.
pub(super) fn with_tool(server: &Server, folder: &std::path::Path, script: &str) -> Environment {
    use std::os::unix::fs::PermissionsExt;
    let tool = folder.join("pg_dump");
    let real = server.bin.join("pg_dump");
    // Newer than any that is installed of its series, so it is the one that is chosen.
    let version = tools::clients(&Environment { tool_dirs: vec![server.bin.clone()], ..Environment::default() })
        .iter()
        .filter(|client| client.folder == server.bin)
        .map(|client| client.version)
        .max()
        .unwrap();
    let text = format!(
        "#!/bin/sh\nif [ \"$1\" = --version ]; then echo 'pg_dump (PostgreSQL) {}.{}'; exit 0; fi\nREAL={}\n{script}\n",
        version.major,
        version.minor + 1,
        real.display()
    );
    fs::write(&tool, text).unwrap();
    fs::set_permissions(&tool, fs::Permissions::from_mode(0o755)).unwrap();
    Environment { tool_dirs: vec![folder.to_owned()], ..Environment::default() }
}

#[test]
fn a_child_that_dies_or_writes_too_little_is_a_failure_with_its_own_code() {
    let Some(server) = server() else { return };
    let (fixture, database) = shop(server, "faulty");
    let vault = &fixture.vault;
    let folder = tempfile::tempdir().unwrap();
    for (script, code) in [
        ("exit 0", "dump_incomplete"),
        ("exit 3", "dump_failed"),
        ("kill -9 $$", "dump_failed"),
        ("\"$REAL\" \"$@\" | head -c 3000; exit 0", "dump_incomplete"),
        ("\"$REAL\" \"$@\" --exclude-table-data=orders; exit 0", "dump_incomplete"),
        ("\"$REAL\" \"$@\" --exclude-table=orders; exit 0", "dump_incomplete"),
        ("\"$REAL\" \"$@\"; echo 'pg_dump: error: something happened at the very end' >&2; exit 1", "dump_failed"),
        ("echo 'not a dump'; exit 0", "dump_incomplete"),
    ] {
        vault.surroundings().set(with_tool(server, folder.path(), script));
        let error = create(vault, &CreateOptions::new(database.id.clone(), "alice"), &Silent).unwrap_err();
        assert_eq!(error.code(), code, "{script}: {error}");
        assert!(error.hint().is_some());
    }
    vault.surroundings().set(with_tool(server, folder.path(), "exec \"$REAL\" \"$@\""));
    assert!(backup(vault, &database).backup.is_good());
    assert_eq!(vault.catalog().backups_of(&database.id).unwrap().iter().filter(|backup| backup.is_good()).count(), 1);
}

#[test]
fn a_server_that_goes_away_in_the_middle_leaves_no_backup() {
    let Some(server) = server() else { return };
    let (fixture, database) = shop(server, "vanishing");
    let folder = tempfile::tempdir().unwrap();
    // The child has begun; then the server throws everybody out.
    let script = format!(
        "PGPASSWORD='{}' {}/psql -X -q -h 127.0.0.1 -p {} -U postgres -d postgres -c \"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE \
         datname = 'vanishing'\" >/dev/null; exec \"$REAL\" \"$@\"",
        server::PASSWORD.replace('\'', "'\\''"),
        server.bin.display(),
        server.port
    );
    fixture.vault.surroundings().set(with_tool(server, folder.path(), &script));
    let error = create(&fixture.vault, &CreateOptions::new(database.id.clone(), "alice"), &Silent).unwrap_err();
    assert!(matches!(error.code(), "server_lost" | "dump_failed"), "{}: {error}", error.code());
    assert_eq!(fixture.vault.catalog().newest_good(&database.id, None).unwrap(), None);
}

#[test]
fn what_an_argument_and_a_process_list_show_is_no_password() {
    let Some(server) = server() else { return };
    let (fixture, database) = shop(server, "listed");
    let folder = tempfile::tempdir().unwrap();
    let seen = folder.path().join("seen");
    let script =
        format!("{{ tr '\\0' '\\n' < /proc/$$/cmdline; env; stat -c %a \"$PGPASSFILE\"; }} > {}; exec \"$REAL\" \"$@\"", seen.display());
    fixture.vault.surroundings().set(with_tool(server, folder.path(), &script));
    backup(&fixture.vault, &database);
    let text = fs::read_to_string(seen).unwrap();
    assert!(text.contains("--snapshot=") && text.contains("dbname='listed'") && text.contains("600"), "{text}");
    assert!(!text.contains("s3cret"), "{text}");
}
