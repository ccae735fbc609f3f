//! Runs one operation.

use std::io::BufRead as _;

use bedrock_grpc_client::Client;
use bedrock_grpc_client::control::{
    GetFoundationModelRequest, ListFoundationModelsRequest, ListInferenceProfilesRequest,
};
use bedrock_grpc_client::v1::invoke_model_with_response_stream_response::Member;
use bedrock_grpc_client::v1::{
    ApplyGuardrailRequest, ConverseRequest, ConverseStreamRequest, ConverseStreamResponse, CountTokensRequest,
    GetAsyncInvokeRequest, InvokeGuardrailChecksRequest, InvokeModelRequest, InvokeModelWithBidirectionalStreamRequest,
    InvokeModelWithResponseStreamRequest, InvokeModelWithResponseStreamResponse, ListAsyncInvokesRequest,
    StartAsyncInvokeRequest,
};
use bedrock_grpc_schema::json;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::invoke_model::{chunk_text, response_text};
use super::output::Output;
use super::request::RequestText;
use crate::cli::Operation;
use crate::commands::connection::CommandError;

/// Sends the request and prints the response.
pub(super) async fn run(
    operation: Operation,
    client: &Client,
    request: RequestText<'_>,
    output: &Output,
) -> Result<(), CommandError> {
    macro_rules! unary {
        ($method:ident, $request:ty) => {{
            let response = client.$method(request.decode::<$request>()?).await?;
            output.print_metadata(response.metadata())?;
            output.print_message(&*response)
        }};
    }
    match operation {
        Operation::Converse => unary!(converse, ConverseRequest),
        Operation::CountTokens => unary!(count_tokens, CountTokensRequest),
        Operation::ApplyGuardrail => unary!(apply_guardrail, ApplyGuardrailRequest),
        Operation::InvokeGuardrailChecks => unary!(invoke_guardrail_checks, InvokeGuardrailChecksRequest),
        Operation::StartAsyncInvoke => unary!(start_async_invoke, StartAsyncInvokeRequest),
        Operation::GetAsyncInvoke => unary!(get_async_invoke, GetAsyncInvokeRequest),
        Operation::ListAsyncInvokes => unary!(list_async_invokes, ListAsyncInvokesRequest),
        Operation::ListFoundationModels => unary!(list_foundation_models, ListFoundationModelsRequest),
        Operation::GetFoundationModel => unary!(get_foundation_model, GetFoundationModelRequest),
        Operation::ListInferenceProfiles => unary!(list_inference_profiles, ListInferenceProfilesRequest),
        Operation::InvokeModel => {
            let response = client.invoke_model(request.decode::<InvokeModelRequest>()?).await?;
            output.print_metadata(response.metadata())?;
            output.print_text(Ok(response_text(response.into_inner())))
        }
        Operation::ConverseStream => {
            let mut stream = client.converse_stream(request.decode::<ConverseStreamRequest>()?).await?;
            output.print_metadata(stream.metadata())?;
            while let Some(event) = stream.next_event().await? {
                output.print_message(&ConverseStreamResponse { member: Some(event) })?;
            }
            Ok(())
        }
        Operation::InvokeModelWithResponseStream => {
            let request = request.decode::<InvokeModelWithResponseStreamRequest>()?;
            let mut stream = client.invoke_model_with_response_stream(request).await?;
            output.print_metadata(stream.metadata())?;
            while let Some(message) = stream.next_message().await? {
                match chunk_json(&message) {
                    Some(text) => output.print_text(Ok(text))?,
                    None => output.print_message(&message)?,
                }
            }
            Ok(())
        }
        Operation::InvokeModelWithBidirectionalStream => run_bidirectional(client, &request, output).await,
    }
}

fn chunk_json(message: &InvokeModelWithResponseStreamResponse) -> Option<Vec<u8>> {
    match &message.member {
        Some(Member::Chunk(part)) => chunk_text(part.bytes()),
        _ => None,
    }
}

/// Sends each line of standard input as one event, for example `{"chunk":{"bytes":"..."}}`, and prints each event of the
/// response. The first message names the model of `--model`. The end of standard input ends the input.
async fn run_bidirectional(client: &Client, request: &RequestText<'_>, output: &Output) -> Result<(), CommandError> {
    let Some(model) = request.model() else {
        return Err(CommandError::Usage("InvokeModelWithBidirectionalStream needs --model".into()));
    };
    // A queue of one event is enough, because the network is slower than standard input.
    let (sender, receiver) = mpsc::channel(1);
    let first = InvokeModelWithBidirectionalStreamRequest { model_id: Some(model.to_owned()), ..Default::default() };
    _ = sender.send(first).await;
    // Reading standard input blocks its thread, so it has its own. The process ends without waiting for it.
    let reader = std::thread::spawn(move || read_events(&sender));
    let mut stream = client.invoke_model_with_bidirectional_stream(ReceiverStream::new(receiver)).await?;
    output.print_metadata(stream.metadata())?;
    while let Some(message) = stream.next_message().await? {
        output.print_message(&message)?;
    }
    match reader.is_finished().then(|| reader.join()) {
        Some(Ok(Err(error))) => Err(error),
        _ => Ok(()),
    }
}

fn read_events(sender: &mpsc::Sender<InvokeModelWithBidirectionalStreamRequest>) -> Result<(), CommandError> {
    for (index, line) in std::io::stdin().lock().lines().enumerate() {
        let line = line?;
        if line.trim().is_empty() {
            continue;
        }
        let event = json::decode(line.as_bytes(), |_| ())
            .map_err(|error| CommandError::Usage(format!("event {} is {error}", index + 1)))?;
        if sender.blocking_send(event).is_err() {
            break; // the call has ended
        }
    }
    Ok(())
}
