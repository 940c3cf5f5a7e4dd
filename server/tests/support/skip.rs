//! A test that cannot run here says so where it is seen.

use std::io::Write;

/// Says what is not tried and why, past the capture of a test's output: nobody reads what a passing test printed. Where the tests are the proof
/// (`CI`), `scripts/test.sh` counts each of these lines as a failure.
pub(crate) fn skipped(why: impl std::fmt::Display) {
    let _ = writeln!(std::io::stderr(), "\nSKIPPED: {why}");
}
