//! Whether the write transaction of a restore was committed whose process died, or whose commit SQLite called failed: asked of the live database, which
//! SQLite may have taken back by then, and which the application may have written to since.

use std::{path::Path, time::Duration};

use serde::{Deserialize, Serialize};

use super::{
    fault,
    open::{Access, Live},
    pages::{self, Geometry},
    watch,
};
use crate::{Result, Silent};

/// How long the application's lock is waited for.
const WAIT: Duration = Duration::from_secs(5);

/// How the schema cookie of a live database tells the state before a restore from the one after it. A restore moves it on so that applications read the
/// schema again, and by so much that whatever they change in the schema themselves, one by one, does not come near it. Nothing ever moves it back.
/// <https://www.sqlite.org/fileformat2.html#schema_cookie>
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CookieMark {
    /// What it is once the restore is committed.
    pub(super) after: i64,
    /// For so many changes of the schema after that it still tells.
    span: i64,
}

impl CookieMark {
    const STEP: i64 = 1 << 16;

    /// Of a restore that sets it itself.
    pub(super) fn far_from(before: i64) -> Self {
        Self { after: (before + Self::STEP) & i64::from(i32::MAX), span: Self::STEP / 2 }
    }

    /// Of one by SQLite's backup API, which goes one step, as every change of the schema does.
    pub(super) fn next_to(before: i64) -> Self {
        Self { after: before + 1, span: Self::STEP / 2 }
    }

    fn is_reached(self, now: i64) -> bool {
        (now - self.after) & i64::from(i32::MAX) < self.span
    }
}

/// Whether the live database became what was restored. The first read takes back what a killed process left in a hot journal: the application is not the
/// one that meets it.
pub(crate) fn was_committed(path: &Path, mark: CookieMark) -> Result<bool> {
    let live = Live::open(path, Access::Read)?;
    live.watched(&Silent, &watch::unlimited, || {
        live.begin_read(WAIT)?;
        let geometry = Geometry::read(&live.connection).map_err(fault::at(path));
        pages::rollback(&live.connection);
        Ok(mark.is_reached(geometry?.schema_version))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_tells_before_from_after_whatever_applications_do_to_it() {
        for before in [0, 1, 70_000, i64::from(i32::MAX) - 5] {
            let mark = CookieMark::far_from(before);
            for changes in [0, 1, 30_000] {
                let wrapped = |cookie: i64| cookie & i64::from(i32::MAX);
                assert!(!mark.is_reached(wrapped(before + changes)), "{before} and {changes} changes without it");
                assert!(mark.is_reached(wrapped(mark.after + changes)), "{before} and {changes} changes after it");
            }
        }
        assert!(CookieMark::next_to(7).is_reached(8) && !CookieMark::next_to(7).is_reached(7));
    }
}
