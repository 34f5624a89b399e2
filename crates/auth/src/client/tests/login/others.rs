//! Tokens of the server itself, and tokens for tokens.

use super::*;
use crate::client::SubjectTokenType;
use crate::client::login::TokenExchange;

#[tokio::test]
async fn f91_a_server_acts_for_itself() {
    let world = World::start(|_, _| None).await;
    let config = OAuth2Config {
        additional_params: HashMap::from([("audience".into(), "api".into())]),
        mcp_resource_uri: Some("https://calendar.example/mcp".into()),
        redirect_uri: String::new(),
        ..of(OAuth2FlowType::ClientCredentials)
    };
    let provider = world.provider(config.clone()).build().await.unwrap();
    let mut asking = JoinSet::new();
    for _ in 0..5 {
        let provider = provider.clone();
        asking.spawn(async move { provider.service().await.unwrap().token().clone() });
    }
    for token in asking.join_all().await {
        assert_eq!(token.expose(), "T1");
    }
    let [asked] = world.requests("/token").try_into().unwrap();
    let Seen { form, headers, .. } = asked;
    for (name, value) in [
        ("grant_type", "client_credentials"),
        ("scope", "a b"),
        ("audience", "api"),
        ("resource", "https://calendar.example/mcp"),
    ] {
        assert_eq!(form[name], value, "{name}");
    }
    assert_eq!(headers["authorization"], "Basic bm90ZXM6czNjcmV0");
    // Whoever acts for itself is no user, of whom a provider could say who it is.
    let provider = world.provider(OAuth2Config { scopes: Vec::new(), ..config }).build().await.unwrap();
    provider.service().await.unwrap();
    assert!(!world.requests("/token")[1].form.contains_key("scope"));
}

#[tokio::test]
async fn a_token_of_the_server_is_renewed_before_its_end() {
    let world = World::start(|_, seen| {
        (seen.path == "/token").then(|| ok(&json!({"access_token": crate::random::text(), "expires_in": 10})))?
    })
    .await;
    let provider = world.provider(of(OAuth2FlowType::ClientCredentials)).build().await.unwrap();
    let (first, second) = (provider.service().await.unwrap(), provider.service().await.unwrap());
    assert_ne!(first.token().expose(), second.token().expose());
}

const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";

async fn exchanging(issued: Option<&'static str>) -> Arc<World> {
    World::start(move |_, seen| {
        let mut token = json!({"access_token": "FOR-API", "token_type": "Bearer", "expires_in": 60});
        if let Some(issued) = issued {
            token["issued_token_type"] = json!(issued);
        }
        (seen.path == "/token").then(|| ok(&token))?
    })
    .await
}

#[tokio::test]
async fn a_token_is_exchanged_for_one_of_an_api() {
    let world = exchanging(Some(ACCESS_TOKEN)).await;
    let provider = world.provider(notes()).build().await.unwrap();
    let subject = || TokenExchange::new(Secret::new("FOR-US"), SubjectTokenType::AccessToken);
    assert!(provider.exchange(subject()).await.unwrap_err().is_usage(), "for whom?");
    assert!(provider.exchange(subject().resource("calendar")).await.unwrap_err().is_usage());
    assert!(provider.exchange(subject().audience("x").scopes([""])).await.unwrap_err().is_usage());
    assert_eq!(world.count("/token"), 0);
    let exchange = subject()
        .actor(Secret::new("US"), SubjectTokenType::Jwt)
        .audience("calendar")
        .resource("https://calendar.example")
        .scopes(["events.read"]);
    assert!(!format!("{exchange:?}").contains("FOR-US"));
    let access = provider.exchange(exchange).await.unwrap();
    assert_eq!((access.token().expose(), access.scopes()), ("FOR-API", &["events.read".to_owned()][..]));
    let Seen { form, headers, .. } = &world.requests("/token")[0];
    for (name, value) in [
        ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
        ("subject_token", "FOR-US"),
        ("subject_token_type", ACCESS_TOKEN),
        ("actor_token", "US"),
        ("actor_token_type", "urn:ietf:params:oauth:token-type:jwt"),
        ("requested_token_type", ACCESS_TOKEN),
        ("audience", "calendar"),
        ("resource", "https://calendar.example"),
        ("scope", "events.read"),
    ] {
        assert_eq!(form[name], value, "{name}");
    }
    assert_eq!(headers["authorization"], "Basic bm90ZXM6czNjcmV0");
    // What is set up is what it is for otherwise.
    let config = OAuth2Config { mcp_resource_uri: Some("https://up.example/mcp".into()), ..notes() };
    let provider = world.provider(config).build().await.unwrap();
    provider.exchange(subject()).await.unwrap();
    assert_eq!(world.requests("/token")[1].form["resource"], "https://up.example/mcp");
}

#[tokio::test]
async fn a_token_of_another_kind_is_none() {
    for issued in [None, Some("urn:ietf:params:oauth:token-type:refresh_token")] {
        let world = exchanging(issued).await;
        let provider = world.provider(notes()).build().await.unwrap();
        let exchange = TokenExchange::new(Secret::new("X"), SubjectTokenType::AccessToken).audience("calendar");
        let error = provider.exchange(exchange).await.unwrap_err();
        assert!(error.is_refused() && error.to_string().contains("another kind"), "{error}");
    }
}
