//! Any acts in any order, with a model beside them that says what must be there: backups and what is in each, the trash, pins, the live
//! database. Processes are killed in between.

use std::{collections::BTreeMap, fs, thread, time::Duration};

use keepstone_engine::{
    Error, Silent, Vault,
    ack::{self, AckOptions},
    backups::{self, BackupFilter, EditBackupOptions},
    create::{CreateOptions, create},
    databases, delete, jobs,
    keys::Passwords,
    model::{
        backup::{Backup, BackupState},
        id::{BackupId, DatabaseId, JobId, Kind},
        restore::Target,
    },
    restore::{self, PlanOptions, RestoreOptions, UndoOptions},
    vault::{OpenMode, VaultOptions},
    verify::{VerifyOptions, verify},
};
use rusqlite::Connection;

use crate::{
    effort::{Dice, Effort, figures, seed},
    scene::in_memory,
    support::{Host, content},
};

/// What a backup must be.
#[derive(Debug, Clone, PartialEq)]
struct Known {
    content: String,
    trashed: bool,
    pinned: bool,
    kind: Kind,
}

struct World {
    host: Host,
    vault: Vault,
    database: DatabaseId,
    dice: Dice,
    backups: BTreeMap<BackupId, Known>,
    live: String,
    /// Restores over the live database that can be undone: the job, and the content before it.
    undoable: Vec<(JobId, String)>,
    acts: Vec<String>,
    kills: u64,
}

fn open(host: &Host) -> Vault {
    Vault::open(&VaultOptions { data: host.path("keepstone-data"), backups: None, mode: OpenMode::Existing }).unwrap()
}

impl World {
    fn new(seed: u64) -> Self {
        let host = in_memory();
        let application = Connection::open(host.path("shop.db")).unwrap();
        let mode = if seed.is_multiple_of(2) { "wal" } else { "delete" };
        application
            .execute_batch(&format!(
                "PRAGMA journal_mode={mode}; CREATE TABLE t(id INTEGER PRIMARY KEY, x);
                 INSERT INTO t(x) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<400) SELECT randomblob(900) FROM n"
            ))
            .unwrap();
        drop(application);
        host.ok(&["db", "add", "shop.db"]);
        let (vault, live) = (open(&host), content(&host.path("shop.db")));
        let database = databases::find_database(&vault, "shop").unwrap().id;
        let dice = Dice::new(seed);
        Self { host, vault, database, dice, backups: BTreeMap::new(), live, undoable: Vec::new(), acts: Vec::new(), kills: 0 }
    }

    fn pick(&mut self, fits: impl Fn(&Known) -> bool) -> Option<BackupId> {
        let fitting: Vec<_> = self.backups.iter().filter(|(_, known)| fits(known)).map(|(id, _)| id.clone()).collect();
        (!fitting.is_empty()).then(|| fitting[self.dice.roll(fitting.len())].clone())
    }

    fn act(&mut self) {
        match self.dice.roll(20) {
            0..=4 => self.write(),
            5..=7 => self.create(),
            8 => self.verify(),
            9 | 10 => self.delete(),
            11 => self.put_back(),
            12 => self.pin(),
            13 => self.restore_into_a_file(),
            14 | 15 => self.restore_over(),
            16 => self.undo(),
            17 => self.empty(),
            18 => self.kill(),
            _ => self.reopen(),
        }
        self.compare();
    }

    fn note(&mut self, act: String) {
        self.acts.push(act);
    }

    fn write(&mut self) {
        let application = Connection::open(self.host.path("shop.db")).unwrap();
        let sql = match self.dice.roll(5) {
            0 => "INSERT INTO t(x) SELECT randomblob(900) FROM t LIMIT 50",
            1 => "DELETE FROM t WHERE id % 7 = 3",
            2 => "CREATE TABLE IF NOT EXISTS more(a, b); INSERT INTO more VALUES (1, randomblob(5000))",
            3 => "DROP TABLE IF EXISTS more; VACUUM",
            _ => "UPDATE t SET x = randomblob(700) WHERE id % 5 = 1",
        };
        application.execute_batch(sql).unwrap();
        drop(application);
        self.live = content(&self.host.path("shop.db"));
        self.note(format!("write: {sql}"));
    }

    fn create(&mut self) {
        let kind = [Kind::Manual, Kind::Daily, Kind::Weekly][self.dice.roll(3)];
        let report = create(&self.vault, &CreateOptions { kind, ..CreateOptions::new(self.database.clone(), "test") }, &Silent).unwrap();
        self.acknowledge(&report.backup);
        self.note(format!("create {}", report.backup.id));
        self.backups.insert(report.backup.id, Known { content: self.live.clone(), trashed: false, pinned: false, kind });
    }

    /// An act of ours may have taken rows or a table away: that makes a backup suspect until somebody takes note of it.
    fn acknowledge(&self, backup: &Backup) {
        if backup.suspect.is_some() {
            let options = AckOptions { backup: backup.id.clone(), reason: String::new(), with_older: false, actor: "test".to_owned() };
            let report = ack::acknowledge(&self.vault, &options).unwrap();
            assert!(report.backup.is_good(), "{:?}", report.backup);
        }
    }

    fn verify(&mut self) {
        let Some(id) = self.pick(|_| true) else { return };
        self.note(format!("verify {id}"));
        let report = verify(&self.vault, &VerifyOptions::new(id, "test"), &Silent).unwrap();
        assert!(!report.proof.failed(), "{:?}", report.proof);
    }

    fn delete(&mut self) {
        let Some(id) = self.pick(|_| true) else { return };
        let known = self.backups[&id].clone();
        let others = self.backups.iter().any(|(other, known)| *other != id && !known.trashed && known.kind != Kind::Safety);
        let expected = !known.trashed && !known.pinned && others;
        let deleted = delete::delete(&self.vault, &id, "test");
        self.note(format!("delete {id}: {:?}", deleted.as_ref().map(drop)));
        match deleted {
            Ok(_) => assert!(expected, "{id} should not be deleted"),
            Err(Error::DeleteRefused { .. }) => assert!(!expected, "{id} should be deleted"),
            Err(error) => panic!("{error}"),
        }
        self.backups.get_mut(&id).unwrap().trashed |= expected;
    }

    fn put_back(&mut self) {
        let Some(id) = self.pick(|known| known.trashed) else { return };
        self.note(format!("put back {id}"));
        delete::put_back(&self.vault, &id, "test").unwrap();
        self.backups.get_mut(&id).unwrap().trashed = false;
    }

    fn empty(&mut self) {
        let trashed = self.backups.values().filter(|known| known.trashed).count() as u64;
        self.note(format!("empty the trash of {trashed}"));
        assert_eq!(delete::empty_trash(&self.vault, None, "test").unwrap().0, trashed);
        self.backups.retain(|_, known| !known.trashed);
    }

    fn pin(&mut self) {
        let Some(id) = self.pick(|known| !known.trashed) else { return };
        let pinned = !self.backups[&id].pinned;
        self.note(format!("pin {id}: {pinned}"));
        let options = EditBackupOptions { pinned: Some(pinned), actor: "test".to_owned(), ..EditBackupOptions::default() };
        backups::edit(&self.vault, &id, &options).unwrap();
        self.backups.get_mut(&id).unwrap().pinned = pinned;
    }

    fn restore_into_a_file(&mut self) {
        let Some(id) = self.pick(|known| !known.trashed) else { return };
        self.note(format!("restore {id} into a file"));
        let path = self.host.path("new.sqlite");
        restore::restore_file(&self.archive(&id), &Passwords::none(), &path, &Silent).unwrap();
        assert_eq!(content(&path), self.backups[&id].content);
        fs::remove_file(path).unwrap();
    }

    fn restore_over(&mut self) {
        let Some(id) = self.pick(|known| !known.trashed) else { return };
        self.note(format!("restore {id} over the database"));
        let plan =
            restore::plan_restore(&self.vault, &PlanOptions { backup: id.clone(), target: Target::Replace, safety_backup: true }).unwrap();
        let report = restore::restore(&self.vault, &RestoreOptions { plan, verify: true, actor: "test".to_owned() }, &Silent).unwrap();
        self.replaced(report, self.backups[&id].content.clone());
    }

    fn undo(&mut self) {
        let Some((job, before)) = self.undoable.pop() else { return };
        self.note(format!("undo {job}"));
        match restore::plan_undo(&self.vault, &job) {
            Ok(plan) => {
                let options = UndoOptions { restore: job, plan, actor: "test".to_owned() };
                let report = restore::undo(&self.vault, &options, &Silent).unwrap();
                self.replaced(report, before);
            }
            // Its safety backup was deleted meanwhile, by an act of ours.
            Err(Error::ArchiveMissing { .. } | Error::UnknownBackup { .. } | Error::UndoRefused { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }

    fn replaced(&mut self, report: restore::RestoreReport, now: String) {
        let before = std::mem::replace(&mut self.live, now);
        let safety = report.safety_backup.unwrap();
        self.acknowledge(&backups::backup(&self.vault, &safety).unwrap());
        self.backups.insert(safety, Known { content: before.clone(), trashed: false, pinned: false, kind: Kind::Safety });
        self.undoable.push((report.job.unwrap(), before));
    }

    fn reopen(&mut self) {
        self.note("reopen".to_owned());
        self.vault = open(&self.host);
    }

    /// Kills a process in the middle of a create or a restore, and learns from what the next start shows: the only acts of which two ends are
    /// right.
    fn kill(&mut self) {
        let restored = (self.dice.roll(2) == 1).then(|| self.pick(|known| !known.trashed)).flatten();
        let args: Vec<String> = match &restored {
            Some(id) => vec!["restore".into(), id.to_string(), "--replace".into(), "--yes".into()],
            None => vec!["create".into(), "shop".into()],
        };
        let mut child = self.host.spawn(&args.iter().map(String::as_str).collect::<Vec<_>>());
        thread::sleep(Duration::from_millis(5 + self.dice.roll(150) as u64));
        child.kill().unwrap();
        child.wait().unwrap();
        self.kills += 1;
        self.note(format!("kill {args:?}"));
        self.vault = open(&self.host);
        // What was published is adopted, and its checks are queued: as the server's workers would, they run now.
        while jobs::run_next(&self.vault, &Silent).unwrap().is_some() {}
        let before = self.live.clone();
        self.live = content(&self.host.path("shop.db"));
        let allowed = restored.as_ref().map_or(before.clone(), |id| self.backups[id].content.clone());
        assert!(self.live == before || self.live == allowed, "a mix of both");
        for backup in backups::list(&self.vault, &BackupFilter::default()).unwrap().backups {
            if backup.state == BackupState::Complete && !self.backups.contains_key(&backup.id) {
                self.acknowledge(&backup);
                // Of the state before, whichever it was: a create's, or a restore's safety backup.
                self.backups.insert(backup.id, Known { content: before.clone(), trashed: false, pinned: false, kind: backup.kind });
            }
        }
    }

    fn archive(&self, id: &BackupId) -> std::path::PathBuf {
        self.host.path(&format!("keepstone-data/backups/{}/{}/{id}.zip", self.database, self.backups[id].kind.as_str()))
    }

    /// Catalog and model say the same.
    fn compare(&self) {
        let mut found = BTreeMap::new();
        let listed = backups::list(&self.vault, &BackupFilter::default()).unwrap().backups;
        for backup in listed.into_iter().chain(delete::trash(&self.vault).unwrap()) {
            if matches!(backup.state, BackupState::Complete | BackupState::Trashed) {
                found.insert(
                    backup.id.clone(),
                    (backup.state == BackupState::Trashed, backup.pinned, backup.is_good() || backup.state == BackupState::Trashed),
                );
            } else {
                assert_eq!(backup.state, BackupState::Interrupted, "{backup:?}");
            }
        }
        let expected: BTreeMap<_, _> = self.backups.iter().map(|(id, known)| (id.clone(), (known.trashed, known.pinned, true))).collect();
        assert_eq!(found, expected, "{:#?}", self.acts);
    }

    /// And every archive holds what the model says.
    fn compare_contents(&self) {
        for (id, known) in &self.backups {
            let archive = if known.trashed { self.host.path(&format!("keepstone-data/backups/.trash/{id}.zip")) } else { self.archive(id) };
            let path = self.host.path("compared.sqlite");
            restore::restore_file(&archive, &Passwords::none(), &path, &Silent).unwrap();
            assert_eq!(content(&path), known.content, "{id}: {:#?}", self.acts);
            fs::remove_file(path).unwrap();
        }
        assert_eq!(content(&self.host.path("shop.db")), self.live, "{:#?}", self.acts);
        assert_eq!(keepstone_engine::activity::verify_chain(&self.vault).unwrap().broken_at, None);
    }
}

#[test]
fn any_acts_in_any_order_leave_what_the_model_says() {
    let effort = Effort::begin();
    let (mut acts, mut kills, mut worlds) = (0, 0, 0);
    let first = seed();
    eprintln!("actions: seed {first}");
    while worlds < effort.either(2, u64::MAX) && !effort.is_over() {
        let mut world = World::new(first.wrapping_add(worlds));
        world.create();
        for _ in 0..effort.either(25, 80) {
            world.act();
            acts += 1;
        }
        world.compare_contents();
        kills += world.kills;
        worlds += 1;
    }
    figures("random acts", &[("worlds", worlds), ("acts", acts), ("kills among them", kills), ("differences", 0)]);
}
