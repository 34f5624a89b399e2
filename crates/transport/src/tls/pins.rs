//! Certificates and keys that are known beforehand.

use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{SHA256, digest};
use rustls::pki_types::CertificateDer;
use rustls::{CertificateError, OtherError};
use webpki::EndEntityCert;

use super::TlsError;

/// The certificates, or the keys, one of which the other side has to show.
///
/// A pin is a further condition: the certificate has to be valid as well. What is pinned is the certificate of the other
/// side itself, not one of those that certify it.
///
/// ```
/// use turbomcp_transport::tls::{CertPinningConfig, TlsConfig};
///
/// let key = "sha256:b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9";
/// let next = "sha256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
/// let config = TlsConfig::default().with_pinning(CertPinningConfig::new([key, next]));
/// # drop(config);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertPinningConfig {
    /// `sha256:` and a SHA-256 each, in hexadecimal or base64: of a whole certificate in DER, or of its
    /// `SubjectPublicKeyInfo`, which stays the same when a certificate is renewed for the same key.
    pub allowed_hashes: Vec<String>,
    /// Whether who shows another one is refused. If not, that is only logged, as a warning.
    pub enforce: bool,
}

impl CertPinningConfig {
    /// Refuses whoever shows none of these.
    pub fn new<S: Into<String>>(allowed_hashes: impl IntoIterator<Item = S>) -> Self {
        Self { allowed_hashes: allowed_hashes.into_iter().map(Into::into).collect(), enforce: true }
    }
}

impl Default for CertPinningConfig {
    fn default() -> Self {
        Self { allowed_hashes: Vec::new(), enforce: true }
    }
}

/// The pins as they are compared.
#[derive(Debug)]
pub(super) struct Pins {
    allowed: Vec<[u8; 32]>,
    enforce: bool,
}

impl Pins {
    pub(super) fn new(config: &CertPinningConfig) -> Result<Self, TlsError> {
        if config.allowed_hashes.is_empty() {
            return Err(TlsError::configuration("pinning needs the hash of at least one certificate or key"));
        }
        let allowed = config.allowed_hashes.iter().map(|text| {
            hash(text).ok_or_else(|| {
                let form = "`sha256:` and 32 bytes in hexadecimal or base64";
                TlsError::configuration(format!("the pin `{text}` is not {form}"))
            })
        });
        Ok(Self { allowed: allowed.collect::<Result<_, _>>()?, enforce: config.enforce })
    }

    /// Checks a certificate that has been found valid.
    pub(super) fn check(&self, certificate: &CertificateDer<'_>) -> Result<(), rustls::Error> {
        let parsed = EndEntityCert::try_from(certificate)
            .map_err(|_| rustls::Error::InvalidCertificate(CertificateError::BadEncoding))?;
        let (certificate, key) = (sha256(certificate), sha256(&parsed.subject_public_key_info()));
        if self.allowed.iter().any(|allowed| *allowed == certificate || *allowed == key) {
            return Ok(());
        }
        let error = NotPinned { certificate, key };
        if self.enforce {
            return Err(refused(error));
        }
        tracing::warn!(%error, "a peer is let in all the same, because pins are not enforced");
        Ok(())
    }
}

/// Says why a certificate is refused that is otherwise valid.
pub(super) fn refused(why: impl std::error::Error + Send + Sync + 'static) -> rustls::Error {
    rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(Refusal(why)))))
}

/// A reason that rustls tells, although it asks for no more than its `Debug`.
struct Refusal<E>(E);

impl<E: fmt::Display> fmt::Debug for Refusal<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<E: fmt::Display> fmt::Display for Refusal<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<E: std::error::Error + 'static> std::error::Error for Refusal<E> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, bytes).as_ref());
    hash
}

fn hash(text: &str) -> Option<[u8; 32]> {
    let text = text.strip_prefix("sha256:")?;
    let bytes = if text.len() == 64 { hexadecimal(text)? } else { STANDARD.decode(text).ok()? };
    bytes.try_into().ok()
}

fn hexadecimal(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    text.as_bytes().chunks(2).map(|pair| Some(digit(pair[0])? << 4 | digit(*pair.get(1)?)?)).collect()
}

/// A certificate that is valid, and not one of those that are pinned.
#[derive(Debug)]
struct NotPinned {
    certificate: [u8; 32],
    key: [u8; 32],
}

impl fmt::Display for NotPinned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |hash: &[u8; 32]| hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let (certificate, key) = (text(&self.certificate), text(&self.key));
        write!(f, "neither the certificate (sha256:{certificate}) nor its key (sha256:{key}) is pinned")
    }
}

impl std::error::Error for NotPinned {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pins_are_hexadecimal_or_base64_of_32_bytes() {
        let hex = "b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9";
        let bytes = hash(&format!("sha256:{hex}")).unwrap();
        assert_eq!(hash(&format!("sha256:{}", hex.to_uppercase())), Some(bytes));
        assert_eq!(hash(&format!("sha256:{}", STANDARD.encode(bytes))), Some(bytes));
        for malformed in [
            String::new(),
            hex.to_owned(),
            "sha256:".to_owned(),
            format!("sha1:{hex}"),
            format!("sha256:{}", &hex[2..]),
            format!("sha256:{hex}00"),
            format!("sha256:{}", hex.replace('b', "g")),
            format!("sha256:{}", STANDARD.encode(&bytes[1..])),
            format!("sha256:{}", STANDARD.encode(bytes).trim_end_matches('=')),
            format!("sha256: {hex}"),
        ] {
            assert_eq!(hash(&malformed), None, "{malformed}");
        }
    }
}
