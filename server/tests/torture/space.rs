//! A disk without a byte left: what needs no room goes on, people can still sign in, and what they do to make room works. And files that may not
//! grow beyond a size, so that a write is cut short at any place.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Command, Stdio},
    time::Duration,
};

use crate::{
    effort::{Effort, figures},
    support::{Host, KEEPSTONE, check_shape, content, shop},
};

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|meta| std::os::unix::fs::MetadataExt::uid(&meta) == 0)
}

/// Signs in as a browser without JavaScript does; gives back the status line and whether a session came with it.
fn sign_in(address: &str) -> (String, bool) {
    let body = "name=alice&password=correct+horse+battery+staple&next=%2F";
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    write!(
        stream,
        "POST /fn/session/sign-in HTTP/1.1\r\nHost: {address}\r\nOrigin: http://{address}\r\nAccept: text/html\r\nReferer: http://{address}/login\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let answer = String::from_utf8_lossy(&answer).into_owned();
    (answer.lines().next().unwrap_or_default().to_owned(), answer.to_lowercase().contains("set-cookie: keepstone_session="))
}

/// The vault is alone on a disk of 320 MB, in a mount namespace that goes with the shell. The test itself speaks to the server in it.
#[test]
fn on_a_full_disk_what_needs_no_room_goes_on_and_people_can_make_some() {
    let host = Host::new();
    drop(shop(&host.path("shop.db"), 12_000));
    fs::write(host.path("good"), "correct horse battery staple\n").unwrap();
    fs::create_dir(host.path("disk")).unwrap();
    let script = "
        mount -t tmpfs -o size=320m tmpfs disk || exit 77
        export KEEPSTONE_DATA=disk/vault
        $K create ./shop.db -q --no-compress > id1 && $K create shop -q --no-compress > id2 || exit 1
        $K user add alice --role admin --password-file good -q || exit 2
        test -f disk/vault/reserve || exit 3
        # To the last byte, whatever a file system keeps back.
        while head -c 1000000 /dev/zero >> disk/ballast 2>/dev/null; do :; done
        while head -c 1000 /dev/zero >> disk/ballast 2>/dev/null; do :; done
        for verb in list status; do $K $verb --json > $verb.json; echo $? > $verb.exit; done
        $K verify latest --db shop --json > verify.json; echo $? > verify.exit
        $K create shop --json > create.json; echo $? > create.exit
        $K serve --listen 127.0.0.1:0 &
        server=$!
        read _go_on
        kill -TERM $server; wait $server; echo $? > serve.exit
        $K delete $(cat id1) --yes --json > delete.json; echo $? > delete.exit
        $K trash empty --yes --json > empty.json; echo $? > empty.exit
        $K verify latest --db shop --json > again.json; echo $? > again.exit
        $K list --json > after.json; echo $? > after.exit";
    let mut command = Command::new("unshare");
    let user: &[&str] = if is_root() { &["--mount"] } else { &["--mount", "--map-root-user"] };
    command.args(user).args(["sh", "-c", script]);
    host.furnish(&mut command);
    command.env("K", KEEPSTONE).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let Ok(mut child) = command.spawn() else {
        crate::skip::skipped("there is no unshare here");
        return;
    };
    let mut said = BufReader::new(child.stdout.take().unwrap()).lines();
    let address = said.find_map(|line| line.unwrap().rsplit_once("http://").map(|(_, address)| address.to_owned()));
    let Some(address) = address else {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.code() == Some(77) || String::from_utf8_lossy(&output.stderr).contains("unshare:"), "{output:?}");
        crate::skip::skipped("this machine lets nobody mount a small disk");
        return;
    };
    let (status, session) = sign_in(&address);
    writeln!(child.stdin.take().unwrap(), "go on").unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(session && !status.contains(" 5"), "signing in on a full disk: {status}: {output:?}");
    let read = |name: &str| {
        let exit: i32 = fs::read_to_string(host.path(&format!("{name}.exit"))).unwrap().trim().parse().unwrap();
        let document = serde_json::from_str(&fs::read_to_string(host.path(&format!("{name}.json"))).unwrap())
            .unwrap_or_else(|error| panic!("{name}: {error}: {}", String::from_utf8_lossy(&output.stderr)));
        check_shape(&document, exit, &[name]);
        (exit, document)
    };
    for name in ["list", "delete", "empty", "after"] {
        let (exit, document) = read(name);
        assert_eq!(exit, 0, "{name}: {document}");
    }
    let (exit, document) = read("create");
    assert_eq!((exit, document["error"]["code"].as_str()), (6, Some("no_space")), "{document}");
    // Without room for the scratch copy the stored bytes are checked all the same, and the backup stays what it was.
    let (_, document) = read("verify");
    let backup = &document["results"][0];
    assert_eq!((backup["verdict"].as_str(), backup["state"].as_str()), (Some("good"), Some("complete")), "{document}");
    let after = read("after").1;
    let complete = after["results"].as_array().unwrap().iter().filter(|backup| backup["state"] == "complete").count();
    assert_eq!(complete, 1, "{after}");
    content(&host.path("shop.db"));
    figures("full disk", &[("verbs", 8), ("sign-ins", 1), ("lost", 0)]);
}

/// `RLIMIT_FSIZE`: the write that crosses the limit is a short one, the next fails.
#[test]
fn a_write_cut_short_anywhere_fails_clearly_and_loses_nothing() {
    let effort = Effort::begin();
    let host = Host::new();
    drop(shop(&host.path("shop.db"), 60));
    host.ok(&["db", "add", "shop.db"]);
    let kept = host.create(&["shop", "--no-compress"]);
    let before = content(&host.path("shop.db"));
    let whole = fs::metadata(host.path(&format!("keepstone-data/backups/shop/manual/{kept}.zip"))).unwrap().len();
    let mut runs = 0;
    // In blocks of 512 bytes, from nothing to more than the archive needs.
    for limit in effort.choose((0..whole / 512 + 4).collect(), 8) {
        if effort.is_over() {
            break;
        }
        let mut command = Command::new("sh");
        command.args(["-c", "ulimit -f $1; exec \"$K\" create shop --no-compress --json", "sh", &limit.to_string()]).env("K", KEEPSTONE);
        host.furnish(&mut command);
        let output = command.env("K", KEEPSTONE).output().unwrap();
        let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
        check_shape(&document, output.status.code().unwrap(), &["create"]);
        runs += 1;
        let listed = host.results(&["list", "--state", "complete"]);
        let done = document["results"][0]["id"].as_str().filter(|_| output.status.success());
        assert!(listed.iter().any(|backup| backup["id"] == *kept), "{limit}: the older backup is there");
        assert_eq!(listed.len(), 1 + usize::from(done.is_some()), "{limit}: {document}");
        if let Some(id) = done {
            host.ok(&["verify", id]);
            host.ok(&["delete", id, "--yes"]);
        }
    }
    host.ok(&["verify", &kept]);
    assert_eq!(content(&host.path("shop.db")), before);
    figures("writes cut short", &[("runs", runs), ("lost", 0)]);
}
