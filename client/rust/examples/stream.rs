//! Prints a response while it arrives, and then its usage.
#![allow(clippy::print_stdout, reason = "an example prints")]

use std::io::Write as _;

use bedrock_grpc_client::build::user;
use bedrock_grpc_client::v1::ConverseStreamRequest;
use bedrock_grpc_client::{Accumulator, Client, EventExt as _};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let endpoint = std::env::args().nth(1).unwrap_or("http://127.0.0.1:50051".into());
    let client = Client::connect(endpoint).await?;
    let messages = vec![user("Tell me a story.")];
    let request = ConverseStreamRequest { model_id: Some("demo.model".into()), messages, ..Default::default() };

    let mut stream = client.converse_stream(request).await?;
    let mut accumulator = Accumulator::default();
    while let Some(event) = stream.next_event().await? {
        print!("{}", event.text_delta().unwrap_or_default());
        std::io::stdout().flush()?;
        accumulator.push(&event);
    }
    let response = accumulator.finish()?;
    println!("\n{} output tokens", response.usage.unwrap_or_default().output_tokens());
    Ok(())
}
