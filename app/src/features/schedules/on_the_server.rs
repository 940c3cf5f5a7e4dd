//! The schedule editor on the server: reads its form, says what it would do, and carries it out.

use keepstone_engine::{
    Error, cleanup, databases,
    scheduler::Firing,
    schedules::{self, AddScheduleOptions, EditScheduleOptions, PresetOptions},
};
use keepstone_model::{
    Timestamp,
    access::Role,
    human,
    id::DatabaseId,
    retention::CleanupRhythm,
    schedule::{IfMissed, JobLimits, Preset, Schedule, Trigger},
    validate,
};

use super::facts::{Cleanup, EditorView, Form, Limits, PAGE, Preview, Run, SchedulesView};
use crate::local;
use crate::words::schedules as words;
use crate::{
    error::{AppError, sentence},
    server::{self, Person},
    ui::{Moment, schedule_table::ScheduleRow},
};

/// How many of the next runs are shown.
const RUNS: usize = 5;

pub(super) async fn list(person: &Person, page: &str) -> Result<SchedulesView, AppError> {
    let (now, zone) = (Timestamp::now(), server::zone());
    let (off, may_limit) = (is_off(), person.role >= Role::Admin);
    let page = page.parse().ok().filter(|page| (1..=1_000_000).contains(page)).unwrap_or(1);
    server::blocking(move |vault| {
        let mut found = schedules::list(vault, None, now)?;
        // Those that never run again stand last.
        found.sort_by_key(|status| (status.next_run_at.is_none(), status.next_run_at, status.number));
        let limits = schedules::job_limits(vault)?;
        Ok(SchedulesView {
            total: found.len(),
            page,
            rows: found.into_iter().skip((page - 1) * PAGE).take(PAGE).map(|status| ScheduleRow::new(status, now, &zone)).collect(),
            off,
            limits: Limits {
                max_running: limits.max_running,
                hung_after: human::duration_secs(limits.hung_after_secs),
                hung_after_words: local::duration_ms(limits.hung_after_secs * 1000),
                stop_within: human::duration_secs(limits.stop_within_secs),
                stop_within_words: local::duration_ms(limits.stop_within_secs * 1000),
            },
            may_limit,
        })
    })
    .await
}

fn is_off() -> bool {
    server::context().firing == Firing::Off
}

pub(super) async fn editor(person: &Person, id: String, form: Form) -> Result<EditorView, AppError> {
    let id: DatabaseId = id.parse().map_err(|_| server::answer(AppError::not_found()))?;
    let (now, zone) = (Timestamp::now(), server::zone());
    let (off, may_change) = (is_off(), person.role >= Role::Operator);
    server::blocking(move |vault| {
        let status = databases::status(vault, &id, now)?;
        let all = schedules::list(vault, Some(&id), now)?;
        let form = filled_in(form, &all);
        let (preview, faults) = match form.on.as_str() {
            "" => (None, Vec::new()),
            _ => match read(&form, now).and_then(|schedule| Ok((schedules::preview(&id, &schedule, RUNS, now)?, schedule))) {
                Ok((preview, schedule)) => (Some(preview_of(preview, &schedule, now, &zone)), Vec::new()),
                Err(Error::Invalid { field, message }) => (None, vec![(field_name(field).to_owned(), sentence(&message))]),
                Err(error) => return Err(error),
            },
        };
        Ok(EditorView {
            may_change,
            paused: status.database.paused,
            rows: all.into_iter().map(|status| ScheduleRow::new(status, now, &zone)).collect(),
            form,
            faults,
            preview,
            objective: local::duration_ms(status.objective_secs.saturating_mul(1000)),
            key: format!("schedules-{:x}", now.as_nanosecond()),
            off,
            cleanup: cleanup_of(&status, now, &zone),
            retention_managed_by: status.database.retention_managed_by.clone(),
            database: id.to_string(),
        })
    })
    .await
}

fn cleanup_of(status: &databases::DatabaseStatus, now: Timestamp, zone: &jiff::tz::TimeZone) -> Cleanup {
    let (rhythm, stands) = (&status.database.cleanup_rhythm, &status.cleanup);
    let moment = |at| Moment::new(at, now, zone);
    let (on, cron, time_zone, every) = fields(&rhythm.trigger);
    Cleanup {
        words: stands.rhythm.clone(),
        last: stands.last_at.map(moment),
        next: stands.next_at.map(moment),
        alarm: stands.alarm().map(|alarm| sentence(&alarm)),
        on: on.to_owned(),
        cron,
        zone: time_zone,
        every,
        after_backups: rhythm.after_backups,
        paused: rhythm.paused,
    }
}

/// A trigger as fields of a form have it: what sets it off, cron, zone and interval.
fn fields(trigger: &Trigger) -> (&'static str, String, String, String) {
    match trigger {
        Trigger::Cron { cron, time_zone } => ("cron", cron.clone(), time_zone.clone(), String::new()),
        Trigger::Interval { every_secs } => ("interval", String::new(), schedules::host_time_zone(), human::duration_secs(*every_secs)),
        Trigger::Start => ("start", String::new(), schedules::host_time_zone(), String::new()),
        Trigger::Stop => ("stop", String::new(), schedules::host_time_zone(), String::new()),
    }
}

/// An empty form of a schedule that is being changed holds what the schedule says.
fn filled_in(form: Form, all: &[schedules::ScheduleStatus]) -> Form {
    if !form.on.is_empty() {
        return form;
    }
    let Some(status) = all.iter().find(|status| status.number.to_string() == form.number) else {
        return Form { zone: schedules::host_time_zone(), ..Form::default() };
    };
    let schedule = &status.schedule;
    let (on, cron, zone, every) = fields(&schedule.trigger);
    Form {
        number: form.number,
        on: on.to_owned(),
        cron,
        zone,
        every,
        kind: schedule.kind.to_string(),
        if_missed: schedule.if_missed.as_str().to_owned(),
        jitter: if schedule.jitter_secs == 0 { String::new() } else { human::duration_secs(schedule.jitter_secs) },
    }
}

fn preview_of(preview: schedules::Preview, schedule: &Schedule, now: Timestamp, zone: &jiff::tz::TimeZone) -> Preview {
    let run = |run: schedules::PlannedRun| {
        let moment = Moment::new(run.at, now, zone);
        Run { iso: moment.iso, relative: moment.relative, local: run.local, note: run.note }
    };
    Preview {
        words: preview.words,
        kind: schedule.kind.to_string(),
        runs: preview.runs.into_iter().map(run).collect(),
        clock_notes: preview.clock_notes,
    }
}

/// The schedule that a form describes. Start and stop have their one kind whatever the form says.
fn read(form: &Form, now: Timestamp) -> Result<Schedule, Error> {
    let trigger = match form.on.as_str() {
        "start" => Trigger::Start,
        "stop" => Trigger::Stop,
        on => by_clock(on, &form.cron, &form.zone, &form.every)?,
    };
    let timed = !matches!(trigger, Trigger::Start | Trigger::Stop);
    let kind = match form.kind.as_str() {
        kind if timed && !kind.is_empty() && !matches!(kind, "startup" | "shutdown") => {
            kind.parse().map_err(|_| Error::Invalid { field: "kind", message: words::unknown_kind(&kind) })?
        }
        _ => schedules::kind_for(&trigger, now)?,
    };
    Ok(Schedule {
        if_missed: if form.if_missed == "skip" { IfMissed::Skip } else { IfMissed::RunOnce },
        jitter_secs: match form.jitter.trim() {
            text if timed && !text.is_empty() && text != "0" => secs("jitter", text)?,
            _ => 0,
        },
        ..Schedule::of(kind, trigger)
    })
}

fn secs(field: &'static str, text: &str) -> Result<u64, Error> {
    validate::duration_secs(field, text).map_err(|refusal| Error::Invalid { field: refusal.field, message: refusal.message })
}

/// The interval or cron of a form.
fn by_clock(on: &str, cron: &str, zone: &str, every: &str) -> Result<Trigger, Error> {
    if on == "interval" {
        return Ok(Trigger::Interval { every_secs: secs("every", every.trim())? });
    }
    let cron = cron.split_whitespace().collect::<Vec<_>>().join(" ");
    let zone = Some(zone.trim().to_owned()).filter(|zone| !zone.is_empty());
    Ok(Trigger::Cron { cron, time_zone: zone.unwrap_or_else(schedules::host_time_zone) })
}

/// The field of the form that the engine's name means.
fn field_name(field: &str) -> &str {
    if field == "time_zone" { "zone" } else { field }
}

/// What a person wishes, as the form sends it.
pub(super) struct Wish {
    pub act: String,
    pub database: String,
    pub form: Form,
    pub preset: String,
    pub key: String,
}

pub(super) async fn change(person: &Person, wish: Wish) -> Result<(), AppError> {
    let id: DatabaseId = wish.database.parse().map_err(|_| AppError::not_found())?;
    let (actor, key) = (person.name.clone(), server::form_key(&person.name, &wish.key)?);
    let address = format!("/schedules/{id}");
    let now = Timestamp::now();
    let preset = match wish.act.as_str() {
        "preset" => Some(wish.preset.parse::<Preset>()?),
        _ => None,
    };
    server::blocking(move |vault| {
        let number = || {
            wish.form.number.parse::<i64>().map_err(|_| Error::Invalid { field: "number", message: words::no_such_schedule().to_owned() })
        };
        let pause = |paused| {
            let options = EditScheduleOptions { paused: Some(paused), actor: actor.clone(), ..EditScheduleOptions::default() };
            schedules::edit(vault, number()?, &options, now).map(drop)
        };
        match wish.act.as_str() {
            "save" => save(vault, id, &wish.form, actor, now),
            "pause" => pause(true),
            "resume" => pause(false),
            // Sent twice, the second one finds it gone.
            "remove" => match schedules::remove(vault, number()?, &actor, now) {
                Err(Error::UnknownSchedule { .. }) => Ok(()),
                removed => removed.map(drop),
            },
            // One page has one key for all its schedules; each is a job of its own.
            "trigger" => {
                let key = key.map(|key| format!("{key}:{}", wish.form.number));
                schedules::trigger(vault, number()?, &actor, key.as_deref()).map(drop)
            }
            "preset" => {
                let preset = preset.ok_or_else(|| Error::Internal("a preset that was read is gone".to_owned()))?;
                let zone = Some(wish.form.zone.trim().to_owned()).filter(|zone| !zone.is_empty());
                schedules::apply_preset(vault, &PresetOptions { database: id, preset, time_zone: zone, cron: None, actor }, now).map(drop)
            }
            other => Err(Error::Invalid { field: "act", message: words::unknown_act(&other) }),
        }
    })
    .await?;
    leptos_axum::redirect(&address);
    Ok(())
}

fn save(vault: &keepstone_engine::Vault, database: DatabaseId, form: &Form, actor: String, now: Timestamp) -> Result<(), Error> {
    let schedule = read(form, now)?;
    if form.number.is_empty() {
        return schedules::add(vault, &AddScheduleOptions { database, schedule, actor }, now).map(drop);
    }
    let number = form.number.parse().map_err(|_| Error::Invalid { field: "number", message: words::no_such_schedule().to_owned() })?;
    let options = EditScheduleOptions {
        kind: Some(schedule.kind),
        trigger: Some(schedule.trigger),
        if_missed: Some(schedule.if_missed),
        jitter_secs: Some(schedule.jitter_secs),
        paused: None,
        actor,
    };
    schedules::edit(vault, number, &options, now).map(drop)
}

/// When cleanup is to look, as the form sends it.
pub(super) struct Look {
    pub on: String,
    pub cron: String,
    pub zone: String,
    pub every: String,
    pub after_backups: bool,
    pub paused: bool,
}

pub(super) async fn set_cleanup(person: &Person, database: String, look: Look) -> Result<(), AppError> {
    let id: DatabaseId = database.parse().map_err(|_| AppError::not_found())?;
    let (actor, address) = (person.name.clone(), format!("/schedules/{id}"));
    server::blocking(move |vault| {
        let trigger = by_clock(&look.on, &look.cron, &look.zone, &look.every)?;
        let rhythm = CleanupRhythm { trigger, after_backups: look.after_backups, paused: look.paused };
        cleanup::set_rhythm(vault, &id, &rhythm, &actor, Timestamp::now())
    })
    .await?;
    leptos_axum::redirect(&address);
    Ok(())
}

pub(super) async fn set_limits(person: &Person, max_running: &str, hung_after: &str, stop_within: &str) -> Result<(), AppError> {
    let max_running = max_running.trim().parse::<u32>();
    let limits = JobLimits {
        max_running: max_running.map_err(|_| AppError::invalid("max_running", words::limits_running_wrong()))?,
        hung_after_secs: validate::duration_secs("hung_after", hung_after)?,
        stop_within_secs: validate::duration_secs("stop_within", stop_within)?,
    };
    let actor = person.name.clone();
    server::blocking(move |vault| schedules::set_job_limits(vault, &limits, &actor, Timestamp::now())).await?;
    leptos_axum::redirect("/schedules");
    Ok(())
}
