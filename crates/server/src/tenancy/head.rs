//! What the head of an HTTP request says: of each request, or of the one that became a connection.

use http::HeaderMap;
use turbomcp_transport::Extensions;
use turbomcp_transport::http::HttpRequest;

use super::InvalidTenant;

/// Returns the one value of a header, if it is there.
pub(super) fn value<'a>(extensions: &'a Extensions, name: &str) -> Result<Option<&'a str>, InvalidTenant> {
    let Some(request) = extensions.get::<HttpRequest>() else { return Ok(None) };
    one(request.headers(), name)
}

fn one<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, InvalidTenant> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    // A gateway that adds its header to that of the client has not decided anything.
    if values.next().is_some() {
        return Err(InvalidTenant::new("the header is there more than once"));
    }
    value.to_str().map(Some).map_err(|_| InvalidTenant::new("the header is not plain text"))
}

/// Returns the host a request is for, without its port.
pub(super) fn host(extensions: &Extensions) -> Result<Option<&str>, InvalidTenant> {
    let Some(request) = extensions.get::<HttpRequest>() else { return Ok(None) };
    let header = one(request.headers(), "host")?.map(without_port);
    match (request.parts().uri.host(), header) {
        (Some(host), Some(header)) if !host.eq_ignore_ascii_case(header) => {
            Err(InvalidTenant::new("the request is for two hosts"))
        }
        (host, header) => Ok(host.or(header)),
    }
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}
