//! A client of HTTP that blocks: exporters have threads of their own, and no runtime.

use std::future::Future;
use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::pin::Pin;
use std::time::Duration;

use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};

/// How much of an answer is read.
const ANSWER: u64 = 64 << 10;

#[derive(Debug, Clone)]
pub(super) struct Client {
    timeout: Duration,
}

impl Client {
    pub(super) fn new(timeout: Duration) -> Self {
        Self { timeout }
    }

    fn send(&self, request: &Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let uri = request.uri();
        let host = uri.host().ok_or("the URL has no host")?;
        let port = uri.port_u16().unwrap_or(80);
        let mut stream = self.connect((host.trim_start_matches('[').trim_end_matches(']'), port))?;
        stream.set_read_timeout(Some(self.timeout))?;
        stream.set_write_timeout(Some(self.timeout))?;
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let mut head = format!("{} {path} HTTP/1.1\r\nhost: {host}:{port}\r\n", request.method()).into_bytes();
        for (name, value) in request.headers() {
            head.extend_from_slice(name.as_str().as_bytes());
            head.extend_from_slice(b": ");
            head.extend_from_slice(value.as_bytes());
            head.extend_from_slice(b"\r\n");
        }
        head.extend_from_slice(
            format!("content-length: {}\r\nconnection: close\r\n\r\n", request.body().len()).as_bytes(),
        );
        stream.write_all(&head)?;
        stream.write_all(request.body())?;
        let mut answer = Vec::new();
        stream.take(ANSWER).read_to_end(&mut answer)?;
        read(&answer)
    }

    fn connect(&self, address: (&str, u16)) -> io::Result<TcpStream> {
        let mut last = io::Error::other("the host has no address");
        for address in address.to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, self.timeout) {
                Ok(stream) => return Ok(stream),
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}

impl HttpClient for Client {
    fn send_bytes<'client, 'sending>(
        &'client self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'sending>>
    where
        'client: 'sending,
        Self: 'sending,
    {
        Box::pin(async move { self.send(&request) })
    }
}

/// Reads the status of an answer, when to try again, and its body if it is sent as it stands.
fn read(answer: &[u8]) -> Result<Response<Bytes>, HttpError> {
    let malformed = "the answer is not one of HTTP/1.1";
    let end = answer.windows(4).position(|part| part == b"\r\n\r\n").ok_or(malformed)?;
    let head = std::str::from_utf8(&answer[..end])?;
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.strip_prefix("HTTP/1.")?.split(' ').nth(1)).ok_or(malformed)?;
    let headers: Vec<_> = lines.filter_map(|line| line.split_once(':')).map(|(k, v)| (k, v.trim())).collect();
    let header = |name: &str| headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, v)| *v);
    let is_plain = header("transfer-encoding").is_none();
    let body = if is_plain { Bytes::copy_from_slice(&answer[end + 4..]) } else { Bytes::new() };
    let mut response = Response::builder().status(status);
    for name in ["content-type", "retry-after"] {
        if let Some(value) = header(name) {
            response = response.header(name, value);
        }
    }
    Ok(response.body(body)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_is_answered() {
        let answer = read(b"HTTP/1.1 503 Busy\r\nRetry-After: 7\r\ncontent-length: 2\r\n\r\nno").unwrap();
        assert_eq!((answer.status().as_u16(), &**answer.body()), (503, &b"no"[..]));
        assert_eq!(answer.headers()["retry-after"], "7");
        let chunked = read(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n").unwrap();
        assert!(chunked.body().is_empty());
        assert!(read(b"SSH-2.0-x\r\n\r\n").is_err() && read(b"HTTP/1.1 200 OK\r\n").is_err());
    }
}
