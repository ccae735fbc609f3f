//! What the demo does: one Converse, one streamed conversation with a tool, one call that is throttled.

use std::time::Instant;

use bedrock_grpc_client::build::{tool, tool_result_json, tools, user};
use bedrock_grpc_client::v1::{ConverseRequest, ConverseResponse, ConverseStreamRequest};
use bedrock_grpc_client::{Accumulator, Client, ConverseResponseExt as _, EventExt as _};
use heck::ToShoutySnakeCase as _;

use super::DemoError;
use super::screen::Screen;

const MODEL: &str = "demo.model";

pub(super) async fn tell(client: &Client, screen: &mut Screen) -> Result<(), DemoError> {
    unary(client, screen).await?;
    tool_conversation(client, screen).await?;
    throttled(client, screen).await
}

async fn unary(client: &Client, screen: &mut Screen) -> Result<(), DemoError> {
    screen.title("1. Converse")?;
    let prompt = "Hello, who is there?";
    screen.line(&format!("> {prompt}"))?;
    let request =
        ConverseRequest { model_id: Some(MODEL.to_owned()), messages: vec![user(prompt)], ..Default::default() };
    let answer = client.converse(request).await?;
    screen.line(&format!("< {}", answer.text()))?;
    screen.outcome(answer.stop_reason.as_deref(), answer.usage.as_ref(), answer.request_id(), None)?;
    expect_stop(&answer, "end_turn")
}

async fn tool_conversation(client: &Client, screen: &mut Screen) -> Result<(), DemoError> {
    screen.title("2. ConverseStream: a conversation with a tool")?;
    let prompt = "What is the weather in Paris?";
    screen.line(&format!("> {prompt}"))?;
    let weather = tool(
        "get_weather",
        "The weather in a city now",
        r#"{"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}"#,
    );
    let mut request = ConverseStreamRequest {
        model_id: Some(MODEL.to_owned()),
        messages: vec![user(prompt)],
        tool_config: Some(tools([weather])),
        ..Default::default()
    };
    let answer = streamed(client, screen, &request).await?;
    expect_stop(&answer, "tool_use")?;

    // The caller owns the transcript: the answer goes back as it is, followed by the tools' results.
    let mut results = Vec::new();
    for call in answer.tool_uses() {
        screen.line(&format!("< asks for {}({})", call.name, call.input))?;
        let result = r#"{"celsius": 18, "sky": "clear"}"#;
        screen.line(&format!("> the tool says {result}"))?;
        results.push(tool_result_json(call.id, result));
    }
    request.messages.extend(answer.message().cloned());
    request.messages.push(user(results));
    let answer = streamed(client, screen, &request).await?;
    expect_stop(&answer, "end_turn")
}

/// Streams an answer to the screen and returns it whole.
async fn streamed(
    client: &Client,
    screen: &mut Screen,
    request: &ConverseStreamRequest,
) -> Result<ConverseResponse, DemoError> {
    let started = Instant::now();
    let mut stream = client.converse_stream(request.clone()).await?;
    let request_id = stream.request_id().map(str::to_owned);
    let mut first_event = None;
    let mut accumulator = Accumulator::default();
    let mut open_line = false;
    while let Some(event) = stream.next_event().await? {
        first_event.get_or_insert_with(|| started.elapsed());
        if let Some(text) = event.text_delta() {
            screen.piece(if open_line { "" } else { "  < " })?;
            screen.piece(text)?;
            open_line = true;
        }
        accumulator.push(&event);
    }
    if open_line {
        screen.piece("\n")?;
    }
    let answer = accumulator.finish().map_err(|e| DemoError::Unexpected(e.to_string()))?;
    screen.outcome(answer.stop_reason.as_deref(), answer.usage.as_ref(), request_id.as_deref(), first_event)?;
    Ok(answer)
}

async fn throttled(client: &Client, screen: &mut Screen) -> Result<(), DemoError> {
    screen.title("3. A throttled call (after three attempts with backoff)")?;
    let model = "fault.throttling";
    let request =
        ConverseRequest { model_id: Some(model.to_owned()), messages: vec![user("Hello")], ..Default::default() };
    let Err(error) = client.converse(request).await else {
        return Err(DemoError::Unexpected(format!("{model} was not throttled")));
    };
    screen.line(&format!("status       {}", format!("{:?}", error.status()).to_shouty_snake_case()))?;
    screen.line(&format!("reason       {}", error.reason().unwrap_or("none")))?;
    screen.line(&format!("message      {}", error.message()))?;
    screen.line(&format!("attempts     {}", error.metadata("attempts").unwrap_or("none")))?;
    screen.line(&format!("request id   {}", error.request_id().unwrap_or("none")))?;
    match (error.reason(), error.retry_delay()) {
        (Some("THROTTLING"), Some(delay)) => Ok(screen.line(&format!("retry after  {delay:?}"))?),
        _ => Err(DemoError::Unexpected(format!("{model} came without reason or retry delay"))),
    }
}

fn expect_stop(answer: &ConverseResponse, reason: &str) -> Result<(), DemoError> {
    match answer.stop_reason.as_deref() {
        Some(found) if found == reason => Ok(()),
        found => Err(DemoError::Unexpected(format!("the model stopped with {found:?} instead of {reason:?}"))),
    }
}
