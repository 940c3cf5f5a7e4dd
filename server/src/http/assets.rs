//! `/pkg/…`: the browser's bundle. A release carries it in the binary; a debug build reads the folder at each request.

use axum::{
    body::Body,
    extract::Path,
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use keepstone_engine::image::hex;
use rust_embed::{Embed, EmbeddedFile};

/// Trunk's output, without its `index.html`, which nothing serves.
#[derive(Embed)]
#[folder = "$CARGO_MANIFEST_DIR/../dist/"]
#[exclude = "index.html"]
#[allow_missing = true]
struct Bundle;

/// The hash of the plain file is its `ETag` and, as `?v=`, what makes a copy good for ever.
fn version(file: &EmbeddedFile) -> String {
    hex(&file.metadata.sha256_hash()[..8])
}

/// Where a page finds this file, e.g. `/pkg/main.css?v=5f0c…`.
pub(super) fn address(name: &str) -> String {
    match Bundle::get(name) {
        Some(file) => format!("/pkg/{name}?v={}", version(&file)),
        None => format!("/pkg/{name}"),
    }
}

/// A file of the bundle, compressed where it was compressed beforehand and the browser takes it.
pub(super) async fn asset(Path(path): Path<String>, uri: Uri, request: HeaderMap) -> Response {
    let Some((mime, plain)) = mime(&path).zip(Bundle::get(&path)) else { return StatusCode::NOT_FOUND.into_response() };
    let version = version(&plain);
    let accepted = request.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let compressed = [("br", "br"), ("gzip", "gz")]
        .into_iter()
        .filter(|(coding, _)| accepts(accepted, coding))
        .find_map(|(coding, ending)| Some((coding, Bundle::get(&format!("{path}.{ending}"))?)));
    let (coding, file) = compressed.map_or((None, plain), |(coding, file)| (Some(coding), file));

    let tag = format!("\"{version}{}\"", coding.map(|coding| format!("-{coding}")).unwrap_or_default());
    let asked_for = uri.query().and_then(|query| query.split('&').find_map(|pair| pair.strip_prefix("v=")));
    // Names are not hashed: without the right `?v=` a copy is asked after each time, and an unchanged file costs one 304.
    let cache = if asked_for == Some(version.as_str()) { "public, max-age=31536000, immutable" } else { "no-cache" };
    let mut headers = HeaderMap::from_iter([
        (header::CONTENT_TYPE, HeaderValue::from_static(mime)),
        (header::VARY, HeaderValue::from_static("accept-encoding")),
        (header::CACHE_CONTROL, HeaderValue::from_static(cache)),
    ]);
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(header::ETAG, tag);
    }
    if request.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok()).is_some_and(|known| known.contains(&tag)) {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    if let Some(coding) = coding {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding));
    }
    (headers, Body::from(file.data)).into_response()
}

/// What is served at all: what a bundle is made of.
fn mime(path: &str) -> Option<&'static str> {
    Some(match path.rsplit_once('.')?.1 {
        "js" => "text/javascript",
        "wasm" => "application/wasm",
        "css" => "text/css",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "webmanifest" => "application/manifest+json",
        _ => return None,
    })
}

/// Whether `Accept-Encoding` names this coding without refusing it.
fn accepts(header: &str, coding: &str) -> bool {
    header.split(',').any(|item| {
        let mut parts = item.split(';').map(str::trim);
        parts.next() == Some(coding) && !parts.any(|part| matches!(part, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_coding_is_taken_only_if_it_is_wanted() {
        assert!(accepts("gzip, deflate, br", "br") && accepts("br;q=0.5", "br"));
        assert!(!accepts("gzip", "br") && !accepts("br;q=0, gzip", "br") && !accepts("", "br") && !accepts("brx", "br"));
    }
}
