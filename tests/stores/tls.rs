//! The engines over TLS, with certificates of authorities that exist for the length of a test.

use serde_json::json;
use turbomcp::bus::{Bus, Heard, PostgresBus, RedisBus};
use turbomcp::sessions::{PostgresSessions, RedisSessions};
use turbomcp::settings::Settings;
use turbomcp::store::{Postgres, Redis, StoreError};
use turbomcp::tasks::{PostgresTasks, RedisTasks};
use turbomcp::transport::tls::TlsVersion;
use turbomcp_tests::{Http, PATIENCE, engines};

use super::authority::{Authority, Certified};
use super::engines::{chain, gives_nothing_away};
use super::examples::{Program, called};
use super::{suite, tasks};

/// Where the engines are; a certificate for it is for no name.
const ADDRESS: &str = "127.0.0.1";

/// The same by a name that they have no certificate for.
fn by_name(url: &str) -> String {
    url.replace(ADDRESS, "localhost")
}

fn showing(certified: &Certified, authority: &Authority) -> engines::Secured {
    let Certified { certificate, key, .. } = certified;
    engines::Secured { certificate: certificate.clone(), key: key.clone(), authority: authority.path(), client: None }
}

/// What the engine shows, to clients that have to show something themselves.
fn asking(certified: &Certified, authority: &Authority, client: &Certified) -> engines::Secured {
    let client = Some((client.certificate.clone(), client.key.clone()));
    engines::Secured { client, ..showing(certified, authority) }
}

/// Makes sure that somebody was refused, that it is said why, and nothing of the password.
#[track_caller]
fn refused<T: std::fmt::Debug>(outcome: Result<T, StoreError>, why: &str) {
    let error = outcome.unwrap_err();
    assert!(error.is_unavailable() && error.to_string().contains(why), "{}", chain(&error));
    gives_nothing_away(&chain(&error));
}

async fn is_heard(bus: &dyn Bus, by: &dyn Bus) {
    let mut subscription = by.subscribe().await.unwrap();
    bus.publish("a message").await.unwrap();
    let heard = tokio::time::timeout(PATIENCE, subscription.next()).await.expect("in time").unwrap();
    assert!(matches!(&heard, Heard::Message(text) if text == "a message"), "{heard:?}");
}

#[tokio::test]
async fn everything_is_kept_in_redis_over_tls() {
    let authority = Authority::new();
    let engine = engines::Redis::start_over_tls(showing(&authority.server(ADDRESS), &authority));
    let url = engine.url();
    let redis = Redis::connect_with_tls(&url, &authority.trusted()).await.unwrap();
    suite::a_session_is_found_as_it_was_written(RedisSessions::new(redis.clone())).await;
    tasks::a_task_is_found_as_it_was_written(&RedisTasks::new(redis.clone())).await;
    let other = RedisBus::new(Redis::connect_with_tls(&url, &authority.trusted()).await.unwrap());
    is_heard(&RedisBus::new(redis.clone()), &other).await;
    // What is opened again is no less secure than what was opened first.
    engine.cut();
    redis.ping().await.unwrap();
    is_heard(&RedisBus::new(redis), &other).await;
    assert!(Redis::connect(&url.replace("rediss:", "redis:")).await.unwrap_err().is_unavailable());
}

#[tokio::test]
async fn everything_is_kept_in_postgres_over_tls() {
    let authority = Authority::new();
    let engine = engines::Postgres::start_over_tls(showing(&authority.server(ADDRESS), &authority));
    let plain = engine.url();
    // The client would say so if what its login is bound to were not what the server has.
    let url = format!("{plain}?sslmode=verify-full&channel_binding=require");
    let postgres = Postgres::connect_with_tls(&url, &authority.trusted()).await.unwrap();
    suite::a_session_is_found_as_it_was_written(PostgresSessions::new(postgres.clone()).await.unwrap()).await;
    tasks::a_task_is_found_as_it_was_written(&PostgresTasks::new(postgres.clone()).await.unwrap()).await;
    let other = PostgresBus::new(Postgres::connect_with_tls(&plain, &authority.trusted()).await.unwrap());
    is_heard(&PostgresBus::new(postgres.clone()), &other).await;
    engine.cut();
    postgres.ping().await.unwrap();
    is_heard(&PostgresBus::new(postgres), &other).await;
    let authorities = authority.path();
    let program = Program::start_with("postgres_sessions", &[&url, authorities.to_str().unwrap()]).await;
    let mut client = Http::at(program.address);
    client.initialize("2025-11-25", json!({})).await;
    assert_eq!(called(&client, "greet").await, "Hello, test!");
    let kinds = "SELECT DISTINCT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
        WHERE application_name = 'turbomcp'";
    assert_eq!(engine.statement("postgres", kinds), "t");
    for url in [plain.clone(), format!("{plain}?sslmode=disable")] {
        let error = Postgres::connect(&url).await.unwrap_err();
        assert!(error.is_unavailable() && chain(&error).contains("no encryption"), "{}", chain(&error));
    }
}

#[tokio::test]
async fn redis_that_is_not_who_it_has_to_be_is_refused() {
    let (authority, other) = (Authority::new(), Authority::new());
    let mut engine = engines::Redis::start_over_tls(showing(&authority.server(ADDRESS), &authority));
    let url = engine.url();
    refused(Redis::connect(&url).await, "no authority that is known");
    refused(Redis::connect_with_tls(&url, &other.trusted()).await, "no authority that is known");
    refused(Redis::connect_with_tls(&by_name(&url), &authority.trusted()).await, "for another host");
    let redis = Redis::connect_with_tls(&url, &authority.trusted()).await.unwrap();
    engine.command(&["CONFIG", "SET", "tls-protocols", "TLSv1.2"]);
    refused(Redis::connect_with_tls(&url, &authority.trusted()).await, "no version of TLS");
    let older = authority.trusted().with_min_version(TlsVersion::V1_2);
    Redis::connect_with_tls(&url, &older).await.unwrap().ping().await.unwrap();
    // Also one that has been who it had to be.
    engine.stop();
    engine.secured = Some(showing(&authority.expired(ADDRESS), &authority));
    engine.start_again();
    refused(redis.ping().await, "has expired");
    refused(Redis::connect_with_tls(&url, &authority.trusted()).await, "has expired");
    let plain = engines::Redis::shared().url().replace("redis:", "rediss:");
    refused(Redis::connect_with_tls(&plain, &authority.trusted()).await, "does not answer in TLS");
}

#[tokio::test]
async fn postgres_that_is_not_who_it_has_to_be_is_refused() {
    let (authority, other) = (Authority::new(), Authority::new());
    let mut engine = engines::Postgres::start_over_tls(showing(&authority.server(ADDRESS), &authority));
    let url = engine.url() + "?sslmode=require";
    refused(Postgres::connect(&url).await, "no authority that is known");
    refused(Postgres::connect_with_tls(&url, &other.trusted()).await, "no authority that is known");
    refused(Postgres::connect_with_tls(&by_name(&url), &authority.trusted()).await, "for another host");
    let postgres = Postgres::connect_with_tls(&url, &authority.trusted()).await.unwrap();
    engine.stop();
    engine.secured = Some(showing(&authority.expired(ADDRESS), &authority));
    engine.start_again();
    refused(postgres.ping().await, "has expired");
    refused(PostgresBus::new(postgres).subscribe().await.map(drop).map_err(unboxed), "has expired");
    // One that speaks no TLS is not spoken to without.
    let plain = engines::Postgres::shared().url();
    refused(Postgres::connect(&format!("{plain}?sslmode=require")).await, "refuses TLS");
    refused(Postgres::connect_with_tls(&plain, &authority.trusted()).await, "refuses TLS");
}

fn unboxed(error: Box<dyn std::error::Error + Send + Sync>) -> StoreError {
    *error.downcast::<StoreError>().unwrap()
}

#[tokio::test]
async fn redis_is_shown_a_certificate_if_it_asks_for_one() {
    let (authority, other) = (Authority::new(), Authority::new());
    let (server, client) = (authority.server(ADDRESS), authority.client());
    let engine = engines::Redis::start_over_tls(asking(&server, &authority, &client));
    let url = engine.url();
    refused(Redis::connect_with_tls(&url, &authority.trusted()).await, "or that there was none");
    let stranger = other.client().config().with_ca_bundle(authority.path());
    refused(Redis::connect_with_tls(&url, &stranger).await, "refuses the certificate");
    let known = client.config().with_ca_bundle(authority.path());
    Redis::connect_with_tls(&url, &known).await.unwrap().ping().await.unwrap();
}

#[tokio::test]
async fn postgres_is_shown_a_certificate_if_it_asks_for_one() {
    let authority = Authority::new();
    let (server, client) = (authority.server(ADDRESS), authority.client());
    let engine = engines::Postgres::start_over_tls(asking(&server, &authority, &client));
    let url = engine.url();
    let error = Postgres::connect_with_tls(&url, &authority.trusted()).await.unwrap_err();
    assert!(error.is_unavailable() && chain(&error).contains("valid client certificate"), "{}", chain(&error));
    gives_nothing_away(&chain(&error));
    let known = client.config().with_ca_bundle(authority.path());
    Postgres::connect_with_tls(&url, &known).await.unwrap().ping().await.unwrap();
    // By what files say.
    let paths = [authority.path(), client.certificate.clone(), client.key.clone()].map(|path| format!("{path:?}"));
    let [ca, certificate, key] = paths;
    let text =
        format!("[store_tls]\nca_bundle = {ca}\ncertificate = {certificate}\nkey = {key}\nmin_version = \"1.2\"");
    let settings = Settings::from_file(authority.folder.write("server.toml", text)).unwrap();
    let postgres = Postgres::connect_with_tls(&url, &settings.store_tls().unwrap()).await.unwrap();
    postgres.ping().await.unwrap();
    assert!(Settings::default().store_tls().is_none());
}
