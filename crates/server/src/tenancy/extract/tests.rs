use serde_json::json;
use serde_json::value::to_raw_value;
use turbomcp_transport::http::HttpRequest;

use super::*;

/// Returns what is known of a request with these headers.
fn with(headers: &[(&str, &str)]) -> Extensions {
    let mut request = ::http::Request::builder().uri("/mcp");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut known = Extensions::new();
    known.insert(HttpRequest::new(request.body(()).expect("a head").into_parts().0));
    known
}

fn by(principal: Principal) -> Extensions {
    let mut known = Extensions::new();
    known.insert(principal);
    known
}

/// `Ok` with the tenant, marked with `?` if it is only claimed; empty if nothing is said.
#[track_caller]
fn check(extractor: &dyn TenantExtractor, known: &Extensions, expected: Result<&str, ()>) {
    let found = extractor.extract(known).map_err(|_| ()).map(|told| match told {
        None => String::new(),
        Some(Told::Vouched(tenant)) => tenant.to_string(),
        Some(Told::Claimed(tenant)) => format!("{tenant}?"),
    });
    assert_eq!(found, expected.map(str::to_owned));
}

#[test]
fn f144_a_header_is_a_claim_unless_a_gateway_vouches_for_it() {
    let header = HeaderTenantExtractor::new("X-Tenant-ID");
    check(&header, &with(&[("x-tenant-id", "acme")]), Ok("acme?"));
    check(&header, &with(&[]), Ok(""));
    check(&header, &Extensions::new(), Ok(""));
    check(&header, &with(&[("x-tenant-id", "acme"), ("x-tenant-id", "acme")]), Err(()));
    check(&header, &with(&[("x-tenant-id", "")]), Err(()));
    check(&header, &with(&[("x-tenant-id", "acme, globex")]), Err(()));
    check(&header.clone().behind_trusted_gateway(), &with(&[("x-tenant-id", "acme")]), Ok("acme"));
    assert!(!header.vouches() && header.clone().behind_trusted_gateway().vouches());
    assert!(header.check().is_ok());
    for bad in ["", "a b", "a:", "ä"] {
        assert!(HeaderTenantExtractor::new(bad).check().unwrap_err().is_configuration(), "{bad}");
    }
}

#[test]
fn f145_only_a_verified_key_names_a_tenant() {
    let key = ApiKeyTenantExtractor::new('_', 1).with_prefix("sk_");
    let holder = |name: &str| by(Principal::new(name).with_issuer("api-key"));
    check(&key, &holder("sk_acme_secret"), Ok("acme"));
    check(&key, &holder("sk_acme"), Ok("acme"));
    check(&key, &holder("pk_acme_x"), Ok(""));
    check(&key, &holder("sk_"), Err(()));
    check(&key, &by(Principal::new("sk_acme_secret")), Ok(""));
    check(&key, &by(Principal::new("sk_acme_x").with_issuer("https://id.example")), Ok(""));
    check(&key.clone().with_issuer("ours"), &by(Principal::new("sk_acme_x").with_issuer("ours")), Ok("acme"));
    // What a client shows is not looked at.
    let shown = with(&[("x-api-key", "sk_acme_secret"), ("authorization", "Bearer sk_acme_secret")]);
    check(&key, &shown, Ok(""));
    check(&ApiKeyTenantExtractor::new('-', 2), &holder("a-b-acme"), Ok("acme"));
    check(&ApiKeyTenantExtractor::new('-', 2), &holder("a-b"), Err(()));
}

#[test]
fn f146_a_claim_is_one_of_the_principal() {
    let jwt = JwtTenantExtractor::new("tenant_id");
    let claims = |claims: Value| by(Principal::new("ada").with_claims(to_raw_value(&claims).unwrap()));
    check(&jwt, &claims(json!({"tenant_id": "acme"})), Ok("acme"));
    check(&jwt, &claims(json!({})), Ok(""));
    check(&jwt, &by(Principal::new("ada")), Ok(""));
    check(&jwt, &claims(json!({"tenant_id": 7})), Err(()));
    check(&jwt, &claims(json!({"tenant_id": ["acme"]})), Err(()));
    check(&jwt, &claims(json!({"tenant_id": "a/b"})), Err(()));
    // A token that nobody has verified has no principal.
    check(&jwt, &with(&[("authorization", "Bearer eyJhbGciOiJub25lIn0.eyJ0ZW5hbnRfaWQiOiJhY21lIn0.")]), Ok(""));
    let deep = JwtTenantExtractor::new("org.unit.id");
    check(&deep, &claims(json!({"org": {"unit": {"id": "acme"}}})), Ok("acme"));
    check(&deep, &claims(json!({"org": {"unit": "x"}})), Ok(""));
    check(&deep, &claims(json!({"org.unit.id": "acme", "org": {"unit": {"id": "x"}}})), Ok("acme"));
    assert!(JwtTenantExtractor::new("").check().is_err());
}

#[test]
fn f147_a_host_beneath_the_domain_names_a_tenant() {
    let subdomain = SubdomainTenantExtractor::new("API.example.com");
    for (host, expected) in [
        ("acme.api.example.com", Ok("acme?")),
        ("ACME.API.EXAMPLE.COM:8443", Ok("acme?")),
        ("acme.api.example.com.", Ok("acme?")),
        ("api.example.com", Ok("")),
        ("example.com", Ok("")),
        ("evilapi.example.com", Ok("")),
        ("acme.api.example.com.evil.example", Ok("")),
        ("a.b.api.example.com", Err(())),
        (".api.example.com", Err(())),
        ("[::1]:80", Ok("")),
    ] {
        check(&subdomain, &with(&[("host", host)]), expected);
    }
    check(&subdomain, &Extensions::new(), Ok(""));
    // HTTP/2 has the host in the request itself; two that differ are an attack.
    let mut known = Extensions::new();
    let uri = "https://acme.api.example.com/mcp";
    let plain = ::http::Request::builder().uri(uri).body(()).unwrap().into_parts().0;
    known.insert(HttpRequest::new(plain));
    check(&subdomain, &known, Ok("acme?"));
    let two = ::http::Request::builder().uri(uri).header("host", "globex.api.example.com");
    known.insert(HttpRequest::new(two.body(()).unwrap().into_parts().0));
    check(&subdomain, &known, Err(()));
    check(&subdomain.clone().behind_trusted_gateway(), &with(&[("host", "a.api.example.com")]), Ok("a"));
    assert!(!subdomain.vouches() && subdomain.clone().behind_trusted_gateway().vouches());
    assert!(subdomain.check().is_ok());
    for bad in ["", ".", "a..b", "a b", "*.example.com"] {
        assert!(SubdomainTenantExtractor::new(bad).check().is_err(), "{bad}");
    }
}

#[test]
fn f148_all_are_asked_and_must_agree() {
    let both = CompositeTenantExtractor::new(vec![
        Box::new(HeaderTenantExtractor::new("x-tenant-id")),
        Box::new(PrincipalTenantExtractor::new()),
    ]);
    let known = |header: Option<&str>, principal: Option<&str>| {
        let mut known = header.map_or_else(|| with(&[]), |header| with(&[("x-tenant-id", header)]));
        if let Some(tenant) = principal {
            known.insert(Principal::new("ada").with_tenant(tenant));
        }
        known
    };
    check(&both, &known(Some("acme"), Some("acme")), Ok("acme"));
    check(&both, &known(None, Some("acme")), Ok("acme"));
    check(&both, &known(Some("acme"), None), Ok("acme?"));
    check(&both, &known(None, None), Ok(""));
    check(&both, &known(Some("acme"), Some("globex")), Err(()));
    check(&both, &known(Some("a b"), Some("acme")), Err(()));
    assert!(both.extract(&known(Some("acme"), Some("globex"))).unwrap_err().is_conflict());
    assert!(both.vouches() && both.check().is_ok());
    let claims = CompositeTenantExtractor::new(vec![Box::new(HeaderTenantExtractor::new("x-tenant-id"))]);
    assert!(!claims.vouches());
    assert!(CompositeTenantExtractor::new(Vec::new()).check().is_err());
    assert!(CompositeTenantExtractor::new(vec![Box::new(HeaderTenantExtractor::new(" "))]).check().is_err());
}
