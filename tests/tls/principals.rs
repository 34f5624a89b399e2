//! A certificate says who calls, and what its holder may do, on every binding beneath which there is TLS.

use serde_json::json;
use turbomcp::transport::TlsIdentity;
use turbomcp::transport::authenticate::{Authenticate, Refusal, Shown};
use turbomcp::transport::tls::ClientAuthMode;
use turbomcp::{Access, Arguments, FnTool, Principal, ServerBuilder, Visibility};

use crate::authority::Authority;
use crate::site::{BINDINGS, ERAS, Site};

/// Knows one certificate; whoever shows another, or none, is nobody in particular.
struct ByCertificate(String);

impl Authenticate for ByCertificate {
    async fn authenticate(&self, shown: Shown<'_>) -> Result<Option<Principal>, Refusal> {
        let shown = shown.get::<TlsIdentity>().map(TlsIdentity::fingerprint);
        Ok(shown.filter(|shown| *shown == self.0).map(|shown| Principal::new(shown).with_scopes(["erase"])))
    }
}

#[tokio::test]
async fn a_certificate_decides_what_its_holder_may_do_and_may_know_of() {
    let authority = Authority::new();
    let (known, host) = (authority.client(), authority.server("localhost"));
    let fingerprint = {
        let digest = ring::digest::digest(&ring::digest::SHA256, &known.der);
        digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect::<String>()
    };
    let erase = || FnTool::new(|_: Arguments| async { "erased" });
    let server = ServerBuilder::new()
        .auth(ByCertificate(fingerprint))
        .tool("erase", erase().access(Access::new().scopes(["erase"])))
        .unwrap()
        .tool("hidden", erase().tag("hidden"))
        .unwrap()
        .visibility(Visibility::by(|principal, primitive| principal.is_some() || !primitive.has_tag("hidden")))
        .build();
    let config = host.config().with_ca_bundle(authority.path()).with_client_auth(ClientAuthMode::Optional);
    let with_certificate = known.config().with_ca_bundle(authority.path());
    for binding in BINDINGS {
        let site = Site::serve(binding, config.clone(), &server).await;
        for era in ERAS {
            let client = site.connect_as(with_certificate.clone(), "localhost", era).await.unwrap();
            for tool in ["erase", "hidden"] {
                let answer = client.call_tool(tool, json!({})).await.unwrap();
                assert_eq!(answer.content[0].as_text(), Some("erased"), "{binding:?} {era:?}");
            }
            let client = site.connect_as(authority.trusted(), "localhost", era).await.unwrap();
            for (tool, message) in [("erase", "credentials are required"), ("hidden", "unknown tool `hidden`")] {
                let error = client.call_tool(tool, json!({})).await.unwrap_err();
                assert!(error.to_string().contains(message), "{binding:?} {era:?}: {error}");
            }
            let listed = client.list_all_tools().await.unwrap();
            assert_eq!(listed.len(), 1, "{binding:?} {era:?}");
        }
    }
}
