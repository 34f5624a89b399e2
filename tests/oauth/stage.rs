//! The authorization server and the resources, as a process, and what they saw.

use std::process::Stdio;

use serde::Deserialize;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use turbomcp::auth::client::OAuthClientBuilder;
use turbomcp::auth::{OAuthClient, SigningKey};
use turbomcp::client::Client;
use turbomcp::client::http::HttpTarget;

use crate::Outcome;
use crate::browser;

/// Ends when it is dropped.
pub(crate) struct Stage {
    setup: Setup,
    _process: Child,
}

#[derive(Deserialize)]
struct Setup {
    issuer: String,
    origin: String,
    secret: String,
    private_key_pem: String,
    metadata_url: String,
}

impl Stage {
    pub(crate) async fn start(node: &str, script: &str, arguments: &[&str]) -> Outcome<Self> {
        let mut command = Command::new(node);
        command.arg(script).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut process = command.spawn()?;
        let output = process.stdout.take().ok_or("no output")?;
        let line = BufReader::new(output).lines().next_line().await?.ok_or("the script ended at once")?;
        Ok(Self { setup: serde_json::from_str(&line)?, _process: process })
    }

    pub(crate) fn issuer(&self) -> &str {
        &self.setup.issuer
    }

    pub(crate) fn secret(&self) -> &str {
        &self.setup.secret
    }

    pub(crate) fn key(&self) -> Outcome<SigningKey> {
        Ok(SigningKey::from_pem(&self.setup.private_key_pem)?)
    }

    pub(crate) fn metadata_url(&self) -> &str {
        &self.setup.metadata_url
    }

    /// Returns the URL of a resource.
    pub(crate) fn resource(&self, name: &str) -> String {
        format!("{}/{name}", self.setup.origin)
    }

    /// Starts building a client for a resource, whose user agrees to everything.
    pub(crate) fn oauth(&self, name: &str) -> OAuthClientBuilder {
        OAuthClient::builder(self.resource(name)).client_name("OAuth flows").browser(browser::that_agrees())
    }

    pub(crate) async fn connect(&self, name: &str, oauth: &OAuthClient) -> Outcome<Client> {
        let target = HttpTarget::new(self.resource(name)).authorize(oauth.clone());
        Ok(Client::builder().connect(target).await?)
    }

    /// Refuses from now on every token that was of use until now.
    pub(crate) async fn revoke(&self) -> Outcome {
        browser::request("POST", &self.resource("revoke"), &[], "").await?;
        Ok(())
    }

    /// Starts to take down what happens.
    pub(crate) async fn watch(&self) -> Outcome<Watch<'_>> {
        Ok(Watch { stage: self, from: self.events().await?.len() })
    }

    async fn events(&self) -> Outcome<Vec<Value>> {
        let page = browser::request("GET", &self.resource("log"), &[], "").await?;
        Ok(serde_json::from_str(&page.body)?)
    }
}

pub(crate) struct Watch<'a> {
    stage: &'a Stage,
    from: usize,
}

impl Watch<'_> {
    /// Returns what happened since.
    pub(crate) async fn seen(&self) -> Outcome<Seen> {
        Ok(Seen(self.stage.events().await?.split_off(self.from)))
    }
}

/// What happened.
#[derive(Debug)]
pub(crate) struct Seen(Vec<Value>);

impl Seen {
    /// Returns the events of a kind that have these members.
    pub(crate) fn all(&self, event: &str, members: &[(&str, &str)]) -> Vec<&Value> {
        let has = |found: &&Value| {
            found["event"] == event && members.iter().all(|(name, value)| found[*name].as_str() == Some(*value))
        };
        self.0.iter().filter(has).collect()
    }

    /// Returns the event of a kind that has these members, if there is one and no other.
    pub(crate) fn one(&self, event: &str, members: &[(&str, &str)]) -> Outcome<&Value> {
        match self.all(event, members).as_slice() {
            [one] => Ok(*one),
            some => Err(format!("{} times {event} with {members:?}, not once; {}", some.len(), self.shown()).into()),
        }
    }

    pub(crate) fn none(&self, event: &str, members: &[(&str, &str)]) -> Outcome {
        let all = self.all(event, members);
        ensure(all.is_empty(), || format!("{event} with {members:?} was not to happen; {}", self.shown()))
    }

    pub(crate) fn shown(&self) -> String {
        format!("seen: {}", Value::from(self.0.clone()))
    }
}

pub(crate) fn ensure(holds: bool, why: impl FnOnce() -> String) -> Outcome {
    if holds { Ok(()) } else { Err(why().into()) }
}

/// Returns the scopes of an event, sorted.
pub(crate) fn scopes(event: &Value) -> Vec<&str> {
    let mut scopes: Vec<_> = event["scope"].as_str().unwrap_or_default().split(' ').collect();
    scopes.sort_unstable();
    scopes
}
