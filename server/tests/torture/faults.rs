//! Every file-system call of every verb fails, once and for ever, or is the last of its process: nothing that was acknowledged is lost, nothing
//! half made is listed, the databases are as they were or as the verb makes them, and the next start mends the rest.

use std::time::{Duration, Instant};

use crate::{
    effort::{Effort, figures},
    power,
    scene::{Scene, Stage},
    trace::{self, Call, Harm},
};

/// A run that took longer than this waited for something: told, for a person to judge.
const SLOW: Duration = Duration::from_secs(5);

/// The errors that a file system gives for a call, as far as they make a difference here.
fn errors(call: &Call) -> &'static [&'static str] {
    match call.name.as_str() {
        // Locks that cannot be had are waited for; what is tried here is that the file system has none.
        "flock" | "fcntl" => &["ENOLCK"],
        "fsync" | "fdatasync" => &["EIO", "ENOSPC", "EDQUOT"],
        "write" | "pwrite64" | "ftruncate" | "fallocate" => &["ENOSPC", "EIO", "EDQUOT"],
        "read" | "pread64" | "getdents64" | "readlink" | "readlinkat" => &["EIO"],
        "stat" | "lstat" | "fstat" | "newfstatat" | "statx" | "access" | "faccessat" | "faccessat2" | "statfs" | "fstatfs" => {
            &["EACCES", "EIO"]
        }
        _ => &["ENOSPC", "EIO", "EDQUOT", "EACCES"],
    }
}

/// Every fault of every call of a scene.
fn faults_of(scene: &Scene<'_>) -> Vec<(Call, Harm)> {
    let mut faults = Vec::new();
    for call in scene.calls() {
        for errno in errors(&call) {
            faults.extend([(call.clone(), Harm::Once(errno)), (call.clone(), Harm::ForEver(errno))]);
        }
    }
    faults
}

fn campaign(name: &str, scenes: &[Scene<'_>], small: usize, faults: impl Fn(&Scene<'_>) -> Vec<(Call, Harm)>) -> Vec<String> {
    let effort = Effort::begin();
    let all: Vec<(&Scene, Call, Harm)> =
        scenes.iter().flat_map(|scene| faults(scene).into_iter().map(move |(call, harm)| (scene, call, harm))).collect();
    let planned = all.len() as u64;
    let (mut runs, mut fired) = (0, 0);
    let mut found = Vec::new();
    for (scene, call, harm) in effort.choose(all, small) {
        if effort.is_over() {
            break;
        }
        scene.reset();
        let begun = Instant::now();
        let traced = scene.run(Some((&call, &harm)));
        if begun.elapsed() > SLOW {
            eprintln!(
                "SLOW {} {harm:?} at {} {}: {} s, exit {}",
                scene.name,
                call.name,
                call.number,
                begun.elapsed().as_secs(),
                traced.run.exit
            );
        }
        runs += 1;
        fired += u64::from(traced.fired());
        for finding in scene.findings(&traced) {
            let finding = format!("{} {harm:?} at {} {}: {finding}", scene.name, call.name, call.number);
            eprintln!("FINDING {finding}");
            found.push(finding);
        }
    }
    figures(name, &[("planned", planned), ("runs", runs), ("fired", fired), ("findings", found.len() as u64)]);
    assert!(fired * 10 >= runs * 8, "most of the planned faults did not come about");
    found
}

/// One test, for the scenes take longer to set than to play.
#[test]
fn every_file_system_call_may_fail_or_be_the_last_and_the_power_may_go() {
    if !trace::available() {
        return;
    }
    let stage = Stage::new();
    let scenes = stage.scenes();
    let mut found = power::campaign(&scenes, &stage.host);
    found.extend(campaign("kills at calls", &scenes, 16, |scene| scene.calls().into_iter().map(|call| (call, Harm::Kill)).collect()));
    found.extend(campaign("faults", &scenes, 24, faults_of));
    assert!(found.is_empty(), "{} findings, of which the first: {}", found.len(), found[0]);
}
