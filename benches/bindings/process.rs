//! A server in a process of its own, and connections to it.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use rustls::{ClientConnection, StreamOwned};

use crate::Outcome;
use crate::binding::Binding;
use crate::tls;

/// How long a server may take to listen.
const START: Duration = Duration::from_secs(20);

/// How many of the units of `/proc` a second has.
const TICKS: f64 = 100.0;

pub(crate) trait Stream: Read + Write + Send {}

impl<S: Read + Write + Send> Stream for S {}

pub(crate) struct Served {
    pub(crate) binding: Binding,
    child: Child,
    address: SocketAddr,
    folder: PathBuf,
    socket: PathBuf,
}

impl Served {
    /// Starts a program that takes bindings as the examples do.
    pub(crate) fn start(program: &Path, binding: Binding, folder: &Path) -> Outcome<Self> {
        Self::start_with(Command::new(program), binding, folder)
    }

    /// Starts a program by a command that takes its arguments.
    pub(crate) fn start_with(mut command: Command, binding: Binding, folder: &Path) -> Outcome<Self> {
        let (address, socket) = (free_address()?, folder.join("socket"));
        command.arg(format!("--{}", binding.name()));
        match binding {
            Binding::Stdio => {}
            Binding::Unix => _ = command.arg(&socket),
            Binding::Tls => {
                command.arg(address.to_string()).args([folder.join(tls::CERTIFICATE), folder.join(tls::KEY)]);
            }
            _ => _ = command.arg(address.to_string()),
        }
        Self::spawn(command, binding, address, folder, socket)
    }

    /// Starts the program that only sends back.
    pub(crate) fn start_floor(program: &Path, binding: Binding, folder: &Path) -> Outcome<Self> {
        let (address, socket) = (free_address()?, folder.join("floor"));
        let mut command = Command::new(program);
        command.args(["floor", binding.name()]);
        match binding {
            Binding::Stdio => {}
            Binding::Unix => _ = command.arg(&socket),
            _ => _ = command.arg(address.to_string()).arg(folder),
        }
        Self::spawn(command, binding, address, folder, socket)
    }

    fn spawn(
        mut command: Command,
        binding: Binding,
        address: SocketAddr,
        folder: &Path,
        socket: PathBuf,
    ) -> Outcome<Self> {
        let _ = fs::remove_file(&socket);
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let mut served = Self { binding, child, address, folder: folder.to_owned(), socket };
        let started = Instant::now();
        while !served.listens() {
            if let Some(status) = served.child.try_wait()? {
                return Err(format!("the server ended with {status}").into());
            }
            if started.elapsed() > START {
                return Err("the server does not listen".into());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(served)
    }

    fn listens(&self) -> bool {
        match self.binding {
            Binding::Stdio => true,
            Binding::Unix => UnixStream::connect(&self.socket).is_ok(),
            _ => TcpStream::connect(self.address).is_ok(),
        }
    }

    /// Opens a connection; to a server on standard input and output there is only one.
    pub(crate) fn connect(&mut self) -> Outcome<Box<dyn Stream>> {
        let tcp = || -> Outcome<TcpStream> {
            let stream = TcpStream::connect(self.address)?;
            stream.set_nodelay(true)?;
            Ok(stream)
        };
        let mut stream: Box<dyn Stream> = match self.binding {
            Binding::Stdio => {
                let (input, output) = (self.child.stdin.take(), self.child.stdout.take());
                Box::new(Pipes(input.ok_or("only once")?, output.ok_or("only once")?))
            }
            Binding::Unix => Box::new(UnixStream::connect(&self.socket)?),
            Binding::Tls => {
                let config = tls::of_client(&self.folder)?;
                let connection = ClientConnection::new(config, "localhost".try_into()?)?;
                Box::new(StreamOwned::new(connection, tcp()?))
            }
            Binding::Tcp | Binding::WebSocket | Binding::Http => Box::new(tcp()?),
        };
        self.binding.framing().open(&mut stream)?;
        Ok(stream)
    }

    /// Returns how much memory the server has, in KiB: what is its own, and with the pages of its program that it has
    /// touched, which the kernel can read again from the file.
    pub(crate) fn memory_kib(&self) -> Outcome<(f64, f64)> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let read = |name: &str| -> Outcome<f64> {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).ok_or("a line of memory is missing")?;
            Ok(line.trim().trim_end_matches(" kB").parse()?)
        };
        Ok((read("RssAnon:")?, read("VmRSS:")?))
    }

    /// Asks the server to end, as an operator would, and waits for it.
    pub(crate) fn end(mut self) -> Outcome {
        Command::new("sh").args(["-c", r#"kill "$1""#, "sh", &self.child.id().to_string()]).status()?;
        self.child.wait()?;
        Ok(())
    }

    /// Returns how many seconds of a processor the server has used.
    pub(crate) fn cpu_seconds(&self) -> Outcome<f64> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        let fields = stat.rsplit(')').next().unwrap_or_default();
        let ticks = fields.split_whitespace().skip(11).take(2).map(str::parse::<f64>).sum::<Result<f64, _>>()?;
        Ok(ticks / TICKS)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_address() -> Outcome<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

struct Pipes(ChildStdin, ChildStdout);

impl Read for Pipes {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.1.read(buffer)
    }
}

impl Write for Pipes {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush()
    }
}
