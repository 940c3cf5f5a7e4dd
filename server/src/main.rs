//! The `keepstone` binary: the command line and, through `serve`, the console. What a verb does lives in the engine.

#![cfg_attr(test, expect(clippy::unwrap_used, reason = "a test may stop at once"))]

mod auth;
mod cli;
mod config;
mod demo;
mod http;
mod worker;

fn main() -> std::process::ExitCode {
    cli::main()
}
