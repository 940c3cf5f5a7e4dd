//! What the chips of the top bar say.

use super::Shown;

words! {
    // The connection.
    connecting { en: "Connecting" }
    live { en: "Live" }
    polling { en: "Live, every few seconds" }
    reconnecting { en: "Reconnecting" }
    reconnecting_for(time: Shown) { en: "Reconnecting, last update {time} ago" }
    offline { en: "Offline" }
    signed_out { en: "Signed out: reload to sign in" }
    said_reconnecting { en: "Connection lost, reconnecting" }
    said_signed_out { en: "Signed out" }

    // The running jobs: after their number, where there is room for words.
    waiting { en: " waiting" }
    one_running { en: " job running" }
    several_running { en: " jobs running" }
    and_waiting(jobs: Shown) { en: " · {jobs} waiting" }
}
