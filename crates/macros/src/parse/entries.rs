//! The grammar that all attributes share: `("text", key, key = value, key(..))`.

use proc_macro2::{Ident, Span, TokenStream};
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream, Parser};
use syn::{Attribute, Expr, ExprArray, ExprLit, ExprPath, Lit, LitStr, Meta, Token, parenthesized};

use crate::errors::Errors;

/// What stands between an attribute's parentheses.
#[derive(Default)]
pub(crate) struct Entries {
    /// The string literal that may come first.
    pub(crate) text: Option<LitStr>,
    pub(crate) entries: Vec<Entry>,
}

/// One `key`, `key = value` or `key(..)`.
pub(crate) struct Entry {
    pub(crate) key: Ident,
    value: Value,
}

enum Value {
    Flag,
    Is(Expr),
    List(TokenStream),
}

impl Entries {
    /// Reads the tokens between the parentheses.
    pub(crate) fn parse(tokens: TokenStream, errors: &Errors) -> Self {
        errors.ok(Self::from_stream.parse2(tokens)).unwrap_or_default()
    }

    /// Reads what an attribute of an item or a parameter says.
    pub(crate) fn of(attribute: &Attribute, errors: &Errors) -> Self {
        match &attribute.meta {
            Meta::Path(_) => Self::default(),
            Meta::List(list) => Self::parse(list.tokens.clone(), errors),
            Meta::NameValue(pair) => {
                let (path, value) = (pair.path.to_token_stream(), pair.value.to_token_stream());
                errors.on(pair, format_args!("write `#[{path}({value})]`"));
                Self::default()
            }
        }
    }

    fn from_stream(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut read = Self::default();
        if input.peek(LitStr) {
            read.text = Some(input.parse()?);
            separator(input)?;
        }
        while !input.is_empty() {
            read.entries.push(input.parse()?);
            separator(input)?;
        }
        Ok(read)
    }
}

/// Reads the comma after an entry; a semicolon will do.
fn separator(input: ParseStream<'_>) -> syn::Result<()> {
    if input.is_empty()
        || input.parse::<Option<Token![,]>>()?.is_some()
        || input.parse::<Option<Token![;]>>()?.is_some()
    {
        Ok(())
    } else {
        Err(input.error("expected a comma"))
    }
}

impl Parse for Entry {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        if !input.peek(Ident::peek_any) {
            return Err(input.error("expected a key, as in `name = \"…\"`"));
        }
        let key = input.call(Ident::parse_any)?;
        let value = if input.peek(Token![=]) {
            input.parse::<Token![=]>()?;
            if input.is_empty() || input.peek(Token![,]) {
                return Err(syn::Error::new_spanned(&key, format!("`{key}` has no value after the `=`")));
            }
            Value::Is(input.parse()?)
        } else if input.peek(syn::token::Paren) {
            let content;
            parenthesized!(content in input);
            Value::List(content.parse()?)
        } else if input.is_empty() || input.peek(Token![,]) || input.peek(Token![;]) {
            Value::Flag
        } else {
            return Err(input.error(format!("expected `=` after `{key}`")));
        };
        Ok(Self { key, value })
    }
}

impl Entry {
    /// Returns the value of `key = value`.
    pub(crate) fn expr(&self, errors: &Errors) -> Option<Expr> {
        match &self.value {
            Value::Is(value) => Some(ungroup(value).clone()),
            Value::Flag | Value::List(_) => {
                errors.on(&self.key, format_args!("`{0}` takes a value: write `{0} = …`", self.key));
                None
            }
        }
    }

    /// Returns the value of `key = value`, or `None` for a bare `key`.
    pub(crate) fn optional_expr(&self, errors: &Errors) -> Option<Option<Expr>> {
        if let Value::Flag = self.value { Some(None) } else { self.expr(errors).map(Some) }
    }

    /// Returns the value of `key = "text"`.
    pub(crate) fn string(&self, errors: &Errors) -> Option<LitStr> {
        if let Value::Is(value) = &self.value
            && let Some(text) = string_literal(value)
        {
            return Some(text.clone());
        }
        let place =
            if let Value::Is(value) = &self.value { value.to_token_stream() } else { self.key.to_token_stream() };
        errors.on(place, format_args!("`{0}` takes a string literal: write `{0} = \"…\"`", self.key));
        None
    }

    /// Returns true for a bare `key` and the value of `key = true` or `key = false`.
    pub(crate) fn switch(&self, errors: &Errors) -> Option<bool> {
        match &self.value {
            Value::Flag => Some(true),
            Value::Is(Expr::Lit(ExprLit { lit: Lit::Bool(switch), .. })) => Some(switch.value),
            Value::Is(value) => {
                errors.on(value, format_args!("`{0}` is switched on or off: write `{0}` or `{0} = false`", self.key));
                None
            }
            Value::List(_) => {
                errors
                    .on(&self.key, format_args!("`{0}` is switched on or off: write `{0}` or `{0} = false`", self.key));
                None
            }
        }
    }

    /// Checks that nothing follows the key.
    pub(crate) fn marker(&self, errors: &Errors) -> Option<Span> {
        if let Value::Flag = self.value {
            return Some(self.key.span());
        }
        errors.on(&self.key, format_args!("`{0}` takes no value: write `{0}`", self.key));
        None
    }

    /// Returns the values of `key = [value, …]`.
    pub(crate) fn exprs(&self, errors: &Errors) -> Option<Vec<Expr>> {
        match &self.value {
            Value::Is(Expr::Array(ExprArray { elems, .. })) => Some(elems.iter().cloned().collect()),
            _ => {
                errors.on(&self.key, format_args!("`{0}` takes a list: write `{0} = [..]`", self.key));
                None
            }
        }
    }

    /// Returns the path of `key = path`.
    pub(crate) fn path(&self, errors: &Errors) -> Option<syn::Path> {
        match &self.value {
            Value::Is(Expr::Path(ExprPath { qself: None, path, .. })) => Some(path.clone()),
            _ => {
                errors.on(&self.key, format_args!("`{0}` takes a path: write `{0} = ::some::path`", self.key));
                None
            }
        }
    }

    /// Returns what stands in the parentheses of `key(..)`.
    pub(crate) fn tokens(&self) -> Option<TokenStream> {
        if let Value::List(tokens) = &self.value { Some(tokens.clone()) } else { None }
    }

    /// Returns the entries of `key(..)`, or `None` if the key is not followed by parentheses.
    pub(crate) fn list(&self, errors: &Errors) -> Option<Entries> {
        if let Value::List(tokens) = &self.value { Some(Entries::parse(tokens.clone(), errors)) } else { None }
    }
}

/// Keeps the first value of a key and reports a second one.
pub(crate) fn once<T>(slot: &mut Option<T>, value: Option<T>, entry: &Entry, errors: &Errors) {
    if slot.is_some() {
        errors.on(&entry.key, format_args!("`{}` is given twice", entry.key));
    } else {
        *slot = value;
    }
}

/// Returns the literal if the expression is a string.
pub(crate) fn string_literal(expr: &Expr) -> Option<&LitStr> {
    if let Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) = ungroup(expr) { Some(text) } else { None }
}

/// Looks through the invisible parentheses that `macro_rules!` puts around an expression.
pub(crate) fn ungroup(mut expr: &Expr) -> &Expr {
    while let Expr::Group(group) = expr {
        expr = &group.expr;
    }
    expr
}

/// Runs the arm of an entry's key; a key without an arm is an error that names those with one.
macro_rules! keys {
    ($entry:expr, $attribute:expr, $errors:expr; $($key:literal => $arm:expr,)*) => {
        match $entry.key.to_string().as_str() {
            $($key => $arm,)*
            _ => $errors.unknown_key(&$entry.key, $attribute, &[$($key),*]),
        }
    };
}
pub(crate) use keys;
