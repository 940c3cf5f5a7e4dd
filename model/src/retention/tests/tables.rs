//! Examples, each line of a history with what is said of it.

use super::{at, good};
use crate::{
    backup::{Backup, BackupState, Check, CheckName, CheckResult, Proof, Verdict, delete_refusal},
    coverage::Coverage,
    id::{BackupId, Kind},
    retention::{
        Candidate, Circumstances, CountBy, FLOOR, Manual, Obstacle, Pass, PolicyText, Rate, RetentionPolicy, clock_anomaly, forecast,
        holding_sequence, pass_limit, plan,
    },
};

/// Lines such as `4 daily 2026-11-03 good, pinned | daily 1 of 7`: sequence, kind, date, marks, and what is expected.
fn check(policy: &RetentionPolicy, now: &str, circumstances: &Circumstances, lines: &[&str]) {
    let (histories, expected): (Vec<&str>, Vec<&str>) = lines.iter().map(|line| line.split_once(" | ").unwrap()).unzip();
    let candidates: Vec<Candidate> = histories.iter().map(|line| candidate(line)).collect();
    let plan = plan(&candidates, policy, at(now), circumstances);
    let said: Vec<String> = plan
        .fates
        .iter()
        .map(|fate| match fate {
            None => "in the trash".to_owned(),
            Some(fate) if fate.is_removed() => format!("REMOVED {fate}"),
            Some(fate) => fate.to_string(),
        })
        .collect();
    let shown =
        |words: &[String]| histories.iter().zip(words).map(|(line, words)| format!("{line} | {words}")).collect::<Vec<_>>().join("\n");
    let expected: Vec<String> = expected.into_iter().map(str::to_owned).collect();
    assert_eq!(shown(&said), shown(&expected));
}

fn candidate(line: &str) -> Candidate {
    let words: Vec<&str> = line.split([' ', ',']).filter(|word| !word.is_empty()).collect();
    let mut candidate = good(words[1].parse().unwrap(), words[0].parse().unwrap(), at(words[2]));
    for mark in &words[3..] {
        match *mark {
            "good" => {}
            "pinned" => candidate.pinned = true,
            "bad" => candidate.verdict = Verdict::Bad,
            "suspect" => candidate.verdict = Verdict::Suspect,
            "unproven" => candidate.verdict = Verdict::Unproven,
            "partial" => candidate.verdict = Verdict::Partial,
            "running" => candidate.state = BackupState::Running,
            "failed" => candidate.state = BackupState::Failed,
            "interrupted" => candidate.state = BackupState::Interrupted,
            "missing" => candidate.state = BackupState::Missing,
            "trashed" => candidate.state = BackupState::Trashed,
            "leased" => candidate.obstacle = Some(Obstacle::Leased),
            "newer" => candidate.obstacle = Some(Obstacle::NewerFormat),
            "notes" => candidate.obstacle = Some(Obstacle::Notes),
            "unreadable" => candidate.obstacle = Some(Obstacle::Unreadable),
            other => panic!("{other}"),
        }
    }
    candidate
}

fn daily(count: u32) -> RetentionPolicy {
    RetentionPolicy { daily: Some(count), ..RetentionPolicy::default() }
}

fn usual() -> Circumstances {
    Circumstances::default()
}

#[test]
fn a_count_keeps_the_newest_good_of_its_kind() {
    check(
        &daily(3),
        "2026-11-09",
        &usual(),
        &[
            "1 daily 2026-11-01 | REMOVED daily, beyond the newest 3",
            "2 weekly 2026-11-02 | no rule for weekly",
            "3 daily 2026-11-03 | REMOVED daily, beyond the newest 3",
            "4 daily 2026-11-04 unproven | unproven: it does not count",
            "5 daily 2026-11-05 | daily 3 of 3",
            "6 daily 2026-11-06 failed | failed: it has no archive",
            "7 daily 2026-11-07 | daily 2 of 3",
            "8 daily 2026-11-08 | newest good",
            "9 daily 2026-11-09 running | still being made",
        ],
    );
}

#[test]
fn failures_evict_nothing() {
    check(
        &daily(1),
        "2026-11-09",
        &usual(),
        &[
            "1 daily 2026-11-01 | REMOVED daily, beyond the newest 1",
            "2 daily 2026-11-02 | kept: one of the last 3 good ones",
            "3 daily 2026-11-03 | kept: one of the last 3 good ones",
            "4 daily 2026-11-04 | newest good",
            "5 daily 2026-11-05 bad | bad: a person decides",
            "6 daily 2026-11-06 suspect | suspect: a person decides",
            "7 daily 2026-11-07 unproven | unproven: it does not count",
            "8 daily 2026-11-08 missing | its archive is missing",
            "9 daily 2026-11-09 unreadable | its archive cannot be read: a person decides",
        ],
    );
    // Without a good one nothing goes.
    check(
        &daily(1),
        "2026-11-09",
        &usual(),
        &["1 daily 2026-11-01 unproven | unproven: it does not count", "2 daily 2026-11-02 bad | bad: a person decides"],
    );
}

#[test]
fn protections() {
    check(
        &daily(1),
        "2026-12-24",
        &Circumstances { held_before: Some(4), ..usual() },
        &[
            "0 daily 2026-10-01 | imported, not included",
            "1 daily 2026-11-01 | held: a newer backup is suspect",
            "2 daily 2026-11-02 pinned | pinned",
            "3 safety 2026-11-03 | held: a newer backup is suspect",
            "4 daily 2026-11-04 suspect | suspect: a person decides",
            "5 daily 2026-11-05 leased | leased: it is being read",
            "6 daily 2026-11-06 newer | newer format",
            "7 manual 2026-11-07 | manual",
            "8 daily 2026-11-08 trashed | in the trash",
            "9 daily 2026-11-09 | REMOVED daily, beyond the newest 1",
            "10 safety 2026-12-10 | REMOVED safety, older than 7 days",
            "11 safety 2026-12-18 | safety, younger than 7 days",
            "12 daily 2026-12-19 | newest good",
            "13 safety 2026-12-20 | safety, younger than 7 days",
        ],
    );
}

#[test]
fn one_whose_notes_cannot_be_read_stays_and_counts() {
    check(
        &daily(3),
        "2026-12-24",
        &usual(),
        &[
            "1 daily 2026-11-01 notes | its notes cannot be read: it may be pinned",
            "2 daily 2026-11-02 | REMOVED daily, beyond the newest 3",
            "3 daily 2026-11-03 | daily 3 of 3",
            "4 daily 2026-11-04 notes | daily 2 of 3",
            "5 daily 2026-11-05 notes | newest good",
        ],
    );
}

#[test]
fn a_safety_backup_is_never_the_newest_good() {
    check(
        &daily(1),
        "2027-12-24",
        &usual(),
        &[
            "1 daily 2026-11-01 | newest good",
            "2 safety 2026-11-02 | kept: no newer good one",
            "3 daily 2026-11-03 bad | bad: a person decides",
        ],
    );
    check(
        &RetentionPolicy::default(),
        "2027-12-24",
        &usual(),
        &["1 safety 2026-11-01 | no rule for safety", "2 daily 2026-11-02 | newest good"],
    );
}

#[test]
fn a_year_keeps_its_oldest_monthly() {
    let policy = RetentionPolicy { monthly: Some(2), yearly: Some(2), ..RetentionPolicy::default() };
    check(
        &policy,
        "2027-02-02",
        &usual(),
        &[
            "1 monthly 2025-01-01 | REMOVED monthly, beyond the newest 2",
            "2 yearly 2025-12-31 | REMOVED yearly, beyond the newest 2",
            "3 monthly 2026-01-01 bad | bad: a person decides",
            "4 monthly 2026-02-01 | yearly 2 of 2: the oldest monthly of 2026",
            "5 monthly 2026-03-01 | REMOVED monthly, beyond the newest 2",
            "6 yearly 2026-12-30 | yearly 2 of 2",
            "7 monthly 2027-01-01 | monthly 2 of 2",
            "8 yearly 2027-01-31 | yearly 1 of 2",
            "9 monthly 2027-02-01 | newest good",
        ],
    );
}

#[test]
fn last_is_over_all_automatic_kinds_but_startup_and_shutdown() {
    let policy = RetentionPolicy { last: Some(3), shutdown: Some(1), ..RetentionPolicy::default() };
    check(
        &policy,
        "2026-11-20",
        &usual(),
        &[
            "1 interval 2026-11-01 | REMOVED beyond the last 3",
            "2 weekly 2026-11-02 | REMOVED beyond the last 3",
            "3 shutdown 2026-11-03 | REMOVED shutdown, beyond the newest 1",
            "4 hourly 2026-11-04 | last 3 of 3",
            "5 interval 2026-11-05 | last 2 of 3",
            "6 shutdown 2026-11-06 | shutdown 1 of 1",
            "7 startup 2026-11-06 | startup 2 of 10",
            "8 manual 2026-11-07 | manual",
            "9 interval 2026-11-08 | last 1 of 3",
            "10 startup 2026-11-09 | newest good",
        ],
    );
    let many: Vec<Candidate> = (1..=30).map(|n| good(Kind::Startup, n, at("2026-11-01"))).collect();
    let removed = |policy: &RetentionPolicy| plan(&many, policy, at("2026-11-02"), &usual()).removed.len();
    assert_eq!(removed(&policy), 20, "a crash loop");
    assert_eq!(removed(&RetentionPolicy::default()), 0, "without any rule everything stays");
}

#[test]
fn the_maxima_remove_what_counts_would_keep() {
    let policy = RetentionPolicy { daily: Some(9), max_age_secs: Some(5 * 86_400), max_count: Some(5), ..RetentionPolicy::default() };
    check(
        &policy,
        "2026-11-09",
        &usual(),
        &[
            "1 daily 2026-11-01 | REMOVED older than 5 d",
            "2 hourly 2026-11-03 | REMOVED older than 5 d",
            "3 daily 2026-11-04 | REMOVED more than 5 in all",
            "4 hourly 2026-11-05 | REMOVED more than 5 in all",
            "5 hourly 2026-11-05 | younger than 5 d",
            "6 daily 2026-11-06 | daily 3 of 9",
            "7 manual 2026-10-01 | manual",
            "8 daily 2026-11-07 | daily 2 of 9",
            "9 interval 2026-11-08 | younger than 5 d",
            "10 daily 2026-11-09 | newest good",
        ],
    );
    let policy = RetentionPolicy { max_age_secs: Some(86_400), ..RetentionPolicy::default() };
    check(
        &policy,
        "2027-11-09",
        &usual(),
        &[
            "1 daily 2026-11-01 | REMOVED older than 1 d",
            "2 daily 2026-11-02 | kept: one of the last 3 good ones",
            "3 daily 2026-11-03 | kept: one of the last 3 good ones",
            "4 daily 2026-11-04 | newest good",
        ],
    );
}

#[test]
fn manual_and_imported_go_only_if_someone_says_so() {
    let policy = RetentionPolicy { max_count: Some(3), imported: true, ..RetentionPolicy::default() };
    check(
        &policy,
        "2026-11-20",
        &Circumstances { manual: Manual::Included, ..usual() },
        &[
            "-1 manual 2026-09-01 | REMOVED more than 3 in all",
            "0 imported 2026-10-01 | REMOVED more than 3 in all",
            "1 manual 2026-11-01 | REMOVED more than 3 in all",
            "2 manual 2026-11-02 pinned | pinned",
            "3 daily 2026-11-03 | among the newest 3",
            "4 manual 2026-11-04 | newest good",
        ],
    );
    // An imported one is never what the rest is held against.
    check(
        &policy,
        "2026-11-20",
        &usual(),
        &[
            "-4 daily 2026-08-01 | kept: no newer good one",
            "-3 daily 2026-08-02 | among the newest 3",
            "-2 daily 2026-08-03 | among the newest 3",
            "-1 daily 2026-08-04 | among the newest 3",
        ],
    );
}

#[test]
fn the_clock() {
    let policy = RetentionPolicy { max_age_secs: Some(30 * 86_400), ..RetentionPolicy::default() };
    let five = |said: [&str; 5], now: &str, guard| {
        let lines = ["1 daily 2026-11-01", "2 daily 2026-11-02", "3 daily 2026-11-03", "4 daily 2026-11-04", "5 daily 2026-11-05"];
        let lines: Vec<String> = lines.iter().zip(said).map(|(line, said)| format!("{line} | {said}")).collect();
        check(&policy, now, &Circumstances { clock_guard: guard, ..usual() }, &lines.iter().map(String::as_str).collect::<Vec<_>>());
    };
    let doubt = "kept: the clock was changed, and no good backup was made since";
    let floor = "kept: one of the last 3 good ones";
    let old = "REMOVED older than 30 d";
    five([old, old, floor, floor, "newest good"], "2027-11-05", None);
    five([doubt, doubt, doubt, doubt, "newest good"], "2027-11-05", Some(5));
    five([old, old, floor, floor, "newest good"], "2027-11-05", Some(4));
    // Its clock was a year ahead, and is right again: nothing goes before the next good one.
    check(
        &daily(1),
        "2026-11-06",
        &usual(),
        &[
            &format!("1 daily 2026-11-01 | {doubt}"),
            "2 weekly 2026-11-02 | no rule for weekly",
            &format!("3 daily 2026-11-03 | {doubt}"),
            "4 daily 2027-11-04 | newest good",
        ],
    );
    // One that was made with a clock of 1970 is as old as the one before it; one from the future is no evidence.
    check(
        &policy,
        "2026-11-20",
        &usual(),
        &[
            "1 daily 2026-10-01 | REMOVED older than 30 d",
            "2 daily 2026-11-02 | younger than 30 d",
            "3 daily 1970-01-01 | younger than 30 d",
            "4 daily 2036-01-01 | younger than 30 d",
            "5 daily 2026-11-19 | newest good",
        ],
    );
    let odd = |known: &str, now: &str| clock_anomaly(Some(at(known)), at(now)).map(crate::retention::ClockAnomaly::words);
    assert_eq!(odd("2026-11-01", "2026-11-07"), None);
    assert_eq!(odd("2026-11-01", "2026-11-01T02:59:00Z"), None);
    assert!(odd("2026-11-01", "2026-11-01T02:57:00Z").unwrap().contains("went back"));
    assert!(odd("2026-11-01", "2026-11-09").unwrap().contains("jumped"));
    assert_eq!(clock_anomaly(None, at("2026-11-01")), None);
}

#[test]
fn nobody_looks() {
    let history: Vec<Candidate> = (1..=40).map(|n| good(Kind::Daily, n, at("2026-11-01"))).collect();
    let unattended = Circumstances { pass: Pass::Unattended, ..usual() };
    let first = plan(&history, &daily(7), at("2026-11-02"), &unattended);
    assert_eq!((first.removed.clone(), first.postponed()), ((0..8).collect(), 25), "the oldest first, a fifth at once");
    assert_eq!([1, 15, 20, 49, 50, 1000].map(pass_limit), [3, 3, 4, 9, 10, 10]);
}

#[test]
fn without_proof_complete_ones_count() {
    let by = Circumstances { count_by: CountBy::Complete, ..usual() };
    check(
        &daily(3),
        "2026-11-09",
        &by,
        &[
            "1 daily 2026-11-01 unproven | REMOVED daily, beyond the newest 3",
            "2 daily 2026-11-02 bad | bad: a person decides",
            "3 daily 2026-11-03 unproven | daily 3 of 3",
            "4 daily 2026-11-04 | daily 2 of 3",
            "5 daily 2026-11-05 unproven | newest good",
        ],
    );
    check(
        &daily(0),
        "2026-11-09",
        &by,
        &[
            "1 daily 2026-11-01 unproven | REMOVED daily, beyond the newest 0",
            "2 daily 2026-11-03 unproven | kept: one of the last 3 good ones",
            "3 daily 2026-11-04 unproven | kept: one of the last 3 good ones",
            "4 daily 2026-11-05 unproven | newest good",
        ],
    );
    assert_eq!(FLOOR, 3);
}

#[test]
fn what_it_will_hold_in_a_month() {
    let history: Vec<Candidate> =
        (1..=3).map(|n| Candidate { archive_size_bytes: 100 * i64::unsigned_abs(n), ..good(Kind::Daily, n, at("2026-11-01")) }).collect();
    let rates = [Rate { kind: Kind::Daily, every_secs: 86_400 }, Rate { kind: Kind::Weekly, every_secs: 7 * 86_400 }];
    let held = |policy: &RetentionPolicy| {
        let forecast = forecast(&history, policy, at("2026-11-03"), &usual(), &rates);
        (forecast.count, forecast.bytes, forecast.new_count)
    };
    assert_eq!(held(&RetentionPolicy::standard()), (7 + 4, 11 * 300, 11));
    assert_eq!(held(&RetentionPolicy::default()), (3 + 30 + 4, 600 + 34 * 300, 34), "everything stays");
    assert_eq!(held(&RetentionPolicy { max_count: Some(5), ..RetentionPolicy::default() }).0, 5);
    let nothing = forecast(&[], &RetentionPolicy::standard(), at("2026-11-03"), &usual(), &[]);
    assert_eq!((nothing.count, nothing.bytes), (0, 0));
}

#[test]
fn a_policy_in_words_and_in_a_form() {
    assert_eq!(RetentionPolicy::standard().words(), "7 daily, 4 weekly, 12 monthly");
    assert_eq!(RetentionPolicy::default().words(), "everything stays");
    let all = RetentionPolicy {
        last: Some(10),
        max_age_secs: Some(30 * 86_400),
        max_count: Some(30),
        imported: true,
        ..RetentionPolicy::default()
    };
    assert_eq!(all.words(), "the last 10, at most 30 d old, at most 30 in all");
    for policy in [RetentionPolicy::standard(), all, RetentionPolicy { max_age_secs: Some(36 * 3600), ..RetentionPolicy::default() }] {
        assert_eq!(PolicyText::of(&policy).policy(), Ok(policy.clone()), "{policy:?}");
        assert_eq!(serde_json::from_str::<RetentionPolicy>(&serde_json::to_string(&policy).unwrap()).unwrap(), policy);
    }
    let refused = |field: &str, value: &str| {
        let mut text = PolicyText::default();
        text.values[PolicyText::FIELDS.iter().position(|known| *known == field).unwrap()] = value.to_owned();
        text.policy().unwrap_err().field
    };
    for (field, value) in [
        ("daily", "-1"),
        ("daily", "many"),
        ("max_age", "0"),
        ("max_age", "inf"),
        ("max_age", "40000"),
        ("max_count", "0"),
        ("last", "9999999"),
    ] {
        assert_eq!(refused(field, value), field, "{value}");
    }
}

fn backup(sequence: i64, kind: Kind) -> Backup {
    let names = [CheckName::FileExistence, CheckName::ChecksumValidation, CheckName::SqliteIntegrityCheck, CheckName::RowCounts];
    let checks = names.map(|name| Check { name, result: CheckResult::Passed, detail: String::new(), elapsed_ms: 1 }).to_vec();
    let (database, created_at) = ("shop".parse().unwrap(), at("2026-11-01"));
    Backup {
        id: BackupId::compose(&database, kind, created_at, u32::try_from(sequence + 100).unwrap()),
        database,
        kind,
        sequence,
        state: BackupState::Complete,
        created_at,
        created_by: String::new(),
        description: String::new(),
        tags: Vec::new(),
        pinned: false,
        suspect: None,
        suspect_cause: None,
        acknowledged: None,
        original_size_bytes: 1,
        archive_size_bytes: 1,
        total_records: 0,
        payload_hash: None,
        encryption: crate::backup::Encryption::None,
        coverage: Coverage::Whole,
        proof: Some(Proof { checked_at: created_at, checks }),
        error: None,
        job: None,
        trashed_at: None,
        trash_until: None,
    }
}

#[test]
fn what_holds_and_what_a_person_may_delete() {
    let mut all = vec![backup(0, Kind::Daily), backup(1, Kind::Daily), backup(2, Kind::Daily), backup(3, Kind::Safety)];
    assert_eq!(holding_sequence(&all), None);
    assert_eq!(delete_refusal(&all[2], &all), None, "another good one is there");
    all[1].state = BackupState::Trashed;
    assert!(delete_refusal(&all[2], &all).is_some(), "imported and safety ones are not what a database is brought back from");
    all[1].state = BackupState::Complete;
    all[2].suspect = Some("a table is gone".to_owned());
    assert_eq!(holding_sequence(&all), Some(2));
    assert!(delete_refusal(&all[1], &all).unwrap().contains("suspect"));
    assert!(delete_refusal(&all[0], &all).unwrap().contains("suspect"));
    assert!(delete_refusal(&all[2], &all).unwrap().contains("acknowledge"), "the suspect one goes only when someone took note of it");
    all[2].state = BackupState::Trashed;
    assert_eq!(holding_sequence(&all), None);
}
