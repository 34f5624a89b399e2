//! Where a request comes from, if proxies stand in between.

use std::net::IpAddr;

use crate::Error;

/// The proxies whose word on where a request comes from is believed.
///
/// Without any, the other end of the connection is the client. With some, a request that comes from one of them is
/// traced back through the header it adds to, from the last entry to the first: the first address that is no such proxy
/// is the client's. What stands before it is whatever the client likes.
///
/// ```
/// use turbomcp_server::layers::{ForwardedHeader, TrustedProxies};
///
/// let proxies = TrustedProxies::new(["10.0.0.0/8", "::1"]).header(ForwardedHeader::Forwarded);
/// # drop(proxies);
/// ```
///
/// # Specification
///
/// [Forwarded HTTP Extension](https://www.rfc-editor.org/rfc/rfc7239)
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct TrustedProxies {
    pub(crate) networks: Vec<String>,
    pub(crate) header: ForwardedHeader,
    pub(crate) unix_sockets: bool,
}

/// The header that the trusted proxies add to. Only this one is read: another is the client's own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ForwardedHeader {
    /// `X-Forwarded-For`, which most proxies write.
    #[default]
    XForwardedFor,
    /// `Forwarded`.
    Forwarded,
}

impl TrustedProxies {
    /// Believes whoever has an address in one of these networks: `10.0.0.0/8`, `2001:db8::/32`, or a single address.
    pub fn new<S: Into<String>>(networks: impl IntoIterator<Item = S>) -> Self {
        let networks = networks.into_iter().map(Into::into).collect();
        Self { networks, header: ForwardedHeader::default(), unix_sockets: false }
    }

    /// Believes whoever has no address, too: a proxy in front of a Unix socket, or of a router that does not say where
    /// connections come from. Nobody else may reach such a server then.
    pub fn unix_sockets(mut self) -> Self {
        self.unix_sockets = true;
        self
    }

    /// Sets the header they add to. `X-Forwarded-For` unless set.
    pub fn header(mut self, header: ForwardedHeader) -> Self {
        self.header = header;
        self
    }

    /// Believes those of `other` where nobody is to be believed.
    pub(super) fn or(&mut self, other: &Self) {
        if self.networks.is_empty() && !self.unix_sockets {
            self.clone_from(other);
        }
    }

    /// Finds what is no network.
    #[cfg(feature = "config-files")]
    pub(crate) fn check(&self) -> Result<(), Error> {
        self.ready().map(drop)
    }

    pub(super) fn ready(&self) -> Result<Proxies, Error> {
        let read = |text: &String| {
            Network::read(text).ok_or_else(|| {
                Error::configuration(format!(
                    "`trusted_proxies`: `{text}` is not a network; write `10.0.0.0/8` or an address"
                ))
            })
        };
        let networks = self.networks.iter().map(read).collect::<Result<_, _>>()?;
        Ok(Proxies { networks, header: self.header, unix_sockets: self.unix_sockets })
    }
}

/// The same, ready to be asked.
#[derive(Debug)]
#[cfg_attr(not(feature = "http"), expect(dead_code, reason = "only HTTP has headers"))]
pub(super) struct Proxies {
    networks: Vec<Network>,
    header: ForwardedHeader,
    unix_sockets: bool,
}

impl Proxies {
    /// Returns whose request it is, by who has opened the connection and what the headers say.
    #[cfg(feature = "http")]
    pub(super) fn client(&self, peer: Option<IpAddr>, headers: &http::HeaderMap) -> Option<IpAddr> {
        let mut client = peer.map(|peer| peer.to_canonical());
        if self.networks.is_empty() && !self.unix_sockets {
            return client;
        }
        let name = match self.header {
            ForwardedHeader::XForwardedFor => "x-forwarded-for",
            ForwardedHeader::Forwarded => "forwarded",
        };
        let values: Vec<_> = headers.get_all(name).iter().collect();
        let mut hops = values.iter().rev().flat_map(|value| value.to_str().unwrap_or("?").rsplit(','));
        while self.trusts(client) {
            let Some(hop) = hops.next() else { break };
            let hop = match self.header {
                ForwardedHeader::XForwardedFor => address(hop),
                ForwardedHeader::Forwarded => forwarded_for(hop),
            };
            // Of a proxy that hides whom it speaks for, no more is known than the proxy.
            let Some(hop) = hop else { break };
            client = Some(hop.to_canonical());
        }
        client
    }

    #[cfg(feature = "http")]
    fn trusts(&self, address: Option<IpAddr>) -> bool {
        match address {
            Some(address) => self.networks.iter().any(|network| network.has(address)),
            None => self.unix_sockets,
        }
    }
}

/// Reads an address with or without a port, with or without brackets.
#[cfg(feature = "http")]
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    if let Some(rest) = text.strip_prefix('[') {
        return rest.split_once(']')?.0.parse().ok();
    }
    text.parse().ok().or_else(|| text.parse().ok().map(|address: std::net::SocketAddr| address.ip()))
}

/// Reads whom an element of `Forwarded` is for.
#[cfg(feature = "http")]
fn forwarded_for(element: &str) -> Option<IpAddr> {
    let mut pairs = element.split(';').filter_map(|pair| pair.split_once('='));
    let (_, node) = pairs.find(|(name, _)| name.trim().eq_ignore_ascii_case("for"))?;
    address(node.trim().trim_matches('"'))
}

/// Addresses that begin alike.
#[derive(Debug, Clone, Copy)]
#[cfg_attr(not(feature = "http"), expect(dead_code, reason = "only HTTP has headers"))]
struct Network {
    bits: u128,
    mask: u128,
    is_v4: bool,
}

impl Network {
    fn read(text: &str) -> Option<Self> {
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let is_v4 = address.is_ipv4();
        let longest = if is_v4 { 32 } else { 128 };
        let length = match length {
            Some(text) => text.parse().ok().filter(|length| *length <= longest)?,
            None => longest,
        };
        let mask = u128::MAX.checked_shl(longest - length).unwrap_or(0);
        Some(Self { bits: bits(address) & mask, mask, is_v4 })
    }

    #[cfg(feature = "http")]
    fn has(self, address: IpAddr) -> bool {
        self.is_v4 == address.is_ipv4() && bits(address) & self.mask == self.bits
    }
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u32::from(address).into(),
        IpAddr::V6(address) => address.into(),
    }
}

#[cfg(test)]
#[cfg(feature = "http")]
mod tests {
    use http::HeaderMap;

    use super::*;

    #[track_caller]
    fn check(proxies: &TrustedProxies, peer: &str, headers: &[(&'static str, &str)], expected: &str) {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        let client = proxies.ready().unwrap().client(Some(peer.parse().unwrap()), &map);
        assert_eq!(client, Some(expected.parse().unwrap()), "{peer} {headers:?}");
    }

    #[test]
    fn a_header_is_believed_from_trusted_proxies_alone() {
        let told = [("x-forwarded-for", "203.0.113.9")];
        check(&TrustedProxies::default(), "10.0.0.1", &told, "10.0.0.1");
        let proxies = TrustedProxies::new(["10.0.0.0/8", "2001:db8::/32"]);
        check(&proxies, "10.0.0.1", &told, "203.0.113.9");
        check(&proxies, "::ffff:10.0.0.1", &told, "203.0.113.9");
        check(&proxies, "2001:db8::7", &told, "203.0.113.9");
        check(&proxies, "11.0.0.1", &told, "11.0.0.1");
        check(&proxies, "10.0.0.1", &[], "10.0.0.1");
        check(&proxies, "10.0.0.1", &[("forwarded", "for=203.0.113.9")], "10.0.0.1");
    }

    #[test]
    fn the_last_hop_that_is_no_proxy_is_the_client() {
        let proxies = TrustedProxies::new(["10.0.0.0/8"]);
        let check = |headers: &[(&'static str, &str)], expected| check(&proxies, "10.0.0.1", headers, expected);
        check(&[("x-forwarded-for", "1.1.1.1, 203.0.113.9, 10.0.0.2")], "203.0.113.9");
        check(&[("x-forwarded-for", "1.1.1.1"), ("x-forwarded-for", "203.0.113.9")], "203.0.113.9");
        check(&[("x-forwarded-for", "203.0.113.9:4711")], "203.0.113.9");
        check(&[("x-forwarded-for", "[2001:db8::1]:4711")], "2001:db8::1");
        // Nobody outside has said anything: the outermost proxy is all there is.
        check(&[("x-forwarded-for", "10.0.0.3, 10.0.0.2")], "10.0.0.3");
        check(&[("x-forwarded-for", "1.1.1.1, unknown")], "10.0.0.1");
    }

    #[test]
    fn the_standard_header_is_read_where_it_was_chosen() {
        let proxies = TrustedProxies::new(["10.0.0.0/8"]).header(ForwardedHeader::Forwarded);
        let check = |value: &str, expected| check(&proxies, "10.0.0.1", &[("forwarded", value)], expected);
        check("for=192.0.2.43;proto=https", "192.0.2.43");
        check("For=\"[2001:db8:cafe::17]:4711\"", "2001:db8:cafe::17");
        check("for=1.1.1.1, proto=http;by=10.0.0.1;for=192.0.2.43, for=10.0.0.9", "192.0.2.43");
        check("for=1.1.1.1, for=_hidden", "10.0.0.1");
    }

    #[test]
    fn whoever_has_no_address_is_believed_where_that_was_said() {
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-for", "203.0.113.9, 10.0.0.2".parse().unwrap());
        let client = |proxies: TrustedProxies| proxies.ready().unwrap().client(None, &headers).map(|ip| ip.to_string());
        assert_eq!(client(TrustedProxies::default()), None);
        assert_eq!(client(TrustedProxies::new(["10.0.0.0/8"])), None);
        assert_eq!(client(TrustedProxies::default().unix_sockets()).as_deref(), Some("10.0.0.2"));
        assert_eq!(client(TrustedProxies::new(["10.0.0.0/8"]).unix_sockets()).as_deref(), Some("203.0.113.9"));
        // Whoever has one is another matter.
        check(&TrustedProxies::default().unix_sockets(), "10.0.0.1", &[("x-forwarded-for", "1.1.1.1")], "10.0.0.1");
        assert_eq!(TrustedProxies::default().unix_sockets().ready().unwrap().client(None, &HeaderMap::new()), None);
    }

    #[test]
    fn a_network_that_is_none_is_named() {
        for text in ["10.0.0.0/33", "10.0.0", "example.com", "::/129", "10.0.0.0/-1", ""] {
            let error = TrustedProxies::new([text]).ready().unwrap_err();
            assert!(error.is_configuration() && error.to_string().contains("`trusted_proxies`"), "{error}");
        }
    }
}
