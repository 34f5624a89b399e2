//! Lines over TLS that are compressed.

use turbomcp::client::{Client, TlsTarget};
use turbomcp::transport::compression::CompressionAlgorithm::{Gzip, Lz4};
use turbomcp::transport::compression::CompressionConfig;
use turbomcp::{Context, McpServer, ServerBuilder};

use crate::authority::Authority;
use crate::site::causes;

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Nothing {}

fn server() -> McpServer {
    let long = |Nothing {}: Nothing, _: Context| async { "over and over ".repeat(1000) };
    ServerBuilder::new().name("long").tool("long", long).unwrap().build()
}

#[tokio::test]
async fn f175_lines_over_tls_are_compressed_if_both_sides_are_told_to() {
    let authority = Authority::new();
    let config = CompressionConfig::adaptive().algorithms([Lz4]);
    for is_told in [true, false] {
        let mut listener = server().bind_tls("127.0.0.1:0", authority.server("localhost").config()).await.unwrap();
        let address = format!("localhost:{}", listener.local_addr().port());
        if is_told {
            listener = listener.compression(config.clone()).unwrap();
        }
        let serving = tokio::spawn(listener.serve());
        let target = TlsTarget::new(address, authority.trusted());
        let offering = Client::connect(target.clone().compression(CompressionConfig::new())).await;
        let clients = match is_told {
            true => vec![offering.unwrap(), Client::connect(target).await.unwrap()],
            false => {
                let error = offering.unwrap_err();
                assert!(causes(&error).contains("plain text, although compression was offered"), "{error:?}");
                vec![Client::connect(target).await.unwrap()]
            }
        };
        for client in clients {
            let answer = client.call_tool("long", serde_json::json!({})).await.unwrap();
            assert_eq!(answer.content[0].as_text().unwrap().len(), 14_000);
        }
        serving.abort();
    }
    assert_eq!(config.stats().compressed, 1, "of two clients, one has offered it");
    let listener = server().bind_tls("127.0.0.1:0", authority.server("localhost").config()).await.unwrap();
    assert!(listener.compression(CompressionConfig::new().algorithms([Gzip])).unwrap_err().is_configuration());
}
