//! Passes bytes on between a client and a server, and can stop, end or cut that as a network or a peer does.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpSocket, UnixListener, UnixStream};
use tokio::sync::watch;
use tokio::task::AbortHandle;

use crate::binding::{BoxStream, Stream};

/// How many bytes a socket takes that nobody reads from; systems do not go below some thousands.
const RECEIVE_BUFFER: u32 = 16 << 10;

/// What becomes of the bytes in one direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// They are passed on.
    Open,
    /// They are left unread.
    Stopped,
    /// No more are passed on, and the receiver is told so.
    Ended,
}

#[derive(Debug, Clone, Copy)]
struct Gate {
    to_server: Flow,
    to_client: Flow,
    /// Counts the times that all connections were cut.
    cuts: usize,
}

struct Shared {
    gate: watch::Sender<Gate>,
    /// How many bytes the client may still be sent before the connections are cut.
    budget: AtomicUsize,
}

pub struct Relay {
    shared: Arc<Shared>,
    port: Option<u16>,
    path: Option<PathBuf>,
    accepting: Option<AbortHandle>,
}

impl Relay {
    pub fn new() -> Self {
        let gate = Gate { to_server: Flow::Open, to_client: Flow::Open, cuts: 0 };
        let shared = Shared { gate: watch::Sender::new(gate), budget: AtomicUsize::new(usize::MAX) };
        Self { shared: Arc::new(shared), port: None, path: None, accepting: None }
    }

    /// Stands before a server that listens on a port.
    pub async fn before(server: SocketAddr) -> Self {
        let mut relay = Self::new();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        relay.port = Some(listener.local_addr().unwrap().port());
        let shared = relay.shared.clone();
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let socket = TcpSocket::new_v4().unwrap();
                socket.set_recv_buffer_size(RECEIVE_BUFFER).unwrap();
                // A server that is gone is told to the client by the end of its own connection.
                if let Ok(server) = socket.connect(server).await {
                    let _ = (client.set_nodelay(true), server.set_nodelay(true));
                    shared.join(client, server);
                }
            }
        });
        relay.accepting = Some(accepting.abort_handle());
        relay
    }

    /// Returns the port that stands for the server's.
    pub fn port(&self) -> u16 {
        self.port.expect("the binding has ports")
    }

    /// Stands before a server that listens on a Unix socket.
    pub fn before_socket(server: &Path) -> Self {
        static RELAYS: AtomicUsize = AtomicUsize::new(0);
        let mut relay = Self::new();
        let name = format!("{}.relay", RELAYS.fetch_add(1, Ordering::Relaxed));
        let path = server.with_file_name(name);
        let listener = UnixListener::bind(&path).unwrap();
        relay.path = Some(path);
        let (shared, server) = (relay.shared.clone(), server.to_owned());
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                // A server that is gone is told to the client by the end of its own connection.
                if let Ok(server) = UnixStream::connect(&server).await {
                    shared.join(client, server);
                }
            }
        });
        relay.accepting = Some(accepting.abort_handle());
        relay
    }

    /// Returns the path that stands for the server's.
    pub fn path(&self) -> &Path {
        self.path.as_deref().expect("the binding has paths")
    }

    /// Puts itself between a connection to the server and whoever uses it.
    pub fn over(&self, server: BoxStream) -> BoxStream {
        let (ours, theirs) = tokio::io::duplex(16 << 10);
        self.join(theirs, server);
        Box::new(ours)
    }

    /// Puts itself between two connections.
    pub fn join(&self, client: impl Stream + 'static, server: impl Stream + 'static) {
        self.shared.join(client, server);
    }

    /// Sets what becomes of what the client sends.
    pub fn to_server(&self, flow: Flow) {
        self.shared.gate.send_modify(|gate| gate.to_server = flow);
    }

    /// Sets what becomes of what the server sends.
    pub fn to_client(&self, flow: Flow) {
        self.shared.gate.send_modify(|gate| gate.to_client = flow);
    }

    /// Cuts every connection there is; new ones are passed on.
    pub fn cut(&self) {
        self.shared.cut();
    }

    /// Cuts the connections when the client has been sent so many bytes more.
    pub fn cut_after(&self, bytes: usize) {
        self.shared.budget.store(bytes, Ordering::SeqCst);
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.cut();
        if let Some(accepting) = &self.accepting {
            accepting.abort();
        }
    }
}

impl Shared {
    fn cut(&self) {
        self.budget.store(usize::MAX, Ordering::SeqCst);
        self.gate.send_modify(|gate| gate.cuts += 1);
    }

    /// Passes on bytes until both sides have ended, or the connection is cut.
    fn join(self: &Arc<Self>, client: impl Stream + 'static, server: impl Stream + 'static) {
        let (from_client, to_client) = tokio::io::split::<BoxStream>(Box::new(client));
        let (from_server, to_server) = tokio::io::split::<BoxStream>(Box::new(server));
        let cuts = self.gate.borrow().cuts;
        let shared = self.clone();
        tokio::spawn(async move {
            let mut gate = shared.gate.subscribe();
            let up = pump(from_client, to_server, &shared, |gate| gate.to_server, None);
            let down = pump(from_server, to_client, &shared, |gate| gate.to_client, Some(&shared.budget));
            tokio::select! {
                _ = async { tokio::join!(up, down) } => {}
                _ = gate.wait_for(|gate| gate.cuts != cuts) => {}
            }
        });
    }
}

async fn pump(
    mut from: ReadHalf<BoxStream>,
    mut to: WriteHalf<BoxStream>,
    shared: &Shared,
    flow: fn(&Gate) -> Flow,
    budget: Option<&AtomicUsize>,
) {
    let mut gate = shared.gate.subscribe();
    let mut buffer = vec![0; 16 << 10];
    loop {
        let now = flow(&gate.borrow_and_update());
        if now == Flow::Ended {
            break;
        }
        // Reading is given up, and nothing lost by it, when the flow changes.
        let read = tokio::select! {
            biased;
            changed = gate.changed() => match changed {
                Ok(()) => continue,
                Err(_) => break,
            },
            read = from.read(&mut buffer), if now == Flow::Open => read.unwrap_or(0),
        };
        let passed = budget.map_or(read, |budget| {
            let before = budget.load(Ordering::SeqCst);
            let passed = read.min(before);
            if before != usize::MAX {
                budget.store(before - passed, Ordering::SeqCst);
            }
            passed
        });
        if read == 0 || to.write_all(&buffer[..passed]).await.is_err() || to.flush().await.is_err() {
            break;
        }
        if passed < read {
            // At once: what there is more to read would go on in the same turn.
            return shared.cut();
        }
    }
    let _ = to.shutdown().await;
    // The other end may still say what nobody is to hear.
    drop(from);
}
