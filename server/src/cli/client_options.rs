//! Options of the commands that use a gateway: `call`, `chat` and `top`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

/// Options of the connection to a gateway.
#[derive(Debug, Args)]
pub(crate) struct GatewayConnectionOptions {
    /// The gateway: http://host:port, https://host:port, or unix:/path.
    #[arg(long, default_value = "http://127.0.0.1:50051", env = "BEDROCK_GRPC_ADDRESS")]
    pub(crate) address: String,

    /// A file of certificates (PEM) to trust instead of the platform's roots.
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,

    /// A file with the client's certificate chain (PEM).
    #[arg(long, value_name = "FILE", requires = "key")]
    pub(crate) certificate: Option<PathBuf>,

    /// A file with the key of the client's certificate (PEM).
    #[arg(long, value_name = "FILE", requires = "certificate")]
    pub(crate) key: Option<PathBuf>,

    /// A token, sent as `authorization: Bearer`. Prefer the variable: other users of the machine can see a command line.
    #[arg(long, env = "BEDROCK_GRPC_TOKEN", hide_env_values = true)]
    pub(crate) token: Option<String>,

    /// An API key, sent as `x-api-key`. Prefer the variable.
    #[arg(long, env = "BEDROCK_GRPC_API_KEY", hide_env_values = true)]
    pub(crate) api_key: Option<String>,

    /// Metadata to send, for example `traceparent=00-...`. The option can be repeated.
    #[arg(long, short = 'H', value_name = "KEY=VALUE")]
    pub(crate) metadata: Vec<String>,

    /// Maximum time for each call, for example `30s`. [default: 10m for methods that run a model, 60s for the others]
    #[arg(long, value_parser = humantime::parse_duration)]
    pub(crate) deadline: Option<Duration>,

    /// Do not retry.
    #[arg(long)]
    pub(crate) no_retry: bool,
}

/// Options of `call`.
#[derive(Debug, Args)]
pub(crate) struct CallOptions {
    /// The operation, as AWS spells it (`ConverseStream`) or as the AWS CLI does (`converse-stream`).
    #[arg(value_enum, ignore_case = true, hide_possible_values = true)]
    pub(crate) operation: Operation,

    /// The request as AWS JSON. `@FILE` reads a file. [default: standard input]
    #[arg(long, short = 'd', value_name = "JSON")]
    pub(crate) data: Option<String>,

    /// The model id, if the request has no `modelId`.
    #[arg(long, short = 'm')]
    pub(crate) model: Option<String>,

    /// Print the metadata of the response to standard error.
    #[arg(long, short = 'v')]
    pub(crate) verbose: bool,

    #[command(flatten)]
    pub(crate) connection: GatewayConnectionOptions,
}

/// Options of `chat`.
#[derive(Debug, Args)]
pub(crate) struct ChatOptions {
    /// One prompt. Without it, and in a terminal, the chat is interactive. Text on standard input is added to the prompt.
    pub(crate) prompt: Option<String>,

    /// The model id.
    #[arg(long, short = 'm', env = "BEDROCK_GRPC_MODEL", default_value = "demo.model")]
    pub(crate) model: String,

    /// The system prompt.
    #[arg(long, short = 's')]
    pub(crate) system: Option<String>,

    /// A conversation to continue: a file that `/save` wrote, or a request of ConverseStream.
    #[arg(long, value_name = "FILE")]
    pub(crate) load: Option<PathBuf>,

    /// Maximum number of tokens of a response.
    #[arg(long)]
    pub(crate) max_tokens: Option<i32>,

    /// A file that keeps the lines that you typed. [default: the lines are lost when the program ends]
    #[arg(long, value_name = "FILE", env = "BEDROCK_GRPC_HISTORY")]
    pub(crate) history: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) connection: GatewayConnectionOptions,
}

/// Options of `targets`.
#[derive(Debug, Args)]
pub(crate) struct TargetsOptions {
    /// The admin port of the gateway: host:port, or the path of a Unix socket.
    #[arg(long, default_value = "127.0.0.1:9901", env = "BEDROCK_GRPC_ADMIN_ADDRESS")]
    pub(crate) address: String,

    /// The token of the admin port, sent as `authorization: Bearer`. Prefer the variable: other users of the machine can see a
    /// command line.
    #[arg(long, env = "BEDROCK_GRPC_ADMIN_TOKEN", hide_env_values = true)]
    pub(crate) token: Option<String>,

    /// Print the JSON of the admin port.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Options of `top`.
#[derive(Debug, Args)]
pub(crate) struct TopOptions {
    /// The admin port of the gateway: host:port, or the path of a Unix socket.
    #[arg(long, default_value = "127.0.0.1:9901", env = "BEDROCK_GRPC_ADMIN_ADDRESS")]
    pub(crate) address: String,

    /// The token of the admin port, sent as `authorization: Bearer`. Prefer the variable: other users of the machine can see a
    /// command line.
    #[arg(long, env = "BEDROCK_GRPC_ADMIN_TOKEN", hide_env_values = true)]
    pub(crate) token: Option<String>,

    /// Time between two reads of the admin port.
    #[arg(long, default_value = "1s", value_parser = parse_interval)]
    pub(crate) interval: Duration,

    /// Print lines of JSON, with all models and callers.
    #[arg(long)]
    pub(crate) json: bool,

    /// Print this number of lines, and end.
    #[arg(long, value_name = "N")]
    pub(crate) count: Option<u64>,
}

/// A time above zero.
fn parse_interval(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(duration) if !duration.is_zero() => Ok(duration),
        Ok(_) => Err("must be above zero".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// An operation of Bedrock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "PascalCase")]
pub(crate) enum Operation {
    #[value(alias = "converse")]
    Converse,
    #[value(alias = "converse-stream")]
    ConverseStream,
    #[value(alias = "invoke-model")]
    InvokeModel,
    #[value(alias = "invoke-model-with-response-stream")]
    InvokeModelWithResponseStream,
    #[value(alias = "invoke-model-with-bidirectional-stream")]
    InvokeModelWithBidirectionalStream,
    #[value(alias = "count-tokens")]
    CountTokens,
    #[value(alias = "apply-guardrail")]
    ApplyGuardrail,
    #[value(alias = "invoke-guardrail-checks")]
    InvokeGuardrailChecks,
    #[value(alias = "start-async-invoke")]
    StartAsyncInvoke,
    #[value(alias = "get-async-invoke")]
    GetAsyncInvoke,
    #[value(alias = "list-async-invokes")]
    ListAsyncInvokes,
    #[value(alias = "list-foundation-models")]
    ListFoundationModels,
    #[value(alias = "get-foundation-model")]
    GetFoundationModel,
    #[value(alias = "list-inference-profiles")]
    ListInferenceProfiles,
}
