//! Whether a URL of PostgreSQL asks for TLS.

use std::iter::from_fn;

/// What a URL says of TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// Nothing.
    Nothing,
    Plain,
    Tls,
}

/// Takes what a URL, or `key=value` pairs, say of TLS out of them: the client of PostgreSQL knows less than there is to say.
///
/// The error says why it is refused.
pub(super) fn taken(text: &str) -> Result<(String, Asked), String> {
    let is_url = ["postgres://", "postgresql://"].iter().any(|scheme| text.starts_with(scheme));
    let (start, parameters) = if is_url { of_url(text) } else { (String::new(), of_pairs(text)) };
    let mut asked = Asked::Nothing;
    let mut left = Vec::new();
    for Parameter { name, value, whole } in parameters {
        match name {
            "sslmode" => asked = mode(value)?,
            "sslrootcert" | "sslcert" | "sslkey" | "sslpassword" | "sslcrl" | "sslcrldir" => {
                return Err(format!("`{name}` is not read there: give a `TlsConfig` to `Postgres::connect_with_tls`"));
            }
            _ => left.push(whole),
        }
    }
    let rest = match (is_url, left.is_empty()) {
        (true, true) => start,
        (true, false) => start + "?" + &left.join("&"),
        (false, _) => left.join(" "),
    };
    Ok((rest, asked))
}

fn mode(value: &str) -> Result<Asked, String> {
    match value.strip_prefix('\'').and_then(|value| value.strip_suffix('\'')).unwrap_or(value) {
        "disable" => Ok(Asked::Plain),
        "require" | "verify-ca" | "verify-full" => Ok(Asked::Tls),
        "allow" | "prefer" => Err("`sslmode` that leaves it to the network whether TLS is spoken is not taken: write \
                                   `require`, or `disable`"
            .to_owned()),
        _ => {
            Err("`sslmode` is `require`, `verify-ca` or `verify-full`, which all verify the host, or `disable`"
                .to_owned())
        }
    }
}

struct Parameter<'a> {
    name: &'a str,
    value: &'a str,
    whole: &'a str,
}

/// Splits a URL where its client does: credentials end at the first `@`, whatever is in them.
fn of_url(text: &str) -> (String, Vec<Parameter<'_>>) {
    let behind = text.find('@').unwrap_or(0);
    let Some(query) = text[behind..].find('?').map(|at| behind + at) else { return (text.to_owned(), Vec::new()) };
    let parameter = |whole| {
        let (name, value) = str::split_once(whole, '=').unwrap_or((whole, ""));
        Parameter { name, value, whole }
    };
    (text[..query].to_owned(), text[query + 1..].split('&').map(parameter).collect())
}

/// Splits `key=value` pairs as `libpq` does; what is malformed is left to the client, which refuses it.
fn of_pairs(text: &str) -> Vec<Parameter<'_>> {
    let mut rest = text.trim_start();
    let parameters = from_fn(|| {
        if rest.is_empty() {
            return None;
        }
        let whole = rest;
        let (name, behind) = rest.split_once('=').unwrap_or((rest, ""));
        let value = behind.trim_start();
        let length = length_of_value(value);
        let end = whole.len() - value.len() + length;
        rest = value[length..].trim_start();
        Some(Parameter { name: name.trim_end(), value: &value[..length], whole: &whole[..end] })
    });
    parameters.collect()
}

/// Returns how long the value is that a text begins with, with its quotes.
fn length_of_value(text: &str) -> usize {
    let is_quoted = text.starts_with('\'');
    let mut is_escaped = false;
    for (at, character) in text.char_indices().skip(usize::from(is_quoted)) {
        match character {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '\'' if is_quoted => return at + 1,
            character if !is_quoted && character.is_whitespace() => return at,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: (&str, Asked)) {
        assert_eq!(taken(text), Ok((expected.0.to_owned(), expected.1)));
    }

    #[test]
    fn what_is_said_of_tls_is_taken_out_of_a_url() {
        check("postgres://db/notes", ("postgres://db/notes", Asked::Nothing));
        check("postgres://db/notes?sslmode=require", ("postgres://db/notes", Asked::Tls));
        check("postgresql://db?sslmode=verify-full&a=b&c=d", ("postgresql://db?a=b&c=d", Asked::Tls));
        check("postgres://db?a=b&sslmode=verify-ca&c=d", ("postgres://db?a=b&c=d", Asked::Tls));
        check("postgres://db?a=b&sslmode=disable", ("postgres://db?a=b", Asked::Plain));
        // As elsewhere, what stands last holds.
        check("postgres://db?sslmode=disable&sslmode=require", ("postgres://db", Asked::Tls));
        check(
            "postgres://mcp:a?sslmode=disable@db/notes",
            ("postgres://mcp:a?sslmode=disable@db/notes", Asked::Nothing),
        );
    }

    #[test]
    fn what_is_said_of_tls_is_taken_out_of_pairs() {
        check("host=db user=mcp", ("host=db user=mcp", Asked::Nothing));
        check(" host=db  sslmode=require user=mcp ", ("host=db user=mcp", Asked::Tls));
        check("sslmode = 'verify-full' host=db", ("host=db", Asked::Tls));
        check("host=db sslmode=disable", ("host=db", Asked::Plain));
        let quoted = r"password='it\'s sslmode=disable' host=db options=-c\ a";
        check(quoted, (quoted, Asked::Nothing));
    }

    #[test]
    fn what_would_be_less_than_it_says_is_refused() {
        let refused = |text: &str, why: &str| {
            let error = taken(text).unwrap_err();
            assert!(error.contains(why) && !error.contains("s3cret"), "{error}");
        };
        for weak in ["prefer", "allow"] {
            refused(&format!("postgres://mcp:s3cret@db?sslmode={weak}"), "leaves it to the network");
            refused(&format!("host=db password=s3cret sslmode={weak}"), "leaves it to the network");
        }
        refused("postgres://mcp:s3cret@db?sslmode=REQUIRE", "`verify-full`");
        refused("postgres://mcp:s3cret@db?sslmode", "`verify-full`");
        refused("host=db password=s3cret sslmode", "`verify-full`");
        refused("postgres://mcp:s3cret@db?sslmode=require&sslrootcert=ca.pem", "connect_with_tls");
        refused("host=db password=s3cret sslkey='k'", "connect_with_tls");
    }
}
