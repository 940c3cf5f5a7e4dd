//! What each verb prints with `--json`, member by member, as `docs/json.md` promises it to scripts: one file for each in `json/`, with what
//! changes from run to run masked. After a change that is meant: `KEEPSTONE_WRITE_JSON=1 cargo test … --test cli json`, and read the difference.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use serde_json::{Map, Value};

use crate::support::{Host, shop};

/// Compares documents with the files, and says of all of them at the end.
struct Golden {
    host: Host,
    seen: Vec<String>,
    wrong: Vec<String>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/json")
}

impl Golden {
    /// Runs it and compares; gives back the document as it was.
    fn check(&mut self, name: &str, args: &[&str]) -> Value {
        let (_, document) = self.host.json(args);
        self.compare(name, args, document.clone());
        document
    }

    fn compare(&mut self, name: &str, args: &[&str], document: Value) {
        let masked = mask("", document, self.host.dir.path().to_str().unwrap());
        let text = format!("{}\n", serde_json::to_string_pretty(&masked).unwrap());
        let file = folder().join(format!("{name}.json"));
        if env::var_os("KEEPSTONE_WRITE_JSON").is_some() {
            fs::write(&file, &text).unwrap();
        }
        let promised = fs::read_to_string(&file).unwrap_or_default();
        if promised != text {
            self.wrong.push(format!("{} (keepstone {}):\n{}", file.display(), args.join(" "), difference(&promised, &text)));
        }
        self.seen.push(format!("{name}.json"));
    }

    /// The first result's member, as text.
    fn id(document: &Value, member: &str) -> String {
        let found = &document["results"][0][member];
        found.as_str().map_or_else(|| found.to_string(), str::to_owned)
    }
}

/// The lines that are not in the other.
fn difference(promised: &str, found: &str) -> String {
    let only = |of: &str, other: &str, mark: &str| {
        let other: Vec<&str> = other.lines().collect();
        of.lines().filter(|line| !other.contains(line)).map(|line| format!("  {mark} {line}")).collect::<Vec<_>>()
    };
    let told = [only(promised, found, "-"), only(found, promised, "+")].concat().join("\n");
    if told.is_empty() { "  the same lines in another order or number".to_owned() } else { told }
}

/// What is another thing in each run becomes the name of what it is.
fn mask(member: &str, value: Value, dir: &str) -> Value {
    match value {
        Value::Object(members) => {
            Value::Object(members.into_iter().map(|(name, value)| (masked_name(&name), mask(&name, value, dir))).collect::<Map<_, _>>())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(|item| mask(member, item, dir)).collect()),
        Value::Number(_) if is_measured(member) => "<number>".into(),
        Value::String(text) => masked_text(member, &text, dir).into(),
        other => other,
    }
}

/// Maps by backup id.
fn masked_name(name: &str) -> String {
    if is_backup_id(name) { "<backup id>".to_owned() } else { name.to_owned() }
}

fn is_measured(member: &str) -> bool {
    let sizes =
        ["bytes", "database_size", "original_size", "compressed_size", "size", "percent", "pages_written", "page_count", "days_to_full"];
    ["_ms", "_bytes", "_per_day", "_percent", "_ratio", "_at", "_uid"].iter().any(|unit| member.ends_with(unit)) || sizes.contains(&member)
}

fn is_hex(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn is_backup_id(text: &str) -> bool {
    let parts: Vec<&str> = text.split('_').collect();
    parts.len() == 4 && parts[2].len() == 16 && parts[2].ends_with('Z') && parts[3].len() == 4
}

fn is_time(text: &str) -> bool {
    text.len() >= 20 && text.is_char_boundary(10) && text.as_bytes()[4] == b'-' && text.as_bytes()[10] == b'T' && text.ends_with('Z')
}

fn masked_text(member: &str, text: &str, dir: &str) -> String {
    match text {
        _ if is_backup_id(text) => return format!("<{} backup>", text.split('_').nth(1).unwrap()),
        _ if is_time(text) => return "<time>".to_owned(),
        _ if is_hex(text, 64) => return "<sha-256>".to_owned(),
        _ if is_hex(text, 32) => return "<uid>".to_owned(),
        _ if is_hex(text, 8) => return "<key id>".to_owned(),
        _ if text.starts_with("j-") && !text.contains(' ') => return "<job>".to_owned(),
        _ if text.starts_with("kst_") => return "<token>".to_owned(),
        _ => {}
    }
    match member {
        "cron" | "words" | "policy_words" | "reason" | "why_kept" => text.to_owned(),
        "host" | "timestamp" | "target_identity" | "local" | "version" | "sqlite_version" | "salt" | "wrapped_key" | "time_zone"
        | "actor" | "by" | "created_by" | "added_by" => {
            format!("<{member}>")
        }
        "page" | "script" | "unit" | "kit" | "text" => "<text>".to_owned(),
        _ => without_stamps(&masked_sentence(&text.replace(dir, "<folder>"))),
    }
}

/// Times within names, e.g. of a catalog that was kept aside.
fn without_stamps(text: &str) -> String {
    let is_stamp =
        |part: &str| part.len() == 16 && part.as_bytes()[8] == b'T' && part.ends_with('Z') && part[..8].bytes().all(|b| b.is_ascii_digit());
    let stamp = text.split(|c: char| !c.is_ascii_alphanumeric()).find(|part| is_stamp(part));
    stamp.map_or_else(|| text.to_owned(), |stamp| text.replace(stamp, "<time>"))
}

/// Numbers, ids and times within a sentence.
fn masked_sentence(text: &str) -> String {
    if !text.contains(' ') && !text.contains("<folder>") {
        return text.to_owned();
    }
    let word = |word: &str| {
        let core = word.trim_matches(|c: char| matches!(c, ',' | '.' | ':' | ';' | '(' | ')' | '`' | '"'));
        let name = core.rsplit('/').next().unwrap().trim_end_matches(".zip").trim_end_matches(".sqlite");
        let masked = if is_backup_id(name) {
            core.replace(name, "<backup id>")
        } else if core.starts_with("j-") && core.len() > 10 {
            "<job>".to_owned()
        } else if is_hex(core, 64) {
            "<sha-256>".to_owned()
        } else if is_hex(core, 8) {
            "<key id>".to_owned()
        } else if is_time(core) {
            "<time>".to_owned()
        } else if ["B", "kB", "MB", "GB", "TB", "ms", "s", "min", "h", "d"].contains(&core) {
            "<unit>".to_owned()
        } else if core.starts_with(|c: char| c.is_ascii_digit()) {
            "<n>".to_owned()
        } else {
            return word.to_owned();
        };
        word.replacen(core, &masked, 1)
    };
    text.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

#[test]
fn every_document_is_as_promised() {
    let host = Host::new();
    let application = shop(&host.path("shop.db"), 3);
    fs::write(host.path("word.txt"), "correct horse battery staple\n").unwrap();
    fs::write(host.path("other.txt"), "a quite different long phrase\n").unwrap();
    fs::write(host.path("login.txt"), "a long password of alice\n").unwrap();
    fs::write(host.path("wanted.toml"), "[databases.shop]\nlocation = \"shop.db\"\nobjective = \"26h\"\n").unwrap();
    let mut golden = Golden { host, seen: Vec::new(), wrong: Vec::new() };
    let g = &mut golden;

    g.check("error", &["status"]);
    g.check("db-add", &["db", "add", "shop.db", "--no-schedule"]);
    g.check("create", &["create", "shop", "--description", "the first", "--tag", "a", "--app-label", "2.4", "--user", "alice"]);
    let first = g.host.results(&["list"])[0]["id"].as_str().unwrap().to_owned();
    g.check("db-list", &["db", "list"]);
    g.check("db-show", &["db", "show", "shop"]);
    g.check("db-edit", &["db", "edit", "shop", "--objective", "26h"]);
    g.check("list", &["list"]);
    g.check("status", &["status"]);
    g.check("show", &["show", &first]);
    g.check("verify", &["verify", &first]);
    g.check("pin", &["pin", &first]);
    g.check("unpin", &["unpin", &first]);

    application.execute("DELETE FROM orders WHERE id = 3", []).unwrap();
    g.check("restore-plan", &["restore", &first, "--replace", "--dry-run"]);
    let restored = g.check("restore-replace", &["restore", &first, "--replace", "--yes"]);
    g.check("restore", &["restore", &first, "--to", "again.sqlite"]);
    g.check("undo", &["undo", &Golden::id(&restored, "job"), "--yes"]);

    g.host.create(&["shop", "--type", "daily"]);
    g.check("delete", &["delete", &first, "--yes"]);
    g.check("trash-list", &["trash", "list"]);
    g.check("trash-put-back", &["trash", "put-back", &first]);
    g.host.create(&["shop", "--type", "daily"]);
    g.host.create(&["shop", "--type", "daily"]);
    g.host.create(&["shop", "--type", "daily"]);
    g.check("retention-set", &["retention", "set", "shop", "--daily-keep", "3", "--yes"]);
    g.check("retention-show", &["retention", "show", "shop"]);
    g.check("cleanup-plan", &["cleanup", "shop", "--dry-run"]);
    g.check("cleanup", &["cleanup", "shop", "--yes"]);
    g.check("trash-empty", &["trash", "empty", "--yes"]);

    g.check("schedule-add", &["schedule", "add", "shop", "--cron", "0 2 * * *", "--zone", "UTC"]);
    g.check("schedule-list", &["schedule", "list"]);
    g.check("schedule-edit", &["schedule", "edit", "1", "--every", "6h"]);
    g.check("schedule-pause", &["schedule", "pause", "1"]);
    g.check("schedule-resume", &["schedule", "resume", "1"]);
    g.check("schedule-next", &["schedule", "next", "shop"]);
    g.check("schedule-trigger", &["schedule", "trigger", "1"]);
    g.check("schedule-remove", &["schedule", "remove", "1"]);
    g.check("scheduler-run-once", &["scheduler", "--run-once", "daily"]);
    g.check("scheduler-test", &["scheduler", "--test"]);

    g.check("key-add", &["key", "add", "--password-file", "word.txt"]);
    g.check("convert", &["convert", &first, "--encrypt"]);
    let key = g.check("key-list", &["key", "list"]);
    g.check("key-change", &["key", "change", "--password-file", "other.txt"]);
    g.check("key-kit", &["key", "kit"]);
    g.check("key-remove", &["key", "remove", &Golden::id(&key, "id"), "--yes"]);

    g.check("export", &["export", "shop", "--format", "csv", "-o", "shop.zip"]);
    let old = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/predecessors/chame/daily/chame_backup_daily_20250627_020000.db");
    fs::create_dir(g.host.path("old")).unwrap();
    fs::copy(old, g.host.path("old/chame_backup_daily_20250627_020000.db")).unwrap();
    g.check("import", &["import", "old", "--db", "shop", "--timezone", "UTC"]);

    application.execute("DROP TABLE orders", []).unwrap();
    let suspect = g.check("create-suspect", &["create", "shop"]);
    g.check("ack", &["ack", &Golden::id(&suspect, "id")]);

    let jobs = g.check("job-list", &["job", "list", "--limit", "1"]);
    let job = Golden::id(&jobs, "id");
    g.check("job-show", &["job", "show", &job]);
    g.check("job-cancel", &["job", "cancel", &job]);
    g.check("activity-list", &["activity", "list", "--limit", "2"]);
    g.check("activity-verify", &["activity", "verify"]);
    g.check("stats", &["stats", "shop"]);
    g.check("info", &["info"]);
    let (_, mut findings) = g.host.json(&["doctor"]);
    // How full this machine's disk is, is its own matter, and the worst finding may be that.
    findings["results"].as_array_mut().unwrap().retain(|finding| finding["area"] != "space");
    findings["ok"] = "<whether nothing was found>".into();
    findings["error"] = "<the worst finding>".into();
    g.compare("doctor", &["doctor"], findings);
    g.check("doctor-database", &["doctor", "shop"]);
    g.check("apply-plan", &["apply", "-f", "wanted.toml", "--dry-run"]);
    g.check("apply", &["apply", "-f", "wanted.toml"]);

    g.check("user-add", &["user", "add", "alice", "--role", "viewer", "--password-file", "login.txt"]);
    g.check("user-list", &["user", "list"]);
    g.check("user-passwd", &["user", "passwd", "alice", "--password-file", "login.txt"]);
    g.check("user-remove", &["user", "remove", "alice", "--yes"]);
    g.check("token-create", &["token", "create", "ci", "--scope", "read"]);
    g.check("token-list", &["token", "list"]);
    g.check("token-revoke", &["token", "revoke", "ci", "--yes"]);
    g.check("service-print", &["service", "print", "--user", "daemon"]);
    g.check("completions", &["completions", "bash"]);
    g.check("man", &["man"]);
    g.check("db-remove", &["db", "remove", "shop", "--yes"]);
    drop(application);
    g.check("catalog-rebuild", &["catalog", "rebuild", "--yes"]);

    let mut files: Vec<String> = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    files.sort();
    golden.seen.sort();
    assert_eq!(files, golden.seen, "the files and what is compared with them");
    assert!(golden.wrong.is_empty(), "{} documents are others than promised:\n{}", golden.wrong.len(), golden.wrong.join("\n"));
}
