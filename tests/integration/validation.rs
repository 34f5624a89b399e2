//! Validation beyond the default: F42, F43.

use std::collections::HashMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use turbomcp::prelude::*;
use turbomcp::{SchemaValidator, ValidationConfig};
use turbomcp_tests::Client;

use crate::text;

#[derive(Serialize, Deserialize, JsonSchema)]
struct Account {
    #[schemars(extend("format" = "email"))]
    mail: String,
    age: u8,
}

/// Says that it is a number and is written as a text.
#[derive(JsonSchema)]
#[schemars(transparent)]
struct Liar(#[expect(dead_code, reason = "only its schema is looked at")] u32);

impl Serialize for Liar {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("not a number")
    }
}

#[derive(Serialize, JsonSchema)]
struct Lie {
    number: Liar,
}

struct Accounts;

#[server(name = "accounts")]
impl Accounts {
    /// Opens an account.
    #[tool]
    async fn open(&self, account: Account) -> String {
        account.mail
    }

    /// Returns what its schema does not describe.
    #[tool]
    async fn lie(&self) -> Lie {
        Lie { number: Liar(1) }
    }
}

fn validated(config: ValidationConfig) -> McpServer {
    Accounts.into_builder().with_schema_validation(SchemaValidator::new(config)).unwrap().build()
}

async fn open(server: &McpServer, account: Value) -> Value {
    Client::connect(server).tool("open", account).await
}

fn is_refused(answer: &Value) -> bool {
    answer["result"]["isError"] == true
}

#[tokio::test]
async fn f42_without_a_validator_everything_is_as_the_types_say() {
    let server = Accounts.into_server();
    assert_eq!(text(&open(&server, json!({"mail": "no", "age": 1, "more": 1})).await), "no");
    assert_eq!(text(&open(&validated(ValidationConfig::default()), json!({"mail": "no", "age": 1})).await), "no");
    assert!(Client::connect(&server).tool("lie", json!({})).await["result"]["structuredContent"].is_object());
}

#[tokio::test]
async fn f42_validate_tool_params_tells_all_faults_at_once() {
    let faults = json!({"mail": 1, "age": "x"});
    let plain = open(&Accounts.into_server(), faults.clone()).await;
    let checked = open(&validated(ValidationConfig::default().validate_tool_params(true)), faults).await;
    assert!(is_refused(&plain) && is_refused(&checked));
    assert!(!text(&plain).contains("`age`"), "{plain}");
    assert!(text(&checked).contains("`mail`") && text(&checked).contains("`age`"), "{checked}");
}

#[tokio::test]
async fn f42_validate_responses_catches_a_result_that_its_schema_does_not_describe() {
    let server = validated(ValidationConfig::default().validate_responses(true));
    let answer = Client::connect(&server).tool("lie", json!({})).await;
    assert_eq!(answer["error"], json!({"code": -32603, "message": "internal error"}));
}

#[tokio::test]
async fn f42_strict_mode_refuses_arguments_that_nobody_named_and_says_so_in_the_schema() {
    let server = validated(ValidationConfig::strict());
    let answer = open(&server, json!({"mail": "a@b.example", "age": 1, "more": 1})).await;
    assert!(is_refused(&answer) && text(&answer).contains("`more` is not known here"), "{answer}");
    assert_eq!(text(&open(&server, json!({"mail": "no", "age": 1})).await), "no");
    let listed = Client::connect(&server).modern("tools/list", json!({}), json!({})).await;
    assert_eq!(listed["result"]["tools"][0]["inputSchema"]["additionalProperties"], false);
}

#[tokio::test]
async fn f42_custom_formats_are_asserted() {
    let server = validated(ValidationConfig::default().custom_formats(["email", "uuid"]));
    let answer = open(&server, json!({"mail": "no", "age": 1})).await;
    assert!(is_refused(&answer) && text(&answer).contains("must be of the format `email`"), "{answer}");
    assert_eq!(text(&open(&server, json!({"mail": "a@b.example", "age": 1})).await), "a@b.example");
}

#[tokio::test]
async fn f42_a_format_of_ones_own_is_asserted_and_an_unknown_one_is_an_error() {
    let config = ValidationConfig::default().custom_formats(["corporate"]);
    let unknown = Accounts.into_builder().with_schema_validation(SchemaValidator::new(config.clone())).unwrap_err();
    assert!(unknown.is_registration() && unknown.to_string().contains("`corporate`"), "{unknown}");
    let validator = SchemaValidator::new(config).format("email", |text| text.ends_with("@corp.example"));
    let validator = validator.format("corporate", |_| true);
    let server = Accounts.into_builder().with_schema_validation(validator).unwrap().build();
    assert!(is_refused(&open(&server, json!({"mail": "a@b.example", "age": 1})).await));
    assert!(!is_refused(&open(&server, json!({"mail": "a@corp.example", "age": 1})).await));
}

#[tokio::test]
async fn f43_a_schema_beside_a_tools_own_is_kept() {
    let config = ValidationConfig {
        schemas: HashMap::from([("open".to_owned(), json!({"properties": {"age": {"minimum": 18}}}))]),
        validate_requests: true,
        validate_responses: true,
        strict_mode: false,
        ..Default::default()
    };
    let server = validated(config);
    let answer = open(&server, json!({"mail": "no", "age": 17})).await;
    assert!(is_refused(&answer) && text(&answer).contains("at least 18"), "{answer}");
    assert_eq!(text(&open(&server, json!({"mail": "no", "age": 18})).await), "no");
    let malformed = ValidationConfig::default().schema("open", json!({"type": "nonsense"}));
    assert!(Accounts.into_builder().with_schema_validation(SchemaValidator::new(malformed)).is_err());
}

#[tokio::test]
async fn f42_what_is_registered_later_is_validated_too() {
    let registry = turbomcp::HandlerRegistry::new();
    let validator = SchemaValidator::new(ValidationConfig::strict());
    let builder = ServerBuilder::new().with_schema_validation(validator).unwrap().with_registry(registry);
    let server = builder.build();
    server.register_tool("open", |account: Account, _: Context| async move { account.mail }).unwrap();
    assert!(is_refused(&open(&server, json!({"mail": "no", "age": 1, "more": 1})).await));
}
