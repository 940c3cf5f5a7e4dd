//! The nouns of Keepstone and every decision about them, as pure functions.
//!
//! Compiles for the server and for wasm32. Knows no clock, no file and no runtime: the time is always an argument. The verbs that act on
//! these decisions live in `keepstone-engine`.

#![cfg_attr(test, expect(clippy::unwrap_used, reason = "a test may stop at once"))]

pub mod access;
pub mod anomaly;
pub mod backup;
pub mod coverage;
pub mod database;
pub mod environment;
pub mod event;
pub mod export;
mod guess;
pub mod human;
pub mod id;
pub mod import;
pub mod job;
pub mod locale;
pub mod metadata;
pub mod preferences;
pub mod proof;
pub mod restore;
pub mod retention;
pub mod schedule;
pub mod snapshot;
pub mod stats;
pub mod storage;
pub mod token;
pub mod validate;

pub use jiff::Timestamp;
