//! Typed data that travels beside a message and cannot come off the wire.

use std::any::{Any, TypeId};
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

/// Values of different types, one of each: the peer's address, its headers, who it is.
///
/// Cloning shares the values. Layers put them in, handlers read them; nothing here is ever decoded from a message.
#[derive(Clone, Default)]
pub struct Extensions {
    // A handful of entries: a scan beats hashing.
    entries: Vec<(TypeId, Arc<dyn Any + Send + Sync>)>,
}

impl Extensions {
    /// Creates an empty set.
    #[must_use]
    pub const fn new() -> Self {
        Self { entries: Vec::new() }
    }

    /// Adds a value, replacing one of the same type.
    pub fn insert<T: Send + Sync + 'static>(&mut self, value: T) {
        self.insert_shared(Arc::new(value));
    }

    /// Adds a value that is shared already, replacing one of the same type.
    pub fn insert_shared<T: Send + Sync + 'static>(&mut self, value: Arc<T>) {
        let id = TypeId::of::<T>();
        match self.entries.iter_mut().find(|(known, _)| *known == id) {
            Some(entry) => entry.1 = value,
            None => self.entries.push((id, value)),
        }
    }

    /// Returns the value of this type.
    #[must_use]
    pub fn get<T: Send + Sync + 'static>(&self) -> Option<&T> {
        let id = TypeId::of::<T>();
        self.entries.iter().find(|(known, _)| *known == id).and_then(|(_, value)| value.downcast_ref())
    }

    /// Removes the value of this type; true if there was one.
    pub fn remove<T: Send + Sync + 'static>(&mut self) -> bool {
        let before = self.entries.len();
        self.entries.retain(|(known, _)| *known != TypeId::of::<T>());
        self.entries.len() < before
    }
}

/// Who sends a request, as whatever authenticated it says: two requests with equal identities come from the same caller.
///
/// What is kept for a caller between requests is bound to it. A request without one is anonymous, which is not the same
/// as an identity that is empty.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Identity(Arc<str>);

impl Identity {
    /// Takes what tells callers apart, for example issuer and subject of a token.
    pub fn new(identity: impl Into<Arc<str>>) -> Self {
        Self(identity.into())
    }

    /// Returns what tells callers apart.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The certificate that a client has shown and that was found valid, where TLS asks for one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TlsIdentity {
    certificate: Arc<[u8]>,
    sha256: [u8; 32],
}

impl TlsIdentity {
    /// Takes a certificate in DER and its SHA-256.
    #[must_use]
    pub fn new(certificate: impl Into<Arc<[u8]>>, sha256: [u8; 32]) -> Self {
        Self { certificate: certificate.into(), sha256 }
    }

    /// Returns the certificate, in DER.
    #[must_use]
    pub fn certificate(&self) -> &[u8] {
        &self.certificate
    }

    /// Returns the SHA-256 of the certificate.
    #[must_use]
    pub fn sha256(&self) -> &[u8; 32] {
        &self.sha256
    }

    /// Returns the SHA-256 of the certificate as text: 64 hexadecimal digits.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        self.sha256.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Whoever shows the same certificate is the same caller.
impl From<&TlsIdentity> for Identity {
    fn from(identity: &TlsIdentity) -> Self {
        Self::new(format!("tls:sha256:{}", identity.fingerprint()))
    }
}

/// Says that the process which started this one is at the other end: it speaks over the standard input and output, and has
/// set the environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ParentProcess;

impl ParentProcess {
    /// Says so.
    #[expect(clippy::new_without_default, reason = "it is a statement, not a value")]
    #[must_use]
    pub fn new() -> Self {
        Self
    }
}

/// The process at the other end of a Unix socket, as the operating system says: who it was when it connected.
///
/// A proxy is itself the other end, whoever it passes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct PeerCredentials {
    /// Its user.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
    /// Its process id, where the system tells.
    pub pid: Option<i32>,
}

impl PeerCredentials {
    /// Takes what the operating system says.
    #[must_use]
    pub fn new(uid: u32, gid: u32, pid: Option<i32>) -> Self {
        Self { uid, gid, pid }
    }
}

/// The address of the other end of a connection: of a proxy, if there is one in between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeerAddr(SocketAddr);

impl PeerAddr {
    /// Takes the address.
    #[must_use]
    pub fn new(address: SocketAddr) -> Self {
        Self(address)
    }

    /// Returns the address.
    #[must_use]
    pub fn get(self) -> SocketAddr {
        self.0
    }
}

impl fmt::Debug for Extensions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Extensions").field("len", &self.entries.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_one_value_of_each_type() {
        let mut extensions = Extensions::new();
        extensions.insert(1u8);
        extensions.insert("a");
        extensions.insert(2u8);
        assert_eq!((extensions.get::<u8>(), extensions.get::<&str>()), (Some(&2), Some(&"a")));
        assert!(extensions.remove::<u8>());
        assert!(!extensions.remove::<u8>());
        assert_eq!(extensions.get::<u8>(), None);
    }
}
