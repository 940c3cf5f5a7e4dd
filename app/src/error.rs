//! The one error that crosses the wire: what a person reads, a code to branch on, and which fields of a form it is about.
//! How a fault of the engine becomes one stands in `server/fault.rs`.

use std::{collections::BTreeMap, fmt};

use crate::words::errors as words;
use keepstone_model::{access::Role, validate::Refusal};
use serde::{Deserialize, Serialize};
use server_fn::{
    codec::JsonEncoding,
    error::{FromServerFnError, ServerFnErrorErr},
};

/// A refusal or a fault, as the browser gets it: no path beyond a file's name, no SQL, no secret. The bodies of problem+json answers carry the
/// same members, so a refusal in front of the server functions reads the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppError {
    /// Stable, e.g. `unknown_backup`, `stale_plan`, `sign_in_again`.
    pub code: String,
    /// What happened and, where there is a way out, what to do: one or two sentences.
    pub message: String,
    /// The HTTP status.
    pub status: u16,
    /// By name of the form's field, what is wrong with it.
    #[serde(default)]
    pub fields: BTreeMap<String, String>,
}

impl AppError {
    pub fn new(status: u16, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into(), status, fields: BTreeMap::new() }
    }

    /// A form's field holds something that will not do.
    pub fn invalid(field: impl Into<String>, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { fields: BTreeMap::from([(field.into(), message.clone())]), ..Self::new(422, "invalid", message) }
    }

    pub fn unauthorized() -> Self {
        Self::new(401, "not_signed_in", words::not_signed_in())
    }

    pub fn forbidden() -> Self {
        Self::new(403, "forbidden", words::forbidden())
    }

    /// The same, with the role that would allow it.
    pub fn needs(least: Role, has: Role) -> Self {
        Self::new(403, "forbidden", words::needs_role(&least, &has))
    }

    pub fn not_found() -> Self {
        Self::new(404, "not_found", words::not_found())
    }

    /// A destructive act, and the password was given too long ago: sign in once more, then do it.
    pub fn sign_in_again() -> Self {
        Self::new(403, "sign_in_again", words::sign_in_again())
    }

    /// Something that is not the caller's fault. What it was stands in the server's log only.
    pub fn internal() -> Self {
        Self::new(500, "internal_error", words::internal())
    }

    /// What is wrong with this field, if anything is.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.get(name).map(String::as_str)
    }
}

impl fmt::Display for AppError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for AppError {}

impl From<Refusal> for AppError {
    fn from(refusal: Refusal) -> Self {
        Self::invalid(refusal.field, sentence(&refusal.message))
    }
}

impl FromServerFnError for AppError {
    type Encoder = JsonEncoding;

    fn from_server_fn_error(fault: ServerFnErrorErr) -> Self {
        match fault {
            ServerFnErrorErr::Args(_) | ServerFnErrorErr::MissingArg(_) => Self::new(400, "bad_request", words::bad_request()),
            ServerFnErrorErr::Request(_) => Self::new(503, "unreachable", words::unreachable()),
            _ => Self::internal(),
        }
    }
}

/// A message of the engine or the model as a sentence: first letter large, unless it begins with a name like `shop.db`; full stop at the end.
pub fn sentence(message: &str) -> String {
    let mut chars = message.chars();
    let Some(first) = chars.next() else { return String::new() };
    let end = if message.ends_with(['.', '?', '!', '…']) { "" } else { "." };
    let first_word = message.split(' ').next().unwrap_or_default();
    if first_word.chars().all(char::is_alphabetic) {
        format!("{}{}{end}", first.to_uppercase(), chars.as_str())
    } else {
        format!("{message}{end}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_document_reads_as_the_same_error() {
        let problem = r#"{"type":"about:blank","title":"Forbidden","status":403,"detail":"x","code":"forbidden","message":"x"}"#;
        assert_eq!(serde_json::from_str::<AppError>(problem).expect("it reads"), AppError::new(403, "forbidden", "x"));
    }

    #[test]
    fn messages_become_sentences() {
        assert_eq!(sentence("no backup \"x\""), "No backup \"x\".");
        assert_eq!(sentence("Done."), "Done.");
        assert_eq!(sentence("shop.db does not exist"), "shop.db does not exist.");
        assert_eq!(sentence(""), "");
    }
}
