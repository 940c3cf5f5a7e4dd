//! How far a backup was proven, shown for what it is.

use crate::words::parts as words;
use keepstone_model::backup::{CheckName, CheckResult, Level, Proof};
use leptos::prelude::*;

/// The results of a proof as they cross the wire in a list.
pub fn results_of(proof: Option<&Proof>) -> Vec<(CheckName, CheckResult)> {
    proof.map(|proof| proof.checks.iter().map(|check| (check.name, check.result)).collect()).unwrap_or_default()
}

/// e.g. `✔ stored ✔ opened ○ not test-restored`; a check that failed or could not run is named instead.
#[component]
pub fn ProofMarks(level: Level, #[prop(optional)] checks: Vec<(CheckName, CheckResult)>) -> impl IntoView {
    let of = |wanted: CheckResult| checks.iter().filter(move |(_, result)| *result == wanted).map(|(name, _)| *name);
    let failed: Vec<_> = of(CheckResult::Failed).map(|name| proof_mark("bad", "✖", words::check_failed(&name), name.meaning())).collect();
    let held_up: Vec<_> =
        of(CheckResult::CouldNotRun).map(|name| proof_mark("warn", "▲", words::check_not_run(&name), name.meaning())).collect();
    let reached = |least: Level, word: &str, not: &str, meaning| match (level >= least, failed.is_empty()) {
        (true, _) => Some(proof_mark("good", "✔", word.to_owned(), meaning)),
        (false, true) => Some(proof_mark("quiet", "○", not.to_owned(), meaning)),
        (false, false) => None,
    };
    let levels = [
        reached(Level::Stored, words::stored(), words::stored_not(), words::stored_means()),
        reached(Level::Opened, words::opened(), words::opened_not(), words::opened_means()),
        reached(Level::Restored, words::restored(), words::restored_not(), words::restored_means()),
    ];
    view! { <ul class="proof">{failed}{held_up}{levels.into_iter().flatten().collect::<Vec<_>>()}</ul> }
}

fn proof_mark(tone: &'static str, mark: &'static str, word: String, meaning: &'static str) -> impl IntoView + use<> {
    view! {
        <li class=tone title=meaning>
            <span class="mark" aria-hidden="true">{mark}</span>
            {word}
        </li>
    }
}
