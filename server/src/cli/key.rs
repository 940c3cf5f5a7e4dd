//! `keepstone key`: the passwords of encrypted archives. They come by prompt, file or environment, and are never shown.

use std::{io::Write, path::PathBuf};

use clap::{Args, Subcommand, builder::TypedValueParser};
use keepstone_engine::{
    Error, Vault, durable,
    keys::{self, ChangeOptions, KeyInfo, Password},
    model::{Timestamp, human, job::Verb as JobVerb, metadata::Kdf},
};
use serde_json::{Value, json};

use super::{
    Context, Fault,
    confirm::confirm,
    context, environment,
    password::{self, PasswordArg},
    progress::Follow,
    table::Table,
    values::Yes,
    words,
};
use crate::shape::KeyStatus;

/// The passwords that encrypt and open archives
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  keepstone key add                       asks for a password; new archives are encrypted with the first one
  keepstone key add --password-file pw.txt --use
  keepstone key list
  keepstone key change                    take every archive over to a new password
  keepstone key kit > recovery.txt        a page to print: how to open the archives without this vault

Whether a backup is encrypted is said by `db edit DB --encrypt`, `create --encrypt` or BACKUP_ENCRYPTION_ENABLED.")]
pub(crate) struct Key {
    #[command(subcommand)]
    verb: KeyVerb,
}

#[derive(Debug, Subcommand)]
enum KeyVerb {
    /// Tell the vault a password, kept sealed in it: archives are opened with every known one
    Add {
        #[command(flatten)]
        password: PasswordArg,
        /// Encrypt new archives with it (the first one is used in any case)
        #[arg(long = "use")]
        make_current: bool,
        /// How the password is stretched: scrypt, or pbkdf2 for those who must
        #[arg(long, value_name = "HOW", value_parser = kdf(), default_value = "scrypt")]
        kdf: Kdf,
    },
    /// Take every archive over to a new password; only its key slots are rewritten. Goes on with one that was interrupted
    Change {
        #[command(flatten)]
        password: PasswordArg,
        /// How the password is stretched: scrypt, or pbkdf2 for those who must
        #[arg(long, value_name = "HOW", value_parser = kdf(), default_value = "scrypt")]
        kdf: Kdf,
    },
    /// Forget a password; refused while it alone opens an archive, or one is away that may need it
    Remove {
        /// A key's id, or a unique beginning of it
        #[arg(value_name = "KEY")]
        id: String,
        #[command(flatten)]
        yes: Yes,
    },
    /// The passwords that the vault knows, without the passwords
    List,
    /// A recovery kit to print: format, key slots, the script that opens archives, a test string for the password
    Kit {
        /// Write it into this new file (mode 0600) instead
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
}

fn kdf() -> impl TypedValueParser<Value = Kdf> {
    clap::builder::PossibleValuesParser::new(["scrypt", "pbkdf2"]).map(|name| if name == "pbkdf2" { Kdf::PBKDF2 } else { Kdf::SCRYPT })
}

pub(crate) fn run(args: &Key, cx: &Context) -> Result<(), Fault> {
    let vault = cx.vault()?;
    match &args.verb {
        KeyVerb::Add { password, make_current, kdf } => add(&vault, password, *make_current, *kdf, cx),
        KeyVerb::Change { password, kdf } => change(&vault, password, *kdf, cx),
        KeyVerb::Remove { id, yes } => remove(&vault, id, *yes, cx),
        KeyVerb::List => list(&vault, cx),
        KeyVerb::Kit { output } => kit(&vault, output.as_deref(), cx),
    }
}

/// The new password, from the file, the environment or twice from the terminal.
fn new_password(arg: &PasswordArg, cx: &Context) -> Result<Password, Fault> {
    if let Some(password) = arg.read()? {
        return Ok(password);
    }
    if password::can_ask(cx) {
        return password::ask_new("New password for archives (write it down elsewhere): ");
    }
    let of_environment = environment::encryption()?.password;
    of_environment
        .ok_or_else(|| Fault::usage("there is no terminal to ask for the password on", "Say --password-file FILE (- for standard input)."))
}

fn add(vault: &Vault, arg: &PasswordArg, make_current: bool, kdf: Kdf, cx: &Context) -> Result<(), Fault> {
    let password = new_password(arg, cx)?;
    let key = keys::add(vault, &password, kdf, make_current, &context::actor())?;
    cx.out.result(json(&key));
    let used = if key.current { "; new archives are encrypted with it where encryption is on" } else { "" };
    cx.out.outcome(&key.id, format_args!("the vault knows key {} ({}){used}", key.id, key.kdf.as_str()));
    cx.out.note("Without this password nobody opens these archives. `keepstone key kit` makes a page to print and keep elsewhere.");
    Ok(())
}

fn change(vault: &Vault, arg: &PasswordArg, kdf: Kdf, cx: &Context) -> Result<(), Fault> {
    let unfinished = keys::list(vault)?.into_iter().find(|key| key.changing_to);
    let password = match &unfinished {
        Some(key) if arg.password_file.is_none() => {
            cx.out.note(format_args!("A change to key {} was interrupted; going on with it.", key.id));
            None
        }
        _ => Some(new_password(arg, cx)?),
    };
    let follow = Follow::new(cx, JobVerb::Verify, "archives");
    let outcome = keys::change(vault, &ChangeOptions { password, kdf, actor: context::actor() }, &follow);
    drop(follow);
    let report = outcome?;
    let left: Vec<Value> = report.left.iter().map(|left| json!({ "id": left.id, "reason": left.reason, "lost": left.lost })).collect();
    let mut result = json(&report.key);
    result["changed"] = json!(report.changed);
    result["already"] = json!(report.already);
    result["left"] = json!(left);
    result["finished"] = json!(report.finished);
    cx.out.result(result);
    cx.out.outcome(
        &report.key.id,
        format_args!(
            "{} taken over to key {}{}, {} opened with it already",
            human::count(report.changed),
            report.key.id,
            if report.key.current { ", which is for new archives" } else { "" },
            human::count(report.already)
        ),
    );
    if !report.key.current {
        cx.out.note(
            "BACKUP_ENCRYPTION_PASSWORD still names another password, and new archives are encrypted with that one: change it wherever keepstone runs, then say `keepstone key change` once more.",
        );
    }
    for left in &report.left {
        cx.out.note(format_args!("left as it was: {}: {}", left.id, left.reason));
    }
    if !report.finished {
        return Err(Fault::Here {
            code: "change_unfinished",
            message: format!("not taken over: {}", human::counted(report.left.iter().filter(|left| !left.lost).count(), "archive")),
            hint: Some(
                "Put archives that are away back, or delete backups that are gone for good. Then say `keepstone key change` again; it goes on \
                 where it is. The old password opens them until then."
                    .to_owned(),
            ),
            exit: 5,
        });
    }
    cx.out.note("Copies elsewhere still open with the old password, which the vault keeps until `keepstone key remove`.");
    Ok(())
}

fn remove(vault: &Vault, id: &str, yes: Yes, cx: &Context) -> Result<(), Fault> {
    let actor = context::actor();
    let key = match keys::remove(vault, id, false, &actor) {
        Err(error @ Error::KeyNeeded { .. }) => {
            if !yes.yes {
                cx.out.note(format_args!("{error}. Without it they cannot be restored."));
            }
            if let Err(fault) = confirm(cx, "remove", yes, "Lose them?", Some(id)) {
                return Err(if yes.yes { fault } else { error.into() });
            }
            keys::remove(vault, id, true, &actor)?
        }
        removed => removed?,
    };
    cx.out.result(json(&key));
    cx.out.outcome(&key.id, format_args!("the vault does not know key {} any more", key.id));
    Ok(())
}

fn list(vault: &Vault, cx: &Context) -> Result<(), Fault> {
    let mut table = Table::new(&["KEY", "FOR", "STRETCHED BY", ">OPENS", "ADDED", "BY"]);
    for key in keys::list(vault)? {
        cx.out.result(json(&key));
        if cx.out.quiet {
            cx.out.line(&key.id);
            continue;
        }
        let role = match (key.changing_to, key.current) {
            (true, _) => "an unfinished change",
            (false, true) => "new archives",
            (false, false) => "opening",
        };
        table.row([
            key.id.as_str().into(),
            role.into(),
            key.kdf.as_str().into(),
            human::count(key.archives).into(),
            words::time(key.added_at).into(),
            key.added_by.as_str().into(),
        ]);
    }
    if table.is_empty() {
        cx.out.note("the vault knows no password: `keepstone key add`");
    } else {
        table.print(&cx.out);
    }
    Ok(())
}

fn kit(vault: &Vault, output: Option<&std::path::Path>, cx: &Context) -> Result<(), Fault> {
    let text = keys::kit(vault, Timestamp::now())?;
    cx.out.result(json!({ "kit": text, "path": output }));
    let Some(path) = output else {
        cx.out.line(text.trim_end());
        return Ok(());
    };
    let mut file = durable::create_private(path)?;
    file.write_all(text.as_bytes()).map_err(|error| Error::io(path, error))?;
    cx.out.outcome(
        path.display(),
        format_args!("wrote the recovery kit into {}: print it, and write the password on it by hand", path.display()),
    );
    Ok(())
}

fn json(key: &KeyInfo) -> Value {
    json!(KeyStatus::from(key))
}
