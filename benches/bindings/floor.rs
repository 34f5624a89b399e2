//! The least a server can do: it sends back what it is sent, a thread for each connection.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::path::Path;

use rustls::{ServerConnection, StreamOwned};

use crate::Outcome;
use crate::binding::Binding;
use crate::framing::{Framing, Side};
use crate::tls;

pub(crate) fn serve(binding: Binding, place: &[&str]) -> Outcome {
    let framing = binding.framing();
    match (binding, place) {
        (Binding::Stdio, _) => echo(Standard, framing),
        (Binding::Unix, [path]) => {
            let listener = UnixListener::bind(path)?;
            loop {
                let (stream, _) = listener.accept()?;
                std::thread::spawn(move || echo(stream, framing));
            }
        }
        (_, [address, folder]) => {
            let listener = TcpListener::bind(address)?;
            let config = tls::of_server(Path::new(folder))?;
            loop {
                let (stream, _) = listener.accept()?;
                stream.set_nodelay(true)?;
                let config = config.clone();
                std::thread::spawn(move || match binding {
                    Binding::Tls => echo(StreamOwned::new(ServerConnection::new(config)?, stream), framing),
                    _ => echo(stream, framing),
                });
            }
        }
        _ => Err("usage: floor BINDING [PATH | ADDRESS FOLDER]".into()),
    }
}

/// Sends back every message, all that were read together at once.
fn echo(mut stream: impl Read + Write, framing: Framing) -> Outcome {
    framing.accept(&mut stream)?;
    let (mut buffer, mut held, mut out) = (vec![0; 64 << 10], Vec::new(), Vec::new());
    loop {
        let length = match stream.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(length) => length,
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        held.extend_from_slice(&buffer[..length]);
        let mut at = 0;
        while let Some((message, end)) = framing.find(&held[at..])? {
            framing.write(&held[at + message.start..at + message.end], Side::Server, &mut out);
            at += end;
        }
        held.drain(..at);
        stream.write_all(&out)?;
        stream.flush()?;
        out.clear();
    }
}

/// Both standard streams.
struct Standard;

impl Read for Standard {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        std::io::stdin().lock().read(buffer)
    }
}

impl Write for Standard {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        std::io::stdout().lock().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        std::io::stdout().lock().flush()
    }
}
