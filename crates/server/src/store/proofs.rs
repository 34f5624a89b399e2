//! Which proofs of possession were used, in Redis.

use std::sync::LazyLock;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use redis::Script;
use ring::rand::{SecureRandom, SystemRandom};
use turbomcp_transport::proofs::{BoxError, ProofStore};

use super::Redis;

/// KEYS proof. ARGV who notes it, how long it is kept: whoever asks again, because the answer was lost, is told the
/// same.
static NOTE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"local by = redis.call('GET', KEYS[1])
        if by then return by == ARGV[1] and 1 or 0 end
        redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
        return 1",
    )
});

/// Which proofs of possession were used, in Redis: for `DpopConfig::shared`, so that a proof that was used at one
/// replica is refused at all others.
///
/// Keys are `<prefix>proof:…`, and last as long as their proof would be good.
///
/// ```no_run
/// # async fn run() -> Result<(), turbomcp_server::store::StoreError> {
/// use turbomcp_server::store::{Redis, RedisProofs};
/// use turbomcp_transport::proofs::SharedProofs;
///
/// let redis = Redis::connect("redis://127.0.0.1:6379").await?;
/// let proofs = SharedProofs::new(RedisProofs::new(redis));
/// # drop(proofs);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct RedisProofs {
    redis: Redis,
}

impl RedisProofs {
    /// Takes the engine to use.
    #[must_use]
    pub fn new(redis: Redis) -> Self {
        Self { redis }
    }
}

impl ProofStore for RedisProofs {
    async fn note(&self, proof: &str, keep: Duration) -> Result<bool, BoxError> {
        let mut by = [0; 12];
        SystemRandom::new().fill(&mut by).map_err(|_| "the operating system has no randomness")?;
        let keep = u64::try_from(keep.as_millis()).unwrap_or(u64::MAX).clamp(1, 1 << 52);
        let mut note = NOTE.key(self.redis.key(format_args!("proof:{proof}")));
        note.arg(URL_SAFE_NO_PAD.encode(by)).arg(keep);
        Ok(self.redis.run(&note).await?)
    }
}
