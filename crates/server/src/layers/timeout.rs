//! How long requests may take.

use std::collections::HashMap;
use std::time::Duration;

use crate::Error;

/// How long requests may take, from when they were read to their answer.
///
/// It stands in the place of [`Limits::request_timeout`](crate::Limits::request_timeout). A tool may take as long as
/// [`tools`](Self::tools) says; failing that, as it says itself; failing that, as any request. The time that a handler
/// waits for its client does not count, `subscriptions/listen` and `tasks/result` have no limit, and waiting for a
/// place counts.
///
/// A call that becomes a task has been answered then, and nobody waits for it: the task has the time that
/// [`tools`](Self::tools) says, or its tool, from when it is begun, each attempt of it anew; without either, the time
/// for which it is kept. Then it fails.
///
/// ```
/// use std::time::Duration;
/// use turbomcp_server::layers::TimeoutConfig;
///
/// let config = TimeoutConfig { request_timeout: Duration::from_secs(30), ..TimeoutConfig::default() };
/// let config = config.tool("report", Duration::from_secs(300));
/// # drop(config);
/// ```
#[derive(Debug, Clone)]
#[expect(clippy::exhaustive_structs, reason = "written out by users, and closed with `..Default::default()`")]
pub struct TimeoutConfig {
    /// How long a request may take. 30 seconds.
    pub request_timeout: Duration,
    /// How long a call of a tool may take, by its name.
    pub tools: HashMap<String, Duration>,
    /// Whether any of this holds. True.
    pub enabled: bool,
}

impl TimeoutConfig {
    /// Lets every request take so long.
    #[must_use]
    pub fn new(request_timeout: Duration) -> Self {
        Self { request_timeout, tools: HashMap::new(), enabled: true }
    }

    /// Lets calls of one tool take so long.
    #[must_use]
    pub fn tool(mut self, name: impl Into<String>, timeout: Duration) -> Self {
        self.tools.insert(name.into(), timeout);
        self
    }

    pub(super) fn ready(&self) -> Result<Option<Timeouts>, Error> {
        if !self.enabled {
            return Ok(None);
        }
        if self.request_timeout.is_zero() {
            return Err(Error::configuration("`request_timeout` must not be zero"));
        }
        if let Some((name, _)) = self.tools.iter().find(|(_, timeout)| timeout.is_zero()) {
            return Err(Error::configuration(format!("`tools`: the time of `{name}` must not be zero")));
        }
        Ok(Some(Timeouts(self.clone())))
    }
}

impl Default for TimeoutConfig {
    fn default() -> Self {
        Self::new(Duration::from_secs(30))
    }
}

/// The limits, which whoever drives a request keeps: only one that waits has a clock.
#[derive(Debug)]
pub(crate) struct Timeouts(TimeoutConfig);

impl Timeouts {
    /// Returns how long a request may take: the call of a tool if it has a name, which may have a limit of its own.
    pub(crate) fn limit(&self, tool: Option<&str>, own: Option<Duration>) -> Duration {
        let named = tool.and_then(|name| self.0.tools.get(name)).copied();
        named.or(own).unwrap_or(self.0.request_timeout)
    }

    /// Returns how long the task of a tool may take, which may have a limit of its own.
    pub(crate) fn task_limit(&self, tool: &str, own: Option<Duration>) -> Option<Duration> {
        self.0.tools.get(tool).copied().or(own)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_of_a_tool_holds_before_what_it_says_itself() {
        let seconds = Duration::from_secs;
        let timeouts = TimeoutConfig::new(seconds(1)).tool("slow", seconds(9)).ready().unwrap().unwrap();
        assert_eq!(timeouts.limit(Some("slow"), Some(seconds(5))), seconds(9));
        assert_eq!(timeouts.limit(Some("other"), Some(seconds(5))), seconds(5));
        assert_eq!(timeouts.limit(Some("other"), None), seconds(1));
        assert_eq!(timeouts.limit(None, Some(Duration::MAX)), Duration::MAX);
        assert_eq!(timeouts.limit(None, None), seconds(1));
    }

    #[test]
    fn no_time_at_all_is_refused_by_name() {
        let error = TimeoutConfig::new(Duration::ZERO).ready().unwrap_err();
        assert!(error.to_string().contains("`request_timeout`"), "{error}");
        let error = TimeoutConfig::default().tool("a", Duration::ZERO).ready().unwrap_err();
        assert!(error.to_string().contains("`tools`") && error.to_string().contains("`a`"), "{error}");
        assert!(TimeoutConfig { enabled: false, ..TimeoutConfig::new(Duration::ZERO) }.ready().unwrap().is_none());
    }
}
