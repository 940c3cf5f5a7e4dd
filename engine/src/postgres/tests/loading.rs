//! The ways to load a dump, and what a tool that fails on the way leaves behind: nothing.

use keepstone_model::restore::Loading;

use super::*;

const SUM: &str = "SELECT md5(string_agg(o::text, '|' ORDER BY id)) FROM orders o";

fn restore_by(vault: &Vault, report: &CreateReport, target: Target, loading: Loading) -> Result<RestoreReport> {
    let mut plan = plan_restore(vault, &PlanOptions { backup: report.backup.id.clone(), target, safety_backup: true })?;
    plan.loading = loading;
    restore(vault, &RestoreOptions { plan, verify: true, actor: "alice".to_owned() }, &Silent)
}

#[test]
fn a_dump_is_loaded_at_once_by_several_or_in_one_transaction() {
    let Some(server) = server() else { return };
    let (fixture, database) = shop(server, "loaded");
    let vault = &fixture.vault;
    vault.keys().prefer(Some(Password::new("correct horse battery")), crate::keys::Asked::Nothing);
    let ways = [Loading::Streamed, Loading::SingleTransaction, Loading::Parallel { jobs: 3 }];
    for plain_sql in [false, true] {
        let image = ImageOptions { plain_sql, ..ImageOptions::default() };
        let made =
            create(vault, &CreateOptions { image, encrypt: Some(true), ..CreateOptions::new(database.id.clone(), "alice") }, &Silent)
                .unwrap();
        for (number, loading) in ways.into_iter().enumerate() {
            let name = format!("loaded_{number}_{plain_sql}");
            restore_by(vault, &made, new_database(vault, &database, &made.backup.id, Some(&name)).unwrap(), loading).unwrap();
            assert_eq!(server.psql(&name, SUM), server.psql("loaded", SUM), "{loading:?}");
        }
        restore_by(vault, &made, Target::Replace, ways[2]).unwrap();
    }
    let unpacked = files_with(vault, "ünï");
    assert_eq!(unpacked, Vec::<PathBuf>::new(), "what was unpacked is gone");
}

#[test]
fn a_tool_that_fails_while_it_restores_leaves_the_live_database_and_nothing_else() {
    let Some(server) = server() else { return };
    let (fixture, database) = shop(server, "unloaded");
    let vault = &fixture.vault;
    server.psql("unloaded", "CREATE TABLE large AS SELECT n, repeat('x', 500) AS filler FROM generate_series(1, 3000) n");
    let made = backup(vault, &database);
    let before = server.psql("unloaded", SUM);
    let folder = tempfile::tempdir().unwrap();
    vault.surroundings().set(super::snapshots::with_tool(server, folder.path(), "exec \"$REAL\" \"$@\""));
    let real = server.bin.join("pg_restore").display().to_string();
    for (script, codes) in [
        ("exit 0".to_owned(), &["restore_failed"][..]),
        ("cat >/dev/null; exit 0".to_owned(), &["verification_failed"]),
        (format!("{real} --section=pre-data \"$@\""), &["verification_failed", "restore_failed"]),
        (
            "head -c 1000 >/dev/null; echo 'pg_restore: error: could not write to file: No space left on device' >&2; exit 1".to_owned(),
            &["restore_failed"],
        ),
        ("kill -9 $$".to_owned(), &["restore_failed"]),
    ] {
        let tool = folder.path().join("pg_restore");
        fs::write(&tool, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&tool, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        for target in [Target::Replace, new_database(vault, &database, &made.backup.id, Some("unloaded_2")).unwrap()] {
            let error = restore_by(vault, &made, target, Loading::Streamed).unwrap_err();
            assert!(codes.contains(&error.code()), "{script}: {} {error}", error.code());
        }
        assert_eq!(server.psql("unloaded", SUM), before);
        assert_eq!(server.psql("postgres", "SELECT count(*) FROM pg_database WHERE datname = 'unloaded_2'"), "0");
        assert_eq!(leftovers(server, vault), 0, "{script}");
    }
}
