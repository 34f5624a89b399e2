//! Certificates and keys from files.

use std::path::Path;

use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::TlsError;

pub(super) fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(path)
        .map_err(|error| TlsError::configuration(format!("`{}` cannot be read", path.display())).with_source(error))
}

/// Reads a chain of certificates, the one that is shown first.
pub(super) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let text = read(path)?;
    let found = CertificateDer::pem_slice_iter(&text).collect::<Result<Vec<_>, _>>();
    let found = found
        .map_err(|error| TlsError::configuration(format!("`{}` is no PEM file", path.display())).with_source(error))?;
    if found.is_empty() {
        return Err(TlsError::configuration(format!("`{}` holds no certificate in PEM", path.display())));
    }
    Ok(found)
}

pub(super) fn key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    // What the parser says of a bad file is not passed on: it may quote it.
    PrivateKeyDer::from_pem_slice(&read(path)?)
        .map_err(|_| TlsError::configuration(format!("`{}` holds no private key in PEM", path.display())))
}

/// Reads the certificates that others have to be certified by.
pub(super) fn roots(path: &Path) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        roots.add(certificate).map_err(|error| {
            TlsError::configuration(format!("`{}` holds a malformed certificate", path.display())).with_source(error)
        })?;
    }
    Ok(roots)
}
