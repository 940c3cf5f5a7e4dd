//! `cleanup` and `retention` by their contract: the dry run is the plan, nothing goes unconfirmed, flags and environment.

use crate::support::{Host, run, shop};

/// A vault with so many daily backups of `shop`.
fn vault(count: usize) -> Host {
    let host = Host::new();
    drop(shop(&host.path("shop.db"), 3));
    host.ok(&["db", "add", "shop.db"]);
    for _ in 0..count {
        host.create(&["shop", "--type", "daily"]);
    }
    host
}

fn removed(document: &serde_json::Value) -> Vec<String> {
    let backups = document["backups"].as_array().unwrap();
    let gone = backups.iter().filter(|backup| backup["action"] == "remove");
    gone.map(|backup| backup["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_dry_run_is_the_plan_and_the_act_does_it() {
    let host = vault(5);
    host.create(&["shop"]);
    let there = host.results(&["list"]).len();
    let dry = &host.results(&["cleanup", "--daily-keep", "3", "--dry-run"])[0];
    assert_eq!((removed(dry).len(), dry["backups"].as_array().unwrap().len()), (2, 6));
    for backup in dry["backups"].as_array().unwrap() {
        assert!(backup["reason"].is_string() && backup["reason_code"].is_string(), "{backup}");
    }
    let text = host.ok(&["cleanup", "--daily-keep", "3", "--dry-run"]);
    assert!(text.contains("daily 3 of 3") && text.contains("daily, beyond the newest 3") && text.contains("newest good"), "{text}");

    // Without a terminal and without --yes: the plan, and exit 7.
    let refused = host.run(&["cleanup", "shop", "--daily-keep", "3"]);
    assert_eq!(refused.exit, 7);
    assert!(refused.stdout.contains("beyond the newest 3") && refused.stderr.contains("cleanup not confirmed"), "{refused:?}");
    let (exit, document) = host.json(&["cleanup", "shop", "--daily-keep", "3"]);
    assert_eq!((exit, document["error"]["code"].as_str(), removed(&document["results"][0])), (7, Some("not_confirmed"), removed(dry)));
    assert_eq!(host.results(&["list"]).len(), there, "nothing went");

    let done = &host.results(&["cleanup", "shop", "--daily-keep", "3", "--confirm"])[0];
    let mut gone: Vec<String> = done["removed"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect();
    gone.reverse();
    assert_eq!(gone, removed(dry));
    assert_eq!(host.results(&["trash", "list"]).len(), 2);
    host.ok(&["trash", "put-back", &gone[0]]);
    let activity = host.ok(&["activity"]);
    assert!(activity.contains("cleanup.done") && activity.contains("backup.deleted"), "{activity}");
    host.ok(&["activity", "verify"]);
    assert_eq!(host.ok(&["cleanup", "-q", "--daily-keep", "3", "--yes"]).trim(), gone[0], "with -q the ids");
}

#[test]
fn whatever_the_flags_say() {
    let host = vault(5);
    let manual = host.create(&["shop"]);
    let plan = |args: &[&str]| removed(&host.results(&[&["cleanup", "--dry-run"], args].concat())[0]).len();
    assert_eq!(plan(&[]), 0);
    assert_eq!(plan(&["--keep", "1"]), 3, "three good ones stay");
    assert_eq!(plan(&["--daily-keep", "0", "--last-keep", "0"]), 3);
    assert_eq!(plan(&["--daily-keep", "none"]), 0);
    assert_eq!(plan(&["--keep", "4"]), 1);
    assert_eq!(plan(&["--keep", "4", "--include-manual"]), 2, "the manual one counts, too");
    assert_eq!(plan(&["--max-age", "1h"]), 0);
    host.ok(&["pin", &manual]);
    for (args, exit) in [
        (&["--keep", "0"][..], 2),
        (&["--keep", "3", "--daily-keep", "3"], 2),
        (&["--max-age", "30"], 2),
        (&["--max-age", "1s"], 2),
        (&["--daily-keep", "-1"], 2),
        (&["till"], 3),
    ] {
        let run = host.run(&[&["cleanup", "--dry-run"], args].concat());
        assert_eq!(run.exit, exit, "{args:?}: {run:?}");
    }
}

#[test]
fn a_policy_that_removes_many_asks() {
    let host = vault(6);
    assert!(host.ok(&["retention", "show", "shop"]).contains("7 daily, 4 weekly, 12 monthly"));
    let (exit, document) = host.json(&["retention", "set", "shop", "--daily-keep", "2"]);
    assert_eq!((exit, document["error"]["code"].as_str()), (0, None), "three at once are few: {document}");
    host.ok(&["retention", "set", "shop", "--standard"]);
    host.create(&["shop", "--type", "daily"]);
    let (exit, document) = host.json(&["retention", "set", "shop", "--daily-keep", "1", "--weekly-keep", "none", "--yearly-keep", "5"]);
    assert_eq!((exit, document["results"][0]["set"].as_bool()), (7, Some(false)));
    assert!(host.ok(&["retention", "show", "shop"]).contains("7 daily"));
    let set = &host.results(&["retention", "set", "shop", "--daily-keep", "1", "--weekly-keep", "none", "--yearly-keep", "5", "--yes"])[0];
    assert_eq!(set["policy"], serde_json::json!({ "daily": 1, "monthly": 12, "yearly": 5 }));
    assert!(set["in_30_days"]["backups"].as_u64().unwrap() > 0);
    assert!(host.ok(&["db", "show", "shop"]).contains("1 daily, 12 monthly, 5 yearly"));
    host.ok(&["retention", "set", "shop", "--clear", "--max-count", "30", "--max-age", "30d"]);
    assert!(host.ok(&["retention", "show", "shop"]).contains("at most 30 d old, at most 30 in all"));
    assert_eq!(host.run(&["retention", "set", "shop"]).exit, 2, "nothing to set");
}

#[test]
fn a_new_database_has_the_policy_of_the_environment() {
    let host = Host::new();
    drop(shop(&host.path("shop.db"), 3));
    let add = |days: &str| run(host.command(&["db", "add", "shop.db"]).env("BACKUP_RETENTION_DAYS", days).env("BACKUP_MAX_BACKUPS", "20"));
    assert_eq!(add("a month").exit, 2);
    assert_eq!(add("30").exit, 0);
    assert!(host.ok(&["retention", "show", "shop"]).contains("at most 30 d old, at most 20 in all"));
    assert_eq!(add("10").exit, 0);
    assert!(host.ok(&["retention", "show", "shop"]).contains("at most 30 d old"), "one that is known keeps its own");
}

#[test]
fn a_cleanup_has_a_schedule_of_its_own() {
    let host = vault(1);
    let shown = |args: &[&str]| host.results(&[&["retention", "schedule", "shop"], args].concat()).remove(0);
    let first = shown(&[]);
    assert_eq!((&first["changed"], &first["cleanup"]["rhythm"]), (&false.into(), &"every 24 h, and after each scheduled backup".into()));
    let cron = shown(&["--cron", "30  4 * * *", "--zone", "Europe/Berlin", "--after-backups", "no"]);
    assert_eq!(cron["cleanup"]["rhythm"], "every day at 04:30 (Europe/Berlin)");
    assert!(cron["cleanup"]["next_at"].is_string(), "{cron}");
    let paused = shown(&["--pause"]);
    assert_eq!((&paused["cleanup"]["paused"], &paused["cleanup"]["next_at"]), (&true.into(), &serde_json::Value::Null));
    assert!(host.run(&["status"]).stderr.contains("cleanup is paused"), "it is said where everything is said");
    assert_eq!(shown(&["--resume", "--every", "12h"])["cleanup"]["rhythm"], "every 12 h");
    assert_eq!(host.results(&["retention", "show", "shop"])[0]["cleanup"]["rhythm"], "every 12 h");
    for (args, exit) in
        [(&["--every", "5min"][..], 2), (&["--cron", "0 4 30 2 *"], 2), (&["--zone", "UTC"], 2), (&["--pause", "--resume"], 2)]
    {
        let (found, document) = host.json(&[&["retention", "schedule", "shop"], args].concat());
        assert_eq!(found, exit, "{args:?}: {document}");
    }
}

/// The calls by which a cleanup gives files their names and makes them durable: killed before each of them in turn.
#[test]
fn a_cleanup_killed_at_any_step_loses_nothing() {
    let traced = std::process::Command::new("strace").args(["-f", "-o", "/dev/null", "true"]).stderr(std::process::Stdio::null()).status();
    if !traced.is_ok_and(|status| status.success()) {
        crate::skip::skipped("strace is not installed, or may not trace here");
        return;
    }
    let host = vault(5);
    let ids = |args: &[&str]| -> Vec<String> { host.results(args).iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect() };
    let all = ids(&["list", "--state", "complete"]);
    let (mut steps, mut midway) = (0, 0);
    for calls in ["rename,renameat,renameat2", "fsync,fdatasync", "unlink,unlinkat"] {
        // Renames one by one; of the many syncs every third.
        for call in (1..).step_by(if calls.starts_with("fsync") { 3 } else { 1 }) {
            for id in ids(&["trash", "list"]) {
                host.ok(&["trash", "put-back", &id]);
            }
            let mut command = std::process::Command::new("strace");
            command.args(["-f", "-o", "/dev/null", "--seccomp-bpf", "-e", &format!("inject={calls}:signal=KILL:when={call}")]);
            command.arg(crate::support::KEEPSTONE).args(["cleanup", "shop", "--daily-keep", "3", "--yes"]);
            host.furnish(&mut command);
            if run(&mut command).exit == 0 {
                break;
            }
            steps += 1;
            let (there, trashed) = (ids(&["list", "--state", "complete"]), ids(&["trash", "list"]));
            assert_eq!(there.len() + trashed.len(), all.len(), "{calls} {call}: each is in its place or in the trash");
            assert!(all[..3].iter().all(|id| there.contains(id)), "{calls} {call}: the newest stay");
            midway += u32::from(trashed.len() == 1);
        }
    }
    assert!(steps > 12 && midway > 0, "{steps} steps, {midway} with one of two gone");
    host.ok(&["cleanup", "shop", "--daily-keep", "3", "--yes"]);
    assert_eq!(ids(&["list", "--state", "complete"]), all[..3]);
    for id in ids(&["trash", "list"]) {
        host.ok(&["trash", "put-back", &id]);
    }
    host.ok(&["verify", "--all"]);
    host.ok(&["activity", "verify"]);
}
