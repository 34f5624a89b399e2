//! Drives a server of another SDK with our client, and prints a line for each thing it found:
//! `drive-stranger OFFER legacy|modern (--stdio PROGRAM ARGUMENT… | --http URL)`

mod everything;
mod filesystem;
mod host;
mod memory;
mod notes;
mod report;

use std::path::Path;
use std::process::ExitCode;

use turbomcp::client::{Client, Command, Era, IntoTarget, Target};

use host::Host;
use report::{Outcome, Report, expect};

const USAGE: &str = "usage: drive-stranger everything|filesystem|memory|notes legacy|modern \
                     (--stdio PROGRAM ARGUMENT… | --http URL)";

/// A server to be driven, which can be connected to more than once.
struct Stranger {
    era: Era,
    target: Where,
}

enum Where {
    Process(Command),
    Url(String),
}

impl Stranger {
    /// Connects as any host would: the client finds out what is spoken.
    async fn connect(&self, host: &Host) -> Result<Client, turbomcp::client::Error> {
        let target: Target = match &self.target {
            Where::Process(command) => command.into_target()?,
            Where::Url(url) => url.into_target()?,
        };
        // A server of both eras is spoken to in the modern one, unless its legacy side is to be driven.
        let era = if self.era == Era::Legacy { Era::Legacy } else { Era::Auto };
        host.builder().era(era).connect(target).await
    }

    fn is_modern(&self) -> bool {
        self.era == Era::Modern
    }

    fn is_process(&self) -> bool {
        matches!(self.target, Where::Process(_))
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some((offer, stranger)) = parse(&arguments) else {
        eprintln!("{USAGE}");
        return ExitCode::FAILURE;
    };
    let mut report = Report::default();
    let host = Host::default();
    match report::in_time(stranger.connect(&host)).await {
        Ok(Ok(client)) => {
            report.passed("connects");
            report.check("speaks_the_era", speaks_the_era(&client, &stranger)).await;
            match offer {
                "everything" => everything::drive(&mut report, &client, &host, &stranger).await,
                "filesystem" => {
                    filesystem::drive(&mut report, &client, Path::new(&arguments[arguments.len() - 1])).await
                }
                "memory" => memory::drive(&mut report, &client).await,
                _ => notes::drive(&mut report, &client, &host, &stranger).await,
            }
            report.check("closes_in_time", closes(&client)).await;
        }
        Ok(Err(error)) => report.failed("connects", &format!("{error:?}")),
        Err(late) => report.failed("connects", &late),
    }
    report.close()
}

fn parse(arguments: &[String]) -> Option<(&str, Stranger)> {
    let [offer, era, binding, rest @ ..] = arguments else { return None };
    let offer = ["everything", "filesystem", "memory", "notes"].into_iter().find(|known| known == offer)?;
    let era = match era.as_str() {
        "legacy" => Era::Legacy,
        "modern" => Era::Modern,
        _ => return None,
    };
    let target = match (binding.as_str(), rest) {
        ("--stdio", [program, arguments @ ..]) => Where::Process(Command::new(program).args(arguments)),
        ("--http", [url]) => Where::Url(url.clone()),
        _ => return None,
    };
    Some((offer, Stranger { era, target }))
}

async fn speaks_the_era(client: &Client, stranger: &Stranger) -> Outcome {
    expect(client.revision().is_modern() == stranger.is_modern(), "the expected era", client.revision())
}

async fn closes(client: &Client) -> Outcome {
    let started = std::time::Instant::now();
    client.close().await;
    let took = started.elapsed();
    // A process may take two seconds to see that its input has ended, and as long again to end when told to.
    expect(took.as_secs() < 4, "an end within four seconds", took)?;
    expect(client.is_closed(), "a closed client", ())?;
    let error = report::failure(client.ping()).await?;
    expect(error.is_closed(), "`is_closed()` after the end", error)
}
