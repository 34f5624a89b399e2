//! The configuration that hosts share: `{"mcpServers": {…}}`.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::Error;
use crate::target::{IntoTarget, Ready, Target};

/// The servers of an `mcpServers` configuration, by name.
///
/// ```
/// use turbomcp_client::ServerConfigs;
///
/// let configs = ServerConfigs::parse(r#"{"mcpServers": {
///     "files": {"command": "files-server", "args": ["--root", "/srv"], "env": {"LOG": "warn"}},
///     "notes": {"url": "https://notes.example/mcp", "headers": {"x-tenant": "blue"}}
/// }}"#)?;
/// assert_eq!(configs.servers().len(), 2);
/// # Ok::<(), turbomcp_client::Error>(())
/// ```
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServerConfigs {
    mcp_servers: BTreeMap<String, ServerConfig>,
}

/// How one server is started or reached. Members that are not known here are ignored, as hosts add their own.
#[derive(Clone, Deserialize)]
pub struct ServerConfig {
    command: Option<String>,
    #[serde(default)]
    args: Vec<String>,
    #[serde(default)]
    env: BTreeMap<String, String>,
    cwd: Option<String>,
    url: Option<String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    disabled: bool,
}

impl ServerConfigs {
    /// Reads a configuration.
    ///
    /// # Errors
    ///
    /// `is_connect()` if it is no JSON of this form.
    pub fn parse(json: &str) -> Result<Self, Error> {
        serde_json::from_str(json)
            .map_err(|error| Error::connect("the configuration of servers cannot be read").with_source(error))
    }

    /// Returns the servers that are not disabled, by name.
    #[must_use]
    pub fn servers(&self) -> Vec<(&str, &ServerConfig)> {
        let enabled = self.mcp_servers.iter().filter(|(_, config)| !config.disabled);
        enabled.map(|(name, config)| (name.as_str(), config)).collect()
    }
}

impl std::fmt::Debug for ServerConfig {
    /// Leaves out the values of variables and headers, which are where secrets are.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServerConfig")
            .field("command", &self.command)
            .field("url", &self.url)
            .field("env", &self.env.keys().collect::<Vec<_>>())
            .field("headers", &self.headers.keys().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

impl IntoTarget<Ready> for &ServerConfig {
    fn into_target(self) -> Result<Target, Error> {
        match (&self.command, &self.url) {
            (Some(command), None) => by_command(command, self),
            (None, Some(url)) => by_url(url, self),
            _ => Err(Error::connect("a server has either a `command` or a `url`")),
        }
    }
}

impl IntoTarget<Ready> for ServerConfig {
    fn into_target(self) -> Result<Target, Error> {
        (&self).into_target()
    }
}

#[cfg(feature = "stdio")]
fn by_command(command: &str, config: &ServerConfig) -> Result<Target, Error> {
    let mut command = crate::Command::new(command).args(&config.args);
    for (name, value) in &config.env {
        command = command.env(name, value);
    }
    if let Some(directory) = &config.cwd {
        command = command.current_dir(directory);
    }
    command.into_target()
}

#[cfg(not(feature = "stdio"))]
fn by_command(_: &str, config: &ServerConfig) -> Result<Target, Error> {
    let _ = (&config.args, &config.env, &config.cwd);
    Err(Error::connect("a command needs the feature `stdio`"))
}

#[cfg(feature = "http")]
fn by_url(url: &str, config: &ServerConfig) -> Result<Target, Error> {
    let target = crate::http::HttpTarget::new(url);
    config.headers.iter().fold(target, |target, (name, value)| target.header(name, value)).into_target()
}

#[cfg(not(feature = "http"))]
fn by_url(_: &str, config: &ServerConfig) -> Result<Target, Error> {
    let _ = &config.headers;
    Err(Error::connect("a URL needs the feature `http`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_neither_command_nor_url_is_refused() {
        let configs = ServerConfigs::parse(
            r#"{"mcpServers": {"a": {}, "b": {"command": "x", "url": "http://y"}, "c": {"disabled": true}}, "x": 1}"#,
        )
        .unwrap();
        let servers = configs.servers();
        assert_eq!(servers.len(), 2);
        for (_, config) in servers {
            assert!(config.into_target().unwrap_err().is_connect());
        }
        for bad in ["", "{}", r#"{"mcpServers": []}"#, r#"{"mcpServers": {"a": {"command": 1}}}"#] {
            assert!(ServerConfigs::parse(bad).unwrap_err().is_connect(), "{bad}");
        }
    }

    #[test]
    fn secrets_are_not_shown() {
        let json = r#"{"mcpServers": {"a": {"command": "x", "env": {"K": "hunter2"}, "headers": {"h": "hunter2"}}}}"#;
        assert!(!format!("{:?}", ServerConfigs::parse(json).unwrap()).contains("hunter2"));
    }
}
