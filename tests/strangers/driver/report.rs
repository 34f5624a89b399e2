//! One line a check, `ok name` or `not ok name: why`, and the closing line.

use std::fmt::Debug;
use std::future::Future;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use turbomcp::client::Error;

pub type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

/// How long one check may take.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Default)]
pub struct Report {
    passed: usize,
    failed: usize,
}

impl Report {
    pub async fn check(&mut self, name: &str, body: impl Future<Output = Outcome>) {
        match in_time(body).await {
            Ok(Ok(())) => self.passed(name),
            Ok(Err(error)) => self.failed(name, &format!("{error:?}")),
            Err(late) => self.failed(name, &late),
        }
    }

    pub fn passed(&mut self, name: &str) {
        self.passed += 1;
        println!("ok {name}");
    }

    pub fn failed(&mut self, name: &str, why: &str) {
        self.failed += 1;
        let why: String = why.replace('\n', " ").chars().take(800).collect();
        println!("not ok {name}: {why}");
    }

    pub fn close(&self) -> ExitCode {
        println!("{} passed, {} failed", self.passed, self.failed);
        if self.failed == 0 && self.passed > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

pub async fn in_time<T>(future: impl Future<Output = T>) -> Result<T, String> {
    tokio::time::timeout(PATIENCE, future).await.map_err(|_| format!("no end after {PATIENCE:?}"))
}

/// Fails unless the condition holds; what was seen is part of the reason.
pub fn expect(condition: bool, what: &str, seen: impl Debug) -> Outcome {
    if condition { Ok(()) } else { Err(format!("expected {what}; got {seen:?}").into()) }
}

/// Returns the error a request fails with; fails if it succeeds.
pub async fn failure<T: Debug>(request: impl Future<Output = Result<T, Error>>) -> Outcome<Error> {
    match request.await {
        Ok(value) => Err(format!("expected an error; got {value:?}").into()),
        Err(error) => Ok(error),
    }
}

/// Waits until a probe finds something.
pub async fn until<T>(what: &str, mut probe: impl AsyncFnMut() -> Option<T>) -> Outcome<T> {
    let started = Instant::now();
    loop {
        if let Some(found) = probe().await {
            return Ok(found);
        }
        if started.elapsed() > Duration::from_secs(10) {
            return Err(format!("{what}: not within 10 s").into());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
