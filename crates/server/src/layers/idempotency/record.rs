//! Answers of calls, as they are kept.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use turbomcp_protocol::types::CallToolResult;
use turbomcp_protocol::{ErrorCode, McpError};

use crate::request::{Outcome, Response};

/// An answer.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kept {
    Result(CallToolResult),
    /// The members of the result that says that there is a task.
    Task(Box<RawValue>),
    Error {
        code: i64,
        message: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        data: Option<Value>,
    },
    /// There was one, which was too long.
    Long,
    /// The tool was begun, and nobody has seen how it ended.
    Unknown,
}

/// Writes an answer that a call was run for; none if it may be run again.
pub(super) fn write(response: &Response, most: usize) -> Option<Vec<u8>> {
    let kept = match &response.outcome {
        // Its arguments did not fit, so that it was not run.
        Ok(_) if response.is_unfit => return None,
        Ok(Outcome::Tool(result)) => Kept::Result(result.clone()),
        Ok(Outcome::Task(members)) => {
            let members = String::from_utf8(members.clone()).ok()?;
            Kept::Task(RawValue::from_string(format!("{{{members}}}")).ok()?)
        }
        Ok(_) => return None,
        Err(error) if is_passing(error) => return None,
        Err(error) => {
            Kept::Error { code: error.code().0, message: error.message().to_owned(), data: error.data().cloned() }
        }
    };
    let written = serde_json::to_vec(&kept).ok()?;
    if written.len() > most { serde_json::to_vec(&Kept::Long).ok() } else { Some(written) }
}

/// Writes that a tool was begun, and that nobody has seen how it ended.
pub(super) fn unknown() -> Option<Vec<u8>> {
    serde_json::to_vec(&Kept::Unknown).ok()
}

/// Returns true for what a tool asks of whoever calls, and may be given the next time.
fn is_passing(error: &McpError) -> bool {
    [ErrorCode::UNAUTHORIZED, ErrorCode::MISSING_REQUIRED_CLIENT_CAPABILITY].contains(&error.code())
}

/// Reads what [`write`] has written.
pub(super) fn read(kept: &[u8]) -> Response {
    match serde_json::from_slice(kept) {
        Ok(Kept::Result(result)) => Response::tool(result),
        Ok(Kept::Task(members)) => {
            let members = members.get().as_bytes();
            Outcome::Task(members[1..members.len() - 1].to_vec()).into()
        }
        Ok(Kept::Error { code, message, data }) => {
            let error = McpError::new(ErrorCode(code), message);
            Response::error(match data {
                Some(data) => error.with_data(data),
                None => error,
            })
        }
        Ok(Kept::Long) => over("a call with this idempotency key was run, and its answer is too long to be kept"),
        Ok(Kept::Unknown) => over("a call with this idempotency key was begun, and how it ended is not known"),
        Err(error) => Response::error(McpError::internal(error)),
    }
}

/// Answers what will be no different the next time, so that no client takes it for a passing error.
fn over(message: &'static str) -> Response {
    Response::error(McpError::new(ErrorCode::INTERNAL_ERROR, message))
}
