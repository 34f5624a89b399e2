//! The bindings, and how each frames what it carries.

use crate::Outcome;
use crate::framing::Framing;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Binding {
    Stdio,
    Unix,
    Tcp,
    Tls,
    WebSocket,
    Http,
}

const BINDINGS: [Binding; 6] =
    [Binding::Stdio, Binding::Unix, Binding::Tcp, Binding::Tls, Binding::WebSocket, Binding::Http];

impl Binding {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Stdio => "stdio",
            Self::Unix => "unix",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::WebSocket => "websocket",
            Self::Http => "http",
        }
    }

    pub(crate) fn named(name: &str) -> Outcome<Self> {
        let found = BINDINGS.into_iter().find(|binding| binding.name() == name);
        found.ok_or_else(|| format!("there is no binding {name:?}").into())
    }

    pub(crate) fn framing(self) -> Framing {
        match self {
            Self::WebSocket => Framing::WebSocket,
            Self::Http => Framing::Http,
            _ => Framing::Line,
        }
    }
}
