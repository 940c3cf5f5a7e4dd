//! A refusal as an answer: RFC 9457 for programs, a small page for people.

use axum::{
    Json,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{Html, IntoResponse, Response},
};
use keepstone_app::error::AppError;
use serde::Serialize;

/// Its members beside RFC 9457's own are those of [`AppError`], so that the server functions' client reads it too.
#[derive(Debug, Serialize)]
struct Problem<'a> {
    r#type: &'static str,
    title: &'static str,
    detail: &'a str,
    #[serde(flatten)]
    error: &'a AppError,
}

/// Answers with this error, in the form the caller reads.
pub(super) fn answer(headers: &HeaderMap, error: &AppError) -> Response {
    let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let title = status.canonical_reason().unwrap_or("Error");
    if wants_html(headers) {
        let page = format!(
            "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
             <title>{title} · Keepstone</title><link rel=\"stylesheet\" href=\"/pkg/main.css\"></head>\
             <body><main class=\"problem\"><h1>{title}</h1><p>{}</p><p><a href=\"/\">Overview</a></p></main></body></html>",
            escape(&error.message),
        );
        return (status, Html(page)).into_response();
    }
    let problem = Problem { r#type: "about:blank", title, detail: &error.message, error };
    let mut response = (status, Json(problem)).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    response
}

/// Whether a person's browser asks for a page (a link or a plain form), not a program for data.
pub(super) fn wants_html(headers: &HeaderMap) -> bool {
    headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).is_some_and(|accept| accept.contains("text/html"))
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
