//! Damage: every byte of every archive of the museum changed, and every cut of it. All of it is found, by what checks the stored bytes and by what
//! unlocks and unpacks them.

use std::{
    fs::{self, OpenOptions},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::LazyLock,
};

use keepstone_engine::{
    Silent,
    archive::Archive,
    keys::{Password, Passwords},
    model::job::Step,
};

use crate::{
    effort::{Effort, figures},
    scene::in_memory,
};

fn museum() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/archives");
    let mut archives: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    archives.retain(|path| path.extension().is_some_and(|end| end == "zip"));
    archives.sort();
    archives
}

#[derive(Debug, Clone, Copy)]
enum Damage {
    /// These bits of this byte.
    Flip(u64, u8),
    Cut(u64),
}

/// As `testdata/archives/README.md` tells. Stretched once for each salt.
static MUSEUM: LazyLock<Passwords> = LazyLock::new(|| Passwords::of([Password::new("Museumsschlüssel: offen für alle, für immer")]));

/// Whether the archive is taken for whole, by all that reads the stored bytes.
fn is_believed(path: &Path) -> bool {
    let Ok(archive) = Archive::open(path) else { return false };
    archive.check_payload(Step::Verify, &Silent).is_ok()
}

/// Whether it gives something back to who knows the password, when nobody looked at the stored bytes before.
fn gives_back(path: &Path) -> bool {
    let Ok(archive) = Archive::open_with(path, &MUSEUM) else { return false };
    archive.extract(&mut std::io::sink(), path, Step::Write, &Silent).is_ok()
}

#[test]
fn every_flipped_byte_and_every_cut_of_the_museum_is_found() {
    let effort = Effort::begin();
    let (host, archives) = (in_memory(), museum());
    let (mut all, mut opened) = (Vec::new(), 0);
    for (number, path) in archives.iter().enumerate() {
        let copy = host.path(&format!("{number}.zip"));
        fs::copy(path, &copy).unwrap();
        let length = fs::metadata(&copy).unwrap().len();
        // A variant that this version only knows of is refused whatever is in it.
        if is_believed(&copy) {
            assert!(gives_back(&copy), "{}", path.display());
            opened += 1;
            all.extend((0..length).map(|at| (copy.clone(), Damage::Flip(at, 1 << (at % 8)))));
            all.extend((0..length).map(|at| (copy.clone(), Damage::Flip(at, 0xff))));
            all.extend((0..length).map(|at| (copy.clone(), Damage::Cut(at))));
        }
    }
    assert!(all.len() > 100_000);
    let (planned, mut flips, mut cuts, mut missed) = (all.len() as u64, 0, 0, Vec::new());
    for (path, damage) in effort.choose(all, 1200) {
        if effort.is_over() {
            break;
        }
        let file = OpenOptions::new().read(true).write(true).open(&path).unwrap();
        let believed = match damage {
            Damage::Flip(at, bits) => {
                let mut byte = [0];
                file.read_exact_at(&mut byte, at).unwrap();
                file.write_all_at(&[byte[0] ^ bits], at).unwrap();
                flips += 1;
                let believed = is_believed(&path) || gives_back(&path);
                file.write_all_at(&byte, at).unwrap();
                believed
            }
            Damage::Cut(length) => {
                let whole = fs::read(&path).unwrap();
                file.set_len(length).unwrap();
                cuts += 1;
                let believed = is_believed(&path) || gives_back(&path);
                fs::write(&path, whole).unwrap();
                believed
            }
        };
        if believed {
            missed.push(format!("{} {damage:?}", path.display()));
        }
    }
    figures("damage", &[("archives", opened), ("planned", planned), ("flips", flips), ("cuts", cuts), ("missed", missed.len() as u64)]);
    assert!(missed.is_empty(), "{missed:?}");
}
