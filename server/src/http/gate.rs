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
        confirm_address, cookie_of, percent_encoded, referring_path, wants_html,
    },
};
use keepstone_engine::{Vault, users};
use keepstone_model::{
    Timestamp,
    access::{self, Access, Act, Rule},
};

use super::{api, problem};
use crate::auth;

/// Lets a request through if the policy allows its path to this person; puts the [`Person`] into it.
pub(super) async fn check(State(vault): State<Arc<Vault>>, mut request: Request, next: Next) -> Response {
    if access::below_api(request.uri().path()).is_some() {
        return api::gate::check(vault, request, next).await;
    }
    let rule = access::rule_for(request.uri().path());
    let person = match rule {
        // Assets and probes do not depend on who asks: a page's files need no look into the catalog each.
        Some(rule) if rule.access == Access::Open && !rule.changes() => None,
        _ => match person_of(vault.clone(), request.headers()).await {
            Ok(person) => person,
            Err(fault) => return problem::answer(request.headers(), &fault),
        },
    };
    let rank = person.as_ref().map(|person| person.role);
    if let (Some(Rule { access: Access::Needs(least), .. }), Some(role)) = (rule, rank)
        && role < *least
    {
        return forbid(vault, request.headers(), *least, role).await;
    }
    if let Some(refused) = refuse(rule, rank, &request) {
        return refused;
    }
    if let (Some(Rule { act: Act::Destroys, .. }), Some(person)) = (rule, &person)
        && !person.is_recent(Timestamp::now())
    {
        return ask_for_password(&request);
    }
    if let Some(person) = person {
        request.extensions_mut().insert(person);
    }
    next.run(request).await
}

fn refuse(rule: Option<&Rule>, rank: Option<access::Role>, request: &Request) -> Option<Response> {
    let Some(rule) = rule else {
        // Only who is signed in learns what does not exist.
        return match rank {
            None => Some(ask_to_sign_in(request)),
            Some(_) if request.method() == Method::GET || request.method() == Method::HEAD => None,
            Some(_) => Some(problem::answer(request.headers(), &AppError::not_found())),
        };
    };
    if !access::allows(rule.access, rank) {
        return Some(ask_to_sign_in(request));
    }
    let function = rule.pattern.starts_with("/fn/");
    let allowed = match *request.method() {
        Method::POST => rule.changes() || function,
        Method::GET | Method::HEAD => !rule.changes(),
        _ => false,
    };
    (!allowed).then(|| {
        let allow = if rule.changes() { "POST" } else { "GET, HEAD" };
        (StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, allow)]).into_response()
    })
}

/// Says which role it needs and, to a person, who can give it.
async fn forbid(vault: Arc<Vault>, headers: &HeaderMap, least: access::Role, role: access::Role) -> Response {
    let refusal = AppError::needs(least, role);
    if !wants_html(headers) {
        return problem::answer(headers, &refusal);
    }
    let found = tokio::task::spawn_blocking(move || users::list(&vault)).await;
    // Who they are is a help and no more: without it the refusal is the same.
    let users = found.ok().and_then(Result::ok).unwrap_or_default();
    let admins = users.into_iter().filter(|user| user.role == access::Role::Admin && !user.disabled).map(|user| user.name);
    problem::refusal(headers, &refusal, &admins.collect::<Vec<_>>())
}

/// Pages and plain forms are sent to the sign-in page and come back; everything else gets a 401.
fn ask_to_sign_in(request: &Request) -> Response {
    let path = request.uri().path();
    let data = path.starts_with("/fn/") || path == "/events";
    let back = match *request.method() {
        Method::GET | Method::HEAD if !data => request.uri().path_and_query().map(|pq| pq.as_str().to_owned()),
        Method::POST if wants_html(request.headers()) => Some(referring_path(request.headers())),
        _ => None,
    };
    match back.map(|back| next_or_home(&back)) {
        None => problem::answer(request.headers(), &AppError::unauthorized()),
        Some(home) if home == "/" => Redirect::to("/login").into_response(),
        Some(back) => Redirect::to(&format!("/login?next={}", percent_encoded(&back))).into_response(),
    }
}

/// A plain form is sent to the page that asks for the password once more, and comes back; everything else gets a 403 that says so.
fn ask_for_password(request: &Request) -> Response {
    if wants_html(request.headers()) {
        return Redirect::to(&confirm_address(request.headers())).into_response();
    }
    problem::answer(request.headers(), &AppError::sign_in_again())
}

/// The person of the session's cookie. A catalog that cannot be read is a 503, never a way in.
pub(super) async fn person_of(vault: Arc<Vault>, headers: &HeaderMap) -> Result<Option<Person>, AppError> {
    let Some(cookie) = cookie_of(headers, SESSION_COOKIE).map(str::to_owned) else { return Ok(None) };
    let found = tokio::task::spawn_blocking(move || auth::session(&vault, &cookie, Timestamp::now())).await;
    match found {
        Ok(Ok(session)) => Ok(session.map(|(handle, session)| Person {
            name: session.user,
            role: session.role,
            preferences: session.preferences,
            authenticated_at: session.authenticated_at,
            session: handle,
        })),
        Ok(Err(fault)) => Err(AppError { status: 503, ..fault.into() }),
        Err(panic) => {
            tracing::error!(%panic, "looking up a session panicked");
            Err(AppError { status: 503, ..AppError::internal() })
        }
    }
}
