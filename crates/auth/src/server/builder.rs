//! The builder of an [`AuthManager`].

use super::api_key::ApiKeyConfig;
use super::config::{Anonymous, AuthConfig, AuthProviderConfig, AuthorizationConfig, ProviderSettings};
use super::dpop::DpopConfig;
use super::introspection::IntrospectionConfig;
use super::jwt::JwtConfig;
use super::local::{CertificateConfig, EnvironmentConfig, UnixUserConfig};
use super::manager::AuthManager;
use crate::Error;

/// Builds an [`AuthManager`].
#[derive(Debug, Default)]
#[must_use]
pub struct AuthManagerBuilder {
    config: AuthConfig,
}

impl AuthManagerBuilder {
    /// Sets the URL of the server as clients write it. With it the server says where its tokens are to be had; DPoP needs
    /// it.
    pub fn resource(mut self, url: impl Into<String>) -> Self {
        self.config.resource = Some(url.into());
        self
    }

    /// Sets where clients reach the metadata of the server, if that is not the well-known place of
    /// [`resource`](Self::resource): behind a proxy that passes on only what lies beneath a path, for example.
    pub fn resource_metadata(mut self, url: impl Into<String>) -> Self {
        self.config.resource_metadata = Some(url.into());
        self
    }

    /// Adds a way by which callers are known. The first whose kind of credential is shown decides.
    pub fn add_provider(mut self, provider: AuthProviderConfig) -> Self {
        self.config.providers.push(provider);
        self
    }

    /// Takes tokens that are signed.
    pub fn jwt(self, config: JwtConfig) -> Self {
        self.add("jwt", config)
    }

    /// Takes tokens that their issuer is asked about.
    pub fn introspection(self, config: IntrospectionConfig) -> Self {
        self.add("introspection", config)
    }

    /// Takes API keys.
    pub fn api_keys(self, config: ApiKeyConfig) -> Self {
        self.add("api-key", config)
    }

    /// Takes certificates that clients show over TLS.
    pub fn certificates(self, config: CertificateConfig) -> Self {
        self.add("certificate", config)
    }

    /// Takes what the operating system says of who connects over a Unix socket.
    pub fn unix_users(self, config: UnixUserConfig) -> Self {
        self.add("unix", config)
    }

    /// Takes what the environment says, on standard input and output.
    pub fn environment(self, config: EnvironmentConfig) -> Self {
        self.add("environment", config)
    }

    fn add(self, kind: &str, settings: impl Into<ProviderSettings>) -> Self {
        let is_taken = |name: &String| self.config.providers.iter().any(|provider| provider.name == *name);
        let numbered = (2..).map(|number| format!("{kind}-{number}"));
        let name = std::iter::once(kind.to_owned()).chain(numbered).find(|name| !is_taken(name));
        self.add_provider(AuthProviderConfig::new(name.unwrap_or_default(), settings))
    }

    /// Understands tokens that are of use only to who holds a key.
    pub fn dpop(mut self, config: DpopConfig) -> Self {
        self.config.dpop = Some(config);
        self
    }

    /// Sets the scopes that every request needs, whatever it asks for.
    pub fn required_scopes<S: Into<String>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.config.authorization.required_scopes = scopes.into_iter().map(Into::into).collect();
        self
    }

    /// Sets the scopes that clients may ask for, as the server tells them.
    pub fn scopes_supported<S: Into<String>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.config.authorization.scopes_supported = scopes.into_iter().map(Into::into).collect();
        self
    }

    /// Has one scope stand for others, too.
    pub fn implies<S: Into<String>>(mut self, scope: impl Into<String>, others: impl IntoIterator<Item = S>) -> Self {
        let others = others.into_iter().map(Into::into).collect();
        self.config.authorization.implied_scopes.insert(scope.into(), others);
        self
    }

    /// Sets what becomes of those who show nothing.
    pub fn anonymous(mut self, anonymous: Anonymous) -> Self {
        self.config.authorization.anonymous = anonymous;
        self
    }

    /// Sets all of what callers need at once.
    pub fn authorization(mut self, authorization: AuthorizationConfig) -> Self {
        self.config.authorization = authorization;
        self
    }

    /// Makes the manager.
    ///
    /// # Errors
    ///
    /// `is_usage()` if the settings do not fit.
    pub fn build(self) -> Result<AuthManager, Error> {
        AuthManager::new(self.config)
    }
}
