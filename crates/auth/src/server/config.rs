//! What an [`AuthManager`](super::AuthManager) is made of.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use turbomcp_transport::Principal;

use super::api_key::ApiKeyConfig;
use super::dpop::DpopConfig;
use super::introspection::IntrospectionConfig;
use super::jwt::JwtConfig;
use super::local::{CertificateConfig, EnvironmentConfig, UnixUserConfig};

/// How a server finds out who is calling, and what it tells those whom it does not let in.
///
/// It can be read from a file:
///
/// ```
/// use turbomcp_auth::{AuthConfig, AuthManager};
///
/// let config: AuthConfig = serde_json::from_str(
///     r#"{
///         "resource": "https://notes.example/mcp",
///         "providers": [{
///             "name": "id",
///             "provider_type": "jwt",
///             "settings": {"issuer": "https://id.example", "audiences": ["https://notes.example/mcp"]}
///         }],
///         "authorization": {"required_scopes": ["notes.read"]}
///     }"#,
/// )?;
/// let auth = AuthManager::new(config)?;
/// # drop(auth);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct AuthConfig {
    /// Whether anybody is asked who they are; if not, everybody is let in as nobody in particular. True.
    pub enabled: bool,
    /// The URL of the server as clients write it. With it the server says where its tokens are to be had; DPoP needs it.
    pub resource: Option<String>,
    /// Where clients reach the metadata of the server, if that is not the well-known place of `resource`: behind a proxy
    /// that passes on only what lies beneath a path, for example. It is what challenges name.
    pub resource_metadata: Option<String>,
    /// How callers are known. The first whose kind of credential is shown decides.
    pub providers: Vec<AuthProviderConfig>,
    /// Tokens that are of use only to who holds a key. Not understood unless set.
    pub dpop: Option<DpopConfig>,
    /// What callers need, whoever they are.
    pub authorization: AuthorizationConfig,
}

impl Default for AuthConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            resource: None,
            resource_metadata: None,
            providers: Vec::new(),
            dpop: None,
            authorization: AuthorizationConfig::default(),
        }
    }
}

/// One way by which callers are known.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "WrittenProvider")]
#[non_exhaustive]
pub struct AuthProviderConfig {
    /// What it is called in logs; no two have the same name.
    pub name: String,
    /// What it looks at.
    pub settings: ProviderSettings,
    /// Whether it is used. True.
    pub enabled: bool,
    /// The higher, the earlier it is asked; those of the same priority in their order. 0.
    pub priority: i32,
}

/// A provider as it is written in a file. Its settings are read after it: a struct with a flattened member takes any other.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenProvider {
    name: String,
    provider_type: String,
    settings: Value,
    #[serde(default = "yes")]
    enabled: bool,
    #[serde(default)]
    priority: i32,
}

impl TryFrom<WrittenProvider> for AuthProviderConfig {
    type Error = serde_json::Error;

    fn try_from(written: WrittenProvider) -> Result<Self, Self::Error> {
        let WrittenProvider { name, provider_type, settings, enabled, priority } = written;
        let settings = json!({"provider_type": provider_type, "settings": settings});
        Ok(Self { name, settings: serde_json::from_value(settings)?, enabled, priority })
    }
}

fn yes() -> bool {
    true
}

impl AuthProviderConfig {
    /// Names a way by which callers are known.
    pub fn new(name: impl Into<String>, settings: impl Into<ProviderSettings>) -> Self {
        Self { name: name.into(), settings: settings.into(), enabled: true, priority: 0 }
    }

    /// Has it asked before those of a lower priority.
    #[must_use]
    pub fn priority(mut self, priority: i32) -> Self {
        self.priority = priority;
        self
    }
}

/// What a provider looks at.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "provider_type", content = "settings", rename_all = "snake_case")]
#[non_exhaustive]
pub enum ProviderSettings {
    /// Signed tokens.
    Jwt(JwtConfig),
    /// Tokens that their issuer is asked about.
    Introspection(IntrospectionConfig),
    /// API keys.
    ApiKey(ApiKeyConfig),
    /// Certificates of clients.
    Certificate(CertificateConfig),
    /// The users of this machine, for Unix sockets.
    UnixUser(UnixUserConfig),
    /// The environment, for standard input and output.
    Environment(EnvironmentConfig),
}

macro_rules! settings {
    ($($kind:ident($config:ident),)*) => {$(
        impl From<$config> for ProviderSettings {
            fn from(config: $config) -> Self {
                Self::$kind(config)
            }
        }
    )*};
}

settings! {
    Jwt(JwtConfig),
    Introspection(IntrospectionConfig),
    ApiKey(ApiKeyConfig),
    Certificate(CertificateConfig),
    UnixUser(UnixUserConfig),
    Environment(EnvironmentConfig),
}

/// What callers need, whoever they are.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct AuthorizationConfig {
    /// The scopes that every request needs, whatever it asks for. None.
    pub required_scopes: Vec<String>,
    /// The scopes that clients may ask for, as the server tells them. The required ones.
    pub scopes_supported: Vec<String>,
    /// What other scopes a scope stands for: a token with `notes` is then one with `notes.read`, too.
    pub implied_scopes: BTreeMap<String, Vec<String>>,
    /// What becomes of those who show nothing.
    pub anonymous: Anonymous,
    /// Whether handlers see the headers with credentials.
    pub credentials: CredentialHeaders,
    /// How long a token that was found good is not looked at again, at most. 5 minutes.
    #[serde(rename = "recheck_seconds", with = "seconds")]
    pub recheck: Duration,
    /// How many tokens that were found good are remembered. 10,000.
    pub remembered_tokens: usize,
}

impl Default for AuthorizationConfig {
    fn default() -> Self {
        Self {
            required_scopes: Vec::new(),
            scopes_supported: Vec::new(),
            implied_scopes: BTreeMap::new(),
            anonymous: Anonymous::default(),
            credentials: CredentialHeaders::default(),
            recheck: Duration::from_secs(300),
            remembered_tokens: 10_000,
        }
    }
}

/// What becomes of those who show nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Anonymous {
    /// They are refused.
    #[default]
    Refused,
    /// They are let in, as nobody in particular.
    Admitted,
}

/// Whether handlers see the headers with credentials.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum CredentialHeaders {
    /// They do not: what is not there cannot be passed on or logged.
    #[default]
    Hidden,
    /// They do.
    Visible,
}

/// Whom a key or a certificate stands for.
///
/// ```
/// use turbomcp_auth::server::Holder;
///
/// let ada = Holder::new("ada").tenant("acme").scopes(["notes.read"]).roles(["editor"]);
/// # drop(ada);
/// ```
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Holder {
    /// Its name.
    pub subject: String,
    /// The tenant it belongs to.
    #[serde(default)]
    pub tenant: Option<String>,
    /// Its scopes.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// Its roles.
    #[serde(default)]
    pub roles: Vec<String>,
    /// Its permissions.
    #[serde(default)]
    pub permissions: Vec<String>,
}

impl Holder {
    /// Names somebody who may do nothing in particular.
    pub fn new(subject: impl Into<String>) -> Self {
        let subject = subject.into();
        Self { subject, tenant: None, scopes: Vec::new(), roles: Vec::new(), permissions: Vec::new() }
    }

    /// Says which tenant they belong to.
    #[must_use]
    pub fn tenant(mut self, tenant: impl Into<String>) -> Self {
        self.tenant = Some(tenant.into());
        self
    }

    /// Sets their scopes.
    #[must_use]
    pub fn scopes<S: Into<String>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.scopes = scopes.into_iter().map(Into::into).collect();
        self
    }

    /// Sets their roles.
    #[must_use]
    pub fn roles<S: Into<String>>(mut self, roles: impl IntoIterator<Item = S>) -> Self {
        self.roles = roles.into_iter().map(Into::into).collect();
        self
    }

    /// Sets their permissions.
    #[must_use]
    pub fn permissions<S: Into<String>>(mut self, permissions: impl IntoIterator<Item = S>) -> Self {
        self.permissions = permissions.into_iter().map(Into::into).collect();
        self
    }
}

impl From<Holder> for Principal {
    fn from(holder: Holder) -> Self {
        let principal = Self::new(holder.subject)
            .with_scopes(holder.scopes)
            .with_roles(holder.roles)
            .with_permissions(holder.permissions);
        match holder.tenant {
            Some(tenant) => principal.with_tenant(tenant),
            None => principal,
        }
    }
}

/// What tokens are looked at by unless a configuration says otherwise, however they are looked at.
pub(super) mod usual {
    use std::time::Duration;

    pub(in crate::server) fn leeway() -> Duration {
        Duration::from_secs(30)
    }

    pub(in crate::server) fn roles() -> String {
        "roles".to_owned()
    }

    pub(in crate::server) fn permissions() -> String {
        "permissions".to_owned()
    }
}

/// The most by which clocks may differ: more would keep expired tokens alive.
pub(super) const MAX_LEEWAY: Duration = Duration::from_secs(600);

/// The longest that something is believed.
pub(super) const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

/// Durations, in files: whole seconds.
pub(super) mod seconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer};

    pub(in crate::server) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_secs)
    }

    pub(in crate::server) mod optional {
        use super::{Deserialize, Deserializer, Duration};

        pub(in crate::server) fn deserialize<'de, D: Deserializer<'de>>(
            deserializer: D,
        ) -> Result<Option<Duration>, D::Error> {
            Option::<u64>::deserialize(deserializer).map(|seconds| seconds.map(Duration::from_secs))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(written: Value, expected: bool) {
        let read = serde_json::from_value::<AuthProviderConfig>(written.clone());
        assert_eq!(read.is_ok(), expected, "{written}: {read:?}");
    }

    #[test]
    fn a_provider_has_no_unknown_fields() {
        let settings = json!({"header": "X-Notes-Key"});
        check(json!({"name": "keys", "provider_type": "api_key", "settings": settings, "priority": 1}), true);
        check(json!({"name": "keys", "provider_type": "api_key", "settings": settings, "enable": false}), false);
        check(json!({"name": "keys", "provider_type": "api_key", "settings": {"headers": "X-Notes-Key"}}), false);
        check(json!({"name": "keys", "provider_type": "key", "settings": settings}), false);
        check(json!({"name": "keys", "provider_type": "api_key"}), false);
    }
}
