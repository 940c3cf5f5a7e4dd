//! `keepstone user`: who may sign in to the console. Passwords come by prompt or file, never on the command line, where others would see them.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, builder::TypedValueParser};
use jiff::Timestamp;
use keepstone_engine::{
    Error, Vault,
    activity::{self, NewEvent},
    catalog::User as UserRow,
    model::{access::Role, event::EventResult, validate},
};
use serde_json::{Value, json};

use super::{
    Context, Fault,
    confirm::confirm,
    context,
    table::{Table, printable},
    values::Yes,
    words,
};
use crate::auth;

/// Add and remove the console's users, and set their passwords
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  keepstone user add alice --role admin           asks for the password
  keepstone user passwd alice --password-file f
  keepstone user setup-link                       a new one-time link for the first admin")]
pub(crate) struct User {
    #[command(subcommand)]
    verb: UserVerb,
}

#[derive(Debug, Subcommand)]
enum UserVerb {
    /// Add a user
    Add {
        #[arg(value_name = "NAME")]
        name: String,
        /// viewer sees, operator also backs up and restores, admin also sets up
        #[arg(long, value_name = "ROLE", default_value = "viewer", value_parser = role())]
        role: Role,
        #[command(flatten)]
        password: PasswordArg,
    },
    /// Set a user's password and end the user's sessions
    Passwd {
        #[arg(value_name = "NAME")]
        name: String,
        #[command(flatten)]
        password: PasswordArg,
    },
    /// Every user
    List,
    /// Remove a user and end the user's sessions
    Remove {
        #[arg(value_name = "NAME")]
        name: String,
        #[command(flatten)]
        yes: Yes,
    },
    /// Make a new one-time set-up link (30 minutes), in place of any earlier one
    SetupLink {
        /// The console's address as browsers reach it
        #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8181")]
        public_url: String,
    },
}

#[derive(Debug, Args)]
struct PasswordArg {
    /// Read the password from the first line of this file, - for standard input; else it is asked for
    #[arg(long, value_name = "F")]
    password_file: Option<PathBuf>,
}

fn role() -> impl TypedValueParser<Value = Role> {
    clap::builder::PossibleValuesParser::new(Role::ALL.map(Role::as_str)).map(|name| match name.as_str() {
        "admin" => Role::Admin,
        "operator" => Role::Operator,
        _ => Role::Viewer,
    })
}

pub(crate) fn run(args: &User, cx: &Context) -> Result<(), Fault> {
    let vault = cx.vault()?;
    match &args.verb {
        UserVerb::Add { name, role, password } => add(&vault, name, *role, password, cx),
        UserVerb::Passwd { name, password } => passwd(&vault, name, password, cx),
        UserVerb::List => list(&vault, cx),
        UserVerb::Remove { name, yes } => remove(&vault, name, *yes, cx),
        UserVerb::SetupLink { public_url } => setup_link(&vault, public_url, cx),
    }
}

fn add(vault: &Vault, name: &str, role: Role, password: &PasswordArg, cx: &Context) -> Result<(), Fault> {
    validate::user_name(name)?;
    if vault.catalog().user(name)?.is_some() {
        return Err(Error::AlreadyExists { what: "user", name: name.to_owned() }.into());
    }
    let password_hash = auth::hash_password(&ask_password(password, name)?)?;
    let user = UserRow { name: name.to_owned(), role, password_hash, created_at: Timestamp::now() };
    vault.catalog().add_user(&user)?;
    record(vault, "user.added", format!("user {name} was added as {role}"))?;
    cx.out.result(json(&user));
    cx.out.outcome(name, format_args!("added {name} ({role})"));
    Ok(())
}

fn passwd(vault: &Vault, name: &str, password: &PasswordArg, cx: &Context) -> Result<(), Fault> {
    let user = known(vault, name)?;
    let password_hash = auth::hash_password(&ask_password(password, &user.name)?)?;
    vault.catalog().set_password_hash(&user.name, &password_hash)?;
    record(vault, "user.password_changed", format!("the password of user {} was set on the host", user.name))?;
    cx.out.result(json(&user));
    cx.out.outcome(&user.name, format_args!("the password of {} is set; the user's sessions have ended", user.name));
    Ok(())
}

fn list(vault: &Vault, cx: &Context) -> Result<(), Fault> {
    let mut table = Table::new(&["NAME", "ROLE", "ADDED"]);
    for user in vault.catalog().users()? {
        cx.out.result(json(&user));
        if cx.out.quiet {
            cx.out.line(printable(&user.name));
            continue;
        }
        table.row([user.name.as_str().into(), user.role.as_str().into(), words::time(user.created_at).into()]);
    }
    if table.is_empty() {
        cx.out.note("no users: `keepstone serve` prints a one-time set-up link");
    } else {
        table.print(&cx.out);
    }
    Ok(())
}

fn remove(vault: &Vault, name: &str, yes: Yes, cx: &Context) -> Result<(), Fault> {
    let user = known(vault, name)?;
    cx.out.note(format_args!("User {} ({}) will not be able to sign in any more.", user.name, user.role));
    let mut result = json(&user);
    result["removed"] = json!(false);
    if let Err(fault) = confirm(cx, "remove", yes, &format!("Remove {}?", user.name), None) {
        cx.out.result(result);
        return Err(fault);
    }
    vault.catalog().remove_user(&user.name)?;
    record(vault, "user.removed", format!("user {} was removed", user.name))?;
    result["removed"] = json!(true);
    cx.out.result(result);
    cx.out.outcome(&user.name, format_args!("removed {}", user.name));
    Ok(())
}

fn setup_link(vault: &Vault, public_url: &str, cx: &Context) -> Result<(), Fault> {
    if !vault.catalog().users()?.is_empty() {
        return Err(Fault::Here {
            code: "already_set_up",
            message: "this vault has users already".to_owned(),
            hint: Some(
                "`keepstone user passwd NAME` sets a new password, `keepstone user add NAME --role admin` adds an admin.".to_owned(),
            ),
            exit: 7,
        });
    }
    let link = auth::issue_setup_link(vault, public_url)?;
    cx.out.result(json!({ "link": link }));
    cx.out.line(&link);
    cx.out.note("It works once, for 30 minutes.");
    Ok(())
}

fn known(vault: &Vault, name: &str) -> Result<UserRow, Fault> {
    Ok(vault.catalog().user(name)?.ok_or_else(|| Error::UnknownUser { name: name.to_owned() })?)
}

/// The password, from the file or twice from the terminal, and long and odd enough.
fn ask_password(arg: &PasswordArg, user: &str) -> Result<String, Fault> {
    if let Some(file) = arg.password_file.as_deref() {
        let text = if file == Path::new("-") { std::io::read_to_string(std::io::stdin()) } else { std::fs::read_to_string(file) };
        let text = text.map_err(|error| Error::io(file, error))?;
        let password = text.lines().next().unwrap_or_default();
        validate::password(password, user)?;
        return Ok(password.to_owned());
    }
    let no_terminal =
        |_| Fault::usage("there is no terminal to ask for the password on", "Say --password-file FILE (- for standard input).");
    let password = rpassword::prompt_password(format!("Password for {user}: ")).map_err(no_terminal)?;
    validate::password(&password, user)?;
    if rpassword::prompt_password("Once more: ").map_err(no_terminal)? != password {
        return Err(Fault::usage("the two passwords differ", "Try again."));
    }
    Ok(password)
}

fn record(vault: &Vault, action: &str, message: String) -> Result<(), Fault> {
    let actor = context::actor();
    let event = NewEvent { actor: &actor, action, result: EventResult::Ok, database: None, backup: None, job: None, message };
    activity::record(vault, &event)?;
    Ok(())
}

fn json(user: &UserRow) -> Value {
    json!({ "name": user.name, "role": user.role, "created_at": user.created_at })
}
