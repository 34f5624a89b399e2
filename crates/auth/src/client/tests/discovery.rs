//! Who gives out tokens for a server.

use super::*;

/// Holds AUTHC-07.
#[tokio::test]
async fn defence_21_metadata_of_another_issuer_are_not_used() {
    for issuer in ["https://evil.example", "BASE/"] {
        let world = World::start(move |base, seen| {
            let issuer = issuer.replace("BASE", base);
            (seen.path == "/.well-known/oauth-authorization-server")
                .then(|| ok(&with(server(base), "issuer", json!(issuer))))?
        })
        .await;
        assert_stopped(&world, world.builder().build().unwrap().login().await, "are those of");
        assert_eq!(world.count("/authorize") + world.count("/register"), 0);
    }
}

/// Holds AUTHC-04.
#[tokio::test]
async fn defence_21_metadata_of_another_resource_are_not_used() {
    for resource_of in ["https://evil.example/mcp", "BASE/mcp/deeper", "BASE/other", "not a URL", ""] {
        let world = World::start(move |base, seen| {
            let resource_of = resource_of.replace("BASE", base);
            seen.path
                .starts_with("/.well-known/oauth-protected-resource")
                .then(|| ok(&with(resource(base), "resource", json!(resource_of))))?
        })
        .await;
        assert_stopped(&world, world.builder().build().unwrap().login().await, "resource");
        assert_eq!(world.count("/.well-known/oauth-authorization-server"), 0);
    }
}

/// Holds AUTHC-19, AUTHC-20.
#[tokio::test]
async fn the_resource_is_named_as_it_is_published() {
    let world = World::start(|base, seen| {
        let path = "/.well-known/oauth-protected-resource/mcp";
        (seen.path == path).then(|| ok(&with(resource(base), "resource", json!(format!("{base}/")))))?
    })
    .await;
    world.builder().build().unwrap().login().await.unwrap();
    let published = format!("{}/", world.base);
    assert_eq!(world.requests("/authorize")[0].query["resource"], published);
    assert_eq!(world.requests("/token")[0].form["resource"], published);
}

/// Publishes both kinds of metadata only where they are looked for last.
async fn world_of_hidden_metadata(issuer: &'static str, at: &'static str) -> Arc<World> {
    World::start(move |base, seen| {
        let issuer = format!("{base}{issuer}");
        match seen.path.as_str() {
            "/.well-known/oauth-protected-resource/mcp" => Some((MISSING.into(), String::new())),
            "/.well-known/oauth-protected-resource" => {
                ok(&with(resource(base), "authorization_servers", json!([issuer])))
            }
            path if path == at => {
                let server = with(server(base), "issuer", json!(issuer));
                ok(&with(server, "authorization_response_iss_parameter_supported", json!(false)))
            }
            "/authorize" => {
                let (redirect, state) = (&seen.query["redirect_uri"], &seen.query["state"]);
                moved(&format!("{redirect}?code=C&state={state}"))
            }
            path if path.contains("well-known") => Some((MISSING.into(), String::new())),
            _ => None,
        }
    })
    .await
}

/// Holds AUTHC-03, AUTHC-06.
#[tokio::test]
async fn metadata_are_looked_for_in_the_order_of_the_specification() {
    for (issuer, at, tried) in [
        ("", "/.well-known/openid-configuration", &["/.well-known/oauth-authorization-server"][..]),
        (
            "/tenant",
            "/tenant/.well-known/openid-configuration",
            &["/.well-known/oauth-authorization-server/tenant", "/.well-known/openid-configuration/tenant"],
        ),
    ] {
        let world = world_of_hidden_metadata(issuer, at).await;
        world.builder().build().unwrap().login().await.unwrap();
        let seen: Vec<_> = lock(&world.seen).iter().map(|seen| seen.path.clone()).collect();
        let mut expected = vec!["/.well-known/oauth-protected-resource/mcp", "/.well-known/oauth-protected-resource"];
        expected.extend(tried);
        expected.push(at);
        assert_eq!(seen[..expected.len()], expected);
    }
}

/// Holds DIFF-04.
#[tokio::test]
async fn a_server_that_says_nothing_of_itself_is_its_own_authorization_server() {
    // The metadata are at the base URL, which has no path, and name what endpoints they like.
    let world = World::start(|base, seen| match seen.path.as_str() {
        path if path.starts_with("/.well-known/oauth-protected-resource") => Some((MISSING.into(), String::new())),
        "/.well-known/oauth-authorization-server" => {
            ok(&with(server(base), "token_endpoint", json!(format!("{base}/oauth/token"))))
        }
        "/oauth/token" => ok(&json!({"access_token": "T", "token_type": "Bearer"})),
        _ => None,
    })
    .await;
    let oauth = world.builder().build().unwrap();
    oauth.login().await.unwrap();
    assert_eq!(authorization(&oauth, &world.url()).await.as_deref(), Some("Bearer T"));
    assert_eq!((world.count("/oauth/token"), world.count("/token")), (1, 0));
}

/// Holds DIFF-04.
#[tokio::test]
async fn a_server_that_publishes_nothing_is_its_own_authorization_server() {
    let world = World::start(|_, seen| match seen.path.as_str() {
        path if path.contains("well-known") => Some((MISSING.into(), String::new())),
        _ => None,
    })
    .await;
    let oauth = world.builder().build().unwrap();
    oauth.login().await.unwrap();
    assert_eq!(authorization(&oauth, &world.url()).await.as_deref(), Some("Bearer T1"));
    assert_eq!(world.requests("/authorize")[0].query["code_challenge_method"], "S256");
}
