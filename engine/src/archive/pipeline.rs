//! The threads between an image and its archive: one hashes the plain blocks, some compress them, one takes the results in order, encrypts them
//! if that is wished, and writes them. Not what an archive is, nor when it ends.
//!
//! Every queue is bounded, so a slow disk holds up the caller instead of filling memory: at most [`QUEUE`] blocks stand between the two ends.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{Builder, JoinHandle},
    time::Duration,
};

use crossbeam_channel::{Receiver, SendTimeoutError, Sender, bounded};
use keepstone_model::metadata::Form;
use sha2::{Digest, Sha256};

use super::{
    cipher::Encryptor,
    codec::{Codec, Compressor},
    container::Container,
    hashes::{Block, Hashes},
    pool::{Lent, Pool},
};
use crate::{
    Error, Result,
    direct::DirectFile,
    image::hex,
    keys::Key,
    priority::{Courtesy, Priority, giving_way},
    sqlite::told_to_stop,
};

/// Blocks that may wait at one place.
const QUEUE: usize = 8;

/// How often somebody who waits for room looks whether to go on.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// More threads do not help: by then the hashes or the disk are the slowest part.
const COMPRESSORS_MAX: usize = 4;

/// A block to compress, and where its compressed bytes go. Every block has a channel of its own: the writer takes these in the order of the
/// image, so nothing has to be sorted and nothing can pile up behind a slow block.
struct Work {
    block: Block,
    done: Sender<io::Result<Lent>>,
}

/// What the writer gets for each block, in the order of the image.
enum Next {
    Plain(Block),
    Compressed(Receiver<io::Result<Lent>>),
}

/// The payload as it stands in the file.
pub(super) struct Payload {
    pub(super) container: Container<DirectFile>,
    pub(super) size_bytes: u64,
    pub(super) stored_hash: String,
    pub(super) image: Hashes,
}

struct Stored {
    container: Container<DirectFile>,
    size_bytes: u64,
    hash: String,
}

/// The running threads. Dropping it stops them all and waits for them.
#[derive(Debug)]
pub(super) struct Pipeline {
    path: PathBuf,
    abandoned: Arc<AtomicBool>,
    /// None once the threads were told that no more comes.
    inlets: Option<Inlets>,
    writer: Option<JoinHandle<io::Result<Stored>>>,
    hasher: Option<JoinHandle<Hashes>>,
    compressors: Vec<JoinHandle<()>>,
}

#[derive(Debug)]
struct Inlets {
    hash: Sender<Block>,
    order: Sender<Next>,
    /// None where nothing is compressed.
    work: Option<Sender<Work>>,
}

impl Pipeline {
    /// Starts the threads that fill `container`, which is the file at `path`.
    pub(super) fn start(
        path: &Path,
        container: Container<DirectFile>,
        codec: Codec,
        form: Form,
        key: Option<Key>,
        priority: Priority,
    ) -> Result<Self> {
        let failed = |source| Error::io(path, source);
        let mut pipeline =
            Self { path: path.to_owned(), abandoned: Arc::default(), inlets: None, writer: None, hasher: None, compressors: Vec::new() };
        let (hash, blocks) = bounded::<Block>(QUEUE);
        let hasher = spawn(priority, "image-hash", move || Hashes::of(form, giving_way(priority, blocks.iter())));
        pipeline.hasher = Some(hasher.map_err(failed)?);
        let (order, blocks) = bounded(QUEUE);
        let abandoned = Arc::clone(&pipeline.abandoned);
        let encryptor = key.as_ref().map(Encryptor::new);
        let writer = spawn(priority, "archive-write", move || {
            Outlet { container, hasher: Sha256::new(), size_bytes: 0 }.store(encryptor, giving_way(priority, blocks.iter()), &abandoned)
        });
        pipeline.writer = Some(writer.map_err(failed)?);
        let work = if codec == Codec::Plain {
            None
        } else {
            let (inlet, work) = bounded::<Work>(QUEUE);
            let memory = Pool::new();
            let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get).min(COMPRESSORS_MAX);
            for _ in 0..threads {
                let mut compressor = Compressor::new(codec).map_err(failed)?;
                let (work, memory, abandoned) = (work.clone(), memory.clone(), Arc::clone(&pipeline.abandoned));
                let thread =
                    spawn(priority, "compress", move || compress(&mut compressor, giving_way(priority, work.iter()), &memory, &abandoned));
                pipeline.compressors.push(thread.map_err(failed)?);
            }
            Some(inlet)
        };
        pipeline.inlets = Some(Inlets { hash, order, work });
        Ok(pipeline)
    }

    /// Hands over the next block; waits while the queues are full. That ends with `CancelledHere` when the operation around it is told to stop:
    /// whoever pushes may hold a transaction of the source, which a disk that hangs must not prolong. After another error nothing runs any more.
    pub(super) fn push(&mut self, block: Lent) -> Result<()> {
        match self.inlets.as_ref().map_or(Err(Untaken::Gone), |inlets| inlets.take(Arc::new(block))) {
            Ok(()) => return Ok(()),
            Err(Untaken::Stopped) => return Err(Error::CancelledHere),
            Err(Untaken::Gone) => {}
        }
        // A thread has ended before its time: the writer, of a fault of the file, or one that panicked.
        self.abandoned.store(true, Ordering::Relaxed);
        match self.stop() {
            Err(fault) => Err(fault),
            Ok(_) => Err(Error::Internal("a thread of the archive writer ended early".to_owned())),
        }
    }

    /// Waits until the last block is written.
    pub(super) fn finish(mut self) -> Result<Payload> {
        self.stop()
    }

    fn stop(&mut self) -> Result<Payload> {
        self.inlets = None;
        let gone = || Error::Internal("a thread of the archive writer panicked".to_owned());
        let stored = self.writer.take().map(JoinHandle::join);
        let hashes = self.hasher.take().map(JoinHandle::join);
        let compressed = self.compressors.drain(..).map(JoinHandle::join).fold(Ok(()), Result::and);
        let stored = stored.ok_or_else(gone)?.map_err(|_| gone())?.map_err(|source| Error::io(&self.path, source))?;
        compressed.map_err(|_| gone())?;
        let image = hashes.ok_or_else(gone)?.map_err(|_| gone())?;
        Ok(Payload { container: stored.container, size_bytes: stored.size_bytes, stored_hash: stored.hash, image })
    }
}

impl Drop for Pipeline {
    fn drop(&mut self) {
        self.abandoned.store(true, Ordering::Relaxed);
        drop(self.stop());
    }
}

impl Inlets {
    fn take(&self, block: Block) -> Result<(), Untaken> {
        let next = match &self.work {
            None => Next::Plain(Arc::clone(&block)),
            Some(work) => {
                let (done, compressed) = bounded(1);
                hand(work, Work { block: Arc::clone(&block), done }, told_to_stop)?;
                Next::Compressed(compressed)
            }
        };
        hand(&self.order, next, told_to_stop)?;
        hand(&self.hash, block, told_to_stop)
    }
}

/// Why a block was not taken.
#[derive(Debug, PartialEq, Eq)]
enum Untaken {
    /// A thread has ended.
    Gone,
    Stopped,
}

/// Waits for room, looking now and then whether that is still wanted.
fn hand<T>(to: &Sender<T>, mut value: T, told_to_stop: impl Fn() -> bool) -> Result<(), Untaken> {
    loop {
        match to.send_timeout(value, LOOK_EVERY) {
            Ok(()) => return Ok(()),
            Err(SendTimeoutError::Disconnected(_)) => return Err(Untaken::Gone),
            Err(SendTimeoutError::Timeout(_)) if told_to_stop() => return Err(Untaken::Stopped),
            Err(SendTimeoutError::Timeout(back)) => value = back,
        }
    }
}

/// A thread of that priority.
fn spawn<T: Send + 'static>(priority: Priority, name: &str, body: impl FnOnce() -> T + Send + 'static) -> io::Result<JoinHandle<T>> {
    Builder::new().name(name.to_owned()).spawn(move || {
        priority.take_on();
        let _courtesy = Courtesy::begin(priority);
        body()
    })
}

fn compress(compressor: &mut Compressor, work: impl Iterator<Item = Work>, memory: &Pool, abandoned: &AtomicBool) {
    for Work { block, done } in work {
        if !abandoned.load(Ordering::Relaxed) {
            let mut stored = memory.empty();
            let compressed = compressor.compress(&block, &mut stored);
            // The writer may be gone already; then nobody waits for this one.
            drop(done.send(compressed.map(|()| stored)));
        }
    }
}

/// The bytes of a block as they are stored or encrypted.
fn bytes_of(next: Next) -> io::Result<Bytes> {
    match next {
        Next::Plain(block) => Ok(Bytes::Shared(block)),
        Next::Compressed(done) => done.recv().map_err(|_| io::Error::other("a compressor ended early"))?.map(Bytes::Own),
    }
}

enum Bytes {
    Shared(Block),
    Own(Lent),
}

impl AsRef<[u8]> for Bytes {
    fn as_ref(&self) -> &[u8] {
        match self {
            Self::Shared(block) => block,
            Self::Own(bytes) => bytes,
        }
    }
}

/// Where the stored bytes go, in order.
struct Outlet {
    container: Container<DirectFile>,
    hasher: Sha256,
    size_bytes: u64,
}

impl Outlet {
    /// Ends with the file's first fault; the queue is closed by that, which the caller meets at the next block.
    fn store(mut self, encryptor: Option<Encryptor>, blocks: impl Iterator<Item = Next>, abandoned: &AtomicBool) -> io::Result<Stored> {
        let mut encryptor = encryptor;
        for next in blocks {
            let bytes = bytes_of(next)?;
            if abandoned.load(Ordering::Relaxed) {
                return Err(io::Error::other("given up"));
            }
            match &mut encryptor {
                None => self.put(bytes.as_ref())?,
                Some(encryptor) => encryptor.push(bytes.as_ref(), &mut |chunk| self.put(chunk))?,
            }
        }
        if let Some(encryptor) = encryptor {
            encryptor.finish(&mut |chunk| self.put(chunk))?;
        }
        Ok(Stored { container: self.container, size_bytes: self.size_bytes, hash: hex(&self.hasher.finalize()) })
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.container.write(bytes)?;
        self.hasher.update(bytes);
        self.size_bytes += bytes.len() as u64;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_waits_for_a_hung_disk_longer_than_told() {
        let (to, from) = bounded(1);
        assert_eq!(hand(&to, 1, || true), Ok(()), "there is room");
        assert_eq!(hand(&to, 2, || true), Err(Untaken::Stopped));
        let looks = std::cell::Cell::new(0);
        let later = || {
            looks.set(looks.get() + 1);
            looks.get() == 3
        };
        assert_eq!((hand(&to, 2, later), looks.get()), (Err(Untaken::Stopped), 3));
        assert_eq!(from.recv(), Ok(1));
        drop(from);
        assert_eq!(hand(&to, 3, || false), Err(Untaken::Gone));
    }
}
