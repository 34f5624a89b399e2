//! The table of refusals on standard input and output, where the environment holds the credential.

use std::process::{Command, Output, Stdio};

use serde_json::json;

use crate::cases::{Answer, Case, Headers, MALFORMED, World, cases};
use crate::issuer::RESOURCE;

const VARIABLE: &str = "TURBOMCP_TEST_CREDENTIAL";

/// Starts a server in a process of its own, whose input ends at once.
fn run(world: &World, credential: &str) -> Output {
    let config = json!({
        "resource": RESOURCE,
        "providers": [
            {"name": "id", "provider_type": "jwt", "settings": {
                "issuer": world.issuer.url, "audiences": [RESOURCE], "tenant_claim": "org",
            }},
            {"name": "keys", "provider_type": "api_key", "settings": {"keys": world.kept}},
            {"name": "parent", "provider_type": "environment", "settings": {"credential": VARIABLE}},
        ],
        "dpop": {},
        "authorization": {"required_scopes": ["notes.read"]},
    });
    let mut command = Command::new(env!("CARGO_BIN_EXE_fixture-server"));
    command.args(["--auth", &config.to_string()]).env(VARIABLE, credential).stdin(Stdio::null());
    command.output().unwrap()
}

/// Returns what of a request can be said in a variable: one token, or one API key.
fn credential(headers: &Headers) -> Option<String> {
    let [(name, value)] = &headers[..] else { return None };
    let text = String::from_utf8(value.clone()).ok()?;
    match *name {
        "Authorization" => text.strip_prefix("Bearer ").map(str::to_owned),
        _ => Some(text),
    }
}

/// Holds AUTHS-01.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_not_known_is_refused_on_standard_input() {
    let world = World::start().await;
    for good in [world.api_key.clone(), world.issuer.token()] {
        let output = run(&world, &good);
        assert!(output.status.success() && output.stdout.is_empty(), "{output:?}");
    }
    let (mut tried, mut wrong) = (0, Vec::new());
    for Case { name, query, shown, answer } in cases() {
        let credential = credential(&shown(&world, "POST")).filter(|text| query.is_empty() && !text.contains('\0'));
        let (Answer::Token(_) | Answer::Scope, Some(credential)) = (answer, credential) else { continue };
        // Shown in a variable, a key is as good as in a header; and what does not begin as one does is a token.
        if credential == world.api_key {
            continue;
        }
        let is_key = credential.starts_with("mcp_");
        let why = match answer.reason() {
            "the API key is not valid" if credential.is_empty() => "the variable TURBOMCP_TEST_CREDENTIAL does not say",
            "the API key is not valid" if !is_key => MALFORMED,
            why => why,
        };
        let output = run(&world, &credential);
        let said = String::from_utf8(output.stderr).unwrap();
        tried += 1;
        let is_kept_quiet = credential.is_empty() || !said.contains(&credential);
        if output.status.success() || !output.stdout.is_empty() || !said.contains(why) || !is_kept_quiet {
            wrong.push(format!("{name}: {} {said}", output.status));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(tried >= 60, "{tried}");
}
