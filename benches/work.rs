//! `work NAME TIMES`: sets one piece of work up and does it so many times, for an instruction counter around it.
//! Without arguments it lists the names, the baseline first.

use std::process::ExitCode;

use turbomcp_benches::ALL;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    if arguments.is_empty() {
        #[expect(clippy::print_stdout, reason = "the list is what was asked for")]
        ALL.iter().for_each(|work| println!("{}", work.name));
        return ExitCode::SUCCESS;
    }
    let (Some(work), Some(times)) =
        (ALL.iter().find(|work| work.name == arguments[0]), arguments.get(1).and_then(|times| times.parse().ok()))
    else {
        eprintln!("usage: work NAME TIMES");
        return ExitCode::FAILURE;
    };
    (work.prepare)()(times);
    ExitCode::SUCCESS
}
