//! A Content-Security-Policy.

use crate::Error;

/// What a page that is shown from here may load, and who may show it (`Content-Security-Policy`).
///
/// ```
/// use turbomcp_server::layers::ContentSecurityPolicy;
///
/// let policy = ContentSecurityPolicy::new()
///     .default_src(["'self'"])
///     .connect_src(["'self'", "wss:"])
///     .script_src(["'self'"])
///     .style_src(["'self'"]);
/// # drop(policy);
/// ```
///
/// # Specification
///
/// [Content Security Policy](https://www.w3.org/TR/CSP3/)
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[must_use]
pub struct ContentSecurityPolicy {
    text: Option<String>,
    directives: Vec<(String, Vec<String>)>,
}

impl ContentSecurityPolicy {
    /// Starts with a policy that forbids nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Forbids everything: to load, to be shown in a frame, to send forms.
    pub fn strict() -> Self {
        let none = ["'none'"];
        Self::new()
            .default_src(none)
            .directive("frame-ancestors", none)
            .directive("base-uri", none)
            .directive("form-action", none)
    }

    /// Says from where anything is loaded for which nothing else is said.
    pub fn default_src<S: Into<String>>(self, sources: impl IntoIterator<Item = S>) -> Self {
        self.directive("default-src", sources)
    }

    /// Says where scripts may connect to.
    pub fn connect_src<S: Into<String>>(self, sources: impl IntoIterator<Item = S>) -> Self {
        self.directive("connect-src", sources)
    }

    /// Says from where scripts are loaded.
    pub fn script_src<S: Into<String>>(self, sources: impl IntoIterator<Item = S>) -> Self {
        self.directive("script-src", sources)
    }

    /// Says from where styles are loaded.
    pub fn style_src<S: Into<String>>(self, sources: impl IntoIterator<Item = S>) -> Self {
        self.directive("style-src", sources)
    }

    /// Sets any directive. What was said of it before is replaced.
    pub fn directive<S: Into<String>>(mut self, name: impl Into<String>, sources: impl IntoIterator<Item = S>) -> Self {
        let name = name.into();
        self.directives.retain(|(known, _)| *known != name);
        self.directives.push((name, sources.into_iter().map(Into::into).collect()));
        self
    }

    pub(crate) fn text(&self) -> Result<String, Error> {
        let mut parts: Vec<String> = self.text.iter().cloned().collect();
        for (name, sources) in &self.directives {
            let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
            let is_source = |source: &String| {
                !source.is_empty() && source.bytes().all(|byte| byte.is_ascii_graphic() && byte != b';' && byte != b',')
            };
            if !is_name {
                return Err(Error::configuration(format!("`csp`: `{name}` is not the name of a directive")));
            }
            if let Some(source) = sources.iter().find(|source| !is_source(source)) {
                return Err(Error::configuration(format!("`csp`: `{name}` has `{source}`, which is not one source")));
            }
            parts.push([&[name.as_str()], &*sources.iter().map(String::as_str).collect::<Vec<_>>()].concat().join(" "));
        }
        Ok(parts.join("; "))
    }
}

/// Takes a policy as it is written.
impl From<&str> for ContentSecurityPolicy {
    fn from(text: &str) -> Self {
        Self { text: Some(text.to_owned()), directives: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f170_a_policy_is_written_as_browsers_read_it() {
        #[track_caller]
        fn check(policy: &ContentSecurityPolicy, expected: &str) {
            assert_eq!(policy.text().unwrap(), expected);
        }
        check(
            &ContentSecurityPolicy::strict(),
            "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
        );
        let policy = ContentSecurityPolicy::new().default_src(["'self'"]).connect_src(["'self'", "wss:"]);
        check(&policy, "default-src 'self'; connect-src 'self' wss:");
        check(
            &policy.script_src(["'self'"]).style_src(["https://a.example"]).default_src(["'none'"]),
            "connect-src 'self' wss:; script-src 'self'; style-src https://a.example; default-src 'none'",
        );
        check(
            &ContentSecurityPolicy::from("default-src 'self'").directive("sandbox", [""; 0]),
            "default-src 'self'; sandbox",
        );
    }

    #[test]
    fn what_would_be_read_as_something_else_is_refused() {
        for (name, source) in [("script-src", "'self'; default-src *"), ("script-src", "a b"), ("script-src", "")] {
            assert!(ContentSecurityPolicy::new().directive(name, [source]).text().is_err(), "{source}");
        }
        assert!(ContentSecurityPolicy::new().directive("script src", ["a"]).text().is_err());
    }
}
