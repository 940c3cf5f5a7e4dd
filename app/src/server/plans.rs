//! The restore plans that people and programs are looking at. They live here, in memory: a form or a call can only name one, never say what is in it. A restarted
//! server knows none, and asks to look again. Server only.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

use keepstone_model::{Timestamp, id::JobId, restore::RestorePlan};

/// More than anyone looks at at once; beyond it the oldest goes.
const PLANS_MAX: usize = 200;

/// Plans by their random name, the oldest first.
#[derive(Debug, Default)]
pub struct Plans(Mutex<VecDeque<Entry>>);

#[derive(Debug)]
struct Entry {
    name: String,
    /// Whose it is: nobody confirms what another one looked at.
    person: String,
    plan: RestorePlan,
    /// The job that carries it out, once it was confirmed.
    job: Option<JobId>,
}

/// What a name stands for.
#[derive(Debug, Clone, PartialEq)]
pub enum Found {
    /// Confirm it.
    Open(Box<RestorePlan>),
    /// It was confirmed already, by a form that was sent twice.
    Confirmed(JobId),
    /// Look again.
    Gone,
}

pub static PLANS: Plans = Plans(Mutex::new(VecDeque::new()));

impl Plans {
    pub fn keep(&self, name: String, person: &str, plan: RestorePlan, now: Timestamp) {
        let mut plans = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        plans.retain(|entry| !entry.plan.is_expired(now));
        while plans.len() >= PLANS_MAX {
            plans.pop_front();
        }
        plans.push_back(Entry { name, person: person.to_owned(), plan, job: None });
    }

    pub fn find(&self, name: &str, person: &str, now: Timestamp) -> Found {
        let plans = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match plans.iter().find(|entry| entry.name == name && entry.person == person) {
            Some(Entry { job: Some(job), .. }) => Found::Confirmed(job.clone()),
            Some(entry) if !entry.plan.is_expired(now) => Found::Open(Box::new(entry.plan.clone())),
            _ => Found::Gone,
        }
    }

    pub fn confirmed(&self, name: &str, job: &JobId) {
        let mut plans = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = plans.iter_mut().find(|entry| entry.name == name) {
            entry.job = Some(job.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use keepstone_model::restore::{Binding, PLAN_LIFETIME_SECS, Target};

    use super::*;

    fn plan(at: Timestamp) -> RestorePlan {
        let expires_at = Timestamp::from_second(at.as_second() + PLAN_LIFETIME_SECS).unwrap();
        RestorePlan {
            backup: "shop_daily_20261120T030000Z_k3f9".parse().unwrap(),
            database: "shop".parse().unwrap(),
            target: Target::Replace,
            backup_taken_at: at,
            planned_at: at,
            expires_at,
            safety_backup: true,
            before: keepstone_model::restore::StateBefore::SafetyBackup,
            tables: Vec::new(),
            size_bytes: 0,
            space_needed_bytes: 0,
            space_free_bytes: 0,
            writers_wait_ms: None,
            sessions: None,
            ownership: keepstone_model::restore::Ownership::default(),
            loading: keepstone_model::restore::Loading::default(),
            holders: Vec::new(),
            while_open: keepstone_model::restore::WhileOpen::default(),
            only_tables: None,
            warnings: Vec::new(),
            binding: Binding {
                payload_hash: String::new(),
                target_identity: None,
                target_schema_hash: None,
                target_page_size: None,
                target_journal_mode: None,
                last_restore: None,
            },
        }
    }

    #[test]
    fn a_plan_is_for_the_one_who_looked_at_it_for_a_quarter_of_an_hour_and_once() {
        let at = |second: i64| Timestamp::from_second(1_800_000_000 + second).unwrap();
        let plans = Plans::default();
        plans.keep("p1".to_owned(), "alice", plan(at(0)), at(0));
        assert!(matches!(plans.find("p1", "alice", at(900)), Found::Open(_)));
        assert_eq!(plans.find("p1", "bob", at(1)), Found::Gone);
        assert_eq!(plans.find("p2", "alice", at(1)), Found::Gone);
        assert_eq!(plans.find("p1", "alice", at(901)), Found::Gone);
        let job: JobId = "j-01jd3k9v0q7x0".parse().unwrap();
        plans.confirmed("p1", &job);
        assert_eq!(plans.find("p1", "alice", at(5)), Found::Confirmed(job.clone()));
        assert_eq!(plans.find("p1", "bob", at(5)), Found::Gone);
    }

    #[test]
    fn there_are_never_more_plans_than_anyone_looks_at() {
        let at = Timestamp::from_second(1_800_000_000).unwrap();
        let plans = Plans::default();
        for number in 0..PLANS_MAX + 5 {
            plans.keep(number.to_string(), "alice", plan(at), at);
        }
        assert_eq!(plans.find("4", "alice", at), Found::Gone);
        assert!(matches!(plans.find("5", "alice", at), Found::Open(_)));
        assert_eq!(plans.0.lock().unwrap().len(), PLANS_MAX);
    }
}
