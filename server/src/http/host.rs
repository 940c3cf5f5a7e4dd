//! The outermost door: a request for another host is turned away, and the caller's address is noted.

use std::net::SocketAddr;

use axum::{
    extract::{ConnectInfo, Request, State},
    http::{HeaderMap, HeaderValue, header},
    middleware::Next,
    response::Response,
};
use keepstone_app::{error::AppError, server::accounts::ClientAddress};

use super::{problem, site::Site};

/// Refuses foreign `Host` headers (421), and puts the [`ClientAddress`] into the request.
pub(super) async fn check(State(site): State<Site>, mut request: Request, next: Next) -> Response {
    let host = of(&request);
    if !host.as_ref().is_some_and(|host| site.is_our_host(host)) {
        let error = AppError::new(421, "wrong_host", "This server does not answer to that name. If it should, start it with --public-url.");
        return problem::answer(request.headers(), &error);
    }
    // HTTP/2 has it in the address only; what is behind this door looks at the header.
    if let (false, Some(host)) = (request.headers().contains_key(header::HOST), host)
        && let Ok(value) = HeaderValue::from_str(&host)
    {
        request.headers_mut().insert(header::HOST, value);
    }
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip().to_canonical());
    if let Some(peer) = peer {
        let address = ClientAddress(site.proxies().caller(peer, request.headers()));
        request.extensions_mut().insert(address);
    }
    next.run(request).await
}

/// Which host a request is for.
pub(super) fn of(request: &Request) -> Option<String> {
    request.uri().authority().map(|a| a.as_str().to_owned()).or_else(|| text(request.headers(), header::HOST))
}

pub(super) fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<String> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}
