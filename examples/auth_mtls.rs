//! Callers with a certificate: `cargo run --example auth_mtls -- serve 127.0.0.1:8443 certificates`
//!
//! The last argument is a folder with the certificates of the authority (`ca.pem`), of the server (`server.pem`,
//! `server.key`) and of Ada (`ada.pem`). Where there is no such folder, a throw-away authority makes one, also with what
//! Ada keeps to herself, and with a certificate for Eve, which is as valid and stands for nobody here. It prints how to
//! call the server as either, by this program and without it.

use std::fs;
use std::path::Path;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use serde_json::json;
use turbomcp::auth::AuthManager;
use turbomcp::auth::server::{CertificateConfig, Holder};
use turbomcp::client::Client;
use turbomcp::client::http::HttpTarget;
use turbomcp::prelude::*;
use turbomcp::transport::tls::TlsConfig;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

struct Notes;

#[server(name = "notes", version = "1.0.0")]
impl Notes {
    /// Says who is calling.
    #[tool]
    async fn who(&self, ctx: &Context) -> String {
        ctx.user_id().unwrap_or("nobody").to_owned()
    }

    /// Erases all notes.
    #[tool(scopes("notes.write"))]
    async fn erase(&self) -> &'static str {
        "erased"
    }
}

// ANCHOR: server
fn protected(folder: &Path) -> Result<McpServer, BoxError> {
    let ada = Holder::new("ada").scopes(["notes.write"]);
    let known = CertificateConfig::default().certificate_pem(&fs::read_to_string(folder.join("ada.pem"))?, ada)?;
    let auth = AuthManager::builder().certificates(known).build()?;
    Ok(Notes.into_builder().auth(auth).build())
}

async fn serve(address: &str, folder: &Path) -> Result<(), BoxError> {
    let tls = TlsConfig::new(folder.join("server.pem"), folder.join("server.key"))
        .with_ca_bundle(folder.join("ca.pem"))
        .with_mtls();
    Ok(protected(folder)?.http().tls(tls).run(address).await?)
}
// ANCHOR_END: server

// ANCHOR: client
async fn call(url: &str, folder: &Path, name: &str) -> Result<(), BoxError> {
    let tls = TlsConfig::new(folder.join(format!("{name}.pem")), folder.join(format!("{name}.key")))
        .with_ca_bundle(folder.join("ca.pem"));
    let client = Client::connect(HttpTarget::new(url).tls(tls)).await?;
    for tool in ["who", "erase"] {
        let answer = client.call_tool(tool, json!({})).await?;
        println!("{tool}: {}", answer.as_text().unwrap_or_default());
    }
    client.close().await;
    Ok(())
}
// ANCHOR_END: client

/// Makes an authority that is forgotten at once, and what it certifies.
fn certify(folder: &Path) -> Result<(), BoxError> {
    fs::create_dir_all(folder)?;
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
    fs::write(folder.join("ca.pem"), authority.pem())?;
    for (name, host) in [("server", "localhost"), ("ada", "ada.example"), ("eve", "eve.example")] {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new([host.to_owned()])?;
        params.distinguished_name.push(DnType::CommonName, name);
        fs::write(folder.join(format!("{name}.pem")), params.signed_by(&key, &authority)?.pem())?;
        fs::write(folder.join(format!("{name}.key")), key.serialize_pem())?;
    }
    Ok(())
}

fn explain(address: &str, folder: &Path) {
    let port = address.rsplit(':').next().unwrap_or_default();
    let (url, folder) = (format!("https://localhost:{port}/mcp"), folder.display());
    println!("cargo run --example auth_mtls -- call {url} {folder} ada");
    println!("cargo run --example auth_mtls -- call {url} {folder} eve");
    println!(
        "curl --cacert {folder}/ca.pem --cert {folder}/ada.pem --key {folder}/ada.key {url} \
         -H 'Content-Type: application/json' -H 'Accept: application/json, text/event-stream' \
         -H 'MCP-Protocol-Version: 2026-07-28' -H 'Mcp-Method: tools/call' -H 'Mcp-Name: who' \
         -d '{{\"jsonrpc\": \"2.0\", \"id\": 1, \"method\": \"tools/call\", \"params\": {{\"name\": \"who\", \
         \"_meta\": {{\"io.modelcontextprotocol/protocolVersion\": \"2026-07-28\", \
         \"io.modelcontextprotocol/clientCapabilities\": {{}}}}}}}}'"
    );
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["serve", address, folder] => {
            let folder = Path::new(folder);
            if !folder.exists() {
                certify(folder)?;
            }
            explain(address, folder);
            serve(address, folder).await
        }
        ["call", url, folder, name] => call(url, Path::new(folder), name).await,
        _ => Err("serve ADDRESS:PORT FOLDER | call URL FOLDER NAME".into()),
    }
}
