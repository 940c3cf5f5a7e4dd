//! What the pages of people show and do. For admins; everything that changes something asks for a fresh password (the policy table says so).

use keepstone_model::access::Role;
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use super::sessions::SessionRow;
use crate::{error::AppError, ui::Moment};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonView {
    pub name: String,
    /// As it stands in an address.
    pub address: String,
    pub role: Role,
    pub disabled: bool,
    pub has_password: bool,
    pub added: Moment,
    pub sessions: Vec<SessionRow>,
    /// Since when there is a second factor.
    pub factor: Option<Moment>,
    /// Whoever looks at it is this person: nobody locks themselves out by a slip.
    pub is_self: bool,
    /// The link that was just made, this once.
    pub link: Option<String>,
    /// One was to be shown, and was shown already.
    pub shown_before: bool,
}

#[server(prefix = "/fn", endpoint = "people/show")]
pub async fn show_person(name: String, #[server(default)] made: String) -> Result<PersonView, AppError> {
    let person = crate::server::person_with(Role::Admin).map_err(crate::server::answer)?;
    on_the_server::show(&person, name, &made).await
}

/// Adds a person with a first password, or without one: then a link is made by which they set their own.
#[server(prefix = "/fn", endpoint = "people/add")]
pub async fn add_person(name: String, role: String, how: String, #[server(default)] password: String) -> Result<(), AppError> {
    let person = crate::server::person_with(Role::Admin)?;
    let password = (how == "password").then_some(password);
    let address = on_the_server::add(name.trim().to_owned(), &role, password, person.name).await?;
    leptos_axum::redirect(&address);
    Ok(())
}

/// Gives another role, from the next request on.
#[server(prefix = "/fn", endpoint = "people/role")]
pub async fn set_role(name: String, role: String) -> Result<(), AppError> {
    let person = on_the_server::admin_over(&name)?;
    let role = on_the_server::role(&role)?;
    on_the_server::change(name, move |vault, name| keepstone_engine::users::set_role(vault, name, role, &person)).await
}

/// Makes a one-time link by which the person sets a password, in place of any earlier one.
#[server(prefix = "/fn", endpoint = "people/link")]
pub async fn make_link(name: String) -> Result<(), AppError> {
    let person = crate::server::person_with(Role::Admin)?;
    let address = on_the_server::link(&name, &person.name).await?;
    leptos_axum::redirect(&address);
    Ok(())
}

/// `standing` is `active` or `disabled`.
#[server(prefix = "/fn", endpoint = "people/standing")]
pub async fn set_standing(name: String, standing: String) -> Result<(), AppError> {
    use keepstone_engine::users::{self, Standing};

    let person = on_the_server::admin_over(&name)?;
    let standing = if standing == "active" { Standing::Active } else { Standing::Disabled };
    on_the_server::change(name, move |vault, name| users::set_standing(vault, name, standing, &person)).await
}

#[server(prefix = "/fn", endpoint = "people/remove")]
pub async fn remove_person(name: String) -> Result<(), AppError> {
    let person = on_the_server::admin_over(&name)?;
    crate::server::blocking(move |vault| keepstone_engine::users::remove(vault, &name, &person)).await?;
    leptos_axum::redirect("/settings");
    Ok(())
}

/// For who has lost both the app and the recovery codes.
#[server(prefix = "/fn", endpoint = "people/factor-off")]
pub async fn person_factor_off(name: String) -> Result<(), AppError> {
    let person = crate::server::person_with(Role::Admin)?.name;
    on_the_server::change(name, move |vault, name| keepstone_engine::users::remove_factor(vault, name, &person)).await
}

/// Ends one session of a person, or all of them where none is named.
#[server(prefix = "/fn", endpoint = "people/end-session")]
pub async fn end_session(name: String, #[server(default)] session: String) -> Result<(), AppError> {
    let person = crate::server::person_with(Role::Admin)?.name;
    on_the_server::change(name, move |vault, name| match session.as_str() {
        "" => keepstone_engine::users::end_sessions(vault, name, None, &person).map(drop),
        one => keepstone_engine::users::end_session(vault, name, one, &person),
    })
    .await
}

#[cfg(feature = "ssr")]
mod on_the_server {
    use keepstone_engine::{
        Vault,
        users::{self, AddUserOptions},
    };
    use keepstone_model::{Timestamp, access::Role};

    use super::PersonView;
    use crate::words::people as words;
    use crate::{
        error::AppError,
        features::people::sessions::SessionRow,
        server::{Person, accounts, blocking, context, once::Once, percent_encoded, person_with, zone},
        ui::Moment,
    };

    static LINKS: Once<String> = Once::new();

    pub(super) async fn show(person: &Person, name: String, made: &str) -> Result<PersonView, AppError> {
        let (now, zone) = (Timestamp::now(), zone());
        let (user, sessions, factor) = blocking(move |vault| {
            let user = users::user(vault, &name)?;
            let sessions = users::sessions(vault, Some(&user.name), now)?;
            let factor = users::factor_state(vault, &user.name)?;
            Ok((user, sessions, factor))
        })
        .await?;
        let link = LINKS.take(made, &person.name, now);
        Ok(PersonView {
            address: percent_encoded(&user.name),
            role: user.role,
            disabled: user.disabled,
            has_password: user.has_password(),
            added: Moment::new(user.created_at, now, &zone),
            sessions: sessions.into_iter().map(|session| SessionRow::new(session, &person.session, now, &zone)).collect(),
            factor: factor.map(|factor| Moment::new(factor.since, now, &zone)),
            is_self: user.name == person.name,
            shown_before: !made.is_empty() && link.is_none(),
            link,
            name: user.name,
        })
    }

    pub(super) async fn add(name: String, role: &str, password: Option<String>, actor: String) -> Result<String, AppError> {
        let role = self::role(role)?;
        let password_hash = match &password {
            Some(password) => Some(context().accounts.hash(&name, password).await?),
            None => None,
        };
        let options = AddUserOptions { name: name.clone(), role, password_hash, actor: actor.clone() };
        let taken = |error: AppError| if error.code == "already_exists" { AppError::invalid("name", error.message) } else { error };
        blocking(move |vault| users::add(vault, &options)).await.map_err(taken)?;
        if password.is_some() { Ok(address_of(&name)) } else { link(&name, &actor).await }
    }

    /// Gives back the address of the page that shows it, once.
    pub(super) async fn link(name: &str, actor: &str) -> Result<String, AppError> {
        let link = accounts::make_link(name, actor).await?;
        let handle = LINKS.keep(actor, link).await?;
        Ok(format!("{}?made={handle}", address_of(name)))
    }

    pub(super) fn role(text: &str) -> Result<Role, AppError> {
        Role::ALL.into_iter().find(|role| role.as_str() == text).ok_or_else(|| AppError::invalid("role", words::choose_role()))
    }

    /// The name of the admin who calls, unless it would be about themselves.
    pub(super) fn admin_over(name: &str) -> Result<String, AppError> {
        let person = person_with(Role::Admin)?;
        if person.name.to_lowercase() == name.to_lowercase() {
            return Err(AppError::new(409, "yourself", words::yourself()));
        }
        Ok(person.name)
    }

    pub(super) async fn change<T: Send + 'static>(
        name: String,
        act: impl FnOnce(&Vault, &str) -> keepstone_engine::Result<T> + Send + 'static,
    ) -> Result<(), AppError> {
        let address = address_of(&name);
        blocking(move |vault| act(vault, &name)).await?;
        leptos_axum::redirect(&address);
        Ok(())
    }

    fn address_of(name: &str) -> String {
        format!("/settings/people/{}", percent_encoded(name))
    }
}
