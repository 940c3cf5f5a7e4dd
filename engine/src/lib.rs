//! The verbs of Keepstone: create, verify, restore, undo, delete and what they stand on. A library of its own.
//!
//! Knows no web, no command line and no environment variables. Every verb blocks, has the shape `verb(&Vault, &VerbOptions, &dyn Monitor)
//! -> Result<VerbReport>`, and may be called from any thread. Decisions live in `keepstone-model`.

#![cfg_attr(test, expect(clippy::unwrap_used, reason = "a test may stop at once"))]

pub mod ack;
pub mod activity;
pub mod apply;
pub mod archive;
pub mod backups;
mod baseline;
pub mod catalog;
pub mod checkup;
pub mod cleanup;
pub mod convert;
pub mod create;
pub mod databases;
pub mod delete;
mod direct;
pub mod doctor;
pub mod driver;
pub mod durable;
pub mod error;
pub mod export;
mod guard;
pub mod image;
pub mod import;
pub mod installation;
pub mod jobs;
pub mod keys;
mod layout;
pub mod location;
pub mod managed;
pub mod monitor;
mod notes;
pub mod postgres;
pub mod priority;
mod proof;
pub mod recheck;
pub mod restore;
pub mod scheduler;
pub mod schedules;
pub mod sqlite;
mod take;
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may stop at once")]
mod testing;
pub mod tokens;
mod unchanged;
pub mod vault;
pub mod verify;

pub use error::{Error, Result};
pub use keepstone_model as model;
pub use monitor::{Monitor, Silent};
pub use vault::Vault;
