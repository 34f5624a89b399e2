//! What stands around every request.

use std::time::Duration;

use super::{Key, Section, Takes, enabled, key, named};
use crate::layers::{
    AuditConfig, AuditLogLevel, ConcurrencyConfig, ForwardedHeader, Overload, RateLimitConfig, RateLimitStrategy,
    RateLimits, SingleFlightConfig, TimeoutConfig, TrustedProxies, Which,
};
use crate::settings::Settings;
use crate::settings::kind::{
    ANYTHING, Count, Form, Kind, List, MILLISECOND, Maybe, OneOf, Switch, Text, Time, Wrong, YEARS,
};
use crate::settings::node::Value;

pub(super) static SECTIONS: &[Section] = &[
    Section {
        name: "headers",
        about: "The security headers of every response over HTTP; those of `SecurityHeaders::strict` once it is on.",
        feature: Some("http"),
        #[cfg(feature = "http")]
        keys: http::HEADERS,
        #[cfg(not(feature = "http"))]
        keys: &[],
    },
    Section {
        name: "cors",
        about: "Whose pages may use the server from a browser.",
        feature: Some("http"),
        #[cfg(feature = "http")]
        keys: http::CORS,
        #[cfg(not(feature = "http"))]
        keys: &[],
    },
    Section { name: "proxies", about: "Who is believed about where requests come from.", feature: None, keys: PROXIES },
    Section { name: "audit", about: "What is recorded.", feature: None, keys: AUDIT },
    Section { name: "rate_limit", about: "How many requests somebody may send.", feature: None, keys: RATE_LIMIT },
    Section { name: "timeout", about: "How long requests may take.", feature: None, keys: TIMEOUT },
    Section {
        name: "cache",
        about: "Which results are kept.",
        feature: Some("cache"),
        #[cfg(feature = "cache")]
        keys: kept::CACHE,
        #[cfg(not(feature = "cache"))]
        keys: &[],
    },
    Section {
        name: "single_flight",
        about: "Which calls that are the same wait for one of them.",
        feature: None,
        keys: SINGLE_FLIGHT,
    },
    Section { name: "concurrency", about: "How many requests run at once.", feature: None, keys: CONCURRENCY },
];

const MANY: usize = 1_000_000_000;
const PLACES: usize = 1_000_000;
const TIME: Time = Time(MILLISECOND, YEARS);
const WORD: Text = Text(ANYTHING);

#[cfg(feature = "http")]
mod http {
    use super::*;
    use crate::CorsConfig;
    use crate::layers::{ContentSecurityPolicy, FrameOptions, Hsts, SecurityConfig, SecurityHeaders};

    fn security(settings: &mut Settings) -> &mut SecurityConfig {
        settings.middleware.security.get_or_insert_with(SecurityConfig::default)
    }

    fn headers(settings: &mut Settings) -> &mut SecurityHeaders {
        security(settings).headers.get_or_insert_with(SecurityHeaders::strict)
    }

    fn cors(settings: &mut Settings) -> &mut CorsConfig {
        &mut security(settings).cors
    }

    const POLICY: Form = Form {
        allowed: "a policy as the header `Content-Security-Policy` has it",
        check: |text| SecurityHeaders::new().with_csp(text).check().map_err(|error| error.to_string()),
    };

    const REFERRER: Form = Form {
        allowed: "a policy as the header `Referrer-Policy` has it",
        check: |text| SecurityHeaders::new().with_referrer_policy(text).check().map_err(|error| error.to_string()),
    };

    const FRAMES: OneOf<FrameOptions> =
        OneOf(&[("deny", FrameOptions::Deny), ("same_origin", FrameOptions::SameOrigin)]);

    pub(super) static HEADERS: &[Key] = &[
        key!("headers.csp", Maybe(Text(POLICY)), Request, headers,
            at => at.csp.as_ref().and_then(|policy| policy.text().ok()),
            value => at.csp = value.map(|text| ContentSecurityPolicy::from(text.as_str())),
            "`Content-Security-Policy`."),
        key!("headers.hsts", Maybe(Time(Duration::from_secs(1), YEARS)), Request, headers,
            at => at.hsts.map(|hsts| hsts.max_age),
            value => match value {
                Some(age) => at.hsts.get_or_insert_with(|| Hsts::new(age)).max_age = age,
                None => at.hsts = None,
            },
            "For how long browsers use nothing but HTTPS; sent over TLS."),
        key!("headers.hsts_subdomains", Switch, Request, headers,
            at => at.hsts.is_some_and(|hsts| hsts.subdomains), value => if let Some(hsts) = &mut at.hsts {
                hsts.subdomains = value;
            },
            "Whether that is for all hosts beneath this one, too."),
        key!("headers.hsts_behind_proxy", Switch, Request, headers,
            at => at.hsts.is_some_and(|hsts| hsts.behind_proxy), value => if let Some(hsts) = &mut at.hsts {
                hsts.behind_proxy = value;
            },
            "Whether it is sent without TLS, too, because a proxy in front has it."),
        key!("headers.frame_options", Maybe(FRAMES), Request, headers, at => at.frames, "`X-Frame-Options`."),
        key!("headers.content_type_options", Switch, Request, headers, at => at.no_sniffing,
            "Whether there is `X-Content-Type-Options: nosniff`."),
        key!("headers.referrer_policy", Maybe(Text(REFERRER)), Request, headers, at => at.referrer,
            "`Referrer-Policy`."),
        Key {
            path: "headers.enabled",
            takes: Takes::Request,
            is_secret: false,
            meaning: "Whether there are any. On once another key of the section is there.",
            allowed: || Switch.allowed(),
            set: |settings, _, found| {
                match Switch.take(found)? {
                    true => _ = headers(settings),
                    false => security(settings).headers = None,
                }
                Ok(())
            },
            show: |settings| security(settings).headers.is_some().to_string(),
            same: |one, other| security(one).headers.is_some() == security(other).headers.is_some(),
            #[cfg(feature = "hot-reload")]
            carry: |from, to| match security(from).headers.is_some() {
                true => _ = headers(to),
                false => security(to).headers = None,
            },
        },
    ];

    const ORIGIN: Form = Form {
        allowed: "an origin, such as `https://app.example.com`",
        check: |text| {
            turbomcp_transport::http::origin::OriginPolicy::canonical(text).map(drop).map_err(|error| error.to_string())
        },
    };

    const METHOD: Form = Form {
        allowed: "`GET`, `POST` or `DELETE`",
        check: |text| match ["GET", "POST", "DELETE"].contains(&text) {
            true => Ok(()),
            false => Err(format!("`{text}` is none")),
        },
    };

    pub(super) static CORS: &[Key] = &[
        key!("cors.allowed_origins", List(Text(ORIGIN)), Request, cors, at => at.origins,
            "The origins whose pages may."),
        key!("cors.allowed_methods", Maybe(List(Text(METHOD))), Request, cors, at => at.methods,
            "The methods they may use. All that the binding has unless set."),
        key!("cors.max_age", Maybe(Time(Duration::ZERO, YEARS)), Request, cors, at => at.max_age,
            "For how long browsers may remember what they were told."),
    ];
}

fn proxies(settings: &mut Settings) -> &mut TrustedProxies {
    &mut settings.middleware.trusted_proxies
}

const NETWORK: Form = Form {
    allowed: "a network or an address, such as `10.0.0.0/8`",
    check: |text| TrustedProxies::new([text]).check().map_err(|_| format!("`{text}` is none")),
};

const FORWARDED: OneOf<ForwardedHeader> =
    OneOf(&[("x-forwarded-for", ForwardedHeader::XForwardedFor), ("forwarded", ForwardedHeader::Forwarded)]);

static PROXIES: &[Key] = &[
    key!("proxies.networks", List(Text(NETWORK)), Request, proxies, at => at.networks,
        "Where the proxies are."),
    key!("proxies.header", FORWARDED, Request, proxies, at => at.header, "The header they add to."),
    key!("proxies.unix_sockets", Switch, Request, proxies, at => at.unix_sockets,
        "Whether whoever has no address is a proxy, too."),
];

fn audit(settings: &mut Settings) -> &mut AuditConfig {
    settings.middleware.audit.get_or_insert_with(AuditConfig::default)
}

const LEVELS: OneOf<AuditLogLevel> =
    OneOf(&[("debug", AuditLogLevel::Debug), ("info", AuditLogLevel::Info), ("warn", AuditLogLevel::Warn)]);

static AUDIT: &[Key] = &[
    key!("audit.log_success", Switch, Request, audit, at => at.log_success, "What succeeded."),
    key!("audit.log_failures", Switch, Request, audit, at => at.log_failures, "What failed or was cancelled."),
    key!("audit.log_auth_events", Switch, Request, audit, at => at.log_auth_events,
        "Who did not say who they are, or not so that it was believed."),
    key!("audit.log_authz_events", Switch, Request, audit, at => at.log_authz_events,
        "Who was not allowed to do what they asked for."),
    key!("audit.log_arguments", Switch, Request, audit, at => at.log_arguments,
        "The arguments of tools and prompts, in which there may be secrets."),
    key!("audit.log_level", LEVELS, Request, audit, at => at.log_level, "The level of what succeeded."),
    enabled!("audit.enabled", Request, at => at.middleware.audit,
        "Whether anything is recorded. On once another key of the section is there."),
];

fn rate_limit(settings: &mut Settings) -> &mut RateLimitConfig {
    settings.middleware.rate_limit.get_or_insert_with(RateLimitConfig::default)
}

const NAMES: &[(&str, RateLimitStrategy)] = &[
    ("per_ip", RateLimitStrategy::PerIp),
    ("per_principal", RateLimitStrategy::PerPrincipal),
    ("per_session", RateLimitStrategy::PerSession),
    ("per_tenant", RateLimitStrategy::PerTenant),
    ("per_tool", RateLimitStrategy::PerTool),
    ("global", RateLimitStrategy::Global),
];

const REQUESTS: Count<u32> = Count(1, 1_000_000_000);

/// The longest period of a rate limit: beyond it, the moments that are counted by do not fit.
const PERIOD: Time = Time(MILLISECOND, Duration::from_secs(30 * 24 * 60 * 60));

/// Returns what is counted beside the first strategy, by the name of another.
fn also<'a>(settings: &'a mut Settings, name: &str) -> Result<&'a mut RateLimits, Wrong> {
    let Some((_, strategy)) = NAMES.iter().find(|(known, _)| *known == name) else {
        let allowed = format!("limits by the name of a strategy ({})", OneOf(NAMES).allowed());
        return Err(Wrong { allowed, because: Some(format!("`{name}` is none")) });
    };
    let also = &mut rate_limit(settings).also;
    let at = also.iter().position(|(known, _)| known == strategy).unwrap_or_else(|| {
        also.push((*strategy, RateLimits::per_minute(100)));
        also.len() - 1
    });
    Ok(&mut also[at].1)
}

fn show_also(settings: &mut Settings, show: impl Fn(&RateLimits) -> String) -> String {
    let all = &rate_limit(settings).also;
    let all: Vec<_> =
        all.iter().map(|(strategy, limits)| format!("{} = {}", OneOf(NAMES).show(strategy), show(limits))).collect();
    all.join(", ")
}

macro_rules! also {
    ($path:literal, $kind:expr, $field:ident, $meaning:literal) => {
        Key {
            path: $path,
            takes: Takes::Request,
            is_secret: false,
            meaning: $meaning,
            allowed: || $kind.allowed(),
            set: |settings, name, found| {
                let limits = also(settings, name)?;
                limits.$field = $kind.take(found)?;
                Ok(())
            },
            show: |settings| show_also(settings, |limits| $kind.show(&limits.$field)),
            same: |one, other| rate_limit(one).also == rate_limit(other).also,
            #[cfg(feature = "hot-reload")]
            carry: |from, to| rate_limit(to).also.clone_from(&rate_limit(from).also),
        }
    };
}

static RATE_LIMIT: &[Key] = &[
    key!("rate_limit.strategy", OneOf(NAMES), Request, rate_limit, at => at.strategy, "Who is counted together."),
    key!("rate_limit.requests_per_period", REQUESTS, Request, rate_limit, at => at.limits.requests_per_period,
        "How many requests in a period, in the long run."),
    key!("rate_limit.period", PERIOD, Request, rate_limit, at => at.limits.period, "How long a period is."),
    key!("rate_limit.burst_size", Maybe(REQUESTS), Request, rate_limit, at => at.limits.burst_size,
        "How many at once; as many as in a period if there is none."),
    key!("rate_limit.max_keys", Count(1, 1 << 24), Request, rate_limit, at => at.max_keys,
        "For how many callers it is remembered what they have sent."),
    also!(
        "rate_limit.also.*.requests_per_period",
        REQUESTS,
        requests_per_period,
        "The same for a further strategy, by its name. 100 unless set."
    ),
    also!("rate_limit.also.*.period", PERIOD, period, "How long a period of that is. A minute unless set."),
    also!("rate_limit.also.*.burst_size", Maybe(REQUESTS), burst_size, "How many of that at once."),
    enabled!("rate_limit.enabled", Request, at => at.middleware.rate_limit,
        "Whether anything is counted. On once another key of the section is there."),
];

fn timeout(settings: &mut Settings) -> &mut TimeoutConfig {
    settings.middleware.timeout.get_or_insert_with(TimeoutConfig::default)
}

static TIMEOUT: &[Key] = &[
    key!("timeout.request_timeout", TIME, Request, timeout, at => at.request_timeout, "How long a request may take."),
    named!("timeout.tools.*", TIME, Request, timeout, at => at.tools, "How long a call of a tool may take, by its name."),
    enabled!("timeout.enabled", Request, at => at.middleware.timeout,
        "Whether this holds, and not `limits.request_timeout`. On once another key of the section is there."),
];

/// Tools whose results are for more than one call.
struct Tools;

impl Kind for Tools {
    type Value = Which;

    fn read(&self, found: &Value) -> Option<Result<Which, String>> {
        match found {
            Value::Text(text) | Value::Variable(text) if text == "read_only" => Some(Ok(Which::ReadOnly)),
            _ => Some(List(WORD).read(found)?.and_then(|names| match names.is_empty() {
                true => Err("it is empty".to_owned()),
                false => Ok(Which::Named(names)),
            })),
        }
    }

    fn show(&self, value: &Which) -> String {
        match value {
            Which::ReadOnly => "read_only".to_owned(),
            Which::Named(names) => List(WORD).show(names),
        }
    }

    fn allowed(&self) -> String {
        "a list of the names of tools; or `read_only`, for those that say that they are read-only and idempotent"
            .to_owned()
    }
}

#[cfg(feature = "cache")]
mod kept {
    use super::*;
    use crate::layers::CacheConfig;
    use crate::settings::kind::Bytes;

    fn cache(settings: &mut Settings) -> &mut CacheConfig {
        settings.middleware.cache.get_or_insert_with(CacheConfig::default)
    }

    pub(super) static CACHE: &[Key] = &[
        key!("cache.tools", Tools, Request, cache, at => at.tools, "The tools whose results are kept."),
        key!("cache.ttl", TIME, Request, cache, at => at.ttl,
            "How long the result of a tool is kept, and the contents of a resource at most."),
        key!("cache.max_entries", Count(1, 1_000_000_000), Request, cache, at => at.max_entries,
            "How many results are kept."),
        key!("cache.max_value_bytes", Bytes(1, 1 << 30), Request, cache, at => at.max_value_bytes,
            "How long a result may be to be kept."),
        enabled!("cache.enabled", Request, at => at.middleware.cache,
            "Whether anything is kept. On once another key of the section is there."),
    ];
}

fn single_flight(settings: &mut Settings) -> &mut SingleFlightConfig {
    settings.middleware.single_flight.get_or_insert_with(SingleFlightConfig::default)
}

static SINGLE_FLIGHT: &[Key] = &[
    key!("single_flight.tools", Tools, Request, single_flight, at => at.tools,
        "The tools whose calls may share a result."),
    enabled!("single_flight.enabled", Request, at => at.middleware.single_flight,
        "Whether any do. On once another key of the section is there."),
];

fn concurrency(settings: &mut Settings) -> &mut ConcurrencyConfig {
    settings.middleware.concurrency.get_or_insert_with(ConcurrencyConfig::default)
}

/// Returns how many wait and for how long, as if some did.
fn queue(config: &ConcurrencyConfig) -> (usize, Duration) {
    match config.overload {
        Overload::Queue { places, longest } => (places, longest),
        Overload::Shed => (64, Duration::from_secs(5)),
    }
}

static CONCURRENCY: &[Key] = &[
    key!("concurrency.max_requests", Count(1, PLACES), Request, concurrency, at => at.max_requests,
        "How many requests run at once."),
    key!("concurrency.max_per_principal", Maybe(Count(1, PLACES)), Request, concurrency, at => at.max_per_principal,
        "How many of one caller."),
    named!("concurrency.max_per_tool.*", Count(1, PLACES), Request, concurrency, at => at.max_per_tool,
        "How many calls of a tool, by its name."),
    key!("concurrency.queue_places", Count(1, MANY), Request, concurrency,
        at => queue(at).0,
        value => at.overload = Overload::Queue { places: value, longest: queue(at).1 },
        "How many of those for which there is no place wait for one."),
    key!("concurrency.queue_longest", TIME, Request, concurrency,
        at => queue(at).1,
        value => at.overload = Overload::Queue { places: queue(at).0, longest: value },
        "How long one waits."),
    key!("concurrency.overload", OneOf(&[("shed", false), ("queue", true)]), Request, concurrency,
        at => at.overload != Overload::Shed,
        value => at.overload = match value {
            true => Overload::Queue { places: queue(at).0, longest: queue(at).1 },
            false => Overload::Shed,
        },
        "What becomes of those for which there is no place: they are refused, or some wait."),
    enabled!("concurrency.enabled", Request, at => at.middleware.concurrency,
        "Whether there is a bound. On once another key of the section is there."),
];
