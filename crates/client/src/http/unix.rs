//! Servers that are reached over HTTP through a Unix socket.

use std::path::{Path, PathBuf};

use super::HttpTarget;
use crate::Error;

impl HttpTarget {
    /// Names a server by its Unix socket, where it answers on the path `/mcp` for the host `localhost`.
    ///
    /// ```no_run
    /// use turbomcp_client::http::HttpTarget;
    /// use turbomcp_client::Client;
    ///
    /// # async fn run() -> Result<(), turbomcp_client::Error> {
    /// let client = Client::connect(HttpTarget::unix("/run/notes.sock")).await?;
    /// # drop(client);
    /// # Ok(())
    /// # }
    /// ```
    pub fn unix(socket: impl Into<PathBuf>) -> Self {
        Self::new("http://localhost/mcp").socket(socket)
    }

    /// Reaches the server of the URL through a Unix socket, whatever host the URL names.
    pub fn socket(mut self, socket: impl Into<PathBuf>) -> Self {
        self.socket = Some(socket.into().into());
        self
    }

    /// Reads `http+unix://%2Frun%2Fnotes.sock/mcp`: the socket stands for the host, with its slashes escaped.
    pub(crate) fn of_socket_url(rest: &str) -> Result<Self, Error> {
        let (socket, path) = rest.find('/').map_or((rest, "/"), |at| rest.split_at(at));
        let socket = unescaped(socket).filter(|socket| !socket.is_empty());
        let socket = socket.ok_or_else(|| Error::connect("the URL names no socket, as in http+unix://%2Fa%2Fb/mcp"))?;
        Ok(Self::new(format!("http://localhost{path}")).socket(Path::new(&socket)))
    }
}

fn unescaped(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        out.push(match byte {
            b'%' => {
                let mut digit = || char::from(rest.next()?).to_digit(16);
                u8::try_from(digit()? << 4 | digit()?).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(out).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_a_socket_and_a_path() {
        for (rest, socket, url) in [
            ("%2Frun%2Fa.sock/mcp", "/run/a.sock", "http://localhost/mcp"),
            ("%2frun%2Fa%20b", "/run/a b", "http://localhost/"),
            ("a.sock/x/y?z", "a.sock", "http://localhost/x/y?z"),
        ] {
            let target = HttpTarget::of_socket_url(rest).unwrap();
            assert_eq!((target.socket.as_deref(), &*target.url), (Some(Path::new(socket)), url));
        }
        for malformed in ["", "/run/a.sock", "%2", "%zz/mcp", "%ff/mcp"] {
            assert!(HttpTarget::of_socket_url(malformed).is_err(), "{malformed}");
        }
    }
}
