//! Connections that are opened, used, killed, stalled and abandoned, on every binding; then quiet, and a look at what is
//! left of it.
//!
//! `cargo xtask soak --minutes N` has it go on for longer.
#![cfg(target_os = "linux")]

#[path = "../tls/authority.rs"]
#[expect(dead_code, reason = "shared with the tests of TLS, which need more of it")]
mod authority;
mod census;
mod raw;
mod scenes;
mod site;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use census::Census;
use scenes::{Dice, SCENES};
use site::Site;

/// How many scenes are played at the same time.
const AT_ONCE: usize = 16;

/// How often each is played before anything is measured, so that what is kept for good is there.
const WARM_UP: usize = 4;

/// How long it may take until everything is quiet: longer than any timeout of the server's.
const SETTLING: Duration = Duration::from_secs(30);

/// How much memory may be held afterwards that was not before. An allocator keeps what it has used in pieces, and most of
/// that is taken in the first seconds; what leaks goes on.
const KIB: u64 = 8 << 10;

/// How long a scene may take.
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn nothing_is_left_of_connections_that_come_and_go() {
    let minutes = std::env::var("SOAK_MINUTES").ok().map(|minutes| minutes.parse::<f64>().expect("SOAK_MINUTES"));
    let length = minutes.map_or(Duration::from_secs(6), |minutes| Duration::from_secs_f64(minutes * 60.0));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(soak(length));
    // Servers in a runtime that goes away go with it.
    runtime.shutdown_timeout(Duration::from_secs(5));
}

async fn soak(length: Duration) {
    let site = Arc::new(Site::open().await);
    play(&site, 1, |_, played| played < WARM_UP * SCENES.len()).await;
    let before = settled(None).await;
    say("at first", before, 0);

    let mut last = before;
    let (started, mut played) = (Instant::now(), 0);
    let rounds = (length.as_secs() / 60).clamp(1, 60) as u32;
    for round in 1..=rounds {
        let until = length * round / rounds;
        played += play(&site, u64::from(round) << 32, |_, _| started.elapsed() < until).await;
        last = settled(Some(before)).await;
        say(&format!("after {:.0?}", started.elapsed()), last, played);
    }
    assert!(played >= SCENES.len(), "every scene has to be played: {played}");
    let counted = site.metrics.snapshot();
    assert_eq!(counted.active_connections, 0, "{counted:#?}");
    assert!(last.tasks <= before.tasks, "tasks are left: {before:?} {last:?}");
    assert!(last.descriptors <= before.descriptors, "descriptors are left: {before:?} {last:?} {:#?}", census::open());
    assert_eq!(last.children, 0, "processes are left: {last:?}");
    assert!(last.kib <= before.kib + KIB, "memory is left: {before:?} {last:?}");
    site.close().await;
}

/// Plays scenes, so many at once, for as long as is wanted; returns how many there were.
async fn play(site: &Arc<Site>, seed: u64, goes_on: impl Fn(Duration, usize) -> bool) -> usize {
    let (started, played) = (Instant::now(), Arc::new(AtomicUsize::new(0)));
    let stop = Arc::new(AtomicBool::new(false));
    let mut players = tokio::task::JoinSet::new();
    for player in 0..AT_ONCE {
        let (site, played, stop) = (site.clone(), played.clone(), stop.clone());
        players.spawn(async move {
            let mut dice = Dice::new(seed + player as u64);
            while !stop.load(Ordering::Relaxed) {
                let number = played.fetch_add(1, Ordering::Relaxed);
                let scene = SCENES[number % SCENES.len()];
                let playing = tokio::time::timeout(PATIENCE, scene.play(&site, &mut dice));
                playing.await.unwrap_or_else(|_| panic!("{scene:?} does not come to its end"));
            }
        });
    }
    while goes_on(started.elapsed(), played.load(Ordering::Relaxed)) {
        tokio::time::sleep(Duration::from_millis(20)).await;
        if let Some(Err(error)) = players.try_join_next() {
            std::panic::resume_unwind(error.into_panic());
        }
    }
    stop.store(true, Ordering::Relaxed);
    while let Some(player) = players.join_next().await {
        player.unwrap();
    }
    played.load(Ordering::Relaxed)
}

/// Waits until nothing happens any more: until there is no more than there was, or nothing goes away any longer.
async fn settled(before: Option<Census>) -> Census {
    let started = Instant::now();
    let (mut last, mut since) = (Census::take(), Instant::now());
    loop {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let now = Census::take();
        if !now.same_things(last) {
            (last, since) = (now, Instant::now());
        }
        let is_still = match before {
            Some(before) => now.no_more_things_than(before),
            None => since.elapsed() > Duration::from_secs(3),
        };
        if is_still || started.elapsed() > SETTLING {
            return now;
        }
    }
}

fn say(when: &str, census: Census, played: usize) {
    eprintln!(
        "{when}: {} tasks, {} descriptors, {} processes, {:.1} MiB; {played} scenes",
        census.tasks,
        census.descriptors,
        census.children,
        census.kib as f64 / 1024.0
    );
}
