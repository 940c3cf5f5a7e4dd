//! Roles and tablespaces beside a dump: what is kept, what never is, and that a person brings them back.

use super::*;

fn with_globals(database: &Database) -> CreateOptions {
    CreateOptions { image: ImageOptions { globals: true, ..ImageOptions::default() }, ..CreateOptions::new(database.id.clone(), "alice") }
}

#[test]
fn roles_are_kept_without_passwords_and_come_back_by_hand() {
    let Some(server) = server() else { return };
    server.shop("roles");
    server.psql(
        "roles",
        "CREATE ROLE \"odd \"\"role; --\" LOGIN PASSWORD 'topsecret' VALID UNTIL '2031-01-01'; CREATE ROLE group_of_roles; GRANT group_of_roles TO \"odd \"\"role; --\"; \
         COMMENT ON ROLE group_of_roles IS 'it''s a group'; ALTER ROLE \"odd \"\"role; --\" SET work_mem TO '3MB'; \
         CREATE ROLE roles_reader LOGIN PASSWORD 'x'; GRANT pg_read_all_data TO roles_reader",
    );
    let fixture = testing::vault();
    let vault = &fixture.vault;
    vault.keys().prefer(Some(Password::new("correct horse battery")), crate::keys::Asked::Nothing);
    // The role that reads is enough: no password is read, so nobody has to be a superuser.
    let database = add(vault, &server.url_of("roles_reader", "x", "roles"), "roles").unwrap();
    let made = create(vault, &CreateOptions { encrypt: Some(true), ..with_globals(&database) }, &Silent).unwrap();
    assert!(made.backup.is_good(), "{:?}", made.backup.proof);
    let globals = archive_of(vault, &made).metadata().globals.clone().unwrap();
    assert!(globals.contains("CREATE ROLE \"odd \"\"role; --\"") && globals.contains("GRANT group_of_roles TO"), "{globals}");
    assert!(!globals.contains("SCRAM") && !globals.contains("PASSWORD '"), "{globals}");
    let path = vault.archive_path(&made.backup.id);
    let bytes = fs::read(&path).unwrap();
    assert!(!bytes.windows(14).any(|window| window == b"group_of_roles"), "they are sealed with the rest");
    // Written anew it has them still; a backup that was not asked to has none.
    let options =
        crate::convert::ConvertOptions { encrypt: Some(false), ..crate::convert::ConvertOptions::new(made.backup.id.clone(), "alice") };
    let converted = crate::convert::convert(vault, &options, &Silent).unwrap().backup;
    assert_eq!(vault.open_archive(&vault.archive_path(&converted.id)).unwrap().metadata().globals.as_ref(), Some(&globals));
    assert_eq!(archive_of(vault, &backup(vault, &database)).metadata().globals, None);

    server.psql("postgres", "DROP ROLE \"odd \"\"role; --\"; DROP ROLE group_of_roles");
    let of_these = |line: &&str| line.contains("odd \"\"role") || line.contains("group_of_roles");
    let lacking = globals.lines().filter(of_these).collect::<Vec<_>>().join("\n");
    server.load("postgres", &lacking);
    let role = "SELECT rolvaliduntil::date, rolconfig, pg_has_role(oid, 'group_of_roles', 'MEMBER'), shobj_description('group_of_roles'::regrole, 'pg_authid') \
        FROM pg_roles WHERE rolname = 'odd \"role; --'";
    assert_eq!(server.psql("postgres", role), "2031-01-01|{work_mem=3MB}|t|it's a group");
}

#[test]
fn what_pg_dumpall_does_wrong_publishes_nothing() {
    let Some(server) = server() else { return };
    let (fixture, database) = shop(server, "roleless");
    let folder = tempfile::tempdir().unwrap();
    let environment = super::snapshots::with_tool(server, folder.path(), "exec \"$REAL\" \"$@\"");
    fixture.vault.surroundings().set(environment);
    let fail = || create(&fixture.vault, &with_globals(&database), &Silent).unwrap_err();
    assert_eq!(fail().code(), "client_missing", "only pg_dump is there");
    let tool = folder.path().join("pg_dumpall");
    for (script, words) in [
        ("echo 'CREATE ROLE a;'", "ends early"),
        ("echo 'pg_dumpall: error: permission denied for table pg_authid' >&2; exit 1", "permission denied"),
        ("kill -9 $$", "signal 9"),
        ("printf '\\377'", "no UTF-8"),
    ] {
        fs::write(&tool, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&tool, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let error = fail();
        assert_eq!(error.code(), "globals_failed", "{error}");
        assert!(error.to_string().contains(words) && error.hint().is_some(), "{error}");
    }
    assert_eq!(fixture.vault.catalog().newest_good(&database.id, None).unwrap(), None);
}
