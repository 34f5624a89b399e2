//! What a refusal says.

use http::HeaderMap;
use http::header::AUTHORIZATION;
use turbomcp_transport::http::authorize::Challenge;

use super::union;
use crate::Secret;
use crate::challenge::AuthChallenge;

/// A refusal, as far as it says what to do.
#[derive(Debug, Default)]
pub(in crate::client) struct Refusal {
    challenges: Vec<AuthChallenge>,
    pub(super) headers: HeaderMap,
    pub(super) url: String,
    pub(super) is_forbidden: bool,
    pub(super) operation: Option<String>,
    /// What was refused.
    pub(super) authorization: Option<Secret>,
    pub(super) refusals: u32,
}

impl Refusal {
    pub(in crate::client) fn read(challenge: &Challenge<'_>) -> Self {
        let carried = challenge.credentials.headers().find(|(name, _)| *name == AUTHORIZATION);
        Self {
            challenges: AuthChallenge::all(challenge.headers),
            headers: challenge.headers.clone(),
            url: challenge.head.url.to_owned(),
            is_forbidden: challenge.status == 403,
            operation: challenge.operation.map(str::to_owned),
            authorization: carried.and_then(|(_, value)| value.to_str().ok()).map(Secret::from),
            refusals: challenge.refusals,
        }
    }

    pub(super) fn says(&self, error: &str) -> bool {
        self.challenges.iter().any(|challenge| challenge.error() == Some(error))
    }

    /// Returns the scopes that the request needs.
    pub(super) fn scopes(&self) -> Vec<String> {
        let usable = self.challenges.iter().filter(|challenge| challenge.is("Bearer") || challenge.is("DPoP"));
        union(usable.flat_map(AuthChallenge::scopes).map(str::to_owned), [])
    }

    pub(super) fn resource_metadata(&self) -> Option<&str> {
        self.challenges.iter().find_map(AuthChallenge::resource_metadata)
    }

    /// True if the server asks for tokens that are bound to a key of the kind there is.
    pub(super) fn asks_for_dpop(&self) -> bool {
        self.challenges.iter().any(|challenge| {
            challenge.is("DPoP")
                && challenge
                    .parameter("algs")
                    .is_none_or(|algs| algs.split_ascii_whitespace().any(|alg| alg == "ES256"))
        })
    }
}
