//! The server in a process of its own, which is told from outside over a socket beside its standard streams.

use std::pin::Pin;
use std::process::Stdio as Pipe;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader, ReadBuf};
use tokio::net::tcp::OwnedWriteHalf;
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, ChildStdin, ChildStdout};
use tokio::sync::{mpsc, watch};
use tokio::task::AbortHandle;
use turbomcp::client::{Command, IntoTarget, Target};
use turbomcp_tests::stage::{Counts, Order, Plan, Report, USER, line};

use crate::binding::{Binding, BoxStream, Boxed, Control, Door, Way};
use crate::papers::Papers;

const PROGRAM: &str = env!("CARGO_BIN_EXE_fixture-server");

pub struct Stdio;

impl Binding for Stdio {
    fn name(&self) -> &'static str {
        "stdio"
    }

    fn start<'a>(&'a self, plan: &'a Plan, _: &'a Papers) -> Boxed<'a, (Arc<dyn Door>, Arc<dyn Control>)> {
        Box::pin(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap().to_string();
            let plan = serde_json::to_string(plan).unwrap();
            let counts = Arc::new(watch::Sender::new(Counts::default()));
            let processes = Arc::new(Mutex::new(Vec::new()));
            let accepting = tokio::spawn(accept(listener, processes.clone(), counts.clone())).abort_handle();
            let door = Programs { arguments: vec!["--stage".to_owned(), address, plan], children: Mutex::default() };
            (Arc::new(door) as Arc<dyn Door>, Arc::new(Processes { processes, counts, accepting }) as Arc<dyn Control>)
        })
    }
}

/// Starts a process for each connection.
struct Programs {
    arguments: Vec<String>,
    /// Those that are not our client's, ended at the latest when the door is closed.
    children: Mutex<Vec<Child>>,
}

impl Door for Programs {
    fn dial(&self) -> Boxed<'_, BoxStream> {
        let mut command = tokio::process::Command::new(PROGRAM);
        command.args(&self.arguments).stdin(Pipe::piped()).stdout(Pipe::piped()).stderr(Pipe::null());
        let mut child = command.kill_on_drop(true).spawn().unwrap();
        let pipes = Pipes { input: child.stdin.take(), output: child.stdout.take().unwrap() };
        self.children.lock().unwrap().push(child);
        Box::pin(std::future::ready(Box::new(pipes) as BoxStream))
    }

    fn starts_again(&self) -> bool {
        true
    }

    /// Whoever starts the process says who it is, by its environment.
    fn known(&self) -> Boxed<'_, Option<Target>> {
        let command = Command::new(PROGRAM).args(&self.arguments).env(USER.0, USER.1);
        Box::pin(std::future::ready(Some(command.into_target().unwrap())))
    }

    fn target<'a>(&'a self, way: Way<'a>) -> Boxed<'a, Target> {
        match way.relay {
            None => Box::pin(async { Command::new(PROGRAM).args(&self.arguments).into_target().unwrap() }),
            Some(relay) => Box::pin(async move {
                let stream = relay.over(self.dial().await);
                let (reader, writer) = tokio::io::split(stream);
                let transport = turbomcp::transport::lines::Lines::new(reader, writer);
                Target::transport(transport.max_message_bytes(way.max_message_bytes))
            }),
        }
    }
}

/// The standard streams of a process. An input ends only by being dropped.
struct Pipes {
    input: Option<ChildStdin>,
    output: ChildStdout,
}

impl AsyncRead for Pipes {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.output).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Pipes {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        match &mut self.input {
            Some(input) => Pin::new(input).poll_write(cx, bytes),
            None => Poll::Ready(Err(std::io::ErrorKind::BrokenPipe.into())),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        self.input.as_mut().map_or(Poll::Ready(Ok(())), |input| Pin::new(input).poll_flush(cx))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        self.input = None;
        Poll::Ready(Ok(()))
    }
}

/// A process as it is seen over its socket.
struct Process {
    orders: tokio::sync::Mutex<(OwnedWriteHalf, mpsc::Receiver<()>)>,
    id: u32,
    counts: Mutex<Counts>,
    is_over: watch::Receiver<bool>,
}

struct Processes {
    processes: Arc<Mutex<Vec<Arc<Process>>>>,
    counts: Arc<watch::Sender<Counts>>,
    accepting: AbortHandle,
}

async fn accept(listener: TcpListener, processes: Arc<Mutex<Vec<Arc<Process>>>>, counts: Arc<watch::Sender<Counts>>) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(attend(stream, processes.clone(), counts.clone()));
    }
}

/// Hears what a process reports, until it ends.
async fn attend(stream: TcpStream, processes: Arc<Mutex<Vec<Arc<Process>>>>, counts: Arc<watch::Sender<Counts>>) {
    let (reports, orders) = stream.into_split();
    let mut reports = BufReader::new(reports).lines();
    let (done, answers) = mpsc::channel(1);
    let (over, is_over) = watch::channel(false);
    let mut next = async || {
        let line = reports.next_line().await.ok().flatten()?;
        serde_json::from_str::<Report>(&line).ok()
    };
    let Some(Report::Started(id)) = next().await else { return };
    let orders = tokio::sync::Mutex::new((orders, answers));
    let process = Arc::new(Process { orders, id, counts: Mutex::default(), is_over });
    processes.lock().unwrap().push(process.clone());
    while let Some(report) = next().await {
        match report {
            Report::Done => drop(done.send(()).await),
            Report::Counted(counted) => {
                *process.counts.lock().unwrap() = counted;
                add_up(&processes, &counts);
            }
            Report::Started(_) => {}
        }
    }
    over.send_replace(true);
    {
        // A process that has ended holds on to nothing.
        let mut counts = process.counts.lock().unwrap();
        counts.let_go = counts.held;
    }
    add_up(&processes, &counts);
}

/// Adds up what the processes have counted, one report after the other, so that none overtakes a later one.
fn add_up(processes: &Mutex<Vec<Arc<Process>>>, counts: &watch::Sender<Counts>) {
    let processes = processes.lock().unwrap();
    let mut sum = Counts::default();
    for process in processes.iter() {
        let counted = process.counts.lock().unwrap();
        sum.held += counted.held;
        sum.let_go += counted.let_go;
        sum.told += counted.told;
        sum.arrived += counted.arrived;
        sum.tallied += counted.tallied;
        sum.taken += counted.taken;
        for (method, count) in &counted.requests {
            *sum.requests.entry(method.clone()).or_default() += count;
        }
        for (ended, count) in &counted.recorded {
            *sum.recorded.entry(ended.clone()).or_default() += count;
        }
        for (what, count) in &counted.measured {
            *sum.measured.entry(what.clone()).or_default() += count;
        }
    }
    counts.send_replace(sum);
}

impl Control for Processes {
    fn order(&self, order: Order) -> Boxed<'_, ()> {
        Box::pin(async move {
            let mut is_done = false;
            while !is_done {
                let processes = self.processes.lock().unwrap().clone();
                for process in processes.iter().filter(|process| !*process.is_over.borrow()) {
                    let mut orders = process.orders.lock().await;
                    is_done |= orders.0.write_all(line(&order).as_bytes()).await.is_ok()
                        // A process that ends on being told so has no time to say that it has heard.
                        && (orders.1.recv().await.is_some() || matches!(order, Order::Shutdown));
                }
                // Our client may have been answered before its process was heard of here.
                if !is_done {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            }
        })
    }

    fn counts(&self) -> watch::Receiver<Counts> {
        self.counts.subscribe()
    }

    fn kill(&self) {
        for process in self.processes.lock().unwrap().iter().filter(|process| !*process.is_over.borrow()) {
            let _ = std::process::Command::new("kill").args(["-9", &process.id.to_string()]).status();
        }
    }

    fn ended(&self) -> Boxed<'_, ()> {
        Box::pin(async {
            let processes = self.processes.lock().unwrap().clone();
            for process in processes {
                let _ = process.is_over.clone().wait_for(|is_over| *is_over).await;
            }
        })
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}
