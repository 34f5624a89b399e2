//! What TLS is configured by.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig, SupportedProtocolVersion, version};

use super::pins::Pins;
use super::verify::{Clients, Servers, Staples};
use super::{CertPinningConfig, TlsError, TlsHandle, ocsp, pem};

/// The oldest version of TLS that is spoken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum TlsVersion {
    /// TLS 1.2, and 1.3 with whoever speaks it.
    V1_2,
    /// TLS 1.3 and nothing older.
    #[default]
    V1_3,
}

static NEWEST: [&SupportedProtocolVersion; 1] = [&version::TLS13];
static BOTH: [&SupportedProtocolVersion; 2] = [&version::TLS13, &version::TLS12];

impl TlsVersion {
    fn and_newer(self) -> &'static [&'static SupportedProtocolVersion] {
        match self {
            Self::V1_2 => &BOTH,
            Self::V1_3 => &NEWEST,
        }
    }
}

/// Whether a server asks its clients for a certificate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientAuthMode {
    /// They are not asked.
    #[default]
    None,
    /// They are asked; who has none is served all the same, and whoever shows a wrong one is not.
    Optional,
    /// Who has none is not served.
    Required,
}

/// How the certificate of the other side is judged.
///
/// What is asked for and cannot be done is an error when the configuration is first used, rather than left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertValidationConfig {
    /// Whether a server's certificate has to be for the name it is reached by. It always has to: `false` is an error.
    pub verify_hostname: bool,
    /// Whom the other side has to be certified by, as a file of certificates in PEM. A client without one trusts the
    /// authorities that browsers trust; a server without one trusts no client.
    pub ca_bundle_path: Option<PathBuf>,
    /// Whether a stapled OCSP response is required: a client refuses a server that shows none, or none that is good; a
    /// server has to have one to show, by [`TlsConfig::with_ocsp_response`].
    pub ocsp_stapling: bool,
    /// Whether certificates have to be logged publicly (Certificate Transparency). Not possible: `true` is an error.
    pub ct_validation: bool,
}

impl Default for CertValidationConfig {
    fn default() -> Self {
        Self { verify_hostname: true, ca_bundle_path: None, ocsp_stapling: false, ct_validation: false }
    }
}

impl CertValidationConfig {
    fn check(&self) -> Result<(), TlsError> {
        let refused = [
            (!self.verify_hostname, "`verify_hostname: false` is refused: without the name, anybody is who you meant"),
            (self.ct_validation, "`ct_validation: true` is refused: Certificate Transparency is not checked"),
        ];
        match refused.into_iter().find(|(asked, _)| *asked) {
            Some((_, why)) => Err(TlsError::configuration(why)),
            None => Ok(()),
        }
    }
}

/// How one side speaks TLS: who it is, and whom it takes the other side for.
///
/// Files are read when a server is bound or a client connects, and when [`TlsHandle::reload`] says so.
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct TlsConfig {
    files: Option<(PathBuf, PathBuf)>,
    min_version: TlsVersion,
    client_auth: ClientAuthMode,
    validation: CertValidationConfig,
    pinning: Option<CertPinningConfig>,
    ocsp_response: Option<PathBuf>,
    reload_interval: Option<Duration>,
    handle: TlsHandle,
}

impl TlsConfig {
    /// Shows a certificate: a file with it and those that certify it, and a file with its private key, both in PEM.
    ///
    /// A server needs one. A client needs one if its server asks for it; `TlsConfig::default()` has none.
    pub fn new(certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        Self { files: Some((certificate.into(), key.into())), ..Self::default() }
    }

    /// Sets the oldest version that is spoken. TLS 1.3 unless set.
    pub fn with_min_version(mut self, version: TlsVersion) -> Self {
        self.min_version = version;
        self
    }

    /// Sets whom the other side has to be certified by; see [`CertValidationConfig::ca_bundle_path`].
    pub fn with_ca_bundle(mut self, path: impl Into<PathBuf>) -> Self {
        self.validation.ca_bundle_path = Some(path.into());
        self
    }

    /// Takes only clients with a certificate of the [CA bundle](Self::with_ca_bundle); nothing for a client to set.
    pub fn with_mtls(self) -> Self {
        self.with_client_auth(ClientAuthMode::Required)
    }

    /// Sets whether clients are asked for a certificate, which has to be of the [CA bundle](Self::with_ca_bundle).
    pub fn with_client_auth(mut self, mode: ClientAuthMode) -> Self {
        self.client_auth = mode;
        self
    }

    /// Sets how the certificate of the other side is judged.
    pub fn with_validation(mut self, validation: CertValidationConfig) -> Self {
        self.validation = validation;
        self
    }

    /// Takes only these certificates or keys of the other side, which has to be certified as well: of a server, or of the
    /// clients of a server that asks them for a certificate.
    pub fn with_pinning(mut self, pinning: CertPinningConfig) -> Self {
        self.pinning = Some(pinning);
        self
    }

    /// Staples an OCSP response to the certificate of a server: a file in DER, which is read when the certificate is. A
    /// client has no use for it.
    ///
    /// Whether the response is still good is for clients to judge. Fetching it from the authority, before the one there is
    /// has run out, is left to a program such as `openssl ocsp`.
    pub fn with_ocsp_response(mut self, path: impl Into<PathBuf>) -> Self {
        self.ocsp_response = Some(path.into());
        self
    }

    /// Has a server look at its files this often, and read them again once one has changed. Not done unless set.
    ///
    /// It looks at the time and the size of each file. What cannot be used is logged, and the server goes on with what it
    /// had until a file changes again.
    pub fn with_reload_interval(mut self, interval: Duration) -> Self {
        self.reload_interval = Some(interval);
        self
    }

    /// Sets what a connection needs that tokens bound to a key, by `DPoP`, travel over: TLS 1.3, the server's name, and a
    /// stapled OCSP response. What is set afterwards counts.
    pub fn with_dpop_security(mut self) -> Self {
        self.min_version = TlsVersion::V1_3;
        self.validation.verify_hostname = true;
        self.validation.ocsp_stapling = true;
        self
    }

    /// Returns what has servers of this configuration, and of its clones, read their files again.
    #[must_use]
    pub fn handle(&self) -> TlsHandle {
        self.handle.clone()
    }

    fn identity(&self) -> Result<Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>, TlsError> {
        let Some((certificate, key)) = &self.files else { return Ok(None) };
        Ok(Some((pem::certificates(certificate)?, pem::key(key)?)))
    }

    fn certificate_path(&self) -> &Path {
        self.files.as_ref().map_or(Path::new(""), |(path, _)| path)
    }

    /// Reads the files of a server.
    pub(super) fn server(&self, protocols: &[&[u8]]) -> Result<ServerConfig, TlsError> {
        self.validation.check()?;
        if self.reload_interval.is_some_and(|interval| interval.is_zero()) {
            return Err(TlsError::configuration("files cannot be looked at without a pause in between"));
        }
        let (chain, key) =
            self.identity()?.ok_or_else(|| TlsError::configuration("a server needs a certificate and its key"))?;
        let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(self.min_version.and_newer())
            .map_err(|error| TlsError::configuration("TLS cannot be set up").with_source(error))?;
        let builder = match self.verifier()? {
            Some(verifier) => builder.with_client_cert_verifier(verifier),
            None => builder.with_no_client_auth(),
        };
        let staple = self.staple(&chain)?;
        let mut config =
            builder.with_single_cert_with_ocsp(chain, key, staple).map_err(|error| self.unusable(error))?;
        config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
        Ok(config)
    }

    /// Returns the response that goes with a certificate; an empty one stands for none.
    fn staple(&self, chain: &[CertificateDer<'static>]) -> Result<Vec<u8>, TlsError> {
        let Some(path) = &self.ocsp_response else {
            return match self.validation.ocsp_stapling {
                true => Err(TlsError::configuration("`ocsp_stapling: true` needs an OCSP response to show")),
                false => Ok(Vec::new()),
            };
        };
        let response = pem::read(path)?;
        let of_this = chain.first().map_or(Ok(()), |certificate| ocsp::is_about(&response, certificate));
        of_this.map_err(|flaw| {
            let path = path.display();
            TlsError::configuration(format!("`{path}` is no OCSP response for the certificate")).with_source(flaw)
        })?;
        Ok(response)
    }

    fn verifier(&self) -> Result<Option<Arc<dyn ClientCertVerifier>>, TlsError> {
        let pins = self.pins()?;
        if self.client_auth == ClientAuthMode::None {
            return match pins {
                Some(_) => Err(TlsError::configuration("clients are pinned, and not asked for a certificate")),
                None => Ok(None),
            };
        }
        let Some(path) = &self.validation.ca_bundle_path else {
            return Err(TlsError::configuration("client certificates need a CA bundle to be held against"));
        };
        let roots = Arc::new(pem::roots(path)?);
        let builder = WebPkiClientVerifier::builder_with_provider(roots, Arc::new(ring::default_provider()));
        let builder = match self.client_auth {
            ClientAuthMode::Optional => builder.allow_unauthenticated(),
            _ => builder,
        };
        let valid = builder.build().map_err(|error| {
            TlsError::configuration(format!("`{}` certifies nobody", path.display())).with_source(error)
        })?;
        Ok(Some(match pins {
            Some(pins) => Arc::new(Clients { valid, pins }),
            None => valid,
        }))
    }

    fn pins(&self) -> Result<Option<Pins>, TlsError> {
        self.pinning.as_ref().map(Pins::new).transpose()
    }

    /// Returns how often a server looks at its files, and what they are.
    pub(super) fn watched(&self) -> Option<(Duration, Vec<PathBuf>)> {
        let (certificate, key) = self.files.as_ref()?;
        let others = [self.validation.ca_bundle_path.as_ref(), self.ocsp_response.as_ref()];
        let files = [certificate, key].into_iter().chain(others.into_iter().flatten());
        Some((self.reload_interval?, files.cloned().collect()))
    }

    /// Reads the files of a client.
    pub(super) fn client(&self) -> Result<ClientConfig, TlsError> {
        self.validation.check()?;
        let roots = match &self.validation.ca_bundle_path {
            Some(path) => pem::roots(path)?,
            None => RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() },
        };
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(self.min_version.and_newer())
            .map_err(|error| TlsError::configuration("TLS cannot be set up").with_source(error))?;
        let pins = self.pins()?;
        let builder = match (pins, self.validation.ocsp_stapling) {
            (None, false) => builder.with_root_certificates(roots),
            (pins, stapling) => builder.dangerous().with_custom_certificate_verifier(servers(roots, pins, stapling)?),
        };
        let mut config = match self.identity()? {
            Some((chain, key)) => builder.with_client_auth_cert(chain, key).map_err(|error| self.unusable(error))?,
            None => builder.with_no_client_auth(),
        };
        if self.validation.ocsp_stapling {
            // A session that is resumed shows no staple: a certificate that was revoked meanwhile would go on to be good.
            config.resumption = Resumption::disabled();
        }
        Ok(config)
    }

    fn unusable(&self, error: rustls::Error) -> TlsError {
        let path = self.certificate_path().display();
        TlsError::configuration(format!("the certificate in `{path}` and its key do not fit")).with_source(error)
    }

    /// Reads the files of a client, for the crates of this workspace.
    #[doc(hidden)]
    pub fn client_config(&self) -> Result<ClientConfig, TlsError> {
        self.client()
    }
}

/// Returns what checks servers for more than that they are valid.
fn servers(roots: RootCertStore, pins: Option<Pins>, stapling: bool) -> Result<Arc<Servers>, TlsError> {
    let (roots, provider) = (Arc::new(roots), Arc::new(ring::default_provider()));
    let algorithms = provider.signature_verification_algorithms;
    let valid = WebPkiServerVerifier::builder_with_provider(roots.clone(), provider)
        .build()
        .map_err(|error| TlsError::configuration("there is nobody to certify a server").with_source(error))?;
    let staples = stapling.then_some(Staples { roots, algorithms });
    Ok(Arc::new(Servers { valid, pins, staples }))
}
