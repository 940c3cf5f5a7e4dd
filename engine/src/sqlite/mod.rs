//! Everything that touches a SQLite file: opening a source, streaming a snapshot, looking into an image, writing a restore.
