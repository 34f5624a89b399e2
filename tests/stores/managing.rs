//! What a session manager bounds, counts and refuses: each of its settings.

use std::time::Duration;

use serde_json::{Value, json};
use turbomcp::sessions::{self, SessionConfig, SessionManager};
use turbomcp_tests::{Http, Request, Site};

use crate::replicas::server;

fn manager(config: SessionConfig) -> SessionManager {
    SessionManager::new(config, sessions::memory()).unwrap()
}

async fn call(client: &Http, name: &str, arguments: Value) -> Value {
    client.call("tools/call", json!({"name": name, "arguments": arguments})).await
}

async fn ping(client: &Http) -> u16 {
    client.post(&json!({"jsonrpc": "2.0", "id": 1, "method": "ping"})).await.status
}

#[tokio::test]
async fn f108_and_f53_a_server_has_the_sessions_of_its_manager() {
    let manager = manager(SessionConfig::new());
    let server = server(&manager);
    let site = Site::start(&server).await;
    assert_eq!(manager.count().await.unwrap(), 0);
    let client = site.legacy("2025-11-25", json!({})).await;
    assert_eq!(server.sessions().unwrap().count().await.unwrap(), 1);
    // An operator sees keys, by which nobody gets into a session.
    let key = manager.sessions()[0].key.clone();
    assert_ne!(client.session.as_deref(), Some(key.as_str()));
    let mut stranger = client.another();
    stranger.session = Some(key.as_str().to_owned());
    assert_eq!(ping(&stranger).await, 404);
    assert!(manager.end(&key).await.unwrap());
    assert!(!manager.end(&key).await.unwrap());
    assert_eq!((ping(&client).await, manager.count().await.unwrap()), (404, 0));
}

#[tokio::test]
async fn f104_a_session_that_nobody_uses_expires_and_is_counted() {
    let config = SessionConfig::new().ttl(Duration::from_secs(2)).cleanup_interval(Duration::from_millis(20));
    let manager = manager(config);
    let site = Site::start(&server(&manager)).await;
    let client = site.legacy("2025-11-25", json!({})).await;
    assert_eq!(ping(&client).await, 200);
    let counted = async {
        while manager.analytics().expired == 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), counted).await.expect("it is removed");
    assert_eq!(ping(&client).await, 404);
    let found = manager.analytics();
    assert_eq!((found.opened, found.expired, found.ended), (1, 1, 0));
}

#[tokio::test]
async fn f104_at_each_cleanup_a_server_finds_out_what_has_ended_elsewhere() {
    for (interval, finds_out) in [(Duration::from_millis(20), true), (Duration::from_secs(3600), false)] {
        let store = sessions::memory();
        let config = SessionConfig::new().cleanup_interval(interval);
        let manager = SessionManager::new(config, store.clone()).unwrap();
        let site = Site::start(&server(&manager)).await;
        let client = site.legacy("2025-11-25", json!({})).await;
        let mut listening = client.listen().await;
        // They have nothing in common but the store, and tell each other nothing.
        let elsewhere = SessionManager::new(SessionConfig::new(), store).unwrap();
        assert!(elsewhere.end(&manager.sessions()[0].key).await.unwrap());
        if finds_out {
            let ended = tokio::time::timeout(Duration::from_secs(20), listening.rest()).await;
            assert!(ended.expect("it finds out").is_empty());
        } else {
            let ending = tokio::time::timeout(Duration::from_millis(500), listening.rest());
            ending.await.expect_err("nobody has looked");
        }
        assert_eq!(ping(&client).await, 404, "a request looks for itself");
    }
}

#[tokio::test]
async fn f109_a_session_is_over_after_so_many_requests() {
    let manager = manager(SessionConfig::new().max_requests_per_session(Some(4)));
    let site = Site::start(&server(&manager)).await;
    // One of them says that the client is ready.
    let client = site.legacy("2025-11-25", json!({})).await;
    let mut answers = Vec::new();
    for _ in 0..5 {
        answers.push(ping(&client).await);
    }
    assert_eq!(answers, [200, 200, 200, 404, 404]);
    assert_eq!(manager.analytics().ended, 1);
    assert_eq!(ping(&site.legacy("2025-11-25", json!({})).await).await, 200);
}

#[tokio::test]
async fn f104_a_session_too_many_is_refused() {
    let manager = manager(SessionConfig::new().max_sessions(1));
    let site = Site::start(&server(&manager)).await;
    site.legacy("2025-11-25", json!({})).await;
    let params = turbomcp_tests::initialize_params("2025-11-25", json!({}));
    let initialize = Request::post(&json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params}));
    assert_eq!(site.client().send(initialize).await.status, 503);
    assert_eq!((manager.analytics().opened, manager.analytics().refused), (1, 1));
}

#[tokio::test]
async fn f110_it_is_known_what_clients_do() {
    let manager = manager(SessionConfig::new().max_request_history(3));
    let site = Site::start(&server(&manager)).await;
    let client = site.legacy("2025-06-18", json!({"elicitation": {}})).await;
    call(&client, "echo", json!({"text": "a"})).await;
    call(&client, "wait", json!({"ms": 1})).await;
    call(&client, "refuse", json!({"code": -32602})).await;
    let params = json!({"ref": {"type": "ref/prompt", "name": "review"}, "argument": {"name": "code", "value": "x"}});
    client.call("completion/complete", params).await;
    client.call("made/up", json!({})).await;
    let asked = json!({"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": {"name": "ask", "arguments": {}}});
    let mut asking = client.post(&asked).await;
    let question = asking.next().await.unwrap();
    let declined = json!({"jsonrpc": "2.0", "id": question["id"], "result": {"action": "decline"}});
    assert_eq!(client.post(&declined).await.status, 202);
    asking.rest().await;
    let found = manager.analytics();
    let methods: Vec<_> = found.methods.iter().map(|it| (it.method, it.requests, it.errors)).collect();
    assert_eq!(methods, [("tools/call", 4, 1), ("completion/complete", 1, 0), ("initialize", 1, 0), ("other", 1, 1)]);
    assert!(found.methods[0].took >= Duration::from_millis(1));
    let recent: Vec<_> = found.recent.iter().map(|it| (it.method, it.is_error)).collect();
    assert_eq!(recent, [("completion/complete", false), ("other", true), ("tools/call", false)]);
    let sessions = manager.sessions();
    let session = &sessions[0];
    assert_eq!((sessions.len(), session.client.name.as_str(), session.revision.as_str()), (1, "test", "2025-06-18"));
    assert_eq!((session.requests, session.errors, session.completions), (7, 2, 1));
    assert_eq!((session.elicitations, session.elicitations_answered), (1, 1));
    assert_eq!(found.recent[0].session, session.key);
    assert!(session.opened <= found.recent[0].at && found.recent[0].at <= std::time::SystemTime::now());
}

#[tokio::test]
async fn f109_without_analytics_nothing_is_remembered_of_what_clients_do() {
    let manager = manager(SessionConfig::new().enable_analytics(false));
    let site = Site::start(&server(&manager)).await;
    let client = site.legacy("2025-11-25", json!({})).await;
    call(&client, "echo", json!({"text": "a"})).await;
    let found = manager.analytics();
    assert!(manager.sessions().is_empty() && found.methods.is_empty() && found.recent.is_empty());
    assert_eq!(found.opened, 1);
}
