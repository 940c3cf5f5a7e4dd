//! What holds for a new backup where nobody says otherwise. Told by whoever opened the vault (its environment says so, perhaps), for as long as it is
//! open; whoever carries a job out goes by its own.

use keepstone_model::{metadata::Compression, retention::CountBy};

/// How backups are made that leave it open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Defaults {
    /// zstd, unless it was said otherwise.
    pub compression: Compression,
    /// Whether archives are read back and checked before they count. Without that they stay unproven until somebody verifies them.
    pub verify: bool,
}

impl Default for Defaults {
    fn default() -> Self {
        Self { compression: Compression::Zstd, verify: true }
    }
}

impl Defaults {
    /// e.g. `compressed with zstd, read back and checked`.
    pub fn words(self) -> String {
        let compressed = match self.compression {
            Compression::None => "not compressed".to_owned(),
            other => format!("compressed with {}", other.as_str()),
        };
        format!("{compressed}, {}", if self.verify { "read back and checked" } else { "not read back: they stay unproven" })
    }

    /// What the rules of retention count: where backups are not proven on purpose none would ever be good.
    pub fn count_by(self) -> CountBy {
        if self.verify { CountBy::Good } else { CountBy::Complete }
    }
}
