//! What a server is, and where it is served.

use turbomcp_protocol::types::{Icon, Root};

use super::{Key, Section, key};
#[cfg(feature = "tls")]
use crate::settings::TlsSettings;
use crate::settings::kind::{ANYTHING, Form, Kind, List, Maybe, OneOf, Text};
#[cfg(feature = "tls")]
use crate::settings::kind::{Time, YEARS};
use crate::settings::node::Value;
use crate::settings::{Preset, ServeSettings, Settings};
use crate::{ServerConfig, environment};

pub(super) static SECTIONS: &[Section] = &[
    Section { name: "preset", about: "What everything else begins with.", feature: None, keys: PRESET },
    Section { name: "server", about: "What the server says of itself.", feature: None, keys: SERVER },
    Section { name: "serve", about: "How the server is reached.", feature: None, keys: SERVE },
    Section {
        name: "http",
        about: "How it is offered over HTTP.",
        feature: Some("http"),
        #[cfg(feature = "http")]
        keys: HTTP,
        #[cfg(not(feature = "http"))]
        keys: &[],
    },
    Section {
        name: "tls",
        about: "What it shows over TLS, and whom it takes. HTTP and WebSocket are served over TLS once it is set.",
        feature: Some("tls"),
        #[cfg(feature = "tls")]
        keys: TLS,
        #[cfg(not(feature = "tls"))]
        keys: &[],
    },
    Section {
        name: "store_tls",
        about: "How Redis and PostgreSQL are reached over TLS, where code connects to them by it.",
        feature: Some("tls` with `session-redis` or `session-postgres"),
        #[cfg(all(feature = "tls", any(feature = "session-postgres", feature = "session-redis")))]
        keys: STORE_TLS,
        #[cfg(not(all(feature = "tls", any(feature = "session-postgres", feature = "session-redis"))))]
        keys: &[],
    },
];

fn all(settings: &mut Settings) -> &mut Settings {
    settings
}

const PRESETS: OneOf<Preset> =
    OneOf(&[("default", Preset::Default), ("development", Preset::Development), ("production", Preset::Production)]);

static PRESET: &[Key] = &[key!("preset", PRESETS, Request, all, at => at.preset, value => at.begin_with(value),
    "`ServerConfig::development()` or `production()` with the stack of the same name, or what holds by default.")];

fn config(settings: &mut Settings) -> &mut ServerConfig {
    &mut settings.config
}

const WORD: Text = Text(ANYTHING);

static SERVER: &[Key] = &[
    key!("server.name", WORD, Start, config, at => at.name, "The name the server gives itself."),
    key!("server.version", WORD, Start, config, at => at.version, "The version it gives itself."),
    key!("server.title", Maybe(WORD), Start, config, at => at.title, "The name for people."),
    key!("server.description", Maybe(WORD), Start, config, at => at.description, "What it is, for people."),
    key!("server.website_url", Maybe(WORD), Start, config, at => at.website_url, "Where to read about it."),
    key!("server.icons", List(WORD), Start, config,
        at => at.icons.iter().flatten().map(|icon| icon.src.clone()).collect::<Vec<_>>(),
        value => at.icons = Some(value.into_iter().map(Icon::new).collect()),
        "The URIs of pictures of it."),
    key!("server.instructions", Maybe(WORD), Request, config, at => at.instructions,
        "How to use it, for the model."),
    key!("server.roots", List(Text(URI)), Start, config,
        at => at.roots.iter().map(|root| root.uri.clone()).collect::<Vec<_>>(),
        value => at.roots = value.into_iter().map(Root::new).collect(),
        "The URIs beneath which it reads resources."),
];

const URI: Form = Form {
    allowed: "a URI with its scheme, such as `file:///workspace`",
    check: |text| match text.split_once(':') {
        Some((scheme, rest)) if !scheme.is_empty() && !rest.is_empty() => Ok(()),
        _ => Err("it has no scheme".to_owned()),
    },
};

/// A binding of this build.
struct Binding;

impl Kind for Binding {
    type Value = Option<environment::Binding>;

    fn read(&self, found: &Value) -> Option<Result<Self::Value, String>> {
        let (Value::Text(text) | Value::Variable(text)) = found else { return None };
        match environment::CHOICES.iter().find(|(name, _)| name == text) {
            Some((_, binding)) => Some(Ok(Some(*binding))),
            None if environment::NAMES.contains(&text.as_str()) => {
                Some(Err(format!("this program was built without the feature `{text}`")))
            }
            None => None,
        }
    }

    fn show(&self, value: &Self::Value) -> String {
        let name = environment::CHOICES.iter().find(|(_, binding)| Some(*binding) == *value);
        name.map_or("", |(name, _)| name).to_owned()
    }

    fn allowed(&self) -> String {
        let names: Vec<_> = environment::CHOICES.iter().map(|(name, _)| format!("`{name}`")).collect();
        names.join(", ")
    }
}

fn serve(settings: &mut Settings) -> &mut ServeSettings {
    &mut settings.serve
}

const ADDRESS: Form = Form {
    allowed: "an address with its port, such as `127.0.0.1:8080`",
    check: |text| match text.rsplit_once(':') {
        Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok() => Ok(()),
        Some((_, port)) => Err(format!("`{port}` is not a port")),
        None => Err("it has no port".to_owned()),
    },
};

static SERVE: &[Key] = &[
    key!("serve.transport", Binding, Start, serve, at => at.transport,
        "The binding. The variable `TRANSPORT` chooses it unless set; see `McpServer::run_from_env`."),
    key!("serve.address", Maybe(Text(ADDRESS)), Start, serve, at => at.address,
        "Where sockets listen. `127.0.0.1:8080`, over `tls` `127.0.0.1:8443`, unless set."),
    key!("serve.socket", Maybe(WORD), Start, serve, at => at.socket,
        "The path of a Unix socket. `/tmp/mcp.sock` unless set."),
];

#[cfg(feature = "http")]
pub(crate) const PATH: Form = Form {
    allowed: "a plain path that begins with `/`",
    check: |text| crate::operator::check_path(text).map_err(|error| error.to_string()),
};

#[cfg(feature = "http")]
const HOST: Form = Form {
    allowed: "a host, or a host and a port",
    check: |text| {
        let policy = turbomcp_transport::http::origin::OriginPolicy::for_listener([127, 0, 0, 1].into());
        policy.allow_hosts([text]).map(drop).map_err(|error| error.to_string())
    },
};

#[cfg(feature = "http")]
fn http(settings: &mut Settings) -> &mut crate::settings::HttpSettings {
    &mut settings.http
}

#[cfg(feature = "http")]
static HTTP: &[Key] = &[
    key!("http.path", Maybe(Text(PATH)), Start, http, at => at.path,
        "The path of the one URL that clients use. `/mcp` unless set; over `websocket` none unless set."),
    #[cfg(feature = "websocket")]
    key!("http.websocket_path", Maybe(Text(PATH)), Start, http, at => at.websocket,
        "The path at which requests become a WebSocket. Over `websocket` `/` unless set."),
    key!("http.sse_path", Maybe(Text(PATH)), Start, http, at => at.sse,
        "The path of streams of the first revision."),
    key!("http.messages_path", Maybe(Text(PATH)), Start, http, at => at.messages,
        "The path at which clients of the first revision post."),
    key!("http.hosts", List(Text(HOST)), Start, http, at => at.hosts,
        "The hosts whose requests are answered. Loopback hosts on a loopback address, any elsewhere, unless set."),
];

#[cfg(feature = "tls")]
fn tls(settings: &mut Settings) -> &mut TlsSettings {
    &mut settings.tls
}

#[cfg(feature = "tls")]
const VERSIONS: OneOf<turbomcp_transport::tls::TlsVersion> = {
    use turbomcp_transport::tls::TlsVersion;
    OneOf(&[("1.2", TlsVersion::V1_2), ("1.3", TlsVersion::V1_3)])
};

#[cfg(feature = "tls")]
static TLS: &[Key] = {
    use turbomcp_transport::tls::ClientAuthMode;
    const MODES: OneOf<ClientAuthMode> = OneOf(&[
        ("none", ClientAuthMode::None),
        ("optional", ClientAuthMode::Optional),
        ("required", ClientAuthMode::Required),
    ]);
    &[
        key!("tls.certificate", Maybe(WORD), Start, tls, at => at.certificate,
            "A file with the certificate and those that certify it, in PEM."),
        key!("tls.key", Maybe(WORD), Start, tls, at => at.key, "A file with its private key, in PEM."),
        key!("tls.client_ca", Maybe(WORD), Start, tls, at => at.client_ca,
            "A file with those who certify clients, in PEM."),
        key!("tls.client_auth", MODES, Start, tls, at => at.client_auth, "Whether clients are asked for a certificate."),
        key!("tls.min_version", VERSIONS, Start, tls, at => at.min_version, "The oldest version that is spoken."),
        key!("tls.ocsp_response", Maybe(WORD), Start, tls, at => at.ocsp_response,
            "A file with the OCSP response that is stapled to the certificate, in DER."),
        key!("tls.reload_interval", Maybe(Time(std::time::Duration::from_secs(1), YEARS)), Start, tls,
            at => at.reload_interval, "How often the files are looked at. SIGHUP has them read in any case."),
    ]
};

#[cfg(all(feature = "tls", any(feature = "session-postgres", feature = "session-redis")))]
fn store_tls(settings: &mut Settings) -> &mut crate::settings::StoreTlsSettings {
    &mut settings.store_tls
}

#[cfg(all(feature = "tls", any(feature = "session-postgres", feature = "session-redis")))]
static STORE_TLS: &[Key] = &[
    key!("store_tls.ca_bundle", Maybe(WORD), Start, store_tls, at => at.ca_bundle,
        "A file with those who certify the stores, in PEM. The authorities that browsers trust unless set."),
    key!("store_tls.certificate", Maybe(WORD), Start, store_tls, at => at.certificate,
        "A file with the certificate that is shown to them and those that certify it, in PEM."),
    key!("store_tls.key", Maybe(WORD), Start, store_tls, at => at.key, "A file with its private key, in PEM."),
    key!("store_tls.min_version", VERSIONS, Start, store_tls, at => at.min_version,
        "The oldest version that is spoken."),
];
