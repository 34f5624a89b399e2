//! Every key, every form of writing it, and what is refused.
#![cfg(all(
    unix,
    feature = "http",
    feature = "websocket",
    feature = "tls",
    any(feature = "session-postgres", feature = "session-redis"),
    feature = "cache",
    feature = "stdio",
    feature = "tcp",
    feature = "unix"
))]

mod keys;
mod own;
mod refusals;

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::{Settings, Sources};
use crate::Error;

/// A folder of a test, which goes with it.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("turbomcp-settings-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Reads files, by name and text, and variables. The folder is left out of errors.
fn read(files: &[(&str, &str)], variables: &[(&str, &str)]) -> Result<Settings, String> {
    read_by(Settings::load(), files, variables, Ok)
}

fn read_by<T>(
    mut sources: Sources,
    files: &[(&str, &str)],
    variables: &[(&str, &str)],
    then: impl FnOnce(Settings) -> Result<T, Error>,
) -> Result<T, String> {
    let folder = Folder::new();
    sources = sources.environment("TURBOMCP");
    for (name, text) in files {
        sources = sources.file(folder.write(name, text));
    }
    let variables = variables.iter().map(|(name, value)| (OsString::from(name), OsString::from(value)));
    let read = sources.read_with(variables).and_then(then);
    read.map_err(|error: Error| {
        assert!(error.is_configuration());
        error.to_string().replace(&format!("{}/", folder.0.display()), "")
    })
}

#[test]
fn what_is_said_later_holds() {
    let toml = "preset = \"production\"\n[limits]\npage_size = 1\nsessions = 1\nsubscriptions = 1\n";
    let yaml = "limits:\n  sessions: 2\n  subscriptions: 2\n";
    let settings = read(&[("a.toml", toml), ("b.yaml", yaml)], &[("TURBOMCP_LIMITS__SUBSCRIPTIONS", "3")]).unwrap();
    let limits = &settings.config.limits;
    assert_eq!((limits.page_size, limits.sessions, limits.subscriptions), (1, 2, 3));
    // Whatever is there begins with the preset.
    assert_eq!(limits.requests_in_flight, 64);
    assert!(settings.middleware.rate_limit.is_some());
    let settings = read(&[("a.toml", toml)], &[("TURBOMCP_PRESET", "development")]).unwrap();
    assert!(settings.middleware.rate_limit.is_none());
    assert_eq!(settings.config.limits.page_size, 1);
}

/// Only a secret and its file take each other's place: a tool may be called `read_file`.
#[test]
fn names_that_end_like_files_of_secrets_stay() {
    let (one, other) = ("[timeout.tools]\nread = \"1s\"\n", "[timeout.tools]\nread_file = \"2s\"\n");
    for (first, second) in [(one, other), (other, one)] {
        let settings = read(&[("a.toml", first), ("b.toml", second)], &[]).unwrap();
        assert_eq!(settings.middleware.timeout.unwrap().tools.len(), 2, "{first}{second}");
    }
    let folder = Folder::new();
    let there = format!("[metrics]\nuser = \"ada\"\npassword_file = {:?}\n", folder.write("secret", "of a file"));
    let password = |files: &[(&str, &str)]| read(files, &[]).unwrap().metrics.unwrap().credentials.unwrap().1;
    let plain = "metrics: {user: ada, password: plain}";
    assert_eq!(password(&[("a.yaml", plain), ("b.toml", &there)]), "of a file");
    assert_eq!(password(&[("a.toml", &there), ("b.yaml", plain)]), "plain");
}

#[test]
fn a_section_that_is_empty_leaves_what_another_file_says() {
    let toml = "[rate_limit]\nrequests_per_period = 7\n[timeout.tools]\nread = \"1s\"\n";
    let settings = read(&[("a.toml", toml), ("b.yaml", "rate_limit:\ntimeout:\n  tools:\n")], &[]).unwrap();
    assert_eq!(settings.middleware.rate_limit.unwrap().limits.requests_per_period, 7);
    assert_eq!(settings.middleware.timeout.unwrap().tools.len(), 1);
}

/// What only code can say stays beside a section of a file, whoever was told it.
#[test]
fn the_builder_and_a_file_say_a_part_together() {
    use crate::health::{Check, HealthCheckConfig};
    use crate::tasks::{MemoryTasks, TaskConfig};
    let toml = "[tasks]\nttl = \"7s\"\n[health]\nreadiness_endpoint = \"/r\"\n";
    let config = TaskConfig::new();
    let store = config.store.clone();
    let health = HealthCheckConfig::new().custom_checks([Check::new("queue", || async { true })]);
    let builder = crate::ServerBuilder::new()
        .tasks(config)
        .and_then(|builder| builder.with_health_checks(health.interval(Duration::from_secs(9))))
        .and_then(|builder| builder.settings(read(&[("a.toml", toml)], &[]).unwrap()))
        .and_then(|builder| builder.with_health_check("disk", || async { true }))
        .unwrap();
    let tasks = builder.tasks.as_ref().unwrap();
    assert_eq!((tasks.ttl, Arc::ptr_eq(&tasks.store, &store)), (Duration::from_secs(7), true));
    let health = builder.operator.health.as_ref().unwrap();
    assert_eq!((&*health.paths.readiness, &*health.paths.liveness), ("/r", "/health/live"));
    let shown = format!("{health:?}");
    assert!(shown.contains("queue") && shown.contains("disk") && shown.contains("interval: 9s"), "{shown}");
    for toml in [toml, ""] {
        let settings = read(&[("a.toml", toml)], &[]).unwrap().task_store(MemoryTasks::new());
        let store = settings.task_store.clone().unwrap();
        let tasks = crate::ServerBuilder::new().settings(settings).unwrap().tasks.unwrap();
        assert!(Arc::ptr_eq(&tasks.store, &store));
        assert_eq!(tasks.ttl == Duration::from_secs(7), !toml.is_empty());
    }
}

#[test]
fn names_that_no_tool_has_are_found() {
    let toml = "[tools]\nhidden = [\"serch\", \"other\", \"read\"]\n[timeout.tools]\nserch = \"1s\"\nraed = \"1s\"\n\
        [concurrency.max_per_tool]\nlists = 1\n[cache]\ntools = [\"cached\"]\n[single_flight]\ntools = [\"lone\"]\n";
    let settings = read(&[("a.toml", toml)], &[]).unwrap();
    let unknown = settings.unknown_tools(&["search", "read", "list"]);
    let unknown: Vec<_> = unknown.iter().map(|found| (found.key, found.name, found.near)).collect();
    let expected = [
        ("cache.tools", "cached", None),
        ("concurrency.max_per_tool.*", "lists", Some("list")),
        ("single_flight.tools", "lone", None),
        ("tools.hidden", "other", None),
        ("timeout.tools.*", "raed", Some("read")),
        ("tools.hidden", "serch", Some("search")),
    ];
    assert_eq!(unknown, expected);
    assert!(read(&[("a.toml", "tools.only = [\"x\"]")], &[]).unwrap().unknown_tools(&["x"]).is_empty());
}

#[test]
fn strict_transport_that_is_turned_off_stays_off() {
    let below = ("a.toml", "headers.hsts_subdomains = true\nheaders.hsts_behind_proxy = true");
    let settings = read(&[below], &[("TURBOMCP_HEADERS__HSTS", "none")]).unwrap();
    assert!(settings.middleware.security.unwrap().headers.unwrap().hsts.is_none());
    let settings = read(&[below, ("b.toml", "headers.hsts = \"7s\"")], &[]).unwrap();
    assert!(settings.middleware.security.unwrap().headers.unwrap().hsts.unwrap().subdomains);
}

#[test]
fn a_variable_names_a_file_on_top_of_the_others() {
    let folder = Folder::new();
    let named = folder.write("named.yml", "limits: {page_size: 2}\n");
    let variables = [("TURBOMCP_CONFIG", named.to_str().unwrap())];
    let settings = read(&[("a.toml", "limits.page_size = 1\nlimits.sessions = 1\n")], &variables).unwrap();
    assert_eq!((settings.config.limits.page_size, settings.config.limits.sessions), (2, 1));
}

#[test]
fn variables_of_others_and_empty_ones_say_nothing() {
    let variables = [
        ("TURBOMCPX_NO", "1"),
        ("OTHER", "1"),
        ("TURBOMCP", "1"),
        ("TURBOMCP_LIMITS__PAGE_SIZE", ""),
        ("turbomcp_limits__page_size", "5"),
    ];
    assert_eq!(read(&[], &variables).unwrap().config.limits.page_size, 1000);
}

#[test]
fn empty_files_and_sections_say_nothing() {
    for (name, text) in
        [("a.toml", ""), ("a.yaml", ""), ("a.yaml", "---\n"), ("a.yaml", "limits:\n"), ("a.toml", "[limits]")]
    {
        assert_eq!(read(&[(name, text)], &[]).unwrap().config.limits.page_size, 1000, "{text:?}");
    }
}

#[test]
fn numbers_of_toml_have_its_forms() {
    for (text, expected) in [("1_000", 1000), ("0x10", 16), ("0o17", 15), ("0b11", 3), ("+5", 5)] {
        let settings = read(&[("a.toml", &format!("limits.page_size = {text}"))], &[]).unwrap();
        assert_eq!(settings.config.limits.page_size, expected, "{text}");
    }
}

/// YAML 1.2 and not 1.1, by which `no` is false and `012` ten.
#[test]
fn yaml_is_read_by_the_core_schema() {
    let yaml =
        "server:\n  name: no\n  title: 'true'\n  description: |\n    two\n    lines\nlimits:\n  page_size: 0x10\n";
    let settings = read(&[("a.yaml", yaml)], &[]).unwrap();
    assert_eq!(settings.config.name, "no");
    assert_eq!(settings.config.title.as_deref(), Some("true"));
    assert_eq!(settings.config.description.as_deref(), Some("two\nlines\n"));
    assert_eq!(settings.config.limits.page_size, 16);
}

#[test]
fn a_secret_is_read_from_a_file_and_never_shown() {
    let folder = Folder::new();
    let file = folder.write("password", "hunter2\n");
    let file = file.to_str().unwrap();
    let toml = format!("metrics.user = \"ada\"\nmetrics.password_file = {file:?}\n");
    let settings = read(&[("a.toml", &toml)], &[]).unwrap();
    assert_eq!(settings.metrics.as_ref().unwrap().credentials.as_ref().unwrap().1, "hunter2");
    assert!(!format!("{settings:?}").contains("hunter2"));
    // Either takes the place of the other where it holds more.
    let settings = read(&[("a.toml", &toml)], &[("TURBOMCP_METRICS__PASSWORD", "other")]).unwrap();
    assert_eq!(settings.metrics.unwrap().credentials.unwrap().1, "other");
    let toml = "metrics.user = \"ada\"\nmetrics.password = \"other\"\n";
    let settings = read(&[("a.toml", toml)], &[("TURBOMCP_METRICS__PASSWORD_FILE", file)]).unwrap();
    assert_eq!(settings.metrics.unwrap().credentials.unwrap().1, "hunter2");
    let key = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";
    let settings = read(&[("a.toml", &format!("request_state.keys = [{key:?}]"))], &[]).unwrap();
    assert_eq!(settings.keys.0, [*b"01234567890123456789012345678901"]);
    assert!(!format!("{settings:?}").contains("48, 49, 50"), "{settings:?}");
}

#[test]
fn what_is_turned_off_is_off_whoever_says_it() {
    let toml = "preset = \"production\"\n[rate_limit]\nenabled = false\nburst_size = 7\n";
    let settings = read(&[("a.toml", toml)], &[]).unwrap();
    assert!(settings.middleware.rate_limit.is_none());
    let settings = read(&[("a.toml", toml)], &[("TURBOMCP_RATE_LIMIT__ENABLED", "true")]).unwrap();
    assert_eq!(settings.middleware.rate_limit.unwrap().limits.burst_size, Some(7));
}

/// The page of the guide is what this build would write; `cargo run --example configured_server -- reference` does.
#[test]
fn the_reference_has_every_key() {
    let written = include_str!("../../../../../docs/src/configuration-keys.md");
    let page = Settings::reference();
    for (there, should) in written.lines().zip(page.lines()) {
        assert_eq!(there, should);
    }
    assert_eq!(written, page);
}
