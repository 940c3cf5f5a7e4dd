//! The command line as it was promised: every verb with every flag, one line for each way to say it. A line that does not parse any more breaks
//! somebody's script. Verbs may know more than stands here.

use clap::{CommandFactory, Parser};

use super::Cli;

const LINES: &str = "
serve
serve --listen 127.0.0.1:8181 --public-url https://backup.example.org --demo
db add shop.db
db add sqlite:////srv/shop/shop.db --name shop
db add postgresql+psycopg2://shop@localhost/shop
db add --url-file url.txt --name shop
db list
db show shop
db edit shop --encrypt
db remove shop --yes
db remove shop --confirm
create
create shop --type daily --description before --tag a --tag b --user alice --app-label 2.4 --pin
create shop --compress --level 19 --encrypt --verify
create shop --compress=zstd
create shop --compress=gzip --level 9
create shop --compress=none --no-encrypt --no-verify
create shop --no-compress
list
list shop --type daily --limit 5 --state complete
list --dir backups
status
status shop
show latest
show latest:daily
verify shop_daily_20261120T030000Z_k3f9
verify backup.zip
verify --all
verify --all --db shop
ack latest
restore latest
restore --id latest
restore --path backup.zip
restore latest --to again.sqlite --no-verify
restore latest --replace --no-safety-backup --dry-run
restore latest --replace --yes
restore latest --replace --confirm
restore latest --to postgresql://shop@localhost/again
undo j-01jd3k9v0q7x8 --yes
delete latest --yes
delete latest --confirm
pin latest
unpin latest
trash list
trash put-back shop_daily_20261120T030000Z_k3f9
trash empty --yes
cleanup
cleanup shop --keep 5 --dry-run
cleanup shop --last-keep 3 --hourly-keep 24 --daily-keep 7 --weekly-keep 4 --monthly-keep 12 --yearly-keep 3 --confirm
cleanup shop --max-age 30d --max-count 30 --include-manual --yes
retention show shop
retention set shop --daily-keep 7 --weekly-keep 4 --monthly-keep 12 --max-age 90d --yes
retention schedule shop --pause
export shop
export latest --format json --table customer --table order --include-sensitive -o out.zip
export shop --format csv
export shop --format sql -o shop.sql
import old.db
import old --db shop --timezone Europe/Berlin --password-file F
convert latest
schedule list
schedule add shop --cron '0 2 * * *'
schedule edit 1 --every 6h
schedule remove 1
schedule preset shop standard
schedule pause 1
schedule resume 1
schedule trigger 1
schedule next
schedule limits
scheduler
scheduler --run-once daily
scheduler --run-once weekly
scheduler --run-once monthly
scheduler --run-once cleanup
scheduler --test
run -- true
run --db shop --recover -- sh -c 'exit 0'
job list
job show j-01jd3k9v0q7x8
job cancel j-01jd3k9v0q7x8
activity
activity list
activity verify
key add
key change
key remove 3f9a01bc
key kit
key list
stats
stats shop
info
doctor
doctor shop
doctor shop.db --recover
catalog rebuild --yes
service print
service install
user add alice
user passwd alice
user list
user setup-link
user setup-link alice
user role alice operator
user disable alice
user enable alice
user reset-factor alice
user remove alice --yes
token create ci --scope read,create --db shop --expires 90d
token list
token revoke ci --yes
apply -f keepstone.toml
completions bash
completions zsh
completions fish
completions elvish
completions powershell
man
--data D --json list
list --data D --json -q -v
";

/// The words of a line, as a shell has them.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (number, part) in line.split('\'').enumerate() {
        if number % 2 == 1 { words.push(part.to_owned()) } else { words.extend(part.split_whitespace().map(str::to_owned)) }
    }
    words
}

#[test]
fn every_verb_and_flag_is_known() {
    let lines = LINES.lines().filter(|line| !line.is_empty());
    let refused: Vec<String> = lines
        .filter_map(|line| {
            let arguments = std::iter::once("keepstone".to_owned()).chain(words(line));
            Cli::try_parse_from(arguments).err().map(|error| format!("{line}\n    {}", error.to_string().lines().next().unwrap()))
        })
        .collect();
    assert!(refused.is_empty(), "{}", refused.join("\n"));
}

#[test]
fn what_contradicts_itself_is_refused() {
    for line in [
        "create shop --encrypt --no-encrypt",
        "create shop --verify --no-verify",
        "create shop --no-compress --level 3",
        "create shop --compress=lzma",
        "create shop --type safety",
        "restore",
        "restore latest --path backup.zip",
        "restore latest --to a.db --replace",
        "verify",
        "verify latest --all",
        "run --db shop",
        "scheduler --run-once hourly",
        "completions tcsh",
        "made-up",
    ] {
        assert!(Cli::try_parse_from(std::iter::once("keepstone".to_owned()).chain(words(line))).is_err(), "{line}");
    }
}

/// Every verb but the helper of the doctor stands above, so that a new one is promised with its first version.
#[test]
fn every_verb_stands_in_the_list() {
    let command = Cli::command();
    let paths = command.get_subcommands().filter(|verb| !verb.is_hide_set()).flat_map(|verb| {
        let below = verb.get_subcommands().map(|below| format!("{} {}", verb.get_name(), below.get_name()));
        below.chain([verb.get_name().to_owned()]).collect::<Vec<_>>()
    });
    let is_there = |path: &String| LINES.lines().any(|line| line == path || line.starts_with(&format!("{path} ")));
    let missing: Vec<String> = paths.filter(|path| !is_there(path)).collect();
    assert!(missing.is_empty(), "not in the list: {}", missing.join(", "));
}

#[test]
fn every_help_shows_examples_that_parse() {
    fn walk(command: &clap::Command, path: &str, broken: &mut Vec<String>) {
        for verb in command.get_subcommands() {
            let path = format!("{path} {}", verb.get_name());
            let help = verb.get_after_help().map(ToString::to_string).unwrap_or_default();
            for line in help.lines().filter_map(|line| line.trim().strip_prefix("keepstone ")) {
                // What is said of it stands two spaces behind; what a shell does with it is none of ours.
                let line = line.split("   ").next().unwrap().split(['|', '>', '&', ';']).next().unwrap();
                let arguments = std::iter::once("keepstone".to_owned()).chain(words(&line.replace('"', "'")));
                if let Err(error) = Cli::try_parse_from(arguments) {
                    broken.push(format!("{path}: {line}\n    {}", error.to_string().lines().next().unwrap()));
                }
            }
            walk(verb, &path, broken);
        }
    }
    let mut broken = Vec::new();
    walk(&Cli::command(), "keepstone", &mut broken);
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}
