//! A vault in the state in which a verb begins, put back to it before every run.

use std::{fs, path::Path, process::Command};

use keepstone_engine::model::backup::Backup;
use rusqlite::Connection;

use crate::{
    facts::{Facts, PASSWORDS, all_backups, facts, vault},
    seam::{self, Call, Event, Harm, Notes, Traced},
    support::{Host, shop},
};

/// What must be as it was when a verb says that it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failed {
    /// Everything.
    Unchanged,
    /// Each thing is as it was or as the verb makes it: it does several, one after another, or what it did stays where it cannot be noted down.
    StepByStep,
}

/// A verb and the state in which it begins.
pub(crate) struct Scene<'a> {
    pub(crate) name: &'static str,
    pub(crate) args: Vec<String>,
    pub(crate) failed: Failed,
    stage: &'a Stage,
    template: tempfile::TempDir,
    /// The backups that were there before, and all that can be seen: before, and after the verb.
    pub(crate) before: Vec<Backup>,
    pub(crate) old: Facts,
    pub(crate) new: Facts,
    /// The run without a fault.
    pub(crate) dry: Traced,
}

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
            Scene::new(self, "create (WAL)", Failed::Unchanged, |_| words(&["create", "shop"])),
            Scene::new(self, "create (rollback journal)", Failed::Unchanged, |_| words(&["create", "books"])),
            Scene::new(self, "verify", Failed::Unchanged, |_| words(&["verify", "latest", "--db", "shop"])),
            Scene::new(self, "restore over (WAL)", Failed::Unchanged, |host| words(&["restore", &id(host, "shop"), "--replace", "--yes"])),
            Scene::new(self, "restore over (rollback journal)", Failed::Unchanged, |host| {
                words(&["restore", &id(host, "books"), "--replace", "--yes"])
            }),
            Scene::new(self, "restore into a new file", Failed::Unchanged, |host| {
                words(&["restore", &id(host, "shop"), "--to", "new.sqlite"])
            }),
            Scene::new(self, "undo", Failed::Unchanged, |host| {
                let restored = host.results(&["restore", &id(host, "shop"), "--replace", "--yes"]);
                words(&["undo", restored[0]["job"].as_str().unwrap(), "--yes"])
            }),
            Scene::new(self, "delete", Failed::StepByStep, |host| words(&["delete", &id(host, "shop"), "--yes"])),
            Scene::new(self, "put back", Failed::StepByStep, |host| {
                words(&["trash", "put-back", host.results(&["trash", "list"])[0]["id"].as_str().unwrap()])
            }),
            Scene::new(self, "empty the trash", Failed::StepByStep, |_| words(&["trash", "empty", "--yes"])),
            Scene::new(self, "pin", Failed::Unchanged, |_| words(&["pin", "latest", "--db", "shop"])),
            Scene::new(self, "recovery of a create", Failed::Unchanged, |host| {
                die_at(host, &["create", "shop"], "renameat2", "/backups/.staging/");
                words(&["list"])
            }),
            Scene::new(self, "recovery of a restore", Failed::Unchanged, |host| {
                die_at(host, &["restore", &id(host, "shop"), "--replace", "--yes"], "pwrite64", "shop.db");
                words(&["list"])
            }),
            Scene::new(self, "catalog rebuild", Failed::Unchanged, |_| words(&["catalog", "rebuild", "--yes"])),
            Scene::new(self, "catalog rebuild, put back flat", Failed::StepByStep, |host| {
                for kind in
                    fs::read_dir(host.path("keepstone-data/backups/shop")).unwrap().map(Result::unwrap).filter(|kind| kind.path().is_dir())
                {
                    for entry in fs::read_dir(kind.path()).unwrap().map(Result::unwrap) {
                        fs::rename(entry.path(), host.path("keepstone-data/backups/shop").join(entry.file_name())).unwrap();
                    }
                }
                words(&["catalog", "rebuild", "--yes"])
            }),
            Scene::new(self, "create, encrypted", Failed::Unchanged, |host| {
                encrypt(host);
                words(&["create", "books"])
            }),
            Scene::new(self, "restore over, encrypted", Failed::Unchanged, |host| {
                encrypt(host);
                words(&["restore", &host.create(&["books"]), "--replace", "--yes"])
            }),
            Scene::new(self, "key change", Failed::StepByStep, |host| {
                encrypt(host);
                host.create(&["books"]);
                fs::write(host.path("second.txt"), format!("{}\n", PASSWORDS[1])).unwrap();
                words(&["key", "change", "--password-file", "second.txt"])
            }),
            Scene::new(self, "cleanup", Failed::StepByStep, |host| {
                for _ in 0..3 {
                    host.create(&["shop"]);
                }
                words(&["cleanup", "shop", "--max-count", "3", "--include-manual", "--confirm"])
            }),
            Scene::new(self, "acknowledge", Failed::Unchanged, |host| {
                Connection::open(host.path("shop.db")).unwrap().execute("DELETE FROM orders", []).unwrap();
                assert_ne!(host.run(&["create", "shop"]).exit, 0, "a loss was not told");
                words(&["ack", host.results(&["list", "shop"])[0]["id"].as_str().unwrap()])
            }),
            Scene::new(self, "import", Failed::Unchanged, |host| {
                fs::create_dir(host.path("old")).unwrap();
                drop(shop(&host.path("old/data_backup_AUTO_20260101_030000.db"), 5));
                fs::create_dir(host.path("old/metadata")).unwrap();
                let beside = r#"{"backup_type": "automatic", "description": "before the move", "table_counts": {"orders": 5}}"#;
                fs::write(host.path("old/metadata/data_backup_AUTO_20260101_030000.json"), beside).unwrap();
                fs::write(host.path("old/notes.txt"), "nothing of ours").unwrap();
                words(&["import", "old", "--db", "shop"])
            }),
            Scene::new(self, "export", Failed::StepByStep, |_| words(&["export", "shop", "--format", "sql", "-o", "out.sql"])),
            Scene::new(self, "replace what cannot be opened", Failed::Unchanged, |host| {
                let backup = id(host, "books");
                fs::write(host.path("books.db"), b"a page of something else, longer than a header is, but none").unwrap();
                words(&["restore", &backup, "--replace", "--yes"])
            }),
        ]
    }
}

/// The vault knows a password, and the books are encrypted with it.
fn encrypt(host: &Host) {
    fs::write(host.path("first.txt"), format!("{}\n", PASSWORDS[0])).unwrap();
    host.ok(&["key", "add", "--password-file", "first.txt"]);
    host.ok(&["db", "edit", "books", "--encrypt"]);
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
    let dry = seam::run(host, args, None, Notes::Calls);
    put_back(before.path(), host);
    let last = dry.events.iter().rfind(|event| event.call.name == name && event.path.contains(path));
    let call = &last.unwrap_or_else(|| panic!("{args:?} does no {name} on {path}")).call;
    let died = seam::run(host, args, Some((call, Harm::Kill)), Notes::Calls);
    assert!(died.killed, "{args:?} did not die at {call:?}: {:?}", died.run);
}

fn copy_all(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("-a").arg(format!("{}/.", from.display())).arg(to).status().unwrap();
    assert!(copied.success());
}

fn put_back(template: &Path, host: &Host) {
    clear(host);
    copy_all(template, &host.path(""));
}

fn clear(host: &Host) {
    for entry in fs::read_dir(host.path("")).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { fs::remove_dir_all(&path).unwrap() } else { fs::remove_file(&path).unwrap() }
    }
}

impl<'a> Scene<'a> {
    fn new(stage: &'a Stage, name: &'static str, failed: Failed, args: impl FnOnce(&Host) -> Vec<String>) -> Self {
        let host = &stage.host;
        put_back(stage.template.path(), host);
        let args = args(host);
        let template = tempfile::tempdir_in(host.path("").parent().unwrap()).unwrap();
        copy_all(&host.path(""), template.path());
        // Looked at in place and put back: opening a database may mend it.
        let seen = |before: Option<&[Backup]>| {
            host.ok(&["list"]);
            let vault = vault(host);
            let backups = all_backups(&vault);
            let facts = facts(host, &vault, &backups, before.unwrap_or(&backups));
            (backups, facts)
        };
        let (before, old) = seen(None);
        put_back(template.path(), host);
        let dry = run(host, &args, None, Notes::All);
        assert_eq!(dry.run.exit, 0, "{name}: {:?}", dry.run);
        let (_, new) = seen(Some(&before));
        assert!(old != new || name.starts_with("recovery") || name.starts_with("catalog rebuild"), "{name} changes nothing: {old:?}");
        Self { name, args, failed, stage, template, before, old, new, dry }
    }

    pub(crate) fn host(&self) -> &Host {
        &self.stage.host
    }

    pub(crate) fn reset(&self) {
        put_back(self.template.path(), self.host());
    }

    pub(crate) fn clear(&self) {
        clear(self.host());
    }

    /// The folder as it is before the verb.
    pub(crate) fn template(&self) -> &Path {
        self.template.path()
    }

    pub(crate) fn run(&self, call: &Call, harm: Harm, notes: Notes) -> Traced {
        run(self.host(), &self.args, Some((call, harm)), notes)
    }

    /// The calls of the run without a fault.
    pub(crate) fn events(&self) -> &[Event] {
        &self.dry.events
    }
}

fn run(host: &Host, args: &[String], fault: Option<(&Call, Harm)>, notes: Notes) -> Traced {
    let args: Vec<&str> = args.iter().map(String::as_str).chain(["--json"]).collect();
    seam::run(host, &args, fault, notes)
}
