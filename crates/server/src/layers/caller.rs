//! By what layers tell callers apart.

use std::borrow::Cow;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use turbomcp_transport::{Extensions, PeerAddr, Principal};

use super::proxies::Proxies;
use crate::access::identity;
use crate::inner::Inner;
use crate::outlet::Outlet;

/// Whoever sends a request, as layers tell them apart.
#[derive(Clone, Copy)]
pub(super) struct Caller<'a> {
    pub(super) inner: &'a Inner,
    pub(super) extensions: &'a Extensions,
    #[cfg_attr(not(feature = "http"), expect(dead_code, reason = "only HTTP has headers"))]
    pub(super) proxies: &'a Proxies,
}

/// Who or what is counted together; no two things that are counted have one key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Key<'a> {
    /// An address, or a network of IPv6: whoever has an address there has as many as it holds.
    Address(u128),
    Nowhere,
    Identity(&'a str),
    Session(&'a str),
    Connection(u64),
    Tenant(&'a str),
    NoTenant,
    Tool(Cow<'a, str>),
    NoTool,
    All,
}

impl Key<'_> {
    pub(super) fn of_address(address: Option<IpAddr>) -> Self {
        match address {
            Some(IpAddr::V4(address)) => Self::Address(u128::from(u32::from(address))),
            Some(IpAddr::V6(address)) => Self::Address(u128::from(address) >> 64 << 64),
            None => Self::Nowhere,
        }
    }

    /// Returns a number for it that means something in this process.
    pub(super) fn local(&self, hasher: &RandomState) -> u64 {
        hasher.hash_one(self)
    }

    /// Returns a name for it that means the same elsewhere; none for what there is only here.
    ///
    /// It is a hash without a key, by which no name, address or session lies elsewhere in the clear; whoever reads it can
    /// still try what can be guessed, as addresses can.
    pub(super) fn shared(&self) -> Option<String> {
        let address;
        let (kind, text) = match self {
            Self::Address(number) => {
                address = number.to_be_bytes();
                ("ip", &address[..])
            }
            Self::Identity(identity) => ("id", identity.as_bytes()),
            Self::Session(session) => ("se", session.as_bytes()),
            Self::Tenant(tenant) => ("te", tenant.as_bytes()),
            Self::NoTenant => ("nt", &b""[..]),
            Self::Tool(name) => ("to", name.as_bytes()),
            Self::NoTool => ("un", &b""[..]),
            Self::All => ("al", &b""[..]),
            Self::Nowhere | Self::Connection(_) => return None,
        };
        let hash = digest(&SHA256, text);
        Some(format!("{kind}:{}", URL_SAFE_NO_PAD.encode(&hash.as_ref()[..16])))
    }
}

impl<'a> Caller<'a> {
    /// Returns the tenant the caller belongs to.
    pub(super) fn tenant(self) -> Option<&'a str> {
        tenant(self.extensions)
    }

    /// Returns the address the request comes from.
    pub(super) fn address(self) -> Option<IpAddr> {
        let peer = self.extensions.get::<PeerAddr>().map(|address| address.get().ip());
        #[cfg(feature = "http")]
        if let Some(request) = self.extensions.get::<turbomcp_transport::http::HttpRequest>() {
            return self.proxies.client(peer, request.headers());
        }
        peer.map(|address| address.to_canonical())
    }

    /// Returns a key for the address, or for the connection where there is none.
    pub(super) fn by_address(self) -> Key<'a> {
        match self.address() {
            Some(address) => Key::of_address(Some(address)),
            None => self.by_connection().unwrap_or(Key::Nowhere),
        }
    }

    /// Returns a key for who the caller is, or for the address where nobody says who it is.
    pub(super) fn by_identity(self) -> Key<'a> {
        match identity(self.extensions) {
            Some(identity) => Key::Identity(identity.as_str()),
            None => self.by_address(),
        }
    }

    /// Returns a key for the legacy session or the connection, or for the caller where there is neither.
    pub(super) fn by_session(self) -> Key<'a> {
        match self.inner.peer.as_ref().and_then(|peer| peer.session_id()) {
            Some(session) => Key::Session(session),
            None => self.by_connection().unwrap_or_else(|| self.by_identity()),
        }
    }

    /// Returns a key for the tenant; whoever belongs to none shares one.
    pub(super) fn by_tenant(self) -> Key<'a> {
        self.tenant().map_or(Key::NoTenant, Key::Tenant)
    }

    fn by_connection(self) -> Option<Key<'a>> {
        match &self.inner.outlet {
            Outlet::Outbox(outbox) => Some(Key::Connection(outbox.number())),
            #[cfg(feature = "http")]
            _ => None,
        }
    }
}

/// Returns the tenant a caller belongs to: the one seam at which layers ask for it.
pub(super) fn tenant(extensions: &Extensions) -> Option<&str> {
    crate::tenancy::id_of(extensions).or_else(|| extensions.get::<Principal>().and_then(Principal::tenant))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_together_by_all_has_one_name_and_not_in_the_clear() {
        let shared = |key: Key<'_>| key.shared();
        let address = |text: &str| Key::of_address(Some(text.parse().unwrap()));
        assert_eq!(shared(address("2001:db8::1")), shared(address("2001:db8::2")));
        let all = [
            address("192.0.2.1"),
            address("2001:db8::1"),
            Key::Identity("ada"),
            Key::Session("ada"),
            Key::Tenant("ada"),
            Key::NoTenant,
            Key::Tool("ada".into()),
            Key::NoTool,
            Key::All,
        ];
        let names: Vec<_> = all.iter().map(|key| key.shared().unwrap()).collect();
        let distinct: std::collections::HashSet<_> = names.iter().collect();
        assert_eq!(distinct.len(), all.len());
        assert!(names.iter().all(|name| name.len() <= 26 && !name.contains("ada")), "{names:?}");
        // There is no other place where these mean anything.
        assert_eq!((shared(Key::Nowhere), shared(Key::Connection(7))), (None, None));
    }
}
