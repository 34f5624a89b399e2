//! What the bindings that listen on a port of TCP have in common.

use std::net::SocketAddr;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::RootCertStore;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::net::TcpStream;
use turbomcp::client::Target;

use crate::binding::{BoxStream, Boxed, Door, Way};
use crate::papers::Papers;
use crate::raw::Raw;
use crate::relay::Relay;

type ByPort = Box<dyn Fn(u16) -> Target + Send + Sync>;
type ByStream = Box<dyn Fn(BoxStream, SocketAddr) -> Boxed<'static, Raw> + Send + Sync>;

/// A server that our client finds by its port.
pub struct Port {
    address: SocketAddr,
    target: ByPort,
    raw: ByStream,
    tls: Option<Arc<ClientConfig>>,
    known: Option<ByPort>,
}

impl Port {
    /// Of a binding that carries nothing by which somebody is known.
    pub fn anonymous(
        address: SocketAddr,
        target: impl Fn(u16) -> Target + Send + Sync + 'static,
        raw: impl Fn(BoxStream, SocketAddr) -> Boxed<'static, Raw> + Send + Sync + 'static,
    ) -> Self {
        Self { address, target: Box::new(target), raw: Box::new(raw), tls: None, known: None }
    }

    pub fn new(
        address: SocketAddr,
        target: impl Fn(u16) -> Target + Send + Sync + 'static,
        known: impl Fn(u16) -> Target + Send + Sync + 'static,
        raw: impl Fn(BoxStream, SocketAddr) -> Boxed<'static, Raw> + Send + Sync + 'static,
    ) -> Self {
        Self { known: Some(Box::new(known)), ..Self::anonymous(address, target, raw) }
    }

    /// Has peers that say anything say it beneath TLS.
    pub fn beneath_tls(mut self, papers: &Papers) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(papers.path()).unwrap()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        self.tls = Some(Arc::new(config));
        self
    }
}

impl Door for Port {
    fn dial(&self) -> Boxed<'_, BoxStream> {
        Box::pin(async {
            let stream = TcpStream::connect(self.address).await.unwrap();
            stream.set_nodelay(true).unwrap();
            let Some(config) = &self.tls else { return Box::new(stream) as BoxStream };
            let connector = tokio_rustls::TlsConnector::from(config.clone());
            let name = ServerName::try_from("127.0.0.1").unwrap();
            Box::new(connector.connect(name, stream).await.unwrap()) as BoxStream
        })
    }

    fn target<'a>(&'a self, way: Way<'a>) -> Boxed<'a, Target> {
        let port = way.relay.map_or(self.address.port(), Relay::port);
        Box::pin(std::future::ready((self.target)(port)))
    }

    fn known(&self) -> Boxed<'_, Option<Target>> {
        Box::pin(std::future::ready(self.known.as_ref().map(|known| known(self.address.port()))))
    }

    fn raw(&self) -> Boxed<'_, Raw> {
        Box::pin(async { (self.raw)(self.dial().await, self.address).await })
    }

    fn relay(&self) -> Boxed<'_, Relay> {
        Box::pin(Relay::before(self.address))
    }
}
