//! `keepstone service`: a unit of systemd for `serve`, hardened as far as a program can be that reads and writes other programs' databases.

use std::{
    fs, io,
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    process::Command,
};

use clap::{Args, Subcommand};
use keepstone_engine::{Error, durable};
use serde_json::json;

use super::{Context, Fault, confirm::confirm, context, values::Yes};

/// A systemd unit that runs `keepstone serve`
#[derive(Debug, Args)]
#[command(
    subcommand_required = true,
    arg_required_else_help = true,
    after_help = "\
Examples:
  keepstone service print
  keepstone service print --user shop --data /var/lib/keepstone > keepstone.service
  sudo keepstone service install --user shop --data /var/lib/keepstone --start"
)]
pub(crate) struct Service {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Print the unit
    Print(Unit),
    /// Write the unit to /etc/systemd/system, after systemd itself found no fault in it
    Install(Install),
}

#[derive(Debug, Args)]
struct Unit {
    /// The user that it runs as: the application's, who owns the databases [default: this one]
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// The name of the service
    #[arg(long, value_name = "NAME", default_value = "keepstone", value_parser = name)]
    name: String,
    /// A flag of `serve`, may be said several times: --with --listen=0.0.0.0:8181
    #[arg(long = "with", value_name = "FLAG", allow_hyphen_values = true)]
    flags: Vec<String>,
}

#[derive(Debug, Args)]
struct Install {
    #[command(flatten)]
    unit: Unit,
    /// Another folder for the unit
    #[arg(long, value_name = "DIR", default_value = "/etc/systemd/system")]
    into: PathBuf,
    /// Also start it now and at every boot
    #[arg(long)]
    start: bool,
    #[command(flatten)]
    yes: Yes,
}

pub(crate) fn run(args: &Service, cx: &Context) -> Result<(), Fault> {
    match &args.verb {
        Verb::Print(args) => {
            let text = unit(args, cx)?;
            cx.out.result(json!({ "name": args.name, "unit": text }));
            if !cx.out.json {
                cx.out.raw(text);
            }
            Ok(())
        }
        Verb::Install(args) => install(args, cx),
    }
}

fn install(args: &Install, cx: &Context) -> Result<(), Fault> {
    let text = unit(&args.unit, cx)?;
    let file = format!("{}.service", args.unit.name);
    let target = args.into.join(&file);
    check(&text, &file, cx)?;
    let there = fs::read_to_string(&target).ok();
    let changed = there.as_deref() != Some(text.as_str());
    if changed {
        if there.is_some() {
            let question = format!("Write over {}, which is another one?", target.display());
            confirm(cx, "install", args.yes, &question, None)?;
        }
        write(&target, &text)?;
    }
    cx.out.result(json!({ "name": args.unit.name, "path": target, "changed": changed, "started": args.start }));
    let said = if changed { format!("✔ wrote {}", target.display()) } else { format!("✔ {} is as it should be", target.display()) };
    cx.out.outcome(target.display(), said);
    if !args.start {
        cx.out.note(format_args!("Start it with: systemctl daemon-reload && systemctl enable --now {}", args.unit.name));
        return Ok(());
    }
    for words in [&["daemon-reload"][..], &["enable", "--now", &args.unit.name]] {
        let status = Command::new("systemctl").args(words).status();
        if !status.as_ref().is_ok_and(std::process::ExitStatus::success) {
            let why = status.map_or_else(|error| error.to_string(), |status| status.to_string());
            return Err(Fault::Here {
                code: "systemctl_failed",
                message: format!("systemctl {}: {why}", words.join(" ")),
                hint: Some("The unit is written; look at `systemctl status` and the journal.".to_owned()),
                exit: 1,
            });
        }
    }
    cx.out.note(format_args!("It runs. Its set-up link is in the journal: journalctl -u {}", args.unit.name));
    Ok(())
}

/// A unit is whole or not there; systemd reads it as root, and everybody may.
fn write(target: &Path, text: &str) -> Result<(), Error> {
    let staged = target.with_extension("service.new");
    let written = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o644).open(&staged).and_then(|mut file| {
        io::Write::write_all(&mut file, text.as_bytes())?;
        fs::set_permissions(&staged, fs::Permissions::from_mode(0o644))?;
        file.sync_all()
    });
    written.map_err(|error| Error::io(&staged, error))?;
    durable::replace(&staged, target)
}

/// Asks systemd, where it is, whether it would take the unit.
fn check(text: &str, file: &str, cx: &Context) -> Result<(), Fault> {
    let folder = context::scratch()?;
    let path = folder.path().join(file);
    fs::write(&path, text).map_err(|error| Error::io(&path, error))?;
    match Command::new("systemd-analyze").arg("verify").arg("--man=no").arg(&path).output() {
        Err(_) => cx.out.note("systemd-analyze is not here, so nobody checked the unit."),
        // It also tells of units that are installed already; only what is about this one counts.
        Ok(output) if !output.status.success() && String::from_utf8_lossy(&output.stderr).contains(file) => {
            return Err(Fault::Here {
                code: "unit_refused",
                message: String::from_utf8_lossy(&output.stderr).trim().replace('\n', "; "),
                hint: Some("Look at the flags and the paths that are in it: `keepstone service print`.".to_owned()),
                exit: 1,
            });
        }
        Ok(_) => {}
    }
    Ok(())
}

fn unit(args: &Unit, cx: &Context) -> Result<String, Fault> {
    let binary = std::env::current_exe().map_err(|error| Error::io("this program", error))?;
    let data = cx.data_dir()?;
    let me = context::actor();
    let user = args.user.as_deref().unwrap_or_else(|| me.strip_prefix("cli:").unwrap_or(&me));
    if !user.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.')) || user.is_empty() {
        return Err(Fault::usage(format!("\"{user}\" is no name of a user"), "Name the application's user with --user."));
    }
    let mut command = vec![quoted(&binary.to_string_lossy())];
    if let Some(config) = &cx.settings.from {
        let config = std::path::absolute(config).map_err(|error| Error::io(config, error))?;
        command.extend(["--config".to_owned(), quoted(&config.to_string_lossy())]);
    }
    if let Some(file) = &cx.global.env_file {
        let file = std::path::absolute(file).map_err(|error| Error::io(file, error))?;
        command.extend(["--env-file".to_owned(), quoted(&file.to_string_lossy())]);
    }
    command.extend(["--data".to_owned(), quoted(&data.to_string_lossy()), "serve".to_owned()]);
    command.extend(args.flags.iter().map(|flag| quoted(flag)));
    // systemd makes the folder where it is one of its own places.
    let state = data
        .strip_prefix("/var/lib")
        .ok()
        .filter(|_| !data.is_dir())
        .map_or_else(String::new, |state| format!("StateDirectory={}\nStateDirectoryMode=0700\n", state.display()));
    // What the shell that prints it has in BACKUP_DIR the service must have, too.
    let backups = match &cx.settings.backups {
        Some(backups) if cx.settings.from.is_none() => {
            let backups = std::path::absolute(backups).map_err(|error| Error::io(backups, error))?;
            format!("Environment={}\n", quoted(&format!("BACKUP_DIR={}", backups.display())))
        }
        _ => String::new(),
    };
    let home = if data.starts_with("/home") || data.starts_with("/root") || binary.starts_with("/home") { "no" } else { "read-only" };
    Ok(TEMPLATE
        .replace("{user}", user)
        .replace("{state}", &state)
        .replace("{backups}", &backups)
        .replace("{home}", home)
        .replace("{mounts}", &quoted(&data.to_string_lossy()).replace("$$", "$"))
        .replace("{command}", &command.join(" ")))
}

/// `ProtectSystem=full` and not `strict`: databases lie anywhere, and SQLite writes beside them.
const TEMPLATE: &str = "\
# Written by `keepstone service`.
[Unit]
Description=Keepstone, backups of databases
Documentation=man:keepstone(1)
After=network.target local-fs.target remote-fs.target
RequiresMountsFor={mounts}
# A disk may be hours late: it is tried for as long as it takes.
StartLimitIntervalSec=0

[Service]
Type=exec
User={user}
{state}{backups}ExecStart={command}
Restart=on-failure
RestartSec=15
# A stop takes the backups of stop schedules; it needs more than `keepstone schedule limits --stop-within`.
TimeoutStopSec=90
UMask=0077
# Its threads give way to everybody while a backup is made; with this they may stop doing so when they get nothing done.
LimitNICE=+0

# It reads and writes databases where they lie; everything else of the machine is none of its business.
# A database in a home folder needs ProtectHome=no, and one in /tmp PrivateTmp=no.
ProtectSystem=full
ProtectHome={home}
PrivateTmp=yes
PrivateDevices=yes
NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM

[Install]
WantedBy=multi-user.target
";

/// A word of a command line as systemd reads it: % and $ stand for themselves.
fn quoted(word: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-=:,@+".contains(&byte);
    let escaped = word.replace('\\', "\\\\").replace('"', "\\\"").replace('%', "%%").replace('$', "$$");
    if !word.is_empty() && word.bytes().all(plain) { word.to_owned() } else { format!("\"{escaped}\"") }
}

fn name(text: &str) -> Result<String, String> {
    let fits = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    if fits && !text.is_empty() { Ok(text.to_owned()) } else { Err("letters, digits, - and _ only".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_reach_the_program_as_they_are() {
        assert_eq!(quoted("/var/lib/keepstone"), "/var/lib/keepstone");
        assert_eq!(quoted("/srv/my shop/100%"), "\"/srv/my shop/100%%\"");
        assert_eq!(quoted("a\"b\\$c"), "\"a\\\"b\\\\$$c\"");
        assert_eq!(quoted(""), "\"\"");
    }
}
