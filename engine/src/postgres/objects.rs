//! Large objects while a database is restored in place. Nothing keeps others from writing to them: a lock on their catalog would keep `pg_dump` from
//! reading them as well, and only a superuser may take it. So they are compared.

use std::collections::{BTreeMap, BTreeSet};

use super::{fault::Fault, open::Connection, settings::Environment};
use crate::Result;

/// So much of one is read at once, however large it is.
const PIECE_BYTES: u32 = 1 << 20;

/// What the large objects of a database hold that a restore may remove: those of the restoring role.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Contents(BTreeMap<u32, String>);

impl Contents {
    /// As of the moment at which this is called.
    pub(super) fn read(connection: &mut Connection) -> Result<Self> {
        let rows = connection.rows(&format!(
            "WITH RECURSIVE piece AS ( \
               SELECT m.oid AS loid, 0::bigint AS at, ''::text AS sum, {PIECE_BYTES} AS held FROM pg_largeobject_metadata m WHERE pg_has_role(m.lomowner, 'USAGE') \
               UNION ALL \
               SELECT p.loid, p.at + {PIECE_BYTES}, md5(p.sum || md5(l.bytes)), length(l.bytes) \
               FROM piece p CROSS JOIN LATERAL (SELECT lo_get(p.loid, p.at, {PIECE_BYTES}) AS bytes OFFSET 0) l WHERE p.held = {PIECE_BYTES}) \
             SELECT loid, sum FROM piece WHERE held < {PIECE_BYTES}"
        ))?;
        Ok(Self(rows.iter().map(|row| (row.get(0), row.get(1))).collect()))
    }

    /// Refuses what is about to be committed if somebody wrote since to what it removes or makes anew. To be asked when all of that is done: from then on a
    /// write to what was there waits for the commit, and fails after it. A connection of its own still sees what is being removed.
    pub(super) fn refuse_changed(&self, connection: &mut Connection, environment: &Environment, database: &str) -> Result<()> {
        let here = versions(connection)?;
        if self.0.is_empty() && here.is_empty() {
            return Ok(());
        }
        let mut other = Connection::open(&connection.location, environment)?;
        other.run("SET statement_timeout = 0; BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")?;
        let (there, now) = (versions(&mut other)?, Self::read(&mut other)?);
        let known: BTreeSet<&u32> = here.keys().chain(there.keys()).collect();
        let replaced = known.into_iter().filter(|id| here.get(id) != there.get(id));
        let changed = replaced.filter(|id| self.0.get(id) != now.0.get(id)).count();
        if changed == 0 {
            return Ok(());
        }
        let detail = format!("large objects ({changed}) were written to since the safety backup was begun, and it may not hold that");
        Err(Fault::InUse { database: database.to_owned(), detail }.into())
    }
}

/// Which row of its catalog each is, as a connection sees it.
fn versions(connection: &mut Connection) -> Result<BTreeMap<u32, String>> {
    let rows = connection.rows("SELECT oid, xmin::text FROM pg_largeobject_metadata")?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}
