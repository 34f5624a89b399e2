//! What the messages of a sampling request have to look like.

use turbomcp_protocol::types::{Role, SamplingMessage, SamplingMessageContentBlock as Block};

/// Says what is wrong with the order of tool uses and their results, if anything is.
///
/// # Specification
///
/// [Tool use and result balance](https://modelcontextprotocol.io/specification/2026-07-28/client/sampling#tool-use-and-result-balance)
pub(crate) fn check(messages: &[SamplingMessage]) -> Result<(), &'static str> {
    let mut open: Vec<&str> = Vec::new();
    for message in messages {
        let blocks = message.content.as_slice();
        let results: Vec<&str> = blocks.iter().filter_map(result_of).collect();
        let uses: Vec<&str> = blocks.iter().filter_map(use_of).collect();
        if !results.is_empty() && (message.role != Role::User || results.len() != blocks.len()) {
            return Err("results of tools stand in a message of the user's that has nothing else");
        }
        if !uses.is_empty() && message.role != Role::Assistant {
            return Err("uses of tools stand in a message of the assistant's");
        }
        if open.len() != results.len() || !open.iter().all(|id| results.contains(id)) {
            return Err("each use of a tool is followed at once by its result, and each result follows its use");
        }
        open = uses;
    }
    if open.is_empty() { Ok(()) } else { Err("each use of a tool is followed at once by its result") }
}

fn use_of(block: &Block) -> Option<&str> {
    match block {
        Block::ToolUse(tool_use) => Some(&tool_use.id),
        _ => None,
    }
}

fn result_of(block: &Block) -> Option<&str> {
    match block {
        Block::ToolResult(result) => Some(&result.tool_use_id),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use turbomcp_protocol::types::{ToolResultContent, ToolUseContent};

    use super::*;

    fn used(id: &str) -> Block {
        Block::ToolUse(ToolUseContent::new(id, "tool", serde_json::Map::new()))
    }

    fn result(id: &str) -> Block {
        Block::ToolResult(ToolResultContent::new(id, Vec::new()))
    }

    fn user(blocks: Vec<Block>) -> SamplingMessage {
        SamplingMessage::user(blocks)
    }

    fn assistant(blocks: Vec<Block>) -> SamplingMessage {
        SamplingMessage::assistant(blocks)
    }

    #[test]
    fn samp_08_each_use_of_a_tool_has_its_result_right_behind_it() {
        let text = || Block::text("x");
        let whole = [
            user(vec![text()]),
            assistant(vec![text(), used("1"), used("2")]),
            user(vec![result("2"), result("1")]),
            assistant(vec![text()]),
        ];
        assert_eq!(check(&whole), Ok(()));
        assert_eq!(check(&[]), Ok(()));
        for broken in [
            vec![assistant(vec![used("1")])],
            vec![assistant(vec![used("1"), used("2")]), user(vec![result("1")])],
            vec![assistant(vec![used("1")]), user(vec![result("2")])],
            vec![assistant(vec![used("1")]), user(vec![result("1"), result("1")])],
            vec![assistant(vec![used("1")]), user(vec![text()]), user(vec![result("1")])],
            vec![user(vec![result("1")])],
            vec![user(vec![used("1")]), user(vec![result("1")])],
        ] {
            assert!(check(&broken).is_err(), "{broken:?}");
        }
    }

    /// Holds SAMP-09.
    #[test]
    fn samp_07_results_of_tools_stand_alone() {
        let mixed = vec![result("1"), Block::text("x")];
        assert!(check(&[assistant(vec![used("1")]), user(mixed)]).is_err());
        assert!(check(&[assistant(vec![used("1")]), assistant(vec![result("1")])]).is_err());
    }
}
