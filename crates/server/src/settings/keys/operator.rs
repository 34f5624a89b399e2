//! What is kept, measured and shown.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{Key, Section, enabled, key};
use crate::health::HealthCheckConfig;
use crate::metrics::PrometheusConfig;
use crate::seal::KEY_BYTES;
use crate::settings::kind::{
    ANYTHING, Bytes, Count, Decimal, Form, Kind, List, MILLISECOND, Maybe, Secret, Switch, Text, Time, YEARS,
};
use crate::settings::node::Value;
use crate::settings::{Settings, Tools};
use crate::tasks::TaskConfig;

pub(super) static SECTIONS: &[Section] = &[
    Section { name: "tools", about: "Which tools there are for clients.", feature: None, keys: TOOLS },
    Section {
        name: "sessions",
        about: "How long legacy sessions over HTTP last: in memory, unless code says in which store.",
        feature: Some("http"),
        #[cfg(feature = "http")]
        keys: http::SESSIONS,
        #[cfg(not(feature = "http"))]
        keys: &[],
    },
    Section { name: "tasks", about: "How tasks are kept.", feature: None, keys: TASKS },
    Section { name: "request_state", about: "What clients carry from round to round.", feature: None, keys: STATE },
    Section { name: "health", about: "Where to ask whether the server is well.", feature: None, keys: HEALTH },
    Section { name: "metrics", about: "How Prometheus reads what is counted.", feature: None, keys: METRICS },
];

const MANY: usize = 1_000_000_000;
const TIME: Time = Time(MILLISECOND, YEARS);
const WORD: Text = Text(ANYTHING);

fn tools(settings: &mut Settings) -> &mut Tools {
    &mut settings.tools
}

static TOOLS: &[Key] = &[
    key!("tools.only", Maybe(List(WORD)), Request, tools, at => at.only,
        "The names of those there are; all that are registered unless set."),
    key!("tools.hidden", List(WORD), Request, tools, at => at.hidden, "The names of those that are not there."),
];

#[cfg(feature = "http")]
mod http {
    use super::*;
    use crate::sessions::SessionConfig;

    fn sessions(settings: &mut Settings) -> &mut SessionConfig {
        settings.sessions.get_or_insert_with(SessionConfig::default)
    }

    pub(super) static SESSIONS: &[Key] = &[
        key!("sessions.ttl", TIME, Start, sessions, at => at.ttl, "How long a session lasts that nobody uses."),
        key!("sessions.max_sessions", Count(1, MANY), Start, sessions, at => at.max_sessions,
            "How many sessions there are at once."),
        key!("sessions.cleanup_interval", TIME, Start, sessions, at => at.cleanup_interval,
            "How often sessions that have ended are removed."),
        key!("sessions.max_request_history", Count(0, 1_000_000), Start, sessions, at => at.max_request_history,
            "How many of the last requests are remembered."),
        key!("sessions.max_requests_per_session", Maybe(Count(1, u64::from(u32::MAX))), Start, sessions,
            at => at.max_requests_per_session, "After how many requests a session is over."),
        key!("sessions.enable_analytics", Switch, Start, sessions, at => at.enable_analytics,
            "Whether it is counted what is done in sessions."),
        enabled!("sessions.enabled", Start, at => at.sessions,
            "Whether sessions are managed. On once another key of the section is there."),
    ];
}

fn tasks(settings: &mut Settings) -> &mut TaskConfig {
    settings.tasks.get_or_insert_with(TaskConfig::new)
}

static TASKS: &[Key] = &[
    key!("tasks.ttl", TIME, Start, tasks, at => at.ttl, "How long a task is kept, from when it was created."),
    key!("tasks.max_ttl", TIME, Start, tasks, at => at.max_ttl,
        "How long it is kept at most where its client may say how long."),
    key!("tasks.poll_interval", TIME, Start, tasks, at => at.poll_interval,
        "How long clients are asked to wait before they ask again."),
    key!("tasks.lease", Time(Duration::from_millis(30), Duration::from_secs(3600)), Start, tasks, at => at.lease,
        "How long a worker has a task before it has to say that it still works on it."),
    key!("tasks.per_principal", Count(1, MANY), Start, tasks, at => at.per_principal,
        "How many tasks of one caller are kept."),
    key!("tasks.total", Count(1, MANY), Start, tasks, at => at.total, "How many tasks are kept at all."),
    key!("tasks.max_bytes", Bytes(1, 1 << 30), Start, tasks, at => at.max_bytes,
        "How long a result may be to be kept."),
    enabled!("tasks.enabled", Start, at => at.tasks,
        "Whether there are tasks beside those of tools that say so. On once another key of the section is there."),
];

fn all(settings: &mut Settings) -> &mut Settings {
    settings
}

/// Bytes of a key, in Base64.
struct KeyBytes;

impl Kind for KeyBytes {
    type Value = [u8; KEY_BYTES];
    const IS_SECRET: bool = true;

    fn read(&self, found: &Value) -> Option<Result<Self::Value, String>> {
        let (Value::Text(text) | Value::Variable(text)) = found else { return None };
        let bytes = STANDARD.decode(text.trim()).ok().and_then(|bytes| bytes.try_into().ok());
        Some(bytes.ok_or_else(|| "one of them has another length, or is no Base64".to_owned()))
    }

    fn show(&self, _: &Self::Value) -> String {
        "[redacted]".to_owned()
    }

    fn allowed(&self) -> String {
        format!("{KEY_BYTES} bytes in Base64")
    }
}

static STATE: &[Key] = &[key!("request_state.keys", List(KeyBytes), Start, all, at => at.keys.0.clone(),
    value => at.keys.0 = value,
    "The keys that seal it: the first seals, all open. One that only this process has unless set.")];

fn health(settings: &mut Settings) -> &mut HealthCheckConfig {
    settings.health.get_or_insert_with(HealthCheckConfig::new)
}

const PATH: Form = Form {
    allowed: "a plain path that begins with `/`",
    check: |text| crate::operator::check_path(text).map_err(|error| error.to_string()),
};

static HEALTH: &[Key] = &[
    key!("health.readiness_endpoint", Text(PATH), Start, health, at => at.readiness,
        "The path that says whether the server can take requests."),
    key!("health.liveness_endpoint", Text(PATH), Start, health, at => at.liveness,
        "The path that says whether it can answer."),
    key!("health.interval", TIME, Start, health, at => at.checker.interval,
        "How long it takes from the end of a check until it runs again."),
    key!("health.timeout", TIME, Start, health, at => at.checker.timeout, "How long a check may take."),
    enabled!("health.enabled", Start, at => at.health,
        "Whether the paths are there. On once another key of the section is there."),
];

fn metrics(settings: &mut Settings) -> &mut PrometheusConfig {
    settings.metrics.get_or_insert_with(PrometheusConfig::new)
}

const NAME: Form = Form {
    allowed: "letters, digits and `_`, and no digit first",
    check: |text| match crate::metrics::is_name(text) {
        true => Ok(()),
        false => Err("it has others".to_owned()),
    },
};

const USER: Form = Form {
    allowed: "a name without `:`",
    check: |text| match text.is_empty() || text.contains(':') {
        true => Err("it is empty or has one".to_owned()),
        false => Ok(()),
    },
};

/// Upper bounds that grow.
struct Buckets;

impl Kind for Buckets {
    type Value = Vec<f64>;

    fn read(&self, found: &Value) -> Option<Result<Vec<f64>, String>> {
        Some(List(Decimal).read(found)?.and_then(|bounds| match crate::metrics::are_buckets(&bounds) {
            true => Ok(bounds),
            false => Err("they do not grow, or there are too many or none".to_owned()),
        }))
    }

    fn show(&self, value: &Vec<f64>) -> String {
        List(Decimal).show(value)
    }

    fn allowed(&self) -> String {
        "a list of numbers above 0 that grow".to_owned()
    }
}

fn credentials(config: &mut PrometheusConfig) -> &mut (String, String) {
    config.credentials.get_or_insert_with(Default::default)
}

static METRICS: &[Key] = &[
    key!("metrics.endpoint", Text(PATH), Start, metrics, at => at.endpoint, "The path at which they are read."),
    key!("metrics.namespace", Text(NAME), Start, metrics, at => at.namespace, "The first part of their names."),
    key!("metrics.subsystem", Maybe(Text(NAME)), Start, metrics,
        at => Some(at.subsystem.clone()).filter(|name| !name.is_empty()),
        value => at.subsystem = value.unwrap_or_default(),
        "The second part of their names."),
    key!("metrics.histogram_buckets", Buckets, Start, metrics, at => at.buckets,
        "The upper bounds in seconds by which durations are counted."),
    key!("metrics.custom_metrics", Switch, Start, metrics, at => at.custom,
        "Whether what users measure is shown, too."),
    key!("metrics.user", Maybe(Text(USER)), Start, metrics,
        at => at.credentials.as_ref().map(|(user, _)| user.clone()).filter(|user| !user.is_empty()),
        value => match value {
            Some(user) => credentials(at).0 = user,
            None => at.credentials = None,
        },
        "The name that whoever reads them shows."),
    key!("metrics.password", Secret(ANYTHING), Start, metrics,
        at => at.credentials.as_ref().map(|(_, password)| password.clone()).unwrap_or_default(),
        value => credentials(at).1 = value,
        "The password that whoever reads them shows."),
    enabled!("metrics.enabled", Start, at => at.metrics,
        "Whether they are shown. On once another key of the section is there."),
];
