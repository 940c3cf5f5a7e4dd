//! `keepstone look-at FILE`: a second look at a database, from a process of its own; what `doctor` asks before it recovers anything. Hidden: it
//! needs no vault and changes nothing.

use std::path::{Path, PathBuf};

use clap::Args;
use keepstone_engine::{
    Error, Result, Silent,
    doctor::Confirm,
    sqlite::health::{SecondLook, second_look},
};
use serde_json::json;

use super::{Context, Fault};

/// The verb's name, for the parent.
const NAME: &str = "look-at";

/// Check a database file, and whether anybody has it open
#[derive(Debug, Args)]
#[command(hide = true, after_help = "Example:\n  keepstone look-at /srv/shop/shop.db --json")]
pub(crate) struct Look {
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

pub(crate) fn run(args: &Look, cx: &Context) -> Result<(), Fault> {
    let look = second_look(&args.file, &Silent)?;
    cx.out.line(look.health.damage.as_deref().unwrap_or("sound"));
    for line in look.holders.iter().chain(&look.health.findings) {
        cx.out.line(line);
    }
    cx.out.result(json!(look));
    Ok(())
}

/// Asks a child: this program again, with nothing of the database open. A child that cannot be asked, or does not say a clear word, confirms
/// nothing.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Child;

impl Confirm for Child {
    fn look(&self, path: &Path) -> Result<SecondLook> {
        let odd = |what: String| Error::Internal(format!("a second look in a fresh process was not possible: {what}"));
        let program = std::env::current_exe().map_err(|error| odd(error.to_string()))?;
        let output = std::process::Command::new(program)
            .args(["--json", NAME, "--"])
            .arg(path)
            .stdin(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .output()
            .map_err(|error| odd(error.to_string()))?;
        let document: serde_json::Value = serde_json::from_slice(&output.stdout).map_err(|error| odd(error.to_string()))?;
        if !output.status.success() {
            return Err(odd(document["error"]["message"].as_str().unwrap_or("it failed without a word").to_owned()));
        }
        serde_json::from_value(document["results"][0].clone()).map_err(|error| odd(error.to_string()))
    }
}
