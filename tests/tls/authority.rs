//! A certificate authority that nobody knows, and what it certifies.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use turbomcp::transport::tls::TlsConfig;

/// A directory that goes with the test.
pub struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("turbomcp-tls-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    pub folder: Folder,
}

/// A certificate and its key, in files.
pub struct Certified {
    pub certificate: PathBuf,
    pub key: PathBuf,
    pub der: Vec<u8>,
}

impl Certified {
    pub fn config(&self) -> TlsConfig {
        TlsConfig::new(&self.certificate, &self.key)
    }

    /// Puts these files in the place of others.
    pub fn replace(&self, other: &Self) {
        std::fs::copy(&self.certificate, &other.certificate).unwrap();
        std::fs::copy(&self.key, &other.key).unwrap();
    }
}

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        params.distinguished_name.push(DnType::CommonName, "Nobody's authority");
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let folder = Folder::new();
        folder.write("ca.pem", &issuer.pem());
        Self { issuer, folder }
    }

    pub fn path(&self) -> PathBuf {
        self.folder.0.join("ca.pem")
    }

    /// A client that trusts this authority and shows nothing.
    pub fn trusted(&self) -> TlsConfig {
        TlsConfig::default().with_ca_bundle(self.path())
    }

    pub fn server(&self, host: &str) -> Certified {
        self.certify("server", host, ExtendedKeyUsagePurpose::ServerAuth, |_| {})
    }

    pub fn expired(&self, host: &str) -> Certified {
        self.certify("expired", host, ExtendedKeyUsagePurpose::ServerAuth, |params| {
            params.not_before = date_time_ymd(2020, 1, 1);
            params.not_after = date_time_ymd(2021, 1, 1);
        })
    }

    pub fn client(&self) -> Certified {
        self.certify("client", "client.example", ExtendedKeyUsagePurpose::ClientAuth, |_| {})
    }

    fn certify(
        &self,
        name: &str,
        host: &str,
        purpose: ExtendedKeyUsagePurpose,
        edit: impl FnOnce(&mut CertificateParams),
    ) -> Certified {
        let mut params = CertificateParams::new([host.to_owned()]).unwrap();
        params.extended_key_usages = vec![purpose];
        edit(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Certified {
            certificate: self.folder.write(&format!("{name}.pem"), &certificate.pem()),
            key: self.folder.write(&format!("{name}.key"), &key.serialize_pem()),
            der: certificate.der().to_vec(),
        }
    }
}
