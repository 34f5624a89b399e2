//! The file that sessions are kept in: what was acknowledged is there, whatever ended the process.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use bytes::Bytes;
use turbomcp::sessions::{self, EventBounds, NewEvents, SessionKey, SessionStore};

use crate::folder::Folder;

const LONG: Duration = Duration::from_secs(3600);
const FOLDER: &str = "TURBOMCP_TEST_SESSIONS";

/// How many write at the same time.
const WRITERS: usize = 8;

fn bounds() -> EventBounds {
    EventBounds::new(1000, 1 << 20, LONG, 10)
}

fn key(name: &str) -> SessionKey {
    SessionKey::of(name)
}

/// Returns a record that is as long as several pages.
fn record(name: &str, version: u64) -> Vec<u8> {
    format!("{name} {version} ").repeat(500).into_bytes()
}

/// Returns the file that counts.
fn latest(folder: &Path) -> PathBuf {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    names
        .filter(|path| path.extension().is_some_and(|it| it == "log"))
        .max_by_key(|path| fs::metadata(path).unwrap().modified().unwrap())
        .unwrap()
}

/// Says what was acknowledged, with an end by which it is known to be whole.
fn say(what: &str, name: &str) {
    std::io::stdout().write_all(format!("{what} {name} .\n").as_bytes()).unwrap();
}

/// Writes without end, and says what was acknowledged.
#[test]
#[ignore = "another test runs it in a process of its own"]
fn writes_until_it_is_killed() {
    let folder = std::env::var_os(FOLDER).expect("the folder is named");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let store = sessions::memory_with_persistence(PathBuf::from(folder)).await.unwrap();
        let run = std::process::id();
        let mut writing = Vec::new();
        for writer in 0..WRITERS {
            let store = store.clone();
            writing.push(tokio::spawn(async move {
                for number in 0.. {
                    let name = format!("{run}.{writer}.{number}");
                    let key = key(&name);
                    assert!(store.create(&key, &record(&name, 1), LONG, 1 << 20).await.unwrap());
                    say("created", &name);
                    assert!(store.update(&key, 1, &record(&name, 2)).await.unwrap());
                    say("updated", &name);
                    let event = [Bytes::from(name.clone())];
                    assert!(store.append(&key, 1, NewEvents::new(Some(1), &event), bounds()).await.unwrap());
                    say("appended", &name);
                    if number % 2 == 1 {
                        assert!(store.remove(&key).await.unwrap());
                        say("removed", &name);
                    }
                }
            }));
        }
        for writer in writing {
            writer.await.unwrap();
        }
    });
}

#[tokio::test]
async fn a_process_that_is_killed_takes_nothing_with_it_that_was_acknowledged() {
    let folder = Folder::new();
    let mut acknowledged = Vec::new();
    for round in 0..6 {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "file::writes_until_it_is_killed", "--ignored", "--nocapture"]);
        command.env(FOLDER, folder.path()).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let of_child = format!(" {}.", child.id());
        let whole = |line: String| line.strip_suffix(" .").filter(|line| line.contains(&of_child)).map(str::to_owned);
        let mut lines = lines.filter_map(whole);
        // Somewhere in the middle of something, each time somewhere else.
        acknowledged.extend(lines.by_ref().take(150 + 77 * round));
        child.kill().unwrap();
        child.wait().unwrap();
        // What it had said before it was killed.
        acknowledged.extend(lines);
        let store = sessions::memory_with_persistence(folder.path()).await.unwrap();
        let removed: Vec<_> = acknowledged.iter().filter_map(|line| line.strip_prefix("removed ")).collect();
        for line in &acknowledged {
            let (what, name) = line.split_once(' ').unwrap();
            let key = key(name);
            let found = store.visit(&key, LONG, 0).await.unwrap();
            if removed.contains(&name) {
                assert_eq!(found, None, "{line}");
                continue;
            }
            // It may have been removed without anybody having been told.
            let is_odd = name.rsplit('.').next().unwrap().parse::<u64>().unwrap() % 2 == 1;
            let Some(found) = found else {
                assert!(is_odd, "lost: {line}");
                continue;
            };
            assert!(found.version >= if what == "created" { 1 } else { 2 }, "{line}: {}", found.version);
            assert_eq!(found.record, record(name, found.version), "{line}");
            if what == "appended" {
                let events = store.events(&key, 1, 0).await.unwrap().expect("a stream");
                assert_eq!(events.events, [Bytes::copy_from_slice(name.as_bytes())], "{line}");
            }
        }
    }
    assert!(acknowledged.len() > 1000, "{}", acknowledged.len());
    let files = fs::read_dir(folder.path()).unwrap().count();
    assert!(files <= 3, "what is old is removed: {files}");
    assert!(fs::metadata(latest(folder.path())).unwrap().len() < 64 << 20);
}

/// Writes two sessions and returns the file, and how long it was before the second.
async fn two(folder: &Path) -> (PathBuf, usize, Vec<u8>) {
    let store = sessions::memory_with_persistence(folder).await.unwrap();
    assert!(store.create(&key("first"), b"first record", LONG, 10).await.unwrap());
    let file = latest(folder);
    let before = fs::read(&file).unwrap().len();
    assert!(store.create(&key("second"), b"second record", LONG, 10).await.unwrap());
    drop(store);
    let content = fs::read(&file).unwrap();
    (file, before, content)
}

#[tokio::test]
async fn a_write_that_was_cut_off_in_any_place_is_as_if_it_had_not_been() {
    let folder = Folder::new();
    let (file, before, content) = two(folder.path()).await;
    let name = file.file_name().unwrap();
    for length in before..=content.len() {
        for zeros in [0, 100] {
            let cut = Folder::new();
            fs::create_dir(cut.path()).unwrap();
            let mut kept = content[..length].to_vec();
            // Room that the file system had made for more; what is written in it is not.
            kept.resize(if length == before { length + zeros } else { length }, 0);
            fs::write(cut.path().join(name), kept).unwrap();
            let store = sessions::memory_with_persistence(cut.path()).await.unwrap();
            assert!(store.visit(&key("first"), LONG, 0).await.unwrap().is_some(), "cut at {length}");
            let second = store.visit(&key("second"), LONG, 0).await.unwrap();
            assert_eq!(second.is_some(), length == content.len(), "cut at {length}");
        }
    }
}

#[tokio::test]
async fn a_damaged_file_is_refused_and_left_as_it_is() {
    let folder = Folder::new();
    let (file, before, content) = two(folder.path()).await;
    let name = file.file_name().unwrap();
    for at in 0..before {
        let damaged = Folder::new();
        fs::create_dir(damaged.path()).unwrap();
        let mut bytes = content.clone();
        bytes[at] ^= 0x10;
        fs::write(damaged.path().join(name), &bytes).unwrap();
        let error = sessions::memory_with_persistence(damaged.path()).await.expect_err(&format!("damaged at {at}"));
        assert!(error.is_corrupt() && error.to_string().contains(name.to_str().unwrap()), "{error}");
        assert_eq!(fs::read(damaged.path().join(name)).unwrap(), bytes);
    }
}

#[tokio::test]
async fn a_folder_belongs_to_one_at_a_time() {
    let folder = Folder::new();
    let store = sessions::memory_with_persistence(folder.path()).await.unwrap();
    let error = sessions::memory_with_persistence(folder.path()).await.unwrap_err();
    assert!(error.is_configuration() && error.to_string().contains("another process"), "{error}");
    drop(store);
    sessions::memory_with_persistence(folder.path()).await.unwrap();
    let taken = Folder::new();
    fs::write(taken.path(), b"a file").unwrap();
    assert!(sessions::memory_with_persistence(taken.path()).await.unwrap_err().is_unavailable());
    fs::remove_file(taken.path()).unwrap();
}

#[cfg(unix)]
#[tokio::test]
async fn nobody_else_can_read_what_is_kept() {
    use std::os::unix::fs::PermissionsExt;

    let folder = Folder::new();
    let _store = sessions::memory_with_persistence(folder.path().join("inner")).await.unwrap();
    let bits = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((bits(folder.path()), bits(&folder.path().join("inner"))), (0o700, 0o700));
    for file in fs::read_dir(folder.path().join("inner")).unwrap() {
        assert_eq!(bits(&file.unwrap().path()), 0o600);
    }
}
