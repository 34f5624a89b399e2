//! What a template is made of.

use std::cmp::Reverse;
use std::error::Error;
use std::fmt;
use std::str::FromStr;

use super::percent::{encode, is_reserved, is_unreserved, to_ascii};
use super::screen::Absolute;

/// The longest template.
const MAX_BYTES: usize = 8 << 10;

/// The name of the variable that a bare `*` is.
const REST: &str = "*";

/// A URI template, read backwards: given a URI, it says what its variables are.
///
/// | expression | stands for |
/// |---|---|
/// | `{x}` | one character or more, none of `/`, `?` and `#` |
/// | `{x,y}` | the same twice, with a comma between |
/// | `{+x}` | one character or more, of any kind |
/// | `{#x}` | `#` and then as `{+x}` |
/// | `{/x}`, `{/x,y}` | `/` and then as `{x}` |
/// | `{/x*}` | one path segment or more, each behind a `/` |
/// | `{.x}`, `{.x,y}` | `.` and then as `{x}` |
/// | `{?x,y}`, `{&x}` | parameters of the query, in any order, each of which may be absent; only at the end |
/// | `*` at the end | the rest of the URI, as `{+x}`; the name of the variable is `*` |
///
/// Where a URI can be divided between variables in several ways, each takes as much as it can, the first one first.
/// Values are percent-decoded. The scheme and the host are compared without regard to case.
///
/// # Examples
///
/// ```
/// use turbomcp_server::uri::UriTemplate;
///
/// let template = UriTemplate::parse("db://tables/{table}/rows{/id}")?;
/// let variables = template.matches("db://tables/user%20data/rows/7")?.expect("it fits");
/// assert_eq!(variables.get("table"), Some("user data"));
/// assert_eq!(variables.get("id"), Some("7"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Specification
///
/// [Resource templates](https://modelcontextprotocol.io/specification/2026-07-28/server/resources#resource-templates),
/// whose syntax is that of [RFC 6570](https://www.rfc-editor.org/rfc/rfc6570)
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UriTemplate {
    text: String,
    pub(super) parts: Vec<Part>,
    pub(super) query: Option<Query>,
}

/// A piece of a template before its query expressions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    /// Percent-encoded text that stands as it is.
    Literal(String),
    Variable(Variable),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Variable {
    pub(super) name: String,
    pub(super) extent: Extent,
    pub(super) absolute: Absolute,
}

/// How far a variable reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// Within a path segment.
    Segment,
    /// Within a parameter of a query that is written out.
    Parameter,
    /// Within a path.
    Path,
    /// Anywhere.
    Any,
}

impl Extent {
    pub(super) fn contains(self, byte: u8) -> bool {
        match self {
            Self::Segment => !matches!(byte, b'/' | b'?' | b'#'),
            Self::Parameter => !matches!(byte, b'/' | b'?' | b'#' | b'&'),
            Self::Path => !matches!(byte, b'?' | b'#'),
            Self::Any => true,
        }
    }
}

/// The query of a template that ends in a query expression.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Query {
    /// The parameters that are written out, as `name=value`.
    pub(super) fixed: Vec<String>,
    /// The names of those that vary.
    pub(super) names: Vec<String>,
}

impl UriTemplate {
    /// Reads a template.
    ///
    /// # Errors
    ///
    /// Returns an error if the text is no template, or is one that cannot be matched unambiguously: two variables with
    /// nothing between them, a prefix (`{x:3}`), a list (`{x*}` outside a path).
    pub fn parse(text: &str) -> Result<Self, UriTemplateError> {
        if text.len() > MAX_BYTES {
            return Err(UriTemplateError::new(format!("template is longer than {MAX_BYTES} bytes")));
        }
        let mut builder = Builder::default();
        let mut rest = text;
        while !rest.is_empty() {
            if let Some(inside) = rest.strip_prefix('{') {
                let Some((expression, behind)) = inside.split_once('}') else {
                    return Err(UriTemplateError::at(rest, "has no closing brace"));
                };
                builder.expression(expression)?;
                rest = behind;
            } else {
                let (literal, behind) = rest.split_at(rest.find('{').unwrap_or(rest.len()));
                builder.literal(literal, behind.is_empty())?;
                rest = behind;
            }
        }
        Ok(Self { text: text.to_owned(), parts: builder.parts, query: builder.query })
    }

    /// Returns the template as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns the template as clients know how to read it: a `*` at the end is a short form of this crate.
    pub(crate) fn to_rfc_6570(&self) -> String {
        match self.text.strip_suffix(REST) {
            Some(before) if self.variables().any(|name| name == REST) => format!("{before}{{+path}}"),
            _ => self.text.clone(),
        }
    }

    /// Iterates over the names of the variables, in the order of the template.
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        let of_parts = self.parts.iter().filter_map(|part| match part {
            Part::Variable(variable) => Some(variable.name.as_str()),
            Part::Literal(_) => None,
        });
        of_parts.chain(self.query.iter().flat_map(|query| query.names.iter().map(String::as_str)))
    }

    /// Returns true if there are no variables, so that the template is a URI.
    #[must_use]
    pub fn is_literal(&self) -> bool {
        self.variables().next().is_none()
    }

    /// Returns how specific the template is: of several that fit a URI, the one of the greatest rank is meant.
    ///
    /// More literal characters make a template more specific, then fewer variables that cross a `/`, then fewer
    /// variables at all; what is left is decided by the text, so that no two templates are of one rank.
    #[must_use]
    pub fn rank(&self) -> Rank<'_> {
        let (mut literal, mut wide, mut all) = (0, 0, 0);
        for part in &self.parts {
            match part {
                Part::Literal(text) => literal += text.len(),
                Part::Variable(variable) => {
                    all += 1;
                    wide += usize::from(matches!(variable.extent, Extent::Path | Extent::Any));
                }
            }
        }
        if let Some(query) = &self.query {
            literal += query.fixed.iter().map(String::len).sum::<usize>();
            all += query.names.len();
        }
        Rank(literal, Reverse(wide), Reverse(all), Reverse(&self.text))
    }

    /// Returns the URI with these values; none if a value other than a query parameter's is missing or empty.
    ///
    /// ```
    /// use turbomcp_server::uri::UriTemplate;
    ///
    /// let template = UriTemplate::parse("notes://{folder}{?tag,page}")?;
    /// let uri = template.expand(|name| match name {
    ///     "folder" => Some("a b"),
    ///     "page" => Some("2"),
    ///     _ => None,
    /// });
    /// assert_eq!(uri.as_deref(), Some("notes://a%20b?page=2"));
    /// # Ok::<(), turbomcp_server::uri::UriTemplateError>(())
    /// ```
    pub fn expand<'v>(&self, value_of: impl Fn(&str) -> Option<&'v str>) -> Option<String> {
        let mut uri = String::with_capacity(self.text.len());
        for part in &self.parts {
            match part {
                Part::Literal(text) => uri.push_str(text),
                Part::Variable(variable) => {
                    let value = value_of(&variable.name).filter(|value| !value.is_empty())?;
                    match variable.extent {
                        Extent::Segment | Extent::Parameter => encode(value, is_unreserved, &mut uri),
                        Extent::Path => encode(value, |byte| is_unreserved(byte) || byte == b'/', &mut uri),
                        Extent::Any => encode(value, |byte| is_unreserved(byte) || is_reserved(byte), &mut uri),
                    }
                }
            }
        }
        if let Some(query) = &self.query {
            let mut mark = '?';
            for fixed in &query.fixed {
                uri.extend([mark]);
                uri.push_str(fixed);
                mark = '&';
            }
            for (name, value) in query.names.iter().filter_map(|name| Some((name, value_of(name)?))) {
                uri.extend([mark]);
                uri.push_str(name);
                uri.push('=');
                encode(value, is_unreserved, &mut uri);
                mark = '&';
            }
        }
        Some(uri)
    }
}

impl fmt::Display for UriTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for UriTemplate {
    type Err = UriTemplateError;

    fn from_str(text: &str) -> Result<Self, UriTemplateError> {
        Self::parse(text)
    }
}

/// How specific a template is; see [`UriTemplate::rank`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank<'a>(usize, Reverse<usize>, Reverse<usize>, Reverse<&'a str>);

/// A text that is no URI template, or none that can be matched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UriTemplateError {
    message: String,
}

impl UriTemplateError {
    fn new(message: String) -> Self {
        Self { message }
    }

    fn at(place: &str, what: &str) -> Self {
        Self::new(format!("`{place}` {what}"))
    }
}

impl fmt::Display for UriTemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for UriTemplateError {}

/// A template of which the left part has been read.
#[derive(Default)]
struct Builder {
    parts: Vec<Part>,
    query: Option<Query>,
    names: Vec<String>,
}

impl Builder {
    fn literal(&mut self, text: &str, is_last: bool) -> Result<(), UriTemplateError> {
        let (text, rest) = match text.strip_suffix('*') {
            Some(before) if is_last => (before, true),
            _ => (text, false),
        };
        if text.contains('*') {
            return Err(UriTemplateError::at("*", "may only stand at the end"));
        }
        if let Some(wrong) = text.chars().find(|c| c.is_control() || " \"'<>\\^`|}".contains(*c)) {
            return Err(UriTemplateError::new(format!("{wrong:?} may not stand in a URI; write it percent-encoded")));
        }
        if super::percent::decode(text).is_none() {
            return Err(UriTemplateError::at(text, "has a malformed percent escape"));
        }
        self.append(&to_ascii(text))?;
        if rest { self.variable(REST, Extent::Any) } else { Ok(()) }
    }

    fn append(&mut self, text: &str) -> Result<(), UriTemplateError> {
        if text.is_empty() {
            return Ok(());
        }
        if self.query.is_some() {
            return Err(UriTemplateError::at(text, "stands behind a query expression, which must be the last"));
        }
        match self.parts.last_mut() {
            Some(Part::Literal(before)) => before.push_str(text),
            _ => self.parts.push(Part::Literal(text.to_owned())),
        }
        Ok(())
    }

    fn expression(&mut self, expression: &str) -> Result<(), UriTemplateError> {
        let fail = |what: &str| Err(UriTemplateError::at(&format!("{{{expression}}}"), what));
        let (operator, list) = match expression.chars().next() {
            Some(operator @ ('+' | '#' | '/' | '.' | '?' | '&')) => (Some(operator), &expression[1..]),
            Some(';' | '=' | ',' | '!' | '@' | '|') => {
                return fail("has an operator that is not supported; `+`, `#`, `/`, `.`, `?` and `&` are");
            }
            Some(_) => (None, expression),
            None => return fail("names no variable"),
        };
        let names: Vec<&str> = list.split(',').collect();
        if names.len() > 1 && matches!(operator, Some('+' | '#')) {
            return fail("names several variables that nothing tells apart; write one");
        }
        for (i, name) in names.into_iter().enumerate() {
            let (name, exploded) = name.strip_suffix('*').map_or((name, false), |name| (name, true));
            if name.contains(':') {
                return fail("has a prefix length, which is not supported");
            }
            if exploded && (operator != Some('/') || list.contains(',')) {
                return fail("has a list, which is only supported as `{/name*}`");
            }
            let is_name_char = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
            if name.is_empty() || !name.chars().all(is_name_char) || name.starts_with('.') || name.ends_with('.') {
                return fail("has a name that is not made of letters, digits, `_` and inner `.`");
            }
            match operator {
                Some('?' | '&') => self.parameter(name, operator == Some('?') && i == 0)?,
                Some('+') => self.variable(name, Extent::Any)?,
                Some('#') => self.append("#").and_then(|()| self.variable(name, Extent::Any))?,
                Some('/') if exploded => self.append("/").and_then(|()| self.variable(name, Extent::Path))?,
                Some('/') => self.append("/").and_then(|()| self.variable(name, Extent::Segment))?,
                Some(_) => self.append(".").and_then(|()| self.variable(name, Extent::Segment))?,
                None => {
                    if i > 0 {
                        self.append(",")?;
                    }
                    self.variable(name, Extent::Segment)?;
                }
            }
        }
        Ok(())
    }

    fn variable(&mut self, name: &str, extent: Extent) -> Result<(), UriTemplateError> {
        if self.query.is_some() {
            return Err(UriTemplateError::at(name, "stands behind a query expression, which must be the last"));
        }
        let before = match self.parts.last() {
            Some(Part::Variable(before)) => {
                return Err(UriTemplateError::new(format!(
                    "nothing stands between the variables `{}` and `{name}`",
                    before.name
                )));
            }
            Some(Part::Literal(text)) => text.as_str(),
            None => "",
        };
        // `file://{+path}` leaves it to the value to be absolute; behind a slash of the template it would be one too
        // many. A value within one segment can have a slash only if it was escaped to get it past the template.
        let is_open = extent == Extent::Any && (!before.ends_with('/') || before.ends_with("://"));
        let absolute = if is_open { Absolute::Allowed } else { Absolute::Refused };
        let in_query = extent == Extent::Segment && self.in_query();
        let extent = if in_query { Extent::Parameter } else { extent };
        self.name(name)?;
        self.parts.push(Part::Variable(Variable { name: name.to_owned(), extent, absolute }));
        Ok(())
    }

    fn parameter(&mut self, name: &str, starts_query: bool) -> Result<(), UriTemplateError> {
        self.name(name)?;
        if self.query.is_none() {
            if starts_query == self.in_query() {
                let what = if starts_query {
                    "starts a query, but there is one already; write `{&…}`"
                } else {
                    "continues a query, but there is none; write `{?…}`"
                };
                return Err(UriTemplateError::at(name, what));
            }
            self.query = Some(Query { fixed: self.take_query(name)?, names: Vec::new() });
        } else if starts_query {
            return Err(UriTemplateError::at(name, "starts a query, but there is one already; write `{&…}`"));
        }
        self.query.get_or_insert_default().names.push(name.to_owned());
        Ok(())
    }

    /// Takes the parameters that are written out before a query expression.
    fn take_query(&mut self, name: &str) -> Result<Vec<String>, UriTemplateError> {
        if !self.in_query() {
            return Ok(Vec::new());
        }
        let Some(Part::Literal(text)) = self.parts.last_mut() else {
            return Err(UriTemplateError::at(name, "stands behind a variable that is written out in the query"));
        };
        let Some((path, query)) = text.split_once('?') else {
            return Err(UriTemplateError::at(name, "stands behind a variable that is written out in the query"));
        };
        let fixed = query.split('&').filter(|parameter| !parameter.is_empty()).map(str::to_owned).collect();
        *text = path.to_owned();
        Ok(fixed)
    }

    fn in_query(&self) -> bool {
        self.parts.iter().any(|part| matches!(part, Part::Literal(text) if text.contains('?')))
    }

    fn name(&mut self, name: &str) -> Result<(), UriTemplateError> {
        if self.names.iter().any(|known| known == name) {
            return Err(UriTemplateError::at(name, "is the name of two variables"));
        }
        self.names.push(name.to_owned());
        Ok(())
    }
}

#[cfg(test)]
mod tests;
