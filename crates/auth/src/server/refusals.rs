//! What is answered to those who are not let in (RFC 6750, RFC 9449, RFC 9728).

use std::fmt::Write as _;

use turbomcp_transport::authenticate::{Refusal, is_scope};

use crate::Error;

/// A code of RFC 6750 or RFC 9449.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Code {
    InvalidRequest,
    InvalidToken,
    InvalidProof,
    UseNonce,
    InsufficientScope,
}

impl Code {
    fn name(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidToken => "invalid_token",
            Self::InvalidProof => "invalid_dpop_proof",
            Self::UseNonce => "use_dpop_nonce",
            Self::InsufficientScope => "insufficient_scope",
        }
    }
}

/// Which credentials a server takes, for those who have none that are good.
#[derive(Debug, Default)]
pub(super) struct Offered {
    /// Where the metadata of the resource are.
    pub(super) metadata: Option<String>,
    /// What every request needs.
    pub(super) scopes: Vec<String>,
    pub(super) bearer: bool,
    /// The algorithms of DPoP.
    pub(super) dpop: Option<String>,
    pub(super) api_key_headers: Vec<String>,
}

impl Offered {
    /// Adds challenges to a refusal: one for each scheme that is understood.
    pub(super) fn challenge(&self, refusal: Refusal, code: Option<Code>, scopes: &[&str]) -> Refusal {
        let mut refusal = refusal;
        let reason = refusal.reason().to_owned();
        if self.bearer || !scopes.is_empty() {
            // Codes of DPoP say nothing to those who do not know it.
            let code = code.map(|code| match code {
                Code::InvalidProof | Code::UseNonce => Code::InvalidToken,
                code => code,
            });
            refusal = refusal.with_challenge(self.of_scheme("Bearer", code, &reason, scopes, None));
        }
        if let Some(algorithms) = &self.dpop {
            refusal = refusal.with_challenge(self.of_scheme("DPoP", code, &reason, scopes, Some(algorithms)));
        }
        for header in &self.api_key_headers {
            refusal = refusal.with_challenge(format!("ApiKey header=\"{header}\""));
        }
        refusal
    }

    fn of_scheme(
        &self,
        scheme: &str,
        code: Option<Code>,
        reason: &str,
        scopes: &[&str],
        algorithms: Option<&str>,
    ) -> String {
        let mut challenge = scheme.to_owned();
        let mut add = |name: &str, value: &str| {
            let comma = if challenge.contains(' ') { "," } else { "" };
            let _ = write!(challenge, "{comma} {name}=\"{value}\"");
        };
        if let Some(code) = code {
            add("error", code.name());
            add("error_description", reason);
        }
        if !scopes.is_empty() {
            add("scope", &scopes.join(" "));
        }
        if let Some(metadata) = &self.metadata {
            add("resource_metadata", metadata);
        }
        if let Some(algorithms) = algorithms {
            add("algs", algorithms);
        }
        challenge
    }

    /// Says who is not known what to show.
    pub(super) fn missing(&self) -> Refusal {
        let scopes: Vec<_> = self.scopes.iter().map(String::as_str).collect();
        self.challenge(Refusal::unauthorized("credentials are required"), None, &scopes)
    }

    /// Refuses credentials that are no good.
    pub(super) fn bad(&self, code: Code, why: &'static str) -> Refusal {
        let scopes: Vec<_> = self.scopes.iter().map(String::as_str).collect();
        self.challenge(Refusal::unauthorized(why), Some(code), &scopes)
    }

    /// Refuses credentials that are not shown as they must be.
    pub(super) fn malformed(&self, why: &'static str) -> Refusal {
        self.challenge(Refusal::malformed(why), Some(Code::InvalidRequest), &[])
    }

    /// Refuses somebody who lacks scopes, and names all that are needed.
    pub(super) fn insufficient(&self, wanted: &[&str]) -> Refusal {
        let refusal = Refusal::forbidden("more scopes are needed");
        self.challenge(refusal, Some(Code::InsufficientScope), &self.with_required(wanted))
    }

    /// Tells somebody who is not known what is needed for something in particular.
    pub(super) fn missing_for(&self, wanted: &[&str]) -> Refusal {
        self.challenge(Refusal::unauthorized("credentials are required"), None, &self.with_required(wanted))
    }

    fn with_required<'a>(&'a self, wanted: &[&'a str]) -> Vec<&'a str> {
        let mut scopes: Vec<_> = self.scopes.iter().map(String::as_str).collect();
        for scope in wanted {
            if !scopes.contains(scope) {
                scopes.push(scope);
            }
        }
        scopes
    }
}

/// Refuses scopes that cannot be written, or that a server must not ask for.
pub(super) fn check_scopes<'a>(scopes: impl IntoIterator<Item = &'a String>) -> Result<(), Error> {
    for scope in scopes {
        if !is_scope(scope) {
            return Err(Error::usage(format!("{scope:?} is no scope")));
        }
        if scope == "offline_access" {
            return Err(Error::usage("`offline_access` is between a client and its authorization server"));
        }
    }
    Ok(())
}
