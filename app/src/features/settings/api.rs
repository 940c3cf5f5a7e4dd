//! What the settings page shows and does.

#![cfg_attr(feature = "ssr", expect(clippy::fn_params_excessive_bools, reason = "a box of a form is yes or no"))]
#![expect(clippy::too_many_arguments, reason = "the arguments of a server function are flat: one for each field of the form")]

use keepstone_model::access::Role;
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{error::AppError, ui::Moment};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettingsView {
    /// The token that was just made, this once.
    pub made: Option<MadeToken>,
    /// One was to be shown, and was shown already.
    pub shown_before: bool,
    pub tokens: Vec<TokenRow>,
    pub people: Vec<PersonRow>,
    pub general: GeneralFacts,
    pub security: SecurityFacts,
    pub system: SystemFacts,
}

/// What holds for all databases and people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GeneralFacts {
    pub environment: Option<String>,
    /// How browsers reach the console, if that was said.
    pub address: Option<String>,
    /// How new backups are packed and checked.
    pub new_backups: String,
    pub always_encrypted: bool,
    /// Whether schedules set off runs.
    pub firing: bool,
    pub import_roots: Vec<String>,
}

/// Who gets in, and what is secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecurityFacts {
    /// Passwords of archives, those of the environment included.
    pub known_passwords: u64,
    pub open_sessions: usize,
    pub with_factor: usize,
    pub events: u64,
    pub chain_intact: bool,
    /// None: plain HTTP, as behind a proxy.
    pub certificate: Option<CertificateFacts>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MadeToken {
    pub name: String,
    pub words: String,
    pub secret: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenRow {
    pub name: String,
    pub scopes: Vec<String>,
    /// None: all of them.
    pub databases: Option<Vec<String>>,
    pub created: Moment,
    pub created_by: String,
    pub last_used: Option<Moment>,
    pub expires: Option<Moment>,
    pub expired: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonRow {
    pub name: String,
    /// Their page.
    pub href: String,
    pub role: Role,
    pub disabled: bool,
    pub has_password: bool,
    /// When a session of theirs was last used, if one is open.
    pub seen: Option<Moment>,
    pub added: Moment,
}

/// What this installation is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SystemFacts {
    pub version: String,
    pub format_version: u32,
    pub sqlite_version: String,
    pub data: String,
    pub backups: String,
    pub free_bytes: Option<u64>,
    pub started: Moment,
}

/// The certificate that browsers are shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateFacts {
    pub names: Vec<String>,
    pub until: Moment,
    /// What browsers refuse, or soon will.
    pub doubts: Vec<String>,
}

/// Everything on the page. `made` names a token that was just made.
#[server(prefix = "/fn", endpoint = "settings/show")]
pub async fn show_settings(#[server(default)] made: String) -> Result<SettingsView, AppError> {
    let person = crate::server::person_with(Role::Admin).map_err(crate::server::answer)?;
    on_the_server::show(&person.name, &made).await
}

/// The ids of all databases, to limit a token to.
#[server(prefix = "/fn", endpoint = "settings/token-form")]
pub async fn token_form() -> Result<Vec<String>, AppError> {
    crate::server::person_with(Role::Admin).map_err(crate::server::answer)?;
    let known = crate::server::blocking(keepstone_engine::databases::databases).await?;
    Ok(known.into_iter().map(|database| database.id.to_string()).collect())
}

/// Makes a token and leads to where its secret is shown, once. A box that is not ticked is not sent; `databases` are ids, separated by commas;
/// `expires` is a time like `90d`, or `never`.
#[server(prefix = "/fn", endpoint = "settings/make-token")]
pub async fn make_token(
    name: String,
    #[server(default)] read: bool,
    #[server(default)] create: bool,
    #[server(default)] restore: bool,
    #[server(default)] delete: bool,
    #[server(default)] admin: bool,
    #[server(default)] databases: String,
    #[server(default)] expires: String,
) -> Result<(), AppError> {
    let person = crate::server::person_with(Role::Admin)?;
    let scopes = [read, create, restore, delete, admin];
    let handle = on_the_server::make(person.name, &name, scopes, &databases, &expires).await?;
    leptos_axum::redirect(&format!("/settings?made={handle}"));
    Ok(())
}

/// Takes a token away.
#[server(prefix = "/fn", endpoint = "settings/revoke-token")]
pub async fn revoke_token(name: String) -> Result<(), AppError> {
    let person = crate::server::person_with(Role::Admin)?;
    crate::server::blocking(move |vault| keepstone_engine::tokens::revoke(vault, &name, &person.name)).await?;
    leptos_axum::redirect("/settings");
    Ok(())
}

#[cfg(feature = "ssr")]
mod on_the_server {
    use keepstone_engine::{
        activity,
        catalog::User,
        keys,
        scheduler::Firing,
        sqlite,
        tokens::{self, CreateTokenOptions, NewToken},
        users,
    };
    use keepstone_model::{
        Timestamp,
        id::DatabaseId,
        metadata::FORMAT_VERSION,
        token::{Scope, Token},
        validate,
    };

    use super::{CertificateFacts, GeneralFacts, MadeToken, PersonRow, SecurityFacts, SettingsView, SystemFacts, TokenRow};
    use crate::words::settings as words;
    use crate::{
        error::AppError,
        server::{blocking, context, once::Once, percent_encoded, zone},
        ui::Moment,
    };

    static MADE: Once<NewToken> = Once::new();

    pub(super) async fn show(person: &str, made: &str) -> Result<SettingsView, AppError> {
        let (now, zone, here) = (Timestamp::now(), zone(), context());
        let started_at = here.started_at;
        let certificate = here.certificate.as_ref().map(|shown| shown.now());
        let new = MADE.take(made, person, now);
        let moment = |at: Timestamp| Moment::new(at, now, &zone);
        let (tokens, people, sessions, chain, folders, free_bytes, (known_passwords, with_factor, new_backups, always_encrypted)) =
            blocking(move |vault| {
                let folders = (vault.data_dir().display().to_string(), vault.backups_dir().display().to_string());
                let people = users::list(vault)?;
                let with_factor =
                    people.iter().filter(|user| users::factor_state(vault, &user.name).is_ok_and(|factor| factor.is_some())).count();
                let secrets = (vault.keys().passwords().count() as u64, with_factor, vault.defaults().words(), keys::is_forced(vault));
                Ok((
                    tokens::list(vault)?,
                    people,
                    users::sessions(vault, None, now)?,
                    activity::verify_new_events(vault)?,
                    folders,
                    keepstone_engine::storage::free_bytes(vault),
                    secrets,
                ))
            })
            .await?;
        let row = |token: Token| TokenRow {
            expired: token.is_expired(now),
            scopes: token.scopes.iter().map(ToString::to_string).collect(),
            databases: token.databases.map(|ids| ids.iter().map(ToString::to_string).collect()),
            created: moment(token.created_at),
            created_by: token.created_by,
            last_used: token.last_used_at.map(moment),
            expires: token.expires_at.map(moment),
            name: token.name,
        };
        // The one that was used last comes first.
        let seen = |name: &str| sessions.iter().find(|(_, session)| session.user == name).map(|(_, session)| moment(session.last_seen_at));
        let person_row = |user: User| PersonRow {
            href: format!("/settings/people/{}", percent_encoded(&user.name)),
            role: user.role,
            disabled: user.disabled,
            has_password: user.has_password(),
            seen: seen(&user.name),
            added: moment(user.created_at),
            name: user.name,
        };
        Ok(SettingsView {
            shown_before: !made.is_empty() && new.is_none(),
            made: new.map(|new| MadeToken { words: tokens::words(&new.token), name: new.token.name, secret: new.secret }),
            tokens: tokens.into_iter().map(row).collect(),
            people: people.into_iter().map(person_row).collect(),
            general: GeneralFacts {
                environment: here.environment.map(|environment| environment.name),
                address: here.public_origin.map(|origin| format!("{origin}{}/", here.base)),
                new_backups,
                always_encrypted,
                firing: here.firing == Firing::On,
                import_roots: here.import_roots.iter().map(|root| root.display().to_string()).collect(),
            },
            security: SecurityFacts {
                known_passwords,
                open_sessions: sessions.len(),
                with_factor,
                events: chain.events,
                chain_intact: chain.broken_at.is_none(),
                certificate: certificate.map(|shown| CertificateFacts {
                    names: shown.names,
                    until: moment(shown.until),
                    doubts: shown.doubts,
                }),
            },
            system: SystemFacts {
                version: env!("CARGO_PKG_VERSION").to_owned(),
                format_version: FORMAT_VERSION,
                sqlite_version: sqlite::version().to_owned(),
                data: folders.0,
                backups: folders.1,
                free_bytes,
                started: moment(started_at),
            },
        })
    }

    /// Gives back the name by which the page shows it.
    pub(super) async fn make(actor: String, name: &str, scopes: [bool; 5], only: &str, expires: &str) -> Result<String, AppError> {
        let scopes: Vec<Scope> = Scope::ALL.into_iter().zip(scopes).filter_map(|(scope, ticked)| ticked.then_some(scope)).collect();
        if scopes.is_empty() {
            return Err(AppError::invalid("scopes", words::no_scope()));
        }
        let ids = only
            .split(',')
            .map(str::trim)
            .filter(|id| !id.is_empty())
            .map(|id| id.parse::<DatabaseId>().map_err(|_| AppError::invalid("databases", words::no_database(&id))));
        let ids = ids.collect::<Result<Vec<_>, _>>()?;
        let lifetime_secs = match expires {
            "never" => None,
            time => Some(validate::duration_secs("expires", time)?),
        };
        let options = CreateTokenOptions {
            name: name.trim().to_owned(),
            scopes,
            databases: (!ids.is_empty()).then_some(ids),
            lifetime_secs,
            actor: actor.clone(),
        };
        let made = blocking(move |vault| tokens::create(vault, &options)).await.map_err(at_its_field)?;
        MADE.keep(&actor, made).await
    }

    fn at_its_field(error: AppError) -> AppError {
        match error.code.as_str() {
            "already_exists" => AppError::invalid("name", error.message),
            "unknown_database" => AppError::invalid("databases", error.message),
            _ => error,
        }
    }
}
