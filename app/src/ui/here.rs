//! Who looks at the page, and where: known before the first page renders, the same on the server and in the browser, and only changed by
//! loading a document (signing in and out do that).

use keepstone_model::{access::Role, environment::Environment, locale::Format};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Here {
    /// None on the pages that are open.
    pub who: Option<Who>,
    /// The machine, as it calls itself.
    pub host: String,
    /// Which of several installations this is, if the host says so.
    pub environment: Option<Environment>,
    /// What stands before every path in the browser's address, e.g. `/keepstone`; empty as a rule.
    pub base: String,
    /// Runs on a demonstration database.
    pub demo: bool,
    pub theme: Theme,
    /// Single letters are shortcuts.
    pub shortcuts: bool,
    /// The zone that times are written in, e.g. `Europe/Berlin`.
    pub zone: String,
    /// How numbers, sizes and times are written.
    pub format: Format,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Who {
    pub name: String,
    pub role: Role,
}

/// Light, dark, or what the system says. Kept in a cookie, so that the server renders it right from the first byte.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Theme {
    #[default]
    System,
    Light,
    Dark,
}

impl Theme {
    pub const ALL: [Self; 3] = [Self::Light, Self::Dark, Self::System];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    /// The theme of this name; the system's for any other.
    pub fn named(name: &str) -> Self {
        Self::ALL.into_iter().find(|theme| theme.as_str() == name).unwrap_or_default()
    }
}

/// # Panics
/// Outside the app: a mistake in the program.
pub fn use_here() -> Here {
    expect_context()
}

/// Whether the person's role includes this one: for showing or leaving out what they could not do. The server decides anew.
pub fn may(least: Role) -> bool {
    use_context::<Here>().and_then(|here| here.who).is_some_and(|who| who.role >= least)
}
