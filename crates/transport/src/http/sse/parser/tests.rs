use std::time::Instant;

use super::*;

fn drain(parser: &mut SseParser) -> Result<Vec<SseEvent>, SseError> {
    let mut events = Vec::new();
    while let Some(event) = parser.next_event()? {
        events.push(event);
    }
    Ok(events)
}

/// Reads a stream whole, byte by byte, and in two parts at every place, and expects the same of each.
#[track_caller]
fn read(stream: &[u8]) -> (Vec<SseEvent>, SseParser) {
    let mut parser = SseParser::new();
    parser.feed(stream);
    let expected = drain(&mut parser).unwrap();

    let mut by_byte = SseParser::new();
    let mut events = Vec::new();
    for byte in stream {
        by_byte.feed(&[*byte]);
        events.extend(drain(&mut by_byte).unwrap());
    }
    assert_eq!(events, expected, "byte by byte");
    for at in 0..=stream.len() {
        let mut halves = SseParser::new();
        halves.feed(&stream[..at]);
        let mut events = drain(&mut halves).unwrap();
        halves.feed(&stream[at..]);
        events.extend(drain(&mut halves).unwrap());
        assert_eq!(events, expected, "divided at {at}");
        assert_eq!(halves.last_event_id(), parser.last_event_id());
        assert_eq!(halves.retry(), parser.retry());
    }
    (expected, parser)
}

/// Reads a stream of events without type and id, and compares their data.
#[track_caller]
fn check(stream: &str, expected: &[&str]) {
    let (events, _) = read(stream.as_bytes());
    let found: Vec<_> = events.iter().map(|event| std::str::from_utf8(&event.data).unwrap()).collect();
    assert_eq!(found, expected);
}

#[test]
fn an_event_ends_at_an_empty_line() {
    check("data: a\n\ndata: b\n\n", &["a", "b"]);
    check("\n\n\ndata: a\n\n\n\n", &["a"]);
}

#[test]
fn an_unfinished_event_is_not_returned() {
    check("data: a\n\ndata: b\n", &["a"]);
    check("data: a\n\ndata: b", &["a"]);
    check("", &[]);
}

#[test]
fn lines_end_in_any_of_three_ways() {
    check("data: a\r\n\r\ndata: b\r\rdata: c\n\n", &["a", "b", "c"]);
    check("data: a\r\ndata: b\rdata: c\n\r\n", &["a\nb\nc"]);
    check("data: a\r\n\ndata: b\n\r", &["a", "b"]);
}

#[test]
fn an_event_that_ends_in_a_carriage_return_does_not_wait_for_more() {
    let mut parser = SseParser::new();
    parser.feed(b"data: a\r\r");
    assert_eq!(parser.next_event().unwrap().unwrap().data, "a");
    parser.feed(b"\ndata: b\r\n\r");
    assert_eq!(parser.next_event().unwrap().unwrap().data, "b");
    parser.feed(b"\n");
    assert_eq!(parser.next_event().unwrap(), None);
}

#[test]
fn data_lines_are_joined_by_line_feeds() {
    check("data: a\ndata: b\n\n", &["a\nb"]);
    check("data\ndata\n\n", &["\n"]);
    check("data:\n\n", &[""]);
    check("data\n\n", &[""]);
}

#[test]
fn one_space_behind_the_colon_is_not_part_of_the_value() {
    check("data:a\n\ndata: a\n\ndata:  a\n\ndata:\ta\n\n", &["a", "a", " a", "\ta"]);
    check("data: a:b\n\n", &["a:b"]);
}

#[test]
fn http_19_comments_are_ignored() {
    check(": keep-alive\n\n:\n\ndata: a\n: in between\ndata: b\n\n", &["a\nb"]);
}

#[test]
fn unknown_fields_are_ignored() {
    check("datum: x\nData: x\n data: x\nfoo\ndata: a\n\n", &["a"]);
}

#[test]
fn a_byte_order_mark_at_the_start_is_ignored_and_nowhere_else() {
    check("\u{feff}data: a\n\n", &["a"]);
    check("\u{feff}\n\ndata: a\n\n", &["a"]);
    check("data: a\n\n\u{feff}data: b\n\n", &["a"]);
    check("\u{feff}\u{feff}data: a\n\n", &[]);
    let (events, _) = read(b"\xEF\xBBdata: a\n\n");
    assert_eq!(events, []);
}

#[test]
fn an_event_has_a_type_unless_it_is_a_message() {
    let (events, _) = read(b"event: endpoint\ndata: /x\n\ndata: a\n\nevent: message\ndata: b\n\nevent\ndata: c\n\n");
    let types: Vec<_> = events.iter().map(|event| event.event.as_deref()).collect();
    assert_eq!(types, [Some("endpoint"), None, None, None]);
}

#[test]
fn an_event_without_data_is_none_and_its_type_is_forgotten() {
    let (events, _) = read(b"event: x\n\ndata: a\n\n");
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].event, None);
}

#[test]
fn ids_are_remembered_once_their_event_is_complete() {
    let (events, parser) = read(b"id: 1\ndata: a\n\ndata: b\n\nid: 2\n\nid: 3\ndata: c\n");
    let ids: Vec<_> = events.iter().map(|event| event.id.as_deref()).collect();
    assert_eq!(ids, [Some("1"), None]);
    assert_eq!(parser.last_event_id(), Some("2"));
    let (_, parser) = read(b"id: 1\ndata: a\n\nid: x\0y\ndata: b\n\n");
    assert_eq!(parser.last_event_id(), Some("1"));
    let (_, parser) = read(b"id: 1\ndata: a\n\nid\ndata: b\n\n");
    assert_eq!(parser.last_event_id(), Some(""));
}

#[test]
fn lhttp_06_a_priming_event_gives_its_id_and_empty_data() {
    let (events, parser) = read(b"id: s-0\ndata: \n\n");
    assert_eq!(events, [SseEvent { event: None, id: Some("s-0".to_owned()), data: Bytes::new() }]);
    assert_eq!(parser.last_event_id(), Some("s-0"));
}

#[test]
fn a_wait_is_read_if_it_is_a_number() {
    assert_eq!(read(b"retry: 500\n\n").1.retry(), Some(Duration::from_millis(500)));
    assert_eq!(
        read(b"retry: 500\nretry: x\nretry\nretry: -1\nretry: 1.5\n").1.retry(),
        Some(Duration::from_millis(500))
    );
    assert_eq!(read(b"retry: 99999999999999999999\n").1.retry(), Some(Duration::from_millis(u64::MAX)));
    assert_eq!(read(b"data: a\n\n").1.retry(), None);
}

#[test]
fn characters_divided_between_chunks_are_whole_again() {
    check("data: \u{1F600}ä\n\n", &["\u{1F600}ä"]);
}

#[test]
fn data_that_is_not_utf_8_is_left_to_the_reader_of_the_message() {
    let (events, _) = read(b"id: \xFF\ndata: \xFF\n\n");
    assert_eq!(events[0].data, &b"\xFF"[..]);
    assert_eq!(events[0].id.as_deref(), Some("\u{fffd}"));
}

#[test]
fn defence_22_a_line_beyond_the_limit_is_an_error_before_it_ends() {
    let mut parser = SseParser::new().max_event_bytes(100);
    parser.feed(&[b'x'; 100]);
    assert_eq!(parser.next_event(), Ok(None));
    parser.feed(b"x");
    assert_eq!(parser.next_event(), Err(SseError { kind: Kind::Line }));
    let mut parser = SseParser::new().max_event_bytes(100);
    parser.feed(format!(": {}\n\n", "x".repeat(100)).as_bytes());
    assert_eq!(parser.next_event(), Err(SseError { kind: Kind::Line }));
}

#[test]
fn defence_22_an_event_beyond_the_limit_is_an_error() {
    let mut parser = SseParser::new().max_event_bytes(100);
    for _ in 0..10 {
        parser.feed(b"data: 123456789\n");
        assert_eq!(parser.next_event(), Ok(None));
    }
    parser.feed(b"data: 1\n");
    assert_eq!(parser.next_event(), Err(SseError { kind: Kind::Event }));
}

#[test]
fn defence_22_empty_data_lines_count_too() {
    let mut parser = SseParser::new().max_event_bytes(100);
    parser.feed(&b"data\n".repeat(102));
    assert_eq!(parser.next_event(), Err(SseError { kind: Kind::Event }));
}

#[test]
fn a_stream_that_failed_stays_failed_and_keeps_nothing() {
    let mut parser = SseParser::new().max_event_bytes(10);
    parser.feed(&[b'x'; 11]);
    let error = parser.next_event().unwrap_err();
    parser.feed(b"\n\ndata: a\n\n");
    assert_eq!(parser.next_event(), Err(error));
    assert!(parser.buffer.is_empty());
    assert_eq!(error.to_string(), "line of an event stream is longer than the limit");
}

#[test]
fn the_limit_is_of_one_event_and_not_of_the_stream() {
    let mut parser = SseParser::new().max_event_bytes(100);
    for _ in 0..1000 {
        parser.feed(b"data: 123456789\n\n");
        assert!(parser.next_event().unwrap().is_some());
    }
}

#[test]
fn a_long_line_in_small_chunks_takes_linear_time() {
    let mut parser = SseParser::new();
    let start = Instant::now();
    parser.feed(b"data: ");
    for _ in 0..200_000 {
        parser.feed(b"12345678");
        assert_eq!(parser.next_event(), Ok(None));
    }
    parser.feed(b"\n\n");
    assert_eq!(parser.next_event().unwrap().unwrap().data.len(), 1_600_000);
    assert!(start.elapsed() < Duration::from_secs(5));
}
