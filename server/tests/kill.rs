//! Killing the real binary at random moments: the source stays whole, no half archive is ever listed, what is listed verifies, and the next
//! start says what was interrupted. `KEEPSTONE_KILLS` says how often (25 each unless it does).

#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "a test may stop at once, and says what it hit")]

mod support;

use std::{
    collections::BTreeMap,
    fs, thread,
    time::{Duration, Instant},
};

use rusqlite::Connection;
use support::{Host, content, shop};

/// About 20 MB, which no compressor makes smaller.
const ORDERS: u32 = 9000;

fn kills() -> u32 {
    std::env::var("KEEPSTONE_KILLS").ok().and_then(|count| count.parse().ok()).unwrap_or(25)
}

/// When to kill: at points spread over a whole run, by how long the last ones took on this machine just now.
struct Aim {
    whole: Duration,
    round: u32,
}

impl Aim {
    /// Learns from a run that is not killed.
    fn by(act: impl FnOnce()) -> Self {
        let begun = Instant::now();
        act();
        Self { whole: begun.elapsed(), round: 0 }
    }

    /// Runs a verb and kills it. Whether it was killed, and not done before.
    fn kill(&mut self, host: &Host, args: &[&str]) -> bool {
        // No two runs of this test share the points exactly.
        self.round += 1;
        let share = f64::from((self.round * 7919 + std::process::id()) % 1000) / 1000.0;
        let mut child = host.spawn(args);
        let begun = Instant::now();
        while begun.elapsed() < self.whole.mul_f64(share) {
            if let Some(status) = child.try_wait().unwrap() {
                assert!(status.success(), "{args:?}: {status}");
                self.whole = begun.elapsed();
                return false;
            }
            thread::sleep(Duration::from_millis(1));
        }
        child.kill().unwrap();
        let killed = !child.wait().unwrap().success();
        if killed && share > 0.9 {
            self.whole = self.whole.mul_f64(1.1);
        }
        killed
    }
}

/// The next start: nothing runs any more, staging is empty, and every archive in the folder is a listed one. Gives back the backups by state.
fn next_start(host: &Host) -> BTreeMap<String, usize> {
    let mut states = BTreeMap::new();
    for backup in host.results(&["list"]) {
        let state = backup["state"].as_str().unwrap().to_owned();
        assert!(["complete", "interrupted"].contains(&state.as_str()), "{backup}");
        *states.entry(state).or_default() += 1;
    }
    assert!(host.results(&["job", "list", "--state", "running"]).is_empty());
    let staging = fs::read_dir(host.path("keepstone-data/backups/.staging")).unwrap().flatten();
    let left: Vec<_> = staging.filter(|entry| entry.path().is_dir()).map(|entry| entry.path()).collect();
    assert!(left.is_empty(), "staging was left: {left:?}");
    states
}

#[test]
fn a_killed_create_leaves_the_source_whole_and_no_half_archive() {
    let host = Host::new();
    let file = host.path("shop.db");
    let application = shop(&file, ORDERS);
    host.ok(&["db", "add", "shop.db"]);
    let mut aim = Aim::by(|| drop(host.create(&["shop"])));
    let before = content(&file);
    let mut kills_that_hit = 0;
    let mut interrupted = 0;
    while kills_that_hit < kills() && aim.round < 3 * kills() {
        let was_killed = aim.kill(&host, &["create", "shop"]);
        kills_that_hit += u32::from(was_killed);
        application.execute("UPDATE products SET price = price", []).unwrap();
        let told = host.run(&["status"]);
        let states = next_start(&host);
        let now = states.get("interrupted").copied().unwrap_or(0);
        if now > interrupted {
            assert!(was_killed, "a run that was done is not interrupted");
            assert!(told.stderr.contains("the create of shop was interrupted"), "{told:?}");
            interrupted = now;
        }
    }
    eprintln!("create: {kills_that_hit} of {} kills hit it running, {interrupted} left a backup begun", aim.round);
    assert!(kills_that_hit == kills(), "the kills came too late to show anything");
    assert!(interrupted > 0, "no kill hit the middle");
    assert!(content(&file) == before, "the source changed");
    let complete = host.results(&["list", "--state", "complete"]);
    for job in host.results(&["job", "list", "--state", "abandoned"]) {
        let kept = complete.iter().any(|backup| backup["job"] == job["id"]);
        let told = job["error"]["message"].as_str().unwrap();
        assert_eq!(told.contains("the backup was kept"), kept, "{told}");
    }
    let archives = fs::read_dir(host.path("keepstone-data/backups/shop/manual")).unwrap().flatten();
    let archives = archives.filter(|entry| entry.path().extension().is_some_and(|end| end == "zip")).count();
    assert_eq!(archives, complete.len(), "archives in the folder and in the list");
    host.ok(&["verify", "--all"]);
    host.ok(&["activity", "verify"]);
}

#[test]
fn a_killed_cleanup_loses_nothing() {
    const KEEP: usize = 3;
    let host = Host::new();
    drop(shop(&host.path("shop.db"), 3));
    host.ok(&["db", "add", "shop.db"]);
    let made: Vec<String> = (0..12).map(|_| host.create(&["shop", "--type", "daily"])).collect();
    let args = ["cleanup", "shop", "--daily-keep", "3", "--yes"];
    let put_all_back = || {
        for backup in host.results(&["trash", "list"]) {
            host.ok(&["trash", "put-back", backup["id"].as_str().unwrap()]);
        }
    };
    let mut aim = Aim::by(|| drop(host.ok(&args)));
    let (mut kills_that_hit, mut midway) = (0, 0);
    while kills_that_hit < kills() && aim.round < 3 * kills() {
        put_all_back();
        kills_that_hit += u32::from(aim.kill(&host, &args));
        let ids = |args: &[&str]| -> Vec<String> { host.results(args).iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect() };
        let (there, trashed) = (ids(&["list", "--state", "complete"]), ids(&["trash", "list"]));
        assert_eq!(there.len() + trashed.len(), made.len(), "each is in its place or in the trash");
        assert!(made[made.len() - KEEP..].iter().all(|id| there.contains(id)), "the newest stay");
        midway += u32::from(!trashed.is_empty() && there.len() > KEEP);
        assert!(host.results(&["job", "list", "--state", "running"]).is_empty());
    }
    eprintln!("cleanup: {kills_that_hit} of {} kills hit it running, {midway} in the middle", aim.round);
    assert!(kills_that_hit == kills(), "the kills came too late to show anything");
    host.ok(&args);
    assert_eq!(host.results(&["list", "--state", "complete"]).len(), KEEP);
    put_all_back();
    host.ok(&["verify", "--all"]);
    host.ok(&["activity", "verify"]);
}

#[test]
fn a_killed_restore_leaves_the_old_or_the_new() {
    let host = Host::new();
    let file = host.path("shop.db");
    let application = shop(&file, ORDERS);
    host.ok(&["db", "add", "shop.db"]);
    let old_id = host.create(&["shop"]);
    let old = content(&file);
    let change = |connection: &Connection| {
        connection
            .execute_batch("BEGIN; UPDATE orders SET note = zeroblob(2000) WHERE id % 5 = 0; INSERT OR REPLACE INTO settings VALUES ('changed', 1); COMMIT")
            .unwrap();
    };
    change(&application);
    let new = content(&file);
    assert!(old != new);
    let args = ["restore", &old_id, "--replace", "--yes"];
    let mut aim = Aim::by(|| drop(host.ok(&args)));
    let (mut kills_that_hit, mut kept, mut replaced, mut told_of) = (0, 0, 0, 0);
    let mut changed = false;
    while kills_that_hit < kills() && aim.round < 3 * kills() {
        if !changed {
            change(&application);
        }
        kills_that_hit += u32::from(aim.kill(&host, &args));
        let now = content(&file);
        assert!(now == old || now == new, "a mix of both, in round {}", aim.round);
        changed = now == new;
        if changed {
            kept += 1;
        } else {
            replaced += 1;
        }
        let told = host.run(&["status"]);
        told_of += u32::from(told.stderr.contains("the restore of shop was interrupted"));
        next_start(&host);
    }
    eprintln!("restore: {kills_that_hit} of {} kills hit it running; {kept} kept, {replaced} replaced, {told_of} told of", aim.round);
    assert!(kills_that_hit == kills(), "the kills came too late to show anything");
    assert!(told_of > 0 && kept > 0, "no kill hit the middle");
    drop(application);
    host.ok(&["verify", "--all"]);
    host.ok(&["activity", "verify"]);
    // The database is as usable as before.
    host.ok(&args);
    assert!(content(&file) == old);
}

#[test]
fn a_killed_delete_or_put_back_leaves_the_archive_in_one_place() {
    let host = Host::new();
    drop(shop(&host.path("shop.db"), 200));
    host.ok(&["db", "add", "shop.db"]);
    let id = host.create(&["shop"]);
    host.create(&["shop"]);
    let (delete, put_back) = (["delete", &id, "--yes"], ["trash", "put-back", &id]);
    let (mut deletes, mut backs) = (Aim::by(|| drop(host.ok(&delete))), Aim::by(|| drop(host.ok(&put_back))));
    let kills = kills().div_ceil(2);
    let (mut kills_that_hit, mut moved) = (0, 0);
    let mut is_trashed = false;
    while kills_that_hit < kills && deletes.round + backs.round < 3 * kills {
        let was_killed = if is_trashed { backs.kill(&host, &put_back) } else { deletes.kill(&host, &delete) };
        kills_that_hit += u32::from(was_killed);
        let states = next_start(&host);
        let trashed = host.results(&["trash", "list"]).iter().any(|backup| backup["id"] == *id);
        assert_eq!(states["complete"], 2 - usize::from(trashed), "in its place or in the trash");
        let there = |path: String| host.path(&format!("keepstone-data/backups/{path}.zip")).exists();
        assert_eq!((there(format!("shop/manual/{id}")), there(format!(".trash/{id}"))), (!trashed, trashed), "where it is said to be");
        assert!(was_killed || trashed != is_trashed, "what was done is done");
        moved += u32::from(was_killed && trashed != is_trashed);
        is_trashed = trashed;
    }
    eprintln!("delete: {kills_that_hit} of {} kills hit it running, also putting back; {moved} had moved it", deletes.round + backs.round);
    assert!(kills_that_hit == kills, "the kills came too late to show anything");
    // Of a few by chance none; of many some.
    assert!(kills < 50 || moved > 0 && moved < kills, "no kill hit the middle");
    if is_trashed {
        host.ok(&put_back);
    }
    host.ok(&["verify", "--all"]);
    host.ok(&["activity", "verify"]);
}

#[test]
fn a_killed_verify_takes_nothing_back() {
    let host = Host::new();
    drop(shop(&host.path("shop.db"), ORDERS / 4));
    host.ok(&["db", "add", "shop.db"]);
    let id = host.create(&["shop"]);
    let args = ["verify", &id];
    let mut aim = Aim::by(|| drop(host.ok(&args)));
    let kills = kills().div_ceil(2);
    let (mut kills_that_hit, mut told_of) = (0, 0);
    while kills_that_hit < kills && aim.round < 3 * kills {
        kills_that_hit += u32::from(aim.kill(&host, &args));
        told_of += u32::from(host.run(&["status"]).stderr.contains("verify of shop was interrupted"));
        next_start(&host);
        let backup = &host.results(&["list"])[0];
        assert_eq!((backup["id"].as_str(), backup["verdict"].as_str()), (Some(&*id), Some("good")), "{backup}");
    }
    eprintln!("verify: {kills_that_hit} of {} kills hit it running, {told_of} told of", aim.round);
    assert!(kills_that_hit == kills, "the kills came too late to show anything");
    assert!(told_of > 0, "no kill hit the middle");
    host.ok(&args);
    host.ok(&["activity", "verify"]);
}

/// A process dies, and so does the start that mends what it left, and that one's.
#[test]
fn a_killed_recovery_is_made_by_the_next_start() {
    let host = Host::new();
    let file = host.path("shop.db");
    let application = shop(&file, ORDERS / 4);
    host.ok(&["db", "add", "shop.db"]);
    let id = host.create(&["shop"]);
    let old = content(&file);
    let (create, restore) = (["create", "shop"], ["restore", &id, "--replace", "--yes"]);
    let (mut creates, mut restores) = (Aim::by(|| drop(host.ok(&create))), Aim::by(|| drop(host.ok(&restore))));
    let mut starts = Aim::by(|| drop(host.ok(&["list"])));
    let kills = kills().div_ceil(2);
    let (mut kills_that_hit, mut rounds) = (0, 0);
    while kills_that_hit < kills && starts.round < 6 * kills {
        rounds += 1;
        application.execute("UPDATE products SET price = price + 1", []).unwrap();
        let new = content(&file);
        let was_killed = if rounds % 2 == 0 { creates.kill(&host, &create) } else { restores.kill(&host, &restore) };
        for _ in 0..2 {
            kills_that_hit += u32::from(starts.kill(&host, &["list"]) && was_killed);
        }
        next_start(&host);
        let now = content(&file);
        assert!(now == old || now == new, "a mix of both, in round {rounds}");
    }
    eprintln!("recovery: {kills_that_hit} of {} kills hit it running", starts.round);
    assert!(kills_that_hit >= kills, "the kills came too late to show anything");
    let complete = host.results(&["list", "--state", "complete"]);
    let mut archives = 0;
    for kind in ["manual", "safety"] {
        let files = fs::read_dir(host.path(&format!("keepstone-data/backups/shop/{kind}"))).unwrap().flatten();
        archives += files.filter(|entry| entry.path().extension().is_some_and(|end| end == "zip")).count();
    }
    assert_eq!(archives, complete.len(), "archives in the folders and in the list");
    drop(application);
    host.ok(&["verify", "--all"]);
    host.ok(&["activity", "verify"]);
}

#[test]
fn a_killed_convert_leaves_the_old_archive_or_the_new() {
    let host = Host::new();
    let file = host.path("shop.db");
    drop(shop(&file, ORDERS / 4));
    host.ok(&["db", "add", "shop.db"]);
    host.create(&["shop", "--description", "converted"]);
    host.create(&["shop"]);
    let held = content(&file);
    let of_it = || -> Vec<String> {
        let all = host.results(&["list", "--state", "complete"]);
        let of_it = all.iter().filter(|backup| backup["description"] == "converted" && backup["verdict"] == "good");
        of_it.map(|backup| backup["id"].as_str().unwrap().to_owned()).collect()
    };
    // Each round has something to do: into the other form.
    let other_form = |id: &str| {
        let gzip = host.results(&["show", id])[0]["metadata"]["compression"] == "gzip";
        if gzip { "--compress=none" } else { "--compress=gzip" }
    };
    let id = of_it().remove(0);
    let mut aim = Aim::by(|| drop(host.ok(&["convert", &id, "--compress=gzip"])));
    let kills = kills().div_ceil(2);
    let (mut kills_that_hit, mut kept, mut converted) = (0, 0, 0);
    while kills_that_hit < kills && aim.round < 3 * kills {
        let before = of_it();
        let was_killed = aim.kill(&host, &["convert", &before[0], other_form(&before[0])]);
        kills_that_hit += u32::from(was_killed);
        next_start(&host);
        let after = of_it();
        // Between the publishing of the new one and the putting away of the old there are both; never none.
        assert!(after.len() == 1 || (was_killed && after.len() == 2), "{before:?} became {after:?}, in round {}", aim.round);
        kept += u32::from(after.contains(&before[0]));
        converted += u32::from(after.iter().any(|id| !before.contains(id)));
        for (number, id) in after.iter().enumerate() {
            host.ok(&["verify", id]);
            let back = host.path(&format!("back-{}-{number}.db", aim.round));
            host.ok(&["restore", id, "--to", back.to_str().unwrap()]);
            assert!(content(&back) == held, "{id} holds something else");
            fs::remove_file(back).unwrap();
        }
        for id in &after[1..] {
            host.ok(&["delete", id, "--yes"]);
        }
        host.ok(&["trash", "empty", "--yes"]);
    }
    eprintln!("convert: {kills_that_hit} of {} kills hit it running; {kept} left the old, {converted} the new", aim.round);
    assert!(kills_that_hit == kills, "the kills came too late to show anything");
    assert!(kept > 0, "no kill hit the middle");
    host.ok(&["verify", "--all"]);
    host.ok(&["activity", "verify"]);
}
