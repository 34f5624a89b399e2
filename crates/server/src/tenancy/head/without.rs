//! What the head of an HTTP request says, in a build without HTTP.

use turbomcp_transport::Extensions;

use super::InvalidTenant;

pub(super) fn value<'a>(_: &'a Extensions, _: &str) -> Result<Option<&'a str>, InvalidTenant> {
    Ok(None)
}

pub(super) fn host(_: &Extensions) -> Result<Option<&str>, InvalidTenant> {
    Ok(None)
}
