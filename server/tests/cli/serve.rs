//! `serve`, as a process: it says where it listens, answers, and stops when it is told to.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Child, Command, Stdio},
    time::Duration,
};

use crate::support::{Host, shop};

/// A running server, and what it printed: the address, and below it the set-up link.
fn serve(host: &Host, more: &[&str]) -> (Child, String, String) {
    let args = [&["serve", "--listen", "127.0.0.1:0"], more].concat();
    let mut child = host.command(&args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let address = lines.next().unwrap().unwrap().rsplit_once("http://").unwrap().1.to_owned();
    let link = lines.find(|line| line.as_ref().unwrap().contains("/setup?")).unwrap().unwrap();
    (child, address, link)
}

fn get(address: &str, path: &str) -> String {
    send(address, &format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"))
}

/// Sends a request as it is, and reads the answer to its end.
pub(crate) fn send(address: &str, request: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn stop(child: Child) {
    assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}

#[test]
fn it_serves_beside_the_command_line_and_stops_when_told_to() {
    let host = Host::new();
    drop(shop(&host.path("shop.db"), 10));
    let (child, address, link) = serve(&host, &[]);
    assert!(link.contains(&address), "{link}");
    assert!(get(&address, "/healthz").starts_with("HTTP/1.1 200"));
    assert!(!get(&address, "/backups").starts_with("HTTP/1.1 200"), "nothing is open without a session");

    // The command line works on the same vault meanwhile.
    host.ok(&["db", "add", "shop.db"]);
    let id = host.create(&["shop"]);
    host.ok(&["verify", &id]);
    let (exit, document) = host.json(&["serve", "--listen", &address]);
    assert_eq!((exit, document["error"]["code"].as_str()), (5, Some("address_in_use")), "{document}");
    let new_link = host.ok(&["user", "setup-link"]);
    assert_ne!(link.rsplit_once('=').unwrap().1, new_link.trim().rsplit_once('=').unwrap().1);
    stop(child);
}

#[test]
fn with_a_damaged_catalog_it_offers_a_new_one_and_goes_on() {
    let host = Host::new();
    drop(shop(&host.path("shop.db"), 10));
    host.ok(&["db", "add", "shop.db"]);
    host.create(&["shop"]);
    std::fs::write(host.path("login.txt"), "a correct horse, a battery").unwrap();
    host.ok(&["user", "add", "ann", "--role", "admin", "--password-file", "login.txt"]);
    for side in ["", "-wal", "-shm"] {
        std::fs::write(host.path(&format!("keepstone-data/catalog.sqlite{side}")), "damaged").unwrap();
    }
    let mut child = host.command(&["serve", "--listen", "127.0.0.1:0"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let link = lines.find(|line| line.contains("/recovery?key=")).unwrap();
    let (address, path) = link.trim().strip_prefix("http://").unwrap().split_at(link.trim()[7..].find('/').unwrap());
    let key = path.rsplit_once('?').unwrap().1;
    let page =
        |path: &str| send(address, &format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nAccept: text/html\r\nConnection: close\r\n\r\n"));
    let post = |body: &str| {
        let head =
            format!("POST /recovery HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Type: application/x-www-form-urlencoded");
        send(address, &format!("{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len()))
    };

    for path in ["/", "/login", "/recovery", "/recovery?key=00", "/api/v1/backups"] {
        let answer = page(path);
        assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("catalog") && !answer.contains("<form"), "{path}: {answer}");
    }
    assert!(get(address, "/api/v1/backups").contains(r#""code":"catalog_damaged""#));
    assert!(post("key=00").starts_with("HTTP/1.1 503"), "not without the link");
    assert!(page(path).contains("<form"));
    // A page of another site cannot reach it under a name of its own.
    assert!(send(address, &format!("GET {path} HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n")).starts_with("HTTP/1.1 421"));
    let made = post(key);
    assert!(made.starts_with("HTTP/1.1 200") && made.contains("1 backup") && made.contains("1 user,"), "{made}");

    // The console comes up in its place, on another port here, for none was named.
    let address = lines.find_map(|line| Some(line.strip_prefix("Keepstone is listening on http://")?.to_owned())).unwrap();
    assert!(get(&address, "/readyz").starts_with("HTTP/1.1 200"));
    assert_eq!(host.results(&["user", "list"])[0]["name"], "ann");
    stop(child);
}

#[test]
fn a_catalog_that_goes_while_it_serves_is_noticed_and_the_next_one_taken() {
    let host = Host::new();
    drop(shop(&host.path("shop.db"), 10));
    host.ok(&["db", "add", "shop.db"]);
    host.create(&["shop"]);
    let mut child = host.command(&["serve", "--listen", "127.0.0.1:0"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let mut address = || lines.find_map(|line| Some(line.split_once(" on http://")?.1.to_owned())).unwrap();
    let first = address();
    assert!(get(&first, "/readyz").starts_with("HTTP/1.1 200"));
    for side in ["", "-wal", "-shm"] {
        std::fs::remove_file(host.path(&format!("keepstone-data/catalog.sqlite{side}"))).unwrap();
    }
    // It does not go on with what nobody else sees; another process makes a new one, and that is what it serves then.
    host.ok(&["catalog", "rebuild", "--yes"]);
    let second = address();
    assert!(get(&second, "/readyz").starts_with("HTTP/1.1 200"));
    assert_eq!(host.results(&["list"]).len(), 1);
    stop(child);
}

#[test]
fn it_protects_the_database_of_the_environment_as_that_says() {
    let host = Host::new();
    drop(shop(&host.path("shop.db"), 10));
    let mut command = host.command(&["serve", "--listen", "127.0.0.1:0", "--recheck-after", "7d"]);
    command.envs([("DATABASE_URL", "sqlite:///shop.db"), ("BACKUP_COMPRESSION_ENABLED", "false"), ("BACKUP_VERIFY_AFTER_CREATE", "false")]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let said = BufReader::new(child.stdout.take().unwrap()).lines().next().unwrap().unwrap();
    assert_eq!(host.results(&["db", "list"])[0]["id"], "shop");
    assert_eq!(host.results(&["schedule", "list"]).len(), 3);

    // What is made here goes by the environment unless somebody says otherwise; what it did not check, it does not call good.
    let address = said.rsplit_once("http://").unwrap().1;
    let token = host.ok(&["token", "create", "try", "--scope", "create", "-q"]);
    let create = |body: &str| {
        let head = format!(
            "POST /api/v1/databases/shop/backups HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Type: application/json"
        );
        let answer =
            send(address, &format!("{head}\r\nAuthorization: Bearer {}\r\nContent-Length: {}\r\n\r\n{body}", token.trim(), body.len()));
        assert!(answer.starts_with("HTTP/1.1 202"), "{answer}");
        while !host.results(&["job", "list", "--state", "queued"]).is_empty()
            || !host.results(&["job", "list", "--state", "running"]).is_empty()
        {
            std::thread::yield_now();
        }
        let shown = host.results(&["list", "--limit", "1"])[0].clone();
        let metadata = host.results(&["show", shown["id"].as_str().unwrap()])[0]["metadata"].clone();
        [shown["verdict"].clone(), shown["level"].clone(), metadata["compression"].clone()]
    };
    assert_eq!(create("{}"), ["unproven", "none", "none"]);
    assert_eq!(create(r#"{"compression": "gzip", "verify": true}"#), ["good", "opened", "gzip"]);
    stop(child);
}
