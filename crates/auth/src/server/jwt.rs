//! Tokens that say themselves what they are good for, signed by their issuer.

use std::time::{Duration, SystemTime};

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use turbomcp_transport::Principal;

use super::algorithm::{Algorithm, VerifyingKey};
use super::config::{MAX_LEEWAY, seconds, usual};
use super::jwks::{Jwks, JwksConfig, Lookup};
use super::jws::{Claims, Confirmation, Jws, find, texts};
use crate::Error;

/// Which signed tokens are good, and what they say of their owner.
///
/// ```
/// use turbomcp_auth::server::{Algorithm, JwtConfig};
///
/// let config = JwtConfig::new("https://id.example", "https://notes.example/mcp")
///     .algorithms([Algorithm::ES256])
///     .roles_claim("/realm_access/roles");
/// # drop(config);
/// ```
///
/// # Specification
///
/// [RFC 7519](https://www.rfc-editor.org/rfc/rfc7519), [RFC 9068](https://www.rfc-editor.org/rfc/rfc9068)
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct JwtConfig {
    /// Who issues them, compared byte for byte with `iss`.
    pub issuer: String,
    /// For whom they are issued: one of these is in `aud`. Usually the URL of the server.
    pub audiences: Vec<String>,
    /// How they may be signed. RS256 and ES256.
    #[serde(default = "usual_algorithms")]
    pub algorithms: Vec<Algorithm>,
    /// With what they are signed. The keys that the issuer publishes.
    #[serde(default)]
    pub keys: JwtKeys,
    /// How keys are fetched that the issuer publishes.
    #[serde(default)]
    pub jwks: JwksConfig,
    /// By how much clocks may differ. 30 seconds.
    #[serde(default = "usual::leeway", rename = "leeway_seconds", with = "seconds")]
    pub leeway: Duration,
    /// What `typ` in their header may be, in whatever case; a token may also have none. `at+jwt` and `JWT`.
    ///
    /// Many providers do not say `at+jwt`, by which RFC 9068 tells access tokens from ID tokens. A token without it is
    /// refused if it looks like an ID token: if it has `at_hash` or `c_hash`, `typ` or `token_use` among its claims says so,
    /// or it has a `nonce` and no `typ` that says `Bearer`.
    #[serde(default = "usual_types")]
    pub types: Vec<String>,
    /// Where roles are found: the name of a claim, or a JSON pointer. `roles`.
    #[serde(default = "usual::roles")]
    pub roles_claim: String,
    /// Where permissions are found. `permissions`.
    #[serde(default = "usual::permissions")]
    pub permissions_claim: String,
    /// Where the tenant is found; a token without it is then refused. Nowhere, unless set.
    #[serde(default)]
    pub tenant_claim: Option<String>,
}

/// The keys that tokens are signed with.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum JwtKeys {
    /// Those that the issuer publishes, where its metadata say.
    #[default]
    Discovered,
    /// Those that are published at a URL, as JWKS.
    Published(String),
    /// These.
    Fixed(Vec<VerifyingKey>),
}

/// What RFC 9068 calls access tokens.
const ACCESS_TOKEN: &str = "at+jwt";

fn usual_algorithms() -> Vec<Algorithm> {
    vec![Algorithm::RS256, Algorithm::ES256]
}

fn usual_types() -> Vec<String> {
    vec![ACCESS_TOKEN.to_owned(), "JWT".to_owned()]
}

impl JwtConfig {
    /// Takes tokens that an issuer signs for an audience, with the keys that it publishes.
    pub fn new(issuer: impl Into<String>, audience: impl Into<String>) -> Self {
        Self {
            issuer: issuer.into(),
            audiences: vec![audience.into()],
            algorithms: usual_algorithms(),
            keys: JwtKeys::default(),
            jwks: JwksConfig::default(),
            leeway: usual::leeway(),
            types: usual_types(),
            roles_claim: usual::roles(),
            permissions_claim: usual::permissions(),
            tenant_claim: None,
        }
    }

    /// Adds an audience for whom tokens may be.
    #[must_use]
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audiences.push(audience.into());
        self
    }

    /// Sets how tokens may be signed.
    #[must_use]
    pub fn algorithms(mut self, algorithms: impl IntoIterator<Item = Algorithm>) -> Self {
        self.algorithms = algorithms.into_iter().collect();
        self
    }

    /// Takes tokens that are signed with one of these keys, and fetches none.
    #[must_use]
    pub fn keys(mut self, keys: impl IntoIterator<Item = VerifyingKey>) -> Self {
        self.keys = JwtKeys::Fixed(keys.into_iter().collect());
        self
    }

    /// Takes tokens that are signed with a key that is published at a URL, as JWKS.
    #[must_use]
    pub fn keys_at(mut self, url: impl Into<String>) -> Self {
        self.keys = JwtKeys::Published(url.into());
        self
    }

    /// Sets how keys are fetched.
    #[must_use]
    pub fn jwks(mut self, jwks: JwksConfig) -> Self {
        self.jwks = jwks;
        self
    }

    /// Sets by how much clocks may differ.
    #[must_use]
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway;
        self
    }

    /// Takes tokens with one of these in `typ`, and those without it.
    #[must_use]
    pub fn types<S: Into<String>>(mut self, types: impl IntoIterator<Item = S>) -> Self {
        self.types = types.into_iter().map(Into::into).collect();
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

    fn mapping(&self) -> Mapping<'_> {
        let tenant = self.tenant_claim.as_deref();
        Mapping { roles: &self.roles_claim, permissions: &self.permissions_claim, tenant }
    }
}

/// Why a token is no good; the text is for whoever shows it.
pub(super) enum Bad {
    Token(&'static str),
    /// Nobody can say.
    Unknown(&'static str),
}

/// What a good token says.
pub(super) struct Good {
    pub(super) principal: Principal,
    pub(super) confirmation: Option<Confirmation>,
}

#[derive(Debug)]
pub(super) struct JwtVerifier {
    config: JwtConfig,
    source: Source,
}

#[derive(Debug)]
enum Source {
    Fixed(Vec<VerifyingKey>),
    Published(Jwks),
}

impl JwtVerifier {
    pub(super) fn new(mut config: JwtConfig) -> Result<Self, Error> {
        let usage = |why: &'static str| Err(Error::usage(why));
        if config.issuer.is_empty() {
            return usage("a JWT provider needs an issuer");
        }
        if config.audiences.is_empty() || config.audiences.iter().any(String::is_empty) {
            return usage("a JWT provider needs an audience: a token for anybody else would be taken");
        }
        if config.algorithms.is_empty() {
            return usage("a JWT provider needs the algorithms that tokens may be signed with");
        }
        if config.leeway > MAX_LEEWAY {
            return usage("a leeway of more than ten minutes keeps expired tokens alive");
        }
        let source = match std::mem::take(&mut config.keys) {
            JwtKeys::Fixed(keys) if keys.is_empty() => return usage("a JWT provider needs keys"),
            JwtKeys::Fixed(keys) => {
                if let Some(useless) = config.algorithms.iter().find(|one| !keys.iter().any(|key| key.fits(**one))) {
                    return Err(Error::usage(format!("no key is for {}", useless.name())));
                }
                Source::Fixed(keys)
            }
            from => {
                if config.algorithms.iter().any(|algorithm| algorithm.is_symmetric()) {
                    return usage("what is published is no secret: HMAC needs keys of its own");
                }
                let url = match from {
                    JwtKeys::Published(url) => Some(url),
                    _ => None,
                };
                Source::Published(Jwks::new(&config.issuer, url.as_deref(), config.jwks.clone())?)
            }
        };
        Ok(Self { config, source })
    }

    pub(super) fn issuer(&self) -> &str {
        &self.config.issuer
    }

    /// Returns true if a token says that it is of this issuer.
    pub(super) fn claims(&self, token: &Jws<'_>) -> bool {
        #[derive(Deserialize)]
        struct Issued {
            iss: String,
        }
        serde_json::from_slice::<Issued>(&token.payload).is_ok_and(|issued| issued.iss == self.config.issuer)
    }

    pub(super) async fn verify(&self, token: &Jws<'_>) -> Result<Good, Bad> {
        let config = &self.config;
        let bad = |why| Err(Bad::Token(why));
        let Some(algorithm) = token.algorithm(&config.algorithms) else {
            return bad("the token is not signed as it must be");
        };
        let typ = token.header.typ.as_deref().map(|typ| typ.strip_prefix("application/").unwrap_or(typ));
        if typ.is_some_and(|typ| !config.types.iter().any(|known| known.eq_ignore_ascii_case(typ))) {
            return bad("the token is of another type");
        }
        let is_signed = match &self.source {
            Source::Fixed(keys) => token.is_signed_by_one_of(keys, algorithm),
            Source::Published(keys) => match keys.find(token.header.kid.as_deref()).await {
                Lookup::Keys(keys) => token.is_signed_by_one_of(&keys, algorithm),
                Lookup::Unknown => false,
                Lookup::Unavailable => return Err(Bad::Unknown("the keys of the issuer cannot be had at the moment")),
            },
        };
        if !is_signed {
            return bad("the signature of the token is not valid");
        }
        let Ok(mut claims) = serde_json::from_slice::<Claims>(&token.payload) else {
            return bad("the claims of the token are malformed");
        };
        let is_access_token = typ.is_some_and(|typ| typ.eq_ignore_ascii_case(ACCESS_TOKEN));
        if !is_access_token && claims.are_of_id_token() {
            return bad("an ID token is for a client, not for a server");
        }
        let expires_at = check_time(&claims, config.leeway)?;
        if claims.iss.as_deref() != Some(&config.issuer) {
            return bad("the token is of another issuer");
        }
        if !claims.aud.iter().any(|aud| config.audiences.contains(aud)) {
            return bad("the token is for another audience");
        }
        let Some(subject) = claims.sub.take().filter(|subject| !subject.is_empty()) else {
            return bad("the token names no subject");
        };
        let all: Value = serde_json::from_slice(&token.payload).map_err(|_| Bad::Token("the token is malformed"))?;
        let principal = Principal::new(subject).with_issuer(config.issuer.as_str()).with_scopes(claims.scopes());
        let principal = config.mapping().describe(principal, &all)?.with_expiry(expires_at);
        let raw = String::from_utf8(token.payload.clone()).ok().and_then(|raw| RawValue::from_string(raw).ok());
        let principal = principal.with_claims(raw.ok_or(Bad::Token("the token is malformed"))?);
        Ok(Good { principal, confirmation: claims.cnf })
    }
}

/// Where claims are found that have no name of their own.
#[derive(Clone, Copy)]
pub(super) struct Mapping<'a> {
    pub(super) roles: &'a str,
    pub(super) permissions: &'a str,
    pub(super) tenant: Option<&'a str>,
}

impl Mapping<'_> {
    /// Adds what these claims say.
    pub(super) fn describe(self, principal: Principal, all: &Value) -> Result<Principal, Bad> {
        let principal = principal.with_roles(texts(all, self.roles)).with_permissions(texts(all, self.permissions));
        let Some(claim) = self.tenant else { return Ok(principal) };
        let tenant = find(all, claim).and_then(Value::as_str).filter(|tenant| !tenant.is_empty());
        Ok(principal.with_tenant(tenant.ok_or(Bad::Token("the token names no tenant"))?))
    }
}

/// Checks when a token holds, and returns until when.
pub(super) fn check_time(claims: &Claims, leeway: Duration) -> Result<SystemTime, Bad> {
    let now = SystemTime::now();
    let Some(expiry) = claims.exp else { return Err(Bad::Token("the token does not say when it expires")) };
    let expires_at = expiry.time() + leeway;
    if expires_at <= now {
        return Err(Bad::Token("the token has expired"));
    }
    let begins = [claims.nbf, claims.iat].into_iter().flatten();
    if begins.into_iter().any(|begins| begins.time() > now + leeway) {
        return Err(Bad::Token("the token is not valid yet"));
    }
    Ok(expires_at)
}
