//! `cargo xtask COMMAND`: the checks of this workspace, and what they install or start.
#![expect(clippy::print_stdout, reason = "the output of these commands is for the person who runs them")]

mod autobahn;
mod bench;
mod conformance;
mod coverage;
mod deny;
mod features;
mod fixture;
mod guides;
mod hack;
mod process;
mod settings;
mod soak;
mod stores;
mod strangers;
mod test;
mod tools;
mod tree;
mod workspace;

use std::{error::Error, process::ExitCode};

use workspace::Workspace;

/// What a command ends with; an error is printed as it reads.
type Outcome<T = ()> = Result<T, Box<dyn Error>>;

const USAGE: &str = "\
usage: cargo xtask COMMAND

  test                    everything below except bench and soak, with fmt, clippy, doc and cargo test
  conformance [--release] the official conformance suite against examples/conformance_{server,client}
              [--url URL] its half for servers against one that is already running
  strangers [--release]   third-party clients and a browser against our servers, our client against third-party
                          servers and a third-party authorization server; what operators read, read by
                          promtool, Prometheus' client and the messages of OpenTelemetry
  stores                  what a server keeps in Redis and PostgreSQL, which are installed unless they are there
  pictures                the dashboard in a browser, alone, and the pictures of it in docs/src/images
  autobahn                the Autobahn test suite, which needs Python 2.7, against both ends of a WebSocket
  coverage [--write]      which test holds which requirement; --write renews docs/coverage.md
  features [--write]      which test shows what was promised; --write renews docs/features.md
  settings                which test observes which setting
  guides [--write]        what the guides in docs/ link to, and that their code is that of the examples
  hack                    every feature of every published crate alone
  tree                    the number of crates that a user's build pulls in
  deny                    licences, sources and duplicates of the dependencies
  soak [--minutes N]      connections that come and go, killed, stalled and abandoned, and what is left of them
  bench [instructions | time [FILTER]]
                          the micro-benchmarks, each as a ratio to a plain baseline
        clients           our client and that of rmcp, calling one server
        servers           our server and that of rmcp, called by one client
        bindings          each binding, beside a program that only sends back what it is sent";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[&str]) -> Outcome {
    let workspace = Workspace::load()?;
    match arguments {
        ["test"] => test::run(&workspace),
        ["conformance"] => conformance::run(&workspace, fixture::Profile::Dev),
        ["conformance", "--release"] => conformance::run(&workspace, fixture::Profile::Release),
        ["conformance", "--url", url] => conformance::run_against(&workspace, url),
        ["strangers"] => strangers::run(&workspace, fixture::Profile::Dev),
        ["strangers", "--release"] => strangers::run(&workspace, fixture::Profile::Release),
        ["pictures"] => strangers::pictures(&workspace),
        ["stores"] => stores::run(&workspace),
        ["autobahn"] => autobahn::run(&workspace),
        ["coverage"] => coverage::run(&workspace, coverage::Mode::Check),
        ["coverage", "--write"] => coverage::run(&workspace, coverage::Mode::Write),
        ["features"] => features::run(&workspace, features::Mode::Check),
        ["features", "--write"] => features::run(&workspace, features::Mode::Write),
        ["settings"] => settings::run(&workspace),
        ["guides"] => guides::run(&workspace, guides::Mode::Check),
        ["guides", "--write"] => guides::run(&workspace, guides::Mode::Write),
        ["hack"] => hack::run(&workspace),
        ["tree"] => tree::run(&workspace),
        ["deny"] => deny::run(&workspace),
        ["soak", rest @ ..] => soak::run(&workspace, rest),
        ["bench", rest @ ..] => bench::run(&workspace, rest),
        _ => Err(USAGE.into()),
    }
}
