//! What an authority says of a certificate: a response of the Online Certificate Status Protocol.
//!
//! Nobody is asked here. The response is stapled: the server has it, and shows it beside its certificate.

use std::fmt;
use std::time::Duration;

use ring::digest::{self, Algorithm};
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::{CertificateDer, TrustAnchor, UnixTime};
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};

use super::der::{
    BIT_STRING, BOOLEAN, ENUMERATED, Elements, GENERALIZED_TIME, INTEGER, OCTET_STRING, OID, SEQUENCE, numbered, time,
    wrapped,
};

/// 1.3.6.1.5.5.7.48.1.1
const BASIC: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 0x30, 1, 1];
/// 1.3.6.1.5.5.7.3.9
const OCSP_SIGNING: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 9];
/// 1.3.14.3.2.26
const SHA1: &[u8] = &[0x2b, 0x0e, 3, 2, 0x1a];
/// 2.16.840.1.101.3.4.2.1
const SHA256: &[u8] = &[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1];

/// How far the clock of an authority may be ahead of this one.
const SKEW: Duration = Duration::from_secs(5 * 60);

/// Why a response does not vouch for a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flaw {
    Absent,
    Malformed,
    Unsuccessful,
    OtherCertificate,
    Revoked,
    Unknown,
    Early,
    Outdated,
    Unsigned,
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Absent => "the server staples no OCSP response, and one is required",
            Self::Malformed => "the stapled OCSP response is malformed",
            Self::Unsuccessful => "the stapled OCSP response says that it is none",
            Self::OtherCertificate => "the stapled OCSP response is not for the certificate",
            Self::Revoked => "the stapled OCSP response says that the certificate is revoked",
            Self::Unknown => "the stapled OCSP response says that the certificate is unknown",
            Self::Early => "the stapled OCSP response is from the future",
            Self::Outdated => "the stapled OCSP response is outdated",
            Self::Unsigned => "the stapled OCSP response is not signed by who has certified the server",
        })
    }
}

impl std::error::Error for Flaw {}

/// Who has certified a certificate: the contents of its name and of its public key.
pub(super) struct Issuer<'a> {
    name: &'a [u8],
    key: &'a [u8],
}

impl<'a> Issuer<'a> {
    pub(super) fn of(anchor: &'a TrustAnchor<'a>) -> Self {
        Self { name: &anchor.subject, key: &anchor.subject_public_key_info }
    }

    /// Returns the public key and the identifier of its algorithm.
    fn key(&self) -> Option<(&'a [u8], &'a [u8])> {
        let mut key = Elements::new(self.key);
        Some((key.expect(SEQUENCE)?, bits(key.expect(BIT_STRING)?)?))
    }
}

/// What is in a response.
struct Response<'a> {
    signed: &'a [u8],
    /// The identifier of the algorithm it is signed by.
    algorithm: &'a [u8],
    signature: &'a [u8],
    answers: Elements<'a>,
    /// Those of who has signed it.
    certificates: Elements<'a>,
}

/// What is said of one certificate.
struct Answer<'a> {
    hash: &'static Algorithm,
    issuer_name: &'a [u8],
    issuer_key: &'a [u8],
    serial: &'a [u8],
    status: u8,
    since: u64,
    /// A response without an end would be good for ever once it is stapled.
    until: Option<u64>,
}

/// Checks that a stapled response vouches for a certificate now.
pub(super) fn check(
    response: &[u8],
    certificate: &EndEntityCert<'_>,
    issuer: &Issuer<'_>,
    algorithms: &WebPkiSupportedAlgorithms,
    now: UnixTime,
) -> Result<(), Flaw> {
    if response.is_empty() {
        return Err(Flaw::Absent);
    }
    let response = Response::read(response)?;
    let answer = response.answer(certificate.serial(), issuer)?;
    response.is_signed(issuer, algorithms, now).then_some(()).ok_or(Flaw::Unsigned)?;
    let now = now.as_secs();
    if answer.since > now + SKEW.as_secs() {
        return Err(Flaw::Early);
    }
    if answer.until.is_none_or(|until| until < now) {
        return Err(Flaw::Outdated);
    }
    match answer.status {
        0x80 => Ok(()),
        0xa1 => Err(Flaw::Revoked),
        _ => Err(Flaw::Unknown),
    }
}

/// Checks that a response is about a certificate, whatever it says of it and whoever says so.
pub(super) fn is_about(response: &[u8], certificate: &CertificateDer<'_>) -> Result<(), Flaw> {
    let certificate = EndEntityCert::try_from(certificate).map_err(|_| Flaw::OtherCertificate)?;
    let mut answers = Response::read(response)?.answers;
    while !answers.is_empty() {
        if Answer::read(&mut answers).ok_or(Flaw::Malformed)?.serial == certificate.serial() {
            return Ok(());
        }
    }
    Err(Flaw::OtherCertificate)
}

impl<'a> Response<'a> {
    fn read(der: &'a [u8]) -> Result<Self, Flaw> {
        let mut outer = Elements::new(Elements::new(der).expect(SEQUENCE).ok_or(Flaw::Malformed)?);
        if outer.expect(ENUMERATED).ok_or(Flaw::Malformed)? != [0] {
            return Err(Flaw::Unsuccessful);
        }
        Self::read_basic(outer).ok_or(Flaw::Malformed)
    }

    fn read_basic(mut outer: Elements<'a>) -> Option<Self> {
        let mut bytes = Elements::new(Elements::new(outer.expect(numbered(0))?).expect(SEQUENCE)?);
        if bytes.expect(OID)? != BASIC {
            return None;
        }
        let mut basic = Elements::new(Elements::new(bytes.expect(OCTET_STRING)?).expect(SEQUENCE)?);
        let signed = basic.take().filter(|element| element.tag == SEQUENCE)?;
        let algorithm = basic.expect(SEQUENCE)?;
        let signature = bits(basic.expect(BIT_STRING)?)?;
        let certificates = match basic.optional(numbered(0))? {
            Some(certificates) => Elements::new(certificates).expect(SEQUENCE)?,
            None => &[],
        };

        let mut data = Elements::new(signed.content);
        data.optional(numbered(0))?;
        // Who signs is found by the signature, and when it was made is not when it holds.
        data.take()?;
        data.expect(GENERALIZED_TIME)?;
        let answers = data.expect(SEQUENCE)?;
        understood(data.optional(numbered(1))?)?;
        Some(Self {
            signed: signed.whole,
            algorithm,
            signature,
            answers: Elements::new(answers),
            certificates: Elements::new(certificates),
        })
    }

    /// Finds what is said of the certificate with this number.
    fn answer(&self, serial: &[u8], issuer: &Issuer<'_>) -> Result<Answer<'a>, Flaw> {
        let name = wrapped(SEQUENCE, issuer.name);
        let (_, key) = issuer.key().ok_or(Flaw::Malformed)?;
        let mut answers = self.answers;
        while !answers.is_empty() {
            let answer = Answer::read(&mut answers).ok_or(Flaw::Malformed)?;
            let is_hash = |of: &[u8], hash: &[u8]| digest::digest(answer.hash, of).as_ref() == hash;
            if answer.serial == serial && is_hash(&name, answer.issuer_name) && is_hash(key, answer.issuer_key) {
                return Ok(answer);
            }
        }
        Err(Flaw::OtherCertificate)
    }

    /// Returns true if the issuer has signed, or somebody that it has certified for that.
    fn is_signed(&self, issuer: &Issuer<'_>, algorithms: &WebPkiSupportedAlgorithms, now: UnixTime) -> bool {
        if let Some((algorithm, key)) = issuer.key()
            && algorithms.all.iter().any(|known| {
                known.public_key_alg_id().as_ref() == algorithm
                    && known.signature_alg_id().as_ref() == self.algorithm
                    && known.verify_signature(key, self.signed, self.signature).is_ok()
            })
        {
            return true;
        }
        let anchor = [TrustAnchor {
            subject: issuer.name.into(),
            subject_public_key_info: issuer.key.into(),
            name_constraints: None,
        }];
        let mut certificates = self.certificates;
        while let Some(element) = certificates.take() {
            let der = CertificateDer::from(element.whole);
            let Ok(signer) = EndEntityCert::try_from(&der) else { continue };
            let usage = KeyUsage::required(OCSP_SIGNING);
            let certified = signer.verify_for_usage(algorithms.all, &anchor, &[], now, usage, None, None).is_ok();
            let signs = |known: &&dyn rustls::pki_types::SignatureVerificationAlgorithm| {
                known.signature_alg_id().as_ref() == self.algorithm
                    && signer.verify_signature(*known, self.signed, self.signature).is_ok()
            };
            if certified && algorithms.all.iter().any(signs) {
                return true;
            }
        }
        false
    }
}

impl<'a> Answer<'a> {
    fn read(answers: &mut Elements<'a>) -> Option<Self> {
        let mut single = Elements::new(answers.expect(SEQUENCE)?);
        let mut id = Elements::new(single.expect(SEQUENCE)?);
        let hash = match Elements::new(id.expect(SEQUENCE)?).expect(OID)? {
            SHA1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
            SHA256 => &digest::SHA256,
            _ => return None,
        };
        let issuer_name = id.expect(OCTET_STRING)?;
        let issuer_key = id.expect(OCTET_STRING)?;
        let serial = id.expect(INTEGER)?;
        let status = single.take()?.tag;
        let since = time(single.expect(GENERALIZED_TIME)?)?;
        let until = match single.optional(numbered(0))? {
            Some(until) => Some(time(Elements::new(until).expect(GENERALIZED_TIME)?)?),
            None => None,
        };
        understood(single.optional(numbered(1))?)?;
        Some(Self { hash, issuer_name, issuer_key, serial, status, since, until })
    }
}

/// Refuses extensions that whoever does not know them must not pass over; none is known.
fn understood(extensions: Option<&[u8]>) -> Option<()> {
    let Some(extensions) = extensions else { return Some(()) };
    let mut extensions = Elements::new(Elements::new(extensions).expect(SEQUENCE)?);
    while !extensions.is_empty() {
        let mut extension = Elements::new(extensions.expect(SEQUENCE)?);
        extension.expect(OID)?;
        if extension.optional(BOOLEAN)?.is_some_and(|critical| critical != [0]) {
            return None;
        }
    }
    Some(())
}

/// Returns bits that are whole bytes.
fn bits(content: &[u8]) -> Option<&[u8]> {
    content.split_first().filter(|(unused, _)| **unused == 0).map(|(_, bytes)| bytes)
}

/// Returns a certificate as one that others are certified by.
pub(super) fn as_issuer<'a>(certificate: &'a CertificateDer<'a>) -> Option<TrustAnchor<'a>> {
    anchor_from_trusted_cert(certificate).ok()
}
