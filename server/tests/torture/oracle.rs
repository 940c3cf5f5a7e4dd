//! What must hold whatever became of a verb: what it said that it did is done, what it said that it did not do is not, and what died in between
//! is either, for each thing.

use std::{collections::BTreeSet, fs, path::Path};

use keepstone_engine::{
    Vault, activity,
    jobs::{self, JobFilter},
    model::{
        backup::{Backup, BackupState},
        job::JobState,
    },
};

use crate::{
    facts::{Facts, all_backups, archive, facts, files_below, is_whole, vault},
    scene::{Failed, Scene},
    seam::{Event, Traced},
    support::{Host, check_shape},
};

/// How a run ended, as the person who started it sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// It said that it was done; what became of the process after that does not matter.
    Done,
    /// It said that it was not.
    Failed,
    /// It said nothing, or that it is not known (`unsure`) or not noted (`not_noted`), or failed only in learning whether what it had done will last.
    Unknown,
}

/// A sentence for everything that does not hold after a run.
pub(crate) fn findings(scene: &Scene<'_>, traced: &Traced) -> Vec<String> {
    let mut findings = Vec::new();
    look_at_the_run(scene, traced, &mut findings);
    let done = traced.told().is_some_and(|document| document["ok"] == true);
    // What a folder's failed fsync was to keep is done; and who cannot write to standard output has done what there is no way to say.
    let unsure = |event: &Event| event.struck && (event.is_output() || event.is_sync() && Path::new(&event.path).is_dir());
    // Unknown means no: an archive that cannot be read or has notes that cannot be, or of which it cannot be told whether somebody reads it, stays for
    // the next cleanup.
    let unasked = |event: &Event| event.struck && [".zip", ".notes.json"].iter().any(|ending| event.path.ends_with(ending));
    let end = match done {
        true if scene.name == "cleanup" && traced.events.iter().any(unasked) => End::Unknown,
        true => End::Done,
        false if traced.told().is_some_and(|told| ["unsure", "not_noted"].iter().any(|code| told["error"]["code"] == *code)) => {
            End::Unknown
        }
        false if traced.killed || traced.events.iter().any(unsure) => End::Unknown,
        false => End::Failed,
    };
    look_at_what_is_there(scene, end, traced.told().as_ref(), &mut findings);
    // An unfinished export beside its target goes with its process or never: where it could not be removed nothing says later whose it was.
    let unremoved = |event: &Event| event.struck && event.call.name.starts_with("unlink");
    let is_of = |event: &Event, finding: &str| {
        let name = Path::new(&event.path).file_name().unwrap_or_default().to_string_lossy();
        name.contains("out.sql") && finding == format!("{name} was left")
    };
    findings.retain(|finding| !traced.events.iter().any(|event| unremoved(event) && is_of(event, finding)));
    findings
}

/// What the next start finds, and what can be seen then.
pub(crate) fn look_at_what_is_there(scene: &Scene<'_>, end: End, told: Option<&serde_json::Value>, findings: &mut Vec<String>) {
    let host = scene.host();
    if scene.name == "catalog rebuild, put back flat" && end != End::Done {
        // Some of it lies flat still: the next one finishes what was begun.
        one_file_again(&host.path("keepstone-data/backups/shop"));
        host.ok(&["catalog", "rebuild", "--yes"]);
    }
    if scene.name.starts_with("catalog rebuild")
        && told.is_some_and(|told| told["results"][0]["skipped"].as_array().is_some_and(|skipped| !skipped.is_empty()))
    {
        // It says what it could not read and take up; when that can be read again the next one does.
        host.ok(&["catalog", "rebuild", "--yes"]);
    }
    // By the real binary.
    let mut next = host.run(&["list", "--json"]);
    if scene.name.starts_with("catalog rebuild") && next.stdout.contains("catalog_damaged") {
        // Every start says so until the next rebuild has made one.
        host.ok(&["catalog", "rebuild", "--yes"]);
        next = host.run(&["list", "--json"]);
    }
    if next.exit != 0 || next.stderr.contains("panicked") {
        findings.push(format!("the next start fails: {next:?}"));
        return;
    }
    let vault = vault(host);
    let backups = all_backups(&vault);
    let now = facts(host, &vault, &backups, &scene.before);
    compare(scene, end, &now, findings);
    if end == End::Done && ["create", "import"].contains(&scene.args[0].as_str()) {
        let told = told.expect("it said that it was done");
        for id in told["results"].as_array().into_iter().flatten().filter_map(|result| result["id"].as_str()) {
            if !backups.iter().any(|backup| backup.id.as_str() == id && backup.state == BackupState::Complete) {
                findings.push(format!("{id} was acknowledged and is not there"));
            }
        }
    }
    look_at_the_jobs(scene, &vault, &next.stderr, findings);
    look_at_the_backups(host, &vault, &backups, findings);
    look_at_the_folder(scene, &backups, end, findings);
    let chain = activity::verify_chain(&vault).unwrap();
    if let Some(at) = chain.broken_at {
        findings.push(format!("the activity log is broken at {at}"));
    }
}

/// What a power cut leaves of one file with two names the model of the disk lays down as two.
fn one_file_again(folder: &Path) {
    let flat = fs::read_dir(folder).unwrap().flatten().map(|entry| entry.path()).filter(|path| path.is_file() && !path.is_symlink());
    for path in flat {
        for place in ["manual", "daily"].map(|kind| folder.join(kind).join(path.file_name().unwrap())) {
            if place.is_file() && fs::read(&place).unwrap() == fs::read(&path).unwrap() {
                fs::remove_file(&path).unwrap();
                fs::hard_link(&place, &path).unwrap();
                break;
            }
        }
    }
}

/// Done: everything is as the verb makes it. Failed: everything is as it was, except that a backup which was published when something failed after it
/// stays, and that a check which was made counts. Unknown: each thing is one or the other.
fn compare(scene: &Scene<'_>, end: End, now: &Facts, findings: &mut Vec<String>) {
    let what: BTreeSet<&String> = scene.old.keys().chain(scene.new.keys()).chain(now.keys()).collect();
    for what in what {
        let [old, new, now] = [&scene.old, &scene.new, now].map(|facts| facts.get(what).map_or("nothing", String::as_str));
        let by_the_way = what.starts_with("new ") && what != "new.sqlite" || what.ends_with(" proof");
        let fits = match end {
            End::Done => now == new,
            End::Failed if scene.failed == Failed::Unchanged && !by_the_way => now == old,
            End::Failed | End::Unknown => now == old || now == new,
        };
        if !fits {
            findings.push(format!("{end:?}, but {what} is {now}; it was {old}, and becomes {new}"));
        }
    }
}

fn look_at_the_run(scene: &Scene<'_>, traced: &Traced, findings: &mut Vec<String>) {
    let run = &traced.run;
    if run.stderr.contains("panicked") {
        findings.push(format!("it panicked: {}", run.stderr));
    }
    if traced.killed {
        return;
    }
    if !(0..=8).contains(&run.exit) {
        findings.push(format!("exit code {}: {}", run.exit, run.stderr));
        return;
    }
    match traced.told() {
        // Where the write to standard output is what fails there is no document, or a whole one that could not be finished, and the exit code says it.
        _ if run.exit != 0 && traced.events.iter().any(|event| event.struck && event.is_output()) => {}
        Some(document) => check_shape(&document, run.exit, &[scene.name]),
        None => findings.push(format!("no JSON document: {run:?}")),
    }
    findings.extend(synced_again(&traced.events));
}

/// After a failed fsync the kernel may have forgotten what it could not write: another one that succeeds proves nothing, unless everything that the
/// first was to make durable was written again in between.
fn synced_again(events: &[Event]) -> Vec<String> {
    let mut findings = Vec::new();
    for (at, failed) in events.iter().enumerate().filter(|(_, event)| event.is_sync() && event.struck) {
        let of_it = |event: &&Event| event.inode == failed.inode;
        let reached =
            events[..at].iter().rposition(|event| event.inode == failed.inode && event.is_sync() && event.result == 0).unwrap_or(0);
        let mut lost: Vec<(i64, i64)> = events[reached..at].iter().filter(of_it).filter_map(written).collect();
        for event in events[at + 1..].iter().filter(of_it) {
            if let Some((from, to)) = written(event) {
                lost = lost
                    .into_iter()
                    .flat_map(|(first, last)| [(first, last.min(from)), (first.max(to), last)])
                    .filter(|(a, b)| a < b)
                    .collect();
            }
            // In SQLite's log nothing counts that lies behind the last frame which was written after it.
            let end = if event.path.ends_with("-wal") { end_of(&events[at..], event) } else { i64::MAX };
            if event.is_sync() && event.result == 0 && lost.iter().any(|(from, _)| *from < end) {
                findings.push(format!("fsync was tried again on {}", event.path));
                break;
            }
        }
    }
    findings
}

/// How far was written to the file of a sync before it.
fn end_of(events: &[Event], sync: &Event) -> i64 {
    let before = events.iter().take_while(|event| !std::ptr::eq(*event, sync)).filter(|event| event.inode == sync.inode);
    before.filter_map(written).map(|(_, to)| to).max().unwrap_or(0)
}

/// Which bytes a call wrote.
fn written(event: &Event) -> Option<(i64, i64)> {
    let writes = ["write", "pwrite64", "writev", "pwritev", "copy_file_range", "sendfile"].contains(&event.call.name.as_str());
    (writes && event.result > 0).then(|| (event.offset, event.offset + event.result))
}

fn look_at_the_jobs(scene: &Scene<'_>, vault: &Vault, told: &str, findings: &mut Vec<String>) {
    let jobs = jobs::jobs(vault, &JobFilter::default()).unwrap();
    for (job, _) in &jobs {
        if job.state == JobState::Running {
            findings.push(format!("the {} {} runs for ever", job.verb, job.id));
        }
    }
    let abandoned = jobs.iter().filter(|(job, _)| job.state == JobState::Abandoned).count();
    if abandoned > 0 && !told.contains("interrupted") && !scene.name.starts_with("recovery") && !scene.name.starts_with("catalog") {
        findings.push("an interrupted job was not told of".to_owned());
    }
    let staging = scene.host().path("keepstone-data/backups/.staging");
    for entry in fs::read_dir(staging).unwrap().flatten().filter(|entry| entry.path().is_dir()) {
        // The folder of changes of key stays, with its lock.
        let held: Vec<_> = fs::read_dir(entry.path()).unwrap().flatten().map(|entry| entry.file_name()).collect();
        if entry.file_name() == "rewrap" && held.iter().all(|name| name == "lock") {
            continue;
        }
        findings.push(format!("staging was left: {}", entry.path().display()));
    }
}

fn look_at_the_backups(host: &Host, vault: &Vault, backups: &[Backup], findings: &mut Vec<String>) {
    for backup in backups {
        match backup.state {
            BackupState::Complete | BackupState::Trashed => {
                if let Err(why) = is_whole(vault, &archive(host, backup)) {
                    findings.push(format!("{} is listed and damaged: {why}", backup.id));
                }
            }
            BackupState::Failed | BackupState::Interrupted => {}
            state => findings.push(format!("{} is {}", backup.id, state.as_str())),
        }
    }
}

/// No archive lies there that is not listed, and nothing half made.
fn look_at_the_folder(scene: &Scene<'_>, backups: &[Backup], end: End, findings: &mut Vec<String>) {
    let host = scene.host();
    let is_in = |id: &str, state| backups.iter().any(|backup| backup.id.as_str() == id && backup.state == state);
    for database in ["shop", "books"] {
        let folder = host.path(&format!("keepstone-data/backups/{database}"));
        // What was set aside in `corrupted/` stays for a person to look at.
        for path in files_below(&folder).into_iter().filter(|path| !path.starts_with(folder.join("corrupted"))) {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let fits = match name.strip_suffix(".zip") {
                Some("latest") => true,
                Some(id) => is_in(id, BackupState::Complete),
                None => name == "database.json" || name == ".lock" || name == ".latest" || name.ends_with(".notes.json"),
            };
            if !fits {
                findings.push(format!("{} was left", path.display()));
            }
        }
    }
    let trash = host.path("keepstone-data/backups/.trash");
    for path in if trash.is_dir() { files_below(&trash) } else { Vec::new() } {
        let id = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_suffix(".zip"));
        if id.is_some_and(|id| !is_in(id, BackupState::Trashed)) {
            findings.push(format!("{} was left", path.display()));
        }
    }
    for entry in fs::read_dir(host.path("")).unwrap().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        // What a killed export had written lies hidden beside its target: nothing says later whose it was.
        let hidden = name.contains("new.sqlite") || name.contains("out.sql") && end == End::Failed;
        if hidden && !["new.sqlite", "out.sql"].contains(&name.as_str()) {
            findings.push(format!("{} was left", Path::new(&name).display()));
        }
    }
}
