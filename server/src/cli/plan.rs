//! A restore's plan as a person reads it before saying yes.

use jiff::Timestamp;
use keepstone_engine::model::{
    human,
    restore::{RestorePlan, StateBefore, TableImpact, Target},
};

use super::{
    Context,
    table::{Cell, Table, Tone, printable},
    words,
};

pub(crate) fn print(plan: &RestorePlan, live: Option<&str>, cx: &Context) {
    let into = match &plan.target {
        Target::NewFile { path } => format!("into the new file {}", printable(path)),
        Target::NewDatabase { location } => format!("into the new database {}", printable(location)),
        Target::Replace => format!("over the live database {}", printable(live.unwrap_or(plan.database.as_str()))),
        Target::InPlace => {
            format!("into the live database {} itself, in one transaction", printable(live.unwrap_or(plan.database.as_str())))
        }
        Target::PutBack { name } => {
            format!("over the live database {}: put back what the server keeps as {}", printable(live.unwrap_or("")), printable(name))
        }
    };
    cx.out.line(format_args!(
        "Restore {}, taken {} ({}),",
        plan.backup,
        words::time(plan.backup_taken_at),
        words::ago(plan.backup_taken_at)
    ));
    cx.out.line(format_args!("{into}."));
    cx.out.line("");
    if matches!(plan.target, Target::Replace | Target::InPlace) {
        let age = human::duration_ms(u64::try_from(Timestamp::now().duration_since(plan.backup_taken_at).as_millis()).unwrap_or(0));
        if matches!(plan.before, StateBefore::KeptAside | StateBefore::Absent) {
            cx.out.line(format_args!("It will be as it was then; what changed since ({age}) is not in the backup:"));
        } else {
            cx.out.line(format_args!("You will lose what changed since then ({age}):"));
        }
        impact(&plan.tables, cx);
        cx.out.line("");
        cx.out.line(match plan.before {
            StateBefore::Untouched => "The live database stays as it is.",
            StateBefore::SafetyBackup => "Safety backup: yes, of the moment before; an undo brings that back.",
            StateBefore::KeptOnServer => "The database that makes way is kept on the server; an undo puts it back.",
            StateBefore::KeptAside => {
                "Safety backup: none can be made of what cannot be opened. Its files are kept whole, in the corrupted folder of its backups; \
                 no undo brings them back."
            }
            StateBefore::Absent => "Safety backup: none, as nothing is there.",
            StateBefore::Lost => "Safety backup: NO. What is there now cannot be brought back.",
        });
        if let Some(wait) = plan.writers_wait_ms {
            cx.out.line(format_args!("Writers will wait about {}; applications stay connected.", human::duration_ms(wait)));
        }
    }
    if let Some(sessions) = plan.sessions {
        let sessions = if sessions == 1 { "1 session is".to_owned() } else { format!("{} sessions are", human::count(sessions)) };
        cx.out.line(format_args!("{sessions} ended when the names change; applications connect again to the restored database."));
    }
    // Of a server's disk nothing is known here.
    let known = plan.space_free_bytes > 0 || plan.space_needed_bytes > 0;
    if known {
        cx.out.line(format_args!(
            "Space: {} for a database of {}, {} free.",
            human::bytes(plan.space_needed_bytes),
            human::bytes(plan.size_bytes),
            human::bytes(plan.space_free_bytes)
        ));
    } else if plan.size_bytes > 0 {
        cx.out.line(format_args!(
            "It takes about {} on the server; how much room there is, is not known here.",
            human::bytes(plan.size_bytes)
        ));
    }
    for warning in &plan.warnings {
        cx.out.line(format_args!("{} {}", Tone::Warn.paint(cx.out.colour, "▲"), printable(warning)));
    }
}

fn impact(tables: &[TableImpact], cx: &Context) {
    let mut table = Table::new(&["TABLE", ">NOW", ">AFTER", "WHAT CHANGES"]);
    let rows = |count: Option<u64>| count.map_or_else(|| "–".to_owned(), human::count);
    let (alike, differing): (Vec<_>, Vec<_>) = tables.iter().partition(|one| is_alike(one));
    for one in &differing {
        table.row([one.table.as_str().into(), rows(one.live_rows).into(), rows(one.backup_rows).into(), change(one)]);
    }
    if !differing.is_empty() {
        table.print(&cx.out);
    }
    // As many rows are not the same rows.
    match (alike.len(), differing.is_empty()) {
        (0, _) => {}
        (1, _) => {
            cx.out.line(format_args!("Table {} has as many rows now as then; what they hold may differ.", printable(&alike[0].table)));
        }
        (count, true) => cx.out.line(format_args!("All {count} tables have as many rows now as then; what they hold may differ.")),
        (count, false) => cx.out.line(format_args!("{count} other tables have as many rows now as then; what they hold may differ.")),
    }
}

/// Nothing to be seen from outside: as many rows, and the same columns.
fn is_alike(one: &TableImpact) -> bool {
    one.live_rows.is_some() && one.live_rows == one.backup_rows && one.schema_changes.is_empty()
}

fn change(one: &TableImpact) -> Cell {
    let mut words: Vec<String> = Vec::new();
    let mut tone = Tone::Plain;
    match (one.live_rows, one.backup_rows) {
        // That it comes back or will be gone is one of the changes below.
        (Some(_), None) => tone = Tone::Bad,
        (None, _) => {}
        (Some(now), Some(then)) if now > then => {
            words.push(format!("{} fewer", human::counted(now - then, "row")));
            tone = Tone::Warn;
        }
        (Some(now), Some(then)) if then > now => words.push(format!("{} more", human::counted(then - now, "row"))),
        _ => words.push("as many rows".to_owned()),
    }
    if !one.schema_changes.is_empty() {
        tone = if tone == Tone::Bad { tone } else { Tone::Warn };
        words.extend(one.schema_changes.iter().cloned());
    }
    Cell::toned(words.join("; "), tone)
}
