//! The examples that files and variables configure.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use serde_json::json;

use crate::auth::new_key;
use crate::child::{ERAS, Era, PATIENCE, path_of, signal};
use crate::http::Server;

const NAME: &str = "configured_server";

fn file(ending: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("{NAME}.{ending}"))
}

fn start(file: &Path, era: Era) -> Server {
    let mut server = Server::start_by(NAME, "/mcp", era, |command, address| {
        command.arg(file).env("TURBOMCP_SERVE__ADDRESS", address.to_string());
    });
    server.initialize();
    server
}

fn names(server: &mut Server) -> Vec<String> {
    let list = server.message_of("tools/list", json!({}));
    let answer = server.post(&list, &[]).messages().pop().unwrap();
    let tools = answer["result"]["tools"].as_array().unwrap_or_else(|| panic!("{answer}"));
    tools.iter().map(|tool| tool["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn configured_server_is_what_either_file_says() {
    for (ending, era) in ["toml", "yaml"].into_iter().zip(ERAS) {
        let mut server = start(&file(ending), era);
        assert_eq!(server.text("find", json!({"title": "Emma"}), &[]), "`Emma` is on shelf 4");
        assert_eq!(names(&mut server), ["find", "count"]);
        let call = server.message("find", json!({"title": "Emma"}));
        let reply = server.post(&call, &[("origin", "https://app.example.com")]);
        assert_eq!(&*reply.headers["access-control-allow-origin"], "https://app.example.com");
        assert_eq!(&*reply.headers["strict-transport-security"], "max-age=31536000");
        let long = server.message("find", json!({"title": "m".repeat(257 << 10)}));
        assert_eq!(server.post(&long, &[]).status, 413);
        server.end_session();
    }
}

#[test]
fn configured_server_takes_its_file_again_at_a_hangup() {
    let path = std::env::temp_dir().join(format!("turbomcp-configured-{}.toml", std::process::id()));
    let text = std::fs::read_to_string(file("toml")).unwrap();
    std::fs::write(&path, &text).unwrap();
    let mut server = start(&path, Era::Modern);
    assert_eq!(names(&mut server), ["find", "count"]);
    // What is wrong changes nothing, and the server goes on to take what is not.
    for (changed, expected) in [
        (text.replace("\"discard\"", "7"), ["find", "count"]),
        (text.replace("path = \"/mcp\"", "path = \"/other\"").replace("discard", "find"), ["find", "count"]),
        (text.replace("hidden = [\"discard\"]", "hidden = [\"count\"]"), ["find", "discard"]),
    ] {
        std::fs::write(&path, changed).unwrap();
        signal(server.process(), "HUP");
        let begun = Instant::now();
        while names(&mut server) != expected {
            assert!(begun.elapsed() < PATIENCE, "{:?}", names(&mut server));
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }
    std::fs::remove_file(&path).unwrap();
}

#[test]
fn configured_server_says_what_it_does_not_understand() {
    let output = Command::new(path_of(NAME)).arg(file("toml")).env("TURBOMCP_LIMITS__PAGE_SISE", "1").output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    let expected =
        "variable TURBOMCP_LIMITS__PAGE_SISE: `limits.page_sise` is not known; did you mean `limits.page_size`?";
    assert!(text.contains(expected), "{text}");
    let output = Command::new(path_of(NAME)).arg("reference").output().unwrap();
    assert!(String::from_utf8(output.stdout).unwrap().starts_with("# Keys of the configuration\n"));
}

#[test]
fn configured_auth_lets_in_whom_its_file_names() {
    const NAME: &str = "configured_auth";
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("{NAME}.toml"));
    let text = std::fs::read_to_string(&example).unwrap();
    let (key, id, sha256) = new_key("ada");
    let path = std::env::temp_dir().join(format!("turbomcp-auth-{}.toml", std::process::id()));
    std::fs::write(&path, text.replace(&"0".repeat(64), &sha256).replace(&"0".repeat(16), &id)).unwrap();
    for (file, era) in [&example, &path].into_iter().zip(ERAS) {
        let mut notes = Server::start_by(NAME, "/mcp", era, |command, address| {
            command.arg(file).env("TURBOMCP_SERVE__ADDRESS", address.to_string());
        });
        let call = notes.message("who", json!({}));
        assert_eq!(notes.post(&call, &[]).status, 401);
        notes.headers.push(("x-api-key", key.clone()));
        // Nobody has the key that the example names.
        if file == &example {
            assert_eq!(notes.post(&call, &[]).status, 401);
        } else {
            notes.initialize();
            assert_eq!(notes.text("who", json!({}), &[]), "ada");
        }
    }
    std::fs::write(&path, "serve.transport = \"http\"\n").unwrap();
    let output = Command::new(path_of(NAME)).arg(&path).output().unwrap();
    std::fs::remove_file(&path).unwrap();
    assert!(!output.status.success());
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("without a provider nobody could be let in"), "{text}");
}
