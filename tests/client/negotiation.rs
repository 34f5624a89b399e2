//! Finding the era and the revision.

use std::time::Duration;

use serde_json::json;
use turbomcp::Revision;
use turbomcp::client::{Client, Era, Error};
use turbomcp::transport::memory::MemoryTransport;

use crate::peer::{discovered, failure, initialized, pair, soon};

fn connect(transport: MemoryTransport) -> tokio::task::JoinHandle<Result<Client, Error>> {
    tokio::spawn(Client::builder().name("host").version("9").connect(transport))
}

/// Holds BASE-39, BASE-40, VER-01, VER-07, VER-12.
#[tokio::test]
async fn ver_11_a_modern_server_is_found_by_asking_it_first() {
    let (transport, mut peer) = pair();
    let client = connect(transport);
    let request = peer.discover().await;
    let meta = &request["params"]["_meta"];
    assert_eq!(meta["io.modelcontextprotocol/protocolVersion"], "2026-07-28");
    let declared = json!({"extensions": {"io.modelcontextprotocol/tasks": {}}});
    assert_eq!(meta["io.modelcontextprotocol/clientCapabilities"], declared);
    assert_eq!(meta["io.modelcontextprotocol/clientInfo"], json!({"name": "host", "version": "9"}));
    let client = soon(client).await.unwrap().unwrap();
    assert_eq!(client.revision(), Revision::V2026_07_28);
    assert_eq!(client.server_info().unwrap().name, "scripted");
    assert_eq!(client.instructions().as_deref(), Some("be kind"));
    assert!(client.capabilities().tools.is_some());
}

/// Holds BASE-26, BASE-04.
#[tokio::test]
async fn ver_13_any_other_error_means_legacy_on_the_same_pipe() {
    for code in [-32601, -32602, -32600, -32000, -32002, -32603, 7] {
        let (transport, mut peer) = pair();
        let client = connect(transport);
        let probe = peer.expect("server/discover").await;
        peer.fail(&probe, code, "no").await;
        peer.initialize("2025-11-25").await;
        assert_eq!(soon(client).await.unwrap().unwrap().revision(), Revision::V2025_11_25, "{code}");
    }
}

/// A process may take longer to start than a server may keep silent.
#[tokio::test(start_paused = true)]
async fn ver_14_a_modern_server_that_was_slow_to_start_is_found_all_the_same() {
    let (transport, mut peer) = pair();
    let client = connect(transport);
    let probe = peer.expect("server/discover").await;
    let initialize = peer.expect("initialize").await;
    peer.answer(&probe, discovered()).await;
    let error = json!({"code": -32022, "message": "no", "data": {"supported": ["2026-07-28"], "requested": "x"}});
    peer.send(json!({"jsonrpc": "2.0", "id": initialize["id"], "error": error})).await;
    peer.discover().await;
    assert_eq!(soon(client).await.unwrap().unwrap().revision(), Revision::V2026_07_28);
}

/// Holds VER-03.
#[tokio::test]
async fn ver_14_a_modern_error_is_never_followed_by_initialize() {
    let (transport, mut peer) = pair();
    let client = connect(transport);
    let probe = peer.expect("server/discover").await;
    let error = json!({"code": -32022, "message": "no", "data": {"supported": ["2026-07-28"], "requested": "x"}});
    peer.send(json!({"jsonrpc": "2.0", "id": probe["id"], "error": error})).await;
    let again = peer.discover().await;
    assert_ne!(again["id"], probe["id"]);
    assert!(soon(client).await.unwrap().unwrap().revision().is_modern());

    for code in [-32020, -32021] {
        let (transport, mut peer) = pair();
        let client = connect(transport);
        let probe = peer.expect("server/discover").await;
        peer.fail(&probe, code, "no").await;
        assert_eq!(failure(async { client.await.unwrap() }).await.code().unwrap().0, code);
        assert!(peer.drain().await.is_empty());
    }
}

#[tokio::test]
async fn ver_14_a_server_that_keeps_refusing_its_own_version_is_given_up() {
    let (transport, mut peer) = pair();
    let client = connect(transport);
    for _ in 0..2 {
        let probe = peer.expect("server/discover").await;
        let error = json!({"code": -32022, "message": "no", "data": {"supported": ["2026-07-28"], "requested": "x"}});
        peer.send(json!({"jsonrpc": "2.0", "id": probe["id"], "error": error})).await;
    }
    assert_eq!(failure(async { client.await.unwrap() }).await.code().unwrap().0, -32022);
}

#[tokio::test]
async fn a_server_with_only_legacy_versions_in_common_is_initialized() {
    for probe_fails in [true, false] {
        let (transport, mut peer) = pair();
        let client = connect(transport);
        let probe = peer.expect("server/discover").await;
        let versions = json!(["2099-01-01", "2025-06-18"]);
        if probe_fails {
            let error = json!({"code": -32022, "message": "no", "data": {"supported": versions, "requested": "x"}});
            peer.send(json!({"jsonrpc": "2.0", "id": probe["id"], "error": error})).await;
        } else {
            let mut result = discovered();
            result["supportedVersions"] = versions;
            peer.answer(&probe, result).await;
        }
        peer.initialize("2025-06-18").await;
        assert_eq!(soon(client).await.unwrap().unwrap().revision(), Revision::V2025_06_18);
    }
}

#[tokio::test]
async fn a_server_without_a_common_version_is_reported() {
    let (transport, mut peer) = pair();
    let client = connect(transport);
    let probe = peer.expect("server/discover").await;
    let error = json!({"code": -32022, "message": "no", "data": {"supported": ["2099-01-01"], "requested": "x"}});
    peer.send(json!({"jsonrpc": "2.0", "id": probe["id"], "error": error})).await;
    let error = failure(async { client.await.unwrap() }).await;
    assert!(error.is_connect() && error.to_string().contains("2099-01-01"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn ver_13_silence_means_legacy_and_a_late_answer_is_ignored() {
    let (transport, mut peer) = pair();
    let client = connect(transport);
    let probe = peer.expect("server/discover").await;
    let request = peer.expect("initialize").await;
    peer.answer(&probe, discovered()).await;
    peer.answer(&request, initialized("2024-11-05")).await;
    peer.expect("notifications/initialized").await;
    assert_eq!(soon(client).await.unwrap().unwrap().revision(), Revision::V2024_11_05);
}

/// Holds LIFE-01, LIFE-02, LIFE-07, LIFE-08.
#[tokio::test]
async fn life_03_a_legacy_client_opens_with_its_newest_legacy_version() {
    let (transport, mut peer) = pair();
    let client = tokio::spawn(Client::builder().era(Era::Legacy).connect(transport));
    let request = peer.initialize("2025-03-26").await;
    assert_eq!(request["params"]["protocolVersion"], "2025-11-25");
    assert!(request["params"].get("_meta").is_none());
    assert_eq!(soon(client).await.unwrap().unwrap().revision(), Revision::V2025_03_26);
}

/// Holds LIFE-12.
#[tokio::test]
async fn life_06_an_unsupported_version_ends_the_connection() {
    for version in ["2023-01-01", "2026-07-28", ""] {
        let (transport, mut peer) = pair();
        let client = tokio::spawn(Client::builder().era(Era::Legacy).connect(transport));
        peer.serve("initialize", initialized(version)).await;
        assert!(failure(async { client.await.unwrap() }).await.is_connect());
        assert!(peer.drain().await.is_empty(), "`initialized` must not follow");
    }
}

#[tokio::test]
async fn a_pinned_revision_is_the_only_one() {
    let (transport, mut peer) = pair();
    let client = tokio::spawn(Client::builder().revision(Revision::V2025_03_26).connect(transport));
    let request = peer.serve("initialize", initialized("2025-06-18")).await;
    assert_eq!(request["params"]["protocolVersion"], "2025-03-26");
    assert!(failure(async { client.await.unwrap() }).await.is_connect());
}

#[tokio::test]
async fn a_modern_client_says_that_a_server_is_legacy() {
    let (transport, mut peer) = pair();
    let client = tokio::spawn(Client::builder().era(Era::Modern).connect(transport));
    let probe = peer.expect("server/discover").await;
    peer.fail(&probe, -32601, "method not found").await;
    let error = failure(async { client.await.unwrap() }).await;
    assert!(error.is_connect(), "{error}");
    assert!(peer.drain().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn life_11_initialize_is_not_cancelled_when_it_takes_too_long() {
    let (transport, mut peer) = pair();
    let builder = Client::builder().era(Era::Legacy).request_timeout(Duration::from_secs(5));
    let client = tokio::spawn(builder.connect(transport));
    peer.expect("initialize").await;
    assert!(failure(async { client.await.unwrap() }).await.is_timeout());
    assert!(peer.drain().await.is_empty());
}

/// What a client declares is what it was given handlers for.
#[tokio::test]
async fn elic_01_capabilities_are_those_that_were_set() {
    let (transport, mut peer) = pair();
    let builder = Client::builder()
        .on_elicit(|_| async { Ok(turbomcp::types::ElicitResult::decline()) })
        .elicit_urls()
        .without_tasks()
        .roots([turbomcp::types::Root::new("file:///a")]);
    let client = tokio::spawn(builder.connect(transport));
    let request = peer.discover().await;
    assert_eq!(
        request["params"]["_meta"]["io.modelcontextprotocol/clientCapabilities"],
        json!({"elicitation": {"form": {}, "url": {}}, "roots": {}})
    );
    soon(client).await.unwrap().unwrap();
}
