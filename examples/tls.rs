//! HTTPS and WSS, where a client may show who it is: `cargo run --example tls -- serve 127.0.0.1:8443 server.pem server.key ca.pem`
//!
//! And the client: `cargo run --example tls -- call https://localhost:8443/mcp client.pem client.key ca.pem`, or
//! `wss://localhost:8443/ws` in place of that URL.

use turbomcp::client::http::HttpTarget;
use turbomcp::client::{Client, WsConfig};
use turbomcp::prelude::*;
use turbomcp::transport::TlsIdentity;
use turbomcp::transport::tls::{CertPinningConfig, ClientAuthMode, TlsConfig};

struct Door;

#[server(name = "door", version = "1.0.0")]
impl Door {
    // ANCHOR: identity
    /// Says who is at the door.
    #[tool]
    async fn who(&self, ctx: &Context) -> String {
        match ctx.extensions().get::<TlsIdentity>() {
            Some(identity) => format!("the certificate {}", identity.fingerprint()),
            None => "a stranger".to_owned(),
        }
    }
    // ANCHOR_END: identity
}

// ANCHOR: serve
async fn serve(address: &str, certificate: &str, key: &str, authority: &str) -> Result<(), turbomcp::Error> {
    let tls = TlsConfig::new(certificate, key).with_ca_bundle(authority).with_client_auth(ClientAuthMode::Optional);
    Door.into_server().http().websocket("/ws").tls(tls).run(address).await
}
// ANCHOR_END: serve

// ANCHOR: call
async fn call(url: &str, certificate: &str, key: &str, authority: &str) -> Result<(), turbomcp::client::Error> {
    let tls = TlsConfig::new(certificate, key).with_ca_bundle(authority);
    ask(url, tls).await
}

async fn ask(url: &str, tls: TlsConfig) -> Result<(), turbomcp::client::Error> {
    let client = match url.starts_with("wss:") {
        true => Client::connect(WsConfig::new().url(url).tls(tls)).await?,
        false => Client::connect(HttpTarget::new(url).tls(tls)).await?,
    };
    let answer = client.call_tool("who", serde_json::json!({})).await?;
    println!("{}", answer.as_text().unwrap_or_default());
    client.close().await;
    Ok(())
}
// ANCHOR_END: call

// ANCHOR: pin
async fn call_pinned(url: &str, authority: &str, pin: &str) -> Result<(), turbomcp::client::Error> {
    let tls = TlsConfig::default().with_ca_bundle(authority).with_pinning(CertPinningConfig::new([pin]));
    ask(url, tls).await
}
// ANCHOR_END: pin

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["serve", address, certificate, key, authority] => serve(address, certificate, key, authority).await?,
        ["call", url, certificate, key, authority] => call(url, certificate, key, authority).await?,
        ["call", url, authority, pin] => call_pinned(url, authority, pin).await?,
        _ => {
            return Err(
                "serve ADDRESS:PORT | call URL, and then CERTIFICATE KEY AUTHORITY; or call URL AUTHORITY PIN".into()
            );
        }
    }
    Ok(())
}
