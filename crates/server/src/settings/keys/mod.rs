//! Every key: how its value is written, what it sets, and when a change of it counts.

mod layers;
mod limits;
mod operator;
mod server;

use super::Settings;
use super::kind::Wrong;
use super::node::Value;

/// When a running server takes a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Takes {
    /// With the next request.
    Request,
    /// With the next connection, or the next legacy session.
    Connection,
    /// When the server is started again.
    Start,
}

impl Takes {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Connection => "connection",
            Self::Start => "start",
        }
    }
}

/// A key and what it sets.
///
/// `*` in its path stands for a name that whoever writes the configuration chooses.
pub(super) struct Key {
    pub(super) path: &'static str,
    pub(super) takes: Takes,
    pub(super) is_secret: bool,
    pub(super) meaning: &'static str,
    pub(super) allowed: fn() -> String,
    /// Sets it; the name is what stands for `*`.
    pub(super) set: fn(&mut Settings, &str, &Value) -> Result<(), Wrong>,
    /// Writes what it is set to, as a file would. What is off is turned on by that, so it is asked of a copy.
    pub(super) show: fn(&mut Settings) -> String,
    /// Returns true if two have the same. As with the other, they are copies.
    #[cfg_attr(not(feature = "hot-reload"), allow(dead_code, reason = "tests ask for it, too"))]
    pub(super) same: fn(&mut Settings, &mut Settings) -> bool,
    /// Sets it to what the first has, which is a copy as well.
    #[cfg(feature = "hot-reload")]
    pub(super) carry: fn(&mut Settings, &mut Settings),
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.path)
    }
}

/// Keys that begin alike.
pub(super) struct Section {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    /// The feature without which it has no keys.
    pub(super) feature: Option<&'static str>,
    pub(super) keys: &'static [Key],
}

/// Makes a key: its path, how its value is written, when it counts, what has the field, the field, and what it means.
///
/// Where the field is of another type, `at => …` says how it is read and `value => …` how it is set.
macro_rules! key {
    ($path:literal, $kind:expr, $takes:ident, $part:ident, $at:ident => $place:expr, $meaning:literal) => {
        key!($path, $kind, $takes, $part, $at => $place.clone(), value => $place = value, $meaning)
    };
    (
        $path:literal, $kind:expr, $takes:ident, $part:ident, $at:ident => $get:expr, $value:ident => $set:expr,
        $meaning:literal
    ) => {
        crate::settings::keys::Key {
            path: $path,
            takes: crate::settings::keys::Takes::$takes,
            is_secret: crate::settings::keys::is_secret(|| $kind),
            meaning: $meaning,
            allowed: || crate::settings::kind::Kind::allowed(&$kind),
            set: |settings, _, found| {
                let $value = crate::settings::kind::Kind::take(&$kind, found)?;
                let $at = $part(settings);
                $set;
                Ok(())
            },
            show: |settings| {
                let $at = $part(settings);
                crate::settings::kind::Kind::show(&$kind, &$get)
            },
            same: |one, other| {
                let one = {
                    let $at = $part(one);
                    $get
                };
                let $at = $part(other);
                one == $get
            },
            #[cfg(feature = "hot-reload")]
            carry: |from, to| {
                let $value = {
                    let $at = $part(from);
                    $get
                };
                let $at = $part(to);
                $set;
            },
        }
    };
}

/// Makes a key that has one value for each name.
macro_rules! named {
    ($path:literal, $kind:expr, $takes:ident, $part:ident, $at:ident => $map:expr, $meaning:literal) => {
        crate::settings::keys::Key {
            path: $path,
            takes: crate::settings::keys::Takes::$takes,
            is_secret: false,
            meaning: $meaning,
            allowed: || crate::settings::kind::Kind::allowed(&$kind),
            set: |settings, name, found| {
                let value = crate::settings::kind::Kind::take(&$kind, found)?;
                let $at = $part(settings);
                $map.insert(name.to_owned(), value);
                Ok(())
            },
            show: |settings| {
                let $at = $part(settings);
                let show = |value| crate::settings::kind::Kind::show(&$kind, value);
                let mut all: Vec<_> = $map.iter().map(|(name, value)| format!("{name} = {}", show(value))).collect();
                all.sort();
                all.join(", ")
            },
            same: |one, other| {
                let one = {
                    let $at = $part(one);
                    $map.clone()
                };
                let $at = $part(other);
                one == $map
            },
            #[cfg(feature = "hot-reload")]
            carry: |from, to| {
                let map = {
                    let $at = $part(from);
                    $map.clone()
                };
                let $at = $part(to);
                $map = map;
            },
        }
    };
}

/// Makes the key that turns a part on or off.
macro_rules! enabled {
    ($path:literal, $takes:ident, $settings:ident => $option:expr, $meaning:literal) => {
        crate::settings::keys::Key {
            path: $path,
            takes: crate::settings::keys::Takes::$takes,
            is_secret: false,
            meaning: $meaning,
            allowed: || crate::settings::kind::Kind::allowed(&crate::settings::kind::Switch),
            set: |$settings, _, found| {
                match crate::settings::kind::Kind::take(&crate::settings::kind::Switch, found)? {
                    true => _ = $option.get_or_insert_with(Default::default),
                    false => $option = None,
                }
                Ok(())
            },
            show: |$settings| $option.is_some().to_string(),
            same: |one, other| {
                let $settings = one;
                let one = $option.is_some();
                let $settings = other;
                one == $option.is_some()
            },
            #[cfg(feature = "hot-reload")]
            carry: |from, to| {
                let $settings = from;
                let is_on = $option.is_some();
                let $settings = to;
                match is_on {
                    true => _ = $option.get_or_insert_with(Default::default),
                    false => $option = None,
                }
            },
        }
    };
}

pub(super) const fn is_secret<K: super::kind::Kind>(_: fn() -> K) -> bool {
    K::IS_SECRET
}

use {enabled, key, named};

/// All sections, in the order in which they are set: what is turned off is so whatever else is said of it.
pub(super) fn sections() -> impl Iterator<Item = &'static Section> {
    server::SECTIONS.iter().chain(limits::SECTIONS).chain(layers::SECTIONS).chain(operator::SECTIONS)
}

/// All keys, in the same order.
pub(super) fn keys() -> impl Iterator<Item = &'static Key> {
    sections().flat_map(|section| section.keys)
}
