//! What can go wrong in a verb: the engine's faults, and the few that only the command line knows. Each has a code, a message, a hint and an
//! exit code.

use keepstone_engine::{Error, model::validate::Refusal};
use serde_json::{Value, json};

use crate::tls::TlsFault;

#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    #[error(transparent)]
    Engine(#[from] Error),
    #[error("{message}")]
    Here { code: &'static str, message: String, hint: Option<String>, exit: u8 },
    /// The first of several failures; each was printed when it happened.
    #[error(transparent)]
    Told(Box<Fault>),
}

impl Fault {
    /// Wrong use of the command line that clap cannot see.
    pub(crate) fn usage(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Here { code: "usage", message: message.into(), hint: Some(hint.into()), exit: 2 }
    }

    /// Names the setting that led to it.
    pub(crate) fn of(self, setting: &str) -> Self {
        let message = format!("{setting}: {self}");
        let hint = self.hint().unwrap_or_else(|| format!("Mend what {setting} names, or take the variable away."));
        Self::Here { code: self.code(), message, hint: Some(hint), exit: self.exit() }
    }

    pub(crate) fn told(self) -> Self {
        match self {
            Self::Told(_) => self,
            fault => Self::Told(Box::new(fault)),
        }
    }

    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Engine(error) => error.code(),
            Self::Here { code, .. } => code,
            Self::Told(fault) => fault.code(),
        }
    }

    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::Engine(error) => error.hint(),
            Self::Here { hint, .. } => hint.clone(),
            Self::Told(fault) => fault.hint(),
        }
    }

    pub(crate) fn exit(&self) -> u8 {
        match self {
            Self::Engine(error) => error.kind().exit_code(),
            Self::Here { exit, .. } => *exit,
            Self::Told(fault) => fault.exit(),
        }
    }

    pub(crate) fn json(&self) -> Value {
        json!({ "code": self.code(), "message": self.to_string(), "hint": self.hint(), "exit": self.exit() })
    }
}

impl From<TlsFault> for Fault {
    fn from(fault: TlsFault) -> Self {
        Self::Here { code: fault.code(), message: fault.to_string(), hint: Some(fault.hint()), exit: fault.exit() }
    }
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        Self::Engine(Error::Invalid { field: refusal.field, message: refusal.message })
    }
}
