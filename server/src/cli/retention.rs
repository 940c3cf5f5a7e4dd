//! `keepstone retention`: the policy by which cleanup keeps backups of a database.

use clap::{ArgGroup, Args, Subcommand, builder::TypedValueParser};
use jiff::Timestamp;
use keepstone_engine::{
    Error, Vault,
    cleanup::{self, CleanupPlan, Consent, PlanOptions},
    databases,
    model::{
        human,
        id::DatabaseId,
        retention::{CleanupRhythm, Forecast, Manual, Pass, RetentionPolicy},
        schedule::Trigger,
    },
    schedules,
};
use serde_json::json;

use super::{
    Context, Fault,
    cleanup::json as plan_json,
    confirm::confirm,
    context, db as db_verb, environment,
    table::Table,
    values::{Yes, duration_secs},
    words,
};
use crate::shape::{self, RetentionDetail};

/// Show and change which backups of a database are kept
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  keepstone retention show shop
  keepstone retention set shop --daily-keep 14 --yearly-keep 5
  keepstone retention set shop --weekly-keep none --max-age 90d
  keepstone retention set shop --standard
  keepstone retention schedule shop --cron '30 4 * * *' --zone Europe/Berlin
  keepstone retention schedule shop --pause")]
pub(crate) struct Retention {
    #[command(subcommand)]
    verb: RetentionVerb,
}

#[derive(Debug, Subcommand)]
enum RetentionVerb {
    /// The policy, what it keeps and removes today, and what it will hold in 30 days
    Show {
        /// An id or a location
        #[arg(value_name = "DB")]
        db: String,
    },
    /// Change the policy; one that would remove many at once asks first
    #[command(group = ArgGroup::new("rule").required(true).multiple(true).args(RULE_IDS).args(SET_IDS))]
    Set(Set),
    /// Show or change when cleanup looks at a database by itself
    #[command(group = ArgGroup::new("when").args(["cron", "every"]))]
    Schedule(Rhythm),
}

#[derive(Debug, Args)]
struct Rhythm {
    /// An id or a location
    #[arg(value_name = "DB")]
    db: String,
    /// Minute, hour, day of month, month, day of week, e.g. '30 4 * * *'
    #[arg(long, value_name = "CRON")]
    cron: Option<String>,
    /// The time zone of the cron, e.g. Europe/Berlin; else this machine's
    #[arg(long, value_name = "ZONE", requires = "cron")]
    zone: Option<String>,
    /// So long after each look, e.g. 24h
    #[arg(long, value_name = "AGE")]
    every: Option<String>,
    /// Whether it also looks after each scheduled backup
    #[arg(long, value_name = "WHETHER", value_parser = yes_or_no())]
    after_backups: Option<bool>,
    /// Remove nothing by itself until it is resumed
    #[arg(long, conflicts_with = "resume")]
    pause: bool,
    /// Let a paused cleanup go on
    #[arg(long)]
    resume: bool,
}

fn yes_or_no() -> impl TypedValueParser<Value = bool> {
    clap::builder::PossibleValuesParser::new(["yes", "no"]).map(|word| word == "yes")
}

#[derive(Debug, Args)]
struct Set {
    /// An id or a location
    #[arg(value_name = "DB")]
    db: String,
    #[command(flatten)]
    rules: Rules,
    /// Begin with the rules of a new database: 7 daily, 4 weekly, 12 monthly
    #[arg(long)]
    standard: bool,
    /// Begin without any rule: everything stays
    #[arg(long, conflicts_with = "standard")]
    clear: bool,
    /// Let imported backups fall under the rules, too
    #[arg(long)]
    include_imported: bool,
    /// Keep imported backups whatever the rules say
    #[arg(long, conflicts_with = "include_imported")]
    exclude_imported: bool,
    #[command(flatten)]
    yes: Yes,
}

/// The arguments of [`Rules`].
pub(crate) const RULE_IDS: [&str; 10] = [
    "last_keep",
    "hourly_keep",
    "daily_keep",
    "weekly_keep",
    "monthly_keep",
    "yearly_keep",
    "startup_keep",
    "shutdown_keep",
    "max_age",
    "max_count",
];
const SET_IDS: [&str; 4] = ["standard", "clear", "include_imported", "exclude_imported"];

/// The rules that a person says on the command line; the others stay as they are.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Rules {
    /// Keep the newest N over all automatic kinds; `none`: no such rule
    #[arg(long, value_name = "N", value_parser = count)]
    last_keep: Option<Count>,
    /// Keep the newest N of this kind
    #[arg(long, value_name = "N", value_parser = count)]
    hourly_keep: Option<Count>,
    /// Likewise
    #[arg(long, value_name = "N", value_parser = count)]
    daily_keep: Option<Count>,
    /// Likewise
    #[arg(long, value_name = "N", value_parser = count)]
    weekly_keep: Option<Count>,
    /// Likewise
    #[arg(long, value_name = "N", value_parser = count)]
    monthly_keep: Option<Count>,
    /// Keep the newest N yearly ones, and the oldest monthly one of each of N years
    #[arg(long, value_name = "N", value_parser = count)]
    yearly_keep: Option<Count>,
    /// Keep the newest N made at the start of an application (10, where nothing is said)
    #[arg(long, value_name = "N", value_parser = count)]
    startup_keep: Option<Count>,
    /// Keep the newest N made when an application stopped (10, where nothing is said)
    #[arg(long, value_name = "N", value_parser = count)]
    shutdown_keep: Option<Count>,
    /// Remove what is older, e.g. 30d
    #[arg(long, value_name = "D")]
    max_age: Option<String>,
    /// Remove what is more than N in all, the oldest first
    #[arg(long, value_name = "N", value_parser = count)]
    max_count: Option<Count>,
}

/// A number, or `none` for no such rule.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Count(Option<u32>);

fn count(text: &str) -> Result<Count, String> {
    match text {
        "none" => Ok(Count(None)),
        number => number.parse().map(|number| Count(Some(number))).map_err(|_| "give a whole number, or none".to_owned()),
    }
}

impl Rules {
    pub(crate) fn any(&self) -> bool {
        let counts = [
            self.last_keep,
            self.hourly_keep,
            self.daily_keep,
            self.weekly_keep,
            self.monthly_keep,
            self.yearly_keep,
            self.startup_keep,
            self.shutdown_keep,
            self.max_count,
        ];
        counts.iter().any(Option::is_some) || self.max_age.is_some()
    }

    /// A policy with these rules in place of its own.
    pub(crate) fn over(&self, policy: &RetentionPolicy) -> Result<RetentionPolicy, Fault> {
        let said = |count: Option<Count>, own: Option<u32>| count.map_or(own, |count| count.0);
        let max_age_secs = match self.max_age.as_deref() {
            None => policy.max_age_secs,
            Some("none") => None,
            Some(age) => Some(duration_secs(age)?),
        };
        Ok(RetentionPolicy {
            last: said(self.last_keep, policy.last),
            hourly: said(self.hourly_keep, policy.hourly),
            daily: said(self.daily_keep, policy.daily),
            weekly: said(self.weekly_keep, policy.weekly),
            monthly: said(self.monthly_keep, policy.monthly),
            yearly: said(self.yearly_keep, policy.yearly),
            startup: said(self.startup_keep, policy.startup),
            shutdown: said(self.shutdown_keep, policy.shutdown),
            max_age_secs,
            max_count: said(self.max_count, policy.max_count),
            imported: policy.imported,
        })
    }
}

pub(crate) fn run(args: &Retention, cx: &Context) -> Result<(), Fault> {
    let vault = cx.vault()?;
    match &args.verb {
        RetentionVerb::Show { db } => show(&vault, db, cx),
        RetentionVerb::Set(args) => set(&vault, args, cx),
        RetentionVerb::Schedule(args) => schedule(&vault, args, cx),
    }
}

fn show(vault: &Vault, db: &str, cx: &Context) -> Result<(), Fault> {
    let id = databases::find_database(vault, db)?.id;
    let now = Timestamp::now();
    let plan = planned(vault, &id, None, now)?;
    let outlook = cleanup::outlook(vault, &plan, now)?;
    let status = databases::status(vault, &id, now)?.cleanup;
    let detail = RetentionDetail {
        plan: shape::CleanupPlan::of(&plan, true, false),
        in_30_days: (&outlook).into(),
        cleanup: Some((&status).into()),
    };
    cx.out.result(json!(detail));
    let mut table = Table::facts();
    table.row(["keeps".into(), db_verb::kept_words(&plan.database).into()]);
    let held = format!("{}, {}", human::counted(plan.kept_count, "backup"), human::bytes(plan.kept_bytes));
    table.row(["holds".into(), held.into()]);
    let goes = match plan.removed.len() {
        0 => "nothing".to_owned(),
        count => format!(
            "{}, {}: `keepstone cleanup {id} --dry-run` says which",
            human::counted(count, "backup"),
            human::bytes(plan.freed_bytes)
        ),
    };
    table.row(["would remove now".into(), goes.into()]);
    table.row(["in 30 days".into(), in_30_days(&outlook).into()]);
    table.row(["cleanup looks".into(), status.rhythm.as_str().into()]);
    table.row(["last cleanup".into(), words::time_or_dash(status.last_at).into()]);
    table.row(["next cleanup".into(), words::time_or_dash(status.next_at).into()]);
    if let Some(alarm) = status.alarm() {
        table.row(["▲".into(), alarm.into()]);
    }
    table.print(&cx.out);
    Ok(())
}

fn set(vault: &Vault, args: &Set, cx: &Context) -> Result<(), Fault> {
    let database = databases::find_database(vault, &args.db)?;
    if let Some(by) = &database.retention_managed_by {
        return Err(Error::Managed { what: format!("the retention of {}", database.id), by: by.clone() }.into());
    }
    let base = match () {
        () if args.standard => RetentionPolicy { imported: database.retention.imported, ..RetentionPolicy::standard() },
        () if args.clear => RetentionPolicy { imported: database.retention.imported, ..RetentionPolicy::default() },
        () => database.retention.clone(),
    };
    let mut policy = args.rules.over(&base)?;
    policy.imported = (policy.imported || args.include_imported) && !args.exclude_imported;
    policy.check()?;
    let now = Timestamp::now();
    let plan = planned(vault, &database.id, Some(policy.clone()), now)?;
    let outlook = cleanup::outlook(vault, &plan, now)?;
    let result = |set: bool| {
        let mut result = plan_json(&plan, false, false);
        result["set"] = json!(set);
        result["before"] = json!(database.retention);
        result["in_30_days"] = json!(shape::Held::from(&outlook));
        result
    };
    // It asks only where much would go at once; else the next cleanups do what it says.
    let many = plan.removed.len() > plan.pass_limit() && database.retention != policy;
    if many {
        cx.out.note(format_args!(
            "{}: {}\nIt would remove {}, {}, into the trash with the next cleanups.",
            database.id,
            policy.words(),
            human::counted(plan.removed.len(), "backup"),
            human::bytes(plan.freed_bytes)
        ));
        if let Err(fault) = confirm(cx, "retention", args.yes, "Set this policy?", None) {
            cx.out.result(result(false));
            return Err(fault);
        }
    }
    let consent = if many { Consent::Given } else { Consent::Ask };
    cleanup::set_policy(vault, &database.id, &policy, consent, environment::count_by()?, &context::actor())?;
    cx.out.result(result(true));
    cx.out.outcome(&database.id, format_args!("{} keeps {}", database.id, policy.words()));
    if !plan.removed.is_empty() {
        cx.out.note(format_args!(
            "The next cleanups remove {}, {}.",
            human::counted(plan.removed.len(), "backup"),
            human::bytes(plan.freed_bytes)
        ));
    }
    cx.out.note(format_args!("In 30 days it will hold {}.", in_30_days(&outlook)));
    Ok(())
}

/// When cleanup looks by itself; without anything to change it is shown.
fn schedule(vault: &Vault, args: &Rhythm, cx: &Context) -> Result<(), Fault> {
    let database = databases::find_database(vault, &args.db)?;
    let (id, present, now) = (database.id, database.cleanup_rhythm, Timestamp::now());
    let trigger = match (&args.cron, &args.every) {
        (Some(cron), _) => Trigger::Cron {
            cron: cron.split_whitespace().collect::<Vec<_>>().join(" "),
            time_zone: args.zone.clone().unwrap_or_else(schedules::host_time_zone),
        },
        (None, Some(every)) => Trigger::Interval { every_secs: duration_secs(every)? },
        (None, None) => present.trigger.clone(),
    };
    let rhythm = CleanupRhythm {
        trigger,
        after_backups: args.after_backups.unwrap_or(present.after_backups),
        paused: (present.paused || args.pause) && !args.resume,
    };
    let changed = rhythm != present;
    if changed {
        cleanup::set_rhythm(vault, &id, &rhythm, &context::actor(), now)?;
    }
    let status = databases::status(vault, &id, now)?.cleanup;
    let mut result = json!({ "database": id, "changed": changed, "schedule": rhythm });
    result["cleanup"] = json!(shape::CleanupStatus::from(&status));
    cx.out.result(result);
    cx.out.outcome(&id, format_args!("cleanup looks at {id} {}", status.rhythm));
    cx.out.note(format_args!("  last {}, next {}", words::time_or_dash(status.last_at), words::time_or_dash(status.next_at)));
    if let Some(alarm) = status.alarm() {
        cx.out.note(format_args!("▲ {alarm}"));
    }
    Ok(())
}

fn planned(vault: &Vault, id: &DatabaseId, policy: Option<RetentionPolicy>, now: Timestamp) -> Result<CleanupPlan, Fault> {
    let count_by = environment::count_by()?;
    let options = PlanOptions { database: id.clone(), policy, manual: Manual::Kept, count_by, pass: Pass::Person };
    Ok(cleanup::plan_cleanup(vault, &options, now)?)
}

fn in_30_days(outlook: &Forecast) -> String {
    format!("about {}, {}", human::counted(outlook.count, "backup"), human::bytes(outlook.bytes))
}
