//! An application that moves money between accounts all the time, in both journal modes: every backup of it is balanced and counts what it
//! holds; and over restores no commit is lost without being in the safety backup.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use keepstone_engine::{Silent, archive::Archive, keys::Passwords, restore::restore_file};
use rusqlite::Connection;

use crate::{
    effort::{Effort, figures},
    support::Host,
};

const ACCOUNTS: i64 = 500;
/// Backups of each database in large.
const LEAST: u64 = 40;
const MONEY: i64 = ACCOUNTS * 100;

fn bank(host: &Host, mode: &str) -> Connection {
    let connection = Connection::open(host.path("bank.db")).unwrap();
    connection
        .execute_batch(&format!(
            "PRAGMA journal_mode={mode}; CREATE TABLE account(id INTEGER PRIMARY KEY, balance INT, pad TEXT); CREATE TABLE transfer(n INTEGER PRIMARY KEY);
             INSERT INTO account WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<{ACCOUNTS}) SELECT i, 100, hex(randomblob(200)) FROM n;"
        ))
        .unwrap();
    connection.busy_timeout(Duration::from_secs(60)).unwrap();
    connection
}

/// Transfers without a pause until it is told to stop; gives back their numbers.
fn transfer(host: &Host, first: i64, over: &AtomicBool) -> Vec<i64> {
    let connection = Connection::open(host.path("bank.db")).unwrap();
    connection.busy_timeout(Duration::from_secs(60)).unwrap();
    connection.execute_batch("PRAGMA synchronous=OFF").unwrap();
    let mut numbers = Vec::new();
    let mut next = first;
    while !over.load(Ordering::Relaxed) {
        let (from, to) = (next * 7 % ACCOUNTS + 1, next * 3571 % ACCOUNTS + 1);
        connection
            .execute_batch(&format!(
                "BEGIN IMMEDIATE; UPDATE account SET balance=balance-1 WHERE id={from}; UPDATE account SET balance=balance+1 WHERE id={to};
                 INSERT INTO transfer VALUES ({next}); COMMIT"
            ))
            .unwrap();
        numbers.push(next);
        next += 1;
    }
    numbers
}

/// Ends the writer, also where the test does not go on: a scope waits for it.
struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The transfers of a database whose accounts must be balanced.
fn balanced(path: &std::path::Path) -> Vec<i64> {
    let connection = Connection::open(path).unwrap();
    let sum: i64 = connection.query_row("SELECT sum(balance) FROM account", [], |row| row.get(0)).unwrap();
    assert_eq!(sum, MONEY, "{} is not balanced", path.display());
    let mut statement = connection.prepare("SELECT n FROM transfer ORDER BY n").unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

#[test]
fn every_backup_beside_a_writer_is_balanced() {
    let (mut backups, mut transfers) = (0, 0);
    // In large four databases of each mode, so that none grows for minutes.
    let modes = ["wal", "delete"].repeat(Effort::begin().either(1, 4));
    let parts = u32::try_from(modes.len()).unwrap();
    for mode in modes {
        let effort = Effort::begin_part(parts);
        let host = Host::new();
        drop(bank(&host, mode));
        host.ok(&["db", "add", "bank.db"]);
        let over = AtomicBool::new(false);
        thread::scope(|scope| {
            let writer = scope.spawn(|| transfer(&host, 1, &over));
            let _end = End(&over);
            // Hundreds, however long that takes; more as the time allows.
            let (least, most) = effort.either((5, 5), (LEAST, u64::MAX));
            let (mut seen, mut round) = (0, 0);
            while round < least || (round < most && !effort.is_over()) {
                let id = host.create(&["bank"]);
                let (archive, file) = (host.path(&format!("keepstone-data/backups/bank/manual/{id}.zip")), format!("{round}.sqlite"));
                restore_file(&archive, &Passwords::none(), &host.path(&file), &Silent).unwrap();
                let numbers = balanced(&host.path(&file));
                let told = Archive::open(&archive).unwrap().metadata().total_records;
                assert_eq!(told, numbers.len() as u64 + ACCOUNTS.unsigned_abs(), "{id}");
                assert!(numbers.len() >= seen, "{mode}: a later backup holds no less");
                seen = numbers.len();
                std::fs::remove_file(host.path(&file)).unwrap();
                backups += 1;
                round += 1;
            }
            over.store(true, Ordering::Relaxed);
            let numbers = writer.join().unwrap();
            assert!(seen > 0 && numbers.len() >= seen, "{mode}: the writer wrote");
            transfers += numbers.len() as u64;
        });
    }
    figures("balanced backups", &[("backups", backups), ("transfers meanwhile", transfers), ("unbalanced", 0)]);
}

#[test]
fn no_commit_is_lost_by_a_restore_without_being_in_its_safety_backup() {
    let (mut restores, mut transfers) = (0, 0);
    for mode in ["wal", "delete"] {
        let effort = Effort::begin_part(2);
        let host = Host::new();
        drop(bank(&host, mode));
        host.ok(&["db", "add", "bank.db"]);
        let empty = host.create(&["bank"]);
        let over = AtomicBool::new(false);
        let (committed, kept) = thread::scope(|scope| {
            let writer = scope.spawn(|| transfer(&host, 1, &over));
            let _end = End(&over);
            let mut kept: Vec<i64> = Vec::new();
            for round in 0..effort.either(2, 40) {
                if effort.is_over() {
                    break;
                }
                thread::sleep(Duration::from_millis(50));
                let restored = host.results(&["restore", &empty, "--replace", "--yes"]);
                let safety = restored[0]["safety_backup"].as_str().unwrap().to_owned();
                let file = format!("{round}.sqlite");
                host.ok(&["restore", &safety, "--to", &file]);
                kept.extend(balanced(&host.path(&file)));
                std::fs::remove_file(host.path(&file)).unwrap();
                restores += 1;
            }
            thread::sleep(Duration::from_millis(20));
            over.store(true, Ordering::Relaxed);
            (writer.join().unwrap(), kept)
        });
        let mut all = kept;
        all.extend(balanced(&host.path("bank.db")));
        assert_eq!(all, committed, "{mode}: each commit is in one safety backup or in the database, once");
        transfers += committed.len() as u64;
    }
    figures("restores beside a writer", &[("restores", restores), ("transfers meanwhile", transfers), ("lost", 0)]);
}
