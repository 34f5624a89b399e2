//! The id that ties a response to its request.

string_or_integer! {
    /// The id of a request: a string or an integer, chosen by the sender and echoed unchanged.
    ///
    /// `1` and `"1"` are different ids. Fractions and `null` are refused.
    ///
    /// # On the wire
    ///
    /// `7` or `"d-1"`
    ///
    /// # Specification
    ///
    /// [Requests](https://modelcontextprotocol.io/specification/2026-07-28/basic#requests)
    RequestId, "a string or an integer as the request id"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(json: &str, expected: Option<RequestId>) {
        let read = serde_json::from_str::<RequestId>(json);
        assert_eq!(read.as_ref().ok(), expected.as_ref(), "{read:?}");
        if let Some(id) = expected {
            assert_eq!(serde_json::to_string(&id).unwrap(), json);
        }
    }

    #[test]
    fn an_integer_and_a_string_are_different_ids() {
        check("1", Some(RequestId::from(1)));
        check("\"1\"", Some(RequestId::from("1")));
        assert_ne!(RequestId::from(1), RequestId::from("1"));
    }

    #[test]
    fn integers_are_exact() {
        check("0", Some(RequestId::from(0)));
        check("-9223372036854775808", Some(RequestId::from(i64::MIN)));
        check("9223372036854775807", Some(RequestId::from(i64::MAX)));
    }

    #[test]
    fn refuses_anything_else() {
        for json in ["1.5", "1.0", "1e3", "null", "true", "[1]", "{}", "9223372036854775808"] {
            check(json, None);
        }
    }
}
