//! What a verb of the engine writes, as the body of a response: a blocking writer on one side, a stream on the other.

use std::{
    io::{self, Write},
    path::Path,
};

use axum::body::Bytes;
use keepstone_engine::{Monitor, Result, archive::Archive};
use keepstone_model::job::Step;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

/// Pieces that wait for the network: a slow reader holds the writer, it does not fill memory.
const PIECES: usize = 8;

/// Streams the plain image.
pub(super) fn archive(archive: Archive) -> ReceiverStream<io::Result<Bytes>> {
    let what = archive.path().display().to_string();
    stream(what, move |sink, monitor| archive.extract(sink, Path::new("the download"), Step::Verify, monitor))
}

/// Streams what `write` writes. A fault comes as an error at the end of the stream, which breaks the connection off: no browser takes what it has
/// for whole.
pub(super) fn stream(
    what: String,
    write: impl FnOnce(&mut (dyn Write + Send), &dyn Monitor) -> Result<()> + Send + 'static,
) -> ReceiverStream<io::Result<Bytes>> {
    let (sender, receiver) = mpsc::channel(PIECES);
    tokio::task::spawn_blocking(move || {
        let gone = Gone(sender.clone());
        let mut pipe = Pipe(sender.clone());
        if let Err(error) = write(&mut pipe, &gone)
            && !sender.is_closed()
        {
            tracing::warn!(%error, code = error.code(), what, "a download failed");
            // If the reader has gone now, there is nobody to tell.
            let _ = sender.blocking_send(Err(io::Error::other("it could not be read to its end")));
        }
    });
    ReceiverStream::new(receiver)
}

struct Pipe(mpsc::Sender<io::Result<Bytes>>);

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.blocking_send(Ok(Bytes::copy_from_slice(bytes))).map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Cancels the verb once nobody reads any more.
struct Gone(mpsc::Sender<io::Result<Bytes>>);

impl Monitor for Gone {
    fn cancelled(&self) -> bool {
        self.0.is_closed()
    }
}

/// Flushing small pieces through would make many small ones on the wire.
pub(super) struct Whole<'a>(pub(super) &'a mut (dyn Write + Send));

impl Write for Whole<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
