//! Archives open without Keepstone: with the script of `docs/format.md`, and with unzip, zstd and gzip.

use std::process::{Command, Output, Stdio};

use super::{museum, *};

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs")
}

/// Whether all these can be run. A machine without one of them skips the test, and says so.
#[expect(clippy::print_stderr, reason = "a skipped test must be seen")]
fn installed(tools: &[&str]) -> bool {
    let missing = |tool: &&&str| {
        let version = if **tool == "unzip" { "-v" } else { "--version" };
        Command::new(tool).arg(version).stdout(Stdio::null()).stderr(Stdio::null()).status().is_err()
    };
    match tools.iter().find(missing) {
        Some(tool) => eprintln!("SKIPPED: {tool} is not installed"),
        None => return true,
    }
    false
}

fn script(archive: &Path, output: &Path) -> Output {
    Command::new("python3").arg(docs().join("open-archive.py")).args([archive, output]).output().unwrap()
}

#[test]
fn the_script_opens_every_archive() {
    if !installed(&["python3", "zstd"]) {
        return;
    }
    let scratch = tempfile::tempdir().unwrap();
    for (name, path) in museum::archives() {
        let output = scratch.path().join(&name);
        let ran = script(&path, &output);
        assert!(ran.status.success(), "{name}: {ran:?}");
        assert!(fs::read(&output).unwrap() == read(&path).unwrap(), "{name}");
        // A second run must not write over what is there.
        assert!(!script(&path, &output).status.success());
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
        assert!(!script(&path, &output).status.success(), "{compression:?}");
        assert!(!output.exists());
    }
}

#[test]
fn stock_tools_open_every_archive() {
    if !installed(&["unzip", "zstd", "gzip", "sh"]) {
        return;
    }
    let sh = |command: &str, archive: &Path| Command::new("sh").args(["-c", command, "sh"]).arg(archive).output().unwrap();
    for (name, path) in museum::archives() {
        let metadata = Archive::open(&path).unwrap().metadata().clone();
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
