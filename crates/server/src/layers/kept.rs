//! What parts have that no file can say, for when a configuration takes the place of another.

use std::sync::Arc;

use super::MiddlewareStack;
use super::audit::{AuditConfig, AuditSink};
use super::clock::Clock;
use super::proxies::TrustedProxies;
use super::rate_store::SharedRateLimits;

/// What only code has given to parts, for when they are off by now and will be on again.
#[derive(Clone, Default)]
pub(crate) struct Kept {
    pub(crate) sink: Option<Arc<dyn AuditSink>>,
    pub(crate) shared: Option<SharedRateLimits>,
    audit: Option<AuditConfig>,
    rate_clock: Option<Clock>,
    rate_proxies: TrustedProxies,
    concurrency_proxies: TrustedProxies,
    #[cfg(feature = "cache")]
    cache_clock: Option<Clock>,
}

impl Kept {
    /// Takes what the parts have that are on.
    fn take_up(&mut self, stack: &MiddlewareStack) {
        if let Some(audit) = &stack.audit
            && let Some(sink) = &audit.sink
        {
            self.sink = Some(sink.clone());
            self.audit = Some(audit.clone());
        }
        if let Some(limit) = &stack.rate_limit {
            self.shared = limit.shared.clone().or(self.shared.take());
            self.rate_clock = Some(limit.clock.clone());
            self.rate_proxies.clone_from(&limit.trusted_proxies);
        }
        if let Some(concurrency) = &stack.concurrency {
            self.concurrency_proxies.clone_from(&concurrency.trusted_proxies);
        }
        #[cfg(feature = "cache")]
        if let Some(cache) = &stack.cache {
            self.cache_clock = Some(cache.clock.clone());
        }
    }
}

impl MiddlewareStack {
    /// Takes over what no file says, also for parts that are off: they may be on again later. Whoever else is told what is
    /// recorded stays so unless that was turned off.
    pub(crate) fn inherit(&mut self, before: &Self, is_audit_said: bool) {
        self.auth.clone_from(&before.auth);
        self.errors.clone_from(&before.errors);
        self.validation.clone_from(&before.validation);
        self.idempotency.clone_from(&before.idempotency);
        let mut kept = before.kept.clone();
        kept.take_up(before);
        if let Some(own) = &mut self.rate_limit {
            own.shared = kept.shared.clone().or(own.shared.take());
            own.trusted_proxies.or(&kept.rate_proxies);
            if let Some(clock) = &kept.rate_clock {
                own.clock.clone_from(clock);
            }
        }
        if let Some(own) = &mut self.concurrency {
            own.trusted_proxies.or(&kept.concurrency_proxies);
        }
        #[cfg(feature = "cache")]
        if let (Some(own), Some(clock)) = (&mut self.cache, &kept.cache_clock) {
            own.clock.clone_from(clock);
        }
        match (&mut self.audit, &kept.audit) {
            (Some(own), audit) => {
                own.sink = kept.sink.clone().or(own.sink.take());
                if let Some(audit) = audit {
                    own.trusted_proxies.or(&audit.trusted_proxies);
                }
            }
            (None, audit) if !is_audit_said && kept.sink.is_some() => {
                self.audit = Some(AuditConfig { sink: kept.sink.clone(), ..audit.clone().unwrap_or_default() });
            }
            (None, _) => {}
        }
        // What these bring themselves, where there was nothing before.
        kept.sink = kept.sink.or(self.kept.sink.take());
        kept.shared = kept.shared.or(self.kept.shared.take());
        self.kept = kept;
    }

    /// Has somebody else told what is recorded as before, where nothing is said of that.
    pub(crate) fn keep_sink(&mut self, before: &Self, is_audit_said: bool) {
        let mut kept = before.kept.clone();
        kept.take_up(before);
        if self.audit.is_none() && !is_audit_said && kept.sink.is_some() {
            self.audit = Some(AuditConfig::default());
        }
    }
}
