#![expect(clippy::needless_borrow, reason = "the macros ask with as many references as there are answers")]
use std::collections::HashMap;
use std::io;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use turbomcp_protocol::McpError;

use super::tool::probes::*;
use super::tool::{Input, Shape};
use super::*;
use crate::FromContext;

#[derive(Serialize, Deserialize, JsonSchema)]
struct Query {
    text: String,
    limit: Option<u32>,
}

struct Caller;

impl FromContext for Caller {
    fn from_context(_ctx: &Context) -> Result<Self, McpError> {
        Ok(Self)
    }
}

#[derive(Deserialize, JsonSchema)]
struct Both;

impl FromContext for Both {
    fn from_context(_ctx: &Context) -> Result<Self, McpError> {
        Ok(Self)
    }
}

struct Neither;

/// Checks what a probe answers, by the name of the answer.
macro_rules! asks {
    ($ty:ty, $question:ident, $answer:literal) => {
        assert_eq!(format!("{:?}", (&&&&&&&Probe::<$ty>::new()).$question()), $answer, stringify!($ty));
    };
}

#[test]
fn parameters_are_told_apart_by_their_type() {
    type Alias = Context;
    asks!(Context, ask_parameter, "FromRequest");
    asks!(Alias, ask_parameter, "FromRequest");
    asks!(Option<Alias>, ask_parameter, "FromRequest");
    asks!(Caller, ask_parameter, "FromRequest");
    asks!(Both, ask_parameter, "FromRequest");
    asks!(i64, ask_parameter, "FromArguments");
    asks!(Option<i64>, ask_parameter, "FromArguments");
    asks!(Vec<Query>, ask_parameter, "FromArguments");
    asks!(Neither, ask_parameter, "UnfitParameter");
    asks!(Option<Neither>, ask_parameter, "UnfitParameter");
}

#[test]
fn an_attribute_makes_an_argument_of_what_could_also_come_from_the_request() {
    asks!(Both, ask_argument, "FromArguments");
    asks!(Context, ask_argument, "UnfitArgument");
}

#[test]
fn beside_the_whole_of_the_arguments_only_the_request_is_left() {
    asks!(Context, ask_request, "FromRequest");
    asks!(i64, ask_request, "UnfitBesideWhole");
}

#[test]
fn returned_types_are_told_apart_by_what_they_can_do() {
    asks!((), ask_output, "Direct");
    asks!(String, ask_output, "Direct");
    asks!(Result<String, io::Error>, ask_output, "Direct");
    asks!(Result<i64, McpError>, ask_output, "Direct");
    asks!(Query, ask_output, "Structured");
    asks!(Vec<Query>, ask_output, "Structured");
    asks!(Result<Query, io::Error>, ask_output, "Fallible");
    asks!(Result<Query, McpError>, ask_output, "Fallible");
    asks!(Neither, ask_output, "UnfitOutput");
    asks!(Result<Neither, io::Error>, ask_output, "UnfitOutput");
    asks!(Result<Query, Neither>, ask_output, "UnfitError");
    asks!(Result<String, Neither>, ask_output, "UnfitError");
    // Both sides can be serialized, which does not make a value of the result.
    asks!(Result<Query, Query>, ask_output, "UnfitError");
}

fn schema_of(input: Input) -> Map<String, Value> {
    input.finish().1
}

#[test]
fn one_argument_with_declared_properties_is_the_whole_of_the_arguments() {
    let query = (&&&Probe::<Query>::new()).ask_parameter();
    let context = (&&&Probe::<Context>::new()).ask_parameter();
    let input = query.declare(Input::new(&[context.shape(), query.shape()]), "query", Argument::new());
    assert_eq!(json!(schema_of(input))["properties"]["text"]["type"], "string");
}

#[test]
fn one_argument_without_declared_properties_is_a_member() {
    let number = (&&&Probe::<i64>::new()).ask_parameter();
    let input = number.declare(Input::new(&[number.shape()]), "n", Argument::new());
    assert_eq!(json!(schema_of(input))["properties"]["n"]["type"], "integer");

    let map = (&&&Probe::<HashMap<String, i64>>::new()).ask_parameter();
    let input = map.declare(Input::new(&[map.shape()]), "map", Argument::new());
    assert_eq!(json!(schema_of(input))["required"], json!(["map"]));
}

#[test]
fn two_arguments_are_members_whatever_their_types() {
    let query = (&&&Probe::<Query>::new()).ask_parameter();
    let number = (&&&Probe::<i64>::new()).ask_parameter();
    let input = Input::new(&[query.shape(), number.shape()]);
    let input = number.declare(query.declare(input, "query", Argument::new()), "n", Argument::new());
    assert_eq!(json!(schema_of(input))["required"], json!(["query", "n"]));
}

#[test]
fn an_attribute_keeps_one_argument_a_member_or_makes_it_the_whole() {
    let query = (&&&Probe::<Query>::new()).ask_parameter();
    let input = query.declare(Input::new(&[Shape::Member]), "query", Argument::new());
    assert_eq!(json!(schema_of(input))["required"], json!(["query"]));

    let map = (&&&Probe::<HashMap<String, i64>>::new()).ask_parameter();
    let context = (&&&Probe::<Context>::new()).ask_parameter();
    let input = map.declare(Input::new(&[Shape::Whole, context.shape()]), "map", Argument::new());
    assert_eq!(json!(schema_of(input))["additionalProperties"]["type"], "integer");
}

#[test]
fn a_default_is_shown_if_it_can_be_written() {
    let shown = (&&DefaultValue(3)).describe(Argument::new());
    let hidden = (&&DefaultValue(Neither)).describe(Argument::new());
    let schema = crate::schema::InputSchema::new().argument::<u8>("shown", shown).argument::<u8>("hidden", hidden);
    let schema = json!(schema.build());
    assert_eq!(schema["properties"]["shown"]["default"], 3);
    assert_eq!(schema["properties"]["hidden"].get("default"), None);
    assert_eq!(schema.get("required"), None);
}
