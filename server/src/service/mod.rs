//! The RPCs: thin. What an operation asks and answers is said in its own file; how a call runs is said here, once for
//! unary operations (`unary`) and once for streams (`stream`).

mod converse;
mod stream;
mod unary;

use std::pin::Pin;
use std::sync::Arc;

use bedrock_grpc_schema::runtime::v1::bedrock_runtime_service_server::BedrockRuntimeService;
use bedrock_grpc_schema::runtime::v1::{
    ConverseRequest, ConverseResponse, ConverseStreamRequest, ConverseStreamResponse, TokenUsage,
    converse_stream_response,
};
use bytes::Bytes;
use futures::Stream;
use http::HeaderMap;
use opentelemetry::KeyValue;
use tonic::metadata::MetadataMap;
use tonic::{Request, Response, Status};

use crate::call::{Call, Policy};
use crate::status::Failure;
use crate::upstream::{Operation, Target, Upstream};

/// `bedrock.runtime.v1.BedrockRuntimeService`.
#[derive(Clone)]
pub struct Runtime {
    upstream: Arc<Upstream>,
}

impl Runtime {
    /// The service in front of `upstream`. It expects [`crate::call::CallLayer`] around it.
    #[must_use]
    pub fn new(upstream: Arc<Upstream>) -> Self {
        Self { upstream }
    }
}

type Events<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl BedrockRuntimeService for Runtime {
    async fn converse(&self, request: Request<ConverseRequest>) -> Result<Response<ConverseResponse>, Status> {
        unary::run(&self.upstream, Operation::Converse, request).await
    }

    type ConverseStreamStream = Events<ConverseStreamResponse>;

    async fn converse_stream(
        &self,
        request: Request<ConverseStreamRequest>,
    ) -> Result<Response<Self::ConverseStreamStream>, Status> {
        stream::run::<_, converse_stream_response::Member>(&self.upstream, Operation::ConverseStream, request).await
    }
}

/// What a request asks, as far as the way there must know.
trait Ask {
    /// What goes into the path.
    fn model_id(&self) -> Option<&str>;

    /// The body.
    fn body(&self) -> Result<Bytes, Failure>;

    /// `gen_ai.operation.name`.
    const OPERATION_NAME: &'static str;

    /// What the CLIENT span says of the request.
    fn attributes(&self) -> Vec<KeyValue>;
}

/// What the record of a call learns from an answer or an event.
#[derive(Default)]
struct Learned<'a> {
    stop_reason: Option<&'a str>,
    usage: Option<&'a TokenUsage>,
}

/// An answer or an event, as far as the way back must know.
trait Report {
    fn learned(&self) -> Learned<'_>;
}

/// A call that has a record and knows where to go.
struct Prepared {
    call: Arc<Call>,
    target: Target,
    body: Bytes,
}

/// Everything before Bedrock is asked. The request is dropped here: from now on only its JSON is held.
fn prepare<Q: Ask>(upstream: &Upstream, request: Request<Q>) -> Result<Prepared, Status> {
    let (_, extensions, request) = request.into_parts();
    let call = extensions.get::<Arc<Call>>().cloned().unwrap_or_else(|| {
        // Only without the layer, which no server of ours is.
        Call::begin("", &HeaderMap::new(), Policy::default(), None)
    });
    let prepared = (|| {
        let model_id = request.model_id().filter(|id| !id.is_empty()).ok_or_else(|| Failure::Invalid {
            field: "modelId".to_owned(),
            problem: "required: the id or ARN of a model, inference profile or prompt".to_owned(),
        })?;
        call.with(|record| record.facts.model_id = Some(model_id.to_owned()));
        call.trace().model(Q::OPERATION_NAME, model_id, || request.attributes());
        Ok((upstream.target(model_id)?, request.body()?))
    })();
    match prepared {
        Ok((target, body)) => Ok(Prepared { call, target, body }),
        Err(failure) => Err(call.fail(&failure)),
    }
}

/// The initial metadata of every answer.
fn initial_metadata(call: &Call, metadata: &mut MetadataMap) {
    call.with(|record| {
        let facts = &record.facts;
        let mut insert = |key, value: Option<&str>| {
            if let Some(Ok(value)) = value.map(str::parse) {
                metadata.insert(key, value);
            }
        };
        insert("x-amzn-requestid", facts.request_id.as_deref());
        insert("bedrock-grpc-region", facts.region.as_deref());
        metadata.insert("bedrock-grpc-attempts", facts.attempts.into());
    });
}

fn learn(call: &Call, from: &impl Report) {
    let learned = from.learned();
    if learned.stop_reason.is_some() || learned.usage.is_some() {
        call.with(|record| {
            record.stop_reason = learned.stop_reason.map(str::to_owned).or(record.stop_reason.take());
            record.usage = learned.usage.cloned().or(record.usage.take());
        });
    }
}
