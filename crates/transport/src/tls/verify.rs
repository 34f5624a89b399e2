//! What is asked of a certificate beyond that it is valid.

use std::fmt;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore, SignatureScheme};
use webpki::{EndEntityCert, KeyUsage};

use super::ocsp::{self, Flaw, Issuer};
use super::pins::{Pins, refused};

/// Checks servers as rustls does, and then what else is asked for.
#[derive(Debug)]
pub(super) struct Servers {
    pub(super) valid: Arc<dyn ServerCertVerifier>,
    pub(super) pins: Option<Pins>,
    pub(super) staples: Option<Staples>,
}

/// Stapled OCSP responses are required, and checked.
pub(super) struct Staples {
    pub(super) roots: Arc<RootCertStore>,
    pub(super) algorithms: WebPkiSupportedAlgorithms,
}

impl fmt::Debug for Staples {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Staples").finish_non_exhaustive()
    }
}

impl Staples {
    fn check(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        response: &[u8],
        now: UnixTime,
    ) -> Result<(), Error> {
        let malformed = |_| Error::InvalidCertificate(CertificateError::BadEncoding);
        let certificate = EndEntityCert::try_from(certificate).map_err(malformed)?;
        // The way to the authority was found before, and is found again because nobody hands it on.
        let usage = KeyUsage::server_auth();
        let (known, roots) = (self.algorithms.all, &self.roots.roots);
        let path = certificate
            .verify_for_usage(known, roots, intermediates, now, usage, None, None)
            .map_err(|_| Error::InvalidCertificate(CertificateError::UnknownIssuer))?;
        let nearest = path.intermediate_certificates().next().map(|issuer| issuer.der());
        let nearest = nearest.as_ref().map(|der| ocsp::as_issuer(der).ok_or(Flaw::Malformed)).transpose();
        let nearest = nearest.map_err(refused)?;
        let issuer = Issuer::of(nearest.as_ref().unwrap_or_else(|| path.anchor()));
        ocsp::check(response, &certificate, &issuer, &self.algorithms, now).map_err(refused)
    }
}

impl ServerCertVerifier for Servers {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verified = self.valid.verify_server_cert(certificate, intermediates, name, response, now)?;
        if let Some(pins) = &self.pins {
            pins.check(certificate)?;
        }
        if let Some(staples) = &self.staples {
            staples.check(certificate, intermediates, response, now)?;
        }
        Ok(verified)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.valid.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.valid.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.valid.supported_verify_schemes()
    }
}

/// Checks clients as rustls does, and that they are among those that are pinned.
#[derive(Debug)]
pub(super) struct Clients {
    pub(super) valid: Arc<dyn ClientCertVerifier>,
    pub(super) pins: Pins,
}

impl ClientCertVerifier for Clients {
    fn offer_client_auth(&self) -> bool {
        self.valid.offer_client_auth()
    }

    fn client_auth_mandatory(&self) -> bool {
        self.valid.client_auth_mandatory()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.valid.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let verified = self.valid.verify_client_cert(certificate, intermediates, now)?;
        self.pins.check(certificate)?;
        Ok(verified)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.valid.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.valid.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.valid.supported_verify_schemes()
    }
}
