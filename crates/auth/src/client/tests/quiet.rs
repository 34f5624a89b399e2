//! What is secret shows up nowhere.

use std::fmt::Debug;
use std::sync::atomic::{AtomicU64, Ordering};

use tracing::field::{Field, Visit as FieldVisit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata};

use super::*;

/// Keeps the text of whatever is logged.
#[derive(Clone, Default)]
struct Log {
    text: Arc<Mutex<String>>,
    spans: Arc<AtomicU64>,
}

impl tracing::Subscriber for Log {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        span.record(&mut self.clone());
        Id::from_u64(self.spans.fetch_add(1, Ordering::Relaxed) + 1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        values.record(&mut self.clone());
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        event.record(&mut self.clone());
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

impl FieldVisit for Log {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        lock(&self.text).push_str(&format!("{field}={value:?}\n"));
    }
}

/// Holds AUTHEMA-08, AUTHCC-07.
#[tokio::test]
async fn secrets_are_in_no_log_and_no_url() {
    const SECRETS: [&str; 6] = ["ID-TOKEN", "THE-JAG", "ACCESS-1", "REFRESH-1", "CLIENT-SECRET", "IDP-SECRET"];
    let log = Log::default();
    let guard = tracing::subscriber::set_default(log.clone());
    let world = World::start(|_, seen| match seen.path.as_str() {
        "/idp" => ok(&json!({
            "access_token": "THE-JAG", "token_type": "N_A",
            "issued_token_type": "urn:ietf:params:oauth:token-type:id-jag",
        })),
        "/token" if seen.form["grant_type"] == "refresh_token" => failed(&json!({"error": "invalid_grant"})),
        "/token" => ok(&json!({
            "access_token": "ACCESS-1", "token_type": "Bearer", "expires_in": 0, "refresh_token": "REFRESH-1",
        })),
        _ => None,
    })
    .await;
    let at_provider = PreRegistered::new("at-idp").secret("IDP-SECRET");
    let token = || async { Ok(Secret::new("ID-TOKEN")) };
    let provider = IdentityProvider::new(format!("{}/idp", world.base), at_provider, token);
    let client = PreRegistered::new("at-as").secret("CLIENT-SECRET");
    let oauth = world.builder().client(client).enterprise_managed(provider).build().unwrap();
    oauth.login().await.unwrap();
    // The tokens are over, and refreshing them fails, which is logged.
    assert_eq!(authorization(&oauth, &world.url()).await, None);
    drop(guard);
    assert_eq!(world.count("/token"), 2);
    let logged = lock(&log.text).clone();
    assert!(logged.contains("could not be refreshed"), "{logged}");
    for secret in SECRETS {
        assert!(!logged.contains(secret), "{secret} in {logged}");
        for Seen { path, query, .. } in &*lock(&world.seen) {
            assert!(!path.contains(secret) && !format!("{query:?}").contains(secret), "{secret} at {path}");
        }
    }
}
