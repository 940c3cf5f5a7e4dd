//! Large files that are written once or read once, from the beginning to the end, past the page cache where their file system can do that
//! (`O_DIRECT`, open(2)); elsewhere as usual.
//!
//! It costs no copy in the kernel and does not drive the application's pages out of memory. What is written is on its way to the disk while the
//! next bytes are still being made, so that the fsync has little left to do; it is not durable until that fsync all the same. What is read comes
//! from the disk and not from memory.

use std::{
    fs::File,
    io::{self, BufRead, Read, Seek, SeekFrom, Write},
    os::{
        fd::AsRawFd,
        unix::fs::{FileExt, OpenOptionsExt},
    },
};

use rustix::{
    fs::{OFlags, fcntl_getfl, fcntl_setfl},
    io::Errno,
};

/// Addresses, lengths and offsets are multiples of this: no disk of today asks for more.
const ALIGNMENT: usize = 4096;

/// How much goes to the disk, or comes from it, at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Requests {
    /// What others ask of the disk meanwhile, a commit of the application say, waits for one of these at most: a tenth of a millisecond each.
    Small,
    /// The disk does most with these, and others wait for them.
    Large,
}

impl Requests {
    pub(crate) fn bytes(self) -> usize {
        match self {
            Self::Small => 128 << 10,
            Self::Large => 1 << 20,
        }
    }
}

/// Memory for one chunk, aligned.
#[derive(Debug)]
struct Chunk {
    /// Never grows, so that what is aligned in it stays so.
    memory: Vec<u8>,
    start: usize,
    size: usize,
}

impl Chunk {
    fn new(requests: Requests) -> Self {
        let size = requests.bytes();
        let memory = vec![0; size + ALIGNMENT];
        let start = memory.as_ptr().align_offset(ALIGNMENT).min(ALIGNMENT);
        Self { memory, start, size }
    }

    fn bytes(&self) -> &[u8] {
        &self.memory[self.start..self.start + self.size]
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.memory[self.start..self.start + self.size]
    }
}

/// A new file that is written.
#[derive(Debug)]
pub(crate) struct DirectFile {
    file: File,
    chunk: Chunk,
    filled: usize,
    /// How much the kernel took.
    passed_on: u64,
    direct: bool,
}

impl DirectFile {
    /// Takes an empty file, open for writing.
    pub(crate) fn new(file: File, requests: Requests) -> Self {
        let direct = fcntl_getfl(&file).and_then(|flags| fcntl_setfl(&file, flags | OFlags::DIRECT)).is_ok();
        Self { file, chunk: Chunk::new(requests), filled: 0, passed_on: 0, direct }
    }

    /// How many bytes of the file have been handed to the kernel, in order from its beginning. A seek does not count.
    pub(crate) fn passed_on_bytes(&self) -> u64 {
        self.passed_on
    }

    /// The file, with everything that was written handed to the kernel; not yet fsynced. From here on it is an ordinary file.
    pub(crate) fn into_file(mut self) -> io::Result<File> {
        self.settle()?;
        Ok(self.file)
    }

    /// Writes what waits and ends the direct way: what follows may lie anywhere and have any length.
    fn settle(&mut self) -> io::Result<()> {
        let whole = self.filled - self.filled % ALIGNMENT;
        if self.direct {
            self.pass_on(whole)?;
        }
        self.indirect()?;
        self.pass_on(self.filled)
    }

    fn indirect(&mut self) -> io::Result<()> {
        if self.direct {
            fcntl_setfl(&self.file, fcntl_getfl(&self.file)? - OFlags::DIRECT)?;
            self.direct = false;
        }
        Ok(())
    }

    /// Hands the first so many bytes of the chunk to the kernel and moves the rest to its beginning.
    fn pass_on(&mut self, count: usize) -> io::Result<()> {
        let mut from = 0;
        while from < count {
            match self.file.write(&self.chunk.bytes()[from..count]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    from += written;
                    self.passed_on += written as u64;
                    // A disk that is filling up takes less: the rest would not be aligned any more.
                    if !written.is_multiple_of(ALIGNMENT) {
                        self.indirect()?;
                    }
                }
                Err(fault) if fault.kind() == io::ErrorKind::Interrupted => {}
                // The flag was taken and the write is not: a file system that has it for some files only, or wants more alignment.
                Err(fault) if self.direct && fault.raw_os_error() == Some(Errno::INVAL.raw_os_error()) => self.indirect()?,
                Err(fault) => return Err(fault),
            }
        }
        let filled = self.filled;
        self.chunk.bytes_mut().copy_within(count..filled, 0);
        self.filled -= count;
        Ok(())
    }
}

impl Write for DirectFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.filled == self.chunk.size {
            self.pass_on(self.filled)?;
        }
        let count = bytes.len().min(self.chunk.size - self.filled);
        self.chunk.bytes_mut()[self.filled..self.filled + count].copy_from_slice(&bytes[..count]);
        self.filled += count;
        Ok(count)
    }

    /// Keeps what is no whole chunk yet: [`DirectFile::into_file`] and a seek pass it on.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for DirectFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.settle()?;
        self.file.seek(to)
    }
}

/// A file that is read from some byte on, beside whoever else has it open.
#[derive(Debug)]
pub(crate) struct DirectReader {
    file: File,
    chunk: Chunk,
    direct: bool,
    /// Of the chunk: where it begins in the file, how much of it was read, how much of that was taken.
    chunk_at: u64,
    read: usize,
    taken: usize,
}

impl DirectReader {
    /// Begins at a byte of a file that is open.
    pub(crate) fn new(file: &File, at: u64, requests: Requests) -> io::Result<Self> {
        // Another description of the same file, whatever its name is by now: the flag is not the other's.
        let flag = i32::try_from(OFlags::DIRECT.bits()).unwrap_or(0);
        let again = File::options().read(true).custom_flags(flag).open(format!("/proc/self/fd/{}", file.as_raw_fd()));
        let (file, direct) = match again {
            Ok(again) => (again, true),
            Err(_) => (file.try_clone()?, false),
        };
        let skipped = usize::try_from(at % ALIGNMENT as u64).expect("less than the alignment");
        Ok(Self { file, chunk: Chunk::new(requests), direct, chunk_at: at - skipped as u64, read: 0, taken: skipped })
    }

    fn next_chunk(&mut self) -> io::Result<()> {
        self.taken -= self.read;
        self.chunk_at += self.read as u64;
        self.read = 0;
        match self.file.read_at(self.chunk.bytes_mut(), self.chunk_at) {
            // As with a write: the flag was taken and the read is not.
            Err(fault) if self.direct && fault.raw_os_error() == Some(Errno::INVAL.raw_os_error()) => {
                fcntl_setfl(&self.file, fcntl_getfl(&self.file)? - OFlags::DIRECT)?;
                self.direct = false;
                self.next_chunk()
            }
            read => {
                self.read = read?;
                Ok(())
            }
        }
    }
}

impl Read for DirectReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let there = self.fill_buf()?;
        let count = buffer.len().min(there.len());
        buffer[..count].copy_from_slice(&there[..count]);
        self.consume(count);
        Ok(count)
    }
}

impl BufRead for DirectReader {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.taken >= self.read {
            self.next_chunk()?;
        }
        // A file may end before the byte that reading began with.
        Ok(&self.chunk.bytes()[self.taken.min(self.read)..self.read])
    }

    fn consume(&mut self, count: usize) {
        self.taken += count;
    }
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        io::{Read, Seek, SeekFrom, Write},
        path::Path,
    };

    use super::{ALIGNMENT, DirectFile, DirectReader, Requests};

    const CHUNK_BYTES: usize = 128 << 10;

    fn bytes(count: usize) -> Vec<u8> {
        (0..count).map(|at| u8::try_from(at * 31 % 251).unwrap()).collect()
    }

    fn written(path: &Path, pieces: &[&[u8]]) -> Vec<u8> {
        let mut file = DirectFile::new(fs::File::create_new(path).unwrap(), Requests::Small);
        for piece in pieces {
            file.write_all(piece).unwrap();
        }
        file.into_file().unwrap().sync_all().unwrap();
        let found = fs::read(path).unwrap();
        fs::remove_file(path).unwrap();
        found
    }

    #[test]
    fn holds_what_was_written_whatever_its_length() {
        // The one has the direct way as a rule; the other, in memory, did not have it for long.
        for folder in [tempfile::tempdir().unwrap(), tempfile::tempdir_in("/dev/shm").unwrap()] {
            let path = folder.path().join("file");
            for count in [0, 1, ALIGNMENT - 1, ALIGNMENT, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES + ALIGNMENT + 5] {
                let all = bytes(count);
                assert!(written(&path, &[&all]) == all, "{count} bytes at once");
                let pieces: Vec<&[u8]> = all.chunks(70_001).collect();
                assert!(written(&path, &pieces) == all, "{count} bytes in pieces");
            }
        }
    }

    #[test]
    fn gives_back_what_a_file_holds_from_any_byte_on() {
        for folder in [tempfile::tempdir().unwrap(), tempfile::tempdir_in("/dev/shm").unwrap()] {
            let path = folder.path().join("file");
            let all = bytes(2 * CHUNK_BYTES + ALIGNMENT + 5);
            fs::write(&path, &all).unwrap();
            let file = fs::File::open(&path).unwrap();
            fs::remove_file(&path).unwrap();
            let length = u64::try_from(all.len()).unwrap();
            for at in [0, 1, 4095, 4096, 4097, 1 << 20, length - 1, length, length + 5000] {
                let mut found = Vec::new();
                DirectReader::new(&file, at, Requests::Small).unwrap().read_to_end(&mut found).unwrap();
                assert!(found == all[all.len().min(usize::try_from(at).unwrap())..], "from {at}");
            }
        }
    }

    #[test]
    fn what_was_written_can_be_patched() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let mut all = bytes(2 * CHUNK_BYTES + 77);
        let mut file = DirectFile::new(fs::File::create_new(&path).unwrap(), Requests::Large);
        file.write_all(&all).unwrap();
        file.seek(SeekFrom::Start(14)).unwrap();
        file.write_all(b"patched").unwrap();
        file.seek(SeekFrom::End(0)).unwrap();
        file.write_all(b"and more").unwrap();
        drop(file.into_file().unwrap());
        all[14..21].copy_from_slice(b"patched");
        all.extend_from_slice(b"and more");
        assert!(fs::read(&path).unwrap() == all);
    }

    #[test]
    fn a_fault_of_the_file_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, b"").unwrap();
        let mut file = DirectFile::new(fs::File::open(&path).unwrap(), Requests::Small);
        file.write_all(&bytes(CHUNK_BYTES)).unwrap();
        assert!(file.write_all(b"x").is_err(), "it is open for reading only");
    }
}
