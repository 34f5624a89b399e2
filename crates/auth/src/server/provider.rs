//! The ways by which callers are known, ready to be used.

use http::HeaderName;
use http::header::AUTHORIZATION;

use super::api_key::ApiKeyVerifier;
use super::config::{AuthProviderConfig, ProviderSettings};
use super::introspection::Introspection;
use super::jwt::JwtVerifier;
use super::local::{Certificates, EnvironmentConfig, UnixUsers};
use crate::Error;

#[derive(Debug)]
pub(super) struct Provider {
    pub(super) name: String,
    pub(super) by: By,
}

#[derive(Debug)]
pub(super) enum By {
    Jwt(Box<JwtVerifier>),
    Introspection(Box<Introspection>),
    ApiKey(HeaderName, ApiKeyVerifier),
    Certificate(Certificates),
    UnixUser(UnixUsers),
    Environment(EnvironmentConfig),
}

impl Provider {
    pub(super) fn new(config: AuthProviderConfig) -> Result<Self, Error> {
        let by = match config.settings {
            ProviderSettings::Jwt(config) => By::Jwt(Box::new(JwtVerifier::new(config)?)),
            ProviderSettings::Introspection(config) => By::Introspection(Box::new(Introspection::new(config)?)),
            ProviderSettings::ApiKey(config) => {
                let header = config.header.parse().map_err(|error| {
                    Error::usage(format!("{:?} is no name of a header", config.header)).with_source(error)
                })?;
                By::ApiKey(header, ApiKeyVerifier::new(&config)?)
            }
            ProviderSettings::Certificate(config) => By::Certificate(Certificates::new(config)?),
            ProviderSettings::UnixUser(config) => By::UnixUser(UnixUsers::new(config)?),
            ProviderSettings::Environment(config) => {
                if config.variable().is_empty() || config.variable().contains(['=', '\0']) {
                    return Err(Error::usage(format!("{:?} is no name of a variable", config.variable())));
                }
                By::Environment(config)
            }
        };
        Ok(Self { name: config.name, by })
    }

    /// Returns who issues the tokens that it looks at, if it looks at tokens.
    pub(super) fn issuer(&self) -> Option<&str> {
        match &self.by {
            By::Jwt(verifier) => Some(verifier.issuer()),
            By::Introspection(introspection) => Some(introspection.issuer()),
            _ => None,
        }
    }

    /// Returns the header of its own in which it looks for credentials.
    pub(super) fn header(&self) -> Option<&HeaderName> {
        match &self.by {
            By::ApiKey(header, _) if *header != AUTHORIZATION => Some(header),
            _ => None,
        }
    }
}
