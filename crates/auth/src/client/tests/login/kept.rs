//! The tokens of users and of the server: refreshed, kept and given back.

use super::*;
use crate::client::login::{ExpiringStore, Revocation};
use crate::client::{FileStore, TokenStore};

/// A provider whose tokens are due at once, and which gives another refresh token each time.
async fn rotating() -> Arc<World> {
    let count = std::sync::atomic::AtomicUsize::new(0);
    World::start(move |base, seen| match seen.path.as_str() {
        "/.well-known/oauth-authorization-server" => {
            ok(&with(server(base), "revocation_endpoint", json!(format!("{base}/revoke"))))
        }
        "/token" => {
            let number = count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            let seconds = if number == 0 { 10 } else { 3600 };
            let used = seen.form.get("refresh_token").map_or("R0", String::as_str);
            if number > 0 && used != format!("R{}", number - 1) {
                return failed(&json!({"error": "invalid_grant"}));
            }
            ok(&json!({
                "access_token": format!("T{number}"), "token_type": "Bearer", "expires_in": seconds,
                "refresh_token": format!("R{number}"),
            }))
        }
        "/revoke" => Some(("200 OK".into(), String::new())),
        _ => None,
    })
    .await
}

#[tokio::test]
async fn tokens_are_refreshed_once_for_all_who_wait() {
    let world = rotating().await;
    let config = OAuth2Config { mcp_resource_uri: Some("https://calendar.example".into()), ..notes() };
    let provider = world.provider(config).build().await.unwrap();
    assert!(provider.access("ada").await.unwrap().is_none(), "nobody is logged in yet");
    let login = logged_in(&world, &provider, LoginRequest::default().user("ada")).await;
    assert_eq!(login.access().token().expose(), "T0");
    let mut waiting = JoinSet::new();
    for _ in 0..10 {
        let provider = provider.clone();
        waiting.spawn(async move { provider.access("ada").await.unwrap().unwrap().token().clone() });
    }
    // And one that gives up.
    assert!(tokio::time::timeout(Duration::from_millis(20), provider.access("ada")).await.is_err());
    for _ in 0..10 {
        assert_eq!(waiting.join_next().await.unwrap().unwrap().expose(), "T1");
    }
    assert_eq!(world.count("/token"), 2);
    let refreshed = &world.requests("/token")[1].form;
    for (name, value) in
        [("grant_type", "refresh_token"), ("refresh_token", "R0"), ("resource", "https://calendar.example")]
    {
        assert_eq!(refreshed[name], value, "{name}");
    }
    assert!(provider.access("bob").await.unwrap().is_none(), "they are ada's");
}

#[tokio::test]
async fn a_refresh_that_nobody_waits_for_is_finished() {
    let world = rotating().await;
    let provider = world.provider(notes()).build().await.unwrap();
    logged_in(&world, &provider, LoginRequest::default().user("ada")).await;
    assert!(tokio::time::timeout(Duration::from_millis(30), provider.access("ada")).await.is_err());
    let access = provider.access("ada").await.unwrap().unwrap();
    assert_eq!((access.token().expose(), world.count("/token")), ("T1", 2));
}

#[tokio::test]
async fn what_is_kept_outlives_the_provider() {
    let folder = std::env::temp_dir().join(format!("turbomcp-login-{}", crate::random::text()));
    let world = rotating().await;
    let provider = world.provider(notes()).store(FileStore::new(&folder)).build().await.unwrap();
    logged_in(&world, &provider, LoginRequest::default().user("ada")).await;
    drop(provider);
    let provider = world.provider(notes()).store(FileStore::new(&folder)).build().await.unwrap();
    assert_eq!(provider.access("ada").await.unwrap().unwrap().token().expose(), "T1");
    // They are of no use to another client, nor by another name of the provider.
    let config = OAuth2Config { client_id: "other".into(), ..notes() };
    let other = world.provider(config).store(FileStore::new(&folder)).build().await.unwrap();
    assert!(other.access("ada").await.unwrap().is_none());
    let kind = ProviderType::Oidc(world.base.clone());
    let other = OAuth2Provider::builder("world ada", notes(), kind).store(FileStore::new(&folder));
    assert!(other.build().await.unwrap().access("").await.unwrap().is_none());
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test]
async fn a_user_whose_tokens_are_over_logs_in_again() {
    let world = World::start(|_, seen| {
        let token = json!({"access_token": "T", "expires_in": 5, "refresh_token": "R"});
        (seen.path == "/token").then(|| match seen.form.get("refresh_token") {
            None => ok(&token),
            Some(_) => failed(&json!({"error": "invalid_grant"})),
        })?
    })
    .await;
    let provider = world.provider(notes()).build().await.unwrap();
    logged_in(&world, &provider, LoginRequest::default().user("ada")).await;
    assert!(provider.access("ada").await.unwrap().is_none());
    assert!(provider.access("ada").await.unwrap().is_none());
    assert_eq!(world.count("/token"), 2, "what is refused is not tried again");
    // Without a way to refresh them, they are used to their end and no longer.
    let world =
        World::start(|_, seen| (seen.path == "/token").then(|| ok(&json!({"access_token": "T", "expires_in": 1})))?)
            .await;
    let provider = world.provider(notes()).build().await.unwrap();
    logged_in(&world, &provider, LoginRequest::default().user("ada")).await;
    tokio::time::sleep(Duration::from_millis(1100)).await;
    assert!(provider.access("ada").await.unwrap().is_none());
    assert_eq!(world.count("/token"), 1);
}

#[tokio::test]
async fn a_provider_that_is_away_for_a_moment_is_no_logout() {
    let world = World::start(|_, seen| {
        let token = json!({"access_token": "T", "expires_in": 20, "refresh_token": "R"});
        (seen.path == "/token").then(|| match seen.form.get("refresh_token") {
            None => ok(&token),
            Some(_) => Some(("503 Service Unavailable".into(), String::new())),
        })?
    })
    .await;
    let provider = world.provider(notes()).build().await.unwrap();
    logged_in(&world, &provider, LoginRequest::default().user("ada")).await;
    for _ in 0..2 {
        assert_eq!(provider.access("ada").await.unwrap().unwrap().token().expose(), "T", "it is still good");
    }
    assert_eq!(world.count("/token"), 3);
}

#[tokio::test]
async fn a_logout_gives_tokens_back() {
    let world = rotating().await;
    let provider = world.provider(notes()).build().await.unwrap();
    assert_eq!(provider.logout("ada").await.unwrap(), Revocation::NothingKept);
    logged_in(&world, &provider, LoginRequest::default().user("ada")).await;
    assert_eq!(provider.logout("ada").await.unwrap(), Revocation::Revoked);
    let revoked = world.requests("/revoke");
    let what: Vec<_> = revoked.iter().map(|seen| (&*seen.form["token"], &*seen.form["token_type_hint"])).collect();
    assert_eq!(what, [("R0", "refresh_token"), ("T0", "access_token")]);
    assert_eq!(revoked[0].headers["authorization"], "Basic bm90ZXM6czNjcmV0");
    assert!(provider.access("ada").await.unwrap().is_none());

    let world = World::start(|_, _| None).await;
    let provider = world.provider(notes()).build().await.unwrap();
    logged_in(&world, &provider, LoginRequest::default().user("ada")).await;
    assert_eq!(provider.logout("ada").await.unwrap(), Revocation::NotOffered);
    // Whatever the provider says, they are forgotten here.
    let config = OAuth2Config { revocation_url: format!("{}/gone", world.base), ..notes() };
    let provider = world.provider(config).build().await.unwrap();
    logged_in(&world, &provider, LoginRequest::default().user("ada")).await;
    assert!(provider.logout("ada").await.is_err());
    assert!(provider.access("ada").await.unwrap().is_none());
}

#[tokio::test]
async fn f98_users_are_kept_as_long_as_there_is_room() {
    let world = World::start(|_, _| None).await;
    let store = ExpiringStore::new(1, Duration::from_secs(60));
    let provider = world.provider(notes()).store(store).build().await.unwrap();
    logged_in(&world, &provider, LoginRequest::default().user("ada")).await;
    logged_in(&world, &provider, LoginRequest::default().user("bob")).await;
    assert!(provider.access("ada").await.unwrap().is_none());
    assert!(provider.access("bob").await.unwrap().is_some());
}

/// Cannot keep anything.
struct Full;

impl TokenStore for Full {
    async fn load(&self, _: &str) -> Result<Option<Secret>, BoxError> {
        Ok(None)
    }

    async fn save(&self, _: &str, _: Secret) -> Result<(), BoxError> {
        Err("the disk is full".into())
    }

    async fn remove(&self, _: &str) -> Result<(), BoxError> {
        Err("the disk is full".into())
    }
}

#[tokio::test]
async fn a_login_that_cannot_be_kept_is_none() {
    let world = World::start(|_, _| None).await;
    let provider = world.provider(notes()).store(Full).build().await.unwrap();
    let (callback, headers) = back(&provider.start(LoginRequest::default()).await.unwrap(), &agreed(&world));
    assert!(provider.finish(&callback, &headers).await.unwrap_err().is_store());
    assert!(provider.logout("ada").await.unwrap_err().is_store());
}
