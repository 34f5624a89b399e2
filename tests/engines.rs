//! Redis and PostgreSQL, in processes of their own that a test may stop, kill and start again.
//!
//! They listen on the loopback interface, keep what they have in a temporary folder, and end with the test program,
//! however that ends.

use std::fs::File;
use std::io::Write;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// How long an engine may take to start, and to end.
const LIMIT: Duration = Duration::from_secs(60);

/// What both engines ask for.
const PASSWORD: &str = "s3cret/%";

/// The same, as it stands in a URL.
const ENCODED: &str = "s3cret%2F%25";

// Ends the process $1 and removes the folder $2 once the program that started it is gone.
const WATCHER: &str = r#"trap '' INT TERM HUP; read -r word; [ "$word" = ended ] || { kill -9 "$1"; rm -rf "$2"; }"#;

/// What an engine speaks TLS by, in files of PEM. It then speaks nothing else.
pub struct Secured {
    /// What it shows.
    pub certificate: PathBuf,
    pub key: PathBuf,
    /// Who has certified it, and has to have certified its clients if it asks them for a certificate.
    pub authority: PathBuf,
    /// A certificate and its key for the programs that come with the engine, if it asks for one.
    pub client: Option<(PathBuf, PathBuf)>,
}

/// An engine that runs.
struct Running {
    child: Child,
    watcher: Child,
}

impl Running {
    fn start(command: &mut Command, folder: &Path) -> Self {
        let log = File::options().create(true).append(true).open(folder.join("log")).unwrap();
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        let child = command.spawn().unwrap();
        let mut watcher = Command::new("sh");
        watcher.args(["-c", WATCHER, "sh", &child.id().to_string()]).arg(folder).stdin(Stdio::piped());
        Self { child, watcher: watcher.spawn().unwrap() }
    }

    fn end(mut self, signal: &str) {
        if self.child.try_wait().unwrap().is_none() {
            signal_to(self.child.id(), signal);
            let started = Instant::now();
            while self.child.try_wait().unwrap().is_none() {
                assert!(started.elapsed() < LIMIT, "the engine does not end");
                std::thread::sleep(Duration::from_millis(5));
            }
        }
        let _ = self.watcher.stdin.take().map(|mut stdin| stdin.write_all(b"ended\n"));
        self.watcher.wait().unwrap();
    }
}

fn signal_to(process: u32, signal: &str) {
    let status = Command::new("kill").args([&format!("-{signal}"), &process.to_string()]).status();
    assert!(status.unwrap().success());
}

/// Redis, on a port of its own.
pub struct Redis {
    port: u16,
    /// What it speaks TLS by when it is started again.
    pub secured: Option<Secured>,
    folder: PathBuf,
    running: Option<Running>,
    databases: AtomicUsize,
}

impl Redis {
    /// Starts one.
    ///
    /// # Panics
    ///
    /// If the machine has none: whoever needs it must not pass without.
    pub fn start() -> Self {
        Self::start_with(None)
    }

    /// Starts one that speaks TLS.
    pub fn start_over_tls(secured: Secured) -> Self {
        Self::start_with(Some(secured))
    }

    fn start_with(secured: Option<Secured>) -> Self {
        let (port, folder) = (free_port(), folder("redis"));
        let mut redis = Self { port, secured, folder, running: None, databases: AtomicUsize::new(0) };
        redis.start_again();
        redis
    }

    /// Returns the one that the tests of a program share.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Redis> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    /// Starts it again, with all that it had acknowledged.
    pub fn start_again(&mut self) {
        assert!(self.running.is_none(), "it runs already");
        let mut command = Command::new(program("redis-server", &[]));
        command.args(["--bind", "127.0.0.1", "--requirepass", PASSWORD]);
        match &self.secured {
            None => _ = command.args(["--port", &self.port.to_string()]),
            Some(Secured { certificate, key, authority, client }) => {
                command.args(["--port", "0", "--tls-port", &self.port.to_string(), "--tls-cert-file"]).arg(certificate);
                command.arg("--tls-key-file").arg(key).arg("--tls-ca-cert-file").arg(authority);
                command.args(["--tls-auth-clients", if client.is_some() { "yes" } else { "no" }]);
            }
        }
        command.args(["--databases", "256", "--save", "", "--appendonly", "yes", "--dir"]).arg(&self.folder);
        self.running = Some(Running::start(&mut command, &self.folder));
        let answers = || {
            let output = self.client(&["PING"]).output().unwrap();
            (output.stdout == b"PONG\n").then_some(())
        };
        wait_for(answers, &self.folder);
    }

    /// Returns the URL of a database that nobody else uses.
    pub fn url(&self) -> String {
        let database = self.databases.fetch_add(1, Ordering::Relaxed);
        let scheme = if self.secured.is_some() { "rediss" } else { "redis" };
        format!("{scheme}://:{ENCODED}@127.0.0.1:{}/{database}", self.port)
    }

    /// Ends it as an operator does.
    pub fn stop(&mut self) {
        self.running.take().expect("it runs").end("TERM");
    }

    /// Kills it.
    pub fn kill(&mut self) {
        self.running.take().expect("it runs").end("KILL");
    }

    /// Cuts every connection to it.
    pub fn cut(&self) {
        self.command(&["CLIENT", "KILL", "TYPE", "normal"]);
    }

    /// Returns what a command of `redis-cli` prints; it is for database 0 unless it says otherwise.
    pub fn command(&self, words: &[&str]) -> String {
        output(&mut self.client(words))
    }

    fn client(&self, words: &[&str]) -> Command {
        let mut command = Command::new(program("redis-cli", &[]));
        command.args(["-h", "127.0.0.1", "-p", &self.port.to_string()]).env("REDISCLI_AUTH", PASSWORD);
        if let Some(secured) = &self.secured {
            // What it shows may be meant to be wrong.
            command.args(["--tls", "--insecure"]);
            if let Some((certificate, key)) = &secured.client {
                command.arg("--cert").arg(certificate).arg("--key").arg(key);
            }
        }
        command.args(words).stdin(Stdio::null());
        command
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            running.end("KILL");
        }
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// PostgreSQL, on a port of its own.
pub struct Postgres {
    port: u16,
    /// What it speaks TLS by when it is started again.
    pub secured: Option<Secured>,
    folder: PathBuf,
    running: Option<Running>,
    databases: AtomicUsize,
}

impl Postgres {
    /// Starts one.
    ///
    /// # Panics
    ///
    /// If the machine has none: whoever needs it must not pass without.
    pub fn start() -> Self {
        Self::start_with(None)
    }

    /// Starts one that speaks TLS.
    pub fn start_over_tls(secured: Secured) -> Self {
        Self::start_with(Some(secured))
    }

    fn start_with(secured: Option<Secured>) -> Self {
        let folder = folder("postgres");
        let password = folder.join("password");
        std::fs::write(&password, PASSWORD).unwrap();
        let mut command = as_nobody(Command::new(program("initdb", POSTGRES)), &[&folder, &password]);
        command.args(["--username=mcp", "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync"]);
        command.arg("--pwfile").arg(&password).arg("--pgdata").arg(folder.join("data"));
        output(&mut command);
        let mut postgres = Self { port: free_port(), secured, folder, running: None, databases: AtomicUsize::new(0) };
        postgres.start_again();
        postgres
    }

    /// Returns the one that the tests of a program share.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Postgres> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    /// Starts it again, with all that it had acknowledged.
    pub fn start_again(&mut self) {
        assert!(self.running.is_none(), "it runs already");
        let files = self.secured.as_ref().map(|secured| self.secure(secured));
        let owned: Vec<_> = files.iter().flatten().map(PathBuf::as_path).collect();
        let mut command = as_nobody(Command::new(program("postgres", POSTGRES)), &owned);
        command.arg("-D").arg(self.folder.join("data")).args(["-p", &self.port.to_string()]);
        if files.is_some() {
            for setting in ["ssl=on", "ssl_cert_file=certificate", "ssl_key_file=key", "ssl_ca_file=authority"] {
                command.args(["-c", setting]);
            }
        }
        for setting in ["listen_addresses=127.0.0.1", "unix_socket_directories=", "max_connections=50", "fsync=off"] {
            command.args(["-c", setting]);
        }
        self.running = Some(Running::start(&mut command, &self.folder));
        let answers = || {
            let mut command = self.client("psql");
            let status = command.args(["-d", "postgres", "-c", "SELECT 1"]).stdout(Stdio::null()).stderr(Stdio::null());
            status.status().unwrap().success().then_some(())
        };
        wait_for(answers, &self.folder);
    }

    /// Writes what TLS needs to where PostgreSQL may read it, and returns the files.
    fn secure(&self, secured: &Secured) -> [PathBuf; 3] {
        let data = self.folder.join("data");
        let asks = if secured.client.is_some() { " clientcert=verify-ca" } else { "" };
        let rule = format!("hostssl all all 127.0.0.1/32 scram-sha-256{asks}\n");
        std::fs::write(data.join("pg_hba.conf"), rule).unwrap();
        let files = [("certificate", &secured.certificate), ("key", &secured.key), ("authority", &secured.authority)];
        files.map(|(name, path)| {
            let file = data.join(name);
            private_copy(path, &file);
            file
        })
    }

    /// Returns the URL of a new database.
    pub fn url(&self) -> String {
        let name = format!("test{}", self.databases.fetch_add(1, Ordering::Relaxed));
        output(self.client("createdb").arg(&name));
        format!("postgres://mcp:{ENCODED}@127.0.0.1:{}/{name}", self.port)
    }

    /// Ends it as an operator does who does not wait for clients.
    pub fn stop(&mut self) {
        self.running.take().expect("it runs").end("INT");
    }

    /// Kills it.
    pub fn kill(&mut self) {
        self.running.take().expect("it runs").end("KILL");
    }

    /// Cuts every connection to it.
    pub fn cut(&self) {
        self.statement(
            "postgres",
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'",
        );
    }

    /// Returns what a statement prints in the database of this name, a line for each row.
    pub fn statement(&self, database: &str, statement: &str) -> String {
        output(self.client("psql").args(["-d", database, "-qtA", "-v", "ON_ERROR_STOP=1", "-c", statement]))
    }

    fn client(&self, name: &str) -> Command {
        let mut command = Command::new(program(name, POSTGRES));
        command.args(["-h", "127.0.0.1", "-U", "mcp", "-p", &self.port.to_string()]).env("PGPASSWORD", PASSWORD);
        if let Some((certificate, key)) = self.secured.as_ref().and_then(|secured| secured.client.as_ref()) {
            let private = self.folder.join("client-key");
            private_copy(key, &private);
            command.env("PGSSLCERT", certificate).env("PGSSLKEY", private);
        }
        command
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            running.end("QUIT");
        }
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Where Debian has the programs of PostgreSQL, a folder for each version.
const POSTGRES: &[&str] = &["/usr/lib/postgresql"];

fn program(name: &str, versions: &[&str]) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let of_versions = versions.iter().flat_map(|folder| std::fs::read_dir(folder).into_iter().flatten().flatten());
    let mut of_versions: Vec<_> = of_versions.map(|version| version.path().join("bin")).collect();
    of_versions.sort();
    let mut candidates = of_versions.into_iter().rev().chain(std::env::split_paths(&path));
    let found = candidates.find_map(|folder| Some(folder.join(name)).filter(|program| program.is_file()));
    found.unwrap_or_else(|| panic!("there is no `{name}`: `cargo xtask stores` installs it"))
}

/// Has a command run as somebody without rights, where it would run as root, which PostgreSQL refuses.
#[cfg(unix)]
fn as_nobody(mut command: Command, owned: &[&Path]) -> Command {
    use std::os::unix::fs::{MetadataExt, chown};
    use std::os::unix::process::CommandExt;

    const NOBODY: u32 = 65534;
    let is_root = std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0);
    if is_root {
        for path in owned {
            chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
        }
        command.uid(NOBODY).gid(NOBODY).current_dir("/");
    }
    command
}

#[cfg(not(unix))]
fn as_nobody(command: Command, _: &[&Path]) -> Command {
    command
}

/// Copies a file for somebody who is particular about who else may read it.
#[cfg(unix)]
fn private_copy(from: &Path, to: &Path) {
    use std::os::unix::fs::PermissionsExt;

    let _ = std::fs::remove_file(to);
    std::fs::copy(from, to).unwrap();
    std::fs::set_permissions(to, std::fs::Permissions::from_mode(0o600)).unwrap();
}

#[cfg(not(unix))]
fn private_copy(from: &Path, to: &Path) {
    std::fs::copy(from, to).unwrap();
}

/// Creates a folder for one engine.
fn folder(name: &str) -> PathBuf {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let folder = std::env::temp_dir().join(format!("turbomcp-{name}-{}-{number}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

fn wait_for(answers: impl Fn() -> Option<()>, folder: &Path) {
    let started = Instant::now();
    while answers().is_none() {
        if started.elapsed() > LIMIT {
            let log = std::fs::read_to_string(folder.join("log")).unwrap_or_default();
            panic!("the engine does not answer:\n{log}");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn output(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}
