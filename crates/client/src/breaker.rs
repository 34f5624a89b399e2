//! Leaving a server alone that fails, and finding out when it is back.

use std::collections::VecDeque;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;

use crate::Error;
use crate::sync::lock;

/// When a server is left alone, and when it is tried again.
///
/// A server has failed if it cannot be reached, ends, does not answer in time or answers with an HTTP status of 500 and
/// above; an error of the protocol's is an answer. While a server is left alone, calls fail at once with
/// [`Error::is_unavailable`]. After that a few calls are let through: if one of them is answered everything is, if one
/// fails the server is left alone again, for longer.
///
/// ```
/// use std::time::Duration;
/// use turbomcp_client::{CircuitBreakerConfig, Client, FailureThreshold, RecoveryStrategy};
///
/// let breaker = CircuitBreakerConfig::production()
///     .failure_threshold(FailureThreshold::Consecutive(3))
///     .recovery_strategy(RecoveryStrategy::LinearBackoff {
///         initial_delay: Duration::from_secs(1),
///         max_delay: Duration::from_secs(60),
///         multiplier: 2.0,
///     });
/// let builder = Client::builder().reconnect().circuit_breaker(breaker);
/// # drop(builder);
/// ```
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct CircuitBreakerConfig {
    failure_threshold: FailureThreshold,
    recovery_timeout: Duration,
    half_open_max_calls: u32,
    recovery_strategy: RecoveryStrategy,
}

/// How much has to fail before a server is left alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FailureThreshold {
    /// So many calls in a row.
    Consecutive(u32),
    /// So many calls within a time, whatever was answered between them.
    Within {
        /// How many calls: at most 10,000.
        failures: u32,
        /// The time.
        window: Duration,
    },
    /// So great a part of the last calls.
    Rate {
        /// How many of a hundred: from 1 to 100.
        percent: u32,
        /// How many calls are looked at: from 1 to 10,000. As long as there were fewer, none is refused.
        calls: u32,
    },
}

/// How long a server is left alone at the most: far less than what a clock can be ahead by.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// How many calls a threshold looks back at the most.
const MAX_CALLS: u32 = 10_000;

/// How long a server is left alone, when that happens again and again.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
#[non_exhaustive]
pub enum RecoveryStrategy {
    /// Always for the time that [`CircuitBreakerConfig::recovery_timeout`] sets.
    #[default]
    Fixed,
    /// Each time for longer, by `multiplier` times the first time.
    LinearBackoff {
        /// The first time.
        initial_delay: Duration,
        /// The longest time.
        max_delay: Duration,
        /// How many first times are added each time.
        multiplier: f64,
    },
    /// Each time for `multiplier` times as long.
    ExponentialBackoff {
        /// The first time.
        initial_delay: Duration,
        /// The longest time.
        max_delay: Duration,
        /// How many times as long as before.
        multiplier: f64,
    },
}

/// Whether calls to a server are let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum CircuitState {
    /// All of them.
    Closed,
    /// None, for a while.
    Open,
    /// A few, to find out whether the server is back.
    HalfOpen,
}

impl Default for CircuitBreakerConfig {
    fn default() -> Self {
        Self::production()
    }
}

impl CircuitBreakerConfig {
    /// Leaves a server alone for 60 s after 5 failures in a row, and then lets 3 calls through at a time.
    pub fn production() -> Self {
        Self {
            failure_threshold: FailureThreshold::Consecutive(5),
            recovery_timeout: Duration::from_secs(60),
            half_open_max_calls: 3,
            recovery_strategy: RecoveryStrategy::Fixed,
        }
    }

    /// What suits a server among many: it is left alone soon and tried again soon, by one call.
    pub(crate) fn of_a_group() -> Self {
        Self::production().failure_threshold(FailureThreshold::Consecutive(3)).half_open_max_calls(1).recovery_strategy(
            RecoveryStrategy::LinearBackoff {
                initial_delay: Duration::from_millis(500),
                max_delay: Duration::from_secs(30),
                multiplier: 2.0,
            },
        )
    }

    /// Sets how much has to fail. A threshold of no failures is one of one failure.
    pub fn failure_threshold(mut self, threshold: FailureThreshold) -> Self {
        self.failure_threshold = threshold;
        self
    }

    /// Sets how long the server is left alone, unless the strategy says how long. At most 365 days.
    pub fn recovery_timeout(mut self, timeout: Duration) -> Self {
        self.recovery_timeout = timeout;
        self
    }

    /// Sets how many calls are let through at a time while it is found out whether the server is back. At least one is.
    pub fn half_open_max_calls(mut self, calls: u32) -> Self {
        self.half_open_max_calls = calls;
        self
    }

    /// Sets how long the server is left alone when it fails again and again. The longest time is at most 365 days.
    pub fn recovery_strategy(mut self, strategy: RecoveryStrategy) -> Self {
        self.recovery_strategy = strategy;
        self
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        match self.failure_threshold {
            FailureThreshold::Within { failures, .. } if failures > MAX_CALLS => {
                return Err(Error::usage(format!("the `failures` of a threshold are at most {MAX_CALLS}")));
            }
            FailureThreshold::Rate { percent, calls }
                if !(1..=100).contains(&percent) || !(1..=MAX_CALLS).contains(&calls) =>
            {
                let bounds = format!("`percent` is from 1 to 100, and `calls` from 1 to {MAX_CALLS}");
                return Err(Error::usage(format!("of a threshold {bounds}")));
            }
            _ => {}
        }
        let (name, longest) = match self.recovery_strategy {
            RecoveryStrategy::Fixed => ("recovery_timeout", self.recovery_timeout),
            RecoveryStrategy::LinearBackoff { max_delay, .. }
            | RecoveryStrategy::ExponentialBackoff { max_delay, .. } => ("max_delay", max_delay),
        };
        if longest > LONGEST {
            return Err(Error::usage(format!("the `{name}` of a circuit breaker is at most 365 days")));
        }
        match self.recovery_strategy {
            RecoveryStrategy::LinearBackoff { multiplier, .. }
            | RecoveryStrategy::ExponentialBackoff { multiplier, .. }
                if !(multiplier.is_finite() && multiplier >= 0.0) =>
            {
                Err(Error::usage("the `multiplier` of a recovery is a number, and not below 0"))
            }
            _ => Ok(()),
        }
    }

    /// Returns how long to wait after the circuit has opened so often in a row.
    fn wait(&self, openings: u32) -> Duration {
        match self.recovery_strategy {
            RecoveryStrategy::Fixed => self.recovery_timeout,
            RecoveryStrategy::LinearBackoff { initial_delay, max_delay, multiplier } => {
                let times = 1.0 + multiplier.max(0.0) * f64::from(openings.saturating_sub(1));
                Duration::try_from_secs_f64(initial_delay.as_secs_f64() * times).unwrap_or(max_delay).min(max_delay)
            }
            RecoveryStrategy::ExponentialBackoff { initial_delay, max_delay, multiplier } => {
                let times = multiplier.powi(i32::try_from(openings.saturating_sub(1)).unwrap_or(i32::MAX));
                Duration::try_from_secs_f64(initial_delay.as_secs_f64() * times).unwrap_or(max_delay).min(max_delay)
            }
        }
    }
}

/// The circuit of one server.
#[derive(Debug)]
pub(crate) struct Breaker {
    config: CircuitBreakerConfig,
    state: Mutex<State>,
    /// How often the circuit has opened at all.
    openings: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    /// How many calls in a row have failed.
    failures: u32,
    /// How often in a row the circuit has opened.
    openings: u32,
    error: Option<String>,
    phase: Phase,
    recent: Recent,
}

/// What a threshold looks back at, which is bounded by it.
#[derive(Debug, Default)]
struct Recent {
    /// When calls have failed.
    failures: VecDeque<Instant>,
    /// Which calls have failed, and how many that is.
    calls: VecDeque<bool>,
    failed: u32,
}

impl Recent {
    fn add(&mut self, has_failed: bool, threshold: FailureThreshold) {
        match threshold {
            FailureThreshold::Within { failures, .. } if has_failed => {
                self.failures.push_back(Instant::now());
                if self.failures.len() > failures.max(1) as usize {
                    self.failures.pop_front();
                }
            }
            FailureThreshold::Rate { calls, .. } => {
                self.calls.push_back(has_failed);
                self.failed += u32::from(has_failed);
                if self.calls.len() > calls as usize
                    && let Some(true) = self.calls.pop_front()
                {
                    self.failed -= 1;
                }
            }
            _ => {}
        }
    }

    /// Returns true if as much has failed as a threshold says, by what is known here and the failures in a row.
    fn reaches(&self, threshold: FailureThreshold, in_a_row: u32) -> bool {
        match threshold {
            FailureThreshold::Consecutive(most) => in_a_row >= most,
            FailureThreshold::Within { failures, window } => {
                self.failures.len() >= failures.max(1) as usize
                    && self.failures.front().is_some_and(|first| first.elapsed() <= window)
            }
            FailureThreshold::Rate { percent, calls } => {
                self.calls.len() >= calls as usize
                    && u64::from(self.failed) * 100 >= u64::from(percent) * u64::from(calls)
            }
        }
    }
}

#[derive(Debug, Default)]
enum Phase {
    #[default]
    Closed,
    Open {
        until: Instant,
    },
    HalfOpen {
        calls: u32,
    },
}

impl Breaker {
    pub(crate) fn new(config: CircuitBreakerConfig) -> Arc<Self> {
        Arc::new(Self { config, state: Mutex::default(), openings: AtomicU64::new(0) })
    }

    /// Lets a call through, or says why not.
    pub(crate) fn admit(self: &Arc<Self>) -> Result<Permit, Error> {
        let mut state = lock(&self.state);
        if let Phase::Open { until } = state.phase
            && Instant::now() >= until
        {
            state.phase = Phase::HalfOpen { calls: 0 };
        }
        let is_probe = match &mut state.phase {
            Phase::Closed => false,
            Phase::HalfOpen { calls } if *calls < self.config.half_open_max_calls.max(1) => {
                *calls += 1;
                true
            }
            _ => return Err(Error::unavailable(state.error.clone().unwrap_or_default())),
        };
        Ok(Permit { breaker: self.clone(), is_probe, openings: self.openings() })
    }

    pub(crate) fn state(&self) -> CircuitState {
        match lock(&self.state).phase {
            Phase::Closed => CircuitState::Closed,
            Phase::Open { until } if Instant::now() < until => CircuitState::Open,
            _ => CircuitState::HalfOpen,
        }
    }

    /// Returns the last failure and how many there were in a row, unless the last call was answered.
    pub(crate) fn failure(&self) -> Option<(String, u32)> {
        let state = lock(&self.state);
        Some((state.error.clone()?, state.failures))
    }

    /// Returns how often the circuit has opened.
    pub(crate) fn openings(&self) -> u64 {
        self.openings.load(Ordering::Relaxed)
    }

    /// Takes notice of what came of asking for a sign of life, which is done whatever the circuit says.
    pub(crate) fn checked(&self, outcome: &Result<(), Error>) {
        match outcome {
            Ok(()) => self.succeeded(),
            Err(error) => self.failed(error, self.state() == CircuitState::HalfOpen, AtOnce::No),
        }
    }

    fn succeeded(&self) {
        let mut state = lock(&self.state);
        if !matches!(state.phase, Phase::Closed) {
            *state = State::default();
            return;
        }
        (state.failures, state.openings, state.error) = (0, 0, None);
        state.recent.add(false, self.config.failure_threshold);
    }

    fn failed(&self, error: &Error, is_probe: bool, at_once: AtOnce) {
        let threshold = self.config.failure_threshold;
        let mut state = lock(&self.state);
        state.failures = state.failures.saturating_add(1);
        state.error = Some(error.to_string());
        state.recent.add(true, threshold);
        let is_enough = is_probe || at_once == AtOnce::Yes || state.recent.reaches(threshold, state.failures);
        // What was sent before the circuit opened says nothing new.
        if is_enough && !matches!(state.phase, Phase::Open { .. }) {
            state.openings = state.openings.saturating_add(1);
            self.openings.fetch_add(1, Ordering::Relaxed);
            let wait = jittered(self.config.wait(state.openings));
            state.phase = Phase::Open { until: Instant::now() + wait };
            tracing::warn!(%error, failures = state.failures, ?wait, "a server is left alone");
        }
    }
}

/// Whether one failure is enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AtOnce {
    Yes,
    No,
}

/// A call that was let through. Dropping it without a verdict, as a cancelled call does, says nothing of the server.
#[derive(Debug)]
pub(crate) struct Permit {
    breaker: Arc<Breaker>,
    is_probe: bool,
    /// How often the circuit had opened when it was let through.
    openings: u64,
}

impl Permit {
    /// Takes notice of how the call went.
    pub(crate) fn judge<T>(self, outcome: &Result<T, Error>) {
        match outcome {
            Err(error) if error.is_of_the_server() => self.breaker.failed(error, self.is_probe, AtOnce::No),
            // A call that was never sent is no answer.
            Err(error) if error.is_usage() => {}
            _ => self.breaker.succeeded(),
        }
    }

    /// Takes notice of a server that was not there at all.
    pub(crate) fn trip(self, error: &Error) {
        self.breaker.failed(error, self.is_probe, AtOnce::Yes);
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if self.is_probe
            && let Phase::HalfOpen { calls } = &mut lock(&self.breaker.state).phase
            // If it has opened since, those that probe now are others.
            && self.breaker.openings() == self.openings
        {
            *calls = calls.saturating_sub(1);
        }
    }
}

/// Takes up to a tenth off, so that many clients do not come back at once.
fn jittered(wait: Duration) -> Duration {
    // A fresh hasher is seeded at random, which is all the randomness this needs.
    let random = RandomState::new().hash_one(()) % 1024;
    wait.mul_f64(1.0 - f64::from(u32::try_from(random).unwrap_or_default()) / 10_240.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn breaker(config: CircuitBreakerConfig) -> Arc<Breaker> {
        Breaker::new(config.failure_threshold(FailureThreshold::Consecutive(2)))
    }

    fn fail(breaker: &Arc<Breaker>) {
        breaker.admit().unwrap().judge::<()>(&Err(Error::timeout(Duration::ZERO)));
    }

    fn answer(breaker: &Arc<Breaker>) {
        breaker.admit().unwrap().judge(&Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn failures_in_a_row_open_the_circuit_and_one_answer_closes_it() {
        let breaker = breaker(CircuitBreakerConfig::production());
        for _ in 0..3 {
            fail(&breaker);
            answer(&breaker);
        }
        assert_eq!((breaker.state(), breaker.failure()), (CircuitState::Closed, None));
        fail(&breaker);
        fail(&breaker);
        assert_eq!(breaker.state(), CircuitState::Open);
        assert_eq!(breaker.failure().unwrap().1, 2);
        let error = breaker.admit().unwrap_err();
        assert!(error.is_unavailable() && error.to_string().contains("no answer within"), "{error}");
        tokio::time::advance(Duration::from_secs(53)).await;
        assert!(breaker.admit().is_err());
        tokio::time::advance(Duration::from_secs(7)).await;
        assert_eq!(breaker.state(), CircuitState::HalfOpen);
        answer(&breaker);
        assert_eq!((breaker.state(), breaker.failure()), (CircuitState::Closed, None));
    }

    #[tokio::test(start_paused = true)]
    async fn a_few_calls_probe_and_those_that_are_dropped_make_room() {
        let breaker = breaker(CircuitBreakerConfig::production().half_open_max_calls(2));
        fail(&breaker);
        fail(&breaker);
        tokio::time::advance(Duration::from_secs(60)).await;
        let (first, second) = (breaker.admit().unwrap(), breaker.admit().unwrap());
        assert!(breaker.admit().is_err());
        drop(first);
        let third = breaker.admit().unwrap();
        third.judge::<()>(&Err(Error::closed("gone")));
        assert_eq!(breaker.state(), CircuitState::Open);
        // A late failure of what was sent before does not prolong the wait.
        second.judge::<()>(&Err(Error::closed("gone")));
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_eq!(breaker.state(), CircuitState::HalfOpen);
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_of_an_earlier_time_makes_no_room_for_another() {
        let breaker = breaker(CircuitBreakerConfig::production().half_open_max_calls(1));
        fail(&breaker);
        fail(&breaker);
        tokio::time::advance(Duration::from_secs(60)).await;
        let early = breaker.admit().unwrap();
        breaker.checked(&Err(Error::timeout(Duration::ZERO)));
        assert_eq!((breaker.state(), breaker.openings()), (CircuitState::Open, 2));
        tokio::time::advance(Duration::from_secs(60)).await;
        let probe = breaker.admit().unwrap();
        drop(early);
        assert!(breaker.admit().is_err(), "there is one that probes");
        drop(probe);
        assert!(breaker.admit().is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn errors_of_the_protocol_are_answers_and_usage_is_nothing() {
        let breaker = breaker(CircuitBreakerConfig::production());
        fail(&breaker);
        breaker.admit().unwrap().judge::<()>(&Err(Error::usage("bad")));
        assert_eq!(breaker.failure().unwrap().1, 1);
        breaker.admit().unwrap().judge::<()>(&Err(Error::mcp(turbomcp_protocol::McpError::internal_error())));
        assert_eq!(breaker.failure(), None);
        breaker.admit().unwrap().trip(&Error::connect("nowhere"));
        assert_eq!(breaker.state(), CircuitState::Open);
    }

    #[tokio::test(start_paused = true)]
    async fn failures_within_a_time_open_the_circuit_also_if_calls_between_are_answered() {
        let window = Duration::from_secs(10);
        let threshold = FailureThreshold::Within { failures: 3, window };
        let breaker = Breaker::new(CircuitBreakerConfig::production().failure_threshold(threshold));
        for wait in [6, 6, 5, 4] {
            fail(&breaker);
            answer(&breaker);
            assert_eq!(breaker.state(), CircuitState::Closed);
            tokio::time::advance(Duration::from_secs(wait)).await;
        }
        assert!(lock(&breaker.state).recent.failures.len() <= 3);
        // The two before were 9 s and 4 s ago.
        fail(&breaker);
        assert_eq!((breaker.state(), breaker.openings()), (CircuitState::Open, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_part_of_the_last_calls_opens_the_circuit() {
        let threshold = FailureThreshold::Rate { percent: 50, calls: 4 };
        let breaker = Breaker::new(CircuitBreakerConfig::production().failure_threshold(threshold));
        fail(&breaker);
        fail(&breaker);
        answer(&breaker);
        assert_eq!(breaker.state(), CircuitState::Closed, "too few calls to tell");
        answer(&breaker);
        answer(&breaker);
        answer(&breaker);
        // What failed before is forgotten.
        fail(&breaker);
        assert_eq!(breaker.state(), CircuitState::Closed);
        fail(&breaker);
        assert_eq!(breaker.state(), CircuitState::Open);
        breaker.checked(&Ok(()));
        assert_eq!(breaker.state(), CircuitState::Closed, "a check finds the server again");
        fail(&breaker);
        assert_eq!((breaker.state(), lock(&breaker.state).recent.calls.len()), (CircuitState::Closed, 1));
    }

    #[test]
    fn settings_that_make_no_sense_are_refused() {
        let config = CircuitBreakerConfig::production();
        assert!(config.check().is_ok());
        for threshold in [
            FailureThreshold::Within { failures: 10_001, window: Duration::from_secs(1) },
            FailureThreshold::Rate { percent: 0, calls: 1 },
            FailureThreshold::Rate { percent: 101, calls: 1 },
            FailureThreshold::Rate { percent: 1, calls: 0 },
        ] {
            assert!(config.clone().failure_threshold(threshold).check().unwrap_err().is_usage());
        }
        let (initial_delay, max_delay) = (Duration::from_secs(1), Duration::from_secs(2));
        let strategy = RecoveryStrategy::ExponentialBackoff { initial_delay, max_delay, multiplier: f64::NAN };
        assert!(config.clone().recovery_strategy(strategy).check().unwrap_err().is_usage());
        for longest in [Duration::MAX, LONGEST + Duration::from_nanos(1)] {
            assert!(
                config.clone().recovery_timeout(longest).check().unwrap_err().to_string().contains("recovery_timeout")
            );
            for strategy in [
                RecoveryStrategy::LinearBackoff { initial_delay, max_delay: longest, multiplier: 1.0 },
                RecoveryStrategy::ExponentialBackoff { initial_delay, max_delay: longest, multiplier: 1.0 },
            ] {
                let error = config.clone().recovery_strategy(strategy).check().unwrap_err();
                assert!(error.is_usage() && error.to_string().contains("max_delay"), "{error}");
            }
        }
        assert!(config.recovery_timeout(LONGEST).check().is_ok());
    }

    #[test]
    fn the_wait_grows_by_its_strategy_and_saturates() {
        let fixed = CircuitBreakerConfig::production().recovery_timeout(Duration::from_secs(7));
        assert_eq!((fixed.wait(1).as_secs(), fixed.wait(9).as_secs()), (7, 7));
        let linear = fixed.recovery_strategy(RecoveryStrategy::LinearBackoff {
            initial_delay: Duration::from_secs(1),
            max_delay: Duration::from_secs(60),
            multiplier: 2.0,
        });
        let waits = |config: &CircuitBreakerConfig| [1, 2, 3, 31, u32::MAX].map(|times| config.wait(times).as_secs());
        assert_eq!(waits(&linear), [1, 3, 5, 60, 60]);
        let exponential = linear.recovery_strategy(RecoveryStrategy::ExponentialBackoff {
            initial_delay: Duration::from_secs(1),
            max_delay: Duration::from_secs(60),
            multiplier: 3.0,
        });
        assert_eq!(waits(&exponential), [1, 3, 9, 60, 60]);
        let wait = jittered(Duration::from_secs(10)).as_millis();
        assert!((9000..=10_000).contains(&wait), "{wait}");
    }
}
