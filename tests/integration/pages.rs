//! What browsers are told about the pages of other origins.

use std::time::Duration;

use turbomcp::CorsConfig;
use turbomcp_tests::http::Reply;
use turbomcp_tests::{Request, Site, fixture};

const APP: &str = "https://app.example";

async fn preflight(site: &Site, origin: &str, method: &str) -> Reply {
    let request = Request::get().method("OPTIONS").header("Origin", origin);
    let request = request.header("Access-Control-Request-Headers", "content-type,mcp-method,mcp-param-region");
    site.client().send(request.header("Access-Control-Request-Method", method)).await
}

#[tokio::test]
async fn f169_browsers_are_told_what_the_configuration_says() {
    let cors = CorsConfig::new().allowed_origins([APP]).allowed_methods(["GET", "POST"]);
    let site = Site::serve(fixture::server().http().cors(cors.max_age(Duration::from_secs(86_400)))).await;
    let reply = preflight(&site, APP, "POST").await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("access-control-allow-origin"), Some(APP));
    assert_eq!(reply.header("access-control-allow-methods"), Some("GET,POST"));
    assert_eq!(reply.header("access-control-allow-headers"), Some("content-type,mcp-method,mcp-param-region"));
    assert_eq!(reply.header("access-control-max-age"), Some("86400"));
    assert_eq!(reply.header("access-control-allow-credentials"), None);

    let reply = preflight(&site, "https://other.example", "POST").await;
    assert_eq!(reply.header("access-control-allow-origin"), None);
    let reply = site.client().send(Request::get().header("Origin", "https://other.example")).await;
    assert_eq!((reply.status, reply.header("access-control-allow-origin")), (403, None));
}

#[tokio::test]
async fn f169_origins_add_up_and_the_last_of_other_settings_holds() {
    let settings = fixture::server().http().allow_origins([APP]);
    let settings = settings.cors(CorsConfig::new().allowed_methods(["POST"]).max_age(Duration::from_secs(1)));
    let site = Site::serve(settings.cors(CorsConfig::new().allowed_origins(["https://b.example"]))).await;
    for origin in [APP, "https://b.example"] {
        let reply = preflight(&site, origin, "POST").await;
        assert_eq!(reply.header("access-control-allow-origin"), Some(origin));
        assert_eq!(reply.header("access-control-allow-methods"), Some("POST"));
        assert_eq!(reply.header("access-control-max-age"), Some("1"));
    }
    let site = Site::serve(fixture::server().http().allow_origins([APP])).await;
    let reply = preflight(&site, APP, "DELETE").await;
    assert_eq!(reply.header("access-control-allow-methods"), Some("GET,POST,DELETE"));
    assert_eq!(reply.header("access-control-max-age"), None);
}

#[tokio::test]
async fn f169_settings_that_mean_nothing_are_refused() {
    for cors in [
        CorsConfig::new().allowed_origins(["*"]),
        CorsConfig::new().allowed_origins(["app.example"]),
        CorsConfig::new().allowed_origins([APP]).allowed_methods(["PATCH"]),
        CorsConfig::new().allowed_origins([APP]).allowed_methods(["get"]),
        CorsConfig::new().allowed_methods(["PATCH"]),
    ] {
        let error = fixture::server().http().cors(cors.clone()).bind("127.0.0.1:0").await.unwrap_err();
        assert!(error.is_configuration(), "{cors:?}: {error:?}");
    }
}
