//! PostgreSQL by the command line: the story of one database, and what a person gets wrong. Skipped, and said, where the machine has none.

use crate::support::Host;

#[expect(dead_code, reason = "the engine's tests end one, too")]
#[path = "../../../engine/src/postgres/tests/server.rs"]
pub(crate) mod server;

#[test]
fn a_server_s_database_is_protected_lost_and_brought_back() {
    let Some(server) = server::server() else { return };
    let host = Host::new();
    let url = server.shop("told");
    std::fs::write(host.path("url.txt"), format!("{url}\n")).unwrap();

    let added = &host.results(&["db", "add", "--url-file", "url.txt", "--name", "shop"])[0];
    assert_eq!(added["location"], format!("postgresql://postgres@127.0.0.1:{}/told", server.port));
    let again = host.run(&["db", "add", &url]);
    assert!(again.exit == 0 && again.stderr.contains("--url-file") && again.stdout.contains("already"), "{again:?}");
    assert!(host.ok(&["doctor", "shop"]).contains("sound"));

    let made = &host.results(&["create", "shop"])[0];
    assert_eq!(
        (made["verdict"].as_str(), made["level"].as_str(), made["total_records"].as_u64()),
        (Some("good"), Some("opened"), Some(1003))
    );
    let id = made["id"].as_str().unwrap();
    let shown = host.ok(&["show", id]);
    assert!(shown.contains("dump_contents") && shown.contains("row_counts"), "{shown}");
    let verified = &host.results(&["verify", id, "--test-restore"])[0];
    assert_eq!(verified["level"], "restored", "{verified}");
    // An archive file is checked without a vault and without a server.
    let archive = made["path"].as_str().unwrap();
    assert_eq!(host.results(&["verify", archive, "--data", "nowhere"])[0]["level"], "opened");
    host.ok(&["restore", "--path", archive, "--to", "told.dump"]);
    assert!(std::fs::read(host.path("told.dump")).unwrap().starts_with(b"PGDMP"));

    // Its rows out, from the live database and from the backup
    for what in ["shop", id] {
        let exported = &host.results(&["export", what, "--format", "sql", "-o", &format!("{what}.sql")])[0];
        assert_eq!(exported["row_count"], 1003, "{exported}");
    }
    server.psql("postgres", "CREATE DATABASE told_loaded");
    server.load("told_loaded", &std::fs::read_to_string(host.path(&format!("{id}.sql"))).unwrap());
    assert_eq!(server.psql("told_loaded", "SELECT count(*) FROM orders"), "1000");
    host.ok(&["export", id, "--format", "csv", "--table", "audit.\"Log\"", "-o", "log.csv"]);
    assert_eq!(std::fs::read_to_string(host.path("log.csv")).unwrap().lines().count(), 4);

    // Into a new database, by default and by name
    let restored = &host.results(&["restore", id])[0];
    assert!(restored["path"].as_str().unwrap().contains("/told_2") && restored["live_unchanged"] == true, "{restored}");
    host.ok(&["restore", id, "--to", "told_again"]);
    assert_eq!(server.psql("told_again", "SELECT count(*) FROM orders"), "1000");
    host.fails(&["restore", id, "--to", "told_again"], "target_exists", 7);
    host.ok(&["restore", id, "--to", &server.url("told_by_url")]);
    assert_eq!(server.psql("told_by_url", "SELECT count(*) FROM orders"), "1000");

    // In its place, and back
    server.psql("told", "DELETE FROM orders WHERE id > 5");
    let plan = host.ok(&["restore", id, "--replace", "--dry-run"]);
    assert!(
        plan.contains("orders") && plan.contains("995 rows more") && plan.contains("kept on the server") && plan.contains("names change"),
        "{plan}"
    );
    host.fails(&["restore", id, "--replace"], "not_confirmed", 7);
    let replaced = &host.results(&["restore", id, "--replace", "--yes"])[0];
    assert_eq!(server.psql("told", "SELECT count(*) FROM orders"), "1000");
    assert!(replaced["kept"]["name"].as_str().unwrap().starts_with("told_before_"), "{replaced}");
    host.ok(&["undo", replaced["job"].as_str().unwrap(), "--yes"]);
    assert_eq!(server.psql("told", "SELECT count(*) FROM orders"), "5");

    // What is lost shows, as for any database
    let lost = host.run(&["create", "shop"]);
    assert_eq!(lost.exit, 4, "{lost:?}");
    for file in walk(host.dir.path()) {
        let text = std::fs::read(&file).unwrap();
        let clear = text.windows(6).any(|window| window == b"s3cret");
        assert!(!clear || file.ends_with("url.txt"), "{}", file.display());
    }
}

fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().flatten().map(|entry| entry.path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}

#[test]
fn what_is_wrong_with_a_url_is_said_and_makes_no_vault() {
    let Some(server) = server::server() else { return };
    let host = Host::new();
    server.shop("wrong");
    for (url, code, exit) in [
        (server.url("no_such"), "database_missing", 3),
        (server.url_of("postgres", "hunter2", "wrong"), "login_refused", 8),
        (format!("postgresql://postgres@127.0.0.1:{}/wrong", server.port), "password_needed", 8),
        ("postgresql://app:hunter2@127.0.0.1:1/wrong".to_owned(), "server_unreachable", 1),
        ("postgresql://app:hunter2%zz@127.0.0.1/wrong".to_owned(), "invalid", 2),
    ] {
        host.fails(&["db", "add", &url], code, exit);
        let run = host.run(&["db", "add", &url]);
        assert!(!run.stdout.contains("hunter2") && !run.stderr.contains("hunter2"), "{run:?}");
        let run = host.run(&["create", &url]);
        assert!(run.exit == exit && !run.stderr.contains("hunter2"), "{run:?}");
        assert!(!host.path("keepstone-data").exists(), "{url}");
    }
    host.ok(&["db", "add", &server.url("wrong")]);
    let unknown = host.run(&["list", "postgresql://app:hunter2@127.0.0.1/elsewhere"]);
    assert!(unknown.exit == 3 && !unknown.stderr.contains("hunter2"), "{unknown:?}");
}

#[test]
fn a_file_names_it_its_password_is_sealed_and_its_backups_are_written_anew() {
    let Some(server) = server::server() else { return };
    let host = Host::new();
    std::fs::write(host.path("till.url"), server.shop("applied")).unwrap();
    std::fs::write(host.path("databases.toml"), "[databases.till]\nurl-file = 'till.url'\nretention = { daily = 3 }\n").unwrap();
    let plan = host.ok(&["apply", "-f", "databases.toml", "--dry-run"]);
    assert!(plan.contains("postgresql://postgres@127.0.0.1") && !plan.contains("s3cret"), "{plan}");
    host.ok(&["apply", "-f", "databases.toml"]);
    assert!(host.run(&["apply", "-f", "databases.toml"]).stderr.contains("as the file says"));
    let id = host.results(&["create", "till", "--plain-sql"])[0]["id"].as_str().unwrap().to_owned();
    std::fs::write(host.path("pw.txt"), "correct horse battery staple").unwrap();
    host.ok(&["key", "add", "--password-file", "pw.txt", "--use"]);
    let anew = &host.results(&["convert", &id, "--encrypt"])[0];
    let id = anew["id"].as_str().unwrap();
    assert_eq!(host.results(&["verify", id])[0]["level"], "opened", "{anew}");
    assert_eq!(host.results(&["show", id])[0]["metadata"]["encrypted"], true);

    // What pg_dump made elsewhere is one of its backups, too, and is restored like one.
    let elsewhere = server.shop("elsewhere");
    for (arguments, file) in [
        (&["--clean", "--if-exists", "--create"][..], "till_backup_daily_20260101_020000.sql"),
        (&["--format=custom"], "till_backup_weekly_20260102_020000.dump"),
        (&["--inserts"], "till_backup_manual_20260103_020000.sql"),
    ] {
        let said = std::process::Command::new(server.bin.join("pg_dump")).args(arguments).arg(&elsewhere).output().unwrap();
        assert!(said.status.success(), "{said:?}");
        std::fs::write(host.path(file), said.stdout).unwrap();
        let imported = &host.results(&["import", file, "--db", "till"])[0];
        let id = imported["id"].as_str().unwrap_or_else(|| panic!("{imported}"));
        let name = format!("from_{}", file.split('_').nth(2).unwrap());
        host.ok(&["restore", id, "--to", &name]);
        assert_eq!(server.psql(&name, "SELECT count(*) || max(note) FROM orders"), "1000a\tb\nc\\");
        let inserts = arguments == ["--inserts"];
        assert_eq!(host.results(&["show", id])[0]["metadata"]["total_records"], if inserts { 0 } else { 1003 });
        let exported = host.run(&["export", id, "--format", "json", "-o", &format!("{name}.zip")]);
        assert_eq!(exported.exit, if inserts { 7 } else { 0 }, "{exported:?}");
    }
    // One that was told to leave rows out is what it is.
    for (argument, file, counts) in [
        ("--schema-only", "till_backup_manual_20260105_020000.dump", "0 0"),
        ("--exclude-table-data=audit.*", "till_backup_manual_20260106_020000.dump", "1000 0"),
    ] {
        let said = std::process::Command::new(server.bin.join("pg_dump")).args(["--format=custom", argument, &elsewhere]).output().unwrap();
        std::fs::write(host.path(file), said.stdout).unwrap();
        let imported = &host.results(&["import", file, "--db", "till"])[0];
        let id = imported["id"].as_str().unwrap_or_else(|| panic!("{imported}"));
        assert_eq!(host.results(&["show", id])[0]["verdict"], "partial", "{argument}");
        let name = format!("from_partial_{}", counts.len());
        host.ok(&["restore", id, &format!("--to={name}")]);
        let found = server.psql(&name, "SELECT (SELECT count(*) FROM orders) || ' ' || (SELECT count(*) FROM audit.\"Log\")");
        assert_eq!(found, counts, "{argument}");
    }
    std::fs::write(host.path("till_backup_daily_20260104_020000.sql"), "-- PostgreSQL database dump\nSELECT 1;\n\\! id\n").unwrap();
    host.fails(&["import", "till_backup_daily_20260104_020000.sql", "--db", "till"], "import_refused", 7);
}

/// Nothing but the machine's own folders is looked at for tools: without them everything else works, and what is missing is said.
#[test]
fn the_environment_is_read_as_libpq_reads_it() {
    let Some(server) = server::server() else { return };
    let host = Host::new();
    server.shop("environment");
    let run = crate::support::run(
        host.command(&["create", "postgresql:///environment"])
            .env("PGHOST", "127.0.0.1")
            .env("PGPORT", server.port.to_string())
            .env("PGUSER", "postgres")
            .env("PGPASSWORD", server::PASSWORD),
    );
    assert_eq!(run.exit, 0, "{run:?}");
    // Not kept: the next one needs it, too.
    host.fails(&["create", "environment"], "password_needed", 8);
    let run = crate::support::run(host.command(&["create", "environment"]).env("PGPASSWORD", server::PASSWORD));
    assert_eq!(run.exit, 0, "{run:?}");
}

/// In a mount namespace of its own, where PostgreSQL's folder is empty.
#[test]
fn a_machine_without_client_tools_says_so() {
    let Some(server) = server::server() else { return };
    let host = Host::new();
    let script = "mount -t tmpfs tmpfs /usr/lib/postgresql || exit 77; PATH=/nowhere; exec \"$K\" create \"$URL\" --json";
    let mut command = std::process::Command::new("unshare");
    host.furnish(command.args(["--mount", "--map-root-user", "sh", "-c", script]));
    let told = command.env("K", crate::support::KEEPSTONE).env("URL", server.shop("clientless")).output();
    match told {
        Ok(told) if told.status.code() != Some(77) && !String::from_utf8_lossy(&told.stderr).contains("unshare:") => {
            let document: serde_json::Value = serde_json::from_slice(&told.stdout).unwrap();
            assert_eq!(document["error"]["code"], "client_missing", "{document}");
            assert!(document["error"]["hint"].as_str().unwrap().contains("postgresql-client"), "{document}");
            assert!(!host.path("keepstone-data").exists(), "no vault is made for it");
        }
        refused => crate::skip::skipped(format_args!("no mount namespace on this machine: {refused:?}")),
    }
}

#[test]
fn a_backup_without_some_rows_says_so_everywhere_and_replaces_nothing() {
    let Some(server) = server::server() else { return };
    let host = Host::new();
    std::fs::write(host.path("url.txt"), server.shop("pruned")).unwrap();
    host.ok(&["db", "add", "--url-file", "url.txt", "--name", "shop", "--no-schedule"]);
    for (flags, code, exit) in [
        (&["--table", "no_such"][..], "unknown_table", 3),
        (&["--schema-only", "--type", "daily"], "invalid", 2),
        (&["--schema-only", "--table", "orders"], "usage", 2),
        (&["--table", "a.b.c"], "usage", 2),
    ] {
        host.fails(&[&["create", "shop"][..], flags].concat(), code, exit);
    }
    assert_eq!(host.run(&["create", "--schema-only"]).exit, 2, "of which database?");
    let made = &host.results(&["create", "shop", "--exclude-table", "AUDIT.*"])[0];
    let id = made["id"].as_str().unwrap();
    assert_eq!(
        (made["verdict"].as_str(), made["coverage"].as_str(), made["good"].as_bool()),
        (Some("partial"), Some("partial"), Some(false))
    );
    assert_eq!((made["level"].as_str(), made["total_records"].as_u64()), (Some("opened"), None.or(Some(1000))));
    assert!(host.run(&["create", "shop", "--schema-only"]).stderr.contains("the structure alone"));
    assert!(host.ok(&["list", "shop", "--state", "partial"]).contains("◐ partial"));
    let shown = host.ok(&["show", id]);
    assert!(shown.contains("left out") && shown.contains("the rows of audit.\"Log\" are left out"), "{shown}");
    let status = host.ok(&["status", "shop"]);
    assert!(status.contains("nproven") && status.contains("no whole backup yet, only partial ones"), "nothing is safe by it: {status}");
    host.fails(&["restore", "latest", "--db", "shop"], "unknown_backup", 3);
    host.fails(&["restore", id, "--replace", "--yes"], "partial_backup", 7);
    let plan = host.ok(&["restore", id, "--to", "pruned_again", "--dry-run"]);
    assert!(plan.contains("not the whole database"), "{plan}");
    host.ok(&["restore", id, "--to", "pruned_again"]);
    assert_eq!(server.psql("pruned_again", "SELECT (SELECT count(*) FROM orders), (SELECT count(*) FROM audit.\"Log\")"), "1000|0");
    // A catalog that is made anew out of the archives knows it as well.
    std::fs::remove_file(host.path("keepstone-data/catalog.sqlite")).unwrap();
    host.ok(&["catalog", "rebuild", "--yes"]);
    assert_eq!(host.results(&["show", id])[0]["verdict"], "partial");
}

#[test]
fn roles_are_printed_and_a_restore_goes_by_several_connections_or_in_place() {
    let Some(server) = server::server() else { return };
    let host = Host::new();
    std::fs::write(host.path("url.txt"), server.shop("ways")).unwrap();
    host.ok(&["db", "add", "--url-file", "url.txt", "--name", "shop", "--no-schedule"]);
    let plain = host.results(&["create", "shop"])[0]["id"].as_str().unwrap().to_owned();
    host.fails(&["show", &plain, "--globals"], "no_globals", 3);
    let id = host.results(&["create", "shop", "--globals"])[0]["id"].as_str().unwrap().to_owned();
    let sql = host.ok(&["show", &id, "--globals"]);
    assert!(sql.contains("CREATE ROLE postgres;") && !sql.contains("SCRAM"), "{sql}");
    let shown = &host.results(&["show", &id])[0];
    assert!(shown["globals"] == true && !shown.to_string().contains("CREATE ROLE"), "{shown}");

    assert_eq!(host.run(&["restore", &id, "--jobs", "0"]).exit, 2);
    assert_eq!(host.run(&["restore", &id, "--jobs", "2", "--single-transaction"]).exit, 2);
    for (name, flags) in [("ways_jobs", &["--jobs", "2"][..]), ("ways_one", &["--single-transaction"])] {
        host.ok(&[&["restore", &id, "--to", name][..], flags].concat());
        assert_eq!(server.psql(name, "SELECT count(*) FROM orders"), "1000");
    }
    server.psql("ways", "DELETE FROM orders WHERE id > 5; CREATE TABLE later (a int)");
    let plan = host.ok(&["restore", &id, "--in-place", "--dry-run"]);
    assert!(plan.contains("in one transaction") && plan.contains("table later") && plan.contains("995 rows more"), "{plan}");
    host.fails(&["restore", &id, "--in-place"], "not_confirmed", 7);
    let restored = &host.results(&["restore", &id, "--in-place", "--yes"])[0];
    assert!(restored["safety_backup"].is_string() && restored["live_unchanged"] == false, "{restored}");
    assert_eq!(server.psql("ways", "SELECT (SELECT count(*) FROM orders), (SELECT count(*) FROM later)"), "1000|0");
    host.ok(&["undo", restored["job"].as_str().unwrap(), "--yes"]);
    assert_eq!(server.psql("ways", "SELECT count(*) FROM orders"), "5");
}

/// What a program asks for, which has no command line.
#[test]
fn the_api_restores_in_every_way_and_asks_for_the_name_where_it_is_the_live_one() {
    let Some(server) = server::server() else { return };
    let host = Host::new();
    std::fs::write(host.path("url.txt"), server.shop("called")).unwrap();
    host.ok(&["db", "add", "--url-file", "url.txt", "--name", "shop", "--no-schedule"]);
    host.ok(&["db", "edit", "shop", "--globals"]);
    assert!(host.ok(&["db", "show", "shop"]).contains("roles and tablespaces"));
    let id = host.results(&["create", "shop"])[0]["id"].as_str().unwrap().to_owned();
    assert!(host.ok(&["show", &id, "--globals"]).contains("CREATE ROLE postgres;"), "by the setting of the database");
    let partial = host.results(&["create", "shop", "--schema-only"])[0]["id"].as_str().unwrap().to_owned();
    host.fails(&["show", &partial, "--globals"], "no_globals", 3);
    server.psql("called", "DELETE FROM orders WHERE id > 5; CREATE TABLE later (a int)");
    assert_eq!(host.run(&["restore", "--path", "url.txt", "--in-place", "--yes"]).exit, 2);

    let token = host.ok(&["token", "create", "program", "--scope", "admin", "-q"]).trim().to_owned();
    let mut child = host.command(&["serve", "--listen", "127.0.0.1:0"]).stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap()));
    let address = lines.next().unwrap().unwrap().rsplit_once("http://").unwrap().1.to_owned();
    let call = |method: &str, path: &str, body: &serde_json::Value| {
        let body = body.to_string();
        let request = format!(
            "{method} /api/v1{path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let answer = crate::serve::send(&address, &request);
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status: u16 = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, serde_json::from_str::<serde_json::Value>(body).unwrap_or_default())
    };
    let restore = format!("/backups/{id}/restore");
    let refused = |wish: serde_json::Value, code: &str| {
        let (status, problem) = call("POST", &format!("{restore}/plan"), &wish);
        assert!((400..500).contains(&status) && problem["code"] == code, "{wish}: {status} {problem}");
    };
    refused(serde_json::json!({ "into": "replace", "name": "other" }), "invalid");
    refused(serde_json::json!({ "jobs": 2, "single_transaction": true }), "invalid");
    refused(serde_json::json!({ "jobs": 65 }), "invalid");
    refused(serde_json::json!({ "into": "in_place", "jobs": 2 }), "invalid");
    refused(serde_json::json!({ "into": "new_file", "ownership": "discard" }), "invalid");
    refused(serde_json::json!({ "into": "new_database", "name": "called" }), "target_exists");
    for (wish, target, confirm) in [
        (serde_json::json!({ "name": "called_2", "jobs": 2, "ownership": "discard" }), "called_2", None),
        (serde_json::json!({ "into": "new_database", "name": "called_3", "single_transaction": true }), "called_3", None),
        (serde_json::json!({ "into": "in_place" }), "called", Some("shop")),
    ] {
        let (status, planned) = call("POST", &format!("{restore}/plan"), &wish);
        assert_eq!(status, 200, "{wish}: {planned}");
        if confirm.is_some() {
            assert!(planned["plan"]["warnings"].to_string().contains("table later"), "{planned}");
            let (status, problem) = call("POST", &restore, &serde_json::json!({ "plan": planned["id"] }));
            assert!(status == 409 && problem["code"] == "not_confirmed", "{problem}");
        }
        let (status, job) = call("POST", &restore, &serde_json::json!({ "plan": planned["id"], "confirm": confirm }));
        assert_eq!(status, 202, "{wish}: {job}");
        let path = format!("/jobs/{}", job["id"].as_str().unwrap());
        let begun = std::time::Instant::now();
        let ended = loop {
            let (_, job) = call("GET", &path, &serde_json::Value::Null);
            if job["finished_at"].is_string() {
                break job;
            }
            assert!(begun.elapsed().as_secs() < 60, "{job}");
            std::thread::sleep(std::time::Duration::from_millis(50));
        };
        assert_eq!(ended["state"], "done", "{wish}: {ended}");
        assert_eq!(server.psql(target, "SELECT count(*) FROM orders"), "1000", "{wish}");
    }
    assert_eq!(server.psql("called", "SELECT count(*) FROM later"), "0", "what the backup does not hold stayed");
    child.kill().unwrap();
    child.wait().unwrap();
}
