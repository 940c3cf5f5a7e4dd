//! How browsers reach this server: its address, its public URL, and which `Host` headers are ours.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
};

use anyhow::{bail, ensure};
use axum::http::{Uri, uri::Authority};
use keepstone_model::access::{API, POLICY};

use super::proxies::Proxies;
use crate::tls::Current;

/// The listen address, the public URL if there is one, and the certificate if this server has one itself.
#[derive(Debug, Clone)]
pub(crate) struct Site {
    listen: SocketAddr,
    public: Option<Public>,
    certificate: Option<Arc<Current>>,
    proxies: Proxies,
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
    pub(super) fn new(listen: SocketAddr, public_url: Option<&str>, certificate: Option<Arc<Current>>) -> anyhow::Result<Self> {
        let public = public_url.map(public).transpose()?;
        if let (Some(public), Some(_)) = (&public, &certificate) {
            ensure!(
                public.https,
                "the public URL {} is not https, and a certificate was given: browsers would not reach it so",
                public.origin
            );
        }
        Ok(Self { listen, public, certificate, proxies: Proxies::default() })
    }

    /// The same, behind these proxies.
    pub(super) fn behind(self, proxies: Proxies) -> Self {
        Self { proxies, ..self }
    }

    /// Who may say where a request came from.
    pub(super) fn proxies(&self) -> &Proxies {
        &self.proxies
    }

    /// Whether it looks as if there were a proxy, and none was named.
    pub(super) fn is_behind_unnamed_proxy(&self) -> bool {
        self.public.is_some() && self.certificate.is_none() && self.proxies.is_empty()
    }

    /// Without a trailing slash. A wildcard address is shown as the loopback one.
    pub(super) fn base_url(&self) -> String {
        if let Some(public) = &self.public {
            return format!("{}{}", public.origin, public.base);
        }
        let (scheme, port) = (if self.certificate.is_some() { "https" } else { "http" }, self.listen.port());
        if let Some(name) = self.names().into_iter().find(|name| !name.starts_with('*')) {
            return match name.parse::<Ipv6Addr>() {
                Ok(ip) => format!("https://[{ip}]:{port}"),
                Err(_) => format!("https://{name}:{port}"),
            };
        }
        let ip = match self.listen.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
            ip => ip,
        };
        format!("{scheme}://{}", SocketAddr::new(ip, port))
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

    /// Whether browsers reach it by https, be it through a proxy or by its own certificate.
    pub(super) fn is_https(&self) -> bool {
        self.certificate.is_some() || self.public.as_ref().is_some_and(|public| public.https)
    }

    pub(super) fn certificate(&self) -> Option<Arc<Current>> {
        self.certificate.clone()
    }

    /// The names of the certificate that is shown now.
    fn names(&self) -> Vec<String> {
        self.certificate.as_ref().map(|certificate| certificate.names()).unwrap_or_default()
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
            // Nobody else gets a certificate for a name of ours.
            || self.names().iter().any(|name| is_name_of(name, &host))
    }

    /// Whether the `Origin` of a request is this site.
    pub(super) fn is_our_origin(&self, origin: &str, host: Option<&str>) -> bool {
        let same_host = host.is_some_and(|host| origin.split_once("://").is_some_and(|(_, rest)| rest == host));
        same_host || self.public_origin() == Some(origin)
    }
}

/// Whether a name of a certificate is that of a host: `*.example.org` is `a.example.org`, and neither `example.org` nor `a.b.example.org`.
fn is_name_of(name: &str, host: &str) -> bool {
    match name.strip_prefix("*.") {
        Some(rest) => host.split_once('.').is_some_and(|(first, parent)| !first.is_empty() && parent == rest),
        None => name == host,
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
        Site::new("0.0.0.0:8181".parse().unwrap(), public_url, None).unwrap()
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
            assert!(Site::new("0.0.0.0:1".parse().unwrap(), Some(wrong), None).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_name_of_a_certificate_is_one_host_or_one_level_of_them() {
        for (name, host, fits) in [
            ("b.example.org", "b.example.org", true),
            ("b.example.org", "a.b.example.org", false),
            ("*.example.org", "b.example.org", true),
            ("*.example.org", "example.org", false),
            ("*.example.org", "a.b.example.org", false),
            ("*.example.org", ".example.org", false),
            ("*.example.org", "b.example.org.evil", false),
        ] {
            assert_eq!(is_name_of(name, host), fits, "{name} {host}");
        }
    }
}
