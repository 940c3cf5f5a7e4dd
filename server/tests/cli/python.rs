//! The Python client, by its own example: its unit tests against the real binary.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
};

use crate::support::{Host, shop};

#[test]
fn its_example_passes_against_a_server() {
    if Command::new("python3").arg("--version").output().is_err() {
        crate::skip::skipped("there is no python3 on this machine");
        return;
    }
    let host = Host::new();
    drop(shop(&host.path("shop.db"), 20));
    host.ok(&["db", "add", "shop.db"]);
    let token = host.ok(&["token", "create", "python", "--scope", "admin", "-q"]);
    let mut server = host.command(&["serve", "--listen", "127.0.0.1:0"]).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(server.stdout.take().unwrap()).lines();
    let address = lines.next().unwrap().unwrap().rsplit_once("http://").unwrap().1.to_owned();

    let client = Path::new(env!("CARGO_MANIFEST_DIR")).join("../clients/python");
    let mut unittest = Command::new("python3");
    host.furnish(unittest.args(["-B", "-m", "unittest", "discover", "-s"]).arg(&client));
    unittest.env("KEEPSTONE_URL", format!("http://{address}")).env("KEEPSTONE_TOKEN", token.trim());
    let tests = unittest.env("KEEPSTONE_TEST_DATABASE", host.path("shop.db")).output();

    assert!(Command::new("kill").args(["-TERM", &server.id().to_string()]).status().unwrap().success());
    assert!(server.wait().unwrap().success());
    let tests = tests.unwrap();
    let told = String::from_utf8_lossy(&tests.stderr);
    assert!(tests.status.success() && !told.contains("skipped"), "{told}");
}

#[test]
fn a_key_is_remembered_over_a_restart_and_a_revoked_token_is_refused() {
    let host = Host::new();
    drop(shop(&host.path("shop.db"), 20));
    host.ok(&["db", "add", "shop.db"]);
    let token = host.ok(&["token", "create", "ci", "--scope", "create", "--db", "shop", "-q"]).trim().to_owned();
    let call = |address: &str, description: &str| {
        let body = format!("{{\"description\": \"{description}\"}}");
        let request = format!(
            "POST /api/v1/databases/shop/backups HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: application/json\r\nIdempotency-Key: deploy-42\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        crate::serve::send(address, &request)
    };
    let served = |act: &dyn Fn(&str) -> String| {
        let mut server = host.command(&["serve", "--listen", "127.0.0.1:0"]).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut lines = BufReader::new(server.stdout.take().unwrap()).lines();
        let address = lines.next().unwrap().unwrap().rsplit_once("http://").unwrap().1.to_owned();
        let answer = act(&address);
        server.kill().unwrap();
        server.wait().unwrap();
        answer
    };
    let job = |answer: &str| {
        assert!(answer.starts_with("HTTP/1.1 202"), "{answer}");
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        serde_json::from_str::<serde_json::Value>(body).unwrap()["id"].as_str().unwrap().to_owned()
    };
    let first = served(&|address| call(address, "one"));
    let again = served(&|address| call(address, "one"));
    assert_eq!(job(&first), job(&again), "killed in between, and carried out once");
    assert!(served(&|address| call(address, "two")).starts_with("HTTP/1.1 409"));
    host.ok(&["token", "revoke", "ci", "--yes"]);
    assert!(served(&|address| call(address, "one")).starts_with("HTTP/1.1 401"));
}
