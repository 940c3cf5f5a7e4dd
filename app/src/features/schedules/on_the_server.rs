//! The schedule editor on the server: reads its form, says what it would do, and carries it out.

use keepstone_engine::{
    Error, databases,
    schedules::{self, AddScheduleOptions, EditScheduleOptions, PresetOptions},
};
use keepstone_model::{
    Timestamp,
    access::Role,
    human,
    id::DatabaseId,
    schedule::{IfMissed, Preset, Schedule, Trigger},
    validate,
};

use super::facts::{EditorView, Form, Preview, Run};
use crate::{
    error::{AppError, sentence},
    server::{self, Person},
    ui::{Moment, schedule_table::ScheduleRow},
};

/// How many of the next runs are shown.
const RUNS: usize = 5;

pub(super) async fn editor(person: &Person, id: String, form: Form) -> Result<EditorView, AppError> {
    let id: DatabaseId = id.parse().map_err(|_| server::answer(AppError::not_found()))?;
    let (now, zone) = (Timestamp::now(), server::zone());
    let may_change = person.role >= Role::Operator;
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
            objective: human::duration_ms(status.objective_secs.saturating_mul(1000)),
            key: format!("schedules-{:x}", now.as_nanosecond()),
            database: id.to_string(),
        })
    })
    .await
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
    let (on, cron, zone, every) = match &schedule.trigger {
        Trigger::Cron { cron, time_zone } => ("cron", cron.clone(), time_zone.clone(), String::new()),
        Trigger::Interval { every_secs } => ("interval", String::new(), String::new(), human::duration_secs(*every_secs)),
        Trigger::Start => ("start", String::new(), String::new(), String::new()),
        Trigger::Stop => ("stop", String::new(), String::new(), String::new()),
    };
    Form {
        number: form.number,
        on: on.to_owned(),
        cron,
        zone: if zone.is_empty() { schedules::host_time_zone() } else { zone },
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
    let secs = |field: &'static str, text: &str| {
        validate::duration_secs(field, text).map_err(|refusal| Error::Invalid { field: refusal.field, message: refusal.message })
    };
    let trigger = match form.on.as_str() {
        "interval" => Trigger::Interval { every_secs: secs("every", form.every.trim())? },
        "start" => Trigger::Start,
        "stop" => Trigger::Stop,
        _ => {
            let cron = form.cron.split_whitespace().collect::<Vec<_>>().join(" ");
            let zone = Some(form.zone.trim().to_owned()).filter(|zone| !zone.is_empty());
            Trigger::Cron { cron, time_zone: zone.unwrap_or_else(schedules::host_time_zone) }
        }
    };
    let timed = !matches!(trigger, Trigger::Start | Trigger::Stop);
    let kind = match form.kind.as_str() {
        kind if timed && !kind.is_empty() && !matches!(kind, "startup" | "shutdown") => {
            kind.parse().map_err(|_| Error::Invalid { field: "kind", message: format!("there is no kind \"{kind}\"") })?
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
        let number =
            || wish.form.number.parse::<i64>().map_err(|_| Error::Invalid { field: "number", message: "no such schedule".to_owned() });
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
            other => Err(Error::Invalid { field: "act", message: format!("there is nothing called \"{other}\" to do here") }),
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
    let number = form.number.parse().map_err(|_| Error::Invalid { field: "number", message: "no such schedule".to_owned() })?;
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
