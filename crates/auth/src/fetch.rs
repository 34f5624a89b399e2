//! Requests to where servers point: only https or this machine, only addresses that may be reached, and within limits
//! of size and time.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, LOCATION};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use hyper::body::{Body as _, Incoming};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::rt::TokioExecutor;
use tower_service::Service;

use crate::Error;
use crate::url::{Url, is_localhost};

/// How much of an answer is read.
const MAX_BYTES: usize = 256 << 10;

const MAX_REDIRECTS: usize = 3;

/// Which addresses may be reached, when a server says where to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reach {
    /// Those of the Internet.
    Public,
    /// Those of private networks and of this machine, too. This is the default if the server itself is addressed by
    /// such an address.
    Private,
}

impl Reach {
    /// Returns what may be reached by default from a place that somebody has set up.
    pub(crate) fn of(url: &Url) -> Self {
        let is_inside = url.is_loopback() || url.ip().is_some_and(is_private);
        if is_inside { Self::Private } else { Self::Public }
    }

    fn allows(self, ip: IpAddr) -> bool {
        let ip = embedded(ip.to_canonical());
        let never = ip.is_unspecified()
            || ip.is_multicast()
            || match ip {
                // Where clouds keep the metadata of machines.
                IpAddr::V4(ip) => ip.is_link_local() || ip.is_broadcast() || ip.octets()[0] == 0,
                IpAddr::V6(ip) => ip.is_unicast_link_local() || ip.octets() == AWS_METADATA,
            };
        !never && (self == Self::Private || !is_private(ip))
    }
}

/// `fd00:ec2::254`
const AWS_METADATA: [u8; 16] = [0xfd, 0, 0x0e, 0xc2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0x54];

fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            let [a, b, ..] = ip.octets();
            ip.is_private()
                || ip.is_loopback()
                // Shared by carriers, for benchmarks, and reserved.
                || (a == 100 && b & 0xc0 == 64)
                || (a == 198 && b & 0xfe == 18)
                || (a == 192 && b == 0)
                || a >= 240
        }
        IpAddr::V6(ip) => {
            let [a, b, c, ..] = ip.segments();
            // What NAT64 leads to is up to the network, for the prefix that is local.
            ip.is_loopback() || ip.is_unique_local() || a & 0xffc0 == 0xfec0 || [a, b, c] == [0x64, 0xff9b, 1]
        }
    }
}

/// Returns the address that NAT64 or 6to4 would go on to.
fn embedded(ip: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = ip else { return ip };
    let octets = v6.octets();
    let v4 = |at: usize| IpAddr::V4(Ipv4Addr::new(octets[at], octets[at + 1], octets[at + 2], octets[at + 3]));
    match v6.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, ..] => v4(12),
        [0x2002, ..] => v4(2),
        _ => ip,
    }
}

/// Fetches documents and posts forms.
pub(crate) struct Fetcher {
    client: Client<HttpsConnector<HttpConnector<Resolver>>, String>,
    reach: Reach,
    limit: Duration,
}

/// An answer, whole.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Fetcher {
    pub(crate) fn new(reach: Reach, limit: Duration) -> Result<Self, Error> {
        let mut tcp = HttpConnector::new_with_resolver(Resolver { reach });
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(limit));
        let tls = HttpsConnectorBuilder::new()
            .with_provider_and_webpki_roots(rustls::crypto::ring::default_provider())
            .map_err(|error| Error::connect("TLS cannot be set up").with_source(error))?;
        let connector = tls.https_or_http().enable_http1().wrap_connector(tcp);
        // Few requests, far apart: nothing is gained by connections that stay open.
        let client = Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(connector);
        Ok(Self { client, reach, limit })
    }

    /// Fetches a document, following redirects within its origin.
    pub(crate) async fn get(&self, url: &Url) -> Result<Answer, Error> {
        let following = async {
            let mut url = url.clone();
            for _ in 0..=MAX_REDIRECTS {
                let answer = self.send(Method::GET, &url, HeaderMap::new(), String::new()).await?;
                if !answer.status.is_redirection() || answer.status == StatusCode::NOT_MODIFIED {
                    return Ok(answer);
                }
                url = redirected(&url, &answer)?;
            }
            Err(Error::refused(format!("{} redirects without end", url.as_str())))
        };
        self.in_time(following).await
    }

    /// Posts a form or a document. Redirects are not followed.
    pub(crate) async fn post(
        &self,
        url: &Url,
        content_type: &'static str,
        mut headers: HeaderMap,
        body: String,
    ) -> Result<Answer, Error> {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        let answer = self.in_time(self.send(Method::POST, url, headers, body)).await?;
        if answer.status.is_redirection() {
            return Err(Error::refused(format!("{} redirects what was posted to it", url.as_str())));
        }
        Ok(answer)
    }

    async fn in_time<T>(&self, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        let timeout = tokio::time::timeout(self.limit, work).await;
        timeout.unwrap_or_else(|_| Err(Error::timeout("a request for authorization", self.limit)))
    }

    async fn send(&self, method: Method, url: &Url, headers: HeaderMap, body: String) -> Result<Answer, Error> {
        // A name is looked at when it is resolved; an address never is.
        if url.ip().is_some_and(|ip| !self.reach.allows(ip)) || (url.is_loopback() && self.reach == Reach::Public) {
            return Err(Error::refused(format!("{} is not on the public Internet", url.as_str())));
        }
        let mut request = Request::new(body);
        *request.method_mut() = method;
        *request.uri_mut() = url.uri().clone();
        *request.headers_mut() = headers;
        request.headers_mut().insert(ACCEPT, HeaderValue::from_static("application/json"));
        let unreachable = |error| Error::connect(format!("{} cannot be reached", url.as_str())).with_source(error);
        let response = self.client.request(request).await.map_err(unreachable)?;
        let (parts, body) = response.into_parts();
        let body = read(body, &parts.headers, url).await?;
        Ok(Answer { status: parts.status, headers: parts.headers, body })
    }
}

async fn read(mut body: Incoming, headers: &HeaderMap, url: &Url) -> Result<Bytes, Error> {
    let too_long = || Error::refused(format!("{} answers with more than {MAX_BYTES} bytes", url.as_str()));
    let stated = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if stated.is_some_and(|length| length > MAX_BYTES) {
        return Err(too_long());
    }
    let mut whole = Vec::new();
    while let Some(frame) = std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        let frame = frame
            .map_err(|error| Error::connect(format!("the answer of {} broke off", url.as_str())).with_source(error))?;
        if let Ok(data) = frame.into_data() {
            if whole.len() + data.len() > MAX_BYTES {
                return Err(too_long());
            }
            whole.extend_from_slice(&data);
        }
    }
    Ok(whole.into())
}

fn redirected(url: &Url, answer: &Answer) -> Result<Url, Error> {
    let refuse = |where_to: &str| Err(Error::refused(format!("{} redirects to {where_to}", url.as_str())));
    let Some(location) = answer.headers.get(LOCATION).and_then(|location| location.to_str().ok()) else {
        return refuse("nowhere");
    };
    let target = match location {
        _ if location.starts_with("//") => return refuse("another origin"),
        _ if location.starts_with('/') => format!("{}{location}", url.origin()),
        _ => location.to_owned(),
    };
    let target = Url::parse(&target, "where it redirects to")?;
    if target.is_same_origin(url) { Ok(target) } else { refuse("another origin") }
}

impl fmt::Debug for Fetcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fetcher").field("reach", &self.reach).finish_non_exhaustive()
    }
}

/// Resolves names, and leaves out addresses that may not be reached: what is checked is what is connected to.
#[derive(Clone)]
struct Resolver {
    reach: Reach,
}

impl Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, io::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), io::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let reach = self.reach;
        Box::pin(async move {
            let host = name.as_str();
            let addresses = tokio::net::lookup_host((host, 0)).await?;
            Ok(reachable(host, addresses, reach)?.into_iter())
        })
    }
}

/// Leaves out the addresses of a name that may not be reached.
fn reachable(
    host: &str,
    addresses: impl Iterator<Item = SocketAddr>,
    reach: Reach,
) -> Result<Vec<SocketAddr>, io::Error> {
    let is_allowed = |address: &SocketAddr| {
        if is_localhost(host) { address.ip().is_loopback() } else { reach.allows(address.ip()) }
    };
    let allowed: Vec<_> = addresses.filter(is_allowed).collect();
    if allowed.is_empty() { Err(io::Error::other("its addresses are not on the public Internet")) } else { Ok(allowed) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Holds SEC-06.
    #[test]
    fn defence_21_addresses_that_only_lead_inside_are_not_reached() {
        for (address, public, private) in [
            ("93.184.216.34", true, true),
            ("2606:2800:220:1::1", true, true),
            ("127.0.0.1", false, true),
            ("::1", false, true),
            ("10.1.2.3", false, true),
            ("172.16.0.1", false, true),
            ("192.168.1.1", false, true),
            ("100.64.0.1", false, true),
            ("fd12::1", false, true),
            ("::ffff:10.1.2.3", false, true),
            ("64:ff9b::a01:203", false, true),
            ("64:ff9b:1::a01:203", false, true),
            ("2002:a01:203::1", false, true),
            ("169.254.169.254", false, false),
            ("::ffff:169.254.169.254", false, false),
            ("64:ff9b::a9fe:a9fe", false, false),
            ("fd00:ec2::254", false, false),
            ("fe80::1", false, false),
            ("0.0.0.0", false, false),
            ("::", false, false),
            ("224.0.0.1", false, false),
            ("255.255.255.255", false, false),
        ] {
            let ip: IpAddr = address.parse().unwrap();
            assert_eq!(Reach::Public.allows(ip), public, "{address}");
            assert_eq!(Reach::Private.allows(ip), private, "{address}");
        }
    }

    /// Holds SEC-06.
    #[test]
    fn defence_21_a_name_is_reached_only_where_it_may_be() {
        let resolve = |host: &str, addresses: &[&str], reach| {
            let addresses = addresses.iter().map(|address| SocketAddr::new(address.parse().unwrap(), 0));
            let found = reachable(host, addresses, reach).ok()?;
            Some(found.iter().map(|address| address.ip().to_string()).collect::<Vec<_>>())
        };
        let public = "93.184.216.34";
        assert_eq!(resolve("a.example", &["10.0.0.1", public, "::1"], Reach::Public), Some(vec![public.to_owned()]));
        assert_eq!(resolve("a.example", &["127.0.0.1", "169.254.169.254"], Reach::Public), None);
        assert_eq!(resolve("a.example", &["169.254.169.254"], Reach::Private), None);
        assert_eq!(resolve("localhost", &[public], Reach::Private), None);
    }

    /// Holds SEC-06.
    #[tokio::test]
    async fn defence_21_a_name_of_this_machine_is_no_way_around() {
        let fetcher = Fetcher::new(Reach::Public, Duration::from_secs(5)).unwrap();
        for url in ["http://localhost:1/x", "https://127.0.0.1:1/", "https://169.254.169.254/", "https://[::1]/"] {
            let error = fetcher.get(&Url::parse(url, "it").unwrap()).await.err().unwrap();
            assert!(error.is_refused(), "{url}: {error}");
        }
    }
}
