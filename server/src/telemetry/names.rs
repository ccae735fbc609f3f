//! All names of spans, attributes and metrics. They are defined nowhere else.
//!
//! RPC: <https://opentelemetry.io/docs/specs/semconv/rpc/grpc>; GenAI:
//! <https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans>, <https://opentelemetry.io/docs/specs/semconv/gen-ai/aws-bedrock>.
//! The gateway's own names start with `bedrock_grpc.`.

/// The instrumentation scope.
pub(crate) const SCOPE: &str = "bedrock-grpc";

// Attributes of the gateway as a gRPC server.
pub(crate) const RPC_SYSTEM_NAME: &str = "rpc.system.name";
pub(crate) const RPC_METHOD: &str = "rpc.method";
/// The status by name, as `RESOURCE_EXHAUSTED`. (`rpc.grpc.status_code`, a number, is its deprecated ancestor.)
pub(crate) const RPC_RESPONSE_STATUS_CODE: &str = "rpc.response.status_code";
pub(crate) const ERROR_TYPE: &str = "error.type";

// Attributes of the gateway as a client of a model.
pub(crate) const GEN_AI_OPERATION_NAME: &str = "gen_ai.operation.name";
pub(crate) const GEN_AI_PROVIDER_NAME: &str = "gen_ai.provider.name";
pub(crate) const GEN_AI_REQUEST_MODEL: &str = "gen_ai.request.model";
pub(crate) const GEN_AI_REQUEST_MAX_TOKENS: &str = "gen_ai.request.max_tokens";
pub(crate) const GEN_AI_REQUEST_TEMPERATURE: &str = "gen_ai.request.temperature";
pub(crate) const GEN_AI_REQUEST_TOP_P: &str = "gen_ai.request.top_p";
pub(crate) const GEN_AI_REQUEST_STOP_SEQUENCES: &str = "gen_ai.request.stop_sequences";
pub(crate) const GEN_AI_RESPONSE_FINISH_REASONS: &str = "gen_ai.response.finish_reasons";
/// Includes cached tokens, unlike Bedrock's `inputTokens`.
pub(crate) const GEN_AI_USAGE_INPUT_TOKENS: &str = "gen_ai.usage.input_tokens";
pub(crate) const GEN_AI_USAGE_OUTPUT_TOKENS: &str = "gen_ai.usage.output_tokens";
pub(crate) const GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS: &str = "gen_ai.usage.cache_read.input_tokens";
pub(crate) const GEN_AI_USAGE_CACHE_CREATION_INPUT_TOKENS: &str = "gen_ai.usage.cache_creation.input_tokens";
pub(crate) const AWS_BEDROCK_GUARDRAIL_ID: &str = "aws.bedrock.guardrail.id";
pub(crate) const AWS_REQUEST_ID: &str = "aws.request_id";
pub(crate) const CLOUD_REGION: &str = "cloud.region";

// The gateway's own names.
/// The name of the caller in the configuration.
pub(crate) const CALLER: &str = "bedrock_grpc.caller";
pub(crate) const ATTEMPT: &str = "bedrock_grpc.attempt";
pub(crate) const ATTEMPTS: &str = "bedrock_grpc.attempts";
/// A counter: members of Bedrock's responses that the schema does not have, by [`MEMBER`].
pub(crate) const UNKNOWN_MEMBERS: &str = "bedrock_grpc.unknown_members";
/// A counter: ConverseStreams that ended without their metadata event, and so without usage.
pub(crate) const MISSING_METADATA: &str = "bedrock_grpc.missing_metadata";
/// A gauge: calls in flight.
pub(crate) const RUNNING_CALLS: &str = "bedrock_grpc.calls.running";
/// A counter: log lines and spans that were lost.
pub(crate) const LOST_TELEMETRY: &str = "bedrock_grpc.telemetry.lost";
/// What was lost: `log_lines` or `spans`.
pub(crate) const LOST_DATA: &str = "bedrock_grpc.telemetry.data";
/// A counter: panics in the gateway.
pub(crate) const PANICS: &str = "bedrock_grpc.panics";
/// A counter: reloads of the configuration, by [`RESULT`].
pub(crate) const CONFIGURATION_RELOADS: &str = "bedrock_grpc.configuration.reloads";
/// A gauge: the number of the configuration that applies.
pub(crate) const CONFIGURATION_GENERATION: &str = "bedrock_grpc.configuration.generation";
/// `applied` or `rejected`.
pub(crate) const RESULT: &str = "bedrock_grpc.result";
/// The cost of a call in nano-dollars: an attribute of the CLIENT span.
pub(crate) const COST: &str = "bedrock_grpc.cost_nanodollars";
/// A counter: calls whose cost is not known, by [`GEN_AI_REQUEST_MODEL`] and [`MISSING_FOR_COST`].
pub(crate) const UNKNOWN_COSTS: &str = "bedrock_grpc.cost.unknown_prices";
/// What is missing: `price` or `usage`.
pub(crate) const MISSING_FOR_COST: &str = "bedrock_grpc.cost.missing";
pub(crate) const MEMBER: &str = "bedrock_grpc.member";

// Values.
pub(crate) const GRPC: &str = "grpc";
pub(crate) const AWS_BEDROCK: &str = "aws.bedrock";

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
