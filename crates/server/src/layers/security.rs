//! What browsers are told over HTTP: security headers, and who else may use a server.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http::header::{
    CONTENT_SECURITY_POLICY, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue, Response};
use tower_service::Service;

use super::csp::ContentSecurityPolicy;
use crate::{CorsConfig, Error};

/// What browsers are told over HTTP. Other bindings have no browsers.
///
/// ```
/// use turbomcp_server::CorsConfig;
/// use turbomcp_server::layers::{SecurityConfig, SecurityHeaders};
///
/// let config = SecurityConfig {
///     headers: Some(SecurityHeaders::strict()),
///     cors: CorsConfig::new().allowed_origins(["https://app.example.com"]),
/// };
/// # drop(config);
/// ```
#[derive(Debug, Clone, Default)]
#[expect(clippy::exhaustive_structs, reason = "written out by users, and closed with `..Default::default()`")]
pub struct SecurityConfig {
    /// The headers of every response, whatever its status. None unless set.
    pub headers: Option<SecurityHeaders>,
    /// Whose pages may use the server, beside those that [`HttpServer::cors`](crate::HttpServer::cors) names.
    pub cors: CorsConfig,
}

impl SecurityConfig {
    /// Sends [strict](SecurityHeaders::strict) headers, and lets no page of another origin use the server.
    #[must_use]
    pub fn strict() -> Self {
        Self { headers: Some(SecurityHeaders::strict()), cors: CorsConfig::default() }
    }

    /// Sets whose pages may use the server.
    #[must_use]
    pub fn cors(mut self, cors: CorsConfig) -> Self {
        self.cors = cors;
        self
    }

    /// Sets the headers of every response.
    #[must_use]
    pub fn headers(mut self, headers: SecurityHeaders) -> Self {
        self.headers = Some(headers);
        self
    }

    pub(super) fn ready(&self) -> Result<Security, Error> {
        self.cors.layer()?;
        let headers = self.headers.as_ref().map(SecurityHeaders::ready).transpose()?;
        Ok(Security { headers, cors: self.cors.clone() })
    }
}

/// The headers of every response over HTTP, that of a request which is refused included.
///
/// A header that a response has already is left alone.
///
/// ```
/// use std::time::Duration;
/// use turbomcp_server::layers::{ContentSecurityPolicy, FrameOptions, SecurityHeaders};
///
/// let headers = SecurityHeaders::strict()
///     .with_csp(ContentSecurityPolicy::new().default_src(["'self'"]).connect_src(["'self'", "wss:"]))
///     .with_hsts(Duration::from_secs(31_536_000))
///     .with_frame_options(FrameOptions::Deny)
///     .with_content_type_options(true);
/// # drop(headers);
/// ```
///
/// # Specification
///
/// [Content Security Policy](https://www.w3.org/TR/CSP3/),
/// [HTTP Strict Transport Security](https://www.rfc-editor.org/rfc/rfc6797)
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct SecurityHeaders {
    pub(crate) csp: Option<ContentSecurityPolicy>,
    pub(crate) hsts: Option<Hsts>,
    pub(crate) frames: Option<FrameOptions>,
    pub(crate) no_sniffing: bool,
    pub(crate) referrer: Option<String>,
}

/// Who may show what is answered in a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FrameOptions {
    /// Nobody.
    Deny,
    /// Pages of the same origin.
    SameOrigin,
}

/// For how long browsers use nothing but HTTPS (`Strict-Transport-Security`).
///
/// It is sent over TLS. A server behind a proxy that ends TLS for it does not see that, and says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct Hsts {
    pub(crate) max_age: Duration,
    pub(crate) subdomains: bool,
    pub(crate) behind_proxy: bool,
}

impl Hsts {
    /// For so long, to the second, and for this host alone.
    pub fn new(max_age: Duration) -> Self {
        Self { max_age, subdomains: false, behind_proxy: false }
    }

    /// For all hosts beneath this one, too.
    pub fn include_subdomains(mut self) -> Self {
        self.subdomains = true;
        self
    }

    /// Sends it without TLS, too, because a proxy in front has it.
    pub fn behind_proxy(mut self) -> Self {
        self.behind_proxy = true;
        self
    }
}

impl From<Duration> for Hsts {
    fn from(max_age: Duration) -> Self {
        Self::new(max_age)
    }
}

impl SecurityHeaders {
    /// Sends none.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sends what suits answers that are no pages: a policy by which nothing is loaded and nobody shows them in a
    /// frame, HTTPS for a year, the content type as it is said, and no referrer.
    pub fn strict() -> Self {
        Self::new()
            .with_csp(ContentSecurityPolicy::strict())
            .with_hsts(Duration::from_secs(31_536_000))
            .with_frame_options(FrameOptions::Deny)
            .with_content_type_options(true)
            .with_referrer_policy("no-referrer")
    }

    /// Sets `Content-Security-Policy`: a [`ContentSecurityPolicy`], or its text.
    pub fn with_csp(mut self, policy: impl Into<ContentSecurityPolicy>) -> Self {
        self.csp = Some(policy.into());
        self
    }

    /// Sets `Strict-Transport-Security`: a time, or [`Hsts`].
    pub fn with_hsts(mut self, hsts: impl Into<Hsts>) -> Self {
        self.hsts = Some(hsts.into());
        self
    }

    /// Sets `X-Frame-Options`.
    pub fn with_frame_options(mut self, frames: FrameOptions) -> Self {
        self.frames = Some(frames);
        self
    }

    /// Sets whether there is `X-Content-Type-Options: nosniff`.
    pub fn with_content_type_options(mut self, is_sent: bool) -> Self {
        self.no_sniffing = is_sent;
        self
    }

    /// Sets `Referrer-Policy`.
    pub fn with_referrer_policy(mut self, policy: impl Into<String>) -> Self {
        self.referrer = Some(policy.into());
        self
    }

    /// Finds what cannot be sent.
    #[cfg(feature = "config-files")]
    pub(crate) fn check(&self) -> Result<(), Error> {
        self.ready().map(drop)
    }

    fn ready(&self) -> Result<Headers, Error> {
        let value = |field: &str, text: String| {
            HeaderValue::try_from(text)
                .map_err(|_| Error::configuration(format!("`{field}` cannot be the value of a header")))
        };
        let mut always = Vec::new();
        if let Some(policy) = &self.csp {
            always.push((CONTENT_SECURITY_POLICY, value("csp", policy.text()?)?));
        }
        if let Some(frames) = self.frames {
            let text = match frames {
                FrameOptions::Deny => "DENY",
                FrameOptions::SameOrigin => "SAMEORIGIN",
            };
            always.push((X_FRAME_OPTIONS, HeaderValue::from_static(text)));
        }
        if self.no_sniffing {
            always.push((X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")));
        }
        if let Some(policy) = &self.referrer {
            always.push((REFERRER_POLICY, value("referrer_policy", policy.clone())?));
        }
        let hsts = self.hsts.map(|hsts| {
            let rest = if hsts.subdomains { "; includeSubDomains" } else { "" };
            value("hsts", format!("max-age={}{rest}", hsts.max_age.as_secs())).map(|text| (text, hsts.behind_proxy))
        });
        Ok(Headers { always, hsts: hsts.transpose()? })
    }
}

/// The same, ready to be sent.
#[derive(Debug)]
pub(crate) struct Security {
    headers: Option<Headers>,
    pub(crate) cors: CorsConfig,
}

#[derive(Debug)]
struct Headers {
    always: Vec<(HeaderName, HeaderValue)>,
    /// What is sent over TLS, and whether it is sent without, too.
    hsts: Option<(HeaderValue, bool)>,
}

impl Security {
    /// Adds what browsers are told.
    pub(crate) fn dress(&self, headers: &mut HeaderMap, is_tls: bool) {
        let Some(all) = &self.headers else { return };
        headers.reserve(all.always.len() + 1);
        for (name, value) in &all.always {
            headers.entry(name).or_insert_with(|| value.clone());
        }
        if let Some((value, behind_proxy)) = &all.hsts
            && (is_tls || *behind_proxy)
        {
            headers.entry(STRICT_TRANSPORT_SECURITY).or_insert_with(|| value.clone());
        }
    }

    pub(crate) fn has_headers(&self) -> bool {
        self.headers.is_some()
    }
}

/// Adds the headers to responses: of a listener, or as a layer of an axum router.
#[derive(Debug, Clone)]
pub(crate) struct Dress {
    server: crate::McpServer,
    is_tls: bool,
}

type Dressing<B, E> = Pin<Box<dyn Future<Output = Result<Response<B>, E>> + Send>>;

impl Dress {
    pub(crate) fn new(server: crate::McpServer, is_tls: bool) -> Self {
        Self { server, is_tls }
    }

    pub(crate) fn dressed<B: 'static, E: 'static>(
        &self,
        answering: impl Future<Output = Result<Response<B>, E>> + Send + 'static,
    ) -> Dressing<B, E> {
        let Self { server, is_tls } = self.clone();
        Box::pin(async move {
            let mut response = answering.await?;
            if let Some(security) = server.security() {
                security.dress(response.headers_mut(), is_tls);
            }
            Ok(response)
        })
    }
}

impl<S> tower_layer::Layer<S> for Dress {
    type Service = Dressed<S>;

    fn layer(&self, inner: S) -> Dressed<S> {
        Dressed { dress: self.clone(), inner }
    }
}

/// A part of an axum router whose responses have the headers.
#[derive(Debug, Clone)]
pub(crate) struct Dressed<S> {
    dress: Dress,
    inner: S,
}

impl<S, R, B> Service<R> for Dressed<S>
where
    S: Service<R, Response = Response<B>>,
    S::Future: Send + 'static,
    S::Error: 'static,
    B: 'static,
{
    type Response = Response<B>;
    type Error = S::Error;
    type Future = Dressing<B, S::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: R) -> Self::Future {
        self.dress.dressed(self.inner.call(request))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(headers: &SecurityHeaders, is_tls: bool) -> Vec<(String, String)> {
        let security = SecurityConfig::default().headers(headers.clone()).ready().unwrap();
        let mut map = HeaderMap::new();
        security.dress(&mut map, is_tls);
        let text = |value: &HeaderValue| value.to_str().unwrap().to_owned();
        let mut all: Vec<_> = map.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect();
        all.sort();
        all
    }

    #[track_caller]
    fn check(headers: &SecurityHeaders, is_tls: bool, expected: &[(&str, &str)]) {
        let sent = sent(headers, is_tls);
        let sent: Vec<_> = sent.iter().map(|(name, value)| (&**name, &**value)).collect();
        assert_eq!(sent, expected);
    }

    #[test]
    fn f170_each_setting_is_a_header() {
        let none = SecurityHeaders::new();
        check(&none, true, &[]);
        check(
            &none.clone().with_csp("default-src 'self'; connect-src 'self' wss:"),
            false,
            &[("content-security-policy", "default-src 'self'; connect-src 'self' wss:")],
        );
        check(&none.clone().with_frame_options(FrameOptions::Deny), false, &[("x-frame-options", "DENY")]);
        check(&none.clone().with_frame_options(FrameOptions::SameOrigin), false, &[("x-frame-options", "SAMEORIGIN")]);
        check(&none.clone().with_content_type_options(true), false, &[("x-content-type-options", "nosniff")]);
        check(&none.clone().with_referrer_policy("same-origin"), false, &[("referrer-policy", "same-origin")]);
    }

    #[test]
    fn f73_https_is_insisted_on_where_there_is_https() {
        let year = Duration::from_secs(31_536_000);
        let hsts = |hsts: Hsts| SecurityHeaders::new().with_hsts(hsts);
        check(&SecurityHeaders::new().with_hsts(year), true, &[("strict-transport-security", "max-age=31536000")]);
        check(&hsts(Hsts::new(year)), false, &[]);
        let everywhere = "max-age=31536000; includeSubDomains";
        check(&hsts(Hsts::new(year).include_subdomains()), true, &[("strict-transport-security", everywhere)]);
        check(&hsts(Hsts::new(year).behind_proxy()), false, &[("strict-transport-security", "max-age=31536000")]);
    }

    #[test]
    fn a_header_that_is_there_stays() {
        let security = SecurityConfig::strict().ready().unwrap();
        let mut headers = HeaderMap::new();
        headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("SAMEORIGIN"));
        security.dress(&mut headers, false);
        assert_eq!(headers[X_FRAME_OPTIONS], "SAMEORIGIN");
        assert_eq!(headers[X_CONTENT_TYPE_OPTIONS], "nosniff");
    }

    #[test]
    fn what_cannot_be_a_header_is_refused_by_name() {
        let check = |headers: SecurityHeaders, field: &str| {
            let error = SecurityConfig::default().headers(headers).ready().unwrap_err();
            assert!(error.is_configuration() && error.to_string().contains(field), "{error}");
        };
        check(SecurityHeaders::new().with_csp("default-src\n'self'"), "`csp`");
        check(SecurityHeaders::new().with_csp(ContentSecurityPolicy::new().script_src(["a; b"])), "`script-src`");
        check(SecurityHeaders::new().with_referrer_policy("no\n"), "`referrer_policy`");
        let cors = CorsConfig::new().allowed_methods(["PATCH"]);
        assert!(SecurityConfig::default().cors(cors).ready().unwrap_err().to_string().contains("PATCH"));
    }
}
