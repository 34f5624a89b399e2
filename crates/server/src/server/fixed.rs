//! A build in which a server stays as it is configured.

use std::sync::{Arc, Weak};

use super::{McpServer, Shared};

/// There is one version.
pub(super) type Part<T> = T;

pub(super) fn part<T>(value: T) -> Part<T> {
    value
}

/// A server that may be gone.
pub(crate) struct WeakServer(Weak<Shared>);

impl WeakServer {
    pub(crate) fn upgrade(&self) -> Option<McpServer> {
        self.0.upgrade().map(|shared| McpServer { shared })
    }
}

/// The newest version of a server, which is the only one.
pub(crate) struct Latest(McpServer);

impl Latest {
    pub(crate) fn new(server: McpServer) -> Self {
        Self(server)
    }

    pub(crate) fn any(&self) -> &McpServer {
        &self.0
    }

    pub(crate) fn get(&self) -> McpServer {
        self.0.clone()
    }
}

impl McpServer {
    pub(crate) fn newest(&self) -> Self {
        self.clone()
    }

    pub(crate) fn downgrade(&self) -> WeakServer {
        WeakServer(Arc::downgrade(&self.shared))
    }
}
