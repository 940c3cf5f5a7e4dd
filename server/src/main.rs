//! The `keepstone` binary: the command line and, through `serve`, the console. What a verb does lives in the engine.

mod auth;
mod cli;
mod config;
mod demo;
mod http;
mod worker;

fn main() -> std::process::ExitCode {
    cli::main()
}
