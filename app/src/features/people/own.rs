//! What everyone's own account shows and does.

use keepstone_model::access::Role;
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use super::{reading::ReadingView, sessions::SessionRow};
use crate::{error::AppError, ui::Moment};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountView {
    pub name: String,
    pub role: Role,
    pub added: Moment,
    pub sessions: Vec<SessionRow>,
    pub reading: ReadingView,
    /// The password was just changed.
    pub changed: bool,
    pub factor: Option<FactorView>,
    /// Recovery codes that were just made, this once.
    pub codes: Option<Vec<String>>,
    /// Some were to be shown, and were shown already.
    pub shown_before: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FactorView {
    pub since: Moment,
    pub codes_left: u64,
}

/// What an authenticator app is given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FactorOffer {
    pub secret: String,
    /// SVG.
    pub picture: String,
    /// There is one already.
    pub replaces: bool,
}

#[cfg(feature = "ssr")]
static CODES: crate::server::once::Once<Vec<String>> = crate::server::once::Once::new();

/// `done` says that the password was just changed; `made` names recovery codes that were just made.
#[server(prefix = "/fn", endpoint = "account/show")]
pub async fn show_account(#[server(default)] done: String, #[server(default)] made: String) -> Result<AccountView, AppError> {
    let person = crate::server::person()?;
    let (now, zone) = (keepstone_model::Timestamp::now(), crate::server::zone());
    let name = person.name.clone();
    let (user, sessions, factor) = crate::server::blocking(move |vault| {
        use keepstone_engine::users;

        Ok((users::user(vault, &name)?, users::sessions(vault, Some(&name), now)?, users::factor_state(vault, &name)?))
    })
    .await?;
    let codes = CODES.take(&made, &person.name, now);
    Ok(AccountView {
        factor: factor.map(|factor| FactorView { since: Moment::new(factor.since, now, &zone), codes_left: factor.recovery.len() as u64 }),
        reading: ReadingView::of(&person),
        shown_before: !made.is_empty() && codes.is_none(),
        codes,
        role: user.role,
        added: Moment::new(user.created_at, now, &zone),
        sessions: sessions.into_iter().map(|session| SessionRow::new(session, &person.session, now, &zone)).collect(),
        changed: done == "password",
        name: user.name,
    })
}

/// Sets another password, which ends all other sessions. `present` is the one that holds now.
#[server(prefix = "/fn", endpoint = "account/password")]
pub async fn change_password(present: String, password: String) -> Result<(), AppError> {
    let person = crate::server::person()?;
    crate::server::accounts::change_password(&person, &present, &password).await?;
    leptos_axum::redirect("/account?done=password");
    Ok(())
}

/// Ends another session of one's own, or all others where none is named.
#[server(prefix = "/fn", endpoint = "account/end-session")]
pub async fn end_own_session(#[server(default)] session: String) -> Result<(), AppError> {
    let person = crate::server::person()?;
    crate::server::blocking(move |vault| match session.as_str() {
        "" => keepstone_engine::users::end_sessions(vault, &person.name, Some(&person.session), &person.name).map(drop),
        one => keepstone_engine::users::end_session(vault, &person.name, one, &person.name),
    })
    .await?;
    leptos_axum::redirect("/account");
    Ok(())
}

/// A secret to be scanned; it holds for a quarter of an hour, until its first code is given.
#[server(prefix = "/fn", endpoint = "account/factor")]
pub async fn offer_factor() -> Result<FactorOffer, AppError> {
    let person = crate::server::person()?;
    let host = use_context::<crate::ui::here::Here>().map(|here| here.host).unwrap_or_default();
    let offer = crate::server::context().accounts.offer_factor(&person, &host).await?;
    let replaces = crate::server::blocking(move |vault| keepstone_engine::users::factor_state(vault, &person.name)).await?.is_some();
    Ok(FactorOffer { secret: offer.secret, picture: offer.picture, replaces })
}

/// Switches on what was offered, and leads to where its recovery codes are shown, once.
#[server(prefix = "/fn", endpoint = "account/factor-on")]
pub async fn factor_on(code: String) -> Result<(), AppError> {
    let person = crate::server::person()?;
    let codes = crate::server::context().accounts.factor_on(&person, &code).await?;
    let handle = CODES.keep(&person.name, codes).await?;
    leptos_axum::redirect(&format!("/account?made={handle}"));
    Ok(())
}

#[server(prefix = "/fn", endpoint = "account/factor-off")]
pub async fn factor_off() -> Result<(), AppError> {
    let person = crate::server::person()?;
    crate::server::blocking(move |vault| keepstone_engine::users::remove_factor(vault, &person.name, &person.name)).await?;
    leptos_axum::redirect("/account");
    Ok(())
}

#[server(prefix = "/fn", endpoint = "account/new-codes")]
pub async fn new_codes() -> Result<(), AppError> {
    let person = crate::server::person()?;
    let codes = crate::server::context().accounts.new_codes(&person).await?;
    let handle = CODES.keep(&person.name, codes).await?;
    leptos_axum::redirect(&format!("/account?made={handle}"));
    Ok(())
}
