//! Routes that are made again once the configuration of their server is another.

use std::net::IpAddr;
#[cfg(not(feature = "hot-reload"))]
use std::net::SocketAddr;
use std::sync::{Arc, RwLock};

#[cfg(not(feature = "hot-reload"))]
use turbomcp_transport::http::listener::Afterwards;

use super::server::{HttpServer, Routes};
use crate::Error;
#[cfg(not(feature = "hot-reload"))]
use crate::metrics::Connected;
#[cfg(not(feature = "hot-reload"))]
use crate::sync::read;

/// The routes of a server that is offered over HTTP, by the configuration that holds.
#[derive(Debug, Clone)]
pub(super) struct Renewal {
    inner: Arc<Inner>,
}

#[derive(Debug)]
#[cfg_attr(not(feature = "hot-reload"), expect(dead_code, reason = "nothing is made again"))]
struct Inner {
    settings: HttpServer,
    address: IpAddr,
    made: RwLock<Routes>,
}

impl Renewal {
    pub(super) fn new(settings: HttpServer, address: IpAddr) -> Result<Self, Error> {
        let made = RwLock::new(settings.routes(address, None)?);
        Ok(Self { inner: Arc::new(Inner { settings, address, made }) })
    }

    /// Returns the routes.
    #[cfg(not(feature = "hot-reload"))]
    pub(super) fn routes(&self) -> Routes {
        read(&self.inner.made).clone()
    }

    /// Returns the routes for a connection.
    #[cfg(not(feature = "hot-reload"))]
    pub(super) fn open(
        &self,
        address: Option<SocketAddr>,
        afterwards: &Afterwards,
        connected: &Arc<Connected>,
    ) -> Routes {
        self.routes().at(address, afterwards, connected)
    }
}

#[cfg(feature = "hot-reload")]
pub(super) use renewed::Renewing;

/// What is done where there may be something newer.
#[cfg(feature = "hot-reload")]
mod renewed {
    use std::convert::Infallible;
    use std::net::SocketAddr;
    use std::sync::Arc;
    use std::task::{Context, Poll};

    use http::{Request, Response};
    use hyper::body::Incoming;
    use tower_service::Service;
    use turbomcp_transport::http::listener::Afterwards;

    use super::{Renewal, Routes};
    use crate::http::body::Body;
    use crate::http::server::{Front, Pick};
    use crate::http::service::Answering;
    use crate::metrics::Connected;
    use crate::sync::{read, write};

    impl Renewal {
        /// Returns the routes.
        pub(in crate::http) fn routes(&self) -> Routes {
            let inner = &*self.inner;
            let made = read(&inner.made).clone();
            if made.is_newest() {
                return made;
            }
            let mut newest = write(&inner.made);
            if !newest.is_newest() {
                let settings = inner.settings.with_server(inner.settings.server.newest());
                match settings.routes(inner.address, Some(&newest)) {
                    Ok(routes) => *newest = routes,
                    // Settings were held against whatever can go wrong here when they were read.
                    Err(error) => tracing::error!(%error, "what is offered over HTTP stays as it was"),
                }
            }
            newest.clone()
        }

        /// Returns the routes for a connection.
        pub(in crate::http) fn open(
            &self,
            address: Option<SocketAddr>,
            afterwards: &Afterwards,
            connected: &Arc<Connected>,
        ) -> Opened {
            let renewal = self.clone();
            let routes = self.routes().at(address, afterwards, connected);
            Opened { renewal, routes, address, afterwards: afterwards.clone(), connected: connected.clone() }
        }
    }

    /// The routes of one connection, as they were when it was opened.
    pub(in crate::http) struct Opened {
        renewal: Renewal,
        routes: Routes,
        address: Option<SocketAddr>,
        afterwards: Afterwards,
        connected: Arc<Connected>,
    }

    impl Opened {
        pub(in crate::http) fn answer(&self, request: Request<Incoming>) -> Answering {
            match self.routes.is_newest() {
                true => self.routes.answer(request),
                false => self.renewal.routes().at(self.address, &self.afterwards, &self.connected).answer(request),
            }
        }
    }

    /// What answers at a path of a router, which has no connections of its own.
    #[derive(Clone)]
    pub(in crate::http) struct Renewing<S> {
        renewal: Renewal,
        routes: Routes,
        pick: Pick<S>,
    }

    impl<S> Renewing<S> {
        pub(in crate::http) fn new(renewal: &Renewal, pick: Pick<S>) -> Self {
            Self { renewal: renewal.clone(), routes: renewal.routes(), pick }
        }
    }

    impl<S, B> Service<Request<B>> for Renewing<S>
    where
        S: Service<Request<B>, Response = Response<Body>, Error = Infallible, Future = Answering> + Clone,
        B: Send + 'static,
    {
        type Response = Response<Body>;
        type Error = Infallible;
        type Future = Answering;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, request: Request<B>) -> Answering {
            let routes = if self.routes.is_newest() { &self.routes } else { &self.renewal.routes() };
            match (self.pick)(routes) {
                Some(Front::Plain(mut service)) => service.call(request),
                Some(Front::Cors(mut service)) => Box::pin(service.call(request)),
                // The paths do not change while a server runs.
                None => Box::pin(async { Ok(crate::http::endpoint::empty(http::StatusCode::NOT_FOUND)) }),
            }
        }
    }
}
