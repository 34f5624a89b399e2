//! The attributes of a parameter: `#[arg]`, and its synonyms `#[validate]`, `#[schemars]` and `#[tool(aggr)]`.

use syn::{Attribute, Expr, Ident, RangeLimits};

use crate::errors::Errors;
use crate::model::{Argument, Bound, DefaultValue};
use crate::parse::entries::{Entries, Entry, keys, once, ungroup};

/// Takes our attributes and the doc comments off a parameter and reads them.
pub(super) fn take(attributes: &mut Vec<Attribute>, errors: &Errors) -> Argument {
    let mut argument = Argument::default();
    attributes.retain(|attribute| {
        let read: fn(&mut Argument, Entries, &Errors) =
            match attribute.path().get_ident().map(Ident::to_string).as_deref() {
                Some("arg") => arg,
                Some("validate") => validate,
                Some("schemars") => schemars,
                Some("tool") => tool,
                Some("doc") => return false,
                _ => return true,
            };
        read(&mut argument, Entries::of(attribute, errors), errors);
        false
    });
    argument
}

fn arg(argument: &mut Argument, read: Entries, errors: &Errors) {
    if let Some(text) = read.text {
        argument.description = Some(syn::parse_quote!(#text));
        argument.keys.push(Ident::new("description", text.span()));
    }
    for entry in &read.entries {
        argument.keys.push(entry.key.clone());
        keys!(entry, "#[arg]", errors;
            "name" => once(&mut argument.name, entry.string(errors), entry, errors),
            "description" => once(&mut argument.description, entry.expr(errors), entry, errors),
            "title" => once(&mut argument.title, entry.expr(errors), entry, errors),
            "default" => once(&mut argument.default, default(entry, errors), entry, errors),
            "range" => range(argument, entry, errors),
            "min" => once(&mut argument.minimum, inclusive(entry, errors), entry, errors),
            "max" => once(&mut argument.maximum, inclusive(entry, errors), entry, errors),
            "length" => length(argument, entry, errors),
            "min_length" => once(&mut argument.min_length, entry.expr(errors), entry, errors),
            "max_length" => once(&mut argument.max_length, entry.expr(errors), entry, errors),
            "pattern" => once(&mut argument.pattern, entry.expr(errors), entry, errors),
            "header" => once(&mut argument.header, entry.string(errors), entry, errors),
            "example" => argument.examples.extend(entry.expr(errors)),
            "examples" => argument.examples.extend(entry.exprs(errors).unwrap_or_default()),
            "aggr" => once(&mut argument.whole, entry.marker(errors), entry, errors),
        );
    }
}

fn validate(argument: &mut Argument, read: Entries, errors: &Errors) {
    for entry in &read.entries {
        argument.keys.push(entry.key.clone());
        keys!(entry, "#[validate]", errors;
            "range" => range(argument, entry, errors),
            "length" => length(argument, entry, errors),
        );
    }
}

fn schemars(argument: &mut Argument, read: Entries, errors: &Errors) {
    for entry in &read.entries {
        argument.keys.push(entry.key.clone());
        keys!(entry, "#[schemars]", errors;
            "description" => once(&mut argument.description, entry.expr(errors), entry, errors),
            "title" => once(&mut argument.title, entry.expr(errors), entry, errors),
            "example" => argument.examples.extend(entry.expr(errors)),
            "range" => range(argument, entry, errors),
            "length" => length(argument, entry, errors),
            "rename" => once(&mut argument.name, entry.string(errors), entry, errors),
        );
    }
}

fn tool(argument: &mut Argument, read: Entries, errors: &Errors) {
    if let Some(text) = &read.text {
        errors.on(text, "on a parameter, write `#[arg(description = \"…\")]`");
    }
    for entry in &read.entries {
        argument.keys.push(entry.key.clone());
        keys!(entry, "#[tool] on a parameter", errors;
            "aggr" => once(&mut argument.whole, entry.marker(errors), entry, errors),
        );
    }
}

fn default(entry: &Entry, errors: &Errors) -> Option<DefaultValue> {
    Some(entry.optional_expr(errors)?.map_or(DefaultValue::OfType, DefaultValue::Is))
}

fn inclusive(entry: &Entry, errors: &Errors) -> Option<Bound> {
    entry.expr(errors).map(|value| Bound { value, exclusive: false })
}

/// Reads `range = 1..=10` or `range(min = 1, max = 10)`.
fn range(argument: &mut Argument, entry: &Entry, errors: &Errors) {
    if let Some(list) = entry.list(errors) {
        for entry in &list.entries {
            keys!(entry, "range(..)", errors;
                "min" => once(&mut argument.minimum, inclusive(entry, errors), entry, errors),
                "max" => once(&mut argument.maximum, inclusive(entry, errors), entry, errors),
                "exclusive_min" => once(&mut argument.minimum, exclusive(entry, errors), entry, errors),
                "exclusive_max" => once(&mut argument.maximum, exclusive(entry, errors), entry, errors),
            );
        }
        return;
    }
    let Some(value) = entry.expr(errors) else { return };
    let Some((start, end, exclusive)) = ends(&value) else {
        errors.on(value, "`range` takes a range of numbers: write `range = 1..=10`");
        return;
    };
    let start = start.map(|value| Bound { value, exclusive: false });
    once_if_some(&mut argument.minimum, start, entry, errors);
    once_if_some(&mut argument.maximum, end.map(|value| Bound { value, exclusive }), entry, errors);
}

fn exclusive(entry: &Entry, errors: &Errors) -> Option<Bound> {
    entry.expr(errors).map(|value| Bound { value, exclusive: true })
}

/// Reads `length = 1..=100` or `length(min = 1, max = 100)`.
fn length(argument: &mut Argument, entry: &Entry, errors: &Errors) {
    if let Some(list) = entry.list(errors) {
        for entry in &list.entries {
            keys!(entry, "length(..)", errors;
                "min" => once(&mut argument.min_length, entry.expr(errors), entry, errors),
                "max" => once(&mut argument.max_length, entry.expr(errors), entry, errors),
                "equal" => {
                    once(&mut argument.min_length, entry.expr(errors), entry, errors);
                    argument.max_length.clone_from(&argument.min_length);
                },
            );
        }
        return;
    }
    let Some(value) = entry.expr(errors) else { return };
    let Some((start, end, exclusive)) = ends(&value) else {
        errors.on(value, "`length` takes a range of lengths: write `length = 1..=100`");
        return;
    };
    let end = end.map(|end| if exclusive { below(end) } else { end });
    once_if_some(&mut argument.min_length, start, entry, errors);
    once_if_some(&mut argument.max_length, end, entry, errors);
}

/// Returns the greatest length below this one.
fn below(length: Expr) -> Expr {
    match length {
        Expr::Lit(_) | Expr::Path(_) => syn::parse_quote!(#length - 1),
        _ => syn::parse_quote!((#length) - 1),
    }
}

fn once_if_some<T>(slot: &mut Option<T>, value: Option<T>, entry: &Entry, errors: &Errors) {
    if value.is_some() {
        once(slot, value, entry, errors);
    }
}

/// Returns both ends of a range that has at least one, and whether it stops before the second.
fn ends(value: &Expr) -> Option<(Option<Expr>, Option<Expr>, bool)> {
    let Expr::Range(range) = ungroup(value) else { return None };
    let start = range.start.as_deref().cloned();
    let end = range.end.as_deref().cloned();
    (start.is_some() || end.is_some()).then_some((start, end, matches!(range.limits, RangeLimits::HalfOpen(_))))
}
