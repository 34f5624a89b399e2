use http::HeaderValue;

use super::*;

fn headers(hosts: &[&str], origins: &[&str]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for host in hosts {
        headers.append(HOST, HeaderValue::from_bytes(host.as_bytes()).unwrap());
    }
    for origin in origins {
        headers.append(ORIGIN, HeaderValue::from_bytes(origin.as_bytes()).unwrap());
    }
    headers
}

#[track_caller]
fn passes(policy: &OriginPolicy, host: &str, origin: Option<&str>) {
    assert_eq!(policy.check(&headers(&[host], origin.as_slice()), None), Ok(()), "{host} {origin:?}");
}

#[track_caller]
fn refuses(policy: &OriginPolicy, host: &str, origin: Option<&str>, kind: Kind) {
    assert_eq!(policy.check(&headers(&[host], origin.as_slice()), None), Err(Refusal(kind)), "{host} {origin:?}");
}

fn loopback() -> OriginPolicy {
    OriginPolicy::for_listener(Ipv4Addr::LOCALHOST.into())
}

fn public() -> OriginPolicy {
    OriginPolicy::for_listener(Ipv4Addr::UNSPECIFIED.into())
}

#[test]
fn defence_1_a_loopback_server_answers_loopback_hosts_only() {
    for host in ["localhost", "localhost:8080", "LOCALHOST:1", "127.0.0.1", "127.0.0.1:65535", "[::1]", "[::1]:80"] {
        passes(&loopback(), host, None);
    }
    for host in ["127.0.0.2:80", "[0:0:0:0:0:0:0:1]:80"] {
        passes(&loopback(), host, None);
    }
    for host in [
        "example.com",
        "evil.com:8080",
        "localhost.evil.com",
        "127.0.0.1.evil.com",
        "127.0.0.1.nip.io:80",
        "evil-localhost",
        "0.0.0.0",
        "192.168.0.1",
        "[::2]",
        "[::ffff:10.0.0.1]",
        "127.1",
        "2130706433",
    ] {
        refuses(&loopback(), host, None, Kind::HostNotAllowed);
    }
}

#[test]
fn defence_1_exactly_one_well_formed_host_is_named() {
    let check = |hosts: &[&str], uri| loopback().check(&headers(hosts, &[]), uri);
    assert_eq!(check(&[], None), Err(Refusal(Kind::NoHost)));
    assert_eq!(check(&["localhost", "localhost"], None), Err(Refusal(Kind::SeveralHosts)));
    assert_eq!(check(&["localhost", "evil.com"], None), Err(Refusal(Kind::SeveralHosts)));
    for host in [
        "",
        " ",
        ":80",
        "localhost:",
        "localhost:x",
        "localhost:99999",
        "localhost:+80",
        "localhost:80:80",
        "user@localhost",
        "localhost@evil.com",
        "localhost,evil.com",
        "localhost/",
        "localhost.",
        "http://localhost",
        "::1",
        "[::1",
        "[::1]x",
        "[localhost]",
        "[fe80::1%25eth0]",
        "loc alhost",
        "ℓocalhost",
    ] {
        assert_eq!(check(&[host], None), Err(Refusal(Kind::HostMalformed)), "{host:?}");
    }
}

#[test]
fn the_authority_of_the_request_stands_for_the_host_header_and_never_against_it() {
    let check = |hosts: &[&str], uri| loopback().check(&headers(hosts, &[]), Some(uri));
    assert_eq!(check(&[], "localhost:80"), Ok(()));
    assert_eq!(check(&[], "evil.com"), Err(Refusal(Kind::HostNotAllowed)));
    assert_eq!(check(&["localhost:80"], "LocalHost:80"), Ok(()));
    assert_eq!(check(&["localhost:80"], "evil.com"), Err(Refusal(Kind::SeveralHosts)));
    assert_eq!(check(&["evil.com"], "localhost"), Err(Refusal(Kind::SeveralHosts)));
}

#[test]
fn defence_1_a_loopback_server_answers_loopback_origins_only() {
    for origin in [
        "http://localhost",
        "http://localhost:3000",
        "https://localhost",
        "http://127.0.0.1:6274",
        "http://[::1]:5173",
        "HTTP://LOCALHOST",
    ] {
        passes(&loopback(), "127.0.0.1:8080", Some(origin));
    }
    for origin in [
        "http://evil.com",
        "https://evil.com",
        "http://localhost.evil.com",
        "http://localhost-evil.com",
        "http://evil.com:80",
        "ftp://localhost",
        "vscode-webview://localhost",
        "chrome-extension://abcdef",
    ] {
        refuses(&loopback(), "127.0.0.1:8080", Some(origin), Kind::OriginNotAllowed);
    }
}

#[test]
fn defence_1_null_malformed_and_doubled_origins_are_refused() {
    for policy in [loopback(), public(), public().allow_hosts(["localhost"]).unwrap()] {
        for origin in [
            "null",
            "",
            "localhost",
            "//localhost",
            "http:localhost",
            "http:/localhost",
            "http://",
            "http://localhost/",
            "http://localhost/path",
            "http://localhost?x",
            "http://localhost#x",
            "http://user@localhost",
            "http://localhost@evil.com",
            "http://localhost:",
            "http://localhost:x",
            "http://localhost http://localhost",
            "http://localhost,http://localhost",
            "://localhost",
            "1http://localhost",
            "ht tp://localhost",
            "http://lo\u{e9}alhost",
        ] {
            refuses(&policy, "localhost", Some(origin), Kind::OriginMalformed);
        }
        let doubled = headers(&["localhost"], &["http://localhost", "http://localhost"]);
        assert_eq!(policy.check(&doubled, None), Err(Refusal(Kind::SeveralOrigins)));
    }
}

#[test]
fn a_public_server_answers_any_host_and_the_origin_that_equals_it() {
    passes(&public(), "mcp.example.com", None);
    passes(&public(), "mcp.example.com", Some("https://mcp.example.com"));
    passes(&public(), "mcp.example.com", Some("http://MCP.example.com"));
    passes(&public(), "mcp.example.com", Some("https://mcp.example.com:443"));
    passes(&public(), "mcp.example.com:443", Some("https://mcp.example.com"));
    passes(&public(), "mcp.example.com:8443", Some("https://mcp.example.com:8443"));
    for origin in [
        "https://example.com",
        "https://evil.com",
        "https://mcp.example.com:8443",
        "https://mcp.example.com.evil.com",
        "ws://mcp.example.com",
    ] {
        refuses(&public(), "mcp.example.com", Some(origin), Kind::OriginNotAllowed);
    }
    refuses(&public(), "mcp.example.com:8443", Some("https://mcp.example.com"), Kind::OriginNotAllowed);
}

#[test]
fn the_address_of_the_listener_decides_the_default() {
    for address in ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"] {
        let policy = OriginPolicy::for_listener(address.parse().unwrap());
        refuses(&policy, "example.com", None, Kind::HostNotAllowed);
    }
    for address in ["0.0.0.0", "::", "10.0.0.1"] {
        passes(&OriginPolicy::for_listener(address.parse().unwrap()), "example.com", None);
    }
}

#[test]
fn listed_hosts_replace_the_default_and_imply_their_origins() {
    let policy = loopback().allow_hosts(["MCP.example.com", "localhost:8080", "[2001:db8::1]"]).unwrap();
    passes(&policy, "mcp.example.com", None);
    passes(&policy, "mcp.EXAMPLE.com:9", Some("https://mcp.example.com"));
    passes(&policy, "localhost:8080", Some("http://localhost:8080"));
    passes(&policy, "[2001:db8::1]:80", None);
    refuses(&policy, "localhost", None, Kind::HostNotAllowed);
    refuses(&policy, "localhost:8081", None, Kind::HostNotAllowed);
    refuses(&policy, "127.0.0.1", None, Kind::HostNotAllowed);
    refuses(&policy, "mcp.example.com", Some("http://localhost"), Kind::OriginNotAllowed);
    refuses(&policy, "mcp.example.com", Some("https://example.com"), Kind::OriginNotAllowed);
}

#[test]
fn listed_origins_are_allowed_besides_those_of_the_hosts() {
    let policy =
        loopback().allow_origins(["https://app.example.com", "http://dev:3000", "vscode-webview://abc"]).unwrap();
    passes(&policy, "localhost", Some("https://app.example.com"));
    passes(&policy, "localhost", Some("https://APP.example.com:443"));
    passes(&policy, "localhost", Some("http://dev:3000"));
    passes(&policy, "localhost", Some("vscode-webview://abc"));
    passes(&policy, "localhost", Some("http://localhost:1"));
    for origin in [
        "http://app.example.com",
        "https://app.example.com:444",
        "https://app.example.com.evil.com",
        "https://x.app.example.com",
        "http://dev",
        "vscode-webview://abd",
    ] {
        refuses(&policy, "localhost", Some(origin), Kind::OriginNotAllowed);
    }
    refuses(&policy, "app.example.com", None, Kind::HostNotAllowed);
}

#[test]
fn the_escape_hatches_do_what_they_say() {
    let policy = loopback().allow_any_origin();
    for origin in ["https://evil.com", "null", "nonsense"] {
        passes(&policy, "localhost", Some(origin));
    }
    refuses(&policy, "evil.com", Some("https://evil.com"), Kind::HostNotAllowed);
    let policy = policy.hosts(HostPolicy::any());
    passes(&policy, "evil.com", Some("https://other.com"));
    assert_eq!(policy.check(&HeaderMap::new(), None), Err(Refusal(Kind::NoHost)));
    let policy = loopback().hosts(HostPolicy::any());
    refuses(&policy, "evil.com", Some("https://other.com"), Kind::OriginNotAllowed);
    let policy = loopback().allow_any_origin().allow_origins(["https://app.example.com"]).unwrap();
    passes(&policy, "localhost", Some("https://evil.com"));
}

#[test]
fn entries_that_are_no_hosts_or_origins_are_refused() {
    for entry in ["", "*", "*.example.com", "https://example.com", "example.com/", "example.com:x"] {
        let error = HostPolicy::allow([entry]).unwrap_err();
        assert_eq!(error.to_string(), format!("`{entry}` is no host; write `host` or `host:port`"));
    }
    for entry in ["", "*", "null", "example.com", "https://example.com/", "https://*.example.com"] {
        let error = loopback().allow_origins([entry]).unwrap_err();
        assert!(error.to_string().ends_with("is no origin; write `scheme://host` or `scheme://host:port`"), "{error}");
    }
}

#[test]
fn http_03_a_refused_origin_is_answered_403() {
    for kind in [Kind::HostNotAllowed, Kind::SeveralOrigins, Kind::OriginMalformed, Kind::OriginNotAllowed] {
        assert_eq!(Refusal(kind).status(), StatusCode::FORBIDDEN);
    }
    for kind in [Kind::NoHost, Kind::SeveralHosts, Kind::HostMalformed] {
        assert_eq!(Refusal(kind).status(), StatusCode::BAD_REQUEST);
    }
}

#[test]
fn an_origin_is_written_as_browsers_write_it() {
    for (written, expected) in [
        ("https://app.example.com", Some("https://app.example.com")),
        ("HTTPS://App.Example.COM:443", Some("https://app.example.com")),
        ("http://app.example.com:80", Some("http://app.example.com")),
        ("http://app.example.com:443", Some("http://app.example.com:443")),
        ("https://127.0.0.1:8443", Some("https://127.0.0.1:8443")),
        ("http://[0:0:0:0:0:0:0:1]:3000", Some("http://[::1]:3000")),
        ("vscode-webview://aBc", Some("vscode-webview://aBc")),
        ("https://app.example.com/", None),
        ("https://app.example.com/notes", None),
        ("app.example.com", None),
        ("null", None),
        ("*", None),
    ] {
        assert_eq!(OriginPolicy::canonical(written).ok().as_deref(), expected, "{written}");
    }
}
