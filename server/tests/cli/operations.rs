//! `docs/operations.md`, followed to the letter: every block marked `sh practised` runs in the page's order with the real binary, and the
//! disasters between them happen. Only what a test must not touch has another place: the machine's folders lie in one of the test's own, and
//! `sudo`, `systemctl` and `journalctl` are scripts that do their part of it.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use rusqlite::Connection;

use crate::{
    postgres::server,
    support::{KEEPSTONE, Run, content, run, shop},
};

/// `sudo [-u NAME] COMMAND…`: everything here belongs to one user.
const SUDO: &str = "#!/bin/sh\nif [ \"$1\" = -u ]; then shift 2; fi\nexec \"$@\"\n";

/// Carries out the unit that was installed. A process that ended is a zombie at most: it has no program any more.
const SYSTEMCTL: &str = r#"#!/bin/bash
cd "$MACHINE"
stop() { if [ -f pid ]; then kill -TERM "$(cat pid)"; while [ -e "/proc/$(cat pid)/exe" ]; do sleep 0.02; done; rm pid; fi; }
start() {
  command=$(sed -n 's/^ExecStart=//p' etc/systemd/system/keepstone.service)
  KEEPSTONE_LISTEN=127.0.0.1:0 setsid sh -c "exec $command" </dev/null >journal 2>&1 &
  echo $! >pid
  until grep -q http:// journal; do [ -e "/proc/$(cat pid)/exe" ] || { cat journal >&2; exit 1; }; sleep 0.02; done
}
case "$*" in
  daemon-reload) ;;
  "stop keepstone" | "disable --now keepstone") stop ;;
  "start keepstone" | "enable --now keepstone") start ;;
  "restart keepstone") stop; start ;;
  *) echo "systemctl $*?" >&2; exit 1 ;;
esac
"#;

const JOURNALCTL: &str = "#!/bin/sh\n[ \"$*\" = '-u keepstone' ] && cat \"$MACHINE/journal\"\n";

/// A block of the page: under which heading, on which machine, and its text.
#[derive(Debug)]
struct Block {
    heading: String,
    place: String,
    text: String,
}

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("docs")
}

fn page() -> Vec<Block> {
    let page = fs::read_to_string(docs().join("operations.md")).unwrap();
    let (mut blocks, mut heading, mut open) = (Vec::new(), "", None::<(&str, String)>);
    for line in page.lines() {
        open = match (open, line.strip_prefix("```")) {
            (Some((place, text)), None) => Some((place, format!("{text}{line}\n"))),
            (Some((place, text)), Some(_)) => {
                if let Some(place) = place.strip_prefix("sh practised") {
                    blocks.push(Block { heading: heading.to_owned(), place: place.trim().to_owned(), text });
                }
                None
            }
            (None, Some(info)) => Some((info, String::new())),
            (None, None) => {
                heading = line.strip_prefix("## ").unwrap_or(heading);
                None
            }
        };
    }
    blocks
}

/// A machine with folders of its own.
struct Machine {
    root: PathBuf,
    /// What the page puts into the shell's start-up file.
    startup: String,
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = self.command("systemctl stop keepstone").output();
    }
}

impl Machine {
    fn new(root: PathBuf) -> Self {
        for folder in ["bin", "home/target/release", "srv/shop", "var/lib", "usr/local/bin", "etc/systemd/system", "mnt/copy", "../disk"] {
            fs::create_dir_all(root.join(folder)).unwrap();
        }
        for (name, text) in [("sudo", SUDO), ("systemctl", SYSTEMCTL), ("journalctl", JOURNALCTL)] {
            fs::write(root.join("bin").join(name), text).unwrap();
            fs::set_permissions(root.join("bin").join(name), fs::Permissions::from_mode(0o755)).unwrap();
        }
        symlink(KEEPSTONE, root.join("home/target/release/keepstone")).unwrap();
        Self { root, startup: String::new() }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    fn command(&self, text: &str) -> Command {
        let root = self.root.display();
        let mut text =
            text.replace(" -o shop -g shop", "").replace("service install", &format!("service install --into {root}/etc/systemd/system"));
        for folder in ["/srv/shop", "/var/lib", "/usr/local/bin", "/mnt/copy"] {
            text = text.replace(folder, &format!("{root}{folder}"));
        }
        text = text.replace("/mnt/disk", &format!("{root}/../disk"));
        let mut command = Command::new("bash");
        let script = format!("{}\n{text}", self.startup);
        command.args(["-eu", "-c", &script]).current_dir(self.path("home")).stdin(Stdio::null());
        command.env_clear().env("TZ", "UTC").env("MACHINE", &self.root).env("PATH", format!("{root}/bin:/usr/bin:/bin"));
        command
    }

    fn run(&self, text: &str) -> Run {
        run(&mut self.command(text))
    }

    /// Does what a block says; gives back what was printed.
    fn follow(&mut self, block: &Block) -> String {
        let done = self.run(&block.text);
        assert_eq!(done.exit, 0, "docs/operations.md, {}:\n{}\n{}\n{}", block.heading, block.text, done.stdout, done.stderr);
        let root = self.root.display().to_string();
        let functions = block.text.lines().filter(|line| line.starts_with("keepstone() {"));
        let functions: String = functions.map(|line| format!("{line}\n").replace("/usr/local", &format!("{root}/usr/local"))).collect();
        self.startup += &functions.replace("/var/lib", &format!("{root}/var/lib"));
        done.stdout
    }

    fn ok(&self, text: &str) -> String {
        let done = self.run(text);
        assert_eq!(done.exit, 0, "{text}: {done:?}");
        done.stdout
    }
}

/// The next block of the page, which must be this one.
fn next(blocks: &mut std::vec::IntoIter<Block>, heading: &str, place: &str) -> Block {
    let block = blocks.next().unwrap_or_else(|| panic!("the page ends before {heading}"));
    assert_eq!((block.heading.as_str(), block.place.as_str()), (heading, place));
    block
}

#[test]
fn the_page_is_followed_from_the_first_installation_to_the_last_emergency() {
    let folder = tempfile::tempdir().unwrap();
    let mut blocks = page().into_iter();
    let mut old = Machine::new(folder.path().join("old"));
    let live = old.path("srv/shop/shop.db");
    drop(shop(&live, 30));
    let before = content(&live);

    // Installing
    old.follow(&next(&mut blocks, "Installing", ""));
    let plain = fs::canonicalize(old.path("var/lib/keepstone/backups/shop/latest.zip")).unwrap();
    let link = old.follow(&next(&mut blocks, "Installing", ""));
    assert!(link.contains("/setup?"), "{link}");
    old.follow(&next(&mut blocks, "Installing", ""));
    let kit = fs::read_to_string(old.path("home/kit.txt")).unwrap();
    assert!(kit.contains("open-archive.py"), "{kit}");
    let encrypted = fs::canonicalize(old.path("var/lib/keepstone/backups/shop/latest.zip")).unwrap();
    assert_ne!(plain, encrypted);
    old.ok("echo 'correct horse battery' | keepstone user add ann --role admin --password-file -");

    // Upgrading, and back: a newer version has been there, and made a backup
    old.follow(&next(&mut blocks, "Upgrading", ""));
    old.ok("systemctl stop keepstone");
    let catalog = old.path("var/lib/keepstone/catalog.sqlite");
    let version = {
        let connection = Connection::open(&catalog).unwrap();
        let version: u32 = connection.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
        let copy = catalog.with_file_name(format!("catalog.version-{version}.sqlite"));
        connection.execute("VACUUM INTO ?1", [copy.to_str().unwrap()]).unwrap();
        version
    };
    let meanwhile = old.ok("keepstone create shop -q").trim().to_owned();
    Connection::open(&catalog).unwrap().pragma_update(None, "user_version", version + 1).unwrap();
    let refused = old.run("keepstone list");
    assert!(refused.exit == 1 && refused.stderr.contains("newer version"), "{refused:?}");
    old.follow(&next(&mut blocks, "Upgrading", ""));
    assert!(!old.ok("keepstone list").contains(&meanwhile));
    let told = old.follow(&next(&mut blocks, "Upgrading", ""));
    assert!(told.contains("1 archives are not in the catalog") && told.contains(&meanwhile), "{told}");
    assert!(old.ok("keepstone user list").contains("ann"), "users are as they were");

    // Moving
    old.follow(&next(&mut blocks, "Moving to another machine", ""));
    let mut new = Machine::new(folder.path().join("new"));
    new.follow(&next(&mut blocks, "Moving to another machine", "on the new machine"));
    assert_eq!(content(&new.path("srv/shop/shop.db")), before, "the database came out of its newest backup");

    // Lost passwords
    let there = "on the new machine";
    fs::copy(old.path("home/password.txt"), new.path("home/password.txt")).unwrap();
    new.follow(&next(&mut blocks, "A lost password", there));
    new.follow(&next(&mut blocks, "A lost password", there));
    let key = |file: &str| {
        new.run(&format!(
            "/usr/local/bin/keepstone --data nowhere verify $(realpath /var/lib/keepstone/backups/shop/latest.zip) --password-file {file}"
        ))
    };
    assert_eq!((key("new-password.txt").exit, key("password.txt").exit), (0, 8));

    // A lost catalog, then all of the data directory
    new.ok("systemctl stop keepstone");
    fs::write(new.path("var/lib/keepstone/catalog.sqlite"), "no catalog any more").unwrap();
    assert_eq!(new.run("keepstone status").exit, 4);
    let list = new.follow(&next(&mut blocks, "A lost catalog", there));
    assert!(list.contains(&meanwhile), "{list}");
    new.ok("systemctl stop keepstone; mv /var/lib/keepstone/backups /mnt/copy/; rm -r /var/lib/keepstone");
    new.follow(&next(&mut blocks, "A lost catalog", there));
    let restored = fs::read_dir(new.path("home")).unwrap().flatten().find(|file| file.path().extension().is_some_and(|e| e == "sqlite"));
    assert_eq!(content(&restored.unwrap().path()), before);

    // Nothing but an archive
    let bare = Machine::new(folder.path().join("bare"));
    let archives = new.path("var/lib/keepstone/backups/shop");
    let taken = |archive: &Path, name: &str| {
        let archive = archives.join("manual").join(archive.file_name().unwrap());
        fs::copy(archive, bare.path("home").join(name)).unwrap();
    };
    taken(&plain, "archive.zip");
    taken(&encrypted, "encrypted.zip");
    fs::copy(new.path("home/new-password.txt"), bare.path("home/password.txt")).unwrap();
    fs::copy(docs().join("open-archive.py"), bare.path("home/open-archive.py")).unwrap();
    emergency(bare, &mut blocks, &before);
}

fn emergency(mut bare: Machine, blocks: &mut std::vec::IntoIter<Block>, before: &str) {
    let (heading, place) = ("In an emergency, without Keepstone", "with nothing but an archive");
    let told = bare.follow(&next(blocks, heading, place));
    let sum = told.lines().find_map(|line| line.strip_suffix("  again.db")).unwrap();
    assert!(told.contains(&format!("\"backup_hash\": \"{sum}\"")) && told.ends_with("ok\n"), "{told}");
    assert_eq!(content(&bare.path("home/again.db")), before);

    let block = next(blocks, heading, place);
    let has = |code: &str| Command::new("python3").args(["-c", code]).output().is_ok_and(|done| done.status.success());
    if has("import cryptography") {
        bare.follow(&block);
        assert_eq!(content(&bare.path("home/again-too.db")), before);
    } else {
        crate::skip::skipped("there is no python3 with cryptography on this machine");
    }

    let block = next(blocks, heading, "with a PostgreSQL archive");
    assert!(blocks.next().is_none(), "every block is practised");
    let Some(server) = server::server() else { return };
    let url = server.shop("emergency");
    let archive = bare.ok(&format!("K={KEEPSTONE}; $K create '{url}' --json | sed -n 's/.*\"path\": *\"\\([^\"]*\\.zip\\)\".*/\\1/p'"));
    fs::rename(archive.trim(), bare.path("home/archive.zip")).unwrap();
    let connection = format!("export PGHOST=127.0.0.1 PGPORT={} PGUSER=postgres\n", server.port);
    let tools = format!("export PGPASSWORD='{}' PATH=\"{}:$PATH\"\n", server::PASSWORD, server.bin.display());
    let text = format!("{connection}{tools}{}", block.text);
    bare.follow(&Block { text, ..block });
    assert_eq!(server.psql("shop_again", "SELECT count(*) FROM orders"), "1000");
}
