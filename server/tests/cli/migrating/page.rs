//! The tables of `docs/migrating.md` as rows, and what there is to try in each.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The last table, of what Keepstone does not do.
const NOT_HERE: &str = "What is not here";

/// A row: the system, what it had, and what to try of Keepstone.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) line: usize,
    pub(super) system: String,
    pub(super) there: String,
    pub(super) items: Vec<Item>,
    pub(super) codes: Vec<String>,
    pub(super) tests: Vec<String>,
}

/// What stands between back quotes and can be tried, with what has to be printed and the exit code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Item {
    pub(super) what: What,
    pub(super) text: String,
    pub(super) printed: Vec<String>,
    pub(super) exit: i32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    Command,
    Address,
    Python,
    Field,
    Place,
    Function,
}

pub(super) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

pub(super) fn rows() -> Vec<Row> {
    let text = fs::read_to_string(root().join("docs/migrating.md")).unwrap();
    let (mut system, mut rows) = ("", Vec::new());
    for (number, line) in text.lines().enumerate() {
        system = line.strip_prefix("## ").unwrap_or(system);
        let Some(cells) = line.strip_prefix("| ").and_then(|line| line.strip_suffix(" |")) else { continue };
        let (there, here) = cells.split_once(" | ").unwrap_or_else(|| panic!("line {}: one cell", number + 1));
        if there == "There" || there.starts_with("---") || system == NOT_HERE {
            continue;
        }
        let mut row = Row {
            line: number + 1,
            system: system.to_owned(),
            there: there.to_owned(),
            items: Vec::new(),
            codes: Vec::new(),
            tests: Vec::new(),
        };
        row.read(here);
        rows.push(row);
    }
    assert!(rows.len() > 200, "the tables are there: {} rows", rows.len());
    rows
}

impl Row {
    fn read(&mut self, cell: &str) {
        let parts: Vec<&str> = cell.split('`').collect();
        assert!(parts.len() % 2 == 1, "line {}: a back quote is not closed", self.line);
        let (mut printed, mut code) = (false, false);
        for pair in parts.chunks(2) {
            let [prose, quoted] = pair else { break };
            let prose = prose.trim();
            printed = prose.ends_with('→') || (printed && prose == ",");
            code = prose.ends_with("code") || (code && prose == "or");
            if let (Some(exit), Some(last)) = (exit_in(prose), self.items.last_mut()) {
                last.exit = exit;
            }
            let quoted = (*quoted).to_owned();
            if printed {
                self.items.last_mut().unwrap_or_else(|| panic!("line {}: who prints {quoted}?", self.line)).printed.push(quoted);
            } else if code {
                self.codes.push(quoted);
            } else if prose.ends_with("test") {
                self.tests.push(quoted);
            } else if let Some(what) = what_is(&quoted) {
                self.items.push(Item { what, text: quoted, printed: Vec::new(), exit: 0 });
            }
        }
        let end = parts.last().copied().unwrap_or_default().trim();
        if let (Some(exit), Some(last)) = (exit_in(end), self.items.last_mut()) {
            last.exit = exit;
        }
        let served = parts.iter().any(|part| is_running(part));
        assert!(served || !self.items.is_empty() || !self.tests.is_empty(), "line {}: nothing of it can be tried", self.line);
    }
}

/// What does not end by itself: the server that runs beside every trial.
fn is_running(text: &str) -> bool {
    text.starts_with("keepstone ") && (text.ends_with(" serve") || text == "keepstone scheduler")
}

/// `(exit 3)`.
fn exit_in(prose: &str) -> Option<i32> {
    prose.strip_prefix("(exit ")?.split(')').next()?.parse().ok()
}

fn what_is(text: &str) -> Option<What> {
    let names = ["db.", "db_backup.", "api.", "service.", "scheduler.", "backup_manager.", "[backup_manager.", "[service.", "[("];
    if is_running(text) {
        return None;
    }
    let tools = ["keepstone ", "grep ", "ls ", "stat ", "cp ", "unzip ", "python3 ", "pg_dump "];
    let variable = text.split(' ').next().is_some_and(|word| word.contains('=') && !word.starts_with(['-', '(', '[']));
    Some(match text {
        _ if tools.iter().any(|tool| text.starts_with(tool)) || (variable && text.contains(" keepstone ")) => What::Command,
        _ if text.starts_with("GET /") => What::Address,
        _ if names.iter().any(|name| text.starts_with(name)) => What::Python,
        _ if text.starts_with("metadata.") && text != "metadata.json" => What::Field,
        _ if text.starts_with("<data>/") || text.starts_with("<backups>/") => What::Place,
        _ if text.starts_with("keepstone_engine::") => What::Function,
        _ => return None,
    })
}
