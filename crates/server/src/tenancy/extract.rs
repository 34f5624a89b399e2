//! How the tenant of a request is found.

use std::fmt;

use serde_json::{Map, Value};
use turbomcp_transport::{Extensions, Principal};

use super::{InvalidTenant, TenantId, head};
use crate::Error;

/// A tenant, and on whose word.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "somebody vouches for it, or nobody does")]
pub enum Told {
    /// Whoever authenticated the caller says so, or a gateway in front. It decides.
    Vouched(TenantId),
    /// Only the request itself says so, as anybody's could. It decides nothing, but must not contradict what does.
    Claimed(TenantId),
}

impl Told {
    /// Returns the tenant.
    #[must_use]
    pub fn tenant(&self) -> &TenantId {
        match self {
            Self::Vouched(tenant) | Self::Claimed(tenant) => tenant,
        }
    }
}

/// Finds the tenant of a request in what is known beside its message: the principal, and over HTTP the head of the
/// request, or of the one that opened the WebSocket. Other bindings have no headers; what looks for one finds nothing
/// there.
///
/// ```
/// use turbomcp_server::tenancy::{InvalidTenant, TenantExtractor, TenantId, Told};
/// use turbomcp_transport::{Extensions, TlsIdentity};
///
/// /// Each tenant has a certificate.
/// struct ByCertificate;
///
/// impl TenantExtractor for ByCertificate {
///     fn extract(&self, known: &Extensions) -> Result<Option<Told>, InvalidTenant> {
///         let shown = known.get::<TlsIdentity>();
///         shown.map(|shown| TenantId::new(shown.fingerprint()).map(Told::Vouched)).transpose()
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not find the tenant of a request",
    note = "hand over one of `turbomcp::tenancy`, or a type that implements `TenantExtractor`"
)]
pub trait TenantExtractor: Send + Sync + 'static {
    /// Returns the tenant; none if nothing is said of one.
    ///
    /// # Errors
    ///
    /// If what is said cannot be right. The request is refused then, whatever others say.
    fn extract(&self, known: &Extensions) -> Result<Option<Told>, InvalidTenant>;

    /// Returns true if what it finds can decide. If no extractor can, the server is not built.
    fn vouches(&self) -> bool {
        true
    }

    /// Checks how it is set up, when the server is built.
    ///
    /// # Errors
    ///
    /// If it cannot work, as with the name of a header that is none.
    fn check(&self) -> Result<(), Error> {
        Ok(())
    }
}

impl TenantExtractor for Box<dyn TenantExtractor> {
    fn extract(&self, known: &Extensions) -> Result<Option<Told>, InvalidTenant> {
        (**self).extract(known)
    }

    fn vouches(&self) -> bool {
        (**self).vouches()
    }

    fn check(&self) -> Result<(), Error> {
        (**self).check()
    }
}

/// On whose word something stands that any client can send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Word {
    Client,
    Gateway,
}

impl Word {
    fn told(self, tenant: TenantId) -> Told {
        match self {
            Self::Client => Told::Claimed(tenant),
            Self::Gateway => Told::Vouched(tenant),
        }
    }
}

/// The tenant of the [`Principal`]. It counts in any case, so this is for saying that it shall be the one that decides.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct PrincipalTenantExtractor;

impl PrincipalTenantExtractor {
    /// Creates it.
    #[must_use]
    pub fn new() -> Self {
        Self
    }
}

impl TenantExtractor for PrincipalTenantExtractor {
    fn extract(&self, known: &Extensions) -> Result<Option<Told>, InvalidTenant> {
        let tenant = known.get::<Principal>().and_then(Principal::tenant);
        tenant.map(|tenant| TenantId::new(tenant).map(Told::Vouched)).transpose()
    }
}

/// The tenant that a header names.
///
/// Any client can send any header. So it decides nothing by itself, and a server with nothing else is not built: either
/// it is said that a [gateway](Self::behind_trusted_gateway) sets it, or another extractor decides and the header must
/// say the same.
///
/// ```
/// use turbomcp_server::ServerBuilder;
/// use turbomcp_server::tenancy::{HeaderTenantExtractor, MemoryTenantConfigs, Tenancy};
///
/// let with = |header| ServerBuilder::new().with_tenancy(Tenancy::new(MemoryTenantConfigs::new()).extractor(header));
/// assert!(with(HeaderTenantExtractor::new("X-Tenant-ID")).is_err());
/// assert!(with(HeaderTenantExtractor::new("X-Tenant-ID").behind_trusted_gateway()).is_ok());
/// ```
#[derive(Debug, Clone)]
pub struct HeaderTenantExtractor {
    name: String,
    word: Word,
}

impl HeaderTenantExtractor {
    /// Takes the name of the header, in any case.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), word: Word::Client }
    }

    /// Says that all requests come by way of a gateway that sets this header itself, for callers it knows, and removes
    /// any that a client has sent. Whoever reaches the server past the gateway is then whatever tenant it likes.
    #[must_use]
    pub fn behind_trusted_gateway(mut self) -> Self {
        self.word = Word::Gateway;
        self
    }
}

impl TenantExtractor for HeaderTenantExtractor {
    fn extract(&self, known: &Extensions) -> Result<Option<Told>, InvalidTenant> {
        let value = head::value(known, &self.name)?;
        value.map(|value| TenantId::new(value).map(|tenant| self.word.told(tenant))).transpose()
    }

    fn vouches(&self) -> bool {
        self.word == Word::Gateway
    }

    fn check(&self) -> Result<(), Error> {
        let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if self.name.is_empty() || !self.name.bytes().all(is_token) {
            return Err(Error::configuration(format!("HeaderTenantExtractor: `{}` is no name of a header", self.name)));
        }
        Ok(())
    }
}

/// The tenant that stands in the name of whom a verified API key is of.
///
/// The key itself is gone by the time a request is looked at, and says nothing that could be believed before it is
/// verified. What it says afterwards is the subject of the [`Principal`] it stands for, which whoever keeps the keys
/// has written: of `sk_acme_ci` the part with index 1 is `acme`. Only principals count that an issuer of API keys
/// vouches for: `api-key`, as `AuthManager` calls it, unless [set](Self::with_issuer).
///
/// Where the holder of a key has a tenant of its own, that is the tenant of the principal, and no extractor is needed.
///
/// ```
/// use turbomcp_server::tenancy::{ApiKeyTenantExtractor, TenantExtractor};
/// use turbomcp_transport::{Extensions, Principal};
///
/// let by_key = ApiKeyTenantExtractor::new('_', 1).with_prefix("sk_");
/// let mut known = Extensions::new();
/// known.insert(Principal::new("sk_acme_ci").with_issuer("api-key"));
/// assert_eq!(by_key.extract(&known)?.unwrap().tenant().as_str(), "acme");
/// known.insert(Principal::new("sk_acme_ci").with_issuer("https://id.example"));
/// assert_eq!(by_key.extract(&known)?, None);
/// # Ok::<(), turbomcp_server::tenancy::InvalidTenant>(())
/// ```
#[derive(Debug, Clone)]
pub struct ApiKeyTenantExtractor {
    separator: char,
    index: usize,
    prefix: String,
    issuer: String,
}

impl ApiKeyTenantExtractor {
    /// Takes what the parts of a name stand between, and which of them is the tenant; the first has index 0.
    #[must_use]
    pub fn new(separator: char, index: usize) -> Self {
        Self { separator, index, prefix: String::new(), issuer: "api-key".to_owned() }
    }

    /// Says what names begin with that have a tenant in them; it is counted among the parts. Others say nothing of one.
    #[must_use]
    pub fn with_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Says who vouches for the holders of keys, as the principals have it.
    #[must_use]
    pub fn with_issuer(mut self, issuer: impl Into<String>) -> Self {
        self.issuer = issuer.into();
        self
    }
}

impl TenantExtractor for ApiKeyTenantExtractor {
    fn extract(&self, known: &Extensions) -> Result<Option<Told>, InvalidTenant> {
        let Some(principal) = known.get::<Principal>() else { return Ok(None) };
        if principal.issuer() != Some(&*self.issuer) || !principal.subject().starts_with(&*self.prefix) {
            return Ok(None);
        }
        let part = principal.subject().split(self.separator).nth(self.index);
        let part = part.ok_or_else(|| InvalidTenant::new("the name of the key's holder has too few parts"))?;
        TenantId::new(part).map(|tenant| Some(Told::Vouched(tenant)))
    }
}

/// The tenant that a claim names: of a token that was verified, which is what the [`Principal`] has its claims from.
///
/// A claim within others is written with dots, `org.id`, unless there is one that is called so.
///
/// ```
/// use serde_json::{json, value::to_raw_value};
/// use turbomcp_server::tenancy::{JwtTenantExtractor, TenantExtractor};
/// use turbomcp_transport::{Extensions, Principal};
///
/// let mut known = Extensions::new();
/// known.insert(Principal::new("ada").with_claims(to_raw_value(&json!({"org": {"id": "acme"}}))?));
/// assert_eq!(JwtTenantExtractor::new("org.id").extract(&known)?.unwrap().tenant().as_str(), "acme");
/// assert_eq!(JwtTenantExtractor::new("tenant_id").extract(&known)?, None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct JwtTenantExtractor {
    claim: String,
}

impl JwtTenantExtractor {
    /// Takes the name of the claim.
    pub fn new(claim: impl Into<String>) -> Self {
        Self { claim: claim.into() }
    }
}

impl TenantExtractor for JwtTenantExtractor {
    fn extract(&self, known: &Extensions) -> Result<Option<Told>, InvalidTenant> {
        let Some(principal) = known.get::<Principal>() else { return Ok(None) };
        let claims: Map<String, Value> =
            principal.claims().map_err(|_| InvalidTenant::new("the claims are no object"))?;
        let Some(value) = find(&claims, &self.claim) else { return Ok(None) };
        let text = value.as_str().ok_or_else(|| InvalidTenant::new("the claim is no text"))?;
        TenantId::new(text).map(|tenant| Some(Told::Vouched(tenant)))
    }

    fn check(&self) -> Result<(), Error> {
        let fail = || Err(Error::configuration("JwtTenantExtractor: the claim has no name"));
        if self.claim.is_empty() { fail() } else { Ok(()) }
    }
}

/// Returns a claim, or one within others.
fn find<'a>(claims: &'a Map<String, Value>, path: &str) -> Option<&'a Value> {
    claims.get(path).or_else(|| {
        let (first, rest) = path.split_once('.')?;
        find(claims.get(first)?.as_object()?, rest)
    })
}

/// The tenant that the host is named by: of `acme.api.example.com` it is `acme`, in lower case.
///
/// The host is what the client says it is, however names resolve: so it decides nothing by itself, as with
/// [`HeaderTenantExtractor`]. The host of the domain itself, and one elsewhere, says nothing of a tenant.
#[derive(Debug, Clone)]
pub struct SubdomainTenantExtractor {
    domain: String,
    word: Word,
}

impl SubdomainTenantExtractor {
    /// Takes the domain that those of tenants are beneath.
    pub fn new(domain: impl Into<String>) -> Self {
        Self { domain: domain.into().to_ascii_lowercase(), word: Word::Client }
    }

    /// Says that all requests come by way of a gateway that lets callers use only the host of their own tenant.
    #[must_use]
    pub fn behind_trusted_gateway(mut self) -> Self {
        self.word = Word::Gateway;
        self
    }
}

impl TenantExtractor for SubdomainTenantExtractor {
    fn extract(&self, known: &Extensions) -> Result<Option<Told>, InvalidTenant> {
        let Some(host) = head::host(known)? else { return Ok(None) };
        let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
        let Some(label) = host.strip_suffix(&*self.domain).and_then(|rest| rest.strip_suffix('.')) else {
            return Ok(None);
        };
        if label.contains('.') {
            return Err(InvalidTenant::new("the host is more than one level beneath the domain"));
        }
        TenantId::new(label).map(|tenant| Some(self.word.told(tenant)))
    }

    fn vouches(&self) -> bool {
        self.word == Word::Gateway
    }

    fn check(&self) -> Result<(), Error> {
        let is_label =
            |label: &str| !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if !self.domain.split('.').all(is_label) {
            let domain = &self.domain;
            return Err(Error::configuration(format!("SubdomainTenantExtractor: `{domain}` is no domain")));
        }
        Ok(())
    }
}

/// Several extractors, of which the first that finds a tenant says which it is, and none may say another.
///
/// All of them are asked, so a header that contradicts a claim is refused, whichever comes first.
///
/// ```
/// use turbomcp_server::tenancy::{
///     CompositeTenantExtractor, JwtTenantExtractor, SubdomainTenantExtractor, TenantExtractor,
/// };
///
/// let either = CompositeTenantExtractor::new(vec![
///     Box::new(SubdomainTenantExtractor::new("api.example.com")),
///     Box::new(JwtTenantExtractor::new("tenant_id")),
/// ]);
/// assert!(either.vouches(), "the claim can decide");
/// ```
pub struct CompositeTenantExtractor {
    extractors: Vec<Box<dyn TenantExtractor>>,
}

impl CompositeTenantExtractor {
    /// Takes the extractors, in their order.
    #[must_use]
    pub fn new(extractors: Vec<Box<dyn TenantExtractor>>) -> Self {
        Self { extractors }
    }
}

impl TenantExtractor for CompositeTenantExtractor {
    fn extract(&self, known: &Extensions) -> Result<Option<Told>, InvalidTenant> {
        let mut found: Option<Told> = None;
        for extractor in &self.extractors {
            let Some(told) = extractor.extract(known)? else { continue };
            found = match found {
                Some(first) if first.tenant() != told.tenant() => return Err(InvalidTenant::conflict()),
                Some(Told::Vouched(tenant)) => Some(Told::Vouched(tenant)),
                _ => Some(told),
            };
        }
        Ok(found)
    }

    fn vouches(&self) -> bool {
        self.extractors.iter().any(|extractor| extractor.vouches())
    }

    fn check(&self) -> Result<(), Error> {
        if self.extractors.is_empty() {
            return Err(Error::configuration("CompositeTenantExtractor: there is no extractor in it"));
        }
        self.extractors.iter().try_for_each(|extractor| extractor.check())
    }
}

impl fmt::Debug for CompositeTenantExtractor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CompositeTenantExtractor").field("len", &self.extractors.len()).finish()
    }
}

#[cfg(all(test, feature = "http"))]
mod tests;
