//! What only code can say of settings.

use std::sync::Arc;

use super::Settings;
use crate::layers::{AuditConfig, AuditSink, SharedRateLimits};
use crate::tasks::TaskStore;

impl Settings {
    /// Has somebody else told what is recorded, beside what is said of that: `audit.log_success` of a file holds for both.
    ///
    /// What is recorded where nothing is said of it is what [`AuditConfig::default`] has; where `audit.enabled` is false,
    /// nothing is. The sink stays when settings are read again.
    ///
    /// ```
    /// use turbomcp_server::layers::{AuditEvent, AuditSink};
    /// use turbomcp_server::settings::Settings;
    ///
    /// struct Print;
    ///
    /// impl AuditSink for Print {
    ///     fn record(&self, event: &AuditEvent<'_>) {
    ///         println!("{}: {}", event.action, event.outcome);
    ///     }
    /// }
    ///
    /// let settings = Settings::load().environment("NOTES").read()?.audit_sink(Print);
    /// # drop(settings);
    /// # Ok::<(), turbomcp_server::Error>(())
    /// ```
    #[must_use]
    pub fn audit_sink(mut self, sink: impl AuditSink) -> Self {
        let sink: Arc<dyn AuditSink> = Arc::new(sink);
        if !self.says("audit.enabled") {
            self.middleware.audit.get_or_insert_with(AuditConfig::default);
        }
        if let Some(audit) = &mut self.middleware.audit {
            audit.sink = Some(sink.clone());
        }
        #[cfg(feature = "hot-reload")]
        {
            self.middleware.kept.sink = Some(sink);
        }
        self
    }

    /// Has several servers count together what is said of a rate limit. Nothing is counted where nothing is said of one.
    /// The store stays when settings are read again.
    ///
    /// ```
    /// use turbomcp_server::layers::{RateBucket, RateLimitStore, RateVerdict, SharedRateLimits};
    /// use turbomcp_server::settings::Settings;
    ///
    /// fn count_together(settings: Settings, store: impl RateLimitStore) -> Settings {
    ///     settings.shared_rate_limits(SharedRateLimits::new(store))
    /// }
    /// ```
    #[must_use]
    pub fn shared_rate_limits(mut self, shared: SharedRateLimits) -> Self {
        if let Some(limit) = &mut self.middleware.rate_limit {
            limit.shared = Some(shared.clone());
        }
        #[cfg(feature = "hot-reload")]
        {
            self.middleware.kept.shared = Some(shared);
        }
        self
    }

    /// Keeps [tasks](crate::tasks) elsewhere than in memory, for as long and as many as is said. With a store there are
    /// tasks, whatever `tasks.enabled` is.
    ///
    /// ```
    /// use turbomcp_server::settings::Settings;
    /// use turbomcp_server::tasks::MemoryTasks;
    ///
    /// let settings = Settings::load().environment("NOTES").read()?.task_store(MemoryTasks::new());
    /// # drop(settings);
    /// # Ok::<(), turbomcp_server::Error>(())
    /// ```
    #[must_use]
    pub fn task_store(mut self, store: impl TaskStore) -> Self {
        self.task_store = Some(Arc::new(store));
        self
    }
}

#[cfg(feature = "hot-reload")]
pub(crate) use self::changes::{Base, Changes};

#[cfg(feature = "hot-reload")]
mod changes {
    use crate::ServerConfig;
    use crate::settings::Settings;
    use crate::settings::keys::{Key, keys};

    const ENABLED: &str = ".enabled";

    /// The keys that code has changed, and to what.
    #[derive(Debug)]
    pub(crate) struct Changes {
        to: Settings,
        keys: Vec<&'static Key>,
        /// Of these, keys have only a part.
        roots: bool,
        icons: bool,
    }

    impl Changes {
        /// Returns what differs, if anything does.
        pub(crate) fn between(before: &Settings, after: &Settings) -> Option<Self> {
            let differs = |key: &&Key| !(key.same)(&mut before.clone(), &mut after.clone());
            // Of a part that is off nothing else is meant.
            let is_off = |key: &Key| {
                let section = key.path.split('.').next().unwrap_or_default();
                let switch = keys().find(|switch| switch.path.strip_suffix(ENABLED) == Some(section));
                switch.is_some_and(|switch| (switch.show)(&mut after.clone()) == "false")
            };
            let keys: Vec<_> =
                keys().filter(differs).filter(|key| key.path.ends_with(ENABLED) || !is_off(key)).collect();
            let roots = before.config.roots != after.config.roots;
            let icons = before.config.icons != after.config.icons;
            let is_none = keys.is_empty() && !roots && !icons;
            (!is_none).then(|| Self { to: after.clone(), keys, roots, icons })
        }

        /// Makes them in other settings. What was turned on by code is off where those say so, and it did not have to be
        /// turned on against what was said then.
        pub(crate) fn lay_over(&self, settings: &mut Settings) {
            let said = settings.clone();
            let is_overruled =
                |key: &Key| key.path.ends_with(ENABLED) && said.says(key.path) && !self.to.says(key.path);
            let carried = self.keys.iter().copied().filter(|key| !is_overruled(key));
            for key in carried.clone() {
                (key.carry)(&mut self.to.clone(), settings);
            }
            // By any of its keys, a part has been turned on.
            for key in keys().filter(|key| key.path.ends_with(ENABLED)) {
                let is_same = (key.same)(&mut said.clone(), &mut settings.clone());
                if !is_same && !carried.clone().any(|carried| carried.path == key.path) {
                    (key.carry)(&mut said.clone(), settings);
                }
            }
            if self.roots {
                settings.config.roots.clone_from(&self.to.config.roots);
            }
            if self.icons {
                settings.config.icons.clone_from(&self.to.config.icons);
            }
        }
    }

    /// What a server is beside its settings.
    #[derive(Debug)]
    pub(crate) struct Base {
        /// What the builder was told before there were settings.
        before: ServerConfig,
        /// What it was told afterwards.
        after: Option<Changes>,
    }

    impl Base {
        pub(crate) fn new(before: ServerConfig, settings: &Settings, built: &ServerConfig) -> Self {
            let with = |config: ServerConfig| Settings { config, ..Settings::default() };
            let after = Changes::between(&with(settings.over(&before)), &with(built.clone()));
            Self { before, after }
        }

        /// Returns what the server is with other settings.
        pub(crate) fn with(&self, settings: &Settings) -> ServerConfig {
            let mut all = Settings { config: settings.over(&self.before), ..Settings::default() };
            if let Some(after) = &self.after {
                after.lay_over(&mut all);
            }
            all.config
        }
    }
}
