//! Serving on the binding that the environment names.

use std::env::{self, VarError};

use crate::{Error, McpServer};

/// Where sockets listen unless the environment says otherwise.
#[cfg(any(feature = "http", feature = "tcp"))]
pub(crate) const ADDRESS: &str = "127.0.0.1:8080";

#[cfg(feature = "tls")]
pub(crate) const TLS_ADDRESS: &str = "127.0.0.1:8443";

#[cfg(all(unix, feature = "unix"))]
pub(crate) const SOCKET: &str = "/tmp/mcp.sock";

/// A binding, and the feature that brings it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Binding {
    #[cfg(feature = "stdio")]
    Stdio,
    #[cfg(feature = "http")]
    Http,
    #[cfg(feature = "websocket")]
    WebSocket,
    #[cfg(feature = "tcp")]
    Tcp,
    #[cfg(all(unix, feature = "unix"))]
    Unix,
    #[cfg(feature = "tls")]
    Tls,
}

/// The names of the bindings there are in this build.
pub(crate) const CHOICES: &[(&str, Binding)] = &[
    #[cfg(feature = "stdio")]
    ("stdio", Binding::Stdio),
    #[cfg(feature = "http")]
    ("http", Binding::Http),
    #[cfg(feature = "websocket")]
    ("websocket", Binding::WebSocket),
    #[cfg(feature = "tcp")]
    ("tcp", Binding::Tcp),
    #[cfg(all(unix, feature = "unix"))]
    ("unix", Binding::Unix),
    #[cfg(feature = "tls")]
    ("tls", Binding::Tls),
];

/// The names of those there are in some build; each is also the name of its feature.
pub(crate) const NAMES: &[&str] = &["stdio", "http", "websocket", "tcp", "unix", "tls"];

#[cfg(feature = "config-files")]
impl Binding {
    /// Returns its name.
    pub(crate) fn name(self) -> &'static str {
        CHOICES.iter().find(|(_, binding)| *binding == self).map_or("", |(name, _)| name)
    }

    /// Returns true if it listens on an address.
    pub(crate) fn has_address(self) -> bool {
        !["stdio", "unix"].contains(&self.name())
    }
}

impl McpServer {
    /// Serves on the binding that the environment variable `TRANSPORT` names, until SIGTERM or SIGINT asks the server to
    /// end; on standard input and output, if it names none.
    ///
    /// | `TRANSPORT` | serves | where | unless set |
    /// |---|---|---|---|
    /// | `stdio` | standard input and output | | |
    /// | `http` | Streamable HTTP, on the path `/mcp` | `ADDRESS` | `127.0.0.1:8080` |
    /// | `websocket` | WebSocket, on the path `/` | `ADDRESS` | `127.0.0.1:8080` |
    /// | `tcp` | TCP, one message a line | `ADDRESS` | `127.0.0.1:8080` |
    /// | `unix` | a Unix socket, one message a line | `SOCKET_PATH` | `/tmp/mcp.sock` |
    /// | `tls` | TLS, one message a line | `ADDRESS` | `127.0.0.1:8443` |
    /// | | with this certificate and key, both in PEM | `TLS_CERT`, `TLS_KEY` | an error |
    ///
    /// A variable that is empty counts as one that is not set. Each binding needs the feature of its name.
    ///
    /// # Errors
    ///
    /// If `TRANSPORT` names something else or a binding that this build does not have, or a variable is no text
    /// ([`Error::is_configuration`]); if the binding cannot be served.
    ///
    /// If a second signal asks it to end before it has ([`Error::is_interrupted`](crate::Error::is_interrupted)).
    pub async fn run_from_env(&self) -> Result<(), Error> {
        match chosen(variable("TRANSPORT")?.as_deref())? {
            #[cfg(feature = "stdio")]
            Binding::Stdio => self.run_stdio().await,
            #[cfg(feature = "http")]
            Binding::Http => self.run_http(address(ADDRESS)?).await,
            #[cfg(feature = "websocket")]
            Binding::WebSocket => self.run_websocket(address(ADDRESS)?).await,
            #[cfg(feature = "tcp")]
            Binding::Tcp => self.run_tcp(address(ADDRESS)?).await,
            #[cfg(all(unix, feature = "unix"))]
            Binding::Unix => self.run_unix(variable("SOCKET_PATH")?.unwrap_or_else(|| SOCKET.to_owned())).await,
            #[cfg(feature = "tls")]
            Binding::Tls => self.run_tls(address(TLS_ADDRESS)?, file("TLS_CERT")?, file("TLS_KEY")?).await,
        }
    }
}

fn variable(name: &str) -> Result<Option<String>, Error> {
    match env::var(name) {
        Ok(value) => Ok(Some(value).filter(|value| !value.is_empty())),
        Err(VarError::NotPresent) => Ok(None),
        Err(VarError::NotUnicode(_)) => Err(Error::configuration(format!("the variable {name} is no text"))),
    }
}

#[cfg(any(feature = "http", feature = "tcp", feature = "tls"))]
fn address(default: &str) -> Result<String, Error> {
    Ok(variable("ADDRESS")?.unwrap_or_else(|| default.to_owned()))
}

#[cfg(feature = "tls")]
fn file(name: &str) -> Result<String, Error> {
    variable(name)?.ok_or_else(|| Error::configuration(format!("TRANSPORT=tls needs a file that {name} names")))
}

fn chosen(name: Option<&str>) -> Result<Binding, Error> {
    let name = name.unwrap_or("stdio");
    if let Some((_, binding)) = CHOICES.iter().find(|(known, _)| *known == name) {
        return Ok(*binding);
    }
    let choices: Vec<_> = CHOICES.iter().map(|(name, _)| *name).collect();
    let choices = if choices.is_empty() { "none".to_owned() } else { choices.join(", ") };
    Err(Error::configuration(if NAMES.contains(&name) {
        format!("TRANSPORT={name} needs the feature `{name}`, which this program was built without; it has: {choices}")
    } else {
        format!("TRANSPORT={name} is unknown; this program has: {choices}")
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_choice_has_a_name_and_is_found_by_it() {
        for (name, binding) in CHOICES {
            assert!(NAMES.contains(name), "{name}");
            assert_eq!(chosen(Some(name)).unwrap(), *binding);
        }
        #[cfg(feature = "stdio")]
        assert_eq!(chosen(None).unwrap(), Binding::Stdio);
    }

    #[test]
    fn a_binding_that_is_not_there_is_told_from_one_that_is_unknown() {
        let refused = |name| chosen(Some(name)).unwrap_err();
        for unknown in ["quic", "HTTP", " tcp"] {
            assert!(refused(unknown).is_configuration());
            let text = refused(unknown).to_string();
            assert!(text.starts_with(&format!("TRANSPORT={unknown} is unknown")), "{text}");
            for (name, _) in CHOICES {
                assert!(text.contains(name), "{text}");
            }
        }
        for name in NAMES.iter().filter(|name| CHOICES.iter().all(|(known, _)| known != *name)) {
            assert!(refused(name).to_string().contains(&format!("needs the feature `{name}`")), "{name}");
        }
    }
}
