//! The file that is a backup: written as a pipeline, read by a strict reader, published durably. `docs/format.md` specifies it.
