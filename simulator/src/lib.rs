//! A local Amazon Bedrock endpoint for demos, tests and development.
//!
//! It speaks what Bedrock's runtime API speaks: the same REST paths, headers, error bodies and binary event-stream
//! frames, so that boto3, the AWS CLI and the AWS SDKs work with it once their endpoint URL points at it. There is
//! no model behind it. Its answers are made from the request, so that the same requests in the same order always get
//! the same answers. Credentials are neither needed nor checked.
//!
//! ```
//! use bedrock_simulator::Simulator;
//!
//! # #[tokio::main]
//! # async fn main() -> std::io::Result<()> {
//! let simulator = Simulator::start(([127, 0, 0, 1], 0).into()).await?;
//! let endpoint_url = simulator.endpoint(); // for AWS_ENDPOINT_URL_BEDROCK_RUNTIME
//! # assert!(endpoint_url.starts_with("http://127.0.0.1:"));
//! simulator.shutdown().await;
//! # Ok(())
//! # }
//! ```
//!
//! It has all operations of the runtime, and of the control plane ListFoundationModels, GetFoundationModel and
//! ListInferenceProfiles (`AWS_ENDPOINT_URL_BEDROCK`). Any other path is answered with `UnknownOperationException`.
//!
//! # What it answers
//!
//! Any model id with a dot in it and any ARN is a model.
//!
//! - **Text** quotes the last user message and says how many images, documents, videos and recordings came along.
//!   It is cut at `maxTokens` and at the first of `stopSequences`; `additionalModelResponseFieldPaths` may ask for
//!   `/stop_sequence`.
//! - **Tools.** With `toolChoice` `any` the first tool is called, with `tool` the one named. Otherwise every tool whose
//!   full name the text holds; if there is none, the one with the most words of its name and description in the text:
//!   "What is the weather in Paris?" calls `get_weather`, "Hello" calls nothing. Arguments follow the JSON schema, in
//!   its own key order: the first of `enum`; otherwise the last capitalised word of the text, or the property's name;
//!   1, 1.5 or the minimum; true; one item; every property. After a `toolResult` comes text that quotes it.
//! - **Reasoning** comes first when `additionalModelRequestFields` switches it on: `thinking`, `reasoning_config` or
//!   `reasoningConfig` with `type` `enabled` or `adaptive`.
//! - **JSON** that fits the schema, when `outputConfig.textFormat` is a `json_schema`.
//! - **Prompt cache.** Each `cachePoint` (in tools, system and messages, in that order) stands for the exact bytes of
//!   the blocks before it and the model id. Prefixes seen before count as `cacheReadInputTokens`, new ones as
//!   `cacheWriteInputTokens`. They may be of any length and do not expire; the last 10,000 are kept.
//! - **Tokens.** One is a run of letters and digits, or any other single character; white space goes with what
//!   follows it. An image, document, video or recording is 1,024.
//! - **Guardrails.** With `guardrailConfig`, the last user message (or what of it is `guardContent`) and the answer's
//!   text are checked as below. Where something is blocked or masked, on either side, the answer ends with
//!   `guardrail_intervened`. A model sees the masked text; of what is blocked it sees nothing, and no token is counted.
//!   The trace is there if it is enabled.
//!
//! Requests are validated as Bedrock does it, and refused in Bedrock's words. A content block or a member that nobody
//! knows is accepted.
//!
//! # InvokeModel
//!
//! The model's family says which bodies it takes: that of a model id, of an inference profile (`us.` and so on in front)
//! or of an ARN with such a name in it. An application inference profile names no model: there the body's members tell.
//! Every family that talks is answered by what answers Converse, in its own form, whole and streamed:
//!
//! | Models | Bodies |
//! |---|---|
//! | `anthropic.` | Messages (system, tools, thinking, images, `cache_control`, `output_config`); text completions with `prompt` |
//! | `amazon.nova-…` | `messages-v1`, with tools |
//! | `amazon.titan-text-…`, `meta.`, `cohere.command-…`, `ai21.j2-…` (not streamed), `mistral.` and `deepseek.` with `prompt` | a prompt that is continued |
//! | `ai21.jamba-…`, `openai.`, `qwen.`, `mistral.` and `deepseek.` with `messages`, and others | chat completions, text only |
//! | `amazon.titan-embed-…`, `cohere.embed-…`, `amazon.nova-2-multimodal-embeddings-…` | vectors of length 1: the same for the same text, near each other for texts that share words |
//! | `amazon.titan-image-…`, `amazon.nova-canvas-…`, `stability.` | PNGs of 64 × 64 pixels that depend on the prompt |
//!
//! Anything else is a ValidationException: a model id of no known family, a body that is not the family's, streaming
//! from a model that does not stream. `accept` and `content-type` are not looked at: every answer is JSON. A guardrail
//! named in the headers works as on Converse; what it did is in `amazon-bedrock-guardrailAction` and
//! `amazon-bedrock-trace`. CountTokens answers what the usage of the same request would say, cached tokens included,
//! for models that talk; like Bedrock it takes no inference profiles.
//!
//! # Guardrails
//!
//! Every id of lower-case letters and digits is a guardrail, in every version; only `missing` is not
//! (ResourceNotFoundException). All have the same policies:
//!
//! - The words "forbidden" and "contraband", and the PROFANITY "damn" and "crap", are BLOCKED: whole words, in any case.
//! - E-mail addresses, US phone numbers, card numbers (with a right check digit), US social security numbers, IPv4
//!   addresses and AWS access keys are ANONYMIZED: `{EMAIL}`, `{PHONE}`, `{CREDIT_DEBIT_CARD_NUMBER}`,
//!   `{US_SOCIAL_SECURITY_NUMBER}`, `{IP_ADDRESS}`, `{AWS_ACCESS_KEY}`.
//!
//! A text unit is 1,000 characters. A text that is only a `query` or a `grounding_source` is not checked. An id that begins
//! with `fault` is one of the faults below without dots and dashes: `faultthrottling`, `faultaccessdenied`, `faultstall`.
//!
//! InvokeGuardrailChecks scores a category 0.6, 0.8 or 1 for one, two or more of its words and phrases: "kill" is VIOLENCE,
//! "vermin" HATE, "nude" SEXUAL, "steal" MISCONDUCT, "idiot" INSULTS, and of a user "jailbreak" JAILBREAK, "ignore
//! previous instructions" PROMPT_INJECTION, "system prompt" PROMPT_LEAKAGE. Personal data is found as above.
//!
//! # Asynchronous invocations
//!
//! A job is `InProgress` at the first GetAsyncInvoke and `Completed` from the second on; for the model id
//! `fault.async-failed` it is `Failed`. ListAsyncInvokes changes nothing. The first job was submitted on 1 January 2026 at
//! 00:00:01, each other a second later, and each takes a minute: there is no clock. Nothing is written to S3. A page has
//! 100 entries unless `maxResults` says otherwise; the last 10,000 jobs are kept. A job whose answer is lost to a fault
//! (`fault.truncate.after.0`) has begun, and the same `clientRequestToken` finds it again.
//!
//! # Bidirectional streams
//!
//! InvokeModelWithBidirectionalStream is an echo: each chunk comes back as soon as it is in, and the output ends when the
//! input does. It needs HTTP/2, which the AWS SDKs speak only by ALPN: set [`Options::tls`] and trust
//! [`Simulator::ca_pem`]. Signatures are not checked, and need not be there. N of a fault counts the chunks that came back.
//!
//! # Faults by model id
//!
//! A model id that begins with `fault.` makes the call fail. An exception's name here is Bedrock's without
//! "Exception", in lower case with dashes.
//!
//! | Model id | What happens |
//! |---|---|
//! | `fault.access-denied` | AccessDeniedException, 403 |
//! | `fault.conflict` | ConflictException, 400 |
//! | `fault.expired-token` | ExpiredTokenException, 403 |
//! | `fault.ftu-form-not-filled` | FTUFormNotFilled, 404 |
//! | `fault.internal-server` | InternalServerException, 500 |
//! | `fault.invalid-signature` | InvalidSignatureException, 403 |
//! | `fault.model-error` | ModelErrorException, 424, with `originalStatusCode` 500 and `resourceName`; `fault.model-error-429` has 429 |
//! | `fault.model-not-ready` | ModelNotReadyException, 429 |
//! | `fault.model-stream-error` | ModelStreamErrorException, as the first frame of a stream; 424 from an operation without a stream. `fault.model-stream-error-429` as above |
//! | `fault.model-timeout` | ModelTimeoutException, 408 |
//! | `fault.opt-in-required` | OptInRequired, 403 |
//! | `fault.resource-not-found` | ResourceNotFoundException, 404 |
//! | `fault.service-quota-exceeded` | ServiceQuotaExceededException, 400 |
//! | `fault.service-unavailable` | ServiceUnavailableException, 503 |
//! | `fault.throttling` | ThrottlingException, 429: "Too many requests, please wait before trying again." |
//! | `fault.throttling-daily` | ThrottlingException: "Too many tokens per day, …" |
//! | `fault.throttling-tokens` | ThrottlingException: "Too many tokens, …" |
//! | `fault.unknown` | TeapotException, 418: a name that no client knows |
//! | `fault.unrecognized-client` | UnrecognizedClientException, 403 |
//! | `fault.validation` | ValidationException, 400 |
//! | any of these with `.after.N` | the exception as a frame, after N events of a normal stream |
//! | `fault.http-503` and so on | any 4xx or 5xx status without an exception's name |
//! | `fault.retry-after.S` | ThrottlingException with `retry-after: S` (seconds) |
//! | `fault.error.after.N` | a frame with `:message-type: error` |
//! | `fault.truncate.after.N` | the body ends in order, at a frame's end |
//! | `fault.cut.after.N` | the connection closes in the middle of a frame |
//! | `fault.corrupt.after.N` | a frame whose checksum is wrong, then the end |
//! | `fault.garbage.after.N` | a good frame whose payload is not JSON, then the end |
//! | `fault.stall` | nothing, ever |
//! | `fault.stall.after.N` | nothing more after N events |
//! | `fault.slow.MS` | nothing for MS milliseconds, then a normal answer |
//! | `fault.reset` | the connection is aborted (RST) before any byte of an answer |
//! | `fault.reset.after.N` | the connection is aborted (RST) after N events |
//! | `fault.no-metadata` | the stream ends after `messageStop` |
//! | `fault.unknown-event` | an event `futureEvent` after `messageStart` |
//! | `fault.unknown-block` | a content block `futureBlock` (in a stream as start and delta), and a member `futureMember` in the answer or the `metadata` event and in `usage` |
//! | `fault.async-failed` | a job of StartAsyncInvoke that fails in the end |
//! | `fault.flaky.K.<any other>` | that fault for the first K requests with exactly this model id, then normal answers |
//!
//! N counts events, so that 0 is before the first. A stream of fewer than N events fails at its end. An operation
//! without a stream has no events: there the exceptions come in place of the answer, `error` is an
//! InternalServerException, `corrupt` and `garbage` are a body that is not JSON, and the others break off in the middle of the
//! body. For InvokeModel, a model of this kind takes any JSON object and answers as Anthropic's would; its streams have
//! no mark of their end, so `fault.truncate.after.N` looks like one; `fault.no-metadata` leaves out the counts, and
//! `fault.unknown-event` comes after the first chunk. Faults in place of an answer come before validation, all others after it. An unknown fault is a
//! ValidationException that lists the known ones.
//!
//! Over HTTP/2 a connection serves many: there `reset` and `cut` reset the stream only (RST_STREAM).
//!
//! # For tests
//!
//! [`Simulator::script`] sets the next answer byte for byte, with [`frames`] for streams; [`Simulator::requests`]
//! has what was sent; [`Simulator::open_streams`] and [`Simulator::open_requests`] count what is open, as values to await.
//! An HTTP/2 client leaves a stream by resetting it; for hyper, that is when it holds neither the response nor the request's
//! body any more. [`Options::immediate`] takes the pauses out of streams.

mod answer;
mod async_invoke;
mod bidirectional;
mod body;
mod control;
mod converse;
mod count_tokens;
mod exception;
mod faults;
pub mod frames;
mod gauge;
mod guardrail;
mod invoke_model;
mod json;
mod listener;
mod model_id;
mod noise;
mod options;
mod prompt_cache;
mod query;
mod region;
mod requests;
mod routes;
mod schema;
mod simulator;
mod socket;
mod state;
mod tasks;
mod tls;
mod tokens;

pub use answer::{Answer, Chunk};
pub use options::Options;
pub use requests::Request;
pub use simulator::Simulator;
