//! The output of the demo.

use std::io::{Result, Stdout, Write as _, stdout};
use std::time::Duration;

use bedrock_grpc_client::v1::TokenUsage;

/// Standard output. It is flushed after each fragment, so that a stream is visible while it arrives.
pub(super) struct Screen(Stdout);

impl Screen {
    pub(super) fn new() -> Self {
        Self(stdout())
    }

    pub(super) fn print_title(&mut self, title: &str) -> Result<()> {
        writeln!(self.0, "\n{title}\n{}", "-".repeat(title.len()))
    }

    pub(super) fn print_line(&mut self, line: &str) -> Result<()> {
        writeln!(self.0, "  {line}")
    }

    pub(super) fn print_fragment(&mut self, fragment: &str) -> Result<()> {
        write!(self.0, "{fragment}")?;
        self.0.flush()
    }

    /// Prints stop reason, usage, request ID and time to the first event.
    pub(super) fn print_summary(
        &mut self,
        stop_reason: Option<&str>,
        usage: Option<&TokenUsage>,
        request_id: Option<&str>,
        first_event: Option<Duration>,
    ) -> Result<()> {
        let tokens = |n: Option<i32>| n.map_or_else(|| "?".to_owned(), |n| n.to_string());
        writeln!(self.0, "  stop reason  {}", stop_reason.unwrap_or("none"))?;
        if let Some(usage) = usage {
            writeln!(
                self.0,
                "  usage        {} input + {} output tokens",
                tokens(usage.input_tokens),
                tokens(usage.output_tokens)
            )?;
        }
        writeln!(self.0, "  request id   {}", request_id.unwrap_or("none"))?;
        if let Some(elapsed) = first_event {
            writeln!(self.0, "  first event  after {:.1} ms", elapsed.as_secs_f64() * 1000.0)?;
        }
        Ok(())
    }

    /// Prints grpcurl commands for a gateway at `address`.
    pub(super) fn print_grpcurl_commands(&mut self, address: &str) -> Result<()> {
        let service = "bedrock.runtime.v1.BedrockRuntimeService";
        self.print_title("Commands to paste. Ctrl-C ends the demo.")?;
        for line in [
            format!("grpcurl -plaintext {address} list"),
            format!("grpcurl -plaintext {address} describe {service}"),
            format!("grpcurl -plaintext {address} bedrock.control.v1.BedrockService/ListFoundationModels"),
            format!(
                r#"grpcurl -plaintext -v -d '{{"modelId": "demo.model", "messages": [{{"role": "user", "content": [{{"text": "Hello"}}]}}], "inferenceConfig": {{"maxTokens": 512}}}}' {address} {service}/Converse"#
            ),
            format!(
                r#"grpcurl -plaintext -d '{{"modelId": "demo.model", "messages": [{{"role": "user", "content": [{{"text": "What is the weather in Paris?"}}]}}], "toolConfig": {{"tools": [{{"toolSpec": {{"name": "get_weather", "inputSchema": {{"json": {{"type": "object", "properties": {{"city": {{"type": "string"}}}}}}}}}}}}]}}}}' {address} {service}/ConverseStream"#
            ),
            format!(
                r#"grpcurl -plaintext -d '{{"modelId": "fault.throttling-daily", "messages": [{{"role": "user", "content": [{{"text": "Hello"}}]}}]}}' {address} {service}/Converse"#
            ),
        ] {
            writeln!(self.0, "{line}")?;
        }
        self.0.flush()
    }
}
