//! Converts Bedrock's token counts to those of OpenTelemetry.

use bedrock_grpc_schema::runtime::v1::TokenUsage;

/// The value of `gen_ai.usage.input_tokens`: all input tokens. Bedrock's `inputTokens` does not include the tokens that were
/// read from and written to the prompt cache.
pub(super) fn total_input_tokens(usage: &TokenUsage) -> i64 {
    [usage.input_tokens, usage.cache_read_input_tokens, usage.cache_write_input_tokens]
        .into_iter()
        .flatten()
        .map(i64::from)
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn total_input_tokens_includes_cached_tokens() {
        let usage = TokenUsage {
            input_tokens: Some(3),
            cache_read_input_tokens: Some(1000),
            cache_write_input_tokens: Some(20),
            ..TokenUsage::default()
        };
        assert_eq!(total_input_tokens(&usage), 1023);
        assert_eq!(total_input_tokens(&TokenUsage::default()), 0);
    }
}
