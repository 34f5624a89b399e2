//! Sections of the program's own, read into its types.

use std::cell::RefCell;
use std::cmp::Ordering;
use std::collections::btree_map;
use std::fmt;
use std::marker::PhantomData;
use std::rc::Rc;

use serde::de::value::MapAccessDeserializer;
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, Error as _, Expected, IntoDeserializer as _, MapAccess, SeqAccess,
    Unexpected, Visitor,
};
use serde::forward_to_deserialize_any;

use super::Settings;
use super::apply::{at, not_known, secret};
use super::node::{Node, Origin, Table, Value};
use crate::Error;

impl Settings {
    /// Reads a section of the program's own, which [`Sources::section`](super::Sources::section) has declared. There is
    /// none if no source has it.
    ///
    /// In a file, values are of the types that are written there. Those of variables are texts, and numbers, `true` or
    /// `false`, or lists with commas where the type asks for that; it does not ask beneath `#[serde(flatten)]` and
    /// `untagged`. A field of a struct can stand in a file of its own, as containers get secrets, which the same key with
    /// `_file` behind it names.
    ///
    /// ```
    /// use serde::Deserialize;
    /// use turbomcp_server::settings::Settings;
    ///
    /// #[derive(Deserialize)]
    /// #[serde(deny_unknown_fields)]
    /// struct Database {
    ///     url: String,
    ///     #[serde(default)]
    ///     replicas: Vec<String>,
    /// }
    ///
    /// // `[database]` of a file, and `NOTES_DATABASE__URL`.
    /// let settings = Settings::load().section("database").environment("NOTES").read()?;
    /// let database: Option<Database> = settings.section("database")?;
    /// # drop(database.map(|database| (database.url, database.replicas)));
    /// # Ok::<(), turbomcp_server::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If the section was not declared, or is not as the type asks ([`Error::is_configuration`]). The error names the file
    /// and its line, or the variable; the key; which kind of value was found, and which is taken. It shows no value, as any
    /// may be a secret: what the type itself says of one is told only if no word of a value is in it.
    pub fn section<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, Error> {
        if !self.sources.own.iter().any(|own| own == name) {
            return Err(Error::configuration(format!("section `{name}` was not declared by `Sources::section`")));
        }
        let Some(said) = self.own.get(name) else { return Ok(None) };
        let shown = Rc::new(RefCell::new(vec![said.clone()]));
        let all = At { node: said.clone(), path: name.to_owned(), shown: shown.clone() };
        let read = take(PhantomData::<T>, all);
        read.map(Some).map_err(|refused| refused.told(&shown.borrow()))
    }
}

/// Kinds of values that have others in them; see [`Value::kind`].
const A_LIST: &str = "a list";
const A_TABLE: &str = "a table";

/// A value to be read, and its key.
struct At {
    node: Node,
    path: String,
    /// All values that have been read, from files of their own as well.
    shown: Rc<RefCell<Vec<Node>>>,
}

/// Has something read, and notes where if it is refused: there, unless it was something within.
fn take<'de, S: DeserializeSeed<'de>>(seed: S, at: At) -> Result<S::Value, Refused> {
    let place = Place { path: at.path.clone(), origin: at.node.origin.clone(), kind: at.node.value.kind() };
    seed.deserialize(at).map_err(|refused| refused.at(place))
}

impl At {
    fn within(&self, path: String, node: Node) -> Self {
        Self { node, path, shown: self.shown.clone() }
    }

    /// Makes of the text of a variable what the type asks for, if it can be that.
    fn asked(mut self, read: impl FnOnce(&str, &Origin) -> Option<Value>) -> Self {
        if let Value::Variable(text) = &self.node.value
            && let Some(value) = read(text, &self.node.origin)
        {
            self.node.value = value;
        }
        self
    }

    /// Makes a table of nothing, which YAML has where everything in one is commented out.
    fn table(mut self) -> Self {
        if matches!(self.node.value, Value::Nothing) {
            self.node.value = Value::Table(Table::new());
        }
        self
    }

    /// Puts what is in files in the place of their names.
    fn take_files(&mut self, fields: &[&str]) -> Result<(), Error> {
        let Value::Table(table) = &mut self.node.value else { return Ok(()) };
        for &field in fields {
            let name = format!("{field}_file");
            if fields.contains(&&*name) {
                continue;
            }
            let Some(file) = table.remove(&name) else { continue };
            let path = format!("{}.{name}", self.path);
            match table.get(field).map(|beside| beside.origin.rank().cmp(&file.origin.rank())) {
                Some(Ordering::Greater) => {}
                Some(Ordering::Equal) => {
                    let why = format!("`{path}` is there beside `{}.{field}`: set one of them", self.path);
                    return Err(at(&file.origin, why));
                }
                _ => {
                    let node = Node { value: secret(&path, &file)?, origin: file.origin };
                    self.shown.borrow_mut().push(node.clone());
                    table.insert(field.to_owned(), node);
                }
            }
        }
        Ok(())
    }
}

fn switch(text: &str, _: &Origin) -> Option<Value> {
    text.parse().ok().map(Value::Switch)
}

fn whole(text: &str, _: &Origin) -> Option<Value> {
    text.trim().replace('_', "").parse().ok().map(Value::Number)
}

fn decimal(text: &str, _: &Origin) -> Option<Value> {
    text.trim().parse().ok().map(Value::Decimal)
}

fn parts(text: &str, origin: &Origin) -> Option<Value> {
    let node = |part: &str| Node { value: Value::Variable(part.trim().to_owned()), origin: origin.clone() };
    Some(Value::List(text.split(',').map(node).collect()))
}

macro_rules! asked {
    ($($method:ident => $read:ident,)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
            self.asked($read).deserialize_any(visitor)
        }
    )*};
}

impl<'de> Deserializer<'de> for At {
    type Error = Refused;

    fn deserialize_any<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Refused> {
        match std::mem::replace(&mut self.node.value, Value::Nothing) {
            Value::Nothing => visitor.visit_unit(),
            Value::Switch(value) => visitor.visit_bool(value),
            Value::Number(number) => match (i64::try_from(number), u64::try_from(number)) {
                (Ok(number), _) => visitor.visit_i64(number),
                (_, Ok(number)) => visitor.visit_u64(number),
                _ => visitor.visit_i128(number),
            },
            Value::Decimal(number) => visitor.visit_f64(number),
            Value::Text(text) | Value::Variable(text) | Value::Moment(text) => visitor.visit_string(text),
            Value::List(list) => {
                let mut elements = Elements { rest: list.into_iter().enumerate(), of: self };
                let read = visitor.visit_seq(&mut elements)?;
                match elements.rest.next() {
                    Some((taken, _)) => Err(Why::Value(Wrong::Takes(format!("a list of {taken}"))).into()),
                    None => Ok(read),
                }
            }
            Value::Table(table) => visitor.visit_map(Entries { rest: table.into_iter(), value: None, of: self }),
        }
    }

    asked! {
        deserialize_bool => switch,
        deserialize_i8 => whole,
        deserialize_i16 => whole,
        deserialize_i32 => whole,
        deserialize_i64 => whole,
        deserialize_i128 => whole,
        deserialize_u8 => whole,
        deserialize_u16 => whole,
        deserialize_u32 => whole,
        deserialize_u64 => whole,
        deserialize_u128 => whole,
        deserialize_f32 => decimal,
        deserialize_f64 => decimal,
        deserialize_seq => parts,
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Refused> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Refused> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        mut self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refused> {
        self = self.table();
        self.take_files(fields).map_err(Why::Told)?;
        self.deserialize_any(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        self.table().deserialize_any(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        match self.node.value {
            Value::Nothing => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Refused> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        mut self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refused> {
        match std::mem::replace(&mut self.node.value, Value::Nothing) {
            Value::Text(text) | Value::Variable(text) => visitor.visit_enum(text.into_deserializer()),
            Value::Table(table) if table.len() == 1 => {
                let entries = Entries { rest: table.into_iter(), value: None, of: self };
                visitor.visit_enum(MapAccessDeserializer::new(entries))
            }
            _ => Err(Refused::unknown_variant("", variants)),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! { char str string bytes byte_buf unit unit_struct identifier }
}

/// What is in a list.
struct Elements {
    rest: std::iter::Enumerate<std::vec::IntoIter<Node>>,
    of: At,
}

impl<'de> SeqAccess<'de> for Elements {
    type Error = Refused;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Refused> {
        let Some((number, node)) = self.rest.next() else { return Ok(None) };
        take(seed, self.of.within(format!("{}[{number}]", self.of.path), node)).map(Some)
    }
}

/// What is in a table.
struct Entries {
    rest: btree_map::IntoIter<String, Node>,
    value: Option<At>,
    of: At,
}

impl<'de> MapAccess<'de> for Entries {
    type Error = Refused;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Refused> {
        let Some((key, node)) = self.rest.next() else { return Ok(None) };
        // A key is text that may stand for a number. If it is not taken, that is the table's fault.
        let place = Place { path: self.of.path.clone(), origin: node.origin.clone(), kind: A_TABLE };
        let name = Node { value: Value::Variable(key.clone()), origin: node.origin.clone() };
        let name = self.of.within(place.path.clone(), name);
        self.value = Some(self.of.within(format!("{}.{key}", self.of.path), node));
        seed.deserialize(name).map_err(|refused| refused.at(place)).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Refused> {
        take(seed, self.value.take().expect("a value is read after its key"))
    }
}

/// Why something is not taken, and where it is once that is known.
#[derive(Debug)]
struct Refused {
    why: Why,
    place: Option<Place>,
}

#[derive(Debug)]
struct Place {
    path: String,
    origin: Origin,
    kind: &'static str,
}

#[derive(Debug)]
enum Why {
    /// It is of another kind than is taken.
    Kind {
        found: &'static str,
        takes: String,
    },
    /// It is of the right kind, and is not taken for another reason.
    Value(Wrong),
    Unknown(String, &'static [&'static str]),
    Missing(&'static str),
    Twice(&'static str),
    /// What is all there is to say.
    Told(Error),
}

/// What the type says of a value.
#[derive(Debug)]
enum Wrong {
    /// It takes one of these.
    OneOf(&'static [&'static str]),
    Takes(String),
    /// It takes what it describes in its own words.
    Expects(String),
    Because(String),
}

impl From<Why> for Refused {
    fn from(why: Why) -> Self {
        Self { why, place: None }
    }
}

impl serde::de::Error for Refused {
    fn custom<T: fmt::Display>(why: T) -> Self {
        Why::Value(Wrong::Because(why.to_string())).into()
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let expected = expected.to_string();
        Why::Kind { found: kind(found), takes: takes(&expected).unwrap_or(expected) }.into()
    }

    fn invalid_value(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let expected = expected.to_string();
        Why::Value(takes(&expected).map_or(Wrong::Expects(expected), Wrong::Takes)).into()
    }

    fn invalid_length(_: usize, expected: &dyn Expected) -> Self {
        Why::Value(Wrong::Expects(expected.to_string())).into()
    }

    fn unknown_variant(_: &str, known: &'static [&'static str]) -> Self {
        Why::Value(Wrong::OneOf(known)).into()
    }

    fn unknown_field(field: &str, known: &'static [&'static str]) -> Self {
        Why::Unknown(field.to_owned(), known).into()
    }

    fn missing_field(field: &'static str) -> Self {
        Why::Missing(field).into()
    }

    fn duplicate_field(field: &'static str) -> Self {
        Why::Twice(field).into()
    }
}

/// For types that put it into an error of their own.
impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("something in it is not taken")
    }
}

impl std::error::Error for Refused {}

impl Refused {
    /// Notes where it is, unless that is known more exactly.
    fn at(mut self, place: Place) -> Self {
        self.place.get_or_insert(place);
        self
    }

    /// Tells it, with none of the values that are there.
    fn told(self, shown: &[Node]) -> Error {
        let Place { path, origin, kind } = self.place.expect("whatever is read is somewhere");
        let safe = |text: String| (!shown.iter().any(|node| shows(&text, node))).then_some(text);
        let what = match self.why {
            Why::Told(error) => return error,
            Why::Kind { found, takes } if found != kind && [A_LIST, A_TABLE].contains(&kind) => {
                format!("`{path}` has {found} in it where it takes {takes}")
            }
            Why::Kind { takes, .. } => format!("`{path}` is {kind}; it takes {takes}"),
            Why::Value(wrong) => {
                let more = match wrong {
                    Wrong::OneOf(known) => Some(format!("; it takes {}", list(known))),
                    Wrong::Takes(what) => Some(format!("; it takes {what}")),
                    Wrong::Expects(what) => safe(what).map(|what| format!("; it takes {what}")),
                    Wrong::Because(why) => safe(why).map(|why| format!(" ({why})")),
                };
                format!("`{path}` is not as it has to be{}", more.unwrap_or_default())
            }
            Why::Unknown(field, known) => not_known(&path, &field, &known.iter().copied().collect()),
            Why::Missing(field) => format!("`{path}.{field}` is missing"),
            Why::Twice(field) => format!("`{path}.{field}` is there by two names"),
        };
        at(&origin, what)
    }
}

fn list(names: &[&str]) -> String {
    let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

/// Returns true if a text has a word of a value in it.
fn shows(text: &str, node: &Node) -> bool {
    fn words(text: &str) -> impl Iterator<Item = &str> {
        text.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty())
    }
    // Shorter ones are parts of any text.
    let is_part = |word: &str| word.len() >= 4 && text.contains(word);
    match &node.value {
        Value::Nothing | Value::Switch(_) => false,
        Value::Number(number) => is_part(&number.to_string()),
        Value::Decimal(number) => is_part(&number.to_string()),
        Value::Text(value) | Value::Variable(value) | Value::Moment(value) => {
            words(value).any(|word| is_part(word) || words(text).any(|other| other == word))
        }
        Value::List(nodes) => nodes.iter().any(|node| shows(text, node)),
        Value::Table(table) => table.values().any(|node| shows(text, node)),
    }
}

/// What was found, in the words of the settings.
fn kind(found: Unexpected<'_>) -> &'static str {
    match found {
        Unexpected::Bool(_) => "a switch",
        Unexpected::Unsigned(_) | Unexpected::Signed(_) | Unexpected::Float(_) => "a number",
        Unexpected::Char(_) | Unexpected::Str(_) => "a text",
        Unexpected::Unit | Unexpected::Option => "nothing",
        Unexpected::Seq => A_LIST,
        Unexpected::Map => A_TABLE,
        _ => "something else",
    }
}

/// What is taken, in the words of the settings, if it is what serde itself describes.
fn takes(expected: &str) -> Option<String> {
    macro_rules! whole {
        ($($type:ident)*) => {
            match expected {
                $(stringify!($type) => return Some(format!("a whole number from {} to {}", $type::MIN, $type::MAX)),)*
                "a boolean" => "`true` or `false`",
                "f32" | "f64" => "a number",
                "a string" => "a text",
                "a sequence" => A_LIST,
                "a map" => A_TABLE,
                _ if expected.starts_with("struct ") => "a table of keys",
                _ => return None,
            }
        };
    }
    Some(whole!(i8 i16 i32 i64 i128 isize u8 u16 u32 u64 u128 usize).to_owned())
}
