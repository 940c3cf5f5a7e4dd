//! Torture: what must hold when anything at all goes wrong. Each campaign runs in small with the other tests and in large by `make torture`
//! (`KEEPSTONE_TORTURE_SECONDS` says how long each may take); each ends with one line of figures.

#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "a test may stop at once, and says what it did")]

#[path = "../support/mod.rs"]
mod support;

#[path = "../support/skip.rs"]
mod skip;

mod actions;
mod damage;
mod disk;
mod effort;
mod facts;
mod faults;
mod large;
mod malformed;
mod money;
mod oracle;
mod power;
mod scene;
mod seam;
mod space;
mod targets;
