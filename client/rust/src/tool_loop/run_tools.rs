//! Runs the tools of one turn concurrently.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use bedrock_grpc_schema::runtime::v1::ContentBlock;
use futures::future::BoxFuture;
use futures::{FutureExt as _, StreamExt as _, stream};

use super::event::{Approval, LoopEvent, ToolCall};
use super::toolbox::{ToolOutput, Toolbox};
use crate::build::tool_result_error;

/// Decides about a tool call.
pub(super) type ApprovalHook = Arc<dyn Fn(ToolCall) -> BoxFuture<'static, Approval> + Send + Sync>;

/// Runs tool calls.
pub(super) struct ToolRunner<'a> {
    pub(super) tools: &'a Toolbox,
    pub(super) approve: Option<&'a ApprovalHook>,
    pub(super) max_parallel: usize,
}

impl ToolRunner<'_> {
    /// Runs all calls of a turn. Returns their result blocks in the order of the calls.
    pub(super) async fn run_all(
        &self,
        calls: &[ToolCall],
        on_event: &mut (dyn FnMut(LoopEvent<'_>) + Send),
    ) -> Vec<ContentBlock> {
        calls.iter().for_each(|call| on_event(LoopEvent::ToolRequested(call)));
        let mut running = stream::iter(calls.iter().enumerate())
            .map(|(index, call)| async move { (index, self.run(call).await) })
            .buffer_unordered(self.max_parallel);
        let mut results = vec![ContentBlock::default(); calls.len()];
        while let Some((index, result)) = running.next().await {
            let call = &calls[index];
            on_event(LoopEvent::ToolFinished { call, error: result.as_ref().err().map(String::as_str) });
            results[index] = match result {
                Ok(output) => output.into_result(&call.id),
                Err(error) => tool_result_error(&call.id, error),
            };
        }
        results
    }

    /// Runs one call. The error is the text that the model receives.
    async fn run(&self, call: &ToolCall) -> Result<ToolOutput, String> {
        let approval = match self.approve {
            Some(approve) => approve(call.clone()).await,
            None => Approval::Run,
        };
        let input = match approval {
            Approval::Run => call.input.clone(),
            Approval::RunWith(input) => input,
            Approval::Reject(reason) => return Err(reason),
        };
        let Some(tool) = self.tools.start(&call.name, input) else {
            let names = self.tools.names().join(", ");
            return Err(format!("There is no tool named `{}`. The tools are: {names}.", call.name));
        };
        let result = AssertUnwindSafe(tool).catch_unwind().await;
        result.unwrap_or_else(|panic| Err(format!("The tool failed: {}", panic_message(&*panic))))
    }
}

fn panic_message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("panic")
}
