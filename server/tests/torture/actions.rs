//! Any acts in any order, with a model beside them that says what must be there: backups and what is in each, the trash, pins, the live
//! database. Processes are killed in between. What cleanup may take and must leave is said here once more, in other words than its plan.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, thread,
    time::Duration,
};

use keepstone_engine::{
    Error, Silent, Vault,
    ack::{self, AckOptions},
    archive::Archive,
    backups::{self, BackupFilter, EditBackupOptions},
    cleanup::{self, CleanupOptions},
    create::{CreateOptions, create},
    databases, delete, jobs,
    keys::{self, Password, Passwords},
    model::{
        backup::{Backup, BackupState},
        id::{BackupId, DatabaseId, JobId, Kind},
        metadata::Kdf,
        restore::Target,
        retention::{CountBy, Manual, RetentionPolicy},
    },
    restore::{self, PlanOptions, RestoreOptions, UndoOptions},
    vault::{OpenMode, VaultOptions, rebuild},
    verify::{VerifyOptions, verify},
};
use rusqlite::Connection;

use crate::{
    effort::{Dice, Effort, figures, seed},
    facts::PASSWORDS,
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
    sequence: i64,
    sealed: bool,
}

/// The fewest good ones that cleanup leaves, whatever it is told.
const FLOOR: usize = 3;

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
    cleaned: u64,
    /// The vault knows a password.
    seals: bool,
}

fn options(host: &Host) -> VaultOptions {
    VaultOptions { data: host.path("keepstone-data"), backups: None, mode: OpenMode::Existing }
}

fn open(host: &Host) -> Vault {
    Vault::open(&options(host)).unwrap()
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
        let seals = seed % 4 < 2;
        if seals {
            keys::add(&vault, &Password::new(PASSWORDS[0]), Kdf::SCRYPT, true, "test").unwrap();
        }
        let (backups, undoable, acts) = (BTreeMap::new(), Vec::new(), Vec::new());
        Self { host, vault, database, dice: Dice::new(seed), backups, live, undoable, acts, kills: 0, cleaned: 0, seals }
    }

    fn pick(&mut self, fits: impl Fn(&Known) -> bool) -> Option<BackupId> {
        let fitting: Vec<_> = self.backups.iter().filter(|(_, known)| fits(known)).map(|(id, _)| id.clone()).collect();
        (!fitting.is_empty()).then(|| fitting[self.dice.roll(fitting.len())].clone())
    }

    fn act(&mut self) {
        match self.dice.roll(28) {
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
            18..=21 => self.kill(),
            22..=24 => self.clean_up(),
            25 => self.lose_rows(),
            26 => self.rebuild(),
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
        let encrypt = Some(self.seals && self.dice.roll(2) == 1);
        let options = CreateOptions { kind, encrypt, ..CreateOptions::new(self.database.clone(), "test") };
        let report = create(&self.vault, &options, &Silent).unwrap();
        self.acknowledge(&report.backup);
        self.note(format!("create {}, encrypted {encrypt:?}", report.backup.id));
        self.know(&report.backup, self.live.clone());
    }

    fn know(&mut self, backup: &Backup, content: String) {
        let sealed = Archive::open(&self.archive_of(&backup.id, backup.kind)).unwrap().is_locked();
        let known = Known { content, trashed: false, pinned: false, kind: backup.kind, sequence: backup.sequence, sealed };
        self.backups.insert(backup.id.clone(), known);
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
        if self.backups[&id].sealed {
            let outcome = restore::restore_file(&self.archive(&id), &Passwords::none(), &path, &Silent);
            assert!(matches!(outcome, Err(Error::WrongPassword { .. })), "{outcome:?}");
        }
        restore::restore_file(&self.archive(&id), &self.vault.keys().passwords(), &path, &Silent).unwrap();
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
        let safety = backups::backup(&self.vault, &report.safety_backup.unwrap()).unwrap();
        self.acknowledge(&safety);
        self.know(&safety, before.clone());
        self.undoable.push((report.job.unwrap(), before));
    }

    fn reopen(&mut self) {
        self.note("reopen".to_owned());
        self.vault = open(&self.host);
    }

    /// Those in their places that rules may be about: none that a person or its nature keeps. The newest first.
    fn removable(&self, manual: Manual) -> Vec<BackupId> {
        let good = |known: &&Known| !known.trashed && known.kind != Kind::Safety;
        let newest = self.backups.values().filter(good).map(|known| known.sequence).max();
        let asked = |known: &Known| !known.pinned && (known.kind != Kind::Manual || manual == Manual::Included);
        let mut fitting: Vec<_> =
            self.backups.iter().filter(|(_, known)| good(known) && asked(known) && Some(known.sequence) != newest).collect();
        fitting.sort_by_key(|(_, known)| std::cmp::Reverse(known.sequence));
        fitting.into_iter().map(|(id, _)| id.clone()).collect()
    }

    /// What a cleanup took may have gone: it is removable, and enough good ones stay.
    fn may_have_gone(&self, gone: &BTreeSet<BackupId>, manual: Manual) {
        let removable: BTreeSet<_> = self.removable(manual).into_iter().collect();
        assert!(gone.is_subset(&removable), "{gone:?} went, {removable:?} might: {:#?}", self.acts);
        let own = |gone: &BTreeSet<BackupId>| {
            let stays = |(id, known): &(&BackupId, &Known)| !known.trashed && known.kind != Kind::Safety && !gone.contains(*id);
            self.backups.iter().filter(stays).count()
        };
        assert!(own(gone) >= FLOOR.min(own(&BTreeSet::new())), "{gone:?} went, too few stay: {:#?}", self.acts);
    }

    /// By a largest number, as a person who confirms it or as nobody who looks.
    fn clean_up(&mut self) {
        let most = 1 + self.dice.roll(8);
        let manual = if self.dice.roll(2) == 1 { Manual::Included } else { Manual::Kept };
        let policy = Some(RetentionPolicy { max_count: u32::try_from(most).ok(), ..RetentionPolicy::default() });
        let database = self.database.clone();
        let confirmed = (self.dice.roll(2) == 1).then(|| self.backups.keys().cloned().collect::<Vec<_>>());
        let is_person = confirmed.is_some();
        self.note(format!("clean up to {most}, {manual:?}, by a person {is_person}"));
        let options = CleanupOptions { database, policy, manual, count_by: CountBy::Good, confirmed, actor: "test".to_owned() };
        let complete = self.backups.values().filter(|known| !known.trashed).count();
        let removable = self.removable(manual);
        match cleanup::cleanup(&self.vault, &options, &Silent) {
            Ok(report) => {
                let gone: BTreeSet<_> = report.removed.iter().map(|gone| gone.backup.id.clone()).collect();
                self.may_have_gone(&gone, manual);
                assert_eq!(report.emptied, 0, "{report:?}");
                // A person is told of everything that was confirmed and stays.
                let stays = |id: &BackupId| self.backups.contains_key(id) && !gone.contains(id);
                assert!(report.skipped.iter().all(|(id, _)| is_person && stays(id)), "{report:?}");
                if is_person {
                    // However those that no rule is about are counted, these are too many.
                    let over = removable.iter().skip(most.max(FLOOR)).find(|id| !gone.contains(*id));
                    assert!(over.is_none(), "{over:?} stays: {:#?}", self.acts);
                } else {
                    assert!(gone.len() <= (complete / 5).clamp(3, 10), "{} of {complete} at once: {:#?}", gone.len(), self.acts);
                }
                self.cleaned += gone.len() as u64;
                self.trash(&gone);
            }
            // More than one pass takes goes only when somebody has said so.
            Err(Error::PolicyNotConfirmed { .. }) => assert!(!is_person && removable.len() > 3, "{:#?}", self.acts),
            Err(error) => panic!("{error}: {:#?}", self.acts),
        }
    }

    fn trash(&mut self, gone: &BTreeSet<BackupId>) {
        for id in gone {
            self.backups.get_mut(id).unwrap().trashed = true;
        }
    }

    /// The application loses most of its rows: while nobody has taken note of that, nothing that was made before may go, by cleanup or by hand.
    fn lose_rows(&mut self) {
        let application = Connection::open(self.host.path("shop.db")).unwrap();
        application.execute_batch("INSERT INTO t(x) SELECT randomblob(300) FROM t LIMIT 200; DELETE FROM t WHERE id % 20 <> 1").unwrap();
        drop(application);
        self.live = content(&self.host.path("shop.db"));
        let report = create(&self.vault, &CreateOptions::new(self.database.clone(), "test"), &Silent).unwrap();
        self.note(format!("lose rows and create {}: {:?}", report.backup.id, report.backup.suspect));
        if report.backup.holds() {
            let (policy, everything) = (RetentionPolicy { max_count: Some(1), ..RetentionPolicy::default() }, self.backups.keys().cloned());
            let options = CleanupOptions {
                database: self.database.clone(),
                policy: Some(policy),
                manual: Manual::Included,
                count_by: CountBy::Good,
                confirmed: Some(everything.collect()),
                actor: "test".to_owned(),
            };
            let cleaned = cleanup::cleanup(&self.vault, &options, &Silent).unwrap();
            assert!(cleaned.removed.is_empty(), "{cleaned:?}: {:#?}", self.acts);
            if let Some(id) = self.pick(|known| !known.trashed) {
                let deleted = delete::delete(&self.vault, &id, "test");
                assert!(matches!(deleted, Err(Error::DeleteRefused { .. })), "{id}: {deleted:?}: {:#?}", self.acts);
            }
        }
        self.acknowledge(&report.backup);
        self.know(&report.backup, self.live.clone());
    }

    /// The catalog is lost; archives and notes say it all but what is past.
    fn rebuild(&mut self) {
        self.note("rebuild the catalog".to_owned());
        rebuild(&options(&self.host), "test").unwrap();
        self.vault = open(&self.host);
        self.undoable.clear();
    }

    /// Kills a process in the middle of an act, and learns from what the next start shows: the only acts of which two ends are right.
    fn kill(&mut self) {
        let act = self.dice.roll(7);
        let picked = self.pick(|known| known.trashed == (act == 3));
        let words = |args: &[&str]| args.iter().map(|arg| (*arg).to_owned()).collect::<Vec<_>>();
        let one = |verb: &[&str]| picked.iter().flat_map(|id| words(verb).into_iter().chain([id.to_string()])).collect::<Vec<_>>();
        let args = match act {
            0 => words(&["create", "shop"]),
            1 => [one(&["restore"]), words(&["--replace", "--yes"])].concat(),
            2 => [one(&["delete"]), words(&["--yes"])].concat(),
            3 => one(&["trash", "put-back"]),
            4 => one(&["verify"]),
            5 => words(&["cleanup", "shop", "--keep", "4", "--include-manual", "--yes"]),
            _ => words(&["trash", "empty", "--yes"]),
        };
        if picked.is_none() && (1..=4).contains(&act) {
            return;
        }
        let mut child = self.host.spawn(&args.iter().map(String::as_str).collect::<Vec<_>>());
        // Reading and writing much takes longer than moving a file.
        thread::sleep(Duration::from_millis(5 + self.dice.roll(if act <= 1 { 150 } else { 60 }) as u64));
        child.kill().unwrap();
        child.wait().unwrap();
        self.kills += 1;
        self.note(format!("kill {args:?}"));
        self.vault = open(&self.host);
        // What was published is adopted, and its checks are queued: as the server's workers would, they run now.
        while jobs::run_next(&self.vault, &Silent).unwrap().is_some() {}
        let before = self.live.clone();
        self.live = content(&self.host.path("shop.db"));
        let restored = picked.as_ref().filter(|_| act == 1);
        let allowed = restored.map_or(before.clone(), |id| self.backups[id].content.clone());
        assert!(self.live == before || self.live == allowed, "a mix of both: {:#?}", self.acts);
        for backup in backups::list(&self.vault, &BackupFilter::default()).unwrap().backups {
            if backup.state == BackupState::Complete && !self.backups.contains_key(&backup.id) {
                assert!(act <= 1, "{backup:?} came of nothing: {:#?}", self.acts);
                self.acknowledge(&backup);
                // Of the state before, whichever it was: a create's, or a restore's safety backup.
                self.know(&backup, before.clone());
            }
        }
        self.learn(act, picked.as_ref());
    }

    /// Where each is by now, of those that the killed act may have moved.
    fn learn(&mut self, act: usize, picked: Option<&BackupId>) {
        let trash: BTreeSet<_> = delete::trash(&self.vault).unwrap().into_iter().map(|backup| backup.id).collect();
        let moved = |known: &BTreeMap<BackupId, Known>, to_trash: bool| -> BTreeSet<BackupId> {
            known
                .iter()
                .filter(|(id, known)| known.trashed != to_trash && trash.contains(*id) == to_trash)
                .map(|(id, _)| id.clone())
                .collect()
        };
        let (gone, not_there) = (moved(&self.backups, true), moved(&self.backups, false));
        let picked: BTreeSet<_> = picked.into_iter().cloned().collect();
        match act {
            2 => assert!(gone.is_subset(&picked) && not_there.is_empty(), "{gone:?}, {not_there:?}: {:#?}", self.acts),
            3 => {
                assert!(not_there.is_subset(&picked) && gone.is_empty(), "{gone:?}, {not_there:?}: {:#?}", self.acts);
                for id in &not_there {
                    self.backups.get_mut(id).unwrap().trashed = false;
                }
            }
            5 => {
                assert!(not_there.is_empty(), "{not_there:?}: {:#?}", self.acts);
                self.may_have_gone(&gone, Manual::Included);
            }
            6 => {
                assert!(gone.is_empty(), "{gone:?}: {:#?}", self.acts);
                self.backups.retain(|id, _| !not_there.contains(id));
            }
            _ => assert!(gone.is_empty() && not_there.is_empty(), "{gone:?}, {not_there:?}: {:#?}", self.acts),
        }
        self.trash(&gone);
    }

    fn archive_of(&self, id: &BackupId, kind: Kind) -> std::path::PathBuf {
        self.host.path(&format!("keepstone-data/backups/{}/{}/{id}.zip", self.database, kind.as_str()))
    }

    fn archive(&self, id: &BackupId) -> std::path::PathBuf {
        self.archive_of(id, self.backups[id].kind)
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
        if found != expected {
            eprintln!("{:#?}", backups::list(&self.vault, &BackupFilter::default()).unwrap().backups);
        }
        assert_eq!(found, expected, "{:#?}", self.acts);
    }

    /// And every archive holds what the model says.
    fn compare_contents(&self) {
        for (id, known) in &self.backups {
            let archive = if known.trashed { self.host.path(&format!("keepstone-data/backups/.trash/{id}.zip")) } else { self.archive(id) };
            let path = self.host.path("compared.sqlite");
            restore::restore_file(&archive, &self.vault.keys().passwords(), &path, &Silent).unwrap();
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
    let (mut acts, mut kills, mut cleaned, mut worlds) = (0, 0, 0, 0);
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
        cleaned += world.cleaned;
        worlds += 1;
    }
    figures(
        "random acts",
        &[("worlds", worlds), ("acts", acts), ("kills among them", kills), ("cleaned away", cleaned), ("differences", 0)],
    );
}
