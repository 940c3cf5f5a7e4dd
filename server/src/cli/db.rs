//! `keepstone db`: the databases under protection.

use clap::{ArgGroup, Args, Subcommand};
use jiff::Timestamp;
use keepstone_engine::{
    backups::{self, BackupFilter},
    cleanup::{self, Consent},
    databases::{self, AddDatabaseOptions, DatabaseStatus, EditDatabaseOptions, FirstSchedules},
    driver,
    location::Location,
    model::{
        anomaly::LossPolicy,
        database::{Database, Engine},
        human,
        schedule::Preset,
    },
    postgres, schedules,
};
use serde_json::{Value, json};

use super::{
    Context, Fault,
    confirm::confirm,
    context, environment, password,
    table::{Cell, Table},
    values::{Yes, duration_secs},
    words,
};
use crate::shape;

/// Add, show, edit and remove the databases under protection
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  keepstone db add /srv/shop/shop.db
  keepstone db add sqlite:////srv/shop/shop.db --name shop --preset half-daily
  keepstone db add --url-file url.txt       a PostgreSQL URL with its password, which is kept sealed
  keepstone db list
  keepstone db edit shop --objective 6h --never-replace
  keepstone db edit shop --auto-recovery
  keepstone db edit shop --snapshot-hold 2h --snapshot-wal 20GB
  keepstone db edit shop --loss-share 30% --table jobs=off --table orders=5%")]
pub(crate) struct Db {
    #[command(subcommand)]
    verb: DbVerb,
}

#[derive(Debug, Subcommand)]
enum DbVerb {
    /// Protect a database, with the standard schedules unless others are named; makes the vault if there is none
    Add {
        /// A path, or a `sqlite:` or `postgresql:` URL
        #[arg(value_name = "LOCATION", required_unless_present = "url_file")]
        location: Option<String>,
        /// The id; else it follows from the file's name
        #[arg(long, value_name = "ID")]
        name: Option<String>,
        /// Read the location from this file, so that no password stands on the command line
        #[arg(long, value_name = "F", conflicts_with = "location")]
        url_file: Option<std::path::PathBuf>,
        /// PostgreSQL: a file with the URL of a role that may make and rename databases, for restores
        #[arg(long, value_name = "F")]
        admin_url_file: Option<std::path::PathBuf>,
        /// Its first schedules, with the retention and the recovery that go with them (`keepstone schedule preset` shows all) [default: standard; of a database that was removed, those that it had]
        #[arg(long, value_name = "NAME", value_parser = super::schedule::preset())]
        preset: Option<Preset>,
        /// The times of --preset cron, e.g. '0 14 * * *'
        #[arg(long, value_name = "CRON")]
        cron: Option<String>,
        /// The time zone of the schedules, e.g. Europe/Berlin; else this machine's
        #[arg(long, value_name = "ZONE")]
        zone: Option<String>,
        /// Add no schedule: it is backed up by hand, or by another program
        #[arg(long, conflicts_with_all = ["preset", "cron", "zone"])]
        no_schedule: bool,
    },
    /// Every database, the one at most risk first
    List,
    /// One database: state, objective, location, schedules
    Show {
        #[arg(value_name = "DB")]
        db: String,
    },
    /// Change a database's objective, marks, auto-recovery, what counts as a loss, and the limits of its snapshots
    #[command(group = ArgGroup::new("change").required(true).multiple(true))]
    Edit {
        #[arg(value_name = "DB")]
        db: String,
        /// The largest age of the newest good backup, e.g. 26h or 7d; auto: the schedules' longest gap and two hours
        #[arg(long, value_name = "AGE", group = "change")]
        objective: Option<String>,
        /// Refuse every restore over the live database
        #[arg(long, group = "change")]
        never_replace: bool,
        /// Allow restores over the live database again
        #[arg(long, group = "change", conflicts_with = "never_replace")]
        allow_replace: bool,
        /// Take no scheduled backups
        #[arg(long, group = "change")]
        pause: bool,
        /// Take scheduled backups again
        #[arg(long, group = "change", conflicts_with = "pause")]
        resume: bool,
        /// Restore it from its newest good backup at the start if it is corrupt, at most once a day
        #[arg(long, group = "change")]
        auto_recovery: bool,
        /// Leave a corrupt database to a person
        #[arg(long, group = "change", conflicts_with = "auto_recovery")]
        no_auto_recovery: bool,
        /// A backup is suspect if a table lost more than this share of its rows, e.g. 30%; off: never
        #[arg(long, value_name = "SHARE", group = "change")]
        loss_share: Option<String>,
        /// The same for one table, e.g. jobs=off; default: as for all; may be said several times
        #[arg(long = "table", value_name = "TABLE=SHARE", group = "change")]
        tables: Vec<String>,
        /// How long a snapshot may hold its read transaction, e.g. 2h; auto: by the database's size
        #[arg(long, value_name = "TIME", group = "change")]
        snapshot_hold: Option<String>,
        /// How much the -wal file may grow during a snapshot, e.g. 20GB; auto: by the database's size
        #[arg(long, value_name = "SIZE", group = "change")]
        snapshot_wal: Option<String>,
        /// What a snapshot leaves free on the database's disk, e.g. 1GB; auto: 64 MiB
        #[arg(long, value_name = "SIZE", group = "change")]
        snapshot_free: Option<String>,
        /// Encrypt its backups from now on
        #[arg(long, group = "change")]
        encrypt: bool,
        /// It is at another place now, or is reached with another password: read the location from this file
        #[arg(long, value_name = "F", group = "change")]
        url_file: Option<std::path::PathBuf>,
        /// PostgreSQL: a file with the URL of a role that may make and rename databases, for restores
        #[arg(long, value_name = "F", group = "change")]
        admin_url_file: Option<std::path::PathBuf>,
        /// PostgreSQL: restore by the role that makes the backups
        #[arg(long, group = "change", conflicts_with = "admin_url_file")]
        no_admin: bool,
        /// Do not encrypt its backups any more, though earlier ones are
        #[arg(long, group = "change", conflicts_with = "encrypt")]
        no_encrypt: bool,
        /// PostgreSQL: keep the server's roles and tablespaces beside each of its backups, without passwords
        #[arg(long, group = "change")]
        globals: bool,
        /// Keep them only where a create says so
        #[arg(long, group = "change", conflicts_with = "globals")]
        no_globals: bool,
    },
    /// Forget a database and its schedules; its archives stay where they are
    Remove {
        #[arg(value_name = "DB")]
        db: String,
        #[command(flatten)]
        yes: Yes,
    },
}

pub(crate) fn run(args: &Db, cx: &Context) -> Result<(), Fault> {
    match &args.verb {
        DbVerb::Add { location, name, url_file, admin_url_file, preset, cron, zone, no_schedule } => {
            // A cron or a zone is said of schedules that begin anew.
            let preset = preset.or((cron.is_some() || zone.is_some()).then_some(Preset::Standard));
            let first = FirstSchedules { preset, cron: cron.clone(), time_zone: zone.clone() };
            add(location.as_deref(), name.as_deref(), (url_file.as_deref(), admin_url_file.as_deref()), (!no_schedule).then_some(first), cx)
        }
        DbVerb::List => list(cx),
        DbVerb::Show { db } => show(db, cx),
        DbVerb::Edit {
            db,
            objective,
            never_replace,
            allow_replace,
            pause,
            resume,
            auto_recovery,
            no_auto_recovery,
            loss_share,
            tables,
            snapshot_hold,
            snapshot_wal,
            snapshot_free,
            encrypt,
            no_encrypt,
            globals,
            no_globals,
            url_file,
            admin_url_file,
            no_admin,
        } => {
            let objective_secs = match objective.as_deref() {
                None => None,
                Some("auto") => Some(None),
                Some(age) => Some(Some(duration_secs(age)?)),
            };
            let vault = cx.vault()?;
            let database = databases::find_database(&vault, db)?;
            let id = database.id;
            let changed = loss_share.is_some() || !tables.is_empty();
            let limits = [snapshot_hold, snapshot_wal, snapshot_free].map(Option::as_deref);
            let mut snapshot = database.snapshot;
            snapshot.set(limits[0], limits[1], limits[2])?;
            let options = EditDatabaseOptions {
                objective_secs,
                never_replace: either(*never_replace, *allow_replace),
                paused: either(*pause, *resume),
                auto_recovery: either(*auto_recovery, *no_auto_recovery),
                loss: if changed { Some(loss_policy(database.loss, loss_share.as_deref(), tables)?) } else { None },
                snapshot: limits.iter().any(Option::is_some).then_some(snapshot),
                encrypt: either(*encrypt, *no_encrypt),
                globals: either(*globals, *no_globals),
                location: url_file.as_deref().map(url_in).transpose()?,
                admin: admin_url_file.as_deref().map(url_in).transpose()?.map(Some).or_else(|| no_admin.then_some(None)),
                actor: context::actor(),
            };
            databases::edit_database(&vault, &id, &options)?;
            print_one(&databases::status(&vault, &id, Timestamp::now())?, cx);
            Ok(())
        }
        DbVerb::Remove { db, yes } => remove(db, *yes, cx),
    }
}

fn either(on: bool, off: bool) -> Option<bool> {
    (on || off).then_some(on)
}

/// The policy with what the flags change of it.
fn loss_policy(mut policy: LossPolicy, share: Option<&str>, tables: &[String]) -> Result<LossPolicy, Fault> {
    if let Some(share) = share {
        policy.share_percent = LossPolicy::share(share)?;
    }
    for table in tables {
        policy.set_table(table)?;
    }
    Ok(policy)
}

fn add(
    location: Option<&str>,
    name: Option<&str>,
    (url_file, admin_url_file): (Option<&std::path::Path>, Option<&std::path::Path>),
    first: Option<FirstSchedules>,
    cx: &Context,
) -> Result<(), Fault> {
    let location = match (location, url_file) {
        (Some(location), _) => location.to_owned(),
        (None, Some(file)) => url_in(file)?,
        (None, None) => return Err(Fault::usage("no location given", "Name the database's file.")),
    };
    if url_file.is_none() && password_in(&location) {
        cx.out.note("note: a password on the command line is seen by others of this machine; --url-file reads it from a file");
    }
    let location = with_password(location, cx)?;
    let vault = cx.vault_for(&location)?;
    let known = databases::find_database(&vault, &location).is_ok();
    let options = AddDatabaseOptions { location, name: name.map(str::to_owned), schedules: first, actor: context::actor() };
    let retention = environment::retention()?;
    let admin = admin_url_file.map(url_in).transpose()?;
    let mut database = databases::add_database(&vault, &options)?;
    if let Some(admin) = admin {
        let edit = EditDatabaseOptions { admin: Some(Some(admin)), actor: context::actor(), ..EditDatabaseOptions::default() };
        database = databases::edit_database(&vault, &database.id, &edit)?;
    }
    if let Some(policy) = retention.filter(|_| !known) {
        database =
            cleanup::set_policy(&vault, &database.id, &policy, Consent::Later, environment::count_by()?, &context::actor())?.database;
    }
    let schedules = schedules::list(&vault, Some(&database.id), Timestamp::now())?;
    let mut result = words::database_json(&database);
    result["added"] = json!(!known);
    result["schedules"] = schedules.iter().map(super::schedule::json).collect();
    cx.out.result(result);
    if known {
        cx.out.outcome(&database.id, format_args!("{} is protected already, as {}", database.location, database.id));
    } else {
        cx.out.outcome(&database.id, format_args!("added {} ({})", database.id, database.location));
    }
    for schedule in &schedules {
        cx.out.note(format_args!("  {}", super::schedule::line(schedule)));
    }
    if !known {
        cx.out.note(format_args!("  keeps {}", database.retention.words()));
        let filter = BackupFilter { database: Some(database.id.clone()), limit: Some(1), ..BackupFilter::default() };
        match backups::list(&vault, &filter)?.total {
            0 => cx.out.note(format_args!("No backup has been made yet: `keepstone create {}`", database.id)),
            1 => cx.out.note("1 backup lay in its folder and is taken up."),
            count => cx.out.note(format_args!("{} backups lay in its folder and are taken up.", human::count(count))),
        }
    }
    Ok(())
}

/// The URL in a file, without the space around it.
pub(super) fn url_in(file: &std::path::Path) -> Result<String, Fault> {
    let text = std::fs::read_to_string(file).map_err(|error| keepstone_engine::Error::io(file, error))?;
    Ok(text.trim().to_owned())
}

fn password_in(location: &str) -> bool {
    postgres::location::is_url(location)
        && postgres::location::Location::of(location, &environment::postgres()).is_ok_and(|location| location.password.is_some())
}

/// Asks for the password that a server wants, if someone sits there.
fn with_password(location: String, cx: &Context) -> Result<String, Fault> {
    if !postgres::location::is_url(&location) || !password::can_ask(cx) {
        return Ok(location);
    }
    let environment = environment::postgres();
    let place = Location::of(&location, &environment)?;
    match driver::probe(&place, &environment, std::time::Duration::from_secs(30)) {
        Err(error) if error.code() == "password_needed" => {
            let Location::Postgres(mut wanted) = place else { return Ok(location) };
            wanted.password = Some(password::ask(&format!("The password of {} at {}: ", wanted.user, wanted.server()))?);
            Ok(wanted.url_with_password().to_string())
        }
        // Whatever else is wrong is said when it is added.
        _ => Ok(location),
    }
}

fn list(cx: &Context) -> Result<(), Fault> {
    let vault = cx.vault()?;
    let mut table = Table::new(&["STATE", "DATABASE", "NEWEST GOOD", ">OBJECTIVE", ">BACKUPS", ">ARCHIVES", "NEXT RUN", "LOCATION"]);
    for status in databases::statuses(&vault, Timestamp::now())? {
        cx.out.result(json(&status));
        if cx.out.quiet {
            cx.out.line(&status.database.id);
            continue;
        }
        table.row([
            words::database_state(status.state),
            status.database.id.as_str().into(),
            status.newest_good_at.map_or_else(|| "never".to_owned(), words::ago).into(),
            objective(&status).into(),
            human::count(status.backup_count).into(),
            words::bytes_or_dash(status.archive_size_bytes).into(),
            words::time_or_dash(status.next_run_at).into(),
            status.database.location.as_str().into(),
        ]);
    }
    if table.is_empty() {
        if !cx.out.quiet {
            cx.out.note("No databases yet: `keepstone db add LOCATION`");
        }
    } else {
        table.print(&cx.out);
    }
    Ok(())
}

fn show(db: &str, cx: &Context) -> Result<(), Fault> {
    let vault = cx.vault()?;
    let database = databases::find_database(&vault, db)?;
    let now = Timestamp::now();
    print_one(&databases::status(&vault, &database.id, now)?, cx);
    for schedule in schedules::list(&vault, Some(&database.id), now)? {
        cx.out.line(format_args!("  {}; next {}", super::schedule::line(&schedule), words::time_or_dash(schedule.next_run_at)));
    }
    Ok(())
}

fn print_one(status: &DatabaseStatus, cx: &Context) {
    cx.out.result(json(status));
    let database = &status.database;
    let mut table = Table::facts();
    let mut row = |name: &str, value: Cell| table.row([name.into(), value]);
    row("id", database.id.as_str().into());
    row("state", words::database_state(status.state));
    row("location", database.location.as_str().into());
    row("engine", database.engine.as_str().into());
    row(
        "newest good backup",
        status.newest_good_at.map_or_else(|| "never".to_owned(), |at| format!("{} ({})", words::time(at), words::ago(at))).into(),
    );
    row(
        "objective",
        format!("at most {} old{}", objective(status), if database.objective_secs.is_none() { " (by its schedules)" } else { "" }).into(),
    );
    row("backups", format!("{} in {}", human::count(status.backup_count), human::bytes(status.archive_size_bytes)).into());
    if let Some(size) = status.size_bytes {
        row("size at the last backup", human::bytes(size).into());
    }
    row("next run", words::time_or_dash(status.next_run_at).into());
    row("keeps", kept_words(database).into());
    row("cleanup", status.cleanup.rhythm.as_str().into());
    row("last cleanup", words::time_or_dash(status.cleanup.last_at).into());
    if let Some(alarm) = status.cleanup.alarm() {
        row("▲", alarm.into());
    }
    let encrypted = match database.encryption_said() {
        Some(true) => "yes",
        Some(false) => "no, unless the environment or a create says so",
        None => "as the newest backup is, or as the environment or a create says",
    };
    row("encrypted", encrypted.into());
    if database.globals {
        row("beside them", "the server's roles and tablespaces".into());
    }
    row("restore over it", if database.never_replace { "never" } else { "allowed" }.into());
    row("auto-recovery", if database.auto_recovery { "on" } else { "off" }.into());
    row("suspect if lost", database.loss.words().into());
    if database.engine == Engine::Sqlite {
        row("snapshots", database.snapshot.words().into());
    }
    row("added", words::time(database.added_at).into());
    if let Some(error) = &status.last_error {
        row("last error", error.as_str().into());
    }
    if let Some((at, recovered)) = status.checkup.as_ref().and_then(|checkup| Some((checkup.at, checkup.recovered.as_ref()?))) {
        row("recovered", format!("{}, from {}; the damaged files are in {}", words::time(at), recovered.backup, recovered.kept).into());
    }
    table.print(&cx.out);
    for concern in &status.concerns {
        cx.out.note(format_args!("▲ {}", concern.reason));
        if let Some(backup) = &concern.backup {
            cx.out.note(format_args!("  {backup}"));
        }
        cx.out.note(format_args!("  {}", concern.advice));
    }
}

fn remove(db: &str, yes: Yes, cx: &Context) -> Result<(), Fault> {
    let vault = cx.vault()?;
    let database = databases::find_database(&vault, db)?;
    let status = databases::status(&vault, &database.id, Timestamp::now())?;
    let mut result = json(&status);
    result["removed"] = json!(false);
    cx.out.note(format_args!("{} ({}) will not be backed up any more.", database.id, database.location));
    cx.out.note(format_args!(
        "What it has ({}, {}) stays in {}.",
        human::counted(status.backup_count, "backup"),
        human::bytes(status.archive_size_bytes),
        vault.backups_dir().join(database.id.as_str()).display()
    ));
    if let Err(fault) = confirm(cx, "remove", yes, &format!("Remove {}?", database.id), Some(database.id.as_str())) {
        cx.out.result(result);
        return Err(fault);
    }
    databases::remove_database(&vault, &database.id, &context::actor())?;
    result["removed"] = json!(true);
    cx.out.result(result);
    cx.out.outcome(&database.id, format_args!("removed {}", database.id));
    Ok(())
}

/// The retention in words, and who alone sets it.
pub(crate) fn kept_words(database: &Database) -> String {
    let by = database.retention_managed_by.as_ref().map(|by| format!(" (set by the {by})"));
    format!("{}{}", database.retention.words(), by.unwrap_or_default())
}

pub(crate) fn objective(status: &DatabaseStatus) -> String {
    human::duration_ms(status.objective_secs * 1000)
}

pub(crate) fn json(status: &DatabaseStatus) -> Value {
    json!(shape::DatabaseStatus::from(status))
}
