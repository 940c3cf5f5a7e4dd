//! Threads of the idle class, and the warden that takes one out of it when it gets nothing done. Not which threads these are.

use std::{
    fs,
    marker::PhantomData,
    num::NonZero,
    path::PathBuf,
    sync::{Mutex, MutexGuard, OnceLock, PoisonError},
    thread::{self, Builder},
    time::{Duration, Instant},
};

use rustix::{process::Pid, thread::gettid};
use thread_priority::{
    NormalThreadSchedulePolicy, ThreadId, ThreadPriority, ThreadSchedulePolicy, set_thread_priority_and_policy, thread_native_id,
    thread_schedule_policy,
};

use super::{NICE, Priority, nice};

/// How often the warden looks what each thread got.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// The calling thread gives way to everybody, as long as it gets on. It is again as it was before when this is dropped.
pub(crate) struct Courtesy {
    is_member: bool,
    /// It is about the thread that made it.
    _stays: PhantomData<*const ()>,
}

impl Courtesy {
    /// None at all where somebody waits for the work, where the class cannot be left again, or where others want every core already.
    pub(crate) fn begin(priority: Priority) -> Self {
        let wanted = priority == Priority::Low && can_be_left() && !is_idle() && !is_busy();
        Self { is_member: wanted && Members::join(), _stays: PhantomData }
    }

    /// Of a thread that began in the class because the one that started it was there: only then is it looked after.
    pub(crate) fn inherited() -> Self {
        Self { is_member: is_idle() && can_be_left() && Members::join(), _stays: PhantomData }
    }
}

impl Drop for Courtesy {
    fn drop(&mut self) {
        if self.is_member {
            Members::leave();
        }
    }
}

/// All threads of the class that can leave it.
#[derive(Default)]
struct Members {
    all: Vec<Member>,
    has_warden: bool,
}

/// A thread that runs: it leaves before it ends, and the warden deals with it under the same lock.
struct Member {
    thread: ThreadId,
    number: Pid,
    /// What it was before: in the class it has none.
    nice: i32,
    /// None: it was taken out of the class.
    share: Option<Share>,
}

static MEMBERS: Mutex<Members> = Mutex::new(Members { all: Vec::new(), has_warden: false });

impl Members {
    fn lock() -> MutexGuard<'static, Self> {
        MEMBERS.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the calling thread into the class, if somebody can look after it there.
    fn join() -> bool {
        let (number, nice) = (gettid(), nice());
        let mut members = Self::lock();
        let Some(share) = Share::of(number) else { return false };
        // Before that: the warden must not be of the class.
        if !members.has_warden {
            members.has_warden = !is_idle() && Builder::new().name("courtesy".to_owned()).spawn(watch).is_ok();
        }
        if !members.has_warden || !become_idle() {
            return false;
        }
        members.all.push(Member { thread: thread_native_id(), number, nice, share: Some(share) });
        true
    }

    fn leave() {
        let number = gettid();
        let mut members = Self::lock();
        let Some(at) = members.all.iter().position(|member| member.number == number) else { return };
        members.all.swap_remove(at).restore();
    }
}

impl Member {
    fn heed(&mut self, now: Option<Share>) {
        let Some(before) = &self.share else { return };
        if now.as_ref().is_none_or(|now| now.since(before).is_starved()) {
            self.share = None;
            self.lift(self.nice.max(NICE));
        } else {
            self.share = now;
        }
    }

    /// Makes it again what it was.
    fn restore(&self) {
        self.lift(self.nice);
    }

    fn lift(&self, nice: i32) {
        if !leave_idle(self.thread, self.number, nice) {
            tracing::warn!("a thread stays in the idle scheduling class");
        }
    }
}

/// The warden: it goes with the last member.
fn watch() {
    loop {
        thread::sleep(LOOK_EVERY);
        let mut members = Members::lock();
        if members.all.is_empty() {
            members.has_warden = false;
            return;
        }
        for member in &mut members.all {
            member.heed(Share::of(member.number));
        }
    }
}

fn is_idle() -> bool {
    matches!(thread_schedule_policy(), Ok(ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle)))
}

/// Puts the calling thread into the idle class: it runs where no other thread wants the core. False where there is no such class.
fn become_idle() -> bool {
    let idle = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
    set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, idle).is_ok()
}

/// False where it may not.
fn leave_idle(thread: ThreadId, number: Pid, nice: i32) -> bool {
    let other = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Other);
    set_thread_priority_and_policy(thread, ThreadPriority::Min, other).is_ok()
        && rustix::process::setpriority_process(Some(number), nice).is_ok()
}

/// Whether a thread may leave the idle class: with `CAP_SYS_NICE`, or within `RLIMIT_NICE` (sched(7)). Tried once, with one that nobody needs.
fn can_be_left() -> bool {
    static TRIED: OnceLock<bool> = OnceLock::new();
    let try_it = || become_idle() && leave_idle(thread_native_id(), gettid(), 0);
    *TRIED.get_or_init(|| thread::spawn(try_it).join().unwrap_or(false))
}

/// How long it holds what was found out about the machine.
const BUSY_FOR: Duration = Duration::from_secs(1);

/// Whether others than this thread want every core just now, as often as it is looked. The load average would count a backup of a minute before.
fn is_busy() -> bool {
    const LOOKS: usize = 4;
    static FOUND: Mutex<Option<(Instant, bool)>> = Mutex::new(None);
    let mut found = FOUND.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, busy)) = found.filter(|(at, _)| at.elapsed() < BUSY_FOR) {
        return busy;
    }
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    let busy = (0..LOOKS).all(|look| {
        if look > 0 {
            thread::sleep(Duration::from_micros(500));
        }
        fs::read_to_string("/proc/loadavg").ok().and_then(|text| running(&text)).is_some_and(|running| running > cores)
    });
    *found = Some((Instant::now(), busy));
    busy
}

/// The threads that run or want to, the one that reads this among them (`proc_loadavg(5)`).
fn running(loadavg: &str) -> Option<usize> {
    loadavg.split_whitespace().nth(3)?.split('/').next()?.parse().ok()
}

/// What a thread got of the processors until a moment.
#[derive(Debug, Clone)]
struct Share {
    at: Instant,
    ran: Duration,
    waited: Duration,
}

/// The same between two moments.
#[derive(Debug, Clone, Copy)]
struct Got {
    over: Duration,
    ran: Duration,
    waited: Duration,
}

impl Share {
    /// None where the kernel does not tell (`CONFIG_SCHED_INFO`).
    fn of(number: Pid) -> Option<Self> {
        let path: PathBuf = ["/proc/self/task", &number.as_raw_nonzero().to_string(), "schedstat"].iter().collect();
        let text = fs::read_to_string(path).ok()?;
        let mut numbers = text.split_whitespace().map(|number| number.parse().ok().map(Duration::from_nanos));
        Some(Self { at: Instant::now(), ran: numbers.next()??, waited: numbers.next()?? })
    }

    fn since(&self, before: &Self) -> Got {
        Got {
            over: self.at.duration_since(before.at),
            ran: self.ran.saturating_sub(before.ran),
            waited: self.waited.saturating_sub(before.waited),
        }
    }
}

impl Got {
    /// It wanted to run nearly all the time, and did not. Beside others of the same backup a thread gets more than that, even of one core.
    fn is_starved(self) -> bool {
        self.waited * 10 > self.over * 8 && self.ran * 20 < self.over
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may stop at once")]
mod tests {
    use super::*;

    #[test]
    fn a_thread_is_starved_that_wants_to_run_and_cannot() {
        let got =
            |ran, waited| Got { over: Duration::from_millis(200), ran: Duration::from_millis(ran), waited: Duration::from_millis(waited) };
        assert!(got(1, 195).is_starved() && got(9, 170).is_starved());
        assert!(!got(0, 0).is_starved(), "it waits for a disk, or for others of its own");
        assert!(!got(30, 170).is_starved(), "one of seven on a single core");
        assert!(!got(200, 0).is_starved());
    }

    #[test]
    fn the_kernel_tells_how_many_threads_run() {
        assert_eq!(running("0.72 2.91 2.98 2/112 2041\n"), Some(2));
        assert_eq!(running(""), None);
        assert!(running(&fs::read_to_string("/proc/loadavg").unwrap()).unwrap() > 0);
    }

    #[test]
    fn afterwards_a_thread_is_as_it_was() {
        thread::spawn(|| {
            let before = nice();
            let courtesy = Courtesy::begin(Priority::Low);
            // On a machine that is very busy the warden may have been there already.
            assert!(courtesy.is_member || !is_idle());
            if courtesy.is_member {
                let started = thread::spawn(|| {
                    let began_idle = is_idle();
                    let is_kept = Courtesy::inherited().is_member;
                    (began_idle, is_kept, is_idle())
                });
                let (began_idle, is_kept, still_idle) = started.join().unwrap();
                assert_eq!(began_idle, is_kept, "one that it starts is looked after, too");
                assert!(!still_idle);
                assert!(!is_idle() || !Courtesy::begin(Priority::Low).is_member, "nobody twice");
            }
            drop(courtesy);
            assert!(!is_idle());
            assert_eq!(nice(), before);
            drop((Courtesy::begin(Priority::Normal), Courtesy::inherited()));
            assert_eq!((nice(), is_idle()), (before, false));
        })
        .join()
        .unwrap();
    }

    #[test]
    fn a_thread_that_gets_nothing_leaves_the_class() {
        if !can_be_left() {
            return;
        }
        thread::spawn(|| {
            assert!(become_idle());
            let share = |at_ms, ran, waited| {
                let (at, ran, waited) =
                    (Instant::now() + Duration::from_millis(at_ms), Duration::from_millis(ran), Duration::from_millis(waited));
                Some(Share { at, ran, waited })
            };
            let mut member = Member { thread: thread_native_id(), number: gettid(), nice: 3, share: share(0, 0, 0) };
            member.heed(share(200, 150, 50));
            assert!(is_idle(), "it gets on");
            member.heed(share(400, 151, 248));
            assert!(!is_idle());
            assert_eq!(nice(), NICE);
            member.heed(share(600, 300, 300));
            member.restore();
            assert_eq!(nice(), 3);
        })
        .join()
        .unwrap();
    }
}
