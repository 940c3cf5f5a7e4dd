//! The steps of a job and how far it is, following the live feed. What the server rendered is what it begins with.

use keepstone_model::{
    human,
    job::{JobState, Progress, Step, Verb},
};
use leptos::prelude::*;

use super::api::JobDetail;
use crate::local;
use crate::words::jobs as words;
use crate::{live::use_live, ui::ProgressBar};

/// e.g. `Backup of shop`.
pub(super) fn verb_title(verb: Verb, database: Option<&str>) -> String {
    let what = match verb {
        Verb::Create => words::backup(),
        Verb::Verify => words::verification(),
        Verb::Restore => words::restore(),
        Verb::Undo => words::undo(),
        Verb::Cleanup => words::cleanup(),
        Verb::Import => words::import(),
        Verb::Convert => words::conversion(),
    };
    database.map_or_else(|| what.to_owned(), |database| words::of_database(&what, &database))
}

/// The step of the verb that a step belongs to: a safety backup takes a snapshot, reads it back and publishes it, and is one step of a restore.
/// So is each file of an import.
pub(super) fn step_of(verb: Verb, step: Step) -> Step {
    if verb == Verb::Import && step != Step::Find {
        return Step::Import;
    }
    if verb.steps().contains(&step) || !verb.steps().contains(&Step::SafetyBackup) { step } else { Step::SafetyBackup }
}

/// How a step stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum StepState {
    Done,
    Now,
    Failed,
    Waiting,
    NotReached,
}

impl StepState {
    fn of(step: Step, job: JobState, at: Option<Step>) -> Self {
        let before = at.is_some_and(|at| step < at);
        match job {
            JobState::Done => Self::Done,
            JobState::Queued => Self::Waiting,
            _ if before => Self::Done,
            JobState::Running if at == Some(step) => Self::Now,
            JobState::Running => Self::Waiting,
            JobState::Failed | JobState::Cancelled | JobState::Abandoned if at == Some(step) => Self::Failed,
            JobState::Failed | JobState::Cancelled | JobState::Abandoned => Self::NotReached,
        }
    }

    /// Class, mark and word.
    fn shown(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Done => ("step good", "✔", words::step_done()),
            Self::Now => ("step busy", "↻", words::step_running()),
            Self::Failed => ("step bad", "✖", words::step_stopped()),
            Self::Waiting => ("step quiet", "○", words::step_waiting()),
            Self::NotReached => ("step quiet", "–", words::step_not_reached()),
        }
    }
}

#[component]
pub fn Steps(job: JobDetail) -> impl IntoView {
    let (state, id, verb) = (job.row.state, job.row.id.clone(), job.row.verb);
    let (rendered, reached) = (job.row.progress.clone(), job.reached);
    let running = use_live().job(id);
    let progress = Memo::new(move |_| match state {
        JobState::Running => running.get().and_then(|job| job.progress).or_else(|| rendered.clone()),
        _ => None,
    });
    let at = Memo::new(move |_| progress.with(|progress| progress.as_ref().map(|progress| step_of(verb, progress.step))).or(reached));
    let steps: Vec<_> = job
        .steps
        .iter()
        .map(|&step| {
            let shown = Memo::new(move |_| StepState::of(step, state, at.get()));
            view! {
                <li class=move || shown.get().shown().0>
                    <span class="mark" aria-hidden="true">{move || shown.get().shown().1}</span>
                    <span class="step-title">{step.title()}</span>
                    <span class="step-state">{move || shown.get().shown().2}</span>
                </li>
            }
        })
        .collect();
    let count = job.steps.len();
    let all = job.steps;
    // Milestones only: it changes with the step, not with each byte.
    let spoken = move || {
        let at = at.get().filter(|_| state == JobState::Running)?;
        let number = all.iter().position(|&step| step == at)? + 1;
        Some(words::step_now(&number, &count, &at.title()))
    };
    view! {
        <ol class="steps" aria-label=words::steps()>{steps}</ol>
        <p class="visually-hidden" role="status">{spoken}</p>
        {(state == JobState::Running).then(|| view! { <Meter progress=progress/> })}
    }
}

#[component]
fn Meter(progress: Memo<Option<Progress>>) -> impl IntoView {
    let percent = Signal::derive(move || progress.with(|progress| progress.as_ref().and_then(Progress::percent)));
    let numbers = move || progress.with(|progress| progress.as_ref().map_or_else(|| words::starting().to_owned(), numbers));
    view! {
        <div class="meter">
            <ProgressBar percent=percent label=words::progress()/>
            <p class="meter-numbers">{numbers}</p>
        </div>
    }
}

/// e.g. `63 % · 1.2 GB of 1.9 GB · 220.0 MB/s · 12 s left`.
fn numbers(progress: &Progress) -> String {
    let mut parts = Vec::new();
    match progress.percent() {
        Some(percent) => {
            parts.push(format!("{percent} %"));
            parts.push(words::amount_of(&local::bytes(progress.done_bytes), &local::bytes(progress.total_bytes)));
        }
        None if progress.done_bytes == 0 => parts.push(words::starting().to_owned()),
        None => parts.push(local::bytes(progress.done_bytes)),
    }
    if let Some(rate) = progress.rate_bytes_per_s() {
        parts.push(format!("{}/s", local::bytes(rate)));
    }
    if let Some(left) = progress.left_s() {
        parts.push(words::left(&human::time_left(left)));
    }
    parts.join(" · ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_what_the_job_makes_of_it() {
        use StepState::{Done, Failed, NotReached, Now, Waiting};
        let cases = [
            (JobState::Queued, None, [Waiting, Waiting, Waiting]),
            (JobState::Running, None, [Waiting, Waiting, Waiting]),
            (JobState::Running, Some(Step::Prove), [Done, Now, Waiting]),
            (JobState::Failed, Some(Step::Prove), [Done, Failed, NotReached]),
            (JobState::Cancelled, None, [NotReached, NotReached, NotReached]),
            (JobState::Done, Some(Step::Publish), [Done, Done, Done]),
        ];
        for (job, at, states) in cases {
            let shown = [Step::Snapshot, Step::Prove, Step::Publish].map(|step| StepState::of(step, job, at));
            assert_eq!(shown, states, "{job:?} {at:?}");
        }
    }

    #[test]
    fn the_steps_of_a_safety_backup_are_one_step_of_the_restore() {
        assert_eq!(step_of(Verb::Restore, Step::Snapshot), Step::SafetyBackup);
        assert_eq!(step_of(Verb::Restore, Step::Write), Step::Write);
        assert_eq!(step_of(Verb::Create, Step::Snapshot), Step::Snapshot);
    }

    #[test]
    fn the_numbers_say_only_what_is_known() {
        let at = |done_bytes, total_bytes, elapsed_ms| numbers(&Progress { step: Step::Snapshot, done_bytes, total_bytes, elapsed_ms });
        assert_eq!(at(0, 0, 0), "Starting");
        assert_eq!(at(1_000_000, 100_000_000, 1000), "1 % · 1.0 MB of 100.0 MB · 1.0 MB/s · 1 min 39 s left");
        assert_eq!(at(500_000, 1_000_000, 1000), "50 % · 500.0 kB of 1.0 MB · 500.0 kB/s · 1 s left");
    }
}
