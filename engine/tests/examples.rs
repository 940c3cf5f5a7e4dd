//! Every program in `engine/examples` is run to its end: what a reader copies from there has worked. Cargo builds them with the tests, each
//! checks by itself what it shows.
#![expect(clippy::unwrap_used, reason = "a test may stop at once")]

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// The examples' sources; what they share is a folder and no example.
fn sources() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let mut sources: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file()).collect();
    sources.sort();
    sources
}

/// The program that was built of one: `target/<profile>/examples/<name>`, beside the folder of this test.
fn program(source: &Path) -> PathBuf {
    let test = env::current_exe().unwrap();
    let program = test.ancestors().nth(2).unwrap().join("examples").join(source.file_stem().unwrap());
    let built = |path: &Path| fs::metadata(path).and_then(|meta| meta.modified()).ok();
    assert!(
        built(&program).is_some_and(|built_at| Some(built_at) >= built(source)),
        "{} is missing or older than its source: run all tests of the crate, or `cargo build -p keepstone-engine --examples` first",
        program.display()
    );
    program
}

#[test]
fn every_example_runs() {
    let sources = sources();
    assert!(sources.len() >= 15, "the examples are not where they are looked for");
    let running: Vec<_> = sources
        .iter()
        .map(|source| Command::new(program(source)).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
        .collect();
    let mut failed = Vec::new();
    for (source, child) in sources.iter().zip(running) {
        let output = child.wait_with_output().unwrap();
        let told = String::from_utf8_lossy(&output.stdout);
        if !output.status.success() || told.trim().is_empty() {
            failed.push(format!("{}: {}\n{told}{}", source.display(), output.status, String::from_utf8_lossy(&output.stderr)));
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
}
