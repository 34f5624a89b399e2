//! What is refused, in which words.

use super::{Folder, read};

#[track_caller]
fn toml(text: &str, expected: &str) {
    assert_eq!(read(&[("a.toml", text)], &[]).map(drop).unwrap_err(), format!("a.toml, line {expected}"));
}

#[track_caller]
fn yaml(text: &str, expected: &str) {
    assert_eq!(read(&[("a.yaml", text)], &[]).map(drop).unwrap_err(), format!("a.yaml, line {expected}"));
}

#[track_caller]
fn variable(name: &str, value: &str, expected: &str) {
    assert_eq!(read(&[], &[(name, value)]).map(drop).unwrap_err(), format!("variable {name}: {expected}"));
}

const TIME: &str = "a time with its unit (ms, s, m, h, d), from 1ms to 3650d";

#[test]
fn a_key_that_is_not_known_is_refused() {
    toml("\n[limits]\npage_sise = 1", "3: `limits.page_sise` is not known; did you mean `limits.page_size`?");
    toml("[limit]\npage_size = 1", "1: `limit` is not known; did you mean `limits`?");
    yaml(
        "rate_limit:\n  brust_size: 1",
        "2: `rate_limit.brust_size` is not known; did you mean `rate_limit.burst_size`?",
    );
    toml(
        "[timeout]\nretries = 1",
        "2: `timeout.retries` is not known; in `timeout` there are `enabled`, `request_timeout`, `tools`",
    );
    toml("limits.page_size.x = 1", &format!("1: `limits.page_size` is a table; it takes {}", count(1_000_000_000)));
    variable("TURBOMCP_LIMITS__PAGESIZE", "1", "`limits.pagesize` is not known; did you mean `limits.page_size`?");
    variable(
        "TURBOMCP_LIMITS_PAGE_SIZE",
        "1",
        "`limits_page_size` is not known; at the top there are `audit`, `cache`, `concurrency`, `cors`, `headers`, \
         `health`, `http`, `limits`, `metrics`, `preset`, `proxies`, `rate_limit`, `request_state`, `serve`, `server`, \
         `sessions`, `single_flight`, `store_tls`, `tasks`, `timeout`, `tls`, `tools`",
    );
    // Only a secret is read from a file.
    toml(
        "limits.page_size_file = \"a\"",
        "1: `limits.page_size_file` is not known; in `limits` there are `body_bytes`, \
         `body_timeout`, `client_answer_timeout`, `connections`, `end_of_input`, `handshake_timeout`, `handshakes`, \
         `header_bytes`, `header_timeout`, `keep_alive`, `message_bytes`, `outgoing_bytes`, `outgoing_notifications`, \
         `page_size`, `replay_age`, `replay_bytes`, `replay_events`, `request_state_age`, `request_timeout`, \
         `requests_in_flight`, `session_idle`, `sessions`, `shutdown`, `subscribed_resources`, `subscriptions`",
    );
}

fn count(largest: usize) -> String {
    format!("a whole number from 1 to {largest}")
}

#[test]
fn a_value_of_another_kind_is_refused() {
    let many = count(1_000_000_000);
    toml("limits = 5", "1: `limits` is the number 5; it takes a table of keys");
    toml("limits.page_size = \"5\"", &format!("1: `limits.page_size` is \"5\"; it takes {many}"));
    toml("limits.page_size = 5.5", &format!("1: `limits.page_size` is the number 5.5; it takes {many}"));
    toml("limits.page_size = 2026-01-01", &format!("1: `limits.page_size` is a date or time; it takes {many}"));
    yaml("limits:\n  page_size:", &format!("2: `limits.page_size` is nothing; it takes {many}"));
    toml("limits.request_timeout = 30", &format!("1: `limits.request_timeout` is the number 30; it takes {TIME}"));
    toml("limits.request_timeout = true", &format!("1: `limits.request_timeout` is true; it takes {TIME}"));
    toml("audit.log_success = \"yes\"", "1: `audit.log_success` is \"yes\"; it takes `true` or `false`");
    yaml("audit:\n  log_success: yes", "2: `audit.log_success` is \"yes\"; it takes `true` or `false`");
    toml("server.name = 7", "1: `server.name` is the number 7; it takes a text that is not empty");
    toml(
        "tools.hidden = \"a\"",
        "1: `tools.hidden` is \"a\"; it takes a list, each of which is a text that is not empty",
    );
    toml(
        "tools.hidden = [\"a\", 1]",
        "1: `tools.hidden` is a list (the number 1 is none); it takes a list, each of which is a text that is not empty",
    );
    variable("TURBOMCP_AUDIT__LOG_SUCCESS", "1", "`audit.log_success` is \"1\"; it takes `true` or `false`");
    variable("TURBOMCP_LIMITS__PAGE_SIZE", "many", &format!("`limits.page_size` is \"many\"; it takes {many}"));
}

#[test]
fn a_value_that_cannot_be_meant_is_refused() {
    let many = count(1_000_000_000);
    toml("limits.page_size = 0", &format!("1: `limits.page_size` is the number 0; it takes {many}"));
    toml("limits.page_size = -1", &format!("1: `limits.page_size` is the number -1; it takes {many}"));
    toml("limits.page_size = 9999999999", &format!("1: `limits.page_size` is the number 9999999999; it takes {many}"));
    toml(
        "limits.page_size = 99999999999999999999",
        &format!("1: `limits.page_size` is the number 99999999999999999999; it takes {many}"),
    );
    toml("limits.request_timeout = \"0s\"", &format!("1: `limits.request_timeout` is \"0s\"; it takes {TIME}"));
    toml("limits.request_timeout = \"30 sek\"", &format!("1: `limits.request_timeout` is \"30 sek\"; it takes {TIME}"));
    toml(
        "limits.request_timeout = \"99999999999999d\"",
        &format!("1: `limits.request_timeout` is \"99999999999999d\"; it takes {TIME}"),
    );
    let size = |least: &str| format!("a size with its unit (B, kB, KiB, MB, MiB, GB, GiB), from {least} to 1GiB");
    toml("limits.body_bytes = \"4M\"", &format!("1: `limits.body_bytes` is \"4M\"; it takes {}", size("1B")));
    toml("limits.body_bytes = \"0B\"", &format!("1: `limits.body_bytes` is \"0B\"; it takes {}", size("1B")));
    toml("limits.header_bytes = \"1KiB\"", &format!("1: `limits.header_bytes` is \"1KiB\"; it takes {}", size("8KiB")));
    toml("preset = \"prod\"", "1: `preset` is \"prod\"; it takes `default`, `development`, `production`");
    toml(
        "serve.transport = \"quic\"",
        "1: `serve.transport` is \"quic\"; it takes `stdio`, `http`, `websocket`, `tcp`, `unix`, `tls`",
    );
    let address = "an address with its port, such as `127.0.0.1:8080`";
    toml(
        "serve.address = \"localhost\"",
        &format!("1: `serve.address` is \"localhost\" (it has no port); it takes {address}; or `none`"),
    );
    toml(
        "serve.address = \"localhost:99999\"",
        &format!("1: `serve.address` is \"localhost:99999\" (`99999` is not a port); it takes {address}; or `none`"),
    );
    toml(
        "http.path = \"mcp\"",
        "1: `http.path` is \"mcp\" (path `mcp` is not a plain path); it takes a plain path that begins with `/`; or `none`",
    );
    let network = "a list, each of which is a network or an address, such as `10.0.0.0/8`";
    toml(
        "proxies.networks = [\"10.0.0.0/33\"]",
        &format!("1: `proxies.networks` is a list (`10.0.0.0/33` is none); it takes {network}"),
    );
    variable(
        "TURBOMCP_PROXIES__NETWORKS",
        "10.0.0.1, here",
        &format!("`proxies.networks` is \"10.0.0.1, here\" (`here` is none); it takes {network}"),
    );
    toml(
        "rate_limit.also.per_cat.period = \"1s\"",
        "1: `rate_limit.also.per_cat.period` is \"1s\" (`per_cat` is none); it takes limits by the name of a strategy \
         (`per_ip`, `per_principal`, `per_session`, `per_tenant`, `per_tool`, `global`)",
    );
    toml(
        "cors.allowed_methods = [\"PATCH\"]",
        "1: `cors.allowed_methods` is a list (`PATCH` is none); it takes a list, each of which is `GET`, `POST` or \
         `DELETE`; or `none`",
    );
    toml(
        "metrics.histogram_buckets = [2.0, 1.0]",
        "1: `metrics.histogram_buckets` is a list (they do not grow, or there are too many or none); it takes a list of \
         numbers above 0 that grow",
    );
    toml("server.name = \" \"", "1: `server.name` is \" \" (it is empty); it takes a text that is not empty");
}

#[test]
fn what_contradicts_something_else_is_refused() {
    toml("serve.address = \"127.0.0.1:1\"", "1: `serve.address` needs `serve.transport`");
    toml(
        "serve.transport = \"stdio\"\nserve.address = \"127.0.0.1:1\"",
        "2: `serve.address` has no effect where `serve.transport` is `stdio`",
    );
    toml(
        "serve.transport = \"tcp\"\nserve.socket = \"/tmp/a\"",
        "2: `serve.socket` has no effect where `serve.transport` is `tcp`",
    );
    toml(
        "serve.transport = \"tcp\"\nhttp.path = \"/a\"",
        "2: `http.path` has no effect where `serve.transport` is `tcp`",
    );
    toml("serve.transport = \"http\"\nhttp.sse_path = \"/a\"", "2: `http.sse_path` needs `http.messages_path`");
    toml("serve.transport = \"http\"\ntls.key = \"k\"", "2: `tls.key` needs `tls.certificate`");
    toml("serve.transport = \"http\"\ntls.certificate = \"c\"", "2: `tls.certificate` needs `tls.key`");
    toml(
        "serve.transport = \"http\"\ntls.min_version = \"1.2\"",
        "2: `tls.min_version` needs `tls.certificate` and `tls.key`",
    );
    toml("store_tls.key = \"k\"", "1: `store_tls.key` needs `store_tls.certificate`");
    toml("\n[store_tls]\ncertificate = \"c\"", "3: `store_tls.certificate` needs `store_tls.key`");
    toml("serve.transport = \"tls\"", "1: `serve.transport` is `tls`, which needs `tls.certificate` and `tls.key`");
    toml(
        "serve.transport = \"tls\"\ntls.certificate = \"c\"\ntls.key = \"k\"\ntls.client_auth = \"required\"",
        "4: `tls.client_auth` needs `tls.client_ca`",
    );
    toml(
        "serve.transport = \"tls\"\ntls.certificate = \"c\"\ntls.key = \"k\"\ntls.client_ca = \"a\"",
        "4: `tls.client_ca` has no effect unless `tls.client_auth` is `optional` or `required`",
    );
    toml("cors.max_age = \"1s\"", "1: `cors.max_age` has no effect without `cors.allowed_origins`");
    toml(
        "[headers]\nhsts = \"none\"\n[rate_limit]\nstrategy = \"per_ip\"\n[rate_limit.also.per_ip]\nperiod = \"1s\"",
        "6: `rate_limit.also.per_ip.period` has the strategy that `rate_limit.strategy` has already",
    );
    toml(
        "[concurrency]\noverload = \"shed\"\nqueue_places = 5",
        "3: `concurrency.queue_places` has no effect where `concurrency.overload` is `shed`",
    );
    toml(
        "[concurrency]\nmax_requests = 5\nmax_per_principal = 6",
        "3: `concurrency.max_per_principal` is 6, more than the 5 of `concurrency.max_requests`",
    );
    toml("[tasks]\nttl = \"2d\"", "2: `tasks.ttl` is more than `tasks.max_ttl`");
    toml("[tools]\nonly = [\"a\"]\nhidden = [\"a\"]", "3: `tools.hidden` has `a`, which `tools.only` has, too");
    toml("metrics.user = \"ada\"", "1: `metrics.user` needs `metrics.password` or `metrics.password_file`");
    toml("metrics.password = \"x\"", "1: `metrics.password` needs `metrics.user`");
    toml(
        "health.liveness_endpoint = \"/health/ready\"",
        "1: `health.liveness_endpoint` is \"/health/ready\", which \
         `health.readiness_endpoint` is already",
    );
    toml("metrics.endpoint = \"/mcp\"", "1: `metrics.endpoint` is \"/mcp\", which `http.path` is already");
}

#[test]
fn a_secret_is_never_told() {
    let folder = Folder::new();
    let missing = folder.0.join("missing");
    let name = missing.to_str().unwrap();
    for text in
        ["metrics.user = \"a\"\nmetrics.password = 12345678", "metrics.user = \"a\"\nmetrics.password = [\"hunter2\"]"]
    {
        let error = read(&[("a.toml", text)], &[]).unwrap_err();
        assert_eq!(
            error,
            "a.toml, line 2: `metrics.password` is not as it has to be; it takes a text that is not empty"
        );
    }
    let keys = "a list, each of which is 32 bytes in Base64";
    toml(
        "request_state.keys = [\"c2VjcmV0\"]",
        &format!(
            "1: `request_state.keys` is not as it has to be (one of them has another length, or is no Base64); it takes {keys}"
        ),
    );
    toml(
        "request_state.keys = [17]",
        &format!("1: `request_state.keys` is not as it has to be (one of them is none); it takes {keys}"),
    );
    let error = read(&[], &[("TURBOMCP_METRICS__PASSWORD_FILE", name)]).unwrap_err();
    let expected =
        "variable TURBOMCP_METRICS__PASSWORD_FILE: `metrics.password_file` names a file that cannot be read: ";
    // Whoever has left out `_FILE` has written the secret there.
    assert!(error.starts_with(expected) && !error.contains("missing"), "{error}");
    let list = "1: `request_state` is a text; it takes a table of keys";
    toml("request_state = \"hunter2\"", list);
    toml("metrics = \"hunter2\"", "1: `metrics` is a text; it takes a table of keys");
    toml("metrics = 1234", "1: `metrics` is a number; it takes a table of keys");
    variable("TURBOMCP_REQUEST_STATE", "hunter2", "`request_state` is a text; it takes a table of keys");
    // Nor is what stands beside what cannot be read.
    for (name, text) in [("a.toml", "metrics.password = \"hunter2\" x"), ("a.yaml", "metrics: {password: hunter2")] {
        let error = read(&[(name, text)], &[]).unwrap_err();
        assert!(error.contains("this is not") && !error.contains("hunter2"), "{error}");
    }
}

#[test]
fn a_secret_beside_its_file_is_refused() {
    let expected = "`metrics.password_file` is there beside `metrics.password`: set one of them";
    toml("[metrics]\nuser = \"a\"\npassword = \"b\"\npassword_file = \"c\"", &format!("4: {expected}"));
    let variables = [("TURBOMCP_METRICS__PASSWORD", "b"), ("TURBOMCP_METRICS__PASSWORD_FILE", "c")];
    let error = read(&[], &variables).unwrap_err();
    assert_eq!(error, format!("variable TURBOMCP_METRICS__PASSWORD_FILE: {expected}"));
}

#[test]
fn what_belongs_to_strict_transport_has_no_effect_without_it() {
    toml(
        "[headers]\nhsts = \"none\"\nhsts_subdomains = true",
        "3: `headers.hsts_subdomains` has no effect without `headers.hsts`",
    );
    let off = ("a.toml", "headers.hsts = \"none\"");
    assert_eq!(
        read(&[off, ("b.toml", "headers.hsts_behind_proxy = false")], &[]).map(drop).unwrap_err(),
        "b.toml, line 1: `headers.hsts_behind_proxy` has no effect without `headers.hsts`"
    );
}

#[test]
fn a_path_that_a_binding_has_by_itself_is_taken() {
    toml(
        "[serve]\ntransport = \"websocket\"\n[health]\nliveness_endpoint = \"/\"",
        "4: `health.liveness_endpoint` is \"/\", which `http.websocket_path` is already",
    );
    toml(
        "[serve]\ntransport = \"websocket\"\n[http]\npath = \"/\"",
        "4: `http.path` is \"/\", which `http.websocket_path` is already",
    );
    let text = "[serve]\ntransport = \"http\"\n[health]\nliveness_endpoint = \"/\"";
    assert!(read(&[("a.toml", text)], &[]).is_ok());
}

#[test]
fn variables_of_kubernetes_are_told_apart() {
    for name in ["SERVICE_HOST", "SERVICE_PORT", "SERVICE_PORT_HTTP", "PORT", "PORT_8080_TCP_ADDR"] {
        let error = read(&[], &[(&*format!("TURBOMCP_{name}"), "tcp://10.0.0.1:8080")]).unwrap_err();
        assert!(error.contains("is not known") && error.contains("`enableServiceLinks: false`"), "{error}");
    }
    assert!(!read(&[], &[("TURBOMCP_PORTS", "1")]).unwrap_err().contains("Kubernetes"));
    assert!(!read(&[("a.toml", "port = 1")], &[]).unwrap_err().contains("Kubernetes"));
}

#[test]
fn a_file_that_cannot_be_read_is_refused_with_its_line() {
    assert_eq!(
        read(&[("a.json", "{}")], &[]).unwrap_err(),
        "a.json: the name of a configuration file ends in `.toml`, `.yaml` or `.yml`"
    );
    let error = crate::settings::Settings::from_file("/nowhere/a.toml").unwrap_err().to_string();
    assert!(error.starts_with("/nowhere/a.toml: ") && error.contains("os error 2"), "{error}");
    let error = read(&[("a.toml", "a = 1\nb = ")], &[]).unwrap_err();
    assert!(error.starts_with("a.toml, line 2: this is not TOML: "), "{error}");
    let error = read(&[("a.toml", "preset = 1\npreset = 2")], &[]).unwrap_err();
    assert!(error.starts_with("a.toml, line 2: this is not TOML: "), "{error}");
    yaml("limits:\n  page_size: 1\n  page_size: 2", "3: `page_size` is there twice");
    yaml("a: &a 1\nb: *a", "2: aliases (`*name`) are not read: write the value");
    yaml("a: !x 1", "1: tags (`!name`) are not read");
    yaml("- a", "1: a configuration file is a table, not a list");
    yaml("preset: production\n---\npreset: production", "2: a configuration file is one document");
    yaml("[a]: 1", "1: a key is a plain text");
    let deep = "[".repeat(100);
    yaml(&format!("a: {deep}"), "1: tables and lists are too deep within each other");
    let large = "#".repeat(2 << 20);
    let error = read(&[("a.toml", &large)], &[]).unwrap_err();
    assert_eq!(error, "a.toml: 2097152 bytes are more than the 1048576 that a configuration file may have");
}

#[test]
fn a_variable_that_says_no_key_is_refused() {
    variable("TURBOMCP_LIMITS__", "1", "a part of the key is missing before or behind `__`");
    assert!(read(&[], &[("TURBOMCP_CONFIG__X", "1")]).unwrap_err().contains("`config` is not known"));
    variable("TURBOMCP___A", "1", "a part of the key is missing before or behind `__`");
    let both = [("TURBOMCP_LIMITS", "1"), ("TURBOMCP_LIMITS__PAGE_SIZE", "1")];
    let error = read(&[], &both).unwrap_err();
    assert_eq!(error, "variable TURBOMCP_LIMITS__PAGE_SIZE: another variable sets the whole of `limits`");
    let both = [("TURBOMCP_PRESET", "production"), ("TURBOMCP_Preset", "production")];
    assert_eq!(read(&[], &both).unwrap_err(), "variable TURBOMCP_Preset: another variable sets the same");
}
