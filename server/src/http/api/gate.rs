//! The gate in front of every call: a bearer token, its scope, and the databases it is for. A session's cookie opens nothing here, so no page
//! of another site can call with a browser's help.

use std::sync::Arc;

use axum::{
    extract::Request,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use keepstone_engine::{Vault, jobs, schedules, tokens};
use keepstone_model::{
    Timestamp,
    access::{ApiRule, Reach, api_rules_for, subject},
    id::{BackupId, DatabaseId, JobId},
    token::Token,
};

use super::{
    caller::{Caller, outside},
    problem::Problem,
};

/// `path` is what stands below `/api/v1`.
pub(in crate::http) async fn check(vault: Arc<Vault>, mut request: Request, next: Next) -> Response {
    let path = keepstone_model::access::below_api(request.uri().path()).unwrap_or_default().to_owned();
    let Some(secret) = bearer(request.headers()) else { return no_token().into_response() };
    let method = if request.method() == axum::http::Method::HEAD { "GET".to_owned() } else { request.method().to_string() };
    let looked_at = tokio::task::spawn_blocking(move || look(&vault, &secret, &method, &path)).await;
    match looked_at.unwrap_or_else(|_| Err(Refused::Problem(Problem::internal()))) {
        Ok(token) => {
            request.extensions_mut().insert(Caller(token));
            next.run(request).await
        }
        Err(refused) => refused.into_response(),
    }
}

enum Refused {
    Problem(Problem),
    /// The path is there, and takes these methods only.
    Method(String),
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        match self {
            Self::Problem(problem) => problem.into_response(),
            Self::Method(allow) => {
                let detail = format!("This address takes {allow} only.");
                let mut response = Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail, None).into_response();
                if let Ok(allow) = HeaderValue::from_str(&allow) {
                    response.headers_mut().insert(header::ALLOW, allow);
                }
                response
            }
        }
    }
}

fn look(vault: &Vault, secret: &str, method: &str, path: &str) -> Result<Token, Refused> {
    let found = tokens::authenticate(vault, secret, Timestamp::now()).map_err(|error| {
        tracing::error!(%error, "a token could not be looked up");
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "The token could not be looked up.", None)
    })?;
    let Some(token) = found else {
        return Err(Problem::new(
            StatusCode::UNAUTHORIZED,
            "bad_token",
            "This token is unknown, was revoked, or has expired.",
            "An admin makes one on the Settings page or with `keepstone token create`.",
        )
        .into());
    };
    let rules = api_rules_for(path);
    let Some(rule) = rules.iter().find(|rule| rule.method == method) else {
        if rules.is_empty() {
            return Err(Problem::unknown("not_found", "There is no such address in the API.").into());
        }
        return Err(Refused::Method(rules.iter().map(|rule| rule.method).collect::<Vec<_>>().join(", ")));
    };
    if !token.allows(rule.scope) {
        return Err(Problem::forbidden("scope_needed", format!("This call asks for the scope {}.", rule.scope)).into());
    }
    within(vault, &token, rule, path)?;
    Ok(token)
}

/// A token for some databases goes no further than those. What cannot be told to be about one of them is not: unknown means no. (An id never
/// needs percent signs in an address, so what has any is no id here, whatever it would be decoded to later.)
fn within(vault: &Vault, token: &Token, rule: &ApiRule, path: &str) -> Result<(), Problem> {
    if token.databases.is_none() {
        return Ok(());
    }
    match rule.reach {
        Reach::Nothing | Reach::Filtered => Ok(()),
        Reach::Vault => Err(outside()),
        Reach::One => match subject(rule.pattern, path).and_then(|(noun, id)| database_of(vault, noun, id)) {
            Some(database) if token.covers(&database) => Ok(()),
            _ => Err(outside()),
        },
    }
}

fn database_of(vault: &Vault, noun: &str, id: &str) -> Option<DatabaseId> {
    match noun {
        "database" => id.parse().ok(),
        "backup" => id.parse::<BackupId>().ok().map(|id| id.database()),
        "job" => jobs::job(vault, &id.parse::<JobId>().ok()?).ok()?.job.database,
        "schedule" => Some(schedules::show(vault, id.parse().ok()?, Timestamp::now()).ok()?.database),
        _ => None,
    }
}

fn bearer(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, secret) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| secret.trim().to_owned())
}

pub(super) fn no_token() -> Problem {
    Problem::new(
        StatusCode::UNAUTHORIZED,
        "no_token",
        "This call needs a token.",
        "Send it as `Authorization: Bearer …`; an admin makes one on the Settings page or with `keepstone token create`.",
    )
}
