//! Whether the clock may be believed when it says that what is in the trash has had its time. A clock that jumps ahead takes everything in the vault with it (runs that were
//! missed, their backups, their events), so nothing of that vouches for it: after a jump as much time has to pass in truth as a deleted backup may be put back.

use std::fs;

use jiff::{SignedDuration, Timestamp};
use keepstone_model::event::EventResult;
use serde::{Deserialize, Serialize};

use super::{TRASH_LIFETIME_SECS, trash};
use crate::{
    Result, Vault,
    activity::{self, NewEvent},
};

/// A clock that is further than this from where it was last seen, and from the time that has passed since in truth, has jumped, or the machine was off for so long:
/// those wait for another day. Well below the time that a deleted backup may be put back: a jump takes no more than so much of it away.
const JUMP: SignedDuration = SignedDuration::from_hours(18);
/// How often it is written down that the clock was seen.
const WRITE_EVERY: SignedDuration = SignedDuration::from_hours(1);

/// The time that has passed in truth, as the kernel counts it since its start; nobody sets that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Uptime {
    boot: String,
    secs: u64,
}

impl Uptime {
    /// None where the system does not say; then only a person empties the trash after a jump.
    fn now() -> Option<Self> {
        let read = |path: &str| fs::read_to_string(path).ok();
        let boot = read("/proc/sys/kernel/random/boot_id")?.trim().to_owned();
        let secs = read("/proc/uptime")?.split('.').next()?.parse().ok()?;
        Some(Self { boot, secs })
    }

    /// How long it was at least since an earlier look.
    fn since(&self, earlier: &Self) -> u64 {
        if self.boot == earlier.boot { self.secs.saturating_sub(earlier.secs) } else { self.secs }
    }
}

/// The last look.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Seen {
    at: Timestamp,
    uptime: Option<Uptime>,
    /// How many seconds have passed in truth since the clock was found odd; none: it is believed.
    waited_secs: Option<u64>,
}

/// `known`: what the clock said when anything was last known of it.
fn look(seen: Option<&Seen>, known: Option<Timestamp>, now: Timestamp, uptime: Option<Uptime>) -> Seen {
    let passed_secs = seen.and_then(|seen| Some(uptime.as_ref()?.since(seen.uptime.as_ref()?))).unwrap_or(0);
    // Who looks once a week finds the clock a week on: the time that passed in truth is no jump.
    let passed = SignedDuration::from_secs(passed_secs.cast_signed());
    let jumped = known.is_none_or(|known| now.duration_since(known) - passed > JUMP);
    let waited_secs = match seen.and_then(|seen| seen.waited_secs) {
        _ if jumped => Some(0),
        Some(waited) => Some(waited + passed_secs).filter(|waited| waited.cast_signed() < TRASH_LIFETIME_SECS),
        None => None,
    };
    Seen { at: now, uptime, waited_secs }
}

/// Looks at the clock and writes down what was odd about it.
pub(super) fn is_believed(vault: &Vault, now: Timestamp) -> Result<bool> {
    let seen = vault.catalog().trash_clock()?.and_then(|json| serde_json::from_str::<Seen>(&json).ok());
    // Before the first look there is what was deleted.
    let known = match &seen {
        Some(seen) => Some(seen.at),
        None => trash(vault)?.iter().filter_map(|backup| backup.trashed_at).min().or(Some(now)),
    };
    let found = look(seen.as_ref(), known, now, Uptime::now());
    let waited = seen.as_ref().and_then(|seen| seen.waited_secs);
    let is_new = found.waited_secs == Some(0) && waited != Some(0);
    let unwritten = |seen: &Seen| seen.at > now || now.duration_since(seen.at) >= WRITE_EVERY;
    if is_new || waited.is_some() != found.waited_secs.is_some() || seen.as_ref().is_none_or(unwritten) {
        let json = serde_json::to_string(&found).expect("our own types have string keys and serialise");
        vault.catalog().set_trash_clock(&json)?;
    }
    if is_new {
        let message = format!(
            "the clock moved on to {now:.0} while nobody looked, or was set: nothing goes from the trash by itself before {} hours have passed in truth",
            TRASH_LIFETIME_SECS / 3600
        );
        tracing::warn!("{message}");
        let event = NewEvent {
            actor: "schedule",
            action: "trash.clock",
            result: EventResult::Warning,
            database: None,
            backup: None,
            job: None,
            message,
        };
        activity::record(vault, &event)?;
    }
    Ok(found.waited_secs.is_none())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may stop at once")]
mod tests {
    use super::*;
    use crate::testing::at;

    fn up(boot: &str, hours: u64) -> Uptime {
        Uptime { boot: boot.to_owned(), secs: hours * 3600 }
    }

    #[test]
    fn after_a_jump_a_day_has_to_pass_in_truth() {
        let start = at("2026-11-20T03:00:00Z");
        let hours = |n: i64| start + SignedDuration::from_hours(n);
        let next = |seen: &Seen, now, uptime| look(Some(seen), Some(seen.at), now, uptime);
        let first = look(None, Some(start), hours(1), Some(up("a", 5)));
        assert_eq!(first.waited_secs, None);
        assert_eq!(next(&first, hours(40), Some(up("a", 44))).waited_secs, None, "it was away for a day and a half");
        assert_eq!(next(&first, hours(24 * 7), Some(up("a", 5 + 24 * 7))).waited_secs, None, "who looks once a week");
        // A month ahead, with everything that was missed; and a day later by that clock, which is no day in truth.
        let jumped = next(&first, hours(24 * 30), Some(up("a", 5)));
        assert_eq!(jumped.waited_secs, Some(0));
        let later = next(&jumped, hours(24 * 30 + 17), Some(up("a", 6)));
        assert_eq!(later.waited_secs, Some(3600));
        // As much as a deleted backup may be put back is a jump, too.
        assert_eq!(next(&first, hours(1 + 24), Some(up("a", 5))).waited_secs, Some(0));
        // The machine is started anew: it was down for nobody knows how long, and up for two hours.
        let started = next(&later, hours(24 * 31 + 2), Some(up("b", 2)));
        assert_eq!(started.waited_secs, Some(3 * 3600));
        assert_eq!(next(&started, hours(24 * 31 + 22), Some(up("b", 22))).waited_secs, Some(23 * 3600));
        assert_eq!(next(&started, hours(24 * 31 + 23), Some(up("b", 23))).waited_secs, None);
        assert_eq!(next(&started, hours(24 * 60), Some(up("b", 23))).waited_secs, Some(0), "another jump");
        assert_eq!(next(&started, hours(24 * 31 + 12), None).waited_secs, Some(3 * 3600), "where nobody says how long it was, it waits");
    }

    #[test]
    fn this_system_says_how_long_it_has_been_up() {
        assert!(Uptime::now().unwrap().secs > 0);
    }
}
