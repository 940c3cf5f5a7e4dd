//! Tests of changing schedules: what is refused, what an edit begins anew, and that each act is an event.

use keepstone_model::retention::RetentionPolicy;

use super::*;
use crate::{
    activity::{EventFilter, events},
    testing::{self, Fixture, at, vault},
};

const NOW: &str = "2026-11-20T12:00:00Z";

fn shop(f: &Fixture) -> DatabaseId {
    testing::database(&f.vault, "shop").id
}

fn daily(cron: &str) -> Schedule {
    Schedule::cron(Kind::Daily, cron, "Europe/Berlin")
}

fn add_at(f: &Fixture, schedule: Schedule, now: &str) -> Result<ScheduleStatus> {
    let options = AddScheduleOptions { database: "shop".parse().unwrap(), schedule, actor: "alice".to_owned() };
    add(&f.vault, &options, at(now))
}

fn actions(f: &Fixture) -> Vec<String> {
    let all = events(&f.vault, &EventFilter::default()).unwrap();
    all.into_iter().rev().map(|event| event.action).filter(|action| action.starts_with("schedule.")).collect()
}

#[test]
fn a_schedule_lives_from_add_to_remove() {
    let f = vault();
    let shop = shop(&f);
    let added = add_at(&f, daily("0 2 * * *"), NOW).unwrap();
    assert_eq!((added.words.as_str(), added.next_run_at), ("Every day at 02:00", Some(at("2026-11-21T01:00:00Z"))));
    let edit = |options: EditScheduleOptions| {
        edit(&f.vault, added.number, &EditScheduleOptions { actor: "alice".to_owned(), ..options }, at(NOW)).unwrap()
    };
    let paused = edit(EditScheduleOptions { paused: Some(true), ..Default::default() });
    assert_eq!(paused.next_run_at, None);
    let resumed = edit(EditScheduleOptions { paused: Some(false), ..Default::default() });
    assert_eq!(resumed.next_run_at, added.next_run_at);
    let trigger = Trigger::Interval { every_secs: 3600 };
    let changed = edit(EditScheduleOptions { trigger: Some(trigger), kind: Some(Kind::Hourly), ..Default::default() });
    assert_eq!((changed.words.as_str(), changed.next_run_at), ("Every 1 h", Some(at("2026-11-20T13:00:00Z"))));
    assert_eq!(show(&f.vault, added.number, at(NOW)).unwrap().schedule, changed.schedule, "it is written down");

    let job = trigger_job(&f, added.number);
    assert_eq!(crate::jobs::job(&f.vault, &job).unwrap().job.created_by, "alice");
    assert_eq!(show(&f.vault, added.number, at(NOW)).unwrap().next_run_at, changed.next_run_at, "its next run stays");
    remove(&f.vault, added.number, "alice", at(NOW)).unwrap();
    assert!(list(&f.vault, Some(&shop), at(NOW)).unwrap().is_empty());
    assert!(matches!(show(&f.vault, added.number, at(NOW)), Err(Error::UnknownSchedule { .. })));
    let expected = ["schedule.added", "schedule.paused", "schedule.resumed", "schedule.edited", "schedule.triggered", "schedule.removed"];
    assert_eq!(actions(&f), expected);
}

fn trigger_job(f: &Fixture, number: i64) -> JobId {
    let job = trigger(&f.vault, number, "alice", Some("a-form")).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(2));
    assert_eq!(trigger(&f.vault, number, "alice", Some("a-form")).unwrap(), job, "the same form acts once");
    job
}

#[test]
fn what_is_refused_changes_nothing() {
    let f = vault();
    shop(&f);
    add_at(&f, daily("0 2 * * *"), NOW).unwrap();
    let cases = [
        (daily("0 2 * * *"), "already_exists"),
        (daily("0 25 * * *"), "invalid"),
        (daily("0 2 30 2 *"), "invalid"),
        (Schedule::cron(Kind::Daily, "0 3 * * *", "Europe/Atlantis"), "invalid"),
        (Schedule::of(Kind::Daily, Trigger::Start), "invalid"),
    ];
    for (schedule, code) in cases {
        assert_eq!(add_at(&f, schedule.clone(), NOW).unwrap_err().code(), code, "{schedule:?}");
    }
    let unknown = AddScheduleOptions { database: "wiki".parse().unwrap(), schedule: daily("0 4 * * *"), actor: String::new() };
    assert_eq!(add(&f.vault, &unknown, at(NOW)).unwrap_err().code(), "unknown_database");
    assert_eq!(list(&f.vault, None, at(NOW)).unwrap().len(), 1);
    assert_eq!(actions(&f), ["schedule.added"]);
    for minute in 1..SCHEDULES_MAX {
        add_at(&f, daily(&format!("{minute} 2 * * *")), NOW).unwrap();
    }
    assert_eq!(add_at(&f, daily("0 5 * * *"), NOW).unwrap_err().code(), "invalid", "too many");
}

#[test]
fn an_edit_of_other_things_leaves_the_times() {
    let f = vault();
    shop(&f);
    let every = Schedule::of(Kind::Interval, Trigger::Interval { every_secs: 7200 });
    let added = add_at(&f, every, NOW).unwrap();
    assert_eq!(added.next_run_at, Some(at("2026-11-20T14:00:00Z")));
    let skip = EditScheduleOptions { if_missed: Some(IfMissed::Skip), ..Default::default() };
    assert_eq!(edit(&f.vault, added.number, &skip, at("2026-11-20T13:30:00Z")).unwrap().next_run_at, added.next_run_at);
    let kind = EditScheduleOptions { kind: Some(Kind::Hourly), ..Default::default() };
    let edited = edit(&f.vault, added.number, &kind, at("2026-11-20T15:30:00Z")).unwrap();
    assert_eq!(edited.next_run_at, Some(at("2026-11-20T16:00:00Z")), "the old rhythm goes on");
}

#[test]
fn a_preset_takes_the_place_of_everything() {
    let f = vault();
    let shop = shop(&f);
    add_at(&f, daily("17 4 * * *"), NOW).unwrap();
    let preset = |preset, cron: Option<&str>| {
        let options = PresetOptions {
            database: shop.clone(),
            preset,
            time_zone: Some("Europe/Berlin".to_owned()),
            cron: cron.map(str::to_owned),
            actor: "alice".to_owned(),
        };
        apply_preset(&f.vault, &options, at(NOW))
    };
    let PresetReport { database, schedules, .. } = preset(Preset::HalfDaily, None).unwrap();
    let words: Vec<&str> = schedules.iter().map(|status| status.words.as_str()).collect();
    assert_eq!(words, ["Every 12 h", "Each time Keepstone starts", "Each time Keepstone is told to stop"]);
    assert_eq!((database.auto_recovery, database.retention.last), (true, Some(10)));
    assert_eq!(databases::database(&f.vault, &shop).unwrap(), database, "it is written down");

    let PresetReport { database, schedules, .. } = preset(Preset::Cron, Some("0 6 * * 1")).unwrap();
    assert_eq!((schedules[0].schedule.kind, schedules[0].words.as_str()), (Kind::Weekly, "Every Monday at 06:00"));
    assert_eq!(schedules.len(), 1);
    assert_eq!(database.retention, RetentionPolicy { max_age_secs: Some(30 * 86_400), max_count: Some(30), ..Default::default() });
    assert_eq!(preset(Preset::Standard, Some("0 6 * * 1")).unwrap_err().code(), "invalid");
    assert_eq!(list(&f.vault, None, at(NOW)).unwrap().len(), 1, "a refusal changes nothing");
}

#[test]
fn what_the_environment_sets_is_changed_only_there() {
    let f = vault();
    let shop = shop(&f);
    let by_hand = add_at(&f, daily("0 4 * * *"), NOW).unwrap();
    let set = |schedule: Option<Schedule>| set_managed(&f.vault, &shop, "environment", schedule.as_ref(), at(NOW)).unwrap();
    let all = || list(&f.vault, Some(&shop), at(NOW)).unwrap();
    set(Some(daily("0 2 * * *")));
    set(Some(daily("0 2 * * *")));
    assert_eq!(all().len(), 2, "said twice it is one");
    let number = all()[1].number;
    let other = EditScheduleOptions { trigger: Some(Trigger::Start), ..Default::default() };
    assert_eq!(edit(&f.vault, number, &other, at(NOW)).unwrap_err().code(), "managed");
    assert_eq!(remove(&f.vault, number, "alice", at(NOW)).unwrap_err().code(), "managed");
    let pause = EditScheduleOptions { paused: Some(true), ..Default::default() };
    edit(&f.vault, number, &pause, at(NOW)).unwrap();

    set(Some(daily("0 3 * * *")));
    assert_eq!((all()[1].number, all()[1].words.as_str()), (number, "Every day at 03:00"));
    // What it takes over is not doubled.
    set(None);
    remove(&f.vault, number, "alice", at(NOW)).unwrap();
    set(Some(daily("0 4 * * *")));
    let left = all();
    assert_eq!((left.len(), left[0].number, left[0].managed_by.as_deref()), (1, by_hand.number, Some("environment")));
}

#[test]
fn a_preview_says_what_the_clock_does() {
    let shop: DatabaseId = "shop".parse().unwrap();
    let notes = |cron: &str, zone: &str, from: &str| {
        let preview = preview(&shop, &Schedule::cron(Kind::Daily, cron, zone), 2, at(from)).unwrap();
        (preview.runs.into_iter().map(|run| (run.local, run.note)).collect::<Vec<_>>(), preview.clock_notes)
    };
    let (runs, year) = notes("30 2 * * *", "Europe/Berlin", "2027-03-27T12:00:00Z");
    let gap = "02:30 does not exist on this day, the clock goes forward; it runs at 03:00";
    assert_eq!(runs[0], ("Sun 28 Mar 2027 03:00 CEST".to_owned(), Some(gap.to_owned())));
    assert_eq!(runs[1], ("Mon 29 Mar 2027 02:30 CEST".to_owned(), None));
    let fold = "02:30 comes twice on this day, the clock goes back; it runs the first time";
    assert_eq!(year, [format!("28 March 2027: {gap}"), format!("31 October 2027: {fold}"), format!("26 March 2028: {gap}")]);
    let hourly = "3 April 2027: the clock goes back, this hour comes twice, and it runs both times";
    let (_, year) = notes("0 * * * *", "Australia/Lord_Howe", "2026-11-20T12:00:00Z");
    assert_eq!(year, Vec::<String>::new(), "half an hour back: no full hour comes twice ({hourly})");
    assert_eq!(notes("30 2 * * *", "Asia/Kolkata", "2026-11-20T12:00:00Z").1, Vec::<String>::new());
    assert_eq!(notes("30 2 * * *", "UTC", "2026-11-20T12:00:00Z").1, Vec::<String>::new());
    let (_, year) = notes("30 1 * * *", "America/New_York", "2026-11-20T12:00:00Z");
    assert_eq!(year, ["7 November 2027: 01:30 comes twice on this day, the clock goes back; it runs the first time"]);
}

#[test]
fn limits_are_the_vaults() {
    let f = vault();
    assert_eq!(job_limits(&f.vault).unwrap(), JobLimits::default());
    let limits = JobLimits { max_running: 4, ..JobLimits::default() };
    set_job_limits(&f.vault, &limits, "alice", at(NOW)).unwrap();
    assert_eq!(job_limits(&testing::open(&f.dir)).unwrap(), limits, "in every process");
    let none = JobLimits { max_running: 0, ..JobLimits::default() };
    assert_eq!(set_job_limits(&f.vault, &none, "alice", at(NOW)).unwrap_err().code(), "invalid");
}
