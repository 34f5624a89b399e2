//! By what layers tell callers apart.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hash};
use std::net::IpAddr;

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

/// What a number in a table stands for, so that no two things that are counted have one key.
#[derive(Debug, Clone, Copy, Hash)]
enum Kind {
    Address,
    Nowhere,
    Identity,
    Session,
    Connection,
    Tenant,
    NoTenant,
    Tool,
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
    pub(super) fn by_address(self, hasher: &RandomState) -> u64 {
        match self.address() {
            Some(address) => by_address(Some(address), hasher),
            None => self.by_connection(hasher).unwrap_or_else(|| by_address(None, hasher)),
        }
    }

    /// Returns a key for who the caller is, or for the address where nobody says who it is.
    pub(super) fn by_identity(self, hasher: &RandomState) -> u64 {
        match identity(self.extensions) {
            Some(identity) => key(hasher, Kind::Identity, identity.as_str()),
            None => self.by_address(hasher),
        }
    }

    /// Returns a key for the legacy session or the connection, or for the caller where there is neither.
    pub(super) fn by_session(self, hasher: &RandomState) -> u64 {
        match self.inner.peer.as_ref().and_then(|peer| peer.session_id()) {
            Some(session) => key(hasher, Kind::Session, session),
            None => self.by_connection(hasher).unwrap_or_else(|| self.by_identity(hasher)),
        }
    }

    /// Returns a key for the tenant; whoever belongs to none shares one.
    pub(super) fn by_tenant(self, hasher: &RandomState) -> u64 {
        match self.tenant() {
            Some(tenant) => key(hasher, Kind::Tenant, tenant),
            None => key(hasher, Kind::NoTenant, ()),
        }
    }

    fn by_connection(self, hasher: &RandomState) -> Option<u64> {
        match &self.inner.outlet {
            Outlet::Outbox(outbox) => Some(key(hasher, Kind::Connection, outbox.number())),
            #[cfg(feature = "http")]
            _ => None,
        }
    }
}

/// Returns a key for an address. Whoever has an IPv6 address has as many as its network holds.
pub(super) fn by_address(address: Option<IpAddr>, hasher: &RandomState) -> u64 {
    match address {
        Some(IpAddr::V4(address)) => key(hasher, Kind::Address, u128::from(u32::from(address))),
        Some(IpAddr::V6(address)) => key(hasher, Kind::Address, u128::from(address) >> 64 << 64),
        None => key(hasher, Kind::Nowhere, ()),
    }
}

/// Returns a key for a tool.
pub(super) fn by_tool(name: &str, hasher: &RandomState) -> u64 {
    key(hasher, Kind::Tool, name)
}

fn key(hasher: &RandomState, kind: Kind, what: impl Hash) -> u64 {
    hasher.hash_one((kind, what))
}

/// Returns the tenant a caller belongs to: the one seam at which layers ask for it.
pub(super) fn tenant(extensions: &Extensions) -> Option<&str> {
    crate::tenancy::id_of(extensions).or_else(|| extensions.get::<Principal>().and_then(Principal::tenant))
}
