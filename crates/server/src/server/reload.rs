//! Configuration that is replaced while a server runs.
//!
//! What can be replaced is one value. Each [`McpServer`] has the one that held when it was made, so a request goes on with
//! what it has begun with; whoever takes requests looks whether its server is still the newest, by a number.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, RwLock, Weak};

use super::{Core, McpServer, Replaceable, Shared};
use crate::layers::Layers;
use crate::settings::{Base, Settings, changes_while_running};
use crate::stack::Stack;
use crate::sync::{lock, read, write};
use crate::{Error, Visibility};

/// What several versions of a server share, or several servers of a version.
pub(super) type Part<T> = Arc<T>;

pub(super) fn part<T>(value: T) -> Part<T> {
    Arc::new(value)
}

/// What the versions of a server are made of.
pub(super) struct Versions {
    /// The number of the newest.
    number: AtomicU64,
    newest: RwLock<Option<Arc<Replaceable>>>,
    /// Held while another is made.
    replacing: Mutex<()>,
    /// What the server was made of, beside settings.
    base: Option<Base>,
    visibility: Option<Visibility>,
    /// What stands within the layers of the settings.
    rest: Option<Stack>,
}

impl Versions {
    pub(super) fn new(base: Option<Base>, visibility: Option<Visibility>, rest: Option<Stack>) -> Self {
        let (number, newest, replacing) = (AtomicU64::new(0), RwLock::new(None), Mutex::new(()));
        Self { number, newest, replacing, base, visibility, rest }
    }
}

/// A server that may be gone.
pub(crate) struct WeakServer {
    core: Weak<Core>,
    first: Weak<Replaceable>,
}

impl WeakServer {
    pub(crate) fn upgrade(&self) -> Option<McpServer> {
        let core = self.core.upgrade()?;
        // What is not the newest may be gone before its server is.
        let now = read(&core.versions.newest).clone().or_else(|| self.first.upgrade())?;
        Some(McpServer { shared: Arc::new(Shared { now, core }) })
    }
}

/// The newest version of a server, for whoever takes requests for a long time.
pub(crate) struct Latest {
    first: McpServer,
    later: Mutex<Option<McpServer>>,
}

impl Latest {
    pub(crate) fn new(server: McpServer) -> Self {
        Self { first: server, later: Mutex::default() }
    }

    /// Returns any version, for what all of them share.
    pub(crate) fn any(&self) -> &McpServer {
        &self.first
    }

    pub(crate) fn get(&self) -> McpServer {
        if self.first.is_newest() {
            return self.first.clone();
        }
        let mut later = lock(&self.later);
        match &*later {
            Some(server) if server.is_newest() => server.clone(),
            _ => later.insert(self.first.newest()).clone(),
        }
    }
}

impl McpServer {
    /// Returns true if the configuration of the server has not been replaced since.
    pub(crate) fn is_newest(&self) -> bool {
        self.shared.now.number == self.shared.core.versions.number.load(Ordering::Acquire)
    }

    /// Returns the server with the configuration that holds by now.
    ///
    /// A server has the configuration that held when it was made, and so has every clone of it: a
    /// [`limits`](Self::limits) of yesterday's tells what held yesterday.
    #[must_use]
    pub fn newest(&self) -> Self {
        if self.is_newest() {
            return self.clone();
        }
        let core = self.shared.core.clone();
        let now = read(&core.versions.newest).clone().unwrap_or_else(|| self.shared.now.clone());
        Self { shared: Arc::new(Shared { now, core }) }
    }

    pub(crate) fn downgrade(&self) -> WeakServer {
        WeakServer { core: Arc::downgrade(&self.shared.core), first: Arc::downgrade(&self.shared.now) }
    }

    /// Reads the settings again from where they came from, and has the running server take them; see
    /// [`replace_settings`](Self::replace_settings). What code had changed in the [`Settings`] that were read, and what the
    /// builder was told after them, stays.
    ///
    /// # Errors
    ///
    /// As [`Sources::read`](crate::settings::Sources::read) and [`replace_settings`](Self::replace_settings). Nothing has
    /// changed then.
    pub fn reload_settings(&self) -> Result<(), Error> {
        // Before anything is read: who has read first would otherwise be able to be the last who replaces.
        let _one_at_a_time = lock(&self.shared.core.versions.replacing);
        let newest = self.newest();
        let before = newest.configured().ok_or_else(without_settings)?;
        self.take_settings(before.again()?)
    }

    /// Has the running server take other settings.
    ///
    /// They hold for the next request on every connection; requests that run finish as they have begun. What is counted,
    /// kept or waited for is so anew where the settings of that part have changed, and goes on where they have not. What
    /// only code can set stays: who may call, what errors are told as, who else is told what is recorded, and clocks.
    ///
    /// ```no_run
    /// use turbomcp_server::ServerBuilder;
    /// use turbomcp_server::settings::Settings;
    ///
    /// let server = ServerBuilder::new().settings(Settings::from_file("server.toml")?)?.build();
    /// // While the server runs:
    /// server.replace_settings(Settings::from_file("night.toml")?)?;
    /// # Ok::<(), turbomcp_server::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If the server was not [made by settings](crate::ServerBuilder::settings), or something has changed that only
    /// counts when a server is started: the error names its key. Nothing has changed then.
    pub fn replace_settings(&self, settings: Settings) -> Result<(), Error> {
        let _one_at_a_time = lock(&self.shared.core.versions.replacing);
        self.take_settings(settings)
    }

    /// As [`replace_settings`](Self::replace_settings), for whoever sees to it that nobody else does.
    fn take_settings(&self, settings: Settings) -> Result<(), Error> {
        let core = &self.shared.core;
        let versions = &core.versions;
        let newest = self.newest();
        let (now, before) = (&newest.shared.now, newest.configured().ok_or_else(without_settings)?);
        let (Some(base), Some(rest), Some(kept)) = (&versions.base, &versions.rest, &now.built_in) else {
            return Err(without_settings());
        };
        let mut settings = settings.with_changes_noted();
        let is_same = changes_while_running(before, &settings)?;
        let is_audit_said = settings.says("audit.enabled");
        settings.middleware.inherit(&before.middleware, is_audit_said);
        let mut layers = settings.middleware.clone().ready()?;
        layers.keep(kept, is_same);
        let layers = Arc::new(layers);
        let entrance = layers.around(rest.clone());
        let config = base.with(&settings);
        let visibility = settings.visibility(versions.visibility.clone());
        let is_outermost = now.is_outermost;
        settings.warn_of_unknown_tools(&newest.snapshot().registry);
        let lists_differ =
            !settings.shows_the_same_as(before) || config.limits.page_size != now.config.limits.page_size;
        let number = now.number + 1;
        let replaceable = Replaceable {
            config,
            stack: if is_outermost { entrance.clone() } else { now.stack.clone() },
            visibility,
            built_in: Some(layers),
            settings: Some(Arc::new(settings)),
            entrance: Some(entrance),
            is_outermost,
            number,
        };
        *write(&versions.newest) = Some(Arc::new(replaceable));
        versions.number.store(number, Ordering::Release);
        if lists_differ {
            self.newest().look_again();
        }
        Ok(())
    }

    /// Returns what the layers of its settings and all within are.
    pub(crate) fn entrance(&self) -> Option<&Stack> {
        self.shared.now.entrance.as_ref()
    }
}

fn without_settings() -> Error {
    Error::configuration("the server was not made by settings")
}

/// What is at first.
pub(super) fn first_entrance(layers: Option<&Arc<Layers>>, rest: Option<&Stack>) -> Option<Stack> {
    Some(layers?.around(rest?.clone()))
}
