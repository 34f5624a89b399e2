//! Reading the variables of a URI.

use super::percent::{decode, to_ascii};
use super::screen::{Absolute, Screened, screen};
use super::template::{Extent, Part, Query, UriTemplate};

/// Longer URIs fit no template.
const MAX_URI_BYTES: usize = 64 << 10;

/// The values of a template's variables in one URI, decoded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Variables {
    values: Vec<(String, String)>,
}

impl Variables {
    /// Returns the value of a variable; none if there is no such variable or it is an absent query parameter.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Iterates over names and values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.values.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    fn push(&mut self, name: &str, value: &str, absolute: Absolute) -> Result<bool, Screened> {
        let Some(value) = decode(value) else { return Ok(false) };
        screen(name, &value, absolute)?;
        self.values.push((name.to_owned(), value.into_owned()));
        Ok(true)
    }
}

impl UriTemplate {
    /// Returns the variables of a URI; none if it does not fit.
    ///
    /// It takes time linear in the length of the URI; one longer than 64 KiB does not fit. A URI with a malformed
    /// percent escape does not fit either.
    ///
    /// # Errors
    ///
    /// Returns [`Screened`] if the URI fits but a value, once decoded, has a path segment `..`, a control character,
    /// or is an absolute path: begins with a slash, a backslash or a drive letter. Only the value of `{+x}` or `*` may
    /// be absolute, and only where no slash of the template's path stands before it, as in `file://{+path}`.
    pub fn matches(&self, uri: &str) -> Result<Option<Variables>, Screened> {
        if uri.len() > MAX_URI_BYTES {
            return Ok(None);
        }
        let uri = to_ascii(uri);
        let (uri, parameters) = match &self.query {
            None => (&*uri, None),
            Some(_) if uri.contains('#') => return Ok(None),
            Some(query) => match uri.split_once('?') {
                Some((path, parameters)) => (path, Some((query, parameters))),
                None => (&*uri, Some((query, ""))),
            },
        };
        let text = Text { bytes: uri.as_bytes(), folded: folded(uri) };
        let mut variables = Variables::default();
        if !self.divide(text, |name, value, absolute| variables.push(name, value, absolute))? {
            return Ok(None);
        }
        if let Some((query, parameters)) = parameters
            && !read_query(query, parameters, &mut variables)?
        {
            return Ok(None);
        }
        Ok(Some(variables))
    }

    /// Divides the URI between the parts, and hands out the values of the variables as long as `take` agrees.
    fn divide(
        &self,
        uri: Text<'_>,
        mut take: impl FnMut(&str, &str, Absolute) -> Result<bool, Screened>,
    ) -> Result<bool, Screened> {
        // Most templates are told from a URI by their first part alone.
        if let Some(Part::Literal(first)) = self.parts.first()
            && !uri.has(first, 0)
        {
            return Ok(false);
        }
        let Some(whole) = uri.whole_characters() else { return Ok(false) };
        let end = uri.bytes.len();
        let width = end + 1;

        // `fits[i * width + at]` tells whether the parts from `i` on fit the URI from `at` on; filled from the back,
        // so that no division is ever tried twice.
        let mut fits = vec![false; (self.parts.len() + 1) * width];
        fits[self.parts.len() * width + end] = true;
        for (i, part) in self.parts.iter().enumerate().rev() {
            let (here, behind) = fits[i * width..(i + 2) * width].split_at_mut(width);
            for at in (0..=end).rev() {
                here[at] = match part {
                    Part::Literal(text) => behind.get(at + text.len()) == Some(&true) && uri.has(text, at),
                    Part::Variable(variable) => {
                        at < end
                            && variable.extent.contains(uri.bytes[at])
                            && (here[at + 1] || (behind[at + 1] && whole[at + 1]))
                    }
                };
            }
        }
        if !fits[0] {
            return Ok(false);
        }

        let mut at = 0;
        for (i, part) in self.parts.iter().enumerate() {
            let behind = &fits[(i + 1) * width..][..width];
            at = match part {
                Part::Literal(text) => at + text.len(),
                Part::Variable(variable) => {
                    let most = at + uri.extent(variable.extent, at);
                    let stop = (at + 1..=most).rev().find(|stop| behind[*stop] && whole[*stop]);
                    let stop = stop.expect("`fits` says that there is such a place");
                    let value = std::str::from_utf8(&uri.bytes[at..stop]).expect("the URI is ASCII");
                    if !take(&variable.name, value, variable.absolute)? {
                        return Ok(false);
                    }
                    stop
                }
            };
        }
        Ok(true)
    }
}

/// An ASCII URI, of which the first bytes are compared without regard to case.
#[derive(Clone, Copy)]
struct Text<'a> {
    bytes: &'a [u8],
    folded: usize,
}

impl Text<'_> {
    /// Returns true if this literal stands here.
    fn has(self, literal: &str, at: usize) -> bool {
        let Some(found) = self.bytes.get(at..at + literal.len()) else { return false };
        let (host, rest) = found.split_at(self.folded.saturating_sub(at).min(found.len()));
        let literal = literal.as_bytes();
        host.eq_ignore_ascii_case(&literal[..host.len()]) && rest == &literal[host.len()..]
    }

    /// Returns how many bytes from here a variable may have at most.
    fn extent(self, extent: Extent, at: usize) -> usize {
        self.bytes[at..].iter().take_while(|byte| extent.contains(**byte)).count()
    }

    /// Tells of each place whether it is outside of a percent escape; none if an escape is malformed.
    fn whole_characters(self) -> Option<Vec<bool>> {
        let mut whole = vec![true; self.bytes.len() + 1];
        let mut at = 0;
        while at < self.bytes.len() {
            if self.bytes[at] == b'%' {
                let [a, b] = self.bytes.get(at + 1..at + 3)? else { return None };
                if !a.is_ascii_hexdigit() || !b.is_ascii_hexdigit() {
                    return None;
                }
                whole[at + 1..at + 3].fill(false);
                at += 2;
            }
            at += 1;
        }
        Some(whole)
    }
}

/// Returns where the scheme and the host end, whose case says nothing.
fn folded(uri: &str) -> usize {
    let Some(colon) = uri.find(':') else { return 0 };
    let is_scheme = |scheme: &str| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
    };
    if !is_scheme(&uri[..colon]) {
        return 0;
    }
    match uri[colon..].strip_prefix("://") {
        Some(behind) => uri.len() - behind.len() + behind.find(['/', '?', '#']).unwrap_or(behind.len()),
        None => colon,
    }
}

fn read_query(query: &Query, parameters: &str, variables: &mut Variables) -> Result<bool, Screened> {
    let mut missing: Vec<&str> = query.fixed.iter().map(String::as_str).collect();
    for parameter in parameters.split('&').filter(|parameter| !parameter.is_empty()) {
        if let Some(at) = missing.iter().position(|fixed| *fixed == parameter) {
            missing.swap_remove(at);
            continue;
        }
        let Some((name, value)) = parameter.split_once('=') else { return Ok(false) };
        let is_free = query.names.iter().any(|known| known == name) && variables.get(name).is_none();
        if !is_free || !variables.push(name, value, Absolute::Refused)? {
            return Ok(false);
        }
    }
    Ok(missing.is_empty())
}

#[cfg(test)]
mod tests;
