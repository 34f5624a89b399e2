//! Peers that do not get as far as TLS.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::authority::Authority;
use crate::site::{BINDINGS, PATIENCE, Site};

/// Waits until the server closes a connection, and returns what it sent before.
async fn closed(mut stream: TcpStream) -> Vec<u8> {
    let mut rest = Vec::new();
    // A reset is an end, too.
    let _ = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut rest)).await.expect("the server closes it");
    rest
}

#[tokio::test]
async fn a_peer_that_speaks_plain_text_is_sent_an_alert_and_nothing_else() {
    let authority = Authority::new();
    for binding in BINDINGS {
        let site = Site::open(binding, authority.server("localhost").config()).await;
        for text in
            ["POST /mcp HTTP/1.1\r\nhost: localhost\r\n\r\n", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\n"]
        {
            let mut stream = TcpStream::connect(("127.0.0.1", site.port)).await.unwrap();
            stream.write_all(text.as_bytes()).await.unwrap();
            let answer = closed(stream).await;
            // 21 is the record type of alerts.
            assert!(answer.is_empty() || (answer[0] == 21 && answer.len() == 7), "{answer:?}");
        }
        assert_eq!(site.who(authority.trusted()).await.unwrap(), "nobody");
    }
}

#[tokio::test]
async fn silent_peers_keep_nobody_from_shaking_hands() {
    let authority = Authority::new();
    for binding in BINDINGS {
        let site = Site::limited(binding, authority.server("localhost").config(), |limits| {
            limits.handshakes = 1;
            limits.handshake_timeout = PATIENCE * 10;
        })
        .await;
        let mut silent = Vec::new();
        for _ in 0..20 {
            silent.push(TcpStream::connect(("127.0.0.1", site.port)).await.unwrap());
        }
        let served = tokio::time::timeout(PATIENCE, site.who(authority.trusted())).await;
        assert_eq!(served.expect("the one place is free").unwrap(), "nobody");
    }
}

#[tokio::test]
async fn handshakes_that_have_begun_are_counted() {
    let authority = Authority::new();
    for binding in BINDINGS {
        let site = Site::limited(binding, authority.server("localhost").config(), |limits| {
            limits.handshakes = 1;
            limits.handshake_timeout = PATIENCE * 10;
        })
        .await;
        let mut begun = TcpStream::connect(("127.0.0.1", site.port)).await.unwrap();
        begun.write_all(&[22, 3, 1, 2, 0]).await.unwrap();
        // It has the one place.
        let who = site.who(authority.trusted());
        let mut who = std::pin::pin!(who);
        assert!(tokio::time::timeout(Duration::from_millis(500), &mut who).await.is_err(), "{binding:?}");
        drop(begun);
        assert_eq!(tokio::time::timeout(PATIENCE, who).await.expect("its turn comes").unwrap(), "nobody");
    }
}

#[tokio::test]
async fn a_handshake_that_is_not_finished_in_time_is_given_up() {
    let authority = Authority::new();
    for binding in BINDINGS {
        let site = Site::limited(binding, authority.server("localhost").config(), |limits| {
            limits.handshakes = 1;
            limits.handshake_timeout = Duration::from_millis(500);
        })
        .await;
        let silent = TcpStream::connect(("127.0.0.1", site.port)).await.unwrap();
        let mut begun = TcpStream::connect(("127.0.0.1", site.port)).await.unwrap();
        // The head of a record whose body never comes.
        begun.write_all(&[22, 3, 1, 2, 0]).await.unwrap();
        let started = Instant::now();
        closed(silent).await;
        closed(begun).await;
        assert!(started.elapsed() < Duration::from_secs(8), "the usual ten seconds were not waited for");
        assert_eq!(site.who(authority.trusted()).await.unwrap(), "nobody");
    }
}
