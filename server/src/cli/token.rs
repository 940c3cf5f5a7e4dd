//! `keepstone token`: what programs call the HTTP API with. The secret is shown once, when the token is made.

use std::collections::BTreeSet;

use clap::{Args, Subcommand, builder::TypedValueParser};
use jiff::Timestamp;
use keepstone_engine::{
    Vault, databases,
    model::token::{Scope, Token as TokenRow},
    tokens::{self, CreateTokenOptions},
};
use serde_json::{Value, json};

use super::{
    Context, Fault,
    confirm::confirm,
    context,
    table::{Cell, Table, Tone, printable},
    values::{Yes, duration_secs},
    words,
};

/// Make, list and revoke the tokens that programs call the HTTP API with
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  keepstone token create nightly --scope create --db shop
  keepstone token create grafana --scope read --expires never -q > token.txt
  keepstone token list
  keepstone token revoke nightly

Scopes: read sees what lists show, and is in every other one; create makes, checks and pins backups; restore restores, downloads archives and \
exports; delete deletes, puts back and cleans up; admin does all of it, settings included.")]
pub(crate) struct Token {
    #[command(subcommand)]
    verb: TokenVerb,
}

#[derive(Debug, Subcommand)]
enum TokenVerb {
    /// Make a token and show its secret, this once
    Create {
        /// What to call it; it acts as token:NAME in the activity log
        #[arg(value_name = "NAME")]
        name: String,
        /// What it may do; may be said several times
        #[arg(long = "scope", value_name = "SCOPE", required = true, value_delimiter = ',', value_parser = scope())]
        scopes: Vec<Scope>,
        /// Only for this database; may be said several times
        #[arg(long = "db", value_name = "DB")]
        databases: Vec<String>,
        /// How long it is good for, e.g. 90d, or never
        #[arg(long, value_name = "TIME", default_value = "365d")]
        expires: String,
    },
    /// Every token, without the secrets
    List,
    /// Take a token away: the next call with it is refused
    Revoke {
        #[arg(value_name = "NAME")]
        name: String,
        #[command(flatten)]
        yes: Yes,
    },
}

fn scope() -> impl TypedValueParser<Value = Scope> {
    clap::builder::PossibleValuesParser::new(Scope::ALL.map(Scope::as_str))
        .try_map(|name| name.parse::<Scope>().map_err(|refusal| refusal.message))
}

pub(crate) fn run(args: &Token, cx: &Context) -> Result<(), Fault> {
    match &args.verb {
        TokenVerb::Create { name, scopes, databases, expires } => create(name, scopes, databases, expires, cx),
        TokenVerb::List => list(&cx.vault()?, cx),
        TokenVerb::Revoke { name, yes } => revoke(&cx.vault()?, name, *yes, cx),
    }
}

fn create(name: &str, scopes: &[Scope], databases: &[String], expires: &str, cx: &Context) -> Result<(), Fault> {
    let lifetime_secs = if expires == "never" { None } else { Some(duration_secs(expires)?) };
    let vault = cx.vault()?;
    let ids =
        databases.iter().map(|db| databases::find_database(&vault, db).map(|database| database.id)).collect::<Result<BTreeSet<_>, _>>()?;
    let options = CreateTokenOptions {
        name: name.to_owned(),
        scopes: scopes.to_vec(),
        databases: (!ids.is_empty()).then(|| ids.into_iter().collect()),
        lifetime_secs,
        actor: context::actor(),
    };
    let made = tokens::create(&vault, &options)?;
    context::copy_catalog(&vault);
    let mut result = json(&made.token, Timestamp::now());
    result["token"] = json!(made.secret);
    cx.out.result(result);
    cx.out.line(&made.secret);
    cx.out.note(format_args!(
        "Token {} ({}). It is shown this once: keep it where secrets are kept.",
        made.token.name,
        tokens::words(&made.token)
    ));
    Ok(())
}

fn list(vault: &Vault, cx: &Context) -> Result<(), Fault> {
    let now = Timestamp::now();
    let mut table = Table::new(&["NAME", "SCOPES", "DATABASES", "LAST USED", "EXPIRES", "MADE BY"]);
    for token in tokens::list(vault)? {
        cx.out.result(json(&token, now));
        if cx.out.quiet {
            cx.out.line(printable(&token.name));
            continue;
        }
        let scopes: Vec<&str> = token.scopes.iter().map(|scope| scope.as_str()).collect();
        let only = token.databases.as_ref().map(|ids| ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "));
        let expires = match token.expires_at {
            None => Cell::from("never"),
            Some(at) if token.is_expired(now) => Cell::toned(format!("▲ expired {}", words::ago(at)), Tone::Warn),
            Some(at) => words::time(at).into(),
        };
        table.row([
            token.name.as_str().into(),
            scopes.join(", ").into(),
            only.unwrap_or_else(|| "all".to_owned()).into(),
            token.last_used_at.map_or_else(|| "never".to_owned(), words::ago).into(),
            expires,
            token.created_by.as_str().into(),
        ]);
    }
    if table.is_empty() {
        if !cx.out.quiet {
            cx.out.note("no tokens: `keepstone token create NAME --scope SCOPE` makes one");
        }
    } else {
        table.print(&cx.out);
    }
    Ok(())
}

fn revoke(vault: &Vault, name: &str, yes: Yes, cx: &Context) -> Result<(), Fault> {
    let found = tokens::list(vault)?.into_iter().find(|token| token.name.eq_ignore_ascii_case(name));
    let token = found.ok_or_else(|| keepstone_engine::Error::UnknownToken { name: name.to_owned() })?;
    cx.out.note(format_args!(
        "Programs that call with token {} ({}) will be refused; it was last used {}.",
        token.name,
        tokens::words(&token),
        token.last_used_at.map_or_else(|| "never".to_owned(), words::ago)
    ));
    let mut result = json(&token, Timestamp::now());
    result["revoked"] = json!(false);
    if let Err(fault) = confirm(cx, "revoke", yes, &format!("Revoke {}?", token.name), None) {
        cx.out.result(result);
        return Err(fault);
    }
    tokens::revoke(vault, &token.name, &context::actor())?;
    context::copy_catalog(vault);
    result["revoked"] = json!(true);
    cx.out.result(result);
    cx.out.outcome(&token.name, format_args!("revoked {}", token.name));
    Ok(())
}

fn json(token: &TokenRow, now: Timestamp) -> Value {
    let mut value = json!(token);
    value["expired"] = json!(token.is_expired(now));
    value
}
