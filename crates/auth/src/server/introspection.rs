//! Tokens that only their issuer can read: it is asked what they are good for (RFC 7662).

use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::sync::Semaphore;
use turbomcp_transport::Principal;

use super::config::{LONGEST, MAX_LEEWAY, seconds, usual};
use super::jws::Claims;
use super::jwt::{Bad, Good, Mapping, check_time};
use crate::fetch::Fetcher;
use crate::url::Url;
use crate::{Error, Reach, Secret, form};

/// How many tokens are asked about at once; further ones wait.
const AT_ONCE: usize = 32;

const FORM: &str = "application/x-www-form-urlencoded";

/// Where to ask about tokens, and which are good.
///
/// ```
/// use turbomcp_auth::server::IntrospectionConfig;
///
/// let config = IntrospectionConfig::new("https://id.example/introspect", "notes", "its secret")
///     .issuer("https://id.example")
///     .audience("https://notes.example/mcp");
/// # drop(config);
/// ```
///
/// # Specification
///
/// [RFC 7662](https://www.rfc-editor.org/rfc/rfc7662)
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct IntrospectionConfig {
    /// Where to ask: https, or this machine.
    pub endpoint: String,
    /// As what client this server asks.
    pub client_id: String,
    /// The secret of that client.
    pub client_secret: Secret,
    /// Who issues the tokens, compared byte for byte with `iss` where the answer has it.
    #[serde(default)]
    pub issuer: String,
    /// For whom they are issued: one of these is in `aud`. Usually the URL of the server.
    #[serde(default)]
    pub audiences: Vec<String>,
    /// By how much clocks may differ. 30 seconds.
    #[serde(default = "usual::leeway", rename = "leeway_seconds", with = "seconds")]
    pub leeway: Duration,
    /// How long an answer may take. 5 seconds.
    #[serde(default = "usual_timeout", rename = "timeout_seconds", with = "seconds")]
    pub timeout: Duration,
    /// How long an answer is believed, at most. 60 seconds.
    #[serde(default = "usual_age", rename = "max_age_seconds", with = "seconds")]
    pub max_age: Duration,
    /// Where roles are found: the name of a member, or a JSON pointer. `roles`.
    #[serde(default = "usual::roles")]
    pub roles_claim: String,
    /// Where permissions are found. `permissions`.
    #[serde(default = "usual::permissions")]
    pub permissions_claim: String,
    /// Where the tenant is found; a token without it is then refused. Nowhere, unless set.
    #[serde(default)]
    pub tenant_claim: Option<String>,
    /// Which addresses may be reached. Those of the Internet, unless the endpoint itself has an address that is not.
    #[serde(skip)]
    pub reach: Option<Reach>,
}

fn usual_timeout() -> Duration {
    Duration::from_secs(5)
}

fn usual_age() -> Duration {
    Duration::from_secs(60)
}

impl IntrospectionConfig {
    /// Asks at an endpoint, as this client.
    pub fn new(endpoint: impl Into<String>, client_id: impl Into<String>, client_secret: impl Into<Secret>) -> Self {
        Self {
            endpoint: endpoint.into(),
            client_id: client_id.into(),
            client_secret: client_secret.into(),
            issuer: String::new(),
            audiences: Vec::new(),
            leeway: usual::leeway(),
            timeout: usual_timeout(),
            max_age: usual_age(),
            roles_claim: usual::roles(),
            permissions_claim: usual::permissions(),
            tenant_claim: None,
            reach: None,
        }
    }

    /// Says who issues the tokens.
    #[must_use]
    pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
        self.issuer = issuer.into();
        self
    }

    /// Adds an audience for whom tokens may be.
    #[must_use]
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audiences.push(audience.into());
        self
    }

    /// Sets how long an answer is believed, at most.
    #[must_use]
    pub fn max_age(mut self, age: Duration) -> Self {
        self.max_age = age;
        self
    }

    /// Sets by how much clocks may differ.
    #[must_use]
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway;
        self
    }

    /// Sets how long an answer may take.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets where roles are found.
    #[must_use]
    pub fn roles_claim(mut self, claim: impl Into<String>) -> Self {
        self.roles_claim = claim.into();
        self
    }

    /// Sets where permissions are found.
    #[must_use]
    pub fn permissions_claim(mut self, claim: impl Into<String>) -> Self {
        self.permissions_claim = claim.into();
        self
    }

    /// Sets where the tenant is found.
    #[must_use]
    pub fn tenant_claim(mut self, claim: impl Into<String>) -> Self {
        self.tenant_claim = Some(claim.into());
        self
    }

    /// Sets which addresses may be reached.
    #[must_use]
    pub fn reach(mut self, reach: Reach) -> Self {
        self.reach = Some(reach);
        self
    }

    fn mapping(&self) -> Mapping<'_> {
        let tenant = self.tenant_claim.as_deref();
        Mapping { roles: &self.roles_claim, permissions: &self.permissions_claim, tenant }
    }
}

#[derive(Debug)]
pub(super) struct Introspection {
    config: IntrospectionConfig,
    endpoint: Url,
    authorization: HeaderValue,
    fetcher: Fetcher,
    places: Semaphore,
}

impl Introspection {
    pub(super) fn new(config: IntrospectionConfig) -> Result<Self, Error> {
        let endpoint = Url::parse(&config.endpoint, "the introspection endpoint")
            .map_err(|error| Error::usage("tokens cannot be asked about").with_source(error))?;
        if config.issuer.is_empty() {
            return Err(Error::usage("an introspection provider needs an issuer"));
        }
        if config.audiences.is_empty() || config.audiences.iter().any(String::is_empty) {
            return Err(Error::usage(
                "an introspection provider needs an audience: a token for anybody else would be taken",
            ));
        }
        if config.leeway > MAX_LEEWAY {
            return Err(Error::usage("a leeway of more than ten minutes keeps expired tokens alive"));
        }
        if config.max_age > LONGEST {
            return Err(Error::usage("an answer about a token is believed for up to a year"));
        }
        let pair = format!("{}:{}", form::encode(&config.client_id), form::encode(config.client_secret.expose()));
        let mut authorization = HeaderValue::from_str(&format!("Basic {}", STANDARD.encode(pair)))
            .map_err(|error| Error::usage("credentials cannot be put into a header").with_source(error))?;
        authorization.set_sensitive(true);
        let fetcher = Fetcher::new(config.reach.unwrap_or_else(|| Reach::of(&endpoint)), config.timeout)?;
        Ok(Self { config, endpoint, authorization, fetcher, places: Semaphore::new(AT_ONCE) })
    }

    pub(super) fn issuer(&self) -> &str {
        &self.config.issuer
    }

    /// Asks about a token, and says how long the answer is to be believed.
    pub(super) async fn verify(&self, token: &str) -> Result<(Good, SystemTime), Bad> {
        let config = &self.config;
        let answer = self.ask(token).await.map_err(|error| {
            tracing::warn!(endpoint = self.endpoint.as_str(), %error, "a token could not be asked about");
            Bad::Unknown("the issuer of the token cannot be asked at the moment")
        })?;
        let bad = |why| Err(Bad::Token(why));
        let Some(all) = serde_json::from_slice::<Value>(&answer).ok().filter(Value::is_object) else {
            tracing::warn!(endpoint = self.endpoint.as_str(), "an answer about a token is no JSON object");
            return Err(Bad::Unknown("the issuer of the token cannot be asked at the moment"));
        };
        if all.get("active") != Some(&Value::Bool(true)) {
            return bad("the token is not active");
        }
        let Ok(mut claims) = serde_json::from_slice::<Claims>(&answer) else {
            return bad("the claims of the token are malformed");
        };
        let until = SystemTime::now() + config.max_age;
        let expires_at = match claims.exp {
            Some(_) => check_time(&claims, config.leeway)?,
            // The issuer has said that it is active, which holds for as long as that is believed.
            None => until,
        };
        if claims.iss.as_ref().is_some_and(|iss| *iss != config.issuer) {
            return bad("the token is of another issuer");
        }
        if !claims.aud.iter().any(|aud| config.audiences.contains(aud)) {
            return bad("the token is for another audience");
        }
        let Some(subject) = claims.sub.take().filter(|subject| !subject.is_empty()) else {
            return bad("the token names no subject");
        };
        let principal = Principal::new(subject).with_issuer(config.issuer.as_str()).with_scopes(claims.scopes());
        let mut principal = config.mapping().describe(principal, &all)?.with_expiry(expires_at);
        if let Some(raw) = String::from_utf8(answer.to_vec()).ok().and_then(|raw| RawValue::from_string(raw).ok()) {
            principal = principal.with_claims(raw);
        }
        Ok((Good { principal, confirmation: claims.cnf }, until.min(expires_at)))
    }

    async fn ask(&self, token: &str) -> Result<bytes::Bytes, Error> {
        let _place = self.places.acquire().await.map_err(|error| Error::connect("closed").with_source(error))?;
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, self.authorization.clone());
        let body = form::encode_pairs([("token", token), ("token_type_hint", "access_token")]);
        let answer = self.fetcher.post(&self.endpoint, FORM, headers, body).await?;
        if answer.status.is_success() {
            return Ok(answer.body);
        }
        Err(Error::connect(format!("{} answers with status {}", self.endpoint.as_str(), answer.status.as_u16())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_bounded() {
        let config = || {
            IntrospectionConfig::new("https://id.example/introspect", "notes", "its secret")
                .issuer("https://id.example")
                .audience("https://notes.example/mcp")
        };
        let check = |config| Introspection::new(config).map(drop).map_err(|error| error.is_usage());
        assert_eq!(check(config()), Ok(()));
        assert_eq!(check(config().max_age(Duration::MAX)), Err(true));
        let mut lenient = config();
        lenient.leeway = Duration::MAX;
        assert_eq!(check(lenient), Err(true));
    }
}
