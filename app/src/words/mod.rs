//! Every text that a person reads in the console, one file for each area; `shared` has those of the frame and what areas have in common.
//!
//! An entry is a function: `words! { title { en: "Overview" } }` makes `title()`, and one with parameters gives a `String`. Its name says what
//! the text is for. A whole sentence is one entry, so that another language can put it in its own order; where a link or a component stands
//! in the middle of it, its parts are entries of one name: `…_before`, `…_between`, `…_after`. A blank at the edge of a text is where it joins
//! what follows. What depends on a number is a text for each number, chosen by an expression (`plural`, or a `match`), as each language does it.
//!
//! To add a language: a variant in `Language`, a line in `spoken!`, and the choice of it in `language()`. Then the compiler names every entry
//! that has no text in it.
//!
//! Not here, on purpose: words that are the contract of command line, HTTP API and console alike, whatever a person speaks. Those are the names
//! of states, kinds, proofs and checks, the reasons of retention, and the errors of `model` and `engine`.

use std::fmt::Display;

use crate::local::count;

/// What is put into a text as it is: a name, an id, a size or time already written out.
pub(crate) type Shown<'a> = &'a dyn Display;

/// The languages that the console speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    En,
}

/// The language of the person for whom this is rendered. With a second one it comes from where their zone does.
pub(crate) fn language() -> Language {
    Language::En
}

/// How an entry names a language.
macro_rules! spoken {
    (en) => {
        $crate::words::Language::En
    };
}

/// Makes functions of entries; see the top of this file.
macro_rules! words {
    () => {};
    ($(#[$doc:meta])* $name:ident { $($language:ident: $text:literal),+ $(,)? } $($rest:tt)*) => {
        $(#[$doc])*
        pub(crate) fn $name() -> &'static str {
            match $crate::words::language() {
                $(spoken!($language) => $text,)+
            }
        }
        words! { $($rest)* }
    };
    ($(#[$doc:meta])* $name:ident($($given:ident: $kind:ty),+) { $($language:ident: $text:literal),+ $(,)? } $($rest:tt)*) => {
        $(#[$doc])*
        pub(crate) fn $name($($given: $kind),+) -> String {
            match $crate::words::language() {
                $(spoken!($language) => format!($text),)+
            }
        }
        words! { $($rest)* }
    };
    ($(#[$doc:meta])* $name:ident($($given:ident: $kind:ty),+) { $($language:ident: $text:expr),+ $(,)? } $($rest:tt)*) => {
        $(#[$doc])*
        pub(crate) fn $name($($given: $kind),+) -> String {
            match $crate::words::language() {
                $(spoken!($language) => $text,)+
            }
        }
        words! { $($rest)* }
    };
}

/// For languages with one form for 1 and one for all other numbers; `{}` stands for the number.
fn plural(number: u64, one: &str, many: &str) -> String {
    if number == 1 { one.to_owned() } else { many.replace("{}", &count(number)) }
}

pub(crate) mod activity;
pub(crate) mod backups;
#[cfg(feature = "hydrate")]
pub(crate) mod browser;
pub(crate) mod databases;
pub(crate) mod errors;
pub(crate) mod export;
pub(crate) mod import;
pub(crate) mod jobs;
pub(crate) mod live;
pub(crate) mod overview;
pub(crate) mod parts;
pub(crate) mod people;
pub(crate) mod restore;
pub(crate) mod retention;
pub(crate) mod schedules;
pub(crate) mod search;
pub(crate) mod session;
pub(crate) mod settings;
pub(crate) mod shared;
pub(crate) mod storage;
pub(crate) mod times;
pub(crate) mod trash;
