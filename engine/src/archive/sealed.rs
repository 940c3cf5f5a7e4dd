//! `metadata.json` of an encrypted archive: what anyone may read, what is sealed, and how the one holds the other fast. Not the zip, nor the keys.
//!
//! What is about the content is sealed under a key of the archive's own. The readable fields are the associated data, all of them but the
//! slots, so none can be changed without that being found when the archive is opened. The slots are outside, so that a change of password
//! rewrites them alone; a checksum over them tells damage from a wrong password.

use std::collections::BTreeMap;

use jiff::Timestamp;
use keepstone_model::{
    backup::SuspectCause,
    coverage::{Coverage, LeftOut},
    database::Engine,
    id::{BackupId, DatabaseId, DatabaseUid, Kind},
    metadata::{Compression, Metadata, Previous, Slot, Source, Table, Tool},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::{
    Result,
    image::hex,
    keys::{self, DataKey},
};

/// What anyone may read, in the order in which it is written.
#[derive(Debug, Serialize, Deserialize)]
struct Readable {
    format_version: u32,
    backup_id: BackupId,
    sequence: i64,
    database: DatabaseId,
    database_uid: DatabaseUid,
    engine: Engine,
    backup_type: Kind,
    timestamp: String,
    created_at: Timestamp,
    created_by: String,
    database_size: u64,
    original_size: u64,
    compressed_size: u64,
    compressed: bool,
    compression: Compression,
    encrypted: bool,
    cipher: String,
    payload_hash: String,
    checksum_algorithm: String,
    tool: Tool,
    previous: Option<Previous>,
    /// In clear: also who cannot open it must know that it is not all of the database.
    #[serde(default, skip_serializing_if = "Coverage::is_whole")]
    coverage: Coverage,
}

/// What is about the content.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Content {
    description: String,
    tags: Vec<String>,
    app_label: Option<String>,
    backup_hash: String,
    restore_hash: String,
    schema_version: i64,
    migration_version: Option<String>,
    schema: BTreeMap<String, Table>,
    table_counts: BTreeMap<String, u64>,
    total_records: u64,
    source: Source,
    origin: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    suspect: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    suspect_cause: Option<SuspectCause>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    left_out: Option<LeftOut>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    globals: Option<String>,
}

/// Fields of [`Content`]; none may stand among the readable ones, where it would say something that nothing vouches for.
const CONTENT_FIELDS: [&str; 16] = [
    "description",
    "tags",
    "app_label",
    "backup_hash",
    "restore_hash",
    "schema_version",
    "migration_version",
    "schema",
    "table_counts",
    "total_records",
    "source",
    "origin",
    "suspect",
    "suspect_cause",
    "left_out",
    "globals",
];

/// The fields that are not associated data.
const APART: [&str; 3] = ["sealed", "slots", "slots_checksum"];

const ASSOCIATED: &str = "keepstone 1 metadata\n";

/// The metadata of an encrypted archive before it is opened.
#[derive(Debug)]
pub(super) struct Locked {
    /// With the sealed fields empty.
    pub(super) metadata: Metadata,
    /// As it was read, without what stands in [`APART`].
    readable: Value,
    sealed: String,
}

/// The text of `metadata.json`, and the metadata as a reader will find it. What `metadata` says of slots is replaced.
pub(super) fn write(metadata: Metadata, cipher: &str, key: &DataKey, slots: Vec<Slot>) -> Result<(Vec<u8>, Metadata)> {
    let metadata = Metadata { encrypted: true, cipher: Some(cipher.to_owned()), slots, ..metadata };
    let (readable, content) = split(&metadata);
    let readable = to_value(&readable)?;
    let plain = serde_json::to_vec(&content).map_err(unwritable)?;
    let sealed = keys::seal(&key.metadata_key(), &associated(&readable), &plain)?;
    Ok((text(&metadata, &sealed)?, metadata))
}

/// The same metadata with other slots: not a byte of the rest changes.
pub(super) fn with_slots(locked: &Locked, metadata: &Metadata, slots: Vec<Slot>) -> Result<Vec<u8>> {
    let mut fields = locked.readable.clone();
    if let Value::Object(fields) = &mut fields {
        fields.insert("sealed".to_owned(), Value::String(locked.sealed.clone()));
        insert_slots(fields, &slots)?;
    }
    // Fields that this version does not know are kept, in another order; the known ones are written as they were.
    let known = split(metadata).0;
    let all_known = to_value(&known)? == locked.readable;
    if all_known { text(&Metadata { slots, ..metadata.clone() }, &locked.sealed) } else { pretty(&fields) }
}

fn text(metadata: &Metadata, sealed: &str) -> Result<Vec<u8>> {
    #[derive(Serialize)]
    struct File<'a> {
        #[serde(flatten)]
        readable: Readable,
        sealed: &'a str,
        slots: &'a [Slot],
        slots_checksum: String,
    }
    let slots_checksum = checksum(&to_value(&metadata.slots)?);
    pretty(&File { readable: split(metadata).0, sealed, slots: &metadata.slots, slots_checksum })
}

fn insert_slots(fields: &mut serde_json::Map<String, Value>, slots: &[Slot]) -> Result<()> {
    let slots = to_value(&slots)?;
    fields.insert("slots_checksum".to_owned(), Value::String(checksum(&slots)));
    fields.insert("slots".to_owned(), slots);
    Ok(())
}

/// Reads the metadata of an encrypted archive as far as that goes without a password. In words, what is wrong with it.
pub(super) fn read(text: &[u8]) -> std::result::Result<Locked, String> {
    let unreadable = |fault: serde_json::Error| format!("its metadata cannot be read: {fault}");
    let mut value: Value = serde_json::from_slice(text).map_err(unreadable)?;
    let fields = value.as_object_mut().ok_or("its metadata is not an object")?;
    if let Some(name) = CONTENT_FIELDS.iter().find(|name| fields.contains_key(**name)) {
        return Err(format!("its metadata says {name} in clear"));
    }
    let [sealed, slots, slots_checksum] = APART.map(|name| fields.remove(name));
    let (Some(Value::String(sealed)), Some(slots), Some(Value::String(expected))) = (sealed, slots, slots_checksum) else {
        return Err("its metadata lacks what is sealed, or its key slots".to_owned());
    };
    if checksum(&slots) != expected {
        return Err("its key slots are damaged: they do not fit their checksum".to_owned());
    }
    let slots: Vec<Slot> = serde_json::from_value(slots).map_err(unreadable)?;
    let readable: Readable = serde_json::from_value(value.clone()).map_err(unreadable)?;
    Ok(Locked { metadata: join(readable, Content::default(), slots), readable: value, sealed })
}

impl Locked {
    /// All of it. None: the readable fields or the sealed ones were changed, or the key is another archive's.
    pub(super) fn open(&self, key: &DataKey) -> Option<Metadata> {
        let plain = keys::unseal(&key.metadata_key(), &associated(&self.readable), &self.sealed)?;
        let content: Content = serde_json::from_slice(&plain).ok()?;
        let readable: Readable = serde_json::from_value(self.readable.clone()).ok()?;
        Some(join(readable, content, self.metadata.slots.clone()))
    }
}

fn associated(readable: &Value) -> Vec<u8> {
    let mut text = ASSOCIATED.to_owned();
    canonical(readable, &mut text);
    text.into_bytes()
}

fn checksum(slots: &Value) -> String {
    let mut text = String::new();
    canonical(slots, &mut text);
    hex(&Sha256::digest(text))
}

/// JSON without spaces, names in the order of their code points: what any program makes of the same values.
fn canonical(value: &Value, out: &mut String) {
    match value {
        Value::Object(fields) => {
            let sorted: BTreeMap<&String, &Value> = fields.iter().collect();
            out.push('{');
            for (number, (name, value)) in sorted.into_iter().enumerate() {
                if number > 0 {
                    out.push(',');
                }
                out.push_str(&Value::String(name.clone()).to_string());
                out.push(':');
                canonical(value, out);
            }
            out.push('}');
        }
        Value::Array(values) => {
            out.push('[');
            for (number, value) in values.iter().enumerate() {
                if number > 0 {
                    out.push(',');
                }
                canonical(value, out);
            }
            out.push(']');
        }
        plain => out.push_str(&plain.to_string()),
    }
}

fn split(metadata: &Metadata) -> (Readable, Content) {
    let m = metadata.clone();
    let readable = Readable {
        format_version: m.format_version,
        backup_id: m.backup_id,
        sequence: m.sequence,
        database: m.database,
        database_uid: m.database_uid,
        engine: m.engine,
        backup_type: m.backup_type,
        timestamp: m.timestamp,
        created_at: m.created_at,
        created_by: m.created_by,
        database_size: m.database_size,
        original_size: m.original_size,
        compressed_size: m.compressed_size,
        compressed: m.compressed,
        compression: m.compression,
        encrypted: m.encrypted,
        cipher: m.cipher.unwrap_or_default(),
        payload_hash: m.payload_hash,
        checksum_algorithm: m.checksum_algorithm,
        tool: m.tool,
        previous: m.previous,
        coverage: m.coverage,
    };
    let content = Content {
        description: m.description,
        tags: m.tags,
        app_label: m.app_label,
        backup_hash: m.backup_hash,
        restore_hash: m.restore_hash,
        schema_version: m.schema_version,
        migration_version: m.migration_version,
        schema: m.schema,
        table_counts: m.table_counts,
        total_records: m.total_records,
        source: m.source,
        origin: m.origin,
        suspect: m.suspect,
        suspect_cause: m.suspect_cause,
        left_out: m.left_out,
        globals: m.globals,
    };
    (readable, content)
}

fn join(r: Readable, c: Content, slots: Vec<Slot>) -> Metadata {
    Metadata {
        format_version: r.format_version,
        backup_id: r.backup_id,
        sequence: r.sequence,
        database: r.database,
        database_uid: r.database_uid,
        engine: r.engine,
        backup_type: r.backup_type,
        timestamp: r.timestamp,
        created_at: r.created_at,
        created_by: r.created_by,
        description: c.description,
        tags: c.tags,
        app_label: c.app_label,
        database_size: r.database_size,
        original_size: r.original_size,
        compressed_size: r.compressed_size,
        compressed: r.compressed,
        compression: r.compression,
        encrypted: r.encrypted,
        cipher: Some(r.cipher),
        backup_hash: c.backup_hash,
        restore_hash: c.restore_hash,
        payload_hash: r.payload_hash,
        checksum_algorithm: r.checksum_algorithm,
        schema_version: c.schema_version,
        migration_version: c.migration_version,
        schema: c.schema,
        table_counts: c.table_counts,
        total_records: c.total_records,
        source: c.source,
        tool: r.tool,
        origin: c.origin,
        previous: r.previous,
        slots,
        suspect: c.suspect,
        suspect_cause: c.suspect_cause,
        coverage: r.coverage,
        left_out: c.left_out,
        globals: c.globals,
    }
}

fn to_value<T: Serialize>(value: &T) -> Result<Value> {
    serde_json::to_value(value).map_err(unwritable)
}

fn pretty<T: Serialize>(value: &T) -> Result<Vec<u8>> {
    let mut text = serde_json::to_vec_pretty(value).map_err(unwritable)?;
    text.push(b'\n');
    Ok(text)
}

fn unwritable(fault: serde_json::Error) -> crate::Error {
    crate::Error::Internal(format!("metadata: {fault}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_canonical_form_is_the_one_of_pythons_json() {
        let value: Value = serde_json::from_str(r#"{"b": [1, {"z": null, "a": true}], "ä": "\u0001\"\\/\u007f é\n", "a": {}}"#).unwrap();
        let mut text = String::new();
        canonical(&value, &mut text);
        assert_eq!(text, "{\"a\":{},\"b\":[1,{\"a\":true,\"z\":null}],\"ä\":\"\\u0001\\\"\\\\/\u{7f} é\\n\"}");
    }

    #[test]
    fn the_names_of_the_content_are_all_known() {
        let content = Content {
            suspect: Some(String::new()),
            suspect_cause: Some(SuspectCause::Loss),
            left_out: Some(LeftOut::default()),
            globals: Some(String::new()),
            ..Content::default()
        };
        let names: Vec<String> = to_value(&content).unwrap().as_object().unwrap().keys().cloned().collect();
        let mut known = CONTENT_FIELDS.map(str::to_owned).to_vec();
        known.sort();
        let mut names = names;
        names.sort();
        assert_eq!(names, known);
    }
}
