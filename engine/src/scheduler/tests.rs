//! Tests of the scheduler: tables of moments, then ticks on a real vault.

use jiff::{SignedDuration, Timestamp};
use keepstone_model::{
    id::Kind,
    job::JobState,
    schedule::{IfMissed, Preset, Schedule},
};

use super::{
    decide::{Circumstances, Decision, decide},
    housekeep, tick,
    timing::Timing,
};
use crate::{
    Vault,
    catalog::{ScheduleRow, Standing},
    databases,
    jobs::JobFilter,
    schedules::{self, new_row},
    testing::{self, at, open, plain_event, vault},
};

fn schedule(cron: &str, zone: &str) -> Schedule {
    Schedule::cron(Kind::Daily, cron, zone)
}

/// The runs after `from`, as local times with their offsets.
fn runs(cron: &str, zone: &str, from: &str, count: usize) -> Vec<String> {
    let timing = Timing::of(&schedule(cron, zone)).unwrap();
    let runs = std::iter::successors(timing.next_after(at(from)), |&run| timing.next_after(run));
    let zone = jiff::tz::TimeZone::get(zone).unwrap();
    runs.take(count).map(|run| run.to_zoned(zone.clone()).strftime("%m-%d %H:%M%:z").to_string()).collect()
}

#[test]
fn daylight_saving_time_neither_doubles_nor_skips() {
    const BERLIN: &str = "Europe/Berlin"; // gap 2026-03-29 02:00–03:00, overlap 2026-10-25 02:00–03:00
    const NEW_YORK: &str = "America/New_York"; // gap 2026-03-08 02:00–03:00, overlap 2026-11-01 01:00–02:00
    const LORD_HOWE: &str = "Australia/Lord_Howe"; // gap 2026-10-04 02:00–02:30, overlap 2026-04-05 01:30–02:00
    const KOLKATA: &str = "Asia/Kolkata";
    let gap = "2026-03-28T12:00:00Z";
    let overlap = "2026-10-24T12:00:00Z";
    let (howe_gap, howe_overlap) = ("2026-10-03T00:00:00Z", "2026-04-04T00:00:00Z");
    let cases: [(&str, &str, &str, &[&str]); 24] = [
        ("0 2 * * *", BERLIN, gap, &["03-29 03:00+02:00", "03-30 02:00+02:00"]),
        ("30 2 * * *", BERLIN, gap, &["03-29 03:00+02:00", "03-30 02:30+02:00"]),
        ("0 3 * * *", BERLIN, gap, &["03-29 03:00+02:00", "03-30 03:00+02:00"]),
        ("30 2 * * *", BERLIN, overlap, &["10-25 02:30+02:00", "10-26 02:30+01:00"]),
        ("0 3 * * *", BERLIN, overlap, &["10-25 03:00+01:00", "10-26 03:00+01:00"]),
        ("30 2 * * *", NEW_YORK, "2026-03-07T12:00:00Z", &["03-08 03:00-04:00", "03-09 02:30-04:00"]),
        ("30 1 * * *", NEW_YORK, "2026-10-31T12:00:00Z", &["11-01 01:30-04:00", "11-02 01:30-05:00"]),
        // From within the second half of the overlap: this date's run is over.
        ("30 1 * * *", NEW_YORK, "2026-11-01T06:10:00Z", &["11-02 01:30-05:00"]),
        // Several fixed hours are fixed hours.
        ("30 2,14 * * *", BERLIN, gap, &["03-28 14:30+01:00", "03-29 03:00+02:00", "03-29 14:30+02:00"]),
        ("30 2,14 * * *", BERLIN, "2026-10-25T00:00:00Z", &["10-25 02:30+02:00", "10-25 14:30+01:00"]),
        // And so is a range of them.
        ("0 1-3 * * *", BERLIN, gap, &["03-29 01:00+01:00", "03-29 03:00+02:00", "03-30 01:00+02:00"]),
        ("0 1-3 * * *", BERLIN, overlap, &["10-25 01:00+02:00", "10-25 02:00+02:00", "10-25 03:00+01:00"]),
        // Wildcards and steps run whenever it is that time.
        ("0 * * * *", BERLIN, "2026-03-29T00:30:00Z", &["03-29 03:00+02:00", "03-29 04:00+02:00"]),
        ("0 * * * *", BERLIN, "2026-10-24T23:30:00Z", &["10-25 02:00+02:00", "10-25 02:00+01:00", "10-25 03:00+01:00"]),
        ("*/30 * * * *", NEW_YORK, "2026-11-01T05:15:00Z", &["11-01 01:30-04:00", "11-01 01:00-05:00", "11-01 01:30-05:00"]),
        // Half an hour: 02:00 becomes 02:30, and 02:00 becomes 01:30.
        ("15 2 * * *", LORD_HOWE, howe_gap, &["10-04 02:30+11:00", "10-05 02:15+11:00"]),
        ("30 2 * * *", LORD_HOWE, howe_gap, &["10-04 02:30+11:00", "10-05 02:30+11:00"]),
        ("45 1 * * *", LORD_HOWE, howe_overlap, &["04-05 01:45+11:00", "04-06 01:45+10:30"]),
        ("0 2 * * *", LORD_HOWE, howe_overlap, &["04-05 02:00+10:30", "04-06 02:00+10:30"]),
        ("*/15 1 * * 0", LORD_HOWE, "2026-04-04T14:20:00Z", &["04-05 01:30+11:00", "04-05 01:45+11:00", "04-05 01:30+10:30"]),
        // No change of the clock, not even with a half hour in the offset.
        ("30 2 * * *", KOLKATA, gap, &["03-29 02:30+05:30", "03-30 02:30+05:30"]),
        ("0 */6 * * *", KOLKATA, overlap, &["10-24 18:00+05:30", "10-25 00:00+05:30", "10-25 06:00+05:30"]),
        ("30 2 * * *", "UTC", gap, &["03-29 02:30+00:00", "03-30 02:30+00:00"]),
        // 29 February, and only then.
        ("0 2 29 2 *", "UTC", gap, &["02-29 02:00+00:00"]),
    ];
    for (cron, zone, from, expected) in cases {
        assert_eq!(runs(cron, zone, from, expected.len()), expected, "{cron} {zone} {from}");
    }
}

#[test]
fn every_local_date_of_a_decade_has_its_one_run() {
    for (cron, zone) in [("30 2 * * *", "Europe/Berlin"), ("15 1 * * *", "America/New_York"), ("0 0 * * *", "America/Sao_Paulo")] {
        let mut dates: Vec<String> = runs(cron, zone, "2015-01-01T12:00:00Z", 3650).iter().map(|run| run[..5].to_owned()).collect();
        let count = dates.len();
        dates.dedup();
        assert_eq!((count, dates.len()), (3650, 3650), "{cron} {zone}");
        assert_eq!(dates[3649], "12-29", "3650 runs later it is 3650 days later");
    }
}

#[test]
fn what_is_no_schedule() {
    for (cron, zone) in [("0 2 * *", "UTC"), ("0 0 2 * * *", "UTC"), ("61 2 * * *", "UTC"), ("", "UTC"), ("0 2 * * *", "Mars/Olympus")] {
        assert!(Timing::of(&schedule(cron, zone)).is_err(), "{cron} {zone}");
    }
    assert_eq!(Timing::of(&schedule("0 2 30 2 *", "UTC")).unwrap().next_after(at("2026-01-01T00:00:00Z")), None, "30 February");
}

#[test]
fn a_cron_in_words() {
    let cases = [
        ("0 2 * * *", "Every day at 02:00"),
        ("0 3 * * 1", "Every Monday at 03:00"),
        ("5 14 * * sun", "Every Sunday at 14:05"),
        ("0 3 1 * *", "On the 1st of each month at 03:00"),
        ("0 3 22 * *", "On the 22nd of each month at 03:00"),
        ("0 3 11 * *", "On the 11th of each month at 03:00"),
        ("15 * * * *", "Every hour at minute 15"),
        ("*/10 * * * *", "Every 10 minutes"),
    ];
    for (cron, words) in cases {
        assert_eq!(Timing::of(&schedule(cron, "UTC")).unwrap().words(), words, "{cron}");
    }
    for cron in ["0 2,14 * * *", "0 2 * * 1-5", "30 4 1 1 *"] {
        let words = Timing::of(&schedule(cron, "UTC")).unwrap().words();
        assert!(words.len() > 8 && !words.contains('*') && !words.ends_with('.'), "{cron}: {words}");
    }
}

#[test]
fn the_longest_gap_between_runs() {
    let hours =
        |cron: &str| Timing::of(&schedule(cron, "Europe/Berlin")).unwrap().longest_gap_secs(at("2026-11-20T12:00:00Z")).map(|s| s / 3600);
    let cases = [
        ("0 2 * * *", Some(24)),
        ("0 3 * * 1", Some(7 * 24)),
        ("0 3 1 * *", Some(31 * 24)),
        ("0 * * * *", Some(1)),
        ("0 8,18 * * *", Some(14)),
        ("0 2 * * 1-5", Some(3 * 24)),
        ("0 2 30 2 *", None),
    ];
    for (cron, gap) in cases {
        assert_eq!(hours(cron), gap, "{cron}");
    }
}

const IDLE: Circumstances = Circumstances { now: Timestamp::UNIX_EPOCH, paused: false, waiting: false };

/// Where a daily schedule at 02:00 UTC stands that was planned and last run at these times.
fn standing(planned_at: &str, next_run_at: &str, last_run_at: Option<&str>) -> Standing {
    Standing { planned_at: Some(at(planned_at)), next_run_at: Some(at(next_run_at)), last_run_at: last_run_at.map(at), last_job: None }
}

#[test]
fn what_is_done_at_which_moment() {
    let daily = schedule("0 2 * * *", "UTC");
    let skip = Schedule { if_missed: IfMissed::Skip, ..daily.clone() };
    let today = standing("2026-11-19T02:00:00Z", "2026-11-20T02:00:00Z", Some("2026-11-19T02:00:00Z"));
    let ran = standing("2026-11-20T02:00:03Z", "2026-11-21T02:00:00Z", Some("2026-11-20T02:00:00Z"));
    let new = Standing::default();
    let run = |due: &str, next: &str| format!("run {due}, next {next}");
    let moved = |next: &str| format!("next {next}");
    let wait = || "wait".to_owned();
    let cases: Vec<(&str, &Schedule, &Standing, Circumstances, String)> = vec![
        ("before its time", &daily, &today, now("2026-11-20T01:59:59.999Z"), wait()),
        ("on the dot", &daily, &today, now("2026-11-20T02:00:00Z"), run("11-20", "11-21")),
        ("missed for hours", &daily, &today, now("2026-11-20T09:00:00Z"), run("11-20", "11-21")),
        ("missed for days: once", &daily, &today, now("2026-12-05T09:00:00Z"), run("11-20", "12-06")),
        ("missed, and not wanted", &skip, &today, now("2026-11-20T09:00:00Z"), moved("11-21")),
        ("a little late is not missed", &skip, &today, now("2026-11-20T02:04:00Z"), run("11-20", "11-21")),
        ("paused", &daily, &today, Circumstances { paused: true, ..now("2026-11-20T02:00:01Z") }, moved("11-21")),
        ("the one before still waits", &daily, &today, Circumstances { waiting: true, ..now("2026-11-20T02:00:01Z") }, moved("11-21")),
        ("never planned", &daily, &new, now("2026-11-20T03:00:00Z"), moved("11-21")),
        ("the clock went back an hour over the run", &daily, &ran, now("2026-11-20T01:00:03Z"), moved("11-21")),
        ("the clock went back, and the run's time comes again", &daily, &ran, now("2026-11-20T02:00:00Z"), moved("11-21")),
        ("the clock went back over two runs", &daily, &ran, now("2026-11-19T01:00:00Z"), "forget, next 11-19".to_owned()),
        ("the clock was a month ahead", &daily, &ran, now("2026-10-20T10:00:00Z"), "forget, next 10-21".to_owned()),
        ("the clock went back, but not over the plan", &daily, &ran, now("2026-11-20T02:00:04Z"), wait()),
    ];
    for (name, schedule, standing, at, expected) in cases {
        let now = at.now;
        let decision = decide(schedule, &Timing::of(schedule).unwrap(), standing, &at);
        let day = |at: Option<Timestamp>| at.unwrap().strftime("%m-%d").to_string();
        let got = match &decision {
            Decision::Wait => "wait".to_owned(),
            Decision::Move(to) => format!("next {}", day(to.next_run_at)),
            Decision::ForgetFuture(to) => format!("forget, next {}", day(to.next_run_at)),
            Decision::Run { due_at, then } => format!("run {}, next {}", day(Some(*due_at)), day(then.next_run_at)),
        };
        assert_eq!(got, expected, "{name}");
        if let Decision::Move(to) | Decision::ForgetFuture(to) | Decision::Run { then: to, .. } = decision {
            assert_eq!(to.planned_at, Some(now), "{name}");
            let again = decide(schedule, &Timing::of(schedule).unwrap(), &to, &Circumstances { now, ..IDLE });
            assert_eq!(again, Decision::Wait, "{name}: a second look at the same moment does nothing");
        }
    }
}

fn now(text: &str) -> Circumstances {
    Circumstances { now: at(text), ..IDLE }
}

/// A database with these schedules, as it was added at that time.
fn protected(vault: &Vault, name: &str, schedules: Vec<Schedule>, added_at: &str) -> keepstone_model::database::Database {
    let mut database = testing::database(vault, name);
    vault.catalog().remove_database(&database.id, &plain_event("database.removed"), at(added_at)).unwrap();
    database.added_at = at(added_at);
    let rows: Vec<ScheduleRow> =
        schedules.into_iter().map(|schedule| new_row(&database.id, &schedule, database.added_at).unwrap()).collect();
    vault.catalog().add_database(&database, &rows, &[], &plain_event("database.added")).unwrap()
}

/// The kinds of the queued jobs, in the order in which they run.
fn queued(vault: &Vault) -> Vec<String> {
    let mut rows = vault.catalog().list_jobs(&JobFilter::default()).unwrap();
    rows.reverse();
    rows.iter().map(|row| serde_json::from_str::<serde_json::Value>(&row.request).unwrap()["kind"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn runs_due_together_queue_the_rarer_kind_first_and_once() {
    let f = vault();
    let other = open(&f.dir);
    // 1 June 2026 is a Monday.
    protected(&f.vault, "shop", Preset::Standard.schedules("UTC", None), "2026-05-31T12:00:00Z");
    assert!(tick(&f.vault, at("2026-06-01T01:59:00Z")).unwrap().is_empty());
    // The machine slept until nine: each of the three is made up, once, by whichever process comes first.
    let now = at("2026-06-01T09:00:00Z");
    let both: Vec<_> = std::thread::scope(|scope| {
        let threads = [&f.vault, &other].map(|vault| scope.spawn(move || tick(vault, now).unwrap()));
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(both.len(), 3);
    let mut kinds = queued(&f.vault);
    assert_eq!(kinds.len(), 3);
    for (later, text) in [("2026-06-01T09:00:05Z", "at once"), ("2026-06-02T01:59:59Z", "before the next")] {
        assert!(tick(&other, at(later)).unwrap().is_empty(), "{text}");
    }
    let rows = schedules::list(&f.vault, None, now).unwrap();
    let next: Vec<String> = rows.iter().map(|row| row.next_run_at.unwrap().to_string()).collect();
    assert_eq!(next, ["2026-06-02T02:00:00Z", "2026-06-08T03:00:00Z", "2026-07-01T03:00:00Z"]);
    assert_eq!(rows[0].last_run_at, Some(at("2026-06-01T02:00:00Z")));
    kinds.sort();
    assert_eq!(kinds, ["daily", "monthly", "weekly"]);

    let alone = vault();
    protected(&alone.vault, "shop", Preset::Standard.schedules("UTC", None), "2026-05-31T12:00:00Z");
    tick(&alone.vault, now).unwrap();
    assert_eq!(queued(&alone.vault), ["monthly", "weekly", "daily"]);
}

#[test]
fn a_process_that_dies_between_job_and_schedule_takes_no_run_twice() {
    let f = vault();
    protected(&f.vault, "shop", vec![schedule("0 2 * * *", "UTC")], "2026-06-01T12:00:00Z");
    let before = f.vault.catalog().schedules(None).unwrap().remove(0);
    let now = at("2026-06-02T02:00:01Z");
    let first = tick(&f.vault, now).unwrap();
    let after = f.vault.catalog().schedules(None).unwrap().remove(0);
    // As if the schedule had never been moved on.
    assert!(f.vault.catalog().move_schedule(before.number, &after.standing, &before.standing).unwrap());
    assert_eq!(tick(&f.vault, now).unwrap(), first);
    assert_eq!(queued(&f.vault).len(), 1);
}

#[test]
fn a_run_waits_for_no_second_one_behind_it() {
    let f = vault();
    protected(&f.vault, "shop", vec![schedule("0 * * * *", "UTC")], "2026-06-01T11:30:00Z");
    let jobs = tick(&f.vault, at("2026-06-01T12:00:00Z")).unwrap();
    for hour in 13..20 {
        assert!(tick(&f.vault, at(&format!("2026-06-01T{hour}:00:00Z"))).unwrap().is_empty(), "the first one still waits");
    }
    let mut job = f.vault.catalog().get_job(&jobs[0]).unwrap().unwrap().job;
    job.state = JobState::Done;
    f.vault.catalog().put_job(&job, None).unwrap();
    assert_eq!(tick(&f.vault, at("2026-06-01T20:00:00Z")).unwrap().len(), 1);
}

#[test]
fn a_paused_database_makes_nothing_up_afterwards() {
    let f = vault();
    let database = protected(&f.vault, "shop", vec![schedule("0 2 * * *", "UTC")], "2026-06-01T12:00:00Z");
    let pause = |paused| {
        let options = databases::EditDatabaseOptions { paused: Some(paused), actor: "alice".to_owned(), ..Default::default() };
        databases::edit_database(&f.vault, &database.id, &options).unwrap();
    };
    pause(true);
    assert!(tick(&f.vault, at("2026-06-02T02:00:00Z")).unwrap().is_empty());
    assert_eq!(databases::status(&f.vault, &database.id, at("2026-06-02T02:00:00Z")).unwrap().next_run_at, None);
    pause(false);
    assert!(tick(&f.vault, at("2026-06-02T10:00:00Z")).unwrap().is_empty());
    assert_eq!(tick(&f.vault, at("2026-06-03T02:00:00Z")).unwrap().len(), 1);
}

#[test]
fn a_clock_that_was_a_year_ahead_does_not_silence_that_year() {
    let f = vault();
    protected(&f.vault, "shop", vec![schedule("0 2 * * *", "UTC")], "2026-06-01T12:00:00Z");
    let wrong = at("2027-06-02T02:00:00Z");
    let done = |ids: Vec<keepstone_model::id::JobId>| {
        for id in &ids {
            let mut job = f.vault.catalog().get_job(id).unwrap().unwrap().job;
            job.state = JobState::Done;
            f.vault.catalog().put_job(&job, None).unwrap();
        }
        ids.len()
    };
    assert_eq!(done(tick(&f.vault, wrong).unwrap()), 1, "made up");
    assert_eq!(done(tick(&f.vault, wrong + SignedDuration::from_hours(24)).unwrap()), 1, "for 3 June 2027");
    // The clock is right again.
    assert_eq!(done(tick(&f.vault, at("2026-06-02T12:00:00Z")).unwrap()), 0);
    let day = |text: &str| done(tick(&f.vault, at(&format!("{text}T02:00:00Z"))).unwrap());
    for (text, what) in [
        ("2026-06-03", "again from now on"),
        ("2026-06-04", "every day"),
        ("2027-06-01", "made up"),
        ("2027-06-02", "the first of the times that were taken for past"),
        ("2027-06-03", "and the second"),
    ] {
        assert_eq!(day(text), 1, "{text}: {what}");
    }
}

#[test]
fn what_has_expired_in_the_trash_goes_at_most_hourly() {
    let f = vault();
    let shop = testing::database(&f.vault, "shop").id;
    let mut backups = (1..=3).map(|day| testing::good_backup(&f.vault, &shop, Kind::Daily, at(&format!("2026-06-0{day}T02:00:00Z"))));
    let (one, two) = (backups.next().unwrap(), backups.next().unwrap());
    backups.next().unwrap();
    let until = crate::delete::delete(&f.vault, &one.id, "alice").unwrap().until;
    for before in [SignedDuration::from_hours(12), SignedDuration::from_mins(1)] {
        housekeep(&f.vault, until - before).unwrap();
    }
    assert!(f.vault.trash_path(&one.id).exists(), "not yet");
    housekeep(&f.vault, until + SignedDuration::from_mins(1)).unwrap();
    assert!(f.vault.trash_path(&one.id).exists(), "it looked two minutes ago");
    housekeep(&f.vault, until + SignedDuration::from_mins(60)).unwrap();
    assert!(!f.vault.trash_path(&one.id).exists());
    assert!(f.vault.archive_path(&two.id).exists());
    assert!(crate::delete::trash(&f.vault).unwrap().is_empty());
}
