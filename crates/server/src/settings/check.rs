//! What makes no sense together.

use super::Settings;
use super::apply::at;
use crate::Error;

/// What makes no sense, by the first of the keys that it is about.
struct Contradiction(&'static str, String);

/// Refuses what makes no sense together.
pub(super) fn check(settings: &Settings) -> Result<(), Error> {
    let found =
        served(settings).or_else(|| browsers(settings)).or_else(|| bounds(settings)).or_else(|| pages(settings));
    let found = found.or_else(|| stores(settings));
    match found {
        None => Ok(()),
        Some(Contradiction(key, why)) => {
            // Of several of a kind, any: `*` stands for a name.
            let stem = key.trim_end_matches('*');
            let origin =
                settings.said.iter().find(|(path, _)| path.as_str() == key || stem != key && path.starts_with(stem));
            Err(match origin {
                Some((path, origin)) => at(origin, format!("`{path}` {why}")),
                None => Error::configuration(format!("`{key}` {why}")),
            })
        }
    }
}

fn refuse(key: &'static str, why: impl Into<String>) -> Option<Contradiction> {
    Some(Contradiction(key, why.into()))
}

impl Settings {
    pub(crate) fn says(&self, key: &str) -> bool {
        self.said.contains_key(key)
    }

    #[cfg(any(feature = "http", feature = "tls"))]
    fn says_one(&self, keys: &[&'static str]) -> Option<&'static str> {
        keys.iter().copied().find(|key| self.says(key))
    }
}

fn served(settings: &Settings) -> Option<Contradiction> {
    let serve = &settings.serve;
    let Some(transport) = serve.transport else { return needs_transport(settings) };
    let name = transport.name();
    if serve.address.is_some() && !transport.has_address() {
        return refuse("serve.address", format!("has no effect where `serve.transport` is `{name}`"));
    }
    if serve.socket.is_some() && name != "unix" {
        return refuse("serve.socket", format!("has no effect where `serve.transport` is `{name}`"));
    }
    #[cfg(feature = "http")]
    {
        const HTTP: &[&str] =
            &["http.path", "http.websocket_path", "http.sse_path", "http.messages_path", "http.hosts"];
        if !["http", "websocket"].contains(&name)
            && let Some(key) = settings.says_one(HTTP)
        {
            return refuse(key, format!("has no effect where `serve.transport` is `{name}`"));
        }
        let http = &settings.http;
        match (&http.sse, &http.messages) {
            (Some(_), None) => return refuse("http.sse_path", "needs `http.messages_path`"),
            (None, Some(_)) => return refuse("http.messages_path", "needs `http.sse_path`"),
            _ => {}
        }
    }
    #[cfg(feature = "tls")]
    {
        const ALL: &[&str] = &[
            "tls.certificate",
            "tls.key",
            "tls.client_ca",
            "tls.client_auth",
            "tls.min_version",
            "tls.ocsp_response",
            "tls.reload_interval",
        ];
        use turbomcp_transport::tls::ClientAuthMode;
        let tls = &settings.tls;
        let found = settings.says_one(ALL);
        match (found, &tls.certificate, &tls.key) {
            (Some(key), ..) if !["http", "websocket", "tls"].contains(&name) => {
                return refuse(key, format!("has no effect where `serve.transport` is `{name}`"));
            }
            (_, Some(_), None) => return refuse("tls.certificate", "needs `tls.key`"),
            (_, None, Some(_)) => return refuse("tls.key", "needs `tls.certificate`"),
            (Some(key), None, None) => return refuse(key, "needs `tls.certificate` and `tls.key`"),
            (None, None, None) if name == "tls" => {
                return refuse("serve.transport", "is `tls`, which needs `tls.certificate` and `tls.key`");
            }
            _ => {}
        }
        match (tls.client_auth, &tls.client_ca) {
            (ClientAuthMode::None, Some(_)) => {
                return refuse("tls.client_ca", "has no effect unless `tls.client_auth` is `optional` or `required`");
            }
            (ClientAuthMode::Optional | ClientAuthMode::Required, None) => {
                return refuse("tls.client_auth", "needs `tls.client_ca`");
            }
            _ => {}
        }
    }
    None
}

/// What says how the server is reached has no effect where something else says by what.
fn needs_transport(settings: &Settings) -> Option<Contradiction> {
    let sections = ["serve.", "http.", "tls."];
    let key = settings.said.keys().find(|key| sections.iter().any(|section| key.starts_with(section)))?;
    let known = super::keys::keys().find(|known| known.path == key)?;
    refuse(known.path, "needs `serve.transport`")
}

/// A certificate and its key go together.
#[cfg_attr(
    not(all(feature = "tls", any(feature = "session-postgres", feature = "session-redis"))),
    expect(unused_variables, reason = "there are no stores that are reached over TLS")
)]
fn stores(settings: &Settings) -> Option<Contradiction> {
    #[cfg(all(feature = "tls", any(feature = "session-postgres", feature = "session-redis")))]
    match (&settings.store_tls.certificate, &settings.store_tls.key) {
        (Some(_), None) => return refuse("store_tls.certificate", "needs `store_tls.key`"),
        (None, Some(_)) => return refuse("store_tls.key", "needs `store_tls.certificate`"),
        _ => {}
    }
    None
}

#[cfg_attr(not(feature = "http"), expect(unused_variables, reason = "only HTTP has browsers"))]
fn browsers(settings: &Settings) -> Option<Contradiction> {
    #[cfg(feature = "http")]
    {
        let cors = settings.middleware.security.as_ref().map(|security| &security.cors);
        if cors.is_none_or(|cors| cors.origins.is_empty())
            && let Some(key) = settings.says_one(&["cors.allowed_methods", "cors.max_age"])
        {
            return refuse(key, "has no effect without `cors.allowed_origins`");
        }
        let headers = settings.middleware.security.as_ref().and_then(|security| security.headers.as_ref());
        let off = settings.said.get("headers.hsts").filter(|_| headers.is_some_and(|headers| headers.hsts.is_none()));
        if let Some(off) = off {
            // What a source says that holds less goes without a word: it may be there for others.
            let holds = |key: &&str| settings.said.get(*key).is_some_and(|origin| origin.rank() >= off.rank());
            if let Some(key) = ["headers.hsts_subdomains", "headers.hsts_behind_proxy"].into_iter().find(holds) {
                return refuse(key, "has no effect without `headers.hsts`");
            }
        }
    }
    None
}

fn bounds(settings: &Settings) -> Option<Contradiction> {
    use crate::layers::Overload;
    let stack = &settings.middleware;
    if let Some(config) = &stack.rate_limit
        && config.also.iter().any(|(strategy, _)| *strategy == config.strategy)
    {
        return refuse("rate_limit.also.*", "has the strategy that `rate_limit.strategy` has already");
    }
    if let Some(config) = &stack.concurrency {
        if config.overload == Overload::Shed {
            for key in ["concurrency.queue_places", "concurrency.queue_longest"] {
                if settings.says(key) {
                    return refuse(key, "has no effect where `concurrency.overload` is `shed`");
                }
            }
        }
        let largest = |key, of: Option<usize>| {
            of.filter(|of| *of > config.max_requests).and_then(|of| {
                refuse(key, format!("is {of}, more than the {} of `concurrency.max_requests`", config.max_requests))
            })
        };
        let tools = config.max_per_tool.values().copied().max();
        let found = largest("concurrency.max_per_principal", config.max_per_principal)
            .or_else(|| largest("concurrency.max_per_tool.*", tools));
        if found.is_some() {
            return found;
        }
    }
    if let Some(tasks) = &settings.tasks
        && tasks.max_ttl < tasks.ttl
    {
        return refuse("tasks.ttl", "is more than `tasks.max_ttl`");
    }
    let tools = &settings.tools;
    if let Some(name) = tools.only.iter().flatten().find(|name| tools.hidden.contains(name)) {
        return refuse("tools.hidden", format!("has `{name}`, which `tools.only` has, too"));
    }
    None
}

fn pages(settings: &Settings) -> Option<Contradiction> {
    if let Some((user, password)) = settings.metrics.as_ref().and_then(|metrics| metrics.credentials.as_ref()) {
        if user.is_empty() {
            return refuse("metrics.password", "needs `metrics.user`");
        }
        if password.is_empty() {
            return refuse("metrics.user", "needs `metrics.password` or `metrics.password_file`");
        }
    }
    let mut taken: Vec<(&'static str, &str)> = Vec::new();
    #[cfg(feature = "http")]
    {
        let http = &settings.http;
        // A server of WebSocket alone has no other path unless one is set.
        let is_there = settings.serve.transport.is_none_or(|transport| transport.name() != "websocket");
        let path = http.path.as_deref().or_else(|| is_there.then_some("/mcp"));
        taken.extend(path.map(|path| ("http.path", path)));
        #[cfg(feature = "websocket")]
        taken.extend(
            // As it is served: see `run_on`.
            http.websocket.as_deref().or_else(|| (!is_there).then_some("/")).map(|path| ("http.websocket_path", path)),
        );
        taken.extend(http.sse.as_deref().map(|path| ("http.sse_path", path)));
        taken.extend(http.messages.as_deref().map(|path| ("http.messages_path", path)));
    }
    if let Some(health) = &settings.health {
        taken.push(("health.readiness_endpoint", &health.readiness));
        taken.push(("health.liveness_endpoint", &health.liveness));
    }
    taken.extend(settings.metrics.as_ref().map(|metrics| ("metrics.endpoint", &*metrics.endpoint)));
    for (at, (key, path)) in taken.iter().enumerate() {
        if let Some((other, _)) = taken[..at].iter().find(|(_, known)| known == path) {
            // One that somebody has said, for its line.
            let (key, other) = if settings.says(key) { (*key, *other) } else { (*other, *key) };
            return refuse(key, format!("is {path:?}, which `{other}` is already"));
        }
    }
    None
}
