//! Servers that are what their settings say.

use std::sync::Arc;

#[cfg(any(feature = "stdio", feature = "http", feature = "tcp", feature = "tls", all(unix, feature = "unix")))]
use crate::environment::Binding;
use crate::settings::{Settings, Tools};
use crate::tasks::TaskConfig;
use crate::{Error, McpServer, PrimitiveKind, ServerBuilder, ServerConfig, Visibility};

impl ServerBuilder {
    /// Makes the server what settings say.
    ///
    /// The name, version, title, description, icons, roots and instructions that the builder has stay where the settings
    /// say nothing of them. Layers and middleware that were added before stand within those of the settings, as with
    /// [`with_middleware_stack`](Self::with_middleware_stack).
    ///
    /// The checks of health and the store of tasks that the builder has stay beside what settings say of health and of
    /// tasks. What the builder is told afterwards holds before the settings, and goes on to when those are read again: of
    /// [`limits`](Self::limits) those that differ by then. [`tasks`](Self::tasks),
    /// [`with_health_checks`](Self::with_health_checks) and [`with_metrics`](Self::with_metrics) then replace the whole of
    /// what settings say; [`Settings::task_store`] and [`with_health_check`](Self::with_health_check) add to it.
    ///
    /// ```no_run
    /// use turbomcp_server::ServerBuilder;
    /// use turbomcp_server::settings::Settings;
    ///
    /// let settings = Settings::from_file("server.toml")?;
    /// let server = ServerBuilder::new().name("orders").settings(settings)?.build();
    /// # drop(server);
    /// # Ok::<(), turbomcp_server::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If a setting makes no sense that code has made, or the builder has a middleware stack or a tenancy.
    pub fn settings(mut self, settings: Settings) -> Result<Self, Error> {
        #[cfg(feature = "hot-reload")]
        let settings = settings.with_changes_noted();
        let config = settings.over(&self.config);
        #[cfg_attr(not(feature = "hot-reload"), expect(unused_variables, reason = "nothing is made again"))]
        let base = std::mem::replace(&mut self.config, config);
        self = self.with_middleware_stack(settings.middleware.clone())?;
        #[cfg(feature = "hot-reload")]
        {
            self.base = Some(base);
            // In the place of the layers, which are made again whenever the settings are.
            let _ = self.layers.pop();
            let rest = Arc::new(std::sync::OnceLock::new());
            self.place = Some(Place { at: self.layers.len(), rest: rest.clone() });
            self.layers.push(Box::new(move |stack| {
                let _ = rest.set(stack);
                crate::stack::Stack::Layered(Arc::new(crate::layers::Standing))
            }));
        }
        if let Some(mut health) = settings.health.clone() {
            let before = self.operator.health.take();
            if let Some(before) = &before {
                before.fill(&mut health, |key| !settings.says(key));
            }
            self = self.with_health_checks(health)?;
            if let (Some(before), Some(health)) = (before, &mut self.operator.health) {
                health.join(before)?;
            }
        }
        if let Some(prometheus) = settings.metrics.clone() {
            self = self.with_metrics(crate::metrics::MetricsCollector::prometheus(prometheus))?;
        }
        let before = self.tasks.take();
        let store = settings.task_store.clone().or_else(|| before.as_ref().map(|tasks| tasks.store.clone()));
        self.tasks = match (settings.tasks.clone().or(before), store) {
            (Some(tasks), Some(store)) => Some(TaskConfig { store, ..tasks }),
            (None, Some(store)) => Some(TaskConfig { store, ..TaskConfig::new() }),
            (tasks, None) => tasks,
        };
        if let Some(tasks) = &self.tasks {
            tasks.check()?;
        }
        #[cfg(feature = "http")]
        if let Some(sessions) = settings.sessions.clone().filter(|_| self.sessions.is_none()) {
            self.sessions = Some(crate::sessions::SessionManager::new(sessions, crate::sessions::memory())?);
        }
        if !settings.keys.0.is_empty() {
            self = self.request_state_keys(settings.keys.0.iter().copied());
        }
        self.settings = Some(Arc::new(settings));
        Ok(self)
    }
}

/// Where the layers of settings stand among those of the builder.
#[cfg(feature = "hot-reload")]
pub(crate) struct Place {
    pub(crate) at: usize,
    /// What stands within them, once the server is put together.
    pub(crate) rest: Arc<std::sync::OnceLock<crate::stack::Stack>>,
}

impl Settings {
    /// Returns what a server is that was something before.
    pub(crate) fn over(&self, base: &ServerConfig) -> ServerConfig {
        let mut config = self.config.clone();
        inherit(&mut config, base, self);
        config
    }

    /// Hides the tools that are not there, beside what is hidden anyway.
    pub(crate) fn visibility(&self, other: Option<Visibility>) -> Option<Visibility> {
        self.tools.visibility(other)
    }
}

/// Takes over what the builder says of the server where the settings do not.
fn inherit(config: &mut ServerConfig, builder: &ServerConfig, settings: &Settings) {
    let default = ServerConfig::default();
    let is_left = |key: &str| !settings.said.contains_key(key);
    if is_left("server.name") && config.name == default.name {
        config.name.clone_from(&builder.name);
    }
    if is_left("server.version") && config.version == default.version {
        config.version.clone_from(&builder.version);
    }
    if is_left("server.icons") && config.icons.is_none() {
        config.icons.clone_from(&builder.icons);
    }
    if is_left("server.roots") && config.roots.is_empty() {
        config.roots.clone_from(&builder.roots);
    }
    let texts = [
        ("server.title", &mut config.title, &builder.title),
        ("server.description", &mut config.description, &builder.description),
        ("server.website_url", &mut config.website_url, &builder.website_url),
        ("server.instructions", &mut config.instructions, &builder.instructions),
    ];
    for (key, own, other) in texts {
        if is_left(key) && own.is_none() {
            own.clone_from(other);
        }
    }
}

impl Tools {
    /// Hides what is not there, beside what is hidden anyway.
    fn visibility(&self, other: Option<Visibility>) -> Option<Visibility> {
        if *self == Self::default() {
            return other;
        }
        let tools = self.clone();
        let by_name = Visibility::by(move |_, primitive| {
            let is = |name: &String| name == primitive.name();
            primitive.kind() != PrimitiveKind::Tool
                || tools.only.as_ref().is_none_or(|only| only.iter().any(is)) && !tools.hidden.iter().any(is)
        });
        Some(match other {
            Some(other) => by_name.and(other),
            None => by_name,
        })
    }
}

impl McpServer {
    /// Serves on the binding that its [settings](ServerBuilder::settings) name, until SIGTERM or SIGINT asks the server to
    /// end; where they name none, as [`run_from_env`](Self::run_from_env) does.
    ///
    /// With `hot-reload`, SIGHUP has it read its settings again and take them, as `McpServer::reload_settings` does. What
    /// is wrong with them is logged, and the server goes on with those it has.
    ///
    /// # Errors
    ///
    /// If the binding cannot be served.
    pub async fn run_configured(&self) -> Result<(), Error> {
        #[cfg(all(unix, feature = "hot-reload"))]
        let _reloading = self.reload_at_hangup();
        let settings = self.configured().cloned().unwrap_or_default();
        match settings.serve.transport {
            None => self.run_from_env().await,
            #[cfg(any(
                feature = "stdio",
                feature = "http",
                feature = "tcp",
                feature = "tls",
                all(unix, feature = "unix")
            ))]
            Some(binding) => self.run_on(binding, &settings).await,
            #[cfg(not(any(
                feature = "stdio",
                feature = "http",
                feature = "tcp",
                feature = "tls",
                all(unix, feature = "unix")
            )))]
            Some(binding) => match binding {},
        }
    }

    #[cfg(any(feature = "stdio", feature = "http", feature = "tcp", feature = "tls", all(unix, feature = "unix")))]
    #[cfg_attr(
        not(any(feature = "http", feature = "tcp", feature = "tls", all(unix, feature = "unix"))),
        expect(unused_variables, reason = "standard streams have no settings")
    )]
    async fn run_on(&self, binding: Binding, settings: &Settings) -> Result<(), Error> {
        #[cfg(any(feature = "http", feature = "tcp"))]
        let address = || settings.serve.address.as_deref().unwrap_or(crate::environment::ADDRESS);
        match binding {
            #[cfg(feature = "stdio")]
            Binding::Stdio => self.run_stdio().await,
            #[cfg(feature = "http")]
            Binding::Http => self.http().run(address()).await,
            #[cfg(feature = "websocket")]
            Binding::WebSocket => {
                let path = settings.http.websocket.as_deref().unwrap_or("/");
                match settings.http.path {
                    None => self.http().websocket_only(path).run(address()).await,
                    Some(_) => self.http().websocket(path).run(address()).await,
                }
            }
            #[cfg(feature = "tcp")]
            Binding::Tcp => self.run_tcp(address()).await,
            #[cfg(all(unix, feature = "unix"))]
            Binding::Unix => {
                self.run_unix(settings.serve.socket.as_deref().unwrap_or(crate::environment::SOCKET)).await
            }
            #[cfg(feature = "tls")]
            Binding::Tls => {
                let address = settings.serve.address.as_deref().unwrap_or(crate::environment::TLS_ADDRESS);
                let config = settings.tls.config().unwrap_or_default();
                let handle = config.handle();
                let listening = self.bind_tls(address, config).await?;
                tracing::info!(address = %listening.local_addr(), "serving over TLS");
                let _reloading = crate::signal::reload_at_hangup(handle);
                crate::signal::until(self, listening.serve()).await
            }
        }
    }
}

#[cfg(feature = "tls")]
impl super::TlsSettings {
    /// Returns the configuration, if there is a certificate.
    pub(crate) fn config(&self) -> Option<turbomcp_transport::tls::TlsConfig> {
        use turbomcp_transport::tls::TlsConfig;
        let mut config = TlsConfig::new(self.certificate.as_ref()?, self.key.as_ref()?)
            .with_client_auth(self.client_auth)
            .with_min_version(self.min_version);
        if let Some(path) = &self.client_ca {
            config = config.with_ca_bundle(path);
        }
        if let Some(path) = &self.ocsp_response {
            config = config.with_ocsp_response(path);
        }
        if let Some(interval) = self.reload_interval {
            config = config.with_reload_interval(interval);
        }
        Some(config)
    }
}

#[cfg(feature = "http")]
impl crate::HttpServer {
    /// Begins with what settings say.
    pub(crate) fn configured(mut self, settings: &Settings) -> Self {
        let http = &settings.http;
        if let Some(path) = &http.path {
            self = self.path(path);
        }
        #[cfg(feature = "websocket")]
        if let Some(path) = &http.websocket {
            self = self.websocket(path);
        }
        if let (Some(stream), Some(messages)) = (&http.sse, &http.messages) {
            self = self.sse(stream, messages);
        }
        #[cfg(feature = "tls")]
        if let Some(config) = settings.tls.config() {
            self = self.tls(config);
        }
        self.allow_hosts(&http.hosts)
    }
}
