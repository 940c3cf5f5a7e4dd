//! The last 30 days of a database's backups, one mark for each day: links with text, so that nothing is told by colour or hovering alone.

use crate::words::parts as words;
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

/// What a day's backups came to. The best of the day counts: a failed run that was made up for is no failed day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum DayMark {
    #[serde(rename = "-")]
    Nothing,
    #[serde(rename = "f")]
    Failed,
    #[serde(rename = "u")]
    Unproven,
    #[serde(rename = "g")]
    Good,
}

impl DayMark {
    fn shape(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Nothing => ("nothing", "", words::day_nothing()),
            Self::Failed => ("bad", "✖", words::day_failed()),
            Self::Unproven => ("quiet", "○", words::day_unproven()),
            Self::Good => ("good", "✔", words::day_good()),
        }
    }
}

/// The days that strips are of, oldest first: the date for an address (`2026-11-20`) and for people (`Fri 20 Nov`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Days(pub Vec<(String, String)>);

/// A strip for one database; a day leads to its backups.
#[component]
pub fn Strip(database: String, days: Days, marks: Vec<DayMark>) -> impl IntoView {
    let label = summary(&database, &marks);
    let cells: Vec<_> = days
        .0
        .into_iter()
        .zip(marks)
        .map(|((date, text), mark)| {
            let (tone, shape, word) = mark.shape();
            let said = format!("{text}: {word}");
            let title = said.clone();
            match mark {
                DayMark::Nothing => {
                    view! { <li><span class="day nothing" title=title><span class="visually-hidden">{said}</span></span></li> }.into_any()
                }
                _ => view! {
                    <li>
                        <a class=format!("day {tone}") href=format!("/backups?db={database}&from={date}&to={date}") title=title>
                            <span aria-hidden="true">{shape}</span>
                            <span class="visually-hidden">{said}</span>
                        </a>
                    </li>
                }
                .into_any(),
            }
        })
        .collect();
    view! { <ol class="strip" aria-label=label>{cells}</ol> }
}

fn summary(database: &str, marks: &[DayMark]) -> String {
    let count = |wanted| marks.iter().filter(|mark| **mark == wanted).count();
    let [good, unproven, failed, nothing] =
        [DayMark::Good, DayMark::Unproven, DayMark::Failed, DayMark::Nothing].map(|mark| count(mark) as u64);
    words::strip(&database, good, unproven, failed, nothing)
}

#[cfg(feature = "ssr")]
mod on_the_server {
    use jiff::{Timestamp, ToSpan, civil::Date, tz::TimeZone};
    use keepstone_model::backup::{BackupState, Outcome, Verdict};

    use super::{DayMark, Days};
    use crate::local;

    const DAYS: i32 = 30;

    impl Days {
        /// The last 30 days in this zone, today last.
        pub fn until(now: Timestamp, zone: &TimeZone) -> Self {
            let dates = dates(now, zone);
            Self(
                dates.map(|date| (date.to_string(), format!("{} {}", date.strftime("%a"), date.strftime(local::format().day())))).collect(),
            )
        }

        /// When the first of them begins.
        pub fn begin(now: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
            dates(now, zone).next()?.to_zoned(zone.clone()).ok().map(|start| start.timestamp())
        }
    }

    fn dates(now: Timestamp, zone: &TimeZone) -> impl Iterator<Item = Date> + use<> {
        let today = now.to_zoned(zone.clone()).date();
        (0..DAYS).rev().filter_map(move |back| today.checked_sub(back.days()).ok())
    }

    /// What each of the last 30 days came to, by the local dates on which these backups were begun.
    pub fn marks<'a>(backups: impl IntoIterator<Item = &'a Outcome>, now: Timestamp, zone: &TimeZone) -> Vec<DayMark> {
        let dates: Vec<Date> = dates(now, zone).collect();
        let mut marks = vec![DayMark::Nothing; dates.len()];
        for backup in backups {
            let date = backup.created_at.to_zoned(zone.clone()).date();
            if let (Some(day), Some(mark)) = (dates.iter().position(|d| *d == date), mark(backup)) {
                marks[day] = marks[day].max(mark);
            }
        }
        marks
    }

    fn mark(backup: &Outcome) -> Option<DayMark> {
        match (backup.state, backup.verdict) {
            // What is not of the whole database says nothing of the day, nor does its failure.
            (_, Verdict::Partial) | (BackupState::Running | BackupState::Trashed, _) => None,
            (BackupState::Complete, Verdict::Good) => Some(DayMark::Good),
            (BackupState::Complete, Verdict::Unproven) => Some(DayMark::Unproven),
            _ => Some(DayMark::Failed),
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        fn backup(at: &str, state: BackupState) -> Outcome {
            Outcome {
                database: "shop".parse().unwrap(),
                created_at: at.parse().unwrap(),
                state,
                verdict: Verdict::Unproven,
                archive_size_bytes: 0,
            }
        }

        #[test]
        fn the_best_of_a_local_day_counts() {
            let zone = TimeZone::get("Europe/Berlin").unwrap();
            let now: Timestamp = "2026-11-20T11:30:00Z".parse().unwrap();
            let backups = [
                backup("2026-11-19T23:30:00Z", BackupState::Failed), // 20 Nov there
                backup("2026-11-19T10:00:00Z", BackupState::Failed),
                backup("2026-11-19T11:00:00Z", BackupState::Complete), // unproven, and better than failed
                backup("2026-11-18T10:00:00Z", BackupState::Trashed),
                backup("2026-09-01T10:00:00Z", BackupState::Failed), // too old
            ];
            let marks = marks(&backups, now, &zone);
            assert_eq!(marks.len(), Days::until(now, &zone).0.len());
            assert_eq!(marks[27..], [DayMark::Nothing, DayMark::Unproven, DayMark::Failed]);
            assert!(marks[..27].iter().all(|mark| *mark == DayMark::Nothing));
            assert_eq!(Days::begin(now, &zone).unwrap().to_string(), "2026-10-21T22:00:00Z");
        }
    }
}

#[cfg(feature = "ssr")]
pub use on_the_server::marks;
