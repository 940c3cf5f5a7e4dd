//! `keepstone show`: everything about one backup.

use clap::Args;
use jiff::Timestamp;
use keepstone_engine::{
    backups, cleanup, databases, keys,
    model::{
        backup::{BackupState, Proof},
        coverage::LeftOut,
        human,
        id::Kind,
        metadata::Slot,
    },
};
use serde_json::json;

use super::{
    Context, Fault, context,
    password::{self, PasswordArg},
    table::{Cell, Table},
    values::BackupArg,
    words,
};
use crate::shape::BackupDetail;

/// Everything about one backup: state, proof, hashes, tables
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  keepstone show latest
  keepstone show latest:daily --db shop
  keepstone show shop_daily_20261120T030000Z_k3f9 --json")]
pub(crate) struct Show {
    #[command(flatten)]
    backup: BackupArg,
    /// Of PostgreSQL: print the roles and tablespaces that are kept beside the dump, as SQL, and nothing else
    #[arg(long)]
    globals: bool,
    #[command(flatten)]
    password: PasswordArg,
}

/// The SQL, for psql; a person reads it before.
fn globals(detail: &backups::BackupDetail, cx: &Context) -> Result<(), Fault> {
    if let Some(error) = detail.not_its_own() {
        return Err(error.into());
    }
    let kept = detail.metadata.as_ref().and_then(|metadata| metadata.globals.as_deref());
    let Some(sql) = kept else {
        let message = format!("no roles and tablespaces are kept beside {}", detail.backup.id);
        let hint = if detail.locked {
            "It is encrypted: give its password."
        } else {
            "`keepstone create --globals` keeps them beside a new backup."
        };
        return Err(Fault::Here { code: "no_globals", message, hint: Some(hint.to_owned()), exit: 3 });
    };
    cx.out.result(json!({ "ok": true, "id": detail.backup.id, "globals": sql }));
    if !cx.out.json {
        cx.out.raw(sql);
    }
    Ok(())
}

pub(crate) fn run(args: &Show, cx: &Context) -> Result<(), Fault> {
    let vault = cx.vault()?;
    let backup = context::backup_of(&vault, &args.backup)?;
    if args.password.password_file.is_some() {
        password::for_backup(&vault, &backup, &args.password, cx)?;
    }
    let id = backup.id;
    let detail = backups::detail(&vault, &id)?;
    let backup = &detail.backup;
    if args.globals {
        return globals(&detail, cx);
    }
    let reason = cleanup::reasons(&vault, std::slice::from_ref(backup), Timestamp::now())?.remove(&backup.id);
    let mut result = json!(BackupDetail::of(&detail, reason));
    result["path"] = json!(detail.archive_path);
    cx.out.result(result);

    let mut facts = Table::facts();
    let mut row = |name: &str, value: Cell| facts.row([name.into(), value]);
    row("id", backup.id.as_str().into());
    row("state", words::backup_state_cell(backup));
    row("proof", words::level(backup.level()).into());
    row("taken", format!("{} ({})", words::time(backup.created_at), words::ago(backup.created_at)).into());
    row("by", backup.created_by.as_str().into());
    let number = if backup.sequence < 1 { "imported: before every own one".to_owned() } else { backup.sequence.to_string() };
    row("number", number.into());
    row(
        "size",
        format!(
            "{}, in an archive of {}",
            words::bytes_or_dash(backup.original_size_bytes),
            words::bytes_or_dash(backup.archive_size_bytes)
        )
        .into(),
    );
    row("rows", human::count(backup.total_records).into());
    let mut optional = |name: &str, value: Option<String>| {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            facts.row([name.into(), value.into()]);
        }
    };
    optional("description", Some(backup.description.clone()));
    optional("tags", Some(backup.tags.join(", ")));
    optional("pinned", backup.pinned.then(|| "yes: it is never deleted".to_owned()));
    optional("why kept", reason.filter(|reason| !reason.fate.is_removed()).map(|reason| reason.fate.to_string()));
    optional("goes next", reason.filter(|reason| reason.fate.is_removed()).map(|reason| reason.fate.to_string()));
    optional("kept until", reason.and_then(|reason| reason.until).map(|until| format!("about {}", words::time(until))));
    optional("suspect", backup.suspect.clone());
    optional("acknowledged", backup.acknowledged.as_ref().map(words::acknowledged));
    optional("error", backup.error.clone());
    optional("in the trash until", backup.trash_until.map(words::time));
    optional("job", backup.job.as_ref().map(ToString::to_string));
    optional("archive", detail.archive_path.as_ref().map(|path| path.display().to_string()));
    optional("not its archive", detail.another.clone().map(|why| format!("{why}: nothing is restored or exported from that file")));
    if let Some(metadata) = &detail.metadata {
        optional("globals", metadata.globals.is_some().then(|| format!("roles and tablespaces: keepstone show {} --globals", backup.id)));
        optional("left out", metadata.left_out.as_ref().map(LeftOut::words));
        optional("came from", metadata.origin.clone());
        optional("source", Some(metadata.source.location.clone()));
        let engine = match &metadata.source.postgres {
            None => format!("SQLite {}", metadata.source.sqlite_version),
            Some(source) => format!("pg_dump {} of PostgreSQL {}", source.client_version, source.server_version),
        };
        optional("made with", Some(format!("{} {}, {engine}", metadata.tool.name, metadata.tool.version)));
        if metadata.encrypted {
            let kdfs: Vec<&str> = metadata.slots.iter().map(|slot| slot.kdf.as_str()).collect();
            let locked = if detail.locked { "; no known password opens it" } else { "" };
            optional("encrypted", Some(format!("AES-256-GCM, {} ({}){locked}", key_ids(&metadata.slots), kdfs.join(", "))));
        }
        optional("compression", Some(metadata.compression.as_str().to_owned()));
        optional("backup hash", Some(metadata.backup_hash.clone()));
        optional("payload hash", Some(metadata.payload_hash.clone()));
        optional("migration", metadata.migration_version.clone());
    }
    let wanted = databases::database(&vault, &backup.database).and_then(|database| keys::is_wanted(&vault, &database)).unwrap_or(false);
    let plain = detail.metadata.as_ref().is_some_and(|metadata| !metadata.encrypted);
    if wanted && plain && backup.state == BackupState::Complete && backup.kind != Kind::Safety {
        optional("offer", Some(format!("not encrypted, as newer ones are: keepstone convert {}", backup.id)));
    }
    optional("previous", detail.previous.as_ref().map(ToString::to_string));
    optional("next", detail.next.as_ref().map(ToString::to_string));
    facts.print(&cx.out);

    if let Some(proof) = &backup.proof {
        cx.out.line("");
        checks(proof, cx);
    }
    if let Some(metadata) = &detail.metadata {
        cx.out.line("");
        let mut tables = Table::new(&["TABLE", ">ROWS", ">COLUMNS"]);
        for (name, table) in &metadata.schema {
            tables.row([name.as_str().into(), human::count(table.row_count).into(), table.columns.len().to_string().into()]);
        }
        tables.print(&cx.out);
    }
    Ok(())
}

/// e.g. `key 3f9a01bc`.
fn key_ids(slots: &[Slot]) -> String {
    let ids: Vec<&str> = slots.iter().map(|slot| slot.salt.get(..8).unwrap_or(&slot.salt)).collect();
    format!("{} {}", if ids.len() == 1 { "key" } else { "keys" }, ids.join(", "))
}

/// The checks of a proof, one line each.
pub(crate) fn checks(proof: &Proof, cx: &Context) {
    let mut table = Table::new(&["RESULT", "CHECK", ">TIME", "FOUND"]);
    for check in &proof.checks {
        table.row([
            words::check_result(check.result),
            check.name.as_str().into(),
            human::duration_ms(check.elapsed_ms).into(),
            if check.detail.is_empty() { check.name.meaning() } else { &check.detail }.into(),
        ]);
    }
    table.print(&cx.out);
    cx.out.line(format_args!("checked {}", words::time(proof.checked_at)));
}
