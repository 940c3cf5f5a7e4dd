//! The command line: one file per verb.

use std::process::ExitCode;

pub(crate) fn main() -> ExitCode {
    ExitCode::from(2)
}
