//! What the page knows of the running server: the newest [`LiveState`], and how the connection to it is doing.
//!
//! Pages make their resource depend on [`Live::revision`] and so reload what they show when anything changed; a job's page follows
//! [`Live::job`]. How the messages come stands in `client`, the two chips of the top bar in `chips`. Nothing here looks at a clock while
//! rendering: server and browser begin with the same state.

pub mod api;
pub mod chips;
#[cfg(feature = "hydrate")]
mod client;

use keepstone_model::id::JobId;
use leptos::prelude::*;

pub use chips::{ConnectionChip, RunningJobsChip};

use crate::live_types::{LiveJob, LiveState};

/// How the connection to the server is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Connection {
    /// No message yet; also all that is ever said without JavaScript.
    Connecting,
    Live,
    /// The stream fails again and again, but asking works.
    Polling,
    /// Seconds since the last message.
    Reconnecting(u64),
    Offline,
    /// The session has ended.
    SignedOut,
}

/// The feed, for every component of a page.
#[derive(Debug, Clone, Copy)]
pub struct Live {
    state: RwSignal<LiveState>,
    connection: RwSignal<Connection>,
    revision: Memo<u64>,
}

impl Live {
    fn new(state: LiveState) -> Self {
        let state = RwSignal::new(state);
        let revision = Memo::new(move |_| state.with(|state| state.epoch.wrapping_add(state.revision)));
        Self { state, connection: RwSignal::new(Connection::Connecting), revision }
    }

    /// Changes with everything that a page could show. Read it in the source of the page's resource.
    pub fn revision(self) -> u64 {
        self.revision.get()
    }

    pub fn connection(self) -> Connection {
        self.connection.get()
    }

    /// The running job of this id; none while it waits and once it is over.
    pub fn job(self, id: JobId) -> Memo<Option<LiveJob>> {
        Memo::new(move |_| self.state.with(|state| state.job(&id).cloned()))
    }

    pub fn state(self) -> LiveState {
        self.state.get()
    }

    /// Takes the newest state.
    #[cfg(feature = "hydrate")]
    fn accept(self, new: LiveState) {
        if self.state.with_untracked(|old| *old != new) {
            self.state.set(new);
        }
    }

    #[cfg(feature = "hydrate")]
    fn set_connection(self, connection: Connection) {
        if self.connection.get_untracked() != connection {
            self.connection.set(connection);
        }
    }
}

/// Makes the feed known to everything below. Called once, in the frame of the application, before the first page renders.
pub fn provide_live() {
    provide_context(Live::new(SharedValue::new(initial).into_inner()));
}

/// The feed of this page.
///
/// # Panics
/// Outside the application's frame: a mistake in the program.
pub fn use_live() -> Live {
    expect_context()
}

/// Changes whenever something in the catalog did: the source of a page's resource, which so loads again.
pub fn use_changes() -> Signal<u64> {
    use_live().revision.into()
}

/// The state as it is when the server renders the page: before the page's facts are read, so that a change in between is seen as one.
/// Nothing for those who are not signed in.
#[cfg(feature = "ssr")]
fn initial() -> LiveState {
    let parts = use_context::<axum::http::request::Parts>();
    let signed_in = parts.is_some_and(|parts| parts.extensions.get::<crate::server::Person>().is_some());
    if signed_in { crate::server::live() } else { LiveState::default() }
}

#[cfg(not(feature = "ssr"))]
fn initial() -> LiveState {
    LiveState::default()
}
