//! What is counted of each tenant.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, RwLock};
use std::time::Duration;

use super::TenantId;
use super::layer::Reason;
use crate::McpServer;
use crate::sync::{read, write};

/// What tenants are called together that are too many to be told apart. No tenant can be called that.
const OTHERS: &str = "_other";

/// What is counted of each tenant, from the first request on. Cloning shares it.
///
/// So many tenants have counters of their own as [`Tenancy::max_labels`](super::Tenancy::max_labels) says; all others
/// are counted together. Only tenants that there are have any.
///
/// ```
/// use std::time::Duration;
/// use turbomcp_server::ServerBuilder;
/// use turbomcp_server::tenancy::{MemoryTenantConfigs, Tenancy, TenantId};
///
/// let tenancy = Tenancy::new(MemoryTenantConfigs::new());
/// let server = ServerBuilder::new().with_tenancy(tenancy)?.build();
/// let metrics = server.tenants().unwrap().metrics();
/// // Requests are counted by themselves; this is for work that no request has asked for.
/// metrics.record_request_success(&TenantId::new("acme")?, Duration::from_millis(3));
/// assert_eq!(metrics.snapshot()[0].1.succeeded, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct TenantMetrics {
    inner: Arc<Inner>,
}

struct Inner {
    most: usize,
    tenants: RwLock<HashMap<TenantId, Arc<Counters>>>,
    others: Arc<Counters>,
    refused: [AtomicU64; Reason::ALL.len()],
}

/// What is counted of a tenant.
#[derive(Debug, Default)]
pub(super) struct Counters {
    succeeded: AtomicU64,
    failed: AtomicU64,
    cancelled: AtomicU64,
    refused: AtomicU64,
    in_flight: AtomicU64,
    micros: AtomicU64,
}

/// What was counted of a tenant by now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TenantSnapshot {
    /// Requests that were answered with a result, unless it is that of a tool that failed.
    pub succeeded: u64,
    /// Requests that were answered with an error, or with the result of a tool that failed.
    pub failed: u64,
    /// Requests that were cancelled.
    pub cancelled: u64,
    /// Requests that were refused, as the tenant is suspended or had sent too many.
    pub refused: u64,
    /// Requests that are being answered.
    pub in_flight: u64,
    /// How long the requests took together, but `subscriptions/listen`.
    pub total_time: Duration,
}

/// How a request of a tenant ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    Success,
    Failure,
    Cancelled,
}

impl Counters {
    pub(super) fn begin(&self) {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn end(&self, ended: Ended, took: Duration) {
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
        self.count(ended, took);
    }

    fn count(&self, ended: Ended, took: Duration) {
        let counter = match ended {
            Ended::Success => &self.succeeded,
            Ended::Failure => &self.failed,
            Ended::Cancelled => &self.cancelled,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        self.micros.fetch_add(u64::try_from(took.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    fn snapshot(&self) -> TenantSnapshot {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        TenantSnapshot {
            succeeded: read(&self.succeeded),
            failed: read(&self.failed),
            cancelled: read(&self.cancelled),
            refused: read(&self.refused),
            in_flight: read(&self.in_flight),
            total_time: Duration::from_micros(read(&self.micros)),
        }
    }
}

impl TenantMetrics {
    pub(super) fn new(most: usize) -> Self {
        let refused = Reason::ALL.map(|_| AtomicU64::new(0));
        Self { inner: Arc::new(Inner { most, tenants: RwLock::default(), others: Arc::default(), refused }) }
    }

    /// Counts work for a tenant that has succeeded, beside its requests.
    pub fn record_request_success(&self, tenant: &TenantId, elapsed: Duration) {
        self.of(tenant).count(Ended::Success, elapsed);
    }

    /// Counts work for a tenant that has failed, beside its requests.
    pub fn record_request_failure(&self, tenant: &TenantId, elapsed: Duration) {
        self.of(tenant).count(Ended::Failure, elapsed);
    }

    /// Returns what was counted by now, in the order of the tenants. Those that are counted together are called
    /// `_other`, and are the last.
    #[must_use]
    pub fn snapshot(&self) -> Vec<(String, TenantSnapshot)> {
        let tenants = read(&self.inner.tenants);
        let mut all: Vec<_> = tenants.iter().map(|(id, counters)| (id.to_string(), counters.snapshot())).collect();
        all.sort_by(|a, b| a.0.cmp(&b.0));
        let others = self.inner.others.snapshot();
        if others != TenantSnapshot::default() {
            all.push((OTHERS.to_owned(), others));
        }
        all
    }

    /// Returns what is counted of a tenant, or of all that are too many.
    pub(super) fn of(&self, tenant: &TenantId) -> Arc<Counters> {
        if let Some(counters) = read(&self.inner.tenants).get(tenant) {
            return counters.clone();
        }
        let mut tenants = write(&self.inner.tenants);
        if tenants.len() >= self.inner.most && !tenants.contains_key(tenant) {
            return self.inner.others.clone();
        }
        tenants.entry(tenant.clone()).or_default().clone()
    }

    pub(super) fn refused(&self, reason: Reason, tenant: Option<&TenantId>) {
        self.inner.refused[reason as usize].fetch_add(1, Ordering::Relaxed);
        if let Some(tenant) = tenant {
            self.of(tenant).refused.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl fmt::Debug for TenantMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TenantMetrics").field("tenants", &read(&self.inner.tenants).len()).finish()
    }
}

/// A family of samples for Prometheus.
pub(crate) struct Family {
    pub(crate) name: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) help: &'static str,
    pub(crate) samples: Vec<(Vec<(&'static str, String)>, f64)>,
}

/// Returns what is counted of the tenants of a server.
pub(crate) fn families(server: &McpServer) -> Vec<Family> {
    let Some(tenants) = server.tenants() else { return Vec::new() };
    let metrics = tenants.metrics();
    let all = metrics.snapshot();
    let number = |number: u64| number as f64;
    let of_each = |value: fn(&TenantSnapshot) -> f64| {
        all.iter().map(|(tenant, counted)| (vec![("tenant", tenant.clone())], value(counted))).collect()
    };
    let statuses = all.iter().flat_map(|(tenant, counted)| {
        let statuses = [
            ("success", counted.succeeded),
            ("error", counted.failed),
            ("cancelled", counted.cancelled),
            ("refused", counted.refused),
        ];
        statuses.into_iter().filter(|(_, count)| *count > 0).map(move |(status, count)| {
            (vec![("tenant", tenant.clone()), ("status", status.to_owned())], number(count))
        })
    });
    let refused = Reason::ALL.into_iter().filter_map(|reason| {
        let count = metrics.inner.refused[reason as usize].load(Ordering::Relaxed);
        (count > 0).then(|| (vec![("reason", reason.as_str().to_owned())], number(count)))
    });
    vec![
        Family {
            name: "tenant_requests_total",
            kind: "counter",
            help: "Requests, by tenant and by how they ended.",
            samples: statuses.collect(),
        },
        Family {
            name: "tenant_requests_in_flight",
            kind: "gauge",
            help: "Requests that are being answered, by tenant.",
            samples: of_each(|counted| counted.in_flight as f64),
        },
        Family {
            name: "tenant_request_seconds_total",
            kind: "counter",
            help: "The time that requests took together, by tenant.",
            samples: of_each(|counted| counted.total_time.as_secs_f64()),
        },
        Family {
            name: "tenant_refusals_total",
            kind: "counter",
            help: "Requests that were refused for their tenant, by why.",
            samples: refused.collect(),
        },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f149_so_many_tenants_have_labels_and_the_others_share_one() {
        let metrics = TenantMetrics::new(2);
        for n in 0..1000 {
            let tenant = TenantId::new(format!("t{}", n % 10)).unwrap();
            metrics.record_request_success(&tenant, Duration::from_micros(1));
        }
        metrics.record_request_failure(&TenantId::new("t0").unwrap(), Duration::ZERO);
        let all = metrics.snapshot();
        let names: Vec<_> = all.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["t0", "t1", OTHERS]);
        assert_eq!((all[0].1.succeeded, all[0].1.failed), (100, 1));
        assert_eq!((all[2].1.succeeded, all[2].1.total_time), (800, Duration::from_micros(800)));
        assert!(TenantId::new(OTHERS).is_err(), "nobody is called that");
    }
}
