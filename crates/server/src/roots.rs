//! The places beneath which a server reads resources.

use turbomcp_protocol::types::Root;

use crate::uri::percent_decode;

/// Returns true if a URI lies beneath one of the roots, or its scheme is that of none.
///
/// A root without a scheme is no place at all, but it restricts `file:` like one: whoever wrote it meant files.
pub(crate) fn allow(roots: &[Root], uri: &str) -> bool {
    if roots.is_empty() {
        return true;
    }
    let Some((scheme, _)) = split(uri) else { return false };
    let mut restricted = false;
    for root in roots {
        let root_scheme = split(&root.uri).map_or_else(|| "file".to_owned(), |(scheme, _)| scheme);
        if root_scheme != scheme {
            continue;
        }
        restricted = true;
        if let (Some(root), Some(place)) = (place(&root.uri), place(uri))
            && is_beneath(&place, &root)
        {
            return true;
        }
    }
    !restricted
}

/// Returns the scheme in lower case, and what is behind it.
fn split(uri: &str) -> Option<(String, &str)> {
    let (scheme, rest) = uri.split_once(':')?;
    Some((scheme.to_ascii_lowercase(), rest))
}

/// Returns the host and the segments of the path that a URI points to, decoded; none if it climbs or cannot be decoded.
fn place(uri: &str) -> Option<Vec<String>> {
    let (scheme, rest) = split(uri)?;
    let rest = percent_decode(rest.split(['?', '#']).next()?)?;
    let (host, path) = match rest.strip_prefix("//") {
        Some(rest) => rest.split_at(rest.find('/').unwrap_or(rest.len())),
        None => ("", &*rest),
    };
    let host = if scheme == "file" && host.is_empty() { "localhost" } else { host };
    let path = path.split(['/', '\\']);
    let place: Vec<_> = std::iter::once(host).chain(path).map(str::to_owned).collect();
    let harmless = place.iter().all(|segment| segment != ".." && !segment.contains(char::is_control));
    harmless.then_some(place)
}

fn is_beneath(place: &[String], root: &[String]) -> bool {
    // What a trailing slash leaves behind is no segment.
    let end = root.iter().rposition(|segment| !segment.is_empty()).map_or(1, |last| last + 1);
    place.starts_with(&root[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(roots: &[&str], uri: &str, expected: bool) {
        let roots: Vec<_> = roots.iter().copied().map(Root::new).collect();
        assert_eq!(allow(&roots, uri), expected, "{uri} beneath {roots:?}");
    }

    #[test]
    fn only_what_is_beneath_a_root_is_allowed() {
        let roots = ["file:///workspace", "file:///data/"];
        for uri in [
            "file:///workspace",
            "file:///workspace/a/b",
            "file:///data/x",
            "file:/workspace/a",
            "FILE:///workspace/a",
            "file://localhost/workspace/a",
            "file:///work%73pace/a",
            "file:///workspace/a?b#c",
        ] {
            check(&roots, uri, true);
        }
        for uri in [
            "file:///",
            "file:///work",
            "file:///workspace2/a",
            "file:///etc/passwd",
            "file:///workspace/../etc/passwd",
            "file:///workspace/%2e%2e/etc/passwd",
            "file:///workspace/..%5cetc",
            "file://other/workspace/a",
            "file:workspace/a",
            "file:///workspace/%zz",
            "no scheme",
        ] {
            check(&roots, uri, false);
        }
    }

    #[test]
    fn other_schemes_are_not_restricted() {
        check(&["file:///workspace"], "config://app", true);
        check(&["file:///workspace", "db://tenant/a"], "db://tenant/b", false);
        check(&["db://tenant/a"], "db://tenant/a/rows/1", true);
        check(&[], "file:///etc/passwd", true);
    }

    #[test]
    fn the_root_of_everything_allows_everything() {
        check(&["file:///"], "file:///etc/passwd", true);
        check(&["file:///"], "file://host/etc/passwd", false);
    }

    #[test]
    fn a_root_that_is_no_uri_allows_no_file() {
        check(&["/workspace"], "file:///workspace/a", false);
        check(&["/workspace"], "config://app", true);
    }
}
