//! Builds the response of Converse from the events of ConverseStream.

mod block;
mod error;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use bedrock_grpc_schema::runtime::v1::converse_response::AdditionalModelResponseFieldsForm as Fields;
use bedrock_grpc_schema::runtime::v1::converse_stream_response::Member as Event;
use bedrock_grpc_schema::runtime::v1::message_stop_event::AdditionalModelResponseFieldsForm as StopFields;
use bedrock_grpc_schema::runtime::v1::{
    ContentBlockDeltaEvent, ContentBlockStartEvent, ConverseMetrics, ConverseOutput, ConverseResponse,
    ConverseStreamMetadataEvent, ConverseTrace, Message, MessageStopEvent, converse_output,
};

use self::block::Block;
pub use self::error::AssembleError;

/// Builds a response from the events of a stream: push each event, then call `finish`.
///
/// The deltas of a content block are joined by kind:
///
/// - text is appended to text; a block without any text is left out, because Bedrock rejects an empty text block in the
///   next request;
/// - a tool's input is joined to one JSON text, `{}` if it is empty;
/// - texts and JSON values of a tool result are added to its `content`;
/// - reasoning is joined to its text and signature, or to its redacted bytes;
/// - the bytes of an image are joined;
/// - a text with citations becomes a `citations_content` block, with one citation per citation delta.
///
/// Blocks are in the order of `content_block_index`.
///
/// Content that the schema does not know is kept unchanged. An unrecognized start or delta becomes an `unrecognized` block
/// at its position, because the rule for joining its kind is not known. Such a message is complete, but Bedrock may reject
/// it in the next request. An unrecognized *event* is left out, because a response has no field for it.
///
/// An event without `content_block_index`, which Bedrock does not send, belongs to block 0.
#[derive(Debug, Clone, Default)]
pub struct Accumulator {
    role: Option<String>,
    /// The key is `content_block_index`. An index has several blocks only if its deltas have kinds that cannot be joined.
    blocks: BTreeMap<i32, Vec<Block>>,
    stop: Option<MessageStopEvent>,
    metadata: Option<ConverseStreamMetadataEvent>,
}

impl Accumulator {
    /// Adds the next event.
    pub fn push(&mut self, event: &Event) {
        match event {
            Event::MessageStart(start) => self.role.clone_from(&start.role),
            Event::ContentBlockStart(ContentBlockStartEvent { start, content_block_index, .. }) => {
                if let Some(start) = start.as_ref().and_then(|start| start.member.as_ref()) {
                    self.blocks_at(*content_block_index).push(Block::start(start));
                }
            }
            Event::ContentBlockDelta(ContentBlockDeltaEvent { delta, content_block_index, .. }) => {
                if let Some(delta) = delta.as_ref().and_then(|delta| delta.member.as_ref()) {
                    block::add_delta(self.blocks_at(*content_block_index), delta);
                }
            }
            Event::ContentBlockStop(_) | Event::Unrecognized(_) => {}
            Event::MessageStop(stop) => self.stop = Some(stop.clone()),
            Event::Metadata(metadata) => self.metadata = Some(metadata.clone()),
        }
    }

    fn blocks_at(&mut self, index: Option<i32>) -> &mut Vec<Block> {
        self.blocks.entry(index.unwrap_or_default()).or_default()
    }

    /// Returns the complete response. Usage, metrics, trace, performance configuration and service tier are unset if the
    /// stream has no `Metadata` event, which follows `MessageStop`.
    ///
    /// # Errors
    /// [`AssembleError::Incomplete`] without a `MessageStop` event, and [`AssembleError::ToolInput`] if the input of a tool is
    /// not JSON.
    pub fn finish(self) -> Result<ConverseResponse, AssembleError> {
        let stop = self.stop.ok_or(AssembleError::Incomplete)?;
        let mut content = Vec::with_capacity(self.blocks.len());
        for (index, block) in self.blocks.into_iter().flat_map(|(i, blocks)| blocks.into_iter().map(move |b| (i, b))) {
            content.extend(block.finish(index, stop.stop_reason.as_deref())?);
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
