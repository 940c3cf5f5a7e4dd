//! The scheduler as a process: two on one vault, a kill at a run's time, SIGTERM, and clocks that jump. What needs a false clock says so and
//! is skipped where libfaketime is not installed (`scripts/setup-faketime.sh`).

use std::{
    fs,
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Child, Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use rusqlite::Connection;
use serde_json::Value;

use crate::support::{self, Host, shop};

/// A host with a protected shop.
fn host(orders: u32, preset: &[&str]) -> Host {
    let host = Host::new();
    drop(shop(&host.path("shop.db"), orders));
    host.ok(&[&["db", "add", "shop.db", "--zone", "UTC"], preset].concat());
    host
}

fn catalog(host: &Host) -> Connection {
    Connection::open(host.path("keepstone-data/catalog.sqlite")).unwrap()
}

/// As if the daily run had come due an hour ago while nothing ran.
fn let_it_be_due(host: &Host, round: u64) {
    let changed = catalog(host)
        .execute(
            // Another moment each time, however quick the rounds are: the same one is the same run.
            "UPDATE schedules SET next_run_at = (unixepoch() - 3600) * 1000 + ?1, planned_at = (unixepoch() - 7200) * 1000 WHERE kind = 'daily'",
            [round],
        )
        .unwrap();
    assert_eq!(changed, 1);
}

fn kinds(host: &Host) -> Vec<String> {
    let complete = host.results(&["list", "shop", "--state", "complete"]);
    complete.iter().rev().map(|backup| backup["kind"].as_str().unwrap().to_owned()).collect()
}

fn eventually(what: &str, mut done: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !done() {
        assert!(Instant::now() < end, "{what}");
        thread::sleep(Duration::from_millis(50));
    }
}

fn no_open_job(host: &Host) -> bool {
    catalog(host).query_row("SELECT NOT EXISTS (SELECT 1 FROM jobs WHERE state IN ('queued', 'running'))", [], |row| row.get(0)).unwrap()
}

fn stop(child: Child) -> Output {
    assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
    child.wait_with_output().unwrap()
}

#[test]
fn two_processes_on_one_vault_take_a_missed_run_once() {
    let host = host(200, &["--preset", "standard"]);
    let_it_be_due(&host, 0);
    let both = [host.spawn(&["scheduler"]), host.spawn(&["scheduler"])];
    eventually("the run is made up", || kinds(&host) == ["daily"]);
    // Both have looked again by then.
    thread::sleep(Duration::from_secs(6));
    assert!(no_open_job(&host));
    for child in both {
        let output = stop(child);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
    }
    assert_eq!(kinds(&host), ["daily"], "once");
    assert_eq!(host.results(&["activity", "list"]).iter().filter(|event| event["action"] == "backup.created").count(), 1);
    let (_, document) = host.json(&["schedule", "list", "shop"]);
    let daily = &document["results"][0];
    assert!(daily["next_run_at"].as_str() > daily["last_run_at"].as_str(), "{daily}");
}

#[test]
fn a_kill_at_a_runs_time_loses_no_run_and_doubles_none() {
    let host = host(6000, &["--preset", "standard"]);
    for round in 0..6_u64 {
        let before = kinds(&host).len();
        let_it_be_due(&host, round);
        let mut child = host.spawn(&["scheduler"]);
        eventually("the run has come up", || {
            let due: bool = catalog(&host)
                .query_row("SELECT EXISTS (SELECT 1 FROM schedules WHERE kind = 'daily' AND next_run_at > unixepoch() * 1000)", [], |row| {
                    row.get(0)
                })
                .unwrap();
            due
        });
        thread::sleep(Duration::from_millis(round * 90));
        child.kill().unwrap();
        child.wait().unwrap();
        let next = host.spawn(&["scheduler"]);
        eventually("all is done", || no_open_job(&host) && kinds(&host).len() > before);
        stop(next);
        assert_eq!(kinds(&host).len(), before + 1, "round {round}");
    }
    host.ok(&["verify", "--all"]);
}

#[test]
fn a_stop_takes_the_last_backup_first() {
    let host = host(200, &["--preset", "half-daily"]);
    let child = host.spawn(&["scheduler", "-q"]);
    eventually("the start is backed up", || kinds(&host) == ["startup"] && no_open_job(&host));
    support::fill(&Connection::open(host.path("shop.db")).unwrap(), 10);
    let output = stop(child);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(kinds(&host), ["startup", "shutdown"]);

    // A crash loop evicts nothing.
    for _ in 0..2 {
        let child = host.spawn(&["scheduler", "-q"]);
        eventually("the start is looked at", || {
            catalog(&host)
                .query_row("SELECT count(*) FROM jobs WHERE created_at > (unixepoch() - 60) * 1000", [], |row| row.get::<_, i64>(0))
                .unwrap()
                > 2
                && no_open_job(&host)
        });
        stop(child);
    }
    assert_eq!(kinds(&host), ["startup", "shutdown"]);
}

#[test]
fn a_stop_that_cannot_back_up_ends_all_the_same_and_says_so() {
    let host = host(200, &["--preset", "half-daily"]);
    host.ok(&["schedule", "limits", "--stop-within", "1s"]);
    let child = host.spawn(&["scheduler"]);
    eventually("the start is backed up", || kinds(&host) == ["startup"] && no_open_job(&host));
    let application = Connection::open(host.path("shop.db")).unwrap();
    application.execute_batch("PRAGMA locking_mode = exclusive; BEGIN EXCLUSIVE; INSERT INTO settings VALUES ('a', 1)").unwrap();
    let output = stop(child);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("backups of the stop"), "{output:?}");
    assert_eq!(kinds(&host), ["startup"]);
}

/// libfaketime, if it is installed.
fn faketime() -> Option<PathBuf> {
    let folders =
        ["/usr/lib/x86_64-linux-gnu/faketime", "/usr/lib/aarch64-linux-gnu/faketime", "/usr/lib/faketime", "/usr/local/lib/faketime"];
    let found = folders.iter().map(|folder| PathBuf::from(folder).join("libfaketime.so.1")).find(|path| path.exists());
    if found.is_none() {
        crate::skip::skipped("libfaketime is not installed (scripts/setup-faketime.sh)");
    }
    found
}

/// Runs it by a clock that is read out of a file, so that it can be set while it runs.
fn spawn_at(host: &Host, library: &PathBuf, args: &[&str]) -> Child {
    let mut command = host.command(args);
    command.env("LD_PRELOAD", library).env("FAKETIME_TIMESTAMP_FILE", host.path("clock")).env("FAKETIME_NO_CACHE", "1");
    command.env("FAKETIME_DONT_FAKE_MONOTONIC", "1").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// A process that does not outlive its test, however that ends.
struct Ended(Option<Child>);

impl Drop for Ended {
    fn drop(&mut self) {
        if let Some(mut child) = self.0.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Sets the clock of the host's processes: a time in UTC, which goes on from there.
fn set_clock(host: &Host, time: &str) {
    // Renamed, so that no process reads half of it. The file's clock goes on from when a process reads it first, so it is told as an offset.
    let there: i64 = time.parse::<keepstone_engine::model::Timestamp>().unwrap().as_second();
    let here = i64::try_from(std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()).unwrap();
    fs::write(host.path("clock.new"), format!("{:+}\n", there - here)).unwrap();
    fs::rename(host.path("clock.new"), host.path("clock")).unwrap();
}

fn at(host: &Host, library: &PathBuf, args: &[&str]) -> Vec<Value> {
    let output = spawn_at(host, library, &[args, &["--json"]].concat()).wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{args:?}: {output:?}");
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    document["results"].as_array().unwrap().clone()
}

#[test]
fn a_night_on_which_the_clock_goes_forward_has_its_run() {
    let Some(library) = faketime() else { return };
    let host = Host::new();
    drop(shop(&host.path("shop.db"), 50));
    set_clock(&host, "2026-03-28T12:00:00Z");
    at(&host, &library, &["db", "add", "shop.db", "--preset", "cron", "--cron", "30 2 * * *", "--zone", "Europe/Berlin"]);
    // 02:00 in Berlin becomes 03:00 at 01:00 UTC.
    set_clock(&host, "2026-03-29T00:59:58Z");
    let child = spawn_at(&host, &library, &["scheduler"]);
    eventually("it runs at the first minute after the gap", || kinds(&host) == ["daily"]);
    let schedule = at(&host, &library, &["schedule", "list"]).remove(0);
    assert_eq!(schedule["last_run_at"], "2026-03-29T01:00:00Z");
    assert_eq!(schedule["next_run_at"], "2026-03-30T00:30:00Z");
    assert_eq!(stop(child).status.code(), Some(0));
    let taken = at(&host, &library, &["list", "shop"]).remove(0);
    assert!(taken["created_at"].as_str().unwrap().starts_with("2026-03-29T01:00:"), "{taken}");
}

#[test]
fn who_runs_over_midnight_begins_a_new_log_and_old_ones_go() {
    let Some(library) = faketime() else { return };
    let host = Host::new();
    drop(shop(&host.path("shop.db"), 5));
    set_clock(&host, "2027-03-20T12:00:00Z");
    at(&host, &library, &["db", "add", "shop.db", "--preset", "cron", "--cron", "0 2 * * *", "--zone", "UTC"]);
    let log = |day: &str| host.path("keepstone-data/logs").join(format!("keepstone.{day}.log"));
    let mut running = Ended(Some(spawn_at(&host, &library, &["scheduler", "--log-format", "json"])));
    let first = BufReader::new(running.0.as_mut().unwrap().stdout.as_mut().unwrap()).lines().next().unwrap().unwrap();
    assert!(first.contains("next run 2027-03-21"), "{first}");
    for day in 1..=30 {
        fs::write(log(&format!("2027-01-{day:02}")), "an old one").unwrap();
    }
    set_clock(&host, "2027-03-21T02:00:01Z");
    eventually("the next day has its log", || fs::read_to_string(log("2027-03-21")).is_ok_and(|text| text.contains("came due")));
    let text = fs::read_to_string(host.path("keepstone-data/logs/keepstone.log")).unwrap();
    assert!(text.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()), "{text}");
    assert!(!log("2027-01-01").exists() && log("2027-01-30").exists(), "the oldest of more than 30 are gone");
    assert_eq!(stop(running.0.take().unwrap()).status.code(), Some(0));
}

#[test]
fn a_night_on_which_the_clock_goes_back_has_its_run_once() {
    let Some(library) = faketime() else { return };
    let host = Host::new();
    drop(shop(&host.path("shop.db"), 50));
    set_clock(&host, "2026-10-24T12:00:00Z");
    at(&host, &library, &["db", "add", "shop.db", "--preset", "cron", "--cron", "30 2 * * *", "--zone", "Europe/Berlin"]);
    // 02:30 in Berlin is at 00:30 UTC, and once more at 01:30 UTC.
    set_clock(&host, "2026-10-25T00:29:59Z");
    let child = spawn_at(&host, &library, &["scheduler"]);
    eventually("it runs the first time", || kinds(&host) == ["daily"]);
    set_clock(&host, "2026-10-25T01:29:58Z");
    thread::sleep(Duration::from_secs(7));
    assert_eq!(kinds(&host), ["daily"], "and not the second time");
    let schedule = at(&host, &library, &["schedule", "list"]).remove(0);
    assert_eq!(schedule["last_run_at"], "2026-10-25T00:30:00Z");
    assert_eq!(schedule["next_run_at"], "2026-10-26T01:30:00Z");
    assert_eq!(stop(child).status.code(), Some(0));
}

#[test]
fn a_clock_that_goes_back_or_jumps_deletes_nothing_before_the_next_good_backup() {
    let Some(library) = faketime() else { return };
    let host = Host::new();
    drop(shop(&host.path("shop.db"), 3));
    set_clock(&host, "2026-06-01T12:00:00Z");
    at(&host, &library, &["db", "add", "shop.db"]);
    for day in 1..=6 {
        set_clock(&host, &format!("2026-06-0{day}T12:00:00Z"));
        at(&host, &library, &["create", "shop", "--type", "daily"]);
    }
    at(&host, &library, &["retention", "set", "shop", "--clear", "--max-age", "30d"]);
    let clean_up = || at(&host, &library, &["scheduler", "--run-once", "cleanup"])[0]["removed"].as_array().unwrap().len();
    assert_eq!(clean_up(), 0, "nothing is old");
    // By a clock that jumped five months all of them are.
    set_clock(&host, "2026-11-01T12:00:00Z");
    assert_eq!(clean_up(), 0);
    assert!(host.results(&["activity"]).iter().any(|event| event["action"] == "cleanup.clock"), "and it is said");
    assert_eq!(clean_up(), 0, "also when it looks again");
    set_clock(&host, "2026-11-01T13:00:00Z");
    at(&host, &library, &["create", "shop", "--type", "daily"]);
    assert_eq!(clean_up(), 3, "then what is old goes, a few at once");
    // Back by a week: the newest one is of the future.
    set_clock(&host, "2026-10-25T12:00:00Z");
    assert_eq!(clean_up(), 0);
    at(&host, &library, &["create", "shop", "--type", "daily"]);
    assert!(clean_up() > 0, "one that was made by the right clock lets it go on");
    assert_eq!(host.results(&["list", "--state", "good"]).len(), 3, "and three good ones stay in any case");
}

/// The job's database is on a disk that gives its pages only after a long while; another database is backed up meanwhile.
#[test]
fn a_job_that_hangs_is_cut_off_and_keeps_no_other() {
    if Command::new("strace").args(["-f", "-o", "/dev/null", "true"]).stderr(Stdio::null()).status().is_ok_and(|status| status.success()) {
        let host = Host::new();
        for name in ["stuck", "wiki"] {
            drop(shop(&host.path(&format!("{name}.db")), 50));
            host.ok(&["db", "add", &format!("{name}.db"), "--no-schedule"]);
        }
        // Less than anybody may set: a test does not wait for a minute.
        let limits = r#"{"max_running":2,"hung_after_secs":1,"stop_within_secs":5}"#;
        catalog(&host).execute("INSERT OR REPLACE INTO meta VALUES ('job_limits', ?1)", [limits]).unwrap();
        for name in ["stuck", "wiki"] {
            host.ok(&["schedule", "add", name, "--cron", "0 2 * * *"]);
        }
        let due = "UPDATE schedules SET next_run_at = (unixepoch() - 60) * 1000, planned_at = (unixepoch() - 7200) * 1000";
        catalog(&host).execute(due, []).unwrap();
        let mut command = Command::new("strace");
        command.args(["-f", "-o", "/dev/null", "--seccomp-bpf", "-P"]).arg(host.path("stuck.db"));
        command.args(["-e", "inject=pread64:delay_enter=7000000:when=12"]).arg(support::KEEPSTONE).arg("scheduler");
        host.furnish(&mut command);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let stuck = |host: &Host| host.results(&["job", "list"]).into_iter().find(|job| job["database"] == "stuck");
        eventually("it is told to stop, and that is an alarm", || {
            host.results(&["activity"]).iter().any(|event| event["action"] == "job.hung" && event["database"] == "stuck")
        });
        eventually("the other database is backed up", || host.results(&["list", "wiki", "--state", "good"]).len() == 1);
        // In the end the disk gives the page, and the job hears that it was told to stop.
        eventually("it has failed", || stuck(&host).is_some_and(|job| job["state"] == "failed"));
        assert_eq!(stuck(&host).unwrap()["error"]["code"], "job_hung", "{:?}", stuck(&host));
        assert!(host.results(&["list", "stuck", "--state", "complete"]).is_empty());
        let keepstone = fs::read_to_string(format!("/proc/{0}/task/{0}/children", child.id())).unwrap();
        assert!(Command::new("kill").args(["-TERM", keepstone.trim()]).status().unwrap().success());
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{output:?}");
    } else {
        crate::skip::skipped("strace is not installed, or may not trace here");
    }
}

#[test]
fn a_clock_that_goes_back_over_a_run_takes_it_once() {
    let Some(library) = faketime() else { return };
    let host = Host::new();
    drop(shop(&host.path("shop.db"), 50));
    set_clock(&host, "2026-06-01T12:00:00Z");
    at(&host, &library, &["db", "add", "shop.db", "--preset", "cron", "--cron", "0 2 * * *", "--zone", "UTC"]);
    set_clock(&host, "2026-06-02T01:59:59Z");
    let child = spawn_at(&host, &library, &["scheduler"]);
    eventually("it runs", || kinds(&host) == ["daily"]);
    // Back by ten minutes, up to the same moment, and past it.
    for time in ["2026-06-02T01:50:00Z", "2026-06-02T01:59:57Z"] {
        set_clock(&host, time);
        thread::sleep(Duration::from_secs(6));
    }
    assert_eq!(kinds(&host), ["daily"], "the same run is not taken twice");
    set_clock(&host, "2026-06-03T01:59:59Z");
    eventually("the next one is", || kinds(&host) == ["daily", "daily"]);
    assert_eq!(stop(child).status.code(), Some(0));
}

#[test]
fn a_test_goes_by_the_environment_and_makes_nothing() {
    let host = Host::new();
    drop(shop(&host.path("shop.db"), 10));
    let test = || {
        let mut command = host.command(&["scheduler", "--test", "--json"]);
        command.envs([("DATABASE_URL", "sqlite:///shop.db"), ("BACKUP_SCHEDULE", "0 14 * * *")]);
        let output = command.output().unwrap();
        let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        (output.status.code(), document["results"].clone())
    };
    let (exit, results) = test();
    assert_eq!((exit, results[0]["database"].as_str()), (Some(0), Some("shop")), "{results}");
    assert_eq!(results[0]["schedules"][0]["cron"], "0 14 * * *", "{results}");
    assert!(!host.path("keepstone-data").exists(), "a look makes no vault");
    // Beside what the vault protects already.
    drop(shop(&host.path("other.db"), 10));
    host.ok(&["db", "add", "other.db"]);
    let (exit, results) = test();
    assert_eq!((exit, results.as_array().map(Vec::len)), (Some(0), Some(2)), "{results}");
    assert_eq!(host.results(&["db", "list"]).len(), 1);
    std::fs::remove_file(host.path("shop.db")).unwrap();
    assert_ne!(test().0, Some(0), "a database that is not there");
}
