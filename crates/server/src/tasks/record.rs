//! What is known of a task, and how its states follow one another.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use turbomcp_protocol::types::{ClientCapabilities, InputRequest, InputRequests, Task, TaskError, TaskStatus};
use turbomcp_protocol::{McpError, McpResult, Revision};
use turbomcp_transport::{Extensions, Identity, Principal};

use super::store::StoredTask;
use super::time::{iso, now};

/// How many questions a task may ask in its life.
const MAX_QUESTIONS: usize = 256;

/// How many bytes of a message about its status are kept.
const MAX_MESSAGE_BYTES: usize = 1024;

/// A task, as it is written into a store.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(super) tool: String,
    pub(super) revision: Revision,
    pub(super) status: TaskStatus,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) message: Option<String>,
    updated: u64,
    ttl: u64,
    poll_interval: u64,
    /// What the worker calls itself that has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) worker: Option<String>,
    /// How often it was begun and not finished by whoever began.
    pub(super) attempt: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) again: Option<Again>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) asked: BTreeMap<String, Asked>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) outcome: Option<Outcome>,
}

/// What it takes to run a task again.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Again {
    /// How often it may be begun.
    pub(super) attempts: u32,
    /// The message that asked for it.
    pub(super) frame: Box<RawValue>,
    /// What was answered in rounds before it was a task.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) given: BTreeMap<String, Value>,
    /// What the client can do, where the message does not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) capabilities: Option<ClientCapabilities>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) caller: Option<Caller>,
}

/// A question to the client, which is never forgotten, so that its key is used once.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Asked {
    pub(super) request: Box<RawValue>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) answer: Option<Answer>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Answer {
    Given(Value),
    Refused(TaskError),
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Outcome {
    /// The whole result, as its revision has it.
    Result(Box<RawValue>),
    Error(TaskError),
}

/// Who has asked for a task, as far as it outlives the request.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Caller {
    identity: Option<String>,
    subject: Option<String>,
    issuer: Option<String>,
    tenant: Option<String>,
    scopes: Vec<String>,
    roles: Vec<String>,
    permissions: Vec<String>,
    claims: Option<Box<RawValue>>,
}

/// How a new task is to be kept.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Keeping {
    pub(super) ttl: Duration,
    pub(super) poll_interval: Duration,
}

impl Record {
    pub(super) fn new(tool: &str, revision: Revision, keeping: Keeping, worker: &str, again: Option<Again>) -> Self {
        Self {
            tool: tool.to_owned(),
            revision,
            status: TaskStatus::Working,
            message: None,
            updated: now(),
            ttl: millis(keeping.ttl),
            poll_interval: millis(keeping.poll_interval),
            worker: Some(worker.to_owned()),
            attempt: 1,
            again,
            asked: BTreeMap::new(),
            outcome: None,
        }
    }

    pub(super) fn read(body: &str) -> serde_json::Result<Self> {
        serde_json::from_str(body)
    }

    pub(super) fn write(&self) -> serde_json::Result<String> {
        serde_json::to_string(self)
    }

    /// Returns true if this worker may go on with it.
    pub(super) fn is_held_by(&self, worker: &str) -> bool {
        !self.status.is_final() && self.worker.as_deref() == Some(worker)
    }

    /// Returns true if it may be begun once more.
    pub(super) fn may_begin_again(&self) -> bool {
        self.again.as_ref().is_some_and(|again| self.attempt < again.attempts)
    }

    pub(super) fn say(&mut self, message: &str) {
        let end = message.len().min(MAX_MESSAGE_BYTES);
        let end = (0..=end).rev().find(|end| message.is_char_boundary(*end)).unwrap_or_default();
        self.message = Some(message[..end].to_owned());
        self.updated = now();
    }

    /// Enters a question, under the key it is to have or one like it, which is returned.
    ///
    /// A handler that runs again asks the same under the same key, and finds its answer.
    pub(super) fn ask(&mut self, wanted: &str, request: &RawValue) -> McpResult<String> {
        let mut key = wanted.to_owned();
        for number in 2.. {
            match self.asked.get(&key) {
                Some(known) if known.request.get() == request.get() => break,
                Some(_) => key = format!("{wanted}_{number}"),
                None if self.asked.len() >= MAX_QUESTIONS => {
                    return Err(McpError::internal("a task asked more questions than it may"));
                }
                None => {
                    self.asked.insert(key.clone(), Asked { request: request.to_owned(), answer: None });
                    break;
                }
            }
        }
        self.review();
        Ok(key)
    }

    /// Takes an answer; false if nothing was asked under this key, or it is answered.
    pub(super) fn answer(&mut self, key: &str, answer: Answer) -> bool {
        let Some(asked) = self.asked.get_mut(key).filter(|asked| asked.answer.is_none()) else { return false };
        asked.answer = Some(answer);
        self.review();
        true
    }

    /// Has the status follow from what is open.
    fn review(&mut self) {
        let waits = self.asked.values().any(|asked| asked.answer.is_none());
        self.status = if waits { TaskStatus::InputRequired } else { TaskStatus::Working };
        self.updated = now();
    }

    /// Returns what is asked and not answered.
    pub(super) fn open_questions(&self) -> impl Iterator<Item = (&str, &RawValue)> {
        let open = self.asked.iter().filter(|(_, asked)| asked.answer.is_none());
        open.map(|(key, asked)| (key.as_str(), &*asked.request))
    }

    /// Ends it; what only its worker needed is forgotten.
    pub(super) fn end(&mut self, status: TaskStatus, outcome: Option<Outcome>) {
        self.status = status;
        self.outcome = outcome;
        self.worker = None;
        self.again = None;
        self.asked.clear();
        self.updated = now();
    }

    /// Returns it as clients see it.
    pub(super) fn view(&self, stored: &StoredTask) -> Task {
        let mut task = Task::new(stored.id.clone(), iso(stored.created)).with_status(self.status);
        task.last_updated_at = iso(self.updated.max(stored.created));
        task.status_message.clone_from(&self.message);
        task.ttl = Some(Duration::from_millis(self.ttl));
        task.poll_interval = Some(Duration::from_millis(self.poll_interval));
        if self.status == TaskStatus::InputRequired {
            let read = |(key, request): (&str, &RawValue)| {
                Some((key.to_owned(), serde_json::from_str::<InputRequest>(request.get()).ok()?))
            };
            task.input_requests = Some(self.open_questions().filter_map(read).collect::<InputRequests>());
        }
        match &self.outcome {
            Some(Outcome::Result(result)) => task.result = Some(result.clone()),
            Some(Outcome::Error(error)) => task.error = Some(error.clone()),
            None => {}
        }
        task
    }
}

impl Caller {
    pub(super) fn of(extensions: &Extensions) -> Option<Self> {
        let identity = crate::access::identity(extensions).map(|identity| identity.as_str().to_owned());
        let Some(principal) = extensions.get::<Principal>() else {
            return identity.map(|identity| Self { identity: Some(identity), ..Self::default() });
        };
        Some(Self {
            identity,
            subject: Some(principal.subject().to_owned()),
            issuer: principal.issuer().map(str::to_owned),
            tenant: principal.tenant().map(str::to_owned),
            scopes: principal.scopes().to_vec(),
            roles: principal.roles().to_vec(),
            permissions: principal.permissions().to_vec(),
            claims: principal.claims::<Box<RawValue>>().ok(),
        })
    }

    pub(super) fn tenant(&self) -> Option<&str> {
        self.tenant.as_deref()
    }

    /// Puts the caller where a handler finds it.
    pub(super) fn restore(self, extensions: &mut Extensions) {
        if let Some(subject) = self.subject {
            let mut principal = Principal::new(subject)
                .with_scopes(self.scopes)
                .with_roles(self.roles)
                .with_permissions(self.permissions);
            if let Some(issuer) = self.issuer {
                principal = principal.with_issuer(issuer);
            }
            if let Some(tenant) = self.tenant {
                principal = principal.with_tenant(tenant);
            }
            if let Some(claims) = self.claims {
                principal = principal.with_claims(claims);
            }
            extensions.insert(principal);
        }
        if let Some(identity) = self.identity {
            extensions.insert(Identity::new(identity));
        }
    }
}

/// Writes an error for those who ask for the task.
pub(super) fn error_of(error: &McpError, revision: Revision) -> TaskError {
    let mut written = TaskError::new(error.code_for(revision), error.message().to_owned());
    written.data = error.data().cloned();
    written
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        let second = Duration::from_secs(1);
        Record::new("t", Revision::LATEST, Keeping { ttl: second, poll_interval: second }, "w", None)
    }

    fn raw(text: &str) -> Box<RawValue> {
        RawValue::from_string(text.to_owned()).unwrap()
    }

    #[test]
    fn a_key_is_never_used_for_two_questions() {
        let mut record = record();
        let (a, b) = (raw(r#"{"method":"roots/list"}"#), raw(r#"{"method":"roots/list","params":{}}"#));
        assert_eq!(record.ask("roots_1", &a).unwrap(), "roots_1");
        assert_eq!(record.ask("roots_1", &a).unwrap(), "roots_1");
        assert_eq!(record.ask("roots_1", &b).unwrap(), "roots_1_2");
        assert!(record.answer("roots_1", Answer::Given(Value::Null)));
        assert!(
            !record.answer("roots_1", Answer::Given(Value::Null)) && !record.answer("x", Answer::Given(Value::Null))
        );
        assert_eq!(record.status, TaskStatus::InputRequired);
        assert_eq!(record.ask("roots_1", &b).unwrap(), "roots_1_2");
        assert!(record.answer("roots_1_2", Answer::Given(Value::Null)));
        assert_eq!(record.status, TaskStatus::Working);
        assert!((0..MAX_QUESTIONS).any(|number| record.ask(&number.to_string(), &a).is_err()));
    }

    #[test]
    fn what_is_written_is_read_again() {
        let mut record = record();
        record.ask("a", &raw(r#"{"method":"roots/list"}"#)).unwrap();
        record.say(&"ä".repeat(MAX_MESSAGE_BYTES));
        let again = Record::read(&record.write().unwrap()).unwrap();
        assert_eq!(again.open_questions().map(|(key, _)| key).collect::<Vec<_>>(), ["a"]);
        assert_eq!(again.message.unwrap().len(), MAX_MESSAGE_BYTES);
        record.end(TaskStatus::Completed, Some(Outcome::Result(raw("{\"content\":[]}"))));
        let ended = Record::read(&record.write().unwrap()).unwrap();
        assert!(matches!(&ended.outcome, Some(Outcome::Result(result)) if result.get() == "{\"content\":[]}"));
        assert!(!ended.is_held_by("w") && ended.asked.is_empty());
    }

    #[test]
    fn a_caller_is_the_same_after_a_restart() {
        let claims = raw(r#"{"email":"ada@example.com"}"#);
        let ada = Principal::new("ada").with_issuer("i").with_tenant("t").with_scopes(["s"]).with_roles(["r"]);
        let ada = ada.with_permissions(["p"]).with_claims(claims);
        let mut before = Extensions::new();
        before.insert(ada.clone());
        let caller = serde_json::to_string(&Caller::of(&before).unwrap()).unwrap();
        let mut after = Extensions::new();
        serde_json::from_str::<Caller>(&caller).unwrap().restore(&mut after);
        assert_eq!(crate::access::identity(&after), Some(&**ada.identity()));
        let again = after.get::<Principal>().unwrap();
        assert_eq!(format!("{again:?}"), format!("{ada:?}"));
        assert_eq!((again.tenant(), again.claims::<Value>().unwrap()), (Some("t"), ada.claims().unwrap()));
    }
}
