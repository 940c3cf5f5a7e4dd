//! `keepstone verify`: reads archives back and checks them, from the stored bytes to the rows.

use std::path::Path;

use clap::Args;
use jiff::{SignedDuration, Timestamp};
use keepstone_engine::{
    Error, Vault,
    backups::{self, BackupFilter},
    databases, import, jobs,
    model::{
        backup::{Backup, BackupState, CheckResult, Level, Proof},
        human,
        id::{BackupId, DatabaseId},
        job::Verb,
    },
    monitor::Unhurried,
    recheck,
    verify::{self, VerifyOptions},
};
use serde_json::json;

use super::{
    Context, Fault, context, create, environment,
    password::{self, PasswordArg},
    progress::Follow,
    show, table, values,
    values::BackupArg,
    words,
};

/// Read backups back and check them; exit 4 if a check fails
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  keepstone verify latest
  keepstone verify --all --db shop
  keepstone verify latest --test-restore                 also restores it somewhere, compares, and removes that again
  keepstone verify --all --older-than 7d --rate 20MB     gently, what was not checked for a week
  keepstone verify /mnt/usb/shop_daily_20261120T030000Z_k3f9.zip     a file, without a vault
  keepstone verify backup_20231116_143022.db.gz.enc     also one of another backup system")]
pub(crate) struct Verify {
    /// A backup's id, a unique beginning of one, latest[:KIND], or a file: an archive, or what another backup system left
    #[arg(value_name = "ID", required_unless_present = "all")]
    id: Option<String>,
    /// Every complete backup
    #[arg(long, conflicts_with = "id")]
    all: bool,
    /// Only backups of this database
    #[arg(long, value_name = "DB")]
    db: Option<String>,
    /// Only backups whose last checks are older than this, or that were never checked, e.g. 7d
    #[arg(long, value_name = "TIME", conflicts_with = "id")]
    older_than: Option<String>,
    /// Read back no more than this in a second, e.g. 20MB
    #[arg(long, value_name = "SIZE")]
    rate: Option<String>,
    /// Try a restore, too: into a scratch file, or a scratch database on the server, which is removed again
    #[arg(long)]
    test_restore: bool,
    #[command(flatten)]
    password: PasswordArg,
}

pub(crate) fn run(args: &Verify, cx: &Context) -> Result<(), Fault> {
    let rate_bytes_per_s = args.rate.as_deref().map(values::bytes).transpose()?;
    let before = args.older_than.as_deref().map(values::duration_secs).transpose()?.map(|secs| {
        let secs = i64::try_from(secs).unwrap_or(i64::MAX);
        Timestamp::now().saturating_sub(SignedDuration::from_secs(secs)).unwrap_or(Timestamp::MIN)
    });
    let ids = match &args.id {
        Some(id) if values::is_file(id) => return file(Path::new(id), &args.password, rate_bytes_per_s, cx),
        id => id.clone(),
    };
    let vault = cx.vault()?;
    let ids: Vec<BackupId> = if let Some(id) = ids {
        let backup = context::backup_of(&vault, &BackupArg { id, db: args.db.clone() })?;
        password::for_backup(&vault, &backup, &args.password, cx)?;
        vec![backup.id]
    } else {
        if let Some(password) = args.password.read()? {
            vault.keys().try_also(password);
        }
        let database = match &args.db {
            Some(db) => Some(databases::find_database(&vault, db)?.id),
            None => None,
        };
        let filter = BackupFilter { database, state: Some(BackupState::Complete), oldest_first: true, ..BackupFilter::default() };
        let all = backups::list(&vault, &filter)?.backups;
        let now = Timestamp::now();
        let fresh = |backup: &Backup| before.is_some_and(|before| recheck::looked_at(&vault, backup, now).is_some_and(|at| at >= before));
        let stale = all.into_iter().filter(|backup| !fresh(backup));
        let stale = stale.map(|backup| backup.id).collect::<Vec<_>>();
        if stale.is_empty() {
            cx.out.note("no backups to verify");
        }
        stale
    };
    let outcome = cx.each(&ids, |id| one(&vault, id, args.all, rate_bytes_per_s, args.test_restore, cx));
    let mut of: Vec<DatabaseId> = ids.iter().map(BackupId::database).collect();
    of.dedup();
    left(&vault, &of, cx);
    outcome
}

/// Backups whose archives were away are read by whoever is at their database next, where no server runs.
pub(crate) fn left(vault: &Vault, databases: &[DatabaseId], cx: &Context) {
    if !jobs::any_left(vault, databases).unwrap_or(true) {
        return;
    }
    let follow = Follow::new(cx, Verb::Verify, "what came back");
    let looked_at = jobs::run_left(vault, databases, &follow);
    drop(follow);
    let told = looked_at.and_then(|ids| ids.iter().map(|id| backups::backup(vault, id)).collect::<Result<Vec<_>, _>>());
    match told {
        Ok(backups) => {
            for backup in backups {
                let (mark, word, _) = words::backup_state(&backup);
                cx.out.note(format_args!("{} was asked to be checked, as it was away or its process had died: {mark} {word}", backup.id));
            }
        }
        Err(error) => cx.out.note(format_args!("backups that came back could not be checked: {error}")),
    }
}

fn one(vault: &Vault, id: &BackupId, brief: bool, rate_bytes_per_s: Option<u64>, test_restore: bool, cx: &Context) -> Result<(), Fault> {
    let follow = Follow::new(cx, Verb::Verify, id);
    let options = VerifyOptions { rate_bytes_per_s, test_restore, ..VerifyOptions::new(id.clone(), context::actor()) };
    let outcome = verify::verify(vault, &options, &follow);
    drop(follow);
    let report = match outcome {
        Ok(report) => report,
        Err(error) => {
            let fault = Fault::from(error);
            cx.out.result(json!({ "ok": false, "id": id, "error": fault.json() }));
            return Err(fault);
        }
    };
    let backup = &report.backup;
    let (mark, word, tone) = words::backup_state(backup);
    if !cx.out.quiet {
        cx.out.line(format_args!("{} {id}: {}", tone.paint(cx.out.colour, &format!("{mark} {word}")), words::level(report.proof.level())));
        if !brief || report.proof.failed() {
            show::checks(&report.proof, cx);
        }
    }
    if let Some(why) = &report.not_noted {
        cx.out.note(format_args!(
            "  {id}: what was found is in the catalog only: {why}. `keepstone pin {id}` or `keepstone unpin {id}` writes its notes anew"
        ));
    }
    let fault = if let Some(error) = verify::failure(backup, &report.proof) {
        Some(error.into())
    } else if report.proof.level() < if test_restore { Level::Restored } else { Level::Opened } {
        Some(create::unproven_by(backup, &report.proof))
    } else {
        None
    };
    let mut result = words::backup_json(backup);
    // What was found now, which may say less than what is kept of an earlier run: the verdict goes by that.
    result["proof"] = json!(report.proof);
    result["level"] = json!(report.proof.level());
    result["ok"] = json!(fault.is_none());
    result["job"] = json!(report.job);
    result["error"] = json!(fault.as_ref().map(Fault::json));
    cx.out.result(result);
    fault.map_or(Ok(()), Err)
}

fn failed(id: &str, proof: &Proof) -> Fault {
    let found = proof.checks.iter().find(|check| check.result == CheckResult::Failed);
    let detail = found.map_or_else(String::new, |check| match check.detail.as_str() {
        "" => check.name.to_string(),
        detail => format!("{}: {detail}", check.name),
    });
    Error::VerificationFailed { id: id.to_owned(), detail }.into()
}

/// An archive anywhere. Its scratch copy lies in a private folder of the system's temporary one (`TMPDIR`), never beside the archive: that may be
/// a disk that is only to be read.
fn file(path: &Path, password: &PasswordArg, rate_bytes_per_s: Option<u64>, cx: &Context) -> Result<(), Fault> {
    if !path.exists() {
        return Err(Error::ArchiveMissing {
            id: path.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
            path: path.to_owned(),
        }
        .into());
    }
    if import::is_foreign(path) {
        return foreign(path, password, rate_bytes_per_s, cx);
    }
    check_file(path, password, rate_bytes_per_s, cx)?;
    Ok(())
}

/// A file of another system, checked as an import checks it.
fn foreign(path: &Path, password: &PasswordArg, rate_bytes_per_s: Option<u64>, cx: &Context) -> Result<(), Fault> {
    let mut passwords = environment::import_passwords(password.password_file.as_deref())?;
    let name = table::printable(&path.file_name().unwrap_or_default().to_string_lossy());
    let scratch = context::scratch()?;
    let check = |passwords: &[import::Password]| {
        let follow = Follow::new(cx, Verb::Verify, &name);
        import::verify_foreign(path, passwords, scratch.path(), &Unhurried::new(&follow, rate_bytes_per_s))
    };
    let mut outcome = check(&passwords);
    if passwords.is_empty() && matches!(outcome, Err(Error::WrongPassword { .. })) {
        passwords.extend(environment::ask_import_password()?);
        if !passwords.is_empty() {
            outcome = check(&passwords);
        }
    }
    let found = match outcome {
        Ok(found) => found,
        Err(error) => {
            let fault = Fault::from(error);
            cx.out.result(json!({ "ok": false, "path": path, "error": fault.json() }));
            return Err(fault);
        }
    };
    if !cx.out.quiet {
        show::checks(&found.proof, cx);
        cx.out.line(format_args!("A backup of another system ({}), {} when unpacked.", found.layout, human::bytes(found.size_bytes)));
    }
    for note in &found.notes {
        cx.out.note(format_args!("  {}", table::printable(note)));
    }
    cx.out.result(json!({
        "ok": true,
        "path": path,
        "from": found.layout,
        "level": found.proof.level(),
        "proof": found.proof,
        "size_bytes": found.size_bytes,
        "backup_hash": found.backup_hash,
        "notes": found.notes,
        "error": null,
    }));
    Ok(())
}

/// Checks an archive file and says what was found; gives the failure if it must not be restored.
pub(crate) fn check_file(path: &Path, password: &PasswordArg, rate_bytes_per_s: Option<u64>, cx: &Context) -> Result<(), Fault> {
    let passwords = password::for_file(path, password, cx)?;
    let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let follow = Follow::new(cx, Verb::Verify, table::printable(&name));
    let scratch = context::scratch()?;
    let outcome = verify::verify_file(path, &passwords, scratch.path(), &Unhurried::new(&follow, rate_bytes_per_s));
    drop(follow);
    let (metadata, proof) = outcome?;
    if !cx.out.quiet {
        show::checks(&proof, cx);
    }
    if let Some(why) = metadata.as_ref().and_then(|metadata| metadata.suspect.as_deref()) {
        cx.out.note(format_args!("{} is suspect: {}", table::printable(&name), table::printable(why)));
    }
    let fault = if proof.failed() {
        Some(failed(&name, &proof))
    } else if let Some(check) = proof.unreadable() {
        Some(Error::ArchiveUnreadable { id: name, detail: format!("{}: {}", check.name, check.detail) }.into())
    } else if proof.level() < Level::Opened {
        let reason = proof.checks.iter().find(|check| check.result == CheckResult::CouldNotRun);
        let reason = reason.map_or_else(String::new, |check| format!(": {} could not run: {}", check.name, check.detail));
        Some(Fault::Here {
            code: "unproven",
            message: format!("{} could not be checked fully{reason}", path.display()),
            hint: Some("Set TMPDIR to a folder with room for the plain database.".to_owned()),
            exit: 1,
        })
    } else {
        None
    };
    cx.out.result(json!({
        "ok": fault.is_none(),
        "path": path,
        "id": metadata.as_ref().map(|metadata| &metadata.backup_id),
        "level": proof.level(),
        "proof": proof,
        "metadata": metadata,
        "error": fault.as_ref().map(Fault::json),
    }));
    fault.map_or(Ok(()), Err)
}
