//! A user agrees in a browser: where it is sent, and what it comes back with.

use std::fmt;
use std::sync::Arc;

use http::header::COOKIE;
use http::{HeaderMap, Uri};
use serde::Deserialize;

use super::access_token::AccessToken;
use super::config::{OAuth2FlowType, SecurityLevel, check_parameter, check_scopes};
use super::id_token::IdToken;
use super::pending;
use super::provider::{Inner, OAuth2Provider, hash};
use crate::client::discovery::ServerMetadata;
use crate::client::dpop::DpopKey;
use crate::client::grants::code;
use crate::client::redirect::Callback;
use crate::client::token::{TokenResponse, error_of};
use crate::pkce::Pkce;
use crate::{Error, Secret, form};

/// How much of the hash of its state names the cookie of a login.
const COOKIE_NAME_LETTERS: usize = 12;

/// What is asked for by one login.
///
/// ```
/// use turbomcp_auth::client::login::LoginRequest;
///
/// let request = LoginRequest::default().user("ada").scopes(["repo"]).param("prompt", "consent").return_to("/notes");
/// # drop(request);
/// ```
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct LoginRequest {
    pub(super) user: Option<String>,
    pub(super) scopes: Option<Vec<String>>,
    pub(super) resource: Option<String>,
    pub(super) params: Vec<(String, String)>,
    pub(super) return_to: Option<String>,
}

impl LoginRequest {
    /// Says whose login this is, if the server knows that already: the tokens are kept by this id. Left out, it is the
    /// subject of the ID token, or a new random id if the provider gives none.
    ///
    /// Whoever opens the URL must be known to be this user.
    pub fn user(mut self, user: impl Into<String>) -> Self {
        self.user = Some(user.into());
        self
    }

    /// Asks for these scopes in place of those that are set up.
    pub fn scopes(mut self, scopes: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.scopes = Some(scopes.into_iter().map(Into::into).collect());
        self
    }

    /// Asks for tokens for this resource in place of the one that is set up (RFC 8707).
    pub fn resource(mut self, resource: impl Into<String>) -> Self {
        self.resource = Some(resource.into());
        self
    }

    /// Adds a parameter, such as `login_hint`, to those that are set up.
    pub fn param(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.params.push((name.into(), value.into()));
        self
    }

    /// Remembers where on the server the user is to be sent afterwards: a path.
    pub fn return_to(mut self, path: impl Into<String>) -> Self {
        self.return_to = Some(path.into());
        self
    }

    pub(super) fn check(&self) -> Result<(), Error> {
        check_scopes(self.scopes.as_deref().unwrap_or_default())?;
        self.params.iter().try_for_each(|(name, _)| check_parameter(name))?;
        if self.user.as_deref().is_some_and(str::is_empty) {
            return Err(Error::usage("the id of a user is empty"));
        }
        let leads_elsewhere = |path: &str| {
            let mut bytes = path.bytes();
            bytes.next() != Some(b'/') || matches!(bytes.next(), Some(b'/' | b'\\')) || path.contains(char::is_control)
        };
        if self.return_to.as_deref().is_some_and(leads_elsewhere) {
            return Err(Error::usage("where a user returns to is no path on this server"));
        }
        Ok(())
    }
}

/// A login that was begun.
#[derive(Clone)]
pub struct Begun {
    url: String,
    cookie: String,
}

impl Begun {
    /// Returns where the browser is to be sent: the value of `Location`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns the value of `Set-Cookie` for the same answer. The login can be finished only by the browser that has
    /// it.
    #[must_use]
    pub fn set_cookie(&self) -> &str {
        &self.cookie
    }
}

impl fmt::Debug for Begun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Begun").finish_non_exhaustive()
    }
}

/// A user who has logged in.
#[derive(Debug)]
pub struct Login {
    pub(super) user: String,
    pub(super) access: AccessToken,
    pub(super) id_token: Option<IdToken>,
    pub(super) return_to: Option<String>,
    pub(super) clear_cookie: String,
}

impl Login {
    /// Returns the id that the tokens are kept by: give it to [`OAuth2Provider::access`].
    #[must_use]
    pub fn user(&self) -> &str {
        &self.user
    }

    /// Returns the token.
    #[must_use]
    pub fn access(&self) -> &AccessToken {
        &self.access
    }

    /// Returns who the provider says that the user is, if `openid` was asked for and the provider
    /// publishes the keys that it signs with.
    #[must_use]
    pub fn id_token(&self) -> Option<&IdToken> {
        self.id_token.as_ref()
    }

    /// Returns the path that the login was begun with.
    #[must_use]
    pub fn return_to(&self) -> Option<&str> {
        self.return_to.as_deref()
    }

    /// Returns the value of `Set-Cookie` that removes the cookie of the login; empty if there was none.
    #[must_use]
    pub fn clear_cookie(&self) -> &str {
        &self.clear_cookie
    }
}

impl OAuth2Provider {
    /// Begins a login by a browser.
    ///
    /// Answer the browser with a redirect to [`Begun::url`] and the cookie of [`Begun::set_cookie`].
    ///
    /// # Errors
    ///
    /// `is_usage()` if the request does not fit, or the flow is another; what is wrong with the provider's answer if it
    /// is told directly.
    ///
    /// # Cancel safety
    ///
    /// Nothing is left behind but for a login that nobody can finish, for as long as logins are remembered.
    pub async fn start(&self, request: LoginRequest) -> Result<Begun, Error> {
        self.inner.config.require(OAuth2FlowType::AuthorizationCode)?;
        request.check()?;
        self.inner.start(request).await
    }

    /// Finishes a login with what the browser has come back with: the URI of its request and its headers.
    ///
    /// The tokens are kept, and returned.
    ///
    /// # Errors
    ///
    /// `is_refused()` if the login was not begun here or by another browser, is finished or too old, or if what the
    /// provider answers must not be used; `oauth_error()` if the provider or the user refuses; `is_store()` if the
    /// tokens cannot be kept.
    ///
    /// # Cancel safety
    ///
    /// What was begun is finished: the tokens are kept all the same.
    pub async fn finish(&self, callback: &Uri, headers: &HeaderMap) -> Result<Login, Error> {
        self.inner.config.require(OAuth2FlowType::AuthorizationCode)?;
        let parsed = Callback::parse(callback.query().unwrap_or_default());
        let (state, callback) = parsed.ok_or_else(|| Error::refused("this is not the end of a login"))?;
        let login = self.inner.logins.take(&state);
        let login = login.ok_or_else(|| Error::refused("this login was not begun here, or it is over"))?;
        let name = self.inner.cookie_name(&state);
        if !cookies(headers, &name).any(|value| hash(value) == login.browser) {
            return Err(Error::refused("this login was begun by another browser"));
        }
        let clear_cookie = self.inner.cookie(&name, "", 0);
        self.run(|inner| async move { inner.finish(login, callback, clear_cookie).await }).await
    }
}

impl Inner {
    async fn start(&self, request: LoginRequest) -> Result<Begun, Error> {
        let server = &self.server;
        let authorization = ServerMetadata::endpoint(server.authorization_endpoint.as_ref(), "authorization endpoint")?;
        let (state, browser, pkce) = (crate::random::text(), crate::random::text(), Pkce::generate());
        let key = self.new_key()?;
        let scopes = request.scopes.unwrap_or_else(|| self.scopes.clone());
        let nonce = is_openid(&scopes).then(crate::random::text);
        let resource = self.resource(request.resource.as_deref())?;
        let scope = scopes.join(" ");
        let mut parameters = vec![
            ("response_type", "code"),
            ("client_id", &self.identity.client_id),
            ("redirect_uri", &self.config.redirect_uri),
            ("code_challenge", pkce.challenge()),
            ("code_challenge_method", "S256"),
            ("state", &state),
        ];
        parameters.extend(nonce.as_deref().map(|nonce| ("nonce", nonce)));
        parameters.extend(resource.as_deref().map(|resource| ("resource", resource)));
        parameters.extend(Some(("scope", scope.as_str())).filter(|_| !scope.is_empty()));
        parameters.extend(key.as_ref().map(|key| ("dpop_jkt", key.thumbprint())));
        let own = request.params.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let set_up = self.config.parameters().into_iter();
        parameters.extend(set_up.filter(|(name, _)| request.params.iter().all(|(own, _)| own != name)));
        parameters.extend(own);
        let query = match self.pushed(&parameters, key.as_ref()).await? {
            Some(uri) => {
                form::encode_pairs([("client_id", self.identity.client_id.as_str()), ("request_uri", uri.as_str())])
            }
            None => form::encode_pairs(parameters),
        };
        let separator = if authorization.uri().query().is_some() { '&' } else { '?' };
        let url = format!("{}{separator}{query}", authorization.as_str());
        let cookie = self.cookie(&self.cookie_name(&state), &browser, self.logins.lifetime().as_secs());
        let login = pending::Begun {
            browser: hash(&browser),
            pkce,
            nonce: nonce.map(Secret::new),
            user: request.user,
            scopes,
            resource,
            key,
            return_to: request.return_to,
        };
        self.logins.put(&state, login);
        Ok(Begun { url, cookie })
    }

    /// Says directly what is asked for, if that is wanted (RFC 9126).
    async fn pushed(&self, parameters: &[(&str, &str)], key: Option<&DpopKey>) -> Result<Option<String>, Error> {
        let is_wanted =
            self.config.security_level >= SecurityLevel::Enhanced || self.server.require_pushed_authorization_requests;
        if !is_wanted {
            return Ok(None);
        }
        let what = "pushed authorization request endpoint";
        let url = ServerMetadata::endpoint(self.server.pushed_authorization_request_endpoint.as_ref(), what)?;
        let endpoint = self.endpoint(&url, key)?;
        let mut answer = endpoint.post(&url, parameters).await?;
        if key.is_some() && is_nonce_wanted(&answer.body) {
            answer = endpoint.post(&url, parameters).await?;
        }
        if !answer.status.is_success() {
            return Err(error_of("the request for a login", &answer));
        }
        let pushed: Pushed = serde_json::from_slice(&answer.body)
            .map_err(|_| Error::refused("the answer to the request for a login cannot be read"))?;
        Ok(Some(pushed.request_uri))
    }

    async fn finish(
        self: Arc<Self>,
        login: pending::Begun,
        callback: Callback,
        clear_cookie: String,
    ) -> Result<Login, Error> {
        let code = code(&self.server, callback)?;
        let mut parameters = vec![
            ("grant_type", "authorization_code"),
            ("code", code.expose()),
            ("redirect_uri", &self.config.redirect_uri),
            ("code_verifier", login.pkce.verifier()),
        ];
        parameters.extend(login.resource.as_deref().map(|resource| ("resource", resource)));
        let response = self.token(&parameters, login.key.as_ref()).await?;
        let request = Asked {
            user: login.user,
            scopes: login.scopes,
            resource: login.resource,
            nonce: login.nonce,
            return_to: login.return_to,
        };
        self.logged_in(&response, login.key, request, clear_cookie).await
    }

    /// Takes the tokens of a user, checks who that is, and keeps them.
    pub(super) async fn logged_in(
        &self,
        response: &TokenResponse,
        key: Option<DpopKey>,
        asked: Asked,
        clear_cookie: String,
    ) -> Result<Login, Error> {
        let kept = self.accept(response, key, &asked.scopes, asked.resource.as_deref())?;
        let id_token = match (&self.signatures, &response.id_token) {
            (Some(signatures), Some(token)) if is_openid(&asked.scopes) => {
                Some(self.verify(signatures, token, asked.nonce.as_ref()).await?)
            }
            (Some(_), None) if is_openid(&asked.scopes) => {
                return Err(Error::refused("the provider does not say who the user is"));
            }
            _ => None,
        };
        let subject = id_token.as_ref().map(|token| token.subject().to_owned());
        let user = asked.user.or(subject).unwrap_or_else(crate::random::text);
        let _turn = self.turns.of(&user).lock().await;
        let kept = self.keep(&user, kept).await?;
        Ok(Login { user, access: self.access(kept), id_token, return_to: asked.return_to, clear_cookie })
    }

    /// Names the cookie of one login, so that several may be under way in one browser.
    fn cookie_name(&self, state: &str) -> String {
        use base64::Engine as _;
        let mut name = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(hash(state));
        name.truncate(COOKIE_NAME_LETTERS);
        let prefix = if self.is_https() { "__Host-" } else { "" };
        format!("{prefix}turbomcp-login-{name}")
    }

    fn cookie(&self, name: &str, value: &str, seconds: u64) -> String {
        let secure = if self.is_https() { "; Secure" } else { "" };
        format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}")
    }

    /// Browsers refuse secure cookies of a server without TLS, even on the same machine.
    fn is_https(&self) -> bool {
        self.config.redirect_uri.starts_with("https:")
    }
}

/// What a login has asked for.
pub(super) struct Asked {
    pub(super) user: Option<String>,
    pub(super) scopes: Vec<String>,
    pub(super) resource: Option<String>,
    pub(super) nonce: Option<Secret>,
    pub(super) return_to: Option<String>,
}

#[derive(Deserialize)]
struct Pushed {
    request_uri: String,
}

fn is_nonce_wanted(body: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Failed {
        error: String,
    }
    serde_json::from_slice::<Failed>(body).is_ok_and(|failed| failed.error == "use_dpop_nonce")
}

pub(super) fn is_openid(scopes: &[String]) -> bool {
    scopes.iter().any(|scope| scope == "openid")
}

/// Returns the values of the cookies of one name.
fn cookies<'a>(headers: &'a HeaderMap, name: &'a str) -> impl Iterator<Item = &'a str> {
    let lines = headers.get_all(COOKIE).into_iter().filter_map(|line| line.to_str().ok());
    let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.filter(move |(found, _)| *found == name).map(|(_, value)| value)
}
