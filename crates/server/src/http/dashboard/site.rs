//! Which page a request is for, and whether it may have it.

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::{ACCEPT, AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, ORIGIN, VARY, WWW_AUTHENTICATE};
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use http_body::Body as HttpBody;
use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};

use super::form::Submitted;
use super::{Dashboard, configuration, pages};
use crate::http::body::{self, Body, BodyError};
use crate::http::endpoint::{json, not_allowed, refuse, spared};
use crate::{Error, McpServer};

/// The longest form, and how long it may take to arrive.
const FORM_BYTES: usize = 1 << 20;
const FORM_TIME: Duration = Duration::from_secs(10);

/// The field by which a form of this process is told from one that somebody else has made.
pub(super) const TOKEN: &str = "token";

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// What a browser may do with a page: show it, with this style, this script and pictures that are in it, and submit forms
/// to where it came from.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; \
     form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// The pages of one server.
pub(super) struct Site {
    server: McpServer,
    token: String,
    /// By what a token is compared, in a time that says nothing of it.
    key: hmac::Key,
}

impl Site {
    pub(super) fn new(server: McpServer) -> Result<Self, Error> {
        let random = SystemRandom::new();
        let mut bytes = [0; 24];
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &random);
        match (random.fill(&mut bytes), key) {
            (Ok(()), Ok(key)) => Ok(Self { server, token: URL_SAFE_NO_PAD.encode(bytes), key }),
            _ => Err(Error::configuration("the system has no randomness")),
        }
    }

    /// Returns the server with the configuration that holds by now.
    pub(super) fn server(&self) -> McpServer {
        self.server.newest()
    }

    pub(super) fn token(&self) -> &str {
        &self.token
    }

    pub(super) fn dashboard(&self) -> &Dashboard {
        self.server.operator().dashboard.as_ref().expect("there is a site only where there is a dashboard")
    }

    /// Answers one HTTP request.
    pub(super) fn answer<B>(
        self: Arc<Self>,
        request: Request<B>,
    ) -> impl Future<Output = Result<Response<Body>, Infallible>> + Send
    where
        B: HttpBody<Data: Send> + Send + 'static,
    {
        let (parts, body) = request.into_parts();
        // In a box: a connection does not keep the room for it while there is no request.
        Box::pin(async move {
            let (version, mut body) = (parts.version, Some(body));
            let response = self.respond(&parts, &mut body).await.unwrap_or_else(|refused| *refused);
            let mut response = match body {
                Some(body) => spared(response, version, body).await,
                None => response,
            };
            protect(&mut response, pages::takes_forms(parts.uri.path()));
            Ok(response)
        })
    }

    async fn respond<B>(&self, parts: &Parts, body: &mut Option<B>) -> Result<Response<Body>, Box<Response<Body>>>
    where
        B: HttpBody<Data: Send> + Send,
    {
        self.admit(parts)?;
        let path = parts.uri.path();
        let query = parts.uri.query().unwrap_or_default().as_bytes();
        let query = Submitted::read(query).ok_or_else(|| refused(StatusCode::BAD_REQUEST, "the query is malformed"))?;
        let takes_forms = pages::takes_forms(path) && !self.dashboard().settings.read_only;
        match parts.method {
            Method::GET | Method::HEAD => Ok(self.get(parts, path, &query).await),
            Method::POST if takes_forms => {
                let form = self.form(parts, body).await?;
                Ok(match pages::submitted(self, path, &form).await {
                    Some((status, page)) => html(status, page),
                    None => self.missing(),
                })
            }
            _ if takes_forms => Err(Box::new(not_allowed("GET, HEAD, POST"))),
            _ => Err(Box::new(not_allowed("GET, HEAD"))),
        }
    }

    /// Refuses whoever names another host or comes from another page, and whoever does not know the password.
    fn admit(&self, parts: &Parts) -> Result<(), Box<Response<Body>>> {
        let settings = &self.dashboard().settings;
        let authority = parts.uri.authority().map(http::uri::Authority::as_str);
        if let Err(refusal) = settings.origins.check(&parts.headers, authority) {
            return Err(Box::new(refuse(refusal.status(), refusal.to_string())));
        }
        let Some(credentials) = &settings.credentials else { return Ok(()) };
        let given = parts.headers.get(AUTHORIZATION);
        if given.is_some_and(|given| credentials.are_in(given.as_bytes())) {
            return Ok(());
        }
        let mut response = refuse(StatusCode::UNAUTHORIZED, "the dashboard asks for a name and a password");
        let challenge = HeaderValue::from_static(r#"Basic realm="dashboard", charset="UTF-8""#);
        response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
        Err(Box::new(response))
    }

    /// Reads a form that a page of this process has sent.
    async fn form<B>(&self, parts: &Parts, body: &mut Option<B>) -> Result<Submitted, Box<Response<Body>>>
    where
        B: HttpBody<Data: Send> + Send,
    {
        let header = |name: &HeaderName| parts.headers.get(name).and_then(|value| value.to_str().ok());
        // A page of another port of this host has an origin that the policy lets pass, and browsers say so by this.
        let site = header(&HeaderName::from_static("sec-fetch-site"));
        let host = header(&http::header::HOST);
        let is_own = |origin: &str| origin.split_once("://").map(|(_, origin)| origin) == host;
        if site.is_some_and(|site| site != "same-origin") || header(&ORIGIN).is_some_and(|origin| !is_own(origin)) {
            return Err(refused(StatusCode::FORBIDDEN, "the form is not one of the dashboard"));
        }
        let kind = header(&CONTENT_TYPE).and_then(|kind| kind.split(';').next()).unwrap_or_default();
        if !kind.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            return Err(refused(StatusCode::UNSUPPORTED_MEDIA_TYPE, "the body must be a form"));
        }
        let Some(body) = body.take() else { return Err(refused(StatusCode::BAD_REQUEST, "the form is missing")) };
        let bytes = body::read(body, FORM_BYTES, FORM_TIME).await.map_err(|error| match error {
            BodyError::TooLarge => refused(StatusCode::PAYLOAD_TOO_LARGE, "the form is too long"),
            BodyError::TooSlow => refused(StatusCode::REQUEST_TIMEOUT, "the form took too long"),
            BodyError::Broken => refused(StatusCode::BAD_REQUEST, "the form is incomplete"),
        })?;
        let form = Submitted::read(&bytes).ok_or_else(|| refused(StatusCode::BAD_REQUEST, "the form is malformed"))?;
        let given = hmac::sign(&self.key, form.get(TOKEN).unwrap_or_default().as_bytes());
        match hmac::verify(&self.key, self.token.as_bytes(), given.as_ref()) {
            Ok(()) => Ok(form),
            Err(_) => Err(refused(StatusCode::FORBIDDEN, "the form is of another process: load its page again")),
        }
    }

    async fn get(&self, parts: &Parts, path: &str, query: &Submitted) -> Response<Body> {
        let accept = parts.headers.get(ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
        let wants_page = accept.contains("text/html");
        let value = match path {
            "/style.css" => return with_type("text/css; charset=utf-8", STYLE),
            "/script.js" => return with_type("text/javascript; charset=utf-8", SCRIPT),
            "/status" => configuration::status(self).await,
            "/metrics" if !wants_page => configuration::metrics(&self.server()),
            "/config" if !wants_page => configuration::configuration(&self.server()),
            _ => {
                return match pages::page(self, path, query).await {
                    Some(page) => html(StatusCode::OK, page),
                    None => self.missing(),
                };
            }
        };
        json(StatusCode::OK, serde_json::to_vec_pretty(&value).unwrap_or_default())
    }

    fn missing(&self) -> Response<Body> {
        html(StatusCode::NOT_FOUND, pages::missing(self))
    }
}

fn refused(status: StatusCode, message: &'static str) -> Box<Response<Body>> {
    Box::new(refuse(status, message))
}

fn html(status: StatusCode, page: String) -> Response<Body> {
    let mut response = with_type("text/html; charset=utf-8", page);
    *response.status_mut() = status;
    response
}

fn with_type(kind: &'static str, text: impl Into<bytes::Bytes>) -> Response<Body> {
    let mut response = Response::new(Body::full(text));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

/// Says what a browser may do with an answer, whatever it is.
fn protect(response: &mut Response<Body>, has_form: bool) {
    // A form of a page that sends no referrer to anybody has the origin `null`, as those of strangers may.
    let referrer = if has_form { "same-origin" } else { "no-referrer" };
    let headers = [
        ("content-security-policy", POLICY),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        ("permissions-policy", "camera=(), geolocation=(), microphone=()"),
        ("referrer-policy", referrer),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
    ];
    for (name, value) in headers {
        response.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.headers_mut().insert(VARY, HeaderValue::from_static("accept"));
}

impl fmt::Debug for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Site").field("server", &self.server).finish_non_exhaustive()
    }
}
