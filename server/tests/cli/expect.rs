//! What only the tests of the command line ask of a run.

use std::path::PathBuf;

use crate::support::Host;

impl Host {
    /// Runs what must fail with this code and exit; in both forms.
    pub(crate) fn fails(&self, args: &[&str], code: &str, exit: i32) {
        let (got, document) = self.json(args);
        assert_eq!((document["error"]["code"].as_str(), got), (Some(code), exit), "keepstone {args:?}: {document}");
        let run = self.run(args);
        assert_eq!(run.exit, exit, "keepstone {args:?}: {run:?}");
        assert!(run.stderr.lines().any(|line| line.starts_with("error: ")), "keepstone {args:?}: {run:?}");
    }

    /// Where a backup's archive is.
    pub(crate) fn archive_of(&self, id: &str) -> PathBuf {
        let detail = &self.results(&["show", id])[0];
        detail["path"].as_str().unwrap_or_else(|| panic!("no archive: {detail}")).into()
    }
}
