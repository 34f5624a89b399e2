//! Callers that are known without a token: by a certificate, by the operating system, or because they have started this
//! process.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{SHA256, digest};
use serde::Deserialize;
use turbomcp_transport::{PeerCredentials, Principal, TlsIdentity};

use super::api_key::{hex, unhex};
use super::config::Holder;
use crate::Error;

/// Whom certificates stand for that clients show over TLS and that were found valid there.
///
/// ```
/// use turbomcp_auth::server::{CertificateConfig, Holder};
///
/// let fingerprint = "9f".repeat(32);
/// let config = CertificateConfig::default().certificate(fingerprint, Holder::new("ada"));
/// # drop(config);
/// ```
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct CertificateConfig {
    /// Whom each stands for: by the SHA-256 of the certificate, as hexadecimal digits.
    pub certificates: HashMap<String, Holder>,
}

impl CertificateConfig {
    /// Says whom a certificate stands for, by the SHA-256 of it.
    #[must_use]
    pub fn certificate(mut self, sha256: impl Into<String>, holder: Holder) -> Self {
        self.certificates.insert(sha256.into(), holder);
        self
    }

    /// Says whom a certificate stands for, by the text of it: the first of a PEM file.
    ///
    /// # Errors
    ///
    /// `is_usage()` if it is none.
    pub fn certificate_pem(self, pem: &str, holder: Holder) -> Result<Self, Error> {
        let der = first_certificate(pem).ok_or_else(|| Error::usage("the text is no certificate in PEM"))?;
        let sha256 = digest(&SHA256, &der);
        Ok(self.certificate(hex(sha256.as_ref()), holder))
    }
}

/// Returns the first certificate of a PEM file.
fn first_certificate(pem: &str) -> Option<Vec<u8>> {
    let (_, rest) = pem.split_once("-----BEGIN CERTIFICATE-----")?;
    let (body, _) = rest.split_once("-----END CERTIFICATE-----")?;
    let body: String = body.split_ascii_whitespace().collect();
    STANDARD.decode(body).ok().filter(|der| !der.is_empty())
}

#[derive(Debug)]
pub(super) struct Certificates {
    by_hash: HashMap<[u8; 32], Principal>,
}

impl Certificates {
    pub(super) fn new(config: CertificateConfig) -> Result<Self, Error> {
        let mut by_hash = HashMap::new();
        for (text, holder) in config.certificates {
            let plain: String = text.chars().filter(|c| *c != ':').collect();
            let hash = unhex(&plain).ok_or_else(|| Error::usage(format!("{text:?} is no SHA-256 of a certificate")))?;
            by_hash.insert(hash, Principal::from(holder).with_issuer("certificate"));
        }
        Ok(Self { by_hash })
    }

    pub(super) fn verify(&self, shown: &TlsIdentity) -> Option<Principal> {
        self.by_hash.get(shown.sha256()).cloned()
    }
}

/// Whom the users of this machine stand for that connect over a Unix socket.
///
/// ```
/// use turbomcp_auth::server::{Holder, UnixUserConfig};
///
/// let config = UnixUserConfig::default().user(1000, Holder::new("ada"));
/// # drop(config);
/// ```
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct UnixUserConfig {
    /// Whom each stands for.
    pub users: Vec<UnixUser>,
}

/// Whom a user of this machine stands for.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct UnixUser {
    /// The number that the operating system has for the user.
    pub uid: u32,
    /// Whom that is.
    pub holder: Holder,
}

impl UnixUserConfig {
    /// Says whom a user stands for.
    #[must_use]
    pub fn user(mut self, uid: u32, holder: Holder) -> Self {
        self.users.push(UnixUser { uid, holder });
        self
    }
}

#[derive(Debug)]
pub(super) struct UnixUsers {
    by_uid: HashMap<u32, Principal>,
}

impl UnixUsers {
    pub(super) fn new(config: UnixUserConfig) -> Result<Self, Error> {
        let mut by_uid = HashMap::new();
        for UnixUser { uid, holder } in config.users {
            if by_uid.insert(uid, Principal::from(holder).with_issuer("unix")).is_some() {
                return Err(Error::usage(format!("the user {uid} stands for two")));
            }
        }
        Ok(Self { by_uid })
    }

    pub(super) fn verify(&self, peer: &PeerCredentials) -> Option<Principal> {
        self.by_uid.get(&peer.uid).cloned()
    }
}

/// Who is at the other end of standard input and output: whoever has started this process and set its environment.
///
/// ```
/// use turbomcp_auth::server::EnvironmentConfig;
///
/// // A token or an API key, which the other providers look at.
/// let config = EnvironmentConfig::credential("NOTES_TOKEN");
/// // A name, which is believed: whoever could lie could also have started another program.
/// let config = EnvironmentConfig::subject("USER");
/// # drop(config);
/// ```
///
/// # Specification
///
/// [Authorization](https://modelcontextprotocol.io/specification/2026-07-28/basic/authorization#protocol-requirements)
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum EnvironmentConfig {
    /// The variable holds a token or an API key.
    Credential(String),
    /// The variable holds the name of whoever it is.
    Subject(String),
}

impl EnvironmentConfig {
    /// Takes a token or an API key from a variable.
    pub fn credential(variable: impl Into<String>) -> Self {
        Self::Credential(variable.into())
    }

    /// Takes the name of whoever it is from a variable.
    pub fn subject(variable: impl Into<String>) -> Self {
        Self::Subject(variable.into())
    }

    pub(super) fn variable(&self) -> &str {
        match self {
            Self::Credential(variable) | Self::Subject(variable) => variable,
        }
    }
}
