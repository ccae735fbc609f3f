//! The one place where Bedrock's token counts become OpenTelemetry's.

use bedrock_grpc_schema::runtime::v1::TokenUsage;

/// `gen_ai.usage.input_tokens` counts all input tokens; Bedrock's `inputTokens` leaves out those read from and written to
/// the prompt cache.
pub(super) fn input_tokens(usage: &TokenUsage) -> i64 {
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
    fn cached_tokens_are_input_tokens_too() {
        let usage = TokenUsage {
            input_tokens: Some(3),
            cache_read_input_tokens: Some(1000),
            cache_write_input_tokens: Some(20),
            ..TokenUsage::default()
        };
        assert_eq!(input_tokens(&usage), 1023);
        assert_eq!(input_tokens(&TokenUsage::default()), 0);
    }
}
