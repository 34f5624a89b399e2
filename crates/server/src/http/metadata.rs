//! The metadata of a protected resource, at the well-known places.

use std::borrow::Cow;
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_MAX_AGE,
    ALLOW, CACHE_CONTROL,
};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use serde::Deserialize;
use tower_service::Service;

use super::body::Body;
use super::endpoint::{empty, json};
use crate::McpServer;
use crate::operator::check_path;

const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// What is answered at the root and, for the path of the endpoint and for that of the URL that clients know, beneath it.
/// Anybody may read it, and pages of any origin.
///
/// [RFC 9728, section 3](https://www.rfc-editor.org/rfc/rfc9728#section-3)
#[derive(Debug, Clone)]
pub(super) struct Metadata {
    document: Bytes,
    beneath: Arc<[String]>,
}

impl Metadata {
    pub(super) fn of(server: &McpServer, path: Option<&str>) -> Option<Self> {
        let document = server.auth()?.metadata()?;
        let resource: Option<Resource<'_>> = serde_json::from_str(&document).ok();
        // A proxy in front may have taken a part of the path away, and not of this one.
        let known = resource.as_ref().and_then(|document| path_of(&document.resource));
        // What a router would take for a pattern is nothing that it can be asked for.
        let is_plain = |known: &str| check_path(known).is_ok() && !known.contains("/:") && !known.contains("/*");
        let known = known.filter(|known| is_plain(known) && path != Some(known));
        let paths = path.into_iter().chain(known).filter(|path| *path != "/");
        let beneath = paths.map(|path| format!("{WELL_KNOWN}{path}")).collect();
        Some(Self { beneath, document: document.into() })
    }

    pub(super) fn paths(&self) -> impl Iterator<Item = &str> {
        std::iter::once(WELL_KNOWN).chain(self.beneath.iter().map(String::as_str))
    }

    pub(super) fn is_at(&self, path: &str) -> bool {
        path.starts_with(WELL_KNOWN) && self.paths().any(|known| known == path)
    }

    pub(super) fn answer(&self, method: &Method) -> Response<Body> {
        let mut response = match *method {
            Method::GET | Method::HEAD => {
                let mut response = json(StatusCode::OK, self.document.clone());
                response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
                response
            }
            Method::OPTIONS => {
                let mut response = empty(StatusCode::NO_CONTENT);
                let headers = response.headers_mut();
                headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, HEAD"));
                headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("*"));
                headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("86400"));
                response
            }
            _ => {
                let mut response = empty(StatusCode::METHOD_NOT_ALLOWED);
                response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD, OPTIONS"));
                response
            }
        };
        response.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        response
    }
}

/// What the metadata are of.
#[derive(Deserialize)]
struct Resource<'a> {
    #[serde(borrow)]
    resource: Cow<'a, str>,
}

/// Returns the path of a URL, without a slash at its end; none if there is nothing else to it.
fn path_of(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    let path = &rest[rest.find('/')?..];
    let path = path.split(['?', '#']).next()?.trim_end_matches('/');
    Some(path).filter(|path| !path.is_empty())
}

impl<B> Service<Request<B>> for Metadata {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        ready(Ok(self.answer(request.method())))
    }
}
