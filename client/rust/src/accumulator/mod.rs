//! From the events of a stream to the answer that Converse would have given.

mod block;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use bedrock_grpc_schema::runtime::v1::converse_response::AdditionalModelResponseFieldsForm as Fields;
use bedrock_grpc_schema::runtime::v1::message_stop_event::AdditionalModelResponseFieldsForm as StopFields;
use bedrock_grpc_schema::runtime::v1::{
    ContentBlockDeltaEvent, ContentBlockStartEvent, ConverseMetrics, ConverseOutput, ConverseResponse,
    ConverseStreamMetadataEvent, ConverseTrace, Message, MessageStopEvent, converse_output,
};

use self::block::Block;
use crate::Event;

/// Puts the events of a stream together: push each as it comes, then finish.
///
/// Deltas of a block are joined by kind: text to text; a tool's arguments to its `input` (`{}` if there are none); a tool
/// result's texts and JSON values to its `content`; reasoning to its text and signature, or its redacted bytes; an image's
/// bytes to the image. A text with citations becomes a `citations_content` block, each citation delta one citation of it.
/// Blocks stand in the order of their `content_block_index`.
///
/// What the schema does not know is kept word for word: an unrecognized start or delta becomes an `unrecognized` block of
/// its own, in its place, since nobody can tell how its kind is joined. Such a message is complete, but Bedrock may refuse
/// it in the next turn. An unrecognized *event* has no place in an answer and is left out.
///
/// An event without `content_block_index`, which Bedrock never sends, counts to block 0.
#[derive(Debug, Clone, Default)]
pub struct Accumulator {
    role: Option<String>,
    /// By `content_block_index`. One index holds one block, unless its deltas are of kinds that do not go together.
    blocks: BTreeMap<i32, Vec<Block>>,
    stop: Option<MessageStopEvent>,
    metadata: Option<ConverseStreamMetadataEvent>,
}

/// Why events make no whole answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AssembleError {
    /// There was no `MessageStop`.
    #[error("the stream ended before its messageStop")]
    Incomplete,

    /// The arguments of a tool are not JSON, as when the answer reached `max_tokens` amid them.
    #[error(
        "the arguments of tool `{name}` (content block {index}) are not valid JSON; the answer stopped with `{stop_reason}`"
    )]
    ToolInput {
        /// The `content_block_index`.
        index: i32,
        /// The tool's name.
        name: String,
        /// The id of the model's request.
        tool_use_id: String,
        /// Why the answer stopped.
        stop_reason: String,
    },
}

impl Accumulator {
    /// Takes in the next event.
    pub fn push(&mut self, event: &Event) {
        match event {
            Event::MessageStart(start) => self.role.clone_from(&start.role),
            Event::ContentBlockStart(ContentBlockStartEvent { start, content_block_index, .. }) => {
                if let Some(start) = start.as_ref().and_then(|start| start.member.as_ref()) {
                    self.at(*content_block_index).push(Block::start(start));
                }
            }
            Event::ContentBlockDelta(ContentBlockDeltaEvent { delta, content_block_index, .. }) => {
                if let Some(delta) = delta.as_ref().and_then(|delta| delta.member.as_ref()) {
                    block::add(self.at(*content_block_index), delta);
                }
            }
            Event::ContentBlockStop(_) | Event::Unrecognized(_) => {}
            Event::MessageStop(stop) => self.stop = Some(stop.clone()),
            Event::Metadata(metadata) => self.metadata = Some(metadata.clone()),
        }
    }

    fn at(&mut self, index: Option<i32>) -> &mut Vec<Block> {
        self.blocks.entry(index.unwrap_or_default()).or_default()
    }

    /// The whole answer. Usage, metrics, trace, performance configuration and service tier are unset if the stream ended
    /// without its `Metadata` event, which comes after `MessageStop`.
    ///
    /// # Errors
    /// [`AssembleError::Incomplete`] if there was no `MessageStop`, and [`AssembleError::ToolInput`] if the arguments of a
    /// tool are not JSON.
    pub fn finish(self) -> Result<ConverseResponse, AssembleError> {
        let stop = self.stop.ok_or(AssembleError::Incomplete)?;
        let mut content = Vec::with_capacity(self.blocks.len());
        for (index, block) in self.blocks.into_iter().flat_map(|(i, blocks)| blocks.into_iter().map(move |b| (i, b))) {
            content.push(block.finish(index, stop.stop_reason.as_deref())?);
        }
        let message = Message { role: self.role, content, unrecognized: None };
        let metadata = self.metadata.unwrap_or_default();
        Ok(ConverseResponse {
            output: Some(ConverseOutput { member: Some(converse_output::Member::Message(message)) }),
            stop_reason: stop.stop_reason,
            additional_model_response_fields_form: stop.additional_model_response_fields_form.map(|form| match form {
                StopFields::AdditionalModelResponseFields(value) => Fields::AdditionalModelResponseFields(value),
                StopFields::AdditionalModelResponseFieldsJson(json) => Fields::AdditionalModelResponseFieldsJson(json),
            }),
            usage: metadata.usage,
            metrics: metadata
                .metrics
                .map(|m| ConverseMetrics { latency_ms: m.latency_ms, unrecognized: m.unrecognized }),
            trace: metadata.trace.map(|t| ConverseTrace {
                guardrail: t.guardrail,
                prompt_router: t.prompt_router,
                unrecognized: t.unrecognized,
            }),
            performance_config: metadata.performance_config,
            service_tier: metadata.service_tier,
            unrecognized: metadata.unrecognized,
        })
    }
}
