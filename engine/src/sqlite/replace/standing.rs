//! Whether the file that is written to still has its name. SQLite looks only in rollback-journal mode: in WAL mode it commits into a file that was
//! deleted or renamed over as into any other, and nobody who opens the database by its path ever sees it.

use std::path::{Path, PathBuf};

use crate::{Error, Result, sqlite::open::identity};

pub(super) struct Standing {
    path: PathBuf,
    pub(super) identity: String,
}

impl Standing {
    /// What has the name now: asked before the database is opened, so that a file that takes its name between is noticed as well.
    pub(super) fn at(path: &Path) -> Result<Self> {
        Ok(Self { path: path.to_owned(), identity: identity(path)? })
    }

    fn lost_to(&self) -> Option<&'static str> {
        match identity(&self.path) {
            Ok(now) if now == self.identity => None,
            Ok(_) => Some("another file has its name by now"),
            Err(_) => Some("its name is gone"),
        }
    }

    pub(super) fn before_commit(&self) -> Result<()> {
        self.lost_to().map_or(Ok(()), |lost_to| {
            Err(Error::StalePlan {
                reason: format!("{} was moved, replaced or deleted during the restore: {lost_to}", self.path.display()),
            })
        })
    }

    pub(super) fn after_commit(&self) -> Result<()> {
        self.lost_to().map_or(Ok(()), |lost_to| {
            let what = format!("the restore was committed into a file that is not found at {} any more", self.path.display());
            let reason = format!("it was moved, replaced or deleted at that moment, and {lost_to}");
            Err(Error::Unsure { what, cause: Box::new(Error::TargetUnusable { path: self.path.clone(), reason }) })
        })
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may stop at once")]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_file_that_lost_its_name_is_told_before_and_after_the_commit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("shop.db");
        fs::write(&path, "one").unwrap();
        let standing = Standing::at(&path).unwrap();
        standing.before_commit().and_then(|()| standing.after_commit()).unwrap();
        fs::rename(&path, folder.path().join("away")).unwrap();
        assert_eq!(standing.before_commit().unwrap_err().code(), "stale_plan");
        let gone = standing.after_commit().unwrap_err();
        assert!(gone.code() == "unsure" && gone.to_string().ends_with("its name is gone"), "{gone}");
        fs::write(&path, "another").unwrap();
        let replaced = standing.after_commit().unwrap_err().to_string();
        assert!(replaced.ends_with("another file has its name by now"), "{replaced}");
    }
}
