//! `keepstone doctor` without a database: everything around the databases, with how to mend each finding.

use jiff::Timestamp;
use keepstone_engine::installation::{Severity, examine};
use serde_json::json;

use super::{
    Context, Fault,
    table::{Cell, Table, Tone},
};

/// Prints every finding. The exit code is that of the worst.
pub(crate) fn run(cx: &Context) -> Result<(), Fault> {
    let vault = cx.vault()?;
    let findings = examine(&vault, Timestamp::now())?;
    let mut table = Table::new(&["", "AREA", "FOUND"]);
    for finding in &findings {
        cx.out.result(json!(finding));
        let (mark, tone) = match finding.severity {
            Severity::Ok => ("✔", Tone::Good),
            Severity::Warning => ("▲", Tone::Warn),
            Severity::Failed => ("✖", Tone::Bad),
        };
        if cx.out.quiet && finding.severity == Severity::Ok {
            continue;
        }
        table.row([Cell::toned(mark, tone), finding.area.into(), finding.message.as_str().into()]);
        if let Some(remedy) = &finding.remedy {
            table.row([Cell::toned(String::new(), tone), "".into(), format!("→ {remedy}").into()]);
        }
    }
    table.print(&cx.out);
    let worst =
        findings.iter().filter(|finding| finding.exit > 0).max_by_key(|finding| (finding.severity, std::cmp::Reverse(finding.exit)));
    let Some(worst) = worst else { return Ok(()) };
    let count = findings.iter().filter(|finding| finding.severity != Severity::Ok).count();
    Err(Fault::Here {
        code: "findings",
        message: format!("{count} {}; the worst: {}", if count == 1 { "finding" } else { "findings" }, worst.message),
        hint: worst.remedy.clone(),
        exit: worst.exit,
    })
}
