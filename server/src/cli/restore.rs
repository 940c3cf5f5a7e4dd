//! `keepstone restore`: a backup into a new file, or, asked for and confirmed, over the live database.

use std::path::{Path, PathBuf};

use clap::{ArgGroup, Args};
use keepstone_engine::{
    Error, Vault,
    archive::Archive,
    databases, import,
    model::{
        backup::Backup,
        database::Engine,
        human,
        job::{JobError, Verb},
        restore::{Loading, Ownership, RESTORE_JOBS_MAX, StateBefore, Target},
    },
    postgres,
    restore::{self, Look, PlanOptions, RestoreOptions, RestoreReport},
};
use serde_json::{Value, json};

use super::{
    Context, Fault,
    confirm::confirm,
    context, environment, output,
    password::{self, PasswordArg},
    plan,
    progress::Follow,
    table::printable,
    values::{self, BackupArg, Yes},
    verify, words,
};

/// Restore a backup: into a new file, or with --replace over the live database
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
#[command(group = ArgGroup::new("what").required(true), after_help = "\
Examples:
  keepstone restore latest                          into ./<id>.sqlite; the live database is unchanged
  keepstone restore latest:daily --to /tmp/look.sqlite
  keepstone restore shop_daily_20261120T030000Z_k3f9 --replace
  keepstone restore latest --replace --dry-run      only show what it would do
  keepstone restore latest --db crm --to crm_look   PostgreSQL: into a new database on the same server
  keepstone restore --path /mnt/usb/shop.zip        an archive file, without a vault
  keepstone restore --path shop.zip --password-file pw.txt      an encrypted one
  keepstone restore --path backup_20231116_143022.db.gz.enc --password-file old.txt     what another system left")]
pub(crate) struct Restore {
    /// A backup's id, a unique beginning of one, latest[:KIND], or an archive file
    #[arg(value_name = "ID", group = "what")]
    id: Option<String>,
    /// The same, as a flag
    #[arg(long = "id", value_name = "ID", group = "what")]
    id_flag: Option<String>,
    /// An archive file, or what another backup system left; needs no vault
    #[arg(long, value_name = "FILE", group = "what")]
    path: Option<PathBuf>,
    /// Look only among the backups of this database
    #[arg(long, value_name = "DB")]
    db: Option<String>,
    /// The new file [default: ./<id>.sqlite]; of PostgreSQL the new database, by its name or URL [default: <database>_<time>_<id>], or a .dump file
    #[arg(long, value_name = "PATH|URL")]
    to: Option<String>,
    /// Write over the live database, with its applications connected (PostgreSQL: a new one takes its name, and its sessions are ended)
    #[arg(long, conflicts_with = "to", group = "over")]
    replace: bool,
    /// PostgreSQL: make what the backup holds anew in the live database itself, in one transaction; what it does not hold stays, and is named
    #[arg(long, conflicts_with_all = ["to", "jobs"], group = "over")]
    in_place: bool,
    /// On a server: everything belongs to the restoring role, and no rights are given to others
    #[arg(long)]
    no_owner: bool,
    /// On a server: owners and rights as in the backup, or it fails [default: as in the backup where that is possible]
    #[arg(long, conflicts_with = "no_owner")]
    keep_owner: bool,
    /// On a server: load the dump by so many connections at once; it is unpacked in the backups folder first
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=i64::from(RESTORE_JOBS_MAX)), conflicts_with = "single_transaction")]
    jobs: Option<u8>,
    /// On a server: load the dump in one transaction
    #[arg(long)]
    single_transaction: bool,
    /// Do not check the whole archive before (its hash always is)
    #[arg(long)]
    no_verify: bool,
    /// With --replace or --in-place: make no backup of what is there now
    #[arg(long, requires = "over")]
    no_safety_backup: bool,
    /// With --replace, of a database that cannot be opened: replace it although another process has it open, which goes on writing to the old files
    #[arg(long, requires = "replace")]
    although_open: bool,
    /// Show the plan and change nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    password: PasswordArg,
    #[command(flatten)]
    yes: Yes,
}

pub(crate) fn run(args: &Restore, cx: &Context) -> Result<(), Fault> {
    let id = args.id.as_ref().or(args.id_flag.as_ref());
    let file = args.path.clone().or_else(|| id.filter(|id| values::is_file(id)).map(PathBuf::from));
    if let Some(file) = file {
        return from_file(&file, args, cx);
    }
    let id = id.ok_or_else(|| Fault::usage("no backup given", "Name a backup's id, latest, or an archive file."))?;
    let vault = cx.vault()?;
    let backup = context::backup_of(&vault, &BackupArg { id: id.clone(), db: args.db.clone() })?;
    password::for_backup(&vault, &backup, &args.password, cx)?;
    let target = target(&vault, args, &backup)?;
    let backup = backup.id;
    let plan = restore::plan_restore(&vault, &PlanOptions { backup, target, safety_backup: !args.no_safety_backup })?;
    let ownership = match (args.no_owner, args.keep_owner) {
        (true, _) => Ownership::Discard,
        (_, true) => Ownership::Keep,
        _ => Ownership::Auto,
    };
    let loading = match (args.jobs, args.single_transaction) {
        (Some(jobs), _) => Loading::Parallel { jobs },
        (None, true) => Loading::SingleTransaction,
        (None, false) => Loading::Streamed,
    };
    let plan = restore::choose_way(&vault, plan, ownership, loading)?;
    let plan = if args.although_open { restore::although_open(plan) } else { plan };
    let live = databases::database(&vault, &plan.database).map(|database| database.location).ok();
    let result = json!({ "ok": false, "dry_run": args.dry_run, "plan": plan });
    if args.dry_run {
        plan::print(&plan, live.as_deref(), cx);
        let mut result = result;
        result["ok"] = json!(true);
        cx.out.result(result);
        cx.out.note("This was a dry run: nothing was changed.");
        return Ok(());
    }
    let over_live = args.replace || args.in_place;
    if over_live {
        if !args.yes.yes || !cx.out.quiet {
            plan::print(&plan, live.as_deref(), cx);
        }
        let name = plan.database.as_str();
        if let Err(fault) = confirm(cx, "restore", args.yes, &format!("Replace the live database {name}?"), Some(name)) {
            cx.out.result(result);
            return Err(fault);
        }
    }
    let follow = Follow::new(cx, Verb::Restore, &plan.database);
    let options = RestoreOptions { plan, verify: !args.no_verify, actor: context::actor() };
    let outcome = restore::restore(&vault, &options, &follow);
    drop(follow);
    told(outcome, result, over_live, live.as_deref(), cx)
}

/// The report of a restore or an undo, to the person and into the document.
pub(crate) fn told(
    outcome: Result<RestoreReport, Error>,
    mut result: Value,
    replaced: bool,
    live: Option<&str>,
    cx: &Context,
) -> Result<(), Fault> {
    let report = match outcome {
        Ok(report) => report,
        Err(error) => {
            let fault = Fault::from(error);
            result["error"] = fault.json();
            cx.out.result(result);
            return Err(fault);
        }
    };
    let unsound = report.unsound().filter(|_| replaced).map(|JobError { message, hint, .. }| Fault::Here {
        code: RestoreReport::UNSOUND,
        message,
        hint,
        exit: 4,
    });
    result["ok"] = json!(unsound.is_none());
    if let Some(fault) = &unsound {
        result["error"] = fault.json();
    }
    result["job"] = json!(report.job);
    result["backup"] = json!(report.backup);
    result["path"] = json!(report.path);
    result["safety_backup"] = json!(report.safety_backup);
    result["pages_written"] = json!(report.pages_written);
    result["size_bytes"] = json!(report.size_bytes);
    result["held_ms"] = json!(report.held_ms);
    result["elapsed_ms"] = json!(report.elapsed_ms);
    result["hash_equal"] = json!(report.hash_equal);
    result["after"] = json!(report.after);
    result["kept"] = json!(report.kept);
    result["doubt"] = json!(report.doubt);
    result["not_checked"] = json!(report.not_checked);
    result["kept_aside"] = json!(report.kept_aside);
    result["live_unchanged"] = json!(!replaced);
    result["rows_since_plan"] = json!(report.rows_since_plan);
    cx.out.result(result);
    let (path, time) = (report.path.display(), human::duration_ms(report.elapsed_ms));
    let mark = if unsound.is_none() && report.doubt.is_none() { "✔" } else { "▲" };
    let said = match &report.after {
        _ if report.hash_equal => {
            format!("{mark} restored {} into {path}: {}, equal to the backup, {time}", report.backup, human::bytes(report.size_bytes))
        }
        // A server's database: it has rows, and no bytes to compare.
        Some(_) => format!("{mark} restored {} into {path} in {time}", report.backup),
        None => format!("✔ put the database before back as {path} in {time}"),
    };
    cx.out.outcome(&path, format_args!("{said}"));
    if let Some(doubt) = &report.doubt {
        // Also with `-q`: it is what somebody will go on with.
        output::stderr(format_args!("warning: the backup is suspect, and was written as it is: {}\n", printable(doubt)));
    }
    if let Some(why) = &report.not_checked {
        output::stderr(format_args!("warning: {}\n", printable(why)));
    }
    if replaced {
        for since in &report.rows_since_plan {
            let (planned, rows) = (human::count(since.planned_rows), human::count(since.rows));
            cx.out.note(format_args!("Since the plan {} went from {planned} to {rows} rows.", printable(&since.table)));
        }
        let as_files = matches!(report.before, StateBefore::KeptAside | StateBefore::Absent);
        if as_files {
            // Nobody waited, and no pages were compared.
        } else if report.kept.is_none() {
            let pages =
                if report.hash_equal { format!("{} pages were written; ", human::count(report.pages_written)) } else { String::new() };
            cx.out.note(format_args!("{pages}writers waited {}.", human::duration_ms(report.held_ms)));
        } else {
            cx.out.note(format_args!("The names changed in {}, and the sessions were ended.", human::duration_ms(report.held_ms)));
        }
        if let (Some(kept), Some(job)) = (&report.kept, &report.job) {
            let until = kept.until.map_or_else(String::new, |until| format!(" until {}", words::time(until)));
            cx.out.note(format_args!("The one that made way is kept on the server as {}{until}: keepstone undo {job}", kept.name));
        }
        match (&report.safety_backup, &report.job) {
            _ if report.kept.is_some() => {}
            _ if as_files => match &report.kept_aside {
                Some(folder) => cx.out.note(format_args!("What was there is kept whole in {}.", folder.display())),
                None => cx.out.note("Nothing was there before."),
            },
            (Some(safety), Some(job)) => cx.out.note(format_args!("Back to the state before ({safety}): keepstone undo {job}")),
            _ => cx.out.note("There is no safety backup, so this cannot be undone."),
        }
        if let Some(after) = &report.after {
            cx.out.note(format_args!("Looked at afterwards: {}.", after.words()));
            if !after.looked {
                cx.out.note("What was written equals the backup; `keepstone doctor` looks at it again.");
            }
        }
    } else {
        if let Some(after) = &report.after {
            cx.out.note(format_args!("Looked at afterwards: {}.", after.words()));
        }
        match live {
            Some(live) => cx.out.note(format_args!("The live database {live} is unchanged.")),
            None => cx.out.note("The live database is unchanged."),
        }
    }
    unsound.map_or(Ok(()), Err)
}

fn from_file(file: &Path, args: &Restore, cx: &Context) -> Result<(), Fault> {
    if args.replace || args.in_place {
        return Err(Fault::usage(
            "an archive file over a live database",
            "Restore it into a new file first; only a backup of the vault can replace the live database it is of.",
        ));
    }
    if !file.exists() {
        let message = format!("{} does not exist", file.display());
        return Err(Fault::Here { code: "archive_missing", message, hint: Some("Check the path.".to_owned()), exit: 3 });
    }
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    let ending = Archive::open(file).map_or_else(|_| import::ending_of(file), |archive| archive.form().ending());
    let target = target_file(args.to.as_deref(), &stem, ending)?;
    if target.exists() {
        return Err(Error::TargetExists { path: target }.into());
    }
    if import::is_foreign(file) {
        return foreign(file, &target, args, cx);
    }
    if args.dry_run {
        verify::check_file(file, &args.password, None, cx)?;
        cx.out.line(format_args!("It would be restored into the new file {}.", target.display()));
        cx.out.note("This was a dry run: nothing was changed.");
        return Ok(());
    }
    let result = json!({ "ok": false, "dry_run": false, "archive": file });
    let passwords = password::for_file(file, &args.password, cx)?;
    let follow = Follow::new(cx, Verb::Restore, &stem);
    let look = if args.no_verify { Look::AtBytes } else { Look::Inside };
    let outcome = restore::restore_file_by(look, file, &passwords, &target, &follow);
    drop(follow);
    told(outcome, result, false, None, cx)
}

/// What another system left is checked like an import. What it is made into is thrown away in a dry run.
fn foreign(file: &Path, target: &Path, args: &Restore, cx: &Context) -> Result<(), Fault> {
    let passwords = environment::import_passwords(args.password.password_file.as_deref())?;
    if args.dry_run {
        let scratch = context::scratch()?;
        let follow = Follow::new(cx, Verb::Verify, "the file");
        let checked = import::restore_foreign(file, &scratch.path().join("restored"), &passwords, &follow)?;
        drop(follow);
        cx.out.result(json!({ "ok": true, "dry_run": true, "archive": file, "from": checked.layout, "size_bytes": checked.size_bytes }));
        cx.out.line(format_args!("It would be restored into the new file {}: {}.", target.display(), human::bytes(checked.size_bytes)));
        cx.out.note("This was a dry run: nothing was changed.");
        return Ok(());
    }
    super::import::restore_file(file, target, &passwords, cx)
}

/// What is written to: a new file or a new database, as the backup is of the one or the other, unless it is said.
fn target(vault: &Vault, args: &Restore, backup: &Backup) -> Result<Target, Fault> {
    if args.replace {
        return Ok(Target::Replace);
    }
    if args.in_place {
        return Ok(Target::InPlace);
    }
    let database = databases::database(vault, &backup.database)?;
    let to = args.to.as_deref();
    let ending = match (database.engine, to) {
        (_, Some(url)) if postgres::location::is_url(url) => {
            let target = postgres::new_database_at(vault, url)?;
            return Ok(target);
        }
        (Engine::Postgres, None) => return Ok(postgres::new_database(vault, &database, &backup.id, None)?),
        (Engine::Postgres, Some(name)) if !is_file_name(name) => {
            return Ok(postgres::new_database(vault, &database, &backup.id, Some(name))?);
        }
        _ => "sqlite",
    };
    Ok(Target::NewFile { path: text(&target_file(to, backup.id.as_str(), ending)?) })
}

/// A path, or what looks like the name of a dump.
fn is_file_name(text: &str) -> bool {
    let extension = Path::new(text).extension().and_then(|extension| extension.to_str());
    text.contains('/') || matches!(extension, Some("dump" | "sql"))
}

/// Where a restore into a new file goes, as an absolute path.
fn target_file(to: Option<&str>, id: &str, ending: &str) -> Result<PathBuf, Fault> {
    let path = match to {
        None => format!("./{id}.{ending}"),
        Some(url) if postgres::location::is_url(url) => {
            let message = "an archive file into a server";
            return Err(Fault::usage(message, "Restore it into a file first, then load that with pg_restore; or import it into a vault."));
        }
        // As SQLAlchemy has it: three slashes and a relative path, four and an absolute one.
        Some(to) => to.strip_prefix("sqlite:///").unwrap_or(to).to_owned(),
    };
    std::path::absolute(&path).map_err(|error| Error::io(&path, error).into())
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// When a plan's backup was taken, for questions.
pub(crate) fn taken(plan: &keepstone_engine::model::restore::RestorePlan) -> String {
    words::time(plan.backup_taken_at)
}
