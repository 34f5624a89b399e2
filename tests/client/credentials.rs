//! Credentials that are refused, and what is kept for them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::json;

use crate::peer::{discovered, failure, soon, text};
use crate::web::{Reply, Web, builder};
use turbomcp::client::http::HttpTarget;
use turbomcp::client::http::authorize::{Authorize, BoxError, Challenge, Credentials, Head, Next};

/// Credentials that are counted up at each refusal.
struct Counting {
    token: AtomicUsize,
    told: Arc<AtomicUsize>,
}

impl Authorize for Counting {
    async fn credentials(&self, head: Head<'_>) -> Result<Credentials, BoxError> {
        assert!(head.url.ends_with("/mcp"));
        Ok(Credentials::bearer(&format!("t{}", self.token.load(Ordering::SeqCst)))?)
    }

    async fn challenged(&self, challenge: Challenge<'_>) -> Result<Next, BoxError> {
        assert!(challenge.headers.contains_key("www-authenticate"));
        self.told.fetch_add(1, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(50)).await;
        self.token.fetch_add(1, Ordering::SeqCst);
        Ok(Next::Retry)
    }
}

/// Holds AUTHC-31.
#[tokio::test]
async fn authc_31_refused_credentials_are_renewed_once_for_all() {
    let told = Arc::new(AtomicUsize::new(0));
    let web = Web::start(|request| match (request.header("authorization"), request.method()) {
        (Some("Bearer t1"), "server/discover") => Reply::result(request, discovered()),
        (Some("Bearer t2"), _) => Reply::result(request, text("in")),
        _ => Reply::status(401, "www-authenticate: Bearer\r\n", ""),
    })
    .await;
    let target =
        HttpTarget::new(web.url.as_str()).authorize(Counting { token: AtomicUsize::new(0), told: told.clone() });
    let client = builder().connect(target).await.unwrap();
    assert_eq!(told.load(Ordering::SeqCst), 1);
    let calls: Vec<_> = (0..8).map(|_| tokio::spawn(client.call_tool("x", ()).into_future())).collect();
    for call in calls {
        soon(call).await.unwrap().unwrap();
    }
    assert_eq!(told.load(Ordering::SeqCst), 2, "requests refused together are told of once");
}

/// Has credentials for the first request only, and nobody who would give others.
struct Refusing {
    told: Arc<AtomicUsize>,
}

impl Authorize for Refusing {
    async fn credentials(&self, _: Head<'_>) -> Result<Credentials, BoxError> {
        Ok(Credentials::bearer("t")?)
    }

    async fn challenged(&self, _: Challenge<'_>) -> Result<Next, BoxError> {
        self.told.fetch_add(1, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(300)).await;
        Err("the user said no".into())
    }
}

#[tokio::test]
async fn a_user_who_says_no_is_not_asked_once_for_every_request() {
    let told = Arc::new(AtomicUsize::new(0));
    let web = Web::start(|request| match request.method() {
        "server/discover" => Reply::result(request, discovered()),
        _ => Reply::status(401, "www-authenticate: Bearer\r\n", ""),
    })
    .await;
    let refusing = Refusing { told: told.clone() };
    let client = builder().connect(HttpTarget::new(web.url.as_str()).authorize(refusing)).await.unwrap();
    let calls: Vec<_> = (0..8).map(|_| tokio::spawn(client.call_tool("x", ()).into_future())).collect();
    for call in calls {
        soon(call).await.unwrap().unwrap_err();
    }
    assert_eq!(told.load(Ordering::SeqCst), 1);
    client.call_tool("x", ()).await.unwrap_err();
    assert_eq!(told.load(Ordering::SeqCst), 2, "the next request asks again");
}

#[tokio::test]
async fn authc_29_endless_refusals_are_given_up() {
    for status in [401, 403] {
        let told = Arc::new(AtomicUsize::new(0));
        let web = Web::start(move |_| Reply::status(status, "www-authenticate: Bearer\r\n", "")).await;
        let counting = Counting { token: AtomicUsize::new(0), told: told.clone() };
        let error = failure(builder().connect(HttpTarget::new(web.url.as_str()).authorize(counting))).await;
        assert_eq!(error.status(), Some(status));
        assert_eq!(told.load(Ordering::SeqCst), 3);
    }
}

/// Holds CACHE-07.
#[tokio::test]
async fn cache_07_what_was_kept_for_other_credentials_is_not_used() {
    let listed = Arc::new(AtomicUsize::new(0));
    let counter = listed.clone();
    let web = Web::start(move |request| match (request.header("authorization"), request.method()) {
        (Some("Bearer t0"), "server/discover") => Reply::result(request, discovered()),
        (_, "tools/list") => {
            counter.fetch_add(1, Ordering::SeqCst);
            Reply::result(
                request,
                json!({"resultType": "complete", "tools": [], "ttlMs": 60_000, "cacheScope": "private"}),
            )
        }
        (Some("Bearer t1"), _) => Reply::result(request, text("in")),
        _ => Reply::status(401, "www-authenticate: Bearer\r\n", ""),
    })
    .await;
    let counting = Counting { token: AtomicUsize::new(0), told: Arc::default() };
    let client = builder().connect(HttpTarget::new(web.url.as_str()).authorize(counting)).await.unwrap();
    client.list_all_tools().await.unwrap();
    client.list_all_tools().await.unwrap();
    assert_eq!(listed.load(Ordering::SeqCst), 1);
    client.call_tool("x", ()).await.unwrap();
    client.list_all_tools().await.unwrap();
    assert_eq!(listed.load(Ordering::SeqCst), 2);
}
