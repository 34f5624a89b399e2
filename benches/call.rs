//! `call stdio PROGRAM ERA TIMES` or `call http URL ERA TIMES`: connects to a server that has the tool `add`, calls it
//! one call after the other, and prints how many there were in a second.

use std::error::Error;
use std::time::Instant;

use turbomcp::client::{Client, Command, Era};
use turbomcp_benches::Sum;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let words: Vec<_> = arguments.iter().map(String::as_str).collect();
    let [binding, target, era, times] = words[..] else {
        return Err("usage: call stdio|http PROGRAM|URL legacy|modern TIMES".into());
    };
    let builder = Client::builder().era(if era == "legacy" { Era::Legacy } else { Era::Modern });
    let client = match binding {
        "stdio" => builder.connect(Command::new(target).arg("--stdio")).await?,
        _ => builder.connect(target).await?,
    };
    let times = times.parse::<u32>()?;
    let started = Instant::now();
    for a in 0..i64::from(times) {
        let result = client.call_tool("add", Sum { a, b: 2 }).await?;
        let text = result.content.first().and_then(|content| content.as_text());
        assert_eq!(text, Some(&*(a + 2).to_string()));
    }
    #[expect(clippy::print_stdout, reason = "the figure is what was asked for")]
    {
        println!("{:.0}", f64::from(times) / started.elapsed().as_secs_f64());
    }
    client.close().await;
    Ok(())
}
