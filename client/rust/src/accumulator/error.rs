//! Why events do not form a complete response.

/// Why the events of a stream do not form a complete response.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AssembleError {
    /// The stream has no `messageStop` event.
    #[error("the stream ended before its messageStop event")]
    Incomplete,

    /// The input of a tool is not JSON. This happens when the response reaches `max_tokens` before the input is complete.
    #[error(
        "the input of tool `{name}` (content block {index}) is not valid JSON; the stop reason of the response is `{stop_reason}`"
    )]
    ToolInput {
        /// The `content_block_index`.
        index: i32,
        /// The tool's name.
        name: String,
        /// The ID of the tool use.
        tool_use_id: String,
        /// The stop reason of the response.
        stop_reason: String,
    },
}
