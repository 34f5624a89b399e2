//! `@modelcontextprotocol/server-filesystem`: each of its tools, in a folder of its own.

use std::path::Path;

use serde::Deserialize;
use serde_json::{Value, json};
use turbomcp::client::Client;

use crate::report::{Outcome, Report, expect};

const TOOLS: [&str; 14] = [
    "create_directory",
    "directory_tree",
    "edit_file",
    "get_file_info",
    "list_allowed_directories",
    "list_directory",
    "list_directory_with_sizes",
    "move_file",
    "read_file",
    "read_media_file",
    "read_multiple_files",
    "read_text_file",
    "search_files",
    "write_file",
];

#[derive(Deserialize)]
struct Text {
    content: String,
}

/// The folder is the one the server was allowed. Our roots name another one, which does not exist and changes nothing.
pub async fn drive(report: &mut Report, client: &Client, folder: &Path) {
    let path = |name: &str| folder.join(name).to_string_lossy().into_owned();
    report.check("lists_tools", lists_tools(client)).await;
    let (docs, a, b) = (path("docs"), path("docs/a.txt"), path("docs/b.txt"));
    let picture = path("docs/p.png");
    let steps: [(&str, &str, Value, &str); 16] = [
        ("knows_its_folder", "list_allowed_directories", json!({}), &path("")),
        ("makes_a_folder", "create_directory", json!({"path": docs}), "Successfully created"),
        ("writes", "write_file", json!({"path": a, "content": "one\ntwo\nthree\n"}), "Successfully wrote"),
        ("reads", "read_text_file", json!({"path": a}), "two"),
        ("reads_the_head", "read_text_file", json!({"path": a, "head": 1}), "one"),
        ("reads_by_the_old_name", "read_file", json!({"path": a}), "three"),
        ("edits", "edit_file", json!({"path": a, "edits": [{"oldText": "two", "newText": "2"}]}), "+2"),
        ("moves", "move_file", json!({"source": a, "destination": b}), "Successfully moved"),
        ("reads_many", "read_multiple_files", json!({"paths": [b, a]}), "ENOENT"),
        ("lists", "list_directory", json!({"path": docs}), "[FILE] b.txt"),
        ("lists_with_sizes", "list_directory_with_sizes", json!({"path": docs}), "b.txt"),
        ("shows_the_tree", "directory_tree", json!({"path": path("")}), "\"children\""),
        ("searches", "search_files", json!({"path": path(""), "pattern": "**/*.txt"}), "b.txt"),
        ("tells_of_a_file", "get_file_info", json!({"path": b}), "isFile: true"),
        ("writes_a_picture", "write_file", json!({"path": picture, "content": "PNG"}), "Successfully wrote"),
        ("lists_again", "list_directory", json!({"path": docs}), "p.png"),
    ];
    for (name, tool, arguments, expected) in steps {
        report.check(name, holds(client, tool, arguments, expected.trim_end_matches('/'))).await;
    }
    report.check("reads_a_picture", reads_a_picture(client, &picture)).await;
    report.check("is_refused_other_folders", is_refused_other_folders(client)).await;
}

async fn lists_tools(client: &Client) -> Outcome {
    let mut names: Vec<_> = client.list_all_tools().await?.into_iter().map(|tool| tool.name).collect();
    names.sort();
    expect(names == TOOLS, "the tools", names)
}

/// Calls a tool whose value is a text, checked against the output schema that was listed.
async fn holds(client: &Client, tool: &str, arguments: Value, expected: &str) -> Outcome {
    let text: Text = client.call_tool_as(tool, arguments).await?;
    expect(text.content.contains(expected), expected, text.content)
}

async fn reads_a_picture(client: &Client, path: &str) -> Outcome {
    let result = client.call_tool("read_media_file", json!({"path": path})).await?;
    let is_picture = matches!(&result.content[..], [turbomcp::types::ContentBlock::Image(image)]
        if image.bytes().is_ok_and(|bytes| bytes == b"PNG"));
    expect(is_picture, "the picture", result)
}

async fn is_refused_other_folders(client: &Client) -> Outcome {
    let result = client.call_tool("read_text_file", json!({"path": "/etc/hostname"})).await?;
    expect(result.is_error(), "a failed tool", result)
}
