//! How values are written for people, and what of them is not.

use std::time::{Duration, SystemTime};

use serde_json::Value;
use turbomcp_protocol::date;

/// What stands for a secret.
const REDACTED: &str = "[redacted]";

/// Parts of names of which the values are secret.
const SECRET: [&str; 14] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "apikey",
    "authorization",
    "credential",
    "privatekey",
    "cookie",
    "pwd",
    "accesskey",
    "bearer",
    "signature",
];

/// Returns at most so many bytes of a text, cut between characters.
pub(super) fn beginning(text: &str, bytes: usize) -> &str {
    let end = (0..=bytes.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default();
    &text[..end]
}

/// Returns the same without what is named like a secret, and without passwords in URLs.
pub(super) fn without_secrets(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let member = |(name, value): (String, Value)| {
                let value = match value {
                    Value::Null | Value::Bool(_) => value,
                    _ if is_secret(&name) => Value::from(REDACTED),
                    value => without_secrets(value),
                };
                (name, value)
            };
            Value::Object(members.into_iter().map(member).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(without_secrets).collect()),
        Value::String(text) => Value::String(url_without_secrets(&text)),
        other => other,
    }
}

fn is_secret(name: &str) -> bool {
    let plain: String = name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    SECRET.iter().any(|part| plain.contains(part))
}

/// Returns a URL without its user, password and the values of its query that are named like secrets; any other text as it is.
pub(super) fn url_without_secrets(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else { return text.to_owned() };
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let host = match authority.rsplit_once('@') {
        Some((_, host)) => format!("{REDACTED}@{host}"),
        None => authority.to_owned(),
    };
    let path = match path.split_once('?') {
        Some((path, query)) => {
            let parameter = |pair: &str| match pair.split_once('=') {
                Some((name, _)) if is_secret(name) => format!("{name}={REDACTED}"),
                _ => pair.to_owned(),
            };
            format!("{path}?{}", query.split('&').map(parameter).collect::<Vec<_>>().join("&"))
        }
        None => path.to_owned(),
    };
    format!("{scheme}://{host}{path}")
}

/// Writes how long something took: `420 µs`, `3.14 ms`, `3.1 s`.
pub(super) fn took(duration: Duration) -> String {
    let ms = duration.as_secs_f64() * 1000.0;
    match ms {
        _ if ms < 1.0 => format!("{} µs", duration.as_micros()),
        _ if ms < 10.0 => format!("{ms:.2} ms"),
        _ if ms < 1000.0 => format!("{ms:.0} ms"),
        _ => format!("{:.1} s", ms / 1000.0),
    }
}

/// Writes an age: `12 s`, `3 min 5 s`, `2 h 4 min`, `8 d 1 h`.
pub(super) fn age(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds / 3600 % 24),
    }
}

/// Writes the number that a text is with no more digits than one reads.
pub(super) fn decimal(text: &str) -> String {
    match (text.parse::<u64>(), text.parse::<f64>()) {
        (Ok(whole), _) => number(whole),
        (_, Ok(value)) if value.is_finite() => {
            let rounded = format!("{value:.6}");
            rounded.trim_end_matches('0').trim_end_matches('.').to_owned()
        }
        _ => text.to_owned(),
    }
}

/// Writes a number with a space between thousands.
pub(super) fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push('\u{202f}');
        }
        out.push(digit);
    }
    out
}

/// Writes a time of the calendar for programs.
pub(super) fn rfc_3339(time: SystemTime) -> String {
    format!("{}T{}Z", day(time), clock(time))
}

/// Writes a time of the calendar for people, in UTC.
pub(super) fn timestamp(time: SystemTime) -> String {
    format!("{} {}", day(time), clock(time))
}

fn day(time: SystemTime) -> String {
    let seconds = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs();
    let (year, month, day) = date::day_of(seconds / 86_400);
    format!("{year:04}-{month:02}-{day:02}")
}

/// Writes the time of the day in UTC.
pub(super) fn clock(time: SystemTime) -> String {
    let rest = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs() % 86_400;
    format!("{:02}:{:02}:{:02}", rest / 3600, rest / 60 % 60, rest % 60)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_named_like_a_secret_is_not_shown() {
        let shown = without_secrets(json!({
            "user": "ada", "Pass-Word": "x", "nested": [{"api_key": 7, "clientSecret": {"a": 1}}], "has_token": true,
            "url": "postgres://mcp:hunter2@db/notes?sslmode=require&access_token=abc#f", "plain": "a@b?token=c",
        }));
        let expected = json!({
            "user": "ada", "Pass-Word": "[redacted]", "nested": [{"api_key": "[redacted]", "clientSecret": "[redacted]"}],
            "has_token": true,
            "url": "postgres://[redacted]@db/notes?sslmode=require&access_token=[redacted]", "plain": "a@b?token=c",
        });
        assert_eq!(shown, expected);
    }

    #[test]
    fn values_are_written_for_people() {
        let check = |micros, expected| assert_eq!(took(Duration::from_micros(micros)), expected);
        check(7, "7 µs");
        check(4_256, "4.26 ms");
        check(42_400, "42 ms");
        check(3_140_000, "3.1 s");
        let check = |seconds, expected| assert_eq!(age(Duration::from_secs(seconds)), expected);
        check(59, "59 s");
        check(185, "3 min 5 s");
        check(7_440, "2 h 4 min");
        check(90_000, "1 d 1 h");
        assert_eq!([0, 999, 1000, 1_234_567].map(number), ["0", "999", "1\u{202f}000", "1\u{202f}234\u{202f}567"]);
        assert_eq!(
            ["12", "0.5", "58.80986530299993", "-3", "+Inf"].map(decimal),
            ["12", "0.5", "58.809865", "-3", "+Inf"]
        );
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_785_240_000);
        assert_eq!(
            (rfc_3339(time), timestamp(time)),
            ("2026-07-28T12:00:00Z".to_owned(), "2026-07-28 12:00:00".to_owned())
        );
        assert_eq!(beginning("aéb", 2), "a");
    }
}
