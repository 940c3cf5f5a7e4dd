//! Backs up SQLite and PostgreSQL databases, proves that each backup restores, and restores it: the library that the `keepstone` command and its
//! console are made of.
//!
//! A [`Vault`] is a folder with a catalog and the archives. Open one, add a database to it, and call the verbs:
//!
//! ```
//! use keepstone_engine::{
//!     Silent, Vault,
//!     create::{CreateOptions, create},
//!     databases::{AddDatabaseOptions, add_database},
//!     model::restore::Target,
//!     restore::{PlanOptions, RestoreOptions, plan_restore, restore},
//!     vault::{OpenMode, VaultOptions},
//! };
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let folder = folder.path();
//! # rusqlite::Connection::open(folder.join("shop.db"))?.execute_batch("CREATE TABLE customer(name); INSERT INTO customer VALUES ('Ada')")?;
//! let vault = Vault::open(&VaultOptions { data: folder.join("keepstone"), backups: None, mode: OpenMode::Create })?;
//! let location = folder.join("shop.db").display().to_string();
//! let shop = add_database(&vault, &AddDatabaseOptions { location, name: None, schedules: None, actor: "shop".into() })?;
//!
//! // Published, durable, read back and checked when this returns; the application's connections stay open all the while.
//! let backup = create(&vault, &CreateOptions::new(shop.id, "shop"), &Silent)?.backup;
//! assert!(backup.is_good());
//!
//! // A restore is planned first. The plan says what would be lost, and changes nothing.
//! let target = Target::NewFile { path: folder.join("again.sqlite").display().to_string() };
//! let plan = plan_restore(&vault, &PlanOptions { backup: backup.id, target, safety_backup: true })?;
//! let report = restore(&vault, &RestoreOptions { plan, verify: true, actor: "shop".into() }, &Silent)?;
//! assert!(report.hash_equal);
//! # Ok(())
//! # }
//! ```
//!
//! # Verbs
//!
//! Every verb blocks, may be called from any thread, and has the shape `verb(&Vault, &VerbOptions, &dyn Monitor) -> Result<VerbReport>`. A
//! [`Monitor`] follows the work and can stop it; [`Silent`] does neither. Several threads and several processes may work on one vault at once: the
//! command line, a console and an application see each other's backups and jobs.
//!
//! | To … | there is | and the example |
//! | --- | --- | --- |
//! | open a vault, add a database, back it up | [`Vault::open`], [`databases`], [`create`](create::create) | `create` |
//! | check a backup again | [`verify`](verify::verify) | `verify` |
//! | restore into a new file | [`restore`](restore::restore) | `restore` |
//! | restore over the live database, and undo that | [`restore`](restore::restore), [`undo`](restore::undo) | `replace_and_undo` |
//! | find, describe, pin | [`backups`] | `list_and_show` |
//! | delete, and put back | [`delete`] | `delete_and_put_back` |
//! | keep only so many | [`cleanup`] | `cleanup` |
//! | back up by the clock | [`schedules`], [`Scheduler`](scheduler::Scheduler) | `scheduler` |
//! | queue work for another thread or process | [`jobs`] | `jobs` |
//! | follow and stop a verb | [`Monitor`] | `progress` |
//! | encrypt | [`keys`], [`convert`](convert::convert) | `keys`, `convert` |
//! | export to other programs | [`export`](export::export) | `export` |
//! | adopt what another system left | [`import`](import::import) | `import` |
//! | check a database before the start, recover it | [`doctor`], [`installation`] | `doctor` |
//! | hold databases and schedules as code | [`apply`] | `apply` |
//! | have a way back from a migration that fails | | `before_a_migration` |
//! | put a database back after a test | | `after_a_test` |
//!
//! The examples lie in the crate's folder `examples`; `cargo run --example create` runs one. Each makes what it needs in a temporary folder.
//!
//! # Another SQLite in the same process
//!
//! This crate links SQLite through `rusqlite` with its `bundled` feature. An application whose own SQLite is that very library (it uses the same
//! version of `rusqlite`) may open its databases beside the vault. An application with *another* copy of SQLite in its process (a C library of the
//! system, an ORM in another language, a second version) must not: POSIX locks belong to a process, so the two copies do not see each other's locks,
//! and a file that one closes drops the locks of the other. That one opens the vault in a child process: it runs the `keepstone` command, whose
//! `--json` prints one document, or a small program of its own, as the example `in_a_child_process` does.
//!
//! # What it does not do
//!
//! It reads no environment variable and prints nothing: [`keys::Keys::prefer`] takes a password and [`Vault::surroundings`] what PostgreSQL's
//! clients find in the environment; what happens is logged with `tracing`. An [`Error`] has a `code()` that stays the same, a `hint()` that says
//! what to do, and a `kind()` to branch on. Decisions (which backups are kept, when one is due, what a restore would do) live in [`model`]; their
//! types are used here throughout.

#![cfg_attr(test, expect(clippy::unwrap_used, reason = "a test may stop at once"))]

pub mod ack;
pub mod activity;
pub mod apply;
pub mod archive;
pub mod backups;
mod baseline;
pub mod catalog;
pub mod checkup;
pub mod cleanup;
pub mod convert;
pub mod create;
pub mod databases;
pub mod defaults;
pub mod delete;
mod direct;
pub mod doctor;
pub mod driver;
pub mod durable;
pub mod error;
pub mod export;
mod floor;
mod guard;
mod identity;
pub mod image;
pub mod import;
pub mod installation;
pub mod jobs;
pub mod keys;
mod layout;
pub mod location;
pub mod managed;
pub mod monitor;
mod notes;
pub mod postgres;
pub mod priority;
mod proof;
pub mod recheck;
pub mod restore;
pub mod scheduler;
pub mod schedules;
pub mod scratch;
pub mod sqlite;
pub mod storage;
mod take;
mod temporary;
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may stop at once")]
mod testing;
mod throttle;
pub mod tokens;
mod unchanged;
pub mod users;
pub mod vault;
pub mod verify;

pub use defaults::Defaults;
pub use error::{Error, Result};
pub use keepstone_model as model;
pub use monitor::{Monitor, Silent};
pub use throttle::Throttle;
pub use vault::Vault;
