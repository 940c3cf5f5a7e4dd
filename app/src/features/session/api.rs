//! The server functions of a session. Who keeps accounts, and how, is the server's matter.

use leptos::prelude::*;

#[cfg(feature = "ssr")]
use crate::words::session as words;
use crate::{error::AppError, ui::here};

/// Begins a session and goes to where the person wanted to be.
#[server(prefix = "/fn", endpoint = "session/sign-in")]
pub async fn sign_in(name: String, password: String, #[server(default)] next: String) -> Result<(), AppError> {
    let awaited = crate::server::sign_in(&name, &password).await?;
    leptos_axum::redirect(&on_the_server::after(awaited, &next));
    Ok(())
}

/// The code of the second factor, after the password: six digits of the app, or a recovery code.
#[server(prefix = "/fn", endpoint = "session/second-factor")]
pub async fn second_factor(handle: String, code: String, #[server(default)] next: String) -> Result<(), AppError> {
    crate::server::accounts::second_factor(&handle, &code).await?;
    leptos_axum::redirect(&crate::server::next_or_home(&next));
    Ok(())
}

/// The password once more: a new session takes the place of this one, and what destroys may be done for ten minutes.
#[server(prefix = "/fn", endpoint = "session/confirm")]
pub async fn confirm(password: String, #[server(default)] next: String) -> Result<(), AppError> {
    let person = crate::server::person()?;
    crate::server::accounts::confirm(&person, &password).await.map_err(|error| match error.code.as_str() {
        "wrong_password" => AppError { fields: [("password".to_owned(), words::wrong_password().to_owned())].into(), ..error },
        _ => error,
    })?;
    leptos_axum::redirect(&crate::server::next_or_home(&next));
    Ok(())
}

/// Makes the first admin with the one-time link, or sets the password of the user whose link it is, and signs them in.
#[server(prefix = "/fn", endpoint = "session/set-up")]
pub async fn set_up(token: String, #[server(default)] name: String, password: String) -> Result<(), AppError> {
    let awaited = crate::server::set_up(&token, &name, &password).await?;
    leptos_axum::redirect(&on_the_server::after(awaited, ""));
    Ok(())
}

#[server(prefix = "/fn", endpoint = "session/sign-out")]
pub async fn sign_out() -> Result<(), AppError> {
    crate::server::sign_out().await?;
    leptos_axum::redirect("/login");
    Ok(())
}

#[server(prefix = "/fn", endpoint = "session/who")]
pub async fn who() -> Result<here::Who, AppError> {
    let person = crate::server::person()?;
    Ok(here::Who { name: person.name, role: person.role })
}

/// Keeps the theme in a cookie. The browser shows it before this answers.
#[server(prefix = "/fn", endpoint = "session/theme")]
pub async fn set_theme(theme: String) -> Result<(), AppError> {
    crate::server::person()?;
    on_the_server::keep(on_the_server::THEME_COOKIE, here::Theme::named(&theme).as_str());
    Ok(())
}

/// Keeps with the account whether single letters are shortcuts: `on` or `off`.
#[server(prefix = "/fn", endpoint = "session/shortcuts")]
pub async fn set_shortcuts(shortcuts: String) -> Result<(), AppError> {
    let person = crate::server::person()?;
    let preferences = keepstone_model::preferences::Preferences { without_shortcuts: shortcuts == "off", ..person.preferences };
    crate::server::blocking(move |vault| keepstone_engine::users::set_preferences(vault, &person.name, &preferences)).await?;
    leptos_axum::redirect("/account");
    Ok(())
}

#[cfg(feature = "ssr")]
pub(crate) mod on_the_server {
    use std::sync::LazyLock;

    use axum::http::{HeaderValue, header};
    use leptos::prelude::*;
    use leptos_axum::ResponseOptions;

    use crate::words::session as words;
    use crate::{
        server::{ServerContext, cookie, next_or_home, percent_encoded, person, zone},
        ui::here::{Here, Theme, Who},
    };

    pub(super) const THEME_COOKIE: &str = "keepstone_theme";

    static HOST: LazyLock<String> = LazyLock::new(|| {
        let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        if name.trim().is_empty() { words::this_host().to_owned() } else { name.trim().to_owned() }
    });

    /// Where the right password leads: on, or to where the code is asked for.
    pub(super) fn after(awaited: Option<String>, next: &str) -> String {
        let next = next_or_home(next);
        awaited.map_or_else(|| next.clone(), |handle| format!("/login?code={handle}&next={}", percent_encoded(&next)))
    }

    /// For a year.
    pub(super) fn keep(name: &str, value: &str) {
        let cookie = format!("{name}={value}; Path=/; Max-Age=31536000; SameSite=Lax");
        if let Ok(cookie) = HeaderValue::from_str(&cookie) {
            expect_context::<ResponseOptions>().append_header(header::SET_COOKIE, cookie);
        }
    }

    pub(crate) fn theme() -> Theme {
        cookie(THEME_COOKIE).map(|name| Theme::named(&name)).unwrap_or_default()
    }

    /// Who looks at the page that is being rendered.
    pub(crate) fn here() -> Here {
        let context = use_context::<ServerContext>();
        let who = use_context::<axum::http::request::Parts>().and_then(|_| person().ok());
        Here {
            host: HOST.clone(),
            demo: context.as_ref().is_some_and(|context| context.demo),
            environment: context.as_ref().and_then(|context| context.environment.clone()),
            base: context.map(|context| context.base).unwrap_or_default(),
            theme: theme(),
            shortcuts: who.as_ref().is_none_or(|person| !person.preferences.without_shortcuts),
            who: who.map(|person| Who { name: person.name, role: person.role }),
            zone: zone().iana_name().unwrap_or("UTC").to_owned(),
            format: crate::server::format(),
        }
    }
}
