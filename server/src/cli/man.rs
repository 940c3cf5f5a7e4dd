//! `keepstone man`: the manual page, made of the same words as `--help`.

use clap::{Args, CommandFactory};
use keepstone_engine::Error;
use serde_json::json;

use super::{Cli, Context, Fault};

/// Print the manual page
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  keepstone man | man -l -
  keepstone man restore | man -l -
  keepstone man > /usr/local/share/man/man1/keepstone.1")]
pub(crate) struct Man {
    /// The page of this verb
    #[arg(value_name = "VERB")]
    verb: Option<String>,
}

pub(crate) fn run(args: &Man, cx: &Context) -> Result<(), Fault> {
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    if let Some(verb) = &args.verb {
        let Some(found) = command.find_subcommand(verb) else {
            return Err(Fault::usage(format!("no verb \"{verb}\""), "`keepstone help` shows the verbs."));
        };
        command = found.clone();
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(command).render(&mut page).map_err(|error| Error::io("standard output", error))?;
    let page = String::from_utf8_lossy(&page);
    cx.out.result(json!({ "page": page }));
    if !cx.out.json {
        cx.out.raw(page);
    }
    Ok(())
}
