//! Why a tool loop ended before the model stopped.

use bedrock_grpc_schema::runtime::v1::Message;

use crate::error::Error;

/// Why a tool loop ended before the model stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ToolLoopError {
    /// A call failed or its stream broke. No tool of that turn was run.
    #[error("the model call failed: {error}")]
    Call {
        /// The error of the call.
        error: Box<Error>,
        /// The conversation without the failed turn. Run the loop with it again to continue.
        messages: Vec<Message>,
    },

    /// The model requested tools in the last turn that is allowed. These tools were not run.
    #[error("the model still requests tools after {turns} turns, the limit of this loop")]
    TurnLimit {
        /// The number of model calls.
        turns: u32,
        /// The conversation. It ends with the model's requests, so append their results to continue.
        messages: Vec<Message>,
    },
}

impl ToolLoopError {
    /// The conversation so far.
    #[must_use]
    pub fn messages(&self) -> &[Message] {
        match self {
            Self::Call { messages, .. } | Self::TurnLimit { messages, .. } => messages,
        }
    }
}
