//! What comes with a call: a JSON body, a query. What does not fit is a problem that names where.

use std::time::Duration;

use axum::{
    body::to_bytes,
    extract::{FromRequest, FromRequestParts, Request},
    http::{StatusCode, header, request::Parts},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::{super::router::LARGEST_BODY, problem::Problem};

/// How long a body of JSON may take to come.
const BODY_WITHIN: Duration = Duration::from_secs(30);
/// Up to here every whole number is a float of its own.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// A JSON body.
#[derive(Debug)]
pub(super) struct Body<T>(pub(super) T);

/// A JSON body that may be left out: it says nothing then.
#[derive(Debug)]
pub(super) struct MaybeBody<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Problem> {
        let value = json(request).await?;
        value.ok_or_else(|| Problem::malformed("This call needs a body of JSON.")).and_then(fitting).map(Self)
    }
}

impl<T: DeserializeOwned + Default, S: Send + Sync> FromRequest<S> for MaybeBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Problem> {
        Ok(Self(json(request).await?.map(fitting).transpose()?.unwrap_or_default()))
    }
}

/// The body as JSON; none if there is none.
async fn json(request: Request) -> Result<Option<Value>, Problem> {
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let is_json = kind == "application/json" || kind.starts_with("application/") && kind.ends_with("+json");
    let read = tokio::time::timeout(BODY_WITHIN, to_bytes(request.into_body(), LARGEST_BODY)).await;
    let too_large = || {
        let detail = format!("A body of JSON has at most {LARGEST_BODY} bytes.");
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", detail, None)
    };
    let late = || Problem::new(StatusCode::REQUEST_TIMEOUT, "timeout", "The body did not come in time.", None);
    let bytes = read.map_err(|_| late())?.map_err(|_| too_large())?;
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Ok(None);
    }
    if !is_json {
        let hint = "Send it with `Content-Type: application/json`.";
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not_json", "The body has to be JSON.", hint));
    }
    let value = serde_json::from_slice(&bytes).map_err(|error| Problem::malformed(format!("The body is no JSON: {error}.")))?;
    // serde takes a list for an object, member by member; nobody means that.
    if !matches!(value, Value::Object(_)) {
        return Err(Problem::malformed("The body has to be one object."));
    }
    Ok(Some(whole(value)))
}

/// JSON has one sort of number: 7.0 is as whole as 7.
fn whole(value: Value) -> Value {
    match value {
        Value::Number(number) => match number.as_f64() {
            Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() < EXACT => {
                #[expect(clippy::cast_possible_truncation, reason = "it is whole and within the range in which floats are exact")]
                let exact = float as i64;
                Value::from(exact)
            }
            _ => Value::Number(number),
        },
        Value::Array(items) => Value::Array(items.into_iter().map(whole).collect()),
        Value::Object(members) => Value::Object(members.into_iter().map(|(name, value)| (name, whole(value))).collect()),
        other => other,
    }
}

fn fitting<T: DeserializeOwned>(value: Value) -> Result<T, Problem> {
    serde_json::from_value(value).map_err(|error| Problem::malformed(format!("The body does not fit: {error}.")))
}

/// The query of an address. A name may stand there several times where a list is asked for; one that is not known is refused.
#[derive(Debug)]
pub(super) struct Query<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let query = parts.uri.query().unwrap_or_default();
        // A name without a value would be taken for one that is not there.
        let empty =
            query.split('&').filter(|pair| !pair.is_empty()).find(|pair| pair.split_once('=').is_none_or(|(_, value)| value.is_empty()));
        if let Some(pair) = empty {
            let name = pair.trim_end_matches('=');
            return Err(Problem::malformed(format!("\"{name}\" stands in the query without a value.")));
        }
        serde_html_form::from_str(query).map(Self).map_err(|error| Problem::malformed(format!("The query does not fit: {error}.")))
    }
}

/// The address of the next part of a list: the same question, further on.
pub(super) fn next<T: Serialize>(path: &str, query: &T) -> Option<String> {
    let query = serde_html_form::to_string(query).ok()?;
    Some(format!("{}{path}?{query}", keepstone_model::access::API))
}
