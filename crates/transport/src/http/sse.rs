//! Server-sent events: what a server writes, and a parser for what a client reads.
//!
//! # Specification
//!
//! [Event stream interpretation](https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation)

mod parser;

use std::time::Duration;

pub use parser::{DEFAULT_MAX_EVENT_BYTES, SseError, SseEvent, SseParser};

/// Appends an event that carries a message.
///
/// Line ends within the data make several `data` lines, which the reader joins again.
///
/// ```
/// use turbomcp_transport::http::sse::write_event;
///
/// let mut out = Vec::new();
/// write_event(&mut out, Some("s1-7"), br#"{"jsonrpc":"2.0"}"#);
/// assert_eq!(out, b"id: s1-7\ndata: {\"jsonrpc\":\"2.0\"}\n\n");
/// ```
pub fn write_event(out: &mut Vec<u8>, id: Option<&str>, data: &[u8]) {
    if let Some(id) = id {
        write_field(out, b"id", id);
    }
    write_data(out, data);
}

/// Appends an event of a named type, such as the `endpoint` event of the HTTP+SSE transport.
pub fn write_named_event(out: &mut Vec<u8>, name: &str, data: &[u8]) {
    write_field(out, b"event", name);
    write_data(out, data);
}

/// Appends an event that carries only an id, so that the reader can resume before it has seen a message.
///
/// Revisions before 2025-11-25 do not know it.
pub fn write_priming_event(out: &mut Vec<u8>, id: &str) {
    write_event(out, Some(id), b"");
}

/// Appends how long the reader shall wait before it connects again.
pub fn write_retry(out: &mut Vec<u8>, wait: Duration) {
    write_field(out, b"retry", &wait.as_millis().to_string());
    out.push(b'\n');
}

/// Appends a comment, which readers ignore: a sign of life.
pub fn write_comment(out: &mut Vec<u8>, text: &str) {
    write_lines(out, b": ", text.as_bytes());
    out.push(b'\n');
}

fn write_data(out: &mut Vec<u8>, data: &[u8]) {
    out.reserve(data.len() + 8);
    write_lines(out, b"data: ", data);
    out.push(b'\n');
}

/// Writes one line for each line of the text.
fn write_lines(out: &mut Vec<u8>, start: &[u8], mut text: &[u8]) {
    while let Some(end) = memchr::memchr2(b'\r', b'\n', text) {
        write_line(out, start, &text[..end]);
        let length = if text[end..].starts_with(b"\r\n") { 2 } else { 1 };
        text = &text[end + length..];
    }
    write_line(out, start, text);
}

fn write_line(out: &mut Vec<u8>, start: &[u8], line: &[u8]) {
    out.extend_from_slice(start);
    out.extend_from_slice(line);
    out.push(b'\n');
}

/// Writes a field whose value has no line ends; what would end it is left out.
fn write_field(out: &mut Vec<u8>, name: &[u8], value: &str) {
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    out.extend(value.bytes().filter(|byte| !matches!(byte, b'\r' | b'\n' | b'\0')));
    out.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(write: impl FnOnce(&mut Vec<u8>), expected: &str) {
        let mut out = b"before".to_vec();
        write(&mut out);
        assert_eq!(String::from_utf8(out).unwrap().strip_prefix("before"), Some(expected));
    }

    #[test]
    fn an_event_is_its_id_and_its_data() {
        check(|out| write_event(out, None, b"{}"), "data: {}\n\n");
        check(|out| write_event(out, Some("7"), b"{}"), "id: 7\ndata: {}\n\n");
        check(|out| write_named_event(out, "endpoint", b"/messages?s=1"), "event: endpoint\ndata: /messages?s=1\n\n");
    }

    #[test]
    fn lhttp_06_a_priming_event_is_an_id_and_empty_data() {
        check(|out| write_priming_event(out, "7"), "id: 7\ndata: \n\n");
    }

    #[test]
    fn a_wait_is_written_in_milliseconds() {
        check(|out| write_retry(out, Duration::from_secs(2)), "retry: 2000\n\n");
    }

    #[test]
    fn a_comment_starts_with_a_colon_on_every_line() {
        check(|out| write_comment(out, "keep-alive"), ": keep-alive\n\n");
        check(|out| write_comment(out, "a\nb"), ": a\n: b\n\n");
    }

    #[test]
    fn line_ends_cannot_break_out_of_a_field() {
        check(|out| write_event(out, None, b"a\nb\r\nc\rd"), "data: a\ndata: b\ndata: c\ndata: d\n\n");
        check(|out| write_event(out, None, b"\n"), "data: \ndata: \n\n");
        check(|out| write_event(out, Some("1\n\ndata: x\0"), b""), "id: 1data: x\ndata: \n\n");
        check(|out| write_named_event(out, "a\r\nb", b""), "event: ab\ndata: \n\n");
    }

    #[test]
    fn what_is_written_is_read_back() {
        for data in ["{}", "", "a\nb", "\n", " leading", ": colon", "ä", "data: x"] {
            let mut out = Vec::new();
            write_comment(&mut out, "hello");
            write_event(&mut out, Some("5"), data.as_bytes());
            let mut parser = SseParser::new();
            parser.feed(&out);
            let event = parser.next_event().unwrap().unwrap();
            assert_eq!((&*event.data, event.id.as_deref()), (data.as_bytes(), Some("5")));
            assert_eq!(parser.next_event().unwrap(), None);
        }
    }
}
