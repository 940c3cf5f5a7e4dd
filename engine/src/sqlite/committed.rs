//! Whether the write transaction of a restore was committed whose process died: asked of the live database, which SQLite may have taken back by then, and which the
//! application may have written to since.

use std::{collections::BTreeMap, path::Path, time::Duration};

use keepstone_model::metadata::{Metadata, Table};

use super::{
    content::Content,
    fault,
    open::{Access, Live},
    pages::{self, Geometry, Method},
    watch,
};
use crate::{Result, Silent, image::RestoreHasher};

/// How long the application's lock is waited for: every start of a process asks, and what is not known now is asked again.
const WAIT: Duration = Duration::from_secs(5);

/// Whether the live database became what `restored` says. `before` is the safety backup, of the moment before the transaction wrote anything. In doubt it did not. The
/// first read takes back what a killed process left in a hot journal: the application is not the one that meets it.
pub(crate) fn was_committed(path: &Path, before: Option<&Metadata>, restored: &Metadata) -> Result<bool> {
    let live = Live::open(path, Access::Read)?;
    live.watched(&Silent, &watch::unlimited, || {
        live.begin_read(WAIT)?;
        let committed =
            Geometry::read(&live.connection).map_err(fault::at(path)).and_then(|geometry| has_become(&live, &geometry, before, restored));
        pages::rollback(&live.connection);
        committed
    })
}

fn has_become(live: &Live, geometry: &Geometry, before: Option<&Metadata>, restored: &Metadata) -> Result<bool> {
    // Each restore that writes anything moves the schema cookie on, and nothing ever moves it back.
    if before.is_some_and(|before| before.schema_version == geometry.schema_version) {
        return Ok(false);
    }
    let same_shape = (geometry.page_size, geometry.size_bytes()) == (restored.source.page_size, restored.original_size);
    if same_shape && Method::available() == Method::Dbpage {
        let mut hasher = RestoreHasher::default();
        pages::stream(&live.connection, &live.path, (geometry.page_size, geometry.page_count), &mut |batch| {
            hasher.update(batch);
            Ok(())
        })?;
        if hasher.finish() == restored.restore_hash {
            return Ok(true);
        }
    }
    // Somebody wrote to it since, or it has another page size: then it is the one of the two that it is nearer to.
    let Some(before) = before else { return Ok(false) };
    let now = Content::read(&live.connection, &live.path, &Silent)?.tables;
    Ok(distance(&now, &restored.schema) < distance(&now, &before.schema))
}

/// By how many rows two states of a database differ at least; a table that only one of them has counts as one more.
fn distance(one: &BTreeMap<String, Table>, other: &BTreeMap<String, Table>) -> u64 {
    let of_table =
        |name: &String, table: &Table| other.get(name).map_or(table.row_count + 1, |there| there.row_count.abs_diff(table.row_count));
    let shared: u64 = one.iter().map(|(name, table)| of_table(name, table)).sum();
    let missing: u64 = other.iter().filter(|(name, _)| !one.contains_key(*name)).map(|(_, table)| table.row_count + 1).sum();
    shared + missing
}
