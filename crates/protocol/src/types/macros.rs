//! What every wire type would otherwise repeat.

/// Writes a `with_*` method for each optional member.
macro_rules! with_methods {
    ($($(#[$attr:meta])* $method:ident($field:ident: $ty:ty);)*) => {$(
        $(#[$attr])*
        #[must_use]
        pub fn $method(mut self, $field: impl Into<$ty>) -> Self {
            self.$field = Some($field.into());
            self
        }
    )*};
}

/// Writes a string whose set of values is open: the known ones are constants, the others survive unchanged.
macro_rules! open_string {
    ($(#[$attr:meta])* $name:ident { $($(#[$const_attr:meta])* $const:ident = $text:literal;)* }) => {
        $(#[$attr])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(transparent)]
        pub struct $name(std::borrow::Cow<'static, str>);

        impl $name {
            $($(#[$const_attr])* pub const $const: Self = Self(std::borrow::Cow::Borrowed($text));)*

            /// Takes any other value.
            pub fn new(value: impl Into<std::borrow::Cow<'static, str>>) -> Self {
                Self(value.into())
            }

            /// Returns the value as it stands on the wire.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<&'static str> for $name {
            fn from(value: &'static str) -> Self {
                Self::new(value)
            }
        }

        impl From<String> for $name {
            fn from(value: String) -> Self {
                Self::new(value)
            }
        }
    };
}

/// Writes an identifier that is a string or an integer, and equal only to one of the same JSON type.
macro_rules! string_or_integer {
    ($(#[$attr:meta])* $name:ident, $expecting:literal) => {
        $(#[$attr])*
        #[expect(clippy::exhaustive_enums, reason = "the protocol allows strings and integers, and nothing else")]
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
        #[serde(untagged)]
        pub enum $name {
            /// An integer.
            Number(i64),
            /// A string.
            String(String),
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                match self {
                    Self::Number(number) => number.fmt(f),
                    Self::String(string) => f.write_str(string),
                }
            }
        }

        impl From<i64> for $name {
            fn from(number: i64) -> Self {
                Self::Number(number)
            }
        }

        impl From<String> for $name {
            fn from(string: String) -> Self {
                Self::String(string)
            }
        }

        impl From<&str> for $name {
            fn from(string: &str) -> Self {
                Self::String(string.to_owned())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Visitor;

                impl serde::de::Visitor<'_> for Visitor {
                    type Value = $name;

                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str($expecting)
                    }

                    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<$name, E> {
                        Ok($name::Number(number))
                    }

                    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<$name, E> {
                        i64::try_from(number)
                            .map($name::Number)
                            .map_err(|_| E::invalid_value(serde::de::Unexpected::Unsigned(number), &self))
                    }

                    fn visit_str<E: serde::de::Error>(self, string: &str) -> Result<$name, E> {
                        Ok($name::String(string.to_owned()))
                    }

                    fn visit_string<E: serde::de::Error>(self, string: String) -> Result<$name, E> {
                        Ok($name::String(string))
                    }
                }

                deserializer.deserialize_any(Visitor)
            }
        }
    };
}
