//! The tool loop: calls the model, runs the tools that it requests, and repeats until the model stops.

mod error;
mod event;
mod run_tools;
mod toolbox;

use std::future::Future;
use std::sync::Arc;

use bedrock_grpc_schema::runtime::v1::{ConverseResponse, ConverseStreamRequest, Message, ToolConfiguration};
use futures::FutureExt as _;

pub use self::error::ToolLoopError;
pub use self::event::{Approval, LoopEvent, ToolCall};
use self::run_tools::{ApprovalHook, ToolRunner};
pub use self::toolbox::{ToolOutput, Toolbox};
use crate::accumulator::Accumulator;
use crate::build::user;
use crate::client::Client;
use crate::error::Error;
use crate::read::{ConverseResponseExt as _, EventExt as _};
use crate::vocabulary::stop_reason;

/// Default maximum number of model calls. It ends a model that repeats the same tool call, and is more than most tasks need.
const DEFAULT_MAX_TURNS: u32 = 20;

/// Default maximum number of tools that run at the same time. Models rarely request more at once.
const DEFAULT_MAX_PARALLEL_TOOLS: usize = 8;

/// Calls the model, runs the tools that it requests, and repeats until the model stops.
///
/// A tool that fails, panics or does not exist does not end the loop: the model receives a result with `status: error` and can
/// react to it. The results of one turn are in one message, in the order of the model's requests. The tools of a turn run
/// concurrently in the task of [`run`](Self::run): a tool that blocks its thread blocks the others, so use
/// `tokio::task::spawn_blocking` for blocking work.
///
/// Dropping the future of [`run`](Self::run) cancels everything: the generation at Bedrock and all running tools.
pub struct ToolLoop<'a> {
    client: Client,
    tools: Toolbox,
    max_turns: u32,
    max_parallel_tools: usize,
    on_event: Box<dyn FnMut(LoopEvent<'_>) + Send + 'a>,
    approve: Option<ApprovalHook>,
}

/// The result of a tool loop.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ToolLoopResult {
    /// The last response of the model.
    pub response: ConverseResponse,
    /// The complete conversation with the last response. Append a user message to continue it.
    pub messages: Vec<Message>,
    /// The number of model calls.
    pub turns: u32,
    /// The sum of the input tokens of all turns.
    pub input_tokens: u64,
    /// The sum of the output tokens of all turns.
    pub output_tokens: u64,
}

impl<'a> ToolLoop<'a> {
    /// Returns a loop with these tools and the default limits.
    #[must_use]
    pub fn new(client: &Client, tools: Toolbox) -> Self {
        Self {
            client: client.clone(),
            tools,
            max_turns: DEFAULT_MAX_TURNS,
            max_parallel_tools: DEFAULT_MAX_PARALLEL_TOOLS,
            on_event: Box::new(|_| ()),
            approve: None,
        }
    }

    /// Sets the maximum number of model calls. If the model requests tools in the last one, the tools are not run and
    /// [`run`](Self::run) returns [`ToolLoopError::TurnLimit`].
    #[must_use]
    pub fn max_turns(mut self, max_turns: u32) -> Self {
        self.max_turns = max_turns;
        self
    }

    /// Sets the maximum number of tools that run at the same time. 0 counts as 1.
    #[must_use]
    pub fn max_parallel_tools(mut self, max_parallel_tools: usize) -> Self {
        self.max_parallel_tools = max_parallel_tools;
        self
    }

    /// Calls `on_event` with each text fragment, tool call and tool result when it happens.
    #[must_use]
    pub fn on_event(mut self, on_event: impl FnMut(LoopEvent<'_>) + Send + 'a) -> Self {
        self.on_event = Box::new(on_event);
        self
    }

    /// Calls `approve` before each tool call. It can run, change or reject the call.
    #[must_use]
    pub fn approve<F>(mut self, approve: impl Fn(ToolCall) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Approval> + Send + 'static,
    {
        self.approve = Some(Arc::new(move |call| approve(call).boxed()));
        self
    }

    /// Runs the loop. The tools of the toolbox are added to those of the request. A `tool_choice` of the request that forces a
    /// tool applies to the first turn only; otherwise the loop would never end.
    ///
    /// # Errors
    /// [`ToolLoopError::Call`] if a call fails or its stream breaks, and [`ToolLoopError::TurnLimit`]. Both have the
    /// conversation so far.
    pub async fn run(mut self, mut request: ConverseStreamRequest) -> Result<ToolLoopResult, ToolLoopError> {
        let config = request.tool_config.get_or_insert_with(ToolConfiguration::default);
        config.tools.extend(self.tools.definitions());
        if config.tools.is_empty() {
            request.tool_config = None; // Bedrock rejects an empty list
        }
        let (mut turns, mut input_tokens, mut output_tokens) = (0, 0, 0);
        loop {
            turns += 1;
            let response = match self.run_turn(&request).await {
                Ok(response) => response,
                Err(error) => {
                    return Err(ToolLoopError::Call { error: Box::new(error), messages: request.messages });
                }
            };
            let usage = response.usage.clone().unwrap_or_default();
            input_tokens += u64::try_from(usage.input_tokens()).unwrap_or_default();
            output_tokens += u64::try_from(usage.output_tokens()).unwrap_or_default();
            request.messages.extend(response.message().cloned());
            let calls = tool_calls(&response);
            if calls.is_empty() {
                let messages = request.messages;
                return Ok(ToolLoopResult { response, messages, turns, input_tokens, output_tokens });
            }
            if turns >= self.max_turns {
                return Err(ToolLoopError::TurnLimit { turns, messages: request.messages });
            }
            let runner = ToolRunner {
                tools: &self.tools,
                approve: self.approve.as_ref(),
                max_parallel: self.max_parallel_tools.max(1),
            };
            let results = runner.run_all(&calls, &mut self.on_event).await;
            request.messages.push(user(results));
            if let Some(config) = &mut request.tool_config {
                config.tool_choice = None;
            }
        }
    }

    /// Streams one response of the model.
    async fn run_turn(&mut self, request: &ConverseStreamRequest) -> Result<ConverseResponse, Error> {
        let mut stream = self.client.converse_stream(request.clone()).await?;
        let mut accumulator = Accumulator::default();
        while let Some(event) = stream.next_event().await? {
            if let Some(text) = event.text_delta() {
                (self.on_event)(LoopEvent::Text(text));
            }
            if let Some(text) = event.reasoning_delta() {
                (self.on_event)(LoopEvent::Reasoning(text));
            }
            accumulator.push(&event);
        }
        let request_id = || stream.request_id().map(str::to_owned);
        let response = accumulator.finish().map_err(|problem| Error::Assemble { request_id: request_id(), problem })?;
        (self.on_event)(LoopEvent::TurnFinished(&response));
        Ok(response)
    }
}

/// The tools to run. Only the stop reason `tool_use` means that the requests are complete: after `max_tokens` or a guardrail
/// they may be cut.
fn tool_calls(response: &ConverseResponse) -> Vec<ToolCall> {
    if response.stop_reason() != stop_reason::TOOL_USE {
        return Vec::new();
    }
    let to_call = |call: crate::read::ToolUse<'_>| ToolCall {
        id: call.id.to_owned(),
        name: call.name.to_owned(),
        input: call.input.into_owned(),
    };
    response.tool_uses().map(to_call).collect()
}

impl std::fmt::Debug for ToolLoop<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ToolLoop")
            .field("tools", &self.tools)
            .field("max_turns", &self.max_turns)
            .finish_non_exhaustive()
    }
}
