//! A restored file: written past the page cache, and read back from the disk and hashed while the rest of it is still being written.

use std::{
    fs::File,
    io::{self, BufRead, Write},
    path::Path,
    thread,
};

use crossbeam_channel::{Receiver, Sender, unbounded};
use keepstone_model::job::Step;
use rustix::fs::{FallocateFlags, fallocate};
use sha2::{Digest, Sha256};

use crate::{
    Error, Monitor, Result,
    archive::Archive,
    direct::{DirectFile, DirectReader, Requests},
    image::hex,
    proof::create_private,
};

/// Makes a new file of the image. When this returns, the file is durable, and every byte that the disk gave back is the backup's.
pub(super) fn write_and_read_back(archive: &Archive, path: &Path, step: Step, monitor: &dyn Monitor) -> Result<()> {
    let fault = |error| Error::io(path, error);
    let file = create_private(path)?;
    reserve(&file, archive.metadata().original_size).map_err(fault)?;
    let behind = DirectReader::new(&file, 0, Requests::Large).map_err(fault)?;
    let (lengths, known) = unbounded();
    let (written, hash) = thread::scope(|scope| {
        let hash = scope.spawn(move || hash_behind(behind, &known));
        let mut sink = Announced { file: DirectFile::new(file, Requests::Large), lengths, told_bytes: 0 };
        let extracted = archive.extract_unhashed(&mut sink, path, step, monitor);
        // The channel ends with the sink: what is in the file by then is all.
        let written = extracted.and_then(|()| sink.into_durable().map_err(fault));
        (written, hash.join())
    });
    written?;
    let hash = hash.map_err(|_| Error::Internal("a thread that reads a restored file back panicked".to_owned()))?.map_err(fault)?;
    if hash == archive.metadata().backup_hash {
        return Ok(());
    }
    // The archive itself may be other than its metadata say; else it is the disk.
    archive.extract(&mut io::sink(), path, step, monitor)?;
    Err(Error::RestoreMismatch { detail: format!("{} does not give back what was written to it", path.display()) })
}

/// The room for the whole file, so that a full disk says so before anything is written and reading need not wait for a file that grows. Where the
/// file system cannot do that, it grows.
fn reserve(file: &File, size_bytes: u64) -> io::Result<()> {
    match fallocate(file, FallocateFlags::empty(), 0, size_bytes.max(1)) {
        Ok(()) => file.set_len(size_bytes),
        Err(errno) if matches!(errno, rustix::io::Errno::NOSPC | rustix::io::Errno::DQUOT | rustix::io::Errno::FBIG) => Err(errno.into()),
        Err(_) => Ok(()),
    }
}

/// A file that tells how much of it can be read.
struct Announced {
    file: DirectFile,
    lengths: Sender<u64>,
    told_bytes: u64,
}

impl Announced {
    fn into_durable(self) -> io::Result<()> {
        let Self { file, lengths, .. } = self;
        let file = file.into_file()?;
        file.sync_all()?;
        drop(lengths);
        Ok(())
    }
}

impl Write for Announced {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        if self.file.passed_on_bytes() > self.told_bytes {
            self.told_bytes = self.file.passed_on_bytes();
            // Nobody listens to a file that could not be read: that fault is told at the end.
            let _ = self.lengths.send(self.told_bytes);
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// The SHA-256 of the file, read as far as it is said to be there; to its end once nothing more is said.
fn hash_behind(mut file: DirectReader, lengths: &Receiver<u64>) -> io::Result<String> {
    let mut hasher = Sha256::new();
    let (mut read_bytes, mut there_bytes) = (0_u64, 0_u64);
    loop {
        // Whole chunks only, until the file has its end.
        while there_bytes < read_bytes + Requests::Large.bytes() as u64 {
            there_bytes = lengths.recv().unwrap_or(u64::MAX);
        }
        let count = match file.fill_buf() {
            Ok([]) => return Ok(hex(&hasher.finalize())),
            Ok(bytes) => {
                hasher.update(bytes);
                bytes.len()
            }
            Err(fault) if fault.kind() == io::ErrorKind::Interrupted => 0,
            Err(fault) => return Err(fault),
        };
        file.consume(count);
        read_bytes += count as u64;
    }
}
