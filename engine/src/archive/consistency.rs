//! What metadata must say to fit the archive it stands in. Asked by the writer before it writes it, by the reader before it believes it.

use keepstone_model::{
    database::Engine,
    metadata::{Compression, FORMAT_VERSION, Metadata},
};

/// What does not fit, if anything: in words, e.g. `compressed_size is 7, the payload has 9 bytes`.
pub(super) fn check(metadata: &Metadata, payload_entry: &str, payload_size_bytes: u64) -> Result<(), String> {
    let said = metadata;
    if said.format_version != FORMAT_VERSION {
        return Err(format!("format_version is {}", said.format_version));
    }
    if said.engine != Engine::Sqlite || said.encrypted || !said.slots.is_empty() {
        return Err(format!("it is of an encrypted or {} archive, the payload is {payload_entry}", said.engine));
    }
    if said.compression.sqlite_entry() != payload_entry || said.compressed != (said.compression != Compression::None) {
        return Err(format!("compression is {}, the payload is {payload_entry}", said.compression.as_str()));
    }
    if said.compressed_size != payload_size_bytes {
        return Err(format!("compressed_size is {}, the payload has {payload_size_bytes} bytes", said.compressed_size));
    }
    if said.original_size == 0 || said.original_size != said.database_size {
        return Err(format!("original_size is {}, database_size is {}", said.original_size, said.database_size));
    }
    if said.checksum_algorithm != "sha256" {
        return Err(format!("checksum_algorithm is {:?}", said.checksum_algorithm));
    }
    let hashes = [("backup_hash", &said.backup_hash), ("restore_hash", &said.restore_hash), ("payload_hash", &said.payload_hash)];
    match hashes.into_iter().find(|(_, hash)| !is_sha256(hash)) {
        Some((name, _)) => Err(format!("{name} is no SHA-256")),
        None => Ok(()),
    }
}

fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}
