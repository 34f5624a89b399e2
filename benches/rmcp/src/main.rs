//! What `benches/call.rs` does, with the client of rmcp.

use std::error::Error;
use std::time::Instant;

use rmcp::model::{CallToolRequestParams, ProtocolVersion};
use rmcp::service::{ClientLifecycleMode, ClientServiceExt};
use rmcp::transport::{StreamableHttpClientTransport, TokioChildProcess};
use tokio::process::Command;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let words: Vec<_> = arguments.iter().map(String::as_str).collect();
    let [binding, target, era, times] = words[..] else {
        return Err("usage: call stdio|http PROGRAM|URL legacy|modern TIMES".into());
    };
    let lifecycle = match era {
        "legacy" => ClientLifecycleMode::Initialize,
        _ => ClientLifecycleMode::Discover { preferred_versions: vec![ProtocolVersion::V_2026_07_28] },
    };
    let client = match binding {
        "stdio" => {
            let mut command = Command::new(target);
            command.arg("--stdio");
            ().serve_with_lifecycle(TokioChildProcess::new(command)?, lifecycle).await?
        }
        _ => ().serve_with_lifecycle(StreamableHttpClientTransport::from_uri(target), lifecycle).await?,
    };
    let times = times.parse::<u32>()?;
    let started = Instant::now();
    for a in 0..i64::from(times) {
        let arguments = serde_json::json!({"a": a, "b": 2}).as_object().cloned().unwrap_or_default();
        let result = client.call_tool(CallToolRequestParams::new("add").with_arguments(arguments)).await?;
        let text = result.content.first().and_then(|content| content.as_text()).map(|text| text.text.as_str());
        assert_eq!(text, Some(&*(a + 2).to_string()));
    }
    println!("{:.0}", f64::from(times) / started.elapsed().as_secs_f64());
    client.cancel().await?;
    Ok(())
}
