//! `keepstone schedule`: what is backed up when. Showing stands here, changing in `change`.

mod change;

use clap::{Args, Subcommand, builder::TypedValueParser};
use jiff::Timestamp;
use keepstone_engine::{
    Vault, databases,
    model::{
        human,
        id::{DatabaseId, Kind},
        schedule::{IfMissed, Preset, TIMED_KINDS, Trigger},
    },
    schedules::{self, ScheduleStatus},
};
use serde_json::{Value, json};

use super::{
    Context, Fault, context,
    table::{Cell, Table, Tone},
    values::Yes,
    words,
};
use crate::shape;

/// Show and change the schedules: what is backed up when
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  keepstone schedule list
  keepstone schedule next shop --count 5
  keepstone schedule add shop --cron '0 */6 * * *' --kind hourly --zone Europe/Berlin
  keepstone schedule add shop --every 12h --jitter 10min
  keepstone schedule edit shop:daily --cron '30 1 * * *'
  keepstone schedule trigger shop:daily
  keepstone schedule preset shop half-daily

A SCHEDULE is a number of `keepstone schedule list`, or DB:KIND where the database has one of that kind.")]
pub(crate) struct Schedule {
    #[command(subcommand)]
    verb: ScheduleVerb,
}

#[derive(Debug, Subcommand)]
enum ScheduleVerb {
    /// Every schedule, in words
    List {
        /// Only of this database
        #[arg(value_name = "DB")]
        db: Option<String>,
    },
    /// The next runs, the soonest first, with what the clock does on those days
    Next {
        /// Only of this database
        #[arg(value_name = "DB")]
        db: Option<String>,
        /// So many runs of each schedule
        #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1000))]
        count: u16,
    },
    /// Add a schedule to a database
    Add {
        #[arg(value_name = "DB")]
        db: String,
        /// Instead of one schedule: all of a preset, in place of what the database has (see `preset`)
        #[arg(long, value_name = "NAME", conflicts_with_all = ["every", "on_start", "on_stop", "kind", "if_missed", "jitter", "paused"], value_parser = preset())]
        preset: Option<Preset>,
        #[command(flatten)]
        when: When,
        #[command(flatten)]
        how: How,
        /// Add it paused
        #[arg(long)]
        paused: bool,
        #[command(flatten)]
        yes: Yes,
    },
    /// Change a schedule; with other times it begins anew
    Edit {
        #[arg(value_name = "SCHEDULE")]
        schedule: String,
        #[command(flatten)]
        when: When,
        #[command(flatten)]
        how: How,
    },
    /// Take schedules away; the backups that they made stay
    Remove {
        #[arg(value_name = "SCHEDULE", required = true)]
        schedules: Vec<String>,
    },
    /// Hold schedules; what they miss meanwhile is not made up
    Pause {
        #[arg(value_name = "SCHEDULE", required = true)]
        schedules: Vec<String>,
    },
    /// Let paused schedules run again
    Resume {
        #[arg(value_name = "SCHEDULE", required = true)]
        schedules: Vec<String>,
    },
    /// Take the backup of a schedule now, also of a paused one
    Trigger {
        #[arg(value_name = "SCHEDULE")]
        schedule: String,
    },
    /// Give a database the schedules, retention and recovery of a preset; without arguments: show the presets
    Preset {
        #[arg(value_name = "DB", requires = "name")]
        db: Option<String>,
        #[arg(value_name = "NAME", value_parser = preset())]
        name: Option<Preset>,
        /// The times of the preset cron
        #[arg(long, value_name = "CRON")]
        cron: Option<String>,
        /// The time zone, e.g. Europe/Berlin; else this machine's
        #[arg(long, value_name = "ZONE")]
        zone: Option<String>,
        #[command(flatten)]
        yes: Yes,
    },
    /// Show or set how many jobs run at once, when one counts as hung, and how long a stop may take
    Limits {
        /// So many jobs at once, in all processes together
        #[arg(long, value_name = "N")]
        jobs: Option<u32>,
        /// Cancel a job that makes no progress for so long, e.g. 15min
        #[arg(long, value_name = "AGE")]
        hung_after: Option<String>,
        /// How long the backups of a stop may take, e.g. 30s
        #[arg(long, value_name = "AGE")]
        stop_within: Option<String>,
    },
}

/// What sets the runs off.
#[derive(Debug, Args)]
struct When {
    /// Minute, hour, day of month, month, day of week, e.g. '0 2 * * *'
    #[arg(long, value_name = "CRON", conflicts_with_all = ["every", "on_start", "on_stop"])]
    cron: Option<String>,
    /// The time zone of the cron, e.g. Europe/Berlin; else this machine's
    #[arg(long, value_name = "ZONE", conflicts_with_all = ["every", "on_start", "on_stop"])]
    zone: Option<String>,
    /// An interval instead, e.g. 12h
    #[arg(long, value_name = "AGE", conflicts_with_all = ["on_start", "on_stop"])]
    every: Option<String>,
    /// Each time Keepstone starts; none is made if a backup of the last hour holds the same
    #[arg(long, conflicts_with = "on_stop")]
    on_start: bool,
    /// Each time Keepstone is told to stop, likewise
    #[arg(long)]
    on_stop: bool,
}

#[derive(Debug, Args)]
struct How {
    /// The kind of its backups; else the one that fits the times
    #[arg(long, value_name = "KIND", value_parser = timed_kind())]
    kind: Option<Kind>,
    /// What to do about a run that was missed while nothing ran: run-once at the next start, or skip
    #[arg(long, value_name = "WHAT", value_parser = if_missed())]
    if_missed: Option<IfMissed>,
    /// Begin each run later by up to this, always the same for one schedule, e.g. 10min; 0 for none
    #[arg(long, value_name = "AGE")]
    jitter: Option<String>,
}

pub(crate) fn preset() -> impl TypedValueParser<Value = Preset> {
    clap::builder::PossibleValuesParser::new(Preset::ALL.map(Preset::as_str))
        .try_map(|name| name.parse::<Preset>().map_err(|refusal| refusal.message))
}

fn timed_kind() -> impl TypedValueParser<Value = Kind> {
    clap::builder::PossibleValuesParser::new(TIMED_KINDS.map(Kind::as_str)).try_map(|name| name.parse::<Kind>())
}

fn if_missed() -> impl TypedValueParser<Value = IfMissed> {
    clap::builder::PossibleValuesParser::new(["run-once", "skip"])
        .map(|what| if what == "skip" { IfMissed::Skip } else { IfMissed::RunOnce })
}

pub(crate) fn run(args: &Schedule, cx: &Context) -> Result<(), Fault> {
    match &args.verb {
        ScheduleVerb::List { db } => list(db.as_deref(), cx),
        ScheduleVerb::Next { db, count } => next(db.as_deref(), usize::from(*count), cx),
        ScheduleVerb::Add { db, preset: Some(preset), when, yes, .. } => {
            change::preset(db, *preset, when.cron.as_deref(), when.zone.as_deref(), *yes, cx)
        }
        ScheduleVerb::Add { db, when, how, paused, .. } => change::add(db, when, how, *paused, cx),
        ScheduleVerb::Edit { schedule, when, how } => change::edit(schedule, when, how, cx),
        ScheduleVerb::Remove { schedules } => change::remove(schedules, cx),
        ScheduleVerb::Pause { schedules } => change::pause(schedules, true, cx),
        ScheduleVerb::Resume { schedules } => change::pause(schedules, false, cx),
        ScheduleVerb::Trigger { schedule } => change::trigger(schedule, cx),
        ScheduleVerb::Preset { db: Some(db), name: Some(name), cron, zone, yes } => {
            change::preset(db, *name, cron.as_deref(), zone.as_deref(), *yes, cx)
        }
        ScheduleVerb::Preset { .. } => {
            presets(cx);
            Ok(())
        }
        ScheduleVerb::Limits { jobs, hung_after, stop_within } => change::limits(*jobs, hung_after.as_deref(), stop_within.as_deref(), cx),
    }
}

fn list(db: Option<&str>, cx: &Context) -> Result<(), Fault> {
    let vault = cx.vault()?;
    let found = schedules::list(&vault, database_of(&vault, db)?.as_ref(), Timestamp::now())?;
    let mut table = Table::new(&[">NO", "DATABASE", "KIND", "WHEN", "CRON", "ZONE", "LAST RUN", "NEXT RUN"]);
    for status in &found {
        cx.out.result(json(status));
        if cx.out.quiet {
            cx.out.line(status.number);
            continue;
        }
        let (cron, zone) = match &status.schedule.trigger {
            Trigger::Cron { cron, time_zone } => (cron.as_str(), time_zone.as_str()),
            _ => ("–", "–"),
        };
        let next =
            if status.schedule.paused { Cell::toned("‖ paused", Tone::Warn) } else { words::time_or_dash(status.next_run_at).into() };
        table.row([
            status.number.to_string().into(),
            status.database.as_str().into(),
            status.schedule.kind.as_str().into(),
            status.words.as_str().into(),
            cron.into(),
            zone.into(),
            words::time_or_dash(status.last_run_at).into(),
            next,
        ]);
    }
    if found.is_empty() {
        cx.out.note("no schedules");
    } else if !table.is_empty() {
        table.print(&cx.out);
    }
    Ok(())
}

fn next(db: Option<&str>, count: usize, cx: &Context) -> Result<(), Fault> {
    let vault = cx.vault()?;
    let now = Timestamp::now();
    let mut ahead = Vec::new();
    for status in schedules::list(&vault, database_of(&vault, db)?.as_ref(), now)? {
        // A paused one has no next run; an overdue one stands first.
        let Some(first) = status.next_run_at else { continue };
        let mut runs = schedules::preview_number(&vault, status.number, count, now)?.runs;
        if count == 1 {
            for run in &mut runs {
                run.at = first;
            }
        }
        ahead.extend(runs.into_iter().map(|run| (run, status.clone())));
    }
    ahead.sort_by_key(|(run, status)| (run.at, status.number));
    let mut table = Table::new(&["NEXT RUN", "DATABASE", "KIND", "WHEN"]);
    for (run, status) in &ahead {
        cx.out.result(json!(shape::NextRun::of(status, run)));
        let when = run.note.as_ref().map_or_else(|| status.words.clone(), |note| format!("{} ({note})", status.words));
        table.row([
            words::time(run.at).into(),
            status.database.as_str().into(),
            status.schedule.kind.as_str().into(),
            when.as_str().into(),
        ]);
    }
    if table.is_empty() {
        cx.out.note("no run lies ahead");
    } else {
        table.print(&cx.out);
    }
    Ok(())
}

fn presets(cx: &Context) {
    let mut table = Table::new(&["PRESET", "WHAT"]);
    for preset in Preset::ALL {
        cx.out.result(json!({ "name": preset.as_str(), "words": preset.words() }));
        table.row([preset.as_str().into(), preset.words().into()]);
    }
    table.print(&cx.out);
}

fn database_of(vault: &Vault, db: Option<&str>) -> Result<Option<DatabaseId>, Fault> {
    Ok(db.map(|db| databases::find_database(vault, db)).transpose()?.map(|database| database.id))
}

pub(crate) fn json(status: &ScheduleStatus) -> Value {
    json!(shape::ScheduleStatus::from(status))
}

/// e.g. "daily, Every day at 02:00 (UTC)".
pub(crate) fn line(status: &ScheduleStatus) -> String {
    let schedule = &status.schedule;
    let zone = match &schedule.trigger {
        Trigger::Cron { time_zone, .. } => format!(" ({time_zone})"),
        _ => String::new(),
    };
    let later = match schedule.jitter_secs {
        0 => String::new(),
        secs => format!(", up to {} later", human::duration_ms(secs * 1000)),
    };
    let paused = if schedule.paused { ", paused" } else { "" };
    format!("{}: {}{zone}{later}{paused}", schedule.kind, status.words)
}
