use std::time::{Duration, Instant};

use super::*;

#[track_caller]
fn fits(template: &str, uri: &str, expected: &[(&str, &str)]) {
    let variables = UriTemplate::parse(template).unwrap().matches(uri).unwrap();
    let variables = variables.unwrap_or_else(|| panic!("{uri} does not fit {template}"));
    assert_eq!(variables.iter().collect::<Vec<_>>(), expected);
    for (name, value) in expected {
        assert_eq!(variables.get(name), Some(*value));
    }
}

#[track_caller]
fn differs(template: &str, uri: &str) {
    assert_eq!(UriTemplate::parse(template).unwrap().matches(uri), Ok(None), "{uri}");
}

#[track_caller]
fn screened(template: &str, uri: &str, variable: &str) {
    let refusal = UriTemplate::parse(template).unwrap().matches(uri).unwrap_err();
    assert_eq!(refusal.variable(), variable);
}

#[test]
fn a_literal_template_fits_itself() {
    fits("config://app", "config://app", &[]);
    differs("config://app", "config://app/");
    differs("config://app", "config://ap");
    differs("config://app", "");
    fits("", "", &[]);
    differs("", "x");
}

#[test]
fn a_simple_variable_stays_within_a_segment() {
    fits("a://users/{id}", "a://users/7", &[("id", "7")]);
    fits("a://{x}/b/{y}", "a://1/b/2", &[("x", "1"), ("y", "2")]);
    fits("a://users/{id}", "a://users/me@example.com:1,2;v=3", &[("id", "me@example.com:1,2;v=3")]);
    differs("a://users/{id}", "a://users/7/8");
    differs("a://users/{id}", "a://users/7?x");
    differs("a://users/{id}", "a://users/7#x");
    differs("a://users/{id}", "a://users/");
    differs("a://users/{id}/posts", "a://users//posts");
}

#[test]
fn defence_17_an_encoded_slash_is_part_of_the_value_and_not_of_the_path() {
    fits("a://users/{id}", "a://users/7%2F8", &[("id", "7/8")]);
    differs("a://users/{id}/8", "a://users/7%2F8");
}

#[test]
fn a_reserved_variable_crosses_slashes() {
    fits("file:///{+path}", "file:///a/b.txt", &[("path", "a/b.txt")]);
    fits("file://{+path}", "file:///a/b?c#d", &[("path", "/a/b?c#d")]);
    fits("a://{+path}/end", "a://x/end/end", &[("path", "x/end")]);
    differs("file:///{+path}", "file:///");
}

#[test]
fn a_bare_star_is_the_rest() {
    fits("db://users/*", "db://users/7/posts?x=1", &[("*", "7/posts?x=1")]);
    fits("file://*", "file:///etc/hosts", &[("*", "/etc/hosts")]);
    differs("db://users/*", "db://users/");
    differs("db://users/*", "db://users");
}

#[test]
fn path_and_label_expressions_bring_their_mark() {
    fits("a://h{/x}", "a://h/1", &[("x", "1")]);
    fits("a://h{/x,y}", "a://h/1/2", &[("x", "1"), ("y", "2")]);
    fits("a://h{/x*}", "a://h/1/2/3", &[("x", "1/2/3")]);
    fits("a://h{/x*}/end", "a://h/1/end", &[("x", "1")]);
    fits("a://{name}{.ext}", "a://a.tar.gz", &[("name", "a.tar"), ("ext", "gz")]);
    fits("a://n{.a,b}", "a://n.x.y", &[("a", "x"), ("b", "y")]);
    fits("a://{x,y}", "a://10,20", &[("x", "10"), ("y", "20")]);
    fits("a://h{#x}", "a://h#a/b", &[("x", "a/b")]);
    differs("a://h{/x}", "a://h");
    differs("a://h{/x}", "a://h/");
    differs("a://h{/x*}", "a://h/1?q");
    differs("a://h{#x}", "a://h");
}

#[test]
fn query_parameters_come_in_any_order_and_may_be_absent() {
    fits("a://h{?x,y}", "a://h?x=1&y=2", &[("x", "1"), ("y", "2")]);
    fits("a://h{?x,y}", "a://h?y=2&x=1", &[("y", "2"), ("x", "1")]);
    fits("a://h{?x,y}", "a://h?y=", &[("y", "")]);
    fits("a://h{?x,y}", "a://h?", &[]);
    fits("a://h{?x,y}", "a://h", &[]);
    fits("a://{h}{?x}", "a://h?x=a%20b+c", &[("h", "h"), ("x", "a b+c")]);
    fits("a://{+h}{?x}{&y}", "a://h/i?y=1", &[("h", "h/i"), ("y", "1")]);
    fits("a://h?k=v{&x}", "a://h?x=1&k=v", &[("x", "1")]);
    differs("a://h?k=v{&x}", "a://h?x=1");
    differs("a://h?k=v{&x}", "a://h?x=1&k=w");
    differs("a://h{?x}", "a://h?z=1");
    differs("a://h{?x}", "a://h?x=1&x=2");
    differs("a://h{?x}", "a://h?x");
    differs("a://h{?x}", "a://h?x=1#f");
    differs("a://h{?x}", "a://h/i?x=1");
    differs("a://h{?x}", "a://h?x=%zz");
}

#[test]
fn a_variable_in_a_written_query_does_not_reach_into_the_next_parameter() {
    fits("a://h?x={x}&y={y}", "a://h?x=1&y=2", &[("x", "1"), ("y", "2")]);
    differs("a://h?x={x}&y={y}", "a://h?x=1&z=3&y=2");
    differs("a://h?x={x}", "a://h?x=1&y=2");
}

#[test]
fn each_variable_takes_as_much_as_it_can_the_first_one_first() {
    fits("a://{x}-{y}", "a://1-2-3", &[("x", "1-2"), ("y", "3")]);
    fits("a://{+dir}/{file}", "a://x/y/z", &[("dir", "x/y"), ("file", "z")]);
    fits("a://{x}-{+y}", "a://1-2/3-4", &[("x", "1"), ("y", "2/3-4")]);
    fits("a://{+x}.{ext}/{y}", "a://1.2/3.4/5", &[("x", "1.2/3"), ("ext", "4"), ("y", "5")]);
}

#[test]
fn values_are_decoded_strictly() {
    fits("a://{x}", "a://caf%C3%A9%20%252e", &[("x", "café %2e")]);
    fits("a://{x}", "a://café", &[("x", "café")]);
    fits("a://é/{x}", "a://%C3%A9/1", &[("x", "1")]);
    fits("a://%C3%A9/{x}", "a://é/1", &[("x", "1")]);
    for uri in ["a://%", "a://x%2", "a://%zz", "a://%FF", "a://%C3", "a://%C0%AE%C0%AE"] {
        differs("a://{x}", uri);
    }
}

#[test]
fn an_escape_is_not_divided() {
    fits("a://{x}5/{y}", "a://15/2", &[("x", "1"), ("y", "2")]);
    differs("a://{x}5{/y}", "a://1%25/2");
    differs("a://{x}25", "a://1%25");
}

#[test]
fn scheme_and_host_are_compared_without_regard_to_case() {
    fits("https://Example.com/{x}", "HTTPS://EXAMPLE.COM/A", &[("x", "A")]);
    fits("https://{tenant}.Example.com/a", "https://ACME.example.com/a", &[("tenant", "ACME")]);
    fits("note:{x}", "NOTE:A", &[("x", "A")]);
    differs("https://example.com/Path/{x}", "https://example.com/path/1");
    differs("note:Abc{x}", "note:abc1");
    differs("https://example.com?Q={x}", "https://example.com?q=1");
}

#[test]
fn defence_17_parent_segments_are_screened_after_decoding() {
    for uri in [
        "file:///..",
        "file:///../etc",
        "file:///a/../b",
        "file:///%2e%2e/a",
        "file:///a%2F..%2Fb",
        "file:///a%5C..%5Cb",
    ] {
        screened("file:///{+path}", uri, "path");
        screened("file:///*", uri, "*");
    }
    screened("a://{x}", "a://..", "x");
    screened("a://{x}", "a://%2E%2E", "x");
    screened("a://{x}", "a://..%2Fb", "x");
    screened("a://{x}", "a://..%5Cb", "x");
    screened("a://h{/x*}", "a://h/a/../b", "x");
    screened("a://h{?x}", "a://h?x=../b", "x");
    fits("a://{x}", "a://%252e%252e", &[("x", "%2e%2e")]);
}

#[test]
fn defence_17_absolute_values_are_screened() {
    screened("a://{x}", "a://%2Fetc%2Fpasswd", "x");
    screened("a://{x}", "a://%5Cshare", "x");
    screened("a://{x}", "a://C:%5Cwindows", "x");
    screened("file:///{+path}", "file:////etc/passwd", "path");
    screened("file:///{+path}", "file:///%2Fetc", "path");
    screened("file:///{+path}", "file:///C:/x", "path");
    screened("a://h{/x*}", "a://h//etc", "x");
    screened("db://users/*", "db://users//etc", "*");
    screened("a://h{?x}", "a://h?x=/etc", "x");
    fits("file://{+path}", "file:///etc/passwd", &[("path", "/etc/passwd")]);
}

#[test]
fn defence_17_nul_and_control_characters_are_screened() {
    screened("a://{x}", "a://a%00", "x");
    screened("a://{x}", "a://a%0Ab", "x");
    screened("a://{+x}", "a://a\nb", "x");
    screened("a://{x}", "a://%C2%85", "x");
}

#[test]
fn a_uri_that_does_not_fit_is_not_screened() {
    differs("a://{x}/b", "a://../c");
    differs("b://{x}", "a://..");
}

#[test]
fn defence_17_the_worst_case_takes_linear_time() {
    let templates = [
        format!("a://{}end", (0..60).map(|i| format!("{{x{i}}}a")).collect::<String>()),
        format!("a://{}end", (0..60).map(|i| format!("{{+x{i}}}a")).collect::<String>()),
        format!("a://{}", (0..60).map(|i| format!("{{+x{i}}}/a/")).collect::<String>()),
    ];
    for template in templates {
        let template = UriTemplate::parse(&template).unwrap();
        let uri = format!("a://{}", "a".repeat(60_000));
        let start = Instant::now();
        assert_eq!(template.matches(&uri), Ok(None));
        // Trying the divisions one after another would not end in a lifetime.
        assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    }
}

#[test]
fn a_uri_beyond_the_limit_fits_nothing() {
    differs("a://{+x}", &format!("a://{}", "a".repeat(MAX_URI_BYTES)));
    let template = UriTemplate::parse("a://{+x}").unwrap();
    assert!(template.matches(&format!("a://{}", "a".repeat(MAX_URI_BYTES - 4))).unwrap().is_some());
}

/// The obvious matcher: tries every division, longest values first.
fn divides(parts: &[Part], uri: &[u8]) -> Option<Vec<String>> {
    match parts.split_first() {
        None => uri.is_empty().then(Vec::new),
        Some((Part::Literal(text), rest)) => divides(rest, uri.strip_prefix(text.as_bytes())?),
        Some((Part::Variable(variable), rest)) => {
            let most = uri.iter().take_while(|byte| variable.extent.contains(**byte)).count();
            (1..=most).rev().find_map(|stop| {
                let mut values = divides(rest, &uri[stop..])?;
                values.insert(0, String::from_utf8(uri[..stop].to_vec()).unwrap());
                Some(values)
            })
        }
    }
}

#[test]
fn agrees_with_a_matcher_that_tries_everything() {
    // A small generator, so that a failure is repeated by running the test again.
    let mut state = 0x9E37_79B9_u32;
    let mut random = |below: u32| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state % below
    };
    let mut fitting = 0;
    for _ in 0..20_000 {
        let mut template = String::from("s:");
        for i in 0..random(5) {
            let literal = ["a", "b", "/", "a/", "ab", "-"][random(6) as usize];
            template.push_str(literal);
            match random(4) {
                0 => template.push_str(&format!("{{v{i}}}")),
                1 => template.push_str(&format!("{{+v{i}}}")),
                2 => template.push_str(&format!("{{/v{i}*}}")),
                _ => {}
            }
        }
        let uri: String = std::iter::once("s:")
            .chain((0..random(10)).map(|_| ["a", "b", "/", "-"][random(4) as usize]).collect::<Vec<_>>())
            .collect();
        let template = UriTemplate::parse(&template).unwrap();
        let expected = divides(&template.parts, uri.as_bytes());
        let found = match template.matches(&uri) {
            Ok(found) => found.map(|found| found.iter().map(|(_, value)| value.to_owned()).collect::<Vec<_>>()),
            // Screened values are checked elsewhere.
            Err(_) => expected.clone(),
        };
        assert_eq!(found, expected, "{template} {uri}");
        fitting += usize::from(expected.is_some());
    }
    assert!(fitting > 200, "{fitting}");
}

#[test]
fn what_is_expanded_is_read_back() {
    for template in ["a://{x}/{y}", "a://h/{+x}", "a://h{/x*}", "a://{x}{?y}", "a://h?k=v{&x,y}", "a://{x,y}"] {
        for (x, y) in [("1", "2"), ("a b", "ü/é"), ("50%", "?&=#"), ("a/b", "x+y")] {
            let template = UriTemplate::parse(template).unwrap();
            let uri = template.expand(|name| Some(if name == "x" { x } else { y })).unwrap();
            let variables = template.matches(&uri).unwrap().unwrap_or_else(|| panic!("{uri}"));
            for (name, value) in variables.iter() {
                assert_eq!(value, if name == "x" { x } else { y }, "{template} {uri}");
            }
        }
    }
}
