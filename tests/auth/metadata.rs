//! Where a server says who gives out tokens for it.

use serde_json::{Value, json};
use turbomcp::auth::AuthManager;
use turbomcp::auth::server::{ApiKey, ApiKeyConfig, DpopConfig, Holder};
use turbomcp_tests::{Request, Site};

use crate::issuer::{Issuer, RESOURCE};
use crate::site::{auth, builder, open, server, who};

const ROOT: &str = "/.well-known/oauth-protected-resource";

/// Holds AUTHS-02, AUTHS-03 and AUTHS-12.
#[tokio::test]
async fn metadata_are_at_both_places_for_everybody() {
    let issuer = Issuer::start().await;
    let manager =
        auth(&issuer).dpop(DpopConfig::default()).scopes_supported(["notes.read", "notes.write"]).build().unwrap();
    let site = open(manager).await;
    for path in [ROOT.to_owned(), format!("{ROOT}/mcp")] {
        // From a page of any origin, and without a token.
        let request = Request::get().path(&path).header("Origin", "https://inspector.example");
        let mut reply = site.client().send(request).await;
        assert_eq!(reply.status, 200, "{path}");
        assert_eq!(reply.header("content-type"), Some("application/json"));
        assert_eq!(reply.header("access-control-allow-origin"), Some("*"));
        let document: Value = serde_json::from_str(&reply.text().await).unwrap();
        let expected = json!({
            "resource": RESOURCE, "authorization_servers": [issuer.url], "bearer_methods_supported": ["header"],
            "scopes_supported": ["notes.read", "notes.write"], "dpop_signing_alg_values_supported": ["ES256"],
            "dpop_bound_access_tokens_required": false,
        });
        assert_eq!(document, expected);
        let preflight = Request::get().method("OPTIONS").path(&path).header("Origin", "https://inspector.example");
        let preflight = preflight.header("Access-Control-Request-Headers", "mcp-protocol-version");
        let reply = site.client().send(preflight).await;
        assert_eq!((reply.status, reply.header("access-control-allow-headers")), (204, Some("*")));
        assert_eq!(reply.header("access-control-allow-methods"), Some("GET, HEAD"));
        let reply = site.client().send(Request::delete().path(&path)).await;
        assert_eq!((reply.status, reply.header("allow")), (405, Some("GET, HEAD, OPTIONS")));
    }
    for path in [format!("{ROOT}/"), format!("{ROOT}/other"), format!("{ROOT}x"), "/.well-known/other".to_owned()] {
        assert_eq!(site.client().send(Request::get().path(&path)).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn metadata_follow_the_path_of_the_endpoint() {
    let issuer = Issuer::start().await;
    let settings = server(auth(&issuer).build().unwrap()).http().path("/tools/notes");
    let site = Site::serve(settings).await;
    let found = async |path: &str| site.client().send(Request::get().path(path)).await.status;
    assert_eq!(found(&format!("{ROOT}/tools/notes")).await, 200);
    assert_eq!(found(ROOT).await, 200);
    // That of the URL that clients know, which a proxy may have made of it.
    assert_eq!(found(&format!("{ROOT}/mcp")).await, 200);
    assert_eq!(found(&format!("{ROOT}/tools")).await, 404);
}

/// A proxy in front takes a part of the path away, or passes on nothing else.
#[tokio::test]
async fn metadata_are_where_clients_look_for_them_in_front_of_a_proxy() {
    let issuer = Issuer::start().await;
    let known_as = |url: &str| auth(&issuer).resource(url);
    let get = async |manager: AuthManager, path: &str| {
        let site = open(manager).await;
        let challenge = site.client().send(who()).await.header("www-authenticate").unwrap().to_owned();
        (site.client().send(Request::get().path(path)).await.status, challenge)
    };
    for (url, path) in [
        ("https://notes.example/tools/v1/mcp", "/tools/v1/mcp"),
        ("https://notes.example/tools/v1/", "/tools/v1"),
        ("https://notes.example/mcp", "/mcp"),
        ("https://notes.example", ""),
    ] {
        let place = format!("{ROOT}{path}");
        let (status, challenge) = get(known_as(url).build().unwrap(), &place).await;
        assert!(challenge.contains(&format!(r#"resource_metadata="https://notes.example{place}""#)), "{challenge}");
        assert_eq!(status, 200, "{url}");
    }
    let elsewhere = "https://notes.example/tools/.well-known/oauth-protected-resource";
    let manager = known_as("https://notes.example/tools/mcp").resource_metadata(elsewhere).build().unwrap();
    let (status, challenge) = get(manager, ROOT).await;
    assert!(challenge.contains(&format!(r#"resource_metadata="{elsewhere}""#)), "{challenge}");
    assert_eq!(status, 200);
    for bad in ["/.well-known/oauth-protected-resource", "http://notes.example/x"] {
        assert!(known_as(RESOURCE).resource_metadata(bad).build().unwrap_err().is_usage(), "{bad}");
    }
    let unnamed = AuthManager::builder().jwt(crate::site::jwt(&issuer)).resource_metadata(elsewhere);
    assert!(unnamed.build().unwrap_err().is_usage());
}

#[tokio::test]
async fn who_gives_out_no_tokens_publishes_nothing() {
    let issuer = Issuer::start().await;
    let (_, entry) = ApiKey::generate("mcp", Holder::new("job"));
    let keys = AuthManager::builder().resource(RESOURCE).api_keys(ApiKeyConfig::default().key(entry)).build().unwrap();
    let unnamed = AuthManager::builder().jwt(crate::site::jwt(&issuer)).build().unwrap();
    for (manager, challenge) in [(keys, r#"ApiKey header="x-api-key""#), (unnamed, "Bearer")] {
        let site = open(manager).await;
        assert_eq!(site.client().send(Request::get().path(ROOT)).await.status, 404);
        let reply = site.client().send(who()).await;
        assert_eq!((reply.status, reply.header("www-authenticate")), (401, Some(challenge)));
    }
    let site = Site::start(&builder().build()).await;
    assert_eq!(site.client().send(Request::get().path(ROOT)).await.status, 404);
    assert_eq!(site.client().send(who()).await.status, 200);
}

/// A browser may ask what it may send before it has a token, and read the refusal.
#[tokio::test]
async fn pages_of_origins_that_are_let_in_see_the_refusal() {
    let issuer = Issuer::start().await;
    let settings = server(auth(&issuer).build().unwrap()).http().allow_origins(["https://app.example"]);
    let site = Site::serve(settings).await;
    let preflight = Request::get().method("OPTIONS").header("Origin", "https://app.example");
    let preflight = preflight
        .header("Access-Control-Request-Method", "POST")
        .header("Access-Control-Request-Headers", "authorization");
    let reply = site.client().send(preflight).await;
    assert_eq!((reply.status, reply.header("access-control-allow-origin")), (200, Some("https://app.example")));
    let reply = site.client().send(who().header("Origin", "https://app.example")).await;
    assert_eq!((reply.status, reply.header("access-control-allow-origin")), (401, Some("https://app.example")));
    assert!(reply.header("access-control-expose-headers").unwrap().contains("www-authenticate"));
    assert!(reply.header("www-authenticate").is_some());
    // However they are written.
    for written in ["HTTPS://App.Example", "https://app.example:443"] {
        let site = Site::serve(server(auth(&issuer).build().unwrap()).http().allow_origins([written])).await;
        let reply = site.client().send(who().header("Origin", "https://app.example")).await;
        let allowed = reply.header("access-control-allow-origin");
        assert_eq!((reply.status, allowed), (401, Some("https://app.example")), "{written}");
    }
    for bad in ["https://app.example/", "https://app.example/notes", "app.example", "*"] {
        let settings = server(auth(&issuer).build().unwrap()).http().allow_origins([bad]);
        assert!(settings.bind("127.0.0.1:0").await.is_err(), "{bad}");
    }
    // Whoever may not ask at all is not told more than that.
    let reply = site.client().send(who().header("Origin", "https://evil.example")).await;
    assert_eq!((reply.status, reply.header("www-authenticate")), (403, None));
}
