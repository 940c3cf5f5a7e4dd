//! A base path, e.g. `/keepstone` of `https://host/keepstone/`: taken off what comes in, put before every address that goes out. All behind this
//! edge (routes, policy, pages, redirects) knows addresses from the console's own root and no base; in the browser `app/src/base.rs` does the same.
//!
//! A proxy may leave the path as it is or take the base off itself: both are understood.

use std::convert::Infallible;

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, Uri, header},
    middleware::Next,
    response::{IntoResponse, Redirect, Response},
};
use tower::ServiceExt;

/// A page is some hundred kilobytes.
const LARGEST_PAGE: usize = 64 << 20;

/// The same server below a base.
pub(super) fn below(base: &str, inner: Router) -> Router {
    if base.is_empty() {
        return inner;
    }
    let base = base.to_owned();
    Router::new().fallback(move |request: Request| {
        let (base, inner) = (base.clone(), inner.clone());
        async move {
            if request.uri().path() == base {
                // So that the page's own addresses are below it.
                return Redirect::permanent(&format!("{base}/")).into_response();
            }
            let answer: Result<Response, Infallible> = inner.oneshot(inwards(&base, request)).await;
            let Ok(mut response) = answer;
            outwards(&base, response.headers_mut());
            page(&base, response).await
        }
    })
}

/// Puts the base before the addresses in a page; it comes before the compression.
pub(super) async fn links(State(base): State<String>, request: Request, next: Next) -> Response {
    page(&base, next.run(request).await).await
}

/// The path below the base; none if it lies elsewhere.
fn stripped<'p>(base: &str, path: &'p str) -> Option<&'p str> {
    let rest = path.strip_prefix(base)?;
    match rest.as_bytes().first() {
        None => Some("/"),
        Some(b'/' | b'?') => Some(rest),
        Some(_) => None,
    }
}

fn inwards(base: &str, mut request: Request) -> Request {
    let below = |path: &str| {
        let rest = stripped(base, path)?;
        Some(if rest.starts_with('?') { format!("/{rest}") } else { rest.to_owned() })
    };
    let moved = |uri: &Uri| {
        let mut parts = uri.clone().into_parts();
        parts.path_and_query = Some(below(uri.path_and_query()?.as_str())?.parse().ok()?);
        Uri::from_parts(parts).ok()
    };
    if let Some(uri) = moved(request.uri()) {
        *request.uri_mut() = uri;
    }
    // The page whose form was sent, to which an answer leads back.
    let referer = request.headers().get(header::REFERER).and_then(|referer| moved(&referer.to_str().ok()?.parse().ok()?));
    if let Some(referer) = referer.and_then(|uri| HeaderValue::from_str(&uri.to_string()).ok()) {
        request.headers_mut().insert(header::REFERER, referer);
    }
    request
}

/// Where a redirect leads and where a cookie holds.
fn outwards(base: &str, headers: &mut HeaderMap) {
    if let Some(location) = headers.get(header::LOCATION).and_then(|value| value.to_str().ok())
        && is_own(base, location)
        && let Ok(location) = HeaderValue::from_str(&format!("{base}{location}"))
    {
        headers.insert(header::LOCATION, location);
    }
    let cookies: Vec<HeaderValue> = headers.get_all(header::SET_COOKIE).iter().cloned().collect();
    headers.remove(header::SET_COOKIE);
    for cookie in cookies {
        let limited = cookie.to_str().ok().map(|text| text.replacen("; Path=/;", &format!("; Path={base};"), 1));
        let limited = limited.and_then(|text| HeaderValue::from_str(&text).ok());
        headers.append(header::SET_COOKIE, limited.unwrap_or(cookie));
    }
}

/// Whether an address is one from the root of the console that has no base yet.
fn is_own(base: &str, address: &str) -> bool {
    address.starts_with('/') && !address.starts_with("//") && stripped(base, address).is_none()
}

async fn page(base: &str, response: Response) -> Response {
    let headers = response.headers();
    let is_page = headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    if base.is_empty() || !is_page || headers.contains_key(header::CONTENT_ENCODING) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    match to_bytes(body, LARGEST_PAGE).await.map(|bytes| String::from_utf8(bytes.to_vec())) {
        Ok(Ok(html)) => {
            parts.headers.remove(header::CONTENT_LENGTH);
            Response::from_parts(parts, Body::from(with_base(base, &html)))
        }
        other => {
            tracing::error!(?other, "a page could not be read to its end");
            axum::http::StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// The attributes that hold an address.
const ATTRIBUTES: [&str; 4] = ["href", "src", "action", "formaction"];

/// Writes the base before the addresses in the tags of a document. Text and scripts stay as they are: what a script loads was told the base when it
/// was written.
fn with_base(base: &str, html: &str) -> String {
    let mut out = String::with_capacity(html.len() + html.len() / 16);
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        let (text, tag) = rest.split_at(at);
        out.push_str(text);
        let end = end_of_tag(tag);
        if tag.starts_with("<!") {
            out.push_str(&tag[..end]);
        } else {
            write_tag(base, &tag[..end], &mut out);
        }
        rest = &tag[end..];
        // What stands in a script is no markup.
        if tag[..end].starts_with("<script")
            && let Some(end) = rest.find("</script")
        {
            out.push_str(&rest[..end]);
            rest = &rest[end..];
        }
    }
    out.push_str(rest);
    out
}

/// Where a tag ends, its `>` included: one within quotes does not end it.
fn end_of_tag(tag: &str) -> usize {
    if tag.starts_with("<!--") {
        return tag.find("-->").map_or(tag.len(), |at| at + 3);
    }
    let mut quote = None;
    for (at, byte) in tag.bytes().enumerate() {
        match (quote, byte) {
            (None, b'"' | b'\'') => quote = Some(byte),
            (Some(open), byte) if open == byte => quote = None,
            (None, b'>') => return at + 1,
            _ => {}
        }
    }
    tag.len()
}

fn write_tag(base: &str, tag: &str, out: &mut String) {
    let mut rest = tag;
    while let Some(at) = rest.find("=\"") {
        let (before, value) = rest.split_at(at + 2);
        let name = before[..at].rsplit(|c: char| c.is_ascii_whitespace()).next().unwrap_or_default();
        out.push_str(before);
        if ATTRIBUTES.contains(&name) && is_own(base, value.split('"').next().unwrap_or_default()) {
            out.push_str(base);
        }
        // To the end of the value: what stands in it is no attribute.
        let end = value.find('"').map_or(value.len(), |at| at + 1);
        out.push_str(&value[..end]);
        rest = &value[end..];
    }
    out.push_str(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_base_comes_off_on_the_way_in() {
        for (path, expected) in [
            ("/keepstone", "/"),
            ("/keepstone/", "/"),
            ("/keepstone?a=1", "/?a=1"),
            ("/keepstone/backups?q=/keepstone/", "/backups?q=/keepstone/"),
            ("/backups", "/backups"),
            ("/keepstones/x", "/keepstones/x"),
        ] {
            let request = inwards("/keepstone", Request::builder().uri(path).body(Body::empty()).unwrap());
            assert_eq!(request.uri(), expected, "{path}");
        }
    }

    #[test]
    fn the_page_that_a_form_came_from_is_told_without_the_base() {
        for (referer, expected) in [
            ("https://host/keepstone/backups?page=2", "https://host/backups?page=2"),
            ("https://host/keepstone", "https://host/"),
            ("https://host/other/", "https://host/other/"),
            ("no address at all", "no address at all"),
        ] {
            let request = Request::builder().uri("/keepstone/fn/x").header(header::REFERER, referer).body(Body::empty()).unwrap();
            assert_eq!(inwards("/keepstone", request).headers()[header::REFERER], expected);
        }
    }

    #[test]
    fn addresses_in_tags_get_the_base_and_nothing_else_does() {
        let page = concat!(
            r#"<!DOCTYPE html><html><head><link rel="stylesheet" href="/pkg/main.css?v=1"><script src="/pkg/a.js">let a='<a href="/x">';</script></head>"#,
            r##"<body data-href="/x" title="a href=/x"><a class="b" href="/backups">say href="/x"</a><a href="//other/">o</a><a href="#main">m</a>"##,
            r#"<form action="/fn/x" method="post"><button formaction="/fn/y">y</button></form><a href="/keepstone/jobs">j</a>"#,
            r#"<p title="a > b href=&quot;/x">ü</p><!-- <a href="/x"> --><a href="https://h/">h</a><a href="/">home</a></body></html>"#,
        );
        let expected = page
            .replace("href=\"/pkg", "href=\"/keepstone/pkg")
            .replace("src=\"/pkg", "src=\"/keepstone/pkg")
            .replace("href=\"/backups", "href=\"/keepstone/backups")
            .replace("action=\"/fn/", "action=\"/keepstone/fn/")
            .replace("href=\"/\"", "href=\"/keepstone/\"");
        assert_eq!(with_base("/keepstone", page), expected);
        assert_eq!(with_base("/keepstone", &expected), expected, "twice is once");
        assert_eq!(with_base("/keepstone", "<a href=\"/x"), "<a href=\"/keepstone/x");
    }

    #[test]
    fn redirects_and_cookies_stay_below_the_base() {
        let mut headers = HeaderMap::new();
        headers.insert(header::LOCATION, HeaderValue::from_static("/login?next=/backups"));
        headers.append(header::SET_COOKIE, HeaderValue::from_static("a=1; Path=/; HttpOnly"));
        headers.append(header::SET_COOKIE, HeaderValue::from_static("b=2; Path=/; Max-Age=1"));
        outwards("/keepstone", &mut headers);
        assert_eq!(headers[header::LOCATION], "/keepstone/login?next=/backups");
        let cookies: Vec<_> = headers.get_all(header::SET_COOKIE).iter().collect();
        assert_eq!(cookies, ["a=1; Path=/keepstone; HttpOnly", "b=2; Path=/keepstone; Max-Age=1"]);
        headers.insert(header::LOCATION, HeaderValue::from_static("https://elsewhere/x"));
        outwards("/keepstone", &mut headers);
        assert_eq!(headers[header::LOCATION], "https://elsewhere/x");
    }
}
