//! Reads the stored payload and turns it back into the image, checking hashes on the way. Not the frame around it.

use std::{
    cell::Cell,
    fs::File,
    io::{self, Read, Write},
    path::Path,
    sync::Arc,
    thread::ScopedJoinHandle,
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, Sender, bounded};
use keepstone_model::{
    job::{Progress, Step},
    metadata::{Form, Metadata},
};
use sha2::{Digest, Sha256};

use super::{
    BLOCK_BYTES,
    cipher::Decryptor,
    codec,
    hashes::{Block, Hashes},
    pool::{Lent, Pool},
};
use crate::{
    Error, Monitor, Result,
    direct::{DirectReader, Requests},
    image::hex,
    keys::Key,
    priority::{Priority, alike, giving_way},
    throttle::{self, Clock, Timed},
};

/// Where the payload stands in the file, and what it must be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) start: u64,
    pub(super) size_bytes: u64,
    pub(super) crc: u32,
}

/// The stored bytes, in order, hashed as they are read if that is wished.
struct StoredPayload {
    file: DirectReader,
    place: Place,
    done_bytes: u64,
    hashes: Option<(Sha256, flate2::Crc)>,
    /// The file's own fault: a decoder in between would pass it on as damage.
    fault: Option<io::Error>,
    took: Duration,
}

impl StoredPayload {
    fn new(file: &File, place: Place, hashed: Hashed) -> io::Result<Self> {
        // Checks go on behind an application; for a restore people wait.
        let requests = match hashed {
            Hashed::Nothing => Requests::Large,
            Hashed::StoredAndImage => Requests::Small,
        };
        let file = DirectReader::new(file, place.start, requests)?;
        let hashes = (hashed == Hashed::StoredAndImage).then(Default::default);
        Ok(Self { file, place, done_bytes: 0, hashes, fault: None, took: Duration::ZERO })
    }

    /// What is wrong with the bytes, all of which must have been used.
    fn verdict(self, used_bytes: u64, payload_hash: &str) -> std::result::Result<(), String> {
        if used_bytes != self.place.size_bytes || self.done_bytes != self.place.size_bytes {
            return Err(format!("the image ends after {used_bytes} of {} payload bytes", self.place.size_bytes));
        }
        let Some((hasher, crc)) = self.hashes else { return Ok(()) };
        if hex(&hasher.finalize()) != payload_hash {
            return Err("the payload is not the one that was written (payload_hash)".to_owned());
        }
        if crc.sum() != self.place.crc {
            return Err("the payload does not fit its CRC".to_owned());
        }
        Ok(())
    }
}

impl Read for StoredPayload {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.place.size_bytes - self.done_bytes).unwrap_or(usize::MAX);
        let wanted = left.min(buffer.len());
        let read = match self.file.read(&mut buffer[..wanted]) {
            Ok(read) => read,
            Err(fault) if fault.kind() == io::ErrorKind::Interrupted => return Err(fault),
            Err(fault) => {
                let kind = fault.kind();
                self.fault = Some(fault);
                return Err(kind.into());
            }
        };
        if let Some((hasher, crc)) = &mut self.hashes {
            hasher.update(&buffer[..read]);
            crc.update(&buffer[..read]);
        }
        self.done_bytes += read as u64;
        Ok(read)
    }
}

/// Blocks that may wait at one place.
const AHEAD: usize = 16;

/// Reads the stored bytes before they are asked for: the disk and the hash of the one do not wait for the decoder of the other. Ends with the
/// last byte, a fault (which `stored` keeps) or when nobody asks any more.
fn read_ahead(mut stored: StoredPayload, blocks: &Sender<Lent>, clock: &dyn Clock) -> StoredPayload {
    let memory = Pool::new();
    loop {
        let mut block = memory.of_length(BLOCK_BYTES);
        let began = clock.now();
        let filled = fill(&mut stored, &mut block);
        stored.took += clock.now().saturating_sub(began);
        match filled {
            Err(fault) => {
                stored.fault.get_or_insert(fault);
                return stored;
            }
            Ok(0) => return stored,
            Ok(read) => block.truncate(read),
        }
        if blocks.send(block).is_err() {
            return stored;
        }
        Priority::Low.give_way();
    }
}

/// The stored bytes as [`read_ahead`] hands them over. After a fault there they end early.
struct Ahead {
    blocks: Receiver<Lent>,
    block: Option<Lent>,
    at: usize,
    used_bytes: u64,
}

impl Ahead {
    fn new(blocks: Receiver<Lent>) -> Self {
        Self { blocks, block: None, at: 0, used_bytes: 0 }
    }
}

impl Read for Ahead {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.block.as_ref().is_none_or(|block| self.at == block.len()) {
            // Given back before the next one is waited for.
            (self.block, self.at) = (None, 0);
            self.block = self.blocks.recv().ok();
        }
        let Some(block) = &self.block else { return Ok(0) };
        let count = buffer.len().min(block.len() - self.at);
        buffer[..count].copy_from_slice(&block[self.at..self.at + count]);
        self.at += count;
        self.used_bytes += count as u64;
        Ok(count)
    }
}

/// Tells how far a step is, hears whether to stop, and does not go faster than it may.
struct Pace<'a> {
    monitor: &'a dyn Monitor,
    step: Step,
    total_bytes: u64,
    began: Instant,
    accounted_bytes: u64,
}

impl<'a> Pace<'a> {
    fn new(monitor: &'a dyn Monitor, step: Step, total_bytes: u64) -> Self {
        Self { monitor, step, total_bytes, began: Instant::now(), accounted_bytes: 0 }
    }

    fn at(&mut self, done_bytes: u64) -> Result<()> {
        let elapsed_ms = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.monitor.progress(&Progress { step: self.step, done_bytes, total_bytes: self.total_bytes, elapsed_ms });
        if let Some(throttle) = self.monitor.throttle() {
            throttle.account(done_bytes - self.accounted_bytes, &|| self.monitor.cancelled());
            self.accounted_bytes = done_bytes;
        }
        if self.monitor.cancelled() { Err(Error::CancelledHere) } else { Ok(()) }
    }
}

/// How long the parts of a pass over the stored bytes took. They go on beside each other; what one waits for another is in none of them.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Took {
    /// Reading and hashing what is stored.
    pub(crate) stored: Duration,
    pub(crate) decryption: Duration,
    pub(crate) decompression: Duration,
}

/// The archive that is read, for the payload's sake.
#[derive(Clone, Copy)]
pub(super) struct Stored<'a> {
    pub(super) path: &'a Path,
    pub(super) file: &'a File,
    pub(super) place: Place,
    pub(super) form: Form,
    pub(super) metadata: &'a Metadata,
    /// Of an encrypted payload.
    pub(super) key: Option<&'a Key>,
}

/// What is hashed while an image is extracted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hashed {
    /// Nothing: the caller hashes what became of the image, which says all that the others could.
    Nothing,
    /// The stored bytes, and the image both ways.
    StoredAndImage,
}

impl Stored<'_> {
    fn corrupt(&self, detail: impl Into<String>) -> Error {
        Error::ArchiveCorrupt { path: self.path.to_owned(), detail: detail.into() }
    }

    /// Reads every stored byte and compares the hash.
    pub(super) fn check(&self, step: Step, monitor: &dyn Monitor) -> Result<()> {
        let mut pace = Pace::new(monitor, step, self.place.size_bytes);
        let mut stored = StoredPayload::new(self.file, self.place, Hashed::StoredAndImage).map_err(|fault| Error::io(self.path, fault))?;
        let mut block = vec![0; BLOCK_BYTES];
        loop {
            pace.at(stored.done_bytes)?;
            if fill(&mut stored, &mut block).map_err(|fault| Error::io(self.path, stored.fault.take().unwrap_or(fault)))? == 0 {
                break;
            }
        }
        let used_bytes = stored.done_bytes;
        stored.verdict(used_bytes, &self.metadata.payload_hash).map_err(|detail| self.corrupt(detail))
    }

    /// Writes the image into `sink`, at most as many bytes as the metadata says, and compares the hashes.
    pub(super) fn extract(
        &self,
        sink: &mut (dyn Write + Send),
        sink_path: &Path,
        hashed: Hashed,
        step: Step,
        monitor: &dyn Monitor,
    ) -> Result<Took> {
        let clock = throttle::clock(monitor);
        let stored = StoredPayload::new(self.file, self.place, hashed).map_err(|fault| Error::io(self.path, fault))?;
        let (decoded, used_bytes, joined) = std::thread::scope(|scope| {
            // Both disks and the hashes run beside the decoder: each takes about as long as it does.
            let (ahead, blocks) = bounded(AHEAD);
            let reading = &*clock;
            let reader = scope.spawn(alike(move || read_ahead(stored, &ahead, reading)));
            let mut stored = Ahead::new(blocks);
            let (written, blocks) = bounded::<Block>(AHEAD);
            let writer = scope.spawn(alike(move || {
                giving_way(Priority::Low, blocks.iter()).try_for_each(|block| sink.write_all(&block)).and_then(|()| sink.flush())
            }));
            let (mut receivers, mut hasher) = (vec![written], None);
            if hashed == Hashed::StoredAndImage {
                let (hash, blocks) = bounded::<Block>(AHEAD);
                receivers.push(hash);
                hasher = Some(scope.spawn(alike(move || Hashes::of(self.form, giving_way(Priority::Low, blocks.iter())))));
            }
            let decoded = self.decode(&mut stored, &*clock, step, monitor, &mut |block| {
                let taken = receivers.iter().all(|to| to.send(Arc::clone(&block)).is_ok());
                // The writer, of a fault that it tells; or one that panicked.
                if taken { Ok(()) } else { Err(Error::Internal("a thread of the archive reader ended early".to_owned())) }
            });
            let used_bytes = stored.used_bytes;
            // Nobody asks any more, and no more comes: the threads end.
            drop((stored, receivers));
            let hashes = hasher.map(ScopedJoinHandle::join).transpose();
            (decoded, used_bytes, (reader.join(), writer.join(), hashes))
        });
        let (Ok(mut stored), Ok(written), Ok(hashes)) = joined else {
            return Err(Error::Internal("a thread of the archive reader panicked".to_owned()));
        };
        written.map_err(|fault| Error::io(sink_path, fault))?;
        // The file's own fault first: to the decoder it looked like damage.
        if let Some(fault) = stored.fault.take() {
            return Err(Error::io(self.path, fault));
        }
        let took = Took { stored: stored.took, ..decoded? };
        stored.verdict(used_bytes, &self.metadata.payload_hash).map_err(|detail| self.corrupt(detail))?;
        if let Some(Hashes { backup, restore }) = hashes {
            if backup != self.metadata.backup_hash {
                return Err(self.corrupt("the image is not the one that was backed up (backup_hash)"));
            }
            if restore != self.metadata.restore_hash {
                return Err(self.corrupt("the image does not fit its restore_hash"));
            }
        }
        Ok(took)
    }

    /// Decompresses block by block, up to the declared size and not a byte further.
    fn decode(
        &self,
        stored: &mut Ahead,
        clock: &dyn Clock,
        step: Step,
        monitor: &dyn Monitor,
        each: &mut dyn FnMut(Block) -> Result<()>,
    ) -> Result<Took> {
        let size_bytes = self.metadata.original_size;
        let mut pace = Pace::new(monitor, step, size_bytes);
        let (mut done_bytes, memory) = (0, Pool::new());
        // Each with those before it.
        let (waiting, decrypting, decoding) = <(Cell<_>, Cell<_>, Cell<_>)>::default();
        let outcome = {
            let stored = Timed::new(&mut *stored, clock, &waiting);
            let compressed: Box<dyn Read + '_> = match self.key {
                None => Box::new(stored),
                Some(key) => Box::new(Timed::new(Decryptor::new(stored, key, self.place.size_bytes), clock, &decrypting)),
            };
            let image = codec::decoder(self.metadata.compression, compressed).map_err(|fault| Error::Internal(fault.to_string()))?;
            let mut image = Timed::new(image, clock, &decoding);
            loop {
                pace.at(done_bytes)?;
                let wanted = usize::try_from(size_bytes - done_bytes).unwrap_or(usize::MAX).min(BLOCK_BYTES);
                // One byte more than the last: nothing may follow it.
                let mut block = memory.of_length(wanted.max(1));
                match fill(&mut image, block.as_mut_slice()) {
                    Err(fault) => break Err(fault),
                    Ok(0) if wanted == 0 => break Ok(None),
                    Ok(_) if wanted == 0 => break Ok(Some(format!("the image is longer than its {size_bytes} bytes"))),
                    Ok(0) => break Ok(Some(format!("the image ends after {done_bytes} of {size_bytes} bytes"))),
                    Ok(read) => {
                        block.truncate(read);
                        done_bytes += read as u64;
                        each(Arc::new(block))?;
                        Priority::Low.give_way();
                    }
                }
            }
        };
        match outcome {
            Ok(None) => Ok(Took {
                stored: Duration::ZERO,
                decryption: decrypting.get().saturating_sub(waiting.get()),
                decompression: decoding.get().saturating_sub(decrypting.get().max(waiting.get())),
            }),
            Ok(Some(detail)) => Err(self.corrupt(detail)),
            Err(fault) => Err(self.corrupt(format!("the payload cannot be read after {done_bytes} bytes of the image: {fault}"))),
        }
    }
}

/// Reads until the buffer is full or nothing more comes.
fn fill(from: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match from.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(fault) if fault.kind() == io::ErrorKind::Interrupted => {}
            Err(fault) => return Err(fault),
        }
    }
    Ok(filled)
}
