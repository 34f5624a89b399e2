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

#[cfg(test)]
mod tests {
    use super::spelling;

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
