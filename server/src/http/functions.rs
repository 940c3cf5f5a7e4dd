//! Gives the error of a server function its HTTP status. Leptos answers every one with 500; the error itself knows better.

use axum::{
    body::{Body, to_bytes},
    extract::Request,
    http::{HeaderName, StatusCode},
    middleware::Next,
    response::Response,
};
use keepstone_app::error::AppError;

/// What `server_fn` marks an error's response with; its body is the error as JSON.
const ERROR_HEADER: HeaderName = HeaderName::from_static("serverfnerror");
/// An error is a few sentences.
const LARGEST_ERROR: usize = 64 * 1024;

pub(super) async fn status(request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    // A redirect that answers a plain form carries the error in its address and keeps its own status.
    if response.status() != StatusCode::INTERNAL_SERVER_ERROR || !response.headers().contains_key(ERROR_HEADER) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let Ok(bytes) = to_bytes(body, LARGEST_ERROR).await else { return Response::from_parts(parts, Body::empty()) };
    if let Ok(error) = serde_json::from_slice::<AppError>(&bytes) {
        parts.status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    }
    Response::from_parts(parts, Body::from(bytes))
}
