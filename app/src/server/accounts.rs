//! Signing in, setting up and signing out as server functions call them. Who keeps users and sessions, and how, is the server's matter.

use std::{fmt, future::Future, net::IpAddr, pin::Pin};

use axum::http::{HeaderValue, header, request::Parts};
use leptos::prelude::{expect_context, use_context};
use leptos_axum::ResponseOptions;

use super::context;
use crate::error::AppError;

/// What an act on accounts gives back: the `Set-Cookie` value for the response.
pub type CookieFuture<'a> = Pin<Box<dyn Future<Output = Result<HeaderValue, AppError>> + Send + 'a>>;

/// Keeps users and sessions.
pub trait Accounts: Send + Sync + fmt::Debug {
    /// Checks the password and begins a session; `previous` (the cookie the browser has now) ends.
    fn sign_in<'a>(&'a self, name: &'a str, password: &'a str, from: IpAddr, previous: Option<String>) -> CookieFuture<'a>;
    /// Makes the first admin with the one-time token, and begins a session.
    fn set_up<'a>(&'a self, token: &'a str, name: &'a str, password: &'a str, from: IpAddr) -> CookieFuture<'a>;
    /// Ends the session.
    fn sign_out(&self, cookie: Option<String>) -> CookieFuture<'_>;
    /// Whether a set-up link with this token would be taken now.
    fn setup_link_is_valid<'a>(&'a self, token: &'a str) -> Pin<Box<dyn Future<Output = bool> + Send + 'a>>;
}

/// The name of the session's cookie.
pub const SESSION_COOKIE: &str = "keepstone_session";

/// Where a request comes from. The server puts it into the request's extensions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientAddress(pub IpAddr);

/// Signs in and sets the session's cookie. A wrong name and a wrong password read the same.
pub async fn sign_in(name: &str, password: &str) -> Result<(), AppError> {
    let cookie = context().accounts.sign_in(name, password, address(), super::cookie(SESSION_COOKIE)).await?;
    set_cookie(cookie);
    Ok(())
}

/// Makes the first admin, and signs them in.
pub async fn set_up(token: &str, name: &str, password: &str) -> Result<(), AppError> {
    let cookie = context().accounts.set_up(token, name, password, address()).await?;
    set_cookie(cookie);
    Ok(())
}

/// Ends the session and takes its cookie away.
pub async fn sign_out() -> Result<(), AppError> {
    let cookie = context().accounts.sign_out(super::cookie(SESSION_COOKIE)).await?;
    set_cookie(cookie);
    Ok(())
}

/// Whether the set-up page should show its form for this token.
pub async fn setup_link_is_valid(token: &str) -> bool {
    context().accounts.setup_link_is_valid(token).await
}

/// Where to go after signing in: `next` if it is a path of this site, else the Overview. Anything that a browser could read as another host
/// (`//host`, `/\host`, a scheme) is not a path.
pub fn next_or_home(next: &str) -> String {
    let own = next.starts_with('/')
        && !next.starts_with("//")
        && !next.contains('\\')
        && !next.starts_with("/login")
        && !next.starts_with("/fn/")
        && next.bytes().all(|b| b.is_ascii_graphic());
    if own { next.to_owned() } else { "/".to_owned() }
}

fn address() -> IpAddr {
    let parts = use_context::<Parts>();
    // Without an address every caller shares one limit: unknown is not unlimited.
    parts.and_then(|parts| parts.extensions.get::<ClientAddress>().copied()).map_or(IpAddr::from([0, 0, 0, 0]), |address| address.0)
}

fn set_cookie(cookie: HeaderValue) {
    expect_context::<ResponseOptions>().append_header(header::SET_COOKIE, cookie);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_of_this_site_are_gone_to() {
        for own in ["/", "/backups?db=a&page=2", "/backups/x/restore"] {
            assert_eq!(next_or_home(own), own);
        }
        for other in
            ["", "//evil.example", "/\\evil.example", "https://evil.example", "backups", "/a b", "/login?next=/", "/x\r\nSet-Cookie: a"]
        {
            assert_eq!(next_or_home(other), "/", "{other}");
        }
    }
}
