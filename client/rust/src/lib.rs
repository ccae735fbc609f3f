//! A client of bedrock-grpc, the gRPC gateway for Amazon Bedrock's runtime API.
//!
//! The messages are those of the schema ([`v1`]). Their documentation gives meaning, units and limits. This crate adds:
//!
//! - [`Client`], with a deadline, metadata and retries for each call; [`ClientBuilder`] has TLS and credentials;
//! - [`Response`] and [`ConverseStream`], with request ID, Region and number of attempts;
//! - [`Accumulator`], which builds a complete response from the events of a stream;
//! - [`Error`], with reason, retry delay, violated fields and request ID;
//! - [`ToolLoop`], which runs Rust functions as tools until the model stops;
//! - short ways to [`build`] requests and to read responses ([`ConverseResponseExt`], [`EventExt`]);
//! - the known values of open [`vocabulary`] fields.
//!
//! It needs no AWS SDK and no AWS credentials: the gateway has them.
//!
//! # A conversation with a tool
//!
//! The caller keeps the conversation: each call carries all messages, and each response is appended unchanged.
//!
//! ```no_run
//! use bedrock_grpc_client::build::{system, tool, tool_result_json, tools, user};
//! use bedrock_grpc_client::v1::ConverseRequest;
//! use bedrock_grpc_client::{Client, ConverseResponseExt as _, Error};
//!
//! # async fn example() -> Result<(), Error> {
//! let client = Client::connect("http://127.0.0.1:50051").await?;
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
//! let response = loop {
//!     let response = client.converse(request.clone()).await?;
//!     let results: Vec<_> =
//!         response.tool_uses().map(|call| tool_result_json(call.id, r#"{"celsius": 18, "sky": "clear"}"#)).collect();
//!     if results.is_empty() {
//!         break response;
//!     }
//!     request.messages.extend(response.message().cloned());
//!     request.messages.push(user(results));
//! };
//! println!("{} ({}, {:?})", response.text(), response.stop_reason(), response.request_id());
//! # Ok(())
//! # }
//! ```
//!
//! [`ToolLoop`] does this with Rust functions, in parallel, with a limit of turns and with approval:
//!
//! ```no_run
//! use bedrock_grpc_client::schemars::{self, JsonSchema};
//! use bedrock_grpc_client::v1::ConverseStreamRequest;
//! use bedrock_grpc_client::{Client, ToolLoop, Toolbox};
//!
//! #[derive(serde::Deserialize, JsonSchema)]
//! struct WeatherInput {
//!     city: String,
//! }
//!
//! # async fn example(client: Client, request: ConverseStreamRequest) -> Result<(), Box<dyn std::error::Error>> {
//! let tools = Toolbox::new().with_tool("get_weather", "The weather in a city now", |input: WeatherInput| async move {
//!     Ok::<_, String>(format!("18 degrees in {}", input.city))
//! });
//! let result = ToolLoop::new(&client, tools).max_turns(5).run(request).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # A stream
//!
//! Show the text while it arrives, and keep the complete response for the next turn. [`ConverseStream::collect`] does only the
//! latter.
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
//! let mut accumulator = Accumulator::default();
//! while let Some(event) = stream.next_event().await? {
//!     print!("{}", event.text_delta().unwrap_or_default());
//!     accumulator.push(&event);
//! }
//! let response = accumulator.finish()?;
//! println!("\n{} tokens", response.usage.unwrap_or_default().output_tokens());
//! # Ok(())
//! # }
//! ```
//!
//! # Errors
//!
//! The gateway and the client have retried what can be retried. The error says whether and when another attempt can help.
//!
//! ```no_run
//! use bedrock_grpc_client::{Client, ErrorReason, v1::ConverseRequest};
//!
//! # async fn example(client: Client, request: ConverseRequest) {
//! if let Err(error) = client.converse(request).await {
//!     match error.known_reason() {
//!         Some(ErrorReason::Validation) => eprintln!("{} {:?}", error.message(), error.field_violations()),
//!         _ if error.is_retryable() => eprintln!("retry in {:?}", error.retry_delay()),
//!         _ => eprintln!("{error}; Bedrock's request ID is {:?}", error.request_id()),
//!     }
//! }
//! # }
//! ```
//!
//! # Metadata of a single call
//!
//! A clone of the client is cheap. Each method also takes a [`tonic::Request`]:
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

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeExamples;

mod accumulator;
pub mod build;
mod call_settings;
mod client;
mod client_builder;
mod connect;
mod converse_stream;
mod deadline;
mod error;
mod method_policy;
mod read;
mod response;
mod response_metadata;
mod response_stream;
mod retry;
mod tool_loop;
pub mod vocabulary;

/// The messages of the catalog of models.
pub use bedrock_grpc_schema::control::v1 as control;
pub use bedrock_grpc_schema::errors::v1::ErrorReason;
pub use bedrock_grpc_schema::runtime::v1;
/// One event of a streamed response: `message_start`, `content_block_delta` and so on.
pub use bedrock_grpc_schema::runtime::v1::converse_stream_response::Member as Event;
pub use schemars;
pub use tonic;
pub use tonic_types;

pub use accumulator::{Accumulator, AssembleError};
pub use client::{Client, MAX_MESSAGE_SIZE};
pub use client_builder::ClientBuilder;
pub use converse_stream::ConverseStream;
pub use error::{Error, RpcError};
pub use read::{ConverseResponseExt, EventExt, ToolUse};
pub use response::Response;
pub use response_stream::ResponseStream;
pub use retry::RetryPolicy;
pub use tool_loop::{Approval, LoopEvent, ToolCall, ToolLoop, ToolLoopError, ToolLoopResult, ToolOutput, Toolbox};
