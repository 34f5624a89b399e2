//! A token for a token (RFC 8693): what an API gets is for that API alone.

use std::sync::Arc;

use super::access_token::AccessToken;
use super::config::{check_scopes, configured};
use super::provider::{Inner, OAuth2Provider};
use crate::client::grants::{SubjectTokenType, TOKEN_EXCHANGE};
use crate::{Error, Secret};

const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";

/// What is given for a new token, and what the new one is for.
///
/// A token that a server is called with is for that server: passed on to another API, it would let that API act as the
/// user here, and this server be taken for somebody who may call there. So it is exchanged.
///
/// ```
/// use turbomcp_auth::Secret;
/// use turbomcp_auth::client::SubjectTokenType;
/// use turbomcp_auth::client::login::TokenExchange;
///
/// let exchange = TokenExchange::new(Secret::new("…"), SubjectTokenType::AccessToken)
///     .audience("calendar")
///     .scopes(["events.read"]);
/// # drop(exchange);
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct TokenExchange {
    subject: (Secret, SubjectTokenType),
    actor: Option<(Secret, SubjectTokenType)>,
    resources: Vec<String>,
    audiences: Vec<String>,
    scopes: Vec<String>,
}

impl TokenExchange {
    /// Gives the token of whom the new one is to act for.
    pub fn new(subject: Secret, kind: SubjectTokenType) -> Self {
        Self { subject: (subject, kind), actor: None, resources: Vec::new(), audiences: Vec::new(), scopes: Vec::new() }
    }

    /// Gives the token of who acts, if that is somebody else.
    pub fn actor(mut self, actor: Secret, kind: SubjectTokenType) -> Self {
        self.actor = Some((actor, kind));
        self
    }

    /// Adds the URL of an API that the new token is for.
    pub fn resource(mut self, url: impl Into<String>) -> Self {
        self.resources.push(url.into());
        self
    }

    /// Adds an API that the new token is for, by the name that the provider knows it by.
    pub fn audience(mut self, name: impl Into<String>) -> Self {
        self.audiences.push(name.into());
        self
    }

    /// Asks for these scopes.
    pub fn scopes(mut self, scopes: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.scopes = scopes.into_iter().map(Into::into).collect();
        self
    }
}

impl OAuth2Provider {
    /// Exchanges a token for another. The new one is not kept.
    ///
    /// Without a resource or an audience it is for the `mcp_resource_uri` of the configuration.
    ///
    /// # Errors
    ///
    /// `is_usage()` if it is not said what the token is for; `is_refused()` if the provider gives a token of another
    /// kind; `oauth_error()` if it refuses.
    ///
    /// # Cancel safety
    ///
    /// What was begun is finished, and the new token is dropped.
    ///
    /// # Specification
    ///
    /// [RFC 8693](https://www.rfc-editor.org/rfc/rfc8693)
    pub async fn exchange(&self, exchange: TokenExchange) -> Result<AccessToken, Error> {
        self.run(|inner| async move { inner.exchange(exchange).await }).await
    }
}

impl Inner {
    async fn exchange(&self, exchange: TokenExchange) -> Result<AccessToken, Error> {
        let TokenExchange { subject: (subject, kind), actor, mut resources, audiences, scopes } = exchange;
        check_scopes(&scopes)?;
        resources.iter().try_for_each(|url| configured(url, "the resource").map(drop))?;
        if resources.is_empty() && audiences.is_empty() {
            resources.extend(self.resource(None)?);
        }
        if resources.is_empty() && audiences.is_empty() {
            return Err(Error::usage("a token is exchanged for one that is for an audience or a resource"));
        }
        let (scope, key) = (scopes.join(" "), self.new_key()?);
        let mut parameters = vec![
            ("grant_type", TOKEN_EXCHANGE),
            ("subject_token", subject.expose()),
            ("subject_token_type", kind.uri()),
            ("requested_token_type", ACCESS_TOKEN),
        ];
        if let Some((actor, kind)) = &actor {
            parameters.extend([("actor_token", actor.expose()), ("actor_token_type", kind.uri())]);
        }
        parameters.extend(resources.iter().map(|resource| ("resource", resource.as_str())));
        parameters.extend(audiences.iter().map(|audience| ("audience", audience.as_str())));
        parameters.extend(Some(("scope", scope.as_str())).filter(|_| !scope.is_empty()));
        let response = self.token(&parameters, key.as_ref()).await?;
        if !matches!(response.issued_token_type.as_deref(), Some(ACCESS_TOKEN | JWT)) {
            return Err(Error::refused("the provider has given a token of another kind"));
        }
        let kept = self.accept(&response, key, &scopes, None)?;
        Ok(self.access(Arc::new(kept)))
    }
}
