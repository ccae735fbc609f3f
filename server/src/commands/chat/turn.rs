//! One response of the model, streamed to the screen.

use std::time::{Duration, Instant};

use bedrock_grpc_client::build::assistant;
use bedrock_grpc_client::v1::ConverseResponse;
use bedrock_grpc_client::{
    Accumulator, Client, ConverseResponseExt as _, ConverseStream, Error, EventExt as _, ToolCall,
};

use super::conversation::Conversation;
use super::screen::Screen;
use crate::commands::connection::CommandError;
use crate::pricing::{BilledUsage, LATENCY_OPTIMIZED, PriceTable, compute_cost};

/// How a turn ended.
pub(super) enum TurnEnd {
    /// The response is complete.
    Finished,
    /// The user stopped the generation.
    Stopped,
    /// The model requests these tools.
    ToolsRequested(Vec<ToolCall>),
}

/// Streams a response, and adds it to the conversation. Ctrl-C stops the generation; the conversation keeps its text.
pub(super) async fn run_turn(
    client: &Client,
    conversation: &mut Conversation,
    screen: &mut Screen,
) -> Result<TurnEnd, CommandError> {
    let started = Instant::now();
    let mut progress = Progress::default();
    let outcome = tokio::select! {
        outcome = stream_response(client, conversation, screen, &mut progress) => Some(outcome),
        signal = tokio::signal::ctrl_c() => { signal?; None }
    };
    // Dropping the call has stopped the generation.
    let Some(outcome) = outcome else {
        screen.print_note("(stopped)")?;
        match progress.text.is_empty() {
            true => conversation.remove_last_turn(),
            false => conversation.push(assistant(progress.text)),
        }
        return Ok(TurnEnd::Stopped);
    };
    if outcome.is_err() {
        screen.end_line()?;
    }
    let (response, cost) = outcome?;
    let calls = tool_calls(&response);
    for call in &calls {
        screen.print_note(&format!("{}({})", call.name, call.input))?;
    }
    let first_token = progress.first_token.map(|at| at.duration_since(started));
    screen.print_note(&summary(&response, cost, first_token, started.elapsed()))?;
    screen.end_line()?;
    match response.message() {
        // Bedrock rejects a message without content.
        Some(message) if !message.content.is_empty() => conversation.push(message.clone()),
        _ => conversation.remove_last_turn(),
    }
    Ok(if calls.is_empty() { TurnEnd::Finished } else { TurnEnd::ToolsRequested(calls) })
}

/// What has arrived of a response.
#[derive(Default)]
struct Progress {
    text: String,
    first_token: Option<Instant>,
}

async fn stream_response(
    client: &Client,
    conversation: &Conversation,
    screen: &mut Screen,
    progress: &mut Progress,
) -> Result<(ConverseResponse, Option<Cost>), CommandError> {
    let mut stream = client.converse_stream(conversation.request()).await?;
    let mut accumulator = Accumulator::default();
    let mut is_reasoning = false;
    while let Some(event) = stream.next_event().await? {
        if let Some(text) = event.reasoning_delta() {
            progress.first_token.get_or_insert_with(Instant::now);
            screen.print_reasoning(text)?;
            is_reasoning = true;
        }
        if let Some(text) = event.text_delta() {
            progress.first_token.get_or_insert_with(Instant::now);
            if std::mem::take(&mut is_reasoning) {
                screen.end_line()?;
            }
            screen.print_text(text)?;
            progress.text.push_str(text);
        }
        accumulator.push(&event);
    }
    let response = finish(accumulator, &stream)?;
    let cost = find_cost(&stream, conversation.model(), &response);
    Ok((response, cost))
}

/// What a response costs.
enum Cost {
    /// The cost that the gateway sent, in nano-dollars.
    Exact(u64),
    /// The cost by the built-in price of the model, in nano-dollars. The gateway may use other prices.
    ByList(u64),
}

/// The cost that the gateway sent, or else the cost by the built-in prices.
fn find_cost(stream: &ConverseStream, model: &str, response: &ConverseResponse) -> Option<Cost> {
    if let Some(cost) = stream.cost_nanodollars() {
        return Some(Cost::Exact(cost));
    }
    let table = PriceTable::default();
    let tier = response.service_tier.as_ref().and_then(|tier| tier.r#type.as_deref());
    let latency = response.performance_config.as_ref().and_then(|config| config.latency.as_deref());
    let usage = BilledUsage {
        tokens: response.usage.as_ref(),
        images: 0,
        tier,
        is_latency_optimized: latency == Some(LATENCY_OPTIMIZED),
    };
    compute_cost(table.find(model, stream.region())?, &usage).ok().map(Cost::ByList)
}

/// Dollars with at least two digits that are not zero.
fn to_dollars(nano: u64) -> String {
    let digits = if nano >= 10_000_000 { 4 } else { 7 };
    format!("${:.digits$}", nano as f64 / 1e9)
}

fn finish(accumulator: Accumulator, stream: &ConverseStream) -> Result<ConverseResponse, CommandError> {
    let request_id = stream.request_id().map(str::to_owned);
    accumulator.finish().map_err(|problem| Error::Assemble { request_id, problem }.into())
}

fn tool_calls(response: &ConverseResponse) -> Vec<ToolCall> {
    let to_call = |call: bedrock_grpc_client::ToolUse<'_>| ToolCall {
        id: call.id.to_owned(),
        name: call.name.to_owned(),
        input: call.input.into_owned(),
    };
    response.tool_uses().map(to_call).collect()
}

/// Usage, cost, times and the stop reason, if it is not the usual one.
fn summary(response: &ConverseResponse, cost: Option<Cost>, first_token: Option<Duration>, total: Duration) -> String {
    let mut parts = Vec::new();
    if let Some(usage) = &response.usage {
        parts.push(format!("{} input and {} output tokens", usage.input_tokens(), usage.output_tokens()));
        if usage.cache_read_input_tokens() > 0 {
            parts.push(format!("{} from the cache", usage.cache_read_input_tokens()));
        }
    }
    parts.extend(cost.map(|cost| match cost {
        Cost::Exact(nano) => to_dollars(nano),
        Cost::ByList(nano) => format!("about {}", to_dollars(nano)),
    }));
    parts.extend(first_token.map(|time| format!("first token after {:.2} s", time.as_secs_f64())));
    parts.push(format!("{:.2} s", total.as_secs_f64()));
    if !matches!(response.stop_reason(), "end_turn" | "tool_use") {
        parts.push(format!("stop reason {}", response.stop_reason()));
    }
    format!("[{}]", parts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_cost_has_more_digits() {
        assert_eq!(to_dollars(10_817_400), "$0.0108");
        assert_eq!(to_dollars(153_960), "$0.0001540");
        assert_eq!(to_dollars(2_500_000_000), "$2.5000");
    }
}
