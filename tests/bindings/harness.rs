//! Holds conversations side by side in one runtime, and says what became of them.

use std::collections::HashMap;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;
use tokio::task::{Id, JoinSet};
use turbomcp::client::Era;

use crate::bindings::BINDINGS;
use crate::papers::Papers;
use crate::site::Scene;
use crate::table::{self, CONVERSATIONS, Conversation};

/// How long a conversation may take; each wait in it has a shorter limit.
const LIMIT: Duration = Duration::from_secs(200);

/// How many conversations are held at a time, unless `--test-threads` says otherwise.
const SIDE_BY_SIDE: usize = 12;

/// What is wanted of a run.
#[derive(Default)]
pub struct Options {
    filters: Vec<String>,
    skipped: Vec<String>,
    is_exact: bool,
    lists: bool,
    at_a_time: Option<usize>,
}

impl Options {
    /// Reads what `cargo test` hands on; what is not known is for harnesses that have more to offer.
    pub fn of(arguments: impl Iterator<Item = String>) -> Self {
        let (mut options, mut arguments) = (Self::default(), arguments);
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--exact" => options.is_exact = true,
                "--list" => options.lists = true,
                "--skip" => options.skipped.extend(arguments.next()),
                "--test-threads" => options.at_a_time = arguments.next().and_then(|number| number.parse().ok()),
                flag if flag.starts_with('-') => {}
                _ => options.filters.push(argument),
            }
        }
        options
    }

    fn wants(&self, name: &str) -> bool {
        let fits = |wanted: &String| if self.is_exact { name == wanted } else { name.contains(wanted.as_str()) };
        (self.filters.is_empty() || self.filters.iter().any(fits)) && !self.skipped.iter().any(fits)
    }
}

/// One conversation over one binding in one era.
struct Case {
    name: String,
    scene: Scene,
    conversation: Conversation,
    left_out: Option<&'static str>,
}

fn cases(papers: &Arc<Papers>) -> Vec<Case> {
    let mut cases = Vec::new();
    for binding in BINDINGS {
        for (era, era_name) in [(Era::Modern, "modern"), (Era::Legacy, "legacy")] {
            for (conversation_name, conversation) in CONVERSATIONS {
                let scene = Scene { binding: *binding, era, papers: papers.clone() };
                let left_out = table::left_out(conversation_name, binding.name(), era);
                let name = format!("{}::{era_name}::{conversation_name}", binding.name());
                cases.push(Case { name, scene, conversation: *conversation, left_out });
            }
        }
    }
    cases
}

/// What was said by conversations that panicked, for whoever reports that they failed.
type Complaints = Arc<Mutex<HashMap<Id, String>>>;

/// Keeps what failed conversations say until it is their turn, and is silent on what handlers are made to do.
fn hear_panics() -> Complaints {
    let complaints = Complaints::default();
    let heard = complaints.clone();
    std::panic::set_hook(Box::new(move |panic| {
        let payload = panic.payload();
        let text = payload.downcast_ref::<&str>().copied();
        let said = text.or(payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("what is no text");
        if said == "secret" {
            return;
        }
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        // What went wrong may be of any length, and says at the beginning what it is.
        let complaint = format!("{place}: {said:.2000}");
        match tokio::task::try_id() {
            Some(id) => drop(heard.lock().unwrap().insert(id, complaint)),
            None => eprintln!("{complaint}"),
        }
    }));
    complaints
}

/// Holds the conversations that are wanted.
pub fn run(options: &Options) -> ExitCode {
    table::check();
    let papers = Arc::new(Papers::new());
    let mut cases = cases(&papers);
    cases.retain(|case| options.wants(&case.name));
    if options.lists {
        cases.iter().for_each(|case| println!("{}: test", case.name));
        println!("\n{} tests, 0 benchmarks", cases.len());
        return ExitCode::SUCCESS;
    }
    println!("\nrunning {} tests", cases.len());
    let (started, complaints) = (Instant::now(), hear_panics());
    let runtime = tokio::runtime::Runtime::new().expect("a runtime can be had");
    let report = runtime.block_on(hold(cases, options.at_a_time.unwrap_or(SIDE_BY_SIDE), &complaints));
    runtime.shutdown_timeout(Duration::from_secs(1));
    report.print(started.elapsed())
}

#[derive(Default)]
struct Report {
    passed: usize,
    left_out: usize,
    failed: Vec<(String, String)>,
    times: Vec<(Duration, String)>,
}

async fn hold(cases: Vec<Case>, at_a_time: usize, complaints: &Complaints) -> Report {
    let mut report = Report::default();
    let places = Arc::new(Semaphore::new(at_a_time.max(1)));
    let (mut held, mut names) = (JoinSet::new(), HashMap::new());
    for Case { name, scene, conversation, left_out } in cases {
        if let Some(reason) = left_out {
            println!("test {name} ... ignored, {reason}");
            report.left_out += 1;
            continue;
        }
        let place = places.clone().acquire_owned().await.expect("the places stay");
        let holding = held.spawn(async move {
            let started = Instant::now();
            let outcome = tokio::time::timeout(LIMIT, conversation(scene)).await;
            drop(place);
            assert!(outcome.is_ok(), "it took longer than {LIMIT:?}");
            started.elapsed()
        });
        names.insert(holding.id(), name);
        while let Some(outcome) = held.try_join_next_with_id() {
            report.take(outcome, &mut names, complaints);
        }
    }
    while let Some(outcome) = held.join_next_with_id().await {
        report.take(outcome, &mut names, complaints);
    }
    report
}

impl Report {
    fn take(
        &mut self,
        outcome: Result<(Id, Duration), tokio::task::JoinError>,
        names: &mut HashMap<Id, String>,
        complaints: &Complaints,
    ) {
        let id = outcome.as_ref().map_or_else(tokio::task::JoinError::id, |(id, _)| *id);
        let name = names.remove(&id).expect("every task has a name");
        match outcome {
            Ok((_, time)) => {
                println!("test {name} ... ok");
                self.passed += 1;
                self.times.push((time, name));
            }
            Err(error) => {
                println!("test {name} ... FAILED");
                let complaint = complaints.lock().unwrap().remove(&id).unwrap_or_else(|| error.to_string());
                self.failed.push((name, complaint));
            }
        }
    }

    fn print(mut self, time: Duration) -> ExitCode {
        if !self.failed.is_empty() {
            println!("\nfailures:");
            self.failed.iter().for_each(|(name, complaint)| println!("\n---- {name}\n{complaint}"));
        }
        self.times.sort();
        println!("\nslowest:");
        self.times.iter().rev().take(5).for_each(|(time, name)| println!("    {:5.2} s {name}", time.as_secs_f64()));
        println!(
            "\ntest result: {}. {} passed; {} failed; {} ignored; finished in {:.2}s\n",
            if self.failed.is_empty() { "ok" } else { "FAILED" },
            self.passed,
            self.failed.len(),
            self.left_out,
            time.as_secs_f64()
        );
        if self.failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}
