//! How much work it is to check a value against a schema that refers to itself.

use std::collections::HashMap;

use serde_json::{Map, Value};

use crate::bounds::{Excess, find_anchors, target};

/// The most schemas that are applied to a value and all that is in it.
const MAX_APPLIED: u64 = 1_000_000;

/// The most schemas that are applied to one place, one because of another.
const MAX_CHAIN: usize = 256;

/// Counts, before a value is checked, what checking it takes.
///
/// A schema that comes back to itself along several ways multiplies its work with each level of the value, so that a
/// small value may keep a processor busy for ever. Counting takes only as long as there are pairs of a schema and a place.
#[derive(Debug)]
pub(crate) struct Effort {
    schema: Value,
}

impl Effort {
    /// Looks at a schema; none if it does not refer to itself.
    pub(crate) fn of(schema: &Value) -> Result<Option<Self>, Excess> {
        let mut anchors = HashMap::new();
        find_anchors(schema, &mut anchors);
        let mut visit = Visit { root: schema, anchors, seen: HashMap::new(), here: Vec::new(), is_recursive: false };
        visit.schema(schema)?;
        Ok(visit.is_recursive.then(|| Self { schema: schema.clone() }))
    }

    pub(crate) fn is_affordable(&self, value: &Value) -> bool {
        let mut anchors = HashMap::new();
        find_anchors(&self.schema, &mut anchors);
        let mut count = Count { root: &self.schema, anchors, known: HashMap::new() };
        count.of(&self.schema, value, 0).is_some_and(|applied| applied <= MAX_APPLIED)
    }
}

/// To which place of a value the schemas under a keyword apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Applies {
    /// The same.
    Here,
    /// Some that are within.
    Within,
    Nowhere,
}

fn applies(keyword: &str) -> Applies {
    match keyword {
        "allOf" | "anyOf" | "oneOf" | "not" | "if" | "then" | "else" | "dependentSchemas" | "dependencies" => {
            Applies::Here
        }
        "additionalItems"
        | "additionalProperties"
        | "contains"
        | "items"
        | "patternProperties"
        | "prefixItems"
        | "properties"
        | "unevaluatedItems"
        | "unevaluatedProperties" => Applies::Within,
        _ => Applies::Nowhere,
    }
}

fn schemas(value: &Value) -> Box<dyn Iterator<Item = &Value> + '_> {
    match value {
        Value::Array(list) => Box::new(list.iter()),
        schema => Box::new(std::iter::once(schema)),
    }
}

/// The schemas under a keyword, whether they are named or not.
fn under<'a>(keyword: &str, value: &'a Value) -> Box<dyn Iterator<Item = &'a Value> + 'a> {
    match (keyword, value) {
        ("properties" | "patternProperties" | "dependentSchemas" | "dependencies", Value::Object(named)) => {
            Box::new(named.values())
        }
        (_, value) => schemas(value),
    }
}

fn references(schema: &Map<String, Value>) -> impl Iterator<Item = &str> {
    ["$ref", "$dynamicRef", "$recursiveRef"].into_iter().filter_map(|keyword| schema.get(keyword)?.as_str())
}

/// Finds whether a schema refers to itself, and refuses one that does so without going further into the value.
struct Visit<'a> {
    root: &'a Value,
    anchors: HashMap<&'a str, &'a Value>,
    /// The schemas that were looked at; false while they are.
    seen: HashMap<*const Value, bool>,
    /// Those that led here without going further into the value.
    here: Vec<*const Value>,
    is_recursive: bool,
}

impl<'a> Visit<'a> {
    fn schema(&mut self, schema: &'a Value) -> Result<(), Excess> {
        let Value::Object(members) = schema else { return Ok(()) };
        let key = std::ptr::from_ref(schema);
        match self.seen.get(&key) {
            Some(true) => return Ok(()),
            Some(false) if self.here.contains(&key) => return Err(Excess::Work),
            Some(false) => {
                self.is_recursive = true;
                return Ok(());
            }
            None => {}
        }
        self.seen.insert(key, false);
        self.here.push(key);
        for (keyword, value) in members.iter().filter(|(keyword, _)| applies(keyword) == Applies::Here) {
            under(keyword, value).try_for_each(|schema| self.schema(schema))?;
        }
        for reference in references(members) {
            match target(self.root, &self.anchors, reference) {
                Some(schema) => self.schema(schema)?,
                // What is not followed here may lead anywhere.
                None => self.is_recursive = true,
            }
        }
        let outer = std::mem::take(&mut self.here);
        for (keyword, value) in members.iter().filter(|(keyword, _)| applies(keyword) == Applies::Within) {
            under(keyword, value).try_for_each(|schema| self.schema(schema))?;
        }
        self.here = outer;
        self.here.pop();
        self.seen.insert(key, true);
        Ok(())
    }
}

struct Count<'a> {
    root: &'a Value,
    anchors: HashMap<&'a str, &'a Value>,
    known: HashMap<(*const Value, *const Value), u64>,
}

impl<'a> Count<'a> {
    /// Returns how many schemas are applied; none if they are too many to count.
    fn of(&mut self, schema: &'a Value, value: &Value, chain: usize) -> Option<u64> {
        let Value::Object(members) = schema else { return Some(1) };
        if chain > MAX_CHAIN {
            return None;
        }
        let key = (std::ptr::from_ref(schema), std::ptr::from_ref(value));
        if let Some(known) = self.known.get(&key) {
            return Some(*known);
        }
        let mut here = 1_u64;
        for (keyword, subschemas) in members.iter().filter(|(keyword, _)| applies(keyword) == Applies::Here) {
            for subschema in under(keyword, subschemas) {
                here = here.checked_add(self.of(subschema, value, chain + 1)?)?;
            }
        }
        for reference in references(members) {
            let schema = target(self.root, &self.anchors, reference).unwrap_or(self.root);
            here = here.checked_add(self.of(schema, value, chain + 1)?)?;
        }
        // What is left over is found by applying the others once more.
        if members.contains_key("unevaluatedItems") || members.contains_key("unevaluatedProperties") {
            here = here.checked_mul(2)?;
        }
        for (keyword, subschemas) in members.iter().filter(|(keyword, _)| applies(keyword) == Applies::Within) {
            here = here.checked_add(self.within(keyword, subschemas, value)?)?;
        }
        if here > MAX_APPLIED {
            return None;
        }
        self.known.insert(key, here);
        Some(here)
    }

    fn within(&mut self, keyword: &str, subschemas: &'a Value, value: &Value) -> Option<u64> {
        let mut sum = 0_u64;
        match (keyword, subschemas, value) {
            ("properties", Value::Object(named), Value::Object(members)) => {
                for (name, subschema) in named {
                    if let Some(member) = members.get(name) {
                        sum = sum.checked_add(self.of(subschema, member, 0)?)?;
                    }
                }
            }
            ("patternProperties" | "additionalProperties" | "unevaluatedProperties", _, Value::Object(members)) => {
                for subschema in under(keyword, subschemas) {
                    for member in members.values() {
                        sum = sum.checked_add(self.of(subschema, member, 0)?)?;
                    }
                }
            }
            ("prefixItems" | "items", Value::Array(list), Value::Array(items)) => {
                for (subschema, item) in list.iter().zip(items) {
                    sum = sum.checked_add(self.of(subschema, item, 0)?)?;
                }
            }
            ("items" | "additionalItems" | "contains" | "unevaluatedItems", subschema, Value::Array(items)) => {
                for item in items {
                    sum = sum.checked_add(self.of(subschema, item, 0)?)?;
                }
            }
            _ => {}
        }
        Some(sum)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn nested(levels: usize) -> Value {
        (0..levels).fold(json!([]), |inner, _| json!([inner]))
    }

    #[test]
    fn defence_18_ways_back_that_multiply_with_each_level_are_counted() {
        let again = json!({"items": {"$ref": "#"}});
        for keyword in ["anyOf", "allOf", "oneOf"] {
            let effort = Effort::of(&json!({keyword: [again, again]})).unwrap().unwrap();
            assert!(effort.is_affordable(&nested(5)), "{keyword}");
            assert!(!effort.is_affordable(&nested(100)), "{keyword}");
        }
        let once = Effort::of(&again).unwrap().unwrap();
        assert!(once.is_affordable(&nested(120)));
        assert!(once.is_affordable(&Value::Array(vec![nested(3); 1000])));
    }

    #[test]
    fn defence_18_a_schema_that_leads_back_without_going_further_is_refused() {
        for schema in [
            json!({"$ref": "#"}),
            json!({"allOf": [{"$ref": "#"}]}),
            json!({"items": {"$ref": "#/$defs/a"}, "$defs": {"a": {"anyOf": [{"not": {"$ref": "#/$defs/a"}}]}}}),
            json!({"$anchor": "a", "if": {"$ref": "#a"}}),
        ] {
            assert_eq!(Effort::of(&schema).map(drop), Err(Excess::Work), "{schema}");
        }
        let through_a_member = json!({"allOf": [{"properties": {"a": {"$ref": "#"}}}, {"items": {"$ref": "#"}}]});
        assert!(Effort::of(&through_a_member).unwrap().is_some());
    }

    #[test]
    fn a_schema_that_does_not_refer_to_itself_is_not_counted() {
        let shared =
            json!({"properties": {"a": {"$ref": "#/$defs/x"}, "b": {"$ref": "#/$defs/x"}}, "$defs": {"x": {}}});
        assert!(Effort::of(&shared).unwrap().is_none());
    }
}
