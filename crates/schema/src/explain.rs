//! What is wrong with a value, in words a model can act on.

use std::fmt::Write as _;

use jsonschema::error::{TypeKind, ValidationErrorKind as Kind};
use jsonschema::paths::{Location, LocationSegment};
use jsonschema::{JsonType, ValidationError};
use serde_json::Value;

/// Longer values are cut when quoted.
const MAX_QUOTED: usize = 80;

/// More choices are not listed.
const MAX_LISTED: usize = 20;

/// Adds what `error` says; `names` are the members known at the root.
pub(crate) fn explain(error: &ValidationError<'_>, names: &[String], messages: &mut Vec<String>) {
    let path = error.instance_path();
    match error.kind() {
        Kind::AnyOf { context } | Kind::OneOfNotValid { context } => {
            if let Some(branch) = meant(context, path) {
                branch.iter().for_each(|error| explain(error, names, messages));
            } else {
                messages.push(no_alternative(error, context));
            }
        }
        Kind::AdditionalProperties { unexpected } | Kind::UnevaluatedProperties { unexpected } => {
            messages.extend(unexpected.iter().map(|name| unknown(path, name, names)));
        }
        Kind::Required { property } => {
            let name = property.as_str().unwrap_or_default();
            messages.push(format!("`{}` is required", below(path, name)));
        }
        _ => messages.push(format!("{} {}", subject(path), rule(error))),
    }
}

/// Says what a value must be, to stand behind its name.
fn rule(error: &ValidationError<'_>) -> String {
    let value = error.instance();
    match error.kind() {
        Kind::Minimum { limit } => format!("must be at least {limit}, got {}", quoted(value)),
        Kind::Maximum { limit } => format!("must be at most {limit}, got {}", quoted(value)),
        Kind::ExclusiveMinimum { limit } => format!("must be greater than {limit}, got {}", quoted(value)),
        Kind::ExclusiveMaximum { limit } => format!("must be less than {limit}, got {}", quoted(value)),
        Kind::MultipleOf { multiple_of } => format!("must be a multiple of {multiple_of}, got {}", quoted(value)),
        Kind::MinLength { limit } => at_least(*limit, "character", value),
        Kind::MaxLength { limit } => at_most(*limit, "character", value),
        Kind::MinItems { limit } => at_least(*limit, "item", value),
        Kind::MaxItems { limit } => at_most(*limit, "item", value),
        Kind::AdditionalItems { limit } => at_most(*limit as u64, "item", value),
        Kind::MinProperties { limit } => at_least(*limit, "member", value),
        Kind::MaxProperties { limit } => at_most(*limit, "member", value),
        Kind::UniqueItems => "must not contain the same item twice".to_owned(),
        Kind::Contains => "must contain an item of the kind that its schema demands".to_owned(),
        Kind::UnevaluatedItems { .. } => "has items that its schema does not allow".to_owned(),
        Kind::Pattern { pattern } => format!("must match the pattern `{pattern}`, got {}", quoted(value)),
        Kind::Format { format } => format!("must be of the format `{format}`, got {}", quoted(value)),
        Kind::BacktrackLimitExceeded { .. } | Kind::RegexEngineFailure { .. } => {
            "could not be matched against its pattern in reasonable time".to_owned()
        }
        Kind::Enum { options } => format!("must be one of {}, got {}", listed(options), quoted(value)),
        Kind::Constant { expected_value } => format!("must be {}, got {}", quoted(expected_value), quoted(value)),
        Kind::Type { kind } => format!("must be {}, got {}", expected(kind), kind_of(value, kind)),
        // Reported so where no property at all is allowed.
        Kind::FalseSchema if error.schema_path().as_str().ends_with("/additionalProperties") => {
            "must have no members".to_owned()
        }
        Kind::FalseSchema => "is not allowed here".to_owned(),
        Kind::Not { .. } => "must not fit the schema that is excluded here".to_owned(),
        Kind::OneOfMultipleValid { .. } => "fits several of the alternatives but must fit exactly one".to_owned(),
        Kind::PropertyNames { error } => format!("has a member whose name {}", rule(error)),
        _ => {
            let text = error.to_string();
            format!("is not valid: {}", cut(&text, MAX_QUOTED * 2))
        }
    }
}

/// Returns the errors of the one alternative that the value seems to have been meant for.
///
/// `null` is no alternative to speak of. Of several others, only one agrees with the value in what tells them apart.
fn meant<'a>(
    alternatives: &'a [Vec<ValidationError<'static>>],
    path: &Location,
) -> Option<&'a [ValidationError<'static>]> {
    let not_null = || alternatives.iter().filter(|errors| !errors.iter().any(|error| expects_null(error, path)));
    only(not_null())
        .or_else(|| only(not_null().filter(|errors| distinction(errors, path).is_none())))
        .map(Vec::as_slice)
}

fn only<T>(mut items: impl Iterator<Item = T>) -> Option<T> {
    items.next().filter(|_| items.next().is_none())
}

fn expects_null(error: &ValidationError<'_>, path: &Location) -> bool {
    matches!(error.kind(), Kind::Type { kind: TypeKind::Single(JsonType::Null) }) && error.instance_path() == path
}

/// Returns the error that tells this alternative from the others: another type, another constant, another member.
fn distinction<'a>(errors: &'a [ValidationError<'static>], path: &Location) -> Option<&'a ValidationError<'static>> {
    let here = |error: &&ValidationError<'_>| error.instance_path() == path;
    let near = path.segments().count() + 1;
    let other_value = |error: &&ValidationError<'_>| match error.kind() {
        Kind::Type { .. } | Kind::FalseSchema => here(error),
        Kind::Constant { .. } | Kind::Enum { .. } => error.instance_path().segments().count() <= near,
        _ => false,
    };
    errors.iter().find(other_value).or_else(|| {
        errors.iter().filter(here).find(|error| matches!(error.kind(), Kind::AdditionalProperties { .. }))?;
        errors.iter().filter(here).find(|error| matches!(error.kind(), Kind::Required { .. }))
    })
}

fn no_alternative(error: &ValidationError<'_>, alternatives: &[Vec<ValidationError<'static>>]) -> String {
    let path = error.instance_path();
    let reasons: Vec<_> =
        alternatives.iter().filter_map(|errors| distinction(errors, path).or_else(|| errors.first())).collect();
    if let Some(choice) = constants(&reasons) {
        return choice;
    }
    let mut texts: Vec<String> = Vec::new();
    for reason in reasons {
        let mut messages = Vec::new();
        explain(reason, &[], &mut messages);
        texts.extend(messages.into_iter().next().filter(|message| !texts.contains(message)));
    }
    texts.truncate(4);
    format!("{} fits none of {} alternatives: {}", subject(path), alternatives.len(), texts.join("; or "))
}

/// Says which constants are possible if that is all that tells the alternatives apart.
fn constants(reasons: &[&ValidationError<'static>]) -> Option<String> {
    let first = reasons.first()?;
    let mut options = Vec::new();
    for reason in reasons {
        match reason.kind() {
            Kind::Constant { expected_value } => options.push((**expected_value).clone()),
            Kind::Enum { options: more } => options.extend(more.as_array()?.iter().cloned()),
            _ => return None,
        }
        if reason.instance_path() != first.instance_path() {
            return None;
        }
    }
    let (options, value) = (Value::Array(options), quoted(first.instance()));
    Some(format!("{} must be one of {}, got {value}", subject(first.instance_path()), listed(&options)))
}

fn unknown(path: &Location, name: &str, names: &[String]) -> String {
    let mut message = format!("`{}` is not known here", below(path, name));
    if path.is_empty() && (1..=MAX_LISTED).contains(&names.len()) {
        let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
        _ = write!(message, "; known are {}", names.join(", "));
    }
    message
}

fn at_least(limit: u64, unit: &str, value: &Value) -> String {
    format!("must have at least {limit} {unit}{}, got {}", if limit == 1 { "" } else { "s" }, size(value))
}

fn at_most(limit: u64, unit: &str, value: &Value) -> String {
    format!("must have at most {limit} {unit}{}, got {}", if limit == 1 { "" } else { "s" }, size(value))
}

fn size(value: &Value) -> usize {
    match value {
        Value::String(text) => text.chars().count(),
        Value::Array(items) => items.len(),
        Value::Object(members) => members.len(),
        _ => 0,
    }
}

fn expected(kind: &TypeKind) -> String {
    match kind {
        TypeKind::Single(name) => with_article(*name).to_owned(),
        TypeKind::Multiple(names) => names.iter().map(with_article).collect::<Vec<_>>().join(" or "),
    }
}

fn with_article(name: JsonType) -> &'static str {
    match name {
        JsonType::Null => "null",
        JsonType::Boolean => "a boolean",
        JsonType::Integer => "an integer",
        JsonType::Number => "a number",
        JsonType::String => "a string",
        JsonType::Array => "an array",
        JsonType::Object => "an object",
    }
}

/// Says what a value of the wrong type is; a number is quoted, since only its fraction can be wrong.
fn kind_of(value: &Value, expected: &TypeKind) -> String {
    let wants_integer = match expected {
        TypeKind::Single(name) => *name == JsonType::Integer,
        TypeKind::Multiple(names) => names.contains(JsonType::Integer),
    };
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(_) => "a boolean".to_owned(),
        Value::Number(number) if wants_integer => number.to_string(),
        Value::Number(_) => "a number".to_owned(),
        Value::String(_) => format!("the string {}", quoted(value)),
        Value::Array(_) => "an array".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}

fn listed(options: &Value) -> String {
    let options = options.as_array().map_or(&[][..], Vec::as_slice);
    let mut list = options.iter().take(MAX_LISTED).map(quoted).collect::<Vec<_>>().join(", ");
    if options.len() > MAX_LISTED {
        _ = write!(list, ", … ({} in all)", options.len());
    }
    list
}

fn quoted(value: &Value) -> String {
    match value {
        // Cut before it is escaped, so that a large string is not copied for its first line.
        Value::String(text) if text.len() > MAX_QUOTED => Value::from(cut(text, MAX_QUOTED)).to_string(),
        Value::Array(items) if items.len() > MAX_LISTED => format!("an array of {} items", items.len()),
        Value::Object(members) if members.len() > MAX_LISTED => format!("an object of {} members", members.len()),
        value => cut(&value.to_string(), MAX_QUOTED),
    }
}

fn cut(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let end = (0..=most).rev().find(|end| text.is_char_boundary(*end)).unwrap_or_default();
    format!("{}…", &text[..end])
}

fn subject(path: &Location) -> String {
    if path.is_empty() { "the value".to_owned() } else { format!("`{}`", dotted(path)) }
}

fn below(path: &Location, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{}.{name}", dotted(path)) }
}

/// Writes `/filter/tags/0` as `filter.tags[0]`.
fn dotted(path: &Location) -> String {
    let mut text = String::new();
    for segment in path.segments() {
        _ = match segment {
            LocationSegment::Property(name) if text.is_empty() => write!(text, "{name}"),
            LocationSegment::Property(name) => write!(text, ".{name}"),
            LocationSegment::Index(index) => write!(text, "[{index}]"),
        };
    }
    text
}
