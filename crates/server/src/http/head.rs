//! The headers that matter to MCP, found in one pass.

use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue};
use turbomcp_protocol::McpError;

pub(crate) static VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
pub(crate) static METHOD: HeaderName = HeaderName::from_static("mcp-method");
pub(crate) static NAME: HeaderName = HeaderName::from_static("mcp-name");
pub(crate) static SESSION_ID: HeaderName = HeaderName::from_static("mcp-session-id");
static LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

const JSON: &str = "application/json";

/// The headers of a request that MCP gives a meaning.
#[derive(Debug, Default)]
pub(crate) struct Head<'a> {
    pub(crate) content_type: Field<'a>,
    pub(crate) version: Field<'a>,
    pub(crate) method: Field<'a>,
    pub(crate) name: Field<'a>,
    pub(crate) session_id: Field<'a>,
    pub(crate) last_event_id: Field<'a>,
    accept: Accept,
}

/// A header that may come once.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) enum Field<'a> {
    #[default]
    Absent,
    One(&'a HeaderValue),
    Several,
}

impl<'a> Field<'a> {
    fn add(&mut self, value: &'a HeaderValue) {
        *self = match self {
            Self::Absent => Self::One(value),
            _ => Self::Several,
        };
    }

    pub(crate) fn is_absent(self) -> bool {
        matches!(self, Self::Absent)
    }

    /// Returns the value if there is exactly one and it is text.
    pub(crate) fn text(self) -> Option<&'a str> {
        match self {
            Self::One(value) => value.to_str().ok(),
            _ => None,
        }
    }

    /// Returns the one value there must be.
    pub(crate) fn required(self, name: &HeaderName) -> Result<&'a HeaderValue, McpError> {
        match self {
            Self::One(value) => Ok(value),
            Self::Absent => Err(McpError::header_mismatch(format!("the header `{name}` is missing"))),
            Self::Several => Err(McpError::header_mismatch(format!("the header `{name}` comes more than once"))),
        }
    }
}

/// Which of the two kinds of answer the client takes; no header at all means both.
#[derive(Debug, Default, Clone, Copy)]
struct Accept {
    given: bool,
    json: bool,
    events: bool,
}

impl<'a> Head<'a> {
    pub(crate) fn read(headers: &'a HeaderMap) -> Self {
        let mut head = Self::default();
        for (name, value) in headers {
            if *name == CONTENT_TYPE {
                head.content_type.add(value);
            } else if *name == ACCEPT {
                head.accept.add(value);
            } else if *name == VERSION {
                head.version.add(value);
            } else if *name == METHOD {
                head.method.add(value);
            } else if *name == NAME {
                head.name.add(value);
            } else if *name == SESSION_ID {
                head.session_id.add(value);
            } else if *name == LAST_EVENT_ID {
                head.last_event_id.add(value);
            }
        }
        head
    }

    pub(crate) fn accepts_both(&self) -> bool {
        !self.accept.given || (self.accept.json && self.accept.events)
    }

    pub(crate) fn accepts_events(&self) -> bool {
        !self.accept.given || self.accept.events
    }

    pub(crate) fn is_json(&self) -> bool {
        // The usual spelling costs no more than a comparison.
        self.content_type.text().is_some_and(|value| value == JSON || media_type(value).eq_ignore_ascii_case(JSON))
    }
}

impl Accept {
    fn add(&mut self, value: &HeaderValue) {
        self.given = true;
        if value == "application/json, text/event-stream" {
            (self.json, self.events) = (true, true);
            return;
        }
        for range in value.to_str().unwrap_or_default().split(',') {
            // A weight of nothing is a refusal, which no client of MCP sends; it is taken for what it names.
            let range = media_type(range);
            let is = |kind: &str| range.eq_ignore_ascii_case(kind);
            self.json |= is(JSON) || is("application/*") || is("*/*");
            self.events |= is("text/event-stream") || is("text/*") || is("*/*");
        }
    }
}

/// Returns a media type without its parameters.
fn media_type(value: &str) -> &str {
    value.split_once(';').map_or(value, |(kind, _)| kind).trim_matches([' ', '\t'])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        fields.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
    }

    #[track_caller]
    fn accepts(accept: &'static str, both: bool) {
        assert_eq!(Head::read(&head(&[("accept", accept)])).accepts_both(), both, "{accept}");
    }

    #[test]
    fn an_answer_must_be_accepted_in_both_forms() {
        accepts("application/json, text/event-stream", true);
        accepts("text/event-stream;q=0.5,application/json;charset=utf-8", true);
        accepts("*/*", true);
        accepts("Application/JSON, TEXT/*", true);
        accepts("application/json", false);
        accepts("text/event-stream", false);
        accepts("text/html", false);
        accepts("", false);
        assert!(Head::read(&HeaderMap::new()).accepts_both());
    }

    #[test]
    fn a_content_type_is_read_without_its_parameters() {
        assert!(Head::read(&head(&[("content-type", "application/json; charset=utf-8")])).is_json());
        assert!(!Head::read(&head(&[("content-type", "application/jsonx")])).is_json());
        assert!(!Head::read(&head(&[("content-type", "text/plain")])).is_json());
        assert!(!Head::read(&HeaderMap::new()).is_json());
    }

    #[test]
    fn a_header_that_comes_twice_has_no_value() {
        let mut headers = head(&[("mcp-method", "ping")]);
        headers.append("mcp-method", HeaderValue::from_static("ping"));
        assert!(Head::read(&headers).method.required(&METHOD).is_err());
    }
}
