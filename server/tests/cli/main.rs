//! The command line, by its contract: the real binary on temporary vaults and real databases.

#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "a test may stop at once, and says what it measured")]

mod busy;
mod cleanup;
mod convert;
mod deployment;
mod encryption;
mod expect;
mod export;
mod faults;
mod floor;
mod forgotten;
mod import;
mod json;

mod memory;
mod migrating;
mod museum;
mod operations;
mod pages;
mod postgres;
mod published;
mod python;
mod refusals;
mod rescue;
mod scheduler;
mod schedules;
mod scratch;
mod serve;
mod story;
#[path = "../support/mod.rs"]
mod support;

#[path = "../support/skip.rs"]
mod skip;
mod tls;
mod tokens;
mod users;
mod verbs;
