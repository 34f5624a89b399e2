//! Tasks: what any store of them does, and what becomes of a task whose worker is lost.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use turbomcp::client::{Client, Error};
use turbomcp::prelude::*;
use turbomcp::store::{Postgres, Redis};
use turbomcp::tasks::{
    Due, Insertion, MemoryTasks, PostgresTasks, RedisTasks, StoredTask, TaskCaps, TaskConfig, TaskStore, ToolTask,
};
use turbomcp::types::{ElicitResult, ElicitationSchema, StringSchema, TaskStatus, ToolAnnotations};
use turbomcp::{Arguments, FnTool};
use turbomcp_tests::{PATIENCE, engines};

const LONG: Duration = Duration::from_secs(600);
const MANY: TaskCaps = TaskCaps::new(100, 100);

/// How long workers have a task in these tests.
const LEASE: Duration = Duration::from_millis(600);

fn task(id: &str, owner: &str, created: u64) -> StoredTask {
    StoredTask::new(id, owner, created, format!("{{\"id\":\"{id}\"}}"))
}

async fn keep(store: &dyn TaskStore, id: &str, owner: &str, created: u64) -> StoredTask {
    let task = task(id, owner, created);
    assert_eq!(store.insert(&task, LONG, LONG, MANY).await.unwrap(), Insertion::Kept);
    task
}

fn ids(tasks: &[StoredTask]) -> Vec<&str> {
    tasks.iter().map(|task| task.id.as_str()).collect()
}

pub async fn a_task_is_found_as_it_was_written(store: &dyn TaskStore) {
    assert_eq!(store.load("a").await.unwrap(), None);
    let body = r#"{"text":"ä\u0000\n","quote":"\""}"#;
    let first = StoredTask::new("a", "ada", 7, body);
    // Twice, as when the first answer was lost.
    for _ in 0..2 {
        assert_eq!(store.insert(&first, LONG, LONG, MANY).await.unwrap(), Insertion::Kept);
    }
    assert_eq!(store.load("a").await.unwrap(), Some(first.clone()));
    let mut second = first.clone();
    second.body = "2".to_owned();
    for _ in 0..2 {
        assert!(store.replace(&second, Due::AsBefore).await.unwrap());
    }
    assert_eq!(store.load("a").await.unwrap(), Some(second.clone().with_version(2)));
    let mut late = first.clone();
    late.body = "late".to_owned();
    assert!(!store.replace(&late, Due::AsBefore).await.unwrap());
    assert!(!store.replace(&late.clone().with_version(3), Due::AsBefore).await.unwrap());
    let mut unknown = late;
    unknown.id = "b".to_owned();
    assert!(!store.replace(&unknown, Due::AsBefore).await.unwrap());
    assert_eq!(store.load("a").await.unwrap(), Some(second.with_version(2)));
}

async fn of_those_who_write_at_once_one_has_written(store: &dyn TaskStore) {
    let first = keep(store, "a", "", 1).await;
    let mut writes = Vec::new();
    for number in 0..16 {
        let mut task = first.clone();
        task.body = number.to_string();
        writes.push(task);
    }
    let mut written = Vec::new();
    let mut writing: Vec<_> = writes.iter().map(|task| store.replace(task, Due::AsBefore)).collect();
    for (at, write) in writing.iter_mut().enumerate() {
        if write.await.unwrap() {
            written.push(at.to_string());
        }
    }
    assert_eq!(written.len(), 1);
    assert_eq!(store.load("a").await.unwrap().unwrap().body, written[0]);
}

async fn a_task_is_due_when_its_lease_has_run_out(store: &dyn TaskStore) {
    let (a, b) = (keep(store, "a", "", 1).await, keep(store, "b", "", 2).await);
    assert_eq!(store.due(10).await.unwrap(), []);
    assert!(store.extend("a", 1, Duration::ZERO).await.unwrap());
    assert!(!store.extend("a", 2, LONG).await.unwrap() && !store.extend("x", 1, LONG).await.unwrap());
    assert_eq!(store.due(10).await.unwrap(), std::slice::from_ref(&a));
    assert!(store.replace(&b, Due::After(Duration::ZERO)).await.unwrap());
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert_eq!(ids(&store.due(10).await.unwrap()), ["a", "b"]);
    assert_eq!(ids(&store.due(1).await.unwrap()), ["a"]);
    assert!(store.extend("a", 1, LONG).await.unwrap());
    assert_eq!(ids(&store.due(10).await.unwrap()), ["b"]);
    assert!(store.replace(&b.with_version(2), Due::Never).await.unwrap());
    assert_eq!(store.due(10).await.unwrap(), []);
    // Who is done with it is not asked whether it still works on it.
    assert!(!store.extend("b", 3, LONG).await.unwrap());
    assert!(store.load("b").await.unwrap().is_some());
}

async fn tasks_are_listed_in_order(store: &dyn TaskStore) {
    for (id, created) in [("c", 2), ("a", 2), ("Z", 2), ("b", 1), ("d", 10)] {
        keep(store, id, "ada", created).await;
    }
    keep(store, "e", "eve", 1).await;
    let all = store.list("ada", None, 10).await.unwrap();
    assert_eq!(ids(&all), ["b", "Z", "a", "c", "d"]);
    assert_eq!(ids(&store.list("ada", None, 2).await.unwrap()), ["b", "Z"]);
    assert_eq!(ids(&store.list("ada", Some((2, "a")), 2).await.unwrap()), ["c", "d"]);
    assert_eq!(store.list("ada", Some((10, "d")), 2).await.unwrap(), []);
    assert_eq!(ids(&store.list("eve", None, 10).await.unwrap()), ["e"]);
    assert_eq!(store.list("nobody", None, 10).await.unwrap(), []);
}

async fn there_are_only_so_many_tasks(store: &dyn TaskStore) {
    let caps = TaskCaps::new(2, 4);
    let short = Duration::from_millis(300);
    let insert =
        async |id: &str, owner: &str, ttl: Duration| store.insert(&task(id, owner, 1), ttl, LONG, caps).await.unwrap();
    assert_eq!(insert("a", "ada", short).await, Insertion::Kept);
    assert_eq!(insert("b", "ada", LONG).await, Insertion::Kept);
    assert_eq!(insert("c", "ada", LONG).await, Insertion::TooManyOfOwner);
    // Nobody knows who these belong to.
    assert_eq!(insert("d", "", LONG).await, Insertion::Kept);
    assert_eq!(insert("e", "", short).await, Insertion::Kept);
    assert_eq!(insert("f", "", LONG).await, Insertion::TooMany);
    assert_eq!(store.load("c").await.unwrap(), None);
    tokio::time::sleep(short * 2).await;
    // What is over is not there any more, whoever has removed it.
    assert_eq!((store.load("a").await.unwrap(), ids(&store.list("ada", None, 9).await.unwrap())), (None, vec!["b"]));
    assert!(!store.replace(&task("a", "ada", 1), Due::AsBefore).await.unwrap());
    assert!(!store.extend("a", 1, LONG).await.unwrap());
    assert_eq!(store.due(10).await.unwrap(), []);
    assert_eq!(store.sweep().await.unwrap(), 2);
    assert_eq!(store.sweep().await.unwrap(), 0);
    assert_eq!(insert("c", "ada", LONG).await, Insertion::Kept);
    assert_eq!(insert("f", "", LONG).await, Insertion::Kept);
}

macro_rules! suite {
    ($($name:ident)*) => {
        mod memory {
            $(#[tokio::test]
            async fn $name() {
                super::$name(&super::MemoryTasks::new()).await;
            })*
        }

        mod redis {
            $(#[tokio::test]
            async fn $name() {
                let redis = super::Redis::connect(&super::engines::Redis::shared().url()).await.unwrap();
                super::$name(&super::RedisTasks::new(redis)).await;
            })*
        }

        mod postgres {
            $(#[tokio::test]
            async fn $name() {
                let postgres = super::Postgres::connect(&super::engines::Postgres::shared().url()).await.unwrap();
                super::$name(&super::PostgresTasks::new(postgres).await.unwrap()).await;
            })*
        }
    };
}

suite! {
    a_task_is_found_as_it_was_written
    of_those_who_write_at_once_one_has_written
    a_task_is_due_when_its_lease_has_run_out
    tasks_are_listed_in_order
    there_are_only_so_many_tasks
}

async fn config(url: &str) -> TaskConfig {
    let config = TaskConfig::new().lease(LEASE).poll_interval(Duration::from_millis(20));
    if url.starts_with("redis") {
        config.store(RedisTasks::new(Redis::connect(url).await.unwrap()))
    } else {
        config.store(PostgresTasks::new(Postgres::connect(url).await.unwrap()).await.unwrap())
    }
}

/// A server whose worker is called `name`. Its tools say who has done the work, and begin with what `before` does.
fn server<Fut>(
    config: TaskConfig,
    name: &'static str,
    before: impl Fn(u32) -> Fut + Clone + Send + Sync + 'static,
) -> McpServer
where
    Fut: Future<Output = ()> + Send,
{
    let again = before.clone();
    let work = move |_: Arguments, ctx: Context| {
        let before = again.clone();
        async move {
            before(ctx.task().attempt()).await;
            format!("{name} at attempt {}", ctx.task().attempt())
        }
    };
    let once = move |_: Arguments, ctx: Context| {
        let before = before.clone();
        async move {
            before(ctx.task().attempt()).await;
            format!("{name} once")
        }
    };
    let asks = |_: Arguments, ctx: Context| async move {
        let form = ElicitationSchema::new().string("name", StringSchema::new());
        let answer = ctx.elicit("Who?", form).await?;
        Ok::<_, McpError>(format!("{} {}", answer.content.unwrap_or_default()["name"], ctx.task().attempt()))
    };
    let idempotent = || ToolAnnotations::new().with_idempotent_hint(true);
    let repeatable = || ToolTask::optional().retry(50);
    ServerBuilder::new()
        .tasks(config)
        .and_then(|builder| builder.tool("work", FnTool::new(work).annotations(idempotent()).task(repeatable())))
        .and_then(|builder| builder.tool("once", FnTool::new(once).task(ToolTask::optional())))
        .and_then(|builder| builder.tool("asks", FnTool::new(asks).annotations(idempotent()).task(repeatable())))
        .unwrap()
        .build()
}

async fn in_time<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, what).await.expect("in time")
}

/// Another process, which works on a task.
struct Worker {
    child: Child,
    output: BufReader<Box<dyn Read + Send>>,
    /// What it has said that nobody has waited for.
    said: Vec<String>,
}

impl Worker {
    fn start(url: &str, tool: &str) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--ignored", "--exact", "tasks::the_other_process", "--nocapture"]);
        command.env("TASKS_URL", url).env("TASKS_TOOL", tool).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let output: Box<dyn Read + Send> = Box::new(child.stdout.take().unwrap());
        Self { child, output: BufReader::new(output), said: Vec::new() }
    }

    /// Waits for a line that begins so, and returns the rest of it.
    fn expect(&mut self, begin: &str) -> String {
        loop {
            if let Some(at) = self.said.iter().position(|line| line.starts_with(begin)) {
                return self.said.remove(at)[begin.len()..].to_owned();
            }
            let mut line = String::new();
            assert_ne!(self.output.read_line(&mut line).unwrap(), 0, "the worker has ended");
            self.said.push(line.trim_end().to_owned());
        }
    }

    fn signal(&self, signal: &str) {
        let status = Command::new("kill").args([signal, &self.child.id().to_string()]).status();
        assert!(status.unwrap().success());
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Begins a task and works on it, until it is killed. The tests beside it start this.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the tests of workers start it"]
async fn the_other_process() {
    use std::io::Write;

    let (url, tool) = (std::env::var("TASKS_URL").unwrap(), std::env::var("TASKS_TOOL").unwrap());
    let say = |text: String| {
        let mut output = std::io::stdout().lock();
        writeln!(output, "\n{text}").unwrap();
        output.flush().unwrap();
    };
    let server = server(config(&url).await, "first", move |_| async move {
        say("begun".to_owned());
        // Stopped here, and killed or let go on.
        tokio::time::sleep(Duration::from_millis(1500)).await;
        say("done".to_owned());
    });
    let builder = Client::builder().on_elicit(|_| std::future::pending());
    let client = builder.connect(&server).await.unwrap();
    let task = client.call_tool_as_task(tool, ()).await.unwrap();
    say(format!("id {}", task.id().unwrap()));
    server.run_http("127.0.0.1:0").await.unwrap();
}

/// The server that takes up what another has left, and how often it began.
async fn successor(url: &str) -> (McpServer, Arc<AtomicUsize>, Client) {
    let begun = Arc::new(AtomicUsize::new(0));
    let counts = begun.clone();
    let server = server(config(url).await, "second", move |_| {
        counts.fetch_add(1, Ordering::SeqCst);
        std::future::ready(())
    });
    let builder = Client::builder().on_elicit(|_| async {
        let content = serde_json::json!({"name": "Ada"});
        Ok(ElicitResult::accept(content.as_object().unwrap().clone()))
    });
    let client = builder.connect(&server).await.unwrap();
    (server, begun, client)
}

async fn text(result: Result<turbomcp::types::CallToolResult, Error>) -> String {
    result.unwrap().content[0].as_text().unwrap().to_owned()
}

async fn a_task_of_a_killed_worker_is_finished_by_another(url: &str) {
    let mut worker = Worker::start(url, "work");
    worker.expect("begun");
    let id = worker.expect("id ");
    worker.signal("-KILL");
    let started = Instant::now();
    let (_server, begun, client) = successor(url).await;
    assert_eq!(text(in_time(client.task(&id).result()).await).await, "second at attempt 2");
    assert!(started.elapsed() < Duration::from_secs(12), "the usual fifteen seconds were not waited for");
    assert_eq!(begun.load(Ordering::SeqCst), 1);
    // Once.
    tokio::time::sleep(LEASE * 2).await;
    assert_eq!(begun.load(Ordering::SeqCst), 1);
}

async fn a_worker_that_comes_back_too_late_writes_nothing(url: &str) {
    let mut worker = Worker::start(url, "work");
    worker.expect("begun");
    let id = worker.expect("id ");
    worker.signal("-STOP");
    let (_server, _, client) = successor(url).await;
    assert_eq!(text(in_time(client.task(&id).result()).await).await, "second at attempt 2");
    worker.signal("-CONT");
    // Either it is done and cannot say so, or it hears before that the task is not its own any more.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let mut task = client.task(&id);
    task.refresh().await.unwrap();
    assert_eq!(task.status(), Some(TaskStatus::Completed));
    assert_eq!(text(task.result().await).await, "second at attempt 2");
}

async fn what_cannot_be_repeated_fails_with_its_worker(url: &str) {
    let mut worker = Worker::start(url, "once");
    worker.expect("begun");
    let id = worker.expect("id ");
    worker.signal("-KILL");
    let (_server, begun, client) = successor(url).await;
    let error = in_time(client.task(&id).result()).await.unwrap_err();
    assert_eq!(error.as_mcp().unwrap().message(), "the worker of the task was lost");
    assert_eq!(begun.load(Ordering::SeqCst), 0);
}

async fn a_question_outlives_the_worker_that_asked_it(url: &str) {
    let mut worker = Worker::start(url, "asks");
    let id = worker.expect("id ");
    let (server, _, client) = successor(url).await;
    let mut task = client.task(&id);
    let asked = async {
        let silent = Client::connect(&server).await.unwrap();
        let mut task = silent.task(&id);
        while task.status() != Some(TaskStatus::InputRequired) {
            task.refresh().await.unwrap();
        }
        task.task().unwrap().input_requests.as_ref().unwrap().keys().cloned().collect::<Vec<_>>()
    };
    assert_eq!(in_time(asked).await, ["elicitation_1"]);
    worker.signal("-KILL");
    // Whether the answer comes before the other worker or after it.
    in_time(task.changed()).await.unwrap();
    assert_eq!(text(in_time(task.result()).await).await, "\"Ada\" 2");
}

async fn a_task_is_left_to_others_by_a_server_that_ends(url: &str) {
    let first = server(config(url).await, "first", |_| std::future::pending());
    let client = Client::connect(&first).await.unwrap();
    let mut task = client.call_tool_as_task("work", ()).await.unwrap();
    let id = task.id().unwrap().to_owned();
    task.refresh().await.unwrap();
    in_time(first.shutdown_handle().shutdown().into_future()).await;
    let (_server, _, client) = successor(url).await;
    // It does not count as lost.
    assert_eq!(text(in_time(client.task(&id).result()).await).await, "second at attempt 1");
}

async fn a_task_is_left_to_others_at_sigterm(url: &str) {
    let mut worker = Worker::start(url, "work");
    worker.expect("begun");
    let id = worker.expect("id ");
    // Until it serves, the signal ends it at once.
    tokio::time::sleep(Duration::from_millis(400)).await;
    worker.signal("-TERM");
    let (_server, _, client) = successor(url).await;
    assert_eq!(text(in_time(client.task(&id).result()).await).await, "second at attempt 1");
}

async fn a_cancellation_reaches_a_worker_in_another_process(url: &str) {
    let mut worker = Worker::start(url, "asks");
    let id = worker.expect("id ");
    let (_server, begun, client) = successor(url).await;
    let mut task = client.task(&id);
    task.cancel().await.unwrap();
    tokio::time::sleep(LEASE * 3).await;
    task.refresh().await.unwrap();
    assert_eq!((task.status(), begun.load(Ordering::SeqCst)), (Some(TaskStatus::Cancelled), 0));
}

macro_rules! workers {
    ($($name:ident)*) => {
        mod workers_of_redis {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name(&super::engines::Redis::shared().url()).await;
            })*
        }

        mod workers_of_postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name(&super::engines::Postgres::shared().url()).await;
            })*
        }
    };
}

workers! {
    a_task_of_a_killed_worker_is_finished_by_another
    a_worker_that_comes_back_too_late_writes_nothing
    what_cannot_be_repeated_fails_with_its_worker
    a_question_outlives_the_worker_that_asked_it
    a_task_is_left_to_others_by_a_server_that_ends
    a_task_is_left_to_others_at_sigterm
    a_cancellation_reaches_a_worker_in_another_process
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_is_not_lost_while_redis_is_started_again() {
    let mut engine = engines::Redis::start();
    let (go, mut wait) = (Arc::new(tokio::sync::Notify::new()), Vec::new());
    let gate = go.clone();
    let server = server(config(&engine.url()).await.lease(Duration::from_secs(5)), "first", move |_| {
        let gate = gate.clone();
        async move { gate.notified().await }
    });
    let client = Client::connect(&server).await.unwrap();
    for tool in ["work", "once"] {
        wait.push(client.call_tool_as_task(tool, ()).await.unwrap());
    }
    engine.kill();
    // They are done while there is nobody to tell.
    go.notify_waiters();
    tokio::time::sleep(LEASE / 4).await;
    engine.start_again();
    let mut texts = Vec::new();
    for task in wait {
        texts.push(text(in_time(task.result()).await).await);
    }
    assert_eq!(texts, ["first at attempt 1", "first once"]);
}
