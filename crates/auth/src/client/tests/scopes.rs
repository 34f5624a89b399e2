//! How much is asked for, and how often.

use super::*;

/// Holds AUTHC-28, AUTHC-29, AUTHC-30.
#[tokio::test]
async fn scopes_are_united_and_not_asked_for_without_end() {
    let world = World::start(|_, _| None).await;
    let oauth = world.builder().build().unwrap();
    let url = world.url();
    refused(&oauth, &url, 401, r#"Bearer scope="read""#, 0).await.unwrap();
    let challenge = r#"Bearer error="insufficient_scope", scope="write""#;
    assert_eq!(refused(&oauth, &url, 403, challenge, 0).await.unwrap(), Next::Retry);
    assert_eq!(world.requests("/authorize")[1].query["scope"], "read write");
    assert_eq!(refused(&oauth, &url, 403, challenge, 1).await.unwrap(), Next::Retry);
    assert_eq!(refused(&oauth, &url, 403, challenge, 2).await.unwrap(), Next::GiveUp);
    assert_eq!(refused(&oauth, &url, 403, challenge, 0).await.unwrap(), Next::GiveUp, "nor by the next request");
    assert_eq!(world.count("/authorize"), 3);
    assert_eq!(refused(&oauth, &url, 403, "Bearer", 0).await.unwrap(), Next::GiveUp, "not for want of scopes");
}

#[tokio::test]
async fn tokens_that_are_never_accepted_are_not_asked_for_without_end() {
    let world = World::start(|_, _| None).await;
    let oauth = world.builder().build().unwrap();
    let mut given_up = 0;
    for _ in 0..10 {
        given_up += usize::from(refused(&oauth, &world.url(), 401, "Bearer", 1).await.unwrap() == Next::GiveUp);
    }
    assert_eq!((world.count("/authorize"), given_up), (2, 8));
}

/// Holds AUTHC-27.
#[tokio::test]
async fn scopes_are_those_that_are_published_if_none_are_asked_for() {
    for (published, challenge, asked) in [
        (json!(["a", "b"]), "Bearer", Some("a b")),
        (json!(["a", "b"]), "Bearer scope=c", Some("c")),
        (json!([]), "Bearer", None),
    ] {
        let world = World::start(move |base, seen| {
            let path = "/.well-known/oauth-protected-resource/mcp";
            (seen.path == path).then(|| ok(&with(resource(base), "scopes_supported", published.clone())))?
        })
        .await;
        refused(&world.builder().build().unwrap(), &world.url(), 401, challenge, 0).await.unwrap();
        assert_eq!(world.requests("/authorize")[0].query.get("scope").map(String::as_str), asked);
    }
}
