//! `keepstone doctor` without a database: everything around the databases, with how to mend each finding.

use std::os::unix::fs::PermissionsExt;

use jiff::Timestamp;
use keepstone_engine::{
    installation::{Finding, Severity, examine},
    model::human,
};
use serde_json::json;

use super::{
    Context, Fault, environment,
    serve::tls_files,
    table::{Cell, Table, Tone},
};
use crate::tls::{self, Doubt};

/// Prints every finding. The exit code is that of the worst.
pub(crate) fn run(cx: &Context) -> Result<(), Fault> {
    let vault = cx.vault()?;
    let mut findings = examine(&vault, Timestamp::now())?;
    findings.extend(certificate(cx)?);
    findings.extend(password_file());
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
        message: format!("{}; the worst: {}", human::counted(count, "finding"), worst.message),
        hint: worst.remedy.clone(),
        exit: worst.exit,
    })
}

/// The file that the environment takes the password from: whoever writes it decides who can open the archives.
fn password_file() -> Option<Finding> {
    let path = environment::password_file()?;
    let mode = std::fs::metadata(&path).ok()?.permissions().mode();
    let place = path.display();
    (mode & 0o022 != 0).then(|| Finding {
        area: "permissions",
        severity: Severity::Warning,
        message: format!("{place}, the password of new archives, may be written by others (mode {:o})", mode & 0o7777),
        remedy: Some(format!("chmod go-w {place}")),
        exit: 1,
    })
}

/// The certificate of `serve`, where the environment or the file names one; a flag of `serve` is not known here.
fn certificate(cx: &Context) -> Result<Vec<Finding>, Fault> {
    let Some(files) = tls_files(None, None, &cx.settings.file)? else { return Ok(Vec::new()) };
    let finding = |severity, message, remedy, exit| Finding { area: "certificate", severity, message, remedy, exit };
    let loaded = match tls::load(&files) {
        Ok(loaded) => loaded,
        Err(fault) => return Ok(vec![finding(Severity::Failed, fault.to_string(), Some(fault.hint()), fault.exit())]),
    };
    let doubts = loaded.doubts(&files, Timestamp::now());
    if doubts.is_empty() {
        let until = loaded.not_after.strftime("%Y-%m-%d");
        let message = format!("{} is for {} until {until}", files.certificate.display(), loaded.names.join(", "));
        return Ok(vec![finding(Severity::Ok, message, None, 0)]);
    }
    let told = |doubt: Doubt| {
        let severity = if doubt.shuts_out { Severity::Failed } else { Severity::Warning };
        finding(severity, doubt.message, Some(doubt.remedy), 1)
    };
    Ok(doubts.into_iter().map(told).collect())
}
