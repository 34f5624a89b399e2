//! The grants: each is a way to an access token.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use turbomcp_transport::http::authorize::BoxError;

use super::browser::Visit;
use super::discovery::ServerMetadata;
use super::flow::{Flow, Wanted};
use super::redirect::{Callback, Redirect};
use super::registration::{Identity, Introduction, PreRegistered};
use super::token::{TokenEndpoint, TokenResponse, error_of};
use super::{BoxFuture, boxed};
use crate::pkce::Pkce;
use crate::url::Url;
use crate::{Error, Secret, form};

const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";
const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
pub(super) const TOKEN_EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ID_JAG: &str = "urn:ietf:params:oauth:token-type:id-jag";

type Show = dyn Fn(DeviceCode) -> BoxFuture<'static, Result<(), BoxError>> + Send + Sync;
type Assertion = dyn Fn(String) -> BoxFuture<'static, Result<Secret, BoxError>> + Send + Sync;

/// How tokens are got.
pub(super) enum Grant {
    AuthorizationCode,
    ClientCredentials,
    DeviceCode(Arc<Show>),
    EnterpriseManaged(Arc<IdentityProvider>),
    WorkloadIdentity(Arc<Assertion>),
}

impl Grant {
    /// True if somebody can say yes or no, and is not to be asked often.
    pub(super) fn has_user(&self) -> bool {
        matches!(self, Self::AuthorizationCode | Self::DeviceCode(_))
    }
}

/// What a user has to enter on another device, and where.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct DeviceCode {
    /// What to enter.
    pub user_code: String,
    /// Where to enter it.
    pub verification_uri: String,
    /// Where it need not be entered, for a link or a QR code.
    pub verification_uri_complete: Option<String>,
    /// How long it is good for.
    pub expires_in: Duration,
}

/// What kind of token the user has from an identity provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SubjectTokenType {
    /// An ID token of OpenID Connect.
    IdToken,
    /// A SAML 2.0 assertion.
    Saml2,
    /// A refresh token.
    RefreshToken,
    /// An access token.
    AccessToken,
    /// A JWT of another kind.
    Jwt,
}

impl SubjectTokenType {
    pub(super) fn uri(self) -> &'static str {
        match self {
            Self::IdToken => "urn:ietf:params:oauth:token-type:id_token",
            Self::Saml2 => "urn:ietf:params:oauth:token-type:saml2",
            Self::RefreshToken => "urn:ietf:params:oauth:token-type:refresh_token",
            Self::AccessToken => "urn:ietf:params:oauth:token-type:access_token",
            Self::Jwt => "urn:ietf:params:oauth:token-type:jwt",
        }
    }
}

/// An enterprise's identity provider, which says who may use what.
///
/// ```
/// use turbomcp_auth::Secret;
/// use turbomcp_auth::client::{IdentityProvider, PreRegistered};
///
/// let provider = IdentityProvider::new(
///     "https://idp.example/token",
///     PreRegistered::new("my-host-at-the-idp"),
///     || async { Ok(Secret::new(std::env::var("ID_TOKEN")?)) },
/// );
/// # drop(provider);
/// ```
pub struct IdentityProvider {
    token_endpoint: String,
    client: PreRegistered,
    subject: Box<dyn Fn() -> BoxFuture<'static, Result<Secret, BoxError>> + Send + Sync>,
    subject_type: SubjectTokenType,
}

impl IdentityProvider {
    /// Names its token endpoint, the client as it knows it, and where the user's ID token comes from.
    pub fn new<F, Fut>(token_endpoint: impl Into<String>, client: PreRegistered, subject: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Secret, BoxError>> + Send + 'static,
    {
        Self {
            token_endpoint: token_endpoint.into(),
            client,
            subject: Box::new(move || boxed(subject())),
            subject_type: SubjectTokenType::IdToken,
        }
    }

    /// Sets the kind of the user's token, if it is no ID token.
    #[must_use]
    pub fn subject_type(mut self, kind: SubjectTokenType) -> Self {
        self.subject_type = kind;
        self
    }
}

impl fmt::Debug for IdentityProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IdentityProvider").field("token_endpoint", &self.token_endpoint).finish_non_exhaustive()
    }
}

type Granted = (Identity, TokenResponse);

impl Flow {
    /// Gets an access token. `home` is where an unnamed client that was registered beforehand belongs.
    pub(super) async fn grant(&self, home: Option<&str>, wanted: &Wanted<'_>) -> Result<Granted, Error> {
        let limit = self.settings.login_timeout;
        let granting = match &self.settings.grant {
            Grant::AuthorizationCode => boxed(self.by_code(home, wanted)),
            Grant::ClientCredentials => boxed(self.by_credentials(home, wanted)),
            Grant::DeviceCode(show) => boxed(self.by_device(home, wanted, show.as_ref())),
            Grant::EnterpriseManaged(provider) => boxed(self.by_enterprise(home, wanted, provider)),
            Grant::WorkloadIdentity(assertion) => boxed(self.by_workload(home, wanted, assertion.as_ref())),
        };
        let granted = tokio::time::timeout(limit, granting).await;
        granted.unwrap_or_else(|_| Err(Error::timeout("authorization", limit)))
    }

    async fn by_code(&self, home: Option<&str>, wanted: &Wanted<'_>) -> Result<Granted, Error> {
        let server = wanted.server;
        let authorization = ServerMetadata::endpoint(server.authorization_endpoint.as_ref(), "authorization endpoint")?;
        server.token_endpoint()?;
        server.require_s256()?;
        let (state, pkce) = (crate::random::text(), Pkce::generate());
        let mut redirect = self.redirect(server, &state).await?;
        let redirect_uri = match (&self.settings.redirect_uri, &redirect) {
            (Some(uri), _) => uri.clone(),
            (None, Some(redirect)) => redirect.uri(),
            (None, None) => return Err(Error::usage("there is nowhere to redirect to")),
        };
        let introduction = Introduction {
            name: &self.settings.client_name,
            redirect_uri: Some(&redirect_uri),
            grant_types: &["authorization_code", "refresh_token"],
        };
        let identity = self.identity(home, server, &introduction).await?;
        let mut parameters = vec![
            ("response_type", "code"),
            ("client_id", &identity.client_id),
            ("redirect_uri", &redirect_uri),
            ("code_challenge", pkce.challenge()),
            ("code_challenge_method", "S256"),
            ("state", &state),
            ("resource", wanted.resource),
        ];
        if let Some(scope) = wanted.scope {
            parameters.push(("scope", scope));
            // Without it, OpenID Connect has servers ignore that scope.
            if scope.split(' ').any(|scope| scope == "offline_access") {
                parameters.push(("prompt", "consent"));
            }
        }
        if let Some(key) = wanted.dpop {
            parameters.push(("dpop_jkt", key.thumbprint()));
        }
        let extra = self.settings.parameters.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let query = form::encode_pairs(parameters.into_iter().chain(extra));
        let separator = if authorization.uri().query().is_some() { '&' } else { '?' };
        let url = format!("{}{separator}{query}", authorization.as_str());
        let failed = |error| Error::connect("the user could not be asked").with_source(error);
        let callback = match self.settings.browser.open(url).await.map_err(failed)? {
            Visit::Returned(url) => returned(&url, &redirect_uri, &state)?,
            Visit::Opened => match &mut redirect {
                Some(redirect) => redirect.callback().await?,
                None => return Err(Error::usage("nobody returned where the authorization server redirected to")),
            },
        };
        drop(redirect);
        let code = code(server, callback)?;
        let endpoint = TokenEndpoint::of(server, &self.fetcher, &self.nonces, &identity, wanted.dpop)?;
        let parameters = [
            ("grant_type", "authorization_code"),
            ("code", code.expose()),
            ("redirect_uri", redirect_uri.as_str()),
            ("code_verifier", pkce.verifier()),
            ("resource", wanted.resource),
        ];
        let response = endpoint.request(&parameters).await;
        if identity.is_dynamic && response.as_ref().is_err_and(|error| error.oauth_error() == Some("invalid_client")) {
            // The next time the client registers anew.
            self.forget_registration(&server.issuer).await?;
        }
        Ok((identity, response?))
    }

    /// Listens where the authorization server shall answer, if that is on this machine.
    async fn redirect(&self, server: &ServerMetadata, state: &str) -> Result<Option<Redirect>, Error> {
        if self.settings.redirect_uri.is_some() {
            return Ok(None);
        }
        if let Some(port) = self.settings.redirect_port {
            return Redirect::listen(Some(port), state).await.map(Some);
        }
        // Not all authorization servers let the port change, so a registration is used again with the one it named.
        let registered = self.load_registration(&server.issuer).await?;
        if let Some(port) = registered.and_then(|registration| registration.redirect_port())
            && let Ok(redirect) = Redirect::listen(Some(port), state).await
        {
            return Ok(Some(redirect));
        }
        Redirect::listen(None, state).await.map(Some)
    }

    async fn by_credentials(&self, home: Option<&str>, wanted: &Wanted<'_>) -> Result<Granted, Error> {
        self.by_grant(home, wanted, &[("grant_type", "client_credentials")]).await
    }

    async fn by_workload(
        &self,
        home: Option<&str>,
        wanted: &Wanted<'_>,
        assertion: &Assertion,
    ) -> Result<Granted, Error> {
        let assertion = assertion(wanted.server.issuer.clone()).await;
        let assertion =
            assertion.map_err(|error| Error::usage("there is no assertion of the workload").with_source(error))?;
        self.by_grant(home, wanted, &[("grant_type", JWT_BEARER), ("assertion", assertion.expose())]).await
    }

    async fn by_enterprise(
        &self,
        home: Option<&str>,
        wanted: &Wanted<'_>,
        provider: &IdentityProvider,
    ) -> Result<Granted, Error> {
        let subject = (provider.subject)().await;
        let subject = subject.map_err(|error| Error::usage("there is no token of the user").with_source(error))?;
        let identity = Identity::from(&provider.client);
        let endpoint = TokenEndpoint {
            fetcher: &self.trusting,
            nonces: &self.nonces,
            url: Url::parse(&provider.token_endpoint, "the token endpoint of the identity provider")?,
            issuer: &provider.token_endpoint,
            methods: None,
            algorithms: None,
            identity: &identity,
            dpop: None,
        };
        let mut parameters = vec![
            ("grant_type", TOKEN_EXCHANGE),
            ("requested_token_type", ID_JAG),
            ("audience", &wanted.server.issuer),
            ("resource", wanted.resource),
            ("subject_token", subject.expose()),
            ("subject_token_type", provider.subject_type.uri()),
        ];
        parameters.extend(wanted.scope.map(|scope| ("scope", scope)));
        let response = endpoint.request(&parameters).await?;
        if response.issued_token_type.as_deref() != Some(ID_JAG) {
            return Err(Error::refused("the identity provider issued a token of another kind"));
        }
        let assertion = response.access_token;
        self.by_grant(home, wanted, &[("grant_type", JWT_BEARER), ("assertion", assertion.expose())]).await
    }

    /// Asks the token endpoint at once, without a user.
    async fn by_grant(
        &self,
        home: Option<&str>,
        wanted: &Wanted<'_>,
        parameters: &[(&str, &str)],
    ) -> Result<Granted, Error> {
        let grant_type = [parameters[0].1];
        let introduction =
            Introduction { name: &self.settings.client_name, redirect_uri: None, grant_types: &grant_type };
        let identity = self.identity(home, wanted.server, &introduction).await?;
        let endpoint = TokenEndpoint::of(wanted.server, &self.fetcher, &self.nonces, &identity, wanted.dpop)?;
        let mut parameters = parameters.to_vec();
        parameters.push(("resource", wanted.resource));
        parameters.extend(wanted.scope.map(|scope| ("scope", scope)));
        let response = endpoint.request(&parameters).await?;
        drop(endpoint);
        Ok((identity, response))
    }

    async fn by_device(&self, home: Option<&str>, wanted: &Wanted<'_>, show: &Show) -> Result<Granted, Error> {
        let server = wanted.server;
        let url = server.device_authorization_endpoint.as_ref();
        let url = ServerMetadata::endpoint(url, "device authorization endpoint")?;
        let introduction = Introduction {
            name: &self.settings.client_name,
            redirect_uri: None,
            grant_types: &[DEVICE_CODE, "refresh_token"],
        };
        let identity = self.identity(home, server, &introduction).await?;
        let endpoint = TokenEndpoint::of(server, &self.fetcher, &self.nonces, &identity, wanted.dpop)?;
        let mut parameters = vec![("resource", wanted.resource)];
        parameters.extend(wanted.scope.map(|scope| ("scope", scope)));
        let polling = Polling::begin(&endpoint, &url, &parameters).await?;
        let shown = show(polling.code.clone()).await;
        shown.map_err(|error| Error::usage("the code could not be shown").with_source(error))?;
        let response = polling.end(&endpoint, Some(wanted.resource)).await?;
        drop(endpoint);
        Ok((identity, response))
    }
}

/// A device code, and how it is asked whether the user has entered it.
pub(super) struct Polling {
    pub(super) code: DeviceCode,
    device_code: Secret,
    pace: Pace,
}

impl Polling {
    pub(super) async fn begin(
        endpoint: &TokenEndpoint<'_>,
        url: &Url,
        parameters: &[(&str, &str)],
    ) -> Result<Self, Error> {
        let answer = endpoint.post(url, parameters).await?;
        if !answer.status.is_success() {
            return Err(error_of("the request for a device code", &answer));
        }
        let device: DeviceResponse = serde_json::from_slice(&answer.body)
            .map_err(|_| Error::refused("the answer to the request for a device code cannot be read"))?;
        for uri in [Some(&device.verification_uri), device.verification_uri_complete.as_ref()].into_iter().flatten() {
            Url::parse(uri, "where the user is sent to")?;
        }
        let code = DeviceCode {
            user_code: device.user_code,
            verification_uri: device.verification_uri,
            verification_uri_complete: device.verification_uri_complete,
            expires_in: Duration::from_secs(device.expires_in),
        };
        Ok(Self { code, device_code: device.device_code, pace: Pace::new(device.interval) })
    }

    /// Asks again and again whether the user has entered the code, until it is of no use any more.
    pub(super) async fn end(
        mut self,
        endpoint: &TokenEndpoint<'_>,
        resource: Option<&str>,
    ) -> Result<TokenResponse, Error> {
        let limit = self.code.expires_in;
        let mut parameters = vec![("grant_type", DEVICE_CODE), ("device_code", self.device_code.expose())];
        parameters.extend(resource.map(|resource| ("resource", resource)));
        let polling = async {
            loop {
                tokio::time::sleep(self.pace.wait).await;
                match endpoint.request(&parameters).await {
                    Err(error) if self.pace.goes_on_after(&error) => {}
                    done => return done,
                }
            }
        };
        tokio::time::timeout(limit, polling).await.unwrap_or_else(|_| Err(Error::timeout("the user", limit)))
    }
}

/// How fast a device code is asked for.
struct Pace {
    wait: Duration,
}

impl Pace {
    fn new(interval: u64) -> Self {
        // None faster than this, whatever the server says.
        Self { wait: Duration::from_secs(interval.max(1)) }
    }

    /// Returns true if there is something to wait for, and waits longer if that is asked for.
    fn goes_on_after(&mut self, error: &Error) -> bool {
        match error.oauth_error() {
            Some("authorization_pending") => {}
            Some("slow_down") => self.wait += Duration::from_secs(5),
            _ if error.is_connect() || error.is_timeout() => self.wait = self.wait.saturating_mul(2),
            _ => return false,
        }
        true
    }
}

#[derive(Deserialize)]
struct DeviceResponse {
    device_code: Secret,
    user_code: String,
    verification_uri: String,
    verification_uri_complete: Option<String>,
    expires_in: u64,
    #[serde(default = "five")]
    interval: u64,
}

fn five() -> u64 {
    5
}

/// Reads a redirect that somebody else caught.
fn returned(url: &str, redirect_uri: &str, state: &str) -> Result<Callback, Error> {
    let rest = url.strip_prefix(redirect_uri);
    let query = rest.and_then(|rest| rest.strip_prefix(if redirect_uri.contains('?') { '&' } else { '?' }));
    let query = query.and_then(|query| query.split('#').next());
    let callback = query.and_then(|query| Callback::read(query, state));
    callback.ok_or_else(|| Error::refused("the redirect does not belong to what was asked for"))
}

/// Returns the code of a callback, once it is known to be from the authorization server that was asked.
pub(super) fn code(server: &ServerMetadata, callback: Callback) -> Result<Secret, Error> {
    match &callback.iss {
        Some(iss) if *iss != server.issuer => {
            return Err(Error::refused("the redirect is from another issuer than was asked"));
        }
        None if server.authorization_response_iss_parameter_supported => {
            return Err(Error::refused("the redirect does not say which issuer it is from"));
        }
        _ => {}
    }
    if let Some(error) = &callback.error {
        return Err(Error::oauth("authorization", error, callback.error_description.as_deref()));
    }
    let code = callback.code.filter(|code| !code.is_empty());
    code.map(Secret::new).ok_or_else(|| Error::refused("the redirect holds neither a code nor an error"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_code_is_asked_for_as_slowly_as_is_wished() {
        let says = |code| Error::oauth("it", code, None);
        let mut pace = Pace::new(0);
        assert_eq!(pace.wait, Duration::from_secs(1));
        assert!(pace.goes_on_after(&says("authorization_pending")));
        assert_eq!(pace.wait, Duration::from_secs(1));
        assert!(pace.goes_on_after(&says("slow_down")) && pace.goes_on_after(&says("slow_down")));
        assert_eq!(pace.wait, Duration::from_secs(11));
        assert!(pace.goes_on_after(&Error::connect("gone")));
        assert_eq!(pace.wait, Duration::from_secs(22));
        for end in ["access_denied", "expired_token", "invalid_grant"] {
            assert!(!pace.goes_on_after(&says(end)), "{end}");
        }
    }
}
