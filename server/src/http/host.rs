//! The outermost door: a request for another host is turned away, and the caller's address is noted.

use std::net::{IpAddr, SocketAddr};

use axum::{
    extract::{ConnectInfo, Request, State},
    http::{HeaderMap, header},
    middleware::Next,
    response::Response,
};
use keepstone_app::{error::AppError, server::accounts::ClientAddress};

use super::{problem, site::Site};

/// Refuses foreign `Host` headers (421), and puts the [`ClientAddress`] into the request.
pub(super) async fn check(State(site): State<Site>, mut request: Request, next: Next) -> Response {
    let host = request.uri().authority().map(|a| a.as_str().to_owned()).or_else(|| text(request.headers(), header::HOST));
    if !host.is_some_and(|host| site.is_our_host(&host)) {
        let error = AppError::new(421, "wrong_host", "This server does not answer to that name. If it should, start it with --public-url.");
        return problem::answer(request.headers(), &error);
    }
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip().to_canonical());
    if let Some(peer) = peer {
        let address = ClientAddress(client_address(&site, peer, request.headers()));
        request.extensions_mut().insert(address);
    }
    next.run(request).await
}

/// The peer; or, behind a proxy on this machine, the last address the proxy wrote down. Those before it the client may have made up.
fn client_address(site: &Site, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
    let forwarded = || {
        let lines = headers.get_all("x-forwarded-for").iter().next_back()?;
        lines.to_str().ok()?.rsplit(',').next()?.trim().parse::<IpAddr>().ok()
    };
    if site.is_behind_proxy() && peer.is_loopback() { forwarded().unwrap_or(peer) } else { peer }
}

pub(super) fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<String> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}
