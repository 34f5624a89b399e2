//! The functions of a server that run.

use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::process::Served;
use crate::{Folder, Outcome, Server, load, tls};

/// Writes the functions that run from the start of a server to its end, each by its symbol on a line, the first one
/// first.
pub(crate) fn write(server: &Server<'_>, out: &Path) -> Outcome {
    let folder = Folder::new()?;
    tls::make_certificate(&folder.0)?;
    let profile = folder.0.join("profile");
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--demangle=no"]).arg(format!("--callgrind-out-file={}", profile.display()));
    command.arg(server.program).stderr(Stdio::null());
    let mut served = Served::start_with(command, server.binding, &folder.0)?;
    load::warm(&mut served)?;
    served.end()?;
    let report = fs::read_to_string(profile)?;
    let mut known = HashSet::new();
    let symbols: Vec<_> = symbols(&report).filter(|symbol| known.insert(*symbol)).collect();
    println!("{}: {} functions run", server.binding.name(), symbols.len());
    Ok(fs::write(out, symbols.join("\n") + "\n")?)
}

/// Reads the symbols out of a report, which says `fn=(12) symbol` where it names one for the first time. What has no
/// symbol is an address there, and a function that calls itself is followed by `'2`.
fn symbols(report: &str) -> impl Iterator<Item = &str> {
    let named = report.lines().filter_map(|line| line.trim_start_matches('c').strip_prefix("fn=(")?.split_once(") "));
    let named = named.map(|(_, symbol)| symbol.split_once('\'').map_or(symbol, |(symbol, _)| symbol));
    named.filter(|symbol| !symbol.starts_with("0x"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_symbols_of_a_report() {
        let report = "fl=(1) ???\nfn=(1) main\n16 1\ncfn=(2) _RNv4name'2\ncalls=1 0\nfn=(3) 0x6fd0c0\nfn=(1)\n";
        assert_eq!(symbols(report).collect::<Vec<_>>(), ["main", "_RNv4name"]);
    }
}
