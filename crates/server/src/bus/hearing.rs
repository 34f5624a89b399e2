//! What a server does about what it hears.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::Heard;
use super::message::{self, Broken, Told};
use crate::McpServer;
use crate::access::{Guard, Who};
use crate::hub::Change;
#[cfg(feature = "multi-tenancy")]
use crate::tenancy::TenantId;

impl McpServer {
    /// Tells the clients of this replica of what was heard.
    pub(super) fn heard(&self, heard: &Heard) {
        // What decides who may know of something is code of others, and what it does to one message is not to end the
        // rest.
        let outcome = catch_unwind(AssertUnwindSafe(|| match heard {
            Heard::Message(message) => self.told(message),
            Heard::Missed => {
                #[cfg(feature = "http")]
                if let Some(sessions) = self.sessions() {
                    sessions.elsewhere().unheard();
                }
                self.everything_changed();
                Ok(())
            }
        }));
        match outcome {
            Ok(Ok(())) => {}
            Ok(Err(broken)) => warn_of(&broken),
            Err(_) => tracing::error!(
                "what another replica announced was not passed on: deciding who may know of it panicked"
            ),
        }
    }

    fn told(&self, message: &str) -> Result<(), Broken> {
        let Some(link) = self.bus() else { return Ok(()) };
        match message::read(message, link.id())? {
            None => {}
            Some(Told::Tools(guards)) => self.list_changed_elsewhere(Change::Tools, &guards),
            Some(Told::Prompts(guards)) => self.list_changed_elsewhere(Change::Prompts, &guards),
            Some(Told::Resources(guards)) => self.list_changed_elsewhere(Change::Resources, &guards),
            Some(Told::Updated(uri)) => self.resource_updated_elsewhere(&uri),
            #[cfg(feature = "multi-tenancy")]
            Some(Told::UpdatedFor(tenant, uri)) => {
                let tenant = TenantId::new(tenant).map_err(|_| Broken::Malformed)?;
                self.tenant_resource_updated_elsewhere(&tenant, &uri);
            }
            Some(Told::Everything) => self.everything_changed(),
            Some(Told::Unknown(kind)) => skipped(&kind),
            #[cfg(feature = "http")]
            Some(Told::Session(key, said)) => {
                if let Some(sessions) = self.sessions() {
                    sessions.elsewhere().repeat(key, said);
                }
            }
        }
        Ok(())
    }

    /// Tells those who may know of any of what has changed, by the rules of the other replica and by those of this one.
    fn list_changed_elsewhere(&self, change: Change<'_>, guards: &[Guard]) {
        let now = self.snapshot();
        let concerns = |who: Who<'_>| {
            let view = now.view_of(who);
            guards
                .iter()
                .any(|guard| view.sees(guard) && now.registry.guard_like(guard).is_none_or(|own| view.sees(own)))
        };
        let is_guarded = now.is_guarded() || guards.iter().any(Guard::hides);
        self.announce_here(change, is_guarded.then_some(&concerns));
    }

    fn everything_changed(&self) {
        #[cfg(feature = "cache")]
        if let Some(cache) = self.newest().built_in().and_then(|layers| layers.cache.as_ref()) {
            cache.forget_all();
        }
        let now = self.snapshot();
        let may_hear = |uri: &str, who: Who<'_>| now.may_hear_of(uri, who);
        let lists = now.registry.changes(&now.registry);
        self.hub().announce_everything(&lists, self.newest().limits().outgoing_notifications, &may_hear);
    }
}

/// Logs that a newer replica has told what is not understood here: that it does is worth knowing once.
fn skipped(kind: &str) {
    static WAS_TOLD: AtomicBool = AtomicBool::new(false);
    if WAS_TOLD.swap(true, Ordering::Relaxed) {
        tracing::debug!(kind, "what a newer replica has told was skipped");
    } else {
        tracing::warn!(kind, "newer replicas tell what this one has no word for: it is skipped");
    }
}

/// Logs that a message was skipped, but not as often as somebody sends one.
fn warn_of(broken: &Broken) {
    static SKIPPED: AtomicU64 = AtomicU64::new(0);
    let skipped = SKIPPED.fetch_add(1, Ordering::Relaxed) + 1;
    if skipped.is_power_of_two() {
        tracing::warn!(skipped, "a message on the bus was skipped: {broken}");
    }
}
