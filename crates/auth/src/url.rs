//! URLs as authorization compares them: byte for byte, but for where a server is.

use std::net::IpAddr;

use http::Uri;

use crate::Error;

/// A URL of https, or of http on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Url {
    /// As it was written.
    text: String,
    uri: Uri,
}

impl Url {
    /// Reads a URL. `what` says whose it is, for the error.
    pub(crate) fn parse(text: &str, what: &str) -> Result<Self, Error> {
        let refuse = |why: &str| Err(Error::refused(format!("{what} {why}")));
        if text.contains('#') {
            return refuse("has a fragment");
        }
        let Ok(uri) = text.parse::<Uri>() else { return refuse("is no URL") };
        let Some(authority) = uri.authority() else { return refuse("is no absolute URL") };
        if authority.as_str().contains('@') {
            return refuse("holds credentials");
        }
        if authority.host().is_empty() {
            return refuse("names no host");
        }
        let url = Self { text: text.to_owned(), uri };
        match url.uri.scheme_str() {
            Some("https") => Ok(url),
            Some("http") if url.is_loopback() => Ok(url),
            Some("http") => refuse("is neither https nor on this machine"),
            _ => refuse("is of neither http nor https"),
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    pub(crate) fn uri(&self) -> &Uri {
        &self.uri
    }

    pub(crate) fn host(&self) -> &str {
        self.uri.host().unwrap_or_default().trim_matches(['[', ']'])
    }

    pub(crate) fn ip(&self) -> Option<IpAddr> {
        self.host().parse().ok()
    }

    pub(crate) fn is_loopback(&self) -> bool {
        is_localhost(self.host()) || self.ip().is_some_and(|ip| ip.to_canonical().is_loopback())
    }

    fn port(&self) -> u16 {
        self.uri.port_u16().unwrap_or(if self.uri.scheme_str() == Some("https") { 443 } else { 80 })
    }

    pub(crate) fn is_same_origin(&self, other: &Self) -> bool {
        self.uri.scheme_str() == other.uri.scheme_str()
            && self.uri.host().map(str::to_ascii_lowercase) == other.uri.host().map(str::to_ascii_lowercase)
            && self.port() == other.port()
    }

    /// Returns scheme, host and port, without a slash at the end.
    pub(crate) fn origin(&self) -> String {
        let authority = self.uri.authority().map(http::uri::Authority::as_str).unwrap_or_default();
        format!("{}://{authority}", self.uri.scheme_str().unwrap_or_default()).to_ascii_lowercase()
    }

    /// Returns the path, without a slash at the end; nothing if there is none.
    pub(crate) fn path(&self) -> &str {
        self.uri.path().trim_end_matches('/')
    }

    /// Returns the query with its question mark, or nothing.
    pub(crate) fn query(&self) -> String {
        self.uri.query().map(|query| format!("?{query}")).unwrap_or_default()
    }

    /// True if this, as the identifier of a resource, stands for `other` too: the same origin, and a path that is
    /// the same or above.
    pub(crate) fn covers(&self, other: &Self) -> bool {
        let rest = other.path().strip_prefix(self.path());
        let query = self.uri.query();
        self.is_same_origin(other)
            && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            && (query.is_none() || query == other.uri.query())
    }
}

pub(crate) fn is_localhost(host: &str) -> bool {
    let host = host.trim_end_matches('.');
    host.eq_ignore_ascii_case("localhost") || host.to_ascii_lowercase().ends_with(".localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text, "this").unwrap()
    }

    #[test]
    fn only_https_or_this_machine() {
        for good in ["https://a.example", "http://localhost:1/x", "http://127.0.0.9", "http://[::1]:3/x?y=1"] {
            assert_eq!(url(good).as_str(), good);
        }
        for bad in [
            "http://a.example",
            "http://localhost.evil.example",
            "http://10.0.0.1/",
            "ftp://a.example",
            "file:///etc/passwd",
            "javascript:alert(1)",
            "https://user:pw@a.example",
            "https://a.example/#x",
            "/x",
            "",
            "https://",
        ] {
            assert!(Url::parse(bad, "this").unwrap_err().is_refused(), "{bad}");
        }
    }

    #[test]
    fn a_resource_covers_what_lies_below_it() {
        for (resource, server, expected) in [
            ("https://a.example/mcp", "https://a.example/mcp", true),
            ("https://a.example", "https://a.example/mcp", true),
            ("https://a.example/", "https://a.example/mcp", true),
            ("https://A.example:443/mcp", "https://a.example/mcp", true),
            ("https://a.example/mcp/", "https://a.example/mcp", true),
            ("https://a.example/mc", "https://a.example/mcp", false),
            ("https://a.example/mcp/x", "https://a.example/mcp", false),
            ("https://a.example/MCP", "https://a.example/mcp", false),
            ("https://evil.example/mcp", "https://a.example/mcp", false),
            ("https://a.example:444/mcp", "https://a.example/mcp", false),
            ("https://a.example/mcp?tenant=1", "https://a.example/mcp?tenant=2", false),
        ] {
            assert_eq!(url(resource).covers(&url(server)), expected, "{resource} for {server}");
        }
    }
}
