//! What metadata must say to fit the archive it stands in. Asked by the writer before it writes it, by the reader before it believes it.

use keepstone_model::{
    coverage::Coverage,
    metadata::{CIPHER, Compression, FORMAT_VERSION, Form, Metadata},
};

use super::cipher;
use crate::keys;

/// More slots are neither written nor tried: each may cost half a second.
pub(crate) const SLOTS_MAX: usize = 16;

/// No database has as many backups: a larger number is damage, and counting on from it would end.
const LARGEST_SEQUENCE: i64 = 1 << 40;
/// Below the number of every import, see `sequence_of`.
const SMALLEST_SEQUENCE: i64 = -(1 << 51);

/// What does not fit, if anything: in words, e.g. `compressed_size is 7, the payload has 9 bytes`.
pub(super) fn check(metadata: &Metadata, form: Form, payload_entry: &str, payload_size_bytes: u64) -> Result<(), String> {
    check_readable(metadata, form, payload_entry, payload_size_bytes)?;
    if (metadata.coverage == Coverage::Partial) != metadata.left_out.is_some() {
        return Err(format!("coverage is {}, which does not fit what it says of what was left out", metadata.coverage.as_str()));
    }
    let counted = metadata.table_counts.values().try_fold(0_u64, |sum, count| sum.checked_add(*count));
    if counted != Some(metadata.total_records) || !is_storable(metadata.total_records) {
        return Err(format!("total_records is {}, which is not the sum of its table_counts", metadata.total_records));
    }
    let hashes = [("backup_hash", &metadata.backup_hash), ("restore_hash", &metadata.restore_hash)];
    match hashes.into_iter().find(|(_, hash)| !is_sha256(hash)) {
        Some((name, _)) => Err(format!("{name} is no SHA-256")),
        None => Ok(()),
    }
}

/// The same of an archive whose sealed fields are not known.
pub(super) fn check_readable(metadata: &Metadata, form: Form, payload_entry: &str, payload_size_bytes: u64) -> Result<(), String> {
    let said = metadata;
    if said.format_version != FORMAT_VERSION {
        return Err(format!("format_version is {}", said.format_version));
    }
    if said.engine != form.engine() {
        return Err(format!("it is of a {} archive, the payload is {payload_entry}", said.engine));
    }
    check_name(said)?;
    check_encryption(said, payload_size_bytes)?;
    let entry = if said.encrypted { form.entry_encrypted(said.compression) } else { form.entry(said.compression) };
    if entry != payload_entry || said.compressed != (said.compression != Compression::None) {
        return Err(format!("compression is {}, the payload is {payload_entry}", said.compression.as_str()));
    }
    if said.compressed_size != payload_size_bytes {
        return Err(format!("compressed_size is {}, the payload has {payload_size_bytes} bytes", said.compressed_size));
    }
    if said.original_size == 0 || said.original_size != said.database_size || !is_storable(said.original_size) {
        return Err(format!("original_size is {}, database_size is {}", said.original_size, said.database_size));
    }
    if said.checksum_algorithm != "sha256" {
        return Err(format!("checksum_algorithm is {:?}", said.checksum_algorithm));
    }
    if is_sha256(&said.payload_hash) { Ok(()) } else { Err("payload_hash is no SHA-256".to_owned()) }
}

/// What stands in the id, too: a folder is read by names, and what says otherwise would land elsewhere.
fn check_name(said: &Metadata) -> Result<(), String> {
    let id = &said.backup_id;
    let time = id.time().strftime("%Y%m%dT%H%M%SZ").to_string();
    let found = [
        ("database", said.database.as_str(), id.database().as_str() == said.database.as_str()),
        ("backup_type", said.backup_type.as_str(), id.kind() == said.backup_type),
        ("timestamp", said.timestamp.as_str(), time == said.timestamp),
    ];
    if let Some((name, value, _)) = found.iter().find(|(_, _, fits)| !fits) {
        return Err(format!("{name} is {value:?}, which does not fit its id {id}"));
    }
    if (SMALLEST_SEQUENCE..=LARGEST_SEQUENCE).contains(&said.sequence) {
        Ok(())
    } else {
        Err(format!("sequence is {}, which no backup has", said.sequence))
    }
}

/// The catalog's numbers have a sign.
fn is_storable(number: u64) -> bool {
    i64::try_from(number).is_ok()
}

fn check_encryption(said: &Metadata, payload_size_bytes: u64) -> Result<(), String> {
    if !said.encrypted {
        let nothing = said.slots.is_empty() && said.cipher.is_none();
        return if nothing { Ok(()) } else { Err("it is not encrypted and has key slots or a cipher".to_owned()) };
    }
    if said.cipher.as_deref() != Some(CIPHER) {
        return Err(format!("cipher is {:?}", said.cipher.as_deref().unwrap_or_default()));
    }
    if said.slots.is_empty() || said.slots.len() > SLOTS_MAX || !keys::are_bearable(&said.slots) {
        return Err("its key slots are none that this version writes".to_owned());
    }
    if !cipher::is_size(payload_size_bytes) {
        return Err(format!("an encrypted payload cannot have {payload_size_bytes} bytes"));
    }
    Ok(())
}

fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}
