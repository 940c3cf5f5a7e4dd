//! Losses that make a backup suspect, and corrupt databases that are brought back: the real binary on real damage.

use std::{
    fs::{self, OpenOptions},
    io::{Seek, SeekFrom, Write},
    path::Path,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use rusqlite::Connection;
use serde_json::Value;

use crate::support::{Host, content, run, shop};

/// A vault with one database of about 400 kB and one good backup of it.
fn protected() -> (Host, String) {
    let host = Host::new();
    settled(shop(&host.path("shop.db"), 200));
    host.ok(&["db", "add", "shop.db"]);
    let id = host.create(&["shop"]);
    (host, id)
}

/// Closes a connection with everything in the main file.
fn settled(connection: Connection) {
    connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    drop(connection);
}

/// Overwrites pages in the middle of the table, as a failing disk does.
fn overwrite(file: &Path) {
    let mut file = OpenOptions::new().write(true).open(file).unwrap();
    file.seek(SeekFrom::Start(20 * 4096)).unwrap();
    file.write_all(&[0xde; 4096 * 4]).unwrap();
}

/// Runs once what must be refused; gives back its error.
fn refused(host: &Host, args: &[&str], code: &str, exit: i32) -> Value {
    let (got, document) = host.json(args);
    assert_eq!((document["error"]["code"].as_str(), got), (Some(code), exit), "keepstone {args:?}: {document}");
    document["error"].clone()
}

fn kept(host: &Host) -> Vec<std::path::PathBuf> {
    let folder = host.path("keepstone-data/backups/shop/corrupted");
    fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}

fn state(host: &Host) -> (i32, String) {
    let (exit, document) = host.json(&["status"]);
    (exit, document["results"][0]["state"].as_str().unwrap().to_owned())
}

#[test]
fn a_loss_is_suspect_and_holds_until_it_is_acknowledged() {
    let (host, good) = protected();
    let link = host.path("keepstone-data/backups/shop/latest.zip");
    let latest = || fs::read_link(&link).unwrap().file_stem().unwrap().to_str().unwrap().to_owned();
    Connection::open(host.path("shop.db")).unwrap().execute_batch("DELETE FROM orders WHERE id > 50").unwrap();
    refused(&host, &["create", "shop"], "suspect", 4);
    let listed = host.results(&["list"]);
    let lost = listed[0]["id"].as_str().unwrap().to_owned();
    assert_eq!((listed[0]["verdict"].as_str(), listed[0]["suspect_cause"].as_str()), (Some("suspect"), Some("loss")), "{listed:?}");
    assert_eq!(state(&host), (1, "at_risk".to_owned()));
    assert_eq!(latest(), good);
    let (_, document) = host.json(&["status"]);
    let concern = &document["results"][0]["concerns"][0];
    assert!(concern["reason"].as_str().unwrap().contains("table orders has 50 of 200 rows"), "{concern}");
    assert_eq!(concern["backup"], *lost);
    refused(&host, &["delete", &good, "--yes"], "delete_refused", 7);
    refused(&host, &["delete", &lost, "--yes"], "delete_refused", 7);

    let acked = &host.results(&["ack", &lost, "--reason", "archived"])[0];
    assert_eq!((acked["good"].as_bool(), acked["acknowledged"]["reason"].as_str()), (Some(true), Some("archived")), "{acked}");
    assert_eq!(state(&host), (0, "protected".to_owned()));
    assert_eq!(latest(), lost, "the link follows an ack");
    refused(&host, &["ack", &good], "not_suspect", 7);
    // What was acknowledged is what comes next is compared with.
    host.create(&["shop"]);

    // It outlives the catalog.
    fs::remove_file(host.path("keepstone-data/catalog.sqlite")).unwrap();
    for side in ["-wal", "-shm"] {
        let _ = fs::remove_file(host.path(&format!("keepstone-data/catalog.sqlite{side}")));
    }
    host.ok(&["catalog", "rebuild", "--yes"]);
    let again = &host.results(&["show", &lost])[0];
    assert_eq!((again["good"].as_bool(), again["acknowledged"]["reason"].as_str()), (Some(true), Some("archived")), "{again}");
    host.ok(&["delete", &good, "--yes"]);
}

#[test]
fn a_backup_of_a_damaged_database_is_to_be_had_as_a_new_file_and_loudly() {
    let host = Host::new();
    let damaged = "CREATE TABLE t(a, b); CREATE INDEX i ON t(b); INSERT INTO t VALUES (1, 1), (2, 2), (3, 3);
        PRAGMA writable_schema=ON; UPDATE sqlite_schema SET sql='CREATE INDEX i ON t(b DESC)' WHERE name='i'";
    Connection::open(host.path("shop.db")).unwrap().execute_batch(damaged).unwrap();
    let (exit, document) = host.json(&["create", "shop.db"]);
    assert_eq!(exit, 4, "{document}");
    let id = document["results"][0]["id"].as_str().unwrap().to_owned();
    let restored = run(&mut host.command(&["restore", &id, "--to", "new.db", "-q"]));
    assert_eq!(restored.exit, 0, "{restored:?}");
    assert!(restored.stderr.contains("warning: the backup is suspect, and was written as it is: row"), "{restored:?}");
    let rows = Connection::open(host.path("new.db")).unwrap().query_row("SELECT sum(a) FROM t", [], |row| row.get::<_, i64>(0));
    assert_eq!(rows, Ok(6));
    // The archive alone: what was found is not in it, and nobody gets a damaged database unasked.
    let archive = host.path(&format!("keepstone-data/backups/shop/manual/{id}.zip"));
    let archive = archive.to_str().unwrap();
    let error = refused(&host, &["restore", "--path", archive, "--to", "alone.db"], "verification_failed", 4);
    assert!(error["hint"].as_str().unwrap().contains("--no-verify"), "{error}");
    host.ok(&["restore", "--path", archive, "--to", "alone.db", "--no-verify"]);
}

#[test]
fn thresholds_are_kept_and_a_restore_is_no_loss() {
    let (host, small) = protected();
    let live = Connection::open(host.path("shop.db")).unwrap();
    host.ok(&["db", "edit", "shop", "--loss-share", "10%", "--table", "products=off", "--auto-recovery"]);
    let shown = &host.results(&["db", "show", "shop"])[0];
    assert_eq!((shown["loss"]["share_percent"].as_u64(), shown["auto_recovery"].as_bool()), (Some(10), Some(true)), "{shown}");
    refused(&host, &["db", "edit", "shop", "--loss-share", "0"], "invalid", 2);
    live.execute_batch("PRAGMA foreign_keys = off; DELETE FROM products; INSERT INTO orders (note) SELECT note FROM orders").unwrap();
    host.create(&["shop"]);
    // Back to half of it: what a restore took away is no loss of the next backup.
    host.ok(&["restore", &small, "--replace", "--yes"]);
    host.create(&["shop"]);
    live.execute_batch("DELETE FROM orders WHERE id <= 30").unwrap();
    refused(&host, &["create", "shop"], "suspect", 4);
    // Undo brings the larger one back, and is no loss either.
    let restore = host.results(&["job", "list"]).into_iter().find(|job| job["verb"] == "restore").unwrap();
    host.ok(&["undo", restore["id"].as_str().unwrap(), "--yes"]);
    host.create(&["shop"]);
}

#[test]
fn a_corrupt_database_is_kept_aside_and_comes_back_once_a_day() {
    let (host, id) = protected();
    let file = host.path("shop.db");
    let before = content(&file);
    settled(Connection::open(&file).unwrap());
    assert_eq!(host.results(&["doctor", "shop"])[0]["status"], "healthy");
    overwrite(&file);
    let damaged = fs::read(&file).unwrap();
    let fault = refused(&host, &["doctor", "shop.db"], "source_corrupt", 4);
    assert!(fault["message"].as_str().unwrap().contains("not asked for"), "{fault}");
    assert_eq!(fs::read(&file).unwrap(), damaged, "a look changes nothing");
    assert_eq!(state(&host), (1, "at_risk".to_owned()), "the overview says so");

    let recovered = &host.results(&["doctor", "shop.db", "--recover"])[0];
    assert_eq!((recovered["status"].as_str(), recovered["backup"].as_str()), (Some("recovered"), Some(id.as_str())), "{recovered}");
    assert_eq!(content(&file), before);
    let folders = kept(&host);
    assert_eq!(folders.len(), 1, "{folders:?}");
    assert_eq!(fs::read(folders[0].join("shop.db")).unwrap(), damaged, "the damaged file is kept as it was");
    assert_eq!(state(&host), (0, "protected".to_owned()));
    let alarms = host.results(&["activity"]);
    assert!(alarms.iter().any(|event| event["action"] == "database.recovered"), "{alarms:?}");
    let shown = &host.results(&["db", "show", "shop"])[0];
    assert_eq!(shown["checkup"]["recovered"]["backup"], *id, "it is shown: {shown}");

    // Something damages it again: that is for a person.
    settled(Connection::open(&file).unwrap());
    overwrite(&file);
    let again = fs::read(&file).unwrap();
    let fault = refused(&host, &["doctor", "shop.db", "--recover"], "source_corrupt", 4);
    assert!(fault["message"].as_str().unwrap().contains("once a day"), "{fault}");
    assert_eq!(fs::read(&file).unwrap(), again);
    assert_eq!(kept(&host).len(), 1);
}

#[test]
fn every_make_of_corruption_is_told_from_what_is_none() {
    // A header that is gone, and a file cut in the middle of its table.
    for cut in [false, true] {
        let (host, _) = protected();
        let file = host.path("shop.db");
        let before = content(&file);
        settled(Connection::open(&file).unwrap());
        if cut {
            OpenOptions::new().write(true).open(&file).unwrap().set_len(30 * 4096).unwrap();
        } else {
            let mut bytes = fs::read(&file).unwrap();
            bytes[..100].fill(0x55);
            fs::write(&file, bytes).unwrap();
        }
        assert_eq!(host.results(&["doctor", "shop", "--recover"])[0]["status"], "recovered", "cut: {cut}");
        assert_eq!(content(&file), before);
    }
    // What is no corruption of SQLite's own telling is left to a person, and alarmed where there is something to restore.
    let (host, _) = protected();
    let file = host.path("shop.db");
    settled(Connection::open(&file).unwrap());
    fs::write(&file, "").unwrap();
    let fault = refused(&host, &["doctor", "shop", "--recover"], "source_corrupt", 4);
    assert!(fault["message"].as_str().unwrap().contains("0 bytes"), "{fault}");
    assert_eq!(state(&host), (1, "at_risk".to_owned()));
    fs::remove_file(&file).unwrap();
    refused(&host, &["doctor", "shop", "--recover"], "source_missing", 3);
    assert!(!file.exists() && kept(&host).is_empty());
    // Nor is a format that SQLite does not know: a newer one's, or damage. A person may replace it.
    let (host, _) = protected();
    let file = host.path("shop.db");
    let before = content(&file);
    settled(Connection::open(&file).unwrap());
    let mut bytes = fs::read(&file).unwrap();
    bytes[47] = 9;
    fs::write(&file, &bytes).unwrap();
    let fault = refused(&host, &["doctor", "shop", "--recover"], "source_corrupt", 4);
    assert!(fault["message"].as_str().unwrap().contains("does not know"), "{fault}");
    assert_eq!((state(&host), kept(&host).len()), ((1, "at_risk".to_owned()), 0));
    host.ok(&["restore", "latest", "--replace", "--yes"]);
    assert_eq!((content(&file), state(&host)), (before, (0, "protected".to_owned())));
    assert_eq!(fs::read(kept(&host)[0].join("shop.db")).unwrap(), bytes);
    // A database that nobody has made yet may be made by its application.
    assert_eq!(host.results(&["doctor", "./new.db", "--recover"])[0]["status"], "new");
}

#[test]
fn a_lock_call_that_fails_is_told_from_a_lock_of_somebody() {
    if !traced() {
        return;
    }
    let (host, _) = protected();
    let mut command = Command::new("strace");
    command
        .args(["-f", "-o", "/dev/null", "-P"])
        .arg(host.path("shop.db-shm"))
        .args(["-e", "inject=fcntl:error=ENOLCK:when=5+"])
        .arg(crate::support::KEEPSTONE);
    host.furnish(&mut command);
    let told = run(command.args(["doctor"]));
    assert_eq!(told.exit, 5, "{told:?}");
    assert!(told.stdout.contains("no other process that can be seen from here has a lock on it"), "{told:?}");
    assert!(told.stdout.contains("its file system cannot lock files"), "{told:?}");
}

/// Whether strace is there and may trace.
fn traced() -> bool {
    let there = Command::new("strace").args(["-f", "-o", "/dev/null", "true"]).stdin(Stdio::null()).stderr(Stdio::null()).status();
    if there.is_ok_and(|status| status.success()) {
        return true;
    }
    crate::skip::skipped("strace is not installed, or may not trace here");
    false
}

#[test]
fn a_disk_that_fails_is_full_or_gives_nothing_is_no_corruption() {
    if !traced() {
        return;
    }
    let (host, _) = protected();
    let (file, shm) = (host.path("shop.db"), host.path("shop.db-shm"));
    settled(Connection::open(&file).unwrap());
    let before = fs::read(&file).unwrap();
    // SQLite passes EIO on as corruption while a statement runs, and names it in the lines of a check: both, at the first pages and later on.
    let cases = [
        (&file, "pread64,read:error=EIO:when=3+", ["sqlite_error", "io_error"]),
        (&file, "pread64,read:error=EIO:when=30+", ["sqlite_error", "io_error"]),
        (&file, "pread64:error=ENOSPC:when=4+", ["sqlite_error", "io_error"]),
        (&file, "openat:error=EACCES", ["source_unreadable"; 2]),
        (&shm, "openat:error=EACCES", ["source_unreadable"; 2]),
        (&shm, "pwrite64,ftruncate,fallocate:error=ENOSPC", ["sqlite_error", "io_error"]),
    ];
    for (path, fault, codes) in cases {
        for recover in [true, false] {
            let mut command = Command::new("strace");
            command.args(["-f", "-o", "/dev/null", "-P"]).arg(path).args(["-e", &format!("inject={fault}")]).arg(crate::support::KEEPSTONE);
            host.furnish(&mut command);
            command.args(["doctor", "shop", "--json"]).args(recover.then_some("--recover"));
            let told = run(&mut command);
            let document: Value = serde_json::from_str(&told.stdout).unwrap_or_else(|error| panic!("{fault}: {error}: {told:?}"));
            assert!(document["error"]["code"].as_str().is_some_and(|code| codes.contains(&code)), "{fault}: {document}");
            assert!(kept(&host).is_empty() && fs::read(&file).unwrap() == before, "{fault}: nothing was touched");
        }
    }
    assert_eq!(state(&host), (0, "protected".to_owned()), "none of it is held against the database");
    let alarms = host.results(&["activity"]);
    assert!(alarms.iter().all(|event| !event["action"].as_str().unwrap().starts_with("database.corrupt")), "{alarms:?}");
    // A page that is only given the second time was never damaged.
    let mut command = Command::new("strace");
    command.args(["-f", "-o", "/dev/null", "-P"]).arg(&file).args(["-e", "inject=pread64:error=EIO:when=3"]).arg(crate::support::KEEPSTONE);
    host.furnish(&mut command);
    command.args(["doctor", "shop", "--json", "--recover"]);
    run(&mut command);
    assert!(kept(&host).is_empty() && fs::read(&file).unwrap() == before);
}

#[test]
fn a_server_and_a_scheduler_bring_a_corrupt_database_back_before_they_back_it_up() {
    let (host, id) = protected();
    let file = host.path("shop.db");
    host.ok(&["schedule", "preset", "shop", "half-daily", "--yes"]);
    let before = content(&file);
    settled(Connection::open(&file).unwrap());
    overwrite(&file);
    let actions = || -> Vec<(String, String)> {
        let text = |event: &Value, name: &str| event[name].as_str().unwrap().to_owned();
        host.results(&["activity"]).iter().map(|event| (text(event, "action"), text(event, "actor"))).collect()
    };
    let until = |what: &str, done: &dyn Fn() -> bool| {
        let end = std::time::Instant::now() + Duration::from_secs(60);
        while !done() {
            assert!(std::time::Instant::now() < end, "{what}: {:?}", actions());
            thread::sleep(Duration::from_millis(50));
        }
    };
    let stop = |mut child: std::process::Child| {
        assert!(Command::new("kill").arg(child.id().to_string()).status().unwrap().success());
        child.wait().unwrap();
    };
    let told = |action: &str| actions().iter().filter(|(known, actor)| known == action && actor == "auto-recovery").count();

    let scheduler = host.spawn(&["scheduler"]);
    until("it is brought back", &|| told("database.recovered") == 1);
    // The start finds what the backup holds, and makes no second one of it.
    until("the start is looked at", &|| actions().iter().any(|(action, _)| action == "backup.unchanged"));
    stop(scheduler);
    assert_eq!(content(&file), before);
    assert_eq!(kept(&host).len(), 1);
    let suspect = |backup: &Value| backup["verdict"] == "suspect";
    assert!(!host.results(&["list"]).iter().any(suspect), "no backup was made of the damaged one");

    // Something damages it again on the same day: the server leaves it to a person, and says so. The backup that it makes of it is suspect.
    settled(Connection::open(&file).unwrap());
    overwrite(&file);
    let damaged = fs::read(&file).unwrap();
    let server = host.spawn(&["serve", "--listen", "127.0.0.1:0"]);
    until("it is left to a person", &|| told("database.corrupt") == 1);
    until("the start is over", &|| host.results(&["list"]).iter().any(suspect));
    stop(server);
    assert_eq!(fs::read(&file).unwrap(), damaged);
    assert_eq!((kept(&host).len(), told("database.recovered")), (1, 1));
    let why = host.results(&["activity"]);
    let why = why.iter().find(|event| event["action"] == "database.corrupt").unwrap();
    assert!(why["message"].as_str().unwrap().contains("once a day"), "{why}");
    assert_eq!(state(&host).0, 1);
    assert_eq!(host.results(&["show", "latest"])[0]["id"], *id, "the newest good one is what it was");
}

#[test]
fn nobody_recovers_what_another_process_has_open_or_what_is_marked() {
    let (host, _) = protected();
    let file = host.path("shop.db");
    settled(Connection::open(&file).unwrap());
    overwrite(&file);
    // Another process that only has it open, without any lock.
    let mut holder = Command::new("sleep").arg("60").stdin(OpenOptions::new().read(true).open(&file).unwrap()).spawn().unwrap();
    let fault = refused(&host, &["doctor", "shop", "--recover"], "source_corrupt", 4);
    assert!(fault["message"].as_str().unwrap().contains("(sleep)"), "{fault}");
    holder.kill().unwrap();
    holder.wait().unwrap();
    host.ok(&["db", "edit", "shop", "--never-replace"]);
    let fault = refused(&host, &["doctor", "shop", "--recover"], "source_corrupt", 4);
    assert!(fault["message"].as_str().unwrap().contains("never replace"), "{fault}");
    host.ok(&["db", "edit", "shop", "--allow-replace"]);
    assert_eq!(host.results(&["doctor", "shop", "--recover"])[0]["status"], "recovered", "a refusal does not count as a recovery");
}

/// Runs it and kills it at its n-th call that touches the names of the database; whether it died.
fn killed(host: &Host, args: &[&str], call: u32) -> bool {
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-o", "/dev/null"]);
    for suffix in ["", "-wal", "-journal"] {
        command.arg("-P").arg(host.path(&format!("shop.db{suffix}")));
    }
    command.args(["-e", &format!("inject=link,linkat,unlink,unlinkat,rename,renameat2:signal=KILL:when={call}")]);
    command.arg(crate::support::KEEPSTONE).args(args).current_dir(host.path("")).stdin(Stdio::null());
    command.env_clear().env("PATH", "/usr/bin:/bin");
    run(&mut command).exit != 0
}

#[test]
fn a_recovery_that_was_killed_is_ended_or_begun_anew() {
    if !traced() {
        return;
    }
    for call in 1.. {
        let (host, _) = protected();
        let file = host.path("shop.db");
        let before = content(&file);
        settled(Connection::open(&file).unwrap());
        overwrite(&file);
        let killed = killed(&host, &["doctor", "shop", "--recover"], call);
        assert!(file.exists(), "call {call}");
        let outcome = &host.results(&["doctor", "shop", "--recover"])[0];
        assert!(["recovered", "healthy"].contains(&outcome["status"].as_str().unwrap()), "call {call}: {outcome}");
        assert_eq!(content(&file), before, "call {call}");
        assert!(kept(&host).iter().any(|folder| folder.join("shop.db").exists()), "call {call}: the damaged file is kept");
        let alarms = host.results(&["activity"]);
        assert_eq!(alarms.iter().filter(|event| event["action"] == "database.recovered").count(), 1, "call {call}: {alarms:?}");
        if !killed {
            assert!(call > 3, "it was killed {call} times only");
            return;
        }
    }
}

#[test]
fn a_replacement_that_was_killed_leaves_the_old_database_or_the_new_one_and_says_which() {
    if !traced() {
        return;
    }
    // One that begins with a zero is none to SQLite, which would else roll it back and remove it.
    let sides = [("shop.db-wal", "an old log"), ("shop.db-journal", "\0an old journal")];
    let mut ends = std::collections::BTreeSet::new();
    for call in 1.. {
        let (host, _) = protected();
        let file = host.path("shop.db");
        let before = content(&file);
        settled(Connection::open(&file).unwrap());
        overwrite_small(&file);
        for (name, text) in sides {
            fs::write(host.path(name), text).unwrap();
        }
        let old = fs::read(&file).unwrap();
        let killed = killed(&host, &["restore", "latest", "--replace", "--yes", "-q"], call);
        // At once, before anybody mends anything: there is one, and beside the new one there is nothing old.
        let is_old = fs::read(&file).unwrap() == old;
        let is_there = |(name, text): &(&str, &str)| fs::read_to_string(host.path(name)).is_ok_and(|found| found == *text);
        assert!(is_old || !sides.iter().any(is_there), "call {call}");
        let job = host.results(&["job", "list", "--limit", "1"])[0].clone();
        for (name, text) in sides.iter().filter(|_| is_old) {
            assert_eq!(fs::read_to_string(host.path(name)).unwrap(), *text, "call {call}: {job}");
        }
        let is_left = |name: &str| name.contains("keepstone-incoming");
        let mut names = fs::read_dir(host.path("")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        assert!(!names.any(|name| is_left(&name)), "call {call}");
        if !killed {
            assert_eq!((is_old, content(&file)), (false, before));
            assert_eq!(ends, [false, true].into(), "it was killed before and after the new one had the name");
            return;
        }
        let said = job["error"]["message"].as_str().unwrap_or_else(|| panic!("call {call}: {job}"));
        assert_eq!(said.contains("stands there as it was") || said.contains("what stood there before"), is_old, "call {call}: {said}");
        assert_eq!(said.contains("just after the backup was put in the database's place"), !is_old, "call {call}: {said}");
        let in_folders = kept(&host).iter().filter(|folder| folder.join("shop.db").exists()).count();
        assert_eq!(in_folders, usize::from(!is_old), "call {call}: kept if replaced");
        if !is_old {
            assert_eq!(content(&file), before, "call {call}");
        }
        ends.insert(is_old);
    }
}

#[test]
fn nobody_loses_what_an_application_goes_on_writing() {
    let (host, _) = protected();
    let file = host.path("shop.db");
    settled(Connection::open(&file).unwrap());
    overwrite_small(&file);
    let old = fs::read(&file).unwrap();
    let mut holder = Command::new("sleep").arg("600").stdin(OpenOptions::new().read(true).open(&file).unwrap()).spawn().unwrap();
    let plan = host.results(&["restore", "latest", "--replace", "--dry-run"])[0]["plan"].clone();
    assert!(plan["holders"][0].as_str().unwrap().ends_with("(sleep)"), "{plan}");
    assert_eq!((plan["before"].as_str(), plan["safety_backup"].as_bool()), (Some("kept_aside"), Some(false)), "{plan}");
    let shown = host.ok(&["restore", "latest", "--replace", "--dry-run"]);
    assert!(shown.contains("Safety backup: none can be made") && !shown.contains("You will lose"), "{shown}");
    assert!(shown.contains("(sleep) has it open: stop that application first."), "{shown}");
    let fault = refused(&host, &["restore", "latest", "--replace", "--yes"], "open_elsewhere", 5);
    assert!(fault["hint"].as_str().unwrap().contains("--although-open"), "{fault}");
    assert_eq!((fs::read(&file).unwrap(), kept(&host).len()), (old.clone(), 0), "nothing was changed");
    let restored = host.results(&["restore", "latest", "--replace", "--yes", "--although-open"])[0].clone();
    content(&file);
    let folder = kept(&host)[0].clone();
    assert_eq!(fs::read(folder.join("shop.db")).unwrap(), old);
    assert_eq!((restored["kept_aside"].as_str(), restored["safety_backup"].as_str()), (folder.to_str(), None), "{restored}");
    let job = restored["job"].as_str().unwrap();
    let fault = refused(&host, &["undo", job, "--yes"], "undo_refused", 7);
    assert!(fault["message"].as_str().unwrap().contains(folder.file_name().unwrap().to_str().unwrap()), "{fault}");
    holder.kill().unwrap();
    holder.wait().unwrap();
}

#[test]
fn an_undo_replaces_what_cannot_be_opened_as_a_restore_does() {
    let (host, id) = protected();
    let file = host.path("shop.db");
    settled(Connection::open(&file).unwrap());
    let before = content(&file);
    let restored = host.results(&["restore", &id, "--replace", "--yes"])[0].clone();
    let job = restored["job"].as_str().unwrap();
    settled(Connection::open(&file).unwrap());
    overwrite_small(&file);
    let old = fs::read(&file).unwrap();
    let mut holder = Command::new("sleep").arg("600").stdin(OpenOptions::new().read(true).open(&file).unwrap()).spawn().unwrap();
    let fault = refused(&host, &["undo", job, "--yes"], "open_elsewhere", 5);
    assert!(fault["hint"].as_str().unwrap().contains("--although-open"), "{fault}");
    assert_eq!((fs::read(&file).unwrap(), kept(&host).len()), (old.clone(), 0), "nothing was changed");
    let told = host.run(&["undo", job, "--yes", "--although-open"]);
    holder.kill().unwrap();
    holder.wait().unwrap();
    assert_eq!(told.exit, 0, "{told:?}");
    assert!(told.stdout.contains("Safety backup: none can be made"), "{told:?}");
    assert!(told.stderr.contains("What was there is kept whole in ") && !told.stderr.contains("writers waited"), "{told:?}");
    assert_eq!((content(&file), fs::read(kept(&host)[0].join("shop.db")).unwrap()), (before, old));

    // Where nothing is, nothing is kept.
    fs::remove_file(&file).unwrap();
    let plan = host.results(&["restore", &id, "--replace", "--dry-run"])[0]["plan"].clone();
    assert_eq!((plan["before"].as_str(), plan["safety_backup"].as_bool()), (Some("absent"), Some(false)), "{plan}");
    let told = host.run(&["restore", &id, "--replace", "--yes"]);
    assert!(told.exit == 0 && told.stderr.contains("Nothing was there before."), "{told:?}");
}

#[test]
fn an_application_runs_between_two_backups() {
    let host = Host::new();
    settled(shop(&host.path("shop.db"), 10));
    let told = host.run(&["run", "--db", "shop.db", "--", "sh", "-c", "echo out; umask; exit 7"]);
    assert_eq!(told.exit, 7, "{told:?}");
    assert!(told.stdout.starts_with("out\n") && !told.stdout.contains("keepstone"), "standard output is the application's: {told:?}");
    let kinds: Vec<_> = host.results(&["list"]).iter().map(|backup| backup["kind"].as_str().unwrap().to_owned()).collect();
    assert!(kinds.contains(&"startup".to_owned()), "{kinds:?}");
    assert_eq!(host.run(&["run", "--db", "shop.db", "--", "sh", "-c", "kill -TERM $$"]).exit, 128 + 15);
    assert_eq!(host.run(&["run", "--db", "shop.db", "--", "./no-such-program"]).exit, 127);
    // A signal to us is the application's, and its answer is our exit code.
    let mut child =
        host.spawn(&["run", "--db", "shop.db", "--", "sh", "-c", "trap 'exit 9' TERM; touch started; while :; do sleep 0.05; done"]);
    while !host.path("started").exists() {
        thread::sleep(Duration::from_millis(20));
    }
    thread::sleep(Duration::from_millis(100));
    assert!(Command::new("kill").arg(child.id().to_string()).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(9));
    // However often it crashes: what did not change is not backed up again.
    let backups = host.results(&["list"]);
    assert_eq!(backups.len(), 1, "{backups:?}");
    // A corrupt database keeps it from starting, unless it is brought back.
    overwrite_small(&host.path("shop.db"));
    let refused = host.run(&["run", "--db", "shop.db", "--", "touch", "ran"]);
    assert_eq!((refused.exit, host.path("ran").exists()), (4, false), "{refused:?}");
    assert_eq!(host.run(&["run", "--db", "shop.db", "--recover", "--", "touch", "ran"]).exit, 0);
    assert!(host.path("ran").exists());
    // One that is not there yet is made by its application, and protected from its end on.
    let made = "import sqlite3; c = sqlite3.connect('new.db'); c.execute('create table t (x)'); c.commit()";
    if Command::new("python3").arg("-V").stdout(Stdio::null()).status().is_ok() {
        assert_eq!(host.run(&["run", "--db", "./new.db", "--", "python3", "-c", made]).exit, 0);
        assert_eq!(host.results(&["list", "new"])[0]["kind"], "shutdown");
    }
}

fn overwrite_small(file: &Path) {
    let mut file = OpenOptions::new().write(true).open(file).unwrap();
    file.write_all(&[0x55; 100]).unwrap();
}

#[test]
fn the_installation_and_the_sums_are_told() {
    let (host, id) = protected();
    fs::remove_file(host.path("keepstone-data/backups/shop/latest.zip")).unwrap();
    fs::write(host.path("keepstone-data/backups/.staging/somebody.txt"), "x").unwrap();
    let (exit, document) = host.json(&["doctor"]);
    let bad: Vec<&str> = document["results"]
        .as_array()
        .unwrap()
        .iter()
        // How full this machine's disk is, is its own matter.
        .filter(|finding| finding["severity"] != "ok" && finding["area"] != "space")
        .map(|finding| finding["area"].as_str().unwrap())
        .collect();
    assert_eq!((exit, bad), (1, vec!["staging", "latest"]), "{document}");
    let archive = host.archive_of(&id);
    fs::rename(&archive, host.path("elsewhere.zip")).unwrap();
    let (exit, document) = host.json(&["doctor"]);
    assert!(exit == 3 || exit == 1, "{document}");
    assert!(document["results"].as_array().unwrap().iter().any(|finding| finding["area"] == "archives" && finding["severity"] == "failed"));
    fs::rename(host.path("elsewhere.zip"), &archive).unwrap();
    let sums = &host.results(&["stats", "shop"])[0];
    assert_eq!(
        (sums["backup_count"].as_u64(), sums["good_count"].as_u64(), sums["by_kind"]["manual"].as_u64()),
        (Some(1), Some(1), Some(1))
    );
    assert!(sums["growth_bytes_per_day"].as_u64().unwrap() > 0 && sums["days_to_full"].is_u64(), "{sums}");
}

#[test]
fn what_lies_under_a_backup_s_name_and_is_not_its_archive_is_never_restored() {
    let (host, first) = protected();
    settled({
        let connection = Connection::open(host.path("shop.db")).unwrap();
        connection.execute_batch("CREATE TABLE later (a)").unwrap();
        connection
    });
    let second = host.create(&["shop"]);
    fs::copy(host.archive_of(&first), host.path("kept.zip")).unwrap();
    fs::copy(host.archive_of(&second), host.archive_of(&first)).unwrap();
    let live = content(&host.path("shop.db"));
    for args in [
        &["restore", &first, "--to", "back.db"] as &[&str],
        &["restore", &first, "--replace", "--yes"],
        &["restore", &first, "--replace", "--yes", "--no-verify", "-q"],
        &["restore", &first, "--replace", "--dry-run"],
        &["export", &first, "--format", "sql", "-o", "out.sql"],
        &["convert", &first, "--compress=gzip"],
    ] {
        let error = refused(&host, args, "not_its_archive", 4);
        let hint = error["hint"].as_str().unwrap();
        assert!(error["message"].as_str().unwrap().contains(&second) && hint.contains("restore --path"), "{error}");
    }
    let shown = host.json(&["show", &first]).1["results"][0].clone();
    assert!(shown["metadata"].is_null() && shown["not_its_archive"].as_str().unwrap().contains(&second), "{shown}");
    assert!(!host.path("back.db").exists() && !host.path("out.sql").exists());
    assert_eq!(content(&host.path("shop.db")), live, "the live database is as it was");
    // Who wants what the file holds gets it; and the right file is all that the backup needs.
    host.ok(&["restore", "--path", host.archive_of(&first).to_str().unwrap(), "--to", "other.db"]);
    assert_eq!(content(&host.path("other.db")), live);
    host.fails(&["verify", &first], "verification_failed", 4);
    fs::copy(host.path("kept.zip"), host.archive_of(&first)).unwrap();
    refused(&host, &["restore", &first, "--replace", "--yes"], "verification_failed", 4);
    host.ok(&["verify", &first]);
    host.ok(&["restore", &first, "--replace", "--yes"]);
    assert_ne!(content(&host.path("shop.db")), live);
}
