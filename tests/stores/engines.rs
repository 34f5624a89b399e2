//! The connections: they come back, they give up in time, and they give nothing away.

use std::time::{Duration, Instant};

use turbomcp::health::{HealthCheck, HealthStatus, checks};
use turbomcp::store::{Postgres, Redis, StoreError};
use turbomcp_tests::engines;

/// Returns everything that an error says, down to its first cause.
pub fn chain(error: &StoreError) -> String {
    let mut text = format!("{error} {error:?}");
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        text.push_str(&format!(" {error} {error:?}"));
        source = error.source();
    }
    text
}

#[track_caller]
pub fn gives_nothing_away(text: &str) {
    assert!(!text.contains("s3cret"), "{text}");
}

#[tokio::test]
async fn redis_comes_back_after_it_was_cut_off_killed_and_started_again() {
    let mut engine = engines::Redis::start();
    let redis = Redis::connect(&engine.url()).await.unwrap();
    gives_nothing_away(&format!("{redis:?}"));
    for _ in 0..3 {
        engine.cut();
        redis.ping().await.unwrap();
    }
    engine.kill();
    let started = Instant::now();
    let error = redis.ping().await.unwrap_err();
    assert!(error.is_unavailable() && started.elapsed() < Duration::from_secs(20), "{error:?}");
    gives_nothing_away(&chain(&error));
    engine.start_again();
    redis.ping().await.unwrap();
    engine.stop();
    engine.start_again();
    redis.ping().await.unwrap();
}

#[tokio::test]
async fn postgres_comes_back_after_it_was_cut_off_killed_and_started_again() {
    let mut engine = engines::Postgres::start();
    let postgres = Postgres::connect(&engine.url()).await.unwrap();
    gives_nothing_away(&format!("{postgres:?}"));
    for _ in 0..3 {
        engine.cut();
        postgres.ping().await.unwrap();
    }
    engine.kill();
    let started = Instant::now();
    let error = postgres.ping().await.unwrap_err();
    assert!(error.is_unavailable() && started.elapsed() < Duration::from_secs(20), "{error:?}");
    gives_nothing_away(&chain(&error));
    engine.start_again();
    postgres.ping().await.unwrap();
    engine.stop();
    engine.start_again();
    postgres.ping().await.unwrap();
}

#[tokio::test]
async fn f112_an_engine_that_is_gone_is_not_well() {
    let (mut redis, mut postgres) = (engines::Redis::start(), engines::Postgres::start());
    let checks = [
        checks::redis(&Redis::connect(&redis.url()).await.unwrap()),
        checks::postgres(&Postgres::connect(&postgres.url()).await.unwrap()),
    ];
    for check in &checks {
        assert_eq!(check.check().await, HealthStatus::Healthy, "{}", check.name());
    }
    redis.kill();
    postgres.kill();
    for check in &checks {
        let status = check.check().await;
        assert!(!status.is_healthy(), "{}: {status:?}", check.name());
        gives_nothing_away(&format!("{status:?}"));
    }
}

#[tokio::test]
async fn postgres_is_asked_on_a_bounded_number_of_connections() {
    let engine = engines::Postgres::shared();
    let url = engine.url();
    let name = url.rsplit('/').next().unwrap();
    let postgres = Postgres::connect(&url).await.unwrap();
    let asking: Vec<_> = (0..200)
        .map(|_| {
            let postgres = postgres.clone();
            tokio::spawn(async move { postgres.ping().await })
        })
        .collect();
    for answer in asking {
        answer.await.unwrap().unwrap();
    }
    let count = format!("SELECT count(*) FROM pg_stat_activity WHERE datname = '{name}'");
    let count: usize = engine.statement("postgres", &count).parse().unwrap();
    assert!((1..=8).contains(&count), "{count}");
}

#[tokio::test]
async fn what_cannot_be_connected_to_is_refused_at_once_and_without_the_password() {
    let (redis, postgres) = (engines::Redis::shared().url(), engines::Postgres::shared().url());
    for url in [
        "http://:s3cret@127.0.0.1",
        "redis://:s3cret@127.0.0.1:port",
        "redis://:s3cret@127.0.0.1/database",
        "rediss://:s3cret@127.0.0.1#insecure",
    ] {
        let error = Redis::connect(url).await.unwrap_err();
        assert!(error.is_configuration(), "{url}: {error:?}");
        gives_nothing_away(&chain(&error));
    }
    let error = Postgres::connect(&format!("{postgres}?sslmode=prefer")).await.unwrap_err();
    assert!(error.is_configuration(), "{error:?}");
    gives_nothing_away(&chain(&error));
    for (url, wrong) in [(&redis, "s3cret%2F%25"), (&postgres, "s3cret%2F%25")] {
        let url = url.replace(wrong, "s3cret-of-another");
        let error = match url.starts_with("redis") {
            true => Redis::connect(&url).await.unwrap_err(),
            false => Postgres::connect(&url).await.unwrap_err(),
        };
        assert!(error.is_unavailable(), "{error:?}");
        gives_nothing_away(&chain(&error));
    }
    // Nobody listens on the first port.
    assert!(Redis::connect("redis://127.0.0.1:1").await.unwrap_err().is_unavailable());
    assert!(Postgres::connect("postgres://mcp@127.0.0.1:1/notes").await.unwrap_err().is_unavailable());
}
