//! Until when a backup stays, as far as that can be said today: the schedules are taken to run as they say, and every backup to succeed.

use jiff::{SignedDuration, Timestamp};

use super::{Fate, Keep, RetentionPolicy, Rule, SAFETY_SECS};

/// When the policy will let a backup go. None where no time can be said: it stays for as long as a person or a state wants it, or the schedules
/// make no more of its kind. `ahead` says when the n-th coming backup that a rule counts will be made.
pub fn kept_until(
    fate: Fate,
    created_at: Timestamp,
    policy: &RetentionPolicy,
    ahead: &mut dyn FnMut(Rule, u32) -> Option<Timestamp>,
) -> Option<Timestamp> {
    let Fate::Kept(keep) = fate else { return None };
    let after = |secs: u64| created_at.checked_add(SignedDuration::from_secs(i64::try_from(secs).ok()?)).ok();
    let too_old = policy.max_age_secs.and_then(after);
    match keep {
        // So many newer ones push it out; a greatest age may come first.
        Keep::Count { rule, number, of } => {
            let pushed_out = ahead(rule, of.saturating_sub(number).saturating_add(1));
            pushed_out.into_iter().chain(too_old).min()
        }
        Keep::Younger { .. } | Keep::OldestOfYear { .. } | Keep::Among { .. } => too_old,
        Keep::Safety => after(SAFETY_SECS.unsigned_abs()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Kind;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_count_ends_when_enough_newer_ones_are_made_and_an_age_may_come_first() {
        let daily = |number| Fate::Kept(Keep::Count { rule: Rule::Kind(Kind::Daily), number, of: 7 });
        let made = at("2026-11-20T02:00:00Z");
        // The next daily one comes on the 21st.
        let mut ahead = |rule, nth: u32| {
            assert_eq!(rule, Rule::Kind(Kind::Daily));
            Some(at("2026-11-20T02:00:00Z") + SignedDuration::from_hours(24 * i64::from(nth)))
        };
        let plain = RetentionPolicy::standard();
        assert_eq!(kept_until(daily(7), made, &plain, &mut ahead), Some(at("2026-11-21T02:00:00Z")));
        assert_eq!(kept_until(daily(1), made, &plain, &mut ahead), Some(at("2026-11-27T02:00:00Z")));
        let aged = RetentionPolicy { max_age_secs: Some(3 * 86_400), ..plain.clone() };
        assert_eq!(kept_until(daily(1), made, &aged, &mut ahead), Some(at("2026-11-23T02:00:00Z")));
        let mut never = |_, _| None;
        assert_eq!(kept_until(daily(1), made, &plain, &mut never), None, "no schedule makes any more");
        assert_eq!(kept_until(Fate::Kept(Keep::Safety), made, &plain, &mut never), Some(at("2026-11-27T02:00:00Z")));
        assert_eq!(
            kept_until(Fate::Kept(Keep::Younger { max_age_secs: 3 * 86_400 }), made, &aged, &mut never),
            Some(at("2026-11-23T02:00:00Z"))
        );
        for keep in [Keep::Pinned, Keep::NewestGood, Keep::Manual, Keep::Held, Keep::NoRule(Kind::Daily)] {
            assert_eq!(kept_until(Fate::Kept(keep), made, &aged, &mut never), None, "{keep}");
        }
    }
}
