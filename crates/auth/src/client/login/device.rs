//! A user enters a code on another device.

use std::fmt;

use tokio::task::JoinHandle;

use super::code::{Asked, Login, LoginRequest};
use super::config::OAuth2FlowType;
use super::provider::OAuth2Provider;
use crate::Error;
use crate::client::discovery::ServerMetadata;
use crate::client::grants::{DeviceCode, Polling};

/// A login that waits for a code to be entered elsewhere. Dropping it ends it.
pub struct DeviceLogin {
    code: DeviceCode,
    task: JoinHandle<Result<Login, Error>>,
    is_done: bool,
}

impl DeviceLogin {
    /// Returns what the user has to enter, and where.
    #[must_use]
    pub fn code(&self) -> &DeviceCode {
        &self.code
    }

    /// Waits until the user has entered the code. The tokens are kept, and returned.
    ///
    /// # Errors
    ///
    /// `oauth_error()` is `access_denied` if the user refuses and `expired_token` if the provider says that the time is
    /// over; `is_timeout()` if it is; `is_usage()` if this was waited for to its end before.
    ///
    /// # Cancel safety
    ///
    /// The provider is asked all the same, and waiting can be gone on with by calling this again.
    pub async fn wait(&mut self) -> Result<Login, Error> {
        if self.is_done {
            return Err(Error::usage("this login is over"));
        }
        let login = (&mut self.task).await;
        self.is_done = true;
        login.unwrap_or_else(|_| Err(Error::connect("a login has ended before its end")))
    }
}

impl Drop for DeviceLogin {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl fmt::Debug for DeviceLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeviceLogin").field("verification_uri", &self.code.verification_uri).finish_non_exhaustive()
    }
}

impl OAuth2Provider {
    /// Begins a login by a code that the user enters on another device.
    ///
    /// # Errors
    ///
    /// `is_usage()` if the request does not fit, or the flow is another; what the provider refuses otherwise.
    ///
    /// # Cancel safety
    ///
    /// The provider may have given out a code that nobody enters.
    ///
    /// # Specification
    ///
    /// [RFC 8628](https://www.rfc-editor.org/rfc/rfc8628)
    pub async fn start_device(&self, request: LoginRequest) -> Result<DeviceLogin, Error> {
        self.inner.config.require(OAuth2FlowType::DeviceCode)?;
        request.check()?;
        if request.return_to.is_some() {
            return Err(Error::usage("a user of another device returns nowhere"));
        }
        let inner = self.inner.clone();
        let what = "device authorization endpoint";
        let url = ServerMetadata::endpoint(inner.server.device_authorization_endpoint.as_ref(), what)?;
        let scopes = request.scopes.unwrap_or_else(|| inner.scopes.clone());
        let resource = inner.resource(request.resource.as_deref())?;
        let (scope, key) = (scopes.join(" "), inner.new_key()?);
        let mut parameters = Vec::new();
        parameters.extend(resource.as_deref().map(|resource| ("resource", resource)));
        parameters.extend(Some(("scope", scope.as_str())).filter(|_| !scope.is_empty()));
        let set_up = inner.config.parameters().into_iter();
        parameters.extend(set_up.filter(|(name, _)| request.params.iter().all(|(own, _)| own != name)));
        parameters.extend(request.params.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        let polling = Polling::begin(&inner.endpoint(&url, None)?, &url, &parameters).await?;
        let code = polling.code.clone();
        let asked = Asked { user: request.user, scopes, resource, nonce: None, return_to: None };
        let task = tokio::spawn(async move {
            let endpoint = inner.endpoint(&inner.server.token_endpoint()?, key.as_ref())?;
            let response = polling.end(&endpoint, asked.resource.as_deref()).await?;
            drop(endpoint);
            inner.logged_in(&response, key, asked, String::new()).await
        });
        Ok(DeviceLogin { code, task, is_done: false })
    }
}
