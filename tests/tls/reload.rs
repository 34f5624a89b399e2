//! Certificates that change under load.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::authority::Authority;
use crate::site::{BINDINGS, PATIENCE, Site, who};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f181_certificates_are_reloaded_without_dropping_connections() {
    for binding in BINDINGS {
        let (old, new) = (Authority::new(), Authority::new());
        let files = old.server("localhost");
        let config = files.config();
        let handle = config.handle();
        let site = Site::open(binding, config).await;

        let (stop, calls) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let mut callers = Vec::new();
        for _ in 0..4 {
            let client = site.connect(old.trusted()).await.unwrap();
            let (stop, calls) = (stop.clone(), calls.clone());
            callers.push(tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    assert_eq!(who(&client).await.unwrap(), "nobody");
                    calls.fetch_add(1, Ordering::Relaxed);
                }
            }));
        }
        Site::refused(site.who(new.trusted()).await, "the new authority, too early");

        new.server("localhost").replace(&files);
        assert_eq!(site.who(old.trusted()).await.unwrap(), "nobody", "nobody has said that there are new files");
        handle.reload().unwrap();
        assert_eq!(site.who(new.trusted()).await.unwrap(), "nobody");
        Site::refused(site.who(old.trusted()).await, "the old authority, too late");

        let before = calls.load(Ordering::Relaxed);
        while calls.load(Ordering::Relaxed) < before + 20 {
            assert!(callers.iter().all(|caller| !caller.is_finished()), "a caller has lost its connection");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        stop.store(true, Ordering::Relaxed);
        for caller in callers {
            caller.await.unwrap();
        }
    }
}

#[tokio::test]
async fn f181_files_that_change_are_read_again_if_the_server_is_to_look() {
    for binding in BINDINGS {
        let (old, new) = (Authority::new(), Authority::new());
        let files = old.server("localhost");
        let site = Site::open(binding, files.config().with_reload_interval(Duration::from_millis(20))).await;
        let client = site.connect(old.trusted()).await.unwrap();
        // Half of it is there for a while, and is no reason to stop looking.
        std::fs::write(&files.certificate, "half of a certifi").unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(site.who(old.trusted()).await.unwrap(), "nobody");
        new.server("localhost").replace(&files);
        let begun = Instant::now();
        while site.who(new.trusted()).await.is_err() {
            assert!(begun.elapsed() < PATIENCE, "nobody has looked");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Site::refused(site.who(old.trusted()).await, "the old authority, too late");
        assert_eq!(who(&client).await.unwrap(), "nobody", "a connection goes on");
    }
}

#[tokio::test]
async fn files_that_cannot_be_used_leave_everything_as_it_was() {
    let authority = Authority::new();
    let files = authority.server("localhost");
    let config = files.config();
    let handle = config.handle();
    for binding in BINDINGS {
        let site = Site::open(binding, config.clone()).await;
        std::fs::write(&files.certificate, "half of a certifi").unwrap();
        assert!(handle.reload().unwrap_err().is_configuration());
        assert_eq!(site.who(authority.trusted()).await.unwrap(), "nobody");
        authority.server("localhost");
        handle.reload().unwrap();
    }
}
