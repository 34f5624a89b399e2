//! The outer members of a JSON-RPC message, and where its parts lie.

use std::borrow::Cow;

use crate::scan::{Key, ScanError, Scanner, Span, text_of};
use crate::{ErrorCode, McpError};

/// The `_meta` key of a request's protocol version.
pub const META_PROTOCOL_VERSION: &str = "io.modelcontextprotocol/protocolVersion";
/// The `_meta` key of a request's client capabilities.
pub const META_CLIENT_CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";
/// The `_meta` key of a request's client information.
pub const META_CLIENT_INFO: &str = "io.modelcontextprotocol/clientInfo";
/// The `_meta` key of a request's minimum log level.
pub const META_LOG_LEVEL: &str = "io.modelcontextprotocol/logLevel";
/// The `_meta` key of a result's server information.
pub const META_SERVER_INFO: &str = "io.modelcontextprotocol/serverInfo";
/// The `_meta` key that ties a notification to its `subscriptions/listen` request.
pub const META_SUBSCRIPTION_ID: &str = "io.modelcontextprotocol/subscriptionId";

/// What a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// It has a method and an id and is to be answered.
    Request,
    /// It has a method and no id.
    Notification,
    /// It answers a request of ours.
    Response,
}

/// A decoded message: its kind, and where its parts lie in the text it was read from.
///
/// Nothing is copied. `params` stays raw; only the members that routing needs are located.
///
/// # Specification
///
/// [Messages](https://modelcontextprotocol.io/specification/2026-07-28/basic#messages)
#[derive(Debug, Clone)]
pub struct Message {
    /// What the message is.
    pub kind: Kind,
    /// The id: a JSON string or an integer.
    pub id: Option<Span>,
    /// The method: a JSON string.
    pub method: Option<Span>,
    /// The whole `params`, if it is an object.
    pub params: Option<Span>,
    /// The `result` of a response.
    pub result: Option<Span>,
    /// The `error` of a response.
    pub error: Option<Span>,
    /// Members of `params` that routing needs.
    pub known: Params,
}

/// Where well-known members of `params` lie.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct Params {
    /// `name`, of a tool or prompt
    pub name: Option<Span>,
    /// `uri`, of a resource
    pub uri: Option<Span>,
    /// `arguments`
    pub arguments: Option<Span>,
    /// `cursor`
    pub cursor: Option<Span>,
    /// `requestState`
    pub request_state: Option<Span>,
    /// `inputResponses`
    pub input_responses: Option<Span>,
    /// `_meta`, if it is an object
    pub meta: Option<Span>,
    /// `_meta.progressToken`
    pub progress_token: Option<Span>,
    /// `_meta["io.modelcontextprotocol/protocolVersion"]`
    pub protocol_version: Option<Span>,
    /// `_meta["io.modelcontextprotocol/clientCapabilities"]`
    pub client_capabilities: Option<Span>,
    /// `_meta["io.modelcontextprotocol/clientInfo"]`
    pub client_info: Option<Span>,
    /// `_meta["io.modelcontextprotocol/logLevel"]`
    pub log_level: Option<Span>,
}

/// Why a text is not a message; carries the id where one could be read, so that the answer can name it.
#[derive(Debug)]
pub struct MessageError {
    /// The error to answer with.
    pub error: McpError,
    /// The id of the request that was meant.
    pub id: Option<Span>,
}

impl MessageError {
    fn invalid(message: &'static str, id: Option<Span>) -> Self {
        Self { error: McpError::new(ErrorCode::INVALID_REQUEST, message), id }
    }
}

impl From<ScanError> for MessageError {
    fn from(error: ScanError) -> Self {
        Self { error: McpError::parse_error().with_data(error.to_string().into()), id: None }
    }
}

#[derive(Default)]
struct Outer {
    jsonrpc: Option<Span>,
    id: Option<Span>,
    method: Option<Span>,
    params: Option<Span>,
    result: Option<Span>,
    error: Option<Span>,
    known: Params,
    doubled: bool,
}

impl Message {
    /// Decodes the outer members of one message.
    ///
    /// Strict: UTF-8, JSON nested at most 128 deep, an id that is a string or an integer, and each outer member and each
    /// of the [`Params`] once: readers differ in which of two they take, and what one has checked another would run.
    /// `"params": null` counts as absent.
    ///
    /// # Errors
    ///
    /// −32700 if the text is not JSON, −32600 if the JSON is not a message.
    pub fn decode(text: &[u8]) -> Result<Self, MessageError> {
        if let Err(error) = std::str::from_utf8(text) {
            return Err(ScanError::Syntax(error.valid_up_to()).into());
        }
        let mut scanner = Scanner::new(text)?;
        if scanner.peek() != Some(b'{') {
            scanner.value()?;
            scanner.end()?;
            return Err(MessageError::invalid("a message must be an object", None));
        }
        let mut outer = Outer::default();
        scanner.members(|key, scanner| outer.member(key, scanner))?;
        scanner.end()?;
        outer.classify(text)
    }

    /// Returns the elements of a JSON-RPC batch, or `None` if the text is not an array.
    ///
    /// # Errors
    ///
    /// If the text is an array but not JSON, or empty.
    pub fn split_batch(text: &[u8]) -> Result<Option<Vec<Span>>, MessageError> {
        let mut scanner = Scanner::new(text)?;
        if scanner.peek() != Some(b'[') {
            return Ok(None);
        }
        if let Err(error) = std::str::from_utf8(text) {
            return Err(ScanError::Syntax(error.valid_up_to()).into());
        }
        let mut spans = Vec::new();
        scanner.elements(|scanner| scanner.value().map(|span| spans.push(span)))?;
        scanner.end()?;
        if spans.is_empty() {
            return Err(MessageError::invalid("a batch must not be empty", None));
        }
        Ok(Some(spans))
    }

    /// Returns what a message is that breaks off, and its id, if its beginning says both: of a message that is too long to
    /// be kept, this is what it takes to answer it, or to fail whoever waits for it.
    ///
    /// ```
    /// use turbomcp_protocol::{Kind, Message};
    ///
    /// let text = br#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"lo"#;
    /// let (kind, id) = Message::beginning(text).unwrap();
    /// assert_eq!((kind, id.of(text)), (Kind::Request, &b"7"[..]));
    /// ```
    #[must_use]
    pub fn beginning(text: &[u8]) -> Option<(Kind, Span)> {
        let (mut id, mut kind, mut doubled) = (None, None, false);
        let mut scanner = Scanner::new(text).ok()?;
        if scanner.peek() != Some(b'{') {
            return None;
        }
        // That it breaks off is known, and no error.
        let _ = scanner.members(|key, scanner| {
            match &*key.name() {
                b"method" => kind = Some(Kind::Request),
                b"result" | b"error" => kind = kind.or(Some(Kind::Response)),
                b"id" => doubled |= !put(&mut id, scanner)?,
                _ => {}
            }
            if &*key.name() == b"id" { Ok(()) } else { scanner.value().map(drop) }
        });
        let (kind, id): (Kind, Span) = (kind?, id?);
        // A number at the very end may go on behind it.
        let is_whole = !doubled && id.range().end < text.len() && is_request_id(id.of(text));
        is_whole.then_some((kind, id))
    }

    /// Returns the method's name.
    #[must_use]
    pub fn method<'a>(&self, text: &'a [u8]) -> Cow<'a, str> {
        self.method.and_then(|span| text_of(span.of(text))).unwrap_or_default()
    }
}

/// Puts a member's value into `slot`; false if it was there already.
fn put(slot: &mut Option<Span>, scanner: &mut Scanner<'_>) -> Result<bool, ScanError> {
    Ok(slot.replace(scanner.value()?).is_none())
}

impl Outer {
    fn member(&mut self, key: Key<'_>, scanner: &mut Scanner<'_>) -> Result<(), ScanError> {
        let fresh = match &*key.name() {
            b"jsonrpc" => put(&mut self.jsonrpc, scanner)?,
            b"id" => put(&mut self.id, scanner)?,
            b"method" => put(&mut self.method, scanner)?,
            b"result" => put(&mut self.result, scanner)?,
            b"error" => put(&mut self.error, scanner)?,
            b"params" if self.params.is_none() => {
                let (params, fresh) = self.known.scan(scanner)?;
                self.params = Some(params);
                fresh
            }
            b"params" => put(&mut self.params, scanner)?,
            _ => scanner.value().map(|_| true)?,
        };
        self.doubled |= !fresh;
        Ok(())
    }

    fn classify(self, text: &[u8]) -> Result<Message, MessageError> {
        let id = self.id.filter(|id| is_request_id(id.of(text)));
        let invalid = |message| Err(MessageError::invalid(message, id));
        if self.doubled {
            return invalid("a member stands twice");
        }
        if self.jsonrpc.is_none_or(|v| v.of(text) != br#""2.0""#) {
            return invalid("`jsonrpc` must be \"2.0\"");
        }
        if self.id.is_some() && id.is_none() && !(self.error.is_some() && is_null(self.id, text)) {
            return invalid("`id` must be a string or an integer");
        }
        let params = match self.params {
            Some(span) if span.of(text).first() == Some(&b'{') => Some(span),
            Some(span) if span.of(text) == b"null" => None,
            None => None,
            Some(_) => return invalid("`params` must be an object"),
        };
        let kind = match (self.method, id, self.result.is_some(), self.error.is_some()) {
            (Some(method), ..) if method.of(text).first() != Some(&b'"') => {
                return invalid("`method` must be a string");
            }
            (Some(_), Some(_), false, false) => Kind::Request,
            (Some(_), None, false, false) => Kind::Notification,
            (None, Some(_), true, false) | (None, _, false, true) => Kind::Response,
            _ => return invalid("a message is a request, a notification or a response"),
        };
        Ok(Message { kind, id, method: self.method, params, result: self.result, error: self.error, known: self.known })
    }
}

impl Params {
    /// Moves over the params; with them returns false if one of the members that are located stands there twice.
    fn scan(&mut self, scanner: &mut Scanner<'_>) -> Result<(Span, bool), ScanError> {
        if scanner.peek() != Some(b'{') {
            return Ok((scanner.value()?, true));
        }
        let mut fresh = true;
        let span = scanner.spanned(|scanner| {
            scanner.members(|key, scanner| {
                fresh &= match &*key.name() {
                    b"name" => put(&mut self.name, scanner)?,
                    b"arguments" => put(&mut self.arguments, scanner)?,
                    b"_meta" if self.meta.is_none() && scanner.peek() == Some(b'{') => {
                        let mut fresh = true;
                        let meta = scanner.spanned(|scanner| {
                            scanner.members(|key, scanner| {
                                fresh &= self.meta_member(key, scanner)?;
                                Ok(())
                            })
                        })?;
                        self.meta = Some(meta);
                        fresh
                    }
                    b"_meta" => scanner.value().map(|_| self.meta.is_none())?,
                    b"uri" => put(&mut self.uri, scanner)?,
                    b"cursor" => put(&mut self.cursor, scanner)?,
                    b"requestState" => put(&mut self.request_state, scanner)?,
                    b"inputResponses" => put(&mut self.input_responses, scanner)?,
                    _ => scanner.value().map(|_| true)?,
                };
                Ok(())
            })
        })?;
        Ok((span, fresh))
    }

    fn meta_member(&mut self, key: Key<'_>, scanner: &mut Scanner<'_>) -> Result<bool, ScanError> {
        let name = key.name();
        let Ok(name) = std::str::from_utf8(&name) else { return scanner.value().map(|_| true) };
        match name {
            META_PROTOCOL_VERSION => put(&mut self.protocol_version, scanner),
            META_CLIENT_CAPABILITIES => put(&mut self.client_capabilities, scanner),
            META_CLIENT_INFO => put(&mut self.client_info, scanner),
            META_LOG_LEVEL => put(&mut self.log_level, scanner),
            "progressToken" => put(&mut self.progress_token, scanner),
            _ => scanner.value().map(|_| true),
        }
    }
}

/// Returns true for a JSON string, or an integer that an `i64` holds: what may be an id or a progress token.
#[must_use]
pub fn is_request_id(raw: &[u8]) -> bool {
    match raw.first() {
        Some(b'"') => true,
        Some(b'-' | b'0'..=b'9') => std::str::from_utf8(raw).is_ok_and(|text| text.parse::<i64>().is_ok()),
        _ => false,
    }
}

fn is_null(span: Option<Span>, text: &[u8]) -> bool {
    span.is_some_and(|span| span.of(text) == b"null")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(text: &str) -> Result<Message, MessageError> {
        Message::decode(text.as_bytes())
    }

    #[track_caller]
    fn check(text: &str, expected: Kind) {
        assert_eq!(decode(text).unwrap().kind, expected, "{text}");
    }

    #[track_caller]
    fn refuse(text: &str, code: ErrorCode, id: Option<&str>) {
        let error = decode(text).unwrap_err();
        assert_eq!(error.error.code(), code, "{text}");
        let found = error.id.map(|span| String::from_utf8(span.of(text.as_bytes()).to_vec()).unwrap());
        assert_eq!(found.as_deref(), id, "{text}");
    }

    #[test]
    fn tells_requests_notifications_and_responses_apart() {
        check(r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#, Kind::Request);
        check(r#"{"jsonrpc":"2.0","id":"","method":"ping","params":null}"#, Kind::Request);
        check(r#" {"method":"ping","params":{},"id":-5,"jsonrpc":"2.0","extra":[]} "#, Kind::Request);
        check(r#"{"jsonrpc":"2.0","method":"x"}"#, Kind::Notification);
        check(r#"{"jsonrpc":"2.0","id":1,"result":{}}"#, Kind::Response);
        check(r#"{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":""}}"#, Kind::Response);
        check(r#"{"jsonrpc":"2.0","id":null,"error":{"code":1,"message":""}}"#, Kind::Response);
    }

    #[test]
    fn refuses_what_is_not_a_message_and_names_the_id_it_could_read() {
        refuse("", ErrorCode::PARSE_ERROR, None);
        refuse("{", ErrorCode::PARSE_ERROR, None);
        refuse("[]", ErrorCode::INVALID_REQUEST, None);
        refuse("3", ErrorCode::INVALID_REQUEST, None);
        refuse(r#"{"id":1,"method":"x"}"#, ErrorCode::INVALID_REQUEST, Some("1"));
        refuse(r#"{"jsonrpc":"1.0","id":"a","method":"x"}"#, ErrorCode::INVALID_REQUEST, Some("\"a\""));
        refuse(r#"{"jsonrpc":"2.0","id":1}"#, ErrorCode::INVALID_REQUEST, Some("1"));
        refuse(r#"{"jsonrpc":"2.0","id":1,"method":3}"#, ErrorCode::INVALID_REQUEST, Some("1"));
        refuse(r#"{"jsonrpc":"2.0","id":1,"method":"x","params":[1]}"#, ErrorCode::INVALID_REQUEST, Some("1"));
        refuse(r#"{"jsonrpc":"2.0","id":1,"method":"x","result":{}}"#, ErrorCode::INVALID_REQUEST, Some("1"));
        refuse(r#"{"jsonrpc":"2.0","id":1,"result":{},"error":{}}"#, ErrorCode::INVALID_REQUEST, Some("1"));
    }

    #[test]
    fn base_06_refuses_an_id_that_is_null_or_fractional() {
        for id in ["null", "1.5", "1e3", "true", "[]", "{}", "99999999999999999999"] {
            refuse(&format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"x"}}"#), ErrorCode::INVALID_REQUEST, None);
        }
    }

    #[test]
    fn refuses_outer_members_that_stand_twice() {
        for twice in [r#""id":2"#, r#""method":"y""#, r#""jsonrpc":"2.0""#, r#""m\u0065thod":"y""#] {
            let text = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"x",{twice}}}"#);
            assert_eq!(decode(&text).unwrap_err().error.code(), ErrorCode::INVALID_REQUEST);
        }
        let text = r#"{"jsonrpc":"2.0","id":1,"method":"x","params":{},"params":{}}"#;
        assert_eq!(decode(text).unwrap_err().error.code(), ErrorCode::INVALID_REQUEST);
    }

    #[test]
    fn refuses_params_that_stand_twice() {
        let state = r#""name":"a","arguments":{},"uri":"a","cursor":"","requestState":"","inputResponses":{}"#;
        let meta = r#""_meta":{"progressToken":1,"io.modelcontextprotocol/protocolVersion":"","x":1,"x":2}"#;
        let known = format!("{state},{meta}");
        let request = |params: &str| format!(r#"{{"jsonrpc":"2.0","id":1,"method":"x","params":{{{params}}}}}"#);
        check(&request(&format!(r#"{known},"x":1,"x":2"#)), Kind::Request);
        let twice = ["\"name\":1", "\"n\\u0061me\":1", "\"arguments\":1", "\"uri\":1", "\"cursor\":1"];
        let more = ["\"requestState\":1", "\"inputResponses\":1", "\"_meta\":{}", "\"_meta\":null"];
        for twice in twice.iter().chain(&more) {
            refuse(&request(&format!("{known},{twice}")), ErrorCode::INVALID_REQUEST, Some("1"));
        }
        for key in ["progressToken", META_PROTOCOL_VERSION, META_CLIENT_CAPABILITIES, META_CLIENT_INFO, META_LOG_LEVEL]
        {
            let meta = format!(r#""_meta":{{"{key}":1,"{key}":2}}"#);
            refuse(&request(&meta), ErrorCode::INVALID_REQUEST, Some("1"));
        }
    }

    #[test]
    fn refuses_text_that_is_not_utf_8() {
        let error = Message::decode(b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\xff\"}").unwrap_err();
        assert_eq!(error.error.code(), ErrorCode::PARSE_ERROR);
    }

    #[test]
    fn locates_what_routing_needs() {
        let text = br#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"_meta":{"progressToken":"p",
            "io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}},
            "name":"add","arguments":{"a":[1]}}}"#;
        let message = Message::decode(text).unwrap();
        let known = message.known;
        assert_eq!(message.method(text), "tools/call");
        assert_eq!(known.name.unwrap().of(text), b"\"add\"");
        assert_eq!(known.arguments.unwrap().of(text), br#"{"a":[1]}"#);
        assert_eq!(known.progress_token.unwrap().of(text), b"\"p\"");
        assert_eq!(known.protocol_version.unwrap().of(text), b"\"2026-07-28\"");
        assert_eq!(known.client_capabilities.unwrap().of(text), b"{}");
        assert!(message.params.is_some());
    }

    #[test]
    fn splits_batches() {
        let text = br#"[{"a":1}, 2 ]"#;
        let spans = Message::split_batch(text).unwrap().unwrap();
        assert_eq!(spans.iter().map(|s| s.of(text)).collect::<Vec<_>>(), [&br#"{"a":1}"#[..], b"2"]);
        assert!(Message::split_batch(b"{}").unwrap().is_none());
        assert!(Message::split_batch(b"[]").is_err());
        assert!(Message::split_batch(b"[1").is_err());
    }
}
