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

    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
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
    pub issuer: CertifiedIssuer<'static, KeyPair>,
    /// The certificates between those it makes and the one that others trust.
    chain: String,
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

    pub fn key_pair(&self) -> KeyPair {
        KeyPair::from_pem(&std::fs::read_to_string(&self.key).unwrap()).unwrap()
    }

    /// Puts these files in the place of others.
    pub fn replace(&self, other: &Self) {
        std::fs::copy(&self.certificate, &other.certificate).unwrap();
        std::fs::copy(&self.key, &other.key).unwrap();
    }
}

impl Authority {
    pub fn new() -> Self {
        let issuer = CertifiedIssuer::self_signed(params("Nobody's authority"), KeyPair::generate().unwrap()).unwrap();
        let folder = Folder::new();
        folder.write("ca.pem", issuer.pem());
        Self { issuer, chain: String::new(), folder }
    }

    /// An authority that is certified by this one; whoever trusts this one trusts it too.
    pub fn subordinate(&self) -> Self {
        let (params, key) = (params("Nobody's deputy"), KeyPair::generate().unwrap());
        let issuer = CertifiedIssuer::signed_by(params, key, &self.issuer).unwrap();
        let (folder, chain) = (Folder::new(), issuer.pem() + &self.chain);
        folder.write("ca.pem", self.issuer.pem());
        Self { issuer, chain, folder }
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
        self.client_called("client")
    }

    /// A client whose files are called so.
    pub fn client_called(&self, name: &str) -> Certified {
        self.certify(name, "client.example", ExtendedKeyUsagePurpose::ClientAuth, |_| {})
    }

    /// Somebody who says for the authority which certificates are good.
    pub fn responder(&self) -> Certified {
        self.certify("responder", "ocsp.example", ExtendedKeyUsagePurpose::OcspSigning, |_| {})
    }

    /// A further certificate for the same key and host.
    pub fn renewed(&self, old: &Certified, host: &str) -> Certified {
        let mut params = CertificateParams::new([host.to_owned()]).unwrap();
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        self.signed("renewed", &params, &old.key_pair())
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
        self.signed(name, &params, &KeyPair::generate().unwrap())
    }

    fn signed(&self, name: &str, params: &CertificateParams, key: &KeyPair) -> Certified {
        let certificate = params.signed_by(key, &self.issuer).unwrap();
        Certified {
            certificate: self.folder.write(&format!("{name}.pem"), certificate.pem() + &self.chain),
            key: self.folder.write(&format!("{name}.key"), key.serialize_pem()),
            der: certificate.der().to_vec(),
        }
    }
}

fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params.distinguished_name.push(DnType::CommonName, name);
    params
}
