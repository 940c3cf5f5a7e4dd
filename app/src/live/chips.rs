//! The two chips of the top bar: how the connection is doing, and which jobs run.

use keepstone_model::human;
use leptos::prelude::*;

use super::{Connection, use_live};
use crate::words::live as words;

/// `Live`, `Reconnecting, last update 12 s ago` or `Offline`. Its presence starts the connection, so it stands only where someone is signed
/// in. Without JavaScript nothing is live and the style sheet hides it.
#[component]
pub fn ConnectionChip() -> impl IntoView {
    let live = use_live();
    #[cfg(feature = "hydrate")]
    super::client::run(live);
    let text = move || match live.connection() {
        Connection::Connecting => words::connecting().to_owned(),
        Connection::Live => words::live().to_owned(),
        Connection::Polling => words::polling().to_owned(),
        Connection::Reconnecting(secs) if secs < 3 => words::reconnecting().to_owned(),
        Connection::Reconnecting(secs) if secs < 10 => words::reconnecting_for(&format!("{secs} s")),
        Connection::Reconnecting(secs) => words::reconnecting_for(&human::age_secs(secs.min(u64::from(u32::MAX)).cast_signed())),
        Connection::Offline => words::offline().to_owned(),
        Connection::SignedOut => words::signed_out().to_owned(),
    };
    let class = move || match live.connection() {
        Connection::Connecting => "chip connection is-connecting",
        Connection::Live | Connection::Polling => "chip connection is-live",
        Connection::Reconnecting(_) => "chip connection is-reconnecting",
        Connection::Offline | Connection::SignedOut => "chip connection is-offline",
    };
    // Spoken only when the word changes, never with each second of waiting.
    let spoken = Memo::new(move |_| match live.connection() {
        Connection::Connecting | Connection::Live | Connection::Polling => "",
        Connection::Reconnecting(_) => words::said_reconnecting(),
        Connection::Offline => words::offline(),
        Connection::SignedOut => words::said_signed_out(),
    });
    view! {
        <span class=class>{text}</span>
        <span class="visually-hidden" role="status">{move || spoken.get()}</span>
    }
}

/// How many jobs run, as a link to them; to the job itself if there is only one.
#[component]
pub fn RunningJobsChip() -> impl IntoView {
    let live = use_live();
    let chip = Memo::new(move |_| {
        let state = live.state();
        match (state.running.as_slice(), state.queued) {
            ([], 0) => None,
            ([], queued) => Some(("/jobs".to_owned(), queued.to_string(), words::waiting(), String::new())),
            ([job], queued) => {
                let percent = job.progress.as_ref().and_then(keepstone_model::job::Progress::percent);
                let percent = percent.map_or(String::new(), |percent| format!(" · {percent} %"));
                let waiting = if queued > 0 { words::and_waiting(&queued) } else { String::new() };
                Some((format!("/jobs/{}", job.id), "1".to_owned(), words::one_running(), format!("{percent}{waiting}")))
            }
            (jobs, _) => Some(("/jobs".to_owned(), jobs.len().to_string(), words::several_running(), String::new())),
        }
    });
    move || {
        chip.get().map(|(href, count, words, more)| {
            view! {
                <a class="chip running-jobs" href=href>
                    <span aria-hidden="true">"↻ "</span>
                    {count}
                    // On a phone there is room for the numbers alone.
                    <span class="chip-words">{words}</span>
                    {more}
                </a>
            }
        })
    }
}
