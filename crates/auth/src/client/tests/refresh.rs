//! How tokens are kept fresh, and kept.

use std::sync::atomic::Ordering::SeqCst;
use std::sync::atomic::{AtomicBool, AtomicUsize};

use super::*;

/// Gives out tokens that are over at once, and refuses to refresh them with this error, if there is one.
async fn world_of_short_tokens(error: Option<&'static str>) -> Arc<World> {
    World::start(move |_, seen| {
        let is_refresh = seen.path == "/token" && seen.form["grant_type"] == "refresh_token";
        match error {
            _ if seen.path != "/token" => None,
            Some(error) if is_refresh => failed(&json!({"error": error})),
            _ if is_refresh => ok(&json!({"access_token": "fresh", "token_type": "Bearer", "expires_in": 3600})),
            _ => ok(&json!({
                "access_token": "old", "token_type": "Bearer", "expires_in": 0, "refresh_token": "R",
            })),
        }
    })
    .await
}

#[tokio::test]
async fn concurrent_requests_share_one_refresh() {
    let world = world_of_short_tokens(None).await;
    let oauth = world.builder().build().unwrap();
    oauth.login().await.unwrap();
    let mut requests = JoinSet::new();
    for _ in 0..20 {
        let (oauth, url) = (oauth.clone(), world.url());
        requests.spawn(async move { authorization(&oauth, &url).await });
    }
    while let Some(found) = requests.join_next().await {
        assert_eq!(found.unwrap().as_deref(), Some("Bearer fresh"));
    }
    let refreshes = world.requests("/token").split_off(1);
    assert_eq!(refreshes.len(), 1);
    assert_eq!(refreshes[0].form["refresh_token"], "R");
    assert_eq!(refreshes[0].form["resource"], world.url());
}

#[tokio::test]
async fn a_refresh_that_fails_ends_in_a_new_authorization() {
    let world = world_of_short_tokens(Some("invalid_grant")).await;
    let oauth = world.builder().build().unwrap();
    oauth.login().await.unwrap();
    assert_eq!(authorization(&oauth, &world.url()).await, None, "an expired token is not sent");
    assert_eq!(world.count("/authorize"), 1);
    assert_eq!(refused(&oauth, &world.url(), 401, "Bearer", 0).await.unwrap(), Next::Retry);
    assert_eq!(world.count("/authorize"), 2);
    let refreshes = world.requests("/token");
    let refreshes = refreshes.iter().filter(|seen| seen.form["grant_type"] == "refresh_token").count();
    assert_eq!(refreshes, 1, "a refused refresh token is not tried again");
}

#[tokio::test]
async fn a_refresh_goes_on_when_nobody_waits_for_it() {
    let world = world_of_short_tokens(None).await;
    let oauth = world.builder().build().unwrap();
    oauth.login().await.unwrap();
    let url = world.url();
    let (requesting, to) = (oauth.clone(), world.url());
    let request = tokio::spawn(async move { authorization(&requesting, &to).await });
    while world.count("/token") < 2 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    request.abort();
    assert!(request.await.unwrap_err().is_cancelled());
    assert_eq!(authorization(&oauth, &url).await.as_deref(), Some("Bearer fresh"));
    assert_eq!(world.count("/token"), 2);
}

#[tokio::test]
async fn a_refusal_is_met_by_a_refresh_first_and_tokens_are_kept() {
    let world = World::start(|_, _| None).await;
    let store = Arc::new(MemoryStore::default());
    let oauth = world.builder().store(Shared(store.clone())).build().unwrap();
    oauth.login().await.unwrap();
    let again = world.builder().store(Shared(store)).build().unwrap();
    assert_eq!(authorization(&again, &world.url()).await.as_deref(), Some("Bearer T1"));
    assert_eq!(refused(&again, &world.url(), 401, "Bearer error=invalid_token", 0).await.unwrap(), Next::Retry);
    assert_eq!(authorization(&again, &world.url()).await.as_deref(), Some("Bearer T2"));
    assert_eq!((world.count("/authorize"), world.count("/register")), (1, 1));
    again.logout().await.unwrap();
    assert_eq!(authorization(&again, &world.url()).await, None);
    again.login().await.unwrap();
    assert_eq!((world.count("/authorize"), world.count("/register")), (2, 1), "the registration is kept");
}

struct Shared(Arc<MemoryStore>);

impl TokenStore for Shared {
    async fn load(&self, name: &str) -> Result<Option<Secret>, BoxError> {
        TokenStore::load(&*self.0, name).await
    }

    async fn save(&self, name: &str, secret: Secret) -> Result<(), BoxError> {
        TokenStore::save(&*self.0, name, secret).await
    }

    async fn remove(&self, name: &str) -> Result<(), BoxError> {
        TokenStore::remove(&*self.0, name).await
    }
}

#[tokio::test]
async fn a_refusal_of_old_credentials_is_met_by_the_new_ones() {
    let world = World::start(|_, _| None).await;
    let oauth = world.builder().build().unwrap();
    oauth.login().await.unwrap();
    let next = refused_with(&oauth, &world.url(), &Credentials::none(), 401, "Bearer", 0).await.unwrap();
    assert_eq!((next, world.count("/authorize")), (Next::Retry, 1));
}

#[tokio::test]
async fn a_refresh_that_may_succeed_later_costs_no_authorization() {
    let is_busy = Arc::new(AtomicBool::new(true));
    for busy in [
        failed(&json!({"error": "temporarily_unavailable"})),
        Some(("429 Too Many Requests".into(), String::new())),
        Some(("503 Service Unavailable".into(), "<html>".into())),
    ] {
        is_busy.store(true, SeqCst);
        let busy_now = is_busy.clone();
        let world = World::start(move |_, seen| {
            let is_refresh = seen.form.get("grant_type").is_some_and(|grant| grant == "refresh_token");
            (is_refresh && busy_now.load(SeqCst)).then(|| busy.clone())?
        })
        .await;
        let oauth = world.builder().build().unwrap();
        oauth.login().await.unwrap();
        oauth.answered(Head::new(&Method::POST, &world.url()), &HeaderMap::new());
        let error = refused(&oauth, &world.url(), 401, "Bearer", 0).await.unwrap_err();
        assert_eq!(world.count("/authorize"), 1, "{error}");
        is_busy.store(false, SeqCst);
        assert_eq!(refused(&oauth, &world.url(), 401, "Bearer", 0).await.unwrap(), Next::Retry);
        assert_eq!(world.count("/authorize"), 1, "the refresh token is still there");
    }
}

#[tokio::test]
async fn what_another_process_has_got_is_used() {
    // Refresh tokens are of use once here, and the end of everything if they are used twice.
    let used = Mutex::new(std::collections::HashSet::new());
    let count = AtomicUsize::new(0);
    let world = World::start(move |_, seen| {
        if seen.path != "/token" {
            return None;
        }
        if seen.form["grant_type"] == "refresh_token" && !lock(&used).insert(seen.form["refresh_token"].clone()) {
            return failed(&json!({"error": "invalid_grant"}));
        }
        let count = count.fetch_add(1, SeqCst);
        ok(&json!({
            "access_token": format!("T{count}"), "token_type": "Bearer", "expires_in": 3600,
            "refresh_token": format!("R{count}"),
        }))
    })
    .await;
    let store = Arc::new(MemoryStore::default());
    let clients = [(); 2].map(|()| world.builder().store(Shared(store.clone())).build().unwrap());
    clients[0].login().await.unwrap();
    let url = world.url();
    assert_eq!(authorization(&clients[1], &url).await.as_deref(), Some("Bearer T0"));
    assert_eq!(refused(&clients[0], &url, 401, "Bearer", 0).await.unwrap(), Next::Retry);
    assert_eq!(refused(&clients[1], &url, 401, "Bearer", 0).await.unwrap(), Next::Retry);
    for client in &clients {
        assert_eq!(authorization(client, &url).await.as_deref(), Some("Bearer T1"));
    }
    assert_eq!(world.count("/authorize"), 1, "the user was asked once");
}

#[tokio::test]
async fn tokens_that_could_not_be_kept_are_not_replaced_by_older_ones() {
    let world = World::start(|_, _| None).await;
    let store = Arc::new(Disk::default());
    let oauth = world.builder().store(OnDisk(store.clone())).build().unwrap();
    oauth.login().await.unwrap();
    oauth.answered(Head::new(&Method::POST, &world.url()), &HeaderMap::new());
    store.is_read_only.store(true, SeqCst);
    for token in ["Bearer T2", "Bearer T3"] {
        assert_eq!(refused(&oauth, &world.url(), 401, "Bearer", 0).await.unwrap(), Next::Retry);
        assert_eq!(authorization(&oauth, &world.url()).await.as_deref(), Some(token));
    }
}

#[derive(Default)]
struct Disk {
    secrets: MemoryStore,
    is_read_only: AtomicBool,
}

struct OnDisk(Arc<Disk>);

impl TokenStore for OnDisk {
    async fn load(&self, name: &str) -> Result<Option<Secret>, BoxError> {
        TokenStore::load(&self.0.secrets, name).await
    }

    async fn save(&self, name: &str, secret: Secret) -> Result<(), BoxError> {
        if self.0.is_read_only.load(SeqCst) {
            return Err("the disk is full".into());
        }
        TokenStore::save(&self.0.secrets, name, secret).await
    }

    async fn remove(&self, name: &str) -> Result<(), BoxError> {
        TokenStore::remove(&self.0.secrets, name).await
    }
}
