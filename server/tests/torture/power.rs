//! Power cuts, by a model of what a disk keeps: of a file what was synced, of a folder the names that stood in it when it was synced. The calls
//! of a real run are played into it, and at every point it is asked what a cut would leave.

use std::collections::{BTreeMap, BTreeSet};

use crate::{effort::figures, scene::Scene, support::Host};

/// What was written to a file, counted, and how much of that a sync has reached.
#[derive(Debug, Clone, Copy, Default)]
struct Content {
    written: usize,
    synced: usize,
}

#[derive(Debug, Default)]
struct Disk {
    files: Vec<Content>,
    /// Names as the system has them now, and as they would be after a cut.
    names: BTreeMap<String, usize>,
    kept: BTreeMap<String, usize>,
    /// Folders that were made here and whose own name is not on the disk yet.
    new_folders: BTreeSet<String>,
    /// Begun syncs: what they will have reached.
    pending: BTreeMap<(String, String), usize>,
    points: u64,
    findings: Vec<String>,
}

fn folder_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// The quoted and the bracketed arguments of a call.
fn quoted(line: &str) -> Vec<String> {
    line.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

fn bracketed(line: &str) -> Option<&str> {
    line.split_once('<')?.1.split_once('>').map(|(path, _)| path)
}

impl Disk {
    fn file(&mut self, path: &str) -> usize {
        if let Some(&file) = self.names.get(path) {
            return file;
        }
        // It was there before the run: on the disk, whole, by its name.
        self.files.push(Content::default());
        let file = self.files.len() - 1;
        self.names.insert(path.to_owned(), file);
        self.kept.insert(path.to_owned(), file);
        file
    }

    /// A whole path, from the folder that a relative one was meant in.
    fn absolute(line: &str, path: &str) -> String {
        if path.starts_with('/') {
            return path.to_owned();
        }
        format!("{}/{}", bracketed(line).unwrap_or_default(), path.trim_start_matches("./"))
    }

    fn play(&mut self, line: &str, host: &str) {
        let Some((thread, rest)) = line.split_once(' ') else { return };
        let rest = rest.trim_start();
        if let Some(resumed) = rest.strip_prefix("<... ") {
            let name = resumed.split(' ').next().unwrap_or_default().to_owned();
            self.finish_sync(thread, &name, line);
            return;
        }
        let Some((name, _)) = rest.split_once('(') else { return };
        if !line.contains(host) || line.contains(" = -1 ") {
            return;
        }
        let paths = quoted(rest);
        match name {
            "openat" if rest.contains("O_CREAT") => {
                let path = Self::absolute(rest, &paths[0]);
                if rest.contains("O_EXCL") {
                    self.files.push(Content::default());
                    self.names.insert(path, self.files.len() - 1);
                } else {
                    self.file(&path);
                }
            }
            "write" | "pwrite64" | "ftruncate" | "fallocate" => {
                if let Some(path) = bracketed(rest).map(str::to_owned) {
                    let file = self.file(&path);
                    self.files[file].written += 1;
                }
            }
            // One that another thread came between may have found the folder there: what it gave is not in this line.
            "mkdir" | "mkdirat" if rest.contains("<unfinished") => {}
            "mkdir" | "mkdirat" => drop(self.new_folders.insert(Self::absolute(rest, &paths[0]))),
            "rename" | "renameat" | "renameat2" => self.rename(&Self::absolute(rest, &paths[0]), &Self::absolute(rest, &paths[1])),
            "unlink" | "unlinkat" => drop(self.names.remove(&Self::absolute(rest, &paths[0]))),
            "fsync" | "fdatasync" => {
                let Some(path) = bracketed(rest).map(str::to_owned) else { return };
                let reached = self.names.get(&path).map_or(usize::MAX, |&file| self.files[file].written);
                self.pending.insert((thread.to_owned(), name.to_owned()), reached);
                self.pending.insert((thread.to_owned(), format!("{name} of {path}")), 0);
                if !rest.contains("<unfinished") {
                    self.finish_sync(thread, name, line);
                }
            }
            _ => {}
        }
        self.points += 1;
    }

    fn finish_sync(&mut self, thread: &str, name: &str, line: &str) {
        if !name.contains("sync") || line.contains(" = -1 ") {
            return;
        }
        let Some(reached) = self.pending.remove(&(thread.to_owned(), name.to_owned())) else { return };
        let prefix = format!("{name} of ");
        let Some(key) = self.pending.keys().find(|(of, what)| of == thread && what.starts_with(&prefix)).cloned() else { return };
        self.pending.remove(&key);
        let path = key.1[prefix.len()..].to_owned();
        if let Some(&file) = self.names.get(&path) {
            self.files[file].synced = self.files[file].synced.max(reached);
            return;
        }
        // A folder: the names in it are kept as they are now, and so are the folders that were made in it.
        self.kept.retain(|name, _| folder_of(name) != path);
        let here: Vec<_> =
            self.names.iter().filter(|(name, _)| folder_of(name) == path).map(|(name, file)| (name.clone(), *file)).collect();
        self.kept.extend(here);
        self.new_folders.retain(|folder| folder_of(folder) != path);
    }

    /// A name that people go by is given only to what is on the disk, whole: after a cut it may be there already.
    fn rename(&mut self, from: &str, to: &str) {
        let file = self.file(from);
        let content = self.files[file];
        let matters = ["zip", "json", "toml", "sqlite"].iter().any(|ending| to.rsplit_once('.').is_some_and(|(_, end)| end == *ending));
        if matters && !to.ends_with("latest.zip") && content.synced < content.written {
            self.findings.push(format!("{to} got its name before it was on the disk"));
        }
        self.names.remove(from);
        self.names.insert(to.to_owned(), file);
    }

    /// What must be on the disk once the verb said that it was done.
    fn is_kept(&self, path: &str) -> Result<(), String> {
        let Some(&file) = self.names.get(path) else { return Err(format!("{path} is not there")) };
        let content = self.files[file];
        if content.synced < content.written {
            return Err(format!("{path} was told of and {} writes of it could be lost", content.written - content.synced));
        }
        if self.kept.get(path) != Some(&file) {
            return Err(format!("the name of {path} could be lost"));
        }
        match self.new_folders.iter().find(|folder| path.starts_with(&format!("{folder}/"))) {
            Some(folder) => Err(format!("the folder {folder} could be lost")),
            None => Ok(()),
        }
    }
}

/// Plays a run, and asks at the moment when it told its result.
fn play(log: &[String], host: &str) -> Disk {
    let mut disk = Disk::default();
    let mut told = false;
    for line in log {
        if !told && line.contains(" write(1<") {
            told = true;
            // SQLite's own files too: what the catalog was told must be in its log, and on the disk.
            let ours = |path: &str| {
                let kept_elsewhere =
                    path.contains("live.sqlite") || path.ends_with("-shm") || path.contains("/logs/") || path.ends_with("/reserve");
                path.contains(host)
                    && !kept_elsewhere
                    && !path.contains("/.staging/")
                    && !path.contains(".lock")
                    && !path.ends_with("latest.zip")
            };
            let written: Vec<String> = disk
                .names
                .iter()
                .filter(|(path, file)| disk.files[**file].written > 0 && ours(path))
                .map(|(path, _)| path.clone())
                .collect();
            for path in written {
                if let Err(finding) = disk.is_kept(&path) {
                    disk.findings.push(finding);
                }
            }
        }
        disk.play(line, host);
    }
    assert!(told, "the run told nothing");
    disk
}

/// Plays the run of every scene.
pub(crate) fn campaign(scenes: &[Scene<'_>], host: &Host) -> Vec<String> {
    let folder = host.path("").display().to_string();
    let folder = folder.trim_end_matches('/');
    let mut points = 0;
    let mut found = Vec::new();
    for scene in scenes {
        let disk = play(&scene.dry.log, folder);
        // The model sees what is missing: without its syncs the same run would lose what it told of.
        let unsynced: Vec<_> = scene.dry.log.iter().filter(|line| !line.contains("sync(")).cloned().collect();
        assert!(
            scene.name.starts_with("recovery") || !play(&unsynced, folder).findings.is_empty(),
            "{}: the model sees nothing",
            scene.name
        );
        points += disk.points;
        found.extend(disk.findings.into_iter().map(|finding| format!("{}: {finding}", scene.name)));
    }
    for finding in &found {
        eprintln!("FINDING {finding}");
    }
    figures("power cuts (model)", &[("runs", scenes.len() as u64), ("points", points), ("findings", found.len() as u64)]);
    found
}
