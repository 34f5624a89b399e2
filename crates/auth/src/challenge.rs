//! `WWW-Authenticate`, read.

use http::HeaderMap;
use http::header::WWW_AUTHENTICATE;

/// How many challenges of one answer are read.
const MAX_CHALLENGES: usize = 16;

/// How many parameters of one challenge are read.
const MAX_PARAMETERS: usize = 32;

/// One challenge: a scheme and what it says.
///
/// # On the wire
///
/// `Bearer error="insufficient_scope", scope="notes.write", resource_metadata="https://notes.example/…"`
///
/// # Specification
///
/// [RFC 9110, section 11.6.1](https://www.rfc-editor.org/rfc/rfc9110#section-11.6.1)
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuthChallenge {
    /// The scheme, such as `Bearer`.
    pub scheme: String,
    parameters: Vec<(String, String)>,
}

impl AuthChallenge {
    /// Reads all challenges of an answer; what cannot be read is left out.
    #[must_use]
    pub fn all(headers: &HeaderMap) -> Vec<Self> {
        let mut challenges = Vec::new();
        for value in headers.get_all(WWW_AUTHENTICATE) {
            if let Ok(value) = std::str::from_utf8(value.as_bytes()) {
                parse(value, &mut challenges);
            }
        }
        challenges
    }

    /// Returns true if the scheme is this one, in whatever case.
    #[must_use]
    pub fn is(&self, scheme: &str) -> bool {
        self.scheme.eq_ignore_ascii_case(scheme)
    }

    /// Returns a parameter by its name, which has no case.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&str> {
        let found = self.parameters.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// Returns where the metadata of the protected resource are.
    #[must_use]
    pub fn resource_metadata(&self) -> Option<&str> {
        self.parameter("resource_metadata")
    }

    /// Returns the scopes that the request needs.
    pub fn scopes(&self) -> impl Iterator<Item = &str> {
        self.parameter("scope").unwrap_or_default().split_ascii_whitespace()
    }

    /// Returns the code of the error, such as `insufficient_scope`.
    #[must_use]
    pub fn error(&self) -> Option<&str> {
        self.parameter("error")
    }
}

/// Reads one header, in which schemes and their parameters are separated by the same comma.
fn parse(text: &str, challenges: &mut Vec<AuthChallenge>) {
    let mut reader = Reader { rest: text };
    loop {
        reader.skip(|c| c == ' ' || c == '\t' || c == ',');
        if reader.rest.is_empty() {
            return;
        }
        let token = reader.token();
        if token.is_empty() {
            // Not a character that belongs here: nothing after it can be told apart.
            return;
        }
        let before_spaces = reader.rest;
        reader.skip(|c| c == ' ' || c == '\t');
        if let Some(value) = reader.value() {
            if let Some(challenge) = challenges.last_mut().filter(|last| last.parameters.len() < MAX_PARAMETERS)
                && challenge.parameter(token).is_none()
            {
                challenge.parameters.push((token.to_owned(), value));
            }
            continue;
        }
        reader.rest = before_spaces;
        if challenges.len() >= MAX_CHALLENGES {
            return;
        }
        challenges.push(AuthChallenge { scheme: token.to_owned(), parameters: Vec::new() });
        reader.skip_token68();
    }
}

struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    fn skip(&mut self, is: impl Fn(char) -> bool) {
        self.rest = self.rest.trim_start_matches(is);
    }

    fn token(&mut self) -> &'a str {
        let end = self.rest.find(|c: char| !is_token(c)).unwrap_or(self.rest.len());
        let (token, rest) = self.rest.split_at(end);
        self.rest = rest;
        token
    }

    /// Reads `= value`, if that comes next.
    fn value(&mut self) -> Option<String> {
        let after = self.rest.strip_prefix('=')?.trim_start_matches([' ', '\t']);
        let Some(quoted) = after.strip_prefix('"') else {
            let mut reader = Self { rest: after };
            let token = reader.token();
            // `YWJj==` is no parameter.
            if token.is_empty() {
                return None;
            }
            self.rest = reader.rest;
            return Some(token.to_owned());
        };
        let (mut value, mut escaped) = (String::new(), false);
        for (at, c) in quoted.char_indices() {
            match c {
                _ if escaped => {
                    value.push(c);
                    escaped = false;
                }
                '\\' => escaped = true,
                '"' => {
                    self.rest = &quoted[at + 1..];
                    return Some(value);
                }
                _ => value.push(c),
            }
        }
        self.rest = "";
        Some(value)
    }

    /// Skips the `YWJj==` of schemes such as `Negotiate`.
    fn skip_token68(&mut self) {
        let after = self.rest.trim_start_matches([' ', '\t']);
        let end = after.find([',', ' ', '\t']).unwrap_or(after.len());
        let word = &after[..end];
        let follows = after[end..].trim_start_matches([' ', '\t']);
        let is_alone = follows.is_empty() || follows.starts_with(',');
        if !word.is_empty() && is_alone && word.trim_end_matches('=').chars().all(|c| is_token(c) || c == '/') {
            self.rest = &after[end..];
        }
    }
}

fn is_token(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(headers: &[&str], expected: &[(&str, &[(&str, &str)])]) {
        let mut map = HeaderMap::new();
        for header in headers {
            map.append(WWW_AUTHENTICATE, header.parse().unwrap());
        }
        let found = AuthChallenge::all(&map);
        let found: Vec<_> = found
            .iter()
            .map(|challenge| {
                let parameters: Vec<_> =
                    challenge.parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
                (challenge.scheme.as_str(), parameters)
            })
            .collect();
        let expected: Vec<_> = expected.iter().map(|(scheme, parameters)| (*scheme, parameters.to_vec())).collect();
        assert_eq!(found, expected, "{headers:?}");
    }

    #[test]
    fn challenges_are_told_apart() {
        check(&[], &[]);
        check(&["Bearer"], &[("Bearer", &[])]);
        check(&["bearer realm=x"], &[("bearer", &[("realm", "x")])]);
        check(&[r#"Bearer realm="a, b", scope = "x y""#], &[("Bearer", &[("realm", "a, b"), ("scope", "x y")])]);
        check(
            &[r#"Basic realm="a", Bearer scope="x", error=invalid_token"#],
            &[("Basic", &[("realm", "a")]), ("Bearer", &[("scope", "x"), ("error", "invalid_token")])],
        );
        check(&["Negotiate YWJj==, Bearer scope=x"], &[("Negotiate", &[]), ("Bearer", &[("scope", "x")])]);
        check(&["Basic", r#"DPoP algs="ES256""#], &[("Basic", &[]), ("DPoP", &[("algs", "ES256")])]);
        check(&[r#"Bearer a="q\"uo\\ted""#], &[("Bearer", &[("a", r#"q"uo\ted"#)])]);
        check(&[", ,Bearer ,a=1,,b=2"], &[("Bearer", &[("a", "1"), ("b", "2")])]);
    }

    #[test]
    fn what_is_no_challenge_does_no_harm() {
        check(&[r#"Bearer a="never closed"#], &[("Bearer", &[("a", "never closed")])]);
        check(&["a=1"], &[]);
        check(&["\"Bearer\""], &[]);
        check(&["Bearer a=1, a=2"], &[("Bearer", &[("a", "1")])]);
        check(&["Bearer ="], &[("Bearer", &[])]);
        let endless = "x,".repeat(4000);
        let mut map = HeaderMap::new();
        map.append(WWW_AUTHENTICATE, endless.parse().unwrap());
        assert_eq!(AuthChallenge::all(&map).len(), MAX_CHALLENGES);
    }
}
