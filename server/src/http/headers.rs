//! Headers that every response carries: what a browser may do with it, and that nobody keeps it.

use axum::{
    extract::{Request, State},
    http::{HeaderName, HeaderValue, header},
    middleware::Next,
    response::Response,
};

use super::site::Site;

const EVERYWHERE: [(HeaderName, &str); 6] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    // Not `no-referrer`: a form without JavaScript is answered with a redirect to the page it came from.
    (header::REFERRER_POLICY, "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=(), payment=(), usb=(), browsing-topics=()"),
];

/// The policy of a page whose scripts carry this nonce. `'self'` lets the module load its own imports; nothing but /pkg/ is served as
/// JavaScript, and `nosniff` holds for the rest. `'wasm-unsafe-eval'` lets the page's own module compile, not text run.
pub(super) fn page_policy(nonce: &str) -> String {
    format!("script-src 'self' 'nonce-{nonce}' 'wasm-unsafe-eval'; {REST}")
}

const REST: &str = "default-src 'none'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; manifest-src 'self'; \
    form-action 'self'; frame-ancestors 'none'; base-uri 'none'; object-src 'none'";

/// Adds what the response does not say itself. A response without a policy of its own may run no script at all.
pub(super) async fn add(State(site): State<Site>, request: Request, next: Next) -> Response {
    // A browser would hold every other server of that machine to it, too.
    let is_local = super::host::of(&request).is_some_and(|host| host.split(':').next() == Some("localhost"));
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in EVERYWHERE {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers
        .entry(header::CONTENT_SECURITY_POLICY)
        .or_insert_with(|| HeaderValue::from_str(&format!("script-src 'none'; {REST}")).expect("constants of visible ASCII"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    if site.is_https() && !is_local {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    }
    response
}
