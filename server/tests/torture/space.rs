//! A disk without a byte left: what needs no room goes on, people can still sign in, and what they do to make room works. And files that may not
//! grow beyond a size, so that a write is cut short at any place.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Command, Stdio},
    time::Duration,
};

use serde_json::Value;

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

/// The vault is alone on a small disk, which whoever fills it fills again whenever something was given up: before every verb it has no byte left.
/// Six backups: the oldest is pinned and damaged when the disk is full, two more are too many.
const FULL_DISK: &str = r#"
    disk=$1
    fill() {
        # To the last block, whatever a file system keeps back for a while.
        sync -f disk
        for piece in 64M 8M 1M 128K 16K 4K; do while fallocate -l $piece disk/ballast/$((files += 1)) 2>/dev/null; do :; done; done
    }
    # verb NAME ARGUMENT…: on a disk that is full.
    verb() { name=$1; shift; fill; $K "$@" --json > $name.json; echo $? > $name.exit; }
    case $disk in
        tmpfs) mount -t tmpfs -o size=320m tmpfs disk || exit 77 ;;
        ext4) truncate -s 340M image && mkfs.ext4 -q -m 0 image && mount -o loop image disk || exit 77 ;;
    esac
    mkdir disk/ballast
    export KEEPSTONE_DATA=disk/vault
    for number in 1 2 3 4 5 6; do $K create ./shop.db -q --no-compress > id$number || exit 1; done
    $K pin $(cat id1) -q && $K user add alice --role admin --password-file good -q || exit 2
    test -f disk/vault/reserve || exit 3
    verb list list
    verb status status
    verb verify verify $(cat id6)
    cp disk/vault/backups/shop/manual/$(cat id6).notes.json notes
    printf 'X' | dd of=disk/vault/backups/shop/manual/$(cat id1).zip bs=1 seek=400000 conv=notrunc 2>/dev/null || exit 4
    verb damaged verify $(cat id1)
    verb create create shop
    fill
    $K serve --listen 127.0.0.1:0 > said &
    server=$!
    until grep -qs http:// said; do kill -0 $server || exit 5; sleep 0.05; done
    fill
    cat said
    read _go_on
    verb beside verify $(cat id6)
    kill -TERM $server; wait $server; echo $? > serve.exit
    verb cleanup cleanup shop --keep 3 --include-manual --yes
    verb delete delete $(cat id4) --yes
    verb empty trash empty --yes
    verb after list
    rm -r disk/ballast
    $K verify $(cat id6) --json > again.json; echo $? > again.exit"#;

#[test]
fn on_a_full_disk_what_needs_no_room_goes_on_and_people_can_make_some() {
    let tried = ["tmpfs", "ext4"].into_iter().filter(|disk| full_disk(disk)).count() as u64;
    if tried == 0 {
        crate::skip::skipped("this machine lets nobody mount a small disk");
        return;
    }
    figures("full disk", &[("disks", tried), ("verbs each", 12), ("sign-ins each", 1), ("lost", 0)]);
}

/// Whether this machine lets us have such a disk.
fn full_disk(disk: &str) -> bool {
    let host = Host::new();
    drop(shop(&host.path("shop.db"), 4000));
    fs::write(host.path("good"), "correct horse battery staple\n").unwrap();
    fs::create_dir(host.path("disk")).unwrap();
    let mut command = Command::new("unshare");
    let user: &[&str] = if is_root() { &["--mount"] } else { &["--mount", "--map-root-user"] };
    command.args(user).args(["sh", "-c", FULL_DISK, "sh", disk]);
    host.furnish(&mut command);
    command.env("K", KEEPSTONE).env("PATH", "/usr/bin:/bin:/usr/sbin:/sbin");
    let Ok(mut child) = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn() else { return false };
    // The test itself speaks to the server in that mount namespace.
    let mut said = BufReader::new(child.stdout.take().unwrap()).lines();
    let address = said.find_map(|line| line.unwrap().rsplit_once("http://").map(|(_, address)| address.to_owned()));
    let Some(address) = address else {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.code() == Some(77) || String::from_utf8_lossy(&output.stderr).contains("unshare:"), "{output:?}");
        return false;
    };
    let (status, session) = sign_in(&address);
    writeln!(child.stdin.take().unwrap(), "go on").unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(session && !status.contains(" 5"), "signing in on a full disk: {status}: {output:?}");
    let read = |name: &str| {
        let exit: i32 = fs::read_to_string(host.path(&format!("{name}.exit"))).unwrap().trim().parse().unwrap();
        let document: Value = serde_json::from_str(&fs::read_to_string(host.path(&format!("{name}.json"))).unwrap())
            .unwrap_or_else(|error| panic!("{disk}: {name}: {error}: {}", String::from_utf8_lossy(&output.stderr)));
        check_shape(&document, exit, &[disk, name]);
        (exit, document)
    };
    for name in ["list", "status", "cleanup", "delete", "empty", "after", "again"] {
        let (exit, document) = read(name);
        assert_eq!(exit, 0, "{disk}: {name}: {document}");
    }
    let (exit, document) = read("create");
    assert_eq!((exit, document["error"]["code"].as_str()), (6, Some("no_space")), "{disk}: {document}");
    let ids = [1, 2, 3, 4, 5, 6].map(|number| fs::read_to_string(host.path(&format!("id{number}"))).unwrap().trim().to_owned());
    // Without room for the scratch copy the stored bytes are read and checked all the same, and the backup stays what it was.
    for name in ["verify", "beside"] {
        let (exit, document) = read(name);
        assert_eq!((exit, document["error"]["code"].as_str()), (1, Some("unproven")), "{disk}: {document}");
        let found = &document["results"][0];
        assert_eq!((found["level"].as_str(), found["verdict"].as_str()), (Some("stored"), Some("good")), "{disk}: {document}");
        let check = |name: &str| found["proof"]["checks"].as_array().unwrap().iter().find(|check| check["name"] == name).unwrap();
        assert_eq!(check("sqlite_integrity_check")["result"], "could_not_run", "{disk}: {document}");
        let hash = found["payload_hash"].as_str().unwrap();
        assert_eq!(check("checksum_validation")["detail"], format!("SHA-256 {hash}"), "{disk}: what was read: {document}");
    }
    // That this was done is written down, and was not so before.
    let notes: Value = serde_json::from_str(&fs::read_to_string(host.path("notes")).unwrap()).unwrap();
    let found = read("verify").1["results"][0]["proof"]["checked_at"].clone();
    assert_eq!((notes["proofs"].as_array().unwrap().len(), &notes["proofs"][1]["checked_at"]), (2, &found), "{disk}: {notes}");
    // And damage is told from what is whole.
    let (exit, document) = read("damaged");
    assert_eq!((exit, document["results"][0]["verdict"].as_str()), (4, Some("bad")), "{disk}: {document}");
    // What was too many went, and made room; nothing else.
    let cleaned = read("cleanup").1["results"][0].clone();
    let gone: Vec<&str> = cleaned["removed"].as_array().unwrap().iter().map(|gone| gone["id"].as_str().unwrap()).collect();
    assert_eq!((gone, cleaned["skipped"].as_array().unwrap().len()), (vec![&*ids[1], &*ids[2]], 0), "{disk}: {cleaned}");
    let after = read("after").1;
    let complete = after["results"].as_array().unwrap().iter().filter(|backup| backup["state"] == "complete");
    let complete: Vec<&str> = complete.map(|backup| backup["id"].as_str().unwrap()).collect();
    assert_eq!(complete, [&*ids[5], &*ids[4], &*ids[0]], "{disk}: {after}");
    assert_eq!(read("again").1["results"][0]["level"], "opened", "{disk}: once there is room again");
    content(&host.path("shop.db"));
    true
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
