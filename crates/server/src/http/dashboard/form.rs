//! Forms that are made of JSON Schemas, and what is submitted with them.

use serde_json::{Map, Value};

use super::html::Html;

/// How many fields are read of what is submitted.
const FIELDS: usize = 1000;

/// How many references are followed to a schema.
const REFERENCES: usize = 8;

/// The name of the field for arguments of which the schema names none.
const ALL: &str = "arguments";

/// One argument, as it is asked for.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Field {
    /// None if it stands for all arguments.
    name: Option<String>,
    title: Option<String>,
    description: Option<String>,
    default: Option<Value>,
    required: bool,
    kind: Kind,
}

#[derive(Debug, Clone, PartialEq)]
enum Kind {
    Text { long: bool },
    Number { integer: bool, minimum: Option<f64>, maximum: Option<f64> },
    Choice(Vec<Value>),
    Json,
}

/// What was submitted, in order.
#[derive(Debug, Default)]
pub(super) struct Submitted(Vec<(String, String)>);

/// Why a field could not be read.
#[derive(Debug, PartialEq)]
pub(super) struct Fault {
    at: usize,
    pub(super) name: String,
    pub(super) reason: String,
}

impl Submitted {
    /// Reads `a=b&c=d`; none if there are too many fields or it is not text.
    pub(super) fn read(encoded: &[u8]) -> Option<Self> {
        let pairs = encoded.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty());
        let fields = pairs.map(|pair| {
            let at = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
            Some((decoded(&pair[..at])?, decoded(pair.get(at + 1..).unwrap_or_default())?))
        });
        let fields: Vec<_> = fields.take(FIELDS + 1).collect::<Option<_>>()?;
        (fields.len() <= FIELDS).then_some(Self(fields))
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| &**value)
    }

    /// Returns what was submitted for an argument. Line ends are as browsers write them.
    fn argument(&self, field: &Field) -> Option<&str> {
        self.0.iter().find(|(known, _)| field.is_called(known)).map(|(_, value)| &**value)
    }
}

fn decoded(text: &[u8]) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.iter();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => out.push(b' '),
            b'%' => {
                let digit = |byte: Option<&u8>| byte.and_then(|byte| char::from(*byte).to_digit(16));
                let value = digit(rest.next())? * 16 + digit(rest.next())?;
                out.push(u8::try_from(value).ok()?);
            }
            other => out.push(*other),
        }
    }
    String::from_utf8(out).ok()
}

/// Returns a field for each argument; one for all of them if the schema names none but allows some.
pub(super) fn fields(schema: &Map<String, Value>) -> Vec<Field> {
    let required: Vec<_> = schema.get("required").and_then(Value::as_array).into_iter().flatten().collect();
    let Some(properties) = schema.get("properties").and_then(Value::as_object).filter(|known| !known.is_empty()) else {
        let allows_some = schema.get("additionalProperties") != Some(&Value::Bool(false))
            && (schema.len() > 1 || schema.contains_key("additionalProperties"));
        let all =
            Field { name: None, title: None, description: None, default: None, required: false, kind: Kind::Json };
        return if allows_some { vec![all] } else { Vec::new() };
    };
    let mut fields: Vec<_> = properties
        .iter()
        .map(|(name, property)| {
            let is_required = required.iter().any(|known| *known == name);
            Field::new(name, property, schema, is_required)
        })
        .collect();
    fields.sort_by_key(|field| !field.required);
    fields
}

/// Returns the fields of a prompt, of which all arguments are texts.
pub(super) fn text(name: &str, title: Option<&str>, description: Option<&str>, required: bool) -> Field {
    let (name, title) = (Some(name.to_owned()), title.map(str::to_owned));
    Field {
        name,
        title,
        description: description.map(str::to_owned),
        default: None,
        required,
        kind: Kind::Text { long: true },
    }
}

impl Field {
    fn new(name: &str, property: &Value, root: &Map<String, Value>, required: bool) -> Self {
        let (plain, is_nullable) = plain(property, root);
        let told = |key| {
            let own = property.get(key).or_else(|| plain.get(key));
            own.and_then(Value::as_str).map(str::to_owned)
        };
        let kind = kind(plain, is_nullable || !required);
        let (title, description) = (told("title"), told("description"));
        let default = property.get("default").filter(|default| !default.is_null()).cloned();
        Self { name: Some(name.to_owned()), title, description, default, required, kind }
    }

    /// Sets what is filled in to begin with.
    pub(super) fn with_default(mut self, text: &str) -> Self {
        self.default = Some(text.into());
        self
    }

    fn label(&self) -> &str {
        self.name.as_deref().unwrap_or("Arguments")
    }

    fn is_called(&self, field: &str) -> bool {
        match &self.name {
            Some(name) => field.strip_prefix("arg.").is_some_and(|known| known == name),
            None => field == ALL,
        }
    }

    /// Returns what a text stands for; none if nothing was filled in.
    fn value(&self, text: &str) -> Result<Option<Value>, String> {
        let is_empty = text.trim().is_empty();
        match &self.kind {
            Kind::Text { .. } if text.is_empty() && !self.required => Ok(None),
            Kind::Text { .. } => Ok(Some(Value::from(text.replace("\r\n", "\n")))),
            _ if is_empty && self.required => Err("is required".to_owned()),
            _ if is_empty => Ok(None),
            Kind::Number { integer, .. } => {
                let number = serde_json::from_str(text.trim()).ok().filter(Value::is_number);
                let number = number.filter(|number| !integer || !number.is_f64());
                let wanted = if *integer { "is not a whole number" } else { "is not a number" };
                number.map(Some).ok_or_else(|| wanted.to_owned())
            }
            Kind::Choice(choices) => {
                let value = serde_json::from_str(text).ok().filter(|value| choices.contains(value));
                value.map(Some).ok_or_else(|| "is none of the choices".to_owned())
            }
            Kind::Json => serde_json::from_str(text).map(Some).map_err(|error| format!("is not JSON: {error}")),
        }
    }
}

/// Returns a schema without references and without the alternative `null`, and whether there was that.
fn plain<'a>(property: &'a Value, root: &'a Map<String, Value>) -> (&'a Value, bool) {
    let (mut plain, mut is_nullable) = (property, false);
    for _ in 0..REFERENCES {
        let is_null = |part: &Value| part.get("type").and_then(Value::as_str) == Some("null");
        let parts = plain.get("anyOf").or_else(|| plain.get("oneOf")).or_else(|| plain.get("allOf"));
        if let Some(name) = plain.get("$ref").and_then(Value::as_str) {
            let found = name.strip_prefix("#/$defs/").and_then(|name| root.get("$defs")?.get(name));
            match found {
                Some(found) => plain = found,
                None => break,
            }
        } else if let Some(parts) = parts.and_then(Value::as_array) {
            is_nullable |= parts.iter().any(is_null);
            let others: Vec<_> = parts.iter().filter(|part| !is_null(part)).collect();
            match others[..] {
                [only] => plain = only,
                _ => break,
            }
        } else {
            break;
        }
    }
    (plain, is_nullable)
}

fn kind(schema: &Value, may_be_left_out: bool) -> Kind {
    let constants = |parts: &Value| {
        let parts = parts.as_array()?.iter();
        parts.map(|part| part.get("const").cloned()).collect::<Option<Vec<_>>>()
    };
    let choices = schema.get("enum").and_then(Value::as_array).cloned();
    let choices = choices.or_else(|| schema.get("const").map(|only| vec![only.clone()]));
    let choices = choices.or_else(|| schema.get("oneOf").or_else(|| schema.get("anyOf")).and_then(constants));
    if let Some(choices) = choices {
        return Kind::Choice(choices.into_iter().filter(|choice| !(choice.is_null() && may_be_left_out)).collect());
    }
    let types: Vec<_> = match schema.get("type") {
        Some(Value::String(one)) => vec![&**one],
        Some(Value::Array(several)) => {
            several.iter().filter_map(Value::as_str).filter(|name| *name != "null").collect()
        }
        _ => Vec::new(),
    };
    let number = |name: &str| schema.get(name).and_then(Value::as_f64);
    let bounds = (number("minimum"), number("maximum"));
    match types[..] {
        ["string"] => {
            let longest = schema.get("maxLength").and_then(Value::as_u64).unwrap_or(u64::MAX);
            Kind::Text { long: longest > 200 && schema.get("format").is_none() && schema.get("pattern").is_none() }
        }
        ["integer"] => Kind::Number { integer: true, minimum: bounds.0, maximum: bounds.1 },
        ["number"] => Kind::Number { integer: false, minimum: bounds.0, maximum: bounds.1 },
        ["boolean"] => Kind::Choice(vec![Value::Bool(true), Value::Bool(false)]),
        _ => Kind::Json,
    }
}

/// Reads the arguments that were submitted.
pub(super) fn arguments(fields: &[Field], submitted: &Submitted) -> Result<Map<String, Value>, Vec<Fault>> {
    let (mut arguments, mut faults) = (Map::new(), Vec::new());
    for (at, field) in fields.iter().enumerate() {
        let fault = |reason| Fault { at, name: field.label().to_owned(), reason };
        match (field.value(submitted.argument(field).unwrap_or_default()), &field.name) {
            (Ok(None), _) => {}
            (Ok(Some(value)), Some(name)) => _ = arguments.insert(name.clone(), value),
            (Ok(Some(Value::Object(all))), None) => arguments.extend(all),
            (Ok(Some(_)), None) => faults.push(fault("is not a JSON object".to_owned())),
            (Err(reason), _) => faults.push(fault(reason)),
        }
    }
    if faults.is_empty() { Ok(arguments) } else { Err(faults) }
}

/// Writes the fields, with what was submitted, or else with the defaults.
pub(super) fn write(html: &mut Html, fields: &[Field], submitted: Option<&Submitted>, faults: &[Fault]) {
    for (at, field) in fields.iter().enumerate() {
        let fault = faults.iter().find(|fault| fault.at == at);
        let value = match (submitted, &field.default) {
            (Some(submitted), _) => submitted.argument(field).unwrap_or_default().to_owned(),
            (None, Some(Value::String(default))) if matches!(field.kind, Kind::Text { .. }) => default.clone(),
            (None, default) => default.as_ref().map(Value::to_string).unwrap_or_default(),
        };
        html.raw("<div class=\"field\"><label for=\"arg-").text(at).raw("\"><span class=\"mono\">");
        html.text(field.label()).raw("</span>");
        if let Some(title) = field.title.as_ref().filter(|title| Some(*title) != field.name.as_ref()) {
            html.raw(" <span class=\"title\">").text(title).raw("</span>");
        }
        let kind = match &field.kind {
            Kind::Text { .. } => "text",
            Kind::Number { integer: true, .. } => "whole number",
            Kind::Number { .. } => "number",
            Kind::Choice(_) => "choice",
            Kind::Json => "JSON",
        };
        let need = if field.required { "required" } else { "optional" };
        html.raw(" <span class=\"note\">").text(kind).raw(", ").text(need).raw("</span></label>");
        if let Some(description) = &field.description {
            html.raw("<p class=\"hint\" id=\"hint-").text(at).raw("\">").text(description).raw("</p>");
        }
        field.write_control(html, at, &value, fault.is_some());
        if let Some(fault) = fault {
            html.raw("<p class=\"fault\" id=\"fault-").text(at).raw("\">").text(&fault.name).raw(" ");
            html.text(&fault.reason).raw("</p>");
        }
        html.raw("</div>");
    }
}

impl Field {
    fn write_control(&self, html: &mut Html, at: usize, value: &str, is_wrong: bool) {
        let attributes = |html: &mut Html| {
            html.raw(" id=\"arg-").text(at).raw("\" name=\"");
            match &self.name {
                Some(name) => html.raw("arg.").text(name),
                None => html.raw(ALL),
            };
            html.raw("\"");
            if is_wrong {
                html.raw(" aria-invalid=\"true\"");
            }
            if self.description.is_some() || is_wrong {
                html.raw(" aria-describedby=\"hint-").text(at).raw(" fault-").text(at).raw("\"");
            }
            // A text may be empty, and that of JSON is held against more than whether it is there.
            if self.required && !matches!(self.kind, Kind::Text { .. }) {
                html.raw(" required");
            }
        };
        match &self.kind {
            Kind::Text { long: false } => {
                html.raw("<input type=\"text\" autocomplete=\"off\" spellcheck=\"false\"");
                attributes(html);
                html.raw(" value=\"").text(value).raw("\">");
            }
            Kind::Number { integer, minimum, maximum } => {
                html.raw("<input type=\"number\" autocomplete=\"off\"");
                attributes(html);
                html.raw(if *integer { " step=\"1\"" } else { " step=\"any\"" });
                if let Some(minimum) = minimum {
                    html.raw(" min=\"").text(minimum).raw("\"");
                }
                if let Some(maximum) = maximum {
                    html.raw(" max=\"").text(maximum).raw("\"");
                }
                html.raw(" value=\"").text(value).raw("\">");
            }
            Kind::Choice(choices) => {
                html.raw("<select");
                attributes(html);
                html.raw("><option value=\"\">—</option>");
                for choice in choices {
                    let written = choice.to_string();
                    html.raw("<option value=\"").text(&written).raw("\"");
                    if written == value {
                        html.raw(" selected");
                    }
                    html.raw(">").text(choice.as_str().unwrap_or(&written)).raw("</option>");
                }
                html.raw("</select>");
            }
            Kind::Text { .. } | Kind::Json => {
                html.raw("<textarea autocomplete=\"off\" spellcheck=\"false\" rows=\"");
                html.raw(if self.kind == Kind::Json { "3\" class=\"mono\"" } else { "1\"" });
                attributes(html);
                // The first line end of the content is not a part of it.
                html.raw(">\n").text(value).raw("</textarea>");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn schema() -> Map<String, Value> {
        let schema = json!({
            "type": "object",
            "required": ["title", "count", "color"],
            "properties": {
                "title": {"type": "string", "description": "What it is called."},
                "note": {"type": ["string", "null"], "maxLength": 20},
                "count": {"type": "integer", "minimum": 1},
                "ratio": {"type": "number", "default": 0.5},
                "on": {"anyOf": [{"type": "boolean"}, {"type": "null"}]},
                "color": {"$ref": "#/$defs/Color"},
                "tags": {"type": "array", "items": {"type": "string"}},
            },
            "$defs": {"Color": {"oneOf": [{"const": "red"}, {"const": "green"}]}},
        });
        schema.as_object().unwrap().clone()
    }

    #[track_caller]
    fn check(submitted: &str, expected: Value) {
        let read = arguments(&fields(&schema()), &Submitted::read(submitted.as_bytes()).unwrap());
        assert_eq!(Value::Object(read.unwrap()), expected);
    }

    #[track_caller]
    fn refuse(submitted: &str, name: &str, reason: &str) {
        let submitted = format!("arg.title=t&arg.count=1&arg.color=%22red%22&{submitted}");
        let read = Submitted::read(submitted.as_bytes()).unwrap();
        let pairs = read.0.into_iter().rev().collect();
        let faults = arguments(&fields(&schema()), &Submitted(pairs)).unwrap_err();
        assert_eq!((&*faults[0].name, &*faults[0].reason, faults.len()), (name, reason, 1));
    }

    #[test]
    fn what_is_submitted_becomes_arguments() {
        check(
            "arg.title=a+b%26c&arg.count=2&arg.color=%22red%22&arg.note=&arg.ratio=&arg.on=&arg.tags=",
            json!({"title": "a b&c", "count": 2, "color": "red"}),
        );
        check(
            "arg.title=&arg.count=+3&arg.color=%22green%22&arg.note=n&arg.ratio=1e3&arg.on=false&arg.tags=%5B%22x%22%5D",
            json!({"title": "", "count": 3, "color": "green", "note": "n", "ratio": 1e3, "on": false, "tags": ["x"]}),
        );
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        refuse("arg.count=1.5", "count", "is not a whole number");
        refuse("arg.count=", "count", "is required");
        refuse("arg.ratio=much", "ratio", "is not a number");
        refuse("arg.color=%22blue%22", "color", "is none of the choices");
        refuse("arg.tags=%5B", "tags", "is not JSON: EOF while parsing a list at line 1 column 1");
        assert!(Submitted::read(b"a=%ff").is_none() && Submitted::read(b"a=%4").is_none());
        assert!(Submitted::read("a=1&".repeat(FIELDS + 1).as_bytes()).is_none());
    }

    #[test]
    fn arguments_of_which_nothing_is_known_are_one_object() {
        let any = json!({"type": "object", "additionalProperties": true});
        let any = fields(any.as_object().unwrap());
        let read = |text: &str| arguments(&any, &Submitted::read(text.as_bytes()).unwrap());
        assert_eq!(Value::Object(read("arguments=%7B%22a%22:1%7D").unwrap()), json!({"a": 1}));
        assert_eq!(read("arguments=1").unwrap_err()[0].reason, "is not a JSON object");
        assert!(fields(json!({"type": "object"}).as_object().unwrap()).is_empty());
    }

    #[test]
    fn the_fields_are_those_of_the_schema() {
        let mut html = Html::default();
        write(&mut html, &fields(&schema()), None, &[]);
        let html = html.into_string();
        for part in [
            r#"<textarea autocomplete="off" spellcheck="false" rows="1" id="arg-2" name="arg.title""#,
            r#"<input type="number" autocomplete="off" id="arg-1" name="arg.count" required step="1" min="1""#,
            r#"<option value="&quot;red&quot;">red</option>"#,
            r#"name="arg.ratio" step="any" value="0.5""#,
            r#"<option value="true">true</option><option value="false">false</option>"#,
            r#"class="mono" id="arg-6" name="arg.tags">"#,
            "What it is called.",
        ] {
            assert!(html.contains(part), "{part} is not in {html}");
        }
    }
}
