//! How large a schema may be, and how much work it may ask for.
//!
//! A few definitions that each refer twice to the next ask for work without bound, however small the text is. So what
//! is counted is not only the schema's parts but how many of them are applied to one place in a value, references
//! followed.

use std::collections::HashMap;

use fluent_uri::pct_enc::EStr;
use fluent_uri::pct_enc::encoder::Fragment;
use serde_json::{Map, Value};

use crate::keywords::each_subschema;

/// The deepest nesting of a schema's JSON, which is what `serde_json` reads from a text.
pub(crate) const MAX_DEPTH: usize = 128;

/// The most JSON objects in a schema.
pub(crate) const MAX_OBJECTS: usize = 10_000;

/// The most schemas that lead from one to the next, references followed.
const MAX_CHAIN: usize = 256;

/// The most schemas that are applied to one place of a value and what is below it.
const MAX_APPLIED: u64 = 100_000;

/// The most references that are written in a form this module does not follow.
const MAX_UNFOLLOWED: usize = 32;

/// Why a schema is not compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Excess {
    Depth,
    Objects,
    Work,
}

/// Refuses a schema that is too deep or too large, or that asks for too much work.
pub(crate) fn check(schema: &Value) -> Result<(), Excess> {
    // Without recursion, since the depth is not known to be bounded yet.
    let mut objects = 0;
    let mut open = vec![(schema, 1)];
    while let Some((value, depth)) = open.pop() {
        if depth > MAX_DEPTH {
            return Err(Excess::Depth);
        }
        match value {
            Value::Array(items) => open.extend(items.iter().map(|item| (item, depth + 1))),
            Value::Object(members) => {
                objects += 1;
                if objects > MAX_OBJECTS {
                    return Err(Excess::Objects);
                }
                open.extend(members.values().map(|member| (member, depth + 1)));
            }
            _ => {}
        }
    }
    let mut anchors = HashMap::new();
    find_anchors(schema, &mut anchors);
    Work { root: schema, anchors, known: HashMap::new(), unfollowed: 0 }.of(schema, 0).map(drop)
}

struct Work<'a> {
    root: &'a Value,
    anchors: HashMap<&'a str, &'a Value>,
    /// The work of each schema that was looked at; none while it is being looked at.
    known: HashMap<*const Value, Option<u64>>,
    unfollowed: usize,
}

impl<'a> Work<'a> {
    fn of(&mut self, schema: &'a Value, depth: usize) -> Result<u64, Excess> {
        let Value::Object(members) = schema else { return Ok(1) };
        if depth > MAX_CHAIN {
            return Err(Excess::Work);
        }
        let key = std::ptr::from_ref(schema);
        match self.known.get(&key) {
            Some(Some(work)) => return Ok(*work),
            // A circle: it comes around with a smaller part of the value.
            Some(None) => return Ok(1),
            None => {}
        }
        self.known.insert(key, None);

        let mut subschemas = Vec::new();
        each_subschema(members, |keyword, _, subschema| subschemas.push((keyword, subschema)));
        let mut work = 1_u64;
        // Schemas of one keyword that never meet at one place count as one, the largest.
        let mut apart: HashMap<&str, u64> = HashMap::new();
        for (keyword, subschema) in subschemas {
            let more = self.of(subschema, depth + 1)?;
            match keyword {
                // They are applied only where something refers to them.
                "$defs" | "definitions" => {}
                "properties" | "prefixItems" | "items" => {
                    let most = apart.entry(keyword).or_default();
                    *most = more.max(*most);
                }
                _ => work = work.saturating_add(more),
            }
        }
        work = apart.into_values().fold(work, u64::saturating_add);
        for target in ["$ref", "$dynamicRef", "$recursiveRef"].into_iter().filter_map(|keyword| members.get(keyword)) {
            work = work.saturating_add(self.of_target(target, depth + 1)?);
        }

        if work > MAX_APPLIED {
            return Err(Excess::Work);
        }
        self.known.insert(key, Some(work));
        Ok(work)
    }

    fn of_target(&mut self, reference: &Value, depth: usize) -> Result<u64, Excess> {
        if let Some(schema) = target(self.root, &self.anchors, reference.as_str().unwrap_or_default()) {
            return self.of(schema, depth);
        }
        self.unfollowed += 1;
        if self.unfollowed > MAX_UNFOLLOWED { Err(Excess::Work) } else { Ok(1) }
    }
}

/// Returns the schema of the same document that a reference leads to.
pub(crate) fn target<'a>(root: &'a Value, anchors: &HashMap<&'a str, &'a Value>, reference: &str) -> Option<&'a Value> {
    let id = root.get("$id").and_then(Value::as_str).unwrap_or_default();
    let fragment = reference.strip_prefix(id).unwrap_or(reference).strip_prefix('#')?;
    let fragment = EStr::<Fragment>::new(fragment)?.decode().to_string().ok()?;
    root.pointer(&fragment).or_else(|| anchors.get(&*fragment).copied())
}

pub(crate) fn find_anchors<'a>(schema: &'a Value, anchors: &mut HashMap<&'a str, &'a Value>) {
    let Value::Object(members) = schema else { return };
    let names = ["$anchor", "$dynamicAnchor"].into_iter().filter_map(|keyword| name(members, keyword));
    anchors.extend(names.map(|name| (name, schema)));
    each_subschema(members, |_, _, subschema| find_anchors(subschema, anchors));
}

fn name<'a>(members: &'a Map<String, Value>, keyword: &str) -> Option<&'a str> {
    members.get(keyword).and_then(Value::as_str)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A chain of definitions, each made from a reference to the next one.
    fn chain(length: usize, reference: impl Fn(usize) -> String, link: impl Fn(Value) -> Value) -> Value {
        let mut definitions = Map::new();
        for i in 0..length {
            let mut link = link(json!({"$ref": reference(i + 1)}));
            link["$anchor"] = format!("a{i}").into();
            definitions.insert(format!("a{i}"), link);
        }
        definitions.insert(format!("a{length}"), json!({"$anchor": format!("a{length}"), "type": "string"}));
        json!({"$ref": reference(0), "$defs": definitions})
    }

    fn pointer(i: usize) -> String {
        format!("#/$defs/a{i}")
    }

    #[test]
    fn defence_18_references_that_multiply_are_refused() {
        for link in [
            |next: Value| json!({"allOf": [next, next]}),
            |next: Value| json!({"anyOf": [next, next]}),
            |next: Value| json!({"oneOf": [next, next]}),
            |next: Value| json!({"if": next, "then": next}),
            |next: Value| json!({"allOf": [{"items": next}, {"items": next}]}),
            |next: Value| json!({"allOf": [{"properties": {"a": next}}], "patternProperties": {"a": next}}),
            |next: Value| json!({"patternProperties": {"a": next, "b": next}}),
            |next: Value| json!({"contains": next, "items": next}),
        ] {
            assert_eq!(check(&chain(4, pointer, link)), Ok(()));
            assert_eq!(check(&chain(40, pointer, link)), Err(Excess::Work), "{}", link(json!("next")));
        }
    }

    #[test]
    fn defence_18_other_ways_to_write_a_reference_are_bounded_too() {
        let twice = |next: Value| json!({"allOf": [next, next]});
        assert_eq!(check(&chain(40, |i| format!("#a{i}"), twice)), Err(Excess::Work));
        assert_eq!(check(&chain(40, |i| format!("#/%24defs/a{i}"), twice)), Err(Excess::Work));
        let with_id = |id: &str| {
            let mut schema = chain(40, |i| format!("https://example.com/a#/$defs/a{i}"), twice);
            schema["$id"] = id.into();
            schema
        };
        assert_eq!(check(&with_id("https://example.com/a")), Err(Excess::Work));
        assert_eq!(check(&with_id("https://EXAMPLE.com/a")), Err(Excess::Work));
    }

    #[test]
    fn defence_18_a_long_chain_is_refused() {
        let once = |next: Value| next;
        assert_eq!(check(&chain(100, pointer, once)), Ok(()));
        assert_eq!(check(&chain(5000, pointer, once)), Err(Excess::Work));
    }

    #[test]
    fn definitions_shared_by_many_properties_are_fine() {
        let link = |next: Value| json!({"properties": {"a": next, "b": next, "c": {"items": next}}});
        assert_eq!(check(&chain(40, pointer, link)), Ok(()));
    }

    #[test]
    fn types_that_contain_themselves_are_fine() {
        let variant = |name: &str| json!({"properties": {"kind": {"const": name}, "of": {"$ref": "#/$defs/Expr"}}});
        let variants: Vec<_> = ["a", "b", "c", "d", "e", "f"].into_iter().map(variant).collect();
        assert_eq!(check(&json!({"$ref": "#/$defs/Expr", "$defs": {"Expr": {"oneOf": variants}}})), Ok(()));
        assert_eq!(check(&json!({"properties": {"children": {"items": {"$ref": "#"}}}})), Ok(()));
    }
}
