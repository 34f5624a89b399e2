//! The token endpoint: how requests to it are authenticated, and what it answers.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::discovery::ServerMetadata;
use super::dpop::{DPOP, Dpop, DpopKey, Nonces, now};
use super::registration::Identity;
use crate::fetch::{Answer, Fetcher};
use crate::url::Url;
use crate::{Error, Secret, form, secret};

const FORM: &str = "application/x-www-form-urlencoded";
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// How long a signed assertion is good for.
const ASSERTION_SECONDS: u64 = 120;

/// Tokens for a server, and where they are from.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Tokens {
    pub(super) issuer: String,
    pub(super) client_id: String,
    /// The server as it was named when the tokens were asked for.
    pub(super) resource: String,
    #[serde(serialize_with = "secret::store")]
    pub(super) access_token: Secret,
    #[serde(default, serialize_with = "secret::store_option")]
    pub(super) refresh_token: Option<Secret>,
    /// In seconds since 1970.
    pub(super) expires_at: Option<u64>,
    /// What was asked for, which may be more than what was given.
    pub(super) scopes: Vec<String>,
    /// The key that they are bound to.
    #[serde(default, serialize_with = "secret::store_option")]
    pub(super) dpop_key: Option<Secret>,
}

impl Tokens {
    /// True if they are not good for another `seconds`.
    pub(super) fn expires_within(&self, seconds: u64) -> bool {
        self.expires_at.is_some_and(|at| at <= now() + seconds)
    }
}

/// What a token endpoint answers.
#[derive(Deserialize)]
pub(super) struct TokenResponse {
    pub(super) access_token: Secret,
    token_type: Option<String>,
    /// A number, but some write it as text.
    expires_in: Option<Value>,
    pub(super) refresh_token: Option<Secret>,
    pub(super) issued_token_type: Option<String>,
    pub(super) id_token: Option<Secret>,
    pub(super) scope: Option<String>,
}

impl TokenResponse {
    pub(super) fn expires_at(&self) -> Option<u64> {
        let seconds = match self.expires_in.as_ref()? {
            Value::String(text) => text.parse().ok()?,
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it saturates")]
            value => value.as_u64().or_else(|| value.as_f64().map(|seconds| seconds as u64))?,
        };
        Some(now().saturating_add(seconds))
    }

    /// Returns true if the token is bound to the key that there is.
    pub(super) fn is_bound(&self, has_key: bool, dpop: Dpop) -> Result<bool, Error> {
        let is_bound = self.is_of_dpop()?;
        if is_bound && !has_key {
            return Err(Error::refused("the token is bound to a key that there is not"));
        }
        if !is_bound && dpop == Dpop::Always {
            return Err(Error::refused("the token is not bound to a key"));
        }
        Ok(is_bound)
    }

    fn is_of_dpop(&self) -> Result<bool, Error> {
        match self.token_type.as_deref() {
            None => Ok(false),
            Some(kind) if kind.eq_ignore_ascii_case("bearer") => Ok(false),
            Some(kind) if kind.eq_ignore_ascii_case("dpop") => Ok(true),
            Some(kind) => Err(Error::refused(format!("the token is of an unknown type, {kind:?}"))),
        }
    }
}

/// How a client authenticates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Method {
    Basic,
    Post,
    PrivateKey,
    None,
}

impl Method {
    fn name(self) -> &'static str {
        match self {
            Self::Basic => "client_secret_basic",
            Self::Post => "client_secret_post",
            Self::PrivateKey => "private_key_jwt",
            Self::None => "none",
        }
    }

    fn choose(identity: &Identity, supported: Option<&[String]>) -> Result<Self, Error> {
        let supports =
            |method: Self| supported.is_none_or(|supported| supported.iter().any(|name| name == method.name()));
        let possible = match (&identity.key, &identity.secret) {
            (Some(_), _) => &[Self::PrivateKey][..],
            // Without a word from the authorization server, Basic is what it has to support.
            (None, Some(_)) => &[Self::Basic, Self::Post, Self::None],
            (None, None) => return Ok(Self::None),
        };
        let agreed = possible.iter().find(|method| identity.method.as_deref() == Some(method.name()));
        if let Some(agreed) = agreed.filter(|agreed| supports(**agreed)) {
            return Ok(*agreed);
        }
        possible.iter().copied().find(|method| supports(*method)).ok_or_else(|| {
            Error::usage(format!(
                "the authorization server supports no authentication by what there is ({})",
                possible[0].name()
            ))
        })
    }
}

/// A token endpoint, and who asks.
pub(super) struct TokenEndpoint<'a> {
    pub(super) fetcher: &'a Fetcher,
    pub(super) nonces: &'a Nonces,
    pub(super) url: Url,
    /// Whom signed assertions are for.
    pub(super) issuer: &'a str,
    pub(super) methods: Option<&'a [String]>,
    pub(super) algorithms: Option<&'a [String]>,
    pub(super) identity: &'a Identity,
    pub(super) dpop: Option<&'a DpopKey>,
}

impl<'a> TokenEndpoint<'a> {
    pub(super) fn of(
        server: &'a ServerMetadata,
        fetcher: &'a Fetcher,
        nonces: &'a Nonces,
        identity: &'a Identity,
        dpop: Option<&'a DpopKey>,
    ) -> Result<Self, Error> {
        Ok(Self {
            fetcher,
            nonces,
            url: server.token_endpoint()?,
            issuer: &server.issuer,
            methods: server.token_endpoint_auth_methods_supported.as_deref(),
            algorithms: server.token_endpoint_auth_signing_alg_values_supported.as_deref(),
            identity,
            dpop,
        })
    }

    /// Asks for tokens.
    pub(super) async fn request(&self, parameters: &[(&str, &str)]) -> Result<TokenResponse, Error> {
        let what = "the request for a token";
        let mut answer = self.post(&self.url, parameters).await?;
        // Whoever wants a nonce says so with the first answer, and once is enough.
        if self.dpop.is_some() && is_nonce_wanted(&answer) {
            answer = self.post(&self.url, parameters).await?;
        }
        // Some report errors by status 200.
        if !answer.status.is_success() || serde_json::from_slice::<OAuthError>(&answer.body).is_ok() {
            return Err(error_of(what, &answer));
        }
        let response = serde_json::from_slice::<TokenResponse>(&answer.body);
        // What could not be read is not shown: it may hold a token.
        let response = response.map_err(|_| Error::refused("the answer to the request for a token cannot be read"))?;
        if response.access_token.expose().is_empty() {
            return Err(Error::refused("the answer to the request for a token holds none"));
        }
        Ok(response)
    }

    /// Posts a form, authenticated.
    pub(super) async fn post(&self, url: &Url, parameters: &[(&str, &str)]) -> Result<Answer, Error> {
        let mut headers = HeaderMap::new();
        let mut parameters = parameters.to_vec();
        let assertion;
        let Identity { client_id, secret, key, .. } = self.identity;
        let secret = secret.as_ref().map(Secret::expose).unwrap_or_default();
        match Method::choose(self.identity, self.methods)? {
            Method::Basic => {
                let pair = format!("{}:{}", form::encode(client_id), form::encode(secret));
                headers.insert(AUTHORIZATION, header(&format!("Basic {}", STANDARD.encode(pair)))?);
            }
            Method::Post => parameters.extend([("client_id", client_id.as_str()), ("client_secret", secret)]),
            Method::PrivateKey => {
                let key = key.as_ref().expect("it was chosen because there is one");
                if self.algorithms.is_some_and(|known| known.iter().all(|name| name != key.algorithm())) {
                    let algorithm = key.algorithm();
                    return Err(Error::usage(format!("the authorization server does not support {algorithm}")));
                }
                let (now, id) = (now(), crate::random::text());
                let claims = json!({
                    "iss": client_id, "sub": client_id, "aud": self.issuer,
                    "iat": now, "exp": now + ASSERTION_SECONDS, "jti": id,
                });
                assertion = key.sign(json!({"typ": "JWT"}), &claims)?;
                parameters.extend([("client_assertion_type", JWT_BEARER), ("client_assertion", assertion.as_str())]);
            }
            Method::None => parameters.push(("client_id", client_id)),
        }
        if let Some(key) = self.dpop {
            headers.insert(DPOP, header(&key.proof("POST", url.as_str(), self.nonces.of(url), None)?)?);
        }
        let answer = self.fetcher.post(url, FORM, headers, form::encode_pairs(parameters)).await?;
        self.nonces.learn(url, &answer.headers);
        Ok(answer)
    }
}

fn header(value: &str) -> Result<HeaderValue, Error> {
    let mut value = HeaderValue::from_str(value)
        .map_err(|error| Error::usage("credentials cannot be put into a header").with_source(error))?;
    value.set_sensitive(true);
    Ok(value)
}

#[derive(Deserialize)]
struct OAuthError {
    error: String,
    error_description: Option<String>,
}

fn is_nonce_wanted(answer: &Answer) -> bool {
    !answer.status.is_success()
        && serde_json::from_slice::<OAuthError>(&answer.body).is_ok_and(|error| error.error == "use_dpop_nonce")
}

/// Reads why something was refused.
pub(super) fn error_of(what: &'static str, answer: &Answer) -> Error {
    match serde_json::from_slice::<OAuthError>(&answer.body) {
        Ok(error) => Error::oauth(what, &error.error, error.error_description.as_deref()),
        Err(_) if answer.status.is_server_error() || answer.status == StatusCode::TOO_MANY_REQUESTS => {
            Error::connect(format!("{what} was answered with status {}", answer.status.as_u16()))
        }
        Err(_) => Error::refused(format!("{what} was refused with status {}", answer.status.as_u16())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(secret: Option<&str>, agreed: Option<&str>, supported: Option<&[&str]>, expected: Option<Method>) {
        let identity = Identity {
            client_id: "c".into(),
            secret: secret.map(Secret::from),
            key: None,
            method: agreed.map(str::to_owned),
            is_dynamic: true,
        };
        let supported: Option<Vec<_>> = supported.map(|names| names.iter().map(|name| (*name).to_owned()).collect());
        assert_eq!(Method::choose(&identity, supported.as_deref()).ok(), expected);
    }

    #[test]
    fn the_method_is_one_that_is_supported() {
        check(None, None, None, Some(Method::None));
        check(None, Some("client_secret_post"), Some(&["client_secret_basic"]), Some(Method::None));
        check(Some("s"), None, None, Some(Method::Basic));
        check(Some("s"), Some("client_secret_post"), None, Some(Method::Post));
        check(Some("s"), None, Some(&["client_secret_post"]), Some(Method::Post));
        check(Some("s"), Some("client_secret_post"), Some(&["client_secret_basic"]), Some(Method::Basic));
        check(Some("s"), Some("none"), Some(&["none", "client_secret_basic"]), Some(Method::None));
        check(Some("s"), None, Some(&["private_key_jwt"]), None);
    }

    #[test]
    fn expiry_is_read_in_any_spelling() {
        for (text, expires) in [("60", true), ("\"60\"", true), ("60.5", true), ("null", false), ("\"soon\"", false)] {
            let response = format!(r#"{{"access_token":"a","token_type":"bearer","expires_in":{text}}}"#);
            let response: TokenResponse = serde_json::from_str(&response).unwrap();
            assert_eq!(response.expires_at().is_some(), expires, "{text}");
        }
        let endless = r#"{"access_token":"a","expires_in":18446744073709551615}"#;
        assert_eq!(serde_json::from_str::<TokenResponse>(endless).unwrap().expires_at(), Some(u64::MAX));
    }
}
