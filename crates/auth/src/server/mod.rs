//! The resource server of OAuth, and whatever else callers may be known by.
//!
//! | to | see |
//! |---|---|
//! | protect a server | [`AuthManager`], handed to `ServerBuilder::auth` |
//! | take tokens | [`JwtConfig`], [`IntrospectionConfig`], [`DpopConfig`] |
//! | take something else | [`ApiKeyConfig`], [`CertificateConfig`], [`UnixUserConfig`], [`EnvironmentConfig`] |
//! | say who that is | [`Holder`] |
//! | read all of it from a file | [`AuthConfig`] |

mod algorithm;
mod api_key;
mod builder;
mod config;
mod dpop;
mod introspection;
mod jwks;
mod jws;
mod jwt;
mod local;
mod manager;
mod proofs;
mod provider;
mod refusals;
mod remembered;
#[cfg(feature = "login")]
mod signed;

pub use algorithm::{Algorithm, VerifyingKey};
pub use api_key::{ApiKey, ApiKeyConfig, ApiKeys};
pub use builder::AuthManagerBuilder;
pub use config::{
    Anonymous, AuthConfig, AuthProviderConfig, AuthorizationConfig, CredentialHeaders, Holder, ProviderSettings,
};
pub use dpop::{DpopConfig, DpopNonces, DpopTokens, NonceKeys};
pub use introspection::IntrospectionConfig;
pub use jwks::JwksConfig;
pub use jwt::{JwtConfig, JwtKeys};
pub use local::{CertificateConfig, EnvironmentConfig, UnixUser, UnixUserConfig};
pub use manager::AuthManager;
#[cfg(feature = "login")]
pub(crate) use signed::Signatures;
