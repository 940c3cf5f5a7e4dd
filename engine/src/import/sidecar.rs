//! The metadata that lie beside a backup or in it, as each predecessor writes them. Members that have another form than expected are not
//! there; nothing of it is trusted.

use std::{
    collections::BTreeMap,
    io::{ErrorKind, Read},
    path::{Path, PathBuf},
};

use keepstone_model::import::{Sidecar, name::Name};
use serde_json::Value;

use super::peek;
use crate::{Error, Result};

/// Larger metadata are not read.
pub(super) const LIMIT_BYTES: u64 = 16 << 20;

/// What a link says that is not followed.
const LOOP: i32 = rustix::io::Errno::LOOP.raw_os_error();

/// The metadata of a file: beside it, in `metadata/` or `.metadata/` beside it or beside its folder. What a disk does not give is a fault, and not
/// metadata that are not there: they may say that the backup is another one, or damaged.
pub(super) fn of_file(path: &Path, name: &Name) -> Result<Option<Sidecar>> {
    for place in places(path, name) {
        let file = match peek::open(&place) {
            Ok(file) => file,
            Err(Error::SourceMissing { .. } | Error::NotImportable { .. }) => continue,
            Err(Error::Io { source, .. }) if source.kind() == ErrorKind::NotADirectory || source.raw_os_error() == Some(LOOP) => continue,
            Err(fault) => return Err(fault),
        };
        let mut text = Vec::new();
        let length = file.take(LIMIT_BYTES + 1).read_to_end(&mut text).map_err(|error| Error::io(&place, error))?;
        if length as u64 <= LIMIT_BYTES
            && let Some(found) = parse(&text)
        {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

fn places(path: &Path, name: &Name) -> Vec<PathBuf> {
    let (Some(folder), Some(file)) = (path.parent(), path.file_name().and_then(|file| file.to_str())) else { return Vec::new() };
    let names = [format!("{file}.json"), format!("{}.json", name.stem)];
    let mut folders = vec![folder.to_owned(), folder.join("metadata"), folder.join(".metadata")];
    if let Some(above) = folder.parent() {
        folders.extend([above.join("metadata"), above.join(".metadata")]);
    }
    folders.iter().flat_map(|folder| names.iter().map(move |name| folder.join(name))).collect()
}

/// Reads an object; none where it is something else.
pub(super) fn parse(text: &[u8]) -> Option<Sidecar> {
    let value: Value = serde_json::from_slice(text).ok()?;
    let object = value.as_object()?;
    let text = |names: &[&str]| {
        let found = names.iter().filter_map(|name| object.get(*name)).find(|value| value.is_string() || value.is_number());
        found.map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned)).filter(|text| !text.is_empty())
    };
    let counts = match (object.get("table_counts"), object.get("schema")) {
        (Some(Value::Object(counts)), _) => counts.iter().filter_map(|(table, count)| Some((table.clone(), count.as_u64()?))).collect(),
        (_, Some(Value::Object(schema))) => {
            schema.iter().filter_map(|(table, of)| Some((table.clone(), of.get("row_count")?.as_u64()?))).collect()
        }
        _ => BTreeMap::new(),
    };
    let tags = object.get("tags").and_then(Value::as_array).into_iter().flatten();
    Some(Sidecar {
        kind: text(&["backup_type", "type", "kind"]),
        moments: ["created_at", "timestamp"].iter().filter_map(|name| text(&[*name])).collect(),
        description: text(&["description"]),
        tags: tags.filter_map(|tag| tag.as_str().map(str::to_owned)).take(100).collect(),
        created_by: text(&["created_by", "user"]),
        checksum: text(&["backup_hash", "checksum"]).map(|hash| hash.trim().to_ascii_lowercase()),
        size_bytes: ["database_size", "original_size", "file_size"].iter().find_map(|name| object.get(*name)?.as_u64()),
        table_counts: counts,
        version: text(&["schema_version", "database_version"]),
        pinned: false,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn members_of_another_form_are_not_there() {
        let read = parse(br#"{"backup_type": 7, "created_at": null, "timestamp": "20231016_120000", "tags": ["a", 1, null], "schema": {"t": {"row_count": 5}, "u": 3}, "database_size": "big"}"#);
        let read = read.unwrap();
        assert_eq!((read.kind.as_deref(), read.moments, read.tags), (Some("7"), vec!["20231016_120000".to_owned()], vec!["a".to_owned()]));
        assert_eq!((read.table_counts.get("t"), read.table_counts.len(), read.size_bytes), (Some(&5), 1, None));
        assert_eq!(parse(b"[]"), None);
    }

    proptest! {
        #[test]
        fn no_text_breaks_it(text in "\\PC{0,80}") {
            parse(text.as_bytes());
        }
    }
}
