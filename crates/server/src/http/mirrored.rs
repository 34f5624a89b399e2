//! The arguments of a tool that a modern client mirrors in `Mcp-Param-*` headers.

use serde_json::Value;
use turbomcp_protocol::{McpError, McpResult};
use turbomcp_transport::Extensions;
use turbomcp_transport::http::HttpRequest;
use turbomcp_transport::http::headers::{decode_value, matches_integer};

use crate::schema::{HeaderKind, HeaderParam};

/// Checks that every mirrored argument is in its header, and that no header says more.
pub(crate) fn check(params: &[HeaderParam], extensions: Option<&Extensions>, arguments: &[u8]) -> McpResult<()> {
    let Some(request) = extensions.and_then(Extensions::get::<HttpRequest>) else { return Ok(()) };
    let arguments: Value = serde_json::from_slice(arguments)?;
    for param in params {
        let name = format!("mcp-param-{}", param.header.to_ascii_lowercase());
        let mut values = request.headers().get_all(&name).iter();
        let fault = |what: &str| Err(McpError::header_mismatch(format!("the header `{name}` {what}")));
        match (param.value_in(&arguments), values.next(), values.next()) {
            (_, _, Some(_)) => return fault("comes more than once"),
            (None, None, None) => {}
            (None, Some(_), None) => return fault("mirrors an argument that is not there"),
            (Some(_), None, None) => return fault("is missing"),
            (Some(value), Some(header), None) => match decode_value(header.as_bytes()) {
                Ok(header) if is_mirrored(&header, value, param.kind) => {}
                Ok(_) => return fault("is not what the argument says"),
                Err(_) => return fault("is malformed"),
            },
        }
    }
    Ok(())
}

/// An argument of another type than its schema says is compared as the text it is, and refused by the schema later.
fn is_mirrored(header: &str, value: &Value, kind: HeaderKind) -> bool {
    match (kind, value) {
        (HeaderKind::Integer, Value::Number(number)) => matches_integer(header, &number.to_string()),
        (_, Value::String(text)) => header == text,
        (HeaderKind::Boolean, Value::Bool(flag)) => header == if *flag { "true" } else { "false" },
        (_, value) => *header == *value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use http::Request;
    use serde_json::json;

    use super::*;
    use crate::schema::x_mcp_headers;

    #[track_caller]
    fn check_one(header: Option<&str>, arguments: Value, expected: bool) {
        let schema = json!({"type": "object", "properties": {
            "region": {"type": "string", "x-mcp-header": "Region"},
            "count": {"type": "integer", "x-mcp-header": "Count"},
            "flag": {"type": "boolean", "x-mcp-header": "Flag"},
        }});
        let mut request = Request::builder();
        if let Some((name, value)) = header.and_then(|header| header.split_once(':')) {
            request = request.header(format!("Mcp-Param-{name}"), value);
        }
        let mut extensions = Extensions::new();
        extensions.insert(HttpRequest::new(request.body(()).unwrap().into_parts().0));
        let checked = check(&x_mcp_headers(&schema).unwrap(), Some(&extensions), arguments.to_string().as_bytes());
        assert_eq!(checked.is_ok(), expected, "{header:?} {arguments}");
    }

    #[test]
    fn hdr_16_a_mirrored_argument_is_what_its_header_says() {
        check_one(Some("Region:eu west"), json!({"region": "eu west"}), true);
        check_one(Some("Region:=?base64?w6Q=?="), json!({"region": "ä"}), true);
        check_one(Some("Region:eu"), json!({"region": "us"}), false);
        check_one(Some("Region:=?base64?YQ?="), json!({"region": "a"}), false);
        check_one(Some("Count:42"), json!({"count": 42.0}), true);
        check_one(Some("Count:43"), json!({"count": 42}), false);
        check_one(Some("Flag:true"), json!({"flag": true}), true);
        check_one(Some("Flag:True"), json!({"flag": true}), false);
    }

    #[test]
    fn hdr_15_an_argument_and_its_header_come_together() {
        check_one(None, json!({"region": "eu"}), false);
        check_one(None, json!({"region": null}), true);
        check_one(None, json!({}), true);
        check_one(Some("Region:eu"), json!({}), false);
        check_one(Some("Other:eu"), json!({}), true);
    }
}
