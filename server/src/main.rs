//! The `keepstone` binary: the command line and, through `serve`, the console. What a verb does lives in the engine.

#![cfg_attr(test, expect(clippy::unwrap_used, reason = "a test may stop at once"))]

mod auth;
mod cli;
mod config;
mod demo;
mod http;
mod shape;
mod tls;
mod worker;

fn main() -> std::process::ExitCode {
    // What is made here (logs that are begun at midnight, side files of our own) is for this user alone, unless it is given another mode.
    let inherited = rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    cli::run::INHERITED_UMASK.get_or_init(|| inherited);
    // A file that grows past this process's limit (`ulimit -f`) is a write that fails, with a clear error, and not the end of the process.
    let ignored = std::sync::Arc::default();
    let _ = signal_hook::flag::register(signal_hook::consts::SIGXFSZ, ignored);
    cli::main()
}
