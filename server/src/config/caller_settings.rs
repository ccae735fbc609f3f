//! The settings of models, callers and authentication. The comments are the descriptions in the JSON Schema.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::values::{Region, Size};
use crate::callers::{IdentityPattern, Pattern, TrustedPeer};

/// What a name of a model stands for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ModelSettings {
    /// Where calls go: to the targets of the lowest `priority`, shared by `weight`, and to the next one if a target fails.
    #[schemars(length(min = 1, max = 16))]
    pub(crate) targets: Vec<TargetSettings>,
    /// The `maxTokens` of Converse and ConverseStream.
    #[serde(default)]
    pub(crate) max_tokens: MaxTokens,
    /// The inference settings of Converse and ConverseStream where the caller has set none.
    #[serde(default)]
    pub(crate) inference: InferenceDefaults,
    /// The system prompt of Converse and ConverseStream where the caller has set none. Each text is a block.
    #[serde(default)]
    pub(crate) system: Vec<String>,
    /// Cache points that are added to Converse and ConverseStream, if the caller has set none at all. Only for models with prompt
    /// caching: Bedrock rejects cache points for other models.
    #[serde(default)]
    pub(crate) prompt_cache: PromptCache,
}

/// The inference settings of Converse and ConverseStream where the caller has set none.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct InferenceDefaults {
    /// The temperature. It is not added if the caller has set a temperature or `topP`.
    #[schemars(range(min = 0, max = 1))]
    pub(crate) temperature: Option<f32>,
    /// `topP`. It is not added if the caller has set a temperature or `topP`.
    #[schemars(range(min = 0, max = 1))]
    pub(crate) top_p: Option<f32>,
    /// The texts that stop the generation.
    pub(crate) stop_sequences: Vec<String>,
}

/// Where a cache point is added.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct PromptCache {
    /// After the tools.
    pub(crate) tools: bool,
    /// After the system prompt.
    pub(crate) system: bool,
}

/// A model in a Region.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TargetSettings {
    /// The model id, inference profile or ARN at Bedrock.
    pub(crate) model: String,
    /// The place in the order: targets with a lower number get calls first.
    #[serde(default)]
    #[schemars(range(min = 0, max = 100))]
    pub(crate) priority: u32,
    /// The share of the calls among targets of the same priority.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 1000))]
    pub(crate) weight: u32,
    /// The AWS Region. [default: `aws.region`, or the ARN's]
    #[serde(default)]
    pub(crate) region: Option<Region>,
    /// The profile in AWS's configuration files whose credentials are used. [default: the gateway's own credentials]
    #[serde(default)]
    pub(crate) profile: Option<String>,
    /// The ARN of an IAM role to assume, with the profile's or the gateway's own credentials.
    #[serde(default)]
    #[schemars(extend("format" = "role"))]
    pub(crate) role: Option<String>,
    /// The external id that the role's trust policy requires.
    #[serde(default)]
    pub(crate) external_id: Option<String>,
    /// The name of the role's session, which CloudTrail shows. [default: `bedrock-grpc`]
    #[serde(default)]
    #[schemars(extend("format" = "session"))]
    pub(crate) session_name: Option<String>,
    /// The key of a session tag that gets the caller's name, for IAM policies and cost allocation. The role is then assumed for
    /// each caller, which needs the IAM right `sts:TagSession`. [default: no tag]
    #[serde(default)]
    #[schemars(extend("format" = "tag-key"))]
    pub(crate) caller_tag: Option<String>,
}

/// The `maxTokens` of Converse and ConverseStream. Bedrock reserves it from the quota when a call starts, so a request without
/// it reserves the model's maximum.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct MaxTokens {
    /// The value of requests that have none. [default: the limit]
    #[schemars(range(min = 1, max = 2147483647))]
    pub(crate) default: Option<u32>,
    /// The largest value. A request with more is rejected.
    #[schemars(range(min = 1, max = 2147483647))]
    pub(crate) limit: Option<u32>,
}

/// A caller: a team or a service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CallerSettings {
    /// How the gateway recognizes the caller. One of them is enough. `*` stands for any text, as in `spiffe://prod/ns/search/*`.
    #[schemars(length(min = 1))]
    pub(crate) identity: Vec<IdentityPattern>,
    /// The model ids and names that the caller can use. `*` stands for any text.
    #[serde(default = "everything")]
    pub(crate) models: Vec<Pattern>,
    /// The operations that the caller can use, for example `Converse*`.
    #[serde(default = "everything")]
    pub(crate) operations: Vec<Pattern>,
    /// The Regions that the caller can use. Empty: all that `aws.regions` allows.
    #[serde(default)]
    pub(crate) regions: Vec<Region>,
    /// The guardrail of every Converse, ConverseStream, InvokeModel and InvokeModelWithResponseStream. The caller cannot use
    /// another guardrail, and it cannot use an operation that runs a model without a guardrail.
    #[serde(default)]
    pub(crate) guardrail: Option<GuardrailSettings>,
    /// The largest request in bytes. [default: 32MiB, the limit of the gateway]
    #[serde(default)]
    pub(crate) max_request: Option<Size>,
}

fn one() -> u32 {
    1
}

fn everything() -> Vec<Pattern> {
    vec![Pattern::everything()]
}

/// A guardrail that a caller's requests always have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GuardrailSettings {
    /// The guardrail's id or ARN.
    pub(crate) id: String,
    /// Its version: a number, or `DRAFT`.
    pub(crate) version: String,
    /// How it applies: every request has it, and a request that names another one is rejected.
    #[serde(default)]
    pub(crate) mode: GuardrailMode,
}

/// How a guardrail of the configuration applies.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum GuardrailMode {
    /// Every request has it, and a request that names another one is rejected.
    #[default]
    Required,
}

/// How callers prove who they are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct AuthenticationSettings {
    /// The issuers of JSON Web Tokens that the gateway accepts, by a name of your choice.
    pub(crate) jwt: BTreeMap<String, JwtSettings>,
    /// The peers whose `x-forwarded-client-cert` is trusted: IP addresses, networks, certificates or users of a Unix socket.
    pub(crate) trusted_proxies: Vec<TrustedPeer>,
    /// The key in Bedrock's request metadata that gets the caller's name, for cost allocation. Without it nothing is added.
    pub(crate) request_metadata: Option<String>,
    /// Whether health checks and reflection need a caller too.
    pub(crate) health: bool,
    /// Maximum number of failed attempts of one peer in a minute. Further attempts are rejected without a check. A proxy
    /// with many callers behind it is one peer. 0: no limit.
    #[schemars(range(min = 0, max = 1000000))]
    pub(crate) failures_per_minute: u32,
}

impl Default for AuthenticationSettings {
    fn default() -> Self {
        Self {
            jwt: BTreeMap::new(),
            trusted_proxies: Vec::new(),
            request_metadata: None,
            health: false,
            failures_per_minute: 600,
        }
    }
}

/// An issuer of JSON Web Tokens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct JwtSettings {
    /// The value of the claim `iss`.
    #[schemars(extend("format" = "issuer"))]
    pub(crate) issuer: String,
    /// The values of the claim `aud` that are accepted.
    #[schemars(length(min = 1))]
    pub(crate) audience: Vec<String>,
    /// The issuer's keys (JWKS): an https URL, or a file.
    #[schemars(extend("format" = "keys"))]
    pub(crate) jwks: String,
    /// A file of certificates (PEM) to trust in addition to the platform's roots when the keys are loaded.
    #[serde(default)]
    #[schemars(extend("format" = "path"))]
    pub(crate) ca: Option<PathBuf>,
    /// The claim that `jwt:SUBJECT` is compared with.
    #[serde(default = "subject_claim")]
    pub(crate) claim: String,
}

fn subject_claim() -> String {
    "sub".to_owned()
}
