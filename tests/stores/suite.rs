//! What any store of sessions does, asked of each of them.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::Value;
use turbomcp::sessions::{EventBounds, NewEvents, SessionKey, SessionStore, StoredEvents, StoredSession};

const LONG: Duration = Duration::from_secs(600);

/// What the tests wait for that wait for an end; longer than a busy machine takes for one thing.
const AGE: Duration = Duration::from_millis(1500);

/// Bytes that do without a copy here and there.
type Bytes = bytes::Bytes;

fn key() -> SessionKey {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    SessionKey::of(&format!("session {}", NEXT.fetch_add(1, Ordering::Relaxed)))
}

fn bounds() -> EventBounds {
    EventBounds::new(100, 10_000, LONG, 10)
}

fn events(texts: &[&str]) -> Vec<Bytes> {
    texts.iter().map(|text| Bytes::copy_from_slice(text.as_bytes())).collect()
}

async fn append(store: &impl SessionStore, key: &SessionKey, stream: u32, first: Option<u64>, texts: &[&str]) {
    let added = store.append(key, stream, NewEvents::new(first, &events(texts)), bounds()).await.unwrap();
    assert!(added, "the session is there");
}

/// Returns the number of the last event, those behind `after`, and whether that is all.
async fn read(store: &impl SessionStore, key: &SessionKey, stream: u32, after: u64) -> (u64, Vec<String>, bool) {
    let StoredEvents { last, events, is_over, .. } = store.events(key, stream, after).await.unwrap().expect("a stream");
    (last, events.iter().map(|event| String::from_utf8(event.to_vec()).unwrap()).collect(), is_over)
}

pub async fn a_session_is_found_as_it_was_written(store: impl SessionStore) {
    let (mine, other) = (key(), key());
    assert_eq!(store.visit(&mine, LONG, 1).await.unwrap(), None);
    assert!(!store.update(&mine, 1, b"x").await.unwrap());
    assert!(!store.remove(&mine).await.unwrap());
    let record: Vec<u8> = (0..=255).collect();
    assert!(store.create(&mine, &record, LONG, 10).await.unwrap());
    assert!(store.create(&other, b"", LONG, 10).await.unwrap());
    assert_eq!(store.visit(&mine, LONG, 1).await.unwrap(), Some(StoredSession::new(1, 1, record.clone())));
    assert_eq!(store.visit(&mine, LONG, 0).await.unwrap(), Some(StoredSession::new(1, 1, record)));
    assert!(store.update(&mine, 1, b"second").await.unwrap());
    assert!(!store.update(&mine, 1, b"too late").await.unwrap());
    assert_eq!(store.visit(&mine, LONG, 5).await.unwrap(), Some(StoredSession::new(2, 6, b"second".to_vec())));
    assert_eq!(store.visit(&other, LONG, 0).await.unwrap(), Some(StoredSession::new(1, 0, Vec::new())));
    assert!(store.remove(&mine).await.unwrap());
    assert!(!store.remove(&mine).await.unwrap());
    assert_eq!(store.visit(&mine, LONG, 1).await.unwrap(), None);
    assert_eq!(store.count().await.unwrap(), 1);
}

pub async fn a_session_lasts_as_long_as_it_is_used(store: impl SessionStore) {
    let (used, unused) = (key(), key());
    assert!(store.create(&used, b"", LONG, 10).await.unwrap());
    assert!(store.create(&unused, b"", AGE, 10).await.unwrap());
    append(&store, &unused, 0, None, &["event"]).await;
    for _ in 0..8 {
        tokio::time::sleep(AGE / 6).await;
        assert!(store.visit(&used, AGE, 0).await.unwrap().is_some());
    }
    assert_eq!(store.visit(&unused, LONG, 1).await.unwrap(), None);
    assert!(!store.update(&unused, 1, b"").await.unwrap());
    assert!(!store.append(&unused, 0, NewEvents::new(None, &[]), bounds()).await.unwrap());
    assert_eq!(store.events(&unused, 0, 0).await.unwrap(), None);
    assert_eq!(store.count().await.unwrap(), 1);
    assert_eq!(store.sweep().await.unwrap(), 1);
    assert_eq!(store.sweep().await.unwrap(), 0);
    assert!(!store.remove(&unused).await.unwrap());
    // What has expired makes room, whether or not anybody has removed it.
    tokio::time::sleep(AGE * 2).await;
    assert!(store.create(&key(), b"", LONG, 1).await.unwrap());
}

pub async fn there_are_as_many_sessions_as_there_may_be(store: impl SessionStore + Clone) {
    let creating: Vec<_> = (0..40)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { store.create(&key(), b"", LONG, 7).await.unwrap() })
        })
        .collect();
    let mut created = 0;
    for outcome in creating {
        created += usize::from(outcome.await.unwrap());
    }
    assert_eq!((created, store.count().await.unwrap()), (7, 7));
}

pub async fn creating_again_changes_nothing(store: impl SessionStore) {
    let key = key();
    assert!(store.create(&key, b"first", LONG, 1).await.unwrap());
    assert!(store.create(&key, b"again", LONG, 1).await.unwrap());
    assert_eq!(store.visit(&key, LONG, 0).await.unwrap(), Some(StoredSession::new(1, 0, b"first".to_vec())));
}

pub async fn of_those_who_write_at_once_one_has_written(store: impl SessionStore + Clone) {
    let key = key();
    assert!(store.create(&key, b"0", LONG, 10).await.unwrap());
    let counting: Vec<_> = (0..8)
        .map(|_| {
            let (store, key) = (store.clone(), key.clone());
            tokio::spawn(async move {
                for _ in 0..10 {
                    loop {
                        let found = store.visit(&key, LONG, 1).await.unwrap().unwrap();
                        let count: u64 = std::str::from_utf8(&found.record).unwrap().parse().unwrap();
                        let next = (count + 1).to_string();
                        if store.update(&key, found.version, next.as_bytes()).await.unwrap() {
                            break;
                        }
                    }
                }
            })
        })
        .collect();
    for counted in counting {
        counted.await.unwrap();
    }
    let found = store.visit(&key, LONG, 0).await.unwrap().unwrap();
    assert_eq!((found.record.as_slice(), found.version), (&b"80"[..], 81));
    assert!(found.requests >= 80, "{}", found.requests);
}

pub async fn events_are_read_behind_any_of_them(store: impl SessionStore) {
    let key = key();
    assert!(!store.append(&key, 7, NewEvents::new(Some(1), &events(&["a"])), bounds()).await.unwrap());
    assert!(store.create(&key, b"", LONG, 10).await.unwrap());
    assert_eq!(store.events(&key, 7, 0).await.unwrap(), None);
    append(&store, &key, 7, Some(1), &[]).await;
    assert_eq!(read(&store, &key, 7, 0).await, (0, vec![], false));
    append(&store, &key, 7, Some(1), &["a", "b"]).await;
    append(&store, &key, 7, Some(3), &["c"]).await;
    let all = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
    assert_eq!(read(&store, &key, 7, 0).await, (3, all(&["a", "b", "c"]), false));
    assert_eq!(read(&store, &key, 7, 2).await, (3, all(&["c"]), false));
    assert_eq!(read(&store, &key, 7, 3).await, (3, vec![], false));
    assert_eq!(read(&store, &key, 7, u64::MAX).await, (3, vec![], false));
    // Who does not know whether it was added adds it again.
    append(&store, &key, 7, Some(2), &["b", "c", "d"]).await;
    assert_eq!(read(&store, &key, 7, 0).await, (4, all(&["a", "b", "c", "d"]), false));
    let last = NewEvents::new(Some(5), &[]).and_no_more();
    assert!(store.append(&key, 7, last, bounds()).await.unwrap());
    assert_eq!(read(&store, &key, 7, 3).await, (4, all(&["d"]), true));
    // Another stream, and another session, have nothing of it.
    assert_eq!(store.events(&key, 8, 0).await.unwrap(), None);
    assert_eq!(store.events(&self::key(), 7, 0).await.unwrap(), None);
    assert!(store.remove(&key).await.unwrap());
    assert_eq!(store.events(&key, 7, 0).await.unwrap(), None);
}

pub async fn a_gap_begins_a_stream_anew(store: impl SessionStore) {
    let key = key();
    assert!(store.create(&key, b"", LONG, 10).await.unwrap());
    append(&store, &key, 1, Some(1), &["a", "b"]).await;
    append(&store, &key, 1, Some(9), &["i", "j"]).await;
    assert_eq!(read(&store, &key, 1, 0).await, (10, vec!["i".to_owned(), "j".to_owned()], false));
    append(&store, &key, 2, Some(5), &["e"]).await;
    assert_eq!(read(&store, &key, 2, 1).await, (5, vec!["e".to_owned()], false));
}

pub async fn what_many_add_is_numbered_once(store: impl SessionStore + Clone) {
    let key = key();
    assert!(store.create(&key, b"", LONG, 10).await.unwrap());
    let adding: Vec<_> = (0..8)
        .map(|who| {
            let (store, key) = (store.clone(), key.clone());
            tokio::spawn(async move {
                for what in 0..10 {
                    append(&store, &key, 0, None, &[&format!("{who}.{what}")]).await;
                }
            })
        })
        .collect();
    for added in adding {
        added.await.unwrap();
    }
    let (last, mut texts, _) = read(&store, &key, 0, 0).await;
    assert_eq!((last, texts.len()), (80, 80));
    let of_one: Vec<_> = texts.iter().filter(|text| text.starts_with("3.")).cloned().collect();
    assert_eq!(of_one, (0..10).map(|what| format!("3.{what}")).collect::<Vec<_>>());
    texts.sort();
    texts.dedup();
    assert_eq!(texts.len(), 80);
}

pub async fn what_is_added_again_by_its_number_is_there_once(store: impl SessionStore + Clone) {
    let key = key();
    assert!(store.create(&key, b"", LONG, 10).await.unwrap());
    let add = async |texts: &[&str], once: u64| {
        let texts = events(texts);
        assert!(store.append(&key, 0, NewEvents::new(None, &texts).once(once), bounds()).await.unwrap());
    };
    add(&["a", "b"], u64::MAX).await;
    add(&["c"], 7).await;
    for _ in 0..3 {
        add(&["a", "b"], u64::MAX).await;
        add(&["c"], 7).await;
    }
    // The same once more, by another.
    add(&["c"], 8).await;
    let all = ["a", "b", "c", "c"].map(str::to_owned).to_vec();
    assert_eq!(read(&store, &key, 0, 0).await, (4, all, false));
    let other = events(&["of another stream"]);
    assert!(store.append(&key, 5, NewEvents::new(None, &other).once(7), bounds()).await.unwrap());
    assert_eq!(read(&store, &key, 5, 0).await.0, 1);
    let gone = self::key();
    assert!(!store.append(&gone, 0, NewEvents::new(None, &other).once(9), bounds()).await.unwrap());
}

pub async fn events_are_bounded_in_number_bytes_and_streams(store: impl SessionStore) {
    let key = key();
    assert!(store.create(&key, b"", LONG, 10).await.unwrap());
    let bounds = EventBounds::new(4, 100, LONG, 3);
    assert!(store.append(&key, 0, NewEvents::new(None, &events(&["of the session"])), bounds).await.unwrap());
    for number in 1..=10 {
        let event = events(&[&format!("event {number}")]);
        assert!(store.append(&key, 1, NewEvents::new(Some(number), &event), bounds).await.unwrap());
    }
    let (last, texts, _) = read(&store, &key, 1, 0).await;
    assert_eq!((last, texts.len(), texts[0].as_str()), (10, 4, "event 7"));
    let long = "x".repeat(60);
    for _ in 0..3 {
        assert!(store.append(&key, 2, NewEvents::new(None, &events(&[&long])), bounds).await.unwrap());
    }
    assert_eq!(read(&store, &key, 2, 0).await, (3, vec![long], false));
    // The last one is kept, however long it is.
    let longer = "y".repeat(1000);
    assert!(store.append(&key, 2, NewEvents::new(None, &events(&[&longer])), bounds).await.unwrap());
    assert_eq!(read(&store, &key, 2, 0).await, (4, vec![longer], false));
    for stream in 3..=5 {
        assert!(store.append(&key, stream, NewEvents::new(None, &events(&["e"])), bounds).await.unwrap());
    }
    for (stream, is_there) in [(0, true), (1, false), (2, false), (3, true), (4, true), (5, true)] {
        assert_eq!(store.events(&key, stream, 0).await.unwrap().is_some(), is_there, "stream {stream}");
    }
}

pub async fn events_grow_too_old_and_their_numbers_are_not_used_again(store: impl SessionStore) {
    let key = key();
    assert!(store.create(&key, b"", LONG, 10).await.unwrap());
    let bounds = EventBounds::new(100, 10_000, AGE, 10);
    assert!(store.append(&key, 0, NewEvents::new(None, &events(&["a", "b"])), bounds).await.unwrap());
    assert_eq!(read(&store, &key, 0, 1).await, (2, vec!["b".to_owned()], false));
    tokio::time::sleep(AGE * 2).await;
    store.sweep().await.unwrap();
    assert_eq!(read(&store, &key, 0, 0).await, (2, vec![], false));
    assert!(store.append(&key, 0, NewEvents::new(None, &events(&["c"])), bounds).await.unwrap());
    assert_eq!(read(&store, &key, 0, 0).await, (3, vec!["c".to_owned()], false));
}

pub async fn an_event_is_any_bytes(store: impl SessionStore) {
    let key = key();
    assert!(store.create(&key, b"", LONG, 10).await.unwrap());
    let odd = vec![Bytes::new(), Bytes::from((0..=255).collect::<Vec<u8>>()), Bytes::from(vec![b'z'; 100_000])];
    let bounds = EventBounds::new(10, 1 << 20, LONG, 10);
    assert!(store.append(&key, u32::MAX, NewEvents::new(Some(1), &odd), bounds).await.unwrap());
    let found = store.events(&key, u32::MAX, 0).await.unwrap().unwrap();
    assert_eq!((found.last, found.first(), found.events), (3, 1, odd));
    // Not a number, so that it cannot be mistaken for one.
    assert!(serde_json::from_slice::<Value>(key.as_str().as_bytes()).is_err());
}

/// Names each of them once, for the stores that are asked.
macro_rules! suite {
    ($($store:ident: $make:expr;)*) => {
        $(mod $store {
            suite!(@ $make => a_session_is_found_as_it_was_written, a_session_lasts_as_long_as_it_is_used,
                there_are_as_many_sessions_as_there_may_be, creating_again_changes_nothing,
                of_those_who_write_at_once_one_has_written, events_are_read_behind_any_of_them,
                a_gap_begins_a_stream_anew, what_many_add_is_numbered_once,
                what_is_added_again_by_its_number_is_there_once,
                events_are_bounded_in_number_bytes_and_streams,
                events_grow_too_old_and_their_numbers_are_not_used_again, an_event_is_any_bytes);
        })*
    };
    (@ $make:expr => $($name:ident),*) => {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            use turbomcp_tests::engines;
            #[allow(unused_imports, reason = "not every store needs each of them")]
            use {crate::folder::Folder, turbomcp::sessions};
            #[allow(unused_imports, reason = "not every store needs it")]
            let (store, _held) = $make;
            let _ = engines::Redis::shared;
            crate::suite::$name(store).await;
        })*
    };
}

suite! {
    memory: (sessions::memory(), ());
    file: {
        let folder = Folder::new();
        (sessions::memory_with_persistence(folder.path()).await.unwrap(), folder)
    };
    redis: (sessions::redis(&engines::Redis::shared().url()).await.unwrap(), ());
    postgres: (sessions::postgres(&engines::Postgres::shared().url()).await.unwrap(), ());
}
