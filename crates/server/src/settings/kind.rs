//! How values are written, and which make sense.

use std::time::Duration;

use super::node::{Node, Value};

/// Why a value is not taken: what is, and perhaps what is wrong with this one.
#[derive(Debug)]
pub(super) struct Wrong {
    pub(super) allowed: String,
    pub(super) because: Option<String>,
}

impl Wrong {
    pub(super) fn because(mut self, why: impl Into<String>) -> Self {
        self.because = Some(why.into());
        self
    }
}

/// How one kind of value is written.
pub(super) trait Kind {
    type Value;
    /// Whether it must not be shown.
    const IS_SECRET: bool = false;

    fn read(&self, found: &Value) -> Option<Result<Self::Value, String>>;
    fn show(&self, value: &Self::Value) -> String;
    /// Says what is allowed, as the end of a sentence: "it takes …".
    fn allowed(&self) -> String;

    fn take(&self, found: &Value) -> Result<Self::Value, Wrong> {
        let wrong = || Wrong { allowed: self.allowed(), because: None };
        match self.read(found) {
            Some(Ok(value)) => Ok(value),
            Some(Err(why)) => Err(wrong().because(why)),
            None => Err(wrong()),
        }
    }
}

/// `true` or `false`.
pub(super) struct Switch;

impl Kind for Switch {
    type Value = bool;

    fn read(&self, found: &Value) -> Option<Result<bool, String>> {
        match found {
            Value::Switch(value) => Some(Ok(*value)),
            Value::Variable(text) => text.parse().ok().map(Ok),
            _ => None,
        }
    }

    fn show(&self, value: &bool) -> String {
        value.to_string()
    }

    fn allowed(&self) -> String {
        "`true` or `false`".to_owned()
    }
}

/// A whole number within bounds.
pub(super) struct Count<T>(pub(super) T, pub(super) T);

impl<T: Copy + PartialOrd + TryFrom<i128> + ToString> Kind for Count<T> {
    type Value = T;

    fn read(&self, found: &Value) -> Option<Result<T, String>> {
        let number = match found {
            Value::Number(number) => *number,
            Value::Variable(text) => text.trim().replace('_', "").parse().ok()?,
            _ => return None,
        };
        T::try_from(number).ok().filter(|number| (self.0..=self.1).contains(number)).map(Ok)
    }

    fn show(&self, value: &T) -> String {
        value.to_string()
    }

    fn allowed(&self) -> String {
        format!("a whole number from {} to {}", self.0.to_string(), self.1.to_string())
    }
}

/// A number of bytes within bounds.
pub(super) struct Bytes(pub(super) usize, pub(super) usize);

const SIZES: [(&str, u64); 7] = [
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("kB", 1000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("B", 1),
];

impl Kind for Bytes {
    type Value = usize;

    fn read(&self, found: &Value) -> Option<Result<usize, String>> {
        let (Value::Text(text) | Value::Variable(text)) = found else { return None };
        let (unit, factor) = SIZES.iter().find(|(unit, _)| text.ends_with(unit))?;
        let bytes = quantity(text.strip_suffix(unit)?, u128::from(*factor), 1)?;
        usize::try_from(bytes).ok().filter(|bytes| (self.0..=self.1).contains(bytes)).map(Ok)
    }

    fn show(&self, value: &usize) -> String {
        let number = *value as u64;
        match SIZES[..3].iter().rev().find(|(_, factor)| number >= *factor && number.is_multiple_of(*factor)) {
            Some((unit, factor)) => format!("{}{unit}", number / factor),
            None => format!("{number}B"),
        }
    }

    fn allowed(&self) -> String {
        format!(
            "a size with its unit (B, kB, KiB, MB, MiB, GB, GiB), from {} to {}",
            self.show(&self.0),
            self.show(&self.1)
        )
    }
}

/// A time within bounds.
pub(super) struct Time(pub(super) Duration, pub(super) Duration);

/// More than anybody waits, and less than clocks overflow at.
pub(super) const YEARS: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);

pub(super) const MILLISECOND: Duration = Duration::from_millis(1);

const TIMES: [(&str, u64); 5] = [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

impl Kind for Time {
    type Value = Duration;

    fn read(&self, found: &Value) -> Option<Result<Duration, String>> {
        let (Value::Text(text) | Value::Variable(text)) = found else { return None };
        let (unit, factor) = TIMES.iter().find(|(unit, _)| {
            text.strip_suffix(unit).is_some_and(|number| number.ends_with(|last: char| !last.is_alphabetic()))
        })?;
        let milliseconds = quantity(text.strip_suffix(unit)?, u128::from(*factor), 1)?;
        let time = Duration::from_millis(u64::try_from(milliseconds).ok()?);
        (self.0..=self.1).contains(&time).then_some(Ok(time))
    }

    fn show(&self, value: &Duration) -> String {
        let milliseconds = u64::try_from(value.as_millis()).unwrap_or(u64::MAX);
        let whole = |factor: u64| milliseconds >= factor && milliseconds.is_multiple_of(factor);
        match TIMES.iter().rev().find(|(_, factor)| whole(*factor)) {
            Some((unit, factor)) => format!("{}{unit}", milliseconds / factor),
            None => "0s".to_owned(),
        }
    }

    fn allowed(&self) -> String {
        format!("a time with its unit (ms, s, m, h, d), from {} to {}", self.show(&self.0), self.show(&self.1))
    }
}

/// Reads a number with at most three decimals, in units, as a whole number of what a unit has `factor` of.
fn quantity(text: &str, factor: u128, smallest: u128) -> Option<u128> {
    let text = text.trim().replace('_', "");
    let (whole, decimals) = text.split_once('.').unwrap_or((&text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || whole.len() > 15 || decimals.len() > 3 || !digits(whole) || !digits(decimals) {
        return None;
    }
    let thousandths: u128 = format!("{whole}{decimals:0<3}").parse().ok()?;
    let exact = thousandths * factor;
    exact.is_multiple_of(1000 * smallest).then_some(exact / 1000)
}

/// A text, which may have to be of some form.
pub(super) struct Text(pub(super) Form);

/// Which texts there are, and what is wrong with others.
pub(super) struct Form {
    pub(super) allowed: &'static str,
    pub(super) check: fn(&str) -> Result<(), String>,
}

pub(super) const ANYTHING: Form = Form {
    allowed: "a text that is not empty",
    check: |text| if text.trim().is_empty() { Err("it is empty".to_owned()) } else { Ok(()) },
};

impl Kind for Text {
    type Value = String;

    fn read(&self, found: &Value) -> Option<Result<String, String>> {
        let (Value::Text(text) | Value::Variable(text)) = found else { return None };
        Some((self.0.check)(text).map(|()| text.clone()))
    }

    fn show(&self, value: &String) -> String {
        value.clone()
    }

    fn allowed(&self) -> String {
        self.0.allowed.to_owned()
    }
}

/// A text that is never shown.
pub(super) struct Secret(pub(super) Form);

impl Kind for Secret {
    type Value = String;
    const IS_SECRET: bool = true;

    fn read(&self, found: &Value) -> Option<Result<String, String>> {
        Text(Form { ..self.0 }).read(found)
    }

    fn show(&self, _: &String) -> String {
        "[redacted]".to_owned()
    }

    fn allowed(&self) -> String {
        self.0.allowed.to_owned()
    }
}

/// One of a few words.
pub(super) struct OneOf<T: 'static>(pub(super) &'static [(&'static str, T)]);

impl<T: Copy + PartialEq> Kind for OneOf<T> {
    type Value = T;

    fn read(&self, found: &Value) -> Option<Result<T, String>> {
        let (Value::Text(text) | Value::Variable(text)) = found else { return None };
        self.0.iter().find(|(name, _)| name == text).map(|(_, value)| Ok(*value))
    }

    fn show(&self, value: &T) -> String {
        self.0.iter().find(|(_, known)| known == value).map_or("?", |(name, _)| name).to_owned()
    }

    fn allowed(&self) -> String {
        let names: Vec<_> = self.0.iter().map(|(name, _)| format!("`{name}`")).collect();
        names.join(", ")
    }
}

/// What may also be nothing at all, said by `none`.
pub(super) struct Maybe<K>(pub(super) K);

impl<K: Kind> Kind for Maybe<K> {
    type Value = Option<K::Value>;
    const IS_SECRET: bool = K::IS_SECRET;

    fn read(&self, found: &Value) -> Option<Result<Self::Value, String>> {
        match found {
            Value::Text(text) | Value::Variable(text) if text == "none" => Some(Ok(None)),
            _ => self.0.read(found).map(|read| read.map(Some)),
        }
    }

    fn show(&self, value: &Self::Value) -> String {
        value.as_ref().map_or_else(|| "none".to_owned(), |value| self.0.show(value))
    }

    fn allowed(&self) -> String {
        format!("{}; or `none`", self.0.allowed())
    }
}

/// Several; in a variable with commas between them.
pub(super) struct List<K>(pub(super) K);

impl<K: Kind> Kind for List<K> {
    type Value = Vec<K::Value>;
    const IS_SECRET: bool = K::IS_SECRET;

    fn read(&self, found: &Value) -> Option<Result<Self::Value, String>> {
        let parts: Vec<Value> = match found {
            Value::List(nodes) => nodes.iter().map(|Node { value, .. }| value.clone()).collect(),
            Value::Variable(text) => text.split(',').map(|part| Value::Variable(part.trim().to_owned())).collect(),
            _ => return None,
        };
        let read = |part: &Value| match self.0.read(part) {
            Some(read) => read,
            None if K::IS_SECRET => Err("one of them is none".to_owned()),
            None => Err(format!("{part} is none")),
        };
        Some(parts.iter().map(read).collect())
    }

    fn show(&self, value: &Self::Value) -> String {
        let all: Vec<_> = value.iter().map(|value| self.0.show(value)).collect();
        format!("[{}]", all.join(", "))
    }

    fn allowed(&self) -> String {
        format!("a list, each of which is {}", self.0.allowed())
    }
}

/// A number of which not all digits are before the point.
pub(super) struct Decimal;

impl Kind for Decimal {
    type Value = f64;

    fn read(&self, found: &Value) -> Option<Result<f64, String>> {
        let number = match found {
            Value::Number(number) => *number as f64,
            Value::Decimal(number) => *number,
            Value::Variable(text) => text.parse().ok()?,
            _ => return None,
        };
        (number.is_finite() && number > 0.0).then_some(Ok(number))
    }

    fn show(&self, value: &f64) -> String {
        value.to_string()
    }

    fn allowed(&self) -> String {
        "a number above 0".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> Option<Duration> {
        Time(Duration::ZERO, YEARS).take(&Value::Text(text.to_owned())).ok()
    }

    #[test]
    fn a_time_has_a_unit() {
        for (text, milliseconds) in
            [("30s", 30_000), ("1.5s", 1500), ("5m", 300_000), ("500ms", 500), ("2 h", 7_200_000), ("1d", 86_400_000)]
        {
            assert_eq!(time(text), Some(Duration::from_millis(milliseconds)), "{text}");
        }
        for text in ["", "30", "s", "30 sek", "-1s", "1.5ms", "1e3s", "0x1s", "99999999999999999s", "4000d", "3Ms"] {
            assert_eq!(time(text), None, "{text}");
        }
        for shown in ["30s", "1500ms", "5m", "2h", "1d", "0s"] {
            assert_eq!(time(shown).map(|time| Time(Duration::ZERO, YEARS).show(&time)).as_deref(), Some(shown));
        }
    }

    #[test]
    fn a_size_has_a_unit() {
        let read = |text: &str| Bytes(0, usize::MAX).take(&Value::Text(text.to_owned())).ok();
        for (text, bytes) in
            [("4MiB", 4 << 20), ("64 KiB", 64 << 10), ("1.5KiB", 1536), ("1MB", 1_000_000), ("17B", 17)]
        {
            assert_eq!(read(text), Some(bytes), "{text}");
        }
        for text in ["", "4", "4M", "4mib", "-4B", "0.5B", "999999999999999GiB", "B"] {
            assert_eq!(read(text), None, "{text}");
        }
        for shown in ["4MiB", "64KiB", "1000B", "2GiB"] {
            assert_eq!(read(shown).map(|size| Bytes(0, 0).show(&size)).as_deref(), Some(shown));
        }
    }
}
