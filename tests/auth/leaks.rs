//! Neither answers nor logs hold a secret, or say what tenant somebody belongs to.

use std::fmt::{Debug, Write as _};
use std::sync::{Arc, Mutex};

use serde_json::json;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};
use turbomcp::auth::server::{ApiKey, ApiKeyConfig, DpopConfig, Holder, IntrospectionConfig};
use turbomcp_tests::client::initialize_params;
use turbomcp_tests::{Request, websocket};

use crate::issuer::{Issuer, RESOURCE};
use crate::keys::{Key, now, sha256};
use crate::site::{WEBSOCKET, auth, bearer, call, open, who};

/// Keeps the text of whatever is logged on this thread.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<String>>);

impl Subscriber for Log {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        span.record(&mut self.clone());
        Id::from_u64(1)
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

impl Visit for Log {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let _ = writeln!(self.0.lock().unwrap(), "{field}={value:?}");
    }
}

/// Holds AUTHS-14.
#[tokio::test]
async fn no_secret_and_no_tenant_is_in_an_answer_or_in_a_log() {
    const TENANT: &str = "tenant-nobody-may-read";
    const CLIENT_SECRET: &str = "secret-of-the-client";
    let log = Log::default();
    // With a second one, whether anybody listens is not decided by the thread of whichever test gets somewhere first.
    let _second = tracing::Dispatch::new(Log::default());
    let _guard = tracing::subscriber::set_default(log.clone());
    let issuer = Issuer::start().await;
    let (key, entry) = ApiKey::generate("mcp", Holder::new("job").tenant(TENANT).scopes(["notes.read"]));
    let random = key.expose()[21..].to_owned();
    let asked = IntrospectionConfig::new(format!("{}/introspect", issuer.url), "notes", CLIENT_SECRET)
        .issuer("https://id.example")
        .audience(RESOURCE);
    let manager = auth(&issuer).introspection(asked).api_keys(ApiKeyConfig::default().key(entry));
    let manager = manager.dpop(DpopConfig::default()).build().unwrap();
    let site = open(manager.clone()).await;
    issuer.know("opaque-token-of-eve", json!({"active": true, "sub": "eve", "aud": "x", "org": TENANT}));
    let holder = Key::p256("holder");
    let good = issuer.key.token(&issuer.but(json!({"org": TENANT})));
    let bound = issuer.key.token(&issuer.but(json!({"org": TENANT, "cnf": {"jkt": holder.thumbprint()}})));
    let late = issuer.key.token(&issuer.but(json!({"org": TENANT, "exp": 1})));
    let narrow = issuer.key.token(&issuer.but(json!({"org": TENANT, "scope": "x"})));
    let strange = Key::p256("k1").token(&issuer.but(json!({"org": TENANT})));
    let claims = json!({"jti": "1", "htm": "PUT", "htu": RESOURCE, "iat": now(), "ath": sha256(&bound)});
    let proof = holder.sign(&json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": holder.jwk()}), &claims.to_string());
    let mut answers = String::new();
    let mut requests = vec![
        bearer(&good),
        Request::modern(&call("write")).header("Authorization", format!("Bearer {good}")),
        bearer(&late),
        bearer(&narrow),
        bearer(&strange),
        bearer(&bound),
        bearer(&format!("{good}x")),
        bearer("opaque-token-of-eve"),
        who().header("Authorization", format!("DPoP {bound}")).header("DPoP", &proof),
        who().header("X-API-Key", key.expose()),
        who().header("X-API-Key", format!("{}0", key.expose())),
        who().path(&format!("/mcp?access_token={good}")),
    ];
    let upgrade = websocket::UPGRADE
        .iter()
        .fold(Request::get().path(WEBSOCKET), |request, (name, value)| request.header(name, value));
    requests.push(upgrade.clone().header("Authorization", format!("Bearer {late}")));
    requests.push(upgrade.header("Authorization", format!("Bearer {good}")).without("Accept"));
    let params = initialize_params("2025-11-25", json!({}));
    let initialize = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params});
    requests.push(Request::post(&initialize).header("Authorization", format!("Bearer {good}")));
    for (number, request) in requests.into_iter().enumerate() {
        let mut reply = site.client().send(request).await;
        let _ = writeln!(answers, "{:?}", reply.headers);
        // What `who` tells is what it was asked for; it is the only one that may.
        if reply.header("content-type").is_some() {
            let text = reply.text().await;
            if reply.status != 200 {
                let _ = writeln!(answers, "{text}");
            }
        }
        assert!(number > 0 || reply.status == 200);
    }
    manager.revoke(&good);
    let _ = writeln!(answers, "{:?}", site.client().send(bearer(&good)).await.headers);
    let logged = log.0.lock().unwrap().clone();
    assert!(
        logged.contains("a token is refused") || logged.contains("the token has expired"),
        "the log is listened to"
    );
    let shown = format!("{manager:?}");
    let signature = |token: &str| token.rsplit_once('.').unwrap().1.to_owned();
    let mut secrets = vec![TENANT.to_owned(), CLIENT_SECRET.to_owned(), random, "opaque-token-of-eve".to_owned()];
    secrets.extend([&good, &bound, &late, &narrow, &strange, &proof].map(|token| signature(token)));
    secrets.extend([&good, &bound].map(|token| token.split('.').nth(1).unwrap().to_owned()));
    for secret in secrets {
        assert!(!logged.contains(&secret), "{secret} is in the log:\n{logged}");
        assert!(!answers.contains(&secret), "{secret} is in an answer:\n{answers}");
        assert!(!shown.contains(&secret), "{secret} is shown");
    }
}
