//! Every file-system call of every verb fails, once and for ever, is cut short, or is the last of its process: what a verb says that it did is done,
//! what was acknowledged before is there, nothing half made is listed, the databases are as they were or as the verb makes them, and the next start
//! mends the rest.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use crate::{
    effort::{Effort, figures, only, share, steady_seed},
    oracle, power,
    scene::{Scene, Stage},
    seam::{self, Call, Errno, Event, Harm, Lasting, Notes},
};

/// A run that took longer than this waited for something: told, for a person to judge.
const SLOW: Duration = Duration::from_secs(5);

/// The errors that a file system gives for a call, as far as they make a difference here.
fn errors(event: &Event, waits: bool) -> &'static [Errno] {
    use Errno::{Eacces, Edquot, Eio, Enolck, Enospc};
    match event.call.name.as_str() {
        // To SQLite a lock that fails is one that somebody else has, and it waits for 20 seconds: that is left to one scene.
        "fcntl" if !waits && event.call.kind.ends_with("-shm") => &[],
        "fcntl" if !waits => &[Eio],
        "flock" | "fcntl" => &[Enolck, Eio],
        "fsync" | "fdatasync" | "write" | "pwrite64" | "writev" | "ftruncate" | "fallocate" | "copy_file_range" | "sendfile" => {
            &[Eio, Enospc, Edquot]
        }
        "read" | "pread64" | "readv" | "getdents64" | "readlink" | "readlinkat" | "fstat" | "fstatfs" => &[Eio],
        "stat" | "lstat" | "newfstatat" | "statx" | "access" | "faccessat" | "faccessat2" | "statfs" => &[Eacces, Eio],
        "openat" | "open" if !event.changes() => &[Eacces, Eio],
        _ => &[Enospc, Eio, Edquot, Eacces],
    }
}

/// A kill before every call after which a disk can be different, and before every one that says something.
fn kills(scene: &Scene<'_>) -> Vec<(Call, Harm)> {
    scene.events().iter().filter(|event| event.changes()).map(|event| (event.call.clone(), Harm::Kill)).collect()
}

/// Of the calls of one name on one kind of path the first fails once with everything that it can fail with, and for ever, there and everywhere; the
/// last fails once; and so does each that is made from another place in the source. What is written is cut short as well.
fn faults(scene: &Scene<'_>) -> Vec<(Call, Harm)> {
    let mut faults = Vec::new();
    let waits = scene.name == "create (WAL)";
    let mut of_a_kind: BTreeMap<(&str, &str), Vec<&Event>> = BTreeMap::new();
    for event in scene.events() {
        of_a_kind.entry((&event.call.name, &event.call.kind)).or_default().push(event);
    }
    for (turn, calls) in of_a_kind.values().enumerate() {
        let (first, last) = (calls[0], calls[calls.len() - 1]);
        let possible = errors(first, waits);
        if possible.is_empty() {
            continue;
        }
        let mut add = |event: &Event, harm| faults.push((event.call.clone(), harm));
        for &errno in possible {
            add(first, Harm::Fail(errno, Lasting::Once));
        }
        add(first, Harm::Fail(possible[turn % possible.len()], Lasting::Here));
        if !first.is_output() {
            add(first, Harm::Fail(possible[(turn + 1) % possible.len()], Lasting::Everywhere));
        }
        if matches!(first.call.name.as_str(), "write" | "pwrite64") {
            add(first, Harm::Short(Lasting::Once));
            add(last, Harm::Short(Lasting::Everywhere));
        }
        // Each of these waits.
        let lasts = first.call.name == "fcntl" && first.call.kind.ends_with("-shm");
        let mut seen = vec![first.site];
        for (number, event) in calls.iter().enumerate().skip(1) {
            if !seen.contains(&event.site) && !lasts || number + 1 == calls.len() {
                seen.push(event.site);
                add(event, Harm::Fail(possible[(turn + number) % possible.len()], Lasting::Once));
            }
        }
    }
    faults
}

/// Every fsync fails once.
fn failed_syncs(scene: &Scene<'_>) -> Vec<(Call, Harm)> {
    let syncs = scene.events().iter().filter(|event| event.is_sync());
    syncs.map(|event| (event.call.clone(), Harm::Fail(Errno::Eio, Lasting::Once))).collect()
}

fn campaign(name: &str, scenes: &[Scene<'_>], small: usize, plan: impl Fn(&Scene<'_>) -> Vec<(Call, Harm)>) -> Vec<String> {
    let effort = Effort::begin_part(4);
    let all: Vec<(&Scene, Call, Harm)> =
        scenes.iter().flat_map(|scene| plan(scene).into_iter().map(move |(call, harm)| (scene, call, harm))).collect();
    let planned = all.len() as u64;
    let described =
        |(scene, call, harm): &(&Scene, Call, Harm)| format!("{} {harm:?} at {} {} {}", scene.name, call.name, call.kind, call.number);
    let chosen = match only() {
        Some(words) => all.into_iter().filter(|case| described(case).contains(&words)).collect(),
        None => effort.choose(all, small),
    };
    let (mut runs, mut fired) = (0, 0);
    let mut found = Vec::new();
    for case in share(chosen) {
        if effort.is_over() {
            break;
        }
        let at = described(&case);
        let (scene, call, harm) = case;
        scene.reset();
        let begun = Instant::now();
        let traced = scene.run(&call, harm, Notes::Calls);
        if begun.elapsed() > SLOW {
            eprintln!("SLOW {at}: {} s, exit {}", begun.elapsed().as_secs(), traced.run.exit);
        }
        runs += 1;
        fired += u64::from(traced.fired());
        for finding in oracle::findings(scene, &traced) {
            let finding = format!("{at}: {finding}");
            eprintln!("FINDING {finding} [exit {}: {}]", traced.run.exit, traced.run.stderr.lines().last().unwrap_or_default());
            found.push(finding);
        }
    }
    figures(name, &[("planned", planned), ("runs", runs), ("fired", fired), ("findings", found.len() as u64)]);
    assert!(fired * 10 >= runs * 9, "{} of {runs} did not come about", runs - fired);
    found
}

/// One test, for the scenes take longer to set than to play.
#[test]
fn every_file_system_call_may_fail_or_be_the_last_and_the_power_may_go() {
    if seam::library().is_none() {
        return;
    }
    let stage = Stage::new();
    let scenes = stage.scenes();
    let mut found = power::campaign(&scenes);
    found.extend(campaign("kills at calls", &scenes, 24, kills));
    found.extend(campaign("failed syncs", &scenes, 16, failed_syncs));
    found.extend(campaign("faults", &scenes, 32, faults));
    assert!(found.is_empty(), "{} findings (seed {}), of which the first: {}", found.len(), steady_seed(), found[0]);
}
