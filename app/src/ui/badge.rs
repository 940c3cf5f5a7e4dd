//! A state as shape, word and colour; never by colour alone. The marks are those of the command line.

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
        (BackupState::Running, _) => badge("busy", "↻", "Running"),
        (BackupState::Failed, _) => badge("bad", "✖", "Failed"),
        (BackupState::Interrupted, _) => badge("bad", "✖", "Interrupted"),
        (BackupState::Missing, _) => badge("bad", "✖", "Missing"),
        (BackupState::Trashed, _) => badge("quiet", "–", "In the trash"),
        (BackupState::Complete, Verdict::Good) => badge("good", "✔", "Good"),
        (BackupState::Complete, Verdict::Bad) => badge("bad", "✖", "Bad"),
        (BackupState::Complete, Verdict::Suspect) => badge("warn", "▲", "Suspect"),
        (BackupState::Complete, Verdict::Partial) => badge("quiet", "◐", "Partial"),
        (BackupState::Complete, Verdict::Unproven) => badge("quiet", "○", "Unproven"),
    }
}

#[component]
pub fn JobBadge(state: JobState) -> impl IntoView {
    match state {
        JobState::Queued => badge("quiet", "○", "Queued"),
        JobState::Running => badge("busy", "↻", "Running"),
        JobState::Done => badge("good", "✔", "Done"),
        JobState::Failed => badge("bad", "✖", "Failed"),
        JobState::Cancelled => badge("quiet", "–", "Cancelled"),
        JobState::Abandoned => badge("bad", "✖", "Abandoned"),
    }
}

/// How an act of the activity log ended.
#[component]
pub fn ResultBadge(result: EventResult) -> impl IntoView {
    match result {
        EventResult::Ok => badge("good plain", "✔", "OK"),
        EventResult::Warning => badge("warn", "▲", "Warning"),
        EventResult::Failed => badge("bad", "✖", "Failed"),
    }
}

/// Whether the activity log's chain of hashes fits from its first event on.
#[component]
pub fn ChainBadge(intact: bool) -> impl IntoView {
    if intact { badge("good", "✔", "Chain intact") } else { badge("bad", "✖", "Chain broken") }
}

/// Whether someone can sign in.
#[component]
pub fn StandingBadge(disabled: bool, has_password: bool) -> impl IntoView {
    let (tone, mark, word) = match (disabled, has_password) {
        (true, _) => ("quiet", "‖", "disabled"),
        (false, false) => ("quiet", "○", "no password yet"),
        (false, true) => ("good", "✔", "active"),
    };
    view! { <span class=format!("badge {tone}")><span class="mark" aria-hidden="true">{mark}</span>{word}</span> }
}
