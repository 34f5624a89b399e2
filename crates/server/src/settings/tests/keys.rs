//! Each key sets its field, by a file of either kind and by a variable.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::time::Duration;

use super::read;
use crate::layers::{AuditLogLevel, ForwardedHeader, FrameOptions, Overload, RateLimitStrategy, RateLimits, Which};
use crate::settings::{Settings, keys};

/// A key, how its value is written in TOML, what else has to be there, and the field that it sets with what it is then.
struct Row {
    key: &'static str,
    value: &'static str,
    with: &'static [(&'static str, &'static str)],
    field: fn(&Settings) -> String,
    expected: String,
}

fn debug(value: impl Debug) -> String {
    format!("{value:?}")
}

macro_rules! rows {
    ($($key:literal = $value:literal $(with $with:expr)? , $settings:ident => $field:expr, $expected:expr;)*) => {
        vec![$(Row {
            key: $key,
            value: $value,
            with: { const WITH: &[&[(&str, &str)]] = &[$($with)?]; if WITH.is_empty() { &[] } else { WITH[0] } },
            field: |$settings| debug(&$field),
            expected: debug(&$expected),
        }),*]
    };
}

const HTTP: &[(&str, &str)] = &[("serve.transport", "\"http\"")];
const TCP: &[(&str, &str)] = &[("serve.transport", "\"tcp\"")];
const TLS: &[(&str, &str)] =
    &[("serve.transport", "\"tls\""), ("tls.certificate", "\"c.pem\""), ("tls.key", "\"k.pem\"")];
const MUTUAL: &[(&str, &str)] = &[
    ("serve.transport", "\"http\""),
    ("tls.certificate", "\"c.pem\""),
    ("tls.key", "\"k.pem\""),
    ("tls.client_ca", "\"ca.pem\""),
    ("tls.client_auth", "\"optional\""),
];

const STORES: &[(&str, &str)] = &[("store_tls.certificate", "\"c.pem\""), ("store_tls.key", "\"k.pem\"")];

const KEY: &str = "01234567890123456789012345678901";

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn rows() -> Vec<Row> {
    let mut all = own();
    all.extend(layers());
    all.extend(operator());
    all
}

fn own() -> Vec<Row> {
    rows! {
        "preset" = "\"production\"", s => s.config.limits.requests_in_flight, 64;
        "server.name" = "\"notes\"", s => s.config.name, "notes";
        "server.version" = "\"7.0\"", s => s.config.version, "7.0";
        "server.title" = "\"Notes\"", s => s.config.title, Some("Notes");
        "server.description" = "\"All notes\"", s => s.config.description, Some("All notes");
        "server.website_url" = "\"https://a.example\"", s => s.config.website_url, Some("https://a.example");
        "server.icons" = "[\"https://a.example/i.png\"]",
            s => s.config.icons.as_ref().map(|icons| icons[0].src.clone()), Some("https://a.example/i.png");
        "server.instructions" = "\"Search first\"", s => s.config.instructions, Some("Search first");
        "server.roots" = "[\"file:///a\", \"file:///b\"]",
            s => s.config.roots.iter().map(|root| root.uri.clone()).collect::<Vec<_>>(), ["file:///a", "file:///b"];
        "serve.transport" = "\"tcp\"", s => s.serve.transport.map(|binding| binding.name()), Some("tcp");
        "serve.address" = "\"127.0.0.1:99\"" with TCP, s => s.serve.address, Some("127.0.0.1:99");
        "serve.socket" = "\"/tmp/a.sock\"" with &[("serve.transport", "\"unix\"")],
            s => s.serve.socket, Some("/tmp/a.sock");
        "http.path" = "\"/tools\"" with HTTP, s => s.http.path, Some("/tools");
        "http.websocket_path" = "\"/ws\"" with HTTP, s => s.http.websocket, Some("/ws");
        "http.sse_path" = "\"/sse\"" with &[("serve.transport", "\"http\""), ("http.messages_path", "\"/m\"")],
            s => s.http.sse, Some("/sse");
        "http.messages_path" = "\"/m\"" with &[("serve.transport", "\"http\""), ("http.sse_path", "\"/sse\"")],
            s => s.http.messages, Some("/m");
        "http.hosts" = "[\"a.example\", \"b.example:99\"]" with HTTP, s => s.http.hosts, ["a.example", "b.example:99"];
        "tls.certificate" = "\"c.pem\"" with TLS, s => s.tls.certificate, Some("c.pem");
        "tls.key" = "\"k.pem\"" with TLS, s => s.tls.key, Some("k.pem");
        "tls.client_ca" = "\"ca.pem\"" with MUTUAL, s => s.tls.client_ca, Some("ca.pem");
        "tls.client_auth" = "\"required\"" with MUTUAL,
            s => s.tls.client_auth, turbomcp_transport::tls::ClientAuthMode::Required;
        "tls.min_version" = "\"1.2\"" with TLS, s => s.tls.min_version, turbomcp_transport::tls::TlsVersion::V1_2;
        "tls.ocsp_response" = "\"o.der\"" with TLS, s => s.tls.ocsp_response, Some("o.der");
        "tls.reload_interval" = "\"1h\"" with TLS, s => s.tls.reload_interval, Some(seconds(3600));
        "store_tls.ca_bundle" = "\"ca.pem\"", s => s.store_tls.ca_bundle, Some("ca.pem");
        "store_tls.certificate" = "\"c.pem\"" with STORES, s => s.store_tls.certificate, Some("c.pem");
        "store_tls.key" = "\"k.pem\"" with STORES, s => s.store_tls.key, Some("k.pem");
        "store_tls.min_version" = "\"1.2\"", s => s.store_tls.min_version, turbomcp_transport::tls::TlsVersion::V1_2;
        "limits.message_bytes" = "\"3MiB\"", s => s.config.limits.message_bytes, 3 << 20;
        "limits.request_timeout" = "\"7s\"", s => s.config.limits.request_timeout, seconds(7);
        "limits.client_answer_timeout" = "\"7m\"", s => s.config.limits.client_answer_timeout, seconds(420);
        "limits.requests_in_flight" = "7", s => s.config.limits.requests_in_flight, 7;
        "limits.outgoing_bytes" = "\"7kB\"", s => s.config.limits.outgoing_bytes, 7000;
        "limits.outgoing_notifications" = "7", s => s.config.limits.outgoing_notifications, 7;
        "limits.subscriptions" = "7", s => s.config.limits.subscriptions, 7;
        "limits.subscribed_resources" = "7", s => s.config.limits.subscribed_resources, 7;
        "limits.end_of_input" = "\"0s\"", s => s.config.limits.end_of_input, Duration::ZERO;
        "limits.shutdown" = "\"7s\"", s => s.config.limits.shutdown, seconds(7);
        "limits.page_size" = "7", s => s.config.limits.page_size, 7;
        "limits.request_state_age" = "\"7s\"", s => s.config.limits.request_state_age, seconds(7);
        "limits.body_bytes" = "\"7B\"", s => s.config.limits.body_bytes, 7;
        "limits.body_timeout" = "\"7s\"", s => s.config.limits.body_timeout, seconds(7);
        "limits.header_bytes" = "\"16KiB\"", s => s.config.limits.header_bytes, 16 << 10;
        "limits.header_timeout" = "\"7s\"", s => s.config.limits.header_timeout, seconds(7);
        "limits.connections" = "7", s => s.config.limits.connections, 7;
        "limits.handshakes" = "7", s => s.config.limits.handshakes, 7;
        "limits.handshake_timeout" = "\"7s\"", s => s.config.limits.handshake_timeout, seconds(7);
        "limits.keep_alive" = "\"7s\"", s => s.config.limits.keep_alive, seconds(7);
        "limits.sessions" = "7", s => s.config.limits.sessions, 7;
        "limits.session_idle" = "\"7s\"", s => s.config.limits.session_idle, seconds(7);
        "limits.replay_events" = "0", s => s.config.limits.replay_events, 0;
        "limits.replay_bytes" = "\"7B\"", s => s.config.limits.replay_bytes, 7;
        "limits.replay_age" = "\"7s\"", s => s.config.limits.replay_age, seconds(7);
    }
}

fn layers() -> Vec<Row> {
    fn headers(settings: &Settings) -> &crate::layers::SecurityHeaders {
        settings.middleware.security.as_ref().unwrap().headers.as_ref().unwrap()
    }
    fn cors(settings: &Settings) -> &crate::CorsConfig {
        &settings.middleware.security.as_ref().unwrap().cors
    }
    fn audit(settings: &Settings) -> &crate::layers::AuditConfig {
        settings.middleware.audit.as_ref().unwrap()
    }
    fn rate_limit(settings: &Settings) -> &crate::layers::RateLimitConfig {
        settings.middleware.rate_limit.as_ref().unwrap()
    }
    fn cache(settings: &Settings) -> &crate::layers::CacheConfig {
        settings.middleware.cache.as_ref().unwrap()
    }
    fn concurrency(settings: &Settings) -> &crate::layers::ConcurrencyConfig {
        settings.middleware.concurrency.as_ref().unwrap()
    }
    const ORIGIN: &[(&str, &str)] = &[("cors.allowed_origins", "[\"https://a.example\"]")];
    rows! {
        "headers.csp" = "\"default-src 'self'\"",
            s => headers(s).csp.as_ref().and_then(|csp| csp.text().ok()), Some("default-src 'self'");
        "headers.hsts" = "\"7s\"", s => headers(s).hsts.map(|hsts| hsts.max_age), Some(seconds(7));
        "headers.hsts_subdomains" = "true", s => headers(s).hsts.map(|hsts| hsts.subdomains), Some(true);
        "headers.hsts_behind_proxy" = "true", s => headers(s).hsts.map(|hsts| hsts.behind_proxy), Some(true);
        "headers.frame_options" = "\"same_origin\"", s => headers(s).frames, Some(FrameOptions::SameOrigin);
        "headers.content_type_options" = "false", s => headers(s).no_sniffing, false;
        "headers.referrer_policy" = "\"origin\"", s => headers(s).referrer, Some("origin");
        "headers.enabled" = "true", s => s.middleware.security.as_ref().map(|all| all.headers.is_some()), Some(true);
        "cors.allowed_origins" = "[\"https://a.example\"]", s => cors(s).origins, ["https://a.example"];
        "cors.allowed_methods" = "[\"POST\"]" with ORIGIN, s => cors(s).methods, Some(["POST"]);
        "cors.max_age" = "\"7s\"" with ORIGIN, s => cors(s).max_age, Some(seconds(7));
        "proxies.networks" = "[\"10.0.0.0/8\"]", s => s.middleware.trusted_proxies.networks, ["10.0.0.0/8"];
        "proxies.header" = "\"forwarded\"", s => s.middleware.trusted_proxies.header, ForwardedHeader::Forwarded;
        "proxies.unix_sockets" = "true", s => s.middleware.trusted_proxies.unix_sockets, true;
        "audit.log_success" = "false", s => audit(s).log_success, false;
        "audit.log_failures" = "false", s => audit(s).log_failures, false;
        "audit.log_auth_events" = "false", s => audit(s).log_auth_events, false;
        "audit.log_authz_events" = "false", s => audit(s).log_authz_events, false;
        "audit.log_arguments" = "true", s => audit(s).log_arguments, true;
        "audit.log_level" = "\"debug\"", s => audit(s).log_level, AuditLogLevel::Debug;
        "audit.enabled" = "true", s => s.middleware.audit.is_some(), true;
        "rate_limit.strategy" = "\"per_tool\"", s => rate_limit(s).strategy, RateLimitStrategy::PerTool;
        "rate_limit.requests_per_period" = "7", s => rate_limit(s).limits.requests_per_period, 7;
        "rate_limit.period" = "\"7s\"", s => rate_limit(s).limits.period, seconds(7);
        "rate_limit.burst_size" = "7", s => rate_limit(s).limits.burst_size, Some(7);
        "rate_limit.max_keys" = "7", s => rate_limit(s).max_keys, 7;
        "rate_limit.also.per_tool.requests_per_period" = "7",
            s => rate_limit(s).also, [(RateLimitStrategy::PerTool, RateLimits::per_minute(7))];
        "rate_limit.also.per_tool.period" = "\"7s\"", s => rate_limit(s).also[0].1.period, seconds(7);
        "rate_limit.also.per_tool.burst_size" = "7", s => rate_limit(s).also[0].1.burst_size, Some(7);
        "rate_limit.enabled" = "true", s => s.middleware.rate_limit.is_some(), true;
        "timeout.request_timeout" = "\"7s\"", s => s.middleware.timeout.as_ref().map(|all| all.request_timeout), Some(seconds(7));
        "timeout.tools.report" = "\"7s\"", s => s.middleware.timeout.as_ref().map(|all| all.tools["report"]), Some(seconds(7));
        "timeout.enabled" = "true", s => s.middleware.timeout.is_some(), true;
        "cache.tools" = "[\"rate\"]", s => cache(s).tools, Which::named(["rate"]);
        "cache.ttl" = "\"7s\"", s => cache(s).ttl, seconds(7);
        "cache.max_entries" = "7", s => cache(s).max_entries, 7;
        "cache.max_value_bytes" = "\"7B\"", s => cache(s).max_value_bytes, 7;
        "cache.enabled" = "true", s => s.middleware.cache.is_some(), true;
        "single_flight.tools" = "[\"rate\"]", s => s.middleware.single_flight.as_ref().map(|all| all.tools.clone()),
            Some(Which::named(["rate"]));
        "single_flight.enabled" = "true", s => s.middleware.single_flight.is_some(), true;
        "concurrency.max_requests" = "7", s => concurrency(s).max_requests, 7;
        "concurrency.max_per_principal" = "7", s => concurrency(s).max_per_principal, Some(7);
        "concurrency.max_per_tool.report" = "7", s => concurrency(s).max_per_tool["report"], 7;
        "concurrency.queue_places" = "7", s => concurrency(s).overload, Overload::Queue { places: 7, longest: seconds(5) };
        "concurrency.queue_longest" = "\"7s\"", s => concurrency(s).overload, Overload::Queue { places: 64, longest: seconds(7) };
        "concurrency.overload" = "\"queue\"", s => concurrency(s).overload, Overload::Queue { places: 64, longest: seconds(5) };
        "concurrency.enabled" = "true", s => s.middleware.concurrency.is_some(), true;
    }
}

fn operator() -> Vec<Row> {
    fn sessions(settings: &Settings) -> &crate::sessions::SessionConfig {
        settings.sessions.as_ref().unwrap()
    }
    fn tasks(settings: &Settings) -> &crate::tasks::TaskConfig {
        settings.tasks.as_ref().unwrap()
    }
    fn health(settings: &Settings) -> &crate::health::HealthCheckConfig {
        settings.health.as_ref().unwrap()
    }
    fn metrics(settings: &Settings) -> &crate::metrics::PrometheusConfig {
        settings.metrics.as_ref().unwrap()
    }
    rows! {
        "tools.only" = "[\"a\", \"b\"]", s => s.tools.only, Some(["a", "b"]);
        "tools.hidden" = "[\"a\"]", s => s.tools.hidden, ["a"];
        "sessions.ttl" = "\"7s\"", s => sessions(s).ttl, seconds(7);
        "sessions.max_sessions" = "7", s => sessions(s).max_sessions, 7;
        "sessions.cleanup_interval" = "\"7s\"", s => sessions(s).cleanup_interval, seconds(7);
        "sessions.max_request_history" = "7", s => sessions(s).max_request_history, 7;
        "sessions.max_requests_per_session" = "\"none\"", s => sessions(s).max_requests_per_session, None::<u64>;
        "sessions.enable_analytics" = "false", s => sessions(s).enable_analytics, false;
        "sessions.enabled" = "true", s => s.sessions.is_some(), true;
        "tasks.ttl" = "\"7s\"", s => tasks(s).ttl, seconds(7);
        "tasks.max_ttl" = "\"7d\"", s => tasks(s).max_ttl, seconds(7 * 86_400);
        "tasks.poll_interval" = "\"7s\"", s => tasks(s).poll_interval, seconds(7);
        "tasks.lease" = "\"7s\"", s => tasks(s).lease, seconds(7);
        "tasks.per_principal" = "7", s => tasks(s).per_principal, 7;
        "tasks.total" = "7", s => tasks(s).total, 7;
        "tasks.max_bytes" = "\"7B\"", s => tasks(s).max_bytes, 7;
        "tasks.enabled" = "true", s => s.tasks.is_some(), true;
        "request_state.keys" = "[\"MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=\"]",
            s => s.keys.0, [KEY.as_bytes()];
        "health.readiness_endpoint" = "\"/r\"", s => health(s).readiness, "/r";
        "health.liveness_endpoint" = "\"/l\"", s => health(s).liveness, "/l";
        "health.interval" = "\"7s\"", s => health(s).checker.interval, seconds(7);
        "health.timeout" = "\"7s\"", s => health(s).checker.timeout, seconds(7);
        "health.enabled" = "true", s => s.health.is_some(), true;
        "metrics.endpoint" = "\"/m\"", s => metrics(s).endpoint, "/m";
        "metrics.namespace" = "\"a\"", s => metrics(s).namespace, "a";
        "metrics.subsystem" = "\"none\"", s => metrics(s).subsystem, "";
        "metrics.histogram_buckets" = "[0.5, 1.0]", s => metrics(s).buckets, [0.5, 1.0];
        "metrics.custom_metrics" = "false", s => metrics(s).custom, false;
        "metrics.user" = "\"ada\"" with &[("metrics.password", "\"x\"")],
            s => metrics(s).credentials.clone().map(|(user, _)| user), Some("ada");
        "metrics.password" = "\"x\"" with &[("metrics.user", "\"ada\"")],
            s => metrics(s).credentials.clone().map(|(_, password)| password), Some("x");
        "metrics.enabled" = "true", s => s.metrics.is_some(), true;
    }
}

/// Says the same in TOML, in YAML and by variables.
fn ways(pairs: &[(&str, &str)]) -> [Result<Settings, String>; 3] {
    let toml: String = pairs.iter().map(|(key, value)| format!("{key} = {value}\n")).collect();
    // What begins alike is one table.
    let mut tree = serde_json::Map::new();
    for (key, value) in pairs {
        let mut parts: Vec<_> = key.split('.').collect();
        let last = parts.pop().unwrap();
        let mut table = &mut tree;
        for part in parts {
            table = table.entry(part).or_insert_with(|| serde_json::json!({})).as_object_mut().unwrap();
        }
        table.insert(last.to_owned(), serde_json::from_str(value).unwrap());
    }
    let yaml = serde_json::to_string_pretty(&tree).unwrap();
    let variables: Vec<_> = pairs
        .iter()
        .map(|(key, value)| {
            let name = format!("TURBOMCP_{}", key.replace('.', "__").to_uppercase());
            (name, value.trim_matches(['[', ']']).replace('"', ""))
        })
        .collect();
    let variables: Vec<_> = variables.iter().map(|(name, value)| (&**name, &**value)).collect();
    [read(&[("a.toml", &toml)], &[]), read(&[("a.yaml", &yaml)], &[]), read(&[], &variables)]
}

#[test]
fn each_key_sets_its_field_and_no_other() {
    let known: Vec<_> = keys::keys().collect();
    for row in rows() {
        let mut pairs: Vec<_> = row.with.iter().copied().filter(|(key, _)| *key != row.key).collect();
        let without = ways(&pairs).map(|read| read.ok());
        pairs.push((row.key, row.value));
        for (read, before) in ways(&pairs).into_iter().zip(without) {
            let settings = read.unwrap_or_else(|error| panic!("{}: {error}", row.key));
            assert_eq!((row.field)(&settings), row.expected, "{}", row.key);
            let Some(before) = before else { continue };
            // Of all keys, only those that are about the same have changed.
            for key in &known {
                let is_same = (key.same)(&mut settings.clone(), &mut before.clone());
                let own = key.path.split('.').zip(row.key.split('.')).all(|(a, b)| a == "*" || a == b);
                assert!(
                    is_same != own || row.key == "preset" || is_turned_on(row.key, key.path),
                    "{}: {}",
                    row.key,
                    key.path
                );
            }
        }
    }
}

/// Returns true for the key that says whether a part is on, and for others that one value has in it.
fn is_turned_on(key: &str, other: &str) -> bool {
    let section = |key: &str| key.split('.').next().unwrap_or_default().to_owned();
    let one = section(key) == section(other);
    one && (other.ends_with(".enabled")
        || key.ends_with(".enabled")
        || key.starts_with("rate_limit.also.") && other.starts_with("rate_limit.also.")
        || key.starts_with("concurrency.queue") && other == "concurrency.overload"
        // The one that the other turns on.
        || key == "concurrency.overload")
}

#[test]
fn each_key_has_a_row() {
    let known: BTreeSet<_> = keys::keys().map(|key| key.path.to_owned()).collect();
    let named = |key: &str| match key {
        "timeout.tools.report" => "timeout.tools.*".to_owned(),
        "concurrency.max_per_tool.report" => "concurrency.max_per_tool.*".to_owned(),
        key => key.replace(".per_tool.", ".*."),
    };
    let rows: Vec<_> = rows().iter().map(|row| named(row.key)).collect();
    assert_eq!(rows.iter().cloned().collect::<BTreeSet<_>>(), known);
    assert_eq!(rows.len(), known.len());
}
