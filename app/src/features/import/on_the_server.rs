//! The import page on the server: what may be named, the plan, and the job.

use std::path::PathBuf;

use keepstone_engine::{
    Error, Silent, Vault, databases,
    import::{self, ImportOptions},
    jobs::{self, JobRequest},
    keys, schedules,
};
use keepstone_model::{
    id::DatabaseId,
    import::{
        Content,
        plan::{Decision, PlannedFile, TimeFrom, summary},
    },
};

use super::api::{Fate, FileLine, ImportView, PlanView};
use crate::local;
use crate::words::import as words;
use crate::{
    error::{AppError, sentence},
    server::{self, Person},
    ui::Moment,
};

/// So many files are shown; an import takes all.
const SHOWN: usize = 300;

/// The form as it was filled in.
pub(super) struct Wish {
    pub db: String,
    pub path: String,
    pub upload: String,
    pub zone: String,
}

impl Wish {
    fn is_asked(&self) -> bool {
        let from_somewhere = !self.path.trim().is_empty() || !self.upload.is_empty();
        from_somewhere && !self.db.is_empty()
    }

    /// What the engine is to import. Only an upload, or what lies in a folder that was allowed when the server was started.
    fn options(&self, vault: &Vault, roots: &[PathBuf], actor: String) -> Result<ImportOptions, Error> {
        let database: DatabaseId = self.db.parse().map_err(|_| invalid("db", words::choose_database()))?;
        let path = if self.upload.is_empty() {
            let path = PathBuf::from(self.path.trim());
            import::refuse_outside_roots(&path, roots)?;
            path
        } else {
            import::uploaded(vault, &self.upload)?
        };
        let time_zone = Some(self.zone.trim().to_owned()).filter(|zone| !zone.is_empty());
        databases::database(vault, &database)?;
        Ok(ImportOptions { path, database, time_zone, passwords: Vec::new(), actor })
    }
}

fn invalid(field: &'static str, message: &str) -> Error {
    Error::Invalid { field, message: message.to_owned() }
}

pub(super) async fn plan(wish: Wish) -> Result<ImportView, AppError> {
    let context = server::context();
    let (roots, limit) = (context.import_roots.clone(), context.upload_limit_bytes);
    let (now, zone) = (keepstone_model::Timestamp::now(), server::zone());
    server::blocking(move |vault| {
        let known: Vec<String> = databases::databases(vault)?.into_iter().map(|database| database.id.to_string()).collect();
        let mut faults = Vec::new();
        let mut plan = None;
        if wish.is_asked() {
            let found = wish.options(vault, &roots, String::new()).and_then(|options| import::plan_import(vault, &options, &Silent));
            match found {
                Ok(files) if files.is_empty() => faults.push((field_of(&wish, ""), words::nothing_there().to_owned())),
                Ok(files) => plan = Some(view(&files, now, &zone)),
                Err(error @ (Error::Catalog(_) | Error::CatalogDamaged { .. } | Error::Internal(_))) => return Err(error),
                Err(error) => {
                    let field = if let Error::Invalid { field, .. } = &error { *field } else { "" };
                    faults.push((field_of(&wish, field), AppError::from(error).message));
                }
            }
        }
        let only = if let [only] = known.as_slice() { only.clone() } else { String::new() };
        Ok(ImportView {
            database: if wish.db.is_empty() { only } else { wish.db },
            databases: known,
            path: wish.path,
            upload: wish.upload,
            zone: if wish.zone.is_empty() { schedules::host_time_zone() } else { wish.zone },
            roots: roots.iter().map(|root| root.display().to_string()).collect(),
            upload_limit: local::bytes(limit),
            plan,
            faults,
            key: format!("import-{:x}", now.as_nanosecond()),
        })
    })
    .await
}

/// Which field a fault stands beside.
fn field_of(wish: &Wish, field: &str) -> String {
    match field {
        "timezone" => "zone",
        "db" => "db",
        _ if wish.upload.is_empty() => "path",
        _ => "files",
    }
    .to_owned()
}

fn view(files: &[PlannedFile], now: keepstone_model::Timestamp, zone: &jiff::tz::TimeZone) -> PlanView {
    let lines = files.iter().take(SHOWN).map(|file| {
        let (fate, what) = match &file.decision {
            Decision::Adopt(adoption) => {
                let at = Moment::new(adoption.created_at, now, zone).text;
                let what = match adoption.time_from {
                    TimeFrom::FileDate => words::kind_and_file_date(&adoption.kind, &at),
                    _ => words::kind_and_time(&adoption.kind, &at),
                };
                let what = match &adoption.of_database {
                    Some(there) => words::of_another_name(&what, &there),
                    None => what,
                };
                match &adoption.suspect {
                    None => (Fate::Import, what),
                    Some(why) => (Fate::Suspect, format!("{what}: {why}")),
                }
            }
            Decision::Skip { reason } => (Fate::Skip, sentence(reason)),
            Decision::Refuse { reason, .. } => (Fate::Refuse, sentence(reason)),
        };
        FileLine { path: file.path.clone(), from: file.layout.as_str().to_owned(), fate, what, size_bytes: file.size_bytes }
    });
    let adopted = |file: &&PlannedFile| matches!(file.decision, Decision::Adopt(_));
    PlanView {
        files: lines.collect(),
        more: files.len().saturating_sub(SHOWN),
        summary: summary(files),
        any: files.iter().any(|file| adopted(&file)),
        encrypted: files.iter().filter(adopted).any(|file| file.content == Content::Encrypted),
    }
}

pub(super) async fn start(person: &Person, wish: Wish, password: String, key: &str) -> Result<(), AppError> {
    let roots = server::context().import_roots;
    let (actor, key) = (person.name.clone(), server::form_key(&person.name, key)?);
    let job = server::blocking(move |vault| {
        let options = wish.options(vault, &roots, actor)?;
        if !password.is_empty() {
            // Not with the job, which is written down: for as long as this process runs it is tried on what is encrypted.
            vault.keys().try_also(keys::Password::new(password));
        }
        jobs::submit(vault, &JobRequest::Import(options), key.as_deref())
    })
    .await?;
    leptos_axum::redirect(&format!("/jobs/{job}"));
    Ok(())
}
