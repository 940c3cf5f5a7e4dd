//! `keepstone import`: what other backup systems left becomes backups of the vault.

use std::path::{Path, PathBuf};

use clap::Args;
use keepstone_engine::{
    Error, Vault, databases,
    import::{self, ImportOptions, ImportReport, Outcome, Password},
    location,
    model::{
        database::Database,
        human,
        import::{
            Content,
            plan::{self, Decision, PlannedFile, TimeFrom},
        },
        job::{Step, Verb},
    },
    scratch::ScratchFolder,
};
use serde_json::json;

use super::{
    Context, Fault, context, environment,
    progress::Follow,
    table::{Cell, Table, printable},
    words,
};

/// Import what another backup system left: a file or a whole folder; nothing is changed there
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  keepstone import /srv/chame/backups --dry-run              what each file would become, and what is refused and why
  keepstone import /srv/chame/backups --db chame --timezone Europe/Berlin
  keepstone import data/backups --db app --password-file old-password.txt
  keepstone import old.sql.gz --db shop

It understands zips with a metadata.json, <app>_backup_<type>_<time>.db with metadata/, data_backup_AUTO|MANUAL_<time>.db, \
backup_<time>.db[.gz][.enc] with .metadata/, plain databases, SQL dumps of SQLite, dumps of PostgreSQL (with --db of one of its databases), and archives of another Keepstone. Importing the same path \
again adds nothing. Imported backups come before all own ones and stay outside retention until someone includes them.")]
pub(crate) struct Import {
    /// A file or a folder
    #[arg(value_name = "PATH")]
    path: PathBuf,
    /// The database that they are of: an id, or a location, which is added if it opens [default: the only one there is]
    #[arg(long, value_name = "DB")]
    db: Option<String>,
    /// The zone of times that name none, e.g. Europe/Berlin [default: this machine's]
    #[arg(long, value_name = "Z")]
    timezone: Option<String>,
    /// A file with the password of encrypted ones [default: the environment's]
    #[arg(long, value_name = "F")]
    password_file: Option<PathBuf>,
    /// Show what each file would become and change nothing
    #[arg(long)]
    dry_run: bool,
}

pub(crate) fn run(args: &Import, cx: &Context) -> Result<(), Fault> {
    // Before a vault is made for it.
    if !args.path.exists() {
        return Err(Error::SourceMissing { path: args.path.clone() }.into());
    }
    let passwords = environment::import_passwords(args.password_file.as_deref())?;
    // Where the database is not there yet, a dry run adds it to a vault that goes with it.
    let trial = if args.dry_run { a_trial(args.db.as_deref(), cx)? } else { None };
    let (vault, database, _scratch) = match trial {
        Some(trial) => trial,
        None => target(args.db.as_deref(), cx).map(|(vault, database)| (vault, database, None))?,
    };
    let path = std::path::absolute(&args.path).map_err(|error| Error::io(&args.path, error))?;
    let mut options =
        ImportOptions { path, database: database.id.clone(), time_zone: args.timezone.clone(), passwords, actor: context::actor() };
    let follow = Follow::steps(cx, format!("import into {}", database.id), &[Step::Find]);
    let planned = import::plan_import(&vault, &options, &follow);
    drop(follow);
    let planned = planned?;
    if planned.is_empty() {
        return Err(Fault::Here {
            code: "nothing_to_import",
            message: format!("no backups in {}", args.path.display()),
            hint: Some(
                "Name the folder that holds them; files are known by their endings: .db .sqlite .sqlite3 .sql .dump .zip, .gz .zst .enc."
                    .to_owned(),
            ),
            exit: 3,
        });
    }
    if args.dry_run {
        show_plan(&planned, &database, cx);
        return Ok(());
    }
    if options.passwords.is_empty() && planned.iter().any(needs_password) {
        options.passwords.extend(environment::ask_import_password()?);
    }
    let follow = Follow::new(cx, Verb::Import, format!("into {}", database.id));
    let outcome = import::import(&vault, &options, &follow);
    drop(follow);
    told(&outcome?, cx)
}

fn needs_password(file: &PlannedFile) -> bool {
    file.content == Content::Encrypted && matches!(file.decision, Decision::Adopt(_))
}

/// A vault of its own with the database that an import would add; none where nothing would be added.
fn a_trial(db: Option<&str>, cx: &Context) -> Result<Option<(Vault, Database, Option<ScratchFolder>)>, Fault> {
    let Some(location) = db.filter(|db| location::is_location(db)) else { return Ok(None) };
    if cx.has_vault() {
        match databases::find_database(&cx.vault()?, location) {
            Err(Error::UnknownDatabase { .. }) => {}
            found => return found.map(|_| None).map_err(Fault::from),
        }
    }
    let scratch = context::scratch()?;
    let vault = cx.empty_vault(&scratch)?;
    let options = databases::AddDatabaseOptions { location: location.to_owned(), name: None, schedules: None, actor: context::actor() };
    let database = databases::add_database(&vault, &options)?;
    cx.out.note(format_args!("{} is not protected yet: it would be added as {}", database.location, database.id));
    Ok(Some((vault, database, Some(scratch))))
}

/// The vault and the database that is meant. Which of several it is nobody guesses.
fn target(db: Option<&str>, cx: &Context) -> Result<(Vault, Database), Fault> {
    if let Some(location) = db.filter(|db| location::is_location(db)) {
        let vault = cx.vault_for(location)?;
        let database = match databases::find_database(&vault, location) {
            Err(Error::UnknownDatabase { .. }) => {
                let options = databases::AddDatabaseOptions {
                    location: location.to_owned(),
                    name: None,
                    schedules: Some(databases::FirstSchedules::usual()),
                    actor: context::actor(),
                };
                let database = databases::add_database(&vault, &options)?;
                cx.out.note(format_args!("added {} ({}) with the default schedules", database.id, database.location));
                database
            }
            found => found?,
        };
        return Ok((vault, database));
    }
    let vault = cx.vault()?;
    if let Some(db) = db {
        let database = databases::find_database(&vault, db)?;
        return Ok((vault, database));
    }
    let mut all = databases::databases(&vault)?;
    match (all.pop(), all.len()) {
        (Some(only), 0) => Ok((vault, only)),
        (None, _) => Err(Fault::Here {
            code: "no_databases",
            message: "there is no database that they could be of".to_owned(),
            hint: Some(
                "Say --db with the location of the database; `keepstone restore --path FILE` makes one out of a single file.".to_owned(),
            ),
            exit: 3,
        }),
        (Some(_), others) => {
            Err(Fault::usage(format!("there are {} databases", others + 1), "Say --db with the one that these backups are of."))
        }
    }
}

fn show_plan(planned: &[PlannedFile], database: &Database, cx: &Context) {
    let mut table = Table::new(&["FILE", "FROM", "WHAT BECOMES OF IT"]);
    for file in planned {
        let fate: Cell = match &file.decision {
            Decision::Adopt(adoption) => {
                let by_date = if adoption.time_from == TimeFrom::FileDate { " (by the file's date)" } else { "" };
                let suspect = if adoption.suspect.is_some() { ", suspect" } else { "" };
                let there = adoption.of_database.as_ref().map(|id| format!(", of the database {id}")).unwrap_or_default();
                format!("{} of {}{by_date}{there}{suspect}", adoption.kind, words::time(adoption.created_at)).into()
            }
            Decision::Skip { reason } => format!("skipped: {reason}").into(),
            Decision::Refuse { code, reason } => format!("refused ({code}): {reason}").into(),
        };
        table.row([printable(&file.path).into(), file.layout.as_str().into(), fate]);
        let mut result = json!(file);
        result["ok"] = json!(true);
        cx.out.result(result);
    }
    table.print(&cx.out);
    cx.out.line(format_args!("Into {}: {}.", database.id, plan::summary(planned)));
    cx.out.note("This was a dry run: nothing was changed. Hashes and contents are checked when they are imported.");
}

fn told(report: &ImportReport, cx: &Context) -> Result<(), Fault> {
    let mut first: Option<Fault> = None;
    for file in &report.files {
        let path = printable(&file.path);
        let mut result = json!(file);
        result["ok"] = json!(!matches!(file.outcome, Outcome::Refused { .. }));
        match &file.outcome {
            Outcome::Imported { id } => cx.out.outcome(id, format_args!("✔ {path} → {id}")),
            Outcome::Present { id } => cx.out.note(format_args!("  {path}: there already as {id}")),
            Outcome::Skipped { reason } => cx.out.note(format_args!("  {path}: skipped, {}", printable(reason))),
            Outcome::Refused { code, reason, exit } => {
                cx.out.note(format_args!("✖ {path}: refused, {} ({code})", printable(reason)));
                if *exit != 0 && first.is_none() {
                    first = Some(Fault::Here {
                        code: "import_refused",
                        message: format!("{path} was not imported: {}", printable(reason)),
                        hint: Some("It stays where it is, unchanged; everything else was imported.".to_owned()),
                        exit: *exit,
                    });
                }
                result["error"] = json!({ "code": code, "message": reason, "exit": exit });
            }
        }
        for note in &file.notes {
            cx.out.note(format_args!("  {path}: {}", printable(note)));
        }
        cx.out.result(result);
    }
    let (imported, present, skipped, refused) = report.counts();
    if !cx.out.quiet {
        cx.out.line(format_args!(
            "Into {}: {imported} imported, {present} there already, {skipped} skipped, {refused} refused, in {}.",
            report.database,
            human::duration_ms(report.elapsed_ms)
        ));
    }
    first.map_or(Ok(()), Err)
}

/// Restores a file of another system into a new one; needs no vault.
pub(crate) fn restore_file(file: &Path, target: &Path, passwords: &[Password], cx: &Context) -> Result<(), Fault> {
    let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let follow = Follow::steps(cx, format!("restore {}", printable(&name)), &[Step::Verify, Step::Check]);
    let outcome = import::restore_foreign(file, target, passwords, &follow);
    drop(follow);
    let report = outcome?;
    cx.out.result(json!({
        "ok": true,
        "dry_run": false,
        "archive": file,
        "from": report.layout,
        "path": report.path,
        "size_bytes": report.size_bytes,
        "backup_hash": report.backup_hash,
        "notes": report.notes,
        "elapsed_ms": report.elapsed_ms,
        "live_unchanged": true,
    }));
    cx.out.outcome(
        report.path.display(),
        format_args!(
            "✔ restored {} into {}: {}, integrity checked, {}",
            printable(&name),
            report.path.display(),
            human::bytes(report.size_bytes),
            human::duration_ms(report.elapsed_ms)
        ),
    );
    for note in &report.notes {
        cx.out.note(format_args!("  {note}"));
    }
    cx.out.note("The live database is unchanged.");
    Ok(())
}
