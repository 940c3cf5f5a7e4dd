//! How browsers reach this server: its address, its public URL, and which `Host` headers are ours.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use anyhow::{bail, ensure};
use axum::http::{Uri, uri::Authority};
use keepstone_model::access::{API, POLICY};

/// The listen address, and the public URL if there is one.
#[derive(Debug, Clone)]
pub(crate) struct Site {
    listen: SocketAddr,
    public: Option<Public>,
}

#[derive(Debug, Clone)]
struct Public {
    /// As browsers send it, e.g. `https://backup.example.org`: lower case, without the scheme's own port.
    origin: String,
    host: String,
    https: bool,
    /// The path below which the console lies there, e.g. `/keepstone`; as a rule none.
    base: String,
}

impl Site {
    /// Refuses a public URL that is no scheme, host and perhaps a port and a base path.
    pub(super) fn new(listen: SocketAddr, public_url: Option<&str>) -> anyhow::Result<Self> {
        Ok(Self { listen, public: public_url.map(public).transpose()? })
    }

    /// Without a trailing slash. A wildcard address is shown as the loopback one.
    pub(super) fn base_url(&self) -> String {
        if let Some(public) = &self.public {
            return format!("{}{}", public.origin, public.base);
        }
        let ip = match self.listen.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
            ip => ip,
        };
        format!("http://{}", SocketAddr::new(ip, self.listen.port()))
    }

    /// The port, where only this machine reaches it and nothing stands before it.
    pub(super) fn loopback_port(&self) -> Option<u16> {
        (self.public.is_none() && self.listen.ip().is_loopback()).then(|| self.listen.port())
    }

    pub(super) fn public_origin(&self) -> Option<&str> {
        self.public.as_ref().map(|public| public.origin.as_str())
    }

    /// What stands before every path in a browser's address, e.g. `/keepstone`; empty as a rule.
    pub(super) fn base(&self) -> &str {
        self.public.as_ref().map_or("", |public| public.base.as_str())
    }

    pub(super) fn is_https(&self) -> bool {
        self.public.as_ref().is_some_and(|public| public.https)
    }

    /// Whether a proxy on this machine may say where a request came from.
    pub(super) fn is_behind_proxy(&self) -> bool {
        self.public.is_some()
    }

    /// Whether a `Host` header (or the authority of HTTP/2) is ours. A page of another site can make a browser's name resolver point at this
    /// machine (DNS rebinding), but then its own name stands here; an address it cannot rebind.
    pub(super) fn is_our_host(&self, header: &str) -> bool {
        let Ok(authority) = header.parse::<Authority>() else { return false };
        if header.contains('@') {
            return false;
        }
        let host = authority.host().to_ascii_lowercase();
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        bare.parse::<IpAddr>().is_ok()
            || host == "localhost"
            || host.ends_with(".localhost")
            || self.public.as_ref().is_some_and(|public| public.host == host)
    }

    /// Whether the `Origin` of a request is this site.
    pub(super) fn is_our_origin(&self, origin: &str, host: Option<&str>) -> bool {
        let same_host = host.is_some_and(|host| origin.split_once("://").is_some_and(|(_, rest)| rest == host));
        same_host || self.public_origin() == Some(origin)
    }
}

fn public(url: &str) -> anyhow::Result<Public> {
    let text = url.trim_end_matches('/');
    let Ok(uri) = text.parse::<Uri>() else { bail!("the public URL {url} is not a URL") };
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        bail!("the public URL {url} has no scheme or no host; it looks like https://backup.example.org")
    };
    ensure!(matches!(scheme, "http" | "https"), "the public URL {url} is neither http nor https");
    ensure!(!authority.as_str().contains('@'), "the public URL must not hold a name or a password");
    ensure!(uri.query().is_none(), "the public URL {url} has a query");
    let base = uri.path().trim_end_matches('/').to_owned();
    let plain = |segment: &str| !segment.starts_with('.') && segment.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.~".contains(&b));
    ensure!(
        base.split('/').skip(1).all(|segment| !segment.is_empty() && plain(segment)),
        "the path of the public URL {url} is no plain one"
    );
    // A page below it could not be told from one of the console's own.
    let mut own = POLICY.iter().map(|rule| rule.pattern).chain([API, "/metrics", "/backup", "/web"]);
    let taken = base.split('/').nth(1).is_some_and(|first| own.any(|path| path.split('/').nth(1) == Some(first)));
    ensure!(!taken, "the path of the public URL {url} begins like one of the console's own: choose another one, e.g. /keepstone");
    let host = authority.host().to_ascii_lowercase();
    let own_port = if scheme == "https" { 443 } else { 80 };
    let origin = match authority.port_u16().filter(|&port| port != own_port) {
        Some(port) => format!("{scheme}://{host}:{port}"),
        None => format!("{scheme}://{host}"),
    };
    Ok(Public { origin, host, https: scheme == "https", base })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site(public_url: Option<&str>) -> Site {
        Site::new("0.0.0.0:8181".parse().unwrap(), public_url).unwrap()
    }

    #[test]
    fn only_names_that_cannot_be_rebound_are_ours() {
        let site = site(Some("https://Backup.example.org:443/"));
        for ours in ["localhost:8181", "LOCALHOST", "a.localhost", "127.0.0.1:8181", "[::1]:8181", "192.168.1.7", "backup.example.org"] {
            assert!(site.is_our_host(ours), "{ours}");
        }
        for other in
            ["", "evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "x@localhost", "backup.example.org.evil", "[::1"]
        {
            assert!(!site.is_our_host(other), "{other}");
        }
    }

    #[test]
    fn a_public_url_is_an_origin_and_perhaps_a_path() {
        assert_eq!(site(Some("https://Backup.example.org:443/")).base_url(), "https://backup.example.org");
        assert_eq!(site(Some("http://b.example:8080")).base_url(), "http://b.example:8080");
        let below = site(Some("https://b.example/tools/keepstone/"));
        assert_eq!((below.base_url().as_str(), below.base()), ("https://b.example/tools/keepstone", "/tools/keepstone"));
        assert_eq!((below.public_origin(), site(None).base()), (Some("https://b.example"), ""));
        assert_eq!(site(None).base_url(), "http://127.0.0.1:8181");
        assert!(site(Some("https://b.example")).is_https() && !site(None).is_https());
        for wrong in [
            "b.example",
            "ftp://b.example",
            "https://b.example/a//b",
            "https://b.example/../x",
            "https://b.example/a?b",
            "https://b.example/backups",
            "https://b.example/api/x",
            "https://u:p@b.example",
            "https://",
        ] {
            assert!(Site::new("0.0.0.0:1".parse().unwrap(), Some(wrong)).is_err(), "{wrong}");
        }
    }
}
