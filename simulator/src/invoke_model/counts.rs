//! What Bedrock says about an answer besides the model's own words: headers of a whole answer, and the member
//! `amazon-bedrock-invocationMetrics` of a stream's last chunk.

use serde::Serialize;

use crate::converse::Turn;

#[derive(Clone, Copy, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Counts {
    #[serde(rename = "inputTokenCount", skip_serializing_if = "Option::is_none")]
    pub(crate) input: Option<usize>,
    #[serde(rename = "outputTokenCount", skip_serializing_if = "Option::is_none")]
    pub(crate) output: Option<usize>,
    invocation_latency: u64,
    first_byte_latency: u64,
    #[serde(rename = "cacheReadInputTokenCount", skip_serializing_if = "Option::is_none")]
    cache_read: Option<usize>,
    #[serde(rename = "cacheWriteInputTokenCount", skip_serializing_if = "Option::is_none")]
    cache_write: Option<usize>,
}

impl Counts {
    pub(crate) fn of(turn: &Turn, caches: bool) -> Self {
        let usage = &turn.metadata.usage;
        Self {
            input: Some(usage.input_tokens),
            output: Some(usage.output_tokens),
            cache_read: caches.then_some(usage.cache_read_input_tokens),
            cache_write: caches.then_some(usage.cache_write_input_tokens),
            ..Self::latency(turn.metadata.metrics.latency_ms)
        }
    }

    /// Of something that was made rather than said.
    pub(crate) fn made(input: Option<usize>) -> Self {
        let per_token = u64::try_from(input.unwrap_or_default()).unwrap_or_default();
        Self { input, ..Self::latency(50 + per_token) }
    }

    fn latency(milliseconds: u64) -> Self {
        // Not zero even for an answer that a guardrail gave.
        let invocation_latency = milliseconds.max(1);
        Self { invocation_latency, first_byte_latency: invocation_latency.min(60), ..Self::default() }
    }

    /// The headers of a whole answer.
    pub(crate) fn headers(&self) -> impl Iterator<Item = (&'static str, String)> {
        let counts = [
            ("x-amzn-bedrock-input-token-count", self.input),
            ("x-amzn-bedrock-output-token-count", self.output),
            ("x-amzn-bedrock-cache-read-input-token-count", self.cache_read),
            ("x-amzn-bedrock-cache-write-input-token-count", self.cache_write),
        ];
        let counts = counts.into_iter().filter_map(|(name, count)| Some((name, count?.to_string())));
        counts.chain([("x-amzn-bedrock-invocation-latency", self.invocation_latency.to_string())])
    }
}
