//! How many requests run at once.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use turbomcp_protocol::{McpError, Method};
use turbomcp_transport::authenticate::Refusal;

use super::caller::Caller;
use super::chain::{Answer, Layer};
use super::proxies::{Proxies, TrustedProxies};
use super::rate_limit::refuse;
use super::stack::lasts;
use crate::Error;
use crate::inner::Inner;
use crate::request::{Outcome, Request, Response};
use crate::sync::lock;

/// How many requests run at once, and what becomes of those for which there is no place.
///
/// `initialize`, `ping`, `subscriptions/listen` and `tasks/result` take no place. A call that becomes a task keeps the
/// place of its tool until the task is over, or is begun again elsewhere, which takes a place there; its other places
/// it gives up, as those who ask for the task need some. Whoever gets none is refused with the code 503, over HTTP with
/// that status, too, and told to try again in a second.
///
/// ```
/// use std::time::Duration;
/// use turbomcp_server::layers::{ConcurrencyConfig, Overload};
///
/// let config = ConcurrencyConfig::new(256)
///     .per_principal(16)
///     .tool("report", 2)
///     .overload(Overload::Queue { places: 64, longest: Duration::from_secs(5) });
/// # drop(config);
/// ```
#[derive(Debug, Clone)]
#[expect(clippy::exhaustive_structs, reason = "written out by users, and closed with `..Default::default()`")]
pub struct ConcurrencyConfig {
    /// How many requests run at once. 1024.
    pub max_requests: usize,
    /// How many of one caller; of whom nobody knows who they are, of one address. No fewer than others unless set.
    pub max_per_principal: Option<usize>,
    /// How many calls of a tool, by its name.
    pub max_per_tool: HashMap<String, usize>,
    /// What becomes of those for which there is no place. They are refused unless set.
    pub overload: Overload,
    /// The proxies that say where requests come from.
    pub trusted_proxies: TrustedProxies,
}

/// What becomes of requests for which there is no place.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Overload {
    /// They are refused at once.
    #[default]
    Shed,
    /// Some wait, for a while, and the others are refused.
    Queue {
        /// How many wait at once.
        places: usize,
        /// How long one waits, for all its places together.
        longest: Duration,
    },
}

impl ConcurrencyConfig {
    /// Lets so many requests run at once.
    #[must_use]
    pub fn new(max_requests: usize) -> Self {
        Self { max_requests, ..Self::default() }
    }

    /// Lets so many requests of one caller run at once.
    #[must_use]
    pub fn per_principal(mut self, requests: usize) -> Self {
        self.max_per_principal = Some(requests);
        self
    }

    /// Lets so many calls of one tool run at once.
    #[must_use]
    pub fn tool(mut self, name: impl Into<String>, calls: usize) -> Self {
        self.max_per_tool.insert(name.into(), calls);
        self
    }

    /// Sets what becomes of requests for which there is no place.
    #[must_use]
    pub fn overload(mut self, overload: Overload) -> Self {
        self.overload = overload;
        self
    }

    pub(super) fn ready(&self) -> Result<Concurrency, Error> {
        let check = |field: &str, number: usize| match number {
            0 => Err(Error::configuration(format!("`{field}` must not be zero"))),
            number if number > Semaphore::MAX_PERMITS => {
                Err(Error::configuration(format!("`{field}` must not be more than {}", Semaphore::MAX_PERMITS)))
            }
            number => Ok(Arc::new(Semaphore::new(number))),
        };
        let tools = self.max_per_tool.iter().map(|(name, calls)| Ok((name.clone(), check("max_per_tool", *calls)?)));
        let tools = tools.collect::<Result<_, Error>>()?;
        if let Some(requests) = self.max_per_principal {
            check("max_per_principal", requests)?;
        }
        if let Overload::Queue { places, longest } = self.overload
            && (places == 0 || longest.is_zero())
        {
            return Err(Error::configuration(
                "`overload`: a queue without places, or without time, is none; say `Shed`",
            ));
        }
        Ok(Concurrency {
            server: check("max_requests", self.max_requests)?,
            tools,
            per_principal: self.max_per_principal,
            principals: Mutex::default(),
            hasher: RandomState::new(),
            proxies: self.trusted_proxies.ready()?,
            overload: self.overload,
            waiting: AtomicUsize::new(0),
        })
    }
}

impl Default for ConcurrencyConfig {
    fn default() -> Self {
        Self {
            max_requests: 1024,
            max_per_principal: None,
            max_per_tool: HashMap::new(),
            overload: Overload::default(),
            trusted_proxies: TrustedProxies::default(),
        }
    }
}

/// The layer.
#[derive(Debug)]
pub(crate) struct Concurrency {
    server: Arc<Semaphore>,
    tools: HashMap<String, Arc<Semaphore>>,
    per_principal: Option<usize>,
    /// Of those that have requests, and of no others.
    principals: Mutex<HashMap<u64, Arc<Semaphore>>>,
    hasher: RandomState,
    proxies: Proxies,
    overload: Overload,
    waiting: AtomicUsize,
}

/// The place of a call of a tool, where these are counted.
#[derive(Debug, Default)]
pub(crate) struct ToolPlace {
    _permit: Option<OwnedSemaphorePermit>,
}

/// What a request holds while it runs.
#[derive(Default)]
struct Places<'a> {
    tool: Option<OwnedSemaphorePermit>,
    principal: Option<PrincipalPlace<'a>>,
    server: Option<OwnedSemaphorePermit>,
}

struct PrincipalPlace<'a> {
    of: &'a Concurrency,
    key: u64,
    places: Option<Arc<Semaphore>>,
    permit: Option<OwnedSemaphorePermit>,
}

impl Drop for PrincipalPlace<'_> {
    fn drop(&mut self) {
        let mut principals = lock(&self.of.principals);
        drop(self.permit.take());
        drop(self.places.take());
        // Whoever else has a request of this caller has a count of it, too.
        if principals.get(&self.key).is_some_and(|places| Arc::strong_count(places) == 1) {
            principals.remove(&self.key);
        }
    }
}

impl Concurrency {
    /// Takes a place of each kind, first that of the caller, so that whoever waits for one holds no other that
    /// strangers want.
    async fn places(&self, request: &Request) -> Option<Places<'_>> {
        let inner = request.inner();
        let mut places = Places::default();
        let mut since = None;
        if let Some(limit) = self.per_principal {
            let caller = Caller { inner, extensions: request.extensions(), proxies: &self.proxies };
            let key = caller.by_identity().local(&self.hasher);
            let of = lock(&self.principals).entry(key).or_insert_with(|| Arc::new(Semaphore::new(limit))).clone();
            let place =
                places.principal.insert(PrincipalPlace { of: self, key, places: Some(of.clone()), permit: None });
            place.permit = Some(self.take(&of, &mut since).await?);
        }
        if !self.tools.is_empty()
            && inner.method == Method::TOOLS_CALL
            && let Some(tool) = request.name().and_then(|name| self.tools.get(&*name))
        {
            places.tool = Some(self.take(tool, &mut since).await?);
        }
        places.server = Some(self.take(&self.server, &mut since).await?);
        Some(places)
    }

    /// Takes the place of a call of a tool if there is one, without waiting.
    pub(super) fn tool_place(&self, tool: &str) -> Option<ToolPlace> {
        let Some(places) = self.tools.get(tool) else { return Some(ToolPlace::default()) };
        places.clone().try_acquire_owned().ok().map(|permit| ToolPlace { _permit: Some(permit) })
    }

    /// Takes a place; `since` is when the request began to wait for its places.
    async fn take(&self, of: &Arc<Semaphore>, since: &mut Option<Instant>) -> Option<OwnedSemaphorePermit> {
        match of.clone().try_acquire_owned() {
            Ok(permit) => Some(permit),
            Err(_) => Box::pin(self.wait(of, since)).await,
        }
    }

    async fn wait(&self, of: &Arc<Semaphore>, since: &mut Option<Instant>) -> Option<OwnedSemaphorePermit> {
        let Overload::Queue { places, longest } = self.overload else { return None };
        let _waiting = Waiting::join(&self.waiting, places)?;
        let left = longest.saturating_sub(since.get_or_insert_with(Instant::now).elapsed());
        tokio::time::timeout(left, of.clone().acquire_owned()).await.ok()?.ok()
    }
}

/// A place among those who wait.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn join(waiting: &'a AtomicUsize, places: usize) -> Option<Self> {
        let more = |now| (now < places).then_some(now + 1);
        waiting.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok().map(|_| Self(waiting))
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Returns true for what costs nothing, or only waits.
fn takes_no_place(inner: &Inner) -> bool {
    lasts(&inner.method) || [Method::PING, Method::INITIALIZE].contains(&inner.method)
}

impl Layer for Concurrency {
    async fn around(&self, request: Request, rest: &impl Answer) -> Response {
        if takes_no_place(request.inner()) {
            return rest.answer(request).await;
        }
        match self.places(&request).await {
            Some(mut places) => {
                let calling = places.tool.is_some().then(|| request.inner().clone());
                let response = rest.answer(request).await;
                // What goes on as a task is work of its tool still. It is no request any more, and those that ask for
                // it or answer its questions have to find places.
                if let Ok(Outcome::Task(_)) = &response.outcome
                    && let Some(run) = calling.as_ref().and_then(|inner| inner.task())
                {
                    run.hold(ToolPlace { _permit: places.tool.take() });
                }
                drop(places);
                response
            }
            None => {
                let refusal = Refusal::unavailable(BUSY).with_header("retry-after", "1");
                refuse(&request, refusal, McpError::unavailable(BUSY), Duration::from_secs(1))
            }
        }
    }
}

const BUSY: &str = "too many requests are being answered";

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(config: &ConcurrencyConfig, field: &str) {
        let error = config.ready().unwrap_err();
        assert!(error.is_configuration() && error.to_string().contains(field), "{error}");
    }

    #[test]
    fn no_places_at_all_are_refused_by_name() {
        check(&ConcurrencyConfig::new(0), "`max_requests`");
        check(&ConcurrencyConfig::new(usize::MAX), "`max_requests`");
        check(&ConcurrencyConfig::new(1).per_principal(0), "`max_per_principal`");
        check(&ConcurrencyConfig::new(1).tool("a", 0), "`max_per_tool`");
        let queue = |places, longest| ConcurrencyConfig::new(1).overload(Overload::Queue { places, longest });
        check(&queue(0, Duration::from_secs(1)), "`overload`");
        check(&queue(1, Duration::ZERO), "`overload`");
        assert!(queue(1, Duration::from_secs(1)).ready().is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_finds_no_place_waits_if_there_is_room_for_that() {
        let longest = Duration::from_secs(5);
        let all = ConcurrencyConfig::new(1).overload(Overload::Queue { places: 1, longest }).ready().unwrap();
        let first = all.take(&all.server, &mut None).await.unwrap();
        let mut since = None;
        let mut waiting = std::pin::pin!(all.take(&all.server, &mut since));
        let polled = std::future::poll_fn(|cx| std::task::Poll::Ready(waiting.as_mut().poll(cx).is_pending())).await;
        assert!(polled);
        assert!(all.take(&all.server, &mut None).await.is_none(), "there is room for one to wait");
        drop(first);
        assert!(waiting.await.is_some());
        assert_eq!(all.waiting.load(Ordering::Relaxed), 0);
        // Time passes by itself here.
        let held = all.take(&all.server, &mut None).await;
        assert!(held.is_some() && all.take(&all.server, &mut None).await.is_none());
        assert_eq!(all.waiting.load(Ordering::Relaxed), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_waits_for_several_places_waits_no_longer() {
        let longest = Duration::from_secs(5);
        let all = ConcurrencyConfig::new(1).tool("a", 1).overload(Overload::Queue { places: 9, longest });
        let all = all.ready().unwrap();
        let (start, mut since) = (Instant::now(), None);
        let tool = all.take(&all.tools["a"], &mut None).await;
        let held = all.take(&all.server, &mut None).await;
        assert!(held.is_some());
        let (got, ()) = tokio::join!(all.take(&all.tools["a"], &mut since), async {
            tokio::time::sleep(Duration::from_secs(3)).await;
            drop(tool);
        });
        assert!(got.is_some());
        assert!(all.take(&all.server, &mut since).await.is_none());
        assert_eq!(start.elapsed().as_secs(), 5);
    }
}
