//! A state as shape, word and colour; never by colour alone. The marks are those of the command line.

use crate::words::parts as words;
use keepstone_model::{
    backup::{BackupState, Verdict},
    database::DatabaseState,
    event::EventResult,
    job::JobState,
};
use leptos::prelude::*;

/// `tone` is one of good, warn, bad, busy, quiet: the colours of `style/badge.css`.
fn badge(tone: &'static str, mark: &'static str, word: &'static str) -> impl IntoView {
    view! {
        <span class=format!("badge {tone}")>
            <span class="mark" aria-hidden="true">{mark}</span>
            {word}
        </span>
    }
}

/// The colour of a database's state.
pub(crate) fn tone_of(state: DatabaseState) -> &'static str {
    match state {
        DatabaseState::Failed => "bad",
        DatabaseState::AtRisk => "warn",
        DatabaseState::Unproven | DatabaseState::Paused => "quiet",
        DatabaseState::Running => "busy",
        DatabaseState::Protected => "good",
    }
}

/// e.g. `✔ Protected`.
#[component]
pub fn StateBadge(state: DatabaseState) -> impl IntoView {
    let (mark, word) = state.mark_and_word();
    badge(tone_of(state), mark, word)
}

/// How far a backup has come and, once it is complete, whether it may be relied on.
#[component]
pub fn BackupBadge(state: BackupState, verdict: Verdict) -> impl IntoView {
    match (state, verdict) {
        (BackupState::Running, _) => badge("busy", "↻", words::state_running()),
        (BackupState::Failed, _) => badge("bad", "✖", words::state_failed()),
        (BackupState::Interrupted, _) => badge("bad", "✖", words::state_interrupted()),
        (BackupState::Missing, _) => badge("bad", "✖", words::state_missing()),
        (BackupState::Trashed, _) => badge("quiet", "–", words::state_in_trash()),
        (BackupState::Complete, Verdict::Good) => badge("good", "✔", words::verdict_good()),
        (BackupState::Complete, Verdict::Bad) => badge("bad", "✖", words::verdict_bad()),
        (BackupState::Complete, Verdict::Suspect) => badge("warn", "▲", words::verdict_suspect()),
        (BackupState::Complete, Verdict::Partial) => badge("quiet", "◐", words::verdict_partial()),
        (BackupState::Complete, Verdict::Unproven) => badge("quiet", "○", words::verdict_unproven()),
    }
}

/// `unsound`: a restore that is done, and left a damaged database.
#[component]
pub fn JobBadge(state: JobState, unsound: bool) -> impl IntoView {
    match state {
        JobState::Done if unsound => badge("bad", "✖", words::job_unsound()),
        JobState::Queued => badge("quiet", "○", words::job_queued()),
        JobState::Running => badge("busy", "↻", words::state_running()),
        JobState::Done => badge("good", "✔", words::job_done()),
        JobState::Failed => badge("bad", "✖", words::state_failed()),
        JobState::Cancelled => badge("quiet", "–", words::job_cancelled()),
        JobState::Abandoned => badge("bad", "✖", words::job_abandoned()),
    }
}

/// What an act of the activity log came to, in a word.
pub fn result_word(result: EventResult) -> &'static str {
    match result {
        EventResult::Ok => words::result_ok(),
        EventResult::Warning => words::result_warning(),
        EventResult::Failed => words::state_failed(),
    }
}

/// How an act of the activity log ended.
#[component]
pub fn ResultBadge(result: EventResult) -> impl IntoView {
    let (tone, mark) = match result {
        EventResult::Ok => ("good plain", "✔"),
        EventResult::Warning => ("warn", "▲"),
        EventResult::Failed => ("bad", "✖"),
    };
    badge(tone, mark, result_word(result))
}

/// Whether the activity log's chain of hashes fits from its first event on.
#[component]
pub fn ChainBadge(intact: bool) -> impl IntoView {
    if intact { badge("good", "✔", words::chain_intact()) } else { badge("bad", "✖", words::chain_broken()) }
}

/// Whether someone can sign in.
#[component]
pub fn StandingBadge(disabled: bool, has_password: bool) -> impl IntoView {
    let (tone, mark, word) = match (disabled, has_password) {
        (true, _) => ("quiet", "‖", words::person_disabled()),
        (false, false) => ("quiet", "○", words::person_without_password()),
        (false, true) => ("good", "✔", words::person_active()),
    };
    view! { <span class=format!("badge {tone}")><span class="mark" aria-hidden="true">{mark}</span>{word}</span> }
}
