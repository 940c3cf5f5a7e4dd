//! Signing in, setting up and signing out as server functions call them. Who keeps users and sessions, and how, is the server's matter.

use std::{fmt, future::Future, net::IpAddr, pin::Pin};

use axum::http::{HeaderValue, header, request::Parts};
use leptos::prelude::{expect_context, use_context};
use leptos_axum::ResponseOptions;

use super::{Person, context};
use crate::error::AppError;

/// What an act on accounts gives back.
pub type AccountFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, AppError>> + Send + 'a>>;

/// The `Set-Cookie` value for the response.
pub type CookieFuture<'a> = AccountFuture<'a, HeaderValue>;

/// Who calls, as far as the connection tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    pub address: IpAddr,
    /// What the browser says it is, cut to a sane length.
    pub agent: String,
}

/// What the right password comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignedIn {
    /// A session, by its `Set-Cookie` value.
    Yes(HeaderValue),
    /// A code of the second factor is awaited under this name.
    CodeWanted(String),
}

impl SignedIn {
    pub fn cookie(self) -> Option<HeaderValue> {
        match self {
            Self::Yes(cookie) => Some(cookie),
            Self::CodeWanted(_) => None,
        }
    }
}

/// A second factor that may be switched on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    pub secret: String,
    /// The same as a picture for an app: SVG.
    pub picture: String,
}

/// What a set-up link is good for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkFor {
    /// Making the first admin.
    FirstAdmin,
    /// Setting the password of this user.
    Password(String),
}

/// Keeps users and sessions.
pub trait Accounts: Send + Sync + fmt::Debug {
    /// Checks the password and begins a session, or waits for a code; `previous` (the cookie the browser has now) ends.
    fn sign_in<'a>(&'a self, name: &'a str, password: &'a str, from: &'a Caller, previous: Option<String>) -> AccountFuture<'a, SignedIn>;
    /// Checks the code (of the app, or a recovery code) that is awaited under this name, and begins a session.
    fn second_factor<'a>(&'a self, handle: &'a str, code: &'a str, from: &'a Caller, previous: Option<String>) -> CookieFuture<'a>;
    /// Checks the password of who is signed in, and begins another session in place of the present one.
    fn confirm<'a>(&'a self, person: &'a Person, password: &'a str, from: &'a Caller, present: Option<String>) -> CookieFuture<'a>;
    /// Makes the first admin or sets a user's password (then `name` is not looked at) with the one-time token, and begins a session.
    fn set_up<'a>(&'a self, token: &'a str, name: &'a str, password: &'a str, from: &'a Caller) -> AccountFuture<'a, SignedIn>;
    /// A secret for a second factor, the same one for a quarter of an hour. `host` is what the app calls this console.
    fn offer_factor<'a>(&'a self, person: &'a Person, host: &'a str) -> AccountFuture<'a, Offer>;
    /// Switches the second factor on that was offered, if this is its code, and gives back the recovery codes.
    fn factor_on<'a>(&'a self, person: &'a Person, code: &'a str) -> AccountFuture<'a, Vec<String>>;
    /// Other recovery codes in place of those that are left.
    fn new_codes<'a>(&'a self, person: &'a Person) -> AccountFuture<'a, Vec<String>>;
    /// Ends the session.
    fn sign_out(&self, cookie: Option<String>) -> CookieFuture<'_>;
    /// What a set-up link with this token would do now; none: nothing.
    fn link_is_for<'a>(&'a self, token: &'a str) -> Pin<Box<dyn Future<Output = Option<LinkFor>> + Send + 'a>>;
    /// Checks the person's present password, sets another one, and ends all sessions but this one.
    fn change_password<'a>(&'a self, person: &'a Person, present: &'a str, password: &'a str, from: &'a Caller) -> AccountFuture<'a, ()>;
    /// The hash of a password that is good enough for a user of this name.
    fn hash<'a>(&'a self, name: &'a str, password: &'a str) -> AccountFuture<'a, String>;
    /// Makes a one-time link by which the user sets a password, and gives back its address below the console's own.
    fn make_link<'a>(&'a self, name: &'a str, actor: &'a str) -> AccountFuture<'a, String>;
}

/// The name of the session's cookie.
pub const SESSION_COOKIE: &str = "keepstone_session";

/// Where a request comes from. The server puts it into the request's extensions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientAddress(pub IpAddr);

/// Signs in and sets the session's cookie; or gives back the name under which a code of the second factor is awaited. A wrong name and a wrong
/// password read the same.
pub async fn sign_in(name: &str, password: &str) -> Result<Option<String>, AppError> {
    Ok(take(context().accounts.sign_in(name, password, &caller(), super::cookie(SESSION_COOKIE)).await?))
}

/// The code that is awaited after the password.
pub async fn second_factor(handle: &str, code: &str) -> Result<(), AppError> {
    let cookie = context().accounts.second_factor(handle, code, &caller(), super::cookie(SESSION_COOKIE)).await?;
    set_cookie(cookie);
    Ok(())
}

/// The password once more, of who is signed in.
pub async fn confirm(person: &Person, password: &str) -> Result<(), AppError> {
    let cookie = context().accounts.confirm(person, password, &caller(), super::cookie(SESSION_COOKIE)).await?;
    set_cookie(cookie);
    Ok(())
}

fn take(signed_in: SignedIn) -> Option<String> {
    match signed_in {
        SignedIn::Yes(cookie) => {
            set_cookie(cookie);
            None
        }
        SignedIn::CodeWanted(handle) => Some(handle),
    }
}

/// Makes the first admin, or sets a user's password, and signs them in like [`sign_in`].
pub async fn set_up(token: &str, name: &str, password: &str) -> Result<Option<String>, AppError> {
    Ok(take(context().accounts.set_up(token, name, password, &caller()).await?))
}

/// Ends the session and takes its cookie away.
pub async fn sign_out() -> Result<(), AppError> {
    let cookie = context().accounts.sign_out(super::cookie(SESSION_COOKIE)).await?;
    set_cookie(cookie);
    Ok(())
}

/// What the set-up page should show for this token.
pub async fn link_is_for(token: &str) -> Option<LinkFor> {
    context().accounts.link_is_for(token).await
}

/// Sets another password for whoever calls.
pub async fn change_password(person: &Person, present: &str, password: &str) -> Result<(), AppError> {
    context().accounts.change_password(person, present, password, &caller()).await
}

/// A one-time link for this user, as its receiver can open it.
pub async fn make_link(name: &str, actor: &str) -> Result<String, AppError> {
    let path = context().accounts.make_link(name, actor).await?;
    Ok(format!("{}{}{path}", own_origin(), context().base))
}

/// How whoever calls reaches this console: by the public URL, else as the request says, whose host was found to be ours.
fn own_origin() -> String {
    context().public_origin.unwrap_or_else(|| {
        let host = use_context::<Parts>().and_then(|parts| {
            let named = parts.headers.get(header::HOST).and_then(|host| host.to_str().ok()).map(str::to_owned);
            named.or_else(|| parts.uri.authority().map(ToString::to_string))
        });
        host.map_or_else(String::new, |host| format!("http://{host}"))
    })
}

/// Where to go after signing in: `next` if it is a path of this site, else the Overview. Anything that a browser could read as another host
/// (`//host`, `/\host`, a scheme) is not a path.
pub fn next_or_home(next: &str) -> String {
    let own = next.starts_with('/')
        && !next.starts_with("//")
        && !next.contains('\\')
        && !next.starts_with("/login")
        && !next.starts_with("/confirm")
        && !next.starts_with("/fn/")
        && next.bytes().all(|b| b.is_ascii_graphic());
    if own { next.to_owned() } else { "/".to_owned() }
}

/// The most of what a browser says of itself that is kept.
const AGENT_MAX: usize = 200;

fn caller() -> Caller {
    let parts = use_context::<Parts>();
    let agent = parts.as_ref().and_then(|parts| parts.headers.get(header::USER_AGENT)?.to_str().ok());
    Caller {
        agent: agent.unwrap_or_default().chars().take(AGENT_MAX).collect(),
        // Without an address every caller shares one limit: unknown is not unlimited.
        address: parts
            .and_then(|parts| parts.extensions.get::<ClientAddress>().copied())
            .map_or(IpAddr::from([0, 0, 0, 0]), |address| address.0),
    }
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
