//! The gate in front of every path: who calls, and whether the policy lets them. What the policy does not name is refused.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{HeaderMap, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Redirect, Response},
};
use keepstone_app::{
    error::AppError,
    server::{
        Person,
        accounts::{SESSION_COOKIE, next_or_home},
        cookie_of,
    },
};
use keepstone_engine::Vault;
use keepstone_model::{
    Timestamp,
    access::{self, Access, Rule},
};

use super::{api, host::text, problem};
use crate::auth;

/// What the gate looks at.
#[derive(Debug, Clone)]
pub(super) struct Gate {
    pub(super) vault: Arc<Vault>,
    /// Before each path in a browser's address.
    pub(super) base: String,
}

/// Lets a request through if the policy allows its path to this person; puts the [`Person`] into it.
pub(super) async fn check(State(gate): State<Gate>, mut request: Request, next: Next) -> Response {
    let vault = gate.vault;
    if access::below_api(request.uri().path()).is_some() {
        return api::gate::check(vault, request, next).await;
    }
    let rule = access::rule_for(request.uri().path());
    let person = match rule {
        // Assets and probes do not depend on who asks: a page's files need no look into the catalog each.
        Some(rule) if rule.access == Access::Open && !rule.changes => None,
        _ => match person_of(vault, request.headers()).await {
            Ok(person) => person,
            Err(fault) => return problem::answer(request.headers(), &fault),
        },
    };
    let rank = person.as_ref().map(|person| person.role);
    if let Some(refused) = refuse(rule, rank, &gate.base, &request) {
        return refused;
    }
    if let Some(person) = person {
        request.extensions_mut().insert(person);
    }
    next.run(request).await
}

fn refuse(rule: Option<&Rule>, rank: Option<access::Role>, base: &str, request: &Request) -> Option<Response> {
    let Some(rule) = rule else {
        // Only who is signed in learns what does not exist.
        return match rank {
            None => Some(ask_to_sign_in(base, request)),
            Some(_) if request.method() == Method::GET || request.method() == Method::HEAD => None,
            Some(_) => Some(problem::answer(request.headers(), &AppError::not_found())),
        };
    };
    if !access::allows(rule.access, rank) {
        return Some(match rank {
            None => ask_to_sign_in(base, request),
            Some(_) => problem::answer(request.headers(), &AppError::forbidden()),
        });
    }
    let function = rule.pattern.starts_with("/fn/");
    let allowed = match *request.method() {
        Method::POST => rule.changes || function,
        Method::GET | Method::HEAD => !rule.changes,
        _ => false,
    };
    (!allowed).then(|| {
        let allow = if rule.changes { "POST" } else { "GET, HEAD" };
        (StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, allow)]).into_response()
    })
}

/// Pages and plain forms are sent to the sign-in page and come back; everything else gets a 401.
fn ask_to_sign_in(base: &str, request: &Request) -> Response {
    let path = request.uri().path();
    let data = path.starts_with("/fn/") || path == "/events";
    let back = match *request.method() {
        Method::GET | Method::HEAD if !data => request.uri().path_and_query().map(|pq| pq.as_str().to_owned()),
        Method::POST if problem::wants_html(request.headers()) => Some(referring_path(base, request.headers())),
        _ => None,
    };
    match back.map(|back| next_or_home(&back)) {
        None => problem::answer(request.headers(), &AppError::unauthorized()),
        Some(home) if home == "/" => Redirect::to("/login").into_response(),
        Some(back) => Redirect::to(&format!("/login?next={}", percent_encoded(&back))).into_response(),
    }
}

/// The path of the page whose form was sent; its host is not looked at: only a path of this site comes out of it.
fn referring_path(base: &str, headers: &HeaderMap) -> String {
    let uri = text(headers, header::REFERER).and_then(|referer| referer.parse::<axum::http::Uri>().ok());
    let path = uri.and_then(|uri| uri.path_and_query().map(|pq| pq.as_str().to_owned())).unwrap_or_default();
    path.strip_prefix(base).map_or(path.clone(), str::to_owned)
}

pub(super) fn percent_encoded(text: &str) -> String {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'/' => out.push(char::from(byte)),
            _ => out.extend(['%', char::from(DIGITS[usize::from(byte >> 4)]), char::from(DIGITS[usize::from(byte & 15)])]),
        }
    }
    out
}

/// The person of the session's cookie. A catalog that cannot be read is a 503, never a way in.
pub(super) async fn person_of(vault: Arc<Vault>, headers: &HeaderMap) -> Result<Option<Person>, AppError> {
    let Some(cookie) = cookie_of(headers, SESSION_COOKIE).map(str::to_owned) else { return Ok(None) };
    let found = tokio::task::spawn_blocking(move || auth::session(&vault, &cookie, Timestamp::now())).await;
    match found {
        Ok(Ok(session)) => {
            Ok(session.map(|session| Person { name: session.user, role: session.role, authenticated_at: session.authenticated_at }))
        }
        Ok(Err(fault)) => Err(AppError { status: 503, ..fault.into() }),
        Err(panic) => {
            tracing::error!(%panic, "looking up a session panicked");
            Err(AppError { status: 503, ..AppError::internal() })
        }
    }
}
