//! What the flows came to.

use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use crate::Outcome;

/// Device codes are asked for every five seconds.
const LIMIT: Duration = Duration::from_secs(60);

#[derive(Default)]
pub(crate) struct Report {
    passed: usize,
    failed: usize,
}

impl Report {
    pub(crate) async fn check(&mut self, name: &str, flow: impl Future<Output = Outcome>) {
        match tokio::time::timeout(LIMIT, flow).await {
            Ok(Ok(())) => {
                self.passed += 1;
                println!("ok {name}");
            }
            Ok(Err(error)) => self.fail(name, &*error),
            Err(_) => self.fail(name, &std::io::Error::other(format!("no end after {} s", LIMIT.as_secs()))),
        }
    }

    pub(crate) fn fail(&mut self, name: &str, error: &dyn Error) {
        self.failed += 1;
        let mut why = error.to_string();
        let mut source = error.source();
        while let Some(error) = source {
            why = format!("{why}: {error}");
            source = error.source();
        }
        println!("not ok {name}: {}", why.replace('\n', " "));
    }

    pub(crate) fn close(&self) -> ExitCode {
        println!("{} passed, {} failed", self.passed, self.failed);
        if self.failed == 0 && self.passed > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}
