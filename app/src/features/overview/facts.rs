//! What the Overview is made of, and the decision what its head says: the worst state, its object, and the next action.

use keepstone_model::{
    database::DatabaseState,
    id::{BackupId, DatabaseId, JobId},
};
use serde::{Deserialize, Serialize};

use crate::ui::{
    Age, Moment,
    events::EventLine,
    strip::{DayMark, Days},
};
use crate::words::{overview as words, shared};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overview {
    pub rows: Vec<OverviewRow>,
    pub days: Days,
    pub events: Vec<EventLine>,
    pub backup_count: u64,
    pub archive_size_bytes: u64,
    /// Of how many databases a restore was tried within the last 7 days.
    pub restore_tested: usize,
    /// On the disk of the backups; none where that is away.
    pub free_bytes: Option<u64>,
    /// Sent along with a form of this page, so that sending it twice acts once.
    pub key: String,
    /// Whether any schedule is there, for the first steps.
    pub scheduled: bool,
    /// What is to be said of the cleanup of which database.
    pub cleanup: Vec<(DatabaseId, String)>,
}

/// A database as the Overview says it, the most endangered first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OverviewRow {
    pub id: DatabaseId,
    pub state: DatabaseState,
    /// The same, but for a run that hides a risk.
    pub standing: DatabaseState,
    pub age: Age,
    pub next_run: Option<Moment>,
    pub last_error: Option<String>,
    /// What is wrong with the database or its newest backup itself, and what to do.
    pub concern: Option<String>,
    /// The backup in doubt, to look at, and what the way there is called.
    pub look_at: Option<(BackupId, String)>,
    pub backup_count: u64,
    /// The job that is open for it now.
    pub job: Option<JobId>,
    pub marks: Vec<DayMark>,
}

/// What the head of the Overview says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hero {
    pub state: DatabaseState,
    pub title: String,
    pub text: String,
    /// The database that the next action is about, if there is something to do.
    pub act_on: Option<DatabaseId>,
    /// A backup to look at before anything else.
    pub look_at: Option<(BackupId, String)>,
}

/// Names the worst state and its object. `rows` begin with the worst and are not empty.
pub fn hero(rows: &[OverviewRow]) -> Option<Hero> {
    let worst = rows.first()?;
    let total = rows.len();
    let like_it = rows.iter().filter(|row| row.standing == worst.standing).count();
    let name = &worst.id;
    let (like, all) = (like_it as u64, total as u64);
    let lasting = worst.last_error.as_deref();
    let newest = worst.age.newest_good.as_ref().map_or(shared::never().to_owned(), |at| at.relative.clone());
    let (title, text, act) = match worst.standing {
        DatabaseState::Failed => (words::failed(name, like, all), words::failed_means(name, lasting), true),
        DatabaseState::AtRisk => (
            words::at_risk(name, like, all),
            match &worst.concern {
                Some(concern) => words::concern(name, concern),
                None => words::at_risk_means(name, &newest, &worst.age.objective, lasting),
            },
            true,
        ),
        DatabaseState::Unproven if worst.concern.is_some() => {
            (words::unchecked(name, like, all), words::concern(name, &worst.concern.clone().unwrap_or_default()), true)
        }
        DatabaseState::Unproven => (
            words::unproven(name, like, all),
            if worst.backup_count == 0 { words::never_backed_up(name) } else { words::unproven_means(name) },
            true,
        ),
        DatabaseState::Running => (
            words::running(name, like, all),
            match &worst.age.newest_good {
                Some(_) if worst.age.over => words::running_over(name, &newest),
                Some(_) => words::running_fine(name, &newest),
                None => words::running_first(name),
            },
            false,
        ),
        DatabaseState::Protected => (
            words::protected(name, like, all),
            if total == 1 { words::protected_means(&newest) } else { words::all_protected_mean().to_owned() },
            false,
        ),
        DatabaseState::Paused => (words::paused(name, like, all), words::paused_means().to_owned(), false),
    };
    let look_at = worst.look_at.clone().filter(|_| act);
    Some(Hero { state: worst.standing, title, text, act_on: act.then(|| name.clone()), look_at })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(id: &str, state: DatabaseState, error: Option<&str>) -> OverviewRow {
        let moment = Moment { iso: String::new(), text: String::new(), relative: "31 h ago".into(), full: String::new() };
        OverviewRow {
            id: id.parse().unwrap(),
            state,
            standing: state,
            age: Age { newest_good: Some(moment), objective: "26 h".into(), percent: 100, over: true },
            next_run: None,
            last_error: error.map(str::to_owned),
            concern: None,
            look_at: None,
            backup_count: 1,
            job: None,
            marks: Vec::new(),
        }
    }

    #[test]
    fn the_head_names_the_worst_and_what_to_do() {
        use DatabaseState::{AtRisk, Paused, Protected, Running};
        let said = |rows: &[OverviewRow]| hero(rows).map(|hero| (hero.title, hero.act_on.is_some()));
        let (fine, late) = (row("wiki", Protected, None), row("orders", AtRisk, Some("No space left.")));
        assert_eq!(said(&[]), None);
        assert_eq!(said(&[late.clone(), fine.clone()]), Some(("1 of 2 databases is at risk".into(), true)));
        assert_eq!(said(&[late.clone(), late.clone(), fine.clone()]), Some(("2 of 3 databases are at risk".into(), true)));
        assert_eq!(said(std::slice::from_ref(&fine)), Some(("wiki is protected".into(), false)));
        assert_eq!(said(&[fine.clone(), fine.clone()]), Some(("All 2 databases are protected".into(), false)));
        assert_eq!(said(&[fine.clone(), row("old", Paused, None)]), Some(("1 of 2 databases are protected, 1 paused".into(), false)));
        assert_eq!(said(&[row("wiki", Running, None)]), Some(("wiki is being backed up".into(), false)));
        let mut first = row("wiki", Running, None);
        first.age.newest_good = None;
        assert_eq!(hero(&[first]).unwrap().text, "wiki: this is to be its first good backup.", "nothing unproven is called safe");
        let emptied = OverviewRow {
            concern: Some("the newest backup lacks what an earlier one had: table orders is empty. Acknowledge it or restore.".into()),
            look_at: Some(("orders_daily_20261120T030000Z_k3f9".parse().unwrap(), "See it".into())),
            ..row("orders", AtRisk, None)
        };
        let said = hero(&[emptied]).unwrap();
        assert!(said.text.starts_with("orders: the newest backup lacks") && said.look_at.is_some(), "{said:?}");
        let unchecked =
            OverviewRow { concern: Some("the newest backup could not be checked.".into()), ..row("wiki", DatabaseState::Unproven, None) };
        let said = hero(&[unchecked]).unwrap();
        assert_eq!((&*said.title, &*said.text), ("The newest backup of wiki is unproven", "wiki: the newest backup could not be checked."));
        let text = hero(&[late]).unwrap().text;
        assert_eq!(text, "orders: the newest good backup was taken 31 h ago, the objective is 26 h. The last run failed: No space left.");
    }
}
