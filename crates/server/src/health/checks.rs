//! Checks of what servers often depend on.
//!
//! Whatever has a client of its own is a closure that asks it:
//!
//! ```
//! use turbomcp_server::health::Check;
//!
//! # struct Pool;
//! # impl Pool { async fn ping(&self) -> Result<(), std::io::Error> { Ok(()) } }
//! # let pool = std::sync::Arc::new(Pool);
//! let database = Check::new("database", move || {
//!     let pool = pool.clone();
//!     async move { pool.ping().await }
//! });
//! assert_eq!(database.name(), "database");
//! ```

#[cfg(unix)]
use std::path::{Path, PathBuf};
#[cfg(unix)]
use std::sync::Arc;
#[cfg(unix)]
use std::sync::atomic::{AtomicBool, Ordering};

#[cfg(unix)]
use nix::sys::statvfs::Statvfs;

use super::{Check, HealthStatus};

#[cfg(any(feature = "http", feature = "tcp", feature = "tls"))]
pub use net::{http, tcp};

/// Checks that a file system has room: at least so many bytes at this path.
#[cfg(unix)]
#[must_use]
pub fn disk_space(path: impl Into<PathBuf>, least: u64) -> Check {
    let path = path.into();
    disk(path, least, nix::sys::statvfs::statvfs::<Path>)
}

#[cfg(unix)]
fn disk(
    path: PathBuf,
    least: u64,
    look: impl Fn(&Path) -> nix::Result<Statvfs> + Clone + Send + Sync + 'static,
) -> Check {
    let is_looking = Arc::new(AtomicBool::new(false));
    Check::new(format!("disk {}", path.display()), move || {
        // Where it hangs, as a network's file system can, it holds up no other check, and one thread at most.
        let looking = (!is_looking.swap(true, Ordering::AcqRel)).then(|| {
            let (path, look, ended) = (path.clone(), look.clone(), Ended(is_looking.clone()));
            tokio::task::spawn_blocking(move || {
                let _ended = ended;
                look(&path)
            })
        });
        async move {
            let Some(looking) = looking else {
                return HealthStatus::Unhealthy("the last look has not ended".to_owned());
            };
            match looking.await {
                Ok(Ok(found)) => {
                    // The types of both differ between systems.
                    #[allow(clippy::useless_conversion, clippy::unnecessary_cast, reason = "not on all systems")]
                    let free = (found.blocks_available() as u64).saturating_mul(found.fragment_size() as u64);
                    match free >= least {
                        true => HealthStatus::Healthy,
                        false => HealthStatus::Unhealthy(format!("{free} bytes are free, of at least {least}")),
                    }
                }
                Ok(Err(error)) => HealthStatus::Unhealthy(error.desc().to_owned()),
                Err(error) => HealthStatus::Unhealthy(error.to_string()),
            }
        }
    })
}

/// Says that a look has ended, however it has.
#[cfg(unix)]
struct Ended(Arc<AtomicBool>);

#[cfg(unix)]
impl Drop for Ended {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

/// Checks that Redis answers.
#[cfg(feature = "session-redis")]
#[must_use]
pub fn redis(redis: &crate::store::Redis) -> Check {
    let redis = redis.clone();
    Check::new("redis", move || {
        let redis = redis.clone();
        async move { redis.ping().await }
    })
}

/// Checks that rate limits are counted together, as far as requests have shown: where they are not, requests are
/// counted by each server for itself, or refused.
#[must_use]
pub fn rate_limits(limits: &crate::layers::SharedRateLimits) -> Check {
    let limits = limits.clone();
    Check::new("rate_limits", move || {
        std::future::ready(match (limits.is_failing(), limits.refuses()) {
            (false, _) => HealthStatus::Healthy,
            (true, false) => HealthStatus::Degraded(vec!["each server counts requests for itself".to_owned()]),
            (true, true) => HealthStatus::Unhealthy("requests cannot be counted, and are refused".to_owned()),
        })
    })
}

/// Checks that PostgreSQL answers.
#[cfg(feature = "session-postgres")]
#[must_use]
pub fn postgres(postgres: &crate::store::Postgres) -> Check {
    let postgres = postgres.clone();
    Check::new("postgres", move || {
        let postgres = postgres.clone();
        async move { postgres.ping().await }
    })
}

#[cfg(any(feature = "http", feature = "tcp", feature = "tls"))]
mod net {
    use std::io;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    use super::Check;
    use crate::Error;

    /// How much of an answer is looked at for its status.
    const STATUS_LINE: u64 = 64;

    /// Checks that an address, `host:port`, can be connected to.
    #[must_use]
    pub fn tcp(address: impl Into<String>) -> Check {
        let address = address.into();
        Check::new(format!("tcp {address}"), move || {
            let connecting = TcpStream::connect(address.clone());
            async move { connecting.await.map(drop) }
        })
    }

    /// Checks that `GET` of a URL is answered with a status of 200 to 399.
    ///
    /// The URL is one of `http://`. What is behind `https://` is asked by a closure with the client of your choice, which
    /// knows whom to trust.
    ///
    /// # Errors
    ///
    /// If the URL is another.
    pub fn http(url: &str) -> Result<Check, Error> {
        let malformed = || Error::configuration("the URL of a health check is not `http://host…`");
        let (authority, path) = match url.strip_prefix("http://").ok_or_else(malformed)? {
            rest if rest.contains('/') => rest.split_at(rest.find('/').unwrap_or_default()),
            rest => (rest, "/"),
        };
        let is_plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#');
        if authority.is_empty() || authority.contains(['@', '?']) || !is_plain(authority) || !is_plain(path) {
            return Err(malformed());
        }
        let has_port = authority.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        let address = if has_port { authority.to_owned() } else { format!("{authority}:80") };
        let request = format!("GET {path} HTTP/1.1\r\nhost: {authority}\r\nconnection: close\r\n\r\n");
        Ok(Check::new(format!("http {authority}"), move || {
            let (address, request) = (address.clone(), request.clone());
            async move { ask(address, &request).await }
        }))
    }

    async fn ask(address: String, request: &str) -> io::Result<()> {
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.take(STATUS_LINE).read_to_end(&mut answer).await?;
        let answer = String::from_utf8_lossy(&answer);
        let status = answer.strip_prefix("HTTP/1.").and_then(|rest| rest.split(' ').nth(1));
        match status.and_then(|status| status.parse().ok()) {
            Some(200..=399_u16) => Ok(()),
            Some(status) => Err(io::Error::other(format!("it answers with {status}"))),
            None => Err(io::Error::other("it does not answer as HTTP does")),
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn only_urls_of_http_are_taken() {
            for url in ["https://a", "http://", "http:///x", "http://u:p@a", "http://a b", "http://a/\r\n", "a"] {
                assert!(http(url).unwrap_err().is_configuration(), "{url}");
            }
            assert_eq!(http("http://a:8080/x?y").unwrap().name(), "http a:8080");
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::sync::Mutex;
    use std::sync::mpsc::channel;

    use super::*;
    use crate::health::HealthCheck as _;

    #[tokio::test]
    async fn a_look_that_hangs_is_not_joined_by_another() {
        let (go_on, wait) = channel();
        let wait = Arc::new(Mutex::new(wait));
        let check = disk("/".into(), 0, move |path| {
            wait.lock().unwrap().recv().unwrap();
            nix::sys::statvfs::statvfs(path)
        });
        let first = tokio::spawn({
            let check = check.clone();
            async move { check.check().await }
        });
        tokio::task::yield_now().await;
        let busy = HealthStatus::Unhealthy("the last look has not ended".to_owned());
        assert_eq!(tokio::time::timeout(std::time::Duration::from_secs(30), check.check()).await.unwrap(), busy);
        go_on.send(()).unwrap();
        assert_eq!(first.await.unwrap(), HealthStatus::Healthy);
        go_on.send(()).unwrap();
        assert_eq!(check.check().await, HealthStatus::Healthy);
    }
}
