//! The plain database out of an archive, as the body of a response: a blocking writer on one side, a stream on the other.

use std::{
    io::{self, Write},
    path::Path,
};

use axum::body::Bytes;
use keepstone_engine::{Monitor, archive::Archive};
use keepstone_model::job::Step;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

/// Pieces that wait for the network: a slow reader holds the extraction, it does not fill memory.
const PIECES: usize = 8;

/// Streams the image. A fault comes as an error at the end of the stream, which breaks the connection off.
pub(super) fn stream(archive: Archive) -> ReceiverStream<io::Result<Bytes>> {
    let (sender, receiver) = mpsc::channel(PIECES);
    tokio::task::spawn_blocking(move || {
        let gone = Gone(sender.clone());
        let mut pipe = Pipe(sender.clone());
        let sink = Path::new("the download");
        if let Err(error) = archive.extract(&mut pipe, sink, Step::Verify, &gone)
            && !sender.is_closed()
        {
            tracing::warn!(%error, archive = %archive.path().display(), "a download of the plain database failed");
            // If the reader has gone now, there is nobody to tell.
            let _ = sender.blocking_send(Err(io::Error::other("the archive is damaged")));
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

/// Cancels the extraction once nobody reads any more.
struct Gone(mpsc::Sender<io::Result<Bytes>>);

impl Monitor for Gone {
    fn cancelled(&self) -> bool {
        self.0.is_closed()
    }
}
