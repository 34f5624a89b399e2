//! Where an authorization server answers: a listener on this machine, for one authorization.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};

use crate::url::is_localhost;
use crate::{Error, form};

pub(super) const PATH: &str = "/callback";

/// How many connections are open at once; browsers open some that they never use.
const MAX_CONNECTIONS: usize = 16;

const MAX_HEAD_BYTES: usize = 16 << 10;

const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// What an authorization server answers, when it was checked who it answers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Callback {
    pub(super) code: Option<String>,
    pub(super) iss: Option<String>,
    pub(super) error: Option<String>,
    pub(super) error_description: Option<String>,
}

impl Callback {
    /// Reads the query of a redirect; none if it does not belong to `state`.
    pub(super) fn read(query: &str, state: &str) -> Option<Self> {
        let (found, callback) = Self::parse(query)?;
        is_same(&found, state).then_some(callback)
    }

    /// Reads the query of a redirect, and the state that it names; none if it can be read either way.
    pub(super) fn parse(query: &str) -> Option<(String, Self)> {
        let mut callback = Self::default();
        let mut found = None;
        for (name, value) in form::decode_pairs(query)? {
            let place = match name.as_str() {
                "state" => &mut found,
                "code" => &mut callback.code,
                "iss" => &mut callback.iss,
                "error" => &mut callback.error,
                "error_description" => &mut callback.error_description,
                _ => continue,
            };
            // Said twice, it could be read either way.
            if place.replace(value).is_some() {
                return None;
            }
        }
        Some((found?, callback))
    }
}

/// Compares without telling by time where the difference is.
pub(super) fn is_same(a: &str, b: &str) -> bool {
    a.len() == b.len() && a.bytes().zip(b.bytes()).fold(0, |difference, (a, b)| difference | (a ^ b)) == 0
}

/// Listens for one answer.
#[derive(Debug)]
pub(super) struct Redirect {
    address: SocketAddr,
    callbacks: mpsc::Receiver<Callback>,
    task: JoinHandle<()>,
}

impl Redirect {
    /// Listens at a port of this machine, or at any.
    pub(super) async fn listen(port: Option<u16>, state: &str) -> Result<Self, Error> {
        let failed = |error| Error::connect("no listener for the redirect can be started").with_source(error);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port.unwrap_or(0))).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let (send, callbacks) = mpsc::channel(1);
        let task = tokio::spawn(serve(listener, address.port(), state.into(), send));
        Ok(Self { address, callbacks, task })
    }

    pub(super) fn uri(&self) -> String {
        format!("http://{}{PATH}", self.address)
    }

    /// Waits for an answer that belongs to what was asked.
    pub(super) async fn callback(&mut self) -> Result<Callback, Error> {
        self.callbacks.recv().await.ok_or_else(|| Error::connect("the listener for the redirect has ended"))
    }
}

impl Drop for Redirect {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(listener: TcpListener, port: u16, state: Arc<str>, send: mpsc::Sender<Callback>) {
    let mut connections = JoinSet::new();
    loop {
        while connections.len() >= MAX_CONNECTIONS {
            connections.join_next().await;
        }
        let Ok((stream, _)) = listener.accept().await else { continue };
        let (state, send) = (state.clone(), send.clone());
        connections.spawn(async move {
            let answering = answer(stream, port, &state, &send);
            let _ = tokio::time::timeout(HEAD_TIMEOUT, answering).await;
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn answer(mut stream: TcpStream, port: u16, state: &str, send: &mpsc::Sender<Callback>) -> std::io::Result<()> {
    let Some(head) = head(&mut stream).await? else { return Ok(()) };
    let (status, text) = match read(&head, port, state) {
        Ok(callback) => match send.try_send(callback) {
            Ok(()) => ("200 OK", "This window can be closed."),
            Err(_) => ("410 Gone", "This was answered already."),
        },
        Err(refusal) => refusal,
    };
    let answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\n\
         Cache-Control: no-store\r\nReferrer-Policy: no-referrer\r\nConnection: close\r\n\r\n{text}",
        text.len()
    );
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await
}

/// Reads the head of a request; none if it does not end.
async fn head(stream: &mut TcpStream) -> std::io::Result<Option<String>> {
    let mut head = Vec::new();
    let mut buffer = [0; 2048];
    loop {
        let read = stream.read(&mut buffer).await?;
        head.extend_from_slice(&buffer[..read]);
        if let Some(end) = head.windows(4).position(|window| window == b"\r\n\r\n") {
            head.truncate(end);
            return Ok(String::from_utf8(head).ok());
        }
        if read == 0 || head.len() > MAX_HEAD_BYTES {
            return Ok(None);
        }
    }
}

type Refusal = (&'static str, &'static str);

fn read(head: &str, port: u16, state: &str) -> Result<Callback, Refusal> {
    let mut lines = head.split("\r\n");
    let mut words = lines.next().unwrap_or_default().split(' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    if path != PATH {
        return Err(("404 Not Found", "There is nothing here."));
    }
    if method != "GET" {
        return Err(("405 Method Not Allowed", "Only GET is answered here."));
    }
    let host = lines.find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("host").then(|| value.trim())
    });
    // A page elsewhere can make its own name lead here, but not change what it asks for.
    let is_here = host
        .and_then(|host| host.rsplit_once(':'))
        .is_some_and(|(name, found)| found == port.to_string() && (name == "127.0.0.1" || is_localhost(name)));
    let callback = if is_here { Callback::read(query, state) } else { None };
    callback.ok_or(("400 Bad Request", "This does not belong to what was asked for."))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn get(port: u16, target: &str, host: &str) -> String {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.unwrap();
        let request = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer.split(' ').nth(1).unwrap_or_default().to_owned()
    }

    #[tokio::test]
    async fn only_the_answer_that_was_asked_for_counts_and_only_once() {
        let mut redirect = Redirect::listen(None, "S").await.unwrap();
        let port = redirect.address.port();
        let host = format!("127.0.0.1:{port}");
        // A connection that says nothing holds up no other.
        let _idle = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.unwrap();
        assert_eq!(get(port, "/favicon.ico", &host).await, "404");
        assert_eq!(get(port, "/callback?code=evil&state=X", &host).await, "400");
        assert_eq!(get(port, "/callback?code=evil", &host).await, "400");
        assert_eq!(get(port, "/callback?code=evil&state=S&state=S", &host).await, "400");
        assert_eq!(get(port, "/callback?code=evil&code=c&state=S", &host).await, "400");
        assert_eq!(get(port, "/callback?code=evil&state=S", "evil.example").await, "400");
        assert_eq!(get(port, "/callback?code=c%20d&state=S&iss=https%3A%2F%2Fa", &host).await, "200");
        assert_eq!(get(port, "/callback?code=late&state=S", &host).await, "410");
        let callback = redirect.callback().await.unwrap();
        assert_eq!((callback.code.as_deref(), callback.iss.as_deref()), (Some("c d"), Some("https://a")));
        drop(redirect);
        tokio::time::timeout(Duration::from_secs(5), async {
            while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.is_ok() {
                tokio::task::yield_now().await;
            }
        })
        .await
        .expect("the listener is gone");
    }
}
