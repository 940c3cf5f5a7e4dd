//! A copy of an encrypted archive with other key slots. Not when it takes the place of the first one.

use std::{
    fs::{File, OpenOptions},
    io::{self, Seek, SeekFrom, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use keepstone_model::{job::Step, metadata::Slot};

use super::{
    Archive, METADATA_ENTRY,
    layout::{Entry, Layout},
    sealed,
};
use crate::{Error, Monitor, Result};

impl Archive {
    /// Writes the copy: the payload's bytes and everything that is sealed as they are, with these slots. Where the file system shares blocks
    /// (Btrfs, XFS) it costs neither time nor room, elsewhere the reading and writing of the archive. The copy is fsynced, and its payload
    /// was read back from the disk and compared.
    pub(crate) fn rewrap(&self, target: &Path, slots: Vec<Slot>, monitor: &dyn Monitor) -> Result<()> {
        let Some(locked) = &self.locked else { return Err(Error::Internal("an archive without slots cannot get others".to_owned())) };
        let text = sealed::with_slots(locked, &self.metadata, slots)?;
        let mut crc = flate2::Crc::new();
        crc.update(&text);
        let layout = Layout::of(
            Entry { name: self.payload_entry, size_bytes: self.payload.size_bytes, crc: self.payload.crc },
            Entry { name: METADATA_ENTRY, size_bytes: text.len() as u64, crc: crc.sum() },
        );
        let mut copy =
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(target).map_err(|source| Error::io(target, source))?;
        self.copy_payload(&mut copy, &layout)
            .and_then(|()| {
                copy.seek(SeekFrom::Start(layout.middle_start()))?;
                copy.write_all(&layout.middle)?;
                copy.write_all(&text)?;
                copy.write_all(&layout.tail)?;
                copy.sync_all()
            })
            .map_err(|source| Error::io(target, source))?;
        // Advice only: where it is not taken, reading back may read memory instead of the disk.
        let _ = rustix::fs::fadvise(&copy, 0, None, rustix::fs::Advice::DontNeed);
        drop(copy);
        Archive::open(target)?.check_payload(Step::Check, monitor)
    }

    /// Everything up to the metadata's header.
    fn copy_payload(&self, copy: &mut File, layout: &Layout) -> io::Result<()> {
        if rustix::fs::ioctl_ficlone(&*copy, &self.file).is_ok() {
            return copy.set_len(layout.middle_start());
        }
        let mut from = self.file.try_clone()?;
        from.seek(SeekFrom::Start(0))?;
        // The kernel copies from file to file by itself.
        let copied = io::copy(&mut io::Read::take(&mut from, layout.middle_start()), copy)?;
        if copied == layout.middle_start() { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }
}
