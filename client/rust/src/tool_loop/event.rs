//! Events of a tool loop and decisions about tool calls.

use bedrock_grpc_schema::runtime::v1::ConverseResponse;

/// The model's request to run a tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolCall {
    /// The ID of the tool use.
    pub id: String,
    /// The tool's name.
    pub name: String,
    /// The input as JSON text.
    pub input: String,
}

/// The decision about a tool call.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Approval {
    /// Run the tool.
    Run,
    /// Run the tool with this input, a JSON text. The conversation keeps the model's own input.
    RunWith(String),
    /// Do not run the tool. The model receives this reason as an error.
    Reject(String),
}

/// An event of a tool loop.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum LoopEvent<'a> {
    /// A fragment of the response's text.
    Text(&'a str),
    /// A fragment of the model's reasoning.
    Reasoning(&'a str),
    /// The response of one turn is complete.
    TurnFinished(&'a ConverseResponse),
    /// The loop is going to approve and run a tool.
    ToolRequested(&'a ToolCall),
    /// A tool returned.
    ToolFinished {
        /// The call.
        call: &'a ToolCall,
        /// The error that the model receives, or `None` if the tool succeeded.
        error: Option<&'a str>,
    },
}
