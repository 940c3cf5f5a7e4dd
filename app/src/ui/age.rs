//! How old the newest good backup is against what is allowed.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use super::{Ago, Moment};
#[cfg(feature = "ssr")]
use crate::local;
use crate::words::{parts as words, shared};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Age {
    /// When the newest good backup was taken.
    pub newest_good: Option<Moment>,
    /// The largest age allowed, e.g. `26 h`.
    pub objective: String,
    /// The age in percent of the objective, to 100.
    pub percent: u64,
    pub over: bool,
}

/// e.g. `3 h ago`, `max 26 h`, over a bar.
#[component]
pub fn AgeMeter(age: Age) -> impl IntoView {
    let said = match age.newest_good {
        Some(at) => view! { <Ago moment=at/> }.into_any(),
        None => shared::never().into_any(),
    };
    view! {
        <span class="age" class:over=age.over>
            <span class="age-text"><strong>{said}</strong><span class="muted" title=words::age_limit()>{words::age_most(&age.objective)}</span></span>
            <svg class="age-bar" viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">
                <rect class="track" width="100" height="4"></rect>
                <rect class="fill" width=age.percent.to_string() height="4"></rect>
            </svg>
        </span>
    }
}

#[cfg(feature = "ssr")]
impl Age {
    pub fn new(status: &keepstone_engine::databases::DatabaseStatus, now: keepstone_model::Timestamp, zone: &jiff::tz::TimeZone) -> Self {
        let objective_secs = status.objective_secs.max(1);
        let age_secs = status.newest_good_at.map(|at| u64::try_from(now.duration_since(at).as_secs()).unwrap_or(0));
        Self {
            newest_good: status.newest_good_at.map(|at| Moment::new(at, now, zone)),
            objective: local::duration_ms(objective_secs.saturating_mul(1000)),
            percent: age_secs.map_or(100, |age| (age.saturating_mul(100) / objective_secs).min(100)),
            over: age_secs.is_none_or(|age| age > objective_secs),
        }
    }
}
