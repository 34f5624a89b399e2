//! What a server is, apart from its handlers.

use std::time::Duration;

use turbomcp_protocol::types::{Icon, Implementation, Root};

use crate::Limits;

/// What a server says of itself, and the bounds it keeps; what its builder sets one by one.
///
/// ```
/// use turbomcp_server::{McpServer, ServerConfig};
///
/// let mut config = ServerConfig::default();
/// config.name = "notes".to_owned();
/// config.instructions = Some("Search before you write.".to_owned());
/// let server = McpServer::new(config);
/// assert_eq!(server.config().name, "notes");
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ServerConfig {
    /// The name the server gives itself. `turbomcp`.
    pub name: String,
    /// The version the server gives itself. That of this crate.
    pub version: String,
    /// The name for people.
    pub title: Option<String>,
    /// What the server is, for people.
    pub description: Option<String>,
    /// Where to read about the server.
    pub website_url: Option<String>,
    /// Pictures of it.
    pub icons: Option<Vec<Icon>>,
    /// How to use the server, for the model.
    pub instructions: Option<String>,
    /// Beneath what it reads resources; see [`ServerBuilder::root`](crate::ServerBuilder::root).
    pub roots: Vec<Root>,
    /// How much it takes on.
    pub limits: Limits,
}

impl ServerConfig {
    /// What suits a server on a developer's machine: limits as by default, but for the time that a handler may take and
    /// that a client may take to answer, which are half an hour, for whoever looks at them with a debugger.
    ///
    /// It goes with [`MiddlewareStack::development`](crate::layers::MiddlewareStack::development).
    #[must_use]
    pub fn development() -> Self {
        let mut config = Self::default();
        config.limits.request_timeout = Duration::from_secs(30 * 60);
        config.limits.client_answer_timeout = Duration::from_secs(30 * 60);
        config
    }

    /// What suits a server that strangers reach: messages of 1 MiB, 30 seconds for a request, 64 requests of one
    /// connection at once, and 10 seconds to send a head or a body. Everything else is as by default.
    ///
    /// It goes with [`MiddlewareStack::production`](crate::layers::MiddlewareStack::production).
    ///
    /// ```
    /// use turbomcp_server::layers::MiddlewareStack;
    /// use turbomcp_server::{ServerBuilder, ServerConfig};
    ///
    /// let builder = ServerBuilder::new().config(ServerConfig::production()).name("orders");
    /// let server = builder.with_middleware_stack(MiddlewareStack::production())?.build();
    /// # drop(server);
    /// # Ok::<(), turbomcp_server::Error>(())
    /// ```
    #[must_use]
    pub fn production() -> Self {
        let mut config = Self::default();
        let limits = &mut config.limits;
        limits.message_bytes = 1 << 20;
        limits.body_bytes = 1 << 20;
        limits.request_timeout = Duration::from_secs(30);
        limits.requests_in_flight = 64;
        limits.header_timeout = Duration::from_secs(10);
        limits.body_timeout = Duration::from_secs(10);
        config
    }

    pub(crate) fn implementation(&self) -> Implementation {
        let mut implementation = Implementation::new(self.name.clone(), self.version.clone());
        implementation.title.clone_from(&self.title);
        implementation.description.clone_from(&self.description);
        implementation.website_url.clone_from(&self.website_url);
        implementation.icons.clone_from(&self.icons);
        implementation
    }
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            name: "turbomcp".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            title: None,
            description: None,
            website_url: None,
            icons: None,
            instructions: None,
            roots: Vec::new(),
            limits: Limits::default(),
        }
    }
}
