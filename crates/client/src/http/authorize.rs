//! Who asks: what credentials a request carries, and what is done when they are refused.

pub use turbomcp_transport::http::authorize::{Authorize, BoxError, Challenge, Credentials, Head, Next};

use http::HeaderMap;

use crate::exchange::BoxFuture;

/// A token that does not change.
pub(super) struct Bearer {
    token: String,
}

impl Bearer {
    pub(super) fn new(token: impl Into<String>) -> Self {
        Self { token: token.into() }
    }
}

impl Authorize for Bearer {
    async fn credentials(&self, _: Head<'_>) -> Result<Credentials, BoxError> {
        Ok(Credentials::bearer(&self.token)?)
    }
}

/// [`Authorize`], whatever the type.
pub(crate) trait ErasedAuthorize: Send + Sync {
    fn credentials<'a>(&'a self, request: Head<'a>) -> BoxFuture<'a, Result<Credentials, BoxError>>;
    fn challenged<'a>(&'a self, challenge: Challenge<'a>) -> BoxFuture<'a, Result<Next, BoxError>>;
    fn answered(&self, request: Head<'_>, headers: &HeaderMap);
}

impl<A: Authorize> ErasedAuthorize for A {
    fn credentials<'a>(&'a self, request: Head<'a>) -> BoxFuture<'a, Result<Credentials, BoxError>> {
        Box::pin(Authorize::credentials(self, request))
    }

    fn challenged<'a>(&'a self, challenge: Challenge<'a>) -> BoxFuture<'a, Result<Next, BoxError>> {
        Box::pin(Authorize::challenged(self, challenge))
    }

    fn answered(&self, request: Head<'_>, headers: &HeaderMap) {
        Authorize::answered(self, request, headers);
    }
}
