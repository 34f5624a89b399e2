//! The tenants that are known, and what there is of each at the moment.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use std::time::Duration;

use tokio::time::Instant;

use super::bucket::Bucket;
use super::source::ErasedConfigs;
use super::tenant::Used;
use super::{Tenant, TenantConfig, TenantId};
use crate::BoxError;
use crate::sync::{lock, read, write};

/// How many ids are remembered that stand for no tenant.
const UNKNOWN: usize = 1024;

/// For how long, at most.
const UNKNOWN_FOR: Duration = Duration::from_secs(5);

/// What there is of a tenant at the moment.
#[derive(Debug)]
pub(super) struct State {
    /// As it was loaded last.
    tenant: RwLock<(Tenant, Stamp)>,
    used: Arc<Used>,
    pub(super) bucket: Bucket,
    pub(super) running: AtomicUsize,
    pub(super) listening: AtomicUsize,
    last_used: AtomicU64,
}

/// When something was loaded.
#[derive(Debug, Clone, Copy)]
struct Stamp {
    at: Instant,
    reloads: u64,
    version: Option<u64>,
}

/// The tenants that are known. As many as there may be are kept; of those nothing runs for, the ones that were not used
/// for longest are forgotten first.
pub(super) struct Table {
    configs: Box<dyn ErasedConfigs>,
    most: usize,
    known: Mutex<HashMap<TenantId, Arc<State>>>,
    unknown: Mutex<HashMap<TenantId, Stamp>>,
    reloads: AtomicU64,
    uses: AtomicU64,
}

impl State {
    pub(super) fn tenant(&self) -> Tenant {
        read(&self.tenant).0.clone()
    }

    fn is_idle(&self) -> bool {
        self.running.load(Ordering::Acquire) == 0 && self.listening.load(Ordering::Acquire) == 0
    }
}

impl Table {
    pub(super) fn new(configs: Box<dyn ErasedConfigs>, most: usize) -> Self {
        Self {
            configs,
            most,
            known: Mutex::default(),
            unknown: Mutex::default(),
            reloads: AtomicU64::new(0),
            uses: AtomicU64::new(0),
        }
    }

    /// Has all configurations loaded again, when they are needed next.
    pub(super) fn reload(&self) {
        self.reloads.fetch_add(1, Ordering::AcqRel);
    }

    fn stamp(&self) -> Stamp {
        let reloads = self.reloads.load(Ordering::Acquire);
        Stamp { at: Instant::now(), reloads, version: self.configs.version() }
    }

    /// Returns true if what was loaded then still holds.
    fn holds(&self, then: Stamp, now: Stamp, limit: Duration) -> bool {
        let is_fresh = match now.version {
            Some(_) => then.version == now.version,
            None => now.at.saturating_duration_since(then.at) < self.configs.fresh_for().min(limit),
        };
        is_fresh && then.reloads == now.reloads
    }

    /// Finds a tenant, loading its configuration if that is not known; none if there is no such tenant.
    pub(super) async fn find(&self, id: &TenantId) -> Result<Option<Arc<State>>, BoxError> {
        let now = self.stamp();
        let known = lock(&self.known).get(id).cloned();
        if let Some(state) = known.filter(|state| self.holds(read(&state.tenant).1, now, Duration::MAX)) {
            self.touch(&state);
            return Ok(Some(state));
        }
        if lock(&self.unknown).get(id).is_some_and(|then| self.holds(*then, now, UNKNOWN_FOR)) {
            return Ok(None);
        }
        match self.configs.load(id).await? {
            Some(config) => {
                config.check()?;
                // The moment before it was loaded: what changed meanwhile is noticed.
                Ok(Some(self.keep(id, config, now)))
            }
            None => {
                lock(&self.known).remove(id);
                let mut unknown = lock(&self.unknown);
                if unknown.len() >= UNKNOWN {
                    unknown.clear();
                }
                unknown.insert(id.clone(), now);
                Ok(None)
            }
        }
    }

    /// Returns a tenant without looking it up: with its configuration if that is known.
    pub(super) fn known(&self, id: TenantId) -> Tenant {
        let known = lock(&self.known).get(&id).map(|state| state.tenant());
        known.unwrap_or_else(|| Tenant::new(id, TenantConfig::default()))
    }

    fn touch(&self, state: &State) {
        state.last_used.store(self.uses.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
    }

    fn keep(&self, id: &TenantId, config: TenantConfig, stamp: Stamp) -> Arc<State> {
        let mut known = lock(&self.known);
        let state = match known.get(id) {
            Some(state) => {
                let mut tenant = write(&state.tenant);
                // One that was loaded later may have come earlier.
                if tenant.1.at <= stamp.at {
                    if *tenant.0.config() != config {
                        tenant.0 = Tenant::with_use(id.clone(), config, state.used.clone());
                    }
                    tenant.1 = stamp;
                }
                drop(tenant);
                state.clone()
            }
            None => {
                if known.len() >= self.most {
                    make_room(&mut known, (self.most / 16).max(1));
                }
                let used = Arc::<Used>::default();
                let state = Arc::new(State {
                    tenant: RwLock::new((Tenant::with_use(id.clone(), config, used.clone()), stamp)),
                    used,
                    bucket: Bucket::default(),
                    running: AtomicUsize::new(0),
                    listening: AtomicUsize::new(0),
                    last_used: AtomicU64::new(0),
                });
                known.insert(id.clone(), state.clone());
                state
            }
        };
        self.touch(&state);
        state
    }
}

/// Forgets so many of those that nothing runs for, first those of whose quotas nothing is used up.
fn make_room(known: &mut HashMap<TenantId, Arc<State>>, places: usize) {
    let key = |state: &State| (!state.used.is_empty(), state.last_used.load(Ordering::Relaxed));
    let idle = known.iter().filter(|(_, state)| state.is_idle());
    let mut idle: Vec<_> = idle.map(|(id, state)| (key(state), id.clone())).collect();
    idle.sort_unstable();
    for (_, id) in idle.into_iter().take(places) {
        known.remove(&id);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use super::*;
    use crate::tenancy::{MemoryTenantConfigs, Quota, TenantConfigs, TenantStatus};

    fn id(text: &str) -> TenantId {
        TenantId::new(text).unwrap()
    }

    /// Counts how often it is asked; knows `acme`, unless it fails.
    #[derive(Default)]
    struct Asked {
        times: AtomicUsize,
        fails: AtomicBool,
        suspended: AtomicBool,
    }

    impl TenantConfigs for Arc<Asked> {
        async fn load_config(&self, tenant: &TenantId) -> Result<Option<TenantConfig>, BoxError> {
            self.times.fetch_add(1, Ordering::Relaxed);
            if self.fails.load(Ordering::Relaxed) {
                return Err("no connection".into());
            }
            let is_suspended = self.suspended.load(Ordering::Relaxed);
            let status = if is_suspended { TenantStatus::Suspended } else { TenantStatus::Active };
            Ok((tenant.as_str() == "acme").then(|| TenantConfig { status, ..TenantConfig::default() }))
        }
    }

    #[tokio::test(start_paused = true)]
    async fn f143_an_answer_holds_for_a_while_or_until_somebody_says_otherwise() {
        let asked = Arc::new(Asked::default());
        let table = Table::new(Box::new(asked.clone()), 10);
        let times = || asked.times.load(Ordering::Relaxed);
        for _ in 0..3 {
            assert!(table.find(&id("acme")).await.unwrap().is_some());
            assert!(table.find(&id("nobody")).await.unwrap().is_none());
        }
        assert_eq!(times(), 2, "what is not there is remembered, too");
        tokio::time::advance(UNKNOWN_FOR).await;
        assert!(table.find(&id("nobody")).await.unwrap().is_none());
        assert!(table.find(&id("acme")).await.unwrap().is_some());
        assert_eq!(times(), 3);
        asked.suspended.store(true, Ordering::Relaxed);
        assert!(table.find(&id("acme")).await.unwrap().unwrap().tenant().config().is_active());
        table.reload();
        assert!(!table.find(&id("acme")).await.unwrap().unwrap().tenant().config().is_active());
        assert_eq!(times(), 4);
        tokio::time::advance(Duration::from_secs(30)).await;
        asked.fails.store(true, Ordering::Relaxed);
        assert!(table.find(&id("acme")).await.is_err(), "what is old is not gone on with");
    }

    #[tokio::test]
    async fn changes_in_memory_count_at_once_and_what_is_used_up_stays_so() {
        let configs = MemoryTenantConfigs::new();
        let table = Table::new(Box::new(configs.clone()), 10);
        assert!(table.find(&id("acme")).await.unwrap().is_none());
        let quotas: HashMap<_, _> = [("q".to_owned(), Quota::per_day(2))].into();
        configs.set(id("acme"), TenantConfig { quotas: quotas.clone(), ..TenantConfig::default() }).unwrap();
        let before = table.find(&id("acme")).await.unwrap().unwrap();
        assert!(before.tenant().spend_quota("q").is_ok());
        let config = TenantConfig { quotas, max_subscriptions: Some(1), ..TenantConfig::default() };
        configs.set(id("acme"), config).unwrap();
        let after = table.find(&id("acme")).await.unwrap().unwrap();
        assert_eq!(after.tenant().config().max_subscriptions, Some(1));
        assert!(Arc::ptr_eq(&before, &after));
        assert!(after.tenant().spend_quota("q").is_ok() && after.tenant().spend_quota("q").is_err());
        assert!(configs.remove(&id("acme")));
        assert!(table.find(&id("acme")).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn so_many_are_kept_and_no_more() {
        let configs = MemoryTenantConfigs::new();
        configs.replace((0..100).map(|n| (id(&format!("t{n}")), TenantConfig::default()))).unwrap();
        let table = Table::new(Box::new(configs), 10);
        let busy = table.find(&id("t0")).await.unwrap().unwrap();
        busy.running.fetch_add(1, Ordering::AcqRel);
        for n in 1..100 {
            assert!(table.find(&id(&format!("t{n}"))).await.unwrap().is_some());
            assert!(lock(&table.known).len() <= 10);
        }
        assert!(Arc::ptr_eq(&busy, &table.find(&id("t0")).await.unwrap().unwrap()), "what is in use stays");
        for n in 0..3 * UNKNOWN {
            assert!(table.find(&id(&format!("x{n}"))).await.unwrap().is_none());
        }
        assert!(lock(&table.unknown).len() <= UNKNOWN);
    }
}
