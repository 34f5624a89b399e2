//! What a server says of itself where its users log in.

use std::collections::HashMap;
use std::sync::Arc;

use serde::Deserialize;
use turbomcp_transport::authenticate::is_scope;

use crate::client::dpop::Dpop;
use crate::url::Url;
use crate::{Error, Secret, SigningKey};

/// What only this module may say in a request.
const RESERVED: [&str; 18] = [
    "client_assertion",
    "client_assertion_type",
    "client_id",
    "client_secret",
    "code",
    "code_challenge",
    "code_challenge_method",
    "code_verifier",
    "dpop_jkt",
    "grant_type",
    "nonce",
    "redirect_uri",
    "request",
    "request_uri",
    "resource",
    "response_mode",
    "response_type",
    "state",
];

/// Who a server is at a provider, and what it asks for.
///
/// PKCE by `S256` is part of every authorization; there is no switch.
///
/// ```
/// use turbomcp_auth::client::login::OAuth2Config;
///
/// let config = OAuth2Config {
///     client_id: "notes".into(),
///     client_secret: "…".into(),
///     redirect_uri: "https://notes.example/callback".into(),
///     scopes: vec!["openid".into(), "email".into()],
///     ..OAuth2Config::default()
/// };
/// # drop(config);
/// ```
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "it is written with `..Default::default()`")]
pub struct OAuth2Config {
    /// The id that the provider has given the server.
    pub client_id: String,
    /// The secret that belongs to it. Empty for a public client.
    pub client_secret: Secret,
    /// The key that the server authenticates by in place of a secret (`private_key_jwt`). Not read from files.
    #[serde(skip)]
    pub client_key: Option<Arc<SigningKey>>,
    /// Where users are sent to. Empty for where the provider says.
    pub auth_url: String,
    /// Where tokens are from. Empty for where the provider says.
    pub token_url: String,
    /// Where device codes are from. Empty for where the provider says.
    pub device_authorization_url: String,
    /// Where tokens are revoked. Empty for where the provider says.
    pub revocation_url: String,
    /// What a provider of [`ProviderType::Custom`](super::ProviderType::Custom) calls itself where it redirects to.
    /// Empty for the origin of `token_url`.
    pub issuer: String,
    /// Where users come back to: of https, or on this machine.
    pub redirect_uri: String,
    /// What is asked for. Empty for what is usual at the provider.
    pub scopes: Vec<String>,
    /// How tokens are got. Other ways are refused.
    pub flow_type: OAuth2FlowType,
    /// What else the request says that begins a flow: to authorize a user, for a device code, or for the server's own
    /// token.
    pub additional_params: HashMap<String, String>,
    /// What is insisted on.
    pub security_level: SecurityLevel,
    /// Whether tokens are bound to a key (RFC 9449). `None` for tokens that are not.
    pub dpop_config: Option<DpopConfig>,
    /// What tokens are for (RFC 8707), such as the URL of an MCP server that is called with them.
    pub mcp_resource_uri: Option<String>,
    /// Whether every request for tokens names `mcp_resource_uri`. If not, only those do that name a resource
    /// themselves.
    pub auto_resource_indicators: bool,
}

impl Default for OAuth2Config {
    fn default() -> Self {
        Self {
            client_id: String::new(),
            client_secret: Secret::default(),
            client_key: None,
            auth_url: String::new(),
            token_url: String::new(),
            device_authorization_url: String::new(),
            revocation_url: String::new(),
            issuer: String::new(),
            redirect_uri: String::new(),
            scopes: Vec::new(),
            flow_type: OAuth2FlowType::default(),
            additional_params: HashMap::new(),
            security_level: SecurityLevel::default(),
            dpop_config: None,
            mcp_resource_uri: None,
            auto_resource_indicators: true,
        }
    }
}

/// How tokens are got.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum OAuth2FlowType {
    /// The user agrees in a browser.
    #[default]
    AuthorizationCode,
    /// There is no user: the server acts for itself.
    ClientCredentials,
    /// The user enters a code on another device (RFC 8628).
    DeviceCode,
}

impl OAuth2FlowType {
    fn name(self) -> &'static str {
        match self {
            Self::AuthorizationCode => "authorization code",
            Self::ClientCredentials => "client credentials",
            Self::DeviceCode => "device code",
        }
    }
}

/// What is insisted on, beyond what always holds: PKCE by `S256`, a state that belongs to one browser and one login,
/// and the issuer of a redirect where the provider names it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SecurityLevel {
    /// Nothing more.
    #[default]
    Standard,
    /// What is asked for goes to the provider directly, so that no browser can change it (RFC 9126), and every redirect
    /// names its issuer (RFC 9207).
    Enhanced,
    /// Tokens are bound to a key (RFC 9449), too.
    Maximum,
}

/// Whether tokens are bound to a key.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "it is written with `..Default::default()`")]
pub struct DpopConfig {
    /// [`Dpop::Always`] refuses tokens that are not, which is the default; [`Dpop::WhenAsked`] has them bound where the
    /// provider can do that with ES256.
    pub binding: Dpop,
}

impl Default for DpopConfig {
    fn default() -> Self {
        Self { binding: Dpop::Always }
    }
}

impl OAuth2Config {
    /// Checks what does not depend on the provider.
    pub(super) fn check(&self) -> Result<(), Error> {
        if self.client_id.is_empty() || self.client_id.chars().any(char::is_control) {
            return Err(Error::usage("a client id is needed"));
        }
        if !self.client_secret.expose().is_empty() && self.client_key.is_some() {
            return Err(Error::usage("a client has a secret or a key, not both"));
        }
        for (url, what) in [
            (&self.auth_url, "auth_url"),
            (&self.token_url, "token_url"),
            (&self.device_authorization_url, "device_authorization_url"),
            (&self.revocation_url, "revocation_url"),
            (&self.issuer, "issuer"),
            (&self.redirect_uri, "redirect_uri"),
        ] {
            if !url.is_empty() {
                configured(url, what)?;
            }
        }
        if let Some(resource) = &self.mcp_resource_uri {
            configured(resource, "mcp_resource_uri")?;
        }
        check_scopes(&self.scopes)?;
        self.additional_params.keys().try_for_each(|name| check_parameter(name))?;
        match self.flow_type {
            OAuth2FlowType::AuthorizationCode if self.redirect_uri.is_empty() => {
                Err(Error::usage("a redirect_uri is needed, for users to come back to"))
            }
            OAuth2FlowType::ClientCredentials
                if self.client_secret.expose().is_empty() && self.client_key.is_none() =>
            {
                Err(Error::usage("a server that acts for itself needs a client_secret or a client_key"))
            }
            _ => Ok(()),
        }
    }

    /// Checks that tokens are got in this way.
    pub(super) fn require(&self, flow: OAuth2FlowType) -> Result<(), Error> {
        if self.flow_type == flow {
            return Ok(());
        }
        let (set, wanted) = (self.flow_type.name(), flow.name());
        Err(Error::usage(format!("the flow_type of this provider is {set}, not {wanted}")))
    }

    pub(super) fn binding(&self) -> Dpop {
        if self.security_level >= SecurityLevel::Maximum {
            return Dpop::Always;
        }
        self.dpop_config.as_ref().map_or(Dpop::Never, |config| config.binding)
    }

    /// Returns what tokens are for, if a request does not say so itself.
    pub(super) fn resource(&self) -> Option<&str> {
        self.mcp_resource_uri.as_deref().filter(|_| self.auto_resource_indicators)
    }

    /// Returns the additional parameters, in an order that does not change.
    pub(super) fn parameters(&self) -> Vec<(&str, &str)> {
        let mut parameters: Vec<_> =
            self.additional_params.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        parameters.sort_unstable();
        parameters
    }
}

/// Reads a URL that is set up rather than published.
pub(super) fn configured(url: &str, what: &str) -> Result<Url, Error> {
    Url::parse(url, what).map_err(|error| Error::usage(error.to_string()))
}

pub(super) fn check_scopes(scopes: &[String]) -> Result<(), Error> {
    match scopes.iter().find(|scope| !is_scope(scope)) {
        Some(bad) => Err(Error::usage(format!("{bad:?} is no scope"))),
        None => Ok(()),
    }
}

pub(super) fn check_parameter(name: &str) -> Result<(), Error> {
    if name.is_empty() || name == "scope" || RESERVED.contains(&name) {
        return Err(Error::usage(format!("the parameter {name:?} is not for the configuration to set")));
    }
    Ok(())
}
