//! `keepstone apply`: databases, schedules and retention as a file has them. The plan first, then that and nothing else.

use std::{collections::BTreeMap, path::PathBuf};

use clap::Args;
use jiff::Timestamp;
use keepstone_engine::{
    Error,
    apply::{self, Act, Change, WantedDatabase},
    cleanup::Consent,
    model::{
        id::{DatabaseId, Kind},
        retention::RetentionPolicy,
        schedule::{IfMissed, Preset, Schedule, Trigger},
        snapshot::SnapshotPolicy,
        validate,
    },
    postgres, schedules, sqlite,
};
use serde::Deserialize;
use serde_json::json;

use super::{
    Context, Fault, context,
    table::{Cell, Table, Tone},
    values::Yes,
};

/// Bring databases, their schedules and retention to what a file says
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  keepstone apply -f databases.toml --dry-run     what would change
  keepstone apply -f databases.toml               change it; done twice it changes nothing

  [databases.shop]
  location = \"/srv/shop/shop.db\"
  objective = \"26h\"                # also never-replace, auto-recovery, encrypt, globals, paused
  schedules = [
    { cron = \"0 2 * * *\", zone = \"Europe/Berlin\", jitter = \"10min\" },
    { every = \"12h\", if-missed = \"skip\" },
    { on = \"start\" },
  ]
  retention = { daily = 7, weekly = 4, monthly = 12, max-age = \"400d\" }
  snapshot = { hold = \"2h\", wal = \"20GB\", free = \"1GB\" }

  [databases.till]
  url-file = \"till.url\"           # a file with the URL of a PostgreSQL database, its password in it: sealed, and never shown

  [databases.wiki]
  location = \"wiki.db\"             # from the file's own folder
  preset = \"half-daily\"            # schedules, retention and auto-recovery at once

What stands in the file is set only there from then on, and the console says so; what is left out of it is left as it is. A database that is taken \
out of the file stays protected and is everybody's to change.")]
pub(crate) struct Apply {
    /// The file
    #[arg(short, long, value_name = "FILE.toml")]
    file: PathBuf,
    /// Show the plan and change nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    yes: Yes,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    databases: BTreeMap<String, Entry>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Entry {
    location: Option<String>,
    url_file: Option<PathBuf>,
    objective: Option<String>,
    never_replace: Option<bool>,
    auto_recovery: Option<bool>,
    encrypt: Option<bool>,
    globals: Option<bool>,
    paused: Option<bool>,
    snapshot: Option<Snapshot>,
    preset: Option<String>,
    zone: Option<String>,
    schedules: Option<Vec<Rule>>,
    retention: Option<Kept>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Rule {
    cron: Option<String>,
    every: Option<String>,
    on: Option<String>,
    zone: Option<String>,
    kind: Option<String>,
    if_missed: Option<String>,
    jitter: Option<String>,
    #[serde(default)]
    paused: bool,
}

/// What is left out follows from the database.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Snapshot {
    #[serde(default)]
    hold: String,
    #[serde(default)]
    wal: String,
    #[serde(default)]
    free: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Kept {
    last: Option<u32>,
    hourly: Option<u32>,
    daily: Option<u32>,
    weekly: Option<u32>,
    monthly: Option<u32>,
    yearly: Option<u32>,
    startup: Option<u32>,
    shutdown: Option<u32>,
    max_age: Option<String>,
    max_count: Option<u32>,
    #[serde(default)]
    imported: bool,
}

pub(crate) fn run(args: &Apply, cx: &Context) -> Result<(), Fault> {
    let now = Timestamp::now();
    let wanted = read(args, now)?;
    // A file without a mistake may make the vault; with one, or to see what would be done, it leaves nothing behind.
    let scratch = if args.dry_run && !cx.has_vault() && !wanted.is_empty() { Some(context::scratch()?) } else { None };
    let vault = match (&scratch, wanted.first()) {
        (Some(scratch), _) => cx.empty_vault(scratch)?,
        (None, Some(first)) => cx.vault_for(&first.location)?,
        (None, None) => cx.vault()?,
    };
    let plan = apply::plan_apply(&vault, &wanted, now)?;
    print(&plan.changes, cx);
    let result = |applied: bool| json!({ "ok": true, "dry_run": args.dry_run, "applied": applied, "changes": plan.changes });
    if args.dry_run || plan.is_empty() {
        cx.out.result(result(false));
        cx.out.note(if plan.is_empty() { "Everything is as the file says." } else { "This was a dry run: nothing was changed." });
        return Ok(());
    }
    let consent = if args.yes.yes { Consent::Given } else { Consent::Later };
    apply::apply(&vault, &plan, consent, now)?;
    cx.out.result(result(true));
    cx.out.line(match plan.changes.len() {
        1 => "✔ 1 change made".to_owned(),
        count => format!("✔ {count} changes made"),
    });
    Ok(())
}

fn print(changes: &[Change], cx: &Context) {
    let mut table = Table::new(&["", "DATABASE", "WHAT", "FROM", "TO"]);
    for change in changes {
        let (mark, tone) = match change.act {
            Act::Add => ("+", Tone::Good),
            Act::Change => ("~", Tone::Warn),
            Act::Remove => ("-", Tone::Bad),
            Act::Release => ("○", Tone::Dim),
        };
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let to = if change.act == Act::Release { "everybody's to change".to_owned() } else { text(&change.to) };
        table.row([
            Cell::toned(mark, tone),
            change.database.as_str().into(),
            change.what.replace('_', "-").into(),
            text(&change.from).into(),
            to.into(),
        ]);
    }
    if !changes.is_empty() {
        table.print(&cx.out);
    }
}

fn read(args: &Apply, now: Timestamp) -> Result<Vec<WantedDatabase>, Fault> {
    let path = &args.file;
    let text = std::fs::read_to_string(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Error::SourceMissing { path: path.clone() },
        _ => Error::io(path, error),
    })?;
    let hint = "`keepstone apply --help` shows such a file.";
    let file: File = toml::from_str(&text).map_err(|error| {
        let line = error.span().map_or_else(String::new, |span| format!(", line {}", text[..span.start].matches('\n').count() + 1));
        Fault::usage(format!("{}{line}: {}", path.display(), error.message()), hint)
    })?;
    let folder = std::path::absolute(path).map_err(|error| Error::io(path, error))?.parent().map(PathBuf::from).unwrap_or_default();
    file.databases
        .into_iter()
        .map(|(id, entry)| {
            let told = |fault: Fault| Fault::usage(format!("{}: databases.{id}: {fault}", path.display()), hint);
            entry.wanted(&id, &folder, now).map_err(told)
        })
        .collect()
}

impl Entry {
    fn wanted(self, id: &str, folder: &std::path::Path, now: Timestamp) -> Result<WantedDatabase, Fault> {
        let id: DatabaseId = id.parse().map_err(|_| bad(format!("\"{id}\" cannot name a database: use a-z, 0-9 and -")))?;
        // A URL is as it is; a path begins at the file's folder, wherever the command is given.
        let location = match (&self.location, &self.url_file) {
            (Some(location), None) if postgres::location::is_url(location) => location.clone(),
            (Some(location), None) if location.contains("://") => sqlite::location::as_given(location)?.display().to_string(),
            (Some(location), None) => sqlite::location::as_given(&folder.join(location).display().to_string())?.display().to_string(),
            (None, Some(file)) => super::db::url_in(&folder.join(file))?,
            _ => return Err(bad("it has a location or a url-file: one of them".to_owned())),
        };
        let mut wanted = WantedDatabase {
            objective_secs: self.objective.as_deref().map(|text| secs("objective", text)).transpose()?,
            never_replace: self.never_replace,
            auto_recovery: self.auto_recovery,
            encrypt: self.encrypt,
            globals: self.globals,
            paused: self.paused,
            snapshot: self.snapshot.map(|limits| SnapshotPolicy::of(&limits.hold, &limits.wal, &limits.free)).transpose()?,
            ..WantedDatabase::new(id, location)
        };
        if let Some(name) = &self.preset {
            if self.schedules.is_some() || self.retention.is_some() {
                return Err(bad("a preset stands for schedules and retention: say one or the other".to_owned()));
            }
            let preset: Preset = name.parse().map_err(|_| bad(format!("there is no preset \"{name}\"")))?;
            wanted.schedules = Some(schedules::preset_schedules(preset, self.zone.as_deref(), None, now)?);
            wanted.retention = Some(preset.retention());
            wanted.auto_recovery = wanted.auto_recovery.or(Some(preset.auto_recovery()));
        } else {
            let zone = self.zone.as_deref();
            wanted.schedules =
                self.schedules.map(|rules| rules.into_iter().map(|rule| rule.schedule(zone, now)).collect::<Result<_, _>>()).transpose()?;
            wanted.retention = self.retention.map(Kept::policy).transpose()?;
        }
        Ok(wanted)
    }
}

impl Rule {
    fn schedule(self, zone: Option<&str>, now: Timestamp) -> Result<Schedule, Fault> {
        let trigger = match (&self.cron, &self.every, self.on.as_deref()) {
            (Some(cron), None, None) => {
                let cron = cron.split_whitespace().collect::<Vec<_>>().join(" ");
                let zone = self.zone.as_deref().or(zone).map_or_else(schedules::host_time_zone, str::to_owned);
                Trigger::Cron { cron, time_zone: zone }
            }
            (None, Some(every), None) => Trigger::Interval { every_secs: secs("every", every)? },
            (None, None, Some("start")) => Trigger::Start,
            (None, None, Some("stop")) => Trigger::Stop,
            _ => return Err(bad("a schedule has one of cron, every, on = \"start\" and on = \"stop\"".to_owned())),
        };
        let kind = match &self.kind {
            Some(kind) => kind.parse::<Kind>().map_err(|_| bad(format!("there is no kind \"{kind}\"")))?,
            None => schedules::kind_for(&trigger, now)?,
        };
        let if_missed = match self.if_missed.as_deref() {
            None | Some("run-once") => IfMissed::RunOnce,
            Some("skip") => IfMissed::Skip,
            Some(other) => return Err(bad(format!("if-missed is run-once or skip, not \"{other}\""))),
        };
        let jitter_secs = self.jitter.as_deref().map(|text| secs("jitter", text)).transpose()?.unwrap_or(0);
        Ok(Schedule { if_missed, jitter_secs, paused: self.paused, ..Schedule::of(kind, trigger) })
    }
}

impl Kept {
    fn policy(self) -> Result<RetentionPolicy, Fault> {
        Ok(RetentionPolicy {
            last: self.last,
            hourly: self.hourly,
            daily: self.daily,
            weekly: self.weekly,
            monthly: self.monthly,
            yearly: self.yearly,
            startup: self.startup,
            shutdown: self.shutdown,
            max_age_secs: self.max_age.as_deref().map(|text| secs("max-age", text)).transpose()?,
            max_count: self.max_count,
            imported: self.imported,
        })
    }
}

fn secs(field: &'static str, text: &str) -> Result<u64, Fault> {
    Ok(validate::duration_secs(field, text)?)
}

fn bad(message: String) -> Fault {
    Fault::usage(message, "`keepstone apply --help` shows such a file.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_help_is_read() {
        use clap::CommandFactory;
        let help = super::super::Cli::command().find_subcommand("apply").unwrap().get_after_help().unwrap().to_string();
        let example: String = help
            .lines()
            .skip_while(|line| !line.contains("[databases.shop]"))
            .take_while(|line| !line.starts_with("What"))
            .map(|line| line.trim().to_owned() + "\n")
            .collect();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("databases.toml");
        let read = |text: &str| {
            std::fs::write(&file, text).unwrap();
            super::read(&Apply { file: file.clone(), dry_run: true, yes: Yes { yes: false } }, Timestamp::now())
        };
        std::fs::write(folder.path().join("till.url"), "postgresql://app:pw@db/till\n").unwrap();
        let wanted = read(&example).unwrap();
        assert_eq!(wanted.len(), 3);
        assert_eq!(wanted[1].location, "postgresql://app:pw@db/till");
        let shop = &wanted[0];
        assert_eq!((shop.objective_secs, shop.schedules.as_ref().unwrap().len()), (Some(26 * 3600), 3));
        assert_eq!(shop.retention.as_ref().unwrap().max_age_secs, Some(400 * 86_400));
        assert!(wanted[2].location.starts_with(folder.path().to_str().unwrap()), "{wanted:?}");
        assert_eq!(wanted[2].auto_recovery, Some(true));
        for (text, told) in [
            ("[databases.shop]\nlocation = \"a.db\"\nobjektive = 1", "line 3"),
            ("[databases.shop]\nlocation = \"a.db\"\nurl-file = \"a\"", "one of them"),
            ("[databases.Shop]\nlocation = \"a.db\"", "Shop"),
            ("[databases.shop]\nlocation = \"a.db\"\nschedules = [{ cron = \"0 2 * * *\", every = \"1h\" }]", "one of cron"),
            ("[databases.shop]\nlocation = \"a.db\"\nschedules = [{ cron = \"0 2 * * *\", zone = \"Mars/Base\" }]", "Mars"),
            ("[databases.shop]\nlocation = \"a.db\"\npreset = \"never\"", "preset"),
            ("[databases.shop]\nlocation = \"a.db\"\npreset = \"standard\"\nretention = {}", "preset"),
            ("[databases.shop]\nlocation = \"a.db\"\nretention = { max-age = \"long\" }", "max-age"),
        ] {
            let fault = read(text).unwrap_err();
            assert!(fault.to_string().contains(told) && fault.exit() == 2, "{text}: {fault}");
        }
    }
}
