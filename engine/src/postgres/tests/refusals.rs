//! What a person gets wrong, each with its own code and with what to do.

use super::*;

#[test]
fn every_refusal_says_what_is_wrong_and_leaves_nothing() {
    let Some(server) = server() else { return };
    let url = server.shop("refusing");
    let fixture = testing::vault();
    server.psql(
        "postgres",
        "CREATE ROLE locked LOGIN PASSWORD 'x'; CREATE ROLE outside NOLOGIN PASSWORD 'x'; REVOKE CONNECT ON DATABASE refusing FROM PUBLIC",
    );
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    for (url, code, exit, words) in [
        (server.url("no such"), "database_missing", 3, "no database \"no such\""),
        (server.url_of("postgres", "wrong", "refusing"), "login_refused", 8, "does not let postgres in"),
        (format!("postgresql://postgres@127.0.0.1:{}/refusing", server.port), "password_needed", 8, "for a password"),
        (format!("postgresql://postgres:x@127.0.0.1:{nobody}/refusing"), "server_unreachable", 1, "no server answers"),
        (format!("{url}?sslmode=require"), "tls_failed", 1, "no TLS"),
        (server.url_of("locked", "x", "refusing"), "rights_missing", 1, "locked may not"),
        (server.url_of("outside", "x", "refusing"), "login_refused", 1, "outside"),
    ] {
        let error = add(&fixture.vault, &url, "refused").unwrap_err();
        assert_eq!((error.code(), error.kind().exit_code()), (code, exit), "{error}");
        assert!(error.to_string().contains(words), "{error}");
        assert!(!format!("{error} {:?}", error.hint()).contains("s3cret"), "{error}");
        let hint = error.hint().unwrap();
        assert!(!hint.contains("GRANT …"), "{hint}");
        assert_eq!(hint.contains("GRANT CONNECT ON DATABASE \"refusing\" TO \"locked\";"), words == "locked may not", "{hint}");
    }
    assert!(databases::databases(&fixture.vault).unwrap().is_empty());
    assert!(!fixture.vault.data_dir().join("keys/secrets.json").exists());
}

#[test]
fn the_role_that_the_hint_makes_is_enough_for_a_backup_and_for_nothing_else() {
    let Some(server) = server() else { return };
    server.shop("rights");
    server.psql(
        "rights",
        "CREATE SEQUENCE numbers; SELECT nextval('numbers'); CREATE TABLE hidden (id int); ALTER TABLE hidden ENABLE ROW LEVEL SECURITY",
    );
    server.psql("postgres", "CREATE ROLE reader LOGIN PASSWORD 'x'");
    let fixture = testing::vault();
    let vault = &fixture.vault;
    let url = server.url_of("reader", "x", "rights");
    let mut given = Vec::new();
    // Each refusal names the SQL that mends it; with all of it there is a backup.
    let database = loop {
        match add(vault, &url, "rights") {
            Ok(database) => break database,
            Err(error) => {
                assert_eq!(error.code(), "rights_missing", "{error}");
                let hint = error.hint().unwrap();
                let sql = hint.split_once("with: ").unwrap().1.to_owned();
                assert!(!given.contains(&sql) && given.len() < 5, "{sql} was not enough");
                server.psql("rights", &sql);
                given.push(sql);
            }
        }
    };
    assert!(given.iter().any(|sql| sql.contains("pg_read_all_data")) && given.iter().any(|sql| sql.contains("BYPASSRLS")), "{given:?}");
    let made = backup(vault, &database);
    assert!(made.backup.is_good());
    // It may not restore; the plan says so before anything is done.
    let target = new_database(vault, &database, &made.backup.id, None).unwrap();
    let error = restore_to(vault, &made, target.clone()).unwrap_err();
    assert_eq!(error.code(), "rights_missing", "{error}");
    assert!(error.hint().unwrap().contains("CREATEDB") && error.hint().unwrap().contains("--admin-url-file"), "{error}");
    // With a role of its own for restores the same works; that one is sealed, too.
    let admin = Some(Some(server.url("postgres")));
    databases::edit_database(vault, &database.id, &EditDatabaseOptions { admin, actor: "alice".into(), ..Default::default() }).unwrap();
    restore_to(vault, &made, target).unwrap();
    assert_eq!(files_with(vault, "s3cret"), Vec::<PathBuf>::new());
    let verified = verify(vault, &VerifyOptions { test_restore: true, ..VerifyOptions::new(made.backup.id, "alice") }, &Silent).unwrap();
    assert_eq!(verified.proof.level(), Level::Restored, "{:?}", verified.proof);
}

#[test]
fn a_large_object_that_may_not_be_read_is_told_with_its_sql() {
    let Some(server) = server() else { return };
    server.shop("objects");
    server.psql("objects", "SELECT lo_from_bytea(0, 'x')");
    server.psql("postgres", "CREATE ROLE \"lo \"\"reader\" LOGIN PASSWORD 'x'; GRANT pg_read_all_data TO \"lo \"\"reader\"");
    let fixture = testing::vault();
    let url = server.url_of("lo%20%22reader", "x", "objects");
    let error = add(&fixture.vault, &url, "objects").unwrap_err();
    assert_eq!(error.code(), "rights_missing", "{error}");
    server.psql("objects", error.hint().unwrap().split_once("with: ").unwrap().1);
    let database = add(&fixture.vault, &url, "objects").unwrap();
    assert!(backup(&fixture.vault, &database).backup.is_good());
}

#[test]
fn a_database_that_moved_or_got_another_password_is_reached_again() {
    let Some(server) = server() else { return };
    server.psql("postgres", "CREATE ROLE mover LOGIN SUPERUSER PASSWORD 'one'");
    server.shop("moving");
    let fixture = testing::vault();
    let vault = &fixture.vault;
    let database = add(vault, &server.url_of("mover", "one", "moving"), "moving").unwrap();
    server.psql("postgres", "ALTER ROLE mover PASSWORD 'two'");
    let error = create(vault, &CreateOptions::new(database.id.clone(), "alice"), &Silent).unwrap_err();
    assert_eq!(error.code(), "login_refused", "{error}");
    // Adding it once more with the new one is enough, as a deployment does at its start; with a wrong one it is refused.
    assert_eq!(add(vault, &server.url_of("mover", "no", "moving"), "moving").unwrap_err().code(), "login_refused");
    assert_eq!(add(vault, &server.url_of("mover", "two", "moving"), "moving").unwrap().id, database.id);
    assert!(backup(vault, &database).backup.is_good());
    server.psql("postgres", "ALTER ROLE mover PASSWORD 'three'");
    let edit = |url: String| EditDatabaseOptions { location: Some(url), actor: "alice".into(), ..Default::default() };
    assert_eq!(
        databases::edit_database(vault, &database.id, &edit(server.url_of("mover", "no", "moving"))).unwrap_err().code(),
        "login_refused"
    );
    server.psql("postgres", "ALTER DATABASE moving RENAME TO moved");
    let edited = databases::edit_database(vault, &database.id, &edit(server.url_of("mover", "three", "moved"))).unwrap();
    assert!(edited.location.ends_with("/moved") && !edited.location.contains("three"));
    assert_eq!(databases::database(vault, &database.id).unwrap().location, edited.location);
    assert!(backup(vault, &edited).backup.is_good());
    let sqlite = edit("/tmp/x.db".to_owned());
    assert_eq!(databases::edit_database(vault, &database.id, &sqlite).unwrap_err().code(), "invalid");
}

#[test]
fn a_full_disk_is_said_and_no_backup_made() {
    let Some(server) = server() else { return };
    let (fixture, database) = shop(server, "full");
    server.psql("full", "CREATE TABLE large AS SELECT md5(n::text) || md5((n + 1)::text) AS noise FROM generate_series(1, 100000) n");
    let backups = fixture.vault.backups_dir().join("shop/manual");
    // A disk of 1 MB in the place of the folder of backups stands in for a full one, where this user may mount.
    let (root, small) = (fixture.vault.backups_dir(), fixture.dir.path().join("small"));
    fs::create_dir(&small).unwrap();
    let done = |command: &mut Command| command.output().is_ok_and(|said| said.status.success());
    if !done(Command::new("mount").args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"]).arg(&small)) {
        return;
    }
    assert!(done(Command::new("cp").arg("-a").arg(format!("{}/.", root.display())).arg(&small)));
    assert!(done(Command::new("mount").args(["--bind"]).arg(&small).arg(root)));
    let outcome = create(&fixture.vault, &CreateOptions::new(database.id.clone(), "alice"), &Silent);
    let left = fs::read_dir(&backups).map_or(0, Iterator::count);
    for mounted in [root, &small] {
        assert!(done(Command::new("umount").arg("-l").arg(mounted)));
    }
    assert_eq!(outcome.unwrap_err().code(), "no_space");
    assert_eq!(left, 0);
}
