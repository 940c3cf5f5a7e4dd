//! A vault in the state in which a verb begins, put back to it before every run; and what must hold whatever became of the verb.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use keepstone_engine::{
    Silent, Vault, activity,
    archive::Archive,
    backups::{self, BackupFilter},
    delete,
    jobs::{self, JobFilter},
    model::{
        backup::{Backup, BackupState},
        job::{JobState, Step},
    },
    vault::{OpenMode, VaultOptions},
};
use rusqlite::Connection;

use crate::{
    support::{Host, check_shape, content, shop},
    trace::{self, Call, Harm, Traced},
};

/// What a verb may do to the backups that were there before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// All stay.
    Kept,
    /// The one that it names may be in the trash or out of it.
    InOrOutOfTheTrash,
    /// What is in the trash may be gone.
    TrashMayGo,
    /// Any may be in the trash: as far as the floor lets a cleanup go.
    MayBeTrashed,
}

/// A verb and the state in which it begins.
pub(crate) struct Scene<'a> {
    pub(crate) name: &'static str,
    pub(crate) args: Vec<String>,
    fate: Fate,
    stage: &'a Stage,
    template: tempfile::TempDir,
    /// The databases, and what they may hold afterwards: what they held before, and what the verb makes of them.
    contents: BTreeMap<&'static str, BTreeSet<String>>,
    /// The backups that had been acknowledged before.
    before: Vec<Backup>,
    /// The run without a fault.
    pub(crate) dry: Traced,
}

const DATABASES: [&str; 2] = ["shop.db", "books.db"];

/// The machine on which all scenes play, one after another: locations are absolute, so that a vault works only where it was made.
pub(crate) struct Stage {
    pub(crate) host: Host,
    template: tempfile::TempDir,
}

impl Stage {
    /// Three backups of each database (the oldest in the trash), and rows that came after them.
    pub(crate) fn new() -> Self {
        let host = in_memory();
        drop(shop(&host.path("shop.db"), 25));
        let books = shop(&host.path("books.db"), 25);
        books.pragma_update(None, "journal_mode", "delete").unwrap();
        drop(books);
        for database in ["shop", "books"] {
            let file = format!("{database}.db");
            host.ok(&["db", "add", &file]);
            let oldest = host.create(&[database]);
            for round in 0..2 {
                let application = Connection::open(host.path(&file)).unwrap();
                application.execute("UPDATE orders SET note = zeroblob(1000) WHERE id % 5 = ?1", [round]).unwrap();
                drop(application);
                host.create(&[database]);
            }
            host.ok(&["delete", &oldest, "--yes"]);
        }
        // Made anew by the next start, which is a part of the verb then.
        let _ = fs::remove_file(host.path("keepstone-data/reserve"));
        let template = tempfile::tempdir_in(host.path("").parent().unwrap()).unwrap();
        copy_all(&host.path(""), template.path());
        Self { host, template }
    }

    /// The scenes of every verb that changes something, and of the start that mends what died.
    pub(crate) fn scenes(&self) -> Vec<Scene<'_>> {
        let words = |args: &[&str]| args.iter().map(|arg| (*arg).to_owned()).collect::<Vec<_>>();
        let id =
            |host: &Host, database: &str| host.results(&["list", database, "--state", "complete"])[1]["id"].as_str().unwrap().to_owned();
        vec![
            Scene::new(self, "create (WAL)", Fate::Kept, |_| words(&["create", "shop"])),
            Scene::new(self, "create (rollback journal)", Fate::Kept, |_| words(&["create", "books"])),
            Scene::new(self, "verify", Fate::Kept, |_| words(&["verify", "latest", "--db", "shop"])),
            Scene::new(self, "restore over (WAL)", Fate::Kept, |host| words(&["restore", &id(host, "shop"), "--replace", "--yes"])),
            Scene::new(self, "restore over (rollback journal)", Fate::Kept, |host| {
                words(&["restore", &id(host, "books"), "--replace", "--yes"])
            }),
            Scene::new(self, "restore into a new file", Fate::Kept, |host| words(&["restore", &id(host, "shop"), "--to", "new.sqlite"])),
            Scene::new(self, "undo", Fate::Kept, |host| {
                let restored = host.results(&["restore", &id(host, "shop"), "--replace", "--yes"]);
                words(&["undo", restored[0]["job"].as_str().unwrap(), "--yes"])
            }),
            Scene::new(self, "delete", Fate::InOrOutOfTheTrash, |host| words(&["delete", &id(host, "shop"), "--yes"])),
            Scene::new(self, "put back", Fate::InOrOutOfTheTrash, |host| {
                words(&["trash", "put-back", host.results(&["trash", "list"])[0]["id"].as_str().unwrap()])
            }),
            Scene::new(self, "empty the trash", Fate::TrashMayGo, |_| words(&["trash", "empty", "--yes"])),
            Scene::new(self, "pin", Fate::Kept, |_| words(&["pin", "latest", "--db", "shop"])),
            Scene::new(self, "recovery of a create", Fate::Kept, |host| {
                die_at(host, &["create", "shop"], "renameat2", "/backups/.staging/");
                words(&["list"])
            }),
            Scene::new(self, "recovery of a restore", Fate::Kept, |host| {
                die_at(host, &["restore", &id(host, "shop"), "--replace", "--yes"], "pwrite64", "shop.db");
                words(&["list"])
            }),
            Scene::new(self, "catalog rebuild", Fate::Kept, |_| words(&["catalog", "rebuild", "--yes"])),
            Scene::new(self, "create, encrypted", Fate::Kept, |host| {
                encrypt(host);
                words(&["create", "books"])
            }),
            Scene::new(self, "restore over, encrypted", Fate::Kept, |host| {
                encrypt(host);
                words(&["restore", &host.create(&["books"]), "--replace", "--yes"])
            }),
            Scene::new(self, "key change", Fate::Kept, |host| {
                encrypt(host);
                host.create(&["books"]);
                fs::write(host.path("second.txt"), "battery staple horse correct\n").unwrap();
                words(&["key", "change", "--password-file", "second.txt"])
            }),
            Scene::new(self, "cleanup", Fate::MayBeTrashed, |host| {
                for _ in 0..3 {
                    host.create(&["shop"]);
                }
                words(&["cleanup", "shop", "--max-count", "3", "--include-manual", "--confirm"])
            }),
            Scene::new(self, "acknowledge", Fate::Kept, |host| {
                Connection::open(host.path("shop.db")).unwrap().execute("DELETE FROM orders", []).unwrap();
                assert_ne!(host.run(&["create", "shop"]).exit, 0, "a loss was not told");
                words(&["ack", host.results(&["list", "shop"])[0]["id"].as_str().unwrap()])
            }),
            Scene::new(self, "import", Fate::Kept, |host| {
                fs::create_dir(host.path("old")).unwrap();
                drop(shop(&host.path("old/data_backup_AUTO_20260101_030000.db"), 5));
                fs::write(host.path("old/notes.txt"), "nothing of ours").unwrap();
                words(&["import", "old", "--db", "shop"])
            }),
            Scene::new(self, "export", Fate::Kept, |_| words(&["export", "shop", "--format", "sql", "-o", "out.sql"])),
            Scene::new(self, "replace what cannot be opened", Fate::Kept, |host| {
                let backup = id(host, "books");
                fs::write(host.path("books.db"), b"a page of something else, longer than a header is, but none").unwrap();
                words(&["restore", &backup, "--replace", "--yes"])
            }),
        ]
    }
}

/// The vault knows a password, and the books are encrypted with it.
fn encrypt(host: &Host) {
    fs::write(host.path("first.txt"), "correct horse battery staple\n").unwrap();
    host.ok(&["key", "add", "--password-file", "first.txt"]);
    host.ok(&["db", "edit", "books", "--encrypt"]);
}

/// What a database holds, also where it is none.
fn held(path: &Path) -> String {
    if !path.exists() {
        return "nothing".to_owned();
    }
    if fs::read(path).unwrap().starts_with(b"SQLite format 3") { content(path) } else { "no database".to_owned() }
}

/// A machine in memory where that is to be had: for many runs of which nothing depends on how durably a disk keeps it.
pub(crate) fn in_memory() -> Host {
    let memory = Path::new("/dev/shm");
    Host { dir: if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap() }
}

/// Runs a verb and kills it at its last call of that name on a path that holds `path`.
fn die_at(host: &Host, args: &[&str], name: &str, path: &str) {
    let before = tempfile::tempdir_in(host.path("").parent().unwrap()).unwrap();
    copy_all(&host.path(""), before.path());
    let dry = trace::run(host, args, None);
    put_back(before.path(), host);
    let last = dry.numbered().into_iter().rfind(|(call, line)| call.name == name && line.contains(path));
    let (call, _) = last.unwrap_or_else(|| panic!("{args:?} does no {name} on {path}"));
    let died = trace::run(host, args, Some((&call, &Harm::Kill)));
    assert!(died.killed, "{args:?} did not die at {call:?}: {:?}", died.run);
}

fn copy_all(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("-a").arg(format!("{}/.", from.display())).arg(to).status().unwrap();
    assert!(copied.success());
}

fn put_back(template: &Path, host: &Host) {
    for entry in fs::read_dir(host.path("")).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { fs::remove_dir_all(&path).unwrap() } else { fs::remove_file(&path).unwrap() }
    }
    copy_all(template, &host.path(""));
}

impl<'a> Scene<'a> {
    fn new(stage: &'a Stage, name: &'static str, fate: Fate, args: impl FnOnce(&Host) -> Vec<String>) -> Self {
        let host = &stage.host;
        put_back(stage.template.path(), host);
        let args = args(host);
        let template = tempfile::tempdir_in(host.path("").parent().unwrap()).unwrap();
        copy_all(&host.path(""), template.path());
        let mut contents = DATABASES.map(|database| (database, BTreeSet::new())).into();
        // Looked at in place and put back: opening a database may mend it.
        note_contents(host, &mut contents);
        let before = all_backups(&vault(host));
        put_back(template.path(), host);
        let dry = run(host, &args, None);
        assert_eq!(dry.run.exit, 0, "{name}: {:?}", dry.run);
        note_contents(host, &mut contents);
        Self { name, args, fate, stage, template, contents, before, dry }
    }

    fn host(&self) -> &Host {
        &self.stage.host
    }

    /// The calls of the run without a fault.
    pub(crate) fn calls(&self) -> BTreeSet<Call> {
        self.dry.calls(self.host())
    }

    pub(crate) fn reset(&self) {
        put_back(self.template.path(), self.host());
    }

    pub(crate) fn run(&self, fault: Option<(&Call, &Harm)>) -> Traced {
        run(self.host(), &self.args, fault)
    }

    /// What must hold after any run. A sentence for everything that does not.
    pub(crate) fn findings(&self, traced: &Traced) -> Vec<String> {
        let mut findings = Vec::new();
        if traced.run.stderr.contains("error while loading shared libraries") {
            // The fault met the loader: the program never began.
            return findings;
        }
        self.look_at_the_run(traced, &mut findings);
        if self.name == "catalog rebuild" && traced.run.stdout.contains("\"skipped\":[\"") {
            // It says what it could not read and take up; when that can be read again the next one does.
            self.host().ok(&["catalog", "rebuild", "--yes"]);
        }
        // The next start, by the real binary.
        let mut next = self.host().run(&["list", "--json"]);
        if self.name == "catalog rebuild" && next.stdout.contains("catalog_damaged") {
            // Every start says so until the next rebuild has made one.
            self.host().ok(&["catalog", "rebuild", "--yes"]);
            next = self.host().run(&["list", "--json"]);
        }
        if next.exit != 0 || next.stderr.contains("panicked") {
            findings.push(format!("the next start fails: {next:?}"));
            return findings;
        }
        for (database, allowed) in &self.contents {
            if !allowed.contains(&held(&self.host().path(database))) {
                findings.push(format!("{database} is neither the old nor the new"));
            }
        }
        let vault = vault(self.host());
        let backups = all_backups(&vault);
        self.look_at_the_jobs(&vault, &next.stderr, &mut findings);
        self.look_at_the_backups(&vault, &backups, traced, &mut findings);
        self.look_at_the_folder(&backups, traced, &mut findings);
        let chain = activity::verify_chain(&vault).unwrap();
        if let Some(at) = chain.broken_at {
            findings.push(format!("the activity log is broken at {at}"));
        }
        findings
    }

    fn look_at_the_run(&self, traced: &Traced, findings: &mut Vec<String>) {
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
        match serde_json::from_str(&run.stdout) {
            Ok(document) => check_shape(&document, run.exit, &[self.name]),
            // Where no write succeeds any more there is none to standard output either.
            Err(_)
                if run.exit != 0
                    && run.stdout.is_empty()
                    && traced.log.iter().any(|line| line.contains(" write(1") && line.ends_with("(INJECTED)")) => {}
            Err(error) => findings.push(format!("no JSON document: {error}: {run:?}")),
        }
        // After a failed fsync the kernel may have forgotten what it could not write: a second one that succeeds proves nothing.
        let failed =
            traced.log.iter().filter(|line| line.contains("sync(") && line.ends_with("(INJECTED)")).filter_map(|line| synced(line));
        for path in failed.filter(|path| [".zip", ".tmp", "image.sqlite"].iter().any(|end| path.ends_with(end))) {
            if traced.log.iter().filter(|line| line.contains("sync(") && synced(line) == Some(path)).count() > 1 {
                findings.push(format!("fsync was tried again on {path}"));
            }
        }
    }

    fn look_at_the_jobs(&self, vault: &Vault, told: &str, findings: &mut Vec<String>) {
        let jobs = jobs::jobs(vault, &JobFilter::default()).unwrap();
        for (job, _) in &jobs {
            if job.state == JobState::Running {
                findings.push(format!("the {} {} runs for ever", job.verb, job.id));
            }
        }
        let abandoned = jobs.iter().filter(|(job, _)| job.state == JobState::Abandoned).count();
        if abandoned > 0 && !told.contains("interrupted") && !self.name.starts_with("recovery") && !self.name.starts_with("catalog") {
            findings.push("an interrupted job was not told of".to_owned());
        }
        let staging = self.host().path("keepstone-data/backups/.staging");
        for entry in fs::read_dir(staging).unwrap().flatten().filter(|entry| entry.path().is_dir()) {
            // The folder of changes of key stays, with its lock.
            let held: Vec<_> = fs::read_dir(entry.path()).unwrap().flatten().map(|entry| entry.file_name()).collect();
            if entry.file_name() == "rewrap" && held.iter().all(|name| name == "lock") {
                continue;
            }
            findings.push(format!("staging was left: {}", entry.path().display()));
        }
    }

    fn look_at_the_backups(&self, vault: &Vault, backups: &[Backup], traced: &Traced, findings: &mut Vec<String>) {
        for backup in backups {
            match backup.state {
                BackupState::Complete => {
                    if let Err(why) = is_whole(vault, self.archive(backup)) {
                        findings.push(format!("{} is listed and damaged: {why}", backup.id));
                    }
                }
                BackupState::Failed | BackupState::Interrupted | BackupState::Trashed => {}
                state => findings.push(format!("{} is {}", backup.id, state.as_str())),
            }
        }
        for old in &self.before {
            let now = backups.iter().find(|backup| backup.id == old.id);
            let state = now.map(|backup| backup.state);
            let may_move = self.fate == Fate::InOrOutOfTheTrash && self.args.iter().any(|arg| *arg == old.id.to_string());
            let expected = match old.state {
                BackupState::Complete => {
                    let may_go = may_move || self.fate == Fate::MayBeTrashed;
                    may_go && state == Some(BackupState::Trashed) || state == Some(BackupState::Complete)
                }
                BackupState::Trashed => {
                    may_move && state == Some(BackupState::Complete)
                        || state == Some(BackupState::Trashed)
                        || self.fate == Fate::TrashMayGo && now.is_none()
                }
                _ => true,
            };
            if !expected {
                findings.push(format!("{} was {} and is {:?}", old.id, old.state.as_str(), state.map(BackupState::as_str)));
            }
            if state == Some(BackupState::Trashed)
                && let Err(why) = is_whole(vault, self.host().path(&format!("keepstone-data/backups/.trash/{}.zip", old.id)))
                && self.fate != Fate::TrashMayGo
            {
                findings.push(format!("{} in the trash is damaged: {why}", old.id));
            }
        }
        if self.args[0] == "create" && traced.run.exit == 0 && !traced.killed {
            let told: serde_json::Value = serde_json::from_str(&traced.run.stdout).unwrap_or_default();
            let id = told["results"][0]["id"].as_str().unwrap_or("none");
            if !backups.iter().any(|backup| backup.id.as_str() == id && backup.state == BackupState::Complete) {
                findings.push(format!("{id} was acknowledged and is not there"));
            }
        }
    }

    /// No archive lies there that is not listed, and nothing half made.
    fn look_at_the_folder(&self, backups: &[Backup], traced: &Traced, findings: &mut Vec<String>) {
        for database in ["shop", "books"] {
            let folder = self.host().path(&format!("keepstone-data/backups/{database}"));
            // What was set aside in `corrupted/` stays for a person to look at.
            for path in files_below(&folder).into_iter().filter(|path| !path.starts_with(folder.join("corrupted"))) {
                let name = path.file_name().unwrap().to_string_lossy().into_owned();
                let listed = |id: &str| backups.iter().any(|backup| backup.id.as_str() == id && backup.state == BackupState::Complete);
                let fits = match name.strip_suffix(".zip") {
                    Some("latest") => true,
                    Some(id) => listed(id),
                    None => name == "database.json" || name == ".lock" || name == ".latest" || name.ends_with(".notes.json"),
                };
                if !fits {
                    findings.push(format!("{} was left", path.display()));
                }
            }
        }
        let new_files = fs::read_dir(self.host().path("")).unwrap().flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
        // What a killed export had written lies hidden beside its target: nothing says later whose it was.
        let theirs = |name: &String| name.contains("new.sqlite") || name.contains("out.sql") && !traced.killed || name == "out.sql";
        for name in new_files.filter(theirs) {
            if name == "out.sql" {
                let sql = fs::read_to_string(self.host().path(&name)).unwrap();
                if !sql.trim_end().ends_with("COMMIT;") {
                    findings.push("the export is not whole".to_owned());
                }
            } else if name != "new.sqlite" {
                findings.push(format!("{name} was left beside the new file"));
            } else if !std::panic::catch_unwind(|| content(&self.host().path("new.sqlite"))).is_ok_and(|new| !new.is_empty()) {
                findings.push("the new file is not whole".to_owned());
            }
        }
    }

    fn archive(&self, backup: &Backup) -> PathBuf {
        self.host().path(&format!("keepstone-data/backups/{}/{}/{}.zip", backup.database, backup.kind.as_str(), backup.id))
    }
}

fn run(host: &Host, args: &[String], fault: Option<(&Call, &Harm)>) -> Traced {
    let args: Vec<&str> = args.iter().map(String::as_str).chain(["--json"]).collect();
    trace::run(host, &args, fault)
}

fn vault(host: &Host) -> Vault {
    let options = VaultOptions { data: host.path("keepstone-data"), backups: None, mode: OpenMode::Existing };
    Vault::open(&options).unwrap()
}

/// Those in the trash too.
fn all_backups(vault: &Vault) -> Vec<Backup> {
    let mut all = backups::list(vault, &BackupFilter::default()).unwrap().backups;
    all.extend(delete::trash(vault).unwrap());
    all
}

fn note_contents(host: &Host, contents: &mut BTreeMap<&'static str, BTreeSet<String>>) {
    for (database, contents) in contents {
        contents.insert(held(&host.path(database)));
    }
}

/// The file of an fsync.
fn synced(line: &str) -> Option<&str> {
    line.split_once('<')?.1.split_once('>').map(|(path, _)| path)
}

fn is_whole(vault: &Vault, path: PathBuf) -> Result<(), String> {
    let mut archive = Archive::open(&path).map_err(|error| error.to_string())?;
    if archive.metadata().encrypted {
        archive.unlock(&vault.keys().passwords()).map_err(|error| error.to_string())?;
    }
    archive.extract(&mut std::io::sink(), &path, Step::Verify, &Silent).map_err(|error| error.to_string())
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() && !path.is_symlink() { files.extend(files_below(&path)) } else { files.push(path) }
    }
    files
}
