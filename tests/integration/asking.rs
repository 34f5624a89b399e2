//! Asking the user with a form made from a type: B1.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use turbomcp::prelude::*;
use turbomcp::{Answer, Arguments, Limits, ServerBuilder};
use turbomcp_tests::Client;

use crate::text;

#[derive(Deserialize, JsonSchema)]
struct Trip {
    /// Where to.
    city: String,
    #[schemars(range(min = 1, max = 14))]
    days: u8,
    budget: Option<f64>,
}

struct Weather;

#[server(name = "weather")]
impl Weather {
    /// Plans a trip.
    #[tool]
    async fn plan(&self, ctx: Context) -> McpResult<String> {
        Ok(match ctx.elicit_as::<Trip>("Where to, and for how long?").key("trip").await? {
            Answer::Accepted(Trip { city, days, budget }) => format!("{days} days in {city} for {budget:?}"),
            Answer::Declined => "declined".to_owned(),
            Answer::Cancelled => "cancelled".to_owned(),
        })
    }

    /// Asks for what no form can.
    #[tool]
    async fn plan_many(&self, ctx: Context) -> McpResult<usize> {
        #[derive(Deserialize, JsonSchema)]
        struct Trips {
            trips: Vec<Trip>,
        }
        Ok(ctx.elicit_as::<Trips>("Where to?").await?.accepted().map_or(0, |answer| answer.trips.len()))
    }
}

fn answers() -> [(Value, Option<&'static str>); 4] {
    [
        (json!({"action": "accept", "content": {"city": "Bern", "days": 3}}), Some("3 days in Bern for None")),
        (json!({"action": "decline"}), Some("declined")),
        (json!({"action": "cancel"}), Some("cancelled")),
        (json!({"action": "accept", "content": {"city": "Bern", "days": 15}}), None),
    ]
}

#[tokio::test]
async fn b1_a_type_is_the_form_that_a_legacy_client_is_asked_for() {
    let mut client = Client::legacy(&Weather.into_server(), "2025-11-25", json!({"elicitation": {}})).await;
    for (answer, expected) in answers() {
        let asked = client.legacy_tool("plan", json!({})).await;
        let schema = &asked["params"]["requestedSchema"];
        assert_eq!(schema["properties"]["city"], json!({"type": "string", "description": "Where to."}));
        assert_eq!(schema["required"], json!(["city", "days"]));
        client.answer(&asked, answer).await;
        let result = client.next().await;
        match expected {
            Some(expected) => assert_eq!(text(&result), expected),
            None => assert!(result.get("error").is_some(), "{result}"),
        }
    }
}

#[tokio::test]
async fn b1_a_type_is_the_form_that_a_modern_client_is_asked_for() {
    let form = json!({"elicitation": {}});
    let mut client = Client::connect(&Weather.into_server());
    for (answer, expected) in answers() {
        let asked = client.modern("tools/call", json!({"name": "plan"}), form.clone()).await["result"].take();
        assert_eq!(asked["inputRequests"]["trip"]["params"]["requestedSchema"]["required"], json!(["city", "days"]));
        let retry =
            json!({"name": "plan", "inputResponses": {"trip": answer}, "requestState": asked["requestState"].clone()});
        let result = client.modern("tools/call", retry, form.clone()).await;
        match expected {
            Some(expected) => assert_eq!(text(&result), expected),
            None => assert_eq!(result["error"]["code"], -32602, "{result}"),
        }
    }
    let impossible = client.modern("tools/call", json!({"name": "plan_many"}), form).await;
    assert_eq!(impossible["error"], json!({"code": -32603, "message": "internal error"}));
}

#[tokio::test(start_paused = true)]
async fn b9_the_time_that_a_user_takes_is_not_the_handlers() {
    let seconds = |seconds: u64| tokio::time::sleep(Duration::from_secs(seconds));
    let handler = move |_: Arguments, ctx: Context| async move {
        seconds(2).await;
        let trip = ctx.elicit_as::<Trip>("Where to?").await?.accepted();
        seconds(trip.map_or(0, |trip| trip.days.into())).await;
        Ok::<_, McpError>("planned")
    };
    let mut limits = Limits::default();
    limits.request_timeout = Duration::from_secs(5);
    let server = ServerBuilder::new().tool("plan", handler).unwrap().limits(limits).build();
    for (days, in_time) in [(2, true), (6, false)] {
        let mut client = Client::legacy(&server, "2025-11-25", json!({"elicitation": {}})).await;
        let asked = client.legacy_tool("plan", json!({})).await;
        seconds(20).await;
        client.answer(&asked, json!({"action": "accept", "content": {"city": "Bern", "days": days}})).await;
        let answer = client.next().await;
        assert_eq!(answer.get("result").is_some(), in_time, "{answer}");
    }
}
