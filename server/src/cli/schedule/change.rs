//! Adding, changing, removing, holding and triggering schedules.

use jiff::Timestamp;
use keepstone_engine::{
    Vault, databases,
    model::{
        human,
        job::Verb,
        schedule::{JobLimits, Preset, Schedule, Trigger},
    },
    schedules::{self, AddScheduleOptions, EditScheduleOptions, PresetOptions, PresetReport, ScheduleStatus},
};
use serde_json::json;

use super::{
    super::{confirm::confirm, create, progress::Follow, values::duration_secs},
    Context, Fault, How, When, Yes, context, line, words,
};
use crate::shape::ScheduleDetail;

/// How many of the next runs are shown after a change.
const NEXT: usize = 3;

pub(super) fn add(db: &str, when: &When, how: &How, paused: bool, cx: &Context) -> Result<(), Fault> {
    let now = Timestamp::now();
    let zone = when.zone.clone().unwrap_or_else(schedules::host_time_zone);
    let trigger = trigger_of(when, &zone)?.ok_or_else(|| {
        Fault::usage("nothing says when", "Give --cron '0 2 * * *', --every 12h, --on-start, --on-stop, or --preset NAME.")
    })?;
    let kind = how.kind.map_or_else(|| schedules::kind_for(&trigger, now), Ok)?;
    let schedule = Schedule {
        if_missed: how.if_missed.unwrap_or_default(),
        jitter_secs: jitter(how)?.unwrap_or_default(),
        paused,
        ..Schedule::of(kind, trigger)
    };
    let vault = cx.vault()?;
    let database = databases::find_database(&vault, db)?.id;
    let added = schedules::add(&vault, &AddScheduleOptions { database, schedule, actor: context::actor() }, now)?;
    tell("added", &vault, &added, cx)
}

pub(super) fn edit(schedule: &str, when: &When, how: &How, cx: &Context) -> Result<(), Fault> {
    let vault = cx.vault()?;
    let now = Timestamp::now();
    let present = find(&vault, schedule, now)?;
    // A zone alone moves the cron that is there; a cron alone keeps the zone.
    let (cron, zone) = match &present.schedule.trigger {
        Trigger::Cron { cron, time_zone } => (Some(cron.clone()), time_zone.clone()),
        _ => (None, schedules::host_time_zone()),
    };
    let zone = when.zone.clone().unwrap_or(zone);
    let trigger = match trigger_of(when, &zone)? {
        None if when.zone.is_some() => {
            let cron = cron.ok_or_else(|| Fault::usage("this schedule has no cron, so no time zone", "Give it one with --cron."))?;
            Some(Trigger::Cron { cron, time_zone: zone })
        }
        trigger => trigger,
    };
    let options = EditScheduleOptions {
        kind: match (&how.kind, &trigger) {
            (Some(kind), _) => Some(*kind),
            // A start or stop has its one kind, and what was one needs another.
            (None, Some(trigger)) if trigger_is_event(trigger) || trigger_is_event(&present.schedule.trigger) => {
                Some(schedules::kind_for(trigger, now)?)
            }
            (None, _) => None,
        },
        trigger,
        if_missed: how.if_missed,
        jitter_secs: jitter(how)?,
        paused: None,
        actor: context::actor(),
    };
    if options.kind.is_none() && options.trigger.is_none() && options.if_missed.is_none() && options.jitter_secs.is_none() {
        return Err(Fault::usage(
            "nothing to change",
            "Say what: --cron, --zone, --every, --on-start, --on-stop, --kind, --if-missed, --jitter.",
        ));
    }
    let edited = schedules::edit(&vault, present.number, &options, now)?;
    tell("changed", &vault, &edited, cx)
}

pub(super) fn remove(wanted: &[String], cx: &Context) -> Result<(), Fault> {
    let vault = cx.vault()?;
    cx.each(wanted, |wanted| {
        let now = Timestamp::now();
        let number = find(&vault, wanted, now)?.number;
        let removed = schedules::remove(&vault, number, &context::actor(), now)?;
        cx.out.result(super::json(&removed));
        cx.out.outcome(removed.number, format_args!("removed schedule {} of {}: {}", removed.number, removed.database, line(&removed)));
        if schedules::list(&vault, Some(&removed.database), now)?.is_empty() {
            cx.out.note(format_args!("{} has no schedule now: it is backed up by hand only", removed.database));
        }
        Ok(())
    })
}

pub(super) fn pause(wanted: &[String], paused: bool, cx: &Context) -> Result<(), Fault> {
    let vault = cx.vault()?;
    cx.each(wanted, |wanted| {
        let now = Timestamp::now();
        let number = find(&vault, wanted, now)?.number;
        let options = EditScheduleOptions { paused: Some(paused), actor: context::actor(), ..EditScheduleOptions::default() };
        let edited = schedules::edit(&vault, number, &options, now)?;
        tell(if paused { "paused" } else { "resumed" }, &vault, &edited, cx)
    })
}

pub(super) fn trigger(wanted: &str, cx: &Context) -> Result<(), Fault> {
    let vault = cx.vault()?;
    let status = find(&vault, wanted, Timestamp::now())?;
    let options = schedules::trigger_here(&vault, status.number, &context::actor())?;
    let follow = Follow::new(cx, Verb::Create, &status.database);
    let report = keepstone_engine::create::create(&vault, &options, &follow);
    drop(follow);
    create::told(&vault, &report?, options.verify, cx)
}

pub(super) fn preset(db: &str, preset: Preset, cron: Option<&str>, zone: Option<&str>, yes: Yes, cx: &Context) -> Result<(), Fault> {
    let vault = cx.vault()?;
    let now = Timestamp::now();
    let database = databases::find_database(&vault, db)?;
    // What cannot be read is refused before anything is asked.
    schedules::preset_schedules(preset, zone, cron, now)?;
    let present = schedules::list(&vault, Some(&database.id), now)?;
    let changes = !present.is_empty() || database.retention != preset.retention();
    cx.out.note(format_args!("{preset}: {}", preset.words()));
    if changes {
        for status in &present {
            cx.out.note(format_args!("  goes: {}", line(status)));
        }
        if database.retention != preset.retention() {
            cx.out.note("  the retention of the preset takes the place of what is set now");
        }
        confirm(cx, "preset", yes, &format!("Give {} the preset {preset}?", database.id), None)?;
    }
    let options = PresetOptions {
        database: database.id.clone(),
        preset,
        time_zone: zone.map(str::to_owned),
        cron: cron.map(str::to_owned),
        actor: context::actor(),
    };
    let PresetReport { database, schedules, would_remove } = schedules::apply_preset(&vault, &options, now)?;
    let mut result = words::database_json(&database);
    result["preset"] = json!(preset.as_str());
    result["schedules"] = schedules.iter().map(super::json).collect();
    result["would_remove"] = json!(would_remove);
    cx.out.result(result);
    cx.out.outcome(&database.id, format_args!("gave {} the preset {preset}", database.id));
    for status in &schedules {
        cx.out.note(format_args!("  {}", line(status)));
    }
    if would_remove > 0 {
        let id = &database.id;
        cx.out.note(format_args!(
            "  its retention would remove {would_remove} of the backups: `keepstone cleanup {id} --dry-run` shows which"
        ));
    }
    Ok(())
}

pub(super) fn limits(jobs: Option<u32>, hung_after: Option<&str>, stop_within: Option<&str>, cx: &Context) -> Result<(), Fault> {
    let vault = cx.vault()?;
    let present = schedules::job_limits(&vault)?;
    let limits = JobLimits {
        max_running: jobs.unwrap_or(present.max_running),
        hung_after_secs: hung_after.map_or(Ok(present.hung_after_secs), duration_secs)?,
        stop_within_secs: stop_within.map_or(Ok(present.stop_within_secs), duration_secs)?,
    };
    if limits != present {
        schedules::set_job_limits(&vault, &limits, &context::actor(), Timestamp::now())?;
    }
    cx.out.result(json!(limits));
    cx.out.line(format_args!("{} {} at once", limits.max_running, if limits.max_running == 1 { "job runs" } else { "jobs run" }));
    cx.out.line(format_args!("a job counts as hung after {} without progress", human::duration_ms(limits.hung_after_secs * 1000)));
    cx.out.line(format_args!("the backups of a stop have {} all together", human::duration_ms(limits.stop_within_secs * 1000)));
    Ok(())
}

/// The schedule that a person means: its number, or `DB:KIND`, or a database with one schedule.
fn find(vault: &Vault, wanted: &str, now: Timestamp) -> Result<ScheduleStatus, Fault> {
    if let Ok(number) = wanted.parse() {
        return Ok(schedules::show(vault, number, now)?);
    }
    let (db, kind) = match wanted.rsplit_once(':') {
        Some((db, kind)) if !kind.contains('/') => (db, Some(kind)),
        _ => (wanted, None),
    };
    let database = databases::find_database(vault, db)?.id;
    let mut found = schedules::list(vault, Some(&database), now)?;
    found.retain(|status| kind.is_none_or(|kind| status.schedule.kind.as_str() == kind));
    match found.len() {
        1 => Ok(found.remove(0)),
        0 => Err(Fault::Here {
            code: "unknown_schedule",
            message: format!("no schedule \"{wanted}\""),
            hint: Some("`keepstone schedule list` shows the schedules and their numbers.".to_owned()),
            exit: 3,
        }),
        count => {
            let numbers: Vec<String> = found.iter().map(|status| status.number.to_string()).collect();
            Err(Fault::usage(format!("\"{wanted}\" fits {count} schedules"), format!("Say its number: {}.", numbers.join(", "))))
        }
    }
}

fn trigger_of(when: &When, zone: &str) -> Result<Option<Trigger>, Fault> {
    Ok(if let Some(cron) = &when.cron {
        Some(Trigger::Cron { cron: cron.split_whitespace().collect::<Vec<_>>().join(" "), time_zone: zone.to_owned() })
    } else if let Some(every) = &when.every {
        Some(Trigger::Interval { every_secs: duration_secs(every)? })
    } else if when.on_start {
        Some(Trigger::Start)
    } else if when.on_stop {
        Some(Trigger::Stop)
    } else {
        None
    })
}

fn trigger_is_event(trigger: &Trigger) -> bool {
    matches!(trigger, Trigger::Start | Trigger::Stop)
}

fn jitter(how: &How) -> Result<Option<u64>, Fault> {
    how.jitter.as_deref().map(|text| if text == "0" { Ok(0) } else { duration_secs(text) }).transpose()
}

/// What stands now, and the next runs of it.
fn tell(verb: &str, vault: &Vault, status: &ScheduleStatus, cx: &Context) -> Result<(), Fault> {
    let preview = schedules::preview_number(vault, status.number, NEXT, Timestamp::now())?;
    cx.out.result(json!(ScheduleDetail::of(status, &preview)));
    cx.out.outcome(status.number, format_args!("{verb} schedule {} of {}: {}", status.number, status.database, line(status)));
    if status.next_run_at.is_some() {
        for run in &preview.runs {
            let note = run.note.as_ref().map_or_else(String::new, |note| format!(" ({note})"));
            cx.out.note(format_args!("  {}{note}", run.local));
        }
        for note in &preview.clock_notes {
            cx.out.note(format_args!("  {note}"));
        }
    }
    Ok(())
}
