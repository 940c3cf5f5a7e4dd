//! `keepstone user`: who may sign in to the console, and the way back in for who cannot. Passwords come by prompt or file, never on the command
//! line, where others would see them.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, builder::TypedValueParser};
use keepstone_engine::{
    Error, Vault,
    catalog::User as UserRow,
    model::{access::Role, validate},
    users::{self, AddUserOptions, Standing},
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

/// Add, change and remove the console's users, and set their passwords
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  keepstone user add alice --role admin           asks for the password
  keepstone user passwd alice --password-file f
  keepstone user role alice operator
  keepstone user setup-link                       a new one-time link for the first admin
  keepstone user setup-link bob                   a one-time link by which bob sets a password")]
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
    /// Give a user another role
    Role {
        #[arg(value_name = "NAME")]
        name: String,
        #[arg(value_name = "ROLE", value_parser = role())]
        role: Role,
    },
    /// Sign a user out and let nobody sign in as them
    Disable {
        #[arg(value_name = "NAME")]
        name: String,
    },
    /// Let a disabled user sign in again
    Enable {
        #[arg(value_name = "NAME")]
        name: String,
    },
    /// Switch a user's second factor off: for who has lost the app and the recovery codes
    ResetFactor {
        #[arg(value_name = "NAME")]
        name: String,
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
    /// Make a new one-time set-up link, in place of any earlier one: for the first admin (30 minutes), or for a user to set a password (24 hours)
    SetupLink {
        /// The user; without one: the first admin
        #[arg(value_name = "NAME")]
        name: Option<String>,
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
    act(&args.verb, &vault, cx)?;
    context::copy_catalog(&vault);
    Ok(())
}

fn act(verb: &UserVerb, vault: &Vault, cx: &Context) -> Result<(), Fault> {
    match verb {
        UserVerb::Add { name, role, password } => add(vault, name, *role, password, cx),
        UserVerb::Passwd { name, password } => passwd(vault, name, password, cx),
        UserVerb::List => list(vault, cx),
        UserVerb::Remove { name, yes } => remove(vault, name, *yes, cx),
        UserVerb::Role { name, role } => {
            let user = users::set_role(vault, name, *role, &context::actor())?;
            told(&user, format_args!("{} is {} now", user.name, user.role), cx);
            Ok(())
        }
        UserVerb::Disable { name } => {
            let user = users::set_standing(vault, name, Standing::Disabled, &context::actor())?;
            told(&user, format_args!("{} is disabled, and signed out", user.name), cx);
            Ok(())
        }
        UserVerb::Enable { name } => {
            let user = users::set_standing(vault, name, Standing::Active, &context::actor())?;
            told(&user, format_args!("{} may sign in again", user.name), cx);
            Ok(())
        }
        UserVerb::ResetFactor { name } => {
            let user = users::user(vault, name)?;
            let had_one = users::remove_factor(vault, name, &context::actor())?;
            let said = if had_one { "is off: the password alone lets in" } else { "was off already" };
            told(&user, format_args!("the second factor of {} {said}", user.name), cx);
            Ok(())
        }
        UserVerb::SetupLink { name: Some(name), public_url } => {
            let path = auth::issue_password_link(vault, name, &context::actor())?;
            let link = format!("{}{path}", public_url.trim_end_matches('/'));
            cx.out.result(json!({ "link": link }));
            cx.out.line(&link);
            cx.out.note("It works once, for 24 hours; until then the present password stays.");
            Ok(())
        }
        UserVerb::SetupLink { name: None, public_url } => setup_link(vault, public_url, cx),
    }
}

fn add(vault: &Vault, name: &str, role: Role, password: &PasswordArg, cx: &Context) -> Result<(), Fault> {
    validate::user_name(name)?;
    if vault.catalog().user(name)?.is_some() {
        return Err(Error::AlreadyExists { what: "user", name: name.to_owned() }.into());
    }
    let password_hash = Some(auth::hash_password(&ask_password(password, name)?)?);
    let user = users::add(vault, &AddUserOptions { name: name.to_owned(), role, password_hash, actor: context::actor() })?;
    told(&user, format_args!("added {name} ({role})"), cx);
    Ok(())
}

fn passwd(vault: &Vault, name: &str, password: &PasswordArg, cx: &Context) -> Result<(), Fault> {
    let user = users::user(vault, name)?;
    let password_hash = auth::hash_password(&ask_password(password, &user.name)?)?;
    let user = users::set_password_hash(vault, &user.name, &password_hash, None, &context::actor())?;
    told(&user, format_args!("the password of {} is set; the user's sessions have ended", user.name), cx);
    Ok(())
}

fn list(vault: &Vault, cx: &Context) -> Result<(), Fault> {
    let mut table = Table::new(&["NAME", "ROLE", "STATE", "ADDED"]);
    for user in users::list(vault)? {
        cx.out.result(json(&user));
        if cx.out.quiet {
            cx.out.line(printable(&user.name));
            continue;
        }
        table.row([user.name.as_str().into(), user.role.as_str().into(), state(&user).into(), words::time(user.created_at).into()]);
    }
    if table.is_empty() {
        cx.out.note("no users: `keepstone serve` prints a one-time set-up link");
    } else {
        table.print(&cx.out);
    }
    Ok(())
}

fn remove(vault: &Vault, name: &str, yes: Yes, cx: &Context) -> Result<(), Fault> {
    let user = users::user(vault, name)?;
    cx.out.note(format_args!("User {} ({}) will not be able to sign in any more.", user.name, user.role));
    let mut result = json(&user);
    result["removed"] = json!(false);
    if let Err(fault) = confirm(cx, "remove", yes, &format!("Remove {}?", user.name), None) {
        cx.out.result(result);
        return Err(fault);
    }
    users::remove(vault, &user.name, &context::actor())?;
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

/// The outcome of a change, with the user as they are now.
fn told(user: &UserRow, outcome: std::fmt::Arguments<'_>, cx: &Context) {
    cx.out.result(json(user));
    cx.out.outcome(&user.name, outcome);
}

fn state(user: &UserRow) -> &'static str {
    match (user.disabled, user.has_password()) {
        (true, _) => "disabled",
        (false, false) => "no password yet",
        (false, true) => "active",
    }
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

fn json(user: &UserRow) -> Value {
    json!({ "name": user.name, "role": user.role, "state": state(user), "created_at": user.created_at })
}
