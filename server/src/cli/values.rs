//! Values that several verbs take: a backup's id, a kind, `--yes`, and what is a location rather than an id.

use clap::{
    Args,
    builder::{PossibleValuesParser, TypedValueParser},
};
use keepstone_engine::model::{id::Kind, validate};

use super::Fault;

/// Names one backup.
#[derive(Debug, Clone, Args)]
pub(crate) struct BackupArg {
    /// A backup's id, a unique beginning of one, or latest[:KIND]
    #[arg(value_name = "ID")]
    pub(crate) id: String,
    /// Look only among the backups of this database
    #[arg(long, value_name = "DB")]
    pub(crate) db: Option<String>,
}

/// `--yes`, also called `--confirm`.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Yes {
    /// Do it without asking
    #[arg(long, visible_alias = "confirm")]
    pub(crate) yes: bool,
}

/// Every kind by name.
pub(crate) fn any_kind() -> impl TypedValueParser<Value = Kind> {
    kinds(&Kind::ALL)
}

/// The kinds that a person or a script may give to a new backup: `safety` and `imported` say how a backup came about and are not for the asking.
pub(crate) fn own_kind() -> impl TypedValueParser<Value = Kind> {
    kinds(&Kind::ALL[..9])
}

fn kinds(kinds: &[Kind]) -> impl TypedValueParser<Value = Kind> {
    PossibleValuesParser::new(kinds.iter().map(|kind| kind.as_str())).try_map(|name| name.parse::<Kind>())
}

/// Whether an `ID` of restore or verify is a file: no id has a slash or a dot.
pub(crate) fn is_file(id: &str) -> bool {
    id.contains(['/', '.'])
}

/// A duration in seconds: a number with s, min, h, d or w, e.g. `26h`.
pub(crate) fn duration_secs(text: &str) -> Result<u64, Fault> {
    validate::duration_secs("duration", text)
        .map_err(|_| Fault::usage(format!("\"{text}\" is not a duration"), "Give a number with s, min, h, d or w, e.g. 26h."))
}

/// A number of bytes: with kB, MB or GB (powers of 1000) or KiB, MiB or GiB, e.g. `20MB`.
pub(crate) fn bytes(text: &str) -> Result<u64, Fault> {
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let unit = match text[digits.len()..].trim().to_ascii_lowercase().as_str() {
        "b" => 1,
        "k" | "kb" => 1000,
        "m" | "mb" => 1_000_000,
        "g" | "gb" => 1_000_000_000,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        _ => 0,
    };
    let bytes = digits.parse::<u64>().ok().and_then(|number| number.checked_mul(unit)).filter(|&bytes| bytes > 0);
    bytes.ok_or_else(|| Fault::usage(format!("\"{text}\" is not a size"), "Give a whole number with kB, MB or GB, e.g. 20MB."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_need_a_unit() {
        assert_eq!(bytes("20MB").unwrap(), 20_000_000);
        assert_eq!(bytes("512 KiB").unwrap(), 512 << 10);
        for text in ["", "MB", "20", "0MB", "-3MB", "3 feet", "99999999999GB"] {
            assert!(bytes(text).is_err(), "{text}");
        }
    }

    #[test]
    fn safety_and_imported_are_not_for_the_asking() {
        assert!(!Kind::ALL[..9].iter().any(|kind| matches!(kind, Kind::Safety | Kind::Imported)));
    }
}
