//! What is known about a call when it fails: the input of every error status.

/// The step that a call had reached when it failed. `ErrorInfo.metadata` carries it as `phase`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Phase {
    /// No request has been sent to Bedrock.
    #[default]
    Admission,
    /// A request has been sent to Bedrock, and no response headers have arrived.
    Request,
    /// Bedrock's response headers have arrived, and the first event has not.
    FirstEvent,
    /// At least one event has been sent to the caller.
    Stream,
}

impl Phase {
    /// The spelling in `ErrorInfo.metadata`.
    #[must_use]
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Admission => "admission",
            Self::Request => "request",
            Self::FirstEvent => "first_event",
            Self::Stream => "stream",
        }
    }
}

/// What is known about a call when it fails. The error details are written from it.
#[derive(Debug, Clone, Default)]
pub(crate) struct CallContext {
    /// The RPC's method name, for example `ConverseStream`.
    pub(crate) operation: String,
    /// The caller's name, if callers are configured and it is known.
    pub(crate) caller: Option<String>,
    /// The model id as the caller wrote it.
    pub(crate) model_id: Option<String>,
    /// The resource that the call names: its kind (`model`, `guardrail`, ...) and its id or ARN.
    pub(crate) resource: Option<(&'static str, String)>,
    /// The AWS Region that the request was sent to.
    pub(crate) region: Option<String>,
    /// Bedrock's id of the last request (`x-amzn-requestid`).
    pub(crate) request_id: Option<String>,
    /// The step that the call has reached.
    pub(crate) phase: Phase,
    /// Number of requests that were sent to Bedrock for this call.
    pub(crate) attempts: u32,
    /// Number of events that were sent to the caller.
    pub(crate) events: u64,
    /// The `clientRequestToken` that the gateway generated for this call. A later call gets another one.
    pub(crate) generated_request_token: Option<String>,
    /// Whether the caller sees Bedrock's messages without redaction (`--expose-upstream-messages`).
    pub(crate) expose_upstream_messages: bool,
}

impl CallContext {
    /// The request token that the gateway generated, if Bedrock may have received it.
    pub(crate) fn sent_request_token(&self) -> Option<&str> {
        self.generated_request_token.as_deref().filter(|_| self.attempts > 0)
    }
}
