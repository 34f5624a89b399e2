//! Calling a tool: one call after the other, then as many as fit.

use std::time::{Duration, Instant};

use crate::Outcome;
use crate::binding::Binding;
use crate::framing::{Framing, Side};
use crate::process::{Served, Stream};

/// How many calls are made one after the other.
const CALLS: usize = 3_000;

/// How many are on their way at once, on one connection, or over HTTP on as many as there are threads.
const WINDOW: usize = 64;
const CONNECTIONS: usize = 16;

/// How long as many calls as possible are made.
const RUN: Duration = Duration::from_millis(1500);

/// How many connections are open when memory is measured a second time.
pub(crate) const CROWD: usize = 100;

const CALL: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"add","arguments":{"a":2,"b":40},"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}"#;

/// Times are in milliseconds, `cpu` in microseconds for each call.
#[derive(Debug)]
pub(crate) struct Figures {
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) mean: f64,
    pub(crate) rate: f64,
    pub(crate) slowest: f64,
    pub(crate) cpu: f64,
    pub(crate) own_kib: f64,
    pub(crate) resident_kib: f64,
    pub(crate) crowded_kib: f64,
}

pub(crate) fn measure(served: &mut Served) -> Outcome<Figures> {
    let framing = served.binding.framing();
    let mut line = Line::new(served.connect()?, framing);
    line.call(1)?;
    let (own_kib, resident_kib) = served.memory_kib()?;
    let mut crowd = Vec::new();
    if served.binding != Binding::Stdio {
        for _ in 0..CROWD {
            let mut one = Line::new(served.connect()?, framing);
            one.call(1)?;
            crowd.push(one);
        }
    }
    let (crowded_kib, _) = served.memory_kib()?;
    let slowest = at_once(&mut line, &mut crowd)?;
    drop(crowd);

    for _ in 0..CALLS / 4 {
        line.call(1)?;
    }
    let mut times = Vec::with_capacity(CALLS);
    for _ in 0..CALLS {
        let started = Instant::now();
        line.call(1)?;
        times.push(started.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);

    let (before, started) = (served.cpu_seconds()?, Instant::now());
    let calls = if framing == Framing::Http { side_by_side(served)? } else { pipelined(&mut line)? };
    let (seconds, cpu) = (started.elapsed().as_secs_f64(), served.cpu_seconds()? - before);
    Ok(Figures {
        p50: times[times.len() / 2],
        p99: times[times.len() * 99 / 100],
        mean: times.iter().sum::<f64>() / times.len() as f64,
        rate: calls as f64 / seconds,
        slowest,
        cpu: cpu * 1e6 / calls as f64,
        own_kib,
        resident_kib,
        crowded_kib,
    })
}

/// Makes so many calls on one connection, one after the other.
pub(crate) fn calls(served: &mut Served, calls: usize) -> Outcome {
    let mut line = Line::new(served.connect()?, served.binding.framing());
    (0..calls).try_for_each(|_| line.call(1))
}

/// Has as many calls on their way at once as there are connections, or on the only one; returns how long the slowest takes.
fn at_once(line: &mut Line, crowd: &mut [Line]) -> Outcome<f64> {
    let mut slowest = 0.0_f64;
    for _ in 0..20 {
        let started = Instant::now();
        if crowd.is_empty() {
            line.call(CROWD)?;
        }
        for one in crowd.iter_mut() {
            one.send(1)?;
        }
        for one in crowd.iter_mut() {
            one.receive(1)?;
        }
        slowest = slowest.max(started.elapsed().as_secs_f64() * 1e3);
    }
    Ok(slowest)
}

fn pipelined(line: &mut Line) -> Outcome<usize> {
    let (started, mut calls) = (Instant::now(), 0);
    while started.elapsed() < RUN {
        line.call(WINDOW)?;
        calls += WINDOW;
    }
    Ok(calls)
}

fn side_by_side(served: &mut Served) -> Outcome<usize> {
    let lines = (0..CONNECTIONS).map(|_| Ok(Line::new(served.connect()?, served.binding.framing())));
    let lines = lines.collect::<Outcome<Vec<_>>>()?;
    let callers: Vec<_> = lines
        .into_iter()
        .map(|mut line| {
            std::thread::spawn(move || {
                let (started, mut calls) = (Instant::now(), 0);
                while started.elapsed() < RUN {
                    line.call(1)?;
                    calls += 1;
                }
                Outcome::Ok(calls)
            })
        })
        .collect();
    callers.into_iter().map(|caller| caller.join().map_err(|_| "a caller panicked")?).sum()
}

/// A connection.
struct Line {
    stream: Box<dyn Stream>,
    framing: Framing,
    out: Vec<u8>,
    read: Vec<u8>,
    buffer: Vec<u8>,
}

impl Line {
    fn new(stream: Box<dyn Stream>, framing: Framing) -> Self {
        Self { stream, framing, out: Vec::new(), read: Vec::new(), buffer: vec![0; 64 << 10] }
    }

    /// Makes so many calls at once and waits for their answers.
    fn call(&mut self, times: usize) -> Outcome {
        self.send(times)?;
        self.receive(times)
    }

    fn send(&mut self, times: usize) -> Outcome {
        self.out.clear();
        for _ in 0..times {
            self.framing.write(CALL.as_bytes(), Side::Client, &mut self.out);
        }
        self.stream.write_all(&self.out)?;
        self.stream.flush()?;
        Ok(())
    }

    fn receive(&mut self, times: usize) -> Outcome {
        let mut answers = 0;
        while answers < times {
            let length = self.stream.read(&mut self.buffer)?;
            if length == 0 {
                return Err("the server ended".into());
            }
            self.read.extend_from_slice(&self.buffer[..length]);
            let mut at = 0;
            while let Some((message, end)) = self.framing.find(&self.read[at..])? {
                check(&self.read[at + message.start..at + message.end])?;
                at += end;
                answers += 1;
            }
            self.read.drain(..at);
        }
        Ok(())
    }
}

/// Checks that an answer is the sum, or what was sent.
fn check(answer: &[u8]) -> Outcome {
    if answer == CALL.as_bytes() || answer.windows(11).any(|part| part == br#""text":"42""#) {
        return Ok(());
    }
    Err(format!("this is no answer: {}", String::from_utf8_lossy(answer)).into())
}
