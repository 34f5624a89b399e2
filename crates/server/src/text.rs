//! Decoding of one plain text: a variable of a URI, an argument of a prompt.

use std::error::Error;
use std::fmt;
use std::num::{IntErrorKind, ParseIntError};
use std::str::FromStr;

use serde::de::value::{self, StrDeserializer};
use serde::de::{self, DeserializeOwned, DeserializeSeed, EnumAccess, IntoDeserializer, VariantAccess, Visitor};
use serde::{Deserializer, forward_to_deserialize_any};
use turbomcp_protocol::{McpError, McpResult};

/// Longer texts are cut when quoted.
const MAX_QUOTED: usize = 80;

/// Reads a value from one plain text.
///
/// Numbers, `bool`, `char` and strings are read as they are written, an `Option` is always `Some`, a newtype is what it
/// wraps, and an enumeration is the name of a variant without data.
///
/// # Examples
///
/// ```
/// use turbomcp_server::text::from_text;
///
/// assert_eq!(from_text::<u16>("404")?, 404);
/// assert_eq!(from_text::<Option<String>>("")?, Some(String::new()));
/// assert!(from_text::<bool>("yes").is_err());
/// # Ok::<(), turbomcp_server::text::TextError>(())
/// ```
///
/// # Errors
///
/// Returns an error if the text is no `T`, or if `T` has parts, which one text cannot give.
pub fn from_text<T: DeserializeOwned>(text: &str) -> Result<T, TextError> {
    T::deserialize(Text(text))
}

/// Reads one argument that is a text; an absent one is `None` for an `Option`.
pub(crate) fn argument<T: DeserializeOwned>(name: &str, text: Option<&str>) -> McpResult<T> {
    let Some(text) = text else {
        return absent().ok_or_else(|| McpError::invalid_params(format!("missing argument `{name}`")));
    };
    from_text(text).map_err(|error| McpError::invalid_params(format!("argument `{name}`: {error}")))
}

/// A text that is not what was to be read from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextError {
    message: String,
}

impl TextError {
    fn expected(what: impl fmt::Display, text: &str) -> Self {
        let end = text.char_indices().nth(MAX_QUOTED).map(|(end, _)| end);
        let quoted = end.map_or_else(|| format!("{text:?}"), |end| format!("{:?}…", &text[..end]));
        Self { message: format!("expected {what}, got {quoted}") }
    }

    fn parts(what: &str) -> Self {
        Self { message: format!("one text cannot be read as {what}") }
    }
}

impl fmt::Display for TextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for TextError {}

impl de::Error for TextError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self { message: message.to_string() }
    }
}

/// Returns the value that a type has where nothing stands, which is `None` for an `Option`.
pub(crate) fn absent<T: DeserializeOwned>() -> Option<T> {
    T::deserialize(Absent).ok()
}

struct Absent;

impl<'de> Deserializer<'de> for Absent {
    type Error = value::Error;

    fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Self::Error> {
        Err(de::Error::custom("absent"))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        visitor.visit_none()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

#[derive(Clone, Copy)]
struct Text<'a>(&'a str);

impl Text<'_> {
    fn integer<T>(self, least: T, most: T) -> Result<T, TextError>
    where
        T: FromStr<Err = ParseIntError> + fmt::Display,
    {
        self.0.parse().map_err(|error: ParseIntError| match error.kind() {
            IntErrorKind::PosOverflow | IntErrorKind::NegOverflow => {
                TextError::expected(format_args!("a whole number from {least} to {most}"), self.0)
            }
            // Not a number for an unsigned type, though it looks like one.
            _ if self.0.strip_prefix('-').is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit())) => {
                TextError::expected(format_args!("a whole number from {least} to {most}"), self.0)
            }
            _ => TextError::expected("a whole number", self.0),
        })
    }

    fn float<T: FromStr>(self, is_finite: impl Fn(&T) -> bool) -> Result<T, TextError> {
        self.0.parse().ok().filter(is_finite).ok_or_else(|| TextError::expected("a number", self.0))
    }
}

macro_rules! integers {
    ($($deserialize:ident $visit:ident $ty:ident)*) => {
        $(fn $deserialize<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TextError> {
            visitor.$visit(self.integer($ty::MIN, $ty::MAX)?)
        })*
    };
}

impl<'de> Deserializer<'de> for Text<'de> {
    type Error = TextError;

    integers! {
        deserialize_i8 visit_i8 i8
        deserialize_i16 visit_i16 i16
        deserialize_i32 visit_i32 i32
        deserialize_i64 visit_i64 i64
        deserialize_i128 visit_i128 i128
        deserialize_u8 visit_u8 u8
        deserialize_u16 visit_u16 u16
        deserialize_u32 visit_u32 u32
        deserialize_u64 visit_u64 u64
        deserialize_u128 visit_u128 u128
    }

    forward_to_deserialize_any! { str string identifier }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TextError> {
        visitor.visit_borrowed_str(self.0)
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TextError> {
        visitor.visit_f32(self.float(|number: &f32| number.is_finite())?)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TextError> {
        visitor.visit_f64(self.float(|number: &f64| number.is_finite())?)
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TextError> {
        visitor.visit_bool(self.0.parse().map_err(|_| TextError::expected("`true` or `false`", self.0))?)
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TextError> {
        visitor.visit_char(self.0.parse().map_err(|_| TextError::expected("one character", self.0))?)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TextError> {
        visitor.visit_borrowed_bytes(self.0.as_bytes())
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TextError> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TextError> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, TextError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, TextError> {
        visitor.visit_enum(self)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TextError> {
        visitor.visit_unit()
    }

    fn deserialize_unit<V: Visitor<'de>>(self, _: V) -> Result<V::Value, TextError> {
        Err(TextError::parts("nothing"))
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, name: &'static str, _: V) -> Result<V::Value, TextError> {
        Err(TextError::parts(&format!("`{name}`, which has no content")))
    }

    fn deserialize_seq<V: Visitor<'de>>(self, _: V) -> Result<V::Value, TextError> {
        Err(TextError::parts("a sequence"))
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, TextError> {
        Err(TextError::parts("a tuple"))
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        _: usize,
        _: V,
    ) -> Result<V::Value, TextError> {
        Err(TextError::parts(&format!("`{name}`, which has several fields")))
    }

    fn deserialize_map<V: Visitor<'de>>(self, _: V) -> Result<V::Value, TextError> {
        Err(TextError::parts("a map"))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        _: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, TextError> {
        Err(TextError::parts(&format!("`{name}`, which has named fields")))
    }
}

impl<'de> EnumAccess<'de> for Text<'de> {
    type Error = TextError;
    type Variant = Unit;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Unit), TextError> {
        let name: StrDeserializer<'de, TextError> = self.0.into_deserializer();
        Ok((seed.deserialize(name)?, Unit))
    }
}

/// What stands behind the name of a variant: nothing.
struct Unit;

impl<'de> VariantAccess<'de> for Unit {
    type Error = TextError;

    fn unit_variant(self) -> Result<(), TextError> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, _: T) -> Result<T::Value, TextError> {
        Err(TextError::parts("a variant with data"))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, TextError> {
        Err(TextError::parts("a variant with data"))
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], _: V) -> Result<V::Value, TextError> {
        Err(TextError::parts("a variant with data"))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::net::Ipv4Addr;

    use serde::Deserialize;
    use serde_json::{Value, json};

    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "kebab-case")]
    enum Level {
        VeryLow,
        High,
        Custom(u8),
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Meters(u32);

    #[derive(Debug, PartialEq, Deserialize)]
    struct Marker;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Point {
        x: i32,
    }

    #[track_caller]
    fn reads<T: DeserializeOwned + PartialEq + fmt::Debug>(text: &str, expected: T) {
        assert_eq!(from_text::<T>(text), Ok(expected));
    }

    #[track_caller]
    fn refuses<T: DeserializeOwned + fmt::Debug>(text: &str, why: &str) {
        assert_eq!(from_text::<T>(text).unwrap_err().to_string(), why);
    }

    #[test]
    fn an_absent_option_is_none_and_nothing_else_may_be_absent() {
        assert_eq!(absent::<Option<u8>>(), Some(None));
        assert_eq!(absent::<u8>(), None);
        assert_eq!(absent::<String>(), None);
        assert_eq!(absent::<()>(), None);
        assert_eq!(absent::<Vec<u8>>(), None);
    }

    #[test]
    fn an_argument_that_does_not_fit_is_named() {
        assert_eq!(argument::<u8>("day", Some("7")).unwrap(), 7);
        assert_eq!(argument::<Option<u8>>("day", None).unwrap(), None);
        assert_eq!(argument::<u8>("day", None).unwrap_err().message(), "missing argument `day`");
        let error = argument::<u8>("day", Some("x")).unwrap_err();
        assert!(error.message().starts_with("argument `day`: "), "{error}");
    }

    #[test]
    fn integers_of_every_width_are_read() {
        reads("-128", i8::MIN);
        reads("-32768", i16::MIN);
        reads("-2147483648", i32::MIN);
        reads("9223372036854775807", i64::MAX);
        reads("255", u8::MAX);
        reads("65535", u16::MAX);
        reads("4294967295", u32::MAX);
        reads("18446744073709551615", u64::MAX);
        reads("0", 0_usize);
        reads("-1", -1_isize);
        reads("170141183460469231731687303715884105727", i128::MAX);
        reads("340282366920938463463374607431768211455", u128::MAX);
    }

    #[test]
    fn integers_out_of_range_are_refused_with_the_range() {
        refuses::<u8>("256", "expected a whole number from 0 to 255, got \"256\"");
        refuses::<i8>("-129", "expected a whole number from -128 to 127, got \"-129\"");
        refuses::<u8>("-1", "expected a whole number from 0 to 255, got \"-1\"");
    }

    #[test]
    fn what_is_no_integer_is_refused() {
        for text in ["", "x", "1.0", "1e3", " 1", "1 ", "0x10", "1_000", "-", "--1", "１"] {
            refuses::<i64>(text, &format!("expected a whole number, got {text:?}"));
        }
    }

    #[test]
    fn numbers_with_a_fraction_are_read_if_finite() {
        reads("1.5", 1.5_f64);
        reads("-3", -3.0_f32);
        reads("1e3", 1000.0_f64);
        for text in ["", "x", "inf", "NaN", "-infinity", "1e999"] {
            refuses::<f64>(text, &format!("expected a number, got {text:?}"));
        }
    }

    #[test]
    fn booleans_characters_and_strings_are_read_as_written() {
        reads("true", true);
        reads("false", false);
        refuses::<bool>("True", "expected `true` or `false`, got \"True\"");
        refuses::<bool>("1", "expected `true` or `false`, got \"1\"");
        reads("ä", 'ä');
        refuses::<char>("", "expected one character, got \"\"");
        refuses::<char>("ab", "expected one character, got \"ab\"");
        reads("", String::new());
        reads("42", "42".to_owned());
        reads("x", Box::<str>::from("x"));
        reads("127.0.0.1", Ipv4Addr::LOCALHOST);
        reads::<Value>("1", json!("1"));
    }

    #[test]
    fn an_option_is_always_some() {
        reads("", Some(String::new()));
        reads("5", Some(5_u8));
        refuses::<Option<u8>>("", "expected a whole number, got \"\"");
    }

    #[test]
    fn a_newtype_is_what_it_wraps() {
        reads("5", Meters(5));
        reads("5", Some(Meters(5)));
    }

    #[test]
    fn a_variant_without_data_is_read_by_its_name() {
        reads("very-low", Level::VeryLow);
        reads("high", Some(Level::High));
        refuses::<Level>("HIGH", "unknown variant `HIGH`, expected one of `very-low`, `high`, `custom`");
        refuses::<Level>("custom", "one text cannot be read as a variant with data");
    }

    #[test]
    fn what_has_parts_is_refused() {
        refuses::<Vec<u8>>("1,2", "one text cannot be read as a sequence");
        refuses::<(u8, u8)>("1,2", "one text cannot be read as a tuple");
        refuses::<HashMap<String, u8>>("{}", "one text cannot be read as a map");
        refuses::<Point>("{\"x\":1}", "one text cannot be read as `Point`, which has named fields");
        refuses::<Marker>("", "one text cannot be read as `Marker`, which has no content");
        refuses::<()>("", "one text cannot be read as nothing");
    }

    #[test]
    fn long_texts_are_cut_when_quoted() {
        let error = from_text::<u8>(&"ä".repeat(10_000)).unwrap_err();
        assert!(error.to_string().len() < 250);
    }
}
