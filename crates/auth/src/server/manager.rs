//! Who is calling: each kind of credential, looked at in order.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::str::from_utf8;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::AUTHORIZATION;
use http::request::Parts;
use serde_json::{Value, json};
use turbomcp_transport::authenticate::{Authenticate, Refusal, Shown, is_scope};
use turbomcp_transport::{ParentProcess, PeerCredentials, Principal, TlsIdentity};

use super::builder::AuthManagerBuilder;
use super::config::{Anonymous, AuthConfig, AuthorizationConfig, CredentialHeaders, LONGEST};
use super::dpop::{DPOP, Dpop, Unproven};
use super::jws::{Claims, Confirmation, Jws};
use super::jwt::{Bad, Good};
use super::local::EnvironmentConfig;
use super::provider::{By, Provider};
use super::refusals::{Code, Offered, check_scopes};
use super::remembered::{Fingerprints, Known, Remembered};
use crate::Error;
use crate::url::Url;

/// How long a token that was revoked is remembered after it has expired, by its own clock.
const CLOCKS: Duration = Duration::from_secs(3600);

/// Lets in only whom a server should. Cheap to clone, and every clone is the same.
///
/// Callers show one credential. The first provider that looks at its kind decides; if it is no good, no other is asked.
/// Whatever is not known is refused, in the words of [RFC 6750](https://www.rfc-editor.org/rfc/rfc6750).
///
/// ```
/// use turbomcp_auth::server::{ApiKey, ApiKeyConfig, Holder, JwtConfig};
/// use turbomcp_auth::AuthManager;
///
/// let (key, entry) = ApiKey::generate("mcp", Holder::new("nightly-job").scopes(["notes.read"]));
/// let auth = AuthManager::builder()
///     .resource("https://notes.example/mcp")
///     .jwt(JwtConfig::new("https://id.example", "https://notes.example/mcp"))
///     .api_keys(ApiKeyConfig::default().key(entry))
///     .required_scopes(["notes.read"])
///     .build()?;
/// # drop((auth, key));
/// # Ok::<(), turbomcp_auth::Error>(())
/// ```
///
/// # Specification
///
/// [Authorization](https://modelcontextprotocol.io/specification/2026-07-28/basic/authorization)
#[derive(Clone)]
pub struct AuthManager {
    shared: Arc<Shared>,
}

struct Shared {
    enabled: bool,
    providers: Vec<Provider>,
    offered: Offered,
    dpop: Option<Dpop>,
    authorization: AuthorizationConfig,
    metadata: Option<String>,
    fingerprints: Fingerprints,
    remembered: Remembered,
}

/// What `Authorization` holds.
#[derive(Clone, Copy)]
struct Token<'a> {
    scheme: Scheme,
    text: &'a str,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Scheme {
    Bearer,
    Dpop,
    ApiKey,
    Other,
}

impl AuthManager {
    /// Starts building a manager.
    pub fn builder() -> AuthManagerBuilder {
        AuthManagerBuilder::default()
    }

    /// Makes a manager of its configuration.
    ///
    /// # Errors
    ///
    /// `is_usage()` if the settings do not fit: an audience is missing, a key cannot be read, nobody could be let in.
    pub fn new(config: AuthConfig) -> Result<Self, Error> {
        let AuthConfig { enabled, resource, resource_metadata, mut providers, dpop, authorization } = config;
        let mut names = HashSet::new();
        if let Some(twice) = providers.iter().find(|provider| !names.insert(provider.name.clone())) {
            return Err(Error::usage(format!("two providers are called {:?}", twice.name)));
        }
        providers.retain(|provider| provider.enabled);
        providers.sort_by_key(|provider| std::cmp::Reverse(provider.priority));
        let providers = providers.into_iter().map(Provider::new).collect::<Result<Vec<_>, _>>()?;
        if enabled && providers.is_empty() {
            return Err(Error::usage("without a provider nobody could be let in"));
        }
        check_issuers(&providers)?;
        if authorization.recheck > LONGEST {
            return Err(Error::usage("a token is looked at again within a year"));
        }
        let implied = authorization.implied_scopes.iter().flat_map(|(scope, others)| others.iter().chain([scope]));
        let scopes = authorization.required_scopes.iter().chain(&authorization.scopes_supported);
        check_scopes(scopes.chain(implied))?;
        let resource = match &resource {
            Some(url) => Some(Url::parse(url, "the URL of the server").map_err(|error| {
                Error::usage("the URL of the server cannot be what its tokens are for").with_source(error)
            })?),
            None => None,
        };
        let metadata_at =
            match (&resource_metadata, &resource) {
                (Some(_), None) => return Err(Error::usage("metadata say for what URL they are, and there is none")),
                (Some(url), _) => Some(Url::parse(url, "the URL of the metadata").map_err(|error| {
                    Error::usage("clients cannot be told where the metadata are").with_source(error)
                })?),
                (None, _) => None,
            };
        let dpop = dpop.map(|config| Dpop::new(config, resource.as_ref())).transpose()?;
        let metadata = resource.as_ref().and_then(|url| metadata(url, &providers, dpop.as_ref(), &authorization));
        let offered = Offered {
            metadata: resource.filter(|_| metadata.is_some()).map(|url| match metadata_at {
                Some(url) => url.as_str().to_owned(),
                None => place(&url),
            }),
            scopes: authorization.required_scopes.clone(),
            bearer: providers.iter().any(|provider| provider.issuer().is_some()),
            dpop: dpop.as_ref().map(|dpop| dpop.algorithms().to_owned()),
            api_key_headers: providers
                .iter()
                .filter_map(|provider| match &provider.by {
                    By::ApiKey(header, _) => Some(header.to_string()),
                    _ => None,
                })
                .collect(),
        };
        let shared = Shared {
            enabled,
            providers,
            offered,
            dpop,
            remembered: Remembered::new(authorization.remembered_tokens),
            authorization,
            metadata,
            fingerprints: Fingerprints::new(),
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Refuses a token from now on, whatever its issuer says of it.
    ///
    /// It holds for this process, and for requests: a connection that the token has opened lasts until the token expires.
    /// Of a signed token it is what was signed that is refused, however its signature is written. A token that does not
    /// say itself when it expires is remembered for as long as the process runs, so memory grows with each of these.
    pub fn revoke(&self, token: &str) {
        let shared = &self.shared;
        let signed = Jws::read(token);
        let revocation = shared.revocation(token, signed.as_ref());
        let claims = signed.and_then(|token| serde_json::from_slice::<Claims>(&token.payload).ok());
        let expires_at = claims.and_then(|claims| claims.exp).map(|expiry| expiry.time() + CLOCKS);
        shared.remembered.revoke(revocation, expires_at);
    }

    /// Looks at every token again that is shown from now on.
    pub fn purge(&self) {
        self.shared.remembered.purge();
    }
}

/// Refuses issuers of whose tokens nobody could say who looks at them.
fn check_issuers(providers: &[Provider]) -> Result<(), Error> {
    let mut issuers = HashSet::new();
    if let Some(twice) = providers.iter().filter_map(Provider::issuer).find(|issuer| !issuers.insert(*issuer)) {
        return Err(Error::usage(format!("two providers look at the tokens of {twice:?}")));
    }
    if providers.iter().filter(|provider| matches!(provider.by, By::Introspection(_))).count() > 1 {
        return Err(Error::usage("a token does not say which of two introspection providers knows it"));
    }
    Ok(())
}

/// Returns the metadata of the server, if there is anybody who gives out tokens for it.
fn metadata(
    resource: &Url,
    providers: &[Provider],
    dpop: Option<&Dpop>,
    authorization: &AuthorizationConfig,
) -> Option<String> {
    let issuers = providers.iter().filter_map(Provider::issuer);
    let issuers: Vec<_> = issuers.filter(|issuer| Url::parse(issuer, "an issuer").is_ok()).collect();
    if issuers.is_empty() {
        return None;
    }
    let scopes = &authorization.scopes_supported;
    let scopes = if scopes.is_empty() { &authorization.required_scopes } else { scopes };
    let mut metadata = json!({
        "resource": resource.as_str(),
        "authorization_servers": issuers,
        "bearer_methods_supported": ["header"],
    });
    if !scopes.is_empty() {
        metadata["scopes_supported"] = json!(scopes);
    }
    if let Some(dpop) = dpop {
        let algorithms: Vec<_> = dpop.algorithms().split(' ').collect();
        metadata["dpop_signing_alg_values_supported"] = json!(algorithms);
        metadata["dpop_bound_access_tokens_required"] = Value::Bool(dpop.is_required());
    }
    Some(metadata.to_string())
}

/// Returns where the metadata of a resource are (RFC 9728, section 3.1).
fn place(resource: &Url) -> String {
    format!("{}/.well-known/oauth-protected-resource{}{}", resource.origin(), resource.path(), resource.query())
}

impl Authenticate for AuthManager {
    async fn authenticate(&self, shown: Shown<'_>) -> Result<Option<Principal>, Refusal> {
        let shared = &self.shared;
        if !shared.enabled {
            return Ok(None);
        }
        let found = match shown.head() {
            Some(head) => shared.of_request(head, shown).await?,
            None => shared.of_connection(shown).await?,
        };
        let Some(principal) = found else {
            return match shared.authorization.anonymous {
                Anonymous::Admitted => Ok(None),
                Anonymous::Refused => Err(shared.offered.missing()),
            };
        };
        let required = &shared.authorization.required_scopes;
        if required.iter().all(|scope| principal.has_scope(scope)) {
            Ok(Some(principal))
        } else {
            Err(shared.offered.insufficient(&[]))
        }
    }

    fn credential_headers(&self) -> Vec<String> {
        if self.shared.authorization.credentials == CredentialHeaders::Visible {
            return Vec::new();
        }
        let own = self.shared.providers.iter().filter_map(Provider::header);
        [AUTHORIZATION.as_str(), DPOP.as_str()]
            .into_iter()
            .chain(own.map(|name| name.as_str()))
            .map(str::to_owned)
            .collect()
    }

    fn metadata(&self) -> Option<String> {
        self.shared.metadata.clone()
    }

    fn insufficient_scope(&self, principal: Option<&Principal>, wanted: &[&str]) -> Refusal {
        let wanted: Vec<_> = wanted.iter().copied().filter(|scope| is_scope(scope)).collect();
        match principal {
            Some(_) => self.shared.offered.insufficient(&wanted),
            None => self.shared.offered.missing_for(&wanted),
        }
    }
}

impl Shared {
    async fn of_request(&self, head: &Parts, shown: Shown<'_>) -> Result<Option<Principal>, Refusal> {
        let (token, known) = self.token(head)?;
        for provider in &self.providers {
            match &provider.by {
                By::Jwt(_) | By::Introspection(_) => {
                    if let Some(token) = token.filter(|token| matches!(token.scheme, Scheme::Bearer | Scheme::Dpop)) {
                        if known.is_none()
                            && let Some(decided) = self.of_misplaced_key(token)
                        {
                            return decided.map(Some);
                        }
                        return self.of_token(token, known, Some(head), shown.get()).await.map(Some);
                    }
                }
                By::ApiKey(header, keys) if *header == AUTHORIZATION => {
                    let key = token.filter(|token| matches!(token.scheme, Scheme::Bearer | Scheme::ApiKey));
                    if let Some(key) = key.filter(|key| key.scheme == Scheme::ApiKey || keys.claims(key.text)) {
                        return self.decided(provider, keys.verify(key.text)).map(Some);
                    }
                }
                By::ApiKey(header, keys) => {
                    let mut values = head.headers.get_all(header).iter();
                    if let Some(key) = values.next() {
                        if values.next().is_some() {
                            return Err(self.offered.malformed("the API key is shown more than once"));
                        }
                        return self.decided(provider, keys.verify(key.to_str().unwrap_or_default())).map(Some);
                    }
                }
                by => {
                    if let Some(known) = known_by(by, shown) {
                        return self.decided(provider, known).map(Some);
                    }
                }
            }
        }
        // Whoever tries to say who they are, in a way that is not understood, is not nobody in particular.
        if token.is_some() { Err(self.offered.missing()) } else { Ok(None) }
    }

    /// Decides on an API key that is shown as a token, which nobody is asked about: whoever asked would give it away.
    fn of_misplaced_key(&self, token: Token<'_>) -> Option<Result<Principal, Refusal>> {
        let mut is_key = false;
        for provider in &self.providers {
            if let By::ApiKey(header, keys) = &provider.by
                && keys.has_shape(token.text)
            {
                if *header == AUTHORIZATION && token.scheme == Scheme::Bearer {
                    return Some(self.decided(provider, keys.verify(token.text)));
                }
                is_key = true;
            }
        }
        is_key.then(|| Err(self.offered.bad(Code::InvalidToken, "an API key is not shown like this")))
    }

    async fn of_connection(&self, shown: Shown<'_>) -> Result<Option<Principal>, Refusal> {
        for provider in &self.providers {
            match &provider.by {
                By::Environment(config) if shown.get::<ParentProcess>().is_some() => {
                    return self.of_environment(config).await.map(Some);
                }
                by => {
                    if let Some(known) = known_by(by, shown) {
                        return self.decided(provider, known).map(Some);
                    }
                }
            }
        }
        Ok(None)
    }

    async fn of_environment(&self, config: &EnvironmentConfig) -> Result<Principal, Refusal> {
        let variable = config.variable();
        let Some(value) = std::env::var(variable).ok().filter(|value| !value.is_empty()) else {
            return Err(Refusal::unauthorized(format!("the variable {variable} does not say who is calling")));
        };
        if let EnvironmentConfig::Subject(_) = config {
            return Ok(Principal::new(value).with_issuer("environment"));
        }
        for provider in &self.providers {
            if let By::ApiKey(_, keys) = &provider.by
                && keys.claims(&value)
            {
                return self.decided(provider, keys.verify(&value));
            }
        }
        let known = self.remembered.get(&value);
        self.of_token(Token { scheme: Scheme::Bearer, text: &value }, known, None, None).await
    }

    /// Finds out what `Authorization` holds, and what is known of it, and refuses what is not shown as it must be.
    fn token<'a>(&self, head: &'a Parts) -> Result<(Option<Token<'a>>, Option<Known>), Refusal> {
        if head.uri.query().is_some_and(names_token) {
            return Err(self.offered.malformed("a token in a URL is not taken: it would be seen in logs"));
        }
        let mut values = head.headers.get_all(AUTHORIZATION).iter();
        let Some(value) = values.next() else { return Ok((None, None)) };
        if values.next().is_some() {
            return Err(self.offered.malformed("`Authorization` is there more than once"));
        }
        let Ok(value) = from_utf8(value.as_bytes()) else {
            return Err(self.offered.malformed("`Authorization` is malformed"));
        };
        let (scheme, text) = value.split_once(' ').unwrap_or((value, ""));
        let is = |name: &str| scheme.eq_ignore_ascii_case(name);
        let scheme = match () {
            () if is("Bearer") => Scheme::Bearer,
            () if is("DPoP") => Scheme::Dpop,
            () if is("ApiKey") => Scheme::ApiKey,
            () => Scheme::Other,
        };
        let known = match scheme {
            Scheme::Bearer | Scheme::Dpop => self.remembered.get(text),
            Scheme::ApiKey | Scheme::Other => None,
        };
        // What is remembered was looked at.
        let is_well_formed = known.is_some() || !text.is_empty() && is_token(text.as_bytes());
        if scheme != Scheme::Other && !is_well_formed {
            return Err(self.offered.malformed("`Authorization` is malformed"));
        }
        Ok((Some(Token { scheme, text }), known))
    }

    async fn of_token(
        &self,
        token: Token<'_>,
        known: Option<Known>,
        head: Option<&Parts>,
        certificate: Option<&TlsIdentity>,
    ) -> Result<Principal, Refusal> {
        let known = match known {
            Some(known) => known,
            // In a box: what this needs while it waits for an issuer is much more than any other request does.
            None => Box::pin(self.examine(token.text)).await?,
        };
        let dpop_required = self.dpop.as_ref().is_some_and(Dpop::is_required);
        if known.confirmation.is_some() || token.scheme == Scheme::Dpop || dpop_required {
            // In a box: most tokens are bound to nothing.
            Box::pin(self.confirm(&known, token, head, certificate)).await?;
        }
        Ok(known.principal)
    }

    /// Returns the name by which a token is revoked.
    ///
    /// It does not depend on the signature: whoever has one of ECDSA can make another that is as good.
    fn revocation(&self, token: &str, signed: Option<&Jws<'_>>) -> u128 {
        self.fingerprints.of(signed.map_or(token, |token| token.signed).as_bytes())
    }

    /// Finds out what a token is good for that is not remembered.
    async fn examine(&self, token: &str) -> Result<Known, Refusal> {
        let bad = |why| Err(self.offered.bad(Code::InvalidToken, why));
        let signed = Jws::read(token);
        let revocation = self.revocation(token, signed.as_ref());
        if self.remembered.is_revoked(revocation) {
            return bad("the token was revoked");
        }
        let name = self.fingerprints.of(token.as_bytes());
        if let Some(why) = self.remembered.refusal(name) {
            return bad(why);
        }
        let mut asked = None;
        for provider in &self.providers {
            match (&provider.by, &signed) {
                (By::Jwt(verifier), Some(signed)) if verifier.claims(signed) => {
                    let recheck = SystemTime::now() + self.authorization.recheck;
                    let good = verifier.verify(signed).await.map(|good| (good, recheck));
                    return self.examined(provider, token, revocation, good);
                }
                (By::Introspection(introspection), _) => asked = Some((provider, introspection)),
                _ => {}
            }
        }
        let issuer = signed.and_then(|token| serde_json::from_slice::<Claims>(&token.payload).ok()?.iss);
        match asked {
            // A token that says it is of somebody else is none of this issuer's business.
            Some((provider, introspection)) if issuer.as_deref().is_none_or(|iss| iss == introspection.issuer()) => {
                let good = introspection.verify(token).await;
                if let Err(Bad::Token(why)) = good {
                    self.remembered.refuse(name, why);
                }
                self.examined(provider, token, revocation, good)
            }
            _ if issuer.is_some() => bad("the token is of another issuer"),
            _ => bad("the token is malformed"),
        }
    }

    fn examined(
        &self,
        provider: &Provider,
        token: &str,
        revocation: u128,
        good: Result<(Good, SystemTime), Bad>,
    ) -> Result<Known, Refusal> {
        let (Good { principal, confirmation }, until) = match good {
            Ok(good) => good,
            Err(Bad::Token(why)) => {
                tracing::debug!(provider = provider.name, why, "a token is refused");
                return Err(self.offered.bad(Code::InvalidToken, why));
            }
            Err(Bad::Unknown(why)) => return Err(Refusal::unavailable(why).with_header("retry-after", "5")),
        };
        let until = principal.expires_at().map_or(until, |expiry| expiry.min(until));
        let principal = with_implied(principal, &self.authorization.implied_scopes);
        let known = Known { revocation, principal, confirmation: confirmation.map(Arc::new), until };
        self.remembered.add(token, known.clone());
        Ok(known)
    }

    /// Checks that whoever shows a token has what it is bound to.
    async fn confirm(
        &self,
        known: &Known,
        token: Token<'_>,
        head: Option<&Parts>,
        certificate: Option<&TlsIdentity>,
    ) -> Result<(), Refusal> {
        let bad = |why| Err(self.offered.bad(Code::InvalidToken, why));
        let (thumbprint, hash) = match known.confirmation.as_deref() {
            Some(Confirmation { jkt: None, certificate: None }) => {
                return bad("the token is bound to something that is not understood");
            }
            Some(Confirmation { jkt, certificate }) => (jkt.as_deref(), certificate.as_deref()),
            None => (None, None),
        };
        if let Some(expected) = hash
            && certificate.map(|shown| URL_SAFE_NO_PAD.encode(shown.sha256())).as_deref() != Some(expected)
        {
            return bad("the token is bound to another certificate");
        }
        match (thumbprint, token.scheme, &self.dpop) {
            (None, Scheme::Dpop, _) => bad("the token is not bound to a key"),
            (None, _, Some(dpop)) if dpop.is_required() => bad("the token is not bound to a key"),
            (None, ..) => Ok(()),
            (Some(_), _, None) => bad("the token is bound to something that is not understood"),
            (Some(thumbprint), Scheme::Dpop, Some(dpop)) => {
                let Some(head) = head else { return bad("the token is bound to a key") };
                dpop.check(head, token.text, thumbprint).await.map_err(|unproven| self.unproven(unproven))
            }
            (Some(_), _, Some(_)) => bad("the token is bound to a key, so it is shown by the scheme `DPoP`"),
        }
    }

    fn unproven(&self, unproven: Unproven) -> Refusal {
        match unproven {
            Unproven::Proof(why) => self.offered.bad(Code::InvalidProof, why),
            Unproven::Nonce(nonce) => {
                self.offered.bad(Code::UseNonce, "the DPoP proof needs a nonce").with_header("dpop-nonce", nonce)
            }
            Unproven::Full => {
                Refusal::unavailable("too many requests are signed at the moment").with_header("retry-after", "60")
            }
            Unproven::Unknown => {
                Refusal::unavailable("signatures cannot be checked at the moment").with_header("retry-after", "5")
            }
        }
    }

    fn decided(&self, provider: &Provider, found: Result<Principal, &'static str>) -> Result<Principal, Refusal> {
        match found {
            Ok(principal) => Ok(with_implied(principal, &self.authorization.implied_scopes)),
            Err(why) => {
                tracing::debug!(provider = provider.name, why, "a credential is refused");
                Err(self.offered.bad(Code::InvalidToken, why))
            }
        }
    }
}

/// Finds who is known by the connection itself; none if it says nothing of what this provider looks at.
fn known_by(by: &By, shown: Shown<'_>) -> Option<Result<Principal, &'static str>> {
    match by {
        By::Certificate(certificates) => {
            let shown = shown.get::<TlsIdentity>()?;
            Some(certificates.verify(shown).ok_or("the certificate is not known"))
        }
        By::UnixUser(users) => {
            let shown = shown.get::<PeerCredentials>()?;
            Some(users.verify(shown).ok_or("the user is not known"))
        }
        _ => None,
    }
}

/// Adds the scopes that others stand for.
fn with_implied(principal: Principal, implied: &BTreeMap<String, Vec<String>>) -> Principal {
    if implied.is_empty() {
        return principal;
    }
    let mut scopes = principal.scopes().to_vec();
    let mut at = 0;
    while at < scopes.len() {
        let others = implied.get(&scopes[at]).into_iter().flatten();
        let new: Vec<_> = others.filter(|other| !scopes.contains(other)).cloned().collect();
        scopes.extend(new);
        at += 1;
    }
    principal.with_scopes(scopes)
}

/// Returns true if a query holds a token (RFC 6750, section 2.3).
fn names_token(query: &str) -> bool {
    query.split('&').any(|pair| pair.split('=').next().is_some_and(|name| name == "access_token"))
}

/// Returns true if all bytes are those of a token (RFC 6750, section 2.1).
fn is_token(text: &[u8]) -> bool {
    // Without a way out, and without a branch for a byte, so that many bytes are looked at at once.
    text.iter().fold(true, |is_token, byte| {
        let is_letter = byte.is_ascii_alphabetic();
        // From `-` to `9` there are `-`, `.`, `/` and the digits.
        let is_other = byte.wrapping_sub(b'-') <= b'9' - b'-';
        is_token & (is_letter | is_other | (*byte == b'_') | (*byte == b'~') | (*byte == b'+') | (*byte == b'='))
    })
}

impl fmt::Debug for AuthManager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.shared.providers.iter().map(|provider| &provider.name).collect();
        f.debug_struct("AuthManager").field("providers", &names).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::{ApiKey, ApiKeyConfig, Holder, IntrospectionConfig};

    async fn status(auth: &AuthManager, authorization: &str) -> u16 {
        let request = http::Request::builder().header(AUTHORIZATION, authorization).body(()).unwrap();
        let (head, ()) = request.into_parts();
        auth.authenticate(Shown::request(&head)).await.map_or_else(|refusal| refusal.status(), |_| 200)
    }

    #[tokio::test]
    async fn an_api_key_is_not_sent_to_whoever_knows_tokens() {
        // Nobody listens there: what is asked about is answered with 503.
        let introspection = IntrospectionConfig::new("http://127.0.0.1:9/introspect", "notes", "its secret")
            .issuer("https://id.example")
            .audience("https://notes.example/mcp");
        for (header, expected) in [("X-API-Key", 401), ("Authorization", 200)] {
            let (key, entry) = ApiKey::generate("mcp", Holder::new("ada"));
            let auth = AuthManager::builder()
                .resource("https://notes.example/mcp")
                .introspection(introspection.clone())
                .api_keys(ApiKeyConfig::default().header(header).key(entry))
                .build()
                .unwrap();
            let key = key.expose();
            assert_eq!(status(&auth, &format!("Bearer {key}")).await, expected, "{header}");
            assert_eq!(status(&auth, &format!("Bearer {key}0")).await, 401, "{header}");
            assert_eq!(status(&auth, &format!("DPoP {key}")).await, 401, "{header}");
            assert_eq!(status(&auth, "Bearer mcp_token").await, 503, "{header}");
        }
    }

    #[test]
    fn what_is_believed_for_ever_is_refused() {
        let mut config = AuthConfig::default();
        config.providers.push(crate::server::AuthProviderConfig::new("keys", ApiKeyConfig::default()));
        assert!(AuthManager::new(config.clone()).is_ok());
        config.authorization.recheck = Duration::MAX;
        assert!(AuthManager::new(config).unwrap_err().is_usage());
    }

    #[test]
    fn a_signed_token_is_revoked_whatever_its_signature() {
        let auth = AuthManager::builder().api_keys(ApiKeyConfig::default()).build().unwrap();
        let signed = |claims: &str, signature: &str| {
            let [header, claims] = [r#"{"alg":"ES256"}"#, claims].map(|part| URL_SAFE_NO_PAD.encode(part));
            format!("{header}.{claims}.{}", URL_SAFE_NO_PAD.encode(signature))
        };
        let is_revoked = |token: &str| {
            let revocation = auth.shared.revocation(token, Jws::read(token).as_ref());
            auth.shared.remembered.is_revoked(revocation)
        };
        auth.revoke(&signed("{}", "a"));
        assert!(is_revoked(&signed("{}", "a")) && is_revoked(&signed("{}", "b")));
        assert!(!is_revoked(&signed(r#"{"a":1}"#, "a")));
        auth.revoke("opaque");
        assert!(is_revoked("opaque") && !is_revoked("other"));
    }
}
