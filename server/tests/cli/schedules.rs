//! `keepstone schedule` and `keepstone scheduler`, by their contract.

use serde_json::Value;

use crate::support::{Host, shop};

fn host() -> Host {
    let host = Host::new();
    drop(shop(&host.path("shop.db"), 20));
    host.ok(&["db", "add", "shop.db", "--no-schedule"]);
    host
}

fn refused(host: &Host, args: &[&str], exit: i32, code: &str) {
    let (found, document) = host.json(args);
    assert_eq!((found, document["error"]["code"].as_str()), (exit, Some(code)), "{args:?}: {document}");
}

fn all(host: &Host) -> Vec<Value> {
    host.results(&["schedule", "list", "shop"])
}

#[test]
fn a_schedule_from_add_to_remove() {
    let host = host();
    assert!(all(&host).is_empty());
    let added =
        host.results(&["schedule", "add", "shop", "--cron", "0 */6 * * *", "--zone", "Asia/Kolkata", "--jitter", "10min"]).remove(0);
    assert_eq!(added["kind"], "daily", "what comes up every six hours is daily unless it is said");
    assert_eq!((&added["words"], &added["jitter_secs"]), (&"Every 6 hours at minute 0".into(), &600.into()));
    assert_eq!(added["next_runs"].as_array().unwrap().len(), 3);
    let number = added["number"].to_string();

    host.ok(&["schedule", "edit", "shop:daily", "--kind", "hourly", "--if-missed", "skip"]);
    host.ok(&["schedule", "edit", &number, "--zone", "Europe/Berlin", "--jitter", "0"]);
    let edited = all(&host).remove(0);
    assert_eq!((&edited["kind"], &edited["if_missed"], &edited["jitter_secs"]), (&"hourly".into(), &"skip".into(), &0.into()));
    assert_eq!((&edited["cron"], &edited["time_zone"]), (&"0 */6 * * *".into(), &"Europe/Berlin".into()));

    host.ok(&["schedule", "pause", "shop"]);
    assert!(all(&host)[0]["next_run_at"].is_null());
    assert!(host.results(&["schedule", "next"]).is_empty());
    // Triggered by hand it runs, and at once.
    let run = host.results(&["schedule", "trigger", "shop"]).remove(0);
    assert_eq!((&run["kind"], &run["ok"]), (&"hourly".into(), &true.into()));
    host.ok(&["schedule", "resume", "shop"]);
    assert_eq!(host.results(&["schedule", "next", "--count", "5"]).len(), 5);

    host.ok(&["schedule", "add", "shop", "--every", "12h"]);
    host.ok(&["schedule", "add", "shop", "--on-start"]);
    let kinds: Vec<String> = all(&host).iter().map(|row| row["kind"].as_str().unwrap().to_owned()).collect();
    assert_eq!(kinds, ["hourly", "interval", "startup"]);
    refused(&host, &["schedule", "pause", "shop"], 2, "usage");
    host.ok(&["schedule", "edit", "shop:startup", "--on-stop"]);
    assert_eq!(all(&host)[2]["kind"], "shutdown");
    let told = host.run(&["schedule", "remove", "shop:hourly", "shop:interval", "shop:shutdown"]);
    assert!(told.exit == 0 && told.stderr.contains("by hand only"), "{told:?}");
    assert!(all(&host).is_empty());
    let actions: Vec<String> = host
        .results(&["activity", "list"])
        .iter()
        .map(|event| event["action"].as_str().unwrap().to_owned())
        .filter(|action| action.starts_with("schedule."))
        .collect();
    assert_eq!(actions.len(), 12, "each act is an event: {actions:?}");
}

#[test]
fn what_is_no_schedule_is_refused_in_words() {
    let host = host();
    refused(&host, &["schedule", "add", "shop"], 2, "usage");
    refused(&host, &["schedule", "add", "shop", "--cron", "0 2 * *"], 2, "invalid");
    refused(&host, &["schedule", "add", "shop", "--cron", "0 99 * * *"], 2, "invalid");
    refused(&host, &["schedule", "add", "shop", "--cron", "0 2 30 2 *"], 2, "invalid");
    refused(&host, &["schedule", "add", "shop", "--cron", "0 2 * * *", "--zone", "Europe/Atlantis"], 2, "invalid");
    refused(&host, &["schedule", "add", "shop", "--every", "5s"], 2, "invalid");
    refused(&host, &["schedule", "add", "shop", "--on-start", "--jitter", "5min"], 2, "invalid");
    refused(&host, &["schedule", "add", "wiki", "--every", "1h"], 3, "unknown_database");
    refused(&host, &["schedule", "edit", "17", "--every", "1h"], 3, "unknown_schedule");
    refused(&host, &["schedule", "remove", "shop:daily"], 3, "unknown_schedule");
    refused(&host, &["schedule", "limits", "--jobs", "0"], 2, "invalid");
    host.ok(&["schedule", "add", "shop", "--every", "1h"]);
    refused(&host, &["schedule", "add", "shop", "--every", "60min"], 7, "already_exists");
    refused(&host, &["schedule", "edit", "shop"], 2, "usage");
}

#[test]
fn presets_bring_schedules_retention_and_recovery() {
    let host = Host::new();
    for (name, preset, schedules) in
        [("a", "standard", 3), ("b", "three", 3), ("c", "sunday", 2), ("d", "sunday-monthly", 3), ("e", "half-daily", 3)]
    {
        let file = format!("{name}.db");
        drop(shop(&host.path(&file), 1));
        let added = host.results(&["db", "add", &file, "--preset", preset, "--zone", "Europe/Berlin"]).remove(0);
        assert_eq!(added["schedules"].as_array().unwrap().len(), schedules, "{preset}");
    }
    drop(shop(&host.path("f.db"), 1));
    let cron = host.results(&["db", "add", "f.db", "--preset", "cron", "--cron", "0 14 * * 0"]).remove(0);
    assert_eq!((&cron["schedules"][0]["words"], &cron["schedules"][0]["kind"]), (&"Every Sunday at 14:00".into(), &"weekly".into()));
    assert_eq!(host.results(&["schedule", "preset"]).len(), 6);

    refused(&host, &["schedule", "preset", "a", "half-daily"], 7, "not_confirmed");
    assert_eq!(host.results(&["schedule", "list", "a"]).len(), 3);
    host.ok(&["schedule", "preset", "a", "half-daily", "--yes"]);
    let on: Vec<String> = host.results(&["schedule", "list", "a"]).iter().map(|row| row["on"].as_str().unwrap().to_owned()).collect();
    assert_eq!(on, ["interval", "start", "stop"]);
    refused(&host, &["db", "add", "g.db", "--preset", "standard", "--cron", "0 1 * * *"], 2, "invalid");
}

#[test]
fn the_scheduler_tests_and_runs_once() {
    let host = host();
    refused(&host, &["scheduler", "--test"], 1, "not_ready");
    host.ok(&["schedule", "add", "shop", "--cron", "30 2 * * *", "--zone", "Europe/Berlin"]);
    let tested = host.ok(&["scheduler", "--test"]);
    assert!(tested.contains("Every day at 02:30 (Europe/Berlin)") && tested.contains("everything is ready"), "{tested}");
    assert!(host.results(&["list"]).is_empty(), "a test takes no backup");
    let taken = host.results(&["scheduler", "--run-once", "weekly"]);
    assert_eq!((taken.len(), &taken[0]["kind"]), (1, &"weekly".into()));
    let cleaned = host.results(&["scheduler", "--run-once", "cleanup"]);
    assert_eq!((cleaned.len(), &cleaned[0]["ok"], cleaned[0]["removed"].as_array().unwrap().len()), (1, &true.into(), 0));
    // A database that is gone is found, and does not keep the others.
    drop(shop(&host.path("wiki.db"), 1));
    host.ok(&["db", "add", "wiki.db"]);
    std::fs::remove_file(host.path("shop.db")).unwrap();
    let (exit, document) = host.json(&["scheduler", "--run-once", "daily"]);
    assert_eq!((exit, document["results"].as_array().unwrap().len()), (3, 2), "{document}");
    let (exit, document) = host.json(&["scheduler", "--test"]);
    assert_eq!(exit, 1);
    assert!(document["results"][0]["problems"][0].as_str().unwrap().contains("does not exist"), "{document}");
}

#[test]
fn an_unchanged_database_needs_no_second_backup() {
    let host = host();
    let application = rusqlite::Connection::open(host.path("shop.db")).unwrap();
    let first = host.create(&["shop"]);
    let again = host.results(&["create", "shop", "--type", "startup", "--unless-unchanged", "1h"]).remove(0);
    assert_eq!((&again["id"], &again["unchanged"]), (&first.as_str().into(), &true.into()));
    assert_eq!(host.results(&["list"]).len(), 1);
    application.execute_batch("INSERT INTO settings VALUES ('more', 1)").unwrap();
    let again = host.results(&["create", "shop", "--type", "startup", "--unless-unchanged", "1h"]).remove(0);
    assert_eq!((&again["kind"], &again["unchanged"]), (&"startup".into(), &false.into()));
    // Too old to stand in for a new one.
    std::thread::sleep(std::time::Duration::from_millis(1100));
    let again = host.results(&["create", "shop", "--unless-unchanged", "1s"]).remove(0);
    assert_eq!(again["unchanged"], false);
}

#[test]
fn the_environment_sets_a_schedule() {
    let host = Host::new();
    drop(shop(&host.path("shop.db"), 1));
    let with = |variables: &[(&str, &str)]| {
        let mut command = host.command(&["scheduler", "-q"]);
        for (name, value) in variables {
            command.env(name, value);
        }
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap()
    };
    let url = ("DATABASE_URL", "sqlite:///shop.db");
    let bad = with(&[url, ("BACKUP_SCHEDULE", "0 2 * *")]).wait_with_output().unwrap();
    assert_eq!(bad.status.code(), Some(2), "{bad:?}");
    assert!(!host.path("keepstone-data").exists(), "a setting that cannot be honoured makes no vault");

    let days = ("BACKUP_RETENTION_DAYS", "30");
    let running = with(&[url, ("BACKUP_SCHEDULE", "0 14 * * *"), ("BACKUP_ENABLED", "false"), days]);
    let end = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while host.run(&["schedule", "list"]).stdout.lines().count() < 2 {
        assert!(std::time::Instant::now() < end, "the environment's schedule never came");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let rows = all(&host);
    assert_eq!((rows.len(), &rows[0]["words"], &rows[0]["managed_by"]), (1, &"Every day at 14:00".into(), &"environment".into()));
    refused(&host, &["schedule", "remove", "shop"], 7, "managed");
    refused(&host, &["retention", "set", "shop", "--daily-keep", "9"], 7, "managed");
    assert_eq!(host.results(&["db", "show", "shop"])[0]["retention_managed_by"], "environment");
    // A preset leaves alone what is set elsewhere.
    host.ok(&["schedule", "preset", "shop", "half-daily", "--yes"]);
    let kept = host.results(&["retention", "show", "shop"]).remove(0);
    assert_eq!((&kept["policy"]["max_age_secs"], kept["policy"]["last"].is_null()), (&(30 * 86_400).into(), true), "{kept}");
    assert!(std::process::Command::new("kill").args(["-TERM", &running.id().to_string()]).status().unwrap().success());
    assert_eq!(running.wait_with_output().unwrap().status.code(), Some(0));
    // Without the variables it is everybody's again, as it is.
    let running = with(&[]);
    let managed = || host.results(&["db", "show", "shop"])[0]["retention_managed_by"].is_string();
    while managed() || all(&host).iter().any(|row| row["managed_by"].is_string()) {
        assert!(std::time::Instant::now() < end, "the environment never let go");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    host.ok(&["retention", "set", "shop", "--daily-keep", "9"]);
    assert!(std::process::Command::new("kill").args(["-TERM", &running.id().to_string()]).status().unwrap().success());
    assert_eq!(running.wait_with_output().unwrap().status.code(), Some(0));
    host.ok(&["schedule", "remove", "shop:daily"]);
}
