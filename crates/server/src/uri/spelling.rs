//! URIs that are written differently and mean the same.

use super::percent::decode;

/// Returns how a URI is written when nothing about it is a matter of taste, to compare it with others written so.
///
/// It goes further than RFC 3986 has it, as those do who look at what a path names: escapes are decoded, and empty
/// segments, those that stay where they are and those that go back are taken away.
pub(crate) fn spelling(uri: &str) -> String {
    let decoded = decode(uri).unwrap_or(uri.into());
    let (scheme, rest) = decoded.split_once(':').unwrap_or(("", &decoded));
    let (host, path) = match rest.strip_prefix("//") {
        Some(rest) => rest.split_at(rest.find('/').unwrap_or(rest.len())),
        None => ("", rest),
    };
    let mut segments = Vec::new();
    for segment in path.split(['/', '\\']) {
        match segment {
            "" | "." => {}
            ".." => _ = segments.pop(),
            _ => segments.push(segment),
        }
    }
    format!("{}://{}/{}", scheme.to_ascii_lowercase(), host.to_ascii_lowercase(), segments.join("/"))
}

/// Returns a URI with its path written as [`spelling`] writes it, to be matched with templates.
pub(crate) fn plain(uri: &str) -> String {
    let (path, query) = uri.split_at(uri.find(['?', '#']).unwrap_or(uri.len()));
    // What would end the path, or begin an escape, was not decoded for that.
    let mut plain = spelling(path).replace('%', "%25").replace('?', "%3F").replace('#', "%23");
    if plain.ends_with('/') && !plain.ends_with("//") {
        plain.pop();
    }
    if !path.contains("://") {
        plain = plain.replacen(":///", ":", 1);
    }
    plain + query
}

#[cfg(test)]
mod tests {
    use super::{plain, spelling};

    #[test]
    fn a_plain_uri_can_be_matched_with_templates() {
        for (uri, expected) in [
            ("notes://ada", "notes://ada"),
            ("NOTES://ada/%73ecret/./1", "notes://ada/secret/1"),
            ("notes://ada//secret%2F1/", "notes://ada/secret/1"),
            ("notes://ada/%73ecret/50%25%3F%23", "notes://ada/secret/50%25%3F%23"),
            ("notes://ada/%61?q=%61//b#c", "notes://ada/a?q=%61//b#c"),
            ("file:///%65tc", "file:///etc"),
            ("urn:%61/b", "urn:a/b"),
        ] {
            assert_eq!(plain(uri), expected, "{uri}");
        }
    }

    #[test]
    fn what_means_the_same_is_written_the_same() {
        let plain = spelling("notes://ada/secret/plan");
        for same in [
            "NOTES://ada/secret/plan",
            "notes://ADA/secret/plan",
            "notes://ada/%73ecret/plan",
            "notes://ada/secret%2Fplan",
            "notes://ada/secret/./plan",
            "notes://ada/secret//plan/",
            "notes://ada/x/../secret/plan",
            "notes://ada/x/%2e%2e/secret\\plan",
        ] {
            assert_eq!(spelling(same), plain, "{same}");
        }
    }

    #[test]
    fn what_means_something_else_is_written_differently() {
        let plain = spelling("notes://ada/secret");
        for other in ["note://ada/secret", "notes://bob/secret", "notes://ada/Secret", "notes://ada/secret?x", "notes:"]
        {
            assert_ne!(spelling(other), plain, "{other}");
        }
    }
}
