//! Which hosts and origins a server answers: the defence against DNS rebinding.
//!
//! A page on any site can have its name resolve to 127.0.0.1 and then talk to a server there as if it were its own.
//! What the page cannot do is choose the `Host` and `Origin` headers that the browser sends.

use std::error::Error;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use http::header::{HOST, ORIGIN};
use http::{HeaderMap, HeaderName, StatusCode};

/// Which `Host` a request may name.
///
/// # Examples
///
/// ```
/// use turbomcp_transport::http::origin::HostPolicy;
///
/// let policy = HostPolicy::allow(["mcp.example.com", "localhost:8080"])?;
/// # Ok::<(), turbomcp_transport::http::origin::InvalidEntry>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPolicy {
    hosts: Hosts,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Hosts {
    Any,
    Loopback,
    Listed(Vec<(String, Option<u16>)>),
}

impl HostPolicy {
    /// Allows `localhost` and loopback addresses, with any port.
    #[must_use]
    pub fn loopback() -> Self {
        Self { hosts: Hosts::Loopback }
    }

    /// Allows these hosts; one that is given without a port, with any port.
    ///
    /// # Errors
    ///
    /// Returns an error if an entry is not `host` or `host:port`.
    pub fn allow<S: AsRef<str>>(hosts: impl IntoIterator<Item = S>) -> Result<Self, InvalidEntry> {
        let read = |entry: S| {
            let authority =
                Authority::parse(entry.as_ref()).ok_or_else(|| InvalidEntry::new(entry.as_ref(), "host"))?;
            Ok((authority.host.to_ascii_lowercase(), authority.port))
        };
        hosts.into_iter().map(read).collect::<Result<_, _>>().map(|hosts| Self { hosts: Hosts::Listed(hosts) })
    }

    /// Allows any one host.
    ///
    /// A server that only this computer can reach is then open to every web site its user visits, unless it asks for
    /// credentials.
    #[must_use]
    pub fn any() -> Self {
        Self { hosts: Hosts::Any }
    }

    fn allows(&self, authority: Authority<'_>) -> bool {
        match &self.hosts {
            Hosts::Any => true,
            Hosts::Loopback => authority.is_loopback(),
            Hosts::Listed(listed) => listed.iter().any(|(host, port)| {
                host.eq_ignore_ascii_case(authority.host) && port.is_none_or(|port| authority.port == Some(port))
            }),
        }
    }
}

/// Which `Origin`, and which `Host`, a request may name.
///
/// A request without an `Origin` does not come from a page, and passes. One that has an `Origin` passes if that is
/// `http` or `https` with a host the [`HostPolicy`] allows, or one of those listed. If any host is allowed, the origin
/// must have the host and port that the request itself names.
///
/// # Examples
///
/// ```
/// use turbomcp_transport::http::origin::{HostPolicy, OriginPolicy};
///
/// let policy = OriginPolicy::new(HostPolicy::loopback()).allow_origins(["https://app.example.com"])?;
/// # Ok::<(), turbomcp_transport::http::origin::InvalidEntry>(())
/// ```
///
/// # Specification
///
/// [Security warning](https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/streamable-http#security-warning)
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OriginPolicy {
    hosts: HostPolicy,
    origins: Origins,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Origins {
    Any,
    Listed(Vec<OwnOrigin>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct OwnOrigin {
    scheme: String,
    host: String,
    port: Option<u16>,
}

impl OriginPolicy {
    /// Allows the origins that the hosts imply.
    #[must_use]
    pub fn new(hosts: HostPolicy) -> Self {
        Self { hosts, origins: Origins::Listed(Vec::new()) }
    }

    /// Returns the policy of a server that listens on this address: on a loopback address it answers only loopback
    /// hosts, elsewhere any host.
    #[must_use]
    pub fn for_listener(address: IpAddr) -> Self {
        let is_loopback = address.to_canonical().is_loopback();
        Self::new(if is_loopback { HostPolicy::loopback() } else { HostPolicy::any() })
    }

    /// Sets which hosts are allowed.
    #[must_use]
    pub fn hosts(mut self, hosts: HostPolicy) -> Self {
        self.hosts = hosts;
        self
    }

    /// Allows these hosts and no others, as [`HostPolicy::allow`].
    ///
    /// # Errors
    ///
    /// Returns an error if an entry is not `host` or `host:port`.
    pub fn allow_hosts<S: AsRef<str>>(self, hosts: impl IntoIterator<Item = S>) -> Result<Self, InvalidEntry> {
        HostPolicy::allow(hosts).map(|hosts| self.hosts(hosts))
    }

    /// Allows these origins besides those that the hosts imply.
    ///
    /// # Errors
    ///
    /// Returns an error if an entry is not `scheme://host` or `scheme://host:port`.
    pub fn allow_origins<S: AsRef<str>>(mut self, origins: impl IntoIterator<Item = S>) -> Result<Self, InvalidEntry> {
        for entry in origins {
            let entry = entry.as_ref();
            let Origin { scheme, authority } =
                Origin::parse(entry).ok_or_else(|| InvalidEntry::new(entry, "origin"))?;
            let origin = OwnOrigin {
                scheme: scheme.to_ascii_lowercase(),
                host: authority.host.to_ascii_lowercase(),
                port: authority.port.or_else(|| default_port(scheme)),
            };
            if let Origins::Listed(listed) = &mut self.origins {
                listed.push(origin);
            }
        }
        Ok(self)
    }

    /// Returns an origin as browsers write it: scheme and host in lower case, and no port that the scheme has anyway.
    ///
    /// ```
    /// use turbomcp_transport::http::origin::OriginPolicy;
    ///
    /// assert_eq!(OriginPolicy::canonical("HTTPS://App.Example.com:443")?, "https://app.example.com");
    /// assert!(OriginPolicy::canonical("https://app.example.com/").is_err());
    /// # Ok::<(), turbomcp_transport::http::origin::InvalidEntry>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns an error if it is not `scheme://host` or `scheme://host:port`.
    pub fn canonical(origin: &str) -> Result<String, InvalidEntry> {
        let Origin { scheme, authority } = Origin::parse(origin).ok_or_else(|| InvalidEntry::new(origin, "origin"))?;
        let usual_port = default_port(scheme);
        let host = match authority.address_in_brackets() {
            Some(address) => format!("[{address}]"),
            None if usual_port.is_some() => authority.host.to_ascii_lowercase(),
            // What the host of another scheme is, nobody but its owner can say.
            None => authority.host.to_owned(),
        };
        let port = authority.port.filter(|port| usual_port != Some(*port));
        let port = port.map(|port| format!(":{port}")).unwrap_or_default();
        Ok(format!("{}://{host}{port}", scheme.to_ascii_lowercase()))
    }

    /// Allows any origin, also `null` and what is none.
    ///
    /// Every web site that a user of the server visits can then use it in the user's place, unless it asks for
    /// credentials.
    #[must_use]
    pub fn allow_any_origin(mut self) -> Self {
        self.origins = Origins::Any;
        self
    }

    /// Checks the headers of a request; `uri_authority` is what the request line or `:authority` names, if anything.
    ///
    /// # Errors
    ///
    /// Returns the refusal to answer with if the request names no host, several, or one that is not allowed, or an
    /// origin that is not allowed.
    pub fn check(&self, headers: &HeaderMap, uri_authority: Option<&str>) -> Result<(), Refusal> {
        let host = host(headers, uri_authority)?;
        if !self.hosts.allows(host) {
            return Err(Refusal(Kind::HostNotAllowed));
        }
        if self.origins == Origins::Any {
            return Ok(());
        }
        match single(headers, &ORIGIN) {
            Ok(None) => Ok(()),
            Ok(Some(origin)) => {
                let origin = Origin::parse(origin).ok_or(Refusal(Kind::OriginMalformed))?;
                if self.allows(origin, host) { Ok(()) } else { Err(Refusal(Kind::OriginNotAllowed)) }
            }
            Err(Fault::Several) => Err(Refusal(Kind::SeveralOrigins)),
            Err(Fault::Malformed) => Err(Refusal(Kind::OriginMalformed)),
        }
    }

    fn allows(&self, origin: Origin<'_>, host: Authority<'_>) -> bool {
        let Origin { scheme, authority } = origin;
        let port = authority.port.or_else(|| default_port(scheme));
        let Origins::Listed(listed) = &self.origins else { return true };
        if listed.iter().any(|known| {
            known.scheme.eq_ignore_ascii_case(scheme)
                && known.host.eq_ignore_ascii_case(authority.host)
                && known.port == port
        }) {
            return true;
        }
        // Only of these two schemes can it be said what a host implies.
        let Some(default_port) = default_port(scheme) else { return false };
        if self.hosts.hosts == Hosts::Any {
            authority.host.eq_ignore_ascii_case(host.host) && port == host.port.or(Some(default_port))
        } else {
            self.hosts.allows(Authority { port, ..authority })
        }
    }
}

/// A request that is not answered for the host or the origin that it names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal(Kind);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    NoHost,
    SeveralHosts,
    HostMalformed,
    HostNotAllowed,
    SeveralOrigins,
    OriginMalformed,
    OriginNotAllowed,
}

impl Refusal {
    /// Returns the status to answer with: 400 if the request is broken, 403 if it is not welcome.
    #[must_use]
    pub fn status(self) -> StatusCode {
        match self.0 {
            Kind::NoHost | Kind::SeveralHosts | Kind::HostMalformed => StatusCode::BAD_REQUEST,
            Kind::HostNotAllowed | Kind::SeveralOrigins | Kind::OriginMalformed | Kind::OriginNotAllowed => {
                StatusCode::FORBIDDEN
            }
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Kind::NoHost => "request names no host",
            Kind::SeveralHosts => "request names several hosts",
            Kind::HostMalformed => "host is malformed",
            Kind::HostNotAllowed => "host is not among those the server allows (`allow_hosts`)",
            Kind::SeveralOrigins => "request names several origins",
            Kind::OriginMalformed => "origin is malformed",
            Kind::OriginNotAllowed => "origin is not among those the server allows (`allow_origins`)",
        })
    }
}

impl Error for Refusal {}

/// An entry of a list that is no host or origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidEntry {
    entry: String,
    what: &'static str,
}

impl InvalidEntry {
    fn new(entry: &str, what: &'static str) -> Self {
        Self { entry: entry.to_owned(), what }
    }
}

impl fmt::Display for InvalidEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let form = if self.what == "host" { "host` or `host:port" } else { "scheme://host` or `scheme://host:port" };
        write!(f, "`{}` is no {}; write `{form}`", self.entry, self.what)
    }
}

impl Error for InvalidEntry {}

/// A host, an IPv6 address in brackets, and the port if one is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Authority<'a> {
    host: &'a str,
    port: Option<u16>,
}

impl<'a> Authority<'a> {
    /// Reads `host` or `host:port`, and nothing more lenient: no user, no empty port, no trailing dot.
    fn parse(text: &'a str) -> Option<Self> {
        let position = |wanted| text.bytes().position(|byte| byte == wanted);
        let end = if text.starts_with('[') { position(b']')? + 1 } else { position(b':').unwrap_or(text.len()) };
        let (host, rest) = text.split_at(end);
        let port = match rest.strip_prefix(':') {
            Some(port) if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) => {
                Some(port.parse().ok()?)
            }
            Some(_) => return None,
            None if rest.is_empty() => None,
            None => return None,
        };
        let is_valid = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
            Some(address) => address.parse::<Ipv6Addr>().is_ok(),
            None => is_name(host),
        };
        is_valid.then_some(Self { host, port })
    }

    fn is_loopback(self) -> bool {
        // The usual spellings come first; the others cost a parse.
        self.host == "127.0.0.1"
            || self.host.eq_ignore_ascii_case("localhost")
            || self.host == "[::1]"
            || self.host.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback())
            || self.address_in_brackets().is_some_and(|address| address.is_loopback())
    }

    fn address_in_brackets(self) -> Option<Ipv6Addr> {
        self.host.strip_prefix('[')?.strip_suffix(']')?.parse().ok()
    }
}

/// True for labels with a dot between them, none of them empty.
fn is_name(host: &str) -> bool {
    let mut last = b'.';
    for byte in host.bytes() {
        if !(byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_') || (byte == b'.' && last != b'.')) {
            return false;
        }
        last = byte;
    }
    last != b'.'
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Origin<'a> {
    scheme: &'a str,
    authority: Authority<'a>,
}

impl<'a> Origin<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let (scheme, authority) = text.split_once("://")?;
        let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
        Some(Self { scheme, authority: Authority::parse(authority)? }).filter(|_| is_scheme)
    }
}

fn default_port(scheme: &str) -> Option<u16> {
    if scheme.eq_ignore_ascii_case("http") {
        Some(80)
    } else if scheme.eq_ignore_ascii_case("https") {
        Some(443)
    } else {
        None
    }
}

enum Fault {
    Several,
    Malformed,
}

/// Returns the one value of a header.
fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Fault> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Fault::Several);
    }
    value.to_str().map(Some).map_err(|_| Fault::Malformed)
}

/// Returns the one host that a request names, in the header, beside it, or in both places alike.
fn host<'a>(headers: &'a HeaderMap, uri_authority: Option<&'a str>) -> Result<Authority<'a>, Refusal> {
    let header = single(headers, &HOST).map_err(|fault| match fault {
        Fault::Several => Refusal(Kind::SeveralHosts),
        Fault::Malformed => Refusal(Kind::HostMalformed),
    })?;
    if let (Some(header), Some(uri)) = (header, uri_authority)
        && !header.eq_ignore_ascii_case(uri)
    {
        return Err(Refusal(Kind::SeveralHosts));
    }
    let host = header.or(uri_authority).ok_or(Refusal(Kind::NoHost))?;
    Authority::parse(host).ok_or(Refusal(Kind::HostMalformed))
}

#[cfg(test)]
mod tests;
