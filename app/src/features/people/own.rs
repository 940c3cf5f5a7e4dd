//! What everyone's own account shows and does.

use keepstone_model::access::Role;
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use super::sessions::SessionRow;
use crate::{error::AppError, ui::Moment};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountView {
    pub name: String,
    pub role: Role,
    pub added: Moment,
    pub sessions: Vec<SessionRow>,
    /// What was just done, for whom the page comes back to.
    pub changed: bool,
}

/// `done` says that the password was just changed.
#[server(prefix = "/fn", endpoint = "account/show")]
pub async fn show_account(#[server(default)] done: String) -> Result<AccountView, AppError> {
    let person = crate::server::person()?;
    let (now, zone) = (keepstone_model::Timestamp::now(), crate::server::zone());
    let name = person.name.clone();
    let (user, sessions) = crate::server::blocking(move |vault| {
        Ok((keepstone_engine::users::user(vault, &name)?, keepstone_engine::users::sessions(vault, Some(&name), now)?))
    })
    .await?;
    Ok(AccountView {
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
