//! What files and variables say.

use std::collections::btree_map::Entry;
use std::path::Path;
use std::sync::Arc;

use saphyr_parser::{Event, Parser, ScalarStyle, Span};
use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

use super::node::{Node, Origin, Table, Value};
use crate::Error;

/// How deep tables and lists may be within each other.
const DEEPEST: usize = 16;

/// How large a file may be.
const LARGEST: u64 = 1 << 20;

/// Reads a file, by what its name ends in. Of several, that with the highest rank holds.
pub(super) fn file(path: &Path, rank: usize) -> Result<Table, Error> {
    let fail = |why: String| Error::configuration(format!("{}: {why}", path.display()));
    let read = match path.extension().and_then(|ending| ending.to_str()) {
        Some("toml") => toml,
        Some("yaml" | "yml") => yaml,
        _ => return Err(fail("the name of a configuration file ends in `.toml`, `.yaml` or `.yml`".to_owned())),
    };
    let size = std::fs::metadata(path).map_err(|error| fail(error.to_string()))?.len();
    if size > LARGEST {
        return Err(fail(format!("{size} bytes are more than the {LARGEST} that a configuration file may have")));
    }
    let text = std::fs::read_to_string(path).map_err(|error| fail(error.to_string()))?;
    let name = Arc::new(path.to_owned());
    let origin = |line| Origin::File { path: name.clone(), line, rank };
    read(&text, &origin).map_err(|(line, why)| Error::configuration(format!("{}: {why}", origin(line))))
}

/// What is wrong, and in which line.
type Malformed = (usize, String);

fn toml(text: &str, origin: &dyn Fn(usize) -> Origin) -> Result<Table, Malformed> {
    let lines = Lines::of(text);
    // Only what was expected is told: the line itself may have a secret.
    let root = DeTable::parse(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        (lines.at(at), format!("this is not TOML: {}", error.message()))
    })?;
    Toml { lines, origin }.table(root.get_ref(), 0)
}

struct Toml<'a> {
    lines: Lines,
    origin: &'a dyn Fn(usize) -> Origin,
}

impl Toml<'_> {
    fn table(&self, table: &DeTable<'_>, depth: usize) -> Result<Table, Malformed> {
        let entries = table.iter().map(|(key, value)| {
            Ok((key.get_ref().to_string(), self.node(value, self.lines.at(key.span().start), depth)?))
        });
        entries.collect()
    }

    fn node(&self, value: &Spanned<DeValue<'_>>, line: usize, depth: usize) -> Result<Node, Malformed> {
        if depth > DEEPEST {
            return Err((line, TOO_DEEP.to_owned()));
        }
        let value = match value.get_ref() {
            DeValue::String(text) => Value::Text(text.to_string()),
            DeValue::Integer(number) => i128::from_str_radix(number.as_str(), number.radix())
                .map_or_else(|_| Value::Text(number.as_str().to_owned()), Value::Number),
            DeValue::Float(number) => {
                number.as_str().parse().map_or_else(|_| Value::Text(number.as_str().to_owned()), Value::Decimal)
            }
            DeValue::Boolean(value) => Value::Switch(*value),
            DeValue::Datetime(moment) => Value::Moment(moment.to_string()),
            DeValue::Array(list) => Value::List(self.list(list, depth)?),
            DeValue::Table(table) => Value::Table(self.table(table, depth + 1)?),
        };
        Ok(Node { value, origin: (self.origin)(line) })
    }

    fn list(&self, list: &DeArray<'_>, depth: usize) -> Result<Vec<Node>, Malformed> {
        list.iter().map(|value| self.node(value, self.lines.at(value.span().start), depth + 1)).collect()
    }
}

const TOO_DEEP: &str = "tables and lists are too deep within each other";

/// Where lines begin.
struct Lines(Vec<usize>);

impl Lines {
    fn of(text: &str) -> Self {
        Self(text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at).collect())
    }

    fn at(&self, byte: usize) -> usize {
        self.0.partition_point(|end| *end < byte) + 1
    }
}

fn yaml(text: &str, origin: &dyn Fn(usize) -> Origin) -> Result<Table, Malformed> {
    let mut yaml = Yaml { parser: Parser::new_from_str(text), origin };
    let mut root = Table::new();
    let mut documents = 0;
    loop {
        let (event, span) = yaml.next()?;
        match event {
            Event::StreamEnd => return Ok(root),
            Event::DocumentStart(_) => {
                documents += 1;
                if documents > 1 {
                    return Err((span.start.line(), "a configuration file is one document".to_owned()));
                }
            }
            Event::StreamStart | Event::DocumentEnd | Event::Nothing => {}
            first => match yaml.value(first, span, 0)? {
                Value::Table(table) => root = table,
                Value::Nothing => {}
                other => {
                    return Err((span.start.line(), format!("a configuration file is a table, not {}", other.kind())));
                }
            },
        }
    }
}

struct Yaml<'a> {
    parser: Parser<'a, saphyr_parser::StrInput<'a>>,
    origin: &'a dyn Fn(usize) -> Origin,
}

impl<'a> Yaml<'a> {
    fn next(&mut self) -> Result<(Event<'a>, Span), Malformed> {
        let next = self.parser.next_event().unwrap_or_else(|| Ok((Event::StreamEnd, Span::default())));
        next.map_err(|error| (error.marker().line(), format!("this is not YAML: {}", error.info())))
    }

    /// Reads what begins with an event.
    ///
    /// A name for something said elsewhere, an alias, could stand for ever more than is written, and a tag for a type that
    /// only a program knows: neither is taken.
    fn value(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Value, Malformed> {
        let line = span.start.line();
        if depth > DEEPEST {
            return Err((line, TOO_DEEP.to_owned()));
        }
        match event {
            Event::Alias(_) => Err((line, "aliases (`*name`) are not read: write the value".to_owned())),
            Event::Scalar(_, _, _, Some(_)) | Event::SequenceStart(_, Some(_)) | Event::MappingStart(_, Some(_)) => {
                Err((line, "tags (`!name`) are not read".to_owned()))
            }
            Event::Scalar(text, ScalarStyle::Plain, ..) => Ok(plain(&text)),
            Event::Scalar(text, ..) => Ok(Value::Text(text.into_owned())),
            Event::SequenceStart(..) => {
                let mut list = Vec::new();
                loop {
                    let (event, span) = self.next()?;
                    if event == Event::SequenceEnd {
                        return Ok(Value::List(list));
                    }
                    let value = self.value(event, span, depth + 1)?;
                    list.push(Node { value, origin: (self.origin)(span.start.line()) });
                }
            }
            Event::MappingStart(..) => {
                let mut table = Table::new();
                loop {
                    let (event, span) = self.next()?;
                    let line = span.start.line();
                    let key = match event {
                        Event::MappingEnd => return Ok(Value::Table(table)),
                        Event::Scalar(key, _, _, None) => key.into_owned(),
                        _ => return Err((line, "a key is a plain text".to_owned())),
                    };
                    let (event, span) = self.next()?;
                    let value = self.value(event, span, depth + 1)?;
                    match table.entry(key) {
                        Entry::Vacant(place) => _ = place.insert(Node { value, origin: (self.origin)(line) }),
                        Entry::Occupied(place) => return Err((line, format!("`{}` is there twice", place.key()))),
                    }
                }
            }
            _ => Err((line, "this is not YAML: a value was expected".to_owned())),
        }
    }
}

/// Reads a scalar without quotes by the core schema of YAML 1.2, in which `no` is a text.
fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Nothing,
        "true" | "True" | "TRUE" => return Value::Switch(true),
        "false" | "False" | "FALSE" => return Value::Switch(false),
        _ => {}
    }
    let number = match (text.strip_prefix("0x"), text.strip_prefix("0o")) {
        (Some(digits), _) => i128::from_str_radix(digits, 16),
        (_, Some(digits)) => i128::from_str_radix(digits, 8),
        _ => text.parse(),
    };
    let is_decimal = || text.starts_with(|first: char| first.is_ascii_digit() || "+-.".contains(first));
    match (number, text.parse()) {
        (Ok(number), _) => Value::Number(number),
        (_, Ok(number)) if is_decimal() => Value::Decimal(number),
        _ => Value::Text(text.to_owned()),
    }
}

/// Reads variables whose names begin with a prefix and `_`: `__` stands between the parts of a key.
///
/// One that is empty counts as one that is not set.
pub(super) fn variables(
    prefix: &str,
    all: impl Iterator<Item = (std::ffi::OsString, std::ffi::OsString)>,
) -> Result<Table, Error> {
    let mut root = Table::new();
    let mut all: Vec<_> = all
        .filter_map(|(name, value)| {
            let name = name.to_str()?.to_owned();
            let key = name.strip_prefix(prefix)?.strip_prefix('_')?.to_ascii_lowercase();
            (!key.is_empty() && !value.is_empty()).then_some((name, key, value))
        })
        .collect();
    all.sort();
    for (name, key, value) in all {
        let fail = |why: &str| Err(Error::configuration(format!("variable {name}: {why}")));
        let Ok(value) = value.into_string() else { return fail("what it is set to is no text") };
        let origin = Origin::Variable(name.as_str().into());
        let mut parts: Vec<_> = key.split("__").collect();
        let last = parts.pop().unwrap_or_default();
        if last.is_empty() || parts.contains(&"") {
            return fail("a part of the key is missing before or behind `__`");
        }
        let mut table = &mut root;
        for part in parts {
            let new = || Node { value: Value::Table(Table::new()), origin: origin.clone() };
            match &mut table.entry(part.to_owned()).or_insert_with(new).value {
                Value::Table(inner) => table = inner,
                _ => return fail(&format!("another variable sets the whole of `{part}`")),
            }
        }
        if table.insert(last.to_owned(), Node { value: Value::Variable(value), origin }).is_some() {
            return fail("another variable sets the same");
        }
    }
    Ok(root)
}
