//! What a server costs on each binding.
//!
//! - `turbomcp-bench-bindings BINDING=PROGRAM…` measures it beside a program that only sends back what it is sent.
//! - `turbomcp-bench-bindings trace BINDING=PROGRAM CALLS FILE` runs it under callgrind, whose report on a connection with
//!   so many calls is `FILE`.
//!
//! `PROGRAM` has the tool `add` and takes the bindings on its command line as the examples do. All are other processes,
//! reached over pipes, 127.0.0.1 or a Unix socket by a client that is only bytes.
#![cfg(unix)]
#![expect(clippy::print_stdout, reason = "the figures are what was asked for")]

mod binding;
mod floor;
mod framing;
mod load;
mod process;
mod tls;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use binding::Binding;
use load::Figures;
use process::Served;

type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

/// How often each is measured; what is printed is the median.
const ROUNDS: usize = 5;

fn main() -> Outcome {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let words: Vec<_> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["floor", name, ref rest @ ..] => floor::serve(Binding::named(name)?, rest),
        ["trace", server, calls, out] => trace(&Server::named(server)?, calls.parse()?, Path::new(out)),
        [_, ..] => compare(&words.into_iter().map(Server::named).collect::<Outcome<Vec<_>>>()?),
        [] => Err("usage: turbomcp-bench-bindings BINDING=PROGRAM… | trace BINDING=PROGRAM CALLS FILE".into()),
    }
}

/// A program and the binding on which it is to serve.
struct Server<'a> {
    binding: Binding,
    program: &'a Path,
}

impl<'a> Server<'a> {
    fn named(word: &'a str) -> Outcome<Self> {
        let (name, program) = word.split_once('=').ok_or_else(|| format!("{word:?} is not BINDING=PROGRAM"))?;
        Ok(Self { binding: Binding::named(name)?, program: Path::new(program) })
    }
}

fn trace(server: &Server<'_>, calls: usize, out: &Path) -> Outcome {
    let folder = Folder::new()?;
    tls::make_certificate(&folder.0)?;
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--demangle=no"]).arg(format!("--callgrind-out-file={}", out.display()));
    command.arg(server.program).stderr(Stdio::null());
    let mut served = Served::start_with(command, server.binding, &folder.0)?;
    load::calls(&mut served, calls)?;
    served.end()
}

fn compare(servers: &[Server<'_>]) -> Outcome {
    let folder = Folder::new()?;
    tls::make_certificate(&folder.0)?;
    let floor = std::env::current_exe()?;
    println!(
        "| binding | p50, ms | p99, ms | mean, ms | floor, mean | messages/s | floor | CPU, µs | floor | slowest of 100 at once, ms | own memory, MiB | \
         floor | resident, MiB | floor | 100 connections, own | KiB for each |\n|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|"
    );
    for &Server { binding, program } in servers {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            ours.push(measure(Served::start(program, binding, &folder.0)?)?);
            theirs.push(measure(Served::start_floor(&floor, binding, &folder.0)?)?);
        }
        let of_ours = |read: fn(&Figures) -> f64| median(&ours, read);
        let of_floor = |read: fn(&Figures) -> f64| median(&theirs, read);
        let (own, crowded) = (of_ours(|f| f.own_kib), of_ours(|f| f.crowded_kib));
        let crowd = if binding == Binding::Stdio {
            "– | –".to_owned()
        } else {
            format!("{:.1} | {:.1}", crowded / 1024.0, (crowded - own).max(0.0) / load::CROWD as f64)
        };
        println!(
            "| {} | {:.3} | {:.3} | {:.3} | {:.3} | {:.0} | {:.0} | {:.1} | {:.1} | {:.2} | {:.1} | {:.1} | {:.1} | {:.1} | {crowd} |",
            binding.name(),
            of_ours(|f| f.p50),
            of_ours(|f| f.p99),
            of_ours(|f| f.mean),
            of_floor(|f| f.mean),
            of_ours(|f| f.rate),
            of_floor(|f| f.rate),
            of_ours(|f| f.cpu),
            of_floor(|f| f.cpu),
            of_ours(|f| f.slowest),
            own / 1024.0,
            of_floor(|f| f.own_kib) / 1024.0,
            of_ours(|f| f.resident_kib) / 1024.0,
            of_floor(|f| f.resident_kib) / 1024.0,
        );
    }
    Ok(())
}

fn measure(mut served: Served) -> Outcome<Figures> {
    load::measure(&mut served)
}

fn median(figures: &[Figures], read: fn(&Figures) -> f64) -> f64 {
    let mut values: Vec<_> = figures.iter().map(read).collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// A folder that goes with the program.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Outcome<Self> {
        let path = std::env::temp_dir().join(format!("turbomcp-bindings-{}", std::process::id()));
        std::fs::create_dir_all(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
