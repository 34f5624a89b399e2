//! Many sessions that are opened at once in PostgreSQL.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use turbomcp::sessions::{self, PostgresSessions, SessionKey, SessionStore};
use turbomcp_tests::{PATIENCE, engines};

const LONG: Duration = Duration::from_secs(600);

/// What is locked to add one of the last sessions there may be.
const LOCK: i64 = 0x7475_7262_6f73_6573;

/// For how long somebody else has it.
const HELD: Duration = Duration::from_secs(4);

fn key() -> SessionKey {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    SessionKey::of(&format!("of a crowd {}", NEXT.fetch_add(1, Ordering::Relaxed)))
}

/// Has another connection hold the lock, by this function of PostgreSQL, and waits until it does.
async fn hold(url: &str, by: &str) -> JoinHandle<()> {
    let database = url.rsplit('/').next().unwrap().to_owned();
    let statement = format!("SELECT {by}({LOCK}); SELECT pg_sleep({})", HELD.as_secs());
    let held = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    let of = database.clone();
    let holding = std::thread::spawn(move || drop(engines::Postgres::shared().statement(&of, &statement)));
    while engines::Postgres::shared().statement(&database, held) == "0" {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    holding
}

fn open(store: &PostgresSessions, count: usize, cap: usize) -> Vec<tokio::task::JoinHandle<bool>> {
    let opening = (0..count).map(|_| {
        let store = store.clone();
        tokio::spawn(async move { store.create(&key(), b"record", LONG, cap).await.unwrap() })
    });
    opening.collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_burst_of_new_sessions_leaves_connections_for_those_there_are() {
    let url = engines::Postgres::shared().url();
    let store = sessions::postgres(&url).await.unwrap();
    let there = key();
    assert!(store.create(&there, b"record", LONG, 100).await.unwrap());
    let holding = hold(&url, "pg_advisory_lock").await;
    let opening = open(&store, 30, 100);
    tokio::time::sleep(Duration::from_millis(300)).await;
    let visit = tokio::time::timeout(HELD / 2, store.visit(&there, LONG, 1)).await;
    assert!(visit.expect("it need not wait for them").unwrap().is_some());
    assert!(!opening.iter().any(tokio::task::JoinHandle::is_finished));
    holding.join().unwrap();
    for opened in opening {
        assert!(tokio::time::timeout(PATIENCE, opened).await.unwrap().unwrap());
    }
    assert_eq!(store.count().await.unwrap(), 31);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_waits_for_anybody_while_there_is_room_for_many() {
    let url = engines::Postgres::shared().url();
    let store = sessions::postgres(&url).await.unwrap();
    // As another replica does that opens a session at this moment.
    let holding = hold(&url, "pg_advisory_lock_shared").await;
    let opened = tokio::time::timeout(HELD / 2, async {
        for opened in open(&store, 30, 10_000) {
            assert!(opened.await.unwrap());
        }
    });
    opened.await.expect("they need not wait");
    holding.join().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_at_once_as_many_are_let_in_as_there_may_be() {
    let url = engines::Postgres::shared().url();
    let (one, other) = (sessions::postgres(&url).await.unwrap(), sessions::postgres(&url).await.unwrap());
    // Some of them before the last places are given away one by one.
    let cap = 300;
    let mut let_in = 0;
    for opened in open(&one, 180, cap).into_iter().chain(open(&other, 180, cap)) {
        let_in += usize::from(opened.await.unwrap());
    }
    assert_eq!((let_in, one.count().await.unwrap()), (cap, cap));
}
