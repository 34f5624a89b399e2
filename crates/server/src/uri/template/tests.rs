use super::*;

#[track_caller]
fn refuses(template: &str, why: &str) {
    let error = UriTemplate::parse(template).unwrap_err().to_string();
    assert!(error.contains(why), "{error}");
}

fn parse(template: &str) -> UriTemplate {
    UriTemplate::parse(template).unwrap()
}

#[test]
fn names_are_listed_in_order() {
    let template = parse("x://{host}/{a,b}{/c}{.d}{/rest*}{?p,q.r}{&s}");
    let names: Vec<_> = template.variables().collect();
    assert_eq!(names, ["host", "a", "b", "c", "d", "rest", "p", "q.r", "s"]);
    assert!(!template.is_literal());
    assert_eq!(parse("file://*").variables().collect::<Vec<_>>(), ["*"]);
    assert_eq!(template.to_string(), template.as_str());
    assert_eq!("a://b".parse(), Ok(parse("a://b")));
}

#[test]
fn a_template_without_variables_is_literal() {
    assert!(parse("config://app").is_literal());
    assert!(parse("config://app?a=1").is_literal());
    assert!(parse("").is_literal());
}

#[test]
fn what_is_no_template_is_refused() {
    refuses("a://{x", "has no closing brace");
    refuses("a://x}", "percent-encoded");
    refuses("a://{}", "names no variable");
    refuses("a://{x y}", "has a name");
    refuses("a://{user-id}", "has a name");
    refuses("a://{.}", "has a name");
    refuses("a://{+}", "has a name");
    refuses("a://{x,}", "has a name");
    refuses("a://{{x}}", "has a name");
    refuses("a://b c/{x}", "percent-encoded");
    refuses("a://b%2/{x}", "malformed percent escape");
    refuses("a://b%FF/{x}", "malformed percent escape");
    refuses(&"a".repeat(9000), "longer than");
}

#[test]
fn forms_that_cannot_be_matched_are_refused_with_the_reason() {
    refuses("a://{x:3}", "prefix length");
    refuses("a://{x*}", "only supported as `{/name*}`");
    refuses("a://{?x*}", "only supported as `{/name*}`");
    refuses("a://b{/x*,y}", "only supported as `{/name*}`");
    refuses("a://{;x}", "operator that is not supported");
    refuses("a://{|x}", "operator that is not supported");
    refuses("a://{+x,y}", "nothing tells apart");
    refuses("a://{#x,y}", "nothing tells apart");
    refuses("a://{x}{y}", "nothing stands between the variables `x` and `y`");
    refuses("a://{x}{+y}", "nothing stands between");
    refuses("a://{x}*", "nothing stands between");
    refuses("a://*/b", "only stand at the end");
    refuses("a://**", "only stand at the end");
    refuses("a://{x}/{x}", "two variables");
    refuses("a://{x}{?x}", "two variables");
    refuses("a://b{?x}/c", "must be the last");
    refuses("a://b{?x}{y}", "must be the last");
    refuses("a://b{?x}{#y}", "must be the last");
    refuses("a://b{?x}{?y}", "write `{&…}`");
    refuses("a://b?c=1{?x}", "write `{&…}`");
    refuses("a://b{&x}", "write `{?…}`");
    refuses("a://b?c={c}{&x}", "written out in the query");
}

#[test]
fn of_two_templates_the_more_specific_has_the_greater_rank() {
    let ordered = [
        "a://users/me",
        "a://users/{id}",
        "a://users/{+id}",
        "a://{kind}.{id}",
        "a://{kind}/{id}",
        "a://{x}",
        "a://{y}",
        "a://{kind}{?p}",
        "a://{+x}",
    ];
    for pair in ordered.windows(2) {
        assert!(parse(pair[0]).rank() > parse(pair[1]).rank(), "{pair:?}");
    }
    assert_eq!(parse("a://{x}").rank(), parse("a://{x}").rank());
}

#[test]
fn expansion_escapes_what_an_expression_may_not_hold() {
    #[track_caller]
    fn check(template: &str, expected: Option<&str>) {
        let uri = parse(template).expand(|name| match name {
            "x" => Some("a b/ü?"),
            "y" => Some("1"),
            "empty" => Some(""),
            _ => None,
        });
        assert_eq!(uri.as_deref(), expected, "{template}");
    }
    check("s://{x}", Some("s://a%20b%2F%C3%BC%3F"));
    check("s://{+x}", Some("s://a%20b/%C3%BC?"));
    check("s://h{/x*}", Some("s://h/a%20b/%C3%BC%3F"));
    check("s://h{#x}", Some("s://h#a%20b/%C3%BC?"));
    check("s://h{/y}{.y2}", None);
    check("s://{empty}", None);
    check("s://h{?z,y,empty}", Some("s://h?y=1&empty="));
    check("s://h?k=v{&y}", Some("s://h?k=v&y=1"));
    check("s://h{?z}", Some("s://h"));
    check("s://ü", Some("s://%C3%BC"));
}
