//! Many servers at once.

use std::collections::BTreeMap;
use std::fmt;
use std::future::IntoFuture;
use std::sync::{Arc, Mutex};

use serde::Serialize;
use tokio::task::JoinSet;
use turbomcp_protocol::Revision;
use turbomcp_protocol::types::{CallToolResult, GetPromptResult, Prompt, Tool};

use crate::breaker::{Breaker, CircuitState};
use crate::config::ServerConfigs;
use crate::exchange::BoxFuture;
use crate::sync::lock;
use crate::target::{Connector, IntoTarget};
use crate::{Client, ClientBuilder, Error};

/// What stands between the name of a server and the name of what it has.
const SEPARATOR: &str = "__";

/// Many servers, each under a name of its own.
///
/// Names of tools and prompts are prefixed by the server's: `files__read`. Every question to the group is put to all
/// servers at the same time, and a server that is down or slow neither fails nor delays the others: it is left alone
/// for a while, and tried again when it is next needed, as [`ClientBuilder::circuit_breaker`] says. Unless that is set,
/// three failures in a row are enough, and one for a server that was never there; it is tried again after half a
/// second, and then ever later, up to half a minute. Another server [may stand in](ClientGroup::fall_back) for it meanwhile.
///
/// ```no_run
/// use serde_json::json;
/// use turbomcp_client::{Client, ClientGroup};
///
/// # async fn run() -> Result<(), turbomcp_client::Error> {
/// let group = ClientGroup::new(Client::builder().name("my-host"));
/// group.add("files", "files-server --root /srv")?;
/// group.add("notes", "https://notes.example/mcp")?;
/// group.connect().await;
/// for tool in group.list_all_tools().await {
///     println!("{}", tool.name);
/// }
/// group.call_tool("files__read", json!({"path": "a.txt"})).await?;
/// # Ok(())
/// # }
/// ```
///
/// # Specification
///
/// [Tool names](https://modelcontextprotocol.io/specification/2026-07-28/server/tools#tool-names)
#[derive(Clone)]
pub struct ClientGroup {
    builder: ClientBuilder,
    members: Arc<Mutex<BTreeMap<String, Arc<Member>>>>,
}

/// How a server of a group is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Health {
    /// It was not connected to yet.
    Unknown,
    /// It answers.
    Up {
        /// What is spoken with it.
        revision: Revision,
    },
    /// It does not.
    Down {
        /// What it failed with.
        error: String,
        /// How often it has failed in a row.
        failures: u32,
        /// Whether it is being left alone.
        circuit: CircuitState,
    },
}

/// One server of a group.
struct Member {
    builder: ClientBuilder,
    /// Held while connecting, so that one connects and the others wait.
    connector: tokio::sync::Mutex<Option<Box<dyn Connector>>>,
    client: Mutex<Option<Client>>,
    breaker: Arc<Breaker>,
    /// The name of the server that stands in for it.
    fallback: Mutex<Option<String>>,
}

impl ClientGroup {
    /// Creates a group without servers, whose clients are all built alike.
    #[must_use]
    pub fn new(builder: ClientBuilder) -> Self {
        Self { builder, members: Arc::default() }
    }

    /// Creates a group of the servers of a configuration.
    ///
    /// # Errors
    ///
    /// `is_connect()` if a server's entry or name cannot be used.
    pub fn from_configs(builder: ClientBuilder, configs: &ServerConfigs) -> Result<Self, Error> {
        let group = Self::new(builder);
        for (name, config) in configs.servers() {
            group.add(name, config)?;
        }
        Ok(group)
    }

    /// Adds a server, or replaces the one of this name. It is connected to when it is first needed.
    ///
    /// # Errors
    ///
    /// `is_connect()` if the name has other characters than letters, digits, `-`, `.` and single `_`, or the target
    /// cannot be used.
    pub fn add<M>(&self, name: &str, target: impl IntoTarget<M>) -> Result<(), Error> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        if name.is_empty() || !name.bytes().all(is_plain) || name.contains(SEPARATOR) || name.ends_with('_') {
            return Err(Error::connect(format!("{name:?} cannot be the name of a server")));
        }
        self.builder.check()?;
        let connector = target.into_target()?.into_connector();
        let member = Member {
            builder: self.builder.clone().reconnect(),
            connector: tokio::sync::Mutex::new(Some(connector)),
            client: Mutex::default(),
            breaker: self.builder.breaker_of_a_group(),
            fallback: Mutex::default(),
        };
        lock(&self.members).insert(name.to_owned(), Arc::new(member));
        Ok(())
    }

    /// Has another server of the group stand in for one: what that cannot be asked for, because it is left alone or
    /// cannot be reached, the other is asked for under the same name. What may have been run is not asked for again.
    ///
    /// ```
    /// # use turbomcp_client::{Client, ClientGroup};
    /// let group = ClientGroup::new(Client::builder());
    /// group.add("notes", "https://notes.example/mcp")?;
    /// group.add("notes-2", "https://notes-2.example/mcp")?;
    /// group.fall_back("notes", "notes-2")?;
    /// # Ok::<(), turbomcp_client::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// `is_usage()` if one of them is not there, or the other is, directly or by way of others, stood in for by the first.
    pub fn fall_back(&self, name: &str, other: &str) -> Result<(), Error> {
        // One lock for the look and the change, so that two callers do not make a circle together.
        let members = lock(&self.members);
        let member = |name: &str| members.get(name).ok_or_else(|| unknown(name));
        let first = member(name)?;
        let mut next = Some(other.to_owned());
        while let Some(standing_in) = next {
            if standing_in == name {
                return Err(Error::usage(format!("{name:?} would stand in for itself")));
            }
            next = lock(&member(&standing_in)?.fallback).clone();
        }
        *lock(&first.fallback) = Some(other.to_owned());
        Ok(())
    }

    /// Removes a server and ends the connection to it; false if there was none.
    pub async fn remove(&self, name: &str) -> bool {
        let Some(member) = lock(&self.members).remove(name) else { return false };
        member.close().await;
        true
    }

    /// Connects to every server at the same time, and waits until each has answered or failed.
    pub async fn connect(&self) {
        self.each(|_, _| async { Ok(()) }).await;
    }

    /// Returns the client of one server, connecting to it if need be.
    ///
    /// # Errors
    ///
    /// `is_usage()` if there is no server of this name, otherwise as [`ClientBuilder::connect`].
    pub async fn client(&self, name: &str) -> Result<Client, Error> {
        self.member(name)?.client().await
    }

    /// Returns how each server is doing, by name.
    #[must_use]
    pub fn health(&self) -> Vec<(String, Health)> {
        let members = lock(&self.members);
        members.iter().map(|(name, member)| (name.clone(), member.health())).collect()
    }

    /// Lists the tools of all servers that answer, under their prefixed names.
    pub async fn list_all_tools(&self) -> Vec<Tool> {
        let lists = self.each(|name, client| async move {
            let mut tools = client.list_all_tools().await?;
            for tool in &mut tools {
                tool.name = prefixed(&name, &tool.name);
            }
            Ok(tools)
        });
        lists.await.into_iter().flatten().collect()
    }

    /// Lists the prompts of all servers that answer, under their prefixed names.
    pub async fn list_all_prompts(&self) -> Vec<Prompt> {
        let lists = self.each(|name, client| async move {
            if client.capabilities().prompts.is_none() {
                return Ok(Vec::new());
            }
            let mut prompts = client.list_all_prompts().await?;
            for prompt in &mut prompts {
                prompt.name = prefixed(&name, &prompt.name);
            }
            Ok(prompts)
        });
        lists.await.into_iter().flatten().collect()
    }

    /// Calls a tool by its prefixed name.
    ///
    /// # Errors
    ///
    /// `is_usage()` if no server has the prefix; `is_unavailable()` at once if the server is being left alone; otherwise
    /// as
    /// [`Client::call_tool`].
    pub async fn call_tool(&self, name: &str, arguments: impl Serialize) -> Result<CallToolResult, Error> {
        let (member, name) = self.route(name)?;
        let arguments = serde_json::value::to_raw_value(&arguments)
            .map_err(|error| Error::usage("the arguments cannot be written as JSON").with_source(error))?;
        self.in_turn(member, |client| client.call_tool(name, &arguments).into_future()).await
    }

    /// Gets a prompt by its prefixed name.
    ///
    /// # Errors
    ///
    /// As [`ClientGroup::call_tool`].
    pub async fn get_prompt<K: Into<String>, V: Into<String>>(
        &self,
        name: &str,
        arguments: impl IntoIterator<Item = (K, V)>,
    ) -> Result<GetPromptResult, Error> {
        let (member, name) = self.route(name)?;
        let arguments: Vec<(String, String)> =
            arguments.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        self.in_turn(member, |client| client.get_prompt(name, arguments.clone()).into_future()).await
    }

    /// Ends the connections to all servers at the same time.
    pub async fn close(&self) {
        let members = std::mem::take(&mut *lock(&self.members));
        let mut closing = JoinSet::new();
        for member in members.into_values() {
            closing.spawn(async move { member.close().await });
        }
        while closing.join_next().await.is_some() {}
    }

    /// Asks a server, and if it cannot be asked the one that stands in for it.
    async fn in_turn<T>(
        &self,
        mut member: Arc<Member>,
        ask: impl Fn(Client) -> BoxFuture<'static, Result<T, Error>>,
    ) -> Result<T, Error> {
        loop {
            let asked = match member.client().await {
                Ok(client) => ask(client).await,
                Err(error) => Err(error),
            };
            let error = match asked {
                Err(error) if error.is_elsewhere() => error,
                asked => return asked,
            };
            let fallback = lock(&member.fallback).clone();
            // A server that was removed stands in for nobody.
            let Some(next) = fallback.and_then(|name| self.member(&name).ok()) else { return Err(error) };
            tracing::warn!(%error, "another server stands in for one that cannot be asked");
            member = next;
        }
    }

    fn member(&self, name: &str) -> Result<Arc<Member>, Error> {
        let members = lock(&self.members);
        members.get(name).cloned().ok_or_else(|| unknown(name))
    }

    fn route<'a>(&self, name: &'a str) -> Result<(Arc<Member>, &'a str), Error> {
        let (server, name) = name
            .split_once(SEPARATOR)
            .ok_or_else(|| Error::usage(format!("{name:?} does not begin with the name of a server")))?;
        Ok((self.member(server)?, name))
    }

    /// Puts a question to every server at the same time and returns the answers of those that have one, by name.
    async fn each<T, F, Fut>(&self, question: F) -> Vec<T>
    where
        T: Send + 'static,
        F: Fn(String, Client) -> Fut + Clone + Send + 'static,
        Fut: Future<Output = Result<T, Error>> + Send,
    {
        let members: Vec<_> = {
            let members = lock(&self.members);
            members.iter().map(|(name, member)| (name.clone(), member.clone())).collect()
        };
        let mut asking = JoinSet::new();
        for (place, (name, member)) in members.into_iter().enumerate() {
            let question = question.clone();
            asking.spawn(async move {
                let answer = match member.client().await {
                    Ok(client) => question(name.clone(), client).await,
                    Err(error) => Err(error),
                };
                (
                    place,
                    answer.inspect_err(|error| tracing::warn!(server = name, %error, "a server has no answer")).ok(),
                )
            });
        }
        let mut answers = BTreeMap::new();
        while let Some(answered) = asking.join_next().await {
            if let Ok((place, Some(answer))) = answered {
                answers.insert(place, answer);
            }
        }
        answers.into_values().collect()
    }
}

fn unknown(name: &str) -> Error {
    Error::usage(format!("there is no server {name:?}"))
}

fn prefixed(server: &str, name: &str) -> String {
    format!("{server}{SEPARATOR}{name}")
}

impl Member {
    /// Returns the client, connecting if that was not done or has failed.
    async fn client(&self) -> Result<Client, Error> {
        if let Some(client) = self.connected() {
            return Ok(client);
        }
        let mut connector = self.connector.lock().await;
        if let Some(client) = self.connected() {
            return Ok(client);
        }
        if connector.is_none() {
            return Err(Error::closed("it was closed here"));
        }
        let permit = self.breaker.admit()?;
        match self.builder.clone().connect_by(&mut connector, Some(self.breaker.clone())).await {
            Ok(client) => {
                *lock(&self.client) = Some(client.clone());
                permit.judge(&Ok(()));
                Ok(client)
            }
            Err(error) => {
                permit.trip(&error);
                Err(error)
            }
        }
    }

    fn connected(&self) -> Option<Client> {
        lock(&self.client).clone()
    }

    fn health(&self) -> Health {
        match (self.breaker.failure(), self.connected()) {
            (Some((error, failures)), _) => Health::Down { error, failures, circuit: self.breaker.state() },
            (None, Some(client)) => Health::Up { revision: client.revision() },
            (None, None) => Health::Unknown,
        }
    }

    async fn close(&self) {
        let _ = self.connector.lock().await.take();
        let client = lock(&self.client).take();
        if let Some(client) = client {
            client.close().await;
        }
    }
}

impl fmt::Debug for ClientGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientGroup").field("health", &self.health()).finish_non_exhaustive()
    }
}
