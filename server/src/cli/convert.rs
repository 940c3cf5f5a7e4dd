//! `keepstone convert`: an archive of earlier days written anew as today's are.

use clap::Args;
use keepstone_engine::{
    convert::{self, ConvertOptions},
    keys,
    model::{
        backup::Encryption,
        human,
        job::Verb,
        metadata::{Compression, Kdf},
    },
};
use serde_json::json;

use super::{
    Context, Fault, context, create,
    password::{self, PasswordArg},
    progress::Follow,
    values::BackupArg,
    words,
};

/// Write a backup anew as today's are: encrypted if its database's are; the old archive goes to the trash
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  keepstone convert shop_daily_20250627T020000Z_k3f9      as new backups of its database are
  keepstone convert latest --db shop --encrypt
  keepstone convert 'shop_imported_2023' --compress=zstd --level 19

The new archive holds the same database to the byte, with its time, kind, description, tags, pin and place in the order; it is read back and \
checked before the old one goes to the trash, from where it can be put back for 24 hours. Where there is nothing to convert nothing is done.")]
pub(crate) struct Convert {
    #[command(flatten)]
    backup: BackupArg,
    /// How to compress [default: as it is]
    #[arg(long, value_name = "HOW", num_args = 0..=1, require_equals = true, default_missing_value = "zstd", value_parser = create::compression())]
    compress: Option<Compression>,
    /// How hard to compress: zstd 1 to 19, gzip 1 to 9
    #[arg(long, value_name = "N")]
    level: Option<i32>,
    /// Encrypt the new archive, whatever the environment and the database say
    #[arg(long)]
    encrypt: bool,
    /// Do not encrypt it, whatever the environment and the database say
    #[arg(long, conflicts_with = "encrypt")]
    no_encrypt: bool,
    #[command(flatten)]
    password: PasswordArg,
}

pub(crate) fn run(args: &Convert, cx: &Context) -> Result<(), Fault> {
    let vault = cx.vault()?;
    let backup = context::backup_of(&vault, &args.backup)?;
    password::for_backup(&vault, &backup, &args.password, cx)?;
    if args.encrypt && !keys::has_current(&vault)? && password::can_ask(cx) {
        let password = password::ask_new("A password for the backups of this vault (write it down elsewhere): ")?;
        keys::add(&vault, &password, Kdf::default(), true, &context::actor())?;
    }
    let encrypt = if args.encrypt || args.no_encrypt { Some(args.encrypt) } else { None };
    let options =
        ConvertOptions { backup: backup.id.clone(), compression: args.compress, level: args.level, encrypt, actor: context::actor() };
    let follow = Follow::new(cx, Verb::Convert, &backup.id);
    let outcome = convert::convert(&vault, &options, &follow);
    drop(follow);
    let report = outcome?;
    let new = &report.backup;
    let mut result = words::backup_json(new);
    result["ok"] = json!(true);
    result["job"] = json!(report.job);
    result["converted_from"] = json!(report.converted_from);
    result["unchanged"] = json!(report.unchanged);
    result["old_in_trash_until"] = json!(report.until);
    result["elapsed_ms"] = json!(report.elapsed_ms);
    cx.out.result(result);
    if report.unchanged {
        cx.out.outcome(&new.id, format_args!("{} is as new backups are: nothing to convert", new.id));
        return Ok(());
    }
    let encrypted = if new.encryption == Encryption::None { "not encrypted" } else { "encrypted" };
    cx.out.outcome(
        &new.id,
        format_args!(
            "✔ {} → {}: {}, {encrypted}, read back and checked, {}",
            report.converted_from,
            new.id,
            human::bytes(new.archive_size_bytes),
            human::duration_ms(report.elapsed_ms)
        ),
    );
    match report.until {
        Some(until) => cx.out.note(format_args!("The old archive is in the trash until {}.", words::time(until))),
        None => cx.out.note(format_args!("The old archive stays: {} (it could not go to the trash).", report.converted_from)),
    }
    Ok(())
}
