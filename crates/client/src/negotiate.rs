//! Finding the era and the revision that client and server have in common.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use turbomcp_protocol::encode::Adapt;
use turbomcp_protocol::types::{
    DiscoverResult, Implementation, InitializeRequestParams, InitializeResult, ServerCapabilities, TASKS_EXTENSION,
    UnsupportedProtocolVersionData,
};
use turbomcp_protocol::{ErrorCode, Method, Revision};

use crate::Error;
use crate::builder::{Era, Settings};
use crate::exchange::{Answer, Dress, Exchange, GiveUp, Notice, Outgoing, members_of};
use crate::ids::Ids;
use crate::target::Binding;

/// What a server has said of itself, and how it is to be spoken to.
#[derive(Debug, Clone)]
pub(crate) struct Agreed {
    pub(crate) revision: Revision,
    pub(crate) dress: Arc<Dress>,
    pub(crate) capabilities: ServerCapabilities,
    pub(crate) server_info: Option<Implementation>,
    pub(crate) instructions: Option<String>,
}

/// Where a connection begins to find out.
pub(crate) struct Negotiation<'a> {
    pub(crate) link: &'a dyn Exchange,
    pub(crate) ids: &'a Ids,
    pub(crate) settings: &'a Settings,
    pub(crate) binding: Binding,
}

/// Why there is nothing agreed.
pub(crate) enum Failure {
    /// The server ended during the probe, which some legacy servers do.
    EndedOnProbe(Error),
    /// `initialize` was refused in a way that servers of the first revision over HTTP do.
    MaybeFirstRevision(Error),
    Final(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Final(error)
    }
}

/// What the probe has shown.
enum Found {
    Modern(Box<Agreed>),
    Legacy,
}

impl Negotiation<'_> {
    pub(crate) async fn run(&self, era: Era) -> Result<Agreed, Failure> {
        if era == Era::Legacy {
            return self.initialize().await;
        }
        match self.probe(era).await? {
            Found::Modern(agreed) => {
                self.link.agreed(&agreed.dress);
                Ok(*agreed)
            }
            Found::Legacy if era == Era::Modern => {
                Err(Error::connect("the server speaks only revisions before 2026-07-28").into())
            }
            Found::Legacy => match self.initialize().await {
                // The server was only slow to start, and then took the probe for the first request of the modern era.
                Err(Failure::Final(error)) if self.offers_modern(&error) => match self.probe(Era::Modern).await? {
                    Found::Modern(agreed) => {
                        self.link.agreed(&agreed.dress);
                        Ok(*agreed)
                    }
                    Found::Legacy => Err(error.into()),
                },
                outcome => outcome,
            },
        }
    }

    /// True if a server refuses what was asked for, and names a modern revision that is spoken here.
    fn offers_modern(&self, error: &Error) -> bool {
        let data = error.as_mcp().and_then(|error| error.data().cloned());
        error.code() == Some(ErrorCode::UNSUPPORTED_PROTOCOL_VERSION)
            && data
                .and_then(|data| serde_json::from_value::<UnsupportedProtocolVersionData>(data).ok())
                .is_some_and(|data| self.best_modern(&data.supported).is_some())
    }

    /// Asks by `server/discover`, which no legacy server can mistake for something else.
    async fn probe(&self, era: Era) -> Result<Found, Failure> {
        let mut version = self.settings.revision.filter(|revision| revision.is_modern()).unwrap_or(Revision::LATEST);
        let mut retried = false;
        loop {
            match self.discover(version).await {
                Ok(result) => {
                    let Ok(discovered) = serde_json::from_slice::<DiscoverResult>(&result) else {
                        return Ok(Found::Legacy);
                    };
                    let Some(best) = self.best_modern(&discovered.supported_versions) else {
                        return self.without_modern(&discovered.supported_versions, era);
                    };
                    return Ok(Found::Modern(Box::new(self.discovered(best, discovered))));
                }
                Err(error) if error.code() == Some(ErrorCode::UNSUPPORTED_PROTOCOL_VERSION) => {
                    let data = error.as_mcp().and_then(|error| error.data().cloned());
                    let supported = data
                        .and_then(|data| serde_json::from_value::<UnsupportedProtocolVersionData>(data).ok())
                        .map(|data| data.supported)
                        .unwrap_or_default();
                    match self.best_modern(&supported) {
                        Some(best) if !retried => {
                            retried = true;
                            version = best;
                        }
                        Some(_) => return Err(error.into()),
                        None => return self.without_modern(&supported, era),
                    }
                }
                Err(error) => return self.judge(error),
            }
        }
    }

    fn judge(&self, error: Error) -> Result<Found, Failure> {
        const MODERN: [ErrorCode; 2] = [ErrorCode::HEADER_MISMATCH, ErrorCode::MISSING_REQUIRED_CLIENT_CAPABILITY];
        let is_stream = self.binding == Binding::Stream;
        match error.code() {
            Some(code) if MODERN.contains(&code) => Err(error.into()),
            Some(_) => Ok(Found::Legacy),
            None if error.is_timeout() && is_stream => Ok(Found::Legacy),
            None if error.is_closed() && is_stream => Err(Failure::EndedOnProbe(error)),
            None if error.is_protocol() && is_stream => Ok(Found::Legacy),
            None => match error.status() {
                Some(401 | 403) | None => Err(error.into()),
                Some(400..500) => Ok(Found::Legacy),
                Some(_) => Err(error.into()),
            },
        }
    }

    fn best_modern(&self, supported: &[String]) -> Option<Revision> {
        let pinned = self.settings.revision;
        supported
            .iter()
            .filter_map(|version| Revision::parse(version))
            .filter(|revision| revision.is_modern() && pinned.is_none_or(|pinned| pinned == *revision))
            .max()
    }

    fn without_modern(&self, supported: &[String], era: Era) -> Result<Found, Failure> {
        let has_legacy = supported.iter().filter_map(|version| Revision::parse(version)).any(Revision::is_legacy);
        if has_legacy && era == Era::Auto {
            return Ok(Found::Legacy);
        }
        Err(Error::connect(format!("no common revision: the server speaks {}", listed(supported))).into())
    }

    fn discovered(&self, revision: Revision, result: DiscoverResult) -> Agreed {
        Agreed {
            revision,
            dress: self.modern_dress(revision),
            capabilities: result.capabilities,
            server_info: result.meta.and_then(|meta| meta.server_info()),
            instructions: result.instructions,
        }
    }

    fn modern_dress(&self, revision: Revision) -> Arc<Dress> {
        let settings = self.settings;
        let info = settings.sends_client_info.then_some(&settings.implementation);
        let mut capabilities = settings.handlers.capabilities.clone();
        if settings.tasks {
            capabilities = capabilities.with_extension(TASKS_EXTENSION, serde_json::Map::new());
        }
        Arc::new(Dress::modern(revision, &capabilities, info))
    }

    async fn discover(&self, revision: Revision) -> Result<Bytes, Error> {
        let dress = self.modern_dress(revision);
        let limit = match self.binding {
            Binding::Stream => self.settings.probe_timeout,
            Binding::Http => self.settings.request_timeout,
        };
        self.ask(&dress, &Method::SERVER_DISCOVER, b"", limit).await
    }

    async fn initialize(&self) -> Result<Agreed, Failure> {
        let settings = self.settings;
        let wanted = settings.revision.filter(|revision| revision.is_legacy()).unwrap_or(Revision::LATEST_LEGACY);
        let params = InitializeRequestParams::new(
            wanted.as_str(),
            settings.handlers.capabilities.adapted(wanted),
            settings.implementation.adapted(wanted),
        );
        let dress = Arc::new(Dress::legacy(None));
        let result = self.ask(&dress, &Method::INITIALIZE, &members_of(&params)?, settings.request_timeout).await;
        let result = result.map_err(|error| match error.status() {
            Some(400 | 404 | 405) if self.binding == Binding::Http && !is_modern_only(&error) => {
                Failure::MaybeFirstRevision(error)
            }
            _ => Failure::Final(error),
        })?;
        let result: InitializeResult = serde_json::from_slice(&result)
            .map_err(|error| Error::protocol("the answer to `initialize` does not fit").with_source(error))?;
        let revision = Revision::parse(&result.protocol_version)
            .filter(|revision| revision.is_legacy() && settings.revision.is_none_or(|pinned| pinned == *revision));
        let Some(revision) = revision else {
            let spoken = result.protocol_version.chars().take(40).collect::<String>();
            return Err(Error::connect(format!("no common revision: the server speaks {spoken:?}")).into());
        };
        let dress = Arc::new(Dress::legacy(Some(revision)));
        self.link.agreed(&dress);
        self.link.notify(Notice { dress: &dress, method: &Method::INITIALIZED, params: b"" }).await?;
        Ok(Agreed {
            revision,
            dress,
            capabilities: result.capabilities,
            server_info: Some(result.server_info),
            instructions: result.instructions,
        })
    }

    async fn ask(&self, dress: &Dress, method: &Method, params: &[u8], limit: Duration) -> Result<Bytes, Error> {
        let request = Outgoing {
            id: self.ids.next(),
            dress,
            method,
            params,
            round: b"",
            meta: b"",
            log_level: None,
            tracking: None,
            name: None,
            give_up: GiveUp::Silently,
        };
        let answer: Answer =
            tokio::time::timeout(limit, self.link.exchange(&request)).await.map_err(|_| Error::timeout(limit))??;
        answer.into_result()
    }
}

/// True if a server has refused `initialize` because it only speaks the modern era.
fn is_modern_only(error: &Error) -> bool {
    error
        .code()
        .is_some_and(|code| code == ErrorCode::UNSUPPORTED_PROTOCOL_VERSION || code == ErrorCode::HEADER_MISMATCH)
}

fn listed(versions: &[String]) -> String {
    if versions.is_empty() {
        return "none that it names".to_owned();
    }
    let named: Vec<_> = versions.iter().take(8).map(|version| version.chars().take(20).collect::<String>()).collect();
    named.join(", ")
}
