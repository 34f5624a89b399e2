//! What a server makes of a request to become a WebSocket.

use std::fmt;

use http::header::{
    CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version};

use super::SUBPROTOCOL;

/// The version of WebSocket, the only one there is.
const VERSION: HeaderValue = HeaderValue::from_static("13");

const WEBSOCKET: HeaderValue = HeaderValue::from_static("websocket");

/// Checks a request and returns the headers of the answer, whose status is 101.
///
/// A client that names subprotocols has to name [`SUBPROTOCOL`] among them; one that names none gets none.
///
/// # Errors
///
/// Returns the refusal to answer with if the request does not ask for a WebSocket, or asks in a wrong way.
pub fn accept(request: &Parts) -> Result<HeaderMap, Refusal> {
    let headers = &request.headers;
    let asks = request.method == Method::GET
        && request.version == Version::HTTP_11
        && names(headers, &CONNECTION, "upgrade")
        && names(headers, &UPGRADE, "websocket");
    if !asks {
        return Err(Refusal(Kind::NoUpgrade));
    }
    if single(headers, &SEC_WEBSOCKET_VERSION) != Some(&VERSION) {
        return Err(Refusal(Kind::Version));
    }
    let key = single(headers, &SEC_WEBSOCKET_KEY).filter(|key| is_key(key.as_bytes())).ok_or(Refusal(Kind::Key))?;
    let accept = tungstenite::handshake::derive_accept_key(key.as_bytes());
    let accept = HeaderValue::try_from(accept).map_err(|_| Refusal(Kind::Key))?;
    let mut answer = HeaderMap::from_iter([
        (CONNECTION, HeaderValue::from_static("upgrade")),
        (UPGRADE, WEBSOCKET),
        (SEC_WEBSOCKET_ACCEPT, accept),
    ]);
    if headers.contains_key(SEC_WEBSOCKET_PROTOCOL) {
        // The names of subprotocols are told apart by case.
        if !list(headers, &SEC_WEBSOCKET_PROTOCOL).any(|name| name == SUBPROTOCOL) {
            return Err(Refusal(Kind::Subprotocol));
        }
        answer.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUBPROTOCOL));
    }
    Ok(answer)
}

/// A request that does not become a WebSocket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal(Kind);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    NoUpgrade,
    Version,
    Key,
    Subprotocol,
}

impl Refusal {
    /// Returns the status to answer with.
    #[must_use]
    pub fn status(self) -> StatusCode {
        match self.0 {
            Kind::NoUpgrade | Kind::Version => StatusCode::UPGRADE_REQUIRED,
            Kind::Key | Kind::Subprotocol => StatusCode::BAD_REQUEST,
        }
    }

    /// Returns the headers to answer with: what the client should have asked for.
    #[must_use]
    pub fn headers(self) -> HeaderMap {
        match self.0 {
            Kind::NoUpgrade | Kind::Version => HeaderMap::from_iter([
                (CONNECTION, HeaderValue::from_static("upgrade")),
                (UPGRADE, WEBSOCKET),
                (SEC_WEBSOCKET_VERSION, VERSION),
            ]),
            Kind::Key | Kind::Subprotocol => HeaderMap::new(),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Kind::NoUpgrade => "only a request over HTTP/1.1 to become a WebSocket is answered here",
            Kind::Version => "the version of WebSocket must be 13",
            Kind::Key => "the header `sec-websocket-key` must be there once and hold 16 bytes",
            Kind::Subprotocol => "the subprotocol `mcp` must be among those that are named",
        })
    }
}

impl std::error::Error for Refusal {}

/// Returns the one value of a header.
fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a HeaderValue> {
    let mut values = headers.get_all(name).iter();
    values.next().filter(|_| values.next().is_none())
}

/// Returns the entries of a header that is a list.
fn list<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(|entry| entry.trim_matches([' ', '\t']))
}

fn names(headers: &HeaderMap, name: &HeaderName, wanted: &str) -> bool {
    list(headers, name).any(|entry| entry.eq_ignore_ascii_case(wanted))
}

/// Returns true for 16 bytes in base64.
fn is_key(key: &[u8]) -> bool {
    let Some(digits) = key.strip_suffix(b"==") else { return false };
    digits.len() == 22 && digits.iter().all(|digit| digit.is_ascii_alphanumeric() || matches!(digit, b'+' | b'/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The request of the example in RFC 6455, with one header changed.
    fn request(name: &'static str, values: &[&'static str]) -> Parts {
        let mut parts = http::Request::new(()).into_parts().0;
        for (name, value) in [
            ("connection", "keep-alive, Upgrade"),
            ("upgrade", "WebSocket"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
            ("sec-websocket-protocol", "chat, mcp"),
        ] {
            parts.headers.append(name, HeaderValue::from_static(value));
        }
        parts.headers.remove(name);
        for value in values {
            parts.headers.append(name, HeaderValue::from_static(value));
        }
        parts
    }

    #[test]
    fn answers_the_example_of_the_rfc() {
        let answer = accept(&request("x-none", &[])).unwrap();
        assert_eq!(answer["sec-websocket-accept"], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        assert_eq!(answer["sec-websocket-protocol"], "mcp");
    }

    #[track_caller]
    fn check(name: &'static str, values: &[&'static str], status: Option<u16>) {
        let refused = accept(&request(name, values)).err().map(|refusal| refusal.status().as_u16());
        assert_eq!(refused, status, "{name}: {values:?}");
    }

    #[test]
    fn refuses_what_does_not_ask_for_a_websocket() {
        check("connection", &[], Some(426));
        check("connection", &["keep-alive"], Some(426));
        check("connection", &["keep-alive", "upgrade"], None);
        check("upgrade", &[], Some(426));
        check("upgrade", &["h2c"], Some(426));
        check("upgrade", &["h2c, websocket"], None);
        check("sec-websocket-version", &[], Some(426));
        check("sec-websocket-version", &["8"], Some(426));
        check("sec-websocket-version", &["13", "13"], Some(426));
        check("sec-websocket-key", &[], Some(400));
        check("sec-websocket-key", &["dGhlIHNhbXBsZSBub25jZQ"], Some(400));
        check("sec-websocket-key", &["dGhlIHNhbXBsZSBub25j*Q=="], Some(400));
        check("sec-websocket-key", &["dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZQ=="], Some(400));
        check("sec-websocket-protocol", &["chat"], Some(400));
        check("sec-websocket-protocol", &["MCP"], Some(400));
        check("sec-websocket-protocol", &[""], Some(400));
        check("sec-websocket-protocol", &["chat", "mcp"], None);
        check("sec-websocket-protocol", &[], None);
        let mut posted = request("x-none", &[]);
        posted.method = Method::POST;
        assert_eq!(accept(&posted).unwrap_err().status(), 426);
        let mut newer = request("x-none", &[]);
        newer.version = Version::HTTP_2;
        assert_eq!(accept(&newer).unwrap_err().headers()["upgrade"], "websocket");
    }
}
