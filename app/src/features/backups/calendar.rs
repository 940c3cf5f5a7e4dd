//! The backups of a month as a calendar: what each day brought, and the way to its backups.

use leptos::prelude::*;
use leptos_router::hooks::use_query_map;
use serde::{Deserialize, Serialize};

use super::list::{Actions, View, choice, kind_choice};
use crate::local;
use crate::words::{Shown, backups as words, shared};
use crate::{
    error::AppError,
    live::use_changes,
    ui::{Facts, FilterFold, Icon, Loaded, PageHeader},
};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Month {
    /// e.g. `November 2026`.
    pub title: String,
    /// As the address has it, e.g. `2026-11`.
    pub month: String,
    pub previous: String,
    /// None in the present month.
    pub next: Option<String>,
    /// Monday first; no day where the week belongs to another month.
    pub weeks: Vec<Vec<Option<Day>>>,
    pub databases: Vec<String>,
    pub zone: String,
    pub may_change: bool,
    /// How many deleted ones can be put back.
    pub in_trash: u64,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Day {
    pub number: i8,
    /// e.g. `2026-11-20`.
    pub date: String,
    pub good: u64,
    pub unproven: u64,
    pub partial: u64,
    /// Suspect, bad and missing ones.
    pub doubtful: u64,
    pub failed: u64,
    pub size_bytes: u64,
    pub is_today: bool,
}

#[server(prefix = "/fn", endpoint = "backups/calendar")]
pub async fn calendar(
    #[server(default)] db: String,
    #[server(default)] kind: String,
    #[server(default)] month: String,
) -> Result<Month, AppError> {
    let person = crate::server::person_with(keepstone_model::access::Role::Viewer)?;
    on_the_server::month(db, kind, &month, person.role).await
}

#[component]
pub fn CalendarPage() -> impl IntoView {
    let query = use_query_map();
    let changes = use_changes();
    let asked = move || ["db", "kind", "month"].map(|name| query.with(|query| query.get(name).unwrap_or_default()));
    let month = Facts::new(move || (asked(), changes.get()), |([db, kind, month], _)| calendar(db, kind, month));
    let show = move |month| {
        let [db, kind, _] = query.with_untracked(|query| ["db", "kind", "month"].map(|name| query.get(name).unwrap_or_default()));
        show(month, &db, &kind)
    };
    view! { <Loaded resource=month show=show/> }
}

fn show(month: Month, db: &str, kind: &str) -> AnyView {
    let rest = format!("{}{}", member("db", db), member("kind", kind));
    let at = |month: &str| format!("/backups?view=calendar&month={month}{rest}");
    let (previous, next) = (at(&month.previous), month.next.as_deref().map(at));
    let databases = month.databases.iter().map(|id| (id.clone(), id.clone())).collect();
    let days: Vec<_> = words::weekdays()
        .split(' ')
        .zip(words::weekdays_short().split(' '))
        .map(|(day, short)| view! { <th scope="col" abbr=day>{short}</th> })
        .collect();
    let weeks: Vec<_> = month
        .weeks
        .into_iter()
        .map(|week| {
            let days: Vec<_> = week.into_iter().map(|day| cell(day, &rest)).collect();
            view! { <tr>{days}</tr> }
        })
        .collect();
    let (may_change, may_import) = (month.may_change, !month.databases.is_empty());
    let actions = Actions { shown: Some(View::Calendar), may_change, may_import, in_trash: month.in_trash }.show(db);
    let filtered = !(db.is_empty() && kind.is_empty());
    let (chosen_db, chosen_kind) = (choice("db", shared::database(), shared::all_databases(), databases, db), kind_choice(kind));
    let caption = words::calendar_caption(&month.title, &month.zone);
    let form = view! {
        <form class="filter" method="get" action="/backups" role="search" aria-label=words::filter()>
            <input type="hidden" name="view" value="calendar"/>
            <input type="hidden" name="month" value=month.month.clone()/>
            {chosen_db}
            {chosen_kind}
            <div class="filter-actions">
                <button type="submit" class="button"><Icon name="filter"/>{shared::filter()}</button>
                {filtered.then(|| view! { <a class="button quiet" href="/backups?view=calendar">{shared::clear_filter()}</a> })}
            </div>
        </form>
    };
    view! {
        <PageHeader title=shared::backups()>{actions}</PageHeader>
        <FilterFold active=filtered>{form}</FilterFold>
        <section class="panel">
            <header class="panel-head">
                <h2>{month.title}</h2>
                <div class="panel-actions">
                    <a class="button small" rel="prev" href=previous><Icon name="chevron-left"/>{words::earlier()}</a>
                    {next.map(|next| view! { <a class="button small" rel="next" href=next>{words::later()}<Icon name="chevron-right"/></a> })}
                </div>
            </header>
            <table class="calendar">
                <caption class="visually-hidden">{caption}</caption>
                <thead><tr>{days}</tr></thead>
                <tbody>{weeks}</tbody>
            </table>
        </section>
    }
    .into_any()
}

/// Says how many backups of a sort a day brought.
type DayWords = fn(Shown<'_>) -> String;

fn cell(day: Option<Day>, rest: &str) -> AnyView {
    let Some(day) = day else { return view! { <td class="outside"></td> }.into_any() };
    let counts = [
        (day.good, "good", "✔", words::days_good as DayWords),
        (day.unproven, "quiet", "○", words::days_unproven),
        (day.partial, "quiet", "◐", words::days_partial),
        (day.doubtful, "warn", "▲", words::days_doubtful),
        (day.failed, "bad", "✖", words::days_failed),
    ];
    let marks: Vec<_> = counts
        .into_iter()
        .filter(|(count, ..)| *count > 0)
        .map(|(count, tone, mark, say)| {
            view! {
                <span class=format!("day-count {tone}")>
                    <span aria-hidden="true">{mark}{count}</span>
                    <span class="visually-hidden">{say(&count)}</span>
                </span>
            }
        })
        .collect();
    let current = day.is_today.then_some("date");
    if marks.is_empty() {
        return view! { <td aria-current=current><span class="day-number">{day.number}</span></td> }.into_any();
    }
    let href = format!("/backups?from={0}&to={0}{rest}", day.date);
    let size = (day.size_bytes > 0).then(|| view! { <span class="day-size">{local::bytes(day.size_bytes)}</span> });
    view! {
        <td aria-current=current>
            <a href=href>
                <span class="day-number">{day.number}</span>
                <span class="day-counts">{marks}</span>
                {size}
            </a>
        </td>
    }
    .into_any()
}

fn member(name: &str, value: &str) -> String {
    // Ids and kinds hold nothing that an address does not.
    if value.is_empty() || !value.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_') {
        String::new()
    } else {
        format!("&{name}={value}")
    }
}

#[cfg(feature = "ssr")]
mod on_the_server {
    use jiff::{ToSpan, civil::Date, tz::TimeZone};
    use keepstone_engine::{
        backups::{self, BackupFilter},
        databases,
    };
    use keepstone_model::{
        Timestamp,
        access::Role,
        backup::{BackupState, Outcome, Verdict},
    };

    use super::{Day, Month};
    use crate::{
        error::AppError,
        server::{blocking, zone},
        words::shared,
    };

    pub(super) async fn month(db: String, kind: String, month: &str, role: Role) -> Result<Month, AppError> {
        let (zone, now) = (zone(), Timestamp::now());
        let today = now.to_zoned(zone.clone()).date();
        let first: Date = format!("{month}-01").parse().ok().filter(|first: &Date| *first <= today).unwrap_or(today.first_of_month());
        let last = first.last_of_month();
        let edge = |day: Date| day.to_zoned(zone.clone()).map(|at| at.timestamp()).ok();
        let filter = BackupFilter {
            database: db.parse().ok(),
            kind: kind.parse().ok(),
            from: edge(first),
            to: last.tomorrow().ok().and_then(edge).map(|end| end - 1.nanoseconds()),
            ..BackupFilter::default()
        };
        let (found, known, in_trash) = blocking(move |vault| {
            let trashed = BackupFilter { state: Some(BackupState::Trashed), limit: Some(1), ..BackupFilter::default() };
            Ok((backups::outcomes(vault, &filter)?, databases::databases(vault)?, backups::list(vault, &trashed)?.total))
        })
        .await?;
        let named = |day: Date| day.strftime("%Y-%m").to_string();
        Ok(Month {
            title: first.strftime("%B %Y").to_string(),
            month: named(first),
            previous: first.yesterday().map(named).unwrap_or_default(),
            next: last.tomorrow().ok().filter(|next| *next <= today).map(named),
            weeks: weeks(first, today, &found, &zone),
            databases: known.into_iter().map(|database| database.id.to_string()).collect(),
            zone: zone.iana_name().unwrap_or(shared::no_zone_name()).to_owned(),
            may_change: role >= Role::Operator,
            in_trash,
        })
    }

    fn weeks(first: Date, today: Date, found: &[Outcome], zone: &TimeZone) -> Vec<Vec<Option<Day>>> {
        let mut days: Vec<Day> = (1..=first.days_in_month())
            .map(|number| {
                let date = first.with().day(number).build().unwrap_or(first);
                Day { number, date: date.to_string(), is_today: date == today, ..Day::default() }
            })
            .collect();
        for backup in found {
            let date = backup.created_at.to_zoned(zone.clone()).date();
            let Some(day) = usize::try_from(date.day() - 1).ok().and_then(|index| days.get_mut(index)) else { continue };
            match (backup.state, backup.verdict) {
                (BackupState::Complete, Verdict::Good) => day.good += 1,
                (BackupState::Complete, Verdict::Unproven) => day.unproven += 1,
                (BackupState::Complete, Verdict::Partial) => day.partial += 1,
                (BackupState::Complete | BackupState::Missing, _) => day.doubtful += 1,
                (BackupState::Failed | BackupState::Interrupted, _) => day.failed += 1,
                (BackupState::Running | BackupState::Trashed, _) => {}
            }
            if backup.state == BackupState::Complete {
                day.size_bytes += backup.archive_size_bytes;
            }
        }
        let before = usize::try_from(first.weekday().to_monday_zero_offset()).unwrap_or(0);
        let mut cells: Vec<Option<Day>> = vec![None; before];
        cells.extend(days.into_iter().map(Some));
        cells.resize(cells.len().next_multiple_of(7), None);
        cells.chunks(7).map(<[_]>::to_vec).collect()
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn a_month_is_whole_weeks_from_monday() {
            let date = |text: &str| text.parse::<Date>().unwrap();
            let weeks = weeks(date("2026-11-01"), date("2026-11-20"), &[], &TimeZone::UTC);
            assert_eq!(weeks.len(), 6, "November 2026 begins with a Sunday");
            assert!(weeks.iter().all(|week| week.len() == 7));
            assert!(weeks[0][..6].iter().all(Option::is_none) && weeks[0][6].as_ref().is_some_and(|day| day.number == 1));
            let today: Vec<String> = weeks.iter().flatten().flatten().filter(|day| day.is_today).map(|day| day.date.clone()).collect();
            assert_eq!(today, ["2026-11-20"]);
        }
    }
}
