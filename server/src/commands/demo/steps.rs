//! The three calls of the demo: Converse, a streamed conversation with a tool, and a throttled call.

use std::time::Instant;

use bedrock_grpc_client::build::{tool, tool_result_json, tools, user};
use bedrock_grpc_client::v1::{ConverseRequest, ConverseResponse, ConverseStreamRequest};
use bedrock_grpc_client::{Accumulator, Client, ConverseResponseExt as _, EventExt as _, RetryPolicy};
use heck::ToShoutySnakeCase as _;

use super::DemoError;
use super::screen::Screen;

const MODEL: &str = "demo.model";

/// Runs all steps in order.
pub(super) async fn run_steps(client: &Client, screen: &mut Screen) -> Result<(), DemoError> {
    show_converse(client, screen).await?;
    show_tool_conversation(client, screen).await?;
    show_throttled_call(client, screen).await
}

async fn show_converse(client: &Client, screen: &mut Screen) -> Result<(), DemoError> {
    screen.print_title("1. Converse")?;
    let prompt = "Hello, who is there?";
    screen.print_line(&format!("> {prompt}"))?;
    let request =
        ConverseRequest { model_id: Some(MODEL.to_owned()), messages: vec![user(prompt)], ..Default::default() };
    let response = client.converse(request).await?;
    screen.print_line(&format!("< {}", response.text()))?;
    screen.print_summary(response.stop_reason.as_deref(), response.usage.as_ref(), response.request_id(), None)?;
    expect_stop(&response, "end_turn")
}

async fn show_tool_conversation(client: &Client, screen: &mut Screen) -> Result<(), DemoError> {
    screen.print_title("2. ConverseStream: a conversation with a tool")?;
    let prompt = "What is the weather in Paris?";
    screen.print_line(&format!("> {prompt}"))?;
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
    let response = print_stream(client, screen, &request).await?;
    expect_stop(&response, "tool_use")?;

    // The caller keeps the conversation: it sends back the response unchanged, and then the results of the tools.
    let mut results = Vec::new();
    for call in response.tool_uses() {
        screen.print_line(&format!("< calls {}({})", call.name, call.input))?;
        let result = r#"{"celsius": 18, "sky": "clear"}"#;
        screen.print_line(&format!("> the tool returns {result}"))?;
        results.push(tool_result_json(call.id, result));
    }
    request.messages.extend(response.message().cloned());
    request.messages.push(user(results));
    let response = print_stream(client, screen, &request).await?;
    expect_stop(&response, "end_turn")
}

/// Prints a streamed response and returns the complete response.
async fn print_stream(
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
            screen.print_fragment(if open_line { "" } else { "  < " })?;
            screen.print_fragment(text)?;
            open_line = true;
        }
        accumulator.push(&event);
    }
    if open_line {
        screen.print_fragment("\n")?;
    }
    let response = accumulator.finish().map_err(|e| DemoError::Unexpected(e.to_string()))?;
    screen.print_summary(
        response.stop_reason.as_deref(),
        response.usage.as_ref(),
        request_id.as_deref(),
        first_event,
    )?;
    Ok(response)
}

async fn show_throttled_call(client: &Client, screen: &mut Screen) -> Result<(), DemoError> {
    screen.print_title("3. A throttled call (after three attempts with backoff)")?;
    let client = client.clone().with_retry_policy(RetryPolicy::disabled()); // the gateway's own retries are enough to see
    let model = "fault.throttling";
    let request =
        ConverseRequest { model_id: Some(model.to_owned()), messages: vec![user("Hello")], ..Default::default() };
    let Err(error) = client.converse(request).await else {
        return Err(DemoError::Unexpected(format!("the call of {model} was not throttled")));
    };
    screen.print_line(&format!("status       {}", format!("{:?}", error.status()).to_shouty_snake_case()))?;
    screen.print_line(&format!("reason       {}", error.reason().unwrap_or("none")))?;
    screen.print_line(&format!("message      {}", error.message()))?;
    screen.print_line(&format!("attempts     {}", error.metadata("attempts").unwrap_or("none")))?;
    screen.print_line(&format!("request id   {}", error.request_id().unwrap_or("none")))?;
    match (error.reason(), error.retry_delay()) {
        (Some("THROTTLING"), Some(delay)) => Ok(screen.print_line(&format!("retry after  {delay:?}"))?),
        _ => Err(DemoError::Unexpected(format!("the error of {model} has no reason or no retry delay"))),
    }
}

fn expect_stop(response: &ConverseResponse, reason: &str) -> Result<(), DemoError> {
    match response.stop_reason.as_deref() {
        Some(found) if found == reason => Ok(()),
        found => Err(DemoError::Unexpected(format!("the model stopped with {found:?} instead of {reason:?}"))),
    }
}
