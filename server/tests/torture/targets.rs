//! Damaged archives of every form against targets: over a live database and into a new file, by the library and by the real binary. Each is
//! refused, and the target is what it was, byte for byte.

use std::{
    fmt, fs,
    ops::Range,
    path::{Path, PathBuf},
};

use keepstone_engine::{
    Error, Silent, Vault,
    error::Kind,
    keys::{Password, Passwords},
    model::{id::BackupId, restore::Target},
    restore::{self, PlanOptions, RestoreOptions},
};

use crate::{
    effort::{Effort, figures},
    facts::{PASSWORDS, vault},
    scene::in_memory,
    support::{Host, content, shop},
};

/// How an archive is stored: compression, and whether it is encrypted.
const FORMS: [(&str, &str); 6] = [
    ("--compress=none", "--no-encrypt"),
    ("--compress=gzip", "--no-encrypt"),
    ("--compress=zstd", "--no-encrypt"),
    ("--compress=none", "--encrypt"),
    ("--compress=gzip", "--encrypt"),
    ("--compress=zstd", "--encrypt"),
];

#[derive(Clone)]
enum Damage {
    /// These bits of this byte.
    Flip(usize, u8),
    Cut(usize),
    /// So many zeros before this byte.
    Zeros(usize, usize),
    /// All of the archive once more, before this byte.
    Twice(usize),
    /// This byte is not there.
    Gone(usize),
    /// These bits of this byte of the metadata, with the zip's checksums made to fit: what is left to notice it is what seals it.
    Forged(usize, u8),
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flip(at, bits) => write!(f, "bits {bits:#x} of byte {at}"),
            Self::Cut(at) => write!(f, "cut at {at}"),
            Self::Zeros(at, count) => write!(f, "{count} zeros at {at}"),
            Self::Twice(at) => write!(f, "twice at {at}"),
            Self::Gone(at) => write!(f, "without byte {at}"),
            Self::Forged(at, bits) => write!(f, "bits {bits:#x} of byte {at}, forged"),
        }
    }
}

impl Damage {
    fn of(&self, sound: &[u8]) -> Vec<u8> {
        let mut bytes = sound.to_vec();
        match *self {
            Self::Flip(at, bits) => bytes[at] ^= bits,
            Self::Cut(at) => bytes.truncate(at),
            Self::Zeros(at, count) => drop(bytes.splice(at..at, std::iter::repeat_n(0, count))),
            Self::Twice(at) => drop(bytes.splice(at..at, sound.iter().copied())),
            Self::Gone(at) => drop(bytes.remove(at)),
            Self::Forged(at, bits) => {
                bytes[at] ^= bits;
                let entry = Entry::of_metadata(sound);
                let crc = crc32(&bytes[entry.data]).to_le_bytes();
                entry.crcs.into_iter().for_each(|at| bytes[at..at + 4].copy_from_slice(&crc));
            }
        }
        bytes
    }

    /// Every one, in groups of which each is tried: the stored pages, what is at the end of the file (which says how all the rest is to be read), what
    /// is sealed, what is missing and what is too much.
    fn groups(exhibit: &Exhibit) -> [Vec<Self>; 5] {
        fn bits(places: Range<usize>) -> impl Iterator<Item = (usize, u8)> {
            places.flat_map(|at| [(at, 1 << (at % 8)), (at, 0xff)])
        }
        let (length, end) = (exhibit.sound.len(), exhibit.sound.len().saturating_sub(4096));
        // Nothing seals the metadata of a plain archive: who forges it may say what he likes of tags and times.
        let sealed = if exhibit.is_sealed() { Entry::of_metadata(&exhibit.sound).data } else { 0..0 };
        let additions = (0..=length).step_by(61).chain([length]).flat_map(|at| [Self::Zeros(at, 1), Self::Zeros(at, 512), Self::Twice(at)]);
        [
            bits(0..end).map(|(at, bits)| Self::Flip(at, bits)).collect(),
            bits(end..length).map(|(at, bits)| Self::Flip(at, bits)).collect(),
            bits(sealed).map(|(at, bits)| Self::Forged(at, bits)).collect(),
            (0..length).flat_map(|at| [Self::Cut(at), Self::Gone(at)]).collect(),
            additions.collect(),
        ]
    }
}

/// Where the metadata stands in an archive, and its checksums.
struct Entry {
    data: Range<usize>,
    crcs: [usize; 2],
}

impl Entry {
    /// By the layout of zip files, as `docs/format.md` has it: the last entry, before the directory.
    fn of_metadata(sound: &[u8]) -> Self {
        let find = |what: &[u8], from: usize| from + sound[from..].windows(what.len()).position(|bytes| bytes == what).unwrap();
        // In the last local header, and in the directory; the payload before it is what it is.
        let directory = find(b"PK\x01\x02", sound.len() - 400);
        let listed = find(b"metadata.json", directory);
        let local = sound[..directory].windows(13).rposition(|bytes| bytes == b"metadata.json").unwrap();
        let extra = usize::from(u16::from_le_bytes([sound[local - 2], sound[local - 1]]));
        Self { data: local + 13 + extra..directory, crcs: [local - 30 + 14, listed - 46 + 16] }
    }
}

fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
    !bytes.iter().fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), |crc, _| step(crc)))
}

struct Targets {
    host: Host,
    vault: Vault,
    /// The live database as it is, and must be after each refusal.
    live: Vec<u8>,
}

struct Exhibit {
    form: String,
    id: BackupId,
    path: PathBuf,
    sound: Vec<u8>,
}

impl Exhibit {
    fn is_sealed(&self) -> bool {
        self.form.ends_with(" --encrypt")
    }
}

impl Targets {
    fn new() -> (Self, Vec<Exhibit>) {
        let host = in_memory();
        drop(shop(&host.path("shop.db"), 3));
        host.ok(&["db", "add", "shop.db"]);
        fs::write(host.path("password"), PASSWORDS[0]).unwrap();
        host.ok(&["key", "add", "--password-file", "password"]);
        let exhibits = FORMS.map(|(compression, encryption)| {
            let id = host.create(&["shop", compression, encryption]);
            let path = host.path(&format!("keepstone-data/backups/shop/manual/{id}.zip"));
            let sound = fs::read(&path).unwrap();
            Exhibit { form: format!("{compression} {encryption}"), id: id.parse().unwrap(), path, sound }
        });
        // So that a restore would change it.
        let application = rusqlite::Connection::open(host.path("shop.db")).unwrap();
        application.execute("DELETE FROM orders", []).unwrap();
        drop(application);
        let (vault, live) = (vault(&host), fs::read(host.path("shop.db")).unwrap());
        (Self { host, vault, live }, exhibits.into())
    }

    fn untouched(&self, told: &str) {
        assert!(fs::read(self.host.path("shop.db")).unwrap() == self.live, "{told}: the live database was touched");
        let log = fs::metadata(self.host.path("shop.db-wal")).map_or(0, |meta| meta.len());
        assert_eq!(log, 0, "{told}: something was written for the live database");
        for suffix in ["", "-wal", "-journal"] {
            assert!(!self.host.path(&format!("new.sqlite{suffix}")).exists(), "{told}: something was made of it");
        }
    }

    fn replace(&self, id: &BackupId, meanwhile: impl FnOnce()) -> Result<(), Error> {
        let options = PlanOptions { backup: id.clone(), target: Target::Replace, safety_backup: false };
        let plan = restore::plan_restore(&self.vault, &options)?;
        meanwhile();
        restore::restore(&self.vault, &RestoreOptions { plan, verify: false, actor: "test".to_owned() }, &Silent).map(drop)
    }

    fn by_library(&self, exhibit: &Exhibit, bytes: &[u8], told: &str) {
        // Once the damage is there from the beginning, once it comes between the plan and the act.
        fs::write(&exhibit.path, bytes).unwrap();
        let outcome = self.replace(&exhibit.id, || ());
        assert!(outcome.as_ref().is_err_and(|error| error.kind() == Kind::Corrupt), "{told}: {outcome:?}");
        fs::write(&exhibit.path, &exhibit.sound).unwrap();
        let outcome = self.replace(&exhibit.id, || fs::write(&exhibit.path, bytes).unwrap());
        let refused = |error: &Error| matches!(error.kind(), Kind::Corrupt) || error.code() == "stale_plan";
        assert!(outcome.as_ref().is_err_and(refused), "{told}, between plan and act: {outcome:?}");
        let new = self.host.path("new.sqlite");
        let outcome = restore::restore_file(&exhibit.path, &self.vault.keys().passwords(), &new, &Silent);
        assert!(outcome.as_ref().is_err_and(|error| error.kind() == Kind::Corrupt), "{told}, into a new file: {outcome:?}");
        self.untouched(told);
    }

    fn by_binary(&self, exhibit: &Exhibit, bytes: &[u8], told: &str) {
        fs::write(&exhibit.path, bytes).unwrap();
        let (exit, document) = self.host.json(&["restore", exhibit.id.as_str(), "--replace", "--yes", "--no-verify"]);
        assert_eq!(exit, 4, "{told}: {document}");
        let path = exhibit.path.to_str().unwrap();
        let (exit, document) = self.host.json(&["restore", "--path", path, "--to", "new.sqlite", "--password-file", "password"]);
        assert_eq!(exit, 4, "{told}: {document}");
        self.untouched(told);
    }
}

#[test]
fn a_damaged_archive_touches_no_target() {
    let effort = Effort::begin();
    let (targets, exhibits) = Targets::new();
    let mut all: Vec<(&Exhibit, Damage)> = Vec::new();
    let mut planned = 0;
    for exhibit in &exhibits {
        assert!(Damage::Forged(Entry::of_metadata(&exhibit.sound).data.start, 0).of(&exhibit.sound) == exhibit.sound, "forged as it is");
        for group in Damage::groups(exhibit) {
            planned += group.len() as u64;
            // Slots are short, and all of them is to be met.
            let few = if matches!(group.first(), Some(Damage::Forged(..))) { 40 } else { 6 };
            all.extend(effort.choose(group, few).into_iter().map(|damage| (exhibit, damage)));
        }
    }
    let (mut tried, mut by_binary) = (0, 0);
    for (exhibit, damage) in effort.choose(all, usize::MAX) {
        if effort.is_over() {
            break;
        }
        let (told, bytes) = (format!("{}: {damage}", exhibit.form), damage.of(&exhibit.sound));
        targets.by_library(exhibit, &bytes, &told);
        // A process for each is slow: now and then one.
        if tried % effort.either(48, 10) == 0 {
            targets.by_binary(exhibit, &bytes, &told);
            by_binary += 1;
        }
        fs::write(&exhibit.path, &exhibit.sound).unwrap();
        tried += 1;
    }
    // Each would have been restored but for its damage.
    for exhibit in &exhibits {
        targets.replace(&exhibit.id, || ()).unwrap();
        restore::restore_file(&exhibit.path, &targets.vault.keys().passwords(), &targets.host.path("new.sqlite"), &Silent).unwrap();
        assert_eq!(content(&targets.host.path("new.sqlite")), content(&targets.host.path("shop.db")));
        fs::remove_file(targets.host.path("new.sqlite")).unwrap();
    }
    figures("damage against targets", &[("planned", planned), ("archives", tried), ("of them by the binary", by_binary), ("touched", 0)]);
}

/// What a person who does not know the password might try, and what is nearly it. (A zero byte at the end is no other password: HMAC, on which both ways
/// of stretching stand, fills up with them.)
fn wrong_passwords() -> Vec<String> {
    let right = PASSWORDS[0];
    let mut wrong: Vec<String> = ["", " ", "\n", "password", PASSWORDS[1]].map(str::to_owned).to_vec();
    wrong.extend([right.to_uppercase(), right.replace(' ', ""), right.replace(' ', "\u{a0}"), format!("{right} ")]);
    wrong.extend([format!(" {right}"), format!("{right}{right}"), right[1..].to_owned(), right[..right.len() - 1].to_owned()]);
    wrong.extend(right.char_indices().map(|(at, _)| {
        let mut bytes = right.as_bytes().to_vec();
        bytes[at] ^= 1;
        String::from_utf8(bytes).unwrap()
    }));
    wrong
}

#[test]
fn a_wrong_password_opens_nothing_and_touches_no_target() {
    let effort = Effort::begin();
    let (targets, exhibits) = Targets::new();
    let sealed: Vec<&Exhibit> = exhibits.iter().filter(|exhibit| exhibit.is_sealed()).collect();
    let new = targets.host.path("new.sqlite");
    let mut tried = 0;
    for (number, wrong) in effort.choose(wrong_passwords(), 4).into_iter().enumerate() {
        let exhibit = sealed[number % sealed.len()];
        let outcome = restore::restore_file(&exhibit.path, &Passwords::of([Password::new(wrong.clone())]), &new, &Silent);
        assert!(outcome.as_ref().is_err_and(|error| error.kind() == Kind::WrongPassword), "{wrong:?}: {outcome:?}");
        targets.untouched(&wrong);
        tried += 1;
    }
    // By a vault that knows another one only, and the binary.
    let other = Host::new();
    fs::write(other.path("password"), PASSWORDS[1]).unwrap();
    let to = |path: &Path| path.to_str().unwrap().to_owned();
    for password in ["password", "nothing"] {
        fs::write(other.path("nothing"), "none that was ever used").unwrap();
        let (exit, document) = other.json(&["restore", "--path", &to(&sealed[0].path), "--to", "new.sqlite", "--password-file", password]);
        assert_eq!(exit, 8, "{document}");
        assert!(!other.path("new.sqlite").exists());
        tried += 1;
    }
    figures("wrong passwords", &[("tried", tried), ("opened", 0)]);
}
