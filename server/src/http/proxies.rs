//! Whose word on where a request came from is believed: that of proxies which were named, and of nobody else.

use std::{net::IpAddr, str::FromStr};

use anyhow::{Context as _, bail, ensure};
use axum::http::HeaderMap;

/// An address, or all that begin like it: `10.0.0.0/8`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Network {
    address: IpAddr,
    bits: u32,
}

/// The proxies whose `X-Forwarded-For` counts. None unless they were named.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Proxies(Vec<Network>);

impl Proxies {
    /// Each text is an address or a network; separated by commas or blanks there may be several in one.
    pub(crate) fn of<'a>(texts: impl IntoIterator<Item = &'a str>) -> anyhow::Result<Self> {
        let each = texts.into_iter().flat_map(|text| text.split([',', ' '])).map(str::trim).filter(|text| !text.is_empty());
        each.map(str::parse).collect::<anyhow::Result<_>>().map(Self)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.holds(address.to_canonical()))
    }

    /// Where a request of this peer came from: the peer, unless it is one of ours, who says it. Each proxy adds who called it at the end, so
    /// the last one that is none of ours is the caller; those before it the caller may have made up.
    pub(super) fn caller(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        if !self.trusts(peer) {
            return peer;
        }
        let lines: Vec<_> = headers.get_all("x-forwarded-for").iter().map(|line| line.to_str().unwrap_or_default()).collect();
        let mut caller = peer;
        for said in lines.iter().rev().flat_map(|line| line.rsplit(',')) {
            // What is no address says nothing, and nothing before it can be believed either.
            let Ok(address) = said.trim().parse::<IpAddr>() else { break };
            caller = address.to_canonical();
            if !self.trusts(caller) {
                break;
            }
        }
        caller
    }
}

impl Network {
    fn holds(self, other: IpAddr) -> bool {
        let (ours, theirs, length) = match (self.address, other) {
            (IpAddr::V4(ours), IpAddr::V4(theirs)) => (u128::from(u32::from(ours)), u128::from(u32::from(theirs)), 32),
            (IpAddr::V6(ours), IpAddr::V6(theirs)) => (u128::from(ours), u128::from(theirs), 128),
            _ => return false,
        };
        // Shifting by the whole width is no shift at all.
        self.bits == 0 || (ours ^ theirs) >> (length - self.bits) == 0
    }
}

impl FromStr for Network {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let Ok(address) = address.parse::<IpAddr>() else {
            bail!("\"{text}\" is no address and no network, such as 127.0.0.1 or 10.0.0.0/8")
        };
        let whole = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(whole), str::parse).with_context(|| format!("\"{text}\": what follows the / is a number of bits"))?;
        ensure!(bits <= whole, "\"{text}\" has more bits than an address");
        // 0.0.0.0/0 would let every caller choose an address.
        ensure!(bits > 0, "\"{text}\" is everyone: name the proxy");
        Ok(Self { address, bits })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(named: &[&str], peer: &str, lines: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append("x-forwarded-for", line.parse().unwrap());
        }
        Proxies::of(named.iter().copied()).unwrap().caller(peer.parse().unwrap(), &headers).to_string()
    }

    #[test]
    fn only_a_proxy_that_was_named_may_say_where_a_request_came_from() {
        let here = &["127.0.0.1", "::1"];
        assert_eq!(caller(here, "127.0.0.1", &["203.0.113.9"]), "203.0.113.9");
        assert_eq!(caller(here, "127.0.0.1", &["10.0.0.1, 203.0.113.9"]), "203.0.113.9", "the one before the client may have made up");
        assert_eq!(caller(here, "::1", &["10.0.0.1", "2001:db8::1"]), "2001:db8::1");
        assert_eq!(caller(here, "127.0.0.1", &["203.0.113.9, 127.0.0.1"]), "203.0.113.9", "through two of ours");
        assert_eq!(caller(here, "127.0.0.1", &["203.0.113.9", "::ffff:127.0.0.1"]), "203.0.113.9", "written as IPv6");
        for nonsense in ["", "unknown", "203.0.113.9:4711", "203.0.113.9, unknown"] {
            assert_eq!(caller(here, "127.0.0.1", &[nonsense]), "127.0.0.1", "{nonsense}");
        }
        assert_eq!(caller(here, "198.51.100.4", &["203.0.113.9"]), "198.51.100.4", "somebody else's word");
        assert_eq!(caller(&[], "127.0.0.1", &["203.0.113.9"]), "127.0.0.1", "no proxy was named");
    }

    #[test]
    fn a_network_is_what_begins_like_it() {
        assert_eq!(caller(&["10.0.0.0/8, 172.16.0.0/12"], "10.200.3.4", &["203.0.113.9"]), "203.0.113.9");
        assert_eq!(caller(&["172.16.0.0/12"], "172.31.255.255", &["203.0.113.9"]), "203.0.113.9");
        assert_eq!(caller(&["172.16.0.0/12"], "172.32.0.1", &["203.0.113.9"]), "172.32.0.1");
        assert_eq!(caller(&["fd00::/8"], "fdab::1", &["2001:db8::1"]), "2001:db8::1");
        assert_eq!(caller(&["fd00::/8"], "127.0.0.1", &["203.0.113.9"]), "127.0.0.1");
        for wrong in ["localhost", "10.0.0.0/33", "10.0.0.0/x", "0.0.0.0/0", "::/0", "10.0.0/8"] {
            assert!(Proxies::of([wrong]).is_err(), "{wrong}");
        }
    }
}
