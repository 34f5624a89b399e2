//! Trying again what has failed in passing, where that can do no harm.

use std::collections::HashSet;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;
use turbomcp_protocol::Method;
use turbomcp_protocol::types::Tool;

use crate::Error;
use crate::sync::lock;

/// The most attempts that can be asked for.
const MAX_ATTEMPTS: u32 = 100;

/// How many tools are remembered that may be called twice.
const MAX_TOOLS: usize = 10_000;

/// Whether a call that has failed is tried again.
///
/// Only what can do no harm is repeated: a request that never reached the server or that the server has refused to
/// begin, and a request that may have been run if running it twice is the same as running it once. That holds for every
/// method of the protocol but `tools/call`, and for the tools that were listed with `idempotentHint` or `readOnlyHint`
/// since the client last connected. Any other call is given an [idempotency key](crate::Call::idempotency_key), and
/// repeated, where the server says that it runs what has one once: such a server answers the repeated call with what
/// the first was answered, or, if the connection was lost while its tool ran, with an error that says that nobody knows
/// how that ended, and that is not retried. Elsewhere it is repeated only if it is marked by
/// [`Call::idempotent`](crate::Call::idempotent) or the policy is told to by [`RetryConfig::repeat`].
///
/// ```
/// use std::time::Duration;
/// use turbomcp_client::{BackoffStrategy, Client, ErrorKind, RetryConfig, RetryPolicy};
///
/// let policy = RetryPolicy::custom(
///     RetryConfig::new()
///         .max_attempts(5)
///         .strategy(BackoffStrategy::ExponentialWithJitter {
///             base: Duration::from_millis(100),
///             max: Duration::from_secs(30),
///             multiplier: 2.0,
///             jitter: 0.1,
///         })
///         .retryable_errors([ErrorKind::ConnectionTimeout, ErrorKind::ConnectionReset, ErrorKind::TemporaryFailure]),
/// );
/// let builder = Client::builder().reconnect().retry(policy);
/// # drop(builder);
/// ```
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct RetryPolicy {
    config: Option<RetryConfig>,
}

/// How often, when and after which errors a call is tried again.
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct RetryConfig {
    max_attempts: u32,
    strategy: BackoffStrategy,
    retryable: Vec<ErrorKind>,
    total_timeout: Option<Duration>,
    longest_retry_after: Duration,
    repeat: Repeat,
}

/// How long to wait before an attempt.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum BackoffStrategy {
    /// Always the same time.
    Fixed {
        /// That time.
        delay: Duration,
    },
    /// Longer by the same time each time.
    Linear {
        /// The first wait, and what is added to each.
        base: Duration,
        /// The longest wait.
        max: Duration,
    },
    /// So many times as long each time.
    Exponential {
        /// The first wait.
        base: Duration,
        /// The longest wait.
        max: Duration,
        /// How many times as long each wait is as the one before; 1 or more.
        multiplier: f64,
    },
    /// So many times as long each time, give or take a random part, so that many clients do not come back at once.
    ExponentialWithJitter {
        /// The first wait.
        base: Duration,
        /// The longest wait.
        max: Duration,
        /// How many times as long each wait is as the one before; 1 or more.
        multiplier: f64,
        /// How much of a wait is given or taken: from 0 to 1.
        jitter: f64,
    },
}

/// What kind of trouble a call has met with that may be over soon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// No connection was made in time.
    ConnectionTimeout,
    /// Nobody accepts connections there.
    ConnectionRefused,
    /// The connection ended before the answer was there.
    ConnectionReset,
    /// A request was not answered in time.
    RequestTimeout,
    /// The server says that it cannot answer just now: HTTP status 429, 502, 503 or 504, or the errors of this library
    /// that stand for 409, 429 and 503.
    TemporaryFailure,
}

/// What is repeated although it may have been run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Repeat {
    /// What may be run twice.
    #[default]
    Idempotent,
    /// Everything: a tool may then run twice for one call.
    Everything,
}

impl RetryPolicy {
    /// Tries nothing again.
    pub fn none() -> Self {
        Self { config: None }
    }

    /// Tries up to three times, as [`RetryConfig::new`] says.
    pub fn production() -> Self {
        Self::custom(RetryConfig::new())
    }

    /// Tries again as a configuration says.
    pub fn custom(config: RetryConfig) -> Self {
        Self { config: Some(config) }
    }

    pub(crate) fn config(&self) -> Option<&RetryConfig> {
        self.config.as_ref()
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        self.config().map_or(Ok(()), RetryConfig::check)
    }
}

/// The same as [`RetryPolicy::production`]: whoever sets a policy wants calls to be tried again.
impl Default for RetryPolicy {
    fn default() -> Self {
        Self::production()
    }
}

impl Default for RetryConfig {
    fn default() -> Self {
        Self {
            max_attempts: 3,
            strategy: BackoffStrategy::ExponentialWithJitter {
                base: Duration::from_millis(100),
                max: Duration::from_secs(30),
                multiplier: 2.0,
                jitter: 0.1,
            },
            retryable: vec![
                ErrorKind::ConnectionTimeout,
                ErrorKind::ConnectionRefused,
                ErrorKind::ConnectionReset,
                ErrorKind::TemporaryFailure,
            ],
            total_timeout: None,
            longest_retry_after: Duration::from_secs(60),
            repeat: Repeat::Idempotent,
        }
    }
}

impl RetryConfig {
    /// Tries three times, with waits of about 100 ms and 200 ms, after every kind of error but
    /// [`ErrorKind::RequestTimeout`].
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets how often a call is tried, the first time included: from 1 to 100.
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.max_attempts = attempts;
        self
    }

    /// Sets how long to wait before each further attempt. What the server asks for by `Retry-After` is waited at the least,
    /// up to [`longest_retry_after`](Self::longest_retry_after).
    pub fn strategy(mut self, strategy: BackoffStrategy) -> Self {
        self.strategy = strategy;
        self
    }

    /// Sets after which errors a call is tried again, in place of those before.
    pub fn retryable_errors(mut self, kinds: impl IntoIterator<Item = ErrorKind>) -> Self {
        self.retryable = kinds.into_iter().collect();
        self
    }

    /// Sets how long all attempts and the waits between them may take together. Not limited unless set.
    pub fn total_timeout(mut self, timeout: Duration) -> Self {
        self.total_timeout = Some(timeout);
        self
    }

    /// Sets how long a server may have a call wait by `Retry-After`; if it asks for more, the call fails at once, with that in
    /// [`Error::retry_after`]. A minute unless set.
    pub fn longest_retry_after(mut self, wait: Duration) -> Self {
        self.longest_retry_after = wait;
        self
    }

    /// Sets what is repeated although it may have been run.
    pub fn repeat(mut self, repeat: Repeat) -> Self {
        self.repeat = repeat;
        self
    }

    fn check(&self) -> Result<(), Error> {
        if !(1..=MAX_ATTEMPTS).contains(&self.max_attempts) {
            return Err(Error::usage(format!("`max_attempts` is from 1 to {MAX_ATTEMPTS}")));
        }
        if self.total_timeout == Some(Duration::ZERO) {
            return Err(Error::usage("a `total_timeout` of nothing leaves no time for an attempt"));
        }
        self.strategy.check()
    }
}

impl BackoffStrategy {
    fn check(&self) -> Result<(), Error> {
        let (base, max, multiplier, jitter) = match *self {
            Self::Fixed { delay } => (delay, delay, 1.0, 0.0),
            Self::Linear { base, max } => (base, max, 1.0, 0.0),
            Self::Exponential { base, max, multiplier } => (base, max, multiplier, 0.0),
            Self::ExponentialWithJitter { base, max, multiplier, jitter } => (base, max, multiplier, jitter),
        };
        if base > max {
            return Err(Error::usage("the `base` of a backoff is no longer than its `max`"));
        }
        if !(multiplier.is_finite() && multiplier >= 1.0) {
            return Err(Error::usage("the `multiplier` of a backoff is 1 or more"));
        }
        if !(0.0..=1.0).contains(&jitter) {
            return Err(Error::usage("the `jitter` of a backoff is from 0 to 1"));
        }
        Ok(())
    }

    /// Returns how long to wait after so many attempts.
    fn wait(&self, attempts: u32) -> Duration {
        let before = attempts.saturating_sub(1);
        match *self {
            Self::Fixed { delay } => delay,
            Self::Linear { base, max } => base.saturating_mul(attempts).min(max),
            Self::Exponential { base, max, multiplier } => grown(base, multiplier, before, max),
            Self::ExponentialWithJitter { base, max, multiplier, jitter } => {
                let full = grown(base, multiplier, before, max);
                // A fresh hasher is seeded at random, which is all the randomness this needs.
                let random = u32::try_from(RandomState::new().hash_one(attempts) % 2048).unwrap_or_default();
                let part = 1.0 + jitter * (f64::from(random) / 1024.0 - 1.0);
                Duration::try_from_secs_f64(full.as_secs_f64() * part).unwrap_or(max).min(max)
            }
        }
    }
}

fn grown(base: Duration, multiplier: f64, times: u32, max: Duration) -> Duration {
    let grown = base.as_secs_f64() * multiplier.powi(i32::try_from(times).unwrap_or(i32::MAX));
    Duration::try_from_secs_f64(grown).unwrap_or(max).min(max)
}

/// The attempts of one call.
#[derive(Debug)]
pub(crate) struct Attempts<'a> {
    config: &'a RetryConfig,
    made: u32,
    deadline: Option<Instant>,
}

impl<'a> Attempts<'a> {
    pub(crate) fn begin(config: &'a RetryConfig) -> Self {
        let deadline = config.total_timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        Self { config, made: 0, deadline }
    }

    /// Waits for an attempt, but no longer than all of them may take.
    pub(crate) async fn limit<T>(attempts: Option<&Self>, attempt: impl Future<Output = T>) -> Result<T, Error> {
        let Some((deadline, limit)) = attempts.and_then(|all| all.deadline.zip(all.config.total_timeout)) else {
            return Ok(attempt.await);
        };
        tokio::time::timeout_at(deadline, attempt).await.map_err(|_| Error::timeout(limit))
    }

    /// Takes notice of an attempt that has failed, and returns how long to wait before the next; none if there is to be
    /// none.
    pub(crate) fn again(&mut self, error: &Error, is_idempotent: bool) -> Option<Duration> {
        self.made += 1;
        let is_retryable = error.kind().is_some_and(|kind| self.config.retryable.contains(&kind));
        let may_repeat = is_idempotent || self.config.repeat == Repeat::Everything || !error.may_have_run();
        if self.made >= self.config.max_attempts || !is_retryable || !may_repeat {
            return None;
        }
        let asked = error.retry_after().unwrap_or_default();
        if asked > self.config.longest_retry_after {
            return None;
        }
        let wait = self.config.strategy.wait(self.made).max(asked);
        let begins = Instant::now().checked_add(wait)?;
        self.deadline.is_none_or(|deadline| begins < deadline).then_some(wait)
    }
}

/// The tools that may be called twice, as far as the server has said so.
#[derive(Debug, Default)]
pub(crate) struct Idempotent(Mutex<HashSet<String>>);

impl Idempotent {
    pub(crate) fn learn(&self, tools: &[Tool]) {
        let mut known = lock(&self.0);
        for tool in tools {
            let is_idempotent = tool
                .annotations
                .as_ref()
                .is_some_and(|hints| hints.idempotent_hint == Some(true) || hints.read_only_hint == Some(true));
            if !is_idempotent {
                known.remove(&tool.name);
            } else if known.len() < MAX_TOOLS {
                known.insert(tool.name.clone());
            }
        }
    }

    pub(crate) fn clear(&self) {
        lock(&self.0).clear();
    }

    /// Returns true if a request may be run twice.
    pub(crate) fn holds(&self, method: &Method, name: Option<&str>) -> bool {
        if *method == Method::TOOLS_CALL {
            return name.is_some_and(|name| lock(&self.0).contains(name));
        }
        [
            Method::TOOLS_LIST,
            Method::RESOURCES_READ,
            Method::RESOURCES_LIST,
            Method::RESOURCES_TEMPLATES_LIST,
            Method::RESOURCES_SUBSCRIBE,
            Method::RESOURCES_UNSUBSCRIBE,
            Method::PROMPTS_GET,
            Method::PROMPTS_LIST,
            Method::COMPLETION_COMPLETE,
            Method::LOGGING_SET_LEVEL,
            Method::PING,
            Method::SERVER_DISCOVER,
        ]
        .contains(method)
    }
}

#[cfg(test)]
mod tests {
    use turbomcp_protocol::types::ToolAnnotations;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn waits_grow_by_their_strategy_and_saturate() {
        let waits = |strategy: BackoffStrategy| [1, 2, 3, 40, u32::MAX].map(|made| strategy.wait(made).as_secs());
        let max = Duration::from_secs(30);
        assert_eq!(waits(BackoffStrategy::Fixed { delay: SECOND }), [1; 5]);
        assert_eq!(waits(BackoffStrategy::Linear { base: SECOND, max }), [1, 2, 3, 30, 30]);
        assert_eq!(waits(BackoffStrategy::Exponential { base: SECOND, max, multiplier: 3.0 }), [1, 3, 9, 30, 30]);
        let jitter = BackoffStrategy::ExponentialWithJitter { base: SECOND, max, multiplier: 2.0, jitter: 0.5 };
        let some: HashSet<_> = (0..64).map(|_| jitter.wait(2).as_millis()).collect();
        assert!(some.len() > 8 && some.iter().all(|wait| (1000..3000).contains(wait)), "{some:?}");
        assert!((0..64).all(|_| jitter.wait(u32::MAX) <= max));
        let (base, max) = (Duration::MAX, Duration::MAX);
        let endless = BackoffStrategy::ExponentialWithJitter { base, max, multiplier: 1.0, jitter: 1.0 };
        assert!((0..64).any(|made| endless.wait(made) == max));
    }

    #[test]
    fn a_policy_that_is_set_tries_again_unless_it_is_none() {
        assert_eq!(RetryPolicy::default(), RetryPolicy::production());
        assert!(RetryPolicy::default().config().is_some() && RetryPolicy::none().config().is_none());
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let refused = |config: RetryConfig| RetryPolicy::custom(config).check().unwrap_err();
        let exponential = |base, max, multiplier, jitter| {
            RetryConfig::new().strategy(BackoffStrategy::ExponentialWithJitter { base, max, multiplier, jitter })
        };
        for (config, named) in [
            (RetryConfig::new().max_attempts(0), "max_attempts"),
            (RetryConfig::new().max_attempts(101), "max_attempts"),
            (RetryConfig::new().total_timeout(Duration::ZERO), "total_timeout"),
            (exponential(SECOND * 2, SECOND, 2.0, 0.1), "base"),
            (exponential(SECOND, SECOND, 0.5, 0.1), "multiplier"),
            (exponential(SECOND, SECOND, f64::NAN, 0.1), "multiplier"),
            (exponential(SECOND, SECOND, 2.0, 1.5), "jitter"),
        ] {
            let error = refused(config);
            assert!(error.is_usage() && error.to_string().contains(named), "{error}");
        }
        for fine in [RetryPolicy::none(), RetryPolicy::production()] {
            assert!(fine.check().is_ok());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn attempts_end_with_their_number_and_with_the_time() {
        let fixed = RetryConfig::new().strategy(BackoffStrategy::Fixed { delay: SECOND });
        let lost = || Error::closed("gone");
        let mut attempts = Attempts::begin(&fixed);
        let made = [1, 2, 3].map(|_| attempts.again(&lost(), true));
        assert_eq!(made, [Some(SECOND), Some(SECOND), None]);
        let fixed = fixed.max_attempts(100).total_timeout(SECOND * 3);
        let mut attempts = Attempts::begin(&fixed);
        tokio::time::advance(SECOND).await;
        assert_eq!(attempts.again(&lost(), true), Some(SECOND));
        // What the server asks for counts if it is longer, also against the time there is.
        assert_eq!(attempts.again(&lost().with_retry_after(Some(SECOND * 2)), true), None);
        tokio::time::advance(SECOND).await;
        assert_eq!(attempts.again(&lost(), true), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_cannot_have_a_call_wait_for_a_day() {
        let asks = |wait| Error::closed("later").with_retry_after(Some(wait));
        let again = |config: &RetryConfig, wait| Attempts::begin(config).again(&asks(wait), true);
        let config = RetryConfig::new();
        assert_eq!(again(&config, SECOND * 60), Some(SECOND * 60));
        assert_eq!(again(&config, SECOND * 61), None);
        let config = config.longest_retry_after(SECOND * 86_400);
        assert_eq!(again(&config, SECOND * 86_400), Some(SECOND * 86_400));
    }

    #[test]
    fn only_what_may_run_twice_is_repeated() {
        let again = |config: &RetryConfig, error: &Error, is_idempotent| {
            Attempts::begin(config).again(error, is_idempotent).is_some()
        };
        let (safe, lost) = (RetryConfig::new(), Error::closed("gone"));
        assert!(again(&safe, &lost, true));
        assert!(!again(&safe, &lost, false));
        assert!(again(&safe.clone().repeat(Repeat::Everything), &lost, false));
        assert!(again(&safe, &Error::closed("gone").with_nothing_sent(), false));
        // Not among the kinds that are tried again unless asked for.
        assert!(!again(&safe, &Error::timeout(SECOND), true));
        let timeouts = RetryConfig::new().retryable_errors([ErrorKind::RequestTimeout]);
        assert!(again(&timeouts, &Error::timeout(SECOND), true));
        assert!(!again(&timeouts, &lost, true));
        let refused = Error::mcp(turbomcp_protocol::McpError::new(turbomcp_protocol::ErrorCode::RATE_LIMITED, "slow"));
        assert!(again(&safe, &refused, false), "the server has refused to begin");
        assert!(!again(&safe, &Error::mcp(turbomcp_protocol::McpError::internal_error()), true));
    }

    #[test]
    fn tools_are_idempotent_if_their_latest_listing_says_so() {
        let tool = |annotations| {
            let tool = Tool::new("t");
            match annotations {
                Some(annotations) => tool.with_annotations(annotations),
                None => tool,
            }
        };
        let known = Idempotent::default();
        let holds = || known.holds(&Method::TOOLS_CALL, Some("t"));
        assert!(!holds());
        for (annotations, expected) in [
            (Some(ToolAnnotations::new().with_idempotent_hint(true)), true),
            (None, false),
            (Some(ToolAnnotations::new().with_read_only_hint(true)), true),
            (Some(ToolAnnotations::new().with_read_only_hint(false)), false),
        ] {
            known.learn(&[tool(annotations)]);
            assert_eq!(holds(), expected);
        }
        known.learn(&[tool(Some(ToolAnnotations::new().with_idempotent_hint(true)))]);
        known.clear();
        assert!(!holds(), "another server may mean something else by the name");
        assert!(known.holds(&Method::TOOLS_LIST, None));
        assert!(!known.holds(&Method::from_name("x/y"), None));
    }
}
