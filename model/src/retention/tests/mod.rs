//! Tests of the retention plan: tables of examples, properties against an independent oracle, and ten years of a vault's life.

mod decade;
mod oracle;
mod properties;
mod tables;

use jiff::Timestamp;

use super::Candidate;
use crate::{
    backup::{BackupState, Verdict},
    id::Kind,
};

pub(super) fn at(text: &str) -> Timestamp {
    let text = if text.len() == 10 { format!("{text}T03:00:00Z") } else { text.to_owned() };
    text.parse().unwrap()
}

pub(super) fn good(kind: Kind, sequence: i64, created_at: Timestamp) -> Candidate {
    Candidate {
        kind,
        sequence,
        created_at,
        archive_size_bytes: 1000,
        state: BackupState::Complete,
        verdict: Verdict::Good,
        pinned: false,
        imported: sequence < 1,
        obstacle: None,
    }
}
