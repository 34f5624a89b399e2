//! What programs read of the dashboard: status, metrics and configuration as JSON.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::shown;
use super::site::Site;
use crate::metrics::ServerMetrics;
use crate::sync::read;
use crate::{Limits, McpServer};

/// Returns how the server is.
pub(super) async fn status(site: &Site) -> Value {
    let server = site.server();
    let watch = &site.dashboard().watch;
    let (started, uptime) = watch.started();
    let health = server.health().await;
    let rates = watch.rates();
    let sum = |numbers: &[u32]| numbers.iter().copied().map(u64::from).sum::<u64>();
    let percentiles = watch.percentiles([50, 95, 99]).map(|found| {
        let [p50, p95, p99] = found.map(|took| took.as_secs_f64());
        json!({"p50": p50, "p95": p95, "p99": p99})
    });
    let revisions: Map<_, _> =
        watch.revisions().into_iter().map(|(revision, count)| (revision.as_str().to_owned(), count.into())).collect();
    json!({
        "name": server.implementation().name,
        "version": server.implementation().version,
        "started": shown::rfc_3339(started),
        "uptime_seconds": uptime.as_secs(),
        "ready": health.healthy,
        "health": health,
        "connections": connections(&server),
        "requests": {
            "total": server.metrics().request_count(),
            "in_flight": load(&server.metrics().requests_in_flight),
            "last_minute": sum(&rates.requests),
            "failed_last_minute": sum(&rates.errors),
            "by_revision": revisions,
            "latency_seconds": percentiles,
        },
        "sessions": watch.clients().len(),
    })
}

/// Returns how many connections are open, by binding.
fn connections(server: &McpServer) -> Value {
    let mut open: Map<_, _> =
        bindings(server).into_iter().map(|(name, active, _)| (name.to_owned(), active.into())).collect();
    open.insert("total".to_owned(), load(&server.metrics().connections_active).into());
    Value::Object(open)
}

/// Returns the bindings that were used, how many connections of each are open, and how many were opened.
pub(super) fn bindings(server: &McpServer) -> Vec<(&'static str, u64, u64)> {
    let snapshot = server.transport_metrics().map(|metrics| metrics.snapshot());
    let bindings = snapshot.into_iter().flat_map(|snapshot| snapshot.bindings);
    let counted = bindings.map(|(binding, counted)| {
        (binding.as_str(), counted.active_connections, counted.connections_opened, counted.messages_received)
    });
    counted
        .filter(|counted| counted.2 > 0 || counted.3 > 0)
        .map(|(name, active, opened, _)| (name, active, opened))
        .collect()
}

fn load(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

/// Returns what the server counts.
pub(super) fn metrics(server: &McpServer) -> Value {
    let metrics = server.metrics();
    let ServerMetrics { custom, .. } = metrics;
    let custom: Map<_, _> = read(custom).iter().map(|(name, value)| (name.clone(), (*value).into())).collect();
    json!({
        "requests_total": load(&metrics.requests_total),
        "requests_successful": load(&metrics.requests_successful),
        "requests_failed": load(&metrics.requests_failed),
        "requests_in_flight": load(&metrics.requests_in_flight),
        "errors_total": load(&metrics.errors_total),
        "errors_validation": load(&metrics.errors_validation),
        "errors_auth": load(&metrics.errors_auth),
        "tool_calls_total": load(&metrics.tool_calls_total),
        "tool_timeouts_total": load(&metrics.tool_timeouts_total),
        "connections_active": load(&metrics.connections_active),
        "connections_total": load(&metrics.connections_total),
        "total_response_time_us": load(&metrics.total_response_time_us),
        "custom": custom,
        "transport": server.transport_metrics().map(|metrics| metrics.snapshot()),
    })
}

/// Returns what the server was made of, without what is secret of it.
pub(super) fn configuration(server: &McpServer) -> Value {
    let config = server.config();
    let operator = server.operator();
    let registry = &server.snapshot().registry;
    let health = operator
        .health
        .as_ref()
        .map(|health| json!({"readiness": *health.paths().readiness, "liveness": *health.paths().liveness}));
    let sessions = server.sessions().map(|sessions| {
        let config = sessions.config();
        json!({
            "ttl_seconds": config.ttl.as_secs_f64(),
            "max_sessions": config.max_sessions,
            "cleanup_interval_seconds": config.cleanup_interval.as_secs_f64(),
        })
    });
    let dashboard = operator.dashboard.as_ref().map(|dashboard| {
        let settings = &dashboard.settings;
        json!({
            "address": settings.address.to_string(),
            "asks_for_password": settings.credentials.is_some(),
            "recent_calls": settings.recent_calls,
            "argument_bytes": settings.argument_bytes,
            "calls_as": settings.principal.as_ref().map(turbomcp_transport::Principal::subject),
            "read_only": settings.read_only,
        })
    });
    shown::without_secrets(json!({
        "server": {
            "name": config.name,
            "version": config.version,
            "title": config.title,
            "description": config.description,
            "website_url": config.website_url,
            "instructions": config.instructions,
            "roots": config.roots,
        },
        "limits": limits(&config.limits),
        "primitives": {
            "tools": registry.tool_definitions().count(),
            "resources": registry.resource_definitions().count(),
            "resource_templates": registry.template_definitions().count(),
            "prompts": registry.prompt_definitions().count(),
        },
        "layers": server.built_in().map(|layers| layers.names()).unwrap_or_default(),
        "authenticates": server.auth().is_some(),
        "health": health,
        "metrics": operator.shown_metrics().map(|detail| json!({"endpoint": detail.settings.endpoint})),
        "sessions": sessions,
        "bus": server.bus().is_some(),
        "dashboard": dashboard,
    }))
}

fn limits(limits: &Limits) -> Value {
    let seconds = |duration: Duration| duration.as_secs_f64();
    // With all of them named, none can be forgotten.
    let Limits {
        message_bytes,
        request_timeout,
        client_answer_timeout,
        requests_in_flight,
        outgoing_bytes,
        outgoing_notifications,
        subscriptions,
        subscribed_resources,
        end_of_input,
        shutdown,
        page_size,
        request_state_age,
        body_bytes,
        body_timeout,
        header_bytes,
        header_timeout,
        connections,
        handshakes,
        handshake_timeout,
        keep_alive,
        sessions,
        session_idle,
        replay_events,
        replay_bytes,
        replay_age,
    } = limits;
    json!({
        "message_bytes": message_bytes,
        "request_timeout_seconds": seconds(*request_timeout),
        "client_answer_timeout_seconds": seconds(*client_answer_timeout),
        "requests_in_flight": requests_in_flight,
        "outgoing_bytes": outgoing_bytes,
        "outgoing_notifications": outgoing_notifications,
        "subscriptions": subscriptions,
        "subscribed_resources": subscribed_resources,
        "end_of_input_seconds": seconds(*end_of_input),
        "shutdown_seconds": seconds(*shutdown),
        "page_size": page_size,
        "request_state_age_seconds": seconds(*request_state_age),
        "body_bytes": body_bytes,
        "body_timeout_seconds": seconds(*body_timeout),
        "header_bytes": header_bytes,
        "header_timeout_seconds": seconds(*header_timeout),
        "connections": connections,
        "handshakes": handshakes,
        "handshake_timeout_seconds": seconds(*handshake_timeout),
        "keep_alive_seconds": seconds(*keep_alive),
        "sessions": sessions,
        "session_idle_seconds": seconds(*session_idle),
        "replay_events": replay_events,
        "replay_bytes": replay_bytes,
        "replay_age_seconds": seconds(*replay_age),
    })
}
