//! Each operation, called with the members that AWS binds to path, headers or query and nothing else.

use aws_sdk_bedrockruntime::primitives::{Blob, DateTime, event_stream::EventStreamSender};
use aws_sdk_bedrockruntime::types::error::InvokeModelWithBidirectionalStreamInputError;
use aws_sdk_bedrockruntime::types::{BidirectionalInputPayloadPart, InvokeModelWithBidirectionalStreamInput};
use bytes::Bytes;
use futures::{Stream, StreamExt as _};
use prost_types::Timestamp;

use super::{Exchange, JSON};
use crate::bedrock::clients::Clients;
use crate::bedrock::{Answer, Operation, Target};
use crate::error::Failure;

/// Calls the operation that `$builder` has begun, by way of the exchange.
macro_rules! call {
    ($exchange:expr, $builder:expr) => {{
        let exchange = $exchange;
        let sent = $builder.customize().interceptor(exchange.clone()).send().await;
        exchange.answer(sent)
    }};
}

/// InvokeModel and its streaming sister have the same headers. The SDK reads vocabularies from strings, known or not.
macro_rules! invoke_model {
    ($builder:expr, $headers:expr, $target:expr) => {
        $builder
            .set_model_id($target.model_id.clone())
            .set_accept($headers.accept.clone())
            .set_trace($headers.trace.as_deref().map(Into::into))
            .set_guardrail_identifier($headers.guardrail_identifier.clone())
            .set_guardrail_version($headers.guardrail_version.clone())
            .set_performance_config_latency($headers.performance_config_latency.as_deref().map(Into::into))
            .set_service_tier($headers.service_tier.as_deref().map(Into::into))
            .set_request_metadata($headers.request_metadata.clone())
    };
}

/// Asks Bedrock once; the SDK's own retries are off (`clients`).
pub(in crate::bedrock) async fn send(
    clients: &Clients,
    operation: &Operation,
    target: &Target,
    body: Bytes,
) -> Result<Answer, Failure> {
    let (client, model_id) = (&clients.runtime, target.model_id.clone());
    match operation {
        Operation::Converse => call!(Exchange::json(body), client.converse().set_model_id(model_id)),
        Operation::ConverseStream => {
            call!(Exchange::json(body).streamed(), client.converse_stream().set_model_id(model_id))
        }
        Operation::CountTokens => call!(Exchange::json(body), client.count_tokens().set_model_id(model_id)),
        Operation::InvokeModel(headers) => {
            let exchange = Exchange::payload(body, headers.content_type.as_deref().unwrap_or(JSON));
            call!(exchange, invoke_model!(client.invoke_model(), headers, target))
        }
        Operation::InvokeModelWithResponseStream(headers) => {
            let exchange = Exchange::payload(body, headers.content_type.as_deref().unwrap_or(JSON)).streamed();
            call!(exchange, invoke_model!(client.invoke_model_with_response_stream(), headers, target))
        }
        Operation::ApplyGuardrail { identifier, version } => {
            let builder = client.apply_guardrail().guardrail_identifier(identifier).guardrail_version(version);
            call!(Exchange::json(body), builder)
        }
        Operation::InvokeGuardrailChecks => call!(Exchange::json(body), client.invoke_guardrail_checks()),
        Operation::StartAsyncInvoke => call!(Exchange::json(body), client.start_async_invoke()),
        Operation::GetAsyncInvoke(arn) => call!(Exchange::get(), client.get_async_invoke().invocation_arn(arn)),
        Operation::ListAsyncInvokes(query) => {
            let builder = client
                .list_async_invokes()
                .set_submit_time_after(query.submit_time_after.as_ref().map(date_time))
                .set_submit_time_before(query.submit_time_before.as_ref().map(date_time))
                .set_status_equals(query.status_equals.as_deref().map(Into::into))
                .set_max_results(query.max_results)
                .set_next_token(query.next_token.clone())
                .set_sort_by(query.sort_by.as_deref().map(Into::into))
                .set_sort_order(query.sort_order.as_deref().map(Into::into));
            call!(Exchange::get(), builder)
        }
        Operation::ListFoundationModels(query) => {
            let builder = clients
                .catalog
                .list_foundation_models()
                .set_by_provider(query.by_provider.clone())
                .set_by_customization_type(query.by_customization_type.as_deref().map(Into::into))
                .set_by_output_modality(query.by_output_modality.as_deref().map(Into::into))
                .set_by_inference_type(query.by_inference_type.as_deref().map(Into::into));
            call!(Exchange::get(), builder)
        }
        Operation::GetFoundationModel(id) => {
            call!(Exchange::get(), clients.catalog.get_foundation_model().model_identifier(id))
        }
        Operation::ListInferenceProfiles(query) => {
            let builder = clients
                .catalog
                .list_inference_profiles()
                .set_max_results(query.max_results)
                .set_next_token(query.next_token.clone())
                .set_type_equals(query.type_equals.as_deref().map(Into::into));
            call!(Exchange::get(), builder)
        }
    }
}

/// Opens a bidirectional stream: `input` goes out, frame by frame and signed by the SDK, as Bedrock takes it. Returns on
/// Bedrock's 200.
pub(in crate::bedrock) async fn bidirectional(
    clients: &Clients,
    target: &Target,
    input: impl Stream<Item = Bytes> + Send + Sync + 'static,
) -> Result<Answer, Failure> {
    let input = input.map(|bytes| {
        let part = BidirectionalInputPayloadPart::builder().bytes(Blob::new(bytes)).build();
        Ok::<_, InvokeModelWithBidirectionalStreamInputError>(InvokeModelWithBidirectionalStreamInput::Chunk(part))
    });
    let builder = clients
        .runtime
        .invoke_model_with_bidirectional_stream()
        .set_model_id(target.model_id.clone())
        .body(EventStreamSender::from(input));
    call!(Exchange::bidirectional(), builder)
}

fn date_time(time: &Timestamp) -> DateTime {
    DateTime::from_secs_and_nanos(time.seconds, u32::try_from(time.nanos).unwrap_or_default())
}
