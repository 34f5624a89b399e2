//! Proofs of possession that replicas note together in Redis.

use std::time::Duration;

use turbomcp::store::{Redis, RedisProofs};
use turbomcp::transport::proofs::{ProofStore, SharedProofs};
use turbomcp_tests::engines;

const LONG: Duration = Duration::from_secs(600);

async fn replica(url: &str) -> SharedProofs {
    SharedProofs::new(RedisProofs::new(Redis::connect(url).await.unwrap()))
}

#[tokio::test]
async fn a_proof_that_was_used_at_one_replica_was_used_at_all() {
    let mut engine = engines::Redis::start();
    let url = engine.url();
    let (a, b) = (replica(&url).await, replica(&url).await);
    assert!(a.note("one", LONG).await.unwrap());
    for who in [&a, &b] {
        assert!(!who.note("one", LONG).await.unwrap());
    }
    assert!(b.note("two", LONG).await.unwrap() && !a.note("two", LONG).await.unwrap());
    // Of many at once, one has used it.
    let noting: Vec<_> = (0..20)
        .map(|number| {
            let who = if number % 2 == 0 { a.clone() } else { b.clone() };
            tokio::spawn(async move { who.note("crowd", LONG).await.unwrap() })
        })
        .collect();
    let mut used = 0;
    for noted in noting {
        used += usize::from(noted.await.unwrap());
    }
    assert_eq!(used, 1);
    // It is kept for as long as it is good.
    let short = Duration::from_millis(300);
    assert!(a.note("short", short).await.unwrap() && !b.note("short", short).await.unwrap());
    tokio::time::sleep(short * 2).await;
    assert!(b.note("short", short).await.unwrap());
    engine.kill();
    assert!(a.note("three", LONG).await.is_err());
    engine.start_again();
    assert!(!b.note("one", LONG).await.unwrap(), "the engine has kept it");
    assert!(a.note("three", LONG).await.unwrap());
}

#[tokio::test]
async fn a_store_of_ones_own_is_as_good() {
    struct Never;

    impl ProofStore for Never {
        async fn note(&self, _: &str, _: Duration) -> Result<bool, turbomcp::transport::proofs::BoxError> {
            Ok(false)
        }
    }

    assert!(!SharedProofs::new(Never).note("one", LONG).await.unwrap());
}
