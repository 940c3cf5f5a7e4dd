//! The outermost door: a request for another host is turned away, and the caller's address is noted.

use std::net::{IpAddr, SocketAddr};

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
        let address = ClientAddress(client_address(&site, peer, request.headers()));
        request.extensions_mut().insert(address);
    }
    next.run(request).await
}

/// Which host a request is for.
pub(super) fn of(request: &Request) -> Option<String> {
    request.uri().authority().map(|a| a.as_str().to_owned()).or_else(|| text(request.headers(), header::HOST))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_proxy_on_this_machine_may_say_where_a_request_came_from() {
        let site = |public_url| Site::new("127.0.0.1:8181".parse().unwrap(), public_url, None).unwrap();
        let (proxied, alone) = (site(Some("https://b.example")), site(None));
        let from = |site: &Site, peer: &str, lines: &[&str]| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append("x-forwarded-for", line.parse().unwrap());
            }
            client_address(site, peer.parse().unwrap(), &headers).to_string()
        };
        assert_eq!(from(&proxied, "127.0.0.1", &["203.0.113.9"]), "203.0.113.9");
        assert_eq!(from(&proxied, "127.0.0.1", &["10.0.0.1, 203.0.113.9"]), "203.0.113.9", "the one before the client may have made up");
        assert_eq!(from(&proxied, "::1", &["10.0.0.1", "2001:db8::1"]), "2001:db8::1");
        for nonsense in ["", "unknown", "203.0.113.9:4711"] {
            assert_eq!(from(&proxied, "127.0.0.1", &[nonsense]), "127.0.0.1", "{nonsense}");
        }
        assert_eq!(from(&proxied, "198.51.100.4", &["203.0.113.9"]), "198.51.100.4", "somebody else's word");
        assert_eq!(from(&alone, "127.0.0.1", &["203.0.113.9"]), "127.0.0.1", "no proxy was named");
    }
}
