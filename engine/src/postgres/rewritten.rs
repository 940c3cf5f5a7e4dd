//! Tables that are emptied by TRUNCATE, rewritten, or put in each other's place just as a dump begins. `pg_dump` locks them after its snapshot was taken:
//! what is committed in between shows that snapshot an empty table, and the dump and the counts agree on it. It is noticed by the files that the tables
//! have, once `pg_dump` holds its locks; nobody is blocked for longer than by `pg_dump` itself.
//! <https://www.postgresql.org/docs/15/mvcc-caveats.html>

use std::collections::{BTreeMap, BTreeSet};

use super::{content::Relation, fault::Fault, location::Location, names::shown, open::Connection, settings::Environment};
use crate::{Error, Result, image::ImageSink};

/// Which file a table has, and how it is called, by its number.
type Files = BTreeMap<u32, (u32, String)>;

/// Of the tables whose rows are taken, and those of extensions that a dump may hold; as the transaction of the connection sees them.
pub(super) fn files(connection: &mut Connection, taken: &[&Relation]) -> Result<Files> {
    let taken: BTreeSet<String> = taken.iter().map(|relation| relation.name()).collect();
    let rows =
        connection.rows(&format!("SELECT {FILE}, EXISTS (SELECT 1 FROM pg_extension e WHERE c.oid = ANY (e.extconfig)) {OF_TABLES}"))?;
    let of_these = rows.iter().filter(|row| row.get(4) || taken.contains(&shown(row.get(2), row.get(3))));
    Ok(of_these.map(file).collect())
}

const FILE: &str = "c.oid, c.relfilenode, n.nspname::text, c.relname::text";
const OF_TABLES: &str = "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
    WHERE c.relkind = 'r' AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'";

fn file(row: &postgres::Row) -> (u32, (u32, String)) {
    (row.get(0), (row.get(1), shown(row.get(2), row.get(3))))
}

/// Lets a dump through once its tables are found to be those that its snapshot saw.
pub(super) struct Unchanged<'a> {
    pub(super) sink: &'a mut dyn ImageSink,
    pub(super) location: &'a Location,
    pub(super) environment: &'a Environment,
    /// As the snapshot sees them; none once they were compared.
    pub(super) files: Option<Files>,
}

impl Unchanged<'_> {
    /// Once, by a connection of its own, which sees the present and not the snapshot.
    pub(super) fn compare(&mut self) -> Result<()> {
        let Some(then) = self.files.take() else { return Ok(()) };
        let rows = Connection::open(self.location, self.environment)?.rows(&format!("SELECT {FILE} {OF_TABLES}"))?;
        let now: Files = rows.iter().map(file).collect();
        let is_other = |(oid, file): &(&u32, &(u32, String))| now.get(oid).is_none_or(|now| now != *file);
        let mut others = then.iter().filter(is_other).map(|(_, (_, name))| name.clone());
        match others.next() {
            Some(table) => Err(Fault::Rewritten { table, more: others.count() }.into()),
            None => Ok(()),
        }
    }
}

impl ImageSink for Unchanged<'_> {
    fn begin(&mut self, size_bytes: u64) -> Result<()> {
        self.sink.begin(size_bytes)
    }

    fn write(&mut self, pages: &[u8]) -> Result<()> {
        // The first bytes come when `pg_dump` has all its locks, whichever the form.
        self.compare()?;
        self.sink.write(pages)
    }
}

/// Whether it is to be begun again.
pub(super) fn is(error: &Error) -> bool {
    matches!(error, Error::Postgres(fault) if matches!(**fault, Fault::Rewritten { .. }))
}
