//! What SQLite reads of an image, and that this is no faster than it may be: SQLite reads as it likes, so it is made to wait between two of its steps.

use std::{
    fs::File,
    os::unix::fs::FileExt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use super::watch::told_to_stop;
use crate::Throttle;

/// Counts what the thread reads that made it: the whole image once, and all that comes from the disk beyond that. What SQLite looks up again and again
/// in memory, the rows of an index say, is as much as many images, and takes nothing from others but processor time.
#[derive(Debug)]
pub(super) struct Reads {
    throttle: Throttle,
    image_bytes: u64,
    /// Where the system counts it.
    io: Option<File>,
    before: Counters,
    /// Of which the system was asked for its counters.
    asking_bytes: u64,
    counted_bytes: Arc<AtomicU64>,
}

/// What a thread read so far: proc(5), `/proc/pid/io`.
#[derive(Debug, Clone, Copy, Default)]
struct Counters {
    /// `rchar`: by whatever call, and from wherever it came.
    asked_bytes: u64,
    /// `read_bytes`: from a disk.
    fetched_bytes: u64,
}

impl Counters {
    fn of(text: &str) -> Option<Self> {
        let number = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")?.trim().parse().ok());
        Some(Self { asked_bytes: number("rchar")?, fetched_bytes: number("read_bytes")? })
    }

    /// The pace is for so much of it.
    fn counting_bytes(self, since: Self, image_bytes: u64) -> u64 {
        let asked_bytes = self.asked_bytes.saturating_sub(since.asked_bytes);
        asked_bytes.min(image_bytes).max(self.fetched_bytes.saturating_sub(since.fetched_bytes))
    }
}

impl Reads {
    pub(super) fn new(throttle: Throttle, image_bytes: u64) -> Self {
        let io = File::open("/proc/thread-self/io").ok();
        let (before, asking_bytes, counted_bytes) = <(Counters, u64, Arc<AtomicU64>)>::default();
        let mut reads = Self { throttle, image_bytes, io, before, asking_bytes, counted_bytes };
        reads.before = reads.counters().unwrap_or_default();
        reads
    }

    /// How much it was so far; other threads may look.
    pub(super) fn counted_bytes(&self) -> Arc<AtomicU64> {
        self.counted_bytes.clone()
    }

    /// Waits where too much was read since the last time.
    pub(super) fn pause(&mut self) {
        if let Some(counters) = self.counters() {
            let counted = counters.counting_bytes(self.before, self.image_bytes);
            let more = counted.saturating_sub(self.counted_bytes.swap(counted, Ordering::Relaxed));
            self.throttle.account(more, &told_to_stop);
        }
    }

    /// The work is done. Where the system does not count it is taken to have read the image once.
    pub(super) fn end(&mut self) {
        match self.io {
            Some(_) => self.pause(),
            None => self.throttle.account(self.image_bytes, &told_to_stop),
        }
    }

    /// None where the system does not say.
    fn counters(&mut self) -> Option<Counters> {
        let mut text = [0; 512];
        let length = self.io.as_ref()?.read_at(&mut text, 0).ok()?;
        let Counters { asked_bytes, fetched_bytes } = Counters::of(std::str::from_utf8(&text[..length]).ok()?)?;
        let counters = Counters { asked_bytes: asked_bytes.saturating_sub(self.asking_bytes), fetched_bytes };
        self.asking_bytes += length as u64;
        Some(counters)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Monitor, throttle::Paced};

    #[test]
    fn what_this_thread_reads_is_counted_and_nothing_else() {
        let slow = Paced::at(1_000);
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), vec![7; 100_000]).unwrap();
        let mut reads = Reads::new(slow.throttle().unwrap().clone(), 1_000_000);
        for _ in 0..50 {
            reads.pause();
        }
        std::thread::scope(|scope| scope.spawn(|| std::fs::read(file.path()).unwrap()).join().unwrap());
        reads.pause();
        let counted = reads.counted_bytes();
        assert_eq!(counted.load(Ordering::Relaxed), 0, "neither what others read nor its own looks");
        let read = std::fs::read(file.path()).unwrap();
        reads.pause();
        assert_eq!(counted.load(Ordering::Relaxed), read.len() as u64);
        assert!(slow.clock.napped().as_secs() >= 99);
    }

    #[test]
    fn the_image_counts_once_and_beyond_that_what_comes_from_the_disk() {
        let counters = |asked_bytes, fetched_bytes| Counters { asked_bytes, fetched_bytes };
        let since = counters(5_000, 300);
        let counting = |asked_bytes, fetched_bytes| counters(asked_bytes, fetched_bytes).counting_bytes(since, 1_000);
        assert_eq!([counting(5_000, 300), counting(5_900, 300), counting(6_000, 800), counting(90_000, 800)], [0, 900, 1_000, 1_000]);
        assert_eq!([counting(90_000, 1_400), counting(5_000, 700)], [1_100, 400]);
        let text = "rchar: 12\nwchar: 13\nsyscr: 14\nsyscw: 15\nread_bytes: 16\nwrite_bytes: 17\ncancelled_write_bytes: 18\n";
        let counters = Counters::of(text).unwrap();
        assert_eq!((counters.asked_bytes, counters.fetched_bytes), (12, 16));
        assert!(Counters::of("rchar: 12\n").is_none());
    }

    #[test]
    fn where_nothing_is_counted_it_waits_at_the_end() {
        let slow = Paced::at(1_000);
        let mut reads = Reads { io: None, ..Reads::new(slow.throttle().unwrap().clone(), 5_000) };
        reads.pause();
        assert_eq!(slow.clock.napped().as_millis(), 0);
        reads.end();
        assert!(slow.clock.napped().as_millis() > 4_900);
    }
}
