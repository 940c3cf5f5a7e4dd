//! The examples of `docs/api.md`, run as they stand there, against a server.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
};

use crate::support::{Host, KEEPSTONE, run, shop};

/// What stands in fenced blocks and is for a shell: one script, in the order of the page.
fn script(page: &str) -> String {
    let blocks = page.split("```").skip(1).step_by(2).map(|block| block.trim_start_matches(|c: char| c.is_ascii_alphabetic()));
    blocks.filter(|block| block.contains("api ") || block.contains("api()")).collect()
}

#[test]
fn the_calls_of_the_api_page_do_what_it_says() {
    if ["curl", "jq", "bash"].iter().any(|tool| Command::new(tool).arg("--version").output().is_err()) {
        crate::skip::skipped("the examples need bash, curl and jq");
        return;
    }
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/api.md")).unwrap();
    let host = Host::new();
    let application = shop(&host.path("shop.db"), 20);
    host.ok(&["db", "add", "shop.db"]);
    host.create(&["shop"]);
    let mut server = host.command(&["serve", "--listen", "127.0.0.1:0"]).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(server.stdout.take().unwrap()).lines();
    let address = lines.next().unwrap().unwrap().rsplit_once("http://").unwrap().1.to_owned();

    let script = script(&page);
    let calls = script.lines().filter(|line| line.contains("$KEEPSTONE_URL/")).count();
    assert!(calls >= 8 && script.contains("http://127.0.0.1:8181"), "the page has other examples: {script}");
    let script = format!("set -euo pipefail\n{}", script.replace("http://127.0.0.1:8181", &format!("http://{address}")));
    let mut shell = Command::new("bash");
    host.furnish(shell.args(["-c", &script]));
    let path = format!("{}:/usr/bin:/bin", Path::new(KEEPSTONE).parent().unwrap().display());
    let told = run(shell.env("PATH", path).env("HOME", host.dir.path()));
    assert_eq!(told.exit, 0, "{told:?}\n{script}");
    assert!(told.stdout.contains("event: job"), "the job was followed: {told:?}");

    while host.results(&["job", "list"]).iter().any(|job| job["state"] == "queued" || job["state"] == "running") {
        std::thread::yield_now();
    }
    assert!(Command::new("kill").args(["-TERM", &server.id().to_string()]).status().unwrap().success());
    assert!(server.wait().unwrap().success());
    let jobs = host.results(&["job", "list"]);
    let done = |verb: &str| jobs.iter().filter(|job| job["verb"] == verb && job["state"] == "done").count();
    assert_eq!((done("create"), done("restore")), (3, 1), "{jobs:?}");
    drop(application);
}
