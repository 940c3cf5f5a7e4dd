//! Following a running verb: a bar on a terminal, a line per step elsewhere; and Ctrl-C, which first asks the verb to stop.

use std::{
    io::{self, IsTerminal},
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use indicatif::{ProgressBar, ProgressStyle};
use keepstone_engine::{
    Monitor,
    model::{
        human,
        job::{Progress, Step, Verb},
    },
};
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    flag,
};

use super::{Context, output};

/// Prints how a verb goes on. Everything goes to standard error.
#[derive(Debug)]
pub(crate) struct Follow {
    /// e.g. `create shop`.
    title: String,
    steps: Vec<Step>,
    bar: Option<ProgressBar>,
    milestones: bool,
    verbose: bool,
    cancel: Arc<AtomicBool>,
    told_cancel: AtomicBool,
    step: Mutex<Option<Step>>,
}

impl Follow {
    pub(crate) fn new(cx: &Context, verb: Verb, what: impl std::fmt::Display) -> Self {
        Self::steps(cx, format!("{verb} {what}"), verb.steps())
    }

    /// For what is no job.
    pub(crate) fn steps(cx: &Context, title: String, steps: &[Step]) -> Self {
        let terminal = io::stderr().is_terminal();
        let bar = (terminal && !cx.out.quiet).then(|| {
            let bar = ProgressBar::new(100);
            bar.set_style(
                ProgressStyle::with_template("{spinner} {prefix} {bar:20} {wide_msg}")
                    .expect("the template is valid")
                    .progress_chars("━╸ "),
            );
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        Self {
            title,
            steps: steps.to_vec(),
            bar,
            milestones: !terminal && !cx.out.quiet,
            verbose: cx.global.verbose > 0,
            cancel: cancel_flag(),
            told_cancel: AtomicBool::new(false),
            step: Mutex::new(None),
        }
    }

    fn say(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.println(line),
            None => output::stderr(format_args!("{line}\n")),
        }
    }

    fn place(&self, step: Step) -> String {
        let steps = &self.steps;
        match steps.iter().position(|&known| known == step) {
            Some(at) if steps.len() > 1 => format!("{}/{} {}", at + 1, steps.len(), step.title()),
            _ => step.title().to_owned(),
        }
    }
}

impl Monitor for Follow {
    fn step(&self, step: Step) {
        let mut present = self.step.lock().unwrap_or_else(PoisonError::into_inner);
        if *present == Some(step) {
            return;
        }
        *present = Some(step);
        let place = self.place(step);
        if let Some(bar) = &self.bar {
            bar.set_position(0);
            bar.set_prefix(format!("{} · {place}", self.title));
            bar.set_message("");
        } else if self.milestones && self.steps.contains(&step) {
            self.say(&format!("{}: {place}", self.title));
        }
    }

    fn progress(&self, progress: &Progress) {
        let Some(bar) = &self.bar else { return };
        bar.set_position(progress.percent().unwrap_or(0));
        bar.set_message(describe(progress));
    }

    fn log(&self, line: &str) {
        tracing::info!("{}: {line}", self.title);
        if self.verbose && self.bar.is_some() {
            self.say(line);
        }
    }

    fn cancelled(&self) -> bool {
        let cancelled = self.cancel.load(Ordering::Relaxed);
        if cancelled && !self.told_cancel.swap(true, Ordering::Relaxed) {
            self.say("stopping; press Ctrl-C again to kill it");
        }
        cancelled
    }
}

impl Drop for Follow {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// e.g. `63 % · 2.0 s left · 340.0 MB/s · 1.2 GB of 1.9 GB`: what a narrow terminal cuts off stands last.
fn describe(progress: &Progress) -> String {
    let mut parts = Vec::new();
    parts.extend(progress.percent().map(|percent| format!("{percent} %")));
    parts.extend(progress.left_s().map(|left| format!("{} left", human::duration_ms(left * 1000))));
    parts.extend(progress.rate_bytes_per_s().map(|rate| format!("{}/s", human::bytes(rate))));
    parts.push(match progress.total_bytes {
        0 => human::bytes(progress.done_bytes),
        total => format!("{} of {}", human::bytes(progress.done_bytes), human::bytes(total)),
    });
    parts.join(" · ")
}

/// Set by the first Ctrl-C (or SIGTERM, or SIGHUP of a terminal that goes) from the first running verb on; the second has its usual effect, and kills.
pub(crate) fn cancel_flag() -> Arc<AtomicBool> {
    static FLAG: OnceLock<Arc<AtomicBool>> = OnceLock::new();
    let flag = FLAG.get_or_init(|| {
        let flag = Arc::new(AtomicBool::new(false));
        let hangup = (!ignores_hangup()).then_some(SIGHUP);
        for signal in [SIGINT, SIGTERM].into_iter().chain(hangup) {
            // In this order: the first signal finds the flag unset and sets it, the second finds it set and takes the default way.
            let _ = flag::register_conditional_default(signal, Arc::clone(&flag));
            let _ = flag::register(signal, Arc::clone(&flag));
        }
        flag
    });
    Arc::clone(flag)
}

/// Whether it was started by `nohup`, and is to go on without its terminal.
fn ignores_hangup() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    ignored.is_some_and(|mask| mask >> (SIGHUP - 1) & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_says_bytes_rate_and_time_left() {
        let progress = |total_bytes, elapsed_ms| Progress { step: Step::Snapshot, done_bytes: 500_000_000, total_bytes, elapsed_ms };
        assert_eq!(describe(&progress(2_000_000_000, 1000)), "25 % · 3.0 s left · 500.0 MB/s · 500.0 MB of 2.0 GB");
        assert_eq!(describe(&progress(0, 100)), "500.0 MB");
    }
}
