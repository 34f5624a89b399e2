//! Servers that are processes: how they start, crash and end.

use std::path::Path;
use std::time::{Duration, Instant};

use turbomcp::client::{Client, Command, Era};
use turbomcp::types::SubscriptionFilter;

use crate::peer::{failure, soon};

fn fixture() -> Command {
    Command::new(env!("CARGO_BIN_EXE_fixture-server"))
}

/// A server in a shell script, which leaves its process id in a file.
fn script(directory: &Path, body: &str) -> Command {
    let script = format!("echo $$ > pid\n{body}");
    Command::new("sh").arg("-c").arg(script).current_dir(directory).shutdown_timeout(Duration::from_millis(300))
}

fn folder(name: &str) -> std::path::PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("client-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&path).unwrap();
    path
}

/// True while a process of this id runs; a zombie does not.
fn runs(pid: &str) -> bool {
    let Ok(stat) = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())) else { return false };
    !stat.rsplit(')').next().unwrap_or_default().trim_start().starts_with('Z')
}

/// True if the process is there in any state.
fn exists(pid: &str) -> bool {
    Path::new(&format!("/proc/{}", pid.trim())).exists()
}

async fn ends(pid: &str) {
    soon(async {
        while exists(pid) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
}

async fn read(path: &Path) -> String {
    soon(async {
        loop {
            match std::fs::read_to_string(path) {
                Ok(text) if text.ends_with('\n') => return text,
                _ => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    })
    .await
}

const HANDSHAKE: &str = r#"
read line
echo '{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"2025-11-25","capabilities":{},"serverInfo":{"name":"sh","version":"1"}}}'
read line
"#;

#[tokio::test]
async fn stdio_10_a_server_ends_when_its_input_does_and_leaves_no_zombie() {
    // So patient that only the end of its input can have ended it.
    let client = Client::connect(fixture().shutdown_timeout(Duration::from_secs(60))).await.unwrap();
    let started = Instant::now();
    soon(client.close()).await;
    assert!(started.elapsed() < Duration::from_secs(20));
    assert!(failure(client.ping()).await.is_closed());
}

/// Holds STDIO-10.
#[tokio::test]
async fn defence_23_a_server_that_does_not_end_is_terminated_then_killed_with_all_it_started() {
    let directory = folder("stubborn");
    let body = format!("trap '' TERM\nsleep 1000 &\necho $! > child\n{HANDSHAKE}\nwhile true; do sleep 0.1; done");
    let client = Client::builder().era(Era::Legacy).connect(script(&directory, &body)).await.unwrap();
    let (pid, child) = (read(&directory.join("pid")).await, read(&directory.join("child")).await);
    assert!(runs(&pid) && runs(&child));
    soon(client.close()).await;
    assert!(!exists(&pid), "the server was not reaped");
    soon(async {
        while runs(&child) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    std::fs::remove_dir_all(directory).unwrap();
}

#[tokio::test]
async fn defence_23_dropping_the_client_kills_the_group() {
    let directory = folder("dropped");
    let body = format!("trap '' TERM\nsleep 1000 &\necho $! > child\n{HANDSHAKE}\nwhile true; do sleep 0.1; done");
    let client = Client::builder().era(Era::Legacy).connect(script(&directory, &body)).await.unwrap();
    let (pid, child) = (read(&directory.join("pid")).await, read(&directory.join("child")).await);
    drop(client);
    ends(&pid).await;
    soon(async {
        while runs(&child) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    std::fs::remove_dir_all(directory).unwrap();
}

/// Holds STDIO-12.
#[tokio::test]
async fn stdio_12_a_crash_surfaces_at_once_and_the_next_call_starts_the_server_again() {
    let command = fixture();
    let client = Client::builder().reconnect().connect(command).await.unwrap();
    let pid = pid_of_child();
    let call = tokio::spawn(client.call_tool("wait", serde_json::json!({"ms": 60_000})).into_future());
    tokio::time::sleep(Duration::from_millis(200)).await;
    let started = Instant::now();
    for pid in pid {
        let _ = std::process::Command::new("kill").args(["-9", &pid]).status();
    }
    let error = failure(async { call.await.unwrap() }).await;
    assert!(error.is_closed() && started.elapsed() < Duration::from_secs(5), "{error}");
    client.ping().await.unwrap();
    client.close().await;
}

#[tokio::test]
async fn stdio_13_a_server_that_was_started_again_is_asked_to_report_again() {
    let client = Client::builder().reconnect().connect(fixture()).await.unwrap();
    let pids = pid_of_child();
    let filter = || SubscriptionFilter::new().with_tools_list_changed(true);
    let mut subscription = client.subscribe(filter()).await.unwrap();
    for pid in pids {
        let _ = std::process::Command::new("kill").args(["-9", &pid]).status();
    }
    assert!(soon(subscription.next()).await.unwrap().unwrap_err().is_closed());
    // The acknowledgement is that of a request the new process was sent.
    let again = client.subscribe(filter()).await.unwrap();
    assert_eq!(*again.filter(), filter());
    again.close().await;
    client.close().await;
}

/// Returns the ids of the fixtures that this test's thread has started.
fn pid_of_child() -> Vec<String> {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let own = nix_thread_id();
    tasks
        .flatten()
        .filter(|task| task.file_name().to_string_lossy() == own)
        .flat_map(|task| {
            let children = std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
            children.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
        })
        .collect()
}

fn nix_thread_id() -> String {
    let link = std::fs::read_link("/proc/thread-self").unwrap();
    link.file_name().unwrap().to_string_lossy().into_owned()
}

/// A server of the kind that ends when it is asked what it cannot know.
#[tokio::test]
async fn a_server_that_ends_on_the_probe_is_started_again_and_initialized() {
    let directory = folder("probe");
    let body = r#"
read line
case "$line" in *server/discover*) exit 3;; esac
id=$(echo "$line" | sed 's/.*"id":\([0-9]*\).*/\1/')
echo '{"jsonrpc":"2.0","id":'$id',"result":{"protocolVersion":"2025-06-18","capabilities":{},"serverInfo":{"name":"sh","version":"1"}}}'
read line
read line
"#;
    let client = Client::connect(script(&directory, body)).await.unwrap();
    assert_eq!(client.revision().as_str(), "2025-06-18");
    client.close().await;
    std::fs::remove_dir_all(directory).unwrap();
}

#[tokio::test]
async fn a_program_that_is_none_is_reported() {
    let error = failure(Client::connect(Command::new("/no/such/program"))).await;
    assert!(error.is_connect() && std::error::Error::source(&error).is_some(), "{error}");
    let error = failure(Client::builder().era(Era::Legacy).connect("false")).await;
    assert!(error.is_closed() && error.to_string().contains("exit"), "{error}");
}

/// Holds STDIO-04.
#[tokio::test]
async fn stdio_04_noise_on_both_outputs_is_no_failure() {
    let directory = folder("noise");
    let body = format!("echo warning >&2\necho starting\nyes | head -c 300000 >&2\n{HANDSHAKE}\nread line");
    let client = Client::builder().era(Era::Legacy).connect(script(&directory, &body)).await.unwrap();
    client.close().await;
    std::fs::remove_dir_all(directory).unwrap();
}

/// Holds DEFENCES 23: argv only, and no more of the environment than is listed.
#[tokio::test]
async fn defence_23_a_server_sees_only_the_environment_it_is_given() {
    let directory = folder("environment");
    let body = format!("env > env\n{HANDSHAKE}");
    let command = script(&directory, &body).env("GIVEN", "a; $(touch owned)").inherit_env("CARGO_MANIFEST_DIR");
    let client = Client::builder().era(Era::Legacy).connect(command).await.unwrap();
    client.close().await;
    let environment = std::fs::read_to_string(directory.join("env")).unwrap();
    let names: Vec<_> = environment.lines().filter_map(|line| Some(line.split_once('=')?.0)).collect();
    assert!(names.contains(&"GIVEN") && names.contains(&"PATH") && names.contains(&"CARGO_MANIFEST_DIR"));
    assert!(!names.iter().any(|name| name.starts_with("CARGO_PKG")), "{names:?}");
    assert!(!directory.join("owned").exists());
    std::fs::remove_dir_all(directory).unwrap();
}

#[tokio::test]
async fn a_process_that_holds_the_pipe_open_does_not_hide_a_crash() {
    let directory = folder("holder");
    let body = format!("{HANDSHAKE}\nread line\nsetsid sleep 5 &\nexit 1");
    let client = Client::builder().era(Era::Legacy).connect(script(&directory, &body)).await.unwrap();
    let started = Instant::now();
    assert!(failure(client.ping()).await.is_closed());
    assert!(started.elapsed() < Duration::from_secs(4));
    std::fs::remove_dir_all(directory).unwrap();
}

#[tokio::test]
async fn a_process_that_dies_amid_an_answer_is_reported_with_its_end() {
    let directory = folder("amid");
    let body = format!("{HANDSHAKE}\nread line\nprintf '{{\"jsonrpc\":\"2.0\",\"id\":'\nexit 7");
    let client = Client::builder().era(Era::Legacy).connect(script(&directory, &body)).await.unwrap();
    let error = failure(client.ping()).await;
    assert!(error.is_closed() && error.to_string().contains('7'), "{error}");
    std::fs::remove_dir_all(directory).unwrap();
}
