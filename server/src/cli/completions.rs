//! `keepstone completions`: scripts that complete verbs and flags in a shell.

use clap::{Args, CommandFactory};
use clap_complete::Shell;
use serde_json::json;

use super::{Cli, Context};

/// Print the completion script for a shell
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  keepstone completions bash > /etc/bash_completion.d/keepstone
  keepstone completions fish > ~/.config/fish/completions/keepstone.fish")]
pub(crate) struct Completions {
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

pub(crate) fn run(args: &Completions, cx: &Context) {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "keepstone", &mut script);
    let script = String::from_utf8_lossy(&script);
    cx.out.result(json!({ "shell": args.shell.to_string(), "script": script }));
    if !cx.out.json {
        cx.out.raw(script);
    }
}
