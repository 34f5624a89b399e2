//! What an [`AuthManager`](super::AuthManager) is made of.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::Value;
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
#[derive(Debug, Clone)]
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

/// By hand, so that settings are read where they are written once it is known what they are of: an error then says where.
impl<'de> Deserialize<'de> for AuthProviderConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        const FIELDS: &[&str] = &["name", "provider_type", "settings", "enabled", "priority"];
        deserializer.deserialize_struct("AuthProviderConfig", FIELDS, ProviderVisitor)
    }
}

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "snake_case")]
enum Field {
    Name,
    ProviderType,
    Settings,
    Enabled,
    Priority,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ProviderType {
    Jwt,
    Introspection,
    ApiKey,
    Certificate,
    UnixUser,
    Environment,
}

impl<'de> DeserializeSeed<'de> for ProviderType {
    type Value = ProviderSettings;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<ProviderSettings, D::Error> {
        match self {
            Self::Jwt => JwtConfig::deserialize(deserializer).map(Into::into),
            Self::Introspection => IntrospectionConfig::deserialize(deserializer).map(Into::into),
            Self::ApiKey => ApiKeyConfig::deserialize(deserializer).map(Into::into),
            Self::Certificate => CertificateConfig::deserialize(deserializer).map(Into::into),
            Self::UnixUser => UnixUserConfig::deserialize(deserializer).map(Into::into),
            Self::Environment => EnvironmentConfig::deserialize(deserializer).map(Into::into),
        }
    }
}

struct ProviderVisitor;

impl<'de> Visitor<'de> for ProviderVisitor {
    type Value = AuthProviderConfig;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("struct AuthProviderConfig")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<AuthProviderConfig, M::Error> {
        fn once<T, E: serde::de::Error>(place: &mut Option<T>, name: &'static str, value: T) -> Result<(), E> {
            match place.replace(value) {
                Some(_) => Err(E::duplicate_field(name)),
                None => Ok(()),
            }
        }
        let (mut name, mut kind, mut settings, mut enabled, mut priority) =
            (None, None::<ProviderType>, None, None, None);
        while let Some(field) = map.next_key()? {
            match field {
                Field::Name => once(&mut name, "name", map.next_value()?)?,
                Field::ProviderType => once(&mut kind, "provider_type", map.next_value()?)?,
                Field::Settings => {
                    let read = match kind {
                        Some(kind) => Ok(map.next_value_seed(kind)?),
                        None => Err(map.next_value::<Value>()?),
                    };
                    once(&mut settings, "settings", read)?;
                }
                Field::Enabled => once(&mut enabled, "enabled", map.next_value()?)?,
                Field::Priority => once(&mut priority, "priority", map.next_value()?)?,
            }
        }
        let missing = M::Error::missing_field;
        let kind = kind.ok_or_else(|| missing("provider_type"))?;
        Ok(AuthProviderConfig {
            name: name.ok_or_else(|| missing("name"))?,
            settings: match settings.ok_or_else(|| missing("settings"))? {
                Ok(settings) => settings,
                Err(later) => kind.deserialize(later).map_err(M::Error::custom)?,
            },
            enabled: enabled.unwrap_or(true),
            priority: priority.unwrap_or_default(),
        })
    }
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
    use serde_json::json;

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
        check(json!({"provider_type": "api_key", "settings": settings}), false);
        check(json!({"name": "keys", "settings": settings}), false);
        check(json!(["keys"]), false);
    }

    #[test]
    fn members_of_a_provider_may_come_in_any_order_and_once() {
        let (kind, settings) = (r#""provider_type": "api_key""#, r#""settings": {"header": "X-Notes-Key"}"#);
        let read =
            |members: &str| serde_json::from_str::<AuthProviderConfig>(&format!(r#"{{"name": "keys", {members}}}"#));
        for members in
            [format!("{kind}, {settings}"), format!("{settings}, {kind}, \"priority\": 7, \"enabled\": false")]
        {
            let ProviderSettings::ApiKey(config) = read(&members).unwrap().settings else { panic!("{members}") };
            assert_eq!(config.header, "X-Notes-Key");
        }
        assert_eq!(read(&format!("{kind}, {settings}")).map(|read| (read.enabled, read.priority)).unwrap(), (true, 0));
        for twice in [kind, settings, r#""name": "other""#] {
            let error = read(&format!("{kind}, {settings}, {twice}")).unwrap_err().to_string();
            assert!(error.contains("duplicate field"), "{error}");
        }
    }
}
