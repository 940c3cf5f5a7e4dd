//! Archives open without Keepstone: with the script of `docs/format.md`, and with unzip, zstd and gzip.

use std::process::{Command, Output, Stdio};

use super::{museum, *};

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs")
}

/// Past the capture of a test's output, so that it is seen; `scripts/test.sh` counts it.
fn skipped(why: &str) {
    let _ = writeln!(std::io::stderr(), "\nSKIPPED: {why}");
}

/// Whether all these can be run. A machine without one of them skips the test, and says so.
fn installed(tools: &[&str]) -> bool {
    let missing = |tool: &&&str| {
        let version = if **tool == "unzip" { "-v" } else { "--version" };
        Command::new(tool).arg(version).stdout(Stdio::null()).stderr(Stdio::null()).status().is_err()
    };
    match tools.iter().find(missing) {
        Some(tool) => skipped(&format!("{tool} is not installed")),
        None => return true,
    }
    false
}

/// Runs the script; the password is what it reads where there is no terminal.
fn script(archive: &Path, output: &Path, password: &str) -> Output {
    let mut command = Command::new("python3");
    command.arg(docs().join("open-archive.py")).args([archive, output]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // It does not read what it does not need.
    drop(child.stdin.take().unwrap().write_all(format!("{password}\n").as_bytes()));
    child.wait_with_output().unwrap()
}

/// Whether python can open encrypted archives.
fn cryptography_installed() -> bool {
    let found = Command::new("python3").args(["-c", "import cryptography"]).stderr(Stdio::null()).status().is_ok_and(|ran| ran.success());
    if !found {
        skipped("the python package cryptography is not installed; encrypted archives are left out");
    }
    found
}

#[test]
fn the_script_opens_every_archive() {
    if !installed(&["python3", "zstd"]) {
        return;
    }
    let scratch = tempfile::tempdir().unwrap();
    let cryptography = cryptography_installed();
    for (name, path) in museum::archives() {
        let encrypted = Archive::open(&path).unwrap().is_locked();
        if encrypted && !cryptography {
            continue;
        }
        let output = scratch.path().join(&name);
        // As some editors write a password file.
        let mark = if name.contains("pbkdf2") { "\u{feff}" } else { "" };
        let ran = script(&path, &output, &format!("{mark}{}", museum::PASSWORD));
        assert!(ran.status.success(), "{name}: {ran:?}");
        assert!(fs::read(&output).unwrap() == read_with(&path, museum::passwords()).unwrap(), "{name}");
        // A second run must not write over what is there.
        assert!(encrypted || !script(&path, &output, "").status.success());
    }
}

#[test]
fn the_script_gives_damage_no_name() {
    if !installed(&["python3", "zstd"]) {
        return;
    }
    for compression in ALL {
        let (folder, path) = archive(&image(300_000, 11), compression);
        let mut bytes = fs::read(&path).unwrap();
        bytes[1000] ^= 4;
        fs::write(&path, bytes).unwrap();
        let output = folder.path().join("out.sqlite");
        assert!(!script(&path, &output, "").status.success(), "{compression:?}");
        assert!(!output.exists());
    }
}

#[test]
fn the_script_tells_a_wrong_password_from_damage() {
    if !installed(&["python3", "zstd"]) || !cryptography_installed() {
        return;
    }
    let (folder, path) = encrypted::archive(&image(300_000, 12), Compression::Zstd);
    let output = folder.path().join("out.sqlite");
    let refused = |password: &str, word: &str| {
        let ran = script(&path, &output, password);
        let said = String::from_utf8_lossy(&ran.stderr).into_owned();
        assert!(!ran.status.success() && !output.exists() && said.contains(word), "{word}: {said}");
        let _ = fs::remove_file(folder.path().join("out.sqlite.part"));
    };
    refused("another password", "WRONG PASSWORD");
    let sound = fs::read(&path).unwrap();
    let mut bytes = sound.clone();
    bytes[100_000] ^= 4;
    fs::write(&path, bytes).unwrap();
    refused(encrypted::PASSWORD, "DAMAGED");
    fs::write(&path, sound).unwrap();
    assert!(script(&path, &output, encrypted::PASSWORD).status.success());
}

#[test]
fn stock_tools_open_every_archive() {
    if !installed(&["unzip", "zstd", "gzip", "sh"]) {
        return;
    }
    let sh = |command: &str, archive: &Path| Command::new("sh").args(["-c", command, "sh"]).arg(archive).output().unwrap();
    for (name, path) in museum::archives() {
        let metadata = Archive::open(&path).unwrap().metadata().clone();
        if metadata.encrypted {
            continue;
        }
        let decompress = match metadata.compression {
            Compression::Zstd => "zstd -dcq",
            Compression::Gzip => "gzip -dc",
            Compression::None => "cat",
        };
        let tested = sh("unzip -tq \"$1\"", &path);
        assert!(tested.status.success(), "{name}: {tested:?}");
        let image = sh(&format!("unzip -p \"$1\" 'database.*' | {decompress}"), &path);
        assert!(image.stdout == read(&path).unwrap(), "{name}: {}", String::from_utf8_lossy(&image.stderr));
        let text = sh("unzip -p \"$1\" metadata.json", &path);
        assert_eq!(serde_json::from_slice::<Metadata>(&text.stdout).unwrap(), metadata, "{name}");
    }
}

#[test]
fn the_document_holds_the_script_that_is_tested() {
    let script = fs::read_to_string(docs().join("open-archive.py")).unwrap();
    assert!(script.lines().count() <= 40);
    let document = fs::read_to_string(docs().join("format.md")).unwrap();
    assert!(document.contains(&format!("```python\n{script}```\n")), "docs/format.md holds another script than docs/open-archive.py");
}
