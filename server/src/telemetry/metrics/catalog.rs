//! All metrics: name, unit, labels and meaning. They are defined nowhere else. `docs/metrics.md` has the same table for
//! operators, and a test compares them.
//!
//! RPC: semantic conventions 1.45, <https://opentelemetry.io/docs/specs/semconv/rpc/rpc-metrics/>. GenAI: the conventions have
//! moved to a repository of their own, which has no release yet; these are the names of its main branch,
//! <https://github.com/open-telemetry/semantic-conventions-genai/blob/main/docs/gen-ai/client-inference.md>. The older names
//! are those of semantic conventions 1.41 (GenAI) and 1.37 (RPC); `OTEL_SEMCONV_STABILITY_OPT_IN` chooses.

use opentelemetry::global;
use opentelemetry::metrics::{Counter, Gauge, Histogram, Meter};

use super::super::names::{
    CALLER, CLOUD_REGION, ERROR_TYPE, GEN_AI_OPERATION_NAME, GEN_AI_PROVIDER_NAME, GEN_AI_REQUEST_MODEL,
    GEN_AI_TOKEN_MODALITY, GEN_AI_TOKEN_TYPE, IDENTITY, LOST_DATA, MEMBER, MISSING_FOR_COST, NETWORK_PROTOCOL_VERSION,
    RESULT, RPC_GRPC_STATUS_CODE, RPC_METHOD, RPC_RESPONSE_STATUS_CODE, RPC_SERVICE, RPC_SYSTEM, RPC_SYSTEM_NAME,
    SCOPE, SERVER_ADDRESS, TARGET, TARGET_NAME,
};

/// How a metric aggregates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A sum that only grows.
    Counter,
    /// The last value.
    Gauge,
    /// The distribution of values, with the upper bounds of its buckets.
    Histogram(Buckets),
}

/// The upper bounds of a histogram's buckets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Buckets {
    /// Seconds of a call, as the RPC conventions advise, and up to five minutes, because a model may generate that long.
    Call,
    /// Seconds of a model, as the GenAI conventions advise.
    Model,
    /// Milliseconds, as the SDK's default has them.
    Milliseconds,
    /// Seconds of the gateway's own work.
    Work,
    /// Numbers of tokens, as the GenAI conventions advise.
    Tokens,
}

/// A metric.
#[derive(Debug)]
pub(crate) struct Metric {
    /// The name.
    pub(crate) name: &'static str,
    /// How it aggregates.
    pub(crate) kind: Kind,
    /// The unit, in the spelling of UCUM.
    pub(crate) unit: &'static str,
    /// The attributes that it may have.
    #[cfg_attr(not(test), expect(dead_code, reason = "the documentation has them, and a test compares"))]
    pub(crate) labels: &'static [&'static str],
    /// The meaning, in one sentence.
    pub(crate) description: &'static str,
}

impl Buckets {
    fn bounds(self) -> Vec<f64> {
        let bounds: &[f64] = match self {
            Self::Call => &[
                0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 30.0, 60.0, 120.0,
                300.0,
            ],
            Self::Model => &[
                0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92, 163.84, 327.68,
            ],
            Self::Milliseconds => {
                &[5.0, 10.0, 25.0, 50.0, 75.0, 100.0, 250.0, 500.0, 750.0, 1000.0, 2500.0, 5000.0, 7500.0, 10_000.0]
            }
            Self::Work => {
                &[0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0]
            }
            Self::Tokens => &[
                1.0,
                4.0,
                16.0,
                64.0,
                256.0,
                1024.0,
                4096.0,
                16_384.0,
                65_536.0,
                262_144.0,
                1_048_576.0,
                4_194_304.0,
                16_777_216.0,
                67_108_864.0,
            ],
        };
        bounds.to_vec()
    }
}

impl Metric {
    /// The instrument of a counter.
    pub(crate) fn counter(&self) -> Counter<u64> {
        meter().u64_counter(self.name).with_unit(self.unit).with_description(self.description).build()
    }

    /// The instrument of a gauge that is set when its value changes.
    pub(crate) fn gauge(&self) -> Gauge<u64> {
        meter().u64_gauge(self.name).with_unit(self.unit).with_description(self.description).build()
    }

    /// The instrument of a histogram of seconds.
    pub(crate) fn histogram(&self) -> Histogram<f64> {
        meter()
            .f64_histogram(self.name)
            .with_unit(self.unit)
            .with_description(self.description)
            .with_boundaries(self.bounds())
            .build()
    }

    /// The instrument of a histogram of numbers.
    pub(crate) fn number_histogram(&self) -> Histogram<u64> {
        meter()
            .u64_histogram(self.name)
            .with_unit(self.unit)
            .with_description(self.description)
            .with_boundaries(self.bounds())
            .build()
    }

    /// The upper bounds of a histogram's buckets.
    pub(crate) fn bounds(&self) -> Vec<f64> {
        if let Kind::Histogram(buckets) = self.kind { buckets.bounds() } else { Vec::new() }
    }
}

/// The meter of the gateway.
pub(crate) fn meter() -> Meter {
    global::meter(SCOPE)
}

/// Declares the metrics and the list of all of them.
macro_rules! metrics {
    ($($constant:ident: $name:literal, $kind:expr, $unit:literal, [$($label:expr),* $(,)?], $description:literal;)*) => {
        $(
            #[doc = $description]
            pub(crate) const $constant: Metric =
                Metric { name: $name, kind: $kind, unit: $unit, labels: &[$($label),*], description: $description };
        )*
        /// All metrics, in the order of the documentation.
        #[cfg(test)]
        pub(crate) const METRICS: &[&Metric] = &[$(&$constant),*];
    };
}

use Kind::{Counter as Count, Gauge as Level, Histogram as Spread};

metrics! {
    RPC_SERVER_CALL_DURATION: "rpc.server.call.duration", Spread(Buckets::Call), "s",
        [RPC_SYSTEM_NAME, RPC_METHOD, RPC_RESPONSE_STATUS_CODE, ERROR_TYPE],
        "Duration of a call, from its headers to its end";
    INFERENCE_DURATION: "gen_ai.client.inference.duration", Spread(Buckets::Model), "s",
        [GEN_AI_OPERATION_NAME, GEN_AI_PROVIDER_NAME, GEN_AI_REQUEST_MODEL, CLOUD_REGION, ERROR_TYPE],
        "Duration of a model's work, over all attempts, until its last event or the end of the call";
    EMBEDDINGS_DURATION: "gen_ai.client.embeddings.duration", Spread(Buckets::Model), "s",
        [GEN_AI_OPERATION_NAME, GEN_AI_PROVIDER_NAME, GEN_AI_REQUEST_MODEL, CLOUD_REGION, ERROR_TYPE],
        "Duration of an embedding, over all attempts";
    OPERATION_DURATION: "gen_ai.client.operation.duration", Spread(Buckets::Model), "s",
        [GEN_AI_OPERATION_NAME, GEN_AI_PROVIDER_NAME, GEN_AI_REQUEST_MODEL, CLOUD_REGION, ERROR_TYPE],
        "Duration of an operation that runs no model: counted tokens, guardrails, asynchronous jobs, lists of models";
    TIME_TO_FIRST_CHUNK: "gen_ai.client.inference.time_to_first_chunk", Spread(Buckets::Model), "s",
        [GEN_AI_OPERATION_NAME, GEN_AI_PROVIDER_NAME, GEN_AI_REQUEST_MODEL, CLOUD_REGION],
        "Time from the request to the first event of a stream, over all attempts";
    TIME_PER_OUTPUT_CHUNK: "gen_ai.client.inference.time_per_output_chunk", Spread(Buckets::Model), "s",
        [GEN_AI_OPERATION_NAME, GEN_AI_PROVIDER_NAME, GEN_AI_REQUEST_MODEL, CLOUD_REGION],
        "Time between two events of a stream as the caller gets them";
    INPUT_TOKENS: "gen_ai.client.inference.usage.input_tokens", Count, "{token}",
        [GEN_AI_OPERATION_NAME, GEN_AI_PROVIDER_NAME, GEN_AI_REQUEST_MODEL, CLOUD_REGION, GEN_AI_TOKEN_MODALITY, CALLER],
        "Input tokens, including those that the prompt cache read or wrote";
    OUTPUT_TOKENS: "gen_ai.client.inference.usage.output_tokens", Count, "{token}",
        [GEN_AI_OPERATION_NAME, GEN_AI_PROVIDER_NAME, GEN_AI_REQUEST_MODEL, CLOUD_REGION, GEN_AI_TOKEN_MODALITY, CALLER],
        "Output tokens";
    CACHE_READ_TOKENS: "gen_ai.client.inference.usage.cache_read.input_tokens", Count, "{token}",
        [GEN_AI_OPERATION_NAME, GEN_AI_PROVIDER_NAME, GEN_AI_REQUEST_MODEL, CLOUD_REGION, GEN_AI_TOKEN_MODALITY, CALLER],
        "Input tokens that were read from the prompt cache";
    CACHE_WRITE_TOKENS: "gen_ai.client.inference.usage.cache_write.input_tokens", Count, "{token}",
        [GEN_AI_OPERATION_NAME, GEN_AI_PROVIDER_NAME, GEN_AI_REQUEST_MODEL, CLOUD_REGION, GEN_AI_TOKEN_MODALITY, CALLER],
        "Input tokens that were written to the prompt cache";
    INPUT_TOKENS_PER_CALL: "gen_ai.client.inference.operation.input_tokens", Spread(Buckets::Tokens), "{token}",
        [GEN_AI_OPERATION_NAME, GEN_AI_PROVIDER_NAME, GEN_AI_REQUEST_MODEL, CLOUD_REGION],
        "Input tokens of one call";
    OUTPUT_TOKENS_PER_CALL: "gen_ai.client.inference.operation.output_tokens", Spread(Buckets::Tokens), "{token}",
        [GEN_AI_OPERATION_NAME, GEN_AI_PROVIDER_NAME, GEN_AI_REQUEST_MODEL, CLOUD_REGION],
        "Output tokens of one call";
    EMBEDDED_TOKENS_PER_CALL: "gen_ai.client.embeddings.operation.input_tokens", Spread(Buckets::Tokens), "{token}",
        [GEN_AI_OPERATION_NAME, GEN_AI_PROVIDER_NAME, GEN_AI_REQUEST_MODEL, CLOUD_REGION],
        "Input tokens of one embedding";
    CALLS: "bedrock_grpc.calls", Count, "{call}",
        [RPC_METHOD, CALLER, GEN_AI_REQUEST_MODEL, RPC_RESPONSE_STATUS_CODE, ERROR_TYPE],
        "Finished calls";
    RUNNING_CALLS: "bedrock_grpc.calls.running", Level, "{call}", [],
        "Calls that the gateway runs now";
    REJECTED_CALLS: "bedrock_grpc.calls.rejected", Count, "{call}", [CALLER, GEN_AI_REQUEST_MODEL, ERROR_TYPE],
        "Calls that failed before a request was sent to Bedrock";
    OVERHEAD: "bedrock_grpc.call.overhead", Spread(Buckets::Work), "s", [RPC_METHOD],
        "Time until the first event or the response, without the waits for the caller, the queues, Bedrock and retries";
    QUEUE_TIME: "bedrock_grpc.call.queue_time", Spread(Buckets::Work), "s", [RPC_METHOD],
        "Time that a call waited for a thread, for memory or for its turn";
    ATTEMPT_DURATION: "bedrock_grpc.attempt.duration", Spread(Buckets::Model), "s",
        [GEN_AI_REQUEST_MODEL, CLOUD_REGION, ERROR_TYPE],
        "Time of one attempt, until the first event or the complete response of Bedrock";
    RETRIES: "bedrock_grpc.retries", Count, "{retry}", [GEN_AI_REQUEST_MODEL, CLOUD_REGION, ERROR_TYPE],
        "Requests that were sent to Bedrock again, by the error of the attempt before";
    COST: "bedrock_grpc.cost", Count, "{nanodollar}", [GEN_AI_REQUEST_MODEL, CLOUD_REGION, CALLER, TARGET],
        "Cost of the calls in nano-dollars";
    UNKNOWN_COSTS: "bedrock_grpc.cost.unknown_prices", Count, "{call}", [GEN_AI_REQUEST_MODEL, MISSING_FOR_COST],
        "Calls whose cost is not known";
    CONNECTIONS: "bedrock_grpc.upstream.connections", Level, "{connection}", [SERVER_ADDRESS, NETWORK_PROTOCOL_VERSION],
        "Open connections to Bedrock";
    STREAMS: "bedrock_grpc.upstream.streams", Level, "{stream}", [SERVER_ADDRESS, NETWORK_PROTOCOL_VERSION],
        "Requests that are open on the connections to Bedrock";
    WAITING_REQUESTS: "bedrock_grpc.upstream.waiting", Level, "{request}", [SERVER_ADDRESS],
        "Requests that wait for a connection to Bedrock";
    BYTES_IN_FLIGHT: "bedrock_grpc.bytes_in_flight", Level, "By", [],
        "Bytes of request messages that have arrived and are not yet sent to Bedrock";
    IDENTITY_READY: "bedrock_grpc.identity.ready", Level, "{identity}", [IDENTITY],
        "1 if an AWS identity has credentials that Bedrock has not rejected, else 0";
    CREDENTIALS_EXPIRY: "bedrock_grpc.identity.credentials_expiry", Level, "s", [IDENTITY],
        "Unix time at which the credentials of an AWS identity expire; absent if they do not expire";
    TARGET_EJECTED: "bedrock_grpc.target.ejected", Level, "{target}", [TARGET_NAME],
        "1 if a target of a name is ejected because it failed, else 0";
    CONFIGURATION_GENERATION: "bedrock_grpc.configuration.generation", Level, "{generation}", [],
        "The number of the configuration that applies; the process starts with 1";
    CONFIGURATION_RELOADS: "bedrock_grpc.configuration.reloads", Count, "{reload}", [RESULT],
        "Reloads of the configuration";
    UNKNOWN_MEMBERS: "bedrock_grpc.unknown_members", Count, "{member}", [MEMBER],
        "Members of Bedrock's responses that the schema does not have";
    MISSING_METADATA: "bedrock_grpc.missing_metadata", Count, "{stream}", [],
        "Streams that ended without metadata, and so without usage";
    LOST_TELEMETRY: "bedrock_grpc.telemetry.lost", Count, "{item}", [LOST_DATA],
        "Log lines that could not be written and spans that could not be exported";
    PANICS: "bedrock_grpc.panics", Count, "{panic}", [],
        "Panics in the gateway; each one is a bug";
    OLD_RPC_DURATION: "rpc.server.duration", Spread(Buckets::Milliseconds), "ms",
        [RPC_SYSTEM, RPC_SERVICE, RPC_METHOD, RPC_GRPC_STATUS_CODE],
        "Duration of a call, under its older name";
    OLD_TOKEN_USAGE: "gen_ai.client.token.usage", Spread(Buckets::Tokens), "{token}",
        [GEN_AI_OPERATION_NAME, GEN_AI_PROVIDER_NAME, GEN_AI_REQUEST_MODEL, CLOUD_REGION, GEN_AI_TOKEN_TYPE],
        "Input and output tokens of one call, under their older name";
    OLD_TIME_TO_FIRST_CHUNK: "gen_ai.client.operation.time_to_first_chunk", Spread(Buckets::Model), "s",
        [GEN_AI_OPERATION_NAME, GEN_AI_PROVIDER_NAME, GEN_AI_REQUEST_MODEL, CLOUD_REGION],
        "Time to the first event of a stream, under its older name";
    OLD_TIME_PER_OUTPUT_CHUNK: "gen_ai.client.operation.time_per_output_chunk", Spread(Buckets::Model), "s",
        [GEN_AI_OPERATION_NAME, GEN_AI_PROVIDER_NAME, GEN_AI_REQUEST_MODEL, CLOUD_REGION],
        "Time between two events of a stream, under its older name";
}

#[cfg(test)]
mod tests {
    use super::{Kind, METRICS};

    /// The rows of the documentation: name, kind, unit, labels, meaning.
    fn documented() -> Vec<[String; 5]> {
        let text = include_str!("../../../../docs/metrics.md");
        let rows = text.lines().filter(|line| line.starts_with("| `"));
        let rows = rows.map(|row| row.trim_matches('|').split('|').map(|cell| cell.replace('`', "").trim().to_owned()));
        // The other tables have fewer columns.
        let rows = rows.filter_map(|cells| <[String; 6]>::try_from(cells.collect::<Vec<_>>()).ok());
        rows.map(|[name, kind, unit, labels, meaning, question]| {
            assert!(question.ends_with('?'), "{name} answers no question");
            [name, kind, unit, labels, meaning]
        })
        .collect()
    }

    #[test]
    fn documentation_has_a_row_for_each_metric() {
        let metrics: Vec<_> = METRICS
            .iter()
            .map(|metric| {
                let kind = match metric.kind {
                    Kind::Counter => "counter",
                    Kind::Gauge => "gauge",
                    Kind::Histogram(_) => "histogram",
                };
                [metric.name, kind, metric.unit, &metric.labels.join(", "), metric.description].map(str::to_owned)
            })
            .collect();
        assert_eq!(documented(), metrics);
    }
}
