//! A refusal as an answer: RFC 9457 for programs, a small page for people.

use axum::{
    Json,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{Html, IntoResponse, Response},
};
use keepstone_app::{
    error::AppError,
    server::{cookie_of, wants_html},
};
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
        return (status, Html(page(headers, title, error, ""))).into_response();
    }
    let problem = Problem { r#type: "about:blank", title, detail: &error.message, error };
    let mut response = (status, Json(problem)).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    response
}

/// How many admins are named.
const NAMED: usize = 5;

/// The page for a person whose role does not allow something: who can give another one, and the ways on.
pub(super) fn refusal(headers: &HeaderMap, error: &AppError, admins: &[String]) -> Response {
    let named = admins.iter().take(NAMED).map(|name| format!("<strong>{}</strong>", escape(name))).collect::<Vec<_>>().join(", ");
    let more = if admins.len() > NAMED { " and others" } else { "" };
    let who = if named.is_empty() { "An admin of this console".to_owned() } else { format!("An admin ({named}{more})") };
    let hint = format!(
        "<p class=\"muted\">{who} can give you another role, under Settings.</p>\
         <form class=\"look-for\" method=\"get\" action=\"/search\" role=\"search\" aria-label=\"Look for something else\">\
         <input type=\"search\" name=\"q\" maxlength=\"200\" aria-label=\"What you are looking for\">\
         <button type=\"submit\" class=\"button\">Search</button></form>"
    );
    (StatusCode::FORBIDDEN, Html(page(headers, "Your role does not allow this", error, &hint))).into_response()
}

/// The ways on from a refusal.
fn page(headers: &HeaderMap, title: &str, error: &AppError, hint: &str) -> String {
    let body = format!(
        "<p>{}</p>{hint}<nav aria-label=\"Ways on\"><ul class=\"ways\"><li><a href=\"/\">Overview</a></li>\
         <li><a href=\"/databases\">Databases</a></li><li><a href=\"/backups\">Backups</a></li>\
         <li><a href=\"/activity\">Activity</a></li></ul></nav>",
        escape(&error.message),
    );
    shell(headers, title, &body)
}

/// A page that needs nothing of the app: it also stands where the app must not be entered. In the person's theme. `body` is HTML.
pub(super) fn shell(headers: &HeaderMap, title: &str, body: &str) -> String {
    let theme = match cookie_of(headers, "keepstone_theme") {
        Some(theme @ ("light" | "dark")) => format!(" data-theme=\"{theme}\""),
        _ => String::new(),
    };
    format!(
        "<!DOCTYPE html><html lang=\"en\"{theme}><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><meta name=\"color-scheme\" content=\"light dark\">\
         <title>{title} · Keepstone</title><link rel=\"icon\" type=\"image/svg+xml\" href=\"/pkg/favicon.svg\">\
         <link rel=\"stylesheet\" href=\"/pkg/main.css\"></head>\
         <body><main class=\"bare\"><div class=\"door\"><p class=\"door-brand\">Keepstone</p><div class=\"door-card\"><h1>{title}</h1>\
         {body}</div></div></main></body></html>"
    )
}

pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
