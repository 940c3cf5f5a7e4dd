//! What a person set for themselves; it follows them to every browser they sign in with.

use serde::{Deserialize, Serialize};

/// Empty members are what the browser says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Preferences {
    /// An IANA name, e.g. `Europe/Berlin`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub zone: String,
    /// How numbers and dates are written: a tag like `de-CH` (see `locale`).
    #[serde(skip_serializing_if = "String::is_empty")]
    pub format: String,
    /// Single letters are no shortcuts.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub without_shortcuts: bool,
}
