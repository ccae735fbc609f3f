//! Client of bedrock-grpc, the gRPC service in front of Amazon Bedrock's runtime API.
//!
//! The messages are the schema's own ([`v1`]), and what they mean, in which units and limits, stands in their documentation.
//! This crate adds what a caller would otherwise write again and again: a [`Client`] with a deadline and headers for each
//! call, answers that say where they came from ([`Answer`], [`ConverseStream`]), an [`Accumulator`] that makes a whole answer
//! of a stream, an [`Error`] that says what to do about it, the values of open [`vocabulary`]s, and short ways to
//! [`build`] requests and to read answers ([`ConverseResponseExt`], [`EventExt`]). It needs no AWS SDK and no AWS
//! credentials: those are the service's.
//!
//! # A conversation with a tool
//!
//! The caller owns the transcript: each call carries all of it, and each answer is appended to it word for word.
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use bedrock_grpc_client::build::{system, tool, tool_result_json, tools, user};
//! use bedrock_grpc_client::v1::ConverseRequest;
//! use bedrock_grpc_client::{Client, ConverseResponseExt as _, Error};
//!
//! # async fn example() -> Result<(), Error> {
//! let client = Client::connect("http://127.0.0.1:50051").await?.with_timeout(Duration::from_secs(60));
//!
//! let mut request = ConverseRequest {
//!     model_id: Some("amazon.nova-lite-v1:0".to_owned()),
//!     system: vec![system("Answer in one sentence.")],
//!     messages: vec![user("What is the weather in Paris?")],
//!     tool_config: Some(tools([tool(
//!         "get_weather",
//!         "The weather in a city now",
//!         r#"{"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}"#,
//!     )])),
//!     ..ConverseRequest::default()
//! };
//!
//! let answer = loop {
//!     let answer = client.converse(request.clone()).await?;
//!     let results: Vec<_> =
//!         answer.tool_uses().map(|call| tool_result_json(call.id, r#"{"celsius": 18, "sky": "clear"}"#)).collect();
//!     if results.is_empty() {
//!         break answer;
//!     }
//!     request.messages.extend(answer.message().cloned());
//!     request.messages.push(user(results));
//! };
//! println!("{} ({}, {:?})", answer.text(), answer.stop_reason(), answer.request_id());
//! # Ok(())
//! # }
//! ```
//!
//! # A stream
//!
//! Show the text as it comes and keep the whole answer for the next turn. [`ConverseStream::collect`] does the latter
//! alone.
//!
//! ```no_run
//! use bedrock_grpc_client::build::user;
//! use bedrock_grpc_client::v1::ConverseStreamRequest;
//! use bedrock_grpc_client::{Accumulator, Client, EventExt as _};
//!
//! # async fn example(client: Client) -> Result<(), Box<dyn std::error::Error>> {
//! let mut stream = client
//!     .converse_stream(ConverseStreamRequest {
//!         model_id: Some("amazon.nova-lite-v1:0".to_owned()),
//!         messages: vec![user("Tell me a story.")],
//!         ..ConverseStreamRequest::default()
//!     })
//!     .await?;
//! let mut whole = Accumulator::default();
//! while let Some(event) = stream.next_event().await? {
//!     print!("{}", event.text_delta().unwrap_or_default());
//!     whole.push(&event);
//! }
//! let answer = whole.finish()?;
//! println!("\n{} tokens", answer.usage.unwrap_or_default().output_tokens());
//! # Ok(())
//! # }
//! ```
//!
//! # Failures
//!
//! The service has retried what it may; what arrives says whether and when to try once more.
//!
//! ```no_run
//! use bedrock_grpc_client::{Client, v1::ConverseRequest, vocabulary::reason};
//!
//! # async fn example(client: Client, request: ConverseRequest) {
//! if let Err(error) = client.converse(request).await {
//!     match error.reason() {
//!         Some(reason::VALIDATION) => eprintln!("{} {:?}", error.message(), error.field_violations()),
//!         _ if error.is_retryable() => eprintln!("again in {:?}", error.retry_delay()),
//!         _ => eprintln!("{error}; Bedrock's request {:?}", error.request_id()),
//!     }
//! }
//! # }
//! ```
//!
//! # Metadata for one call
//!
//! A clone of the client is cheap, and a [`tonic::Request`] goes wherever a message goes:
//!
//! ```no_run
//! use bedrock_grpc_client::{Client, Error, tonic, v1::ConverseRequest};
//!
//! # async fn example(client: Client, request: ConverseRequest) -> Result<(), Error> {
//! let traced = client.clone().with_metadata("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")?;
//! traced.converse(request.clone()).await?;
//!
//! let mut request = tonic::Request::new(request);
//! request.set_timeout(std::time::Duration::from_secs(5));
//! client.converse(request).await?;
//! # Ok(())
//! # }
//! ```

mod accumulator;
mod answer;
pub mod build;
mod client;
mod deadline;
mod endpoint;
mod error;
mod read;
mod stream;
pub mod vocabulary;

pub use bedrock_grpc_schema::runtime::v1;
/// One event of a streamed answer: `message_start`, `content_block_delta` and so on.
pub use bedrock_grpc_schema::runtime::v1::converse_stream_response::Member as Event;
pub use tonic;
pub use tonic_types;

pub use accumulator::{Accumulator, AssembleError};
pub use answer::Answer;
pub use client::{Client, MESSAGE_LIMIT};
pub use error::{Error, Failure};
pub use read::{ConverseResponseExt, EventExt, ToolUse};
pub use stream::ConverseStream;
