//! The URI templates that the server can match, and the names of their variables.
//!
//! The server reads templates itself when resources are registered; what it would refuse there is refused here first,
//! where there is a place in the source to point to.

/// Returns the names of a template's variables, or what is wrong with it.
pub(crate) fn variables(template: &str) -> Result<Vec<String>, String> {
    let mut reader = Reader::default();
    let mut rest = template;
    while !rest.is_empty() {
        if let Some(inside) = rest.strip_prefix('{') {
            let Some((expression, behind)) = inside.split_once('}') else {
                return Err(format!("`{rest}` is not closed: write `{{name}}`"));
            };
            reader.expression(expression)?;
            rest = behind;
        } else {
            let (literal, behind) = rest.split_at(rest.find('{').unwrap_or(rest.len()));
            reader.literal(literal)?;
            rest = behind;
        }
    }
    if !has_scheme(template) {
        let path = template.trim_start_matches('/');
        return Err(format!("a resource has a URI with a scheme: write \"file:///{path}\" or \"app://{path}\""));
    }
    Ok(reader.names)
}

/// Returns true if the text starts like `scheme:`.
fn has_scheme(text: &str) -> bool {
    text.split_once(':').is_some_and(|(scheme, _)| {
        scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
    })
}

/// What has been read of a template, from its left end.
#[derive(Default)]
struct Reader {
    names: Vec<String>,
    /// The variable that nothing stands behind yet.
    open: Option<String>,
    /// A `?` has been written out.
    in_query: bool,
    /// A variable stands behind that `?`.
    varies_in_query: bool,
    /// A query expression has been read, behind which only others may stand.
    closed: bool,
}

impl Reader {
    fn literal(&mut self, text: &str) -> Result<(), String> {
        if text.contains('*') {
            return Err("write `{+path}` for the rest of a URI, so that a parameter can have its name".to_owned());
        }
        if text.contains('}') {
            return Err("this `}` closes nothing: write `%7D` if it belongs to the URI".to_owned());
        }
        if let Some(wrong) = text.chars().find(|letter| letter.is_control() || " \"'<>\\^`|".contains(*letter)) {
            let mut bytes = [0; 4];
            let escaped: String = wrong.encode_utf8(&mut bytes).bytes().map(|byte| format!("%{byte:02X}")).collect();
            return Err(format!("{wrong:?} may not stand in a URI: write `{escaped}`"));
        }
        if !escapes_are_text(text) {
            return Err("a `%` starts an escape such as `%20`, and escapes are UTF-8: write `%25` for a `%`".to_owned());
        }
        self.written_out(text)
    }

    fn written_out(&mut self, text: &str) -> Result<(), String> {
        if self.closed {
            return Err(format!("`{text}` stands behind the query, which comes last: move it before the `{{?…}}`"));
        }
        self.in_query |= text.contains('?');
        self.open = None;
        Ok(())
    }

    /// Reads what stands between two braces.
    fn expression(&mut self, text: &str) -> Result<(), String> {
        let operator = text.chars().next().filter(|first| "+#/.?&;=,!@|".contains(*first));
        if let Some(unsupported) = operator.filter(|operator| ";=,!@|".contains(*operator)) {
            return Err(format!(
                "`{unsupported}` is not supported in `{{{text}}}`: write `{{name}}`, `{{+path}}` or `{{?query}}`"
            ));
        }
        let list = &text[operator.map_or(0, char::len_utf8)..];
        let several = list.contains(',');
        if several && matches!(operator, Some('+' | '#')) {
            return Err(format!("nothing tells the variables of `{{{text}}}` apart: write one"));
        }
        for (i, variable) in list.split(',').enumerate() {
            let (name, exploded) = variable.strip_suffix('*').map_or((variable, false), |name| (name, true));
            if exploded && (operator != Some('/') || several) {
                return Err(format!("lists are only supported as `{{/{name}*}}`"));
            }
            check_name(name, text)?;
            if self.names.iter().any(|other| other == name) {
                return Err(format!("`{name}` stands here twice: give each variable a name of its own"));
            }
            match operator {
                Some('?' | '&') => self.parameter(name, operator == Some('?') && i == 0)?,
                None if i == 0 => self.variable(name)?,
                Some('+') => self.variable(name)?,
                Some(_) | None => {
                    self.written_out("/")?;
                    self.variable(name)?;
                }
            }
            self.names.push(name.to_owned());
        }
        Ok(())
    }

    fn variable(&mut self, name: &str) -> Result<(), String> {
        if self.closed {
            return Err(format!("`{{{name}}}` stands behind the query, which comes last: move it before the `{{?…}}`"));
        }
        if let Some(before) = self.open.replace(name.to_owned()) {
            return Err(format!(
                "nothing tells `{{{before}}}` and `{{{name}}}` apart: write something between them, such as `/`"
            ));
        }
        self.varies_in_query |= self.in_query;
        Ok(())
    }

    fn parameter(&mut self, name: &str, starts_query: bool) -> Result<(), String> {
        let has_query = self.in_query || self.closed;
        if starts_query && has_query {
            return Err(format!("a query has begun already: write `{{&{name}}}`"));
        }
        if !starts_query && !has_query {
            return Err(format!("no query has begun: write `{{?{name}}}`"));
        }
        if self.varies_in_query {
            return Err(format!(
                "the query has a variable that is written out: write it as `{{?…}}` too, beside `{name}`"
            ));
        }
        self.closed = true;
        Ok(())
    }
}

fn check_name(name: &str, expression: &str) -> Result<(), String> {
    if name.is_empty() {
        return Err(format!("`{{{expression}}}` lacks the name of a variable: write `{{name}}`"));
    }
    if let Some((name, _)) = name.split_once(':') {
        return Err(format!("prefixes are not supported: write `{{{name}}}`"));
    }
    let legal = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == '.';
    if !name.chars().all(legal) || name.starts_with('.') || name.ends_with('.') {
        return Err(format!("`{name}` cannot name a variable: use letters, digits and `_`"));
    }
    Ok(())
}

/// Returns true if the percent escapes are complete, and UTF-8 where they stand together.
fn escapes_are_text(text: &str) -> bool {
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let mut digit = || bytes.next().and_then(|digit| char::from(digit).to_digit(16));
        let (Some(high), Some(low)) = (digit(), digit()) else { return false };
        decoded.extend(u8::try_from(high * 16 + low));
    }
    String::from_utf8(decoded).is_ok()
}

#[cfg(test)]
mod tests {
    use turbomcp::uri::UriTemplate;

    use super::*;

    /// What is said about a template, which is also what the server says, in other words.
    #[track_caller]
    fn read(template: &str) -> Result<Vec<String>, String> {
        let read = variables(template);
        let server = UriTemplate::parse(template);
        let server_names = server.as_ref().ok().map(|template| template.variables().collect::<Vec<_>>());
        assert_eq!(
            read.as_ref().ok().map(|names| names.iter().map(String::as_str).collect()),
            server_names,
            "{server:?}"
        );
        read
    }

    #[track_caller]
    fn finds(template: &str, expected: &[&str]) {
        assert_eq!(read(template).unwrap(), expected);
    }

    #[track_caller]
    fn refuses(template: &str, part_of_the_message: &str) {
        let message = read(template).unwrap_err();
        assert!(message.contains(part_of_the_message), "{message}");
    }

    #[test]
    fn finds_the_variables_in_order() {
        finds("config://app", &[]);
        finds("config://app?a=1", &[]);
        finds("file:///logs/{name}", &["name"]);
        finds("db://{table}/{id}", &["table", "id"]);
        finds("file:///{+path}", &["path"]);
        finds("search://all{?query,limit}{&page}", &["query", "limit", "page"]);
        finds("search://all?a=1{&page}", &["page"]);
        finds("app://x{/segments*}{#part}", &["segments", "part"]);
        finds("app://{a,b}{.ext,more}{/c,d}", &["a", "b", "ext", "more", "c", "d"]);
        finds("app://x?id={id}", &["id"]);
        finds("app://caf%C3%A9/ö/{x.y}", &["x.y"]);
    }

    #[test]
    fn says_what_is_wrong_with_a_template() {
        refuses("app://{name", "is not closed");
        refuses("app://name}", "closes nothing");
        refuses("app://{}", "lacks the name");
        refuses("app://{a,}", "lacks the name");
        refuses("app://{a}/{a}", "twice");
        refuses("app://{a b}", "cannot name a variable");
        refuses("app://{user-id}", "cannot name a variable");
        refuses("app://{.}", "lacks the name");
        refuses("app://{!a}", "not supported");
        refuses("app://{;a}", "not supported");
        refuses("app://{a:3}", "prefixes");
        refuses("app://{a*}", "only supported as `{/a*}`");
        refuses("app://x{/a*,b}", "only supported as");
        refuses("app://{+a,b}", "tells the variables");
        refuses("app://{a}{b}", "tells `{a}` and `{b}` apart");
        refuses("app://{a}{+b}", "apart");
        refuses("app://x{?a}/{b}", "behind the query");
        refuses("app://x{?a}{b}", "behind the query");
        refuses("app://x{?a}{?b}", "write `{&b}`");
        refuses("app://x?a=1{?b}", "write `{&b}`");
        refuses("app://x{&b}", "write `{?b}`");
        refuses("app://x?id={id}{&b}", "written out");
        refuses("app://a b", "write `%20`");
        refuses("app://a%2", "escape");
        refuses("app://a%FF", "UTF-8");
    }

    #[test]
    fn is_stricter_than_the_server_where_a_parameter_needs_a_name() {
        assert!(variables("file:///*").unwrap_err().contains("`{+path}`"));
    }

    #[test]
    fn asks_for_a_scheme() {
        assert!(variables("/logs/{name}").unwrap_err().contains("\"file:///logs/{name}\""));
        assert!(variables("{scheme}://x").unwrap_err().contains("scheme"));
    }
}
