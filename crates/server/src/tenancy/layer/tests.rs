use super::*;
use crate::access::identity;
use crate::tenancy::{HeaderTenantExtractor, JwtTenantExtractor, MemoryTenantConfigs};

fn tenancy() -> Tenancy {
    Tenancy::new(MemoryTenantConfigs::new())
}

fn tenant(id: &str) -> Tenant {
    Tenant::new(TenantId::new(id).unwrap(), TenantConfig::default())
}

#[test]
fn what_cannot_be_meant_is_refused_when_the_server_is_built() {
    #[track_caller]
    fn check(tenancy: Tenancy, word: &str) {
        let error = ServerBuilder::new().with_tenancy(tenancy).unwrap_err();
        assert!(error.is_configuration() && error.to_string().contains(word), "{error}");
    }
    check(tenancy().extractor(HeaderTenantExtractor::new("X-Tenant-ID")), "behind_trusted_gateway");
    check(tenancy().extractor(HeaderTenantExtractor::new("").behind_trusted_gateway()), "header");
    check(tenancy().extractor(JwtTenantExtractor::new("")), "JwtTenantExtractor");
    check(tenancy().max_tenants(0), "`max_tenants`");
    check(tenancy().max_labels(0), "`max_labels`");
    let once = ServerBuilder::new().with_tenancy(tenancy()).unwrap();
    assert!(once.with_tenancy(tenancy()).unwrap_err().is_configuration());
    let stack = crate::layers::MiddlewareStack::new;
    let before = ServerBuilder::new().with_tenancy(tenancy()).unwrap();
    assert!(before.with_middleware_stack(stack()).unwrap_err().to_string().contains("before"));
    assert!(ServerBuilder::new().with_middleware_stack(stack()).unwrap().with_tenancy(tenancy()).is_ok());
    // A header may be compared with what decides.
    let either = tenancy().extractor(HeaderTenantExtractor::new("X-Tenant-ID")).extractor(JwtTenantExtractor::new("t"));
    assert!(ServerBuilder::new().with_tenancy(either).is_ok());
}

#[test]
fn who_calls_is_somebody_else_in_another_tenant() {
    let anonymous = Extensions::new;
    let by = |principal: Principal| {
        let mut extensions = Extensions::new();
        extensions.insert_shared(principal.identity().clone());
        extensions.insert(principal);
        extensions
    };
    let made_up = |mut extensions: Extensions| {
        extensions.insert(Identity::new("one"));
        extensions
    };
    let all: Vec<Identity> = [
        (anonymous(), "a"),
        (anonymous(), "b"),
        (by(Principal::new("ada")), "a"),
        (by(Principal::new("ada")), "b"),
        (by(Principal::new("bob")), "a"),
        (made_up(anonymous()), "a"),
        (made_up(anonymous()), "b"),
        (made_up(by(Principal::new("ada").with_tenant("a"))), "a"),
        (made_up(by(Principal::new("ada").with_tenant("b"))), "b"),
    ]
    .into_iter()
    .enumerate()
    .map(|(at, (mut extensions, id))| {
        bind(&mut extensions, &tenant(id));
        let principal = extensions.get::<Principal>();
        assert!(principal.is_none_or(|principal| principal.tenant() == Some(id)), "{at}");
        assert_eq!(crate::tenancy::id_of(&extensions), Some(id));
        identity(&extensions).unwrap().clone()
    })
    .collect();
    for (at, one) in all.iter().enumerate() {
        // A made-up identity says who it is whatever the principal, but not of which tenant.
        let same = all.iter().filter(|other| *other == one).count();
        assert_eq!(same, if at < 5 { 1 } else { 2 }, "{at}: {one:?}");
    }
    // What an authenticator has said already stays as it is.
    let ada = Principal::new("ada").with_tenant("a");
    let mut extensions = by(ada.clone());
    bind(&mut extensions, &tenant("a"));
    assert_eq!(identity(&extensions), Some(&**ada.identity()));
}
