//! All names of spans and attributes. They are defined nowhere else. The names of metrics are in `metrics::catalog`.
//!
//! RPC: <https://opentelemetry.io/docs/specs/semconv/rpc/grpc>; GenAI:
//! <https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans>, <https://opentelemetry.io/docs/specs/semconv/gen-ai/aws-bedrock>.
//! The gateway's own names start with `bedrock_grpc.`.

/// The instrumentation scope.
pub(crate) const SCOPE: &str = "bedrock-grpc";

// Attributes of the process.
pub(crate) const SERVICE_VERSION: &str = "service.version";

// Attributes of the gateway as a gRPC server.
pub(crate) const RPC_SYSTEM_NAME: &str = "rpc.system.name";
pub(crate) const RPC_METHOD: &str = "rpc.method";
/// The status by name, as `RESOURCE_EXHAUSTED`. (`rpc.grpc.status_code`, a number, is its deprecated ancestor.)
pub(crate) const RPC_RESPONSE_STATUS_CODE: &str = "rpc.response.status_code";
pub(crate) const ERROR_TYPE: &str = "error.type";

// The older names of the same attributes.
pub(crate) const RPC_SYSTEM: &str = "rpc.system";
pub(crate) const RPC_SERVICE: &str = "rpc.service";
/// The status as a number.
pub(crate) const RPC_GRPC_STATUS_CODE: &str = "rpc.grpc.status_code";

// Attributes of the gateway as a client of a model.
pub(crate) const GEN_AI_OPERATION_NAME: &str = "gen_ai.operation.name";
pub(crate) const GEN_AI_PROVIDER_NAME: &str = "gen_ai.provider.name";
pub(crate) const GEN_AI_REQUEST_MODEL: &str = "gen_ai.request.model";
pub(crate) const GEN_AI_REQUEST_MAX_TOKENS: &str = "gen_ai.request.max_tokens";
pub(crate) const GEN_AI_REQUEST_TEMPERATURE: &str = "gen_ai.request.temperature";
pub(crate) const GEN_AI_REQUEST_TOP_P: &str = "gen_ai.request.top_p";
pub(crate) const GEN_AI_REQUEST_STOP_SEQUENCES: &str = "gen_ai.request.stop_sequences";
pub(crate) const GEN_AI_REQUEST_STREAM: &str = "gen_ai.request.stream";
/// Seconds.
pub(crate) const GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK: &str = "gen_ai.response.time_to_first_chunk";
pub(crate) const GEN_AI_RESPONSE_FINISH_REASONS: &str = "gen_ai.response.finish_reasons";
/// Includes cached tokens, unlike Bedrock's `inputTokens`.
pub(crate) const GEN_AI_USAGE_INPUT_TOKENS: &str = "gen_ai.usage.input_tokens";
pub(crate) const GEN_AI_USAGE_OUTPUT_TOKENS: &str = "gen_ai.usage.output_tokens";
pub(crate) const GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS: &str = "gen_ai.usage.cache_read.input_tokens";
pub(crate) const GEN_AI_USAGE_CACHE_WRITE_INPUT_TOKENS: &str = "gen_ai.usage.cache_write.input_tokens";
/// The older name of the same attribute.
pub(crate) const GEN_AI_USAGE_CACHE_CREATION_INPUT_TOKENS: &str = "gen_ai.usage.cache_creation.input_tokens";
pub(crate) const GEN_AI_TOKEN_MODALITY: &str = "gen_ai.token.modality";
/// `input` or `output`, in the older metric of tokens.
pub(crate) const GEN_AI_TOKEN_TYPE: &str = "gen_ai.token.type";
pub(crate) const AWS_BEDROCK_GUARDRAIL_ID: &str = "aws.bedrock.guardrail.id";
pub(crate) const AWS_REQUEST_ID: &str = "aws.request_id";
pub(crate) const CLOUD_REGION: &str = "cloud.region";
pub(crate) const SERVER_ADDRESS: &str = "server.address";
pub(crate) const NETWORK_PROTOCOL_VERSION: &str = "network.protocol.version";

// The gateway's own names.
/// The name of the caller in the configuration.
pub(crate) const CALLER: &str = "bedrock_grpc.caller";
/// The name of the target that an attempt was sent to, or that served the call: `chat/0`.
pub(crate) const TARGET_NAME: &str = "bedrock_grpc.target_name";
pub(crate) const ATTEMPT: &str = "bedrock_grpc.attempt";
pub(crate) const ATTEMPTS: &str = "bedrock_grpc.attempts";
/// An event of the SERVER span: the call has waited.
pub(crate) const QUEUE_EVENT: &str = "bedrock_grpc.queue";
/// An event of the CLIENT span: the first event, or the complete response, has arrived.
pub(crate) const FIRST_EVENT_EVENT: &str = "bedrock_grpc.first_event";
/// An event of the CLIENT span: the request is sent again.
pub(crate) const RETRY_EVENT: &str = "bedrock_grpc.retry";
/// A wait in seconds, in these events.
pub(crate) const WAIT: &str = "bedrock_grpc.wait";
/// What was lost: `log_lines` or `spans`.
pub(crate) const LOST_DATA: &str = "bedrock_grpc.telemetry.data";
/// `applied` or `rejected`.
pub(crate) const RESULT: &str = "bedrock_grpc.result";
/// The cost of a call in nano-dollars: an attribute of the CLIENT span.
pub(crate) const COST: &str = "bedrock_grpc.cost_nanodollars";
/// The model, inference profile or ARN that a request was sent to.
pub(crate) const TARGET: &str = "bedrock_grpc.target";
/// Why the cost of a call is not known: `price` or `usage` is missing.
pub(crate) const MISSING_FOR_COST: &str = "bedrock_grpc.cost.missing";
/// The name of an AWS identity: `default`, a profile or a role.
pub(crate) const IDENTITY: &str = "bedrock_grpc.identity";
pub(crate) const MEMBER: &str = "bedrock_grpc.member";

// Values.
pub(crate) const GRPC: &str = "grpc";
pub(crate) const AWS_BEDROCK: &str = "aws.bedrock";
/// The modality of tokens whose modality Bedrock does not report.
pub(crate) const UNKNOWN: &str = "unknown";

/// The value of `gen_ai.response.finish_reasons` for a stream that ended early.
pub(crate) const CUT_STREAM: &str = "error";

// Values of `gen_ai.operation.name`: those of the conventions where they have one, else the name of Bedrock's operation.
pub(crate) const CHAT: &str = "chat";
pub(crate) const EMBEDDINGS: &str = "embeddings";
pub(crate) const GENERATE_CONTENT: &str = "generate_content";
pub(crate) const COUNT_TOKENS: &str = "count_tokens";
pub(crate) const APPLY_GUARDRAIL: &str = "apply_guardrail";
pub(crate) const INVOKE_GUARDRAIL_CHECKS: &str = "invoke_guardrail_checks";
pub(crate) const GET_ASYNC_INVOKE: &str = "get_async_invoke";
pub(crate) const LIST_ASYNC_INVOKES: &str = "list_async_invokes";
pub(crate) const LIST_FOUNDATION_MODELS: &str = "list_foundation_models";
pub(crate) const GET_FOUNDATION_MODEL: &str = "get_foundation_model";
pub(crate) const LIST_INFERENCE_PROFILES: &str = "list_inference_profiles";

#[cfg(test)]
mod tests {
    use super::super::metrics::catalog::METRICS;

    #[test]
    fn names_are_those_of_the_conventions_or_start_with_the_gateways_own_prefix() {
        let known: Vec<_> = include_str!("conventions.txt").lines().filter(|line| !line.starts_with('#')).collect();
        let constants = include_str!("names.rs").lines().filter_map(|line| line.strip_prefix("pub(crate) const "));
        let names = constants.filter_map(|line| line.split('"').nth(1)).filter(|name| name.contains('.'));
        let names = names.chain(METRICS.iter().map(|metric| metric.name));
        // The value of `gen_ai.provider.name` has a dot too.
        let names = names.filter(|name| !name.starts_with("bedrock_grpc.") && *name != super::AWS_BEDROCK);
        let unknown: Vec<_> = names.filter(|name| !known.contains(name)).collect();
        assert!(unknown.is_empty(), "{unknown:?} are not in the conventions");
    }
}
